import { readlinkSync } from 'node:fs';
import { expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as n from '../../lib/nothrow.ts';
import { cleanup } from '../helpers/fds.ts';
import { pair } from '../helpers/fixtures.ts';

/** Both forms. */
const forms: [string, (type: number) => [number, number]][] = [
  ['socketpair', (type) => s.socketpair(s.AF_UNIX, type)],
  [
    'nothrow',
    (type) => {
      const sv: [number, number] = [-1, -1];
      expect(n.socketpair(s.AF_UNIX, type, 0, sv)).toBe(0);
      return sv;
    },
  ],
];

for (const [form, make] of forms) {
  test.each([
    ['SOCK_STREAM', s.SOCK_STREAM],
    ['SOCK_DGRAM', s.SOCK_DGRAM],
    ['SOCK_SEQPACKET', s.SOCK_SEQPACKET],
  ])(`${form}: two sockets of type %s that reach each other`, (_name, type) => {
    const [a, b] = make(type);
    cleanup(a, b);
    expect(readlinkSync(`/proc/self/fd/${a}`)).not.toBe(readlinkSync(`/proc/self/fd/${b}`));
    for (const fd of [a, b]) expect(s.getsockopt(fd, s.SOL_SOCKET, s.SO_TYPE)).toBe(type);
    const buffer = Buffer.alloc(16);
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      expect(s.send(from, `by ${from}`)).toBe(`by ${from}`.length);
      expect(buffer.toString('utf8', 0, s.recv(to, buffer))).toBe(`by ${from}`);
    }
  });

  test(`${form}: both sockets are non-blocking with SOCK_NONBLOCK`, () => {
    const fds = make(s.SOCK_STREAM | s.SOCK_NONBLOCK);
    cleanup(...fds);
    for (const fd of fds) {
      expect(s.fcntl(fd, s.F_GETFL) & s.O_NONBLOCK).toBe(s.O_NONBLOCK);
      expect(s.fcntl(fd, s.F_GETFD)).toBe(s.FD_CLOEXEC);
    }
  });
}

test('nothrow: the file descriptors can be stored in an Int32Array, too', () => {
  const sv = new Int32Array(2);
  expect(n.socketpair(s.AF_UNIX, s.SOCK_STREAM, 0, sv)).toBe(0);
  cleanup(sv[0]!, sv[1]!);
  expect(s.send(sv[0]!, 'x')).toBe(1);
  expect(s.recv(sv[1]!, new Uint8Array(1))).toBe(1);
});

test('nothrow: nothing is written if the call fails', () => {
  const sv = [-7, -8];
  expect(n.socketpair(s.AF_INET, s.SOCK_STREAM, 0, sv)).toBeLessThan(0);
  expect(sv).toEqual([-7, -8]);
});

test('nothrow: storage that is not an object is rejected, and nothing is created', () => {
  const make = n.socketpair as (...args: unknown[]) => number;
  expect(() => make(s.AF_UNIX, s.SOCK_STREAM, 0, undefined)).toThrow(TypeError);
});

test('the sockets of a pair have peers, but no names', () => {
  const [a, b] = pair();
  for (const fd of [a, b]) {
    expect(s.getsockname(fd)).toEqual({ family: s.AF_UNIX, path: '' });
    expect(s.getpeername(fd)).toEqual({ family: s.AF_UNIX, path: '' });
  }
});
