/** Decodes bytes into layers. */

import { invalidType } from '../../argument/argument-error.ts';
import { namesOf, onlyKnown } from '../../argument/known-names.ts';
import { assertObject } from '../../argument/snapshot.ts';
import { TP_STATUS_CSUMNOTREADY } from '../../native/constants.ts';
import type { Bytes } from '../../native/native.ts';
import { asBytes, isBytes, uint32 } from '../bytes/bytes.ts';
import { type DecodeError, Decoding } from './codec.ts';
import type { Layer, Payload, Trailer } from './layer.ts';
import type { LayerName } from './layer-name.ts';
import { type AnyLayerType, type LayerOf, type Next, type OwnLayer, ownLayers } from './layer-type.ts';
import { layerOfLinktype } from './linktype.ts';
import { decodeOwn } from './own-layer.ts';
import { type PseudoHeader, pseudoSums } from './pseudo-header.ts';
import { codecOf, layerNameOf } from './registry.ts';

/**
 * The options of `decodePacket`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1122
 */
export interface DecodeOptions<Types extends readonly AnyLayerType[] = readonly AnyLayerType[]> {
  /**
   * The first layer. `'ip'` is IPv4 or IPv6, depending on the version field. The default is the layer of the link type,
   * or `'ethernet'` for plain bytes.
   */
  first?: LayerName | 'ip' | undefined;
  /** The addresses for the checksums of TCP, UDP or ICMPv6, if the packet has no IP header before them. */
  pseudoHeader?: PseudoHeader | undefined;
  /** Layer types of `defineLayer`. They are used where a header contains one of the numbers that they declare. */
  layers?: Types | undefined;
  /**
   * Whether the network card has not filled in the checksums of TCP, UDP and SCTP yet. In that case, `checksumOk` of an
   * incorrect checksum is `undefined` instead of false. The default comes from the `status` of a captured packet.
   */
  checksumPending?: boolean | undefined;
}

/**
 * The properties of a captured packet that `decodePacket` reads. A Packet of a capture, its copy and a packet of a file
 * have them.
 *
 * @see https://www.tcpdump.org/linktypes.html
 */
export interface CapturedData {
  readonly data: Uint8Array;
  /** The link type of the data, a LINKTYPE_ number. The default is Ethernet. */
  readonly linktype?: number | undefined;
  /** TP_STATUS_ bits. */
  readonly status?: number | undefined;
}

/**
 * A decoded packet. `console.log` prints it as `formatPacket` formats it.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1122
 */
export interface DecodedPacket<Own extends OwnLayer = never> {
  /**
   * The layers from the outermost one to the payload and the trailer. Their data is a view of the packet, not a copy.
   */
  layers: (Layer | Own)[];
  /**
   * Where and why decoding stopped; the remaining bytes are the payload. It is undefined if the packet is well-formed.
   */
  error: DecodeError | undefined;
  /**
   * The number of bytes that are missing compared to the lengths in the headers, because the packet was captured only
   * in part.
   */
  missing: number;
  /**
   * Whether the network card has not filled in the checksums of TCP, UDP and SCTP yet. It is undefined when that is not
   * known.
   */
  checksumPending?: boolean | undefined;
}

/** A class, so that `inspect` prints a packet as `formatPacket` formats it: see format-packet.ts. */
export class Decoded implements DecodedPacket<OwnLayer> {
  layers: (Layer | OwnLayer)[];
  error: DecodeError | undefined;
  missing: number;
  checksumPending: boolean | undefined;

  constructor({ layers, error, missing, pending }: Decoding) {
    this.layers = layers as (Layer | OwnLayer)[];
    this.error = error;
    this.missing = missing;
    this.checksumPending = pending || undefined;
  }
}

const NAMES = namesOf<DecodeOptions>({ first: true, pseudoHeader: true, layers: true, checksumPending: true });

/** Replaces `'ip'` by the layer that the version field selects. */
function resolve(from: Decoding, next: Next): Exclude<Next, 'ip'> {
  if (next !== 'ip') return next;
  if (from.cut('ip', 1)) return undefined;
  const version = from.bytes[from.at]! >>> 4;
  if (version === 4) return 'ipv4';
  return version === 6 ? 'ipv6' : from.stop('ip', `version ${version} instead of 4 or 6`);
}

function packetOf(packet: Bytes | CapturedData): CapturedData {
  if (isBytes(packet)) return { data: asBytes(packet, 'packet') };
  if (typeof packet !== 'object' || packet === null || !('data' in packet)) {
    throw invalidType('bytes', 'an ArrayBufferView, an ArrayBuffer or a captured packet');
  }
  const { data, linktype, status } = packet;
  return { data: asBytes(data, 'packet.data'), linktype, status };
}

/**
 * Decodes the layers of a packet.
 *
 * It never throws because of the contents of the packet. A malformed packet is decoded up to the problem, which `error`
 * describes, and the rest becomes the payload. Encoding the layers again results in the same bytes, even for a
 * malformed packet, provided that layers of `defineLayer` do so too.
 *
 * @param packet The bytes, or a captured packet, whose link type selects the first layer.
 * @param options `first`: the first layer; `pseudoHeader`: the addresses if there is no IP header; `layers`: layer
 *   types of `defineLayer`.
 * @returns The layers, with `checksumOk` where there is a checksum that can be verified. Of thousands of nested
 *   layers, only the outermost are verified.
 * @throws TypeError if the packet is not bytes or a captured packet, or if an option is not the name of a layer or an
 *   address.
 * @example
 * const packet = encodePacket([udp({ sourcePort: 5000, destinationPort: 53 }), 'data']);
 * const { layers, error } = decodePacket(packet, { first: 'udp' });
 * console.log(findLayer(layers, 'udp')?.destinationPort, findLayer(layers, 'payload')?.data.length, error); // 53 4 undefined
 * @see https://www.rfc-editor.org/rfc/rfc1122
 */
export function decodePacket<const Types extends readonly AnyLayerType[] = readonly []>(
  packet: Bytes | CapturedData,
  options?: DecodeOptions<Types>,
): DecodedPacket<LayerOf<Types[number]>> {
  const { data, linktype, status = 0 } = packetOf(packet);
  if (options !== undefined) onlyKnown(assertObject(options, 'options'), NAMES, 'options');
  const from = new Decoding(data, options?.layers === undefined ? undefined : ownLayers(options.layers));
  from.pending = options?.checksumPending ?? (status & TP_STATUS_CSUMNOTREADY) !== 0;
  if (options?.pseudoHeader !== undefined) Object.assign(from, pseudoSums(options.pseudoHeader));
  const first = options?.first ?? (linktype === undefined ? 'ethernet' : layerOfLinktype(linktype));
  let next = first === 'ip' ? resolve(from, first) : first;
  while (next !== undefined) {
    const after: Next = typeof next === 'string' ? codecOf(next).decode(from) : decodeOwn(next, from);
    next = resolve(from, after);
  }
  if (from.left > 0) from.add<Payload>({ layer: 'payload', data: data.subarray(from.at, from.end) });
  if (from.end < data.length) from.add<Trailer>({ layer: 'trailer', data: data.subarray(from.end) });
  return new Decoded(from) as DecodedPacket<LayerOf<Types[number]>>;
}

/** Throws if a value is not an array of layers. */
export function layersOf(given: unknown, name: string): readonly (Layer | OwnLayer)[] {
  const isLayer = (layer: unknown): boolean => typeof layer === 'object' && layer !== null && 'layer' in layer;
  if (!Array.isArray(given) || given.includes(undefined) || !given.every(isLayer))
    throw invalidType(name, 'an array of layers');
  return given;
}

/** Layers, or the packet that contains them. */
type LayersOf<One> = { readonly layers: readonly One[] } | readonly One[];

/**
 * Finds the first layer with a name.
 *
 * @param packet A decoded packet, or its layers.
 * @param name The name of the layer, or the result of `defineLayer`.
 * @param index The number of layers of that name to skip: 1 finds the second one, for example in the packet that an
 *   ICMP error quotes or in a tunnel.
 * @returns The layer, or undefined if there is none.
 * @throws TypeError if the argument is neither a packet nor an array of layers.
 * @example
 * const packet = encodePacket([udp({ sourcePort: 5000, destinationPort: 53 }), 'data']);
 * console.log(findLayer(decodePacket(packet, { first: 'udp' }), 'udp')?.destinationPort); // 53
 * @see https://www.rfc-editor.org/rfc/rfc1122
 */
export function findLayer<One extends { readonly layer: string }, Name extends One['layer']>(
  packet: LayersOf<One>,
  name: Name,
  index?: number,
): Extract<One, { layer: Name }> | undefined;
export function findLayer<Type extends AnyLayerType>(
  packet: LayersOf<{ readonly layer: string }>,
  name: Type,
  index?: number,
): LayerOf<Type> | undefined;
export function findLayer(
  packet: LayersOf<{ readonly layer: string }>,
  name: string | AnyLayerType,
  index = 0,
): { readonly layer: string } | undefined {
  const isOwn = typeof name === 'function' && 'layerName' in name;
  const wanted = isOwn ? (name as AnyLayerType).layerName : layerNameOf(name, 'name');
  let left = uint32(index, 'index');
  const layers = Array.isArray(packet) ? packet : (assertObject(packet, 'packet') as { layers?: unknown }).layers;
  for (const layer of layersOf(layers, 'packet')) {
    if (layer.layer === wanted && left-- === 0) return layer;
  }
  return undefined;
}
