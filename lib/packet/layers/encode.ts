/** Encodes layers into packets. */
import { Buffer } from 'node:buffer';
import { invalidType, invalidValue, outOfRange } from '../../argument/argument-error.ts';
import { namesOf, nearest, onlyKnown } from '../../argument/known-names.ts';
import { assertObject, attached, present } from '../../argument/snapshot.ts';
import type { Bytes } from '../../native/native.ts';
import { asBytes, isBytes } from '../bytes/bytes.ts';
import type { Encoding, LayerCodec } from './codec.ts';
import type { LayerInput, Payload, Trailer } from './layer.ts';
import { type OwnLayer, TYPE } from './layer-type.ts';
import { encodeOwn } from './own-layer.ts';
import { type PseudoHeader, pseudoSums } from './pseudo-header.ts';
import { codecOf as builtIn, bytesCodec } from './registry.ts';

/**
 * The options of `encodePacket`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1122
 */
export interface EncodeOptions {
  /** The addresses for the checksums of TCP, UDP or ICMPv6, if the packet has no IP header before them. */
  pseudoHeader?: PseudoHeader | undefined;
}

/**
 * Creates a payload as the last layer for `encodePacket`.
 *
 * @param data The bytes. A string is encoded as UTF-8.
 * @returns The layer.
 * @throws Nothing. `encodePacket` throws for values that do not fit into the header.
 * @example
 * const header = udp({ sourcePort: 68, destinationPort: 67 });
 * console.log(encodePacket([header, payload('data')]).length); // 12
 * @see https://www.rfc-editor.org/rfc/rfc1122
 */
export function payload(data: Bytes | string): Payload {
  return {
    layer: 'payload',
    data: typeof data === 'string' ? Buffer.from(data) : asBytes(present(data, 'data'), 'data'),
  };
}

/**
 * Creates a layer of bytes after the end of the packet, which no length and no checksum covers: the padding of a short
 * Ethernet frame.
 *
 * @param data The bytes.
 * @returns The layer.
 * @throws Nothing. `encodePacket` throws for values that do not fit into the header.
 * @example
 * const header = ethernet({ destination: 'ff:ff:ff:ff:ff:ff', source: '02:00:00:00:00:01', etherType: 0x88b5 });
 * console.log(encodePacket([header, 'data', trailer(new Uint8Array(42))]).length); // 60
 * @see https://www.rfc-editor.org/rfc/rfc894#page-1
 */
export function trailer(data: Bytes): Trailer {
  return { layer: 'trailer', data: asBytes(present(data, 'data'), 'data') };
}

/** What `encodePacket` accepts as a layer. */
type AnyLayerInput = LayerInput | OwnLayer | Bytes | string;

/** An encoded layer of `defineLayer`: its bytes, and its type, whose numbers the previous layer may need. */
type Encoded = OwnLayer<string, Pick<Payload, 'data'>>;
type Written = LayerInput | Encoded;

const isOwn = (layer: object): layer is OwnLayer => TYPE in layer;

function codecOf(layer: Written): LayerCodec<Written> {
  return (isOwn(layer) ? bytesCodec : builtIn(layer.layer)) as LayerCodec<Written>;
}

const LAYERS = 'an array of layers (objects with a "layer"), bytes and strings';

/**
 * Converts bytes and strings to payload layers and layers of `defineLayer` to their bytes. Other layers are returned
 * unchanged.
 */
function asLayers(parts: readonly AnyLayerInput[]): Written[] {
  if (!Array.isArray(parts)) throw invalidType('layers', 'an array');
  if (parts.includes(undefined)) throw invalidType('layers', LAYERS); // a hole in the array, which map would skip
  return parts.map((part: AnyLayerInput) => {
    if (typeof part === 'string' || isBytes(part)) return payload(part);
    const layer = onlyNamed(assertObject(part, 'layers'));
    if (isOwn(layer)) return { layer: layer.layer, [TYPE]: layer[TYPE], data: encodeOwn(layer) };
    const codec = builtIn(layer.layer);
    onlyKnown(layer, codec.names, layer.layer);
    codec.check?.(layer);
    return layer;
  });
}

/** Throws if an object has no `layer`, and suggests the correct name for a misspelled one. */
function onlyNamed<One extends LayerInput | OwnLayer>(part: One): One {
  if ('layer' in part) return part;
  const wrong = Object.keys(part).find((name) => nearest(name, ['layer']) !== undefined);
  if (wrong !== undefined) throw invalidValue(`layers.${wrong}`, 'spelled "layers.layer"');
  throw invalidType('layers', LAYERS);
}

function totalSize(layers: readonly Written[]): number {
  let total = 0;
  for (const layer of layers) total += codecOf(layer).size(layer);
  return total;
}

/** Writes all layers, and then the checksums from the innermost layer on, because those before it may cover them. */
function write(layers: readonly Written[], to: Encoding): void {
  let at = 0;
  const sums = layers.map((layer, i) => {
    const codec = codecOf(layer);
    const start = at;
    to.next = layers[i + 1];
    if (to.next?.layer === 'trailer') to.next = undefined;
    codec.write(layer, to, start);
    at += codec.size(layer);
    return { layer, codec, start, pseudo: to.sourceSum < 0 ? -1 : to.sourceSum + to.destinationSum };
  });
  for (const { layer, codec, start, pseudo } of sums.reverse()) codec.fillChecksum?.(layer, to, start, pseudo);
}

const NAMES = namesOf<EncodeOptions>({ pseudoHeader: true });

function writeAll(layers: readonly Written[], bytes: Uint8Array, options: EncodeOptions | undefined): void {
  if (options !== undefined) onlyKnown(assertObject(options, 'options'), NAMES, 'options');
  let end = bytes.length;
  for (let i = layers.length - 1; layers[i]?.layer === 'trailer'; i--) end -= (layers[i] as Trailer).data.length;
  write(layers, { bytes, end, next: undefined, ...pseudoSums(options?.pseudoHeader) });
}

/**
 * Encodes a packet from its layers, beginning with the outermost one.
 *
 * Lengths, checksums and the numbers that identify the next layer are filled in unless they are given, so that
 * incorrect ones can be sent on purpose. Decoded layers are encoded with all their fields as they are; `refill` removes
 * the fields that should be filled in again.
 *
 * @param layers The layers. Bytes and strings (encoded as UTF-8) are payload.
 * @param options `pseudoHeader`: the addresses for checksums if there is no IP header. Without it, these checksums stay
 *   0.
 * @returns A new array whose length is exactly that of the packet.
 * @throws TypeError or RangeError that names the field whose value does not fit into its header.
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
export function encodePacket(
  layers: readonly (LayerInput | OwnLayer | Bytes | string)[],
  options?: EncodeOptions,
): Uint8Array {
  const all = asLayers(layers);
  const bytes = new Uint8Array(totalSize(all));
  writeAll(all, bytes, options);
  return bytes;
}

/**
 * Encodes a packet like `encodePacket`, but into an existing buffer, such as a slot of a ring.
 *
 * @param into The buffer, whose first byte becomes that of the packet.
 * @param layers The same as for `encodePacket`.
 * @param options The same as for `encodePacket`.
 * @returns The length of the packet.
 * @throws The same errors as `encodePacket`; RangeError when the packet is longer than `into`.
 * @example
 * const slot = new Uint8Array(2048);
 * const echo = icmp({ type: ICMP_ECHO, identifier: 7, sequenceNumber: 1 });
 * console.log(encodePacketInto(slot, [echo, 'data'])); // 12
 * @see https://www.rfc-editor.org/rfc/rfc1122
 */
export function encodePacketInto(
  into: Uint8Array,
  layers: readonly (LayerInput | OwnLayer | Bytes | string)[],
  options?: EncodeOptions,
): number {
  attached(into, 'into');
  const all = asLayers(layers);
  const size = totalSize(all);
  if (size > into.length) throw outOfRange('into', `at least ${size} bytes long`);
  const bytes = into.subarray(0, size).fill(0);
  writeAll(all, bytes, options);
  return size;
}
