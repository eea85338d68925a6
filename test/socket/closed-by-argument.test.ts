/** Code of the program that an argument runs, a getter or a method of a signal, can close the Socket of the call. */
import { expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import { failure, unixPair } from '../helpers/sockets.ts';

/** A Socket, and a function that closes it and gives its number to a copy of another Socket, which holds data. */
function victim(type: number = s.SOCK_STREAM) {
  const [socket] = unixPair(type);
  const [other, peer] = unixPair(type);
  peer.sendSync('for another');
  const { fd } = socket;
  let copy: s.Socket | undefined;
  const close = () => {
    if (socket.closed) return;
    socket.close();
    copy = s.Socket.fromFd(s.dup(other.fd));
    expect(copy.fd, 'the number is used again').toBe(fd);
  };
  /** Nothing was read from the other Socket and nothing written to it, and it is still open. */
  const untouched = () => {
    expect(String(copy!.recvSync())).toBe('for another');
    expect(() => peer.recvSync(100, s.MSG_DONTWAIT)).toThrow('EAGAIN');
    copy!.close();
  };
  return { socket, close, untouched };
}

const closed = { name: 'ClosedError', code: 'ERR_SOCKET_CLOSED' };
const path = '\0sys-socket nobody';

/** Options whose timeout closes the Socket. */
const timeout = (close: () => void) => ({
  get timeout() {
    close();
    return 60_000;
  },
});
/** Options whose signal closes the Socket when it is listened to. */
function listening(close: () => void): s.WaitOptions {
  const { signal } = new AbortController();
  return { signal: Object.assign(signal, { addEventListener: close }) };
}
const address = (close: () => void): s.UnixAddress => ({
  family: s.AF_UNIX,
  get path() {
    close();
    return path;
  },
});
const message = (close: () => void): s.SendMessage => ({
  get buffers() {
    close();
    return ['wrong'];
  },
});
const into = (close: () => void): s.ReceiveMessage => ({
  get buffers() {
    close();
    return [new Uint8Array(100)];
  },
});
const length = (close: () => void) =>
  Object.defineProperty(new Uint8Array(5), 'byteLength', {
    get() {
      close();
      return 5;
    },
  });

test.each<[string, (socket: s.Socket, close: () => void) => Promise<unknown>]>([
  ['recv', (socket, close) => socket.recv(100, 0, timeout(close))],
  ['recv with a signal', (socket, close) => socket.recv(100, 0, listening(close))],
  ['recvInto', (socket, close) => socket.recvInto(new Uint8Array(100), 0, timeout(close))],
  ['recvfrom', (socket, close) => socket.recvfrom(100, 0, timeout(close))],
  ['recvFds', (socket, close) => socket.recvFds(100, 1, 0, timeout(close))],
  ['recvmsg', (socket, close) => socket.recvmsg(into(close))],
  ['accept', (socket, close) => socket.accept(timeout(close))],
  ['readable', (socket, close) => socket.readable(timeout(close))],
  ['readable with a signal', (socket, close) => socket.readable(listening(close))],
  ['writable', (socket, close) => socket.writable(timeout(close))],
  ['errorReady', (socket, close) => socket.errorReady(timeout(close))],
  ['send', (socket, close) => socket.send('wrong', 0, timeout(close))],
  ['sendAll', (socket, close) => socket.sendAll('wrong', 0, timeout(close))],
  ['sendAll of bytes', (socket, close) => socket.sendAll(length(close))],
  ['sendFds', (socket, close) => socket.sendFds([0], 'wrong', 0, timeout(close))],
  ['sendmsg', (socket, close) => socket.sendmsg(message(close))],
  ['sendto', (socket, close) => socket.sendto(new Uint8Array(5), 0, address(close))],
  ['sendto of a string', (socket, close) => socket.sendto('wrong', 0, address(close))],
  ['connect', (socket, close) => socket.connect(address(close))],
  ['recvmsgSync', async (socket, close) => socket.recvmsgSync(into(close))],
  ['sendmsgSync', async (socket, close) => socket.sendmsgSync(message(close))],
  ['sendtoSync', async (socket, close) => socket.sendtoSync('wrong', 0, address(close))],
  ['connectSync', async (socket, close) => socket.connectSync(address(close))],
  ['bind', async (socket, close) => socket.bind(address(close))],
  ['onReadable', async (socket, close) => socket.onReadable(() => expect.unreachable(), listening(close))],
  [
    'onReadable with an option',
    async (socket, close) =>
      socket.onReadable(() => expect.unreachable(), {
        get onError() {
          close();
          return undefined;
        },
      }),
  ],
  [
    'setOption',
    async (socket, close) =>
      socket.setOption('SO_LINGER', {
        get onoff() {
          close();
          return true;
        },
        linger: 1,
      }),
  ],
])('%s fails with a ClosedError and does nothing to the Socket that has the number now', async (_, operation) => {
  const { socket, close, untouched } = victim();
  expect(await failure(operation(socket, close))).toMatchObject(closed);
  untouched();
});

test('a method of the signal that closes the Socket after the data was received does not lose the data', async () => {
  const [a, b] = unixPair();
  const { signal } = new AbortController();
  const received = b.recv(10, 0, { signal: Object.assign(signal, { removeEventListener: () => b.close() }) });
  await a.send('hello');
  expect(String(await received)).toBe('hello');
});
