/** What can be captured: the interfaces of this host, and all of them together. */
import { type AddressEntry, listAddresses } from '../../posix/address-entry.ts';
import {
  AF_INET,
  AF_INET6,
  IFF_BROADCAST,
  IFF_LOOPBACK,
  IFF_POINTOPOINT,
  IFF_RUNNING,
  IFF_UP,
} from '../../posix/constants.ts';
import { formatHardwareAddress } from '../../posix/hardware-address.ts';
import { inet_ntop } from '../../posix/inet.ts';
import { type LinkEntry, listLinks } from '../../posix/link-entry.ts';
import { LINKTYPE_LINUX_SLL2 } from '../linktype.ts';
import { linktypeOfHatype } from './capture-link.ts';

/**
 * An address of an interface.
 *
 * @see https://man7.org/linux/man-pages/man3/pcap_findalldevs.3pcap.html
 */
export interface DeviceAddress {
  family: typeof AF_INET | typeof AF_INET6;
  address: string;
  /** `'255.255.255.0'`, `'ffff:ffff:ffff:ffff::'`. */
  netmask: string;
  /** The address of all hosts of its network, if there is one. */
  broadcast: string | undefined;
  /** The other end of a point-to-point link, if there is one. */
  peer: string | undefined;
}

/**
 * What `openCapture` takes as `interface`.
 *
 * @see https://man7.org/linux/man-pages/man3/pcap_findalldevs.3pcap.html
 */
export interface CaptureDevice {
  name: string;
  /** The index of the interface; 0 of `any`. */
  index: number;
  /** What the administrator says of it (`ip link set alias`), if anything. */
  description: string | undefined;
  /** IFF_ flags. */
  flags: number;
  up: boolean;
  running: boolean;
  loopback: boolean;
  /** What its packets begin with, as of `capture.linktype`: a LINKTYPE_ number. */
  linktype: number;
  /** `'02:00:00:00:00:01'`; of a link without one it is undefined. */
  hardwareAddress: string | undefined;
  /** Its addresses of IPv4 and IPv6. */
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

/** The mask of a prefix, as text. */
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
 * The devices that can be captured, as `tcpdump -D` lists them: pcap_findalldevs(3PCAP). They need no privilege to be
 * listed, but to be opened.
 *
 * Other than libpcap, it lists interfaces in the order of their indexes and `any` first, and has no devices that are no
 * interfaces (`nflog`, `bluetooth-monitor`).
 *
 * @returns `any`, and the interfaces of this network namespace, up or not.
 * @throws SocketError EMFILE, ENFILE, ENOBUFS, EAFNOSUPPORT.
 * @example
 * const lo = listCaptureDevices().find(({ loopback }) => loopback);
 * console.log(lo?.name, lo?.addresses[0].address, lo?.addresses[0].netmask); // lo 127.0.0.1 255.0.0.0
 * @see https://man7.org/linux/man-pages/man3/pcap_findalldevs.3pcap.html
 */
export function listCaptureDevices(): CaptureDevice[] {
  const addresses = listAddresses();
  return [{ ...ANY, addresses: [] }, ...listLinks().map((link) => deviceOf(link, addresses))];
}
