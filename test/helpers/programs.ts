/** Real programs as counterparts: started by a test, and ended by their process ids when it ends. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, onTestFinished } from 'vitest';
import * as s from '../../lib/index.ts';
import { Socket } from '../../lib/index.ts';
import { keep } from './sockets.ts';

/** How long an event in another process may take on a busy machine. */
export const patient = { timeout: 120_000, interval: 20 };

/** A running program. */
export interface Program {
  child: ChildProcess;
  /** What it has printed so far, to standard output and standard error. */
  output(): string;
  /** Its exit code; null if a signal ended it. */
  ended: Promise<number | null>;
}

/** Starts a program. Its standard input is empty unless `stdio` says otherwise. */
export function start(command: string, args: readonly string[], options: SpawnOptions = {}): Program {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      printed += chunk.toString();
    });
  }
  const ended = once(child, 'close').then(([code]) => code as number | null);
  onTestFinished(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill();
    const stubborn = setTimeout(() => child.kill('SIGKILL'), 3000);
    await ended;
    clearTimeout(stubborn);
  });
  return { child, output: () => printed, ended };
}

/** Waits until the program has printed this, and returns the match. */
export async function printed({ output }: Program, pattern: RegExp): Promise<RegExpExecArray> {
  await expect.poll(output, patient).toMatch(pattern);
  return pattern.exec(output())!;
}

/** Runs a program with this input until it ends; returns its standard output. */
export async function run(command: string, args: readonly string[], input = ''): Promise<string> {
  const program = start(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  program.child.stdin!.on('error', () => {}); // the program may end without reading
  program.child.stdin!.end(input);
  expect(await program.ended, program.output()).toBe(0);
  return program.output();
}

/** A loopback address that only this process uses, so that no other test occupies its free ports. */
export const host: string = `127.${100 + ((process.pid >> 16) & 63)}.${(process.pid >> 8) & 255}.${process.pid & 255}`;

/** Returns a port of `host` that is free for TCP and UDP, for programs that cannot choose one. */
export function freePort(): number {
  const tcp = s.socket(s.AF_INET, s.SOCK_STREAM);
  const udp = s.socket(s.AF_INET, s.SOCK_DGRAM);
  try {
    s.bind(tcp, { family: s.AF_INET, address: host, port: 0 });
    const name = s.getsockname(tcp) as s.InetAddress;
    s.bind(udp, name);
    return name.port;
  } finally {
    s.close(tcp);
    s.close(udp);
  }
}

/** Connects to a program that will listen in a moment. */
export async function connected(address: s.Address, type: number = s.SOCK_STREAM): Promise<Socket> {
  let socket: Socket | undefined;
  const attempt = async () => {
    socket = new Socket(address.family, type);
    const errno = await socket.connectEx(address);
    if (errno !== 0) socket.close();
    return s.errnoName(errno) ?? 'connected';
  };
  await expect.poll(attempt, patient).toBe('connected');
  return keep(socket!);
}

/** The longest that a receive of a test waits. */
export const soon: s.WaitOptions = { timeout: 120_000 };

/** Receives until this many bytes have arrived, or the stream ends. */
export async function receive(socket: Socket, length: number = Number.POSITIVE_INFINITY): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (let got = 0; got < length; ) {
    const part = await socket.recv(65536, 0, soon);
    if (part.length === 0) break;
    parts.push(part);
    got += part.length;
  }
  return Buffer.concat(parts);
}
