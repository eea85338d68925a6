import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';
import * as s from '../../lib/index.ts';
import { cleanup } from '../helpers/fds.ts';
import { mac, PROTOCOL, sendFromPeer } from '../helpers/frames.ts';
import { namespaces, need, packetSockets, program } from '../helpers/need.ts';
import { type Link, link } from '../helpers/networks.ts';
import { python } from '../helpers/python.ts';

const timeout = new BigInt64Array([60n, 0n]);

function frame(to: string, from: string, payload: string): Buffer {
  return Buffer.concat([mac(to), mac(from), Buffer.of(PROTOCOL >> 8, PROTOCOL & 255), Buffer.from(payload)]);
}

function packetSocket(type: number, ifindex: number, protocol: number = PROTOCOL): number {
  const fd = cleanup(s.socket(s.AF_PACKET, type, 0)); // with protocol 0 it receives nothing before bind
  s.setsockopt(fd, s.SOL_SOCKET, s.SO_RCVTIMEO, timeout);
  s.bind(fd, { family: s.AF_PACKET, ifindex, protocol });
  return fd;
}

/** A program in the other namespace. Its stdout is collected. */
function start({ enter }: Link, ...command: string[]): { child: ChildProcess; stdout: Promise<Buffer> } {
  const child = spawn(enter[0]!, [...enter.slice(1), ...command]);
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  return { child, stdout: once(child, 'close').then(() => Buffer.concat(chunks)) };
}

/** Resolves with the program's stderr so far, as soon as there is any. */
async function said(child: ChildProcess, what: string): Promise<string> {
  let text = '';
  const closed = once(child, 'close');
  while (!text.includes(what)) {
    const event = await Promise.race([once(child.stderr!, 'data'), closed.then(() => undefined)]);
    if (event === undefined) break;
    text += (event as [Buffer])[0].toString();
  }
  return text;
}

/** Receives `count` frames of our protocol on the other side, after printing "ready". */
async function receiveOnPeer(veth: Link, count: number): Promise<{ frames: Promise<Buffer[]> }> {
  const script = `
import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
s.bind((sys.argv[1], ${PROTOCOL}))
s.settimeout(60)
print('ready', file=sys.stderr, flush=True)
for _ in range(int(sys.argv[2])): print(s.recv(2048).hex(), flush=True)`;
  const { child, stdout } = start(veth, 'python3', '-c', script, veth.peer.name, String(count));
  expect(await said(child, 'ready')).toContain('ready');
  const frames = stdout.then((text) =>
    text
      .toString()
      .trim()
      .split('\n')
      .map((hex) => Buffer.from(hex, 'hex')),
  );
  return { frames };
}

test('tcpdump on the other end of a link sees exactly the bytes of a frame', async (context) => {
  need(context, namespaces, packetSockets, program('tcpdump'));
  const veth = await link();
  const filter = `ether proto ${PROTOCOL}`;
  const options = ['-Z', 'root', '-i', veth.peer.name, '-c', '1', '-U', '-w', '-'];
  const { child, stdout } = start(veth, 'tcpdump', ...options, filter);
  const spoken = await said(child, 'listening on');
  // In a user namespace with one user it cannot change to any user, not even to the current one.
  if (spoken.includes("Couldn't change to")) context.skip(spoken.trim());
  expect(spoken).toContain('listening on');

  const fd = packetSocket(s.SOCK_RAW, veth.ifindex);
  const sent = frame(veth.peer.mac, '02:00:00:00:00:99', 'a frame of our own');
  expect(s.send(fd, sent)).toBe(sent.length);

  const pcap = await stdout;
  expect(pcap.readUInt32LE(24 + 8), 'the captured length').toBe(sent.length);
  expect(pcap.subarray(24 + 16)).toEqual(sent);
});

test('SOCK_RAW sends complete frames, and SOCK_DGRAM sends frames with a header from the kernel', async (context) => {
  need(context, namespaces, packetSockets);
  const veth = await link();
  const { frames } = await receiveOnPeer(veth, 2);
  const to: s.PacketAddressInput = {
    family: s.AF_PACKET,
    ifindex: veth.ifindex,
    protocol: PROTOCOL,
    address: mac(veth.peer.mac),
  };

  const raw = cleanup(s.socket(s.AF_PACKET, s.SOCK_RAW, 0));
  const whole = frame(veth.peer.mac, '02:00:00:00:00:99', 'whole');
  expect(s.sendto(raw, whole, 0, { family: s.AF_PACKET, ifindex: veth.ifindex, protocol: 0 })).toBe(whole.length);
  const cooked = cleanup(s.socket(s.AF_PACKET, s.SOCK_DGRAM, 0));
  expect(s.sendto(cooked, 'cooked', 0, to)).toBe(6);

  expect(await frames).toEqual([whole, frame(veth.peer.mac, veth.mac, 'cooked')]);
});

test('the address of a received frame contains the interface, the packet type and the sender', async (context) => {
  need(context, namespaces, packetSockets);
  const veth = await link();
  const raw = packetSocket(s.SOCK_RAW, veth.ifindex);
  const cooked = packetSocket(s.SOCK_DGRAM, veth.ifindex);
  const sent = [
    [veth.mac, s.PACKET_HOST],
    ['ff:ff:ff:ff:ff:ff', s.PACKET_BROADCAST],
    ['01:00:5e:00:00:01', s.PACKET_MULTICAST],
    ['02:00:00:00:00:77', s.PACKET_OTHERHOST],
  ] as const;
  const frames = sent.map(([to], i) => frame(to, veth.peer.mac, `number ${i}`));
  sendFromPeer(veth, frames);

  const buffer = Buffer.alloc(2048);
  for (const [i, [, pkttype]] of sent.entries()) {
    const address = {
      family: s.AF_PACKET,
      ifindex: veth.ifindex,
      protocol: PROTOCOL,
      hatype: s.ARPHRD_ETHER,
      pkttype,
      address: mac(veth.peer.mac),
    };
    expect(s.recvfrom(raw, buffer)).toEqual({ length: frames[i]!.length, address });
    expect(buffer.subarray(0, frames[i]!.length)).toEqual(frames[i]);
    expect(s.recvfrom(cooked, buffer)).toEqual({ length: 8, address });
    expect(buffer.subarray(0, 8).toString()).toBe(`number ${i}`);
  }

  const [packets, drops] = new Uint32Array(
    new Uint8Array(s.getsockopt(raw, s.SOL_PACKET, s.PACKET_STATISTICS, 8)).buffer,
  );
  expect([packets, drops]).toEqual([4, 0]);
});

test('a socket for all protocols receives outgoing frames', async (context) => {
  need(context, namespaces, packetSockets);
  const veth = await link();
  const all = packetSocket(s.SOCK_RAW, veth.ifindex, s.ETH_P_ALL);
  const sender = cleanup(s.socket(s.AF_PACKET, s.SOCK_RAW, 0));
  const sent = frame(veth.peer.mac, veth.mac, 'out');
  s.sendto(sender, sent, 0, { family: s.AF_PACKET, ifindex: veth.ifindex, protocol: PROTOCOL });

  const buffer = Buffer.alloc(2048);
  let received: s.ReceivedFrom;
  do
    received = s.recvfrom(all, buffer); // the kernel itself sends, too: neighbour discovery
  while (buffer.readUInt16BE(12) !== PROTOCOL);
  expect(buffer.subarray(0, received.length)).toEqual(sent);
  expect(received.address).toMatchObject({ pkttype: s.PACKET_OUTGOING, ifindex: veth.ifindex, protocol: PROTOCOL });
});

test('PACKET_ADD_MEMBERSHIP makes the interface promiscuous, but only during the membership', async (context) => {
  need(context, namespaces, packetSockets);
  const veth = await link();
  const fd = packetSocket(s.SOCK_RAW, veth.ifindex);
  const promiscuity = () =>
    JSON.parse(execFileSync('ip', ['-j', '-d', 'link', 'show', veth.name], { encoding: 'utf8' }))[0].promiscuity;
  const membership = new DataView(new ArrayBuffer(16));
  membership.setInt32(0, veth.ifindex, true);
  membership.setUint16(4, s.PACKET_MR_PROMISC, true);

  expect(promiscuity()).toBe(0);
  s.setsockopt(fd, s.SOL_PACKET, s.PACKET_ADD_MEMBERSHIP, membership);
  expect(promiscuity()).toBe(1);
  s.setsockopt(fd, s.SOL_PACKET, s.PACKET_DROP_MEMBERSHIP, membership);
  expect(promiscuity()).toBe(0);
});

test('the name of a bound packet socket is the same as in Python', (context) => {
  need(context, packetSockets);
  const [, protocol, pkttype, hatype, address] = python<[string, number, number, number, string]>(`
s = socket(AF_PACKET, SOCK_DGRAM, 0)
s.bind(('lo', ${PROTOCOL}))
print(json.dumps([*s.getsockname()[:4], s.getsockname()[4].hex()]))`);
  const fd = packetSocket(s.SOCK_DGRAM, 1);
  expect(s.getsockname(fd)).toEqual({
    family: s.AF_PACKET,
    ifindex: 1,
    protocol,
    hatype,
    pkttype,
    address: Buffer.from(address, 'hex'),
  });
  expect(hatype).toBe(s.ARPHRD_LOOPBACK);
});

test('a packet socket has its protocol in network byte order', (context) => {
  need(context, packetSockets);
  const fd = cleanup(s.socket(s.AF_PACKET, s.SOCK_RAW, s.htons(PROTOCOL)));
  expect(s.getsockname(fd)).toMatchObject({ family: s.AF_PACKET, ifindex: 0, protocol: PROTOCOL });
});

test('errors are the same as those of the kernel', (context) => {
  need(context, packetSockets);
  const fd = cleanup(s.socket(s.AF_PACKET, s.SOCK_RAW, 0));
  const nowhere: s.PacketAddressInput = { family: s.AF_PACKET, ifindex: 0x7ffffffe, protocol: PROTOCOL };
  expect(() => s.bind(fd, nowhere)).toThrow(
    expect.objectContaining({ code: 'ENODEV', address: expect.objectContaining(nowhere) }),
  );
  expect(() => s.sendto(fd, Buffer.alloc(14), 0, nowhere)).toThrow(expect.objectContaining({ code: 'ENXIO' }));
  const lo: s.PacketAddressInput = { family: s.AF_PACKET, ifindex: 1, protocol: PROTOCOL };
  expect(() => s.sendto(fd, Buffer.alloc(13), 0, lo)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
  expect(() => s.sendto(fd, Buffer.alloc(0x20000), 0, lo)).toThrow(expect.objectContaining({ code: 'EMSGSIZE' }));
});
