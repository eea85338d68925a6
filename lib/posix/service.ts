/** Services and protocols, as in netdb.h. */

import { uint16 } from '../argument/number.ts';
import { native } from '../native/native.ts';
import { Unpack } from '../native/unpack.ts';
import { type Call, call, fail } from '../struct/errno.ts';

/**
 * A service: struct servent.
 *
 * @see https://man7.org/linux/man-pages/man3/getservbyname.3.html
 */
export interface ServiceEntry {
  name: string;
  aliases: string[];
  /** In host byte order. */
  port: number;
  protocol: string;
}

function readService(result: ArrayBuffer | number, call: Call): ServiceEntry | undefined {
  if (typeof result === 'number') fail(result, call);
  const unpack = new Unpack(result);
  if (unpack.done) return undefined;
  return { name: unpack.string()!, aliases: unpack.strings(), port: unpack.int(), protocol: unpack.string()! };
}

const GETSERVBYNAME: Call = call('getservbyname', 'name', 'port', 'protocol');

/**
 * Looks up a service by its name: getservbyname(3).
 *
 * @param name The name, such as `'http'`, or an alias.
 * @param protocol The protocol, such as `'tcp'` or `'udp'`. If omitted, any protocol matches.
 * @returns The service, or `undefined` where C returns NULL because there is none.
 * @throws TypeError if an argument is not a string or contains a NUL.
 * @example
 * console.log(getservbyname('no such service')); // undefined
 * const port = getservbyname('domain', 'udp')?.port; // 53, where /etc/services has it
 * @see https://man7.org/linux/man-pages/man3/getservbyname.3.html
 */
export function getservbyname(name: string, protocol?: string): ServiceEntry | undefined {
  return readService(native.getserv(name ?? null, 0, protocol), GETSERVBYNAME);
}

const GETSERVBYPORT: Call = call('getservbyport', 'name', 'port', 'protocol');

/**
 * Looks up a service by its port: getservbyport(3).
 *
 * @param port The port, 0 to 65535, in host byte order (C expects network byte order).
 * @param protocol The protocol, such as `'tcp'` or `'udp'`. If omitted, any protocol matches.
 * @returns The service, or `undefined` where C returns NULL because there is none.
 * @throws RangeError if `port` is not a valid port.
 * @example
 * const name = getservbyport(80, 'tcp')?.name; // 'http', where /etc/services has it
 * console.log(getservbyport(1, 'no such protocol')); // undefined
 * @see https://man7.org/linux/man-pages/man3/getservbyname.3.html
 */
export function getservbyport(port: number, protocol?: string): ServiceEntry | undefined {
  return readService(native.getserv(undefined, uint16(port, 'port'), protocol), GETSERVBYPORT);
}

/**
 * A protocol: struct protoent.
 *
 * @see https://man7.org/linux/man-pages/man3/getprotobyname.3.html
 */
export interface ProtocolEntry {
  name: string;
  aliases: string[];
  protocol: number;
}

const GETPROTO: Call = call('getprotobyname', 'name', 'number');

function readProtocol(result: ArrayBuffer | number): ProtocolEntry | undefined {
  if (typeof result === 'number') fail(result, GETPROTO);
  const unpack = new Unpack(result);
  if (unpack.done) return undefined;
  return { name: unpack.string()!, aliases: unpack.strings(), protocol: unpack.int() };
}

/**
 * Looks up a protocol by its name: getprotobyname(3).
 *
 * @param name The name, such as `'icmp'`, or an alias.
 * @returns The protocol, or `undefined` where C returns NULL because there is none.
 * @throws TypeError if an argument is not a string or contains a NUL.
 * @example
 * console.log(getprotobyname('no such protocol')); // undefined
 * const number = getprotobyname('udp')?.protocol; // 17, where /etc/protocols has it
 * @see https://man7.org/linux/man-pages/man3/getprotobyname.3.html
 */
export function getprotobyname(name: string): ProtocolEntry | undefined {
  return readProtocol(native.getproto(name ?? null, 0));
}

/**
 * Looks up a protocol by its number: getprotobynumber(3).
 *
 * @param number An IPPROTO_ number.
 * @returns The protocol, or `undefined` where C returns NULL because there is none.
 * @throws RangeError if `number` is not an int.
 * @example
 * console.log(getprotobynumber(255)); // undefined
 * const name = getprotobynumber(IPPROTO_UDP)?.name; // 'udp', where /etc/protocols has it
 * @see https://man7.org/linux/man-pages/man3/getprotobyname.3.html
 */
export function getprotobynumber(number: number): ProtocolEntry | undefined {
  return readProtocol(native.getproto(undefined, number));
}
