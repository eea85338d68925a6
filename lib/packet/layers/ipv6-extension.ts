/** The common part of the IPv6 extension headers, each of which is a layer: the next header, then the length (RFC 8200). */
import type { Decoding } from './codec.ts';

/** The offsets of both fields. */
const EXTENSION = { nextHeader: 0, headerExtensionLength: 1 } as const;
/** For other modules: see codec.ts. */
export const extensionField: typeof EXTENSION = EXTENSION;

/** Returns the size of an extension header, or 0 if it is incomplete. */
export function extensionSize(from: Decoding, layer: 'hopByHop' | 'destinationOptions' | 'routing'): number {
  if (from.cut(layer, 8)) return 0;
  const size = 8 + 8 * from.bytes[from.at + EXTENSION.headerExtensionLength]!;
  return from.cut(layer, size) ? 0 : size;
}
