import { readlinkSync } from 'node:fs';
import { expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as n from '../../lib/nothrow.ts';
import { cleanup } from '../helpers/fds.ts';
import { datagram, pair } from '../helpers/fixtures.ts';

for (const [form, dup] of [
  ['dup', s.dup],
  ['nothrow', n.dup],
] as const) {
  test(`${form}: the new file descriptor refers to the same socket`, () => {
    const { fd, address } = datagram();
    const copy = cleanup(dup(fd));
    expect(copy).not.toBe(fd);
    expect(readlinkSync(`/proc/self/fd/${copy}`)).toBe(readlinkSync(`/proc/self/fd/${fd}`));
    expect(s.getsockname(copy)).toEqual(address);
  });

  test(`${form}: the status flags are shared, but the file descriptor flags are not`, () => {
    const [a] = pair();
    const copy = cleanup(dup(a));
    s.fcntl(copy, s.F_SETFL, s.O_NONBLOCK);
    expect(s.fcntl(a, s.F_GETFL) & s.O_NONBLOCK).toBe(s.O_NONBLOCK);
    expect(s.errnoName(-n.recv(a, new Uint8Array(1)))).toBe('EAGAIN');
    s.fcntl(a, s.F_SETFD, 0);
    expect([s.fcntl(a, s.F_GETFD), s.fcntl(copy, s.F_GETFD)]).toEqual([0, s.FD_CLOEXEC]);
  });

  test(`${form}: the socket stays open until the last file descriptor is closed`, () => {
    const [a, b] = s.socketpair(s.AF_UNIX, s.SOCK_STREAM);
    cleanup(b);
    const copy = dup(a);
    s.close(a);
    expect(s.send(copy, 'still')).toBe(5);
    s.close(copy);
    expect([s.recv(b, new Uint8Array(16)), s.recv(b, new Uint8Array(16))]).toEqual([5, 0]);
  });

  test(`${form}: the lowest free number is used`, () => {
    const [a, b] = pair();
    const copy = cleanup(dup(b));
    s.close(copy);
    expect(dup(a)).toBe(copy);
  });
}

test('any file descriptor can be duplicated, not only sockets', () => {
  const copy = cleanup(s.dup(0));
  expect(readlinkSync(`/proc/self/fd/${copy}`)).toBe(readlinkSync('/proc/self/fd/0'));
});

test('F_DUPFD_CLOEXEC of fcntl accepts a minimum number', () => {
  const { fd } = datagram();
  expect(cleanup(s.fcntl(fd, s.F_DUPFD_CLOEXEC, 700))).toBeGreaterThanOrEqual(700);
});
