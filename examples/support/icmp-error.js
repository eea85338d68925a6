// @ts-check
// Describes an ICMP or ICMPv6 error: in the words of ping(8), and with the mark that traceroute(8) prints.
import {
  errnoName,
  ICMP_DEST_UNREACH,
  ICMP_FRAG_NEEDED,
  ICMP_PORT_UNREACH,
  ICMP_TIME_EXCEEDED,
  SO_EE_ORIGIN_ICMP,
  SO_EE_ORIGIN_ICMP6,
  strerror,
} from 'sys-socket';
import { ICMPV6_DESTINATION_UNREACHABLE, ICMPV6_PACKET_TOO_BIG, ICMPV6_TIME_EXCEEDED } from 'sys-socket/packet';

/** @typedef {import('./error-queue.js').Report} Report */

/** The words and the mark of each code of "destination unreachable". @type {readonly (readonly [string, string])[]} */
const UNREACHABLE = [
  ['Destination Net Unreachable', '!N'],
  ['Destination Host Unreachable', '!H'],
  ['Destination Protocol Unreachable', '!P'],
  ['Destination Port Unreachable', ''],
  ['Frag needed and DF set', '!F'],
  ['Source Route Failed', '!S'],
  ['Destination Net Unknown', '!U'],
  ['Destination Host Unknown', '!W'],
  ['Source Host Isolated', '!I'],
  ['Destination Net Prohibited', '!A'],
  ['Destination Host Prohibited', '!Z'],
  ['Destination Net Unreachable for Type of Service', '!Q'],
  ['Destination Host Unreachable for Type of Service', '!T'],
  ['Packet filtered', '!X'],
  ['Precedence Violation', '!V'],
  ['Precedence Cutoff', '!C'],
];

/** The same for ICMPv6. @type {readonly (readonly [string, string])[]} */
const UNREACHABLE6 = [
  ['No route', '!N'],
  ['Administratively prohibited', '!X'],
  ['Beyond scope of source address', '!S'],
  ['Address unreachable', '!H'],
  ['Port unreachable', ''],
  ['Failed ingress/egress policy', '!X'],
  ['Reject route', '!X'],
];

const ICMPV6_PORT = 4;

/** Returns whether a router discarded the packet because its time to live expired. @param {Report} report */
export function isExpired({ origin, type, code }) {
  if (code !== 0) return false; // code 1: the time to reassemble fragments expired
  return (
    (origin === SO_EE_ORIGIN_ICMP && type === ICMP_TIME_EXCEEDED) ||
    (origin === SO_EE_ORIGIN_ICMP6 && type === ICMPV6_TIME_EXCEEDED)
  );
}

/**
 * Returns whether the host itself reports that nobody listens on the port, so the packet has arrived.
 * @param {Report} report
 */
export function isArrival({ origin, type, code }) {
  return (
    (origin === SO_EE_ORIGIN_ICMP && type === ICMP_DEST_UNREACH && code === ICMP_PORT_UNREACH) ||
    (origin === SO_EE_ORIGIN_ICMP6 && type === ICMPV6_DESTINATION_UNREACHABLE && code === ICMPV6_PORT)
  );
}

/** Describes a report for people. @param {Report} report */
export function describe({ origin, type, code, info, errno }) {
  if (origin === SO_EE_ORIGIN_ICMP) {
    const mtu = type === ICMP_DEST_UNREACH && code === ICMP_FRAG_NEEDED ? ` (mtu = ${info})` : '';
    if (type === ICMP_DEST_UNREACH) return `${UNREACHABLE[code]?.[0] ?? `Dest Unreachable, Bad Code: ${code}`}${mtu}`;
    if (type === ICMP_TIME_EXCEEDED) return code === 0 ? 'Time to live exceeded' : 'Frag reassembly time exceeded';
  }
  if (origin === SO_EE_ORIGIN_ICMP6) {
    if (type === ICMPV6_DESTINATION_UNREACHABLE) {
      return `Destination unreachable: ${UNREACHABLE6[code]?.[0] ?? `Unknown code ${code}`}`;
    }
    if (type === ICMPV6_TIME_EXCEEDED) return `Time exceeded: ${code === 0 ? 'Hop limit' : 'Defragmentation failure'}`;
    if (type === ICMPV6_PACKET_TOO_BIG) return `Packet too big: mtu=${info}`;
  }
  return strerror(errno);
}

/**
 * Returns the mark that follows the time of a hop. It is empty for a report that traceroute expects.
 * @param {Report} report
 */
export function mark(report) {
  const { origin, type, code, errno } = report;
  if (isExpired(report)) return '';
  const table = origin === SO_EE_ORIGIN_ICMP ? UNREACHABLE : origin === SO_EE_ORIGIN_ICMP6 ? UNREACHABLE6 : undefined;
  if (table === undefined) return `!${errnoName(errno)}`; // reported by this host
  const unreachable = origin === SO_EE_ORIGIN_ICMP ? ICMP_DEST_UNREACH : ICMPV6_DESTINATION_UNREACHABLE;
  return (type === unreachable ? table[code]?.[1] : undefined) ?? `!<${type}-${code}>`;
}
