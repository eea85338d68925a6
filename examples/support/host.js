// @ts-check
// Resolves the host given on the command line and finds the route to it.
import { AF_INET, AF_INET6, AF_UNSPEC, close, connect, getsockname, SOCK_DGRAM, socket } from 'sys-socket';
import { getaddrinfo } from 'sys-socket/promises';
import { UsageError } from './command.js';

/** @typedef {import('sys-socket').InetAddress | import('sys-socket').Inet6Address} HostAddress */

/**
 * Resolves the one host on the command line, in the family that -4 or -6 selects.
 * @param {string[]} positionals @param {{ 4?: boolean, 6?: boolean }} values
 * @returns {Promise<{ name: string, to: HostAddress }>}
 */
export async function hostOf([name, ...rest], values) {
  if (name === undefined || rest.length > 0) throw new UsageError('give one host');
  if (values[4] && values[6]) throw new UsageError('-4 and -6 exclude each other');
  const family = values[4] ? AF_INET : values[6] ? AF_INET6 : AF_UNSPEC;
  const [first] = await getaddrinfo(name, null, { family, socktype: SOCK_DGRAM });
  return { name, to: /** @type {HostAddress} */ (first?.address) };
}

/**
 * Returns our own address on the route to a host: connecting a datagram socket sends nothing, but selects a route.
 * @param {HostAddress} to
 */
export function sourceAddress(to) {
  const fd = socket(to.family, SOCK_DGRAM);
  try {
    connect(fd, { ...to, port: 9 });
    return /** @type {HostAddress} */ (getsockname(fd)).address;
  } finally {
    close(fd);
  }
}
