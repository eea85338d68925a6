import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as nothrow from '../../lib/nothrow.ts';
import { cleanup } from '../helpers/fds.ts';
import { namespaces, need, program } from '../helpers/need.ts';
import { link } from '../helpers/networks.ts';
import { python } from '../helpers/python.ts';

const kernel: s.NetlinkAddress = { family: s.AF_NETLINK, pid: 0, groups: 0 };

function route(groups = 0): number {
  const fd = cleanup(s.socket(s.AF_NETLINK, s.SOCK_RAW, s.NETLINK_ROUTE));
  s.setsockopt(fd, s.SOL_SOCKET, s.SO_RCVTIMEO, new BigInt64Array([60n, 0n]));
  s.bind(fd, { family: s.AF_NETLINK, pid: 0, groups });
  return fd;
}

/** A request for one link, or with NLM_F_DUMP for all. Netlink uses host byte order. */
function getLink(flags: number, sequence: number, ifindex = 0): Uint8Array {
  const request = new Uint8Array(32);
  const words = new Uint32Array(request.buffer);
  words[0] = request.length;
  new Uint16Array(request.buffer).set([s.RTM_GETLINK, s.NLM_F_REQUEST | flags], 2);
  words[2] = sequence;
  words[5] = ifindex;
  return request;
}

interface Message {
  type: number;
  sequence: number;
  pid: number;
  body: DataView;
}

const little = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

function parse(bytes: Uint8Array): Message[] {
  const messages: Message[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + 16 <= bytes.length; ) {
    const length = view.getUint32(at, little);
    messages.push({
      type: view.getUint16(at + 4, little),
      sequence: view.getUint32(at + 8, little),
      pid: view.getUint32(at + 12, little),
      body: new DataView(bytes.buffer, bytes.byteOffset + at + 16, length - 16),
    });
    at += (length + 3) & ~3;
  }
  return messages;
}

function linkOf({ body }: Message): { ifindex: number; flags: number; attributes: Map<number, Buffer> } {
  const attributes = new Map<number, Buffer>();
  for (let at = 16; at + 4 <= body.byteLength; ) {
    const length = body.getUint16(at, little);
    const data = Buffer.from(body.buffer, body.byteOffset + at + 4, length - 4);
    attributes.set(body.getUint16(at + 2, little), data);
    at += (length + 3) & ~3;
  }
  return { ifindex: body.getInt32(4, little), flags: body.getUint32(8, little), attributes };
}

const nameOf = (attributes: Map<number, Buffer>) => attributes.get(s.IFLA_IFNAME)!.toString().replace('\0', '');

test('an RTM_GETLINK dump lists the interfaces', (context) => {
  need(context, program('ip'));
  const fd = route();
  const own = s.getsockname(fd) as s.NetlinkAddress;
  expect(own).toEqual({ family: s.AF_NETLINK, pid: expect.any(Number), groups: 0 });
  expect(own.pid).not.toBe(0);

  const before = python<[number, string][]>('print(json.dumps(if_nameindex()))');
  expect(s.sendto(fd, getLink(s.NLM_F_DUMP, 4711), 0, kernel)).toBe(32);
  const messages: Message[] = [];
  while (messages.at(-1)?.type !== s.NLMSG_DONE) {
    const buffer = new Uint8Array(32768);
    const { length: bytes, address } = s.recvfrom(fd, buffer);
    expect(address, 'the sender is the kernel').toEqual(kernel);
    messages.push(...parse(buffer.subarray(0, bytes)));
  }
  const after = python<[number, string][]>('print(json.dumps(if_nameindex()))');

  for (const { sequence, pid } of messages) expect([sequence, pid]).toEqual([4711, own.pid]);
  const links = messages.filter(({ type }) => type === s.RTM_NEWLINK).map(linkOf);
  const found = links.map(({ ifindex, attributes }) => `${ifindex} ${nameOf(attributes)}`);
  // Other tests create and delete links meanwhile: those that Python saw before and after must be included.
  const steady = before.map((pair) => pair.join(' ')).filter((line) => after.some((pair) => pair.join(' ') === line));
  expect(steady).toContain('1 lo');
  expect(found).toEqual(expect.arrayContaining(steady));

  const lo = links.find(({ ifindex }) => ifindex === 1)!;
  const [said] = JSON.parse(execFileSync('ip', ['-j', 'link', 'show', 'lo'], { encoding: 'utf8' }));
  expect(lo.attributes.get(s.IFLA_MTU)!.readUInt32LE()).toBe(said.mtu);
  expect(lo.attributes.get(s.IFLA_ADDRESS)!.toString('hex')).toBe(said.address.replaceAll(':', ''));
  expect((lo.flags & s.IFF_LOOPBACK) !== 0).toBe(said.flags.includes('LOOPBACK'));
  expect((lo.flags & s.IFF_UP) !== 0).toBe(said.flags.includes('UP'));
});

test('the reply to a failed request contains the errno', () => {
  const fd = route();
  s.connect(fd, kernel);
  expect(s.getpeername(fd)).toEqual(kernel);
  s.send(fd, getLink(0, 1, 0x7ffffffe));
  const buffer = new Uint8Array(4096);
  const [answer] = parse(buffer.subarray(0, s.recv(fd, buffer)));
  expect(answer!.type).toBe(s.NLMSG_ERROR);
  expect(answer!.body.getInt32(0, little)).toBe(-s.ENODEV);
});

test('a port is unsigned and belongs to one socket', () => {
  const bare = () => cleanup(s.socket(s.AF_NETLINK, s.SOCK_RAW | s.SOCK_CLOEXEC, s.NETLINK_ROUTE));
  const fd = bare();
  expect(s.getsockname(fd)).toEqual(kernel);
  const address = { family: s.AF_NETLINK, pid: 0xf0000000 + (process.pid & 0xffffff), groups: 0 } as const;
  s.bind(fd, address);
  expect(s.getsockname(fd)).toEqual(address);
  expect(() => s.bind(bare(), address)).toThrow(
    expect.objectContaining({ code: 'EADDRINUSE', syscall: 'bind', address }),
  );
  expect(s.getsockopt(fd, s.SOL_SOCKET, s.SO_DOMAIN)).toBe(s.AF_NETLINK);
});

test('NETLINK_LIST_MEMBERSHIPS: the kernel can report a length that is larger than the requested one', () => {
  const fd = route(s.RTMGRP_LINK);
  expect(s.getsockname(fd)).toMatchObject({ groups: s.RTMGRP_LINK });
  const memberships = s.getsockopt(fd, s.SOL_NETLINK, s.NETLINK_LIST_MEMBERSHIPS, 64);
  expect(memberships.length).toBeGreaterThanOrEqual(4);
  expect(memberships.readUInt32LE()).toBe(s.RTMGRP_LINK);
  const short = Buffer.alloc(8, 0xaa);
  expect(nothrow.getsockopt(fd, s.SOL_NETLINK, s.NETLINK_LIST_MEMBERSHIPS, short.subarray(0, 4))).toBe(
    memberships.length,
  );
  expect(short.subarray(4)).toEqual(Buffer.alloc(4, 0xaa));
  expect(s.getsockopt(fd, s.SOL_NETLINK, s.NETLINK_LIST_MEMBERSHIPS, 4)).toEqual(memberships.subarray(0, 4));
});

test('members of a group are notified of a new link', async (context) => {
  need(context, namespaces);
  const fd = route(s.RTMGRP_LINK);
  const { name, ifindex } = await link();
  const buffer = new Uint8Array(32768);
  for (;;) {
    const { length: bytes, address } = s.recvfrom(fd, buffer);
    expect(address).toEqual({ family: s.AF_NETLINK, pid: 0, groups: s.RTMGRP_LINK });
    const links = parse(buffer.subarray(0, bytes)).filter(({ type }) => type === s.RTM_NEWLINK);
    const found = links.map(linkOf).find(({ attributes }) => nameOf(attributes) === name);
    if (found === undefined) continue;
    expect(found.ifindex).toBe(ifindex);
    break;
  }
});
