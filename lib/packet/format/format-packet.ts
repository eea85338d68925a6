/** Packets for people: a line for each layer, and the payload as a hex dump. */
import { inspect } from 'node:util';
import type { Bytes } from '../../posix/native.ts';
import { object } from '../../posix/snapshot.ts';
import { isBytes } from '../bytes.ts';
import {
  type CapturedData,
  Decoded,
  type DecodedPacket,
  type DecodeOptions,
  decodePacket,
  layersOf,
} from '../layers/decode.ts';
import type { Layer } from '../layers/layer.ts';
import type { OwnLayer } from '../layers/own-layer.ts';
import { formatHex } from './format-hex.ts';
import { lineOf, titleOf } from './line.ts';

/** The layers that end a packet: bytes. */
type Rest = Extract<Layer, { layer: 'payload' | 'trailer' }>;

const isDecoded = (packet: DecodedPacket<OwnLayer> | CapturedData | Bytes): packet is DecodedPacket<OwnLayer> =>
  !isBytes(packet) && 'layers' in object(packet, 'packet');

const isRest = ({ layer }: Layer | OwnLayer): boolean => layer === 'payload' || layer === 'trailer';

/** A packet, decoded if it is not yet. */
export function decodedOf(
  packet: DecodedPacket<OwnLayer> | CapturedData | Bytes,
  options: DecodeOptions | undefined,
): DecodedPacket<OwnLayer> {
  return isDecoded(packet) ? packet : (decodePacket(packet, options) as DecodedPacket<OwnLayer>);
}

/**
 * A packet as a person reads it: a line for each layer, the payload in hex, and where decoding stopped.
 *
 * @param packet A decoded packet, its bytes, or a captured packet.
 * @param options As for `decodePacket`, of what is not decoded yet.
 * @returns Lines, without a newline at the end.
 * @throws As `decodePacket`.
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
