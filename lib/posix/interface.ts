/** Network interfaces, as in net/if.h and ifaddrs.h, and their flags and MTU: netdevice(7). */

import { int32, uint16 } from '../argument/number.ts';
import { IOCTL } from '../call/ioctl.ts';
import { LITTLE } from '../native/byte-order.ts';
import * as constants from '../native/constants.ts';
import { layout, native } from '../native/native.ts';
import { Unpack } from '../native/unpack.ts';
import { decodeAddress } from '../struct/address.ts';
import type { Address } from '../struct/address-type.ts';
import { type Call, call, check, fail } from '../struct/errno.ts';
import { LINK_STATISTICS, type LinkStatistic } from '../struct/link-statistics.ts';
import { ifreq } from './ioctl.ts';

const IF_NAMETOINDEX: Call = call('if_nametoindex', 'name');

/**
 * Returns the index of an interface: if_nametoindex(3).
 *
 * @param name The name of the interface, such as `'eth0'`.
 * @returns The index, which is at least 1.
 * @throws SocketError ENODEV; TypeError for a name that contains a NUL, which C would truncate.
 * @example
 * console.log(if_nametoindex('lo')); // 1
 * @see https://man7.org/linux/man-pages/man3/if_nametoindex.3.html
 */
export function if_nametoindex(name: string): number {
  const index = native.if_nametoindex(name);
  return index > 0 ? index : fail(index, IF_NAMETOINDEX, { interface: name });
}

const IF_INDEXTONAME: Call = call('if_indextoname', 'ifindex');

/**
 * Returns the name of an interface: if_indextoname(3).
 *
 * @param ifindex The index of the interface.
 * @returns The name.
 * @throws SocketError ENXIO.
 * @example
 * console.log(if_indextoname(1)); // lo
 * @see https://man7.org/linux/man-pages/man3/if_nametoindex.3.html
 */
export function if_indextoname(ifindex: number): string {
  const name = native.if_indextoname(ifindex);
  if (typeof name === 'number') fail(name, IF_INDEXTONAME, { interface: ifindex });
  return name;
}

/**
 * The index and the name of an interface: struct if_nameindex.
 *
 * @see https://man7.org/linux/man-pages/man3/if_nameindex.3.html
 */
export interface NameIndex {
  index: number;
  name: string;
}

const IF_NAMEINDEX: Call = call('if_nameindex');

/**
 * Returns all interfaces: if_nameindex(3).
 *
 * @returns The indexes and names of the interfaces.
 * @throws SocketError ENOBUFS.
 * @example
 * console.log(if_nameindex().find(({ index }) => index === 1)?.name); // lo
 * @see https://man7.org/linux/man-pages/man3/if_nameindex.3.html
 */
export function if_nameindex(): NameIndex[] {
  const result = native.if_nameindex();
  if (typeof result === 'number') fail(result, IF_NAMEINDEX);
  const unpack = new Unpack(result);
  const list: NameIndex[] = [];
  while (!unpack.done) list.push({ index: unpack.int(), name: unpack.string()! });
  return list;
}

/**
 * The counters of an interface: struct rtnl_link_stats. They have 32 bits and wrap around.
 *
 * @see https://man7.org/linux/man-pages/man3/getifaddrs.3.html
 */
export type LinkStatistics = { [Name in LinkStatistic]: number };

/**
 * One address of an interface: struct ifaddrs.
 *
 * @see https://man7.org/linux/man-pages/man3/getifaddrs.3.html
 */
export interface InterfaceAddress {
  name: string;
  /** IFF_ flags. */
  flags: number;
  /**
   * An AF_INET or AF_INET6 address has port 0. An AF_PACKET address contains the hardware address and the index. A link
   * without a hardware address (tun) has no address, `undefined`.
   */
  address: Address | undefined;
  netmask: Address | undefined;
  /** The broadcast address, if the interface has IFF_BROADCAST. */
  broadaddr: Address | undefined;
  /** The address of the peer, if the interface has IFF_POINTOPOINT. */
  dstaddr: Address | undefined;
  /** The counters. Only the entry of a link has them: an AF_PACKET entry, or one without an address. */
  statistics: LinkStatistics | undefined;
}

function readStatistics(bytes: Buffer | undefined): LinkStatistics | undefined {
  if (bytes === undefined) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const numbers = LINK_STATISTICS.map((name, i) => [name, view.getUint32(i * 4, LITTLE)]);
  return Object.fromEntries(numbers) as LinkStatistics;
}

const GETIFADDRS: Call = call('getifaddrs');

/**
 * Returns the addresses of all interfaces, in every address family: getifaddrs(3).
 *
 * @returns One entry for each address of each interface, and one for each link.
 * @throws SocketError ENOBUFS, EACCES.
 * @example
 * const lo = getifaddrs().find(({ name, address }) => name === 'lo' && address?.family === AF_INET);
 * console.log(lo?.address); // { family: 2, address: '127.0.0.1', port: 0 }
 * @see https://man7.org/linux/man-pages/man3/getifaddrs.3.html
 */
export function getifaddrs(): InterfaceAddress[] {
  const result = native.getifaddrs();
  if (typeof result === 'number') fail(result, GETIFADDRS);
  const unpack = new Unpack(result);
  const address = () => {
    const bytes = unpack.bytes();
    return bytes === undefined ? undefined : decodeAddress(bytes);
  };
  const list: InterfaceAddress[] = [];
  while (!unpack.done) {
    const name = unpack.string()!;
    const flags = unpack.int();
    const own = address();
    const netmask = address();
    const other = address();
    list.push({
      name,
      flags,
      address: own,
      netmask,
      broadaddr: flags & constants.IFF_BROADCAST ? other : undefined,
      dstaddr: flags & constants.IFF_POINTOPOINT ? other : undefined,
      statistics: readStatistics(unpack.bytes()),
    });
  }
  return list;
}

const VALUE = layout('ifr_ifru');

function request(fd: number, code: number, name: string, set?: (view: DataView) => void): DataView {
  const bytes = ifreq(name);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  set?.(view);
  check(native.ioctl(fd, code, bytes), IOCTL, { interface: name });
  return view;
}

/**
 * Returns the flags of an interface: netdevice(7), SIOCGIFFLAGS.
 *
 * @param fd Any socket.
 * @param name The name of the interface.
 * @returns The lower 16 bits of the IFF_ flags.
 * @throws SocketError ENODEV, EBADF.
 * @example
 * const fd = socket(AF_INET, SOCK_DGRAM);
 * console.log((getInterfaceFlags(fd, 'lo') & IFF_LOOPBACK) !== 0); // true
 * @see https://man7.org/linux/man-pages/man7/netdevice.7.html
 */
export function getInterfaceFlags(fd: number, name: string): number {
  return request(fd, constants.SIOCGIFFLAGS, name).getUint16(VALUE, LITTLE);
}

/**
 * Sets the flags of an interface: netdevice(7), SIOCSIFFLAGS.
 *
 * @param fd Any socket.
 * @param name The name of the interface.
 * @param flags IFF_ flags, 0 to 65535.
 * @throws SocketError EPERM, ENODEV, EBADF.
 * @example
 * const fd = socket(AF_INET, SOCK_DGRAM);
 * setInterfaceFlags(fd, 'lo', getInterfaceFlags(fd, 'lo') | IFF_UP);
 * @see https://man7.org/linux/man-pages/man7/netdevice.7.html
 */
export function setInterfaceFlags(fd: number, name: string, flags: number): void {
  uint16(flags, 'flags');
  request(fd, constants.SIOCSIFFLAGS, name, (view) => view.setUint16(VALUE, flags, LITTLE));
}

/**
 * Returns the MTU of an interface: netdevice(7), SIOCGIFMTU.
 *
 * @param fd Any socket.
 * @param name The name of the interface.
 * @returns The MTU in bytes.
 * @throws SocketError ENODEV, EBADF.
 * @example
 * console.log(getInterfaceMtu(socket(AF_INET, SOCK_DGRAM), 'lo')); // 65536
 * @see https://man7.org/linux/man-pages/man7/netdevice.7.html
 */
export function getInterfaceMtu(fd: number, name: string): number {
  return request(fd, constants.SIOCGIFMTU, name).getInt32(VALUE, LITTLE);
}

/**
 * Sets the MTU of an interface: netdevice(7), SIOCSIFMTU.
 *
 * @param fd Any socket.
 * @param name The name of the interface.
 * @param mtu The MTU in bytes.
 * @throws SocketError EPERM, EINVAL, ENODEV, EBADF.
 * @example
 * const fd = socket(AF_INET, SOCK_DGRAM);
 * setInterfaceMtu(fd, 'lo', 16384);
 * console.log(getInterfaceMtu(fd, 'lo')); // 16384
 * @see https://man7.org/linux/man-pages/man7/netdevice.7.html
 */
export function setInterfaceMtu(fd: number, name: string, mtu: number): void {
  int32(mtu, 'mtu');
  request(fd, constants.SIOCSIFMTU, name, (view) => view.setInt32(VALUE, mtu, LITTLE));
}
