// Capturing at full rate: CPU time for a packet and losses of this library beside a C reader of the same ring, tcpdump and
// npm's cap, in turns. A C program sends from another network namespace; sender and reader have a processor each.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const here = import.meta.dirname;
const PACKETS = 300_000;
const RING = 128 << 20;
/** What openCapture makes of it. */
const BLOCK = RING / 16;
const RETIRE = 100;
const ROUNDS = Number(process.env.BENCH_CAPTURE_ROUNDS ?? 7);
const CAP = 'cap@0.2.1';
/** What is promised: the most CPU time beside the C reader, and the least gain over cap. */
const LIMITS = { c: 1.5, cap: 6 };

const two = availableParallelism() > 1;
const pin = (processor) => (two ? ['taskset', '-c', String(processor)] : []);

/** A network namespace, held by a process. */
async function namespace() {
  const holder = spawn('unshare', ['-n', 'sh', '-c', 'echo ready; exec sleep 10000'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await Promise.race([once(holder.stdout, 'data'), once(holder, 'exit')]);
  return { holder, enter: ['nsenter', '-t', String(holder.pid), '-n'] };
}

function run(...command) {
  const { status, stderr } = spawnSync(command[0], command.slice(1), { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command.join(' ')}: ${stderr}`);
}

/** Nanoseconds of CPU time of all threads of a process. */
function cpu(pid) {
  const folder = `/proc/${pid}/task`;
  return readdirSync(folder).reduce(
    (sum, task) => sum + Number(readFileSync(`${folder}/${task}/schedstat`, 'latin1').split(' ')[0]),
    0,
  );
}

/** Waits until a process has nothing to do any more. */
async function idle(pid) {
  for (let before = -1, now = cpu(pid); now - before > 1e6; now = cpu(pid)) {
    before = now;
    await sleep(150);
  }
}

/** One reader: warmed up by one flood, measured in another. */
async function measure({ command, ready, stop, result }, { receiver, sender }, size) {
  const child = spawn(receiver.enter[0], [...receiver.enter.slice(1), ...pin(1), ...command]);
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      printed += chunk;
    });
  }
  const ended = once(child, 'close');
  while (!printed.includes(ready)) {
    if (child.exitCode !== null) throw new Error(printed);
    await sleep(20);
  }
  await sleep(100);
  const flood = () =>
    run(...sender.enter, ...pin(0), join(here, 'build/Release/flood'), 'v1', String(PACKETS), String(size));
  flood();
  await idle(child.pid);
  const before = cpu(child.pid);
  flood();
  await idle(child.pid);
  const time = cpu(child.pid) - before;
  stop(child);
  await ended;
  const [packets, dropped] = result(printed);
  const share = packets / (2 * PACKETS);
  return { time: time / (share * PACKETS), lost: 1 - share, dropped };
}

const own = {
  ready: 'ready\n',
  stop: (child) => child.stdin.end(),
  result: (printed) => {
    const [packets, , dropped] = printed.trim().split('\n').at(-1).split(' ').map(Number);
    return [packets, dropped];
  },
};
const reader = (way) => ({
  ...own,
  command: [process.execPath, join(here, 'readers/sys-socket.js'), 'v0', String(RING), way],
});
const number = (printed, pattern) => Number(pattern.exec(printed)?.[1] ?? Number.NaN);

const readers = {
  c: { ...own, command: [join(here, 'build/Release/reader'), 'v0', String(RING), String(BLOCK), String(RETIRE)] },
  fields: reader('fields'),
  views: reader('views'),
  objects: reader('objects'),
  packets: reader('packets'),
  tcpdump: {
    command: ['tcpdump', '-Z', 'root', '-i', 'v0', '-B', String(RING >> 10), '-w', '/dev/null'],
    ready: 'listening on',
    stop: (child) => child.kill('SIGINT'),
    result: (printed) => [
      number(printed, /(\d+) packets? captured/),
      number(printed, /(\d+) packets? dropped by kernel/),
    ],
  },
};
const NAMES = {
  c: 'C, TPACKET_V3',
  fields: 'blocks(), cursor, fields of each',
  views: 'blocks(), cursor, data of each',
  objects: 'blocks(), an object for each',
  packets: 'for await of packets',
  tcpdump: 'tcpdump -w /dev/null',
  cap: `npm ${CAP}`,
};

/** npm's cap in a folder of its own, or why there is none. */
function installCap(folder) {
  const { status, stderr } = spawnSync('npm', ['install', '--silent', '--no-audit', '--no-fund', CAP], {
    cwd: folder,
    encoding: 'utf8',
  });
  if (status === 0 && existsSync(join(folder, 'node_modules/cap/build/Release/cap.node'))) return undefined;
  const reason =
    /fatal error: [^\n]*|error: [^\n]*/.exec(stderr)?.[0] ?? (stderr.trim().split('\n').at(-1) || 'npm install');
  return `${CAP} cannot be built here: ${reason}`;
}

const median = (list) => list.toSorted((a, b) => a - b)[list.length >> 1];

async function compare(size, world) {
  const results = Object.fromEntries(Object.keys(readers).map((name) => [name, []]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const name of Object.keys(readers)) results[name].push(await measure(readers[name], world, size));
  }
  const ratio = (name, to) => median(results[name].map(({ time }, i) => time / results[to][i].time));
  console.log(`\n${PACKETS} packets of ${size} bytes, ${ROUNDS} rounds: CPU time for a packet, packets lost`);
  for (const [name, list] of Object.entries(results)) {
    const lost = Math.max(...list.map((result) => result.lost));
    const beside = [`${ratio(name, 'c').toFixed(2)} x C`];
    if (readers.cap !== undefined && name !== 'cap') beside.push(`${ratio('cap', name).toFixed(1)} x less than cap`);
    const time = `${median(list.map((result) => result.time)).toFixed(0)} ns`;
    console.log(
      `${NAMES[name].padEnd(32)} ${time.padStart(8)}  ${beside.join(', ').padEnd(36)}  ${(100 * lost).toFixed(1)} %`,
    );
  }
  const verdicts = {
    'no loss': results.views.every(({ lost, dropped }) => lost === 0 && dropped === 0),
    [`at most ${LIMITS.c} x C`]: ratio('views', 'c') <= LIMITS.c,
  };
  if (readers.cap !== undefined)
    verdicts[`at least ${LIMITS.cap} x less than cap`] = ratio('cap', 'views') >= LIMITS.cap;
  console.log(
    Object.entries(verdicts)
      .map(([what, met]) => `${what}: ${met ? 'ok' : 'NOT MET'}`)
      .join('; '),
  );
  return !Object.values(verdicts).includes(false);
}

async function main() {
  const folder = mkdtempSync(join(tmpdir(), 'sys-socket-bench-'));
  const [receiver, sender] = [await namespace(), await namespace()];
  try {
    const id = (space) => String(space.holder.pid);
    run('ip', 'link', 'add', 'v0', 'netns', id(receiver), 'type', 'veth', 'peer', 'name', 'v1', 'netns', id(sender));
    for (const [{ enter }, name] of [
      [receiver, 'v0'],
      [sender, 'v1'],
    ]) {
      // Nobody else says anything on the link.
      run(...enter, 'ip', 'link', 'set', name, 'addrgenmode', 'none', 'up');
    }
    const missing = installCap(folder);
    if (missing !== undefined) console.log(missing);
    else {
      const command = [process.execPath, join(here, 'readers/cap.cjs'), 'v0', String(RING), folder];
      readers.cap = { ...own, command };
    }
    if (spawnSync('tcpdump', ['--version']).status !== 0) delete readers.tcpdump;
    for (const size of [60, 1400]) if (!(await compare(size, { receiver, sender }))) process.exitCode = 1;
  } finally {
    for (const { holder } of [receiver, sender]) holder.kill();
    rmSync(folder, { recursive: true });
  }
}

if (spawnSync('unshare', ['-n', 'true']).status === 0) await main();
else console.log('Captures are not measured: there are no network namespaces here.');
