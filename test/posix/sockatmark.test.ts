import { setTimeout } from 'node:timers/promises';
import { expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as n from '../../lib/nothrow.ts';
import { errnos } from '../helpers/errno-libc.ts';
import { connection, pair } from '../helpers/fixtures.ts';

/**
 * Waits until the peer has received everything, including the urgent byte: sent data is kept until it is acknowledged.
 */
async function delivered(fd: number): Promise<void> {
  while (s.ioctl(fd, s.SIOCOUTQ) !== 0) await setTimeout(1);
}

/** Both forms, which must agree. */
function atMark(fd: number): boolean {
  const answer = s.sockatmark(fd);
  expect(n.sockatmark(fd)).toBe(answer ? 1 : 0);
  return answer;
}

const text = (fd: number, flags = 0) => {
  const buffer = Buffer.alloc(16);
  return buffer.toString('utf8', 0, s.recv(fd, buffer, flags));
};

test('a socket without urgent data is not at the mark', () => {
  const { client, server } = connection();
  s.send(client, 'plain');
  expect(atMark(server)).toBe(false);
  expect(text(server)).toBe('plain');
  expect(atMark(server)).toBe(false);
});

test('reading stops at the mark, and the urgent byte is received out of band', async () => {
  const { client, server } = connection();
  s.send(client, 'before');
  s.send(client, '!', s.MSG_OOB);
  s.send(client, 'after');
  await delivered(client);
  expect(atMark(server)).toBe(false);
  expect(text(server)).toBe('before');
  expect(atMark(server)).toBe(true);
  expect(text(server, s.MSG_OOB)).toBe('!');
  expect(atMark(server)).toBe(true);
  expect(text(server)).toBe('after');
  expect(atMark(server)).toBe(false);
});

test('with SO_OOBINLINE, the urgent byte is the first one after the mark', async () => {
  const { client, server } = connection();
  s.setsockopt(server, s.SOL_SOCKET, s.SO_OOBINLINE, true);
  s.send(client, 'before');
  s.send(client, '!', s.MSG_OOB);
  s.send(client, 'after');
  await delivered(client);
  expect(atMark(server)).toBe(false);
  expect(text(server)).toBe('before');
  expect(atMark(server)).toBe(true);
  expect(text(server)).toBe('!after');
  expect(atMark(server)).toBe(false);
});

test('SIOCATMARK of ioctl returns the same', async () => {
  const { client, server } = connection();
  expect(s.ioctl(server, s.SIOCATMARK)).toBe(0);
  s.send(client, '!', s.MSG_OOB);
  await delivered(client);
  expect(s.ioctl(server, s.SIOCATMARK)).toBe(1);
  expect(atMark(server)).toBe(true);
});

test('a local stream without urgent data has the same result as in C', () => {
  // Kernels before 5.15 do not support urgent data in AF_UNIX.
  const told = errnos(new Map([['local', 'return sockatmark(pair()[0])']])).get('local');
  const answer = n.sockatmark(pair()[0]);
  expect(answer < 0 ? -answer : 0).toBe(told);
  expect(answer).not.toBe(1);
});
