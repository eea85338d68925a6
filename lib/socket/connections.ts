/** Accepting connections one after the other, despite errors that do not concern the listening socket. */
import process from 'node:process';
import { invalidType } from '../argument/argument-error.ts';
import { namesOf, onlyKnown } from '../argument/known-names.ts';
import { assertObject } from '../argument/snapshot.ts';
import { listen, unlisten } from '../loop/abort.ts';
import { onRelease } from '../loop/descriptor.ts';
import { AbortError, TimeoutError } from '../loop/errors.ts';
import type { WaitOptions } from '../loop/options.ts';
import { clearImmediate, clearTimeout, setImmediate, setTimeout } from '../loop/timers.ts';
import { isErrno, type SocketError } from '../struct/errno.ts';
import { type Iterated, SocketIterator } from './iterate.ts';

/** A Socket that accepts connections. */
interface Accepting<Accepted> extends Iterated {
  hasRef(): boolean;
  getTimeout(): number | undefined;
  readable(options: WaitOptions): Promise<void>;
  accept(options: WaitOptions): Promise<Accepted>;
}

/**
 * The options of `connections`: how it waits, and what it does with errors.
 *
 * @see https://man7.org/linux/man-pages/man2/accept.2.html
 */
export interface ConnectionsOptions extends WaitOptions {
  /**
   * A function that is called with each error that does not end the iteration. If it throws, the iteration ends with
   * that error.
   */
  onError?: ((error: SocketError) => void) | undefined;
}

/** The errors of accept(2) that concern a connection which failed before it was accepted. */
const BROKEN = [
  'ECONNABORTED',
  'EPROTO',
  'ENETDOWN',
  'ENETUNREACH',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'ENONET',
  'ENOPROTOOPT',
] as const;

/** The errors that disappear when file descriptors are closed or memory is freed. */
const EXHAUSTED = ['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'ENOSPC'] as const;

/** The longest pause after an error of exhaustion, in milliseconds. */
const PAUSE = 1000;

let warned = false;

/** Warns once per process that connections are waiting, if the program has no `onError`. */
function warn(error: SocketError): void {
  if (warned || !isErrno(error, ...EXHAUSTED)) return;
  warned = true;
  process.emitWarning(
    `A server pauses accepting for up to ${PAUSE} ms at a time, because ${error.syscall} failed with ${error.code}. ` +
      'To handle this error, set the option onError of connections().',
    { type: 'Warning', code: 'SYS_SOCKET_EXHAUSTED' },
  );
}

/** Calls a function when something has happened that makes the next attempt worthwhile. Returns a function that forgets it. */
type Occasion = (call: () => void) => () => void;

/** The next turn of the event loop. */
const nextTurn: Occasion = (call) => {
  const immediate = setImmediate(call);
  return () => clearImmediate(immediate);
};

/** Waits for an occasion, at most `longest` milliseconds. */
function pause(socket: Accepting<unknown>, occasion: Occasion, longest: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const leave = () => {
      clearTimeout(timer);
      forget();
      unlisten(signal, member);
    };
    const end = () => {
      leave();
      resolve();
    };
    const abort = () => {
      leave();
      reject(new AbortError(signal, 'accept'));
    };
    const member = { abort };
    const timer = setTimeout(end, longest);
    const forget = occasion(end);
    listen(signal, member);
    if (!socket.hasRef()) timer.unref();
    if (signal.aborted) abort();
  });
}

/**
 * Waits until there is a connection to accept. If that fails for lack of a file descriptor or memory, it returns
 * immediately.
 */
async function waitForConnection(socket: Accepting<unknown>, options: WaitOptions): Promise<void> {
  try {
    await socket.readable(options);
  } catch (error) {
    // If this timeout has expired, so has that of the whole operation, which the caller reports.
    if (!isErrno(error, ...EXHAUSTED) && !(error instanceof TimeoutError)) throw error;
  }
}

/** Accepts the next connection, and reports errors that do not end the iteration. */
async function acceptNext<Accepted>(
  socket: Accepting<Accepted>,
  options: WaitOptions,
  report: (error: SocketError) => void,
): Promise<Accepted> {
  const { signal, timeout = socket.getTimeout() || Number.POSITIVE_INFINITY } = options;
  const end = performance.now() + timeout;
  let left = options;
  const rest = (occasion: Occasion) =>
    pause(socket, occasion, Math.max(0, Math.min(PAUSE, end - performance.now())), signal!);
  let exhausted = false;
  for (;;) {
    try {
      return await socket.accept(left);
    } catch (error) {
      if (isErrno(error, ...BROKEN)) {
        report(error);
        // Many of them must not starve the rest of the program.
        if (performance.now() < end) await rest(nextTurn);
      } else if (!isErrno(error, ...EXHAUSTED)) {
        throw error;
      } else if (performance.now() >= end) {
        throw new TimeoutError('accept', timeout); // after one more attempt at the end of the timeout
      } else if (exhausted) {
        report(error);
        await rest(onRelease); // a Socket (perhaps this one) that is closed frees a file descriptor
        exhausted = false;
      } else {
        // accept4(2) allocates a file descriptor before it looks for a connection. If none waits, the error does not
        // matter yet.
        await waitForConnection(socket, { signal, timeout: Math.max(0, end - performance.now()) });
        exhausted = true;
      }
    }
    left = { signal, timeout: end - performance.now() };
    if (left.timeout! <= 0) throw new TimeoutError('accept', timeout);
  }
}

const names = namesOf<ConnectionsOptions>({ signal: true, timeout: true, onError: true });

/** Iterates over incoming connections: see `connections` of Socket. */
export function iterateConnections<Accepted extends { readonly socket: { close(): void } }>(
  socket: Accepting<Accepted>,
  options: ConnectionsOptions,
): AsyncGenerator<Accepted, void, void> {
  const { onError = warn } = onlyKnown(assertObject(options, 'options'), names, 'options');
  if (typeof onError !== 'function') throw invalidType('onError', 'a function');
  const receiveNext = (waiting: WaitOptions) => acceptNext(socket, waiting, onError);
  return new SocketIterator(socket, receiveNext, options, (accepted) => accepted.socket.close());
}
