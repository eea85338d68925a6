/** What `console.log` prints for a Socket. */
import { getpeername, getsockname } from '../call/socket.ts';
import { SockaddrStorage } from '../struct/address.ts';
import { formatAddress, nameOf } from '../struct/format.ts';
import type { OwnedSocket } from './owned-socket.ts';

/**
 * Returns the text that `console.log` prints for a Socket: its family, type, file descriptor and addresses, like
 * Python's repr.
 */
export function describe(this: OwnedSocket): string {
  const parts = [this.closed ? 'closed' : `fd=${this.fd}`, nameOf('AF_', this.family), nameOf('SOCK_', this.type)];
  if (this.protocol !== 0) parts.push(`protocol=${this.protocol}`);
  for (const [label, call] of [
    ['local', getsockname],
    ['remote', getpeername],
  ] as const) {
    const name = new SockaddrStorage();
    const address = this.closed || call(this.fd, name) < 0 ? undefined : name.decode();
    if (address !== undefined) parts.push(`${label}=${formatAddress(address)}`);
  }
  return `Socket { ${parts.join(', ')} }`;
}
