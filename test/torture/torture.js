// Makes each function that the addon calls (Node-API, memory, system calls, libuv) fail once, at each place where it is
// called and each time that this place is reached, while every exported function runs, a worker starts and a worker
// ends.
//   node test/torture/torture.js [--most=N] [--step=NAME] [--site=TEXT] [--nth=N]
// --most limits how often one place fails in one step. The line of a fault names step, site and nth, which replay it.
// It is a fault if the process ends or hangs, if file descriptors, memory or references are left, if a result is one
// that no caller expects, if a wait never settles, or if the same call fails afterwards.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { inspect, parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';

const file = fileURLToPath(import.meta.url);
const { values: options } = parseArgs({
  options: {
    most: { type: 'string', default: '1000' },
    step: { type: 'string', default: '' },
    site: { type: 'string', default: '' },
    nth: { type: 'string', default: '' },
    child: { type: 'boolean', default: false },
    after: { type: 'string', default: '' },
  },
});

/** For steps in a worker, only these sources fail: the others have their own steps. */
const workers = {
  init: ['addon.cc', 'napi-inl.h', 'napi.h', 'args.h', 'owned.cc', 'ring.cc', 'allocated.h'],
  own: ['owned.cc'],
  reactor: ['reactor.cc', 'epoll_set.cc', 'owned.cc'],
  thread: ['reactor_thread.cc', 'epoll_set.cc'],
  ring: ['ring.cc'],
  lookups: ['netdb.cc', 'lookup.cc'],
};

/** Whatever was acquired must have been released: the functions that acquire something, and those that release it. */
const balances = {
  blocks: [['malloc', 'calloc', 'realloc', 'strdup'], ['free']],
  references: [['napi_create_reference'], ['napi_delete_reference']],
  contexts: [['napi_async_init'], ['napi_async_destroy']],
  works: [['napi_create_async_work'], ['napi_delete_async_work']],
  functions: [['napi_create_threadsafe_function'], ['napi_release_threadsafe_function']],
  scopes: [['napi_open_handle_scope'], ['napi_close_handle_scope']],
};

async function child() {
  const { binary, tree, numbers } = await import('./build.js');
  const { Shared } = await import('./shared.js');
  const { steps, can } = await import('./steps.js');
  const { lines, site } = await import('./sites.js');
  const names = JSON.parse(readFileSync(numbers, 'utf8'));
  const shared = new Shared(process.env.TORTURE_FILE);
  const native = createRequire(import.meta.url)(binary);
  const most = Number(options.most);
  const say = (message) => writeFileSync(1, `${JSON.stringify(message)}\n`);

  const file = openSync(file_(), 'r');
  const fifo = `${process.env.TORTURE_FILE}.fifo`;
  execFileSync('mkfifo', [fifo]);
  const pipe = openSync(fifo, 'r+');

  function held() {
    const live = shared.live();
    const sum = (list) => list.reduce((total, name) => total + (live[names.indexOf(name)] ?? 0), 0);
    const counts = Object.entries(balances).map(([name, [taken, given]]) => [name, sum(taken) - sum(given)]);
    return { ...Object.fromEntries(counts), descriptors: readdirSync('/proc/self/fd').length };
  }
  const virtual = () => 4096 * Number(readFileSync('/proc/self/statm', 'utf8').split(' ')[0]);

  async function collect() {
    for (let i = 0; i < 4; i++) {
      gc();
      await turn();
      await sleep(1);
    }
  }

  /** Runs a step once; returns what is wrong with it. */
  async function trial(step) {
    const wrong = [];
    const t = {
      native,
      done: undefined,
      collect: false,
      file: () => file,
      pipe: () => [pipe, pipe],
      pause: () => shared.pause(),
      resume: () => shared.resume(),
      call(name, args, expected = (value) => typeof value === 'number') {
        try {
          const result = native[name](...args);
          if (!expected(result)) wrong.push(`${name} returned ${inspect(result)}`);
          return result;
        } catch (error) {
          if (!(error instanceof Error)) wrong.push(`${name} threw ${inspect(error)}`);
          return undefined;
        }
      },
      /** Starts a look-up and waits for its end. */
      async later(name, args, expected, most = 4, meanwhile = () => {}) {
        let settled;
        const outcome = new Promise((resolve) => (settled = resolve));
        const id = t.call(name, [...args, most, settled]);
        if (id > 0) meanwhile(id);
        const late = new AbortController();
        // A look-up that could not return its number may run nevertheless.
        const result = await Promise.race([
          outcome,
          sleep(id > 0 ? 3000 : 20, 'late', { signal: late.signal }).catch(() => {}),
        ]);
        late.abort();
        if (result === 'late' && id > 0) wrong.push(`${name} never settles`);
        if (result !== 'late' && !expected(result)) wrong.push(`${name}: ${inspect(result)}`);
      },
    };
    try {
      await steps[step](t);
    } catch (error) {
      wrong.push(`the step threw ${error.stack.split('\n').slice(0, 2).join(' ')}`);
    }
    shared.pause(); // the cleanup of the step is not part of the call
    t.done?.();
    if (t.collect) await collect();
    return wrong;
  }

  async function workerTrial(step, terminated, expected) {
    const worker = new Worker(new URL('worker.js', import.meta.url), {
      workerData: { binary, tree, step, terminated },
      stderr: true,
    });
    let said;
    const exit = new Promise((resolve) => worker.on('exit', resolve));
    worker.on('error', (error) => (said ??= `error ${error.message}`));
    worker.on('message', (message) => {
      said ??= message;
      if (terminated) worker.terminate();
    });
    const late = new AbortController();
    const ended = await Promise.race([exit, sleep(6000, 'late', { signal: late.signal }).catch(() => {})]);
    late.abort();
    const wrong = [];
    if (ended === 'late') wrong.push('the worker did not end');
    if (ended === 'late') await worker.terminate();
    if (said === undefined) wrong.push('the worker ended without a word: a wait that never settled');
    if (said?.startsWith('silent') || (expected !== undefined && said !== expected)) wrong.push(said);
    return wrong;
  }

  const sites = new Map();
  const all = [
    ...Object.keys(steps).map((name) => ({
      name,
      run: () => trial(name),
      needs: steps[name].needs,
      memory: steps[name].memory,
    })),
    ...Object.keys(workers).flatMap((step) =>
      [false, true].map((terminated) => ({
        name: `${terminated ? 'terminated' : 'ended'}:${step}`,
        run: (expected) => workerTrial(step, terminated, expected),
        sources: workers[step],
        needs: step === 'ring' ? 'packet' : undefined,
        memory: step === 'ring' ? 1 << 22 : undefined,
        again: false,
      })),
    ),
  ];
  const missing = Object.keys(native).filter((name) => typeof native[name] === 'function' && steps[name] === undefined);
  if (missing.length > 0 && options.step === '') {
    say({ step: missing.join(', '), site: 'none', wrong: ['test/torture/steps.js has no such step'] });
  }

  const seen = new Set();
  let skipping = options.after !== '';
  for (const step of all) {
    if (options.step !== '' && step.name !== options.step) continue;
    if (!can(step.needs)) {
      say({ skipped: step.name, why: `needs a ${step.needs} socket` });
      continue;
    }
    const [stepAfter] = options.after.split(' ');
    if (skipping && stepAfter !== step.name) continue;
    await step.run();
    shared.record();
    const before = await step.run('done'); // finds nothing, unless the step fails by itself
    shared.resume();
    const calls = shared.recorded();
    if (before.length > 0) say({ step: step.name, key: 'none', site: 'no failure', wrong: before });
    const reached = new Map();
    for (const [called, offset] of calls) {
      const key = `${called}:${offset}`;
      reached.set(key, (reached.get(key) ?? 0) + 1);
    }
    const fresh = [...reached.keys()].map((key) => Number(key.split(':')[1])).filter((offset) => !sites.has(offset));
    if (fresh.length > 0) for (const [offset, frames] of lines(binary, fresh)) sites.set(offset, frames);
    for (const [key, count] of reached) {
      const [called, offset] = key.split(':').map(Number);
      if (fallible(names[called]) === false) continue;
      const frames = sites.get(offset);
      if (step.sources && !step.sources.some((source) => frames.at(-1).place.startsWith(`${source}:`))) continue;
      if (
        step.sources &&
        step.name.startsWith('ended:') === false &&
        seen.has(`${step.name.split(':')[1]} ${key}`) &&
        !/reactor|ring|owned/.test(frames.at(-1).place)
      )
        continue;
      seen.add(`${step.name.split(':')[1]} ${key}`);
      const where = site(frames, names[called]);
      if (options.site !== '' && !where.includes(options.site)) continue;
      for (let nth = 1; nth <= count; nth++) {
        if (nth > most && nth !== count) continue;
        if (options.nth !== '' && nth !== Number(options.nth)) continue;
        const id = `${step.name} ${key} ${nth}`;
        if (skipping) {
          if (id === options.after) skipping = false;
          continue;
        }
        say({ begin: id, step: step.name, site: where, nth });
        const wrong = [];
        for (let again = 0; again < 3; again++) {
          if (step.memory !== undefined) await collect();
          const held0 = held();
          const memory0 = virtual();
          shared.fail(called, offset, nth);
          wrong.push(...(await step.run()));
          shared.resume();
          const { injected } = shared.off();
          if (!injected && again === 0) say({ unreached: id });
          const held1 = held();
          // Node frees the remaining references with an environment.
          const left = Object.keys(held1).filter(
            (name) => held1[name] !== held0[name] && !(name === 'references' && step.sources !== undefined),
          );
          // Node keeps some file descriptors of its first workers: only what is left each time is lost.
          const grown = step.memory !== undefined && virtual() - memory0 >= step.memory;
          if (left.length === 0 && !grown) break;
          if (again < 2) continue;
          wrong.push(
            ...left.map((name) => `${name} ${held1[name] - held0[name] > 0 ? '+' : ''}${held1[name] - held0[name]}`),
          );
          const lost = 'address space is lost';
          const isAccepted = accepted.some(({ left, source }) => left === lost && where.includes(source));
          if (grown && !isAccepted) wrong.push(lost);
        }
        if (step.again !== false) {
          const after = await step.run();
          wrong.push(...after.map((what) => `afterwards: ${what}`));
        }
        say({ end: id, wrong: [...new Set(wrong)] });
      }
    }
    say({ step: step.name, calls: calls.length });
  }
  say({ finished: true });
  process.exit(0);

  function fallible(name) {
    return !infallible.has(name);
  }
  function file_() {
    return fileURLToPath(import.meta.url);
  }
}

const { accepted, infallible } = await import('./failures.js');

/**
 * Starts children until one reaches the end; one that crashes or hangs is a fault, and the next continues behind it.
 */
async function parent() {
  const { build } = await import('./build.js');
  await build();
  const folder = mkdtempSync(join(tmpdir(), 'sys-socket-torture-'));
  const began = performance.now();
  const faults = [];
  const unreached = [];
  let runs = 0;
  let after = '';
  let finished = false;
  try {
    while (!finished) {
      const path = join(folder, `shared${runs}`);
      writeFileSync(path, '');
      const args = ['--expose-gc', '--no-warnings', file, '--child', ...process.argv.slice(2), `--after=${after}`];
      const process_ = spawn(process.execPath, args, {
        env: { ...process.env, TORTURE_FILE: path },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let current;
      let errors = '';
      let hung = false;
      process_.stderr.on('data', (data) => (errors = (errors + data).slice(-2000)));
      let watch = setTimeout(() => {}, 0);
      const alive = () => {
        clearTimeout(watch);
        watch = setTimeout(() => {
          hung = true;
          process_.kill('SIGKILL');
        }, 40_000);
      };
      alive();
      const exited = new Promise((resolve) => process_.on('exit', (code, signal) => resolve(signal ?? code)));
      for await (const line of createInterface({ input: process_.stdout })) {
        alive();
        if (!line.startsWith('{')) continue;
        const message = JSON.parse(line);
        if (message.begin) current = message;
        else if (message.end) {
          runs++;
          if (message.wrong.length > 0) faults.push({ ...current, wrong: message.wrong.join('; ') });
          if (message.wrong.length > 0) print(faults.at(-1));
          after = message.end;
          current = undefined;
        } else if (message.unreached) unreached.push(message.unreached);
        else if (message.skipped) console.log(`torture: ${message.skipped} is skipped: ${message.why}`);
        else if (message.wrong) {
          faults.push({ step: message.step, site: message.site, nth: 0, wrong: message.wrong.join('; ') });
          print(faults.at(-1));
        } else if (message.finished) finished = true;
      }
      const status = await exited;
      clearTimeout(watch);
      if (finished) break;
      if (current === undefined) throw new Error(`the child ended with ${status}:\n${errors}`);
      runs++;
      const what = hung ? 'hangs' : `ends with ${status}: ${errors.trim().split('\n').slice(0, 3).join(' ')}`;
      faults.push({ ...current, wrong: what });
      print(faults.at(-1));
      after = current.begin;
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  console.log(
    `torture: ${runs} failures injected in ${seconds} s, ${unreached.length} places not reached again, ${faults.length} faults`,
  );
  process.exitCode = faults.length > 0 ? 1 : 0;
}

function print({ step, site, nth, wrong }) {
  const place = site.split(' ')[0];
  console.log(`torture: ${wrong}\n    --step=${step} --site=${place} --nth=${nth}   (${site})`);
}

if (options.child) await child();
else await parent();
