import { randomBytes, randomInt } from 'node:crypto';
import { expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import { cleanup } from '../helpers/fds.ts';
import { loopback6 } from '../helpers/fixtures.ts';
import { ipv6, need, rawSockets } from '../helpers/need.ts';

/** Numbers that IANA reserves for experiments: no other program uses them. */
const EXPERIMENT = 253;
const EXPERIMENT2 = 254;

const timeout = new BigInt64Array([60n, 0n]);
const home = s.inet_pton(s.AF_INET6, '::1')!;

/** The Internet checksum over the pseudo-header of IPv6 and a packet: RFC 8200, 8.1. */
function checksum(protocol: number, packet: Uint8Array): number {
  const pseudo = Buffer.alloc(40);
  pseudo.set(home, 0);
  pseudo.set(home, 16);
  pseudo.writeUInt32BE(packet.length, 32);
  pseudo[39] = protocol;
  const bytes = Buffer.concat([pseudo, packet]);
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i]! << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

function raw(protocol: number): number {
  const fd = cleanup(s.socket(s.AF_INET6, s.SOCK_RAW, protocol));
  s.setsockopt(fd, s.SOL_SOCKET, s.SO_RCVTIMEO, timeout);
  return fd;
}

test('the kernel answers an ICMPv6 echo and computes the checksum of ours', (context) => {
  need(context, rawSockets, ipv6);
  const fd = raw(s.IPPROTO_ICMPV6);
  const filter = new Uint32Array(8).fill(0xffffffff); // a set bit blocks the type
  filter[s.ICMP6_ECHO_REPLY >> 5]! &= ~(1 << (s.ICMP6_ECHO_REPLY & 31));
  s.setsockopt(fd, s.IPPROTO_ICMPV6, s.ICMP6_FILTER, filter);
  expect(s.getsockopt(fd, s.IPPROTO_ICMPV6, s.ICMP6_FILTER, 32)).toEqual(Buffer.from(filter.buffer));

  const id = randomInt(0x10000);
  const payload = randomBytes(21);
  const request = Buffer.concat([Buffer.of(s.ICMP6_ECHO_REQUEST, 0, 0, 0, id >> 8, id & 255, 0, 7), payload]);
  expect(s.sendto(fd, request, 0, loopback6)).toBe(29);

  const buffer = Buffer.alloc(2048);
  let received: s.ReceivedFrom;
  do received = s.recvfrom(fd, buffer);
  while (buffer.readUInt16BE(4) !== id);
  const reply = buffer.subarray(0, received.length);
  expect(received.address).toEqual({ family: s.AF_INET6, address: '::1', port: 0, flowinfo: 0, scopeId: 0 });
  expect([reply[0], reply[1]]).toEqual([s.ICMP6_ECHO_REPLY, 0]);
  expect(reply.readUInt16BE(6)).toBe(7);
  expect(reply.subarray(8)).toEqual(payload);
  expect(checksum(s.IPPROTO_ICMPV6, reply)).toBe(0);
});

test('the offset of the ICMPv6 checksum cannot be changed', (context) => {
  need(context, rawSockets, ipv6);
  const fd = raw(s.IPPROTO_ICMPV6);
  expect(s.getsockopt(fd, s.IPPROTO_IPV6, s.IPV6_CHECKSUM)).toBe(2);
  expect(() => s.setsockopt(fd, s.IPPROTO_IPV6, s.IPV6_CHECKSUM, 4)).toThrow(
    expect.objectContaining({ code: 'EINVAL', syscall: 'setsockopt' }),
  );
});

test('IPV6_CHECKSUM makes the kernel write and verify the checksum of another protocol', (context) => {
  need(context, rawSockets, ipv6);
  const receiver = raw(EXPERIMENT);
  s.bind(receiver, loopback6);
  const sender = raw(EXPERIMENT);
  expect(s.getsockopt(sender, s.IPPROTO_IPV6, s.IPV6_CHECKSUM), 'a negative value means off and is not an error').toBe(
    -1,
  );
  const packet = randomBytes(16);
  const buffer = Buffer.alloc(64);

  s.sendto(sender, packet, 0, loopback6);
  expect(s.recv(receiver, buffer)).toBe(16);
  expect(buffer.subarray(0, 16), 'without the option the packet is unchanged').toEqual(packet);

  s.setsockopt(sender, s.IPPROTO_IPV6, s.IPV6_CHECKSUM, 4);
  expect(s.getsockopt(sender, s.IPPROTO_IPV6, s.IPV6_CHECKSUM)).toBe(4);
  packet.writeUInt16BE(0, 4);
  const expected = checksum(EXPERIMENT, packet) || 0xffff;
  s.sendto(sender, packet, 0, loopback6);
  expect(s.recv(receiver, buffer)).toBe(16);
  expect(buffer.readUInt16BE(4)).toBe(expected);
  buffer.writeUInt16BE(0, 4);
  expect(buffer.subarray(0, 16)).toEqual(packet);

  // A receiver that verifies checksums drops wrong packets: only the second of two packets arrives.
  s.setsockopt(receiver, s.IPPROTO_IPV6, s.IPV6_CHECKSUM, 4);
  s.setsockopt(sender, s.IPPROTO_IPV6, s.IPV6_CHECKSUM, -1);
  packet.writeUInt16BE(expected ^ 0x5555, 4);
  s.sendto(sender, packet, 0, loopback6);
  packet.writeUInt16BE(expected, 4);
  s.sendto(sender, packet, 0, loopback6);
  expect(s.recv(receiver, buffer)).toBe(16);
  expect(buffer.subarray(0, 16)).toEqual(packet);

  expect(() => s.setsockopt(sender, s.IPPROTO_IPV6, s.IPV6_CHECKSUM, 3)).toThrow(
    expect.objectContaining({ code: 'EINVAL' }),
  );
});

test('a packet with an IPv6 header from the program arrives', (context) => {
  need(context, rawSockets, ipv6);
  const receiver = raw(EXPERIMENT2);
  const sender = raw(s.IPPROTO_RAW);
  expect(s.getsockopt(sender, s.IPPROTO_IPV6, s.IPV6_HDRINCL)).toBe(1);
  s.setsockopt(receiver, s.IPPROTO_IPV6, s.IPV6_RECVHOPLIMIT, true);

  const payload = randomBytes(9);
  const header = Buffer.of(0x60, 0, 0, 0, 0, payload.length, EXPERIMENT2, 77);
  const packet = Buffer.concat([header, home, home, payload]);
  expect(s.sendto(sender, packet, 0, loopback6)).toBe(49);

  const buffer = Buffer.alloc(64);
  const message = s.recvmsg(receiver, { buffers: [buffer], controlLength: 64 });
  expect(buffer.subarray(0, message.length)).toEqual(payload);
  expect(message.control).toEqual([{ level: s.IPPROTO_IPV6, type: s.IPV6_HOPLIMIT, value: 77 }]);
});
