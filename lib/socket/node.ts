/** The descriptors of Node's own sockets. */
import { invalidType } from '../posix/errno.ts';
import { object } from '../posix/snapshot.ts';

interface Handle {
  readonly fd?: number;
}

/** The descriptor of a net.Socket, net.Server or dgram.Socket, which keeps it. */
export function nodeDescriptor(socket: object): number {
  object(socket, 'socket');
  // A dgram.Socket has its handle in its state. Its _handle is the same, but to read it gives a deprecation warning.
  const state = Object.getOwnPropertySymbols(socket).find(({ description }) => description === 'state symbol');
  const handle =
    state === undefined
      ? (socket as { _handle?: Handle | null })._handle
      : (socket as Record<symbol, { handle?: Handle | null } | undefined>)[state]?.handle;
  const fd = handle?.fd;
  if (typeof fd !== 'number' || fd < 0) throw invalidType('socket', "an open socket of Node's");
  return fd;
}
