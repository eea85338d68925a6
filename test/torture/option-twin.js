// Calls getsockopt of this library and of libc (option-twin.py) for every option of every level, on the same sockets in
// every state: both must return the same length, or the same errno.
//   node test/torture/option-twin.js [--full] [--state=TEXT] [--level=N] [--name=N]
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { getsockopt } from '../../dist/nothrow.js';

const { values: options } = parseArgs({
  options: {
    full: { type: 'boolean', default: false },
    state: { type: 'string', default: '' },
    level: { type: 'string', default: '' },
    name: { type: 'string', default: '' },
    apart: { type: 'boolean', default: false },
  },
});

const REFUSED = -5000;
/** A difference is checked again: a connection may have been established between both calls. */
const LOOKS = 3;
const count = (n) => Array.from({ length: n }, (_, i) => i);
const LEVELS = [0, 1, 6, 17, 41, 58, 132, 136, 255, 263, 270, 282, 284];
const levels = options.level !== '' ? [Number(options.level)] : options.full ? count(300) : LEVELS;
const names = options.name !== '' ? [Number(options.name)] : count(options.full ? 256 : 136);
const lengths = options.full ? [0, 1, 2, 3, 4, 5, 8, 12, 16, 36, 144, 280, 1024, 1025, 4096] : [0, 1, 4, 16, 1025];

const slab = new Uint8Array(4096);
function ours(fd, level, name, length) {
  const buffer = slab.subarray(0, length).fill(0);
  try {
    return getsockopt(fd, level, name, buffer);
  } catch (error) {
    if (error.code !== 'ERR_OUT_OF_RANGE') throw error;
    return REFUSED; // its bytes hold a pointer, or would create a file descriptor that children inherit
  }
}

/** A Python process that inherits the socket as file descriptor 3. */
class Libc {
  #child;
  #chunks;
  constructor(fd) {
    const program = join(import.meta.dirname, 'option-twin.py');
    this.#child = spawn('python3', [program], { stdio: ['pipe', 'pipe', 'inherit', fd] });
    this.#chunks = this.#child.stdout[Symbol.asyncIterator]();
  }

  async ask(...lists) {
    this.#child.stdin.write(`${JSON.stringify(lists)}\n`);
    const bytes = Buffer.alloc(4 * lists.reduce((product, list) => product * list.length, 1));
    for (let at = 0; at < bytes.length; ) {
      const { value, done } = await this.#chunks.next();
      if (done) throw new Error('the Python process ended');
      at += value.copy(bytes, at);
    }
    return new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  }

  async close() {
    this.#child.stdin.end();
    if (this.#child.exitCode === null) await once(this.#child, 'close');
  }
}

if (!options.apart && spawnSync('unshare', ['-n', 'true']).status === 0) {
  // Runs in its own network namespace where that is allowed.
  const script = 'ip link set lo up multicast on; exec "$@"';
  const self = [process.execPath, '--no-warnings', fileURLToPath(import.meta.url), ...process.argv.slice(2), '--apart'];
  const { status } = spawnSync('unshare', ['-n', 'sh', '-c', script, 'sh', ...self], { stdio: 'inherit' });
  process.exit(status ?? 1);
}

const { states } = await import('./sockets.js');
const began = performance.now();
let calls = 0;
let refused = 0;
let differences = 0;
for (const [state, make] of Object.entries(states)) {
  if (!state.includes(options.state)) continue;
  let made;
  try {
    made = make();
  } catch (error) {
    console.log(`option-twin: this machine has no ${state} (${error.code ?? error.message})`);
    continue;
  }
  const libc = new Libc(made.fd);
  for (const level of levels) {
    const theirs = await libc.ask([level], names, lengths);
    for (let i = 0; i < theirs.length; i++) {
      const name = names[Math.floor(i / lengths.length)];
      const length = lengths[i % lengths.length];
      let mine = ours(made.fd, level, name, length);
      calls++;
      if (mine === REFUSED) {
        refused++;
        continue;
      }
      let other = theirs[i];
      for (let look = 1; look < LOOKS && mine !== other; look++) {
        [other] = await libc.ask([level], [name], [length]);
        mine = ours(made.fd, level, name, length);
      }
      if (mine === other) continue;
      differences++;
      console.log(
        `option-twin: for ${length} bytes libc returns ${other}, and this library ${mine}\n` +
          `    --state='${state}' --level=${level} --name=${name}`,
      );
    }
  }
  await libc.close();
  made.close();
}
const seconds = ((performance.now() - began) / 1000).toFixed(1);
console.log(
  `option-twin: ${calls} calls (this library refused ${refused}) in ${seconds} s, ${differences} differences`,
);
process.exit(differences > 0 ? 1 : 0);
