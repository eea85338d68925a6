/** Formats packets as one line in the style of tcpdump(1). */
import type { Bytes } from '../../native/native.ts';
import type { Arp } from '../layers/arp.ts';
import { type CapturedData, type DecodedPacket, type DecodeOptions, layersOf } from '../layers/decode.ts';
import type { Ipv4 } from '../layers/ipv4.ts';
import type { Ipv6 } from '../layers/ipv6.ts';
import type { Layer } from '../layers/layer.ts';
import { type OwnLayer, typeOf } from '../layers/layer-type.ts';
import { codecOf } from '../layers/registry.ts';
import { decodedOf } from './format-packet.ts';
import { lineOf, titleOf } from './line.ts';
import { icmpSummary, icmpv6Summary, tcpSummary } from './summary-upper.ts';
import { hex, list } from './words.ts';

type Any = Layer | OwnLayer;

/** The layers that a line omits if it describes the layer after them. */
const PASSED: ReadonlySet<string> = new Set([
  ...['ethernet', 'bsdLoopback', 'linuxSll', 'linuxSll2', 'llc', 'ppp', 'snap', 'pppoe'],
]);
/** The headers between the IPv6 header and its payload. */
const EXTENSIONS: ReadonlyMap<string, string> = new Map([
  ['hopByHop', 'HBH'],
  ['destinationOptions', 'DSTOPT'],
  ['routing', 'srcrt'],
]);
/** The headers between an IP header and the ports. */
const BETWEEN: ReadonlySet<string> = new Set([...EXTENSIONS.keys(), 'fragment', 'ah']);
const PORTS: ReadonlySet<string> = new Set(['tcp', 'udp', 'sctp']);
const UDP_HEADER = 8;

/** Returns the length of a header in bytes, or 0 for a layer of `defineLayer`, whose length is unknown. */
const sizeOf = (layer: Any): number =>
  typeOf(layer) === undefined ? codecOf((layer as Layer).layer).size(layer as never) : 0;

/** A piece of the line, and the layer that continues it with the length of the rest according to this header. */
type Piece = readonly [text: string, next?: number, length?: number];

/**
 * Describes a packet piece by piece. Thousands of headers can follow one another in a hostile packet, so that no piece
 * calls the one after it, or looks at all the layers after it.
 */
class Summary {
  readonly #layers: readonly Any[];
  readonly #pending: boolean;
  /**
   * The length of the layers from each one on, including the bytes that were not captured but without the padding of a
   * short frame.
   */
  readonly #rests: readonly number[];
  /** The length of the padding. */
  readonly #padding: number;

  constructor(layers: readonly Any[], missing: number, pending: boolean) {
    this.#layers = layers;
    this.#pending = pending;
    const rests = [missing];
    for (const layer of layers.toReversed()) {
      rests.push(rests.at(-1)! + (layer.layer === 'trailer' ? 0 : sizeOf(layer)));
    }
    this.#rests = rests.reverse();
    this.#padding = layers.reduce((sum, layer) => sum + (layer.layer === 'trailer' ? sizeOf(layer) : 0), 0);
  }

  /** Returns the line. */
  line(): string {
    const pieces: string[] = [];
    let piece: Piece = ['', 0, this.#rests[0]! + this.#padding];
    while (piece[1] !== undefined) {
      piece = this.#at(piece[1], piece[2]!);
      pieces.push(piece[0]);
    }
    return pieces.join('');
  }

  #at(at: number, length: number): Piece {
    const layer = this.#layers[at];
    if (layer === undefined) return [`length ${length}`];
    if (typeOf(layer) !== undefined) return this.#own(layer as OwnLayer, at);
    const one = layer as Layer;
    if (PASSED.has(one.layer)) return this.#link(one, at, length);
    switch (one.layer) {
      case 'vlan':
        return [`vlan ${one.vid}, `, at + 1, length];
      case 'arp':
        return [this.#arp(one, at)];
      case 'ipv4':
      case 'ipv6':
        return this.#ip(one, at);
      case 'hopByHop':
      case 'destinationOptions':
      case 'routing':
        return [`${EXTENSIONS.get(one.layer)} `, at + 1, length - sizeOf(one)];
      case 'fragment':
        return [`frag (${8 * one.fragmentOffset}) `, at + 1, length - sizeOf(one)];
      case 'icmp':
        return [icmpSummary(one, length, this.#layers.slice(at + 1))];
      case 'icmpv6':
        return [icmpv6Summary(one, length)];
      case 'tcp':
        return this.#carrying(tcpSummary(one, Math.max(0, length - sizeOf(one))), at);
      case 'udp':
        return this.#carrying(`UDP, length ${Math.max(0, one.length - UDP_HEADER)}`, at);
      case 'payload':
      case 'trailer':
        return [`length ${length}`];
      default:
        return this.#tunnel(one, at, length);
    }
  }

  /** Formats a layer of `defineLayer`. */
  #own(layer: OwnLayer, at: number): Piece {
    const text = lineOf(layer, this.#pending).replace(/\s*\n\s*/g, ' ');
    return this.#carrying(list(`${layer.layer} ${text}`.trimEnd()), at);
  }

  /** Formats a header, followed by the layer after it unless that is plain data. */
  #carrying(text: string, at: number): Piece {
    return this.#isPlain(at + 1) ? [text] : [`${text}: `, at + 1, this.#rests[at + 1]!];
  }

  /** Returns whether there is no header at this place. */
  #isPlain(at: number): boolean {
    const layer = this.#layers[at];
    return layer === undefined || layer.layer === 'payload' || layer.layer === 'trailer';
  }

  #tunnel(layer: Layer, at: number, length: number): Piece {
    const text = `${titleOf(layer.layer)} ${lineOf(layer, this.#pending)}, length ${length}`;
    return this.#carrying(text, at);
  }

  /**
   * Formats a link-layer header: its tags and the layer after it. The header itself is only described if that layer is
   * unknown.
   */
  #link(layer: Layer, at: number, length: number): Piece {
    const tags = layer.layer === 'ethernet' ? layer.tags.map(({ vid }) => `vlan ${vid}, `).join('') : '';
    if (!this.#isPlain(at + 1)) return [tags, at + 1, this.#rests[at + 1]!];
    if (layer.layer !== 'ethernet') {
      return [`${titleOf(layer.layer)} ${lineOf(layer, this.#pending)}, length ${length}`];
    }
    const type = layer.etherType > 1500 ? `ethertype ${hex(layer.etherType, 4)}` : '802.3';
    return [`${tags}${layer.source} > ${layer.destination}, ${type}, length ${length}`];
  }

  #arp(layer: Arp, at: number): string {
    const { operation, senderProtocolAddress: from, targetProtocolAddress: to } = layer;
    // As in tcpdump, the length includes the padding.
    const length = `length ${this.#rests[at]! + this.#padding}`;
    const asked = /^(?:00:)*00$/.test(layer.targetHardwareAddress) ? '' : ` (${layer.targetHardwareAddress})`;
    if (operation === 1) return `ARP, Request who-has ${to}${asked} tell ${from}, ${length}`;
    if (operation === 2) return `ARP, Reply ${from} is-at ${layer.senderHardwareAddress}, ${length}`;
    return `ARP, ${lineOf(layer, false)}, ${length}`;
  }

  /** Formats an IP header: the addresses, with the ports of the layer above, and that layer. */
  #ip(layer: Ipv4 | Ipv6, at: number): Piece {
    const total = layer.layer === 'ipv4' ? layer.totalLength - sizeOf(layer) : layer.payloadLength;
    // The length is 0 before segmentation offload. For a jumbogram, it is stored elsewhere.
    const length =
      (layer.layer === 'ipv4' ? layer.totalLength : layer.payloadLength) === 0 ? this.#rests[at + 1]! : total;
    let i = at + 1;
    while (BETWEEN.has(this.#layers[i]?.layer ?? '')) i++;
    const upper = this.#layers[i];
    const [from, to] = upper !== undefined && PORTS.has(upper.layer) ? portsOf(upper) : ['', ''];
    const head = `${layer.layer === 'ipv4' ? 'IP' : 'IP6'} ${layer.sourceAddress}${from} > ${layer.destinationAddress}${to}`;
    if (layer.layer === 'ipv4' && layer.fragmentOffset > 0) {
      return [`${head}: ip-proto-${layer.protocol}, fragment at ${8 * layer.fragmentOffset}, length ${length}`];
    }
    if (this.#isPlain(at + 1)) {
      return [`${head}: ip-proto-${layer.layer === 'ipv4' ? layer.protocol : layer.nextHeader} ${length}`];
    }
    return [`${head}: `, at + 1, length];
  }
}

function portsOf(layer: Any): [string, string] {
  const { sourcePort, destinationPort } = layer as Extract<Layer, { layer: 'tcp' }>;
  return [`.${sourcePort}`, `.${destinationPort}`];
}

/**
 * Formats a packet as one line in the style of tcpdump(1): the addresses and ports, the protocol and the length.
 *
 * Unlike in tcpdump, sequence numbers are those of the header (`tcpdump -S`), names are not looked up (`-nn`), VLANs
 * are shown, and the data of ports is only decoded by layers of `defineLayer`, which are formatted by their `format`
 * method.
 *
 * @param packet A decoded packet, its bytes, or a captured packet.
 * @param options The options of `decodePacket`, for a packet that is not decoded yet.
 * @returns The line, without a newline at the end.
 * @throws The same errors as `decodePacket`.
 * @example
 * const packet = encodePacket([
 *   ipv4({ sourceAddress: '192.0.2.1', destinationAddress: '192.0.2.2' }),
 *   tcp({ sourcePort: 4000, destinationPort: 80, sequenceNumber: 7, syn: true, window: 64240 }),
 * ]);
 * console.log(summarizePacket(packet, { first: 'ip' }));
 * // IP 192.0.2.1.4000 > 192.0.2.2.80: Flags [S], seq 7, win 64240, length 0
 * @see https://man7.org/linux/man-pages/man1/tcpdump.1.html
 */
export function summarizePacket(
  packet: DecodedPacket<OwnLayer> | CapturedData | Bytes,
  options?: DecodeOptions,
): string {
  const { layers, error, missing, checksumPending = false } = decodedOf(packet, options);
  const line = new Summary(layersOf(layers, 'packet'), missing, checksumPending).line();
  return error === undefined ? line : `${line} [|${titleOf(error.layer)}: ${error.reason}]`;
}
