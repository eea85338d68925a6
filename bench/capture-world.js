// Sets up where captures are measured: two network namespaces, a link between them for each reader, and a C program
// that sends. The reader runs on one processor, and the sender on the other.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const FLOOD = join(import.meta.dirname, 'build/Release/flood');
/** In milliseconds. The kernel hands over a block that is not full within 100 ms. */
const QUIET = 150;

const two = availableParallelism() > 1;
const pin = (processor) => (two ? ['taskset', '-c', String(processor)] : []);

/** Whether this process can create namespaces. */
export const possible = spawnSync('unshare', ['-n', 'true']).status === 0;

/** Creates a network namespace, which a process keeps alive. */
async function namespace() {
  // The holder ends with this process, however this one ends.
  const holder = spawn('unshare', ['-n', 'sh', '-c', 'echo ready; exec cat'], { stdio: ['pipe', 'pipe', 'inherit'] });
  await Promise.race([once(holder.stdout, 'data'), once(holder, 'exit')]);
  return { holder, enter: ['nsenter', '-t', String(holder.pid), '-n'] };
}

function run(...command) {
  const { status, stderr } = spawnSync(command[0], command.slice(1), { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command.join(' ')}: ${stderr}`);
}

/** Returns the CPU time of a process's threads in nanoseconds, and whether any of them is runnable. */
function look(pid) {
  const folder = `/proc/${pid}/task`;
  let time = 0;
  let busy = false;
  for (const thread of readdirSync(folder)) {
    time += Number(readFileSync(`${folder}/${thread}/schedstat`, 'latin1').split(' ')[0]);
    busy ||= /\) R /.test(readFileSync(`${folder}/${thread}/stat`, 'latin1'));
  }
  return { time, busy };
}

/** Waits until a process has been idle for a while, and returns its CPU time. */
async function settled(pid) {
  let { time } = look(pid);
  for (let quiet = 0; quiet < QUIET; quiet += 25) {
    await sleep(25);
    const now = look(pid);
    if (now.busy || now.time - time > 500_000) quiet = 0;
    time = now.time;
  }
  return time;
}

export class World {
  #receiver;
  #sender;
  #links = 0;

  static async open() {
    const world = new World();
    world.#receiver = await namespace();
    world.#sender = await namespace();
    return world;
  }

  /** Creates a link for one reader, on which nobody else sends. */
  #link() {
    const number = this.#links++;
    const [here, there] = [`v${number}`, `w${number}`];
    const [receiver, sender] = [this.#receiver, this.#sender];
    const id = ({ holder }) => String(holder.pid);
    const peer = ['type', 'veth', 'peer', 'name', there, 'netns', id(sender)];
    run('ip', 'link', 'add', here, 'netns', id(receiver), ...peer);
    run(...receiver.enter, 'ip', 'link', 'set', here, 'addrgenmode', 'none', 'up');
    run(...sender.enter, 'ip', 'link', 'set', there, 'addrgenmode', 'none', 'up');
    return { here, there };
  }

  /**
   * Starts a reader on a link of its own.
   *
   * @param command Returns the command for the name of an interface.
   * @param ready What the reader prints as soon as it reads.
   */
  async start({ command, ready }) {
    const { here, there } = this.#link();
    const child = spawn(this.#receiver.enter[0], [...this.#receiver.enter.slice(1), ...pin(1), ...command(here)]);
    const reader = { child, printed: '', ended: once(child, 'close'), there, sent: 0, times: [] };
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        reader.printed += chunk;
      });
    }
    while (!reader.printed.includes(ready)) {
      if (child.exitCode !== null) throw new Error(reader.printed);
      await sleep(20);
    }
    await settled(child.pid);
    return reader;
  }

  /** Sends packets to a reader, and returns the CPU time for each packet in nanoseconds. */
  async flood(reader, packets, size) {
    const { child, there } = reader;
    const before = look(child.pid).time; // the reader is idle at this point
    run(...this.#sender.enter, ...pin(0), FLOOD, there, String(packets), String(size));
    reader.sent += packets;
    return ((await settled(child.pid)) - before) / packets;
  }

  close() {
    for (const { holder } of [this.#receiver, this.#sender]) holder.kill();
  }
}
