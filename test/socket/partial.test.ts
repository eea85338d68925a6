/** The property `sent` of an error reports what was sent before the operation failed. */
import { describe, expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import { failure, tcpPair, udp, unixPair } from '../helpers/sockets.ts';

const data = Buffer.alloc(3_000_000, 'x');

/** Returns how many bytes can be read. */
function waiting(socket: s.Socket): number {
  let bytes = 0;
  for (;;) {
    try {
      const { length } = socket.recvSync(65536, s.MSG_DONTWAIT);
      if (length === 0) return bytes;
      bytes += length;
    } catch {
      return bytes;
    }
  }
}

describe.each([
  ['sendAll', (socket: s.Socket, options: s.WaitOptions) => socket.sendAll(data, 0, options)],
  ['sendFds', (socket: s.Socket, options: s.WaitOptions) => socket.sendFds([0], data, 0, options)],
])('%s', (_, send) => {
  test('a timeout, a signal and closing the socket report what was sent', async () => {
    for (const end of ['TimeoutError', 'AbortError', 'ClosedError']) {
      const [a, b] = unixPair();
      const controller = new AbortController();
      const options = end === 'TimeoutError' ? { timeout: 20 } : { signal: controller.signal };
      const failed = failure(send(a, options)) as Promise<s.TimeoutError>;
      if (end === 'AbortError') controller.abort();
      if (end === 'ClosedError') a.close();
      const error = await failed;
      expect([error.name, error.sent]).toEqual([end, waiting(b)]);
      expect(error.sent).toBeGreaterThan(0);
    }
  });
});

test('sendAllSync and sendFdsSync report what was sent, too', () => {
  const [a, b] = unixPair();
  a.setTimeout(20);
  for (const send of [() => a.sendAllSync(data), () => a.sendFdsSync([0], data)]) {
    let error: unknown;
    try {
      send();
    } catch (caught) {
      error = caught;
    }
    expect(error).toMatchObject({ name: 'TimeoutError', sent: waiting(b) });
  }
});

test('with MSG_DONTWAIT, sendAll and sendFds wait neither for an event nor for a turn, and report what was sent', async () => {
  for (const send of [
    async (socket: s.Socket) => socket.sendAllSync(data, s.MSG_DONTWAIT),
    (socket: s.Socket) => socket.sendAll(data, s.MSG_DONTWAIT),
    async (socket: s.Socket) => socket.sendFdsSync([0], data, s.MSG_DONTWAIT),
    (socket: s.Socket) => socket.sendFds([0], data, s.MSG_DONTWAIT),
  ]) {
    const [a, b] = unixPair();
    const error = await failure(send(a));
    const sent = waiting(b);
    expect(error).toMatchObject({ name: 'SocketError', code: 'EAGAIN', sent });
    expect(sent).toBeGreaterThan(0);
  }
  const [a] = unixPair();
  await a.sendAll('all of it', s.MSG_DONTWAIT);
});

test('with MSG_DONTWAIT, sendmmsg reports the error of the kernel after hundreds of messages', async () => {
  const { socket } = udp();
  const peer = udp();
  const batch = new s.MessageBatch({ messages: 1024, size: 1500 });
  const unreachable = { family: s.AF_INET, address: '255.255.255.255', port: 9 } as const;
  for (let i = 0; i < 1000; i++) batch.push('x', i === 600 ? unreachable : peer.address);
  const error = await failure(socket.sendmmsg(batch, s.MSG_DONTWAIT));
  expect(error).toMatchObject({ code: 'EACCES', sent: 600 });
});

test('a write to a peer that is gone reports what was sent', async () => {
  const [client, server] = await tcpPair();
  const failed = failure(client.sendAll(Buffer.alloc(20_000_000)));
  server.setsockopt(s.SOL_SOCKET, s.SO_LINGER, new Int32Array([1, 0]));
  server.close();
  const error = (await failed) as s.SocketError;
  expect(['ECONNRESET', 'EPIPE']).toContain(error.code);
  expect(error.sent).toBeGreaterThan(0);
});

test('sendmmsg reports the messages before the one that failed', async () => {
  const { socket } = udp();
  const peer = udp();
  const batch = new s.MessageBatch({ messages: 4, size: 16 });
  for (const text of ['1', '2']) batch.push(text, peer.address);
  batch.push('3', { family: s.AF_INET, address: '255.255.255.255', port: 9 });
  batch.push('4', peer.address);
  expect(await failure(socket.sendmmsg(batch))).toMatchObject({ code: 'EACCES', sent: 2 });
  let error: unknown;
  try {
    socket.sendmmsgSync(batch);
  } catch (caught) {
    error = caught;
  }
  expect(error).toMatchObject({ code: 'EACCES', sent: 2 });
});

test('a Socket that was already closed reports that nothing was sent', async () => {
  const socket = new s.Socket(s.AF_UNIX, s.SOCK_STREAM);
  socket.close();
  const batch = new s.MessageBatch({ messages: 1, size: 1 });
  for (const send of [socket.sendAll('x'), socket.sendFds([0], 'x'), socket.sendmmsg(batch)]) {
    expect(await failure(send)).toMatchObject({ name: 'ClosedError', sent: 0 });
  }
  for (const send of [
    () => socket.sendAllSync('x'),
    () => socket.sendFdsSync([0], 'x'),
    () => socket.sendmmsgSync(batch),
  ]) {
    expect(send).toThrow(expect.objectContaining({ name: 'ClosedError', sent: 0 }));
  }
});
