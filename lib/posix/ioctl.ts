/**
 * Requests to sockets, interfaces and tunnels: ioctl(2), netdevice(7). This ioctl returns the int of an int request, where that of
 * lib/call/ stores it for the caller, so both make the native call.
 */

import { Buffer } from 'node:buffer';
import { invalidType, outOfRange } from '../argument/argument-error.ts';
import { isView } from '../argument/kind.ts';
import * as call from '../call/ioctl.ts';
import { ENODEV } from '../native/constants.ts';
import { OUT_VALUE } from '../native/contract.ts';
import { type Bytes, layout, native, out } from '../native/native.ts';
import { fail } from '../struct/errno.ts';

const IFREQ_SIZE = layout('ifreq');
const IFNAMSIZ = layout('ifr_ifru');

/** Returns the interface name in a struct ifreq, for an error. */
function interfaceOf(argument: unknown): { interface: string } | undefined {
  if (!isView(argument) || argument.byteLength !== IFREQ_SIZE) return undefined;
  const name = Buffer.from(argument.buffer, argument.byteOffset, IFNAMSIZ);
  const end = name.indexOf(0);
  return { interface: name.toString('utf8', 0, end === -1 ? IFNAMSIZ : end) };
}

/**
 * Makes a request to a device or a socket: ioctl(2).
 *
 * The request determines the argument. This function accepts the requests whose argument is plain data of a known
 * size, and throws a RangeError for any other, because JavaScript has no pointers:
 * - Nothing: FIOCLEX, FIONCLEX, SIOCGSKNS, TUNGETDEVNETNS, TUNDETACHFILTER.
 * - An int: FIONREAD (SIOCINQ), SIOCOUTQ, SIOCOUTQNSD, SIOCATMARK, FIONBIO, FIOASYNC, FIOGETOWN, FIOSETOWN, SIOCGPGRP,
 *   SIOCSPGRP, IOCTL_VM_SOCKETS_GET_LOCAL_CID, and of a tunnel TUNGETFEATURES, TUNGETSNDBUF, TUNSETSNDBUF,
 *   TUNGETVNETHDRSZ, TUNSETVNETHDRSZ, TUNSETIFINDEX, TUNSETCARRIER and similar requests.
 * - An unsigned number from 0 to 4294967295, which C passes by value: TUNSETPERSIST, TUNSETOWNER, TUNSETGROUP,
 *   TUNSETLINK, TUNSETOFFLOAD, TUNSETNOCSUM, TUNSETDEBUG.
 * - A struct ifreq of exactly 40 bytes (`ifreq` makes one), which is changed in place: the SIOCGIF and SIOCSIF requests
 *   of netdevice(7) except those with a pointer, SIOCGMIIREG and SIOCSMIIREG, SIOCBRADDIF and SIOCBRDELIF,
 *   SIOCBONDENSLAVE, and TUNSETIFF, TUNGETIFF and TUNSETQUEUE.
 * - Another struct of exactly its size: a struct arpreq of 68 bytes (SIOCGARP, SIOCSARP, SIOCDARP), a struct
 *   vlan_ioctl_args of 56 (SIOCGIFVLAN, SIOCSIFVLAN), a name in 16 bytes (SIOCBRADDBR, SIOCBRDELBR), two 64-bit numbers
 *   (SIOCGSTAMP, SIOCGSTAMPNS); or a struct tun_filter with the addresses that it counts (TUNSETTXFILTER).
 *
 * For a request whose struct ifreq points to further data, such as SIOCETHTOOL, use `ioctlData`.
 *
 * @param fd Any file descriptor.
 * @param request The request.
 * @param argument The number to pass, or the bytes of the struct.
 * @returns For an int request, the value of the int after the call. For any other request, the result of the call.
 * @throws SocketError ENOTTY, EINVAL, ENODEV, EPERM, EBUSY, EBADFD, EADDRNOTAVAIL, EBADF.
 * @example
 * const [a, b] = socketpair(AF_UNIX, SOCK_STREAM);
 * send(a, 'hello');
 * console.log(ioctl(b, FIONREAD)); // 5
 * @see https://man7.org/linux/man-pages/man2/ioctl.2.html
 */
export function ioctl(fd: number, request: number, argument?: number | Bytes): number {
  const n = native.ioctl(fd, request, argument);
  if (n < 0) fail(n, call.IOCTL, n === -ENODEV ? interfaceOf(argument) : undefined);
  return out[OUT_VALUE]!;
}

/**
 * Makes a request whose struct ifreq points to further data by its member `ifr_data`: ioctl(2), netdevice(7).
 *
 * The function copies the data to memory that ends where the data end, makes the request with a pointer to this copy, and
 * copies the result back. If the answer is longer than the data (ETHTOOL_GSTRINGS for a device that has more strings), the call
 * therefore throws EFAULT, where C would write beyond the buffer.
 *
 * @param fd Any socket.
 * @param request SIOCETHTOOL with one of the structs of linux/ethtool.h; SIOCGHWTSTAMP or SIOCSHWTSTAMP with a struct
 *   hwtstamp_config of 12 bytes; SIOCBONDINFOQUERY or SIOCBONDSLAVEINFOQUERY. Any other request throws a RangeError.
 * @param argument A struct ifreq of 40 bytes with the name of the interface (`ifreq` makes one).
 * @param data The bytes that `ifr_data` points to. They are changed in place.
 * @returns The result of the call, which is 0.
 * @throws SocketError EOPNOTSUPP, ENODEV, EPERM, EINVAL, EFAULT (the data are too short), ENOTTY, EBADF.
 * @example
 * const value = new Uint32Array([ETHTOOL_GLINK, 0]); // struct ethtool_value { cmd, data }
 * ioctlData(socket(AF_INET, SOCK_DGRAM), SIOCETHTOOL, ifreq('lo'), value);
 * console.log(value[1]); // 1
 * @see https://man7.org/linux/man-pages/man7/netdevice.7.html
 */
export function ioctlData(fd: number, request: number, argument: Bytes, data: Bytes): number {
  const n = call.ioctlData(fd, request, argument, data);
  return n >= 0 ? n : fail(n, call.IOCTL_DATA, n === -ENODEV ? interfaceOf(argument) : undefined);
}

/**
 * Creates a struct ifreq with the name of an interface, for `ioctl`: netdevice(7). The value in it begins at byte 16.
 *
 * @param name The name of the interface, at most 15 bytes. A longer name throws a RangeError (C would truncate it).
 * @returns The 40 bytes of the struct.
 * @throws TypeError if `name` is not a string; RangeError if it is too long or contains a NUL.
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
