/** Reads single fields of a packet in place: the fast path for loops over captured packets. */

import { invalidValue } from '../../argument/argument-error.ts';
import { isUint8Array } from '../../argument/kind.ts';
import {
  ETH_P_IP,
  ETH_P_IPV6,
  IPPROTO_DSTOPTS,
  IPPROTO_FRAGMENT,
  IPPROTO_HOPOPTS,
  IPPROTO_ROUTING,
  IPPROTO_TCP,
  IPPROTO_UDP,
} from '../../native/constants.ts';
import { asBytes, get16 } from '../bytes/bytes.ts';
import { ipv4Text, ipv6Text } from '../bytes/text.ts';
import type { CapturedData } from './decode.ts';
import { ethernetField, isTag } from './ethernet.ts';
import { ipv4Field, ipv4Mask } from './ipv4.ts';
import { ipv6Field } from './ipv6.ts';
import { extensionField } from './ipv6-extension.ts';
import { fragmentField } from './ipv6-fragment.ts';
import { layerOfLinktype } from './linktype.ts';
import { sll2Field, sllField } from './linux-cooked.ts';
import { tcpField } from './tcp.ts';
import { vlanControl, vlanField } from './vlan.ts';

/** The IPv6 extension headers that a view skips to find the upper-layer header. */
const HOP_BY_HOP = IPPROTO_HOPOPTS;
const ROUTING = IPPROTO_ROUTING;
const FRAGMENT = IPPROTO_FRAGMENT;
const DESTINATION_OPTIONS = IPPROTO_DSTOPTS;
/** The offsets of the fields that a view reads: constants of this module, as codec.ts says. */
const ETHER_TYPE = ethernetField.etherType;
const SLL_PROTOCOL = sllField.protocol;
const SLL2_PROTOCOL = sll2Field.protocol;
const { control: TAG_CONTROL, etherType: TAG_ETHER_TYPE } = vlanField;
const VLAN_ID = vlanControl.vid;
const { protocol: PROTOCOL, flags: FRAGMENTATION, timeToLive: TIME_TO_LIVE } = ipv4Field;
const { sourceAddress: SOURCE, destinationAddress: DESTINATION } = ipv4Field;
const { ihl: IHL, fragmentOffset: FRAGMENT_OFFSET } = ipv4Mask;
const { nextHeader: NEXT_HEADER, hopLimit: HOP_LIMIT } = ipv6Field;
const { sourceAddress: SOURCE6, destinationAddress: DESTINATION6 } = ipv6Field;
const EXTENSION_LENGTH = extensionField.headerExtensionLength;
const FRAGMENT_OFFSET6 = fragmentField.fragmentOffset;
const { sourcePort: SOURCE_PORT, destinationPort: DESTINATION_PORT, flags: TCP_FLAGS } = tcpField;
const PPP_FRAMING = 0xff03;
const PPP_IP = 0x21;
const PPP_IPV6 = 0x57;

/** The first header of a packet, before the IP header. */
type FirstHeader = ReturnType<typeof layerOfLinktype>;

/**
 * Reads single fields of a packet without decoding the rest and without allocating an object per packet, because one
 * view is reused for many packets. Fields that the packet does not have are undefined. A view only locates headers;
 * `decodePacket` also validates them.
 *
 * @example
 * const packet = encodePacket([
 *   ethernet({ destination: 'ff:ff:ff:ff:ff:ff', source: '02:00:00:00:00:01' }),
 *   ipv4({ sourceAddress: '192.0.2.1', destinationAddress: '192.0.2.255' }),
 *   udp({ sourcePort: 5000, destinationPort: 53 }),
 * ]);
 * const view = new PacketView();
 * console.log(view.of(packet).destinationPort); // 53
 * @see https://www.rfc-editor.org/rfc/rfc1122
 */
export class PacketView {
  /** The bytes of the packet. */
  bytes: Uint8Array = new Uint8Array(0);
  /** The EtherType after all VLAN tags, for Ethernet and cooked captures, or -1 if there is none. */
  etherType = -1;
  /** The VLAN ID of the outermost tag, or -1 if there is none. */
  vlan = -1;
  /** The offset of the IP header, or -1 if there is none. */
  networkOffset = -1;
  /** The upper-layer protocol, an IPPROTO_ number, or -1 if there is none. */
  protocol = -1;
  /** The offset of the upper-layer header, or -1 if there is none, as in a later fragment. */
  transportOffset = -1;

  /**
   * Makes the view read another packet.
   *
   * @param packet The bytes, or a captured packet, whose link type determines the first header. The bytes are read when
   *   a property is accessed.
   * @param first The first header, by default Ethernet. `layerOfLinktype` returns it for a link type.
   * @returns This view.
   * @see https://www.rfc-editor.org/rfc/rfc1122
   */
  of(packet: Uint8Array | CapturedData, first?: FirstHeader): this {
    const isPacket = !isUint8Array(packet) && typeof packet === 'object' && packet !== null && 'data' in packet;
    const bytes = asBytes(isPacket ? packet.data : (packet as Uint8Array), isPacket ? 'packet.data' : 'packet');
    const begin = first ?? (isPacket && packet.linktype !== undefined ? layerOfLinktype(packet.linktype) : 'ethernet');
    this.bytes = bytes;
    this.etherType = -1;
    this.vlan = -1;
    this.networkOffset = -1;
    this.protocol = -1;
    this.transportOffset = -1;
    switch (begin) {
      case 'ethernet':
        this.#link(ETHER_TYPE, 14);
        break;
      case 'linuxSll2':
        this.#link(SLL2_PROTOCOL, 20);
        break;
      case 'linuxSll':
        this.#link(SLL_PROTOCOL, 16);
        break;
      case 'ip':
      case 'ipv4':
      case 'ipv6':
        this.#version(0);
        break;
      case 'bsdLoopback':
        this.#version(4);
        break;
      case 'ppp':
        this.#ppp();
        break;
      case 'payload':
        break;
      default:
        throw invalidValue('first', "a layer that 'layerOfLinktype' returns: 'ethernet', 'ip', 'linuxSll2', ...");
    }
    return this;
  }

  /** Reads a header that ends at an offset and contains an EtherType at another one. VLAN tags may follow it. */
  #link(type: number, end: number): void {
    const { bytes } = this;
    if (bytes.length < end) return;
    let at = end;
    let etherType = get16(bytes, type);
    while (isTag(etherType) && bytes.length >= at + 4) {
      if (this.vlan < 0) this.vlan = get16(bytes, at + TAG_CONTROL) & VLAN_ID;
      etherType = get16(bytes, at + TAG_ETHER_TYPE);
      at += 4;
    }
    this.etherType = etherType;
    if (etherType === ETH_P_IP) this.#network(at, 4);
    else if (etherType === ETH_P_IPV6) this.#network(at, 6);
  }

  /** Reads an IP header of either version. */
  #version(at: number): void {
    if (at < this.bytes.length) this.#network(at, this.bytes[at]! >>> 4);
  }

  /** Reads a PPP header, with or without the HDLC address and control fields. Its protocol field may have one byte. */
  #ppp(): void {
    const { bytes } = this;
    const start = bytes.length >= 2 && get16(bytes, 0) === PPP_FRAMING ? 2 : 0;
    if (bytes.length < start + 2) return;
    const isShort = (bytes[start]! & 1) !== 0;
    const protocol = isShort ? bytes[start]! : get16(bytes, start);
    const at = start + (isShort ? 1 : 2);
    if (protocol === PPP_IP) this.#network(at, 4);
    else if (protocol === PPP_IPV6) this.#network(at, 6);
  }

  #network(at: number, version: number): void {
    const { bytes } = this;
    if (at >= bytes.length || bytes[at]! >>> 4 !== version) return;
    if (version === 4 && bytes.length >= at + 20) {
      this.networkOffset = at;
      this.protocol = bytes[at + PROTOCOL]!;
      const header = 4 * (bytes[at]! & IHL);
      if ((get16(bytes, at + FRAGMENTATION) & FRAGMENT_OFFSET) === 0 && header >= 20) this.#transport(at + header);
    } else if (version === 6 && bytes.length >= at + 40) {
      this.networkOffset = at;
      this.#extensions(bytes[at + NEXT_HEADER]!, at + 40);
    }
  }

  #extensions(nextHeader: number, start: number): void {
    const { bytes } = this;
    let protocol = nextHeader;
    let at = start;
    while (
      protocol === HOP_BY_HOP ||
      protocol === ROUTING ||
      protocol === FRAGMENT ||
      protocol === DESTINATION_OPTIONS
    ) {
      if (bytes.length < at + 8) return;
      const later = protocol === FRAGMENT && get16(bytes, at + FRAGMENT_OFFSET6) >= 8;
      const size = protocol === FRAGMENT ? 8 : 8 + 8 * bytes[at + EXTENSION_LENGTH]!;
      protocol = bytes[at]!;
      at += size;
      if (later) {
        this.protocol = protocol;
        return;
      }
    }
    this.protocol = protocol;
    this.#transport(at);
  }

  #transport(at: number): void {
    if (at < this.bytes.length) this.transportOffset = at;
  }

  get #ipVersion(): number {
    return this.networkOffset < 0 ? 0 : this.bytes[this.networkOffset]! >>> 4;
  }

  /** The source IPv4 or IPv6 address as text. */
  get sourceAddress(): string | undefined {
    const at = this.networkOffset;
    if (this.#ipVersion === 4) return ipv4Text(this.bytes, at + SOURCE);
    return this.#ipVersion === 6 ? ipv6Text(this.bytes, at + SOURCE6) : undefined;
  }

  /** The destination IPv4 or IPv6 address as text. */
  get destinationAddress(): string | undefined {
    const at = this.networkOffset;
    if (this.#ipVersion === 4) return ipv4Text(this.bytes, at + DESTINATION);
    return this.#ipVersion === 6 ? ipv6Text(this.bytes, at + DESTINATION6) : undefined;
  }

  /** The time to live (IPv4) or the hop limit (IPv6). */
  get hopLimit(): number | undefined {
    const version = this.#ipVersion;
    if (version === 0) return undefined;
    return this.bytes[this.networkOffset + (version === 4 ? TIME_TO_LIVE : HOP_LIMIT)];
  }

  #port(at: number): number | undefined {
    if (this.protocol !== IPPROTO_TCP && this.protocol !== IPPROTO_UDP) return undefined;
    if (this.transportOffset < 0 || this.bytes.length < this.transportOffset + 4) return undefined;
    return get16(this.bytes, this.transportOffset + at);
  }

  /** The TCP or UDP source port. */
  get sourcePort(): number | undefined {
    return this.#port(SOURCE_PORT);
  }

  /** The TCP or UDP destination port. */
  get destinationPort(): number | undefined {
    return this.#port(DESTINATION_PORT);
  }

  /** The byte that contains the TCP flags: FIN is 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32, ECE 64, CWR 128. */
  get tcpFlags(): number | undefined {
    const at = this.transportOffset + TCP_FLAGS;
    if (this.protocol !== IPPROTO_TCP || this.transportOffset < 0 || at >= this.bytes.length) return undefined;
    return this.bytes[at];
  }
}
