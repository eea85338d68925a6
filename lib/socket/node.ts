/** The descriptors of Node's own sockets. */
import { invalidType } from '../posix/errno.ts';

interface Handle {
  readonly fd?: number;
}

/** The descriptor of a net.Socket, net.Server or dgram.Socket, which keeps it. */
export function nodeDescriptor(socket: object): number {
  let handle = (socket as { _handle?: Handle | null })._handle;
  if (handle == null) {
    // A dgram.Socket has its handle in its state.
    const state = Object.getOwnPropertySymbols(socket).find(({ description }) => description === 'state symbol');
    handle = state && (socket as Record<symbol, { handle?: Handle } | undefined>)[state]?.handle;
  }
  const fd = handle?.fd;
  if (typeof fd !== 'number' || fd < 0) throw invalidType('socket', "an open socket of Node's");
  return fd;
}
