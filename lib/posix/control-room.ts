/** The room for control messages in buffers that the library sizes itself. */
import { CMSG_LEN, CMSG_SPACE } from './control.ts';
import { layout } from './native.ts';
import { count } from './number.ts';

const INT = 4;

/** What an option of a socket adds to every message, in bytes: socket(7), unix(7). They can all be set at once. */
const ADDED = {
  SO_PASSCRED: layout('ucred'),
  SO_PASSPIDFD: INT,
  /** A security label has no limit in the interface. Those of SELinux and AppArmor are shorter than this. */
  SO_PASSSEC: 256,
  /** SO_TIMESTAMP or SO_TIMESTAMPNS: one replaces the other. */
  SO_TIMESTAMPNS: layout('timespec'),
  SO_TIMESTAMPING: 3 * layout('timespec'),
  SO_RXQ_OVFL: INT,
  SO_RCVMARK: INT,
  SO_RCVPRIORITY: INT,
  SO_INQ: INT,
};

function sum(sizes: readonly number[]): number {
  let total = 0;
  for (const size of sizes) total += CMSG_SPACE(size);
  return total;
}

/** The room for what the options of any socket add to a message. Those of a protocol (IP_PKTINFO) are not counted. */
export const OPTION_ROOM: number = sum(Object.values(ADDED));

/**
 * The room for a message with this many descriptors, whatever options the socket has. Without the options more descriptors
 * fit in it: the caller closes those that are too many.
 */
export function descriptorRoom(most: number): number {
  return CMSG_LEN(4 * count(most, 'most')) + OPTION_ROOM;
}
