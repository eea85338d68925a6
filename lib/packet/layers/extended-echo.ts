/** Extended echoes of ICMP and ICMPv6, which ask for the state of an interface: RFC 8335. */
import {
  ICMP_EXT_ECHO,
  ICMP_EXT_ECHOREPLY,
  ICMP_EXT_ECHOREPLY_ACTIVE,
  ICMP_EXT_ECHOREPLY_IPV4,
  ICMP_EXT_ECHOREPLY_IPV6,
  ICMPV6_EXT_ECHO_REPLY,
  ICMPV6_EXT_ECHO_REQUEST,
} from '../../posix/constants.ts';
import { get16, put16, uint, uint8, uint16 } from '../bytes.ts';

/**
 * The fields that extended echoes have beside identifier and sequence number, which is one byte there.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8335
 */
export interface ExtendedEchoFields {
  /** Extended echo request: whether the interface is one of who is asked. */
  local?: boolean | undefined;
  /** Extended echo reply: of an interface that is not local, the state of its neighbour entry; 2 is reachable. */
  state?: number | undefined;
  /** Extended echo reply: whether the interface is active. */
  active?: boolean | undefined;
  /** Extended echo reply: whether IPv4 runs on it. */
  ipv4?: boolean | undefined;
  /** Extended echo reply: whether IPv6 runs on it. */
  ipv6?: boolean | undefined;
}

/** A message of ICMP or ICMPv6 with such fields. */
interface Message extends ExtendedEchoFields {
  readonly type: number;
  identifier?: number | undefined;
  sequenceNumber?: number | undefined;
}

type Name = 'icmp' | 'icmpv6';

const REQUEST = { icmp: ICMP_EXT_ECHO, icmpv6: ICMPV6_EXT_ECHO_REQUEST } as const;
const REPLY = { icmp: ICMP_EXT_ECHOREPLY, icmpv6: ICMPV6_EXT_ECHO_REPLY } as const;
const LOCAL = 1;
const STATE = 5;

/** The types that have each of the fields. */
export function extendedTypes(name: Name): {
  readonly [Field in keyof ExtendedEchoFields]-?: (type: number) => boolean;
} {
  const isReply = (type: number) => type === REPLY[name];
  return { local: (type) => type === REQUEST[name], state: isReply, active: isReply, ipv4: isReply, ipv6: isReply };
}

/** Whether a message is an extended echo. */
export function isExtendedEcho(name: Name, type: number): boolean {
  return type === REQUEST[name] || type === REPLY[name];
}

/** Writes the second word of an extended echo, over what `restOfHeader` says of it. */
export function writeExtendedEcho(name: Name, layer: Message, bytes: Uint8Array, at: number): void {
  const flag = (bit: number, value: boolean | undefined) => {
    if (value !== undefined) bytes[at + 7] = value ? bytes[at + 7]! | bit : bytes[at + 7]! & ~bit;
  };
  const { identifier, sequenceNumber, state } = layer;
  if (identifier !== undefined) put16(bytes, at + 4, uint16(identifier, `${name}.identifier`));
  if (sequenceNumber !== undefined) bytes[at + 6] = uint8(sequenceNumber, `${name}.sequenceNumber`);
  if (state !== undefined) bytes[at + 7] = (bytes[at + 7]! & 31) | (uint(state, 7, `${name}.state`) << STATE);
  flag(LOCAL, layer.local);
  flag(ICMP_EXT_ECHOREPLY_ACTIVE, layer.active);
  flag(ICMP_EXT_ECHOREPLY_IPV4, layer.ipv4);
  flag(ICMP_EXT_ECHOREPLY_IPV6, layer.ipv6);
}

/** Reads the second word of an extended echo. */
export function readExtendedEcho(name: Name, layer: Message, bytes: Uint8Array, at: number): void {
  const last = bytes[at + 7]!;
  layer.identifier = get16(bytes, at + 4);
  layer.sequenceNumber = bytes[at + 6]!;
  if (layer.type === REQUEST[name]) {
    layer.local = (last & LOCAL) !== 0;
    return;
  }
  layer.state = last >>> STATE;
  layer.active = (last & ICMP_EXT_ECHOREPLY_ACTIVE) !== 0;
  layer.ipv4 = (last & ICMP_EXT_ECHOREPLY_IPV4) !== 0;
  layer.ipv6 = (last & ICMP_EXT_ECHOREPLY_IPV6) !== 0;
}
