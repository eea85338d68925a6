/** Prepares decoded layers for encoding them again. */
import { layersOf } from './decode.ts';
import type { Ipv6Option } from './ipv6-option.ts';
import type { Layer, LayerInput } from './layer.ts';
import { type OwnLayer, typeOf } from './layer-type.ts';
import { encodeOwn } from './own-layer.ts';
import { codecOf } from './registry.ts';

/**
 * The fields that encoding fills in. The numbers that identify the next layer are kept, because those of unknown layers
 * could not be restored.
 */
const HEADER_FIELDS = ['ihl', 'totalLength', 'headerChecksum', 'payloadLength', 'headerExtensionLength', 'dataOffset'];

/**
 * The largest value of the IP length fields. They are 0 for longer packets: jumbograms, and packets before segmentation
 * offload.
 */
const LONGEST = 0xffff;

/** Returns the length of the layers from `start` on, without trailers. */
function sizeFrom(layers: readonly (Layer | OwnLayer)[], start: number): number {
  let size = 0;
  for (const layer of layers.slice(start)) {
    if (layer.layer !== 'trailer')
      size += typeOf(layer) === undefined ? sizeOf(layer as Layer) : encodeOwn(layer as OwnLayer).length;
  }
  return size;
}

const sizeOf = (layer: Layer): number => codecOf(layer.layer).size(layer);

/** Sets the length of the payload in the option of a jumbogram. */
function withLength(option: Ipv6Option, size: number): Ipv6Option {
  return option.name === 'jumboPayload' && size > LONGEST ? { ...option, jumboPayloadLength: size } : option;
}

/**
 * Removes the lengths and checksums from layers so that they are filled in again, for sending a decoded packet after
 * changing it.
 *
 * @param layers Decoded layers. They are not modified.
 * @returns Copies for `encodePacket`. A UDP datagram without a checksum stays without one. A fragment keeps the length
 *   and the checksum of its datagram, because they do not refer to this packet alone. The length of a packet above
 *   65535 bytes is 0, as in jumbograms and before segmentation offload.
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
  let fragment = false;
  return (layersOf(layers, 'layers') as readonly (Layer | Own)[]).map((one, i) => {
    const copy: { [field: string]: unknown } = { ...one };
    const copied = copy as unknown as LayerInput | Own;
    if (typeOf(one) !== undefined) return copied;
    const layer = one as Layer;
    for (const field of HEADER_FIELDS) delete copy[field];
    if (layer.layer === 'ipv4' && sizeFrom(layers, i) > LONGEST) copy.totalLength = 0;
    if (layer.layer === 'ipv6' && sizeFrom(layers, i + 1) > LONGEST) copy.payloadLength = 0;
    if (layer.layer === 'hopByHop')
      copy.options = layer.options.map((option) => withLength(option, sizeFrom(layers, i)));
    if (layer.layer === 'ethernet' && layers[i + 1]?.layer === 'llc') delete copy.etherType;
    if ('moreFragments' in layer && layer.moreFragments) fragment = true;
    if (fragment) return copied;
    if (layer.layer === 'udp' && copy.length !== 0) delete copy.length;
    if (layer.layer !== 'udp' || copy.checksum !== 0) delete copy.checksum;
    return copied;
  });
}
