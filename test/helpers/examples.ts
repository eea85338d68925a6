/** The programs of examples/ as real processes. */
import { join } from 'node:path';
import { openCapture } from '../../lib/packet/index.ts';
import { type Program, start } from './programs.ts';

const root = join(import.meta.dirname, '../..');

/** Starts an example. */
export function example(name: string, ...args: string[]): Program {
  return start(process.execPath, [join(root, 'examples', name), ...args], { cwd: root });
}

/** Runs an example until it ends; returns its exit code, and what it printed to standard output and standard error. */
export async function finished(name: string, ...args: string[]): Promise<{ code: number | null; output: string }> {
  const running = example(name, ...args);
  const code = await running.ended;
  return { code, output: running.output() };
}

/** Sends SIGINT to an example once it has sent a packet that matches the filter; returns its exit code. */
export async function interrupted(
  iface: string,
  filter: string,
  name: string,
  ...args: string[]
): Promise<number | null> {
  using capture = openCapture({ interface: iface, filter, direction: 'out' });
  const running = example(name, ...args);
  for await (const _packet of capture) break;
  running.child.kill('SIGINT');
  return running.ended;
}

/** Runs an example until it ends in another namespace, which the start of a command line enters. */
export async function finishedIn(
  enter: readonly string[],
  name: string,
  ...args: string[]
): Promise<{ code: number | null; output: string }> {
  const running = start(enter[0]!, [...enter.slice(1), process.execPath, join(root, 'examples', name), ...args]);
  const code = await running.ended;
  return { code, output: running.output() };
}

/** Imports a module that examples share. They are JavaScript: the test states the types of their exports. */
export async function support<Module>(name: string): Promise<Module> {
  return import(join(root, 'examples/support', name)) as Promise<Module>;
}
