/** Formats packets as readable text: a line for each layer, and the payload as a hex dump. */
import { inspect } from 'node:util';
import { assertObject } from '../../argument/snapshot.ts';
import type { Bytes } from '../../native/native.ts';
import { isBytes } from '../bytes/bytes.ts';
import {
  type CapturedData,
  Decoded,
  type DecodedPacket,
  type DecodeOptions,
  decodePacket,
  layersOf,
} from '../layers/decode.ts';
import type { Layer } from '../layers/layer.ts';
import type { OwnLayer } from '../layers/layer-type.ts';
import { formatHex } from './format-hex.ts';
import { lineOf, titleOf } from './line.ts';

/** The layers at the end of a packet that consist of bytes. */
type Rest = Extract<Layer, { layer: 'payload' | 'trailer' }>;

const isDecoded = (packet: DecodedPacket<OwnLayer> | CapturedData | Bytes): packet is DecodedPacket<OwnLayer> =>
  !isBytes(packet) && 'layers' in assertObject(packet, 'packet');

const isRest = ({ layer }: Layer | OwnLayer): boolean => layer === 'payload' || layer === 'trailer';

/** Returns a decoded packet, and decodes it if necessary. */
export function decodedOf(
  packet: DecodedPacket<OwnLayer> | CapturedData | Bytes,
  options: DecodeOptions | undefined,
): DecodedPacket<OwnLayer> {
  return isDecoded(packet) ? packet : (decodePacket(packet, options) as DecodedPacket<OwnLayer>);
}

/**
 * Formats a packet as readable text: a line for each layer, the payload in hex, and the position where decoding
 * stopped.
 *
 * @param packet A decoded packet, its bytes, or a captured packet.
 * @param options The options of `decodePacket`, for a packet that is not decoded yet.
 * @returns The lines, without a newline at the end.
 * @throws The same errors as `decodePacket`.
 * @example
 * const question = { operation: 1, senderHardwareAddress: '02:00:00:00:00:01', senderProtocolAddress: '192.0.2.1' };
 * const packet = encodePacket([arp({ ...question, targetProtocolAddress: '192.0.2.2' })]);
 * console.log(formatPacket(packet, { first: 'arp' }));
 * // ARP: request (1), 192.0.2.1 (02:00:00:00:00:01) > 192.0.2.2 (00:00:00:00:00:00)
 * @see https://man7.org/linux/man-pages/man1/tcpdump.1.html
 */
export function formatPacket(packet: DecodedPacket<OwnLayer> | CapturedData | Bytes, options?: DecodeOptions): string {
  const { layers, error, missing, checksumPending = false } = decodedOf(packet, options);
  const lines: string[] = [];
  for (const layer of layersOf(layers, 'packet')) {
    lines.push(`${titleOf(layer.layer)}: ${lineOf(layer, checksumPending)}`);
    if (isRest(layer) && (layer as Rest).data.length > 0) lines.push(formatHex((layer as Rest).data, '  '));
  }
  if (missing > 0) lines.push(`Cut: ${missing} more bytes were on the wire`);
  if (error !== undefined) lines.push(`Stopped: ${titleOf(error.layer)} at byte ${error.offset}: ${error.reason}`);
  return lines.join('\n');
}

Object.defineProperty(Decoded.prototype, inspect.custom, {
  value(this: Decoded): string {
    return formatPacket(this);
  },
});
