/** Whole packets: layers composed into bytes, and bytes taken apart into layers. */

import { Buffer } from 'node:buffer';
import { invalidType, invalidValue, outOfRange } from '../../posix/errno.ts';
import { isUint8Array } from '../../posix/kind.ts';
import { keyOf, namesOf, nearest, onlyKnown } from '../../posix/known-names.ts';
import type { Bytes } from '../../posix/native.ts';
import { object, uint8Array } from '../../posix/snapshot.ts';
import { asBytes, isBytes, uint32 } from '../bytes.ts';
import { sum } from '../checksum.ts';
import { putIpv4, putIpv6 } from '../text.ts';
import { type Arp, type ArpInput, arpCodec } from './arp.ts';
import { type Codec, type DecodeError, Decoding, type Encoding, type Next } from './codec.ts';
import { type Ethernet, type EthernetInput, ethernetCodec } from './ethernet.ts';
import { type Icmp, type IcmpInput, icmpCodec } from './icmp.ts';
import { type Icmpv6, type Icmpv6Input, icmpv6Codec } from './icmpv6.ts';
import { type Ipv4, type Ipv4Input, ipv4Codec } from './ipv4.ts';
import { type Ipv6, type Ipv6Input, ipv6Codec } from './ipv6.ts';
import {
  type DestinationOptions,
  type DestinationOptionsInput,
  destinationOptionsCodec,
  type Fragment,
  type FragmentInput,
  fragmentCodec,
  type HopByHop,
  type HopByHopInput,
  hopByHopCodec,
  type Routing,
  type RoutingInput,
  routingCodec,
} from './ipv6-extension.ts';
import { type Tcp, type TcpInput, tcpCodec } from './tcp.ts';
import { type Udp, type UdpInput, udpCodec } from './udp.ts';

/**
 * Data after the last header that is understood.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1122
 */
export interface Payload {
  readonly layer: 'payload';
  data: Uint8Array;
}

/**
 * Bytes after the end of the data that the headers' lengths tell: the padding of a short frame.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1122
 */
export interface Trailer {
  readonly layer: 'trailer';
  data: Uint8Array;
}

/**
 * A layer as decoded. Each is an input of `encodePacket`, too.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1122
 */
export type Layer =
  | Ethernet
  | Arp
  | Ipv4
  | Ipv6
  | HopByHop
  | DestinationOptions
  | Routing
  | Fragment
  | Icmp
  | Icmpv6
  | Tcp
  | Udp
  | Payload
  | Trailer;

/**
 * A layer to encode.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1122
 */
export type LayerInput =
  | EthernetInput
  | ArpInput
  | Ipv4Input
  | Ipv6Input
  | HopByHopInput
  | DestinationOptionsInput
  | RoutingInput
  | FragmentInput
  | IcmpInput
  | Icmpv6Input
  | TcpInput
  | UdpInput
  | Payload
  | Trailer;

/**
 * What tells layers apart.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1122
 */
export type LayerName = Layer['layer'];

/**
 * The addresses of the IP header of a packet that comes without it, as from a raw socket.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8200#section-8.1
 */
export interface PseudoHeader {
  sourceAddress: string;
  destinationAddress: string;
}

/**
 * What `encodePacket` may be told.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1122
 */
export interface EncodeOptions {
  /** For the checksums of TCP, UDP or ICMPv6 without an IP header before. */
  pseudoHeader?: PseudoHeader | undefined;
}

/**
 * What `decodePacket` may be told.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1122
 */
export interface DecodeOptions {
  /** The first layer; `'ip'` is IPv4 or IPv6 by the version. `'ethernet'` unless given. */
  first?: LayerName | 'ip' | undefined;
  /** For the checksums of TCP, UDP or ICMPv6 without an IP header before. */
  pseudoHeader?: PseudoHeader | undefined;
}

/**
 * A packet as decoded. `console.log` prints it as `formatPacket` does.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1122
 */
export interface DecodedPacket {
  /** From the outer one to the payload and the trailer. Their data are views of the packet, not copies. */
  layers: Layer[];
  /** Where and why decoding stopped; what is left is the payload. Undefined for a packet in order. */
  error: DecodeError | undefined;
  /** How many bytes less are there than the lengths in the headers tell: of a packet that was captured in part. */
  missing: number;
}

/** A class, so that `inspect` prints it as `formatPacket` does: see format-packet.ts. */
export class Decoded implements DecodedPacket {
  layers: Layer[];
  error: DecodeError | undefined;
  missing: number;

  constructor(layers: Layer[], error: DecodeError | undefined, missing: number) {
    this.layers = layers;
    this.error = error;
    this.missing = missing;
  }
}

/**
 * Bytes as the last layer of `encodePacket`.
 *
 * @param data Bytes; a string is UTF-8.
 * @returns The layer.
 * @throws Nothing: `encodePacket` refuses what its header cannot hold.
 * @example
 * const header = udp({ sourcePort: 68, destinationPort: 67 });
 * console.log(encodePacket([header, payload('data')]).length); // 12
 * @see https://www.rfc-editor.org/rfc/rfc1122
 */
export function payload(data: Bytes | string): Payload {
  return { layer: 'payload', data: typeof data === 'string' ? Buffer.from(data) : asBytes(data, 'data') };
}

/**
 * Bytes after everything, which no length and no checksum covers: the padding of a short Ethernet frame.
 *
 * @param data Bytes.
 * @returns The layer.
 * @throws Nothing: `encodePacket` refuses what its header cannot hold.
 * @example
 * const header = ethernet({ destination: 'ff:ff:ff:ff:ff:ff', source: '02:00:00:00:00:01', etherType: 0x88b5 });
 * console.log(encodePacket([header, 'data', trailer(new Uint8Array(42))]).length); // 60
 * @see https://www.rfc-editor.org/rfc/rfc894#page-1
 */
export function trailer(data: Bytes): Trailer {
  return { layer: 'trailer', data: asBytes(data, 'data') };
}

const bytesCodec: Codec<Payload | Trailer> = {
  names: namesOf<Payload | Trailer>({ layer: true, data: true }),
  check: (layer) => void uint8Array(layer.data, `${layer.layer}.data`),
  size: (layer) => layer.data.length,
  write: (layer, to, at) => to.bytes.set(layer.data, at),
  decode: () => undefined,
};

/** Without a prototype, so that a name can be looked up without more ado. */
const codecs: { readonly [Name in LayerName]: Codec<never> } = {
  // @ts-expect-error: the prototype, which is no property
  __proto__: null,
  ethernet: ethernetCodec,
  arp: arpCodec,
  ipv4: ipv4Codec,
  ipv6: ipv6Codec,
  hopByHop: hopByHopCodec,
  destinationOptions: destinationOptionsCodec,
  routing: routingCodec,
  fragment: fragmentCodec,
  icmp: icmpCodec,
  icmpv6: icmpv6Codec,
  tcp: tcpCodec,
  udp: udpCodec,
  payload: bytesCodec,
  trailer: bytesCodec,
};

function codecOf(name: LayerName): Codec<LayerInput> {
  return (codecs[name] ?? codecs[keyOf(name, codecs, 'layer')]) as Codec<LayerInput>;
}

/** The sums of the addresses that stand for an IP header. */
function pseudoSums(pseudoHeader: PseudoHeader | undefined): { sourceSum: number; destinationSum: number } {
  if (pseudoHeader === undefined) return { sourceSum: -1, destinationSum: -1 };
  const bytes = new Uint8Array(32);
  const { sourceAddress, destinationAddress } = object(pseudoHeader, 'pseudoHeader');
  const put = String(sourceAddress).includes(':') ? putIpv6 : putIpv4;
  put(bytes, 0, sourceAddress, 'pseudoHeader.sourceAddress');
  put(bytes, 16, destinationAddress, 'pseudoHeader.destinationAddress');
  return { sourceSum: sum(bytes, 0, 16), destinationSum: sum(bytes, 16, 32) };
}

/** Bytes and strings as payload layers; the rest as it is. */
function asLayers(parts: readonly (LayerInput | Bytes | string)[]): LayerInput[] {
  if (!Array.isArray(parts)) throw invalidType('layers', 'an array');
  return parts.map((part: LayerInput | Bytes | string) => {
    if (typeof part === 'string' || isBytes(part)) return payload(part);
    const { layer } = onlyNamed(object(part, 'layers'));
    const codec = codecOf(layer);
    onlyKnown(part, codec.names, layer);
    codec.check?.(part);
    return part;
  });
}

/** Refuses an object without `layer`, and tells the name that was probably meant. */
function onlyNamed(part: LayerInput): LayerInput {
  if ('layer' in part) return part;
  const wrong = Object.keys(part).find((name) => nearest(name, ['layer']) !== undefined);
  if (wrong !== undefined) throw invalidValue(`layers.${wrong}`, 'written "layers.layer"');
  throw invalidType('layers', 'an array of layers (objects with a "layer"), bytes and strings');
}

function totalSize(layers: readonly LayerInput[]): number {
  let total = 0;
  for (const layer of layers) total += codecOf(layer.layer).size(layer);
  return total;
}

/** Writes a layer, then those after it, then its checksum over them. */
function write(layers: readonly LayerInput[], index: number, to: Encoding, at: number): void {
  const layer = layers[index];
  if (layer === undefined) return;
  const codec = codecOf(layer.layer);
  to.next = layers[index + 1];
  if (to.next?.layer === 'trailer') to.next = undefined;
  codec.write(layer, to, at);
  const pseudo = to.sourceSum < 0 ? -1 : to.sourceSum + to.destinationSum;
  write(layers, index + 1, to, at + codec.size(layer));
  codec.seal?.(layer, to, at, pseudo);
}

const ENCODE_NAMES = namesOf<EncodeOptions>({ pseudoHeader: true });
const DECODE_NAMES = namesOf<DecodeOptions>({ first: true, pseudoHeader: true });

function writeAll(layers: readonly LayerInput[], bytes: Uint8Array, options: EncodeOptions | undefined): void {
  if (options !== undefined) onlyKnown(object(options, 'options'), ENCODE_NAMES, 'options');
  let end = bytes.length;
  for (let i = layers.length - 1; layers[i]?.layer === 'trailer'; i--) end -= (layers[i] as Trailer).data.length;
  write(layers, 0, { bytes, end, next: undefined, ...pseudoSums(options?.pseudoHeader) }, 0);
}

/**
 * The bytes of a packet, by its layers from the outer one to the payload.
 *
 * Lengths, checksums and the numbers that announce the next layer are filled in, each unless it is given: wrong ones can
 * be sent on purpose. Decoded layers are taken as they are, with all their fields (`refill` drops those to fill in).
 *
 * @param layers Layers; bytes and strings (UTF-8) are payload.
 * @param options `pseudoHeader`: the addresses for checksums when there is no IP header; without them they stay 0.
 * @returns A new array of exactly the packet's length.
 * @throws TypeError or RangeError that names the field which its header cannot hold.
 * @example
 * const packet = encodePacket([
 *   ethernet({ destination: 'ff:ff:ff:ff:ff:ff', source: '02:00:00:00:00:01' }),
 *   ipv4({ sourceAddress: '192.0.2.1', destinationAddress: '192.0.2.255' }),
 *   udp({ sourcePort: 5000, destinationPort: 5000 }),
 *   'hello',
 * ]);
 * console.log(packet.length); // 47
 * @see https://www.rfc-editor.org/rfc/rfc1122
 */
export function encodePacket(layers: readonly (LayerInput | Bytes | string)[], options?: EncodeOptions): Uint8Array {
  const all = asLayers(layers);
  const bytes = new Uint8Array(totalSize(all));
  writeAll(all, bytes, options);
  return bytes;
}

/**
 * As `encodePacket`, into bytes that are there: a slot of a ring, a buffer that is used again.
 *
 * @param into Where the packet goes, from its first byte on.
 * @param layers As for `encodePacket`.
 * @param options As for `encodePacket`.
 * @returns The length of the packet.
 * @throws As `encodePacket`; RangeError when the packet is longer than `into`.
 * @example
 * const slot = new Uint8Array(2048);
 * const echo = icmp({ type: ICMP_ECHO, identifier: 7, sequenceNumber: 1 });
 * console.log(encodePacketInto(slot, [echo, 'data'])); // 12
 * @see https://www.rfc-editor.org/rfc/rfc1122
 */
export function encodePacketInto(
  into: Uint8Array,
  layers: readonly (LayerInput | Bytes | string)[],
  options?: EncodeOptions,
): number {
  if (!isUint8Array(into)) throw invalidType('into', 'a Uint8Array');
  const all = asLayers(layers);
  const size = totalSize(all);
  if (size > into.length) throw outOfRange('into', `at least ${size} bytes long`);
  const bytes = into.subarray(0, size).fill(0);
  writeAll(all, bytes, options);
  return size;
}

/** What `'ip'` is here. */
function resolve(from: Decoding, next: Next): LayerName | undefined {
  if (next !== 'ip') return next;
  if (from.cut('ip', 1)) return undefined;
  const version = from.bytes[from.at]! >>> 4;
  if (version === 4) return 'ipv4';
  return version === 6 ? 'ipv6' : from.stop('ip', `version ${version} in place of 4 or 6`);
}

/**
 * The layers of a packet.
 *
 * It never throws for what is in the bytes: a malformed packet is decoded as far as it goes, `error` tells where that is,
 * and the rest is payload. Encoding the layers gives the same bytes again, malformed or not.
 *
 * @param bytes The packet.
 * @param options `first`: the first layer, `'ethernet'` unless given; `pseudoHeader`: the addresses when there is no IP
 *   header.
 * @returns The layers, with `checksumOk` where there is a checksum that can be judged.
 * @throws TypeError for what is no bytes, or for options that name no layer or no address.
 * @example
 * const packet = encodePacket([udp({ sourcePort: 5000, destinationPort: 53 }), 'data']);
 * const { layers, error } = decodePacket(packet, { first: 'udp' });
 * console.log(layers[0].destinationPort, layers[1].data.length, error); // 53 4 undefined
 * @see https://www.rfc-editor.org/rfc/rfc1122
 */
export function decodePacket(bytes: Bytes, options?: DecodeOptions): DecodedPacket {
  const packet = asBytes(bytes, 'bytes');
  if (options !== undefined) onlyKnown(object(options, 'options'), DECODE_NAMES, 'options');
  const from = new Decoding(packet);
  if (options?.pseudoHeader !== undefined) Object.assign(from, pseudoSums(options.pseudoHeader));
  const first = options?.first ?? 'ethernet';
  let next = first === 'ip' ? resolve(from, first) : first;
  while (next !== undefined) next = resolve(from, codecOf(next).decode(from));
  if (from.left > 0) from.layers.push({ layer: 'payload', data: packet.subarray(from.at, from.end) });
  if (from.end < packet.length) from.layers.push({ layer: 'trailer', data: packet.subarray(from.end) });
  return new Decoded(from.layers, from.error, from.missing);
}

/**
 * The first layer of a name, with its type.
 *
 * @param packet A decoded packet, or its layers.
 * @param name The layer.
 * @param index 1 is the second one, as within the quotation of an ICMP error or in a tunnel.
 * @returns The layer, or undefined.
 * @throws TypeError for what is neither a packet nor layers.
 * @example
 * const packet = encodePacket([udp({ sourcePort: 5000, destinationPort: 53 }), 'data']);
 * console.log(findLayer(decodePacket(packet, { first: 'udp' }), 'udp').destinationPort); // 53
 * @see https://www.rfc-editor.org/rfc/rfc1122
 */
export function findLayer<Name extends LayerName>(
  packet: DecodedPacket | readonly Layer[],
  name: Name,
  index = 0,
): Extract<Layer, { layer: Name }> | undefined {
  keyOf(name, codecs, 'name');
  let left = uint32(index, 'index');
  const layers = Array.isArray(packet) ? packet : object(packet as DecodedPacket, 'packet').layers;
  for (const layer of layersOf(layers, 'packet')) {
    if (layer.layer === name && left-- === 0) return layer as Extract<Layer, { layer: Name }>;
  }
  return undefined;
}

/** Refuses what is no array of layers. */
export function layersOf(given: unknown, name: string): readonly Layer[] {
  const isLayer = (layer: unknown): boolean => typeof layer === 'object' && layer !== null && 'layer' in layer;
  if (!Array.isArray(given) || !given.every(isLayer)) throw invalidType(name, 'an array of layers');
  return given;
}

/** What encoding fills in. The numbers of the next layer stay: those of unknown layers could not be told again. */
const HEADER_FIELDS = ['ihl', 'totalLength', 'headerChecksum', 'payloadLength', 'headerExtensionLength', 'dataOffset'];

/**
 * Layers whose lengths and checksums are to be filled in anew: for a decoded packet that is changed and sent.
 *
 * @param layers Decoded layers. They stay as they are.
 * @returns Copies for `encodePacket`. A UDP datagram without a checksum stays without it; so do the length and the
 *   checksum of a datagram of which this is a fragment, as they are not over this packet.
 * @throws TypeError for what is no layers.
 * @example
 * const header = ipv4({ sourceAddress: '192.0.2.1', destinationAddress: '192.0.2.2', protocol: 253 });
 * const { layers } = decodePacket(encodePacket([header, 'data']), { first: 'ip' });
 * layers[0].timeToLive -= 1;
 * const changed = encodePacket(refill(layers)); // with a new checksum
 * console.log(decodePacket(changed, { first: 'ip' }).layers[0].checksumOk); // true
 * @see https://www.rfc-editor.org/rfc/rfc1122
 */
export function refill(layers: readonly Layer[]): LayerInput[] {
  let fragment = false;
  return layersOf(layers, 'layers').map((layer) => {
    const copy: { [field: string]: unknown } = { ...layer };
    for (const field of HEADER_FIELDS) delete copy[field];
    if ('moreFragments' in layer && layer.moreFragments) fragment = true;
    if (fragment) return copy as unknown as LayerInput;
    if (layer.layer === 'udp') delete copy.length;
    if (layer.layer !== 'udp' || layer.checksum !== 0) delete copy.checksum;
    return copy as unknown as LayerInput;
  });
}
