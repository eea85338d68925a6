import { SocketAddress } from 'node:net';
import { expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as nothrow from '../../lib/nothrow.ts';
import { cleanup } from '../helpers/fds.ts';
import { connection, datagram, loopback6, pair } from '../helpers/fixtures.ts';
import { ipv6, need, program } from '../helpers/need.ts';
import { python } from '../helpers/python.ts';

const { IPPROTO_IP, IP_PKTINFO, IP_TOS, IP_TTL } = s;

test('data is gathered from many buffers and scattered to many buffers', () => {
  const { fd: sender, address: from } = datagram();
  const { fd, address } = datagram();
  const data = ['ab', Buffer.from('cd'), new Uint8Array(0), new DataView(Buffer.from('.ef.').buffer, 0, 0), 'é'];
  expect(s.sendmsg(sender, { buffers: data, address })).toBe(6);
  const [one, two] = [Buffer.alloc(3), Buffer.alloc(10, '.')];
  expect(s.recvmsg(fd, { buffers: [one, new Uint8Array(0), two] })).toEqual({
    length: 6,
    address: from,
    control: [],
    flags: 0,
  });
  expect(Buffer.concat([one, two]).toString('latin1')).toBe(`abcd${Buffer.from('é').toString('latin1')}.......`);
});

test('the address may be an object, encoded bytes or a SocketAddress, or absent on a connected socket', () => {
  const { fd, address } = datagram();
  s.connect(fd, address);
  const forms = [
    address,
    s.encodeAddress(address),
    new SocketAddress({ address: '127.0.0.1', port: address.port }),
    undefined,
  ];
  for (const form of forms) {
    expect(s.sendmsg(fd, { buffers: ['x'], address: form })).toBe(1);
    expect(s.recvmsg(fd, { buffers: [new Uint8Array(4)] }).address).toEqual(address);
  }
});

test('a stream sends as much as fits, and returns no address', () => {
  const { client, server } = connection();
  s.sendmsg(client, { buffers: ['abc', 'def'] });
  const into = Buffer.alloc(4);
  expect(s.recvmsg(server, { buffers: [into] })).toEqual({ length: 4, address: undefined, control: [], flags: 0 });
  expect(s.recvmsg(server, { buffers: [into] }).length).toBe(2);
  s.close(s.dup(client));
  s.shutdown(client, s.SHUT_WR);
  expect(s.recvmsg(server, { buffers: [into] })).toEqual({ length: 0, address: undefined, control: [], flags: 0 });
});

test('control messages are sent and received with the packet', () => {
  const { fd, address } = datagram();
  for (const name of [IP_PKTINFO, s.IP_RECVTTL, s.IP_RECVTOS]) s.setsockopt(fd, IPPROTO_IP, name, true);
  const control: s.ControlMessage[] = [
    { level: IPPROTO_IP, type: IP_TTL, value: 7 },
    { level: IPPROTO_IP, type: IP_TOS, value: 0x28 },
    { level: IPPROTO_IP, type: IP_PKTINFO, ifindex: 0, specDst: '127.0.0.9', addr: '0.0.0.0' },
  ];
  for (const form of [control, s.encodeControl(control)]) {
    s.sendmsg(fd, { buffers: ['x'], address, control: form });
    const got = s.recvmsg(fd, { buffers: [new Uint8Array(4)], controlLength: 256 });
    expect(got.address).toEqual({ ...address, address: '127.0.0.9' });
    expect(got.control).toEqual([
      { level: IPPROTO_IP, type: IP_PKTINFO, ifindex: expect.any(Number), specDst: '127.0.0.1', addr: '127.0.0.1' },
      { level: IPPROTO_IP, type: IP_TTL, value: 7 },
      { level: IPPROTO_IP, type: IP_TOS, value: 0x28 },
    ]);
  }
});

test('IPv6 control messages', (context) => {
  need(context, ipv6);
  const fd = cleanup(s.socket(s.AF_INET6, s.SOCK_DGRAM));
  s.bind(fd, loopback6);
  const address = s.getsockname(fd)!;
  s.setsockopt(fd, s.IPPROTO_IPV6, s.IPV6_RECVPKTINFO, true);
  s.setsockopt(fd, s.IPPROTO_IPV6, s.IPV6_RECVHOPLIMIT, true);
  s.setsockopt(fd, s.IPPROTO_IPV6, s.IPV6_RECVTCLASS, true);
  const control: s.ControlMessage[] = [
    { level: s.IPPROTO_IPV6, type: s.IPV6_HOPLIMIT, value: 3 },
    { level: s.IPPROTO_IPV6, type: s.IPV6_TCLASS, value: 0x50 },
  ];
  s.sendmsg(fd, { buffers: ['x'], address, control });
  const got = s.recvmsg(fd, { buffers: [new Uint8Array(4)], controlLength: 256 });
  expect(got.control).toEqual(expect.arrayContaining(control));
  expect(got.control.find((m) => s.isControl(m, s.IPPROTO_IPV6, s.IPV6_PKTINFO))?.addr).toBe('::1');
});

test('UDP_SEGMENT splits one datagram into several', () => {
  const { fd, address } = datagram();
  const control = [{ level: s.SOL_UDP, type: s.UDP_SEGMENT, value: 100 } as const];
  expect(s.sendmsg(fd, { buffers: [new Uint8Array(250)], address, control })).toBe(250);
  const buffer = new Uint8Array(300);
  expect([0, 1, 2].map(() => s.recvmsg(fd, { buffers: [buffer] }, s.MSG_DONTWAIT).length)).toEqual([100, 100, 50]);
});

test('an empty list of messages is no control data', () => {
  const [a, b] = pair();
  for (const control of [undefined, [], new Uint8Array(0)]) {
    expect(s.sendmsg(a, { buffers: ['x'], control })).toBe(1);
  }
  expect(s.recvmsg(b, { buffers: [new Uint8Array(8)], controlLength: 64 })).toMatchObject({ length: 3, control: [] });
});

test('invalid control data fails with EINVAL and is never read beyond its end', () => {
  const { fd, address } = datagram();
  const send = (control: Uint8Array) => nothrow.sendmsg(fd, { buffers: ['x'], address, control });
  const good = Buffer.from(s.encodeControl([{ level: IPPROTO_IP, type: IP_TTL, value: 9 }]));
  expect(send(good)).toBe(1);
  const long = Buffer.from(good);
  long.writeUInt32LE(1000, 0);
  expect(send(long)).toBe(-s.EINVAL);
  const short = Buffer.from(good);
  short.writeUInt32LE(3, 0);
  expect(send(short)).toBe(-s.EINVAL);
  expect(send(s.encodeControl([{ level: IPPROTO_IP, type: 12345, data: new Uint8Array(4) }]))).toBe(-s.EINVAL);
  expect(s.recv(fd, new Uint8Array(4))).toBe(1);
});

test('1024 buffers are accepted, 1025 fail with EMSGSIZE, and an empty list is an empty message', () => {
  const [a, b] = pair(s.SOCK_DGRAM | s.SOCK_NONBLOCK);
  const bytes = Buffer.from(Array.from({ length: 1024 }, (_, i) => i % 253));
  const parts = Array.from(bytes, (_, i) => bytes.subarray(i, i + 1));
  const into = Buffer.alloc(1024);
  const places = Array.from(into, (_, i) => into.subarray(i, i + 1));
  const tooMany = expect.objectContaining({ code: 'EMSGSIZE', errno: 90 });
  for (const more of [[...parts, bytes], new Array<Uint8Array>(50_000).fill(bytes)]) {
    expect(() => s.sendmsg(a, { buffers: more })).toThrow(tooMany);
    expect(nothrow.sendmsg(a, { buffers: more })).toBe(-s.EMSGSIZE);
  }
  expect(s.sendmsg(a, { buffers: parts })).toBe(1024);
  expect(() => s.recvmsg(b, { buffers: [...places, bytes] })).toThrow(tooMany);
  expect(s.recvmsg(b, { buffers: places })).toMatchObject({ length: 1024, flags: 0 });
  expect(into).toEqual(bytes);
  expect(s.sendmsg(a, { buffers: [] })).toBe(0);
  expect(s.recvmsg(b, { buffers: [] })).toMatchObject({ length: 0, flags: 0 });
});

test('the errors contain the syscall and the address', () => {
  const { fd } = datagram();
  const address = { family: s.AF_INET, address: '255.255.255.255', port: 7 } as const;
  expect(() => s.sendmsg(fd, { buffers: ['x'], address })).toThrow(
    expect.objectContaining({ name: 'SocketError', code: 'EACCES', syscall: 'sendmsg', address }),
  );
  expect(() => s.sendmsg(fd, { buffers: ['x'] })).toThrow(
    expect.objectContaining({ code: 'EDESTADDRREQ', syscall: 'sendmsg' }),
  );
  expect(() => s.recvmsg(fd, { buffers: [new Uint8Array(1)] }, s.MSG_DONTWAIT)).toThrow(
    expect.objectContaining({ code: 'EAGAIN', syscall: 'recvmsg' }),
  );
});

test('nothrow fills the same header repeatedly, and a failed call clears its results', () => {
  const { fd: sender, address: from } = datagram();
  const { fd, address } = datagram(s.SOCK_NONBLOCK);
  s.setsockopt(fd, IPPROTO_IP, s.IP_RECVTTL, true);
  const data = Buffer.alloc(4);
  const message: nothrow.ReceiveHeader = { buffers: [data], name: new s.SockaddrStorage(), control: Buffer.alloc(64) };
  for (const text of ['ab', 'cdefgh']) {
    s.sendto(sender, text, 0, address);
    expect(nothrow.recvmsg(fd, message)).toBe(Math.min(text.length, 4));
    expect(message.name!.decode()).toEqual(from);
    expect(message.flags).toBe(text.length > 4 ? s.MSG_TRUNC : 0);
    expect(s.decodeControl(message.control!, message.controlLength)).toEqual([
      { level: IPPROTO_IP, type: IP_TTL, value: 64 },
    ]);
  }
  expect(nothrow.recvmsg(fd, message)).toBe(-s.EAGAIN);
  expect([message.name!.length, message.controlLength, message.flags]).toEqual([0, 0, 0]);
});

test('Python receives the same control data with the same packets', (context) => {
  need(context, program('python3'));
  const expected = python<[number, number, string][]>(`
u = socket(AF_INET, SOCK_DGRAM); u.bind(('127.0.0.1', 0))
for o in (8, 12, 13): u.setsockopt(IPPROTO_IP, o, 1)
u.sendmsg([b'a', b'bc'], [(IPPROTO_IP, 2, struct.pack('i', 5)), (IPPROTO_IP, 1, struct.pack('i', 0x10))], 0, u.getsockname())
data, anc, flags, addr = u.recvmsg(8, 256)
print(json.dumps([[l, t, d.hex()] for l, t, d in anc]))`);
  const { fd, address } = datagram();
  for (const name of [8, 12, 13]) s.setsockopt(fd, IPPROTO_IP, name, true);
  const control: s.ControlMessage[] = [
    { level: IPPROTO_IP, type: IP_TTL, value: 5 },
    { level: IPPROTO_IP, type: IP_TOS, value: 0x10 },
  ];
  s.sendmsg(fd, { buffers: ['a', 'bc'], address, control });
  const { control: got } = s.recvmsg(fd, { buffers: [new Uint8Array(8)], controlLength: 256 });
  const raw = got.map((message) => {
    const bytes = Buffer.from(s.encodeControl([message]));
    const length = Number(bytes.readBigUInt64LE(0));
    return [message.level, message.type, bytes.toString('hex', s.CMSG_LEN(0), length)];
  });
  expect(raw).toEqual(expected);
});
