/** Bytes taken apart into layers. */
import { TP_STATUS_CSUMNOTREADY } from '../../posix/constants.ts';
import { invalidType } from '../../posix/errno.ts';
import { namesOf, onlyKnown } from '../../posix/known-names.ts';
import type { Bytes } from '../../posix/native.ts';
import { object } from '../../posix/snapshot.ts';
import { asBytes, isBytes, uint32 } from '../bytes.ts';
import { layerOfLinktype } from '../linktype.ts';
import { type DecodeError, Decoding, type Next } from './codec.ts';
import type { Layer, LayerName } from './layer.ts';
import { type AnyLayerType, decodeOwn, type LayerOf, type OwnLayer, ownLayers } from './own-layer.ts';
import { type PseudoHeader, pseudoSums } from './pseudo-header.ts';
import { codecOf, layerNameOf } from './registry.ts';

/**
 * What `decodePacket` may be told.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1122
 */
export interface DecodeOptions<Types extends readonly AnyLayerType[] = readonly AnyLayerType[]> {
  /** The first layer; `'ip'` is IPv4 or IPv6 by the version. That of the link type unless given, `'ethernet'` of bytes. */
  first?: LayerName | 'ip' | undefined;
  /** For the checksums of TCP, UDP or ICMPv6 without an IP header before. */
  pseudoHeader?: PseudoHeader | undefined;
  /** Layers of `defineLayer`, which the numbers that they name announce. */
  layers?: Types | undefined;
  /**
   * Whether the network card is yet to fill in the checksums of TCP, UDP and SCTP, so that a wrong one is `undefined`;
   * a captured packet tells it by its `status`.
   */
  checksumPending?: boolean | undefined;
}

/**
 * What `decodePacket` reads of a captured packet: a Packet of a capture, its copy, or a packet of a file.
 *
 * @see https://www.tcpdump.org/linktypes.html
 */
export interface CapturedData {
  readonly data: Uint8Array;
  /** A LINKTYPE_ number: what the data begin with. Ethernet unless given. */
  readonly linktype?: number | undefined;
  /** TP_STATUS_ bits. */
  readonly status?: number | undefined;
}

/**
 * A packet as decoded. `console.log` prints it as `formatPacket` does.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1122
 */
export interface DecodedPacket<Own extends OwnLayer = never> {
  /** From the outer one to the payload and the trailer. Their data are views of the packet, not copies. */
  layers: (Layer | Own)[];
  /** Where and why decoding stopped; what is left is the payload. Undefined for a packet in order. */
  error: DecodeError | undefined;
  /** How many bytes less are there than the lengths in the headers tell: of a packet that was captured in part. */
  missing: number;
  /** Whether the network card is yet to fill in the checksums of TCP, UDP and SCTP; undefined when that is not known. */
  checksumPending?: boolean | undefined;
}

/** A class, so that `inspect` prints it as `formatPacket` does: see format-packet.ts. */
export class Decoded implements DecodedPacket<OwnLayer> {
  layers: (Layer | OwnLayer)[];
  error: DecodeError | undefined;
  missing: number;
  checksumPending: boolean | undefined;

  constructor({ layers, error, missing, pending }: Decoding) {
    this.layers = layers;
    this.error = error;
    this.missing = missing;
    this.checksumPending = pending || undefined;
  }
}

const NAMES = namesOf<DecodeOptions>({ first: true, pseudoHeader: true, layers: true, checksumPending: true });

/** What `'ip'` is here. */
function resolve(from: Decoding, next: Next): Exclude<Next, 'ip'> {
  if (next !== 'ip') return next;
  if (from.cut('ip', 1)) return undefined;
  const version = from.bytes[from.at]! >>> 4;
  if (version === 4) return 'ipv4';
  return version === 6 ? 'ipv6' : from.stop('ip', `version ${version} in place of 4 or 6`);
}

function capturedOf(packet: Bytes | CapturedData): CapturedData {
  if (isBytes(packet)) return { data: asBytes(packet, 'packet') };
  if (typeof packet !== 'object' || packet === null || !('data' in packet)) {
    throw invalidType('bytes', 'an ArrayBufferView, an ArrayBuffer or a captured packet');
  }
  const { data, linktype, status } = packet;
  return { data: asBytes(data, 'packet.data'), linktype, status };
}

/**
 * The layers of a packet.
 *
 * It never throws for what is in the bytes: a malformed packet is decoded as far as it goes, `error` tells where that is,
 * and the rest is payload. Encoding the layers gives the same bytes again, malformed or not, if layers of your own do so.
 *
 * @param packet Its bytes, or a captured packet: its link type tells the first layer.
 * @param options `first`: the first layer; `pseudoHeader`: the addresses when there is no IP header; `layers`: those of
 *   `defineLayer`.
 * @returns The layers, with `checksumOk` where there is a checksum that can be judged.
 * @throws TypeError for what is no bytes, or for options that name no layer or no address.
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
  const { data, linktype, status = 0 } = capturedOf(packet);
  if (options !== undefined) onlyKnown(object(options, 'options'), NAMES, 'options');
  const from = new Decoding(data, options?.layers === undefined ? undefined : ownLayers(options.layers));
  from.pending = options?.checksumPending ?? (status & TP_STATUS_CSUMNOTREADY) !== 0;
  if (options?.pseudoHeader !== undefined) Object.assign(from, pseudoSums(options.pseudoHeader));
  const first = options?.first ?? (linktype === undefined ? 'ethernet' : layerOfLinktype(linktype));
  let next = first === 'ip' ? resolve(from, first) : first;
  while (next !== undefined) {
    const after: Next = typeof next === 'string' ? codecOf(next).decode(from) : decodeOwn(next, from);
    next = resolve(from, after);
  }
  if (from.left > 0) from.layers.push({ layer: 'payload', data: data.subarray(from.at, from.end) });
  if (from.end < data.length) from.layers.push({ layer: 'trailer', data: data.subarray(from.end) });
  return new Decoded(from) as DecodedPacket<LayerOf<Types[number]>>;
}

/** Refuses what is no array of layers. */
export function layersOf(given: unknown, name: string): readonly (Layer | OwnLayer)[] {
  const isLayer = (layer: unknown): boolean => typeof layer === 'object' && layer !== null && 'layer' in layer;
  if (!Array.isArray(given) || given.includes(undefined) || !given.every(isLayer))
    throw invalidType(name, 'an array of layers');
  return given;
}

/** Some layers, or the packet that has them. */
type LayersOf<One> = { readonly layers: readonly One[] } | readonly One[];

/**
 * The first layer of a name, with its type.
 *
 * @param packet A decoded packet, or its layers.
 * @param name The layer: its name, or what `defineLayer` returned.
 * @param index 1 is the second one, as within the quotation of an ICMP error or in a tunnel.
 * @returns The layer, or undefined.
 * @throws TypeError for what is neither a packet nor layers.
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
  const layers = Array.isArray(packet) ? packet : (object(packet, 'packet') as { layers?: unknown }).layers;
  for (const layer of layersOf(layers, 'packet')) {
    if (layer.layer === wanted && left-- === 0) return layer;
  }
  return undefined;
}
