/** The options that methods of net.Socket set. They have no effect on a socket other than IPv4 and IPv6. */

import { setsockopt } from '../call/option.ts';
import * as constants from '../native/constants.ts';
import * as posix from '../posix/option.ts';

/** The properties of a Socket that decide whether its options are set. */
export interface NetSocket {
  readonly fd: number;
  readonly closed: boolean;
  readonly family: number;
}

/** Returns whether the socket is open and of IPv4 or IPv6. */
export function isInet({ closed, family }: NetSocket): boolean {
  return !closed && (family === constants.AF_INET || family === constants.AF_INET6);
}

/** Switches Nagle's algorithm off, or on with false. */
export function setNoDelay(socket: NetSocket, noDelay: boolean): void {
  if (isInet(socket)) setsockopt(socket.fd, constants.IPPROTO_TCP, constants.TCP_NODELAY, Boolean(noDelay));
}

/** The arguments of `setKeepAlive` of net.Socket. Times are in milliseconds. */
export interface KeepAlive {
  enable?: boolean | undefined;
  initialDelay?: number | undefined;
  interval?: number | undefined;
  count?: number | undefined;
}

/**
 * Switches probes of an idle connection on or off. Like libuv, it sets the times and the number of the probes only together,
 * and only if each of them is positive.
 */
export function setKeepAlive(
  socket: NetSocket,
  { enable, initialDelay = 0, interval = 1000, count = 10 }: KeepAlive,
): void {
  if (!isInet(socket)) return;
  setsockopt(socket.fd, constants.SOL_SOCKET, constants.SO_KEEPALIVE, Boolean(enable));
  const seconds = (time: number) => Math.trunc(time / 1000) | 0; // converted like by net.Socket
  const [idle, pause, most] = [seconds(initialDelay), seconds(interval), count | 0];
  if (!enable || Math.min(idle, pause, most) <= 0) return;
  setsockopt(socket.fd, constants.IPPROTO_TCP, constants.TCP_KEEPIDLE, idle);
  setsockopt(socket.fd, constants.IPPROTO_TCP, constants.TCP_KEEPINTVL, pause);
  setsockopt(socket.fd, constants.IPPROTO_TCP, constants.TCP_KEEPCNT, most);
}

/** The level and the name of the option that is the type of service. */
function typeOfService(family: number): [level: number, name: number] {
  if (family === constants.AF_INET) return [constants.IPPROTO_IP, constants.IP_TOS];
  return [constants.IPPROTO_IPV6, constants.IPV6_TCLASS];
}

/** Sets the type of service (IPv4) or the traffic class (IPv6) of what is sent. Throws the error of the kernel. */
export function setTypeOfService(socket: NetSocket, tos: number): void {
  if (isInet(socket)) posix.setsockopt(socket.fd, ...typeOfService(socket.family), tos);
}

/** Returns the type of service or the traffic class; undefined if the socket is closed or not of IPv4 or IPv6. */
export function getTypeOfService(socket: NetSocket): number | undefined {
  return isInet(socket) ? posix.getsockopt(socket.fd, ...typeOfService(socket.family)) : undefined;
}

/** A `struct linger { on, 0 seconds }`. */
const RESET = new Int32Array([1, 0]);

/** Lets close(2) send a RST. */
export function resetOnClose(socket: NetSocket): void {
  if (isInet(socket)) setsockopt(socket.fd, constants.SOL_SOCKET, constants.SO_LINGER, RESET);
}
