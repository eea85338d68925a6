/** Decoded layers made ready to be encoded anew. */
import { layersOf } from './decode.ts';
import type { Ipv6Option } from './ipv6-option.ts';
import type { Layer, LayerInput } from './layer.ts';
import { encodeOwn, type OwnLayer, typeOf } from './own-layer.ts';
import { codecOf } from './registry.ts';

/** What encoding fills in. The numbers of the next layer stay: those of unknown layers could not be told again. */
const HEADER_FIELDS = ['ihl', 'totalLength', 'headerChecksum', 'payloadLength', 'headerExtensionLength', 'dataOffset'];

/** The longest length of a header of IP. Of longer packets it is 0: of jumbograms, and before segmentation offload. */
const LONGEST = 0xffff;

/** The bytes that some layers and those after them have, without trailers. */
function sizeFrom(layers: readonly (Layer | OwnLayer)[], start: number): number {
  let size = 0;
  for (const layer of layers.slice(start)) {
    if (layer.layer !== 'trailer')
      size += typeOf(layer) === undefined ? sizeOf(layer as Layer) : encodeOwn(layer as OwnLayer).length;
  }
  return size;
}

const sizeOf = (layer: Layer): number => codecOf(layer.layer).size(layer);

/** An option of a jumbogram, with the length of its payload. */
function withLength(option: Ipv6Option, size: number): Ipv6Option {
  return option.name === 'jumboPayload' && size > LONGEST ? { ...option, jumboPayloadLength: size } : option;
}

/**
 * Layers whose lengths and checksums are to be filled in anew: for a decoded packet that is changed and sent.
 *
 * @param layers Decoded layers. They stay as they are.
 * @returns Copies for `encodePacket`. A UDP datagram without a checksum stays without it; so do the length and the
 *   checksum of a datagram of which this is a fragment, as they are not over this packet.
 *   Of a packet that is longer than 65535 bytes the length is 0, as of jumbograms and before segmentation offload.
 * @throws TypeError for what is no layers.
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
