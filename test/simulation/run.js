// Runs schedules of the event loop under a simulated kernel, each from a seed.
//   node test/simulation/run.js [--seed=N] [--count=N] [--first=N] [--defect=NAME] [--workers=N] [--all]
// --seed replays one schedule and prints every step; otherwise `count` schedules run from `first` on, and the first
// seed that fails is reported. --all prints how often each kind of failure occurs, with the first seeds of each.
// --defect plants a defect into the library: see defects.js.
import { setMaxListeners } from 'node:events';
import { register } from 'node:module';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { defects } from './defects.js';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    count: { type: 'string', default: '1000' },
    first: { type: 'string' },
    defect: { type: 'string' },
    workers: { type: 'string', default: '1' },
    all: { type: 'boolean', default: false },
  },
});

async function load() {
  const planted = values.defect === undefined ? [] : defects[values.defect];
  if (planted === undefined)
    throw new Error(`there is no defect ${values.defect}; the defects are ${Object.keys(defects).join(', ')}`);
  register('./loader.js', import.meta.url, { data: { defects: planted } });
  const simulation = await import('./schedule.js');
  simulation.prepare();
  return simulation;
}

async function range(first, count) {
  const { run } = await load();
  for (let seed = first; seed < first + count; seed++) {
    const violations = await run(seed);
    if (violations.length > 0)
      return { seed, violations: violations.map(({ stack }) => stack.replaceAll(/^ .*test.simulation.*\n?/gm, '')) };
  }
  return undefined;
}

/** Runs a range in its own thread: after a failure the state of the library is undefined. */
function thread(first, count, failed) {
  const worker = new Worker(fileURLToPath(import.meta.url), {
    workerData: { first, count },
    argv: process.argv.slice(2),
    // The warnings of missing file descriptors are expected here.
    execArgv: ['--no-warnings'],
  });
  failed?.addEventListener('abort', () => worker.terminate(), { once: true });
  return new Promise((resolve, reject) => {
    worker.on('message', resolve).on('error', reject);
    worker.on('exit', (code) => {
      if (failed?.aborted) resolve(undefined);
      else reject(new Error(`the thread that starts at seed ${first} ended with ${code}`));
    });
  });
}

/** How many schedules one thread runs: memory stays small, and a failure is reported before all have run. */
const PART = 5000;

/** Runs several threads at once; returns the first failure. */
async function parallel(first, count, workers) {
  let next = first;
  let failure;
  const failed = new AbortController();
  setMaxListeners(0, failed.signal);
  const work = async () => {
    while (failure === undefined && next < first + count) {
      const from = next;
      next = Math.min(from + PART, first + count);
      const found = await thread(from, next - from, failed.signal);
      if (found === undefined || failure !== undefined) continue;
      failure = found;
      failed.abort();
    }
  };
  await Promise.all(Array.from({ length: workers }, work));
  return failure;
}

/** Continues after each failure, and prints how often each kind occurs, with the first seeds. */
async function tally(first, count) {
  const kinds = new Map();
  for (let from = first; from < first + count; ) {
    const failure = await thread(from, first + count - from);
    if (failure === undefined) break;
    const text = failure.violations[0].split('\n')[0].replaceAll(/\d+/g, 'N');
    if (!kinds.has(text)) console.log(`seed ${failure.seed}: ${text}`);
    kinds.set(text, [...(kinds.get(text) ?? []), failure.seed]);
    from = failure.seed + 1;
  }
  for (const [text, seeds] of kinds) console.log(`${seeds.length} x (seeds ${seeds.slice(0, 5).join(' ')}) ${text}`);
  if (kinds.size === 0) console.log(`${count} schedules: nothing is violated`);
  else process.exitCode = 1;
}

/** Prints every step of a schedule, after the earlier schedules that it needs to fail. */
async function replay(seed, first) {
  const { run, kernel } = await load();
  for (let before = first; before < seed; before++) await run(before);
  kernel.trace = console.log;
  const violations = await run(seed);
  return violations.length === 0
    ? undefined
    : { seed, violations: violations.map(({ stack }) => stack.replaceAll(/^ .*test.simulation.*\n?/gm, '')) };
}

/** Finds the first schedule to replay before one that failed: mostly itself, as schedules share little state. */
async function needed({ seed }, first) {
  for (const before of [0, 1, 10, 100, 1000, 10_000].filter((n) => seed - n > first)) {
    if ((await thread(seed - before, before + 1))?.seed === seed) return seed - before;
  }
  return first;
}

async function main() {
  const [count, first] = [Number(values.count), Number(values.first ?? 0)];
  const workers = values.workers === 'all' ? availableParallelism() : Number(values.workers);
  if (values.all) return tally(first, count);
  if (values.seed !== undefined) {
    const seed = Number(values.seed);
    const failure = await replay(seed, Number(values.first ?? seed));
    console.log(failure === undefined ? 'nothing is violated' : `VIOLATED: ${failure.violations.join('\n')}`);
    process.exitCode = failure === undefined ? 0 : 1;
    return;
  }
  const began = performance.now();
  const failure = await parallel(first, count, workers);
  if (failure === undefined) {
    console.log(`${count} schedules in ${((performance.now() - began) / 1000).toFixed(1)} s: nothing is violated`);
    return;
  }
  console.log(`VIOLATED by seed ${failure.seed}: ${failure.violations.join('\n')}`);
  const from = await needed(failure, failure.seed - (failure.seed % PART));
  const options = [`--seed=${failure.seed}`];
  if (from < failure.seed) options.push(`--first=${from}`);
  if (values.defect !== undefined) options.push(`--defect=${values.defect}`);
  console.log(`replay: node test/simulation/run.js ${options.join(' ')}`);
  process.exitCode = 1;
}

if (isMainThread) await main();
else parentPort.postMessage(await range(workerData.first, workerData.count));
