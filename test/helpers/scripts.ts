/** Scripts that use the built library in a process of their own: for what ends, crashes or changes the process. */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { folder } from './fixtures.ts';

/** How a program ended. */
export interface Ended {
  status: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

const dist = new URL('../../dist/', import.meta.url).href;
const imports = `import { once } from 'node:events';
import { readdirSync, readlinkSync } from 'node:fs';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, Worker, workerData } from 'node:worker_threads';
import * as s from '${dist}index.js';
import * as nothrow from '${dist}nothrow.js';
const loopback = { family: s.AF_INET, address: '127.0.0.1', port: 0 };
`;

/** Starts a program that has the built library as `s`. Further files, such as workers, are written beside it. */
export function start(
  script: string,
  flags: string[] = [],
  files: Record<string, string> = {},
  prefix: string[] = [],
): ReturnType<typeof spawn> {
  const here = folder();
  for (const [name, text] of Object.entries({ 'main.mjs': script, ...files })) {
    writeFileSync(join(here, name), imports + text);
  }
  const [command, ...rest] = [...prefix, process.execPath, ...flags, join(here, 'main.mjs')];
  const child = spawn(command!, rest, { stdio: ['pipe', 'pipe', 'pipe'] });
  onTestFinished(() => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
  });
  return child;
}

/** Runs a program until it ends. */
export async function run(
  script: string,
  flags?: string[],
  files?: Record<string, string>,
  prefix?: string[],
): Promise<Ended> {
  const child = start(script, flags, files, prefix);
  let [stdout, stderr] = ['', ''];
  child.stdout!.on('data', (data: Buffer) => {
    stdout += data.toString();
  });
  child.stderr!.on('data', (data: Buffer) => {
    stderr += data.toString();
  });
  return new Promise((resolve) => {
    child.on('close', (status, signal) => resolve({ status, signal, stdout: stdout.trim(), stderr: stderr.trim() }));
  });
}

/** The warning about a Socket that a script left to the garbage collector, which runs at another time in every run. */
export const FORGOTTEN: RegExp = /^.*(?:SYS_SOCKET_UNCLOSED|--trace-warnings).*(?:\n|$)/gm;

/** Runs a program that must succeed and print nothing else to stderr; returns its output. Tests of the warning use `run`. */
export async function output(
  script: string,
  flags?: string[],
  files?: Record<string, string>,
  prefix?: string[],
): Promise<string> {
  const { stdout, stderr, ...rest } = await run(script, flags, files, prefix);
  expect({ ...rest, stderr: stderr.replaceAll(FORGOTTEN, '') }).toEqual({ status: 0, signal: null, stderr: '' });
  return stdout;
}
