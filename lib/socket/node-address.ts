/** Addresses in the form in which net.Socket reports them. */
import type { Address } from '../posix/address-type.ts';
import { AF_INET, AF_INET6 } from '../posix/constants.ts';
import { if_indextoname } from '../posix/interface.ts';

/** What `address()` of net.Socket returns. */
export interface NodeAddress {
  address: string;
  family: 'IPv4' | 'IPv6';
  port: number;
}

/** The name of the interface behind a link-local address, or its number when it is gone. */
function zone(scopeId: number): string {
  try {
    return `%${if_indextoname(scopeId)}`;
  } catch {
    return `%${scopeId}`;
  }
}

/** An address of IPv4 or IPv6; undefined for any other, as net.Socket has it for a pipe. */
export function nodeAddress(address: Address | undefined): NodeAddress | undefined {
  if (address?.family === AF_INET) {
    const { address: text, port } = address as Address & { family: typeof AF_INET };
    return { address: text, family: 'IPv4', port };
  }
  if (address?.family !== AF_INET6) return undefined;
  const { address: text, port, scopeId = 0 } = address as Address & { family: typeof AF_INET6 };
  const isScoped = scopeId > 0 && /^fe[89ab]/i.test(text);
  return { address: isScoped ? text + zone(scopeId) : text, family: 'IPv6', port };
}
