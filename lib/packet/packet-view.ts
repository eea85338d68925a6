/** Single fields of a packet, read where they stand: the fast path for loops over captured packets. */
import { ETH_P_IP, ETH_P_IPV6, IPPROTO_TCP, IPPROTO_UDP } from '../posix/constants.ts';
import { invalidValue } from '../posix/errno.ts';
import { isUint8Array } from '../posix/kind.ts';
import { asBytes, get16 } from './bytes.ts';
import type { CapturedData } from './layers/decode.ts';
import { isTag } from './layers/ethernet.ts';
import { layerOfLinktype } from './linktype.ts';
import { ipv4Text, ipv6Text } from './text.ts';

/** The IPv6 headers that a view passes over to find the upper layer. */
const HOP_BY_HOP = 0;
const ROUTING = 43;
const FRAGMENT = 44;
const DESTINATION = 60;
const PPP_FRAMING = 0xff03;
const PPP_IP = 0x21;
const PPP_IPV6 = 0x57;

/** The headers that a view passes over to find that of IP. */
type FirstHeader = ReturnType<typeof layerOfLinktype>;

/**
 * Reads single fields of a packet without decoding the rest, and without an allocation for each packet: one view is used
 * for many. Fields that are not there are undefined. It tells where headers are; `decodePacket` judges them.
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
  /** The packet. */
  bytes: Uint8Array = new Uint8Array(0);
  /** The EtherType after all VLAN tags, of Ethernet and cooked captures; -1 if there is none. */
  etherType = -1;
  /** The outermost VLAN; -1 without a tag. */
  vlan = -1;
  /** Where the IP header begins; -1 if there is none. */
  networkOffset = -1;
  /** The upper-layer protocol: an IPPROTO_ number; -1 if there is none. */
  protocol = -1;
  /** Where the upper-layer header begins; -1 if there is none, as in a later fragment. */
  transportOffset = -1;

  /**
   * Turns to another packet.
   *
   * @param packet Its bytes, or a captured packet, whose link type tells how it begins. The bytes are read when a field is
   *   asked for.
   * @param first What bytes begin with: Ethernet unless given. `layerOfLinktype` tells it of a link type.
   * @returns The view itself.
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
        this.#link(12, 14);
        break;
      case 'linuxSll2':
        this.#link(0, 20);
        break;
      case 'linuxSll':
        this.#link(14, 16);
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
        throw invalidValue('first', "a layer that 'layerOfLinktype' gives: 'ethernet', 'ip', 'linuxSll2', ...");
    }
    return this;
  }

  /** A header with an EtherType at an offset, which ends at another one; tags may follow. */
  #link(type: number, end: number): void {
    const { bytes } = this;
    if (bytes.length < end) return;
    let at = end;
    let etherType = get16(bytes, type);
    while (isTag(etherType) && bytes.length >= at + 4) {
      if (this.vlan < 0) this.vlan = get16(bytes, at) & 0xfff;
      etherType = get16(bytes, at + 2);
      at += 4;
    }
    this.etherType = etherType;
    if (etherType === ETH_P_IP) this.#network(at, 4);
    else if (etherType === ETH_P_IPV6) this.#network(at, 6);
  }

  /** A header of IP, whichever its version is. */
  #version(at: number): void {
    if (at < this.bytes.length) this.#network(at, this.bytes[at]! >>> 4);
  }

  /** A header of PPP, with or without the addresses of HDLC, whose protocol may be one byte. */
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
      this.protocol = bytes[at + 9]!;
      const header = 4 * (bytes[at]! & 15);
      if ((get16(bytes, at + 6) & 0x1fff) === 0 && header >= 20) this.#transport(at + header);
    } else if (version === 6 && bytes.length >= at + 40) {
      this.networkOffset = at;
      this.#extensions(bytes[at + 6]!, at + 40);
    }
  }

  #extensions(nextHeader: number, start: number): void {
    const { bytes } = this;
    let protocol = nextHeader;
    let at = start;
    while (protocol === HOP_BY_HOP || protocol === ROUTING || protocol === FRAGMENT || protocol === DESTINATION) {
      if (bytes.length < at + 8) return;
      const later = protocol === FRAGMENT && get16(bytes, at + 2) >= 8;
      const size = protocol === FRAGMENT ? 8 : 8 + 8 * bytes[at + 1]!;
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

  /** The source address of IPv4 or IPv6, as text. */
  get sourceAddress(): string | undefined {
    const at = this.networkOffset;
    if (this.#ipVersion === 4) return ipv4Text(this.bytes, at + 12);
    return this.#ipVersion === 6 ? ipv6Text(this.bytes, at + 8) : undefined;
  }

  /** The destination address of IPv4 or IPv6, as text. */
  get destinationAddress(): string | undefined {
    const at = this.networkOffset;
    if (this.#ipVersion === 4) return ipv4Text(this.bytes, at + 16);
    return this.#ipVersion === 6 ? ipv6Text(this.bytes, at + 24) : undefined;
  }

  /** The time to live of IPv4, the hop limit of IPv6. */
  get hopLimit(): number | undefined {
    const version = this.#ipVersion;
    if (version === 0) return undefined;
    return this.bytes[this.networkOffset + (version === 4 ? 8 : 7)];
  }

  #port(at: number): number | undefined {
    if (this.protocol !== IPPROTO_TCP && this.protocol !== IPPROTO_UDP) return undefined;
    if (this.transportOffset < 0 || this.bytes.length < this.transportOffset + 4) return undefined;
    return get16(this.bytes, this.transportOffset + at);
  }

  /** The source port of TCP or UDP. */
  get sourcePort(): number | undefined {
    return this.#port(0);
  }

  /** The destination port of TCP or UDP. */
  get destinationPort(): number | undefined {
    return this.#port(2);
  }

  /** The flags of TCP as their byte: FIN is 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32, ECE 64, CWR 128. */
  get tcpFlags(): number | undefined {
    const at = this.transportOffset + 13;
    if (this.protocol !== IPPROTO_TCP || this.transportOffset < 0 || at >= this.bytes.length) return undefined;
    return this.bytes[at];
  }
}
