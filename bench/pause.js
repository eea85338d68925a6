// Measures the delay of a 5 ms timer while 1 GB is sent to a reader that keeps up, here and with node:net, in turns.
//   node bench/pause.js         node bench/pause.js <sys-socket or node:net> <port>: runs one round
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import * as s from 'sys-socket';

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 7);
const BYTES = 1_000_000_000;
/** The maximum ratio of the longest pause to that of node:net. */
const LIMIT = 2;
const contestants = ['sys-socket', 'node:net'];

const send = {
  async 'sys-socket'(port, data) {
    const socket = await s.createConnection({ host: '127.0.0.1', port });
    const began = performance.now();
    await socket.sendAll(data);
    const time = performance.now() - began;
    socket.close();
    return time;
  },
  async 'node:net'(port, data) {
    const socket = net.connect(port, '127.0.0.1');
    await once(socket, 'connect');
    const began = performance.now();
    await new Promise((resolve) => socket.write(data, resolve));
    const time = performance.now() - began;
    socket.destroy();
    return time;
  },
};

async function round(name, port) {
  const data = Buffer.alloc(BYTES);
  let last = performance.now();
  let longest = 0;
  const look = () => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  };
  const timer = setInterval(look, 5);
  const time = await send[name](port, data);
  look();
  clearInterval(timer);
  console.log(JSON.stringify({ longest, time }));
}

const median = (list) => list.toSorted((a, b) => a - b)[list.length >> 1];

async function main() {
  const reader = spawn(join(import.meta.dirname, 'build/Release/server'), ['bulk-in'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const [port] = await once(createInterface(reader.stdout), 'line');
    const results = Object.fromEntries(contestants.map((name) => [name, []]));
    for (let i = 0; i < ROUNDS; i++) {
      for (const name of i % 2 === 0 ? contestants : contestants.toReversed()) {
        const { stdout, status } = spawnSync(process.execPath, [fileURLToPath(import.meta.url), name, port], {
          encoding: 'utf8',
          stdio: ['ignore', 'pipe', 'inherit'],
        });
        if (status !== 0) throw new Error(`${name} ended with ${status}`);
        results[name].push(JSON.parse(stdout));
      }
    }
    console.log('\nThe longest pause of a timer of 5 ms while 1 GB is sent to a reader that keeps up');
    for (const name of contestants) {
      const pauses = results[name].map(({ longest }) => longest);
      const worst = Math.max(...pauses).toFixed(0);
      const time = median(results[name].map((result) => result.time)).toFixed(0);
      console.log(`${name.padEnd(12)} ${median(pauses).toFixed(0)} ms (at most ${worst}), sent in ${time} ms`);
    }
    const ratio = median(results['sys-socket'].map(({ longest }, i) => longest / results['node:net'][i].longest));
    console.log(
      `${ratio.toFixed(2)} x that of node:net: ${ratio <= LIMIT ? 'met' : 'NOT MET'}: at most ${LIMIT.toFixed(2)}`,
    );
  } finally {
    reader.kill();
  }
}

const [name, port] = process.argv.slice(2);
if (name in send) await round(name, Number(port));
else await main();
