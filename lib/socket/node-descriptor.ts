/** The file descriptors of Node's own sockets. */
import { invalidType } from '../argument/argument-error.ts';
import { assertObject } from '../argument/snapshot.ts';

/** The native handle of a socket of Node. */
interface Handle {
  readonly fd?: number;
}

/** Returns the file descriptor of a net.Socket, net.Server or dgram.Socket, which keeps owning it. */
export function nodeDescriptor(socket: object): number {
  assertObject(socket, 'socket');
  // A dgram.Socket stores its handle in its state. Its property _handle is the same, but reading it emits a deprecation
  // warning.
  const state = Object.getOwnPropertySymbols(socket).find(({ description }) => description === 'state symbol');
  const handle =
    state === undefined
      ? (socket as { _handle?: Handle | null })._handle
      : (socket as Record<symbol, { handle?: Handle | null } | undefined>)[state]?.handle;
  const fd = handle?.fd;
  if (typeof fd !== 'number' || fd < 0) throw invalidType('socket', 'an open socket of Node');
  return fd;
}
