/** The fields of ICMPv6 messages. */
import type { ExtendedEchoFields } from './extended-echo.ts';
import type { NdOption, NdOptionInput } from './nd-option.ts';

/**
 * An ICMPv6 message to encode: type, code, and the fields of its type. `restOfHeader` contains the other bits of the
 * header.
 *
 * @see https://www.rfc-editor.org/rfc/rfc4443
 */
export interface Icmpv6Fields extends ExtendedEchoFields {
  /** An ICMPV6_ number. */
  type: number;
  /** The default is 0. */
  code?: number | undefined;
  /** By default, encoding fills it in. */
  checksum?: number | undefined;
  /** The second word of the header. The fields below overwrite their bits; the others are reserved. */
  restOfHeader?: number | undefined;
  /** For echo and extended echo messages. */
  identifier?: number | undefined;
  /** For echo messages, and for extended echo messages, where it has one byte. */
  sequenceNumber?: number | undefined;
  /** For packet too big messages. */
  mtu?: number | undefined;
  /** For parameter problem messages. */
  pointer?: number | undefined;
  /**
   * For destination unreachable and time exceeded messages: the number of quoted units of 8 bytes before extensions
   * (RFC 4884), or 0 without extensions.
   */
  length?: number | undefined;
  /** For router advertisements. */
  curHopLimit?: number | undefined;
  /** For router advertisements: the M flag, which means that DHCPv6 assigns addresses. */
  managedAddressConfiguration?: boolean | undefined;
  /** For router advertisements: the O flag, which means that DHCPv6 provides other configuration. */
  otherConfiguration?: boolean | undefined;
  /** For router advertisements: the H flag (RFC 6275). */
  homeAgent?: boolean | undefined;
  /** For router advertisements: 0 is medium, 1 high, 3 low (RFC 4191). */
  defaultRouterPreference?: number | undefined;
  /** For router advertisements, in seconds. */
  routerLifetime?: number | undefined;
  /** For router advertisements, in milliseconds. */
  reachableTime?: number | undefined;
  /** For router advertisements, in milliseconds. */
  retransTimer?: number | undefined;
  /** For neighbor advertisements: the R flag. */
  router?: boolean | undefined;
  /** For neighbor advertisements: the S flag. */
  solicited?: boolean | undefined;
  /** For neighbor advertisements: the O flag. */
  override?: boolean | undefined;
  /** For neighbor solicitations and advertisements, and for redirects. */
  targetAddress?: string | undefined;
  /** For redirects. */
  destinationAddress?: string | undefined;
  /** For the five messages of neighbor discovery. */
  options?: readonly NdOptionInput[] | undefined;
}

/**
 * An ICMPv6 message for `encodePacket`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc4443
 */
export interface Icmpv6Input extends Icmpv6Fields {
  readonly layer: 'icmpv6';
}

/**
 * A decoded ICMPv6 message. Of the fields that depend on the type, only those of its type are present.
 *
 * @see https://www.rfc-editor.org/rfc/rfc4443
 */
export interface Icmpv6 extends Icmpv6Fields {
  readonly layer: 'icmpv6';
  options?: readonly NdOption[] | undefined;
  code: number;
  checksum: number;
  /**
   * Whether the checksum is correct. It is undefined if the message is truncated or a fragment, or if its addresses are
   * unknown.
   */
  checksumOk: boolean | undefined;
  restOfHeader: number;
}
