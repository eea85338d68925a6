import { randomBytes, randomInt } from 'node:crypto';
import { expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import { cleanup } from '../helpers/fds.ts';
import { datagram } from '../helpers/fixtures.ts';
import { need, noRawSockets, rawSockets } from '../helpers/need.ts';
import { python } from '../helpers/python.ts';

/** A number that IANA reserves for experiments: no other program uses it. */
const EXPERIMENT = 253;

const timeout = new BigInt64Array([60n, 0n]);
const home: s.InetAddress = { family: s.AF_INET, address: '127.0.0.1', port: 0 };

/** The Internet checksum: RFC 1071. */
function checksum(...parts: Uint8Array[]): number {
  const bytes = Buffer.concat(parts);
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i]! << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

function raw(protocol: number): number {
  const fd = cleanup(s.socket(s.AF_INET, s.SOCK_RAW, protocol));
  s.setsockopt(fd, s.SOL_SOCKET, s.SO_RCVTIMEO, timeout);
  return fd;
}

function echo(id: number, sequence: number, payload: Uint8Array): Buffer {
  const packet = Buffer.concat([Buffer.of(s.ICMP_ECHO, 0, 0, 0, id >> 8, id & 255, 0, sequence), payload]);
  packet.writeUInt16BE(checksum(packet), 2);
  return packet;
}

/** Receives until the wanted packet arrives: a raw socket receives everybody's traffic. */
function receive(fd: number, wanted: (packet: Buffer) => boolean): { packet: Buffer; address: s.Address | undefined } {
  const buffer = Buffer.alloc(2048);
  for (;;) {
    const { length: bytes, address } = s.recvfrom(fd, buffer);
    const packet = Buffer.from(buffer.subarray(0, bytes));
    if (wanted(packet)) return { packet, address };
  }
}

/** What follows the IPv4 header. */
const body = (packet: Buffer) => packet.subarray((packet[0]! & 15) * 4);

test('the kernel answers an ICMP echo only if our checksum is correct', (context) => {
  need(context, rawSockets);
  const fd = raw(s.IPPROTO_ICMP);
  const filter = new Uint32Array([~(1 << s.ICMP_ECHOREPLY)]);
  s.setsockopt(fd, s.SOL_RAW, s.ICMP_FILTER, filter);
  expect(s.getsockopt(fd, s.SOL_RAW, s.ICMP_FILTER, 4)).toEqual(Buffer.from(filter.buffer));

  const id = randomInt(0x10000);
  const payload = randomBytes(33);
  const broken = echo(id, 1, payload);
  broken[2]! ^= 0xff;
  expect(s.sendto(fd, broken, 0, home)).toBe(41);
  expect(s.sendto(fd, echo(id, 2, payload), 0, home)).toBe(41);

  const { packet, address } = receive(fd, (packet) => body(packet).readUInt16BE(4) === id);
  expect(address).toEqual(home);
  expect(packet[0]).toBe(0x45);
  expect(packet[9]).toBe(s.IPPROTO_ICMP);
  expect(packet.readUInt16BE(2)).toBe(packet.length);
  expect(checksum(packet.subarray(0, 20))).toBe(0);
  expect(packet.subarray(12, 20)).toEqual(Buffer.of(127, 0, 0, 1, 127, 0, 0, 1));
  const reply = body(packet);
  expect([reply[0], reply[1]]).toEqual([s.ICMP_ECHOREPLY, 0]);
  expect(checksum(reply)).toBe(0);
  expect(reply.readUInt16BE(6), 'the request with the wrong checksum gets no answer').toBe(2);
  expect(reply.subarray(8)).toEqual(payload);
});

/** A UDP datagram in an IPv4 header; the kernel fills in the identification and the checksum of the header. */
function udp(source: string, sourcePort: number, to: s.InetAddress, payload: Uint8Array): Buffer {
  const addresses = Buffer.concat([s.inet_aton(source)!, s.inet_aton(to.address)!]);
  const header = Buffer.alloc(8);
  header.writeUInt16BE(sourcePort, 0);
  header.writeUInt16BE(to.port, 2);
  header.writeUInt16BE(8 + payload.length, 4);
  const pseudo = Buffer.concat([addresses, Buffer.of(0, s.IPPROTO_UDP, 0, 8 + payload.length)]);
  header.writeUInt16BE(checksum(pseudo, header, payload) || 0xffff, 6);
  const ip = Buffer.of(0x45, 0, 0, 0, 0, 0, 0, 0, 64, s.IPPROTO_UDP, 0, 0);
  ip.writeUInt16BE(28 + payload.length, 2);
  return Buffer.concat([ip, addresses, header, payload]);
}

test.for([
  ['IPPROTO_RAW, which has it by itself', s.IPPROTO_RAW, false],
  ['IPPROTO_UDP with IP_HDRINCL', s.IPPROTO_UDP, true],
] as const)(
  'a datagram with an IPv4 header from the program arrives at a UDP socket: %s',
  ([, protocol, set], context) => {
    need(context, rawSockets);
    const receiver = datagram();
    s.setsockopt(receiver.fd, s.SOL_SOCKET, s.SO_RCVTIMEO, timeout);
    const fd = raw(protocol);
    expect(s.getsockopt(fd, s.IPPROTO_IP, s.IP_HDRINCL)).toBe(set ? 0 : 1);
    if (set) s.setsockopt(fd, s.IPPROTO_IP, s.IP_HDRINCL, true);

    // No socket here is bound to these addresses: they can only come from the header.
    const payload = randomBytes(17);
    const packet = udp('127.0.0.9', 4242, receiver.address, payload);
    expect(s.sendto(fd, packet, 0, receiver.address)).toBe(packet.length);

    const buffer = Buffer.alloc(64);
    const { length: bytes, address } = s.recvfrom(receiver.fd, buffer);
    expect(buffer.subarray(0, bytes)).toEqual(payload);
    expect(address).toEqual({ family: s.AF_INET, address: '127.0.0.9', port: 4242 });
  },
);

test('a raw socket receives the UDP datagrams of other sockets, with their IP headers', (context) => {
  need(context, rawSockets);
  const listening = raw(s.IPPROTO_UDP);
  const from = datagram();
  const to = datagram();
  s.sendto(from.fd, 'heard', 0, to.address);
  const { packet } = receive(listening, (packet) => body(packet).readUInt16BE(2) === to.address.port);
  expect(packet[9]).toBe(s.IPPROTO_UDP);
  expect(body(packet).readUInt16BE(0)).toBe(from.address.port);
  expect(body(packet).subarray(8).toString()).toBe('heard');
});

test('another protocol: bind, connect, send, and the length of a truncated packet', (context) => {
  need(context, rawSockets);
  const receiver = raw(EXPERIMENT);
  s.bind(receiver, { family: s.AF_INET, address: '127.0.0.7', port: 0 });
  const sender = raw(EXPERIMENT);
  s.setsockopt(sender, s.IPPROTO_IP, s.IP_TTL, 9);
  s.connect(sender, { family: s.AF_INET, address: '127.0.0.7', port: 7 }); // without a port it has no peer name
  expect(s.send(sender, 'experiment')).toBe(10);

  const buffer = Buffer.alloc(25);
  expect(s.recv(receiver, buffer, s.MSG_PEEK | s.MSG_TRUNC)).toBe(30);
  expect(s.recv(receiver, buffer)).toBe(25);
  expect(buffer[8], 'the TTL').toBe(9);
  expect(buffer.subarray(20).toString()).toBe('exper');

  const expected = python<[string, number][]>(`
a = socket(AF_INET, SOCK_RAW, ${EXPERIMENT})
a.bind(('127.0.0.7', 0))
b = socket(AF_INET, SOCK_RAW, ${EXPERIMENT})
b.connect(('127.0.0.7', 7))
print(json.dumps([a.getsockname(), b.getsockname(), b.getpeername()]))`);
  const names = [s.getsockname(receiver), s.getsockname(sender), s.getpeername(sender)];
  expect(names).toEqual(expected.map(([address, port]) => ({ family: s.AF_INET, address, port })));
});

test('a raw socket needs a protocol', (context) => {
  need(context, rawSockets);
  expect(() => s.socket(s.AF_INET, s.SOCK_RAW)).toThrow(
    expect.objectContaining({ code: 'EPROTONOSUPPORT', syscall: 'socket' }),
  );
});

test.for([
  ['AF_INET', s.AF_INET, s.IPPROTO_ICMP],
  ['AF_INET6', s.AF_INET6, s.IPPROTO_ICMPV6],
  ['AF_PACKET', s.AF_PACKET, 0],
] as const)('creating an %s raw socket without CAP_NET_RAW fails with EPERM', ([, domain, protocol], context) => {
  need(context, noRawSockets);
  const attempt = () => s.socket(domain, s.SOCK_RAW, protocol);
  expect(attempt).toThrow(s.SocketError);
  expect(attempt).toThrow(expect.objectContaining({ code: 'EPERM', errno: s.EPERM, syscall: 'socket' }));
});
