/** Waiting for the readiness of file descriptors, with promises or callbacks: the functions of the package. */
import { invalidType } from '../argument/argument-error.ts';
import { NONE, type WaitOptions, watchOptions } from './options.ts';
import { ERROR, type Kind, READ, type Readiness, WRITE } from './readiness.ts';
import { ready } from './ready.ts';
import { find } from './registration.ts';
import { type Watch, type WatchOptions, watch } from './watch.ts';

/**
 * Waits until a read would not block, because there is data, a connection, the end of the stream, a pending error or a
 * hang-up: epoll(7).
 *
 * An entry in the error queue (MSG_ERRQUEUE) also ends the wait, although a read may then block, because epoll does not
 * distinguish it from a pending error. The method `readable` of Socket does distinguish them.
 *
 * The file descriptor must stay open during the wait: abort the wait before you close it. The class Socket does this
 * itself.
 *
 * @param fd A file descriptor that epoll supports: a socket, a pipe or a terminal.
 * @param options An AbortSignal and a timeout in milliseconds.
 * @returns A promise that resolves when a read would not block.
 * @throws SocketError EPERM (a regular file, which is always ready), EBADF; AbortError; TimeoutError.
 * @example
 * const [a, b] = socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK);
 * send(a, 'hello');
 * await readable(b, { timeout: 1000 });
 * console.log(recv(b, new Uint8Array(100))); // 5
 * @see https://man7.org/linux/man-pages/man7/epoll.7.html
 */
export function readable(fd: number, options: WaitOptions = NONE): Promise<void> {
  return ready(find(fd), READ, options);
}

/**
 * Waits until a write would not block, because there is room, an error or a hang-up: epoll(7).
 *
 * @param fd The same as for `readable`.
 * @param options An AbortSignal and a timeout in milliseconds.
 * @returns A promise that resolves when a write would not block.
 * @throws The same errors as `readable`.
 * @example
 * const [a] = socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK);
 * await writable(a, { timeout: 1000 });
 * console.log(send(a, 'hello')); // 5
 * @see https://man7.org/linux/man-pages/man7/epoll.7.html
 */
export function writable(fd: number, options: WaitOptions = NONE): Promise<void> {
  return ready(find(fd), WRITE, options);
}

/**
 * Waits until the error queue (MSG_ERRQUEUE) has an entry, an error is pending or out-of-band data has arrived:
 * epoll(7).
 *
 * @param fd The same as for `readable`.
 * @param options An AbortSignal and a timeout in milliseconds.
 * @returns A promise that resolves when one of these is the case.
 * @throws The same errors as `readable`.
 * @example
 * const fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK);
 * setOption(fd, 'IP_RECVERR', true);
 * connect(fd, { family: AF_INET, address: '127.0.0.1', port: 9 }); // no socket is bound to this port
 * send(fd, 'hello');
 * await errorReady(fd, { timeout: 1000 });
 * const { control } = recvmsg(fd, { buffers: [new Uint8Array(100)], controlLength: 200 }, MSG_ERRQUEUE);
 * console.log(findControl(control, IPPROTO_IP, IP_RECVERR)?.error.errno === ECONNREFUSED); // true
 * @see https://man7.org/linux/man-pages/man7/epoll.7.html
 */
export function errorReady(fd: number, options: WaitOptions = NONE): Promise<void> {
  return ready(find(fd), ERROR, options);
}

function callback(call: () => void): () => void {
  if (typeof call !== 'function') throw invalidType('callback', 'a function');
  return call;
}

/**
 * Calls a function in each turn of the event loop in which a read would not block, until it is stopped: epoll(7). For
 * many small messages, this costs the least, because no promise is created.
 *
 * The function has to read, once or until EAGAIN, preferably with the functions of `sys-socket/nothrow`. If data is
 * left, the function is called again in the next turn. The same applies to the end of a stream and to an error: after
 * either, call `stop` or close the socket.
 *
 * Promise reactions run after the functions of all ready file descriptors were called. An exception of the function
 * reaches uncaughtException. The registration keeps the process alive.
 *
 * @param fd The same as for `readable`. Call `stop` before you close it. For a Socket, use its method `onReadable`.
 * @param call The function. It is called without arguments, in the async context in which it was registered.
 * @param options An AbortSignal that stops it, and `onError`, which is called if an error ends it.
 * @returns A Watch, whose `stop` ends the calls.
 * @throws SocketError EPERM (a regular file), EBADF; TypeError.
 * @example
 * const [a, b] = socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK);
 * const buffer = new Uint8Array(1500);
 * send(a, 'hello');
 * send(a, ' world');
 * shutdown(a, SHUT_WR);
 * await new Promise((resolve) => {
 *   const watch = onReadable(b, () => {
 *     const n = nothrow.recv(b, buffer);
 *     if (n > 0) return console.log(n); // 11
 *     watch.stop(); // 0: the end of the stream
 *     resolve(undefined);
 *   });
 * });
 * @see https://man7.org/linux/man-pages/man7/epoll.7.html
 */
export function onReadable(fd: number, call: () => void, options: WatchOptions = NONE): Watch {
  return watch(find(fd), READ, callback(call), watchOptions(options));
}

/**
 * Calls a function in each turn of the event loop in which a write would not block, until it is stopped: epoll(7). Stop
 * it as soon as there is nothing to write, because there is room most of the time.
 *
 * @param fd The same as for `onReadable`.
 * @param call The function. It is called without arguments, in the async context in which it was registered.
 * @param options An AbortSignal that stops it, and `onError`, which is called if an error ends it.
 * @returns A Watch, whose `stop` ends the calls.
 * @throws The same errors as `onReadable`.
 * @example
 * const [a] = socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK);
 * await new Promise((resolve) => {
 *   const watch = onWritable(a, () => {
 *     watch.stop();
 *     resolve(undefined);
 *   });
 * });
 * console.log(send(a, 'hello')); // 5
 * @see https://man7.org/linux/man-pages/man7/epoll.7.html
 */
export function onWritable(fd: number, call: () => void, options: WatchOptions = NONE): Watch {
  return watch(find(fd), WRITE, callback(call), watchOptions(options));
}

/** Registers a function for `onReadable` or `onWritable` of a Socket, which stops it when it is closed. */
export function watchOwned(
  owner: object,
  readiness: Readiness,
  kind: Kind,
  call: () => void,
  options: WatchOptions,
): Watch {
  return watch(readiness, kind, callback(call), watchOptions(options), owner);
}
