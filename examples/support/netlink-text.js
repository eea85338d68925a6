// @ts-check
// Formats what the kernel announces over netlink, as `ip monitor` prints it.
import * as s from 'sys-socket';
import { printable } from './text.js';

const FOREVER = 0xffffffff;

/**
 * Returns the names of the constants with a prefix, by their values.
 * @param {string} prefix @returns {Map<number, string>}
 */
function names(prefix) {
  const found = Object.entries(s).filter(([name]) => name.startsWith(prefix));
  return new Map(found.map(([name, number]) => [Number(number), name.slice(prefix.length).toLowerCase()]));
}

const routeTypes = names('RTN_');
const protocols = names('RTPROT_');
const operstates = names('IF_OPER_');
const states = names('NUD_');
const scopes = names('RT_SCOPE_').set(s.RT_SCOPE_UNIVERSE, 'global');
const tables = names('RT_TABLE_');
const linkTypes = new Map([
  [s.ARPHRD_ETHER, 'ether'],
  [s.ARPHRD_LOOPBACK, 'loopback'],
  [s.ARPHRD_NONE, 'none'],
]);

/**
 * Returns the name of a number, or the number itself if it has no name.
 * @param {Map<number, string>} of @param {number} number
 */
const named = (of, number) => of.get(number) ?? String(number);

/**
 * Returns the names of the bits that are set, in a given order.
 * @param {readonly (readonly [number, string])[]} bits @param {number} flags
 */
const set = (bits, flags) => bits.flatMap(([bit, name]) => ((flags & bit) === 0 ? [] : name));

/** The flags in the order that ip(8) prints them. */
const LINK_FLAGS = /** @type {const} */ ([
  [s.IFF_LOOPBACK, 'LOOPBACK'],
  [s.IFF_BROADCAST, 'BROADCAST'],
  [s.IFF_POINTOPOINT, 'POINTOPOINT'],
  [s.IFF_MULTICAST, 'MULTICAST'],
  [s.IFF_NOARP, 'NOARP'],
  [s.IFF_ALLMULTI, 'ALLMULTI'],
  [s.IFF_PROMISC, 'PROMISC'],
  [s.IFF_MASTER, 'MASTER'],
  [s.IFF_SLAVE, 'SLAVE'],
  [s.IFF_DEBUG, 'DEBUG'],
  [s.IFF_DYNAMIC, 'DYNAMIC'],
  [s.IFF_UP, 'UP'],
  [s.IFF_LOWER_UP, 'LOWER_UP'],
  [s.IFF_DORMANT, 'DORMANT'],
  [s.IFF_ECHO, 'ECHO'],
]);

/** An address without IFA_F_PERMANENT is dynamic; this bit stands for that. */
const DYNAMIC = 1 << 30;

const LINK_EVENTS = [
  '',
  'REBOOT',
  'FEATURE CHANGE',
  'BONDING FAILOVER',
  'NOTIFY PEERS',
  'RESEND IGMP',
  'BONDING OPTION',
];

const ADDRESS_FLAGS = /** @type {const} */ ([
  [s.IFA_F_SECONDARY, 'secondary'],
  [s.IFA_F_NODAD, 'nodad'],
  [s.IFA_F_OPTIMISTIC, 'optimistic'],
  [s.IFA_F_DADFAILED, 'dadfailed'],
  [s.IFA_F_HOMEADDRESS, 'home'],
  [s.IFA_F_DEPRECATED, 'deprecated'],
  [s.IFA_F_TENTATIVE, 'tentative'],
  [DYNAMIC, 'dynamic'],
  [s.IFA_F_MANAGETEMPADDR, 'mngtmpaddr'],
  [s.IFA_F_NOPREFIXROUTE, 'noprefixroute'],
  [s.IFA_F_MCAUTOJOIN, 'autojoin'],
  [s.IFA_F_STABLE_PRIVACY, 'stable-privacy'],
]);

const HOP_FLAGS = /** @type {const} */ ([
  [s.RTNH_F_DEAD, 'dead'],
  [s.RTNH_F_ONLINK, 'onlink'],
  [s.RTNH_F_PERVASIVE, 'pervasive'],
  [s.RTNH_F_LINKDOWN, 'linkdown'],
  [s.RTNH_F_UNRESOLVED, 'unresolved'],
]);

/** The names of interfaces by index, including interfaces that are gone, because their events may arrive late. */
export class InterfaceNames {
  /** @type {Map<number, string>} */
  #names = new Map();

  /** Asks the kernel for all names. */
  refresh() {
    for (const link of s.listLinks()) this.note(link);
  }

  /** Stores the name that an event reports. @param {import('sys-socket').LinkEntry} link */
  note({ ifindex, name }) {
    if (name !== undefined) this.#names.set(ifindex, printable(name));
  }

  /** @param {number} ifindex */
  of(ifindex) {
    // The event about a neighbour of a new interface arrives before the event about the interface.
    if (!this.#names.has(ifindex)) this.refresh();
    return this.#names.get(ifindex) ?? `if${ifindex}`;
  }
}

/**
 * Returns a word and its value, or nothing if there is no value.
 * @param {string} word @param {string | number | undefined} value
 */
const field = (word, value) => (value === undefined || value === '' ? [] : [`${word} ${value}`]);

/**
 * Returns a C int from an attribute that the library has no name for.
 * @param {import('sys-socket').LinkEntry} link @param {number} type
 */
function int32({ attributes }, type) {
  const data = attributes.find((attribute) => attribute.type === type)?.data;
  return data?.length === 4 ? new Int32Array(Uint8Array.from(data).buffer)[0] : undefined;
}

/** @param {import('sys-socket').LinkEntry} link @param {InterfaceNames} interfaces */
export function linkText(link, interfaces) {
  const { ifindex, name, flags, mtu, qdisc, operstate, master, hatype, address, broadcast, group } = link;
  const foreign = int32(link, s.IFLA_LINK_NETNSID);
  const lower =
    link.link === 0 ? 'NONE' : foreign !== undefined ? `if${link.link}` : interfaces.of(link.link ?? ifindex);
  const event = int32(link, s.IFLA_EVENT) ?? 0;
  const bits = set(LINK_FLAGS, flags);
  if (flags & s.IFF_UP && !(flags & s.IFF_RUNNING)) bits.unshift('NO-CARRIER');
  const head = [
    `${ifindex}: ${printable(name ?? '?')}${link.link === undefined ? '' : `@${lower}`}: <${bits.join(',')}>`,
    ...field('mtu', mtu),
    ...field('qdisc', qdisc),
    ...field('master', master && interfaces.of(master)),
    ...field('state', operstate === undefined ? undefined : named(operstates, operstate).toUpperCase()),
    ...field('group', group === 0 ? 'default' : group),
    ...field('event', LINK_EVENTS[event]),
  ];
  const hardware = [
    `    link/${named(linkTypes, hatype)}`,
    ...(address === undefined ? [] : [s.formatHardwareAddress(address)]),
    ...field(flags & s.IFF_POINTOPOINT ? 'peer' : 'brd', broadcast && s.formatHardwareAddress(broadcast)),
    ...field('link-netnsid', foreign),
  ];
  return `${head.join(' ')}\n${hardware.join(' ')}`;
}

/** @param {import('sys-socket').AddressEntry} entry @param {InterfaceNames} interfaces */
export function addressText(entry, interfaces) {
  const { family, ifindex, prefixlen, local, address, broadcast, scope, flags, label, cacheinfo } = entry;
  const peer = address === local ? '' : ` peer ${address}`;
  const bits = set(ADDRESS_FLAGS, flags & s.IFA_F_PERMANENT ? flags : flags | DYNAMIC);
  // The bit has the same value, but means a privacy address in IPv6.
  if (family === s.AF_INET6 && bits[0] === 'secondary') bits[0] = 'temporary';
  const head = [
    `${ifindex}: ${interfaces.of(ifindex)}    ${family === s.AF_INET6 ? 'inet6' : 'inet'} ${local}${peer}/${prefixlen}`,
    ...field('brd', broadcast),
    ...field('scope', named(scopes, scope)),
    ...bits,
    ...(label === undefined ? [] : [printable(label)]),
  ];
  if (cacheinfo === undefined) return head.join(' ');
  const [valid, preferred] = [cacheinfo.valid, cacheinfo.preferred].map((n) => (n === FOREVER ? 'forever' : `${n}sec`));
  return `${head.join(' ')}\n       valid_lft ${valid} preferred_lft ${preferred}`;
}

/**
 * Formats a gateway and the interface that leads to it.
 * @param {number} family the family of the route; an IPv4 route may have an IPv6 gateway
 * @param {string | undefined} gateway @param {number | undefined} ifindex @param {InterfaceNames} interfaces
 */
function way(family, gateway, ifindex, interfaces) {
  const inet6 = gateway?.includes(':') && family === s.AF_INET ? 'inet6 ' : '';
  return [...field('via', gateway && inet6 + gateway), ...field('dev', ifindex && interfaces.of(ifindex))];
}

const PREFERENCES = new Map([
  [0, 'medium'],
  [1, 'high'],
  [3, 'low'],
]);

/** @param {import('sys-socket').RouteEntry} route @param {InterfaceNames} interfaces */
export function routeText(route, interfaces) {
  const { family, dst, dstLen, src, srcLen, oif, prefsrc, priority, table, protocol, scope, type, flags } = route;
  const whole = family === s.AF_INET6 ? 128 : 32;
  const prefix = (/** @type {string | undefined} */ address, /** @type {number} */ length) =>
    length === whole ? address : `${address ?? (whole === 32 ? '0.0.0.0' : '::')}/${length}`;
  const preference = route.attributes.find((attribute) => attribute.type === s.RTA_PREF)?.data[0];
  const head = [
    ...(type === s.RTN_UNICAST ? [] : [named(routeTypes, type)]),
    dst === undefined && dstLen === 0 ? 'default' : prefix(dst, dstLen),
    ...field('from', srcLen === 0 ? undefined : prefix(src, srcLen)),
    ...way(family, route.gateway, oif, interfaces),
    ...field('table', table === s.RT_TABLE_MAIN ? undefined : named(tables, table)),
    ...field('proto', protocol === s.RTPROT_BOOT ? undefined : named(protocols, protocol)),
    ...field('scope', scope === s.RT_SCOPE_UNIVERSE ? undefined : named(scopes, scope)),
    ...field('src', prefsrc),
    ...field('metric', priority),
    ...set(HOP_FLAGS, flags),
    ...field('pref', preference === undefined ? undefined : named(PREFERENCES, preference)),
  ];
  const hops = route.nexthops.map((hop) => {
    const words = [
      ...way(family, hop.gateway, hop.ifindex, interfaces),
      `weight ${hop.weight}`,
      ...set(HOP_FLAGS, hop.flags),
    ];
    return `\n\tnexthop ${words.join(' ')}`;
  });
  return head.join(' ') + hops.join('');
}

/** @param {import('sys-socket').NeighbourEntry} neighbour @param {InterfaceNames} interfaces */
export function neighbourText({ address, ifindex, linkAddress, state, flags }, interfaces) {
  return [
    ...(address === undefined ? [] : [address]), // an entry of a bridge has no address
    `dev ${interfaces.of(ifindex)}`,
    ...field('lladdr', linkAddress && s.formatHardwareAddress(linkAddress)),
    ...(flags & s.NTF_ROUTER ? ['router'] : []),
    ...(flags & s.NTF_PROXY ? ['proxy'] : []),
    named(states, state).toUpperCase(),
  ].join(' ');
}
