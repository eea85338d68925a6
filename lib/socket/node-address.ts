/** Addresses in the form in which net.Socket reports them. */

import { getpeername, getsockname } from '../call/socket.ts';
import { AF_INET, AF_INET6 } from '../native/constants.ts';
import { if_indextoname } from '../posix/interface.ts';
import { SockaddrStorage } from '../struct/address.ts';
import type { Address } from '../struct/address-type.ts';
import { isInet, type NetSocket } from './net-options.ts';

/** The result of `address()` of net.Socket. */
export interface NodeAddress {
  address: string;
  family: 'IPv4' | 'IPv6';
  port: number;
}

/** Returns the zone of a link-local address: the name of the interface, or its number if it no longer exists. */
function zone(scopeId: number): string {
  try {
    return `%${if_indextoname(scopeId)}`;
  } catch {
    return `%${scopeId}`;
  }
}

/** Converts an IPv4 or IPv6 address. Returns undefined for any other, as net.Socket does for a pipe. */
function nodeAddress(address: Address | undefined): NodeAddress | undefined {
  if (address?.family === AF_INET) {
    const { address: text, port } = address as Address & { family: typeof AF_INET };
    return { address: text, family: 'IPv4', port };
  }
  if (address?.family !== AF_INET6) return undefined;
  const { address: text, port, scopeId = 0 } = address as Address & { family: typeof AF_INET6 };
  const isScoped = scopeId > 0 && /^fe[89ab]/i.test(text);
  return { address: isScoped ? text + zone(scopeId) : text, family: 'IPv6', port };
}

/** The addresses of a Socket. They are read once; that of the peer stays available after the Socket is closed. */
export class NodeAddresses {
  readonly #socket: NetSocket;
  #local: NodeAddress | undefined = undefined;
  #remote: NodeAddress | undefined = undefined;

  constructor(socket: NetSocket) {
    this.#socket = socket;
  }

  local(): NodeAddress | undefined {
    if (this.#socket.closed) return undefined;
    this.#local ??= this.#read(getsockname);
    return this.#local;
  }

  remote(): NodeAddress | undefined {
    this.#remote ??= this.#read(getpeername);
    return this.#remote;
  }

  #read(call: (fd: number, name: SockaddrStorage) => number): NodeAddress | undefined {
    if (!isInet(this.#socket)) return undefined;
    const name = new SockaddrStorage();
    return call(this.#socket.fd, name) < 0 ? undefined : nodeAddress(name.decode());
  }
}
