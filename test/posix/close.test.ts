import { expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as n from '../../lib/nothrow.ts';
import { cleanup, openFds } from '../helpers/fds.ts';
import { listener, pair } from '../helpers/fixtures.ts';

/** Moves a file descriptor to a high number, which is not reused by itself once it is closed. */
function far(fd: number): number {
  const moved = s.fcntl(fd, s.F_DUPFD_CLOEXEC, 900);
  s.close(fd);
  return moved;
}

test.each([
  ['close', (fd: number) => s.close(fd) ?? 0],
  ['nothrow', n.close],
])('%s: the file descriptor is closed', (_name, close) => {
  const fd = far(s.socket(s.AF_INET, s.SOCK_STREAM));
  expect(openFds().has(fd)).toBe(true);
  expect(close(fd)).toBe(0);
  expect(openFds().has(fd)).toBe(false);
});

test('a second close fails with EBADF', () => {
  const fd = far(s.socket(s.AF_INET, s.SOCK_STREAM));
  s.close(fd);
  expect(() => s.close(fd)).toThrow(expect.objectContaining({ code: 'EBADF', syscall: 'close' }));
  expect(s.errnoName(-n.close(fd))).toBe('EBADF');
});

test('the peer reads the end of the stream only after the last file descriptor is closed', () => {
  const [a, b] = s.socketpair(s.AF_UNIX, s.SOCK_STREAM | s.SOCK_NONBLOCK);
  const copy = s.dup(a);
  s.close(a);
  expect(s.errnoName(-n.recv(b, new Uint8Array(1)))).toBe('EAGAIN');
  s.close(copy);
  expect(s.recv(b, new Uint8Array(1))).toBe(0);
  s.close(b);
});

test('data that was sent before the close arrives', () => {
  const [a, b] = s.socketpair(s.AF_UNIX, s.SOCK_STREAM);
  s.send(a, 'last words');
  s.close(a);
  const buffer = Buffer.alloc(16);
  expect(buffer.toString('utf8', 0, s.recv(b, buffer))).toBe('last words');
  expect(s.recv(b, buffer)).toBe(0);
  s.close(b);
});

test('close resets the connection if the SO_LINGER timeout is 0', () => {
  const { fd, address } = listener();
  const one = s.socket(s.AF_INET, s.SOCK_STREAM);
  s.connect(one, address);
  const two = cleanup(s.accept(fd).fd);
  s.setsockopt(one, s.SOL_SOCKET, s.SO_LINGER, new Int32Array([1, 0]));
  s.close(one);
  expect(() => s.recv(two, new Uint8Array(1))).toThrow(expect.objectContaining({ code: 'ECONNRESET' }));
});

test.each([Number.NaN, 2 ** 32, 0.5, Number.POSITIVE_INFINITY, '0', null, undefined, [0], 0n])(
  'a value that is not a file descriptor closes nothing: %s',
  (value) => {
    const [a] = pair();
    const before = openFds();
    for (const close of [s.close, n.close] as ((fd: unknown) => unknown)[]) {
      expect(() => close(value)).toThrow(typeof value === 'number' ? RangeError : TypeError);
    }
    expect(openFds()).toEqual(before);
    expect(before.has(0)).toBe(true);
    expect(before.has(a)).toBe(true);
  },
);
