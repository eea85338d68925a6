/** Requests to sockets, interfaces and tunnels: ioctl(2), netdevice(7). Each call returns n or -errno. */

import { SIOCGSKNS, TUNGETDEVNETNS } from '../native/constants.ts';
import { OUT_VALUE } from '../native/contract.ts';
import { type Bytes, native, out } from '../native/native.ts';
import { type Call, call, unlessRefused } from '../struct/errno.ts';
import { ints } from './storage.ts';

export const IOCTL: Call = call('ioctl', 'fd', 'request', 'argument');

/**
 * Makes a request like `ioctl` of sys-socket, but returns the result of the call or -errno: ioctl(2). The int of an int
 * request is stored in `value[0]`.
 *
 * @example
 * const [a, b] = Socket.pair();
 * const value = [0];
 * send(a.fd, 'hello');
 * console.log(ioctl(b.fd, FIONREAD, undefined, value), value[0]); // 0 5
 * @see https://man7.org/linux/man-pages/man2/ioctl.2.html
 */
export function ioctl(fd: number, request: number, argument?: number | Bytes, value?: number[] | Int32Array): number {
  if (value !== undefined) ints(value, 1, 'value');
  const n = native.ioctl(fd, request, argument);
  if (n < 0) return unlessRefused(n, IOCTL);
  if (value === undefined) return n;
  try {
    value[0] = out[OUT_VALUE]!;
  } catch (error) {
    if (request === SIOCGSKNS || request === TUNGETDEVNETNS) native.close(n); // the program does not learn its number
    throw error;
  }
  return n;
}

export const IOCTL_DATA: Call = call('ioctl', 'fd', 'request', 'argument', 'data');

/**
 * Makes a request with further data like `ioctlData` of sys-socket, but returns 0 or -errno: ioctl(2), netdevice(7).
 *
 * @example
 * const value = new Uint32Array([ETHTOOL_GLINK, 0]);
 * console.log(ioctlData(socket(AF_INET, SOCK_DGRAM), SIOCETHTOOL, ifreq('nosuch0'), value) === -ENODEV); // true
 * @see https://man7.org/linux/man-pages/man7/netdevice.7.html
 */
export function ioctlData(fd: number, request: number, argument: Bytes, data: Bytes): number {
  return unlessRefused(native.ioctlData(fd, request, argument, data), IOCTL_DATA);
}
