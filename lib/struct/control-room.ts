/** Calculates the room for control messages: by their names, and for buffers whose size the library chooses. */

import { invalidValue } from '../argument/argument-error.ts';
import { CMSG_SPACE } from './control.ts';
import { type ControlName, controlRooms } from './control-table.ts';

/** Returns the room for everything that these sockets can have in one message. */
function roomOf(kind: 'all' | 'unix'): number {
  let total = 0;
  for (const { most, sockets } of controlRooms.values()) if (sockets === kind) total += CMSG_SPACE(most);
  return total;
}

/** The room for everything that the options of a socket of any family add to a message: socket(7). All can be set at once. */
export const OPTION_ROOM: number = roomOf('all');

/** The room for everything that a message of AF_UNIX can carry, whichever options the socket has: unix(7). */
export const DESCRIPTOR_ROOM: number = OPTION_ROOM + roomOf('unix');

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
  let total = 0;
  for (let i = 0; i < names.length; i++) {
    const room = controlRooms.get(names[i]!);
    if (room === undefined) throw invalidValue(`names[${i}]`, 'the name of a control message type');
    total += CMSG_SPACE(room.most);
  }
  return total;
}
