// Calls getsockopt and setsockopt of this library for every option of every level, on sockets in every state, with
// buffers of many lengths and contents: nothing behind the buffer may change, and the process must not end.
//   node test/torture/options.js [--full] [--state=TEXT] [--level=N] [--name=N]
// A canary follows each buffer. States that this machine cannot create (a privilege, a feature) are reported and
// skipped.
import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const file = fileURLToPath(import.meta.url);
const { values: options } = parseArgs({
  options: {
    full: { type: 'boolean', default: false },
    state: { type: 'string', default: '' },
    level: { type: 'string', default: '' },
    name: { type: 'string', default: '' },
    after: { type: 'string', default: '' },
    child: { type: 'string', default: '' },
    /** Another build to test: the folder that contains its dist/. */
    dist: { type: 'string', default: '' },
  },
});

const ENOPROTOOPT = 92;
const EOPNOTSUPP = 95;

/** The options for which setsockopt is skipped, and why. */
const dangerous = new Map([
  ['263 5', 'PACKET_RX_RING allocates as much memory as the value asks for'],
  ['263 13', 'PACKET_TX_RING allocates as much memory as the value asks for'],
  ['0 200', 'MRT_INIT takes the multicast routing of the namespace'],
  ['41 200', 'MRT6_INIT takes the multicast routing of the namespace'],
  ['6 13', 'TCP_CONGESTION loads kernel modules'],
  ['6 31', 'TCP_ULP loads kernel modules'],
  ['1 46', 'SO_BUSY_POLL spins'],
]);

const LEVELS = [0, 1, 6, 17, 40, 41, 58, 132, 136, 255, 262, 263, 270, 282, 283, 284];
const GUARD = 16_384;
const REFUSED = -5000;

async function child() {
  const library =
    options.dist === '' ? '../../dist/nothrow.js' : pathToFileURL(resolve(options.dist, 'dist/nothrow.js')).href;
  const { getsockopt, setsockopt } = await import(library);
  const { states } = await import('./sockets.js');
  const progress = openSync(options.child, 'r+');
  const say = (text) => writeSync(progress, text.padEnd(200), 0);
  const slab = new Uint8Array(2 * GUARD + 70_000).fill(0xc5);
  const canary = Buffer.alloc(GUARD, 0xc5);
  const whole = Buffer.from(slab.buffer);
  const faults = [];
  // It is written at once: a later option may end the process.
  const tell = (fault) => {
    faults.push(fault);
    appendFileSync(`${options.child}.faults`, `${JSON.stringify(fault)}\n`);
  };
  const unavailable = [];
  let calls = 0;
  let live = 0;

  function get(fd, level, name, length, fill) {
    const buffer = slab.subarray(GUARD, GUARD + length);
    fill(buffer);
    let result;
    try {
      result = getsockopt(fd, level, name, buffer);
    } catch {
      result = REFUSED; // its bytes hold a pointer
    }
    calls++;
    if (whole.compare(canary, 0, GUARD, GUARD + length, 2 * GUARD + length) !== 0) {
      let changed = 0;
      for (let i = 0; i < GUARD; i++) if (slab[GUARD + length + i] !== 0xc5) changed = i + 1;
      slab.fill(0xc5, GUARD);
      return { result, changed };
    }
    buffer.fill(0xc5);
    return { result, changed: 0 };
  }

  const full = options.full;
  const lengths = full
    ? [0, 1, 3, 4, 7, 8, 16, 24, 136, 144, 272, 280, 1000, 1024, 1025, 1100, 4096, 8192, 65_536]
    : [0, 4, 8, 16, 144, 280, 1024, 1025, 4096];
  const counted = full ? [8, 16, 144, 280, 1024, 1100, 2000] : [16, 144, 1025];
  const counts = full ? [1, 2, 10, 64, 255, 1024, 0xffff] : [64, 1024];
  const levels = full ? Array.from({ length: 300 }, (_, i) => i) : LEVELS;
  const names = Array.from({ length: full ? 256 : 136 }, (_, i) => i);
  const zeros = (buffer) => buffer.fill(0);

  let skipping = options.after !== '';
  for (const [state, make] of Object.entries(states)) {
    if (!state.includes(options.state)) continue;
    let made;
    try {
      made = make();
    } catch (error) {
      unavailable.push(`${state} (${error.code ?? error.message})`);
      continue;
    }
    const { fd } = made;
    for (const level of levels) {
      if (options.level !== '' && level !== Number(options.level)) continue;
      if (!names.some((name) => [-ENOPROTOOPT, -EOPNOTSUPP].includes(get(fd, level, name, 4, zeros).result) === false))
        continue;
      for (const name of names) {
        if (options.name !== '' && name !== Number(options.name)) continue;
        const id = `${state}|${level}|${name}`;
        if (skipping) {
          if (id === options.after) skipping = false;
          continue;
        }
        const alive = [4, 144, 1024].some((length) => {
          const { result } = get(fd, level, name, length, zeros);
          return result !== -ENOPROTOOPT && result !== -EOPNOTSUPP && result !== REFUSED;
        });
        if (!alive) continue;
        live++;
        say(id);
        const found = ({ changed, result }, length, content) => {
          if (changed === 0 || faults.some((fault) => fault.id === id)) return;
          tell({ id, text: `${changed} bytes behind ${length} changed by getsockopt with ${content} (${result})` });
        };
        const seeds = made.seeds.filter((seed) => seed.level === level).map((seed) => seed.value);
        const contents = [zeros, (buffer) => buffer.fill(0xff)];
        for (const seed of seeds) contents.push((buffer) => void buffer.fill(0).set(seed.subarray(0, buffer.length)));
        for (const length of lengths) {
          for (const [i, fill] of contents.entries()) found(get(fd, level, name, length, fill), length, `content ${i}`);
        }
        for (const length of counted) {
          for (const count of counts) {
            for (const [i, fill] of contents.entries()) {
              if (i === 1) continue;
              for (let at = 0; at + 4 <= Math.min(length, 304); at += 4) {
                found(
                  get(fd, level, name, length, (buffer) => {
                    fill(buffer);
                    buffer[at] = count & 255;
                    buffer[at + 1] = count >> 8;
                    buffer[at + 2] = 0;
                    buffer[at + 3] = 0;
                  }),
                  length,
                  `content ${i}, ${count} at ${at}`,
                );
              }
            }
          }
        }
      }
    }
    made.close();
    // setsockopt uses a new socket for each option, as the value persists.
    for (const level of options.name === '' && options.level === '' ? LEVELS : [Number(options.level)]) {
      if (skipping) break;
      let probe;
      for (const name of options.name === '' ? names : [Number(options.name)]) {
        if (dangerous.has(`${level} ${name}`)) continue;
        try {
          probe ??= make();
        } catch {
          break;
        }
        const set = (value) => {
          try {
            return setsockopt(probe.fd, level, name, value);
          } catch {
            return REFUSED;
          }
        };
        if ([-ENOPROTOOPT, REFUSED].includes(set(new Uint8Array(0)))) continue;
        say(`${state}|${level}|${name}|set`);
        for (const length of [1, 4, 8, 16, 136, 144, 280, 1100]) {
          const value = slab.subarray(GUARD, GUARD + length);
          for (const fill of [0, 1, 0xff]) {
            value.fill(fill);
            set(value);
            calls++;
            if (
              value.some((byte) => byte !== fill) &&
              faults.every((fault) => fault.id !== `${state}|${level}|${name}`)
            ) {
              tell({ id: `${state}|${level}|${name}`, text: `setsockopt changed its value of ${length} bytes` });
            }
            value.fill(0xc5);
          }
        }
        probe.close();
        probe = undefined;
      }
      probe?.close();
    }
  }
  console.log(JSON.stringify({ calls, live, unavailable }));
  process.exit(0);
}

function parent() {
  const folder = mkdtempSync(join(tmpdir(), 'sys-socket-options-'));
  const progress = join(folder, 'progress');
  const began = performance.now();
  const faults = [];
  let totals = { calls: 0, live: 0, unavailable: [] };
  let after = '';
  // Runs in its own network namespace where that is allowed.
  const apart = ['unshare', '-n', 'sh', '-c', 'ip link set lo up multicast on; exec "$@"', 'sh'];
  const isolated = spawnSync(apart[0], ['-n', 'true']).status === 0;
  try {
    for (;;) {
      writeFileSync(progress, '');
      const own = process.argv.slice(2);
      const command = [process.execPath, '--no-warnings', file, ...own, `--child=${progress}`, `--after=${after}`];
      const [program, ...args] = isolated ? [...apart, ...command] : command;
      const { status, signal, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', timeout: 600_000 });
      if (status === 0) {
        const last = JSON.parse(stdout);
        totals = { ...last, calls: totals.calls + last.calls, live: totals.live + last.live };
        break;
      }
      const at = readFileSync(progress, 'utf8').trim();
      if (at === '' || at === after) throw new Error(`the child ended with ${status ?? signal}:\n${stderr}`);
      after = at.replace(/\|set$/, '');
      faults.push({ id: after, text: `the process ended with ${signal ?? status}: ${stderr.trim().split('\n')[0]}` });
      if (at.endsWith('|set') || faults.length > 20) break;
    }
    if (existsSync(`${progress}.faults`)) {
      faults.push(
        ...readFileSync(`${progress}.faults`, 'utf8')
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line)),
      );
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  for (const { id, text } of faults) {
    const [state, level, name] = id.split('|');
    console.log(`options: ${text}\n    --state='${state}' --level=${level} --name=${name}`);
  }
  for (const state of totals.unavailable ?? []) console.log(`options: this machine has no ${state}`);
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  console.log(
    `options: ${totals.calls} calls, ${totals.live} existing options, in ${seconds} s, ${faults.length} faults`,
  );
  process.exitCode = faults.length > 0 ? 1 : 0;
}

if (options.child !== '') await child();
else parent();
