// Runs operations with a timeout and a signal that end in every way, and checks that they leave no file descriptors,
// memory, timers or listeners behind.
//   node --expose-gc scripts/stress-operations.js [--count=100000]
import { getEventListeners } from 'node:events';
import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import * as s from '../dist/index.js';

const { values } = parseArgs({ options: { count: { type: 'string', default: '100000' } } });
const count = Number(values.count);
/** The number of operations in one round. */
const ROUND = 100;
/** The number of bytes that each operation may leave behind, for what V8 keeps for its own purposes. */
const MOST = 8;

const fds = () => readdirSync('/proc/self/fd').length;
const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
const name = (error) => error.name;
const long = new AbortController();
const begin = [
  (socket, options) => socket.recv(64, 0, options),
  (socket, options) => socket.recvInto(Buffer.alloc(64), 0, options),
  (socket, options) => socket.recvfrom(64, 0, options),
  (socket, options) => socket.recvmsg({ buffers: [Buffer.alloc(64)] }, 0, options),
  (socket, options) => socket.readable(options),
];

/** The number of operations by how they ended. */
const ends = { done: 0, TimeoutError: 0, AbortError: 0, ClosedError: 0 };

/** Runs operations on one pair of sockets, which data, a timeout, a signal or close ends. */
async function round(first) {
  const [a, b] = s.Socket.pair(s.SOCK_DGRAM);
  const short = new AbortController();
  const waits = Array.from({ length: ROUND }, (_, i) => {
    const how = (first + i) % 4;
    const options = { timeout: how === 1 ? 1 : 60_000, signal: how === 2 ? short.signal : long.signal };
    return begin[(first + i) % begin.length](b, options).then(() => 'done', name);
  });
  for (let i = 0; i < ROUND / 4; i++) await a.send('x', 0, { timeout: 60_000, signal: long.signal });
  await sleep(2);
  short.abort();
  await sleep(0);
  b.close();
  a.close();
  for (const end of await Promise.all(waits)) ends[end]++;
}

async function rounds(operations) {
  for (let i = 0; i < operations; i += 10 * ROUND) {
    await Promise.all(Array.from({ length: 10 }, (_, j) => round(i / ROUND + j)));
  }
}

/** Returns the bytes of memory in use after a full garbage collection. */
async function heap() {
  for (let i = 0; i < 4; i++) {
    gc();
    await sleep(10);
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

await rounds(10_000); // warms up, so that whatever is created only once exists
for (const end of Object.keys(ends)) ends[end] = 0;
const before = { fds: fds(), timers: timers(), heap: await heap() };
await rounds(count);
const grown = (await heap()) - before.heap;
const left = {
  descriptors: fds() - before.fds,
  timers: timers() - before.timers,
  listeners: getEventListeners(long.signal, 'abort').length,
};
const total = Object.values(ends).reduce((sum, n) => sum + n);
const broken = Object.entries(left).filter(([, n]) => n !== 0);
if (grown > MOST * count) broken.push(['bytes', grown]);
for (const [end, n] of Object.entries(ends)) if (n === 0) broken.push([end, n]);
console.log(
  `operations: ${total} with timeout and signal (${Object.entries(ends).map(([end, n]) => `${end} ${n}`)}), left: ` +
    `${Object.entries(left).map(([what, n]) => `${n} ${what}`)}, ${(grown / 1024).toFixed(0)} KiB of memory` +
    (broken.length === 0 ? '' : `; VIOLATED: ${broken.map(([what, n]) => `${n} ${what}`)}`),
);
process.exitCode = broken.length === 0 ? 0 : 1;
