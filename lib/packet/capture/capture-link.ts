/** The link types of interfaces. */

import { LITTLE } from '../../native/byte-order.ts';
import * as constants from '../../native/constants.ts';
import { layout } from '../../native/native.ts';
import { if_indextoname } from '../../posix/interface.ts';
import { ifreq, ioctl } from '../../posix/ioctl.ts';
import { decodeAddress } from '../../struct/address.ts';
import { isErrno } from '../../struct/errno.ts';
import {
  LINKTYPE_CAN_SOCKETCAN,
  LINKTYPE_ETHERNET,
  LINKTYPE_IEEE802_11,
  LINKTYPE_IEEE802_11_RADIOTAP,
  LINKTYPE_LINUX_SLL2,
  LINKTYPE_RAW,
} from '../layers/linktype.ts';

/** How the packets of an interface are captured. */
export interface CaptureLink {
  /** The link type of its packets: a LINKTYPE_ number. */
  linktype: number;
  /** Whether packets are captured without their link-layer header, by a SOCK_DGRAM socket: LINKTYPE_LINUX_SLL2. */
  cooked: boolean;
  /** Whether they may include packets on the loopback interface, each of which is seen twice. */
  loopback: boolean;
}

const LINKTYPES: ReadonlyMap<number, number> = new Map<number, number>([
  [constants.ARPHRD_ETHER, LINKTYPE_ETHERNET],
  [constants.ARPHRD_LOOPBACK, LINKTYPE_ETHERNET],
  [constants.ARPHRD_IEEE80211, LINKTYPE_IEEE802_11],
  [constants.ARPHRD_IEEE80211_RADIOTAP, LINKTYPE_IEEE802_11_RADIOTAP],
  [constants.ARPHRD_CAN, LINKTYPE_CAN_SOCKETCAN],
  ...[
    constants.ARPHRD_NONE,
    constants.ARPHRD_RAWIP,
    constants.ARPHRD_TUNNEL,
    constants.ARPHRD_TUNNEL6,
    constants.ARPHRD_SIT,
    constants.ARPHRD_SLIP,
    constants.ARPHRD_CSLIP,
    constants.ARPHRD_SLIP6,
    constants.ARPHRD_CSLIP6,
  ].map((hatype) => [hatype, LINKTYPE_RAW] as const),
]);

/**
 * Returns the ARPHRD_ number of an interface, or undefined if it does not exist. In that case bind reports the error.
 */
function hatypeOf(fd: number, ifindex: number): number | undefined {
  try {
    const bytes = ifreq(if_indextoname(ifindex >>> 0));
    ioctl(fd, constants.SIOCGIFHWADDR, bytes);
    return new DataView(bytes.buffer, bytes.byteOffset).getUint16(layout('ifr_ifru'), LITTLE);
  } catch (error) {
    if (isErrno(error, 'ENXIO', 'ENODEV')) return undefined;
    throw error;
  }
}

/**
 * Returns the netmask of the first IPv4 address of an interface, which `ip broadcast` needs, or undefined if it has
 * none.
 */
export function netmaskOf(fd: number, ifindex: number): string | undefined {
  if (ifindex === 0) return undefined;
  try {
    const bytes = ifreq(if_indextoname(ifindex >>> 0));
    ioctl(fd, constants.SIOCGIFNETMASK, bytes);
    const address = decodeAddress(bytes.subarray(layout('ifr_ifru'), layout('ifr_ifru') + layout('sockaddr_in')));
    return address?.family === constants.AF_INET && 'address' in address ? address.address : undefined;
  } catch (error) {
    if (isErrno(error, 'EADDRNOTAVAIL', 'ENXIO', 'ENODEV')) return undefined;
    throw error;
  }
}

/**
 * Returns the link type of captures for an ARPHRD_ number. It is the cooked one for hardware types that are not
 * supported here.
 */
export function linktypeOfHatype(hatype: number): number {
  return LINKTYPES.get(hatype) ?? LINKTYPE_LINUX_SLL2;
}

/**
 * Returns the link of an interface. An interface whose link type is not supported here is captured with cooked headers,
 * and so are all interfaces together, because their link-layer headers differ.
 *
 * @param fd Any socket.
 * @param ifindex 0 for all interfaces.
 */
export function linkOf(fd: number, ifindex: number): CaptureLink {
  const hatype = ifindex === 0 ? undefined : hatypeOf(fd, ifindex);
  const linktype = hatype === undefined ? undefined : LINKTYPES.get(hatype);
  const cooked = ifindex === 0 || (hatype !== undefined && linktype === undefined);
  return {
    linktype: cooked ? LINKTYPE_LINUX_SLL2 : (linktype ?? LINKTYPE_ETHERNET),
    cooked,
    loopback: ifindex === 0 || hatype === constants.ARPHRD_LOOPBACK,
  };
}
