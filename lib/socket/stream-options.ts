/** The options and events of a SocketStream. */
import type { DuplexOptions } from 'node:stream';
import { invalidValue } from '../argument/argument-error.ts';
import { namesOf, onlyKnown } from '../argument/known-names.ts';
import { assertObject } from '../argument/snapshot.ts';
import { SOCK_STREAM } from '../native/constants.ts';

/**
 * The options of a SocketStream.
 *
 * @see https://nodejs.org/api/stream.html#new-streamduplexoptions
 */
export interface SocketStreamOptions extends Pick<DuplexOptions, 'readableHighWaterMark' | 'writableHighWaterMark'> {
  /**
   * Whether the writable side stays open after the peer has ended its side, until the program calls `end()`. By
   * default, it ends automatically.
   */
  allowHalfOpen?: boolean | undefined;
  /**
   * The maximum number of file descriptors that one read receives. With 0, the default, the kernel closes all file
   * descriptors that are sent. If more than the maximum arrive, all of them are closed and the stream is destroyed with
   * an Error whose code is `ERR_SOCKET_FDS_TRUNCATED`, so that none is lost without an error.
   */
  fds?: number | undefined;
}

const names = namesOf<SocketStreamOptions>({
  allowHalfOpen: true,
  fds: true,
  readableHighWaterMark: true,
  writableHighWaterMark: true,
});

/**
 * The events of a SocketStream in addition to those of a Duplex.
 *
 * @see https://nodejs.org/api/net.html#class-netsocket
 */
export interface SocketStreamEvents {
  /**
   * File descriptors arrived with the bytes of the next chunk. The listener owns them and has to close them. Without a
   * listener, they are closed.
   */
  fds: [fds: number[]];
  /** The connection that was being established when the stream was created is established. */
  connect: [];
  /** This event follows 'connect'. */
  ready: [];
  /** Nothing was sent or received for the time that `setTimeout` set. The stream stays open. */
  timeout: [];
  /** The Socket is closed. `hadError` is true if an error was the reason. */
  close: [hadError: boolean];
}

/** Throws unless the value is an object without unknown options. */
export function checkStreamOptions(options: SocketStreamOptions): void {
  onlyKnown(assertObject(options, 'options'), names, 'options');
}

/** The Sockets that have a stream. */
export const streamed: WeakSet<object> = new WeakSet();

/** Throws unless the value is a stream Socket that has no stream yet. */
export function checkStreamSocket(socket: { readonly type: number }): void {
  if (assertObject(socket, 'socket').type !== SOCK_STREAM) {
    throw invalidValue('socket', 'a SOCK_STREAM socket: a stream would lose the boundaries of messages');
  }
  if (streamed.has(socket)) {
    const text = 'The Socket already has a stream: use that one, or call makefile() of a dup()';
    throw Object.assign(new Error(text), { code: 'ERR_SOCKET_HAS_STREAM' });
  }
}

/**
 * The options of a stream's operations, which wait without a limit: the timeout of the Socket is only for calls of the
 * program.
 */
export const NO_TIMEOUT: { readonly timeout: number } = { timeout: Number.POSITIVE_INFINITY };
