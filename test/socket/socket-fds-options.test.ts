import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as nothrow from '../../lib/nothrow.ts';
import { openFds } from '../helpers/fds.ts';
import { unixPair } from '../helpers/sockets.ts';

// Options that add control messages to every message: socket(7), unix(7).
const ADDING = {
  SO_PASSCRED: [s.SO_PASSCRED, 1],
  SO_PASSPIDFD: [s.SO_PASSPIDFD, 1],
  SO_PASSSEC: [s.SO_PASSSEC, 1],
  SO_PASSRIGHTS: [s.SO_PASSRIGHTS, 1],
  SO_INQ: [s.SO_INQ, 1],
  SO_RXQ_OVFL: [s.SO_RXQ_OVFL, 1],
  SO_TIMESTAMP: [s.SO_TIMESTAMP, 1],
  SO_TIMESTAMPNS: [s.SO_TIMESTAMPNS, 1],
  SO_TIMESTAMPING: [s.SO_TIMESTAMPING, s.SOF_TIMESTAMPING_SOFTWARE | s.SOF_TIMESTAMPING_RX_SOFTWARE],
} as const;
type Name = keyof typeof ADDING;
const NAMES = Object.keys(ADDING) as Name[];

/** A pair whose second socket has these options, as far as this kernel and family support them. */
function pair(type: number, names: readonly Name[]): [s.Socket, s.Socket] {
  const [a, b] = unixPair(type);
  for (const name of names) nothrow.setsockopt(b.fd, s.SOL_SOCKET, ADDING[name][0], ADDING[name][1]);
  return [a, b];
}

const sets: [string, readonly Name[]][] = [
  ...NAMES.map((name): [string, Name[]] => [name, [name]]),
  ['all of them', NAMES],
];

describe('file descriptors arrive, whatever the options of the socket add', () => {
  for (const [what, names] of sets) {
    test(what, async () => {
      for (const type of [s.SOCK_STREAM, s.SOCK_DGRAM, s.SOCK_SEQPACKET]) {
        const before = openFds().size;
        const [a, b] = pair(type, names);
        await a.sendFds([0, 1], 'two');
        const { data, fds, flags } = await b.recvFds(10, 2);
        expect([String(data), fds.length, flags & s.MSG_CTRUNC]).toEqual(['two', 2, 0]);
        for (const fd of fds) s.close(fd);
        await a.send('plain');
        const plain = await b.recvFds(10, 0);
        expect([plain.fds, plain.flags & s.MSG_CTRUNC]).toEqual([[], 0]);
        a.close();
        b.close();
        expect(openFds().size).toBe(before);
      }
    });
  }
});

test('MSG_CTRUNC reports too many file descriptors, with and without options, and none is left open', async () => {
  for (const names of [[], NAMES]) {
    const before = openFds().size;
    const [a, b] = pair(s.SOCK_STREAM, names);
    for (const most of [0, 1, 4]) {
      await a.sendFds([0, 0, 0, 0, 0], 'five');
      const { fds, flags } = b.recvFdsSync(10, most);
      expect([fds.length, flags & s.MSG_CTRUNC]).toEqual([most, s.MSG_CTRUNC]);
      for (const fd of fds) s.close(fd);
    }
    a.close();
    b.close();
    expect(openFds().size).toBe(before);
  }
});

test('makefile({ fds }) emits file descriptors and plain bytes, whatever the options add', async () => {
  const [one, two] = unixPair(s.SOCK_STREAM);
  const waiting = two.recv(); // the first wait of a thread makes the descriptors of its epoll set
  await one.send('x');
  await waiting;
  const before = openFds().size;
  const [a, b] = pair(s.SOCK_STREAM, NAMES);
  const stream = b.makefile({ fds: 2 });
  const got: number[] = [];
  stream.on('fds', (fds: number[]) => got.push(...fds));
  await a.send('plain');
  expect(String((await once(stream, 'data'))[0])).toBe('plain');
  await a.sendFds([0, 1], 'two');
  await once(stream, 'data');
  expect(got).toHaveLength(2);
  for (const fd of got) s.close(fd);
  stream.destroy();
  a.close();
  await once(stream, 'close');
  expect(openFds().size).toBe(before);
});
