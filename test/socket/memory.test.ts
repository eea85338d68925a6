/** Results own their memory, at most twice their size or as a part of a small pool, and pending reads reserve none. */
import { expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import { need, node } from '../helpers/need.ts';
import { failure, unixPair } from '../helpers/sockets.ts';

/** The pool of small results is at most as large as that of Buffer.allocUnsafe. */
const POOL = Buffer.poolSize + 64; // 8 KiB, 64 KiB from Node 24 on, and its alignment
const held = ({ buffer, length }: Buffer) => buffer.byteLength <= Math.max(POOL, 2 * length);

test.each([5, 3000, 20_000, 40_000, 65_536, 150_000])(
  '%d bytes hold no more memory than they need, whatever the size asked for',
  async (length) => {
    const [a, b] = unixPair(s.SOCK_SEQPACKET);
    for (const size of [length, 65_536, 1 << 20, 4 << 20]) {
      if (size < length) continue;
      const receives = [
        () => b.recv(size),
        async () => b.recvSync(size),
        async () => (await b.recvfrom(size)).data,
        async () => (await b.recvFds(size, 1)).data,
      ];
      for (const receive of receives) {
        a.sendSync(Buffer.alloc(length, 'x'));
        const data = await receive();
        expect([data.length, held(data)], `of ${size}, in ${data.buffer.byteLength}`).toEqual([length, true]);
      }
    }
  },
);

test('tiny results that are kept hold at most a kilobyte each, whatever is received between them', async () => {
  const [a, b] = unixPair(s.SOCK_SEQPACKET);
  const kept = new Set<ArrayBufferLike>();
  for (let i = 0; i < 500; i++) {
    for (const size of [1, 64, 65, 2000]) {
      a.sendSync(Buffer.alloc(size));
      const { buffer } = await b.recv();
      if (size <= 64 && i % 10 === 0) kept.add(buffer);
    }
  }
  expect([...kept].map(({ byteLength }) => byteLength).filter((length) => length > 1024)).toEqual([]);
});

test('a thousand pending reads of a megabyte reserve no memory', async (context) => {
  need(context, node);
  const [, b] = unixPair();
  const before = process.memoryUsage().arrayBuffers;
  const waits = Array.from({ length: 1000 }, (_, i) => failure(i % 2 ? b.recv(1 << 20) : b.recvFds(1 << 20, 1)));
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 << 20);
  b.close();
  await Promise.all(waits);
});

test('small results do not share bytes, and their pool cannot be transferred away', async () => {
  const [a, b] = unixPair(s.SOCK_DGRAM);
  const kept: Buffer[] = [];
  for (let i = 0; i < 500; i++) {
    a.sendSync(String(i).repeat(10));
    kept.push(await b.recv());
    const buffer = kept[i]!.buffer as ArrayBuffer;
    if (i % 50 === 0) {
      try {
        structuredClone(buffer, { transfer: [buffer] }); // Node 20 copies it
      } catch {}
    }
  }
  expect(kept.map(String)).toEqual(kept.map((_, i) => String(i).repeat(10)));
});
