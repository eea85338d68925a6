/** Sockets of the event-loop layer for tests, and programs that use the built library in a process of their own. */
import { spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import * as s from '../../lib/index.ts';
import { folder, loopback } from './world.ts';

/** Closes sockets when the test ends. Gives the first one back. */
export function keep(...sockets: [s.Socket, ...s.Socket[]]): s.Socket {
  onTestFinished(() => {
    for (const socket of sockets) socket.close();
  });
  return sockets[0];
}

/** A bound UDP socket and its address. */
export function udp(address: s.Address = loopback): { socket: s.Socket; address: s.InetAddress } {
  const socket = keep(new s.Socket(address.family, s.SOCK_DGRAM));
  socket.bind(address);
  return { socket, address: socket.getsockname() as s.InetAddress };
}

/** A listening TCP socket and its address. */
export function tcpServer(backlog?: number): { server: s.Socket; address: s.InetAddress } {
  const server = keep(new s.Socket(s.AF_INET, s.SOCK_STREAM));
  server.bind(loopback);
  server.listen(backlog);
  return { server, address: server.getsockname() as s.InetAddress };
}

/** The two ends of one TCP connection. */
export async function tcpPair(): Promise<[client: s.Socket, server: s.Socket]> {
  const { server, address } = tcpServer();
  const client = keep(new s.Socket(s.AF_INET, s.SOCK_STREAM));
  const [{ socket }] = await Promise.all([server.accept(), client.connect(address)]);
  keep(socket);
  server.close();
  return [client, socket];
}

/** Two connected AF_UNIX sockets. */
export function unixPair(type: number = s.SOCK_STREAM): [s.Socket, s.Socket] {
  const pair = s.Socket.pair(type);
  keep(...pair);
  return pair;
}

/** An address of the loopback network on which nobody listens. */
export const nobody: s.InetAddress = { family: s.AF_INET, address: '127.0.0.66', port: 1 };

/** What a promise is rejected with. */
export async function failure(promise: Promise<unknown>): Promise<Error & { code?: string; syscall?: string }> {
  return promise.then(
    (value) => expect.fail(`not rejected, but ${String(value)}`),
    (error: Error) => error,
  );
}

/** Whether a promise is settled by now: everything that can happen has happened. */
export async function isSettled(promise: Promise<unknown>, milliseconds = 50): Promise<boolean> {
  let settled = false;
  const done = () => {
    settled = true;
  };
  promise.then(done, done);
  await sleep(milliseconds);
  return settled;
}

export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Reads until the end of the stream. */
export async function readAll(socket: s.Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for (;;) {
    const data = await socket.recv();
    if (data.length === 0) return Buffer.concat(chunks);
    chunks.push(data);
  }
}

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

/** A program that has the built library as \`s\`: its process. Further files, such as workers, lie beside it. */
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

/**
 * The start of a command line for programs in a world of their own: a network with lo and with a link on which
 * 192.0.2.1, 192.0.2.3 and 2001:db8::1 never answer, and these lines as /etc/hosts.
 */
export function world(hosts = ''): string[] {
  const file = join(folder(), 'hosts');
  writeFileSync(file, hosts);
  const script = `ip link set lo up && ip link add v0 type veth peer name v1 && ip addr add 192.0.2.2/24 dev v0 &&
    ip -6 addr add 2001:db8::2/64 dev v0 nodad && ip link set v1 up && ip link set v0 up &&
    for dead in 192.0.2.1 192.0.2.3 2001:db8::1; do
      ip neigh add $dead lladdr 02:00:00:00:00:99 dev v0 nud permanent || exit 1
    done && mount --bind ${file} /etc/hosts && exec "$@"`;
  return ['unshare', '-Urnm', 'sh', '-c', script, 'sh'];
}

let worldReason: { reason: string | undefined } | undefined;

/** Whether there can be such a world here. */
export function worlds(): string | undefined {
  if (worldReason === undefined) {
    const [command, ...rest] = world();
    const { status } = spawnSync(command!, [...rest, 'true']);
    worldReason = { reason: status === 0 ? undefined : 'no namespaces of users, networks and mounts' };
  }
  return worldReason.reason;
}

/** Runs a program to its end. */
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

/** Runs a program that must end well and say nothing to stderr; gives its output. */
export async function output(
  script: string,
  flags?: string[],
  files?: Record<string, string>,
  prefix?: string[],
): Promise<string> {
  const { stdout, ...rest } = await run(script, flags, files, prefix);
  expect(rest).toEqual({ status: 0, signal: null, stderr: '' });
  return stdout;
}
