/** The same calls in Python, whose socket module reports the kernel's answers: the oracle of many tests. */
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';

const prelude = 'import socket, os, sys, json, struct, errno, array, fcntl, select, time\nfrom socket import *\n';

/** Runs a script and returns the JSON that it prints. `argv` is sys.argv[1:]. */
export function python<T = unknown>(script: string, ...argv: string[]): T {
  return JSON.parse(execFileSync('python3', ['-c', prelude + script, ...argv], { encoding: 'utf8' })) as T;
}

/** As `python`, without blocking this process, which can be its peer. */
export async function pythonAsync<T = unknown>(script: string, ...argv: string[]): Promise<T> {
  const { stdout } = await promisify(execFile)('python3', ['-c', prelude + script, ...argv], { encoding: 'utf8' });
  return JSON.parse(stdout) as T;
}

/** Starts a script that keeps running; resolves when it has printed its first line. */
export async function pythonPeer(script: string, ...argv: string[]): Promise<{ child: ChildProcess; line: string }> {
  const child = spawn('python3', ['-u', '-c', prelude + script, ...argv], { stdio: ['pipe', 'pipe', 'inherit'] });
  const [chunk] = (await once(child.stdout!, 'data')) as [Buffer];
  return { child, line: chunk.toString().split('\n')[0]! };
}
