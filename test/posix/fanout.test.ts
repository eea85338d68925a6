import { expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as nothrow from '../../lib/nothrow.ts';
import { cleanup } from '../helpers/fds.ts';
import { frame, number, numbered, PROTOCOL, sendFromPeer } from '../helpers/frames.ts';
import { namespaces, need, packetSockets } from '../helpers/need.ts';
import { fanoutId, type Link, link } from '../helpers/networks.ts';

function packetSocket({ ifindex }: Link, protocol: number = PROTOCOL): number {
  const fd = cleanup(s.socket(s.AF_PACKET, s.SOCK_RAW, 0));
  s.setsockopt(fd, s.SOL_SOCKET, s.SO_RCVTIMEO, new BigInt64Array([60n, 0n]));
  s.bind(fd, { family: s.AF_PACKET, ifindex, protocol });
  return fd;
}

const join = (fd: number, id: number, mode: number) =>
  s.setsockopt(fd, s.SOL_PACKET, s.PACKET_FANOUT, (mode << 16) | id);

function members(veth: Link, mode: number, protocol: number = PROTOCOL): [number, number] {
  const id = fanoutId();
  const fds: [number, number] = [packetSocket(veth, protocol), packetSocket(veth, protocol)];
  for (const fd of fds) join(fd, id, mode);
  return fds;
}

/** Returns the payloads that wait at each socket; there must be this many in total. */
function drain(fds: number[], count: number, wanted: (bytes: Buffer) => boolean = () => true): Buffer[][] {
  const found: Buffer[][] = fds.map(() => []);
  const until = Date.now() + 60_000;
  const buffer = Buffer.alloc(2048);
  const total = () => found.reduce((sum, list) => sum + list.length, 0);
  for (let quiet = false; !quiet; ) {
    const ready = s.poll(
      fds.map((fd) => ({ fd, events: s.POLLIN })),
      total() < count ? Math.max(0, until - Date.now()) : 50, // and nothing after the last one
    );
    quiet = ready.every((events) => events === 0);
    fds.forEach((fd, i) => {
      for (let n = nothrow.recv(fd, buffer, s.MSG_DONTWAIT); n > 0; n = nothrow.recv(fd, buffer, s.MSG_DONTWAIT)) {
        if (wanted(buffer)) found[i]!.push(Buffer.from(buffer.subarray(0, n)));
      }
    });
  }
  return found;
}

const range = (count: number) => Array.from({ length: count }, (_, i) => i);
const ascending = (list: number[]) => list.toSorted((a, b) => a - b);

test('PACKET_FANOUT_LB: the sockets receive frames in turn, each frame once', async (context) => {
  need(context, namespaces, packetSockets);
  const veth = await link();
  const fds = members(veth, s.PACKET_FANOUT_LB);
  sendFromPeer(veth, numbered(veth, 100));
  const [a, b] = drain(fds, 100).map((list) => list.map(number)) as [number[], number[]];
  expect(ascending([...a, ...b])).toEqual(range(100));
  expect([a.length, b.length]).toEqual([50, 50]);
});

test('without the option, every socket receives every frame', async (context) => {
  need(context, namespaces, packetSockets);
  const veth = await link();
  const fds = [packetSocket(veth), packetSocket(veth)];
  sendFromPeer(veth, numbered(veth, 20));
  expect(drain(fds, 40).map((list) => list.map(number))).toEqual([range(20), range(20)]);
});

test('PACKET_FANOUT_HASH: each packet is received once, and a flow always goes to the same socket', async (context) => {
  need(context, namespaces, packetSockets);
  const veth = await link();
  const fds = members(veth, s.PACKET_FANOUT_HASH, s.ETH_P_IP);
  const flows = 64;
  const packet = (flow: number, i: number) => {
    const ip = Buffer.from(`4500002000000000401100000000000000000000${'0000'.repeat(6)}`, 'hex');
    s.inet_aton(veth.peer.address)!.copy(ip, 12);
    s.inet_aton(veth.address)!.copy(ip, 16);
    for (const [at, value] of [
      [20, 5000 + flow],
      [22, 9],
      [24, 12],
      [28, i],
    ] as const)
      ip.writeUInt16BE(value, at);
    return frame(veth, ip, s.ETH_P_IP);
  };
  const sent = range(flows * 3).map((i) => packet(i % flows, i));
  sendFromPeer(veth, sent);
  const udp = (bytes: Buffer) => bytes[23] === s.IPPROTO_UDP && bytes.readUInt16BE(14 + 22) === 9;
  const [a, b] = drain(fds, sent.length, udp) as [Buffer[], Buffer[]];
  const ids = (list: Buffer[]) => list.map((bytes) => bytes.readUInt16BE(14 + 28));
  expect(ascending([...ids(a), ...ids(b)])).toEqual(range(sent.length));
  const ports = (list: Buffer[]) => new Set(list.map((bytes) => bytes.readUInt16BE(14 + 20)));
  expect([...ports(a)].filter((port) => ports(b).has(port))).toEqual([]);
  // All 64 flows reach one socket by chance once in 2 ** 63 runs.
  expect(Math.min(a.length, b.length)).toBeGreaterThan(0);
});

test('PACKET_FANOUT_CBPF: a program selects the socket', async (context) => {
  need(context, namespaces, packetSockets);
  const veth = await link();
  const fds = members(veth, s.PACKET_FANOUT_CBPF);
  // ldb [1], behind the header of Ethernet; and #1; ret a: the parity of the number.
  s.attachFanoutFilter(fds[0], [
    { code: 0x30, jt: 0, jf: 0, k: 1 },
    { code: 0x54, jt: 0, jf: 0, k: 1 },
    { code: 0x16, jt: 0, jf: 0, k: 0 },
  ]);
  sendFromPeer(veth, numbered(veth, 30));
  const found = drain(fds, 30).map((list) => list.map(number));
  const parity = (rest: number) => range(30).filter((i) => i % 2 === rest);
  expect(found).toEqual([parity(0), parity(1)]);
});

test('after a socket leaves the group, the others receive its frames', async (context) => {
  need(context, namespaces, packetSockets);
  const veth = await link();
  const id = fanoutId();
  const stays = packetSocket(veth);
  const leaves = s.socket(s.AF_PACKET, s.SOCK_RAW, 0);
  s.bind(leaves, { family: s.AF_PACKET, ifindex: veth.ifindex, protocol: PROTOCOL });
  for (const fd of [stays, leaves]) join(fd, id, s.PACKET_FANOUT_LB);
  s.close(leaves);
  sendFromPeer(veth, numbered(veth, 10));
  expect(drain([stays], 10).map((list) => list.map(number))).toEqual([range(10)]);
});

test('the option returns the group, and the kernel can assign a unique id', async (context) => {
  need(context, namespaces, packetSockets);
  const veth = await link();
  const id = fanoutId();
  const fd = packetSocket(veth);
  expect(s.getsockopt(fd, s.SOL_PACKET, s.PACKET_FANOUT)).toBe(0);
  join(fd, id, s.PACKET_FANOUT_RND);
  expect(s.getsockopt(fd, s.SOL_PACKET, s.PACKET_FANOUT)).toBe((s.PACKET_FANOUT_RND << 16) | id);

  const other = packetSocket(veth);
  join(other, 0, s.PACKET_FANOUT_LB | s.PACKET_FANOUT_FLAG_UNIQUEID);
  const option = s.getsockopt(other, s.SOL_PACKET, s.PACKET_FANOUT);
  expect(option & 0xffff).not.toBe(id);
  expect((option >> 16) & 0xff).toBe(s.PACKET_FANOUT_LB);
});

test('errors are the same as those of the kernel', async (context) => {
  need(context, namespaces, packetSockets);
  const veth = await link();
  const id = fanoutId();
  const fd = packetSocket(veth);
  join(fd, id, s.PACKET_FANOUT_LB);
  const code = (name: s.ErrnoName) => expect.objectContaining({ code: name, syscall: 'setsockopt' });
  expect(() => join(fd, id, s.PACKET_FANOUT_LB)).toThrow(code('EALREADY'));
  const other = packetSocket(veth);
  expect(() => join(other, id, s.PACKET_FANOUT_HASH), 'the group has another mode').toThrow(code('EINVAL'));
  expect(() => join(other, fanoutId(), 99), 'the mode does not exist').toThrow(code('EINVAL'));
  const elsewhere = packetSocket(veth, s.ETH_P_802_EX1 + 1);
  expect(() => join(elsewhere, id, s.PACKET_FANOUT_LB), 'the group has another protocol').toThrow(code('EINVAL'));
  const unbound = cleanup(s.socket(s.AF_PACKET, s.SOCK_RAW, 0));
  expect(() => join(unbound, fanoutId(), s.PACKET_FANOUT_LB)).toThrow(code('EINVAL'));
  expect(() => s.attachFanoutFilter(fd, [{ code: 6, jt: 0, jf: 0, k: 0 }]), 'the group accepts no programs').toThrow(
    code('EINVAL'),
  );
});
