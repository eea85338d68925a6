/** File descriptors of a stream stay with their bytes, however slow the consumer is. */
import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import * as s from '../../lib/index.ts';
import { numbered, numberOf, openSockets } from '../helpers/fds.ts';
import { patient } from '../helpers/programs.ts';
import { unixPair } from '../helpers/sockets.ts';

/** Sends messages m0, m1 ... Each passes a file descriptor from which its number can be read. */
async function messages(socket: s.Socket, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const fd = numbered(i);
    await socket.sendFds([fd], `m${i}`);
    s.close(fd);
  }
}

const expected = (count: number) => Array.from({ length: count }, (_, i) => [`fd ${i}`, `data m${i}`]).flat();

/** Ways to consume a stream. Each calls a function for every chunk, and ends with the stream. */
const consumers: Record<string, (stream: s.SocketStream, chunk: (data: Buffer) => void) => Promise<void>> = {
  async 'a for await loop that rests'(stream, chunk) {
    for await (const data of stream) {
      chunk(data);
      for (let i = 0; i < 5; i++) await turn();
    }
  },
  async 'data events with pauses'(stream, chunk) {
    stream.on('data', async (data: Buffer) => {
      chunk(data);
      stream.pause();
      for (let i = 0; i < 5; i++) await turn();
      stream.resume();
    });
    await once(stream, 'end');
  },
  async 'read() when readable'(stream, chunk) {
    stream.on('readable', () => {
      for (let data = stream.read(); data !== null; data = stream.read()) chunk(data as Buffer);
    });
    await once(stream, 'end');
  },
  async 'read() in a loop of its own'(stream, chunk) {
    while (!stream.readableEnded) {
      const data = stream.read() as Buffer | null;
      if (data !== null) chunk(data);
      await turn();
    }
  },
};

for (const [name, consume] of Object.entries(consumers)) {
  test(`${name}: each fds event is followed by its bytes`, async () => {
    const before = openSockets();
    const [a, b] = unixPair();
    await messages(a, 8);
    a.shutdown(s.SHUT_WR);
    const stream = b.makefile({ fds: 4 });
    const events: string[] = [];
    stream.on('fds', (fds: number[]) => events.push(`fd ${fds.map(numberOf)}`));
    await consume(stream, (data) => events.push(`data ${data}`));
    expect(events).toEqual(expected(8));
    stream.destroy();
    a.close();
    await expect.poll(() => openSockets()).toBe(before);
  });
}

// The kernel ends a read after bytes with file descriptors, not before them.
test('plain bytes may precede and follow bytes with file descriptors', async () => {
  const [a, b] = unixPair();
  const stream = b.makefile({ fds: 4 });
  await a.sendAll('before');
  await messages(a, 1);
  await a.sendAll('after');
  a.shutdown(s.SHUT_WR);
  const events: string[] = [];
  stream.on('fds', (fds: number[]) => events.push(`fd ${fds.map(numberOf)}`));
  for await (const data of stream) {
    events.push(`data ${data}`);
    for (let i = 0; i < 5; i++) await turn();
  }
  expect(events).toEqual(['fd 0', 'data beforem0', 'data after']);
});

test('a listener that is added late still receives its file descriptors', async () => {
  const [a, b] = unixPair();
  const stream = b.makefile({ fds: 4 });
  onTestFinished(() => void stream.destroy());
  await messages(a, 2);
  for (let i = 0; i < 10; i++) await turn();
  const events: string[] = [];
  stream.on('fds', (fds: number[]) => events.push(`fd ${fds.map(numberOf)}`));
  stream.on('data', (data) => events.push(`data ${data}`));
  await expect.poll(() => events).toEqual(expected(2));
});

test('a stream that nobody reads holds the file descriptors of one message, and closes them', async () => {
  const before = openSockets();
  const [a, b] = unixPair();
  const stream = b.makefile({ fds: 4 });
  await messages(a, 50);
  for (let i = 0; i < 20; i++) await turn();
  // The two of the pair and one of a message; the rest stays in the kernel.
  expect(openSockets() - before).toBe(3);
  stream.destroy();
  a.close();
  await expect.poll(() => openSockets()).toBe(before);
});

test('3,000 messages of one byte do not hold 64 KiB each', async () => {
  const [a, b] = unixPair();
  const stream = b.makefile({ fds: 1, readableHighWaterMark: 10_000 });
  onTestFinished(() => void stream.destroy());
  globalThis.gc?.();
  const before = process.memoryUsage().arrayBuffers;
  for (let i = 0; i < 3000; i++) {
    await a.sendAll('x');
    while (stream.readableLength <= i) await turn();
  }
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(50_000_000);
  expect(stream.readableLength).toBe(3000);
});

test.for([
  ['bytes', 'fds', 'fds abcd'],
  ['fds', 'bytes', 'fds abcd'],
  ['fds', 'fds', 'fds fds abcd'],
  ['fds', 'end', 'fds ab end'],
])('read(size) gets the bytes of two messages: %s, then %s', async ([first, second, expected]) => {
  const [a, b] = unixPair();
  const stream = b.makefile({ fds: 1 });
  const events: string[] = [];
  stream.on('fds', (fds: number[]) => {
    events.push('fds');
    fds.forEach(s.close);
  });
  stream.on('readable', () => {
    for (let data = stream.read(4); data !== null; data = stream.read(4)) events.push(String(data));
  });
  stream.on('end', () => events.push('end'));
  const send = async (what: string | undefined, data: string) => {
    if (what === 'end') a.shutdown(s.SHUT_WR);
    else await a.sendFds(what === 'fds' ? [0] : [], data);
  };
  await send(first, 'ab');
  await expect.poll(() => stream.readableLength, patient).toBe(2);
  await send(second, 'cd');
  await expect.poll(() => events.join(' '), patient).toBe(expected);
  stream.destroy();
});
