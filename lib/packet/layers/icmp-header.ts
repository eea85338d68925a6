/** The common part of ICMP and ICMPv6: the first eight bytes of a message, and the packet that an error quotes. */
import { invalidValue } from '../../argument/argument-error.ts';
import { put16, put32, uint8, uint16, uint32 } from '../bytes/bytes.ts';
import type { Decoding } from './codec.ts';
import type { Next } from './layer-type.ts';

/** The offset of each field of every message, and of the identifier and the sequence number. */
const MESSAGE = { type: 0, code: 1, checksum: 2, restOfHeader: 4, identifier: 4, sequenceNumber: 6 } as const;
/** For other modules: see codec.ts. */
export const messageField: typeof MESSAGE = MESSAGE;

/** The fields of every message, and the identifier and sequence number of those that have them. */
interface MessageFields {
  readonly type: number;
  readonly code?: number | undefined;
  readonly checksum?: number | undefined;
  readonly restOfHeader?: number | undefined;
  readonly identifier?: number | undefined;
  readonly sequenceNumber?: number | undefined;
}

/**
 * Writes the first eight bytes, with the identifier and the sequence number if they are given and the type has them.
 */
export function writeMessage(
  name: 'icmp' | 'icmpv6',
  layer: MessageFields,
  bytes: Uint8Array,
  at: number,
  numbered: boolean,
): void {
  bytes[at + MESSAGE.type] = uint8(layer.type, `${name}.type`);
  bytes[at + MESSAGE.code] = uint8(layer.code, `${name}.code`, 0);
  put16(bytes, at + MESSAGE.checksum, uint16(layer.checksum, `${name}.checksum`, 0));
  put32(bytes, at + MESSAGE.restOfHeader, uint32(layer.restOfHeader, `${name}.restOfHeader`, 0));
  if (!numbered) return;
  if (layer.identifier !== undefined)
    put16(bytes, at + MESSAGE.identifier, uint16(layer.identifier, `${name}.identifier`));
  if (layer.sequenceNumber !== undefined)
    put16(bytes, at + MESSAGE.sequenceNumber, uint16(layer.sequenceNumber, `${name}.sequenceNumber`));
}

/** The fields of every message. */
export type Common = 'type' | 'code' | 'checksum' | 'restOfHeader';

/** For each field, a function that returns whether a type has it. */
export type FieldTypes = { readonly [field: string]: (type: number) => boolean };

/** Throws for a field that messages of this type do not have, because encoding would silently omit it. */
export function checkFields(name: 'icmp' | 'icmpv6', layer: { readonly type: number }, types: FieldTypes): void {
  uint8(layer.type, `${name}.type`);
  for (const field in types) {
    if ((layer as { readonly [field: string]: unknown })[field] === undefined || types[field]!(layer.type)) continue;
    throw invalidValue(`${name}.${field}`, `omitted from a message of type ${layer.type}`);
  }
}

/** Continues with the packet that an error quotes, which ends after `size` bytes unless that is 0: RFC 4884. */
export function quotation(from: Decoding, size: number, next: Next): Next {
  if (size > 0) from.end = Math.min(from.end, from.at + size);
  from.quoted = true;
  return from.left === 0 ? undefined : next;
}
