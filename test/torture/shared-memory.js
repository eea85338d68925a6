// Another thread writes memory during each call that reads or writes it: bytes, lengths, counts, addresses, control
// headers, sets of file descriptors, structs of options. Nothing outside the buffers may change, no file descriptor may
// be closed or lost, and only errors may be thrown. Then follow buffers that change before the call:
// changed-buffers.js.
//   node test/torture/shared-memory.js [--rounds=20] [--seed=1]
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import * as s from '../../dist/index.js';
import { everyCall, openNow } from './shared-calls.js';

const GAP = 512;
const CANARY = 0xa5;
const SIZES = [
  [1, 3, 4, 8, 16, 20, 24, 28, 40, 64, 128, 128],
  [144, 196, 256, 512, 1040, 2000, 4096, 1024],
].flat();

/** Numbers with a meaning somewhere: lengths, counts, families, levels, types, indexes, and ends of ranges. */
const NUMBERS = [
  0, 1, 2, 3, 10, 16, 17, 20, 24, 28, 36, 41, 64, 127, 128, 129, 255, 256, 1023, 1024, 4096, 65535, 65536,
];
const ENDS = [-1, -2, 0x7fffffff, -0x80000000, 0x7ffffff0];

function* randomNumbers(seed) {
  for (let x = seed; ; ) {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    yield x >>> 8;
  }
}

function windows() {
  let at = GAP;
  return SIZES.map((size, i) => {
    const window = { at: at + (i % 3), size }; // unaligned offsets, too
    at += size + GAP;
    return window;
  });
}
const LENGTH = SIZES.reduce((sum, size) => sum + size + GAP, 2 * GAP);

if (!isMainThread) writeForEver(workerData);
else await main();

/** The other thread. */
function writeForEver({ memory, growable, victims, seed }) {
  const view = new DataView(memory);
  const numbers = randomNumbers(seed);
  const next = (most) => numbers.next().value % most;
  const values = [...NUMBERS, ...ENDS, ...victims, ...victims];
  const all = windows();
  parentPort.postMessage('writing'); // it opens no file descriptor from now on
  for (;;) {
    for (let i = 0; i < 1000; i++) {
      const { at, size } = all[next(all.length)];
      // The place of the first file descriptor in control data gets the number of one that did not arrive.
      if (size >= 20 && next(2) === 0) view.setInt32(at + 16, victims[next(victims.length)], true);
      else if (size < 4 || next(8) === 0) view.setUint8(at + next(size), next(256));
      else view.setInt32(at + 4 * next(Math.floor(size / 4)), values[next(values.length)], true);
    }
    if (growable.byteLength < growable.maxByteLength) growable.grow(growable.byteLength + 1);
  }
}

async function main() {
  const { values: options } = parseArgs({
    options: { rounds: { type: 'string', default: '20' }, seed: { type: 'string', default: '1' } },
  });
  const rounds = Number(options.rounds);
  const folder = mkdtempSync(join(tmpdir(), 'sys-socket-'));
  process.chdir(folder);
  try {
    const calls = await sharedMemory(rounds, Number(options.seed));
    const { changedBuffers } = await import('./changed-buffers.js');
    const changed = await changedBuffers(Math.ceil(rounds / 10));
    console.log(`shared memory: ${calls} calls on changing memory, ${changed} on changed buffers`);
  } finally {
    process.chdir('/');
    rmSync(folder, { recursive: true });
  }
}

async function sharedMemory(rounds, seed) {
  const memory = new SharedArrayBuffer(LENGTH);
  const growable = new SharedArrayBuffer(64, { maxByteLength: 65536 });
  const bytes = new Uint8Array(memory).fill(CANARY);
  const all = windows();
  const gaps = [];
  let end = 0;
  for (const { at, size } of [...all, { at: LENGTH, size: 0 }]) {
    gaps.push(bytes.subarray(end, at));
    end = at + size;
  }
  const clean = Buffer.alloc(Math.max(...gaps.map((gap) => gap.length)), CANARY);
  const w = (size) => {
    const { at } = all.find((window) => window.size >= size);
    return bytes.subarray(at, at + size);
  };
  const ints = (type, count) => {
    const at = Math.ceil(all.at(-2).at / 4) * 4;
    return new type(memory, at, count);
  };
  const { calls, victims, settle, opened } = everyCall({ w, ints, tracking: new Uint8Array(growable) });
  const worker = new Worker(new URL(import.meta.url), { workerData: { memory, growable, victims, seed } });
  worker.on('error', (error) => {
    throw error;
  });
  await new Promise((resolve) => worker.once('message', resolve));
  const count = () => openNow().size;
  const identities = victims.map((fd) => s.getsockopt(fd, s.SOL_SOCKET, s.SO_COOKIE, 8).toString('hex'));
  const check = (name) => {
    for (const gap of gaps) {
      if (clean.compare(gap, 0, gap.length, 0, gap.length) !== 0) throw new Error(`${name} wrote outside its buffer`);
    }
  };
  const before = count();
  let made = 0;
  for (let round = 0; round < rounds; round++) {
    for (const [name, call] of Object.entries(calls)) {
      settle();
      try {
        call();
      } catch (error) {
        const known = error instanceof TypeError || error instanceof RangeError || s.isErrno(error);
        if (!known && !(error instanceof s.AddressInfoError || error instanceof s.HostError)) throw error;
      }
      made++;
      check(name);
    }
    settle();
    const left = count() - before;
    if (left !== 0) throw new Error(`${left} file descriptors are still open`);
  }
  await worker.terminate();
  const now = victims.map((fd) => s.getsockopt(fd, s.SOL_SOCKET, s.SO_COOKIE, 8).toString('hex'));
  if (String(now) !== String(identities)) throw new Error('a file descriptor that had not arrived was closed');
  for (const fd of opened) s.close(fd);
  return made;
}
