// Where captures are measured: two network namespaces, a link between them for each reader, and a C program that sends. The
// reader has one processor, the sender the other one.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const FLOOD = join(import.meta.dirname, 'build/Release/flood');
/** Milliseconds: a block that is not full is handed over within 100. */
const QUIET = 150;

const two = availableParallelism() > 1;
const pin = (processor) => (two ? ['taskset', '-c', String(processor)] : []);

/** Whether there can be namespaces here. */
export const possible = spawnSync('unshare', ['-n', 'true']).status === 0;

/** A network namespace, held by a process. */
async function namespace() {
  // It ends with this process, however that ends.
  const holder = spawn('unshare', ['-n', 'sh', '-c', 'echo ready; exec cat'], { stdio: ['pipe', 'pipe', 'inherit'] });
  await Promise.race([once(holder.stdout, 'data'), once(holder, 'exit')]);
  return { holder, enter: ['nsenter', '-t', String(holder.pid), '-n'] };
}

function run(...command) {
  const { status, stderr } = spawnSync(command[0], command.slice(1), { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command.join(' ')}: ${stderr}`);
}

/** The threads of a process: nanoseconds of CPU time, and whether one of them has something to do. */
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

/** Waits until a process has had nothing to do for a while; gives its CPU time. */
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

  /** A link of its own for a reader, on which nobody else says anything. */
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
   * @param command Gives the command for the name of an interface.
   * @param ready What it prints when it reads.
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

  /** Sends to a reader; gives the nanoseconds of CPU time that it took for a packet. */
  async flood(reader, packets, size) {
    const { child, there } = reader;
    const before = look(child.pid).time; // it has nothing to do
    run(...this.#sender.enter, ...pin(0), FLOOD, there, String(packets), String(size));
    reader.sent += packets;
    return ((await settled(child.pid)) - before) / packets;
  }

  close() {
    for (const { holder } of [this.#receiver, this.#sender]) holder.kill();
  }
}
