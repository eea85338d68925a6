/** Sockets of the event loop for tests, and what their promises do. */
import { expect, onTestFinished } from 'vitest';
import * as s from '../../lib/index.ts';
import { loopback } from './fixtures.ts';

/** Closes sockets when the test ends. Returns the first one. */
export function keep<T extends s.Socket>(...sockets: [T, ...s.Socket[]]): T {
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

/** Returns the error that a promise rejects with. */
export async function failure(promise: Promise<unknown>): Promise<Error & { code?: string; syscall?: string }> {
  return promise.then(
    (value) => expect.fail(`not rejected, but ${String(value)}`),
    (error: Error) => error,
  );
}

/** Returns whether a promise is settled after this many milliseconds. */
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

/**
 * Waits for this long, and checks that no event wakes the event loop again and again meanwhile. The steps of a garbage
 * collection wake it, too, so one quiet period out of ten is enough: an event that nothing serves repeats in all of them.
 * Bun and Deno do not count the turns of the event loop, so there the CPU time shows it.
 */
export async function expectIdle(milliseconds: number): Promise<void> {
  const turns = () => performance.nodeTiming?.uvMetricsInfo?.loopCount;
  const busy: string[] = [];
  for (let i = 0; i < 10; i++) {
    const [before, cpu] = [turns(), process.cpuUsage()];
    await sleep(milliseconds);
    const after = turns();
    const { user, system } = process.cpuUsage(cpu);
    if (before === undefined || after === undefined) {
      if ((user + system) / 1000 < milliseconds / 2) return;
      busy.push(`${(user + system) / 1000} of ${milliseconds} CPU milliseconds`);
    } else if (after - before < 200) return;
    else busy.push(`${after - before} turns of the event loop`);
  }
  expect(busy).toEqual([]);
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
