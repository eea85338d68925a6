/** Calculates the room for control messages: by their names, and for buffers whose size the library chooses. */

import { invalidValue } from '../argument/argument-error.ts';
import { layout } from '../native/native.ts';
import { CMSG_SPACE } from './control.ts';
import { in_pktinfo, in6_pktinfo, sock_extended_err, timeval, tpacket_auxdata, ucred } from './struct-table.ts';

/**
 * The name of the type of a control message, as in `isControl` and `findControl`.
 *
 * @see https://man7.org/linux/man-pages/man3/cmsg.3.html
 */
export type ControlName =
  | 'SCM_CREDENTIALS'
  | 'SCM_PIDFD'
  | 'SCM_SECURITY'
  | 'SCM_TIMESTAMPNS'
  | 'SCM_TIMESTAMPING'
  | 'SO_RXQ_OVFL'
  | 'SO_MARK'
  | 'SO_PRIORITY'
  | 'SCM_INQ'
  | 'SCM_RIGHTS'
  | 'SCM_TIMESTAMP'
  | 'IP_PKTINFO'
  | 'IP_TTL'
  | 'IP_TOS'
  | 'IP_RECVERR'
  | 'IP_ORIGDSTADDR'
  | 'IPV6_PKTINFO'
  | 'IPV6_HOPLIMIT'
  | 'IPV6_TCLASS'
  | 'IPV6_RECVERR'
  | 'IPV6_ORIGDSTADDR'
  | 'TCP_CM_INQ'
  | 'UDP_SEGMENT'
  | 'UDP_GRO'
  | 'PACKET_AUXDATA'
  | 'PACKET_TX_TIMESTAMP';

const INT = 4;
const sockaddr = { inet: layout('sockaddr_in'), inet6: layout('sockaddr_in6') };

/** The maximum number of file descriptors in one message: SCM_MAX_FD of the kernel. */
const MOST_FDS = 253;

/** The number of bytes of data that each option adds to every message of a socket of any family: socket(7). All can be set at once. */
const ADDED = {
  /** SO_TIMESTAMP or SO_TIMESTAMPNS. Each replaces the other. */
  SCM_TIMESTAMPNS: layout('timespec'),
  SCM_TIMESTAMPING: 3 * layout('timespec'),
  SO_RXQ_OVFL: INT,
  SO_MARK: INT,
  SO_PRIORITY: INT,
};

/** The number of bytes that each option adds only to the messages of AF_UNIX: unix(7). */
const ADDED_BY_UNIX = {
  SCM_CREDENTIALS: ucred.size,
  SCM_PIDFD: INT,
  /** The kernel accepts a label that a process gives itself (`/proc/self/attr`) up to the size of a page. */
  SCM_SECURITY: 4096,
  SCM_INQ: INT,
};

/** The maximum number of bytes of data that the kernel returns for each type of message. */
const SIZES: { readonly [Name in ControlName]: number } = {
  ...ADDED,
  ...ADDED_BY_UNIX,
  SCM_RIGHTS: MOST_FDS * INT,
  SCM_TIMESTAMP: timeval.size,
  IP_PKTINFO: in_pktinfo.size,
  IP_TTL: INT,
  IP_TOS: 1,
  IP_RECVERR: sock_extended_err.size + sockaddr.inet,
  IP_ORIGDSTADDR: sockaddr.inet,
  IPV6_PKTINFO: in6_pktinfo.size,
  IPV6_HOPLIMIT: INT,
  IPV6_TCLASS: INT,
  IPV6_RECVERR: sock_extended_err.size + sockaddr.inet6,
  IPV6_ORIGDSTADDR: sockaddr.inet6,
  TCP_CM_INQ: INT,
  UDP_SEGMENT: 2,
  UDP_GRO: INT,
  PACKET_AUXDATA: tpacket_auxdata.size,
  PACKET_TX_TIMESTAMP: sock_extended_err.size,
};

function sum(sizes: readonly number[]): number {
  let total = 0;
  for (const size of sizes) total += CMSG_SPACE(size);
  return total;
}

/** The room for everything that the options of a socket of any family add to a message. */
export const OPTION_ROOM: number = sum(Object.values(ADDED));

/**
 * Returns the room for one control message of each of these types: the sum of their CMSG_SPACE(3).
 *
 * @param names Names of types, such as `'IP_PKTINFO'`. `'SCM_RIGHTS'` has room for 253 file descriptors, the maximum in one
 *   message. `'SCM_SECURITY'` has room for a label of 4096 bytes, the most that a process can give itself where a page has this
 *   size. A longer label is truncated (MSG_CTRUNC).
 * @returns The number of bytes, which can be used as `controlLength` of `recvmsg`.
 * @throws TypeError for a name that is not the name of a type.
 * @example
 * const fd = socket(AF_INET, SOCK_DGRAM);
 * bind(fd, { family: AF_INET, address: '127.0.0.1', port: 0 });
 * setOption(fd, 'IP_PKTINFO', true);
 * setOption(fd, 'SO_TIMESTAMPNS', true);
 * sendto(fd, 'hello', 0, getsockname(fd));
 * const controlLength = controlSpace('IP_PKTINFO', 'SCM_TIMESTAMPNS');
 * const { control } = recvmsg(fd, { buffers: [new Uint8Array(100)], controlLength });
 * console.log(findControl(control, IPPROTO_IP, IP_PKTINFO)?.addr); // 127.0.0.1
 * @see https://man7.org/linux/man-pages/man3/cmsg.3.html
 */
export function controlSpace(...names: ControlName[]): number {
  const sizes: number[] = [];
  for (let i = 0; i < names.length; i++) {
    const name = names[i]!;
    if (typeof name !== 'string' || !Object.hasOwn(SIZES, name)) {
      throw invalidValue(`names[${i}]`, 'the name of a control message type');
    }
    sizes[i] = SIZES[name];
  }
  return sum(sizes);
}

/** The room for everything that a message of AF_UNIX can carry, whichever options the socket has. */
export const DESCRIPTOR_ROOM: number = OPTION_ROOM + sum(Object.values(ADDED_BY_UNIX)) + CMSG_SPACE(MOST_FDS * INT);
