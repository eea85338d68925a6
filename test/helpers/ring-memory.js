/** Checks the memory of a ring when it is transferred. Run by test/packet/capture/ring.test.ts on each release line of Node. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { ReadableStream } from 'node:stream/web';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import * as s from '../../dist/index.js';
import { openCapture } from '../../dist/packet/index.js';

async function captured(options) {
  const capture = openCapture({ interface: 'lo', immediate: true, filter: 'udp dst port 9', ...options });
  const fd = s.socket(s.AF_INET, s.SOCK_DGRAM);
  s.sendto(fd, 'hello', 0, { family: s.AF_INET, address: '127.0.0.1', port: 9 });
  s.close(fd);
  const { value: packet } = await capture[Symbol.asyncIterator]().next();
  return { capture, packet };
}

const ways = {
  /** A worker ends while its capture is open. */
  async open() {
    const { packet } = await captured({ ringSize: 1 << 20 });
    return packet.data.length > 0;
  },
  /** A byte stream transfers the memory, and then a message to another thread does. */
  async stream() {
    const { packet } = await captured({ ringSize: 1 << 20 });
    const stream = new ReadableStream({ type: 'bytes', start: (controller) => controller.enqueue(packet.data) });
    const { value } = await stream.getReader().read();
    return value.buffer;
  },
  /** ArrayBuffer.prototype.transfer, if it exists, transfers the memory, also from a capture that is closed afterwards. */
  async transfer() {
    const { capture, packet } = await captured({ ringSize: 1 << 20 });
    const { buffer } = packet.data;
    const taken = buffer.transfer?.() ?? new ArrayBuffer(1 << 20);
    capture.close();
    return taken;
  },
};

/** The address space has no room for a ring: packets arrive without one. */
async function crowded() {
  const limit = (bytes) => execFileSync('prlimit', ['--pid', String(process.pid), `--as=${bytes}:`]);
  const size = Number(/VmSize:\s*(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) * 1024;
  limit(size + (24 << 20));
  const late = setTimeout(() => process.exit(9), 60_000);
  const { capture, packet } = await captured({ snaplen: 100 });
  limit('unlimited');
  clearTimeout(late);
  const result = [capture.isRing, packet.originalLength];
  capture.close();
  return result;
}

if (isMainThread) {
  const results = {};
  for (const way of Object.keys(ways)) {
    const worker = new Worker(new URL(import.meta.url), { workerData: way });
    const value = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
    await worker.terminate();
    if (value instanceof ArrayBuffer) {
      // Every page can be read and written, and none belongs to the kernel any more.
      const bytes = new Uint8Array(value);
      results[way] = [bytes.length, bytes.every((byte) => byte === 0)];
      bytes.fill(1);
    } else results[way] = value;
  }
  results.crowded = await crowded();
  console.log(JSON.stringify(results));
} else {
  const value = await ways[workerData]();
  parentPort.postMessage(value, value instanceof ArrayBuffer ? [value] : []);
  setInterval(() => {}, 1000);
}
