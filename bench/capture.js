// Measures captures at full rate: the CPU time for each packet, and the losses, of this library, a C reader of the same
// ring, tcpdump, npm's cap and scapy. For each size, all readers run side by side, each on a link of its own, and
// receive many short floods in turns.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { possible, World } from './capture-world.js';

const here = import.meta.dirname;
const RING = 128 << 20;
/** The block size that openCapture chooses. */
const BLOCK = RING / 16;
const RETIRE = 100;
const ROUNDS = Number(process.env.BENCH_CAPTURE_ROUNDS ?? 15);
/** The number of rounds with floods that are longer than the ring. */
const LONG_ROUNDS = Math.ceil(ROUNDS / 5);
const CAP = 'cap@0.2.1';
/** The packets in a round: first a number that fits into the ring, then one that does not. */
const SIZES = [
  { size: 60, packets: 100_000, long: 1_000_000 },
  { size: 1400, packets: 60_000, long: 150_000 },
];
const LONG = ['c', 'fields', 'views', 'tcpdump'];
/** The maximum ratio of CPU time to that of the C reader. */
const LIMITS = { 60: { fields: 1.15, views: 1.3 }, 1400: { fields: 1.3, views: 1.3 } };

const median = (list) => list.toSorted((a, b) => a - b)[list.length >> 1];

/** Readers that end when their standard input ends, and then print packets, bytes and drops. */
const own = {
  ready: 'ready\n',
  stop: (child) => child.stdin.end(),
  count: (printed) => Number(printed.trim().split('\n').at(-1).split(' ')[0]),
};
const reader = (way) => ({
  ...own,
  command: (name) => [process.execPath, join(here, 'readers/sys-socket.js'), name, String(RING), way],
});

const readers = {
  c: {
    ...own,
    title: 'C, TPACKET_V3',
    command: (name) => [join(here, 'build/Release/reader'), name, String(RING), String(BLOCK), String(RETIRE)],
  },
  fields: { ...reader('fields'), title: 'blocks(), cursor, fields of each' },
  views: { ...reader('views'), title: 'blocks(), cursor, data of each' },
  objects: { ...reader('objects'), title: 'blocks(), an object for each' },
  packets: { ...reader('packets'), title: 'for await of packets' },
  tcpdump: {
    title: 'tcpdump -w /dev/null',
    missing: () => (spawnSync('tcpdump', ['--version']).status === 0 ? undefined : 'it is not there'),
    command: (name) => ['tcpdump', '-Z', 'root', '-i', name, '-B', String(RING >> 10), '-w', '/dev/null'],
    ready: 'listening on',
    stop: (child) => child.kill('SIGINT'),
    count: (printed) => Number(/(\d+) packets? captured/.exec(printed)?.[1] ?? Number.NaN),
  },
  cap: {
    ...own,
    title: `npm ${CAP}`,
    missing: installCap,
    command: (name, folder) => [process.execPath, join(here, 'readers/cap.cjs'), name, String(RING), folder],
  },
  scapy: {
    ...own,
    title: 'Python, scapy',
    fewer: 20,
    missing: () => (python() === undefined ? 'no python3 has it' : undefined),
    command: (name) => [python(), join(here, 'readers/scapy_reader.py'), name],
  },
};

/** Returns a Python that has scapy. */
function python() {
  return ['python3', '/usr/bin/python3'].find((path) => spawnSync(path, ['-c', 'import scapy.all']).status === 0);
}

/** Installs npm's cap in a folder of its own; returns the reason if that fails. */
function installCap(folder) {
  const { status, stderr } = spawnSync('npm', ['install', '--loglevel=error', '--no-audit', '--no-fund', CAP], {
    cwd: folder,
    encoding: 'utf8',
  });
  if (status === 0 && existsSync(join(folder, 'node_modules/cap/build/Release/cap.node'))) return undefined;
  return /fatal error: [^\n]*|error: [^\n]*/.exec(stderr)?.[0] ?? (stderr.trim().split('\n').at(-1) || 'npm install');
}

/** Compares all readers at one packet size. Returns whether the limits were met. */
async function compare({ size, packets, long }, names, folder) {
  const world = await World.open();
  try {
    const runs = {};
    for (const name of names) {
      const { command, ready } = readers[name];
      runs[name] = await world.start({ command: (link) => command(link, folder), ready });
    }
    const flood = (name, count) => world.flood(runs[name], Math.ceil(count / (readers[name].fewer ?? 1)), size);
    for (let round = -2; round < ROUNDS; round++) {
      for (const name of round % 2 === 0 ? names : names.toReversed()) {
        const time = await flood(name, packets);
        if (round >= 0) runs[name].times.push(time);
      }
    }
    for (let round = 0; round < LONG_ROUNDS; round++)
      for (const name of LONG) if (name in runs) await flood(name, long);
    for (const name of names) {
      const run = runs[name];
      readers[name].stop(run.child);
      await run.ended;
      run.share = readers[name].count(run.printed) / run.sent;
    }
    return print(size, names, runs);
  } finally {
    world.close();
  }
}

function print(size, names, runs) {
  // A reader had no work with the packets that it lost.
  const times = (name) => runs[name].times.map((time) => time / runs[name].share);
  const ratio = (name) => median(times(name).map((time, round) => time / times('c')[round]));
  console.log(`\n${size} bytes, ${ROUNDS} rounds: CPU time for a packet, and packets lost of all that were sent`);
  for (const name of names) {
    const time = `${median(times(name)).toFixed(1)} ns`;
    const limit = LIMITS[size][name];
    const verdict = limit === undefined ? '' : `${ratio(name) <= limit ? 'met' : 'NOT MET'}: at most ${limit} x`;
    const lost = `${(100 * (1 - runs[name].share)).toFixed(2)} %`;
    const cells = [readers[name].title.padEnd(34), time.padStart(10), `${ratio(name).toFixed(2)} x C`.padStart(11)];
    console.log([...cells, lost.padStart(8), verdict].join('  ').trimEnd());
  }
  const lossless = ['fields', 'views'].every((name) => runs[name].share >= Math.min(1, runs.c.share));
  console.log(`no loss where C has none: ${lossless ? 'met' : 'NOT MET'}`);
  return lossless && Object.entries(LIMITS[size]).every(([name, limit]) => ratio(name) <= limit);
}

async function main() {
  const folder = mkdtempSync(join(tmpdir(), 'sys-socket-bench-'));
  try {
    const names = Object.keys(readers).filter((name) => {
      const reason = readers[name].missing?.(folder);
      if (reason !== undefined) console.log(`${readers[name].title}: left out, ${reason}`);
      return reason === undefined;
    });
    for (const one of SIZES) if (!(await compare(one, names, folder))) process.exitCode = 1;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

if (possible) await main();
else console.log('Captures are not measured, because this process cannot create network namespaces.');
