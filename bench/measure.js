// What the benchmarks share: a server and its load, each a process on a CPU of its own. They measure the CPU time of
// the server for each operation, in rounds that take turns, so that a change of the machine affects all, and report
// medians.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const here = import.meta.dirname;
const binary = (name) => join(here, 'build/Release', name);
const server = (name) => join(here, 'servers', name);
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 7);

/** The command that starts each implementation. */
const IMPLEMENTATIONS = {
  c: [binary('server')],
  'sys-socket': [process.execPath, server('sys-socket.js')],
  'node:net': [process.execPath, server('node.js')],
  'node:dgram': [process.execPath, server('node.js')],
  python: ['python3', server('python.py')],
};

const pinned = cpus().length > 1 && spawnSync('taskset', ['-c', '1', 'true']).status === 0;
const on = (cpu, command) => (pinned ? ['taskset', '-c', String(cpu), ...command] : command);

const median = (list) => list.toSorted((a, b) => a - b)[list.length >> 1];

async function start(implementation, role, argument) {
  const [program, ...rest] = on(0, [...IMPLEMENTATIONS[implementation], role, ...argument]);
  const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'inherit'] });
  const failed = once(child, 'error').then(([error]) => error.message);
  const ended = once(child, 'exit').then(([status]) => `ended with ${status}`);
  const line = once(createInterface(child.stdout), 'line').then(([address]) => ({ child, address }));
  const first = await Promise.race([line, failed, ended]);
  return typeof first === 'string' ? { reason: first } : first;
}

/** Runs one round, and returns the nanoseconds of CPU time for each operation. */
function load({ child, address }, { role, size = 64, width = 1, together = false }, count) {
  const [program, ...rest] = on(
    together ? 0 : 1,
    [binary('load'), role, child.pid, address, size, count, width].map(String),
  );
  const { status, stdout } = spawnSync(program, rest, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: 60_000,
  });
  if (status !== 0) throw new Error(`the load ${role} failed`);
  const [operations, cpu] = stdout.trim().split(' ').map(Number);
  return cpu / operations;
}

/**
 * Measures the contestants of a subject, side by side.
 *
 * @param subject { title, role, size, count, width, path, together, contestants: [{ name, implementation, role, count }],
 *   targets }. With `together`, both run on one CPU. If they run on two and one waits for the other, waking another CPU
 *   costs more than everything else, and the sender pays for it.
 */
export async function measure(subject) {
  const { title, contestants, size = 64, count, path = false, targets = {} } = subject;
  const folder = mkdtempSync(join(tmpdir(), 'bench-'));
  const running = [];
  try {
    for (const [i, contestant] of contestants.entries()) {
      const argument = path ? [join(folder, String(i))] : [String(size)].filter(() => subject.role === 'datagrams-out');
      const started = await start(contestant.implementation, contestant.role ?? subject.role, argument);
      if (started.reason === undefined) running.push({ ...contestant, ...started, costs: [] });
      else console.log(`${contestant.name}: left out, ${started.reason}`);
    }
    for (let round = -1; round < ROUNDS; round++) {
      const order = round % 2 === 0 ? running : running.toReversed();
      for (const one of order) {
        const cost = load(one, subject, one.count ?? count);
        if (round >= 0) one.costs.push(cost);
      }
    }
    return print(title, running, targets);
  } finally {
    for (const { child } of running) child.kill();
    rmSync(folder, { recursive: true });
  }
}

/** Returns how many times the CPU time of `one` fits into that of `other`: the median of all rounds. */
function ratio(one, other) {
  return median(other.costs.map((cost, round) => cost / one.costs[round]));
}

function print(title, running, targets) {
  const references = running.filter(({ name }) => name === 'C' || name.startsWith('node:') || name === 'Python');
  console.log(`\n${title}`);
  const head = ['', 'CPU ns', ...references.map(({ name }) => `x ${name}`), ''];
  const rows = running.map((one) => {
    const verdicts = (targets[one.name] ?? []).map(({ than, least }) => {
      const other = running.find(({ name }) => name === than);
      if (other === undefined) return '';
      const reached = ratio(one, other) >= least;
      return `${reached ? 'met' : 'NOT MET'}: ${least.toFixed(2)} x ${than}`;
    });
    return [
      one.name,
      median(one.costs).toFixed(0),
      ...references.map((other) => ratio(one, other).toFixed(2)),
      verdicts.join(', '),
    ];
  });
  const widths = head.map((_, i) => Math.max(...[head, ...rows].map((row) => row[i].length)));
  for (const row of [head, ...rows]) {
    console.log(
      row
        .map((cell, i) => (i === 0 || i === row.length - 1 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])))
        .join('  ')
        .trimEnd(),
    );
  }
}
