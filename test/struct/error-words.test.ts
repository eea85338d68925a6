/** Errors name what was expected, and what was there instead. */
import { describe, expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as nothrow from '../../lib/nothrow.ts';
import * as promises from '../../lib/promises.ts';
import { cleanup } from '../helpers/fds.ts';
import { loopback } from '../helpers/fixtures.ts';
import { failure, keep } from '../helpers/sockets.ts';

const udp = () => cleanup(s.socket(s.AF_INET, s.SOCK_DGRAM));

describe('an interface that does not exist', () => {
  test('is named by ioctl, and together with the option by setOption', () => {
    const fd = udp();
    expect(() => s.ioctl(fd, s.SIOCGIFINDEX, s.ifreq('nothing0'))).toThrow(
      expect.objectContaining({ message: 'ENODEV: No such device, ioctl "nothing0"', interface: 'nothing0' }),
    );
    expect(() => s.ioctl(fd, s.SIOCGIFINDEX, new DataView(s.ifreq('nothing0').buffer, 0, 8))).toThrow();
    expect(() => s.setOption(fd, 'IP_ADD_MEMBERSHIP', { multiaddr: '224.0.0.251', ifindex: 0x7ffffff0 })).toThrow(
      expect.objectContaining({
        message: 'ENODEV: No such device, setsockopt IP_ADD_MEMBERSHIP',
        option: 'IP_ADD_MEMBERSHIP',
      }),
    );
    expect(() => s.setOption(fd, 'SO_BINDTODEVICE', 'nothing0')).toThrow(
      expect.objectContaining({
        interface: 'nothing0',
        message: expect.stringMatching(/ SO_BINDTODEVICE "nothing0"$/),
      }),
    );
  });
});

test('an option that a socket does not have is named', () => {
  const fd = udp();
  expect(() => s.getOption(fd, 'TCP_NODELAY')).toThrow(
    expect.objectContaining({ option: 'TCP_NODELAY', message: expect.stringMatching(/, getsockopt TCP_NODELAY$/) }),
  );
  expect(() => s.setOption(fd, 'TCP_NODELAY', true)).toThrow(
    expect.objectContaining({ option: 'TCP_NODELAY', code: 'ENOPROTOOPT', syscall: 'setsockopt' }),
  );
});

test('the scope of an IPv6 address is a field of its own', () => {
  const scoped = { family: s.AF_INET6, address: 'fe80::1%lo', port: 1 };
  expect(() => s.encodeAddress(scoped)).toThrow(/"address.address" .*address\.scopeId.*if_nametoindex/);
  expect(() => s.encodeAddress({ ...scoped, address: 'localhost' })).toThrow('(names are for getaddrinfo)');
  const info = { level: s.IPPROTO_IPV6, type: s.IPV6_PKTINFO, addr: 'fe80::1%lo', ifindex: 1 };
  expect(() => s.encodeControl([info])).toThrow(/"control.addr" .* without %: the interface is control\.ifindex/);
});

test('an error names the omitted flags, not the address in their place', async () => {
  const fd = udp();
  const socket = keep(new s.Socket(s.AF_INET, s.SOCK_DGRAM));
  const without = loopback as never;
  for (const call of [s.sendto, nothrow.sendto]) {
    const sendto = call as (...given: unknown[]) => number;
    expect(() => sendto(fd, 'x', without)).toThrow(
      expect.objectContaining({ name: 'TypeError', message: expect.stringMatching(/"flags".*sendto\(fd, data, 0, /) }),
    );
    expect(() => sendto(fd, 'x', 0)).toThrow('"address"');
  }
  expect(() => socket.sendtoSync('x', without, without)).toThrow(/"flags" .* before an address and the options/);
  expect((await failure(socket.recv(1, { timeout: 10 } as never))).message).toMatch(/"flags" .* before an address/);
});

test('an error names the omitted size, not the options in its place', async () => {
  const socket = keep(new s.Socket(s.AF_INET, s.SOCK_DGRAM));
  const options = { timeout: 10 } as never;
  const text = 'The "size" argument must be a number, before the flags and the options';
  const all = [
    socket.recv(options),
    socket.recvfrom(options),
    socket.recv(options, s.MSG_WAITALL),
    socket.recvFds(options, 1),
    socket.datagrams(options).next(),
  ];
  for (const one of all) expect((await failure(one)).message).toBe(text);
  expect(() => socket.recvSync(options)).toThrow(text);
  expect((await failure(socket.recv('9' as never))).message).toBe('The "size" argument must be a number');
});

test('errors of lookups name the host and the service, and aborted lookups reject with the AbortError of the library', async () => {
  expect(() => s.getaddrinfo('nothing.invalid', '80', { flags: s.AI_NUMERICHOST })).toThrow(
    /\(host "nothing\.invalid", service "80"\)$/,
  );
  const aborted = await failure(promises.getaddrinfo('127.0.0.1', 80, { signal: AbortSignal.abort() }));
  expect(aborted).toBeInstanceOf(s.AbortError);
  expect(aborted.message).toBe('getaddrinfo: the operation was aborted');
});

test('errors of waits name the operation and its time limit', async () => {
  const [socket] = s.Socket.pair();
  keep(socket);
  expect((await failure(socket.recvfrom(1, 0, { timeout: 5 }))).message).toBe('recvfrom: not done within 5 ms');
  expect((await failure(socket.accept({ signal: AbortSignal.abort() }))).message).toMatch(/^accept: .* aborted$/);
  const pending = failure(socket.recvmsg({ buffers: [new Uint8Array(1)] }));
  socket.close();
  expect((await pending).message).toBe('recvmsg: the socket is closed');
});
