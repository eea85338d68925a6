/** Waiting until a socket is ready, with promises or callbacks. */
import { NONE, type WaitOptions } from '../loop/options.ts';
import { ERROR, READ, WRITE } from '../loop/readiness.ts';
import { ready } from '../loop/ready.ts';
import { watchOwned } from '../loop/wait.ts';
import type { Watch, WatchOptions } from '../loop/watch.ts';
import { OwnedSocket, readinessOf } from './owned-socket.ts';

/** A socket whose readiness can be awaited. See class Socket. */
export class WaitingSocket<Family extends number = number, Type extends number = number> extends OwnedSocket<
  Family,
  Type
> {
  /**
   * Waits until a read would not block, because there is data, a connection, the end of the stream, a pending error or
   * a hang-up.
   *
   * An entry in the error queue does not end the wait: see `errorReady`. While the queue has entries, a pending error
   * can only be detected by reading it from the kernel, which clears it; the next read of this Socket then reports it.
   */
  async readable(options: WaitOptions = NONE): Promise<void> {
    await ready(readinessOf(this, 'readable'), READ, options, this);
  }

  /** Waits until a write would not block, because there is room, a pending error or a hang-up. */
  async writable(options: WaitOptions = NONE): Promise<void> {
    await ready(readinessOf(this, 'writable'), WRITE, options, this);
  }

  /** Waits until the error queue has an entry, an error is pending or out-of-band data has arrived. */
  async errorReady(options: WaitOptions = NONE): Promise<void> {
    await ready(readinessOf(this, 'errorReady'), ERROR, options, this);
  }

  /**
   * Calls a function in each turn of the event loop in which a read would not block, until it is stopped or the Socket
   * is closed. It is the method form of the function `onReadable`, and the fastest way to serve many connections.
   *
   * @param call The function. It is called without arguments, in the async context in which it was registered, and
   *   reads with the functions of `sys-socket/nothrow`.
   * @param options An AbortSignal that stops it, and `onError`, which is called if an error ends it.
   * @throws TypeError, ClosedError; SocketError ENOMEM, ENOSPC.
   * @returns A Watch, whose `stop` ends the calls.
   * @example
   * const [a, b] = Socket.pair();
   * const buffer = Buffer.alloc(1500);
   * await a.send('hello');
   * await new Promise((resolve) => {
   *   b.onReadable(() => {
   *     console.log(buffer.toString('utf8', 0, nothrow.recv(b.fd, buffer))); // hello
   *     b.close(); // stops the calls
   *     resolve(undefined);
   *   });
   * });
   * @see https://man7.org/linux/man-pages/man7/epoll.7.html
   */
  onReadable(call: () => void, options: WatchOptions = NONE): Watch {
    return watchOwned(this, readinessOf(this, 'onReadable'), READ, call, options);
  }

  /**
   * Calls a function in each turn of the event loop in which a write would not block. It is the method form of the
   * function `onWritable`.
   *
   * @param call The function, which is called without arguments.
   * @param options The same as for `onReadable`.
   * @throws The same errors as `onReadable`.
   * @returns A Watch, whose `stop` ends the calls.
   * @see https://man7.org/linux/man-pages/man7/epoll.7.html
   */
  onWritable(call: () => void, options: WatchOptions = NONE): Watch {
    return watchOwned(this, readinessOf(this, 'onWritable'), WRITE, call, options);
  }
}
