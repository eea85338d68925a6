/** Whole packets: layers composed into bytes. */
import { Buffer } from 'node:buffer';
import { invalidType, invalidValue, outOfRange } from '../../posix/errno.ts';
import { namesOf, nearest, onlyKnown } from '../../posix/known-names.ts';
import type { Bytes } from '../../posix/native.ts';
import { attached, object, present } from '../../posix/snapshot.ts';
import { asBytes, isBytes } from '../bytes.ts';
import type { Codec, Encoding } from './codec.ts';
import type { LayerInput, Payload, Trailer } from './layer.ts';
import { encodeOwn, type OwnLayer, TYPE } from './own-layer.ts';
import { type PseudoHeader, pseudoSums } from './pseudo-header.ts';
import { codecOf as builtIn, bytesCodec } from './registry.ts';

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
  return {
    layer: 'payload',
    data: typeof data === 'string' ? Buffer.from(data) : asBytes(present(data, 'data'), 'data'),
  };
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
  return { layer: 'trailer', data: asBytes(present(data, 'data'), 'data') };
}

/** What `encodePacket` takes. */
type Part = LayerInput | OwnLayer | Bytes | string;

/** A layer of a program that was encoded: bytes, of a type that the layer before may announce. */
type Encoded = OwnLayer<string, Pick<Payload, 'data'>>;
type Written = LayerInput | Encoded;

const isOwn = (layer: object): layer is OwnLayer => TYPE in layer;

function codecOf(layer: Written): Codec<Written> {
  return (isOwn(layer) ? bytesCodec : builtIn(layer.layer)) as Codec<Written>;
}

const LAYERS = 'an array of layers (objects with a "layer"), bytes and strings';

/** Bytes and strings as payload layers, layers of programs as their bytes; the rest as it is. */
function asLayers(parts: readonly Part[]): Written[] {
  if (!Array.isArray(parts)) throw invalidType('layers', 'an array');
  if (parts.includes(undefined)) throw invalidType('layers', LAYERS); // a hole, which map leaves out
  return parts.map((part: Part) => {
    if (typeof part === 'string' || isBytes(part)) return payload(part);
    const layer = onlyNamed(object(part, 'layers'));
    if (isOwn(layer)) return { layer: layer.layer, [TYPE]: layer[TYPE], data: encodeOwn(layer) };
    const codec = builtIn(layer.layer);
    onlyKnown(layer, codec.names, layer.layer);
    codec.check?.(layer);
    return layer;
  });
}

/** Refuses an object without `layer`, and tells the name that was probably meant. */
function onlyNamed<One extends LayerInput | OwnLayer>(part: One): One {
  if ('layer' in part) return part;
  const wrong = Object.keys(part).find((name) => nearest(name, ['layer']) !== undefined);
  if (wrong !== undefined) throw invalidValue(`layers.${wrong}`, 'written "layers.layer"');
  throw invalidType('layers', LAYERS);
}

function totalSize(layers: readonly Written[]): number {
  let total = 0;
  for (const layer of layers) total += codecOf(layer).size(layer);
  return total;
}

/** Writes a layer, then those after it, then its checksum over them. */
function write(layers: readonly Written[], index: number, to: Encoding, at: number): void {
  const layer = layers[index];
  if (layer === undefined) return;
  const codec = codecOf(layer);
  to.next = layers[index + 1];
  if (to.next?.layer === 'trailer') to.next = undefined;
  codec.write(layer, to, at);
  const pseudo = to.sourceSum < 0 ? -1 : to.sourceSum + to.destinationSum;
  write(layers, index + 1, to, at + codec.size(layer));
  codec.seal?.(layer, to, at, pseudo);
}

const NAMES = namesOf<EncodeOptions>({ pseudoHeader: true });

function writeAll(layers: readonly Written[], bytes: Uint8Array, options: EncodeOptions | undefined): void {
  if (options !== undefined) onlyKnown(object(options, 'options'), NAMES, 'options');
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
