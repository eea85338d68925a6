/** The options of IPv6's hop-by-hop and destination options headers: RFC 8200, 2711 and 2675. */
import { get16, get32, put16, put32, uint8, uint16, uint32 } from '../bytes/bytes.ts';
import { type Known, type OptionList, optionList, optionNames, SHORT } from './option-list.ts';

/**
 * An option of an IPv6 extension header, which `name` identifies. Its length is filled in.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8200#section-4.2
 */
export type Ipv6Option =
  | { name: 'pad1' }
  /** `length` bytes of zeros after the type and the length. */
  | { name: 'padN'; length: number }
  | { name: 'routerAlert'; value: number }
  | { name: 'jumboPayload'; jumboPayloadLength: number }
  /** Any other type, or a known type with an unexpected length. */
  | { name: 'other'; type: number; data: Uint8Array }
  /** The remaining bytes after an option with an invalid length. They are encoded unchanged. */
  | { name: 'malformed'; data: Uint8Array };

/** The offset of each field. The length counts only the data. */
const OPTION = { type: 0, data: 2 } as const;

const TYPE = { padN: 1, routerAlert: 5, jumboPayload: 0xc2 } as const;

const NAMES = optionNames<Ipv6Option>({
  pad1: {},
  padN: { length: true },
  routerAlert: { value: true },
  jumboPayload: { jumboPayloadLength: true },
  other: { type: true, data: true },
  malformed: { data: true },
});

function size(option: Known<Ipv6Option>): number {
  switch (option.name) {
    case 'padN':
      return OPTION.data + uint8(option.length, 'ipv6.options.length');
    case 'routerAlert':
      return 4;
    case 'jumboPayload':
      return 6;
  }
}

function write(option: Known<Ipv6Option>, bytes: Uint8Array, at: number): void {
  if (option.name === 'routerAlert') put16(bytes, at + OPTION.data, uint16(option.value, 'ipv6.options.value'));
  else if (option.name === 'jumboPayload') {
    put32(bytes, at + OPTION.data, uint32(option.jumboPayloadLength, 'ipv6.options.jumboPayloadLength'));
  }
}

function read(bytes: Uint8Array, at: number, length: number): Ipv6Option {
  const type = bytes[at + OPTION.type]!;
  if (type === TYPE.routerAlert && length === 4) return { name: 'routerAlert', value: get16(bytes, at + OPTION.data) };
  if (type === TYPE.jumboPayload && length === 6)
    return { name: 'jumboPayload', jumboPayloadLength: get32(bytes, at + OPTION.data) };
  if (type === TYPE.padN) {
    let zeros = true;
    for (let i = at + OPTION.data; i < at + length; i++) zeros &&= bytes[i] === 0;
    if (zeros) return { name: 'padN', length: length - OPTION.data };
  }
  return { name: 'other', type, data: bytes.subarray(at + OPTION.data, at + length) };
}

export const ipv6Options: OptionList<Ipv6Option> = optionList<Ipv6Option>({
  argument: 'ipv6.options',
  names: NAMES,
  types: TYPE,
  typeName: 'type',
  unit: 1,
  uncounted: OPTION.data,
  size,
  write,
  readShort: (bytes, at) => (bytes[at + OPTION.type] === SHORT.pad1 ? { name: 'pad1' } : undefined),
  read,
});

/** Writes options into zeros and pads them up to `end`. */
export function writePadded(options: readonly Ipv6Option[], bytes: Uint8Array, start: number, end: number): void {
  const at = ipv6Options.write(options, bytes, start);
  if (end - at > 1) ipv6Options.write([{ name: 'padN', length: end - at - OPTION.data }], bytes, at);
}
