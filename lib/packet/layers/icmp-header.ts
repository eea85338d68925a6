/** What ICMP and ICMPv6 share: the first eight bytes of a message, and the packet that an error quotes. */
import { invalidValue } from '../../posix/errno.ts';
import { put16, put32, uint8, uint16, uint32 } from '../bytes.ts';
import type { Decoding, Next } from './codec.ts';
import type { IcmpFields } from './icmp.ts';

/** The fields of every message, and those of the messages that have a number. */
type MessageFields = Pick<IcmpFields, Common | 'identifier' | 'sequenceNumber'>;

/** Writes the first eight bytes; identifier and sequence number, if given, where the type has them. */
export function writeMessage(
  name: 'icmp' | 'icmpv6',
  layer: MessageFields,
  bytes: Uint8Array,
  at: number,
  numbered: boolean,
): void {
  bytes[at] = uint8(layer.type, `${name}.type`);
  bytes[at + 1] = uint8(layer.code, `${name}.code`, 0);
  put16(bytes, at + 2, uint16(layer.checksum, `${name}.checksum`, 0));
  put32(bytes, at + 4, uint32(layer.restOfHeader, `${name}.restOfHeader`, 0));
  if (!numbered) return;
  if (layer.identifier !== undefined) put16(bytes, at + 4, uint16(layer.identifier, `${name}.identifier`));
  if (layer.sequenceNumber !== undefined) put16(bytes, at + 6, uint16(layer.sequenceNumber, `${name}.sequenceNumber`));
}

/** The fields of every message. */
export type Common = 'type' | 'code' | 'checksum' | 'restOfHeader';

/** The types that have a field, by the name of the field. */
export type FieldTypes = { readonly [field: string]: (type: number) => boolean };

/** Refuses a field that messages of this type do not have: it would be left out of the packet without a word. */
export function checkFields(name: 'icmp' | 'icmpv6', layer: { readonly type: number }, types: FieldTypes): void {
  uint8(layer.type, `${name}.type`);
  for (const field in types) {
    if ((layer as { readonly [field: string]: unknown })[field] === undefined || types[field]!(layer.type)) continue;
    throw invalidValue(`${name}.${field}`, `left out of a message of type ${layer.type}`);
  }
}

/** Goes on with the packet that an error quotes, which ends after `size` bytes unless that is 0: RFC 4884. */
export function quotation(from: Decoding, size: number, next: Next): Next {
  if (size > 0) from.end = Math.min(from.end, from.at + size);
  from.quoted = true;
  return from.left === 0 ? undefined : next;
}
