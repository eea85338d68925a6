/** The devices that packets can be captured from: each interface of this host, and all of them together. */

import {
  AF_INET,
  AF_INET6,
  IFF_BROADCAST,
  IFF_LOOPBACK,
  IFF_POINTOPOINT,
  IFF_RUNNING,
  IFF_UP,
} from '../../native/constants.ts';
import { type AddressEntry, listAddresses } from '../../netlink/address-entry.ts';
import { type LinkEntry, listLinks } from '../../netlink/link-entry.ts';
import { formatHardwareAddress } from '../../struct/hardware-address.ts';
import { inet_ntop } from '../../struct/inet.ts';
import { LINKTYPE_LINUX_SLL2 } from '../layers/linktype.ts';
import { linktypeOfHatype } from './capture-link.ts';

/**
 * An address of an interface, as `listCaptureDevices` returns it.
 *
 * @see https://man7.org/linux/man-pages/man3/pcap_findalldevs.3pcap.html
 */
export interface DeviceAddress {
  family: typeof AF_INET | typeof AF_INET6;
  address: string;
  /** `'255.255.255.0'`, `'ffff:ffff:ffff:ffff::'`. */
  netmask: string;
  /** The broadcast address, if the interface has one. */
  broadcast: string | undefined;
  /** The address of the other end of a point-to-point link, if there is one. */
  peer: string | undefined;
}

/**
 * A device that `openCapture` accepts as `interface`.
 *
 * @see https://man7.org/linux/man-pages/man3/pcap_findalldevs.3pcap.html
 */
export interface CaptureDevice {
  name: string;
  /** The index of the interface, or 0 for `any`. */
  index: number;
  /** The alias that the administrator set (`ip link set alias`), if any. */
  description: string | undefined;
  /** IFF_ flags. */
  flags: number;
  up: boolean;
  running: boolean;
  loopback: boolean;
  /** The link type of its packets, the same as `linktype` of a Capture: a LINKTYPE_ number. */
  linktype: number;
  /** For example `'02:00:00:00:00:01'`; undefined if the link has no hardware address. */
  hardwareAddress: string | undefined;
  /** Its IPv4 and IPv6 addresses. */
  addresses: DeviceAddress[];
}

const ANY: Readonly<CaptureDevice> = {
  name: 'any',
  index: 0,
  description: 'Pseudo-device that captures on all interfaces',
  flags: IFF_UP | IFF_RUNNING,
  up: true,
  running: true,
  loopback: false,
  linktype: LINKTYPE_LINUX_SLL2,
  hardwareAddress: undefined,
  addresses: [],
};

/** Returns the netmask for a prefix length, as text. */
function netmaskOf(family: DeviceAddress['family'], length: number): string {
  const bytes = new Uint8Array(family === AF_INET ? 4 : 16);
  for (let bit = 0; bit < length; bit++) bytes[bit >> 3]! |= 0x80 >> (bit & 7);
  return inet_ntop(family, bytes);
}

function addressOf(entry: AddressEntry, flags: number): DeviceAddress | undefined {
  const { family, local, address, prefixlen, broadcast } = entry;
  if ((family !== AF_INET && family !== AF_INET6) || local === undefined) return undefined;
  return {
    family,
    address: local,
    netmask: netmaskOf(family, prefixlen),
    broadcast: (flags & IFF_BROADCAST) === 0 ? undefined : broadcast,
    peer: (flags & IFF_POINTOPOINT) === 0 || address === local ? undefined : address,
  };
}

function deviceOf(link: LinkEntry, addresses: readonly AddressEntry[]): CaptureDevice {
  const { ifindex, name = `if${ifindex}`, flags, hatype, alias, address } = link;
  return {
    name,
    index: ifindex,
    description: alias,
    flags,
    up: (flags & IFF_UP) !== 0,
    running: (flags & IFF_RUNNING) !== 0,
    loopback: (flags & IFF_LOOPBACK) !== 0,
    linktype: linktypeOfHatype(hatype),
    hardwareAddress: address === undefined || address.length === 0 ? undefined : formatHardwareAddress(address),
    addresses: addresses
      .filter((entry) => entry.ifindex === ifindex)
      .map((entry) => addressOf(entry, flags))
      .filter((entry) => entry !== undefined),
  };
}

/**
 * Lists the devices that packets can be captured from, as `tcpdump -D` does: pcap_findalldevs(3PCAP). Listing them
 * requires no privilege, but opening one does.
 *
 * Unlike libpcap, it lists `any` first and then the interfaces in the order of their indexes, and it omits devices that
 * are not network interfaces (`nflog`, `bluetooth-monitor`).
 *
 * @returns `any` and all interfaces of this network namespace, whether they are up or down.
 * @throws SocketError EMFILE, ENFILE, ENOBUFS, EAFNOSUPPORT.
 * @example
 * const lo = listCaptureDevices().find(({ loopback }) => loopback);
 * const ipv4 = lo?.addresses.find(({ family }) => family === AF_INET);
 * console.log(lo?.name, ipv4?.address, ipv4?.netmask); // lo 127.0.0.1 255.0.0.0
 * @see https://man7.org/linux/man-pages/man3/pcap_findalldevs.3pcap.html
 */
export function listCaptureDevices(): CaptureDevice[] {
  const addresses = listAddresses();
  return [{ ...ANY, addresses: [] }, ...listLinks().map((link) => deviceOf(link, addresses))];
}
