/** Requests to sockets, interfaces and tunnels: ioctl(2), netdevice(7). */

import { Buffer } from 'node:buffer';
import { IOCTL, IOCTL_DATA } from './calls.ts';
import { ENODEV } from './constants.ts';
import { check, invalidType, outOfRange } from './errno.ts';
import { isView } from './kind.ts';
import { type Bytes, layout, native, out } from './native.ts';

const IFREQ_SIZE = layout('ifreq');
const IFNAMSIZ = layout('ifr_ifru');

/** The interface of a struct ifreq, for an error. */
function interfaceOf(argument: unknown): { interface: string } | undefined {
  if (!isView(argument) || argument.byteLength !== IFREQ_SIZE) return undefined;
  const name = Buffer.from(argument.buffer, argument.byteOffset, IFNAMSIZ);
  const end = name.indexOf(0);
  return { interface: name.toString('utf8', 0, end === -1 ? IFNAMSIZ : end) };
}

/**
 * Asks a device or a socket something, or tells it something: ioctl(2).
 *
 * The request says what its argument is. This function accepts the requests whose argument is plain data of a known
 * size, and throws a RangeError for any other, because JavaScript has no pointers:
 * - Nothing: FIOCLEX, FIONCLEX, SIOCGSKNS, TUNGETDEVNETNS, TUNDETACHFILTER.
 * - An int: FIONREAD (SIOCINQ), SIOCOUTQ, SIOCOUTQNSD, SIOCATMARK, FIONBIO, FIOASYNC, FIOGETOWN, FIOSETOWN, SIOCGPGRP,
 *   SIOCSPGRP, IOCTL_VM_SOCKETS_GET_LOCAL_CID, and of a tunnel TUNGETFEATURES, TUNGETSNDBUF, TUNSETSNDBUF,
 *   TUNGETVNETHDRSZ, TUNSETVNETHDRSZ, TUNSETIFINDEX, TUNSETCARRIER and their like.
 * - An unsigned number from 0 to 4294967295, which C passes by value: TUNSETPERSIST, TUNSETOWNER, TUNSETGROUP,
 *   TUNSETLINK, TUNSETOFFLOAD, TUNSETNOCSUM, TUNSETDEBUG.
 * - A struct ifreq of exactly 40 bytes (`ifreq` makes one), which is changed in place: the SIOCGIF and SIOCSIF requests
 *   of netdevice(7) except those with a pointer, SIOCGMIIREG and SIOCSMIIREG, SIOCBRADDIF and SIOCBRDELIF,
 *   SIOCBONDENSLAVE, and TUNSETIFF, TUNGETIFF and TUNSETQUEUE.
 * - Another struct of exactly its size: a struct arpreq of 68 bytes (SIOCGARP, SIOCSARP, SIOCDARP), a struct
 *   vlan_ioctl_args of 56 (SIOCGIFVLAN, SIOCSIFVLAN), a name in 16 bytes (SIOCBRADDBR, SIOCBRDELBR), two 64-bit numbers
 *   (SIOCGSTAMP, SIOCGSTAMPNS); or a struct tun_filter with the addresses that it counts (TUNSETTXFILTER).
 *
 * A request whose struct ifreq points to further data, such as SIOCETHTOOL, is made by `ioctlData`.
 *
 * @param fd Any descriptor.
 * @param request The request.
 * @param argument The number to give, or the bytes of the struct.
 * @returns The int after the call for an int request, else what the call returned.
 * @throws SocketError ENOTTY, EINVAL, ENODEV, EPERM, EBUSY, EBADFD, EADDRNOTAVAIL, EBADF.
 * @example
 * const [a, b] = socketpair(AF_UNIX, SOCK_STREAM);
 * send(a, 'hello');
 * console.log(ioctl(b, FIONREAD)); // 5
 * @see https://man7.org/linux/man-pages/man2/ioctl.2.html
 */
export function ioctl(fd: number, request: number, argument?: number | Bytes): number {
  const n = native.ioctl(fd, request, argument);
  if (n < 0) check(n, IOCTL, n === -ENODEV ? interfaceOf(argument) : undefined);
  return out[0]!;
}

/**
 * Makes a request whose struct ifreq points to further data by its member `ifr_data`: ioctl(2), netdevice(7).
 *
 * The data are copied to memory that ends where they end, the request is made with a pointer to that copy, and the copy
 * is copied back. A command whose answer is longer than the data (ETHTOOL_GSTRINGS of a device that has more of them) is
 * therefore EFAULT, where C would write beyond the buffer.
 *
 * @param fd Any socket.
 * @param request SIOCETHTOOL with one of the structs of linux/ethtool.h; SIOCGHWTSTAMP or SIOCSHWTSTAMP with a struct
 *   hwtstamp_config of 12 bytes; SIOCBONDINFOQUERY or SIOCBONDSLAVEINFOQUERY. Any other is a RangeError.
 * @param argument A struct ifreq of 40 bytes with the name of the interface (`ifreq` makes one).
 * @param data The bytes that `ifr_data` points to, changed in place.
 * @returns What the call returned: 0.
 * @throws SocketError EOPNOTSUPP, ENODEV, EPERM, EINVAL, EFAULT (the data are too short), ENOTTY, EBADF.
 * @example
 * const value = new Uint32Array([ETHTOOL_GLINK, 0]); // struct ethtool_value { cmd, data }
 * ioctlData(socket(AF_INET, SOCK_DGRAM), SIOCETHTOOL, ifreq('lo'), value);
 * console.log(value[1]); // 1
 * @see https://man7.org/linux/man-pages/man7/netdevice.7.html
 */
export function ioctlData(fd: number, request: number, argument: Bytes, data: Bytes): number {
  const n = native.ioctlData(fd, request, argument, data);
  if (n < 0) check(n, IOCTL_DATA, n === -ENODEV ? interfaceOf(argument) : undefined);
  return out[0]!;
}

/**
 * A struct ifreq for `ioctl`, with the name of an interface: netdevice(7). Its value begins at byte 16.
 *
 * @param name At most 15 bytes; longer is a RangeError (C would cut it).
 * @returns 40 bytes.
 * @throws TypeError, RangeError as said of the parameter.
 * @example
 * const request = ifreq('lo');
 * ioctl(socket(AF_INET, SOCK_DGRAM), SIOCGIFMTU, request);
 * console.log(request.readInt32LE(16)); // 65536
 * @see https://man7.org/linux/man-pages/man7/netdevice.7.html
 */
export function ifreq(name: string): Buffer {
  if (typeof name !== 'string') throw invalidType('name', 'a string');
  const bytes = Buffer.from(name);
  if (bytes.length >= IFNAMSIZ || bytes.includes(0)) {
    throw outOfRange('name', `at most ${IFNAMSIZ - 1} bytes long, without NUL characters`);
  }
  const request = Buffer.alloc(IFREQ_SIZE);
  bytes.copy(request);
  return request;
}
