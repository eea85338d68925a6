/** The local address that a connection is bound to before connect(2). */

import { invalidValue } from '../argument/argument-error.ts';
import { uint16 } from '../argument/number.ts';
import { AF_INET, AF_INET6, AF_UNSPEC } from '../native/constants.ts';
import type { AddressInfo } from '../posix/address-info.ts';
import { decodeAddress, encodeAddress } from '../struct/address.ts';
import type { AddressLike } from '../struct/address-type.ts';
import { inet_pton } from '../struct/inet.ts';
import { numericHost } from './endpoint.ts';

/** The local address of a connection, which may depend on the family of the peer. */
export interface LocalAddress {
  /** Its family, or undefined if it can be of either family. */
  readonly family: number | undefined;
  /** Returns the address to bind to for a peer of this family. */
  readonly of: (family: number) => AddressLike | undefined;
  /** Whether it has a port, which only one socket at a time can be bound to. */
  readonly hasPort: boolean;
}

/** Checks the options `localAddress` and `localPort`. With only a port, the local address is the wildcard address. */
export function localAddress(address: unknown, port: unknown): LocalAddress {
  if (address === undefined && port === undefined) return { family: undefined, of: () => undefined, hasPort: false };
  if (address !== undefined && typeof address !== 'string') {
    if (port !== undefined) throw invalidValue('options.localPort', 'omitted if localAddress has a port');
    const name = encodeAddress(address as AddressLike);
    const decoded = decodeAddress(name);
    const { port: bound = 0 } = { ...decoded } as { port?: number };
    return { family: decoded?.family, of: () => name, hasPort: bound !== 0 };
  }
  const number = uint16(port, 'options.localPort', 0);
  if (address === undefined) {
    const any = { [AF_INET]: '0.0.0.0', [AF_INET6]: '::' };
    return {
      family: undefined,
      of: (family) => ({ family: family as typeof AF_INET, address: any[family as typeof AF_INET], port: number }),
      hasPort: number !== 0,
    };
  }
  const found = address.includes('\0') ? undefined : numericHost(address, number, AF_UNSPEC);
  if (found === undefined || (found[0]!.family === AF_INET && inet_pton(AF_INET, address) === undefined)) {
    throw invalidValue('options.localAddress', 'the text of an IPv4 or IPv6 address');
  }
  const [{ family, address: local }] = found as [AddressInfo];
  return { family, of: () => local, hasPort: number !== 0 };
}
