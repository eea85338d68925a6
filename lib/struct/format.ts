/** Formats addresses and numbers for error messages and inspection. */
import { Buffer } from 'node:buffer';
import * as constants from '../native/constants.ts';
import { AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, AF_UNIX, AF_VSOCK } from '../native/constants.ts';
import type { Address, NetlinkAddress, PacketAddress, VsockAddress } from './address-type.ts';
import { hardwareText } from './hardware-text.ts';

/** Aliases: constants whose number has another name too. */
const ALIASES = new Set([
  'AF_FILE',
  'AF_LOCAL',
  'AF_ROUTE',
  'SOCK_BUF_LOCK_MASK',
  'SOCK_RCVBUF_LOCK',
  'SOCK_SNDBUF_LOCK',
]);

const named = new Map<string, Map<number, string>>();

/** Returns the name of a constant with this prefix and value, or the number as text if there is none. */
export function nameOf(prefix: string, value: number): string {
  let names = named.get(prefix);
  if (names === undefined) {
    names = new Map();
    for (const [name, number] of Object.entries(constants)) {
      if (name.startsWith(prefix) && !ALIASES.has(name) && !names.has(number)) names.set(number, name);
    }
    named.set(prefix, names);
  }
  return names.get(value) ?? String(value);
}

/** `AF_PACKET ETH_P_IP ifindex=2 02:00:00:00:00:01` */
function formatPacket({ family, protocol, ifindex, address }: PacketAddress): string {
  const parts = [nameOf('AF_', family), nameOf('ETH_P_', protocol), `ifindex=${ifindex}`];
  if (address !== undefined && address.length > 0) parts.push(hardwareText(address, 0, address.length));
  return parts.join(' ');
}

/** `AF_NETLINK pid=4711 groups=0x11` */
function formatNetlink({ family, pid, groups }: NetlinkAddress): string {
  return `${nameOf('AF_', family)} pid=${pid} groups=0x${groups.toString(16)}`;
}

/** `AF_VSOCK VMADDR_CID_HOST:1024` */
function formatVsock({ family, cid, port }: VsockAddress): string {
  return `${nameOf('AF_', family)} ${nameOf('VMADDR_CID_', cid)}:${nameOf('VMADDR_PORT_', port)}`;
}

/** Returns an address as people write it: `127.0.0.1:80`, `[fe80::1%2]:80`, `/run/x.sock`, `@abstract`; otherwise by its fields. */
export function formatAddress(address: Address): string {
  if (Object.hasOwn(address, 'data')) return nameOf('AF_', address.family);
  switch (address.family) {
    case AF_INET:
      return `${address.address}:${address.port}`;
    case AF_INET6:
      return `[${address.address}${address.scopeId ? `%${address.scopeId}` : ''}]:${address.port}`;
    case AF_UNIX: {
      const path = typeof address.path === 'string' ? address.path : Buffer.from(address.path).toString('latin1');
      return path.startsWith('\0') ? `@${path.slice(1)}` : path;
    }
    case AF_PACKET:
      return formatPacket(address);
    case AF_NETLINK:
      return formatNetlink(address);
    case AF_VSOCK:
      return formatVsock(address);
    default:
      return nameOf('AF_', address.family);
  }
}
