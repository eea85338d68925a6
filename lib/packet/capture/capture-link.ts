/** Links of interfaces: what their packets begin with. */
import { decodeAddress } from '../../posix/address.ts';
import {
  AF_INET,
  ARPHRD_CAN,
  ARPHRD_CSLIP,
  ARPHRD_CSLIP6,
  ARPHRD_ETHER,
  ARPHRD_IEEE80211,
  ARPHRD_IEEE80211_RADIOTAP,
  ARPHRD_LOOPBACK,
  ARPHRD_NONE,
  ARPHRD_RAWIP,
  ARPHRD_SIT,
  ARPHRD_SLIP,
  ARPHRD_SLIP6,
  ARPHRD_TUNNEL,
  ARPHRD_TUNNEL6,
  SIOCGIFHWADDR,
  SIOCGIFNETMASK,
} from '../../posix/constants.ts';
import { isErrno } from '../../posix/errno.ts';
import { if_indextoname } from '../../posix/interface.ts';
import { ifreq, ioctl } from '../../posix/ioctl.ts';
import { layout } from '../../posix/native.ts';
import { LITTLE } from '../../posix/number.ts';
import {
  LINKTYPE_CAN_SOCKETCAN,
  LINKTYPE_ETHERNET,
  LINKTYPE_IEEE802_11,
  LINKTYPE_IEEE802_11_RADIOTAP,
  LINKTYPE_LINUX_SLL2,
  LINKTYPE_RAW,
} from '../linktype.ts';

/** How the packets of an interface are captured. */
export interface CaptureLink {
  /** What they begin with: a LINKTYPE_ number. */
  linktype: number;
  /** Whether they come without a link-layer header, from a socket of SOCK_DGRAM: LINKTYPE_LINUX_SLL2. */
  cooked: boolean;
  /** Whether packets of lo may be among them, each of which comes twice. */
  loopback: boolean;
}

const LINKTYPES: ReadonlyMap<number, number> = new Map<number, number>([
  [ARPHRD_ETHER, LINKTYPE_ETHERNET],
  [ARPHRD_LOOPBACK, LINKTYPE_ETHERNET],
  [ARPHRD_IEEE80211, LINKTYPE_IEEE802_11],
  [ARPHRD_IEEE80211_RADIOTAP, LINKTYPE_IEEE802_11_RADIOTAP],
  [ARPHRD_CAN, LINKTYPE_CAN_SOCKETCAN],
  ...[ARPHRD_NONE, ARPHRD_RAWIP, ARPHRD_TUNNEL, ARPHRD_TUNNEL6, ARPHRD_SIT, ARPHRD_SLIP, ARPHRD_CSLIP].map(
    (hatype) => [hatype, LINKTYPE_RAW] as const,
  ),
  ...[ARPHRD_SLIP6, ARPHRD_CSLIP6].map((hatype) => [hatype, LINKTYPE_RAW] as const),
]);

/** The ARPHRD_ number of an interface; undefined of one that there is not: binding to it tells so. */
function hatypeOf(fd: number, ifindex: number): number | undefined {
  try {
    const bytes = ifreq(if_indextoname(ifindex));
    ioctl(fd, SIOCGIFHWADDR, bytes);
    return new DataView(bytes.buffer, bytes.byteOffset).getUint16(layout('ifr_ifru'), LITTLE);
  } catch (error) {
    if (isErrno(error, 'ENXIO', 'ENODEV')) return undefined;
    throw error;
  }
}

/** The netmask of the first IPv4 address of an interface, which `ip broadcast` asks for; undefined of one without any. */
export function netmaskOf(fd: number, ifindex: number): string | undefined {
  if (ifindex === 0) return undefined;
  try {
    const bytes = ifreq(if_indextoname(ifindex));
    ioctl(fd, SIOCGIFNETMASK, bytes);
    const address = decodeAddress(bytes.subarray(layout('ifr_ifru'), layout('ifr_ifru') + layout('sockaddr_in')));
    return address?.family === AF_INET && 'address' in address ? address.address : undefined;
  } catch (error) {
    if (isErrno(error, 'EADDRNOTAVAIL', 'ENXIO', 'ENODEV')) return undefined;
    throw error;
  }
}

/** The link type of captures of a kind of link, by its ARPHRD_ number: cooked, if it has none of its own here. */
export function linktypeOfHatype(hatype: number): number {
  return LINKTYPES.get(hatype) ?? LINKTYPE_LINUX_SLL2;
}

/**
 * The link of an interface. What has no link type of its own here is cooked, and so are all interfaces together, whose
 * packets begin with headers of different kinds.
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
    loopback: ifindex === 0 || hatype === ARPHRD_LOOPBACK,
  };
}
