/** ICMP and ICMPv6 extended echo messages, which ask for the state of an interface: RFC 8335. */
import {
  ICMP_EXT_ECHO,
  ICMP_EXT_ECHOREPLY,
  ICMP_EXT_ECHOREPLY_ACTIVE,
  ICMP_EXT_ECHOREPLY_IPV4,
  ICMP_EXT_ECHOREPLY_IPV6,
  ICMPV6_EXT_ECHO_REPLY,
  ICMPV6_EXT_ECHO_REQUEST,
} from '../../native/constants.ts';
import { get16, put16, uint, uint8, uint16 } from '../bytes/bytes.ts';

/**
 * The fields of extended echo messages besides the identifier and the sequence number, which has one byte there.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8335
 */
export interface ExtendedEchoFields {
  /** For extended echo requests: whether the interface belongs to the host that is asked. */
  local?: boolean | undefined;
  /** For extended echo replies: the state of the neighbor entry if the interface is not local; 2 is reachable. */
  state?: number | undefined;
  /** For extended echo replies: whether the interface is active. */
  active?: boolean | undefined;
  /** For extended echo replies: whether IPv4 runs on the interface. */
  ipv4?: boolean | undefined;
  /** For extended echo replies: whether IPv6 runs on the interface. */
  ipv6?: boolean | undefined;
}

/** An ICMP or ICMPv6 message with these fields. */
interface Message extends ExtendedEchoFields {
  readonly type: number;
  identifier?: number | undefined;
  sequenceNumber?: number | undefined;
}

type Name = 'icmp' | 'icmpv6';

const REQUEST = { icmp: ICMP_EXT_ECHO, icmpv6: ICMPV6_EXT_ECHO_REQUEST } as const;
const REPLY = { icmp: ICMP_EXT_ECHOREPLY, icmpv6: ICMPV6_EXT_ECHO_REPLY } as const;
/** The offset of each field, or of the byte that it shares, and the bits in that byte. */
const ECHO = { identifier: 4, sequenceNumber: 6, flags: 7 } as const;
const LOCAL = 1;
const STATE_SHIFT = 5;
const NO_STATE = 31;

/** Returns, for each field, whether a type has it. */
export function extendedTypes(name: Name): {
  readonly [Field in keyof ExtendedEchoFields]-?: (type: number) => boolean;
} {
  const isReply = (type: number) => type === REPLY[name];
  return { local: (type) => type === REQUEST[name], state: isReply, active: isReply, ipv4: isReply, ipv6: isReply };
}

/** Returns whether a message is an extended echo. */
export function isExtendedEcho(name: Name, type: number): boolean {
  return type === REQUEST[name] || type === REPLY[name];
}

/** Writes the second word of an extended echo, replacing the bits of `restOfHeader`. */
export function writeExtendedEcho(name: Name, layer: Message, bytes: Uint8Array, at: number): void {
  const flag = (bit: number, value: boolean | undefined) => {
    if (value !== undefined)
      bytes[at + ECHO.flags] = value ? bytes[at + ECHO.flags]! | bit : bytes[at + ECHO.flags]! & ~bit;
  };
  const { identifier, sequenceNumber, state } = layer;
  if (identifier !== undefined) put16(bytes, at + ECHO.identifier, uint16(identifier, `${name}.identifier`));
  if (sequenceNumber !== undefined) bytes[at + ECHO.sequenceNumber] = uint8(sequenceNumber, `${name}.sequenceNumber`);
  if (state !== undefined)
    bytes[at + ECHO.flags] = (bytes[at + ECHO.flags]! & NO_STATE) | (uint(state, 7, `${name}.state`) << STATE_SHIFT);
  flag(LOCAL, layer.local);
  flag(ICMP_EXT_ECHOREPLY_ACTIVE, layer.active);
  flag(ICMP_EXT_ECHOREPLY_IPV4, layer.ipv4);
  flag(ICMP_EXT_ECHOREPLY_IPV6, layer.ipv6);
}

/** Reads the second word of an extended echo. */
export function readExtendedEcho(name: Name, layer: Message, bytes: Uint8Array, at: number): void {
  const last = bytes[at + ECHO.flags]!;
  layer.identifier = get16(bytes, at + ECHO.identifier);
  layer.sequenceNumber = bytes[at + ECHO.sequenceNumber]!;
  if (layer.type === REQUEST[name]) {
    layer.local = (last & LOCAL) !== 0;
    return;
  }
  layer.state = last >>> STATE_SHIFT;
  layer.active = (last & ICMP_EXT_ECHOREPLY_ACTIVE) !== 0;
  layer.ipv4 = (last & ICMP_EXT_ECHOREPLY_IPV4) !== 0;
  layer.ipv6 = (last & ICMP_EXT_ECHOREPLY_IPV6) !== 0;
}
