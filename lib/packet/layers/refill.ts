/** Prepares decoded layers for encoding them again. */
import { layersOf } from './decode.ts';
import { quotesIpv4 } from './icmp.ts';
import { quotesIpv6 } from './icmpv6.ts';
import type { Ipv4 } from './ipv4.ts';
import type { Ipv6 } from './ipv6.ts';
import type { Ipv6Option } from './ipv6-option.ts';
import type { Layer, LayerInput, Trailer } from './layer.ts';
import { type OwnLayer, typeOf } from './layer-type.ts';
import { encodeOwn } from './own-layer.ts';
import { codecOf } from './registry.ts';

type Any = Layer | OwnLayer;
type Copy = { [field: string]: unknown };

/**
 * The fields that encoding fills in and that a header determines alone. The numbers that identify the next layer are
 * kept, because those of unknown layers could not be restored.
 */
const HEADER_FIELDS = [
  ...['ihl', 'headerChecksum', 'headerExtensionLength', 'dataOffset', 'optionsLength'],
  ...['hardwareLength', 'protocolLength'],
];

/**
 * The largest value of the IP length fields. They are 0 for longer packets: jumbograms, and packets before segmentation
 * offload.
 */
const LONGEST = 0xffff;
/** The length of an IPv6 header, which its length field does not count. */
const IPV6_SIZE = 40;

/** Returns the length of a layer. No length counts a trailer. */
function sizeOf(layer: Any): number {
  if (layer.layer === 'trailer') return 0;
  return typeOf(layer) === undefined
    ? codecOf((layer as Layer).layer).size(layer as Layer)
    : encodeOwn(layer as OwnLayer).length;
}

/** Returns the length of the layers from each one on. */
function restsOf(layers: readonly Any[]): number[] {
  const rests = [0];
  for (const layer of layers.toReversed()) rests.push(rests.at(-1)! + sizeOf(layer));
  return rests.reverse();
}

function quotes(layer: Any): boolean {
  if (typeOf(layer) !== undefined) return false;
  const one = layer as Layer;
  return one.layer === 'icmp' ? quotesIpv4(one.type) : one.layer === 'icmpv6' && quotesIpv6(one.type);
}

/**
 * Returns the layers with the part of the trailer that belongs to an ICMP error as payload: what follows the packet
 * that it quotes, such as extensions (RFC 4884).
 */
function withExtension(layers: readonly Any[]): readonly Any[] {
  const last = layers.at(-1);
  const error = last?.layer === 'trailer' ? layers.findIndex(quotes) : -1;
  const at = layers.slice(0, Math.max(error, 0)).findLastIndex(({ layer }) => layer === 'ipv4' || layer === 'ipv6');
  if (at < 0) return layers;
  const header = layers[at] as Ipv4 | Ipv6;
  const length = header.layer === 'ipv4' ? header.totalLength : header.payloadLength + IPV6_SIZE;
  const { data } = last as Trailer;
  const size = Math.min(data.length, length - restsOf(layers)[at]!);
  if (!(size > 0)) return layers;
  const rest: Trailer[] = size < data.length ? [{ layer: 'trailer', data: data.subarray(size) }] : [];
  return [...layers.slice(0, -1), { layer: 'payload', data: data.subarray(0, size) }, ...rest];
}

/** Sets the length of the payload in the option of a jumbogram. */
function withLength(option: Ipv6Option, size: number): Ipv6Option {
  return option.name === 'jumboPayload' && size > LONGEST ? { ...option, jumboPayloadLength: size } : option;
}

/** Removes the lengths and the checksum that refer to the data after a header as well. `size` is that of both. */
function removeLengths(copy: Copy, layer: Layer, size: () => number, next: Any | undefined): void {
  if (layer.layer === 'ipv4') setLength(copy, 'totalLength', size());
  if (layer.layer === 'ipv6') setLength(copy, 'payloadLength', size() - IPV6_SIZE);
  if (layer.layer === 'hopByHop') {
    const length = size();
    copy.options = layer.options.map((option) => withLength(option, length));
  }
  if (layer.layer === 'ethernet' && next?.layer === 'llc') delete copy.etherType;
  if (layer.layer === 'pppoe' || (layer.layer === 'udp' && copy.length !== 0)) delete copy.length;
  if (layer.layer !== 'udp' || copy.checksum !== 0) delete copy.checksum;
}

function setLength(copy: Copy, field: string, size: number): void {
  if (size > LONGEST) copy[field] = 0;
  else delete copy[field];
}

/**
 * Removes the lengths and checksums from layers so that they are filled in again, for sending a decoded packet after
 * changing it.
 *
 * @param layers Decoded layers. They are not modified.
 * @returns Copies for `encodePacket`. A UDP datagram without a checksum stays without one. What is inside a fragment
 *   keeps the lengths and checksums of its datagram, and what an ICMP error quotes keeps all of its fields, because
 *   they do not refer to this packet alone. The extensions after a quoted packet become payload. The length of a packet
 *   above 65535 bytes is 0, as in jumbograms and before segmentation offload.
 * @throws TypeError if the argument is not an array of layers.
 * @example
 * const header = ipv4({ sourceAddress: '192.0.2.1', destinationAddress: '192.0.2.2', protocol: 253 });
 * const { layers } = decodePacket(encodePacket([header, 'data']), { first: 'ip' });
 * const forwarded = layers.map((one) => (one.layer === 'ipv4' ? { ...one, timeToLive: 63 } : one));
 * const changed = encodePacket(refill(forwarded)); // with a new checksum
 * console.log(findLayer(decodePacket(changed, { first: 'ip' }), 'ipv4')?.checksumOk); // true
 * @see https://www.rfc-editor.org/rfc/rfc1122
 */
export function refill<Own extends OwnLayer = never>(layers: readonly (Layer | Own)[]): (LayerInput | Own)[] {
  const all = withExtension(layersOf(layers, 'layers'));
  let rests: readonly number[] | undefined;
  const restAt = (i: number) => {
    rests ??= restsOf(all);
    return rests[i]!;
  };
  let isFragment = false;
  let isQuoted = false;
  return all.map((one, i) => {
    const copy: Copy = { ...one };
    const copied = copy as unknown as LayerInput | Own;
    if (isQuoted || typeOf(one) !== undefined) return copied;
    const layer = one as Layer;
    for (const field of HEADER_FIELDS) delete copy[field];
    if (layer.layer === 'ah') delete copy.payloadLength;
    if (!isFragment) removeLengths(copy, layer, () => restAt(i), all[i + 1]);
    if ('moreFragments' in layer && layer.moreFragments) isFragment = true;
    isQuoted = quotes(layer);
    return copied;
  });
}
