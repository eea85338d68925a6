/** The room for control messages, by their names, and in buffers that the library sizes itself. */
import { CMSG_LEN, CMSG_SPACE } from './control.ts';
import { invalidValue } from './errno.ts';
import { layout } from './native.ts';
import { count } from './number.ts';

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
  | 'UDP_SEGMENT'
  | 'UDP_GRO'
  | 'PACKET_AUXDATA'
  | 'PACKET_TX_TIMESTAMP';

const INT = 4;
const sockaddr = { inet: layout('sockaddr_in'), inet6: layout('sockaddr_in6') };
const error = layout('sock_extended_err');

/** How many descriptors one message has at most: SCM_MAX_FD of the kernel. */
const MOST_FDS = 253;

/** What an option of a socket adds to every message, in bytes: socket(7), unix(7). They can all be set at once. */
const ADDED = {
  SCM_CREDENTIALS: layout('ucred'),
  SCM_PIDFD: INT,
  /**
   * A security label has no limit in the interface. Those that SELinux and AppArmor are delivered with are far shorter than
   * this; one of SELinux with hundreds of categories is longer.
   */
  SCM_SECURITY: 256,
  /** SO_TIMESTAMP or SO_TIMESTAMPNS: one replaces the other. */
  SCM_TIMESTAMPNS: layout('timespec'),
  SCM_TIMESTAMPING: 3 * layout('timespec'),
  SO_RXQ_OVFL: INT,
  SO_MARK: INT,
  SO_PRIORITY: INT,
  SCM_INQ: INT,
};

/** The data of each message with a name, in bytes: as much as the kernel ever gives. */
const SIZES: { readonly [Name in ControlName]: number } = {
  ...ADDED,
  SCM_RIGHTS: MOST_FDS * INT,
  SCM_TIMESTAMP: layout('timeval'),
  IP_PKTINFO: layout('in_pktinfo'),
  IP_TTL: INT,
  IP_TOS: 1,
  IP_RECVERR: error + sockaddr.inet,
  IP_ORIGDSTADDR: sockaddr.inet,
  IPV6_PKTINFO: layout('in6_pktinfo'),
  IPV6_HOPLIMIT: INT,
  IPV6_TCLASS: INT,
  IPV6_RECVERR: error + sockaddr.inet6,
  IPV6_ORIGDSTADDR: sockaddr.inet6,
  UDP_SEGMENT: 2,
  UDP_GRO: INT,
  PACKET_AUXDATA: layout('tpacket_auxdata'),
  PACKET_TX_TIMESTAMP: error,
};

function sum(sizes: readonly number[]): number {
  let total = 0;
  for (const size of sizes) total += CMSG_SPACE(size);
  return total;
}

/** The room for what the options of any socket add to a message. Those of a protocol (IP_PKTINFO) are not counted. */
export const OPTION_ROOM: number = sum(Object.values(ADDED));

/**
 * The room for one control message of each of these types: the sum of their CMSG_SPACE(3).
 *
 * @param names Names of types, such as `'IP_PKTINFO'`. `'SCM_RIGHTS'` has room for 253 descriptors, the most of one message.
 *   `'SCM_SECURITY'` has room for a label of 256 bytes: the interface has no limit, and a longer one is cut (MSG_CTRUNC).
 * @returns Bytes, to be used as `controlLength` of `recvmsg`.
 * @throws TypeError for a name that is not that of a type.
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
      throw invalidValue(`names[${i}]`, 'the name of a type of control messages');
    }
    sizes[i] = SIZES[name];
  }
  return sum(sizes);
}

/**
 * The room for a message with this many descriptors, whatever options the socket has. Without the options more descriptors
 * fit in it: the caller closes those that are too many.
 */
export function descriptorRoom(most: number): number {
  return CMSG_LEN(4 * count(most, 'most')) + OPTION_ROOM;
}
