import { expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as n from '../../lib/nothrow.ts';
import { connection, listener, pair } from '../helpers/fixtures.ts';

const shutdowns: [string, (fd: number, how: number) => number][] = [
  ['shutdown', (fd, how) => s.shutdown(fd, how) ?? 0],
  ['nothrow', n.shutdown],
];

function ends(): [name: string, [number, number]][] {
  const { client, server } = connection();
  return [
    ['TCP', [client, server]],
    ['AF_UNIX', pair()],
  ];
}

const buffer = () => new Uint8Array(16);
const codes = (...results: number[]) => results.map((result) => (result < 0 ? s.errnoName(-result) : result));

for (const [form, shutdown] of shutdowns) {
  test(`${form}: SHUT_WR ends the data that the peer reads, but the peer can still write`, () => {
    for (const [name, [a, b]] of ends()) {
      s.send(a, 'last');
      expect(shutdown(a, s.SHUT_WR), name).toBe(0);
      expect([s.recv(b, buffer()), s.recv(b, buffer())], name).toEqual([4, 0]);
      expect(codes(n.send(a, 'x')), name).toEqual(['EPIPE']);
      s.send(b, 'answer');
      expect(s.recv(a, buffer()), name).toBe(6);
    }
  });

  test(`${form}: SHUT_RD ends the data that this side reads`, () => {
    for (const [name, [a, b]] of ends()) {
      expect(shutdown(a, s.SHUT_RD), name).toBe(0);
      expect(s.recv(a, buffer()), name).toBe(0); // and does not block
      s.send(a, 'still');
      expect(s.recv(b, buffer()), name).toBe(5);
    }
  });

  test(`${form}: SHUT_RDWR ends both directions, and the file descriptor stays open`, () => {
    for (const [name, [a, b]] of ends()) {
      expect(shutdown(a, s.SHUT_RDWR), name).toBe(0);
      expect(codes(s.recv(a, buffer()), s.recv(b, buffer()), n.send(a, 'x')), name).toEqual([0, 0, 'EPIPE']);
      expect(s.fcntl(a, s.F_GETFD), name).toBe(s.FD_CLOEXEC);
    }
  });
}

test('a shutdown affects the connection, not only one file descriptor', () => {
  const [a, b] = pair();
  const copy = s.dup(a);
  s.shutdown(copy, s.SHUT_WR);
  s.close(copy);
  expect(s.recv(b, buffer())).toBe(0);
});

test('a listener stops listening', () => {
  const { fd } = listener();
  s.shutdown(fd, s.SHUT_RD);
  expect(s.getsockopt(fd, s.SOL_SOCKET, s.SO_ACCEPTCONN)).toBe(0);
  expect(codes(n.accept(fd))).toEqual(['EINVAL']);
});

test('a connected datagram socket reads the end', () => {
  const [a] = pair(s.SOCK_DGRAM);
  s.shutdown(a, s.SHUT_RD);
  expect(s.recv(a, buffer())).toBe(0);
});
