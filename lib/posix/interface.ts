/** Network interfaces, as in net/if.h and ifaddrs.h, and their flags and MTU: netdevice(7). */
import { decodeAddress } from './address.ts';
import type { Address } from './address-type.ts';
import { GETIFADDRS, IF_INDEXTONAME, IF_NAMEINDEX, IF_NAMETOINDEX, IOCTL } from './calls.ts';
import { IFF_BROADCAST, IFF_POINTOPOINT, SIOCGIFFLAGS, SIOCGIFMTU, SIOCSIFFLAGS, SIOCSIFMTU } from './constants.ts';
import { check } from './errno.ts';
import { ifreq } from './ioctl.ts';
import { LINK_STATISTICS, type LinkStatistic } from './link-statistics.ts';
import { layout, native } from './native.ts';
import { int32, uint16 } from './number.ts';
import { Unpack } from './unpack.ts';

/**
 * The index of an interface: if_nametoindex(3).
 *
 * @param name `'eth0'`.
 * @returns The index, from 1 on.
 * @throws SocketError ENODEV; TypeError for a name with an inner NUL, which C would cut.
 * @example
 * console.log(if_nametoindex('lo')); // 1
 * @see https://man7.org/linux/man-pages/man3/if_nametoindex.3.html
 */
export function if_nametoindex(name: string): number {
  const index = native.if_nametoindex(name);
  return index > 0 ? index : check(index, IF_NAMETOINDEX, { interface: name });
}

/**
 * The name of an interface: if_indextoname(3).
 *
 * @param ifindex Its index.
 * @returns The name.
 * @throws SocketError ENXIO.
 * @example
 * console.log(if_indextoname(1)); // lo
 * @see https://man7.org/linux/man-pages/man3/if_nametoindex.3.html
 */
export function if_indextoname(ifindex: number): string {
  const name = native.if_indextoname(ifindex);
  if (typeof name === 'number') throw check(name, IF_INDEXTONAME, { interface: ifindex });
  return name;
}

/**
 * An interface: struct if_nameindex.
 *
 * @see https://man7.org/linux/man-pages/man3/if_nameindex.3.html
 */
export interface NameIndex {
  index: number;
  name: string;
}

/**
 * All interfaces: if_nameindex(3).
 *
 * @returns The indexes and names.
 * @throws SocketError ENOBUFS.
 * @example
 * console.log(if_nameindex().find(({ index }) => index === 1)?.name); // lo
 * @see https://man7.org/linux/man-pages/man3/if_nameindex.3.html
 */
export function if_nameindex(): NameIndex[] {
  const result = native.if_nameindex();
  if (typeof result === 'number') throw check(result, IF_NAMEINDEX);
  const unpack = new Unpack(result);
  const list: NameIndex[] = [];
  while (!unpack.done) list.push({ index: unpack.int(), name: unpack.string()! });
  return list;
}

/**
 * The counters of an interface: struct rtnl_link_stats. They are 32 bits wide and wrap.
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
   * AF_INET and AF_INET6 addresses have port 0; an AF_PACKET entry tells the hardware address and the index. Of a link
   * without a hardware address (tun) it is `undefined`.
   */
  address: Address | undefined;
  netmask: Address | undefined;
  /** With IFF_BROADCAST. */
  broadaddr: Address | undefined;
  /** With IFF_POINTOPOINT. */
  dstaddr: Address | undefined;
  /** Of the entry of a link: AF_PACKET, or without an address. */
  statistics: LinkStatistics | undefined;
}

function readStatistics(bytes: Buffer | undefined): LinkStatistics | undefined {
  if (bytes === undefined) return undefined;
  const numbers = LINK_STATISTICS.map((name, i) => [name, bytes.readUInt32LE(i * 4)]);
  return Object.fromEntries(numbers) as LinkStatistics;
}

/**
 * The addresses of all interfaces, of every family: getifaddrs(3).
 *
 * @returns An entry for each address of each interface, and one for each link.
 * @throws SocketError ENOBUFS, EACCES.
 * @example
 * const lo = getifaddrs().filter(({ name, address }) => name === 'lo' && address?.family === AF_INET);
 * console.log(lo[0].address); // { family: 2, address: '127.0.0.1', port: 0 }
 * @see https://man7.org/linux/man-pages/man3/getifaddrs.3.html
 */
export function getifaddrs(): InterfaceAddress[] {
  const result = native.getifaddrs();
  if (typeof result === 'number') throw check(result, GETIFADDRS);
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
      broadaddr: flags & IFF_BROADCAST ? other : undefined,
      dstaddr: flags & IFF_POINTOPOINT ? other : undefined,
      statistics: readStatistics(unpack.bytes()),
    });
  }
  return list;
}

const VALUE = layout('ifr_ifru');

function request(fd: number, code: number, name: string, set?: (bytes: Buffer) => void): Buffer {
  const bytes = ifreq(name);
  set?.(bytes);
  check(native.ioctl(fd, code, bytes), IOCTL, { interface: name });
  return bytes;
}

/**
 * The flags of an interface: netdevice(7), SIOCGIFFLAGS.
 *
 * @param fd Any socket.
 * @param name The interface.
 * @returns IFF_ flags, the lower 16 bits of them.
 * @throws SocketError ENODEV, EBADF.
 * @example
 * const fd = socket(AF_INET, SOCK_DGRAM);
 * console.log((getInterfaceFlags(fd, 'lo') & IFF_LOOPBACK) !== 0); // true
 * @see https://man7.org/linux/man-pages/man7/netdevice.7.html
 */
export function getInterfaceFlags(fd: number, name: string): number {
  return request(fd, SIOCGIFFLAGS, name).readUInt16LE(VALUE);
}

/**
 * Sets the flags of an interface: netdevice(7), SIOCSIFFLAGS.
 *
 * @param fd Any socket.
 * @param name The interface.
 * @param flags IFF_ flags, 0 to 65535.
 * @throws SocketError EPERM, ENODEV, EBADF.
 * @example
 * const fd = socket(AF_INET, SOCK_DGRAM);
 * setInterfaceFlags(fd, 'lo', getInterfaceFlags(fd, 'lo') | IFF_UP);
 * @see https://man7.org/linux/man-pages/man7/netdevice.7.html
 */
export function setInterfaceFlags(fd: number, name: string, flags: number): void {
  uint16(flags, 'flags');
  request(fd, SIOCSIFFLAGS, name, (bytes) => bytes.writeUInt16LE(flags, VALUE));
}

/**
 * The MTU of an interface: netdevice(7), SIOCGIFMTU.
 *
 * @param fd Any socket.
 * @param name The interface.
 * @returns Bytes.
 * @throws SocketError ENODEV, EBADF.
 * @example
 * console.log(getInterfaceMtu(socket(AF_INET, SOCK_DGRAM), 'lo')); // 65536
 * @see https://man7.org/linux/man-pages/man7/netdevice.7.html
 */
export function getInterfaceMtu(fd: number, name: string): number {
  return request(fd, SIOCGIFMTU, name).readInt32LE(VALUE);
}

/**
 * Sets the MTU of an interface: netdevice(7), SIOCSIFMTU.
 *
 * @param fd Any socket.
 * @param name The interface.
 * @param mtu Bytes.
 * @throws SocketError EPERM, EINVAL, ENODEV, EBADF.
 * @example
 * const fd = socket(AF_INET, SOCK_DGRAM);
 * setInterfaceMtu(fd, 'lo', 16384);
 * console.log(getInterfaceMtu(fd, 'lo')); // 16384
 * @see https://man7.org/linux/man-pages/man7/netdevice.7.html
 */
export function setInterfaceMtu(fd: number, name: string, mtu: number): void {
  int32(mtu, 'mtu');
  request(fd, SIOCSIFMTU, name, (bytes) => bytes.writeInt32LE(mtu, VALUE));
}
