/** The options of IPv4: RFC 791 and 2113. */
import { namesOf, onlyKnown } from '../../argument/known-names.ts';
import { assertObject } from '../../argument/snapshot.ts';
import { get16, get32, list, put16, put32, uint, uint8, uint16, uint32 } from '../bytes/bytes.ts';
import { ipv4Text, putIpv4 } from '../bytes/text.ts';
import { type Known, type OptionList, optionList, optionNames, SHORT, shortOption } from './option-list.ts';

/**
 * An IPv4 option, which `name` identifies. Its length is filled in.
 *
 * @see https://www.rfc-editor.org/rfc/rfc791
 */
export type Ipv4Option =
  /**
   * `data` is the padding after it. It is only needed for unusual padding, because encoding pads the options itself.
   */
  | { name: 'endOfOptionList'; data?: Uint8Array }
  | { name: 'noOperation' }
  /** `pointer` is 4 in an empty route. `route` contains the addresses, with 0.0.0.0 where none is recorded yet. */
  | { name: 'recordRoute' | 'looseSourceRoute' | 'strictSourceRoute'; pointer: number; route: readonly string[] }
  /** `flag` is 0 for timestamps only, 1 for timestamps with addresses, and 3 for prespecified addresses. */
  | {
      name: 'timestamp';
      pointer: number;
      overflow: number;
      flag: number;
      entries: readonly { address?: string; timestamp: number }[];
    }
  | { name: 'routerAlert'; value: number }
  /** Any other type, or a known type with an unexpected length. */
  | { name: 'other'; type: number; data: Uint8Array }
  /** The remaining bytes after an option with an invalid length. They are encoded unchanged. */
  | { name: 'malformed'; data: Uint8Array };

/** The offset of each field of the options, of a route, and of a timestamp, or of the byte that it shares. */
const OPTION = { type: 0, length: 1, data: 2 } as const;
const ROUTE = { pointer: 2, route: 3 } as const;
const STAMP = { pointer: 2, overflow: 3, flag: 3, entries: 4 } as const;
const OVERFLOW_SHIFT = 4;
const FLAG = 0x0f;
const TYPE = {
  recordRoute: 7,
  timestamp: 68,
  looseSourceRoute: 131,
  strictSourceRoute: 137,
  routerAlert: 148,
} as const;

type RouteName = 'recordRoute' | 'looseSourceRoute' | 'strictSourceRoute';

const entrySize = (flag: number) => (flag === 0 ? 4 : 8);

const NAMES = optionNames<Ipv4Option>({
  endOfOptionList: { data: true },
  noOperation: {},
  recordRoute: { pointer: true, route: true },
  looseSourceRoute: { pointer: true, route: true },
  strictSourceRoute: { pointer: true, route: true },
  timestamp: { pointer: true, overflow: true, flag: true, entries: true },
  routerAlert: { value: true },
  other: { type: true, data: true },
  malformed: { data: true },
});

function size(option: Known<Ipv4Option>): number {
  switch (option.name) {
    case 'timestamp':
      return STAMP.entries + entrySize(option.flag) * option.entries.length;
    case 'routerAlert':
      return 4;
    default:
      return ROUTE.route + 4 * list(option.route, 'ipv4.options.route').length;
  }
}

function write(option: Known<Ipv4Option>, bytes: Uint8Array, at: number): void {
  switch (option.name) {
    case 'routerAlert':
      put16(bytes, at + OPTION.data, uint16(option.value, 'ipv4.options.value'));
      break;
    case 'timestamp':
      bytes[at + STAMP.pointer] = uint8(option.pointer, 'ipv4.options.pointer');
      bytes[at + STAMP.overflow] =
        (uint(option.overflow, 15, 'ipv4.options.overflow') << OVERFLOW_SHIFT) |
        uint(option.flag, FLAG, 'ipv4.options.flag');
      option.entries.forEach((entry, i) => {
        let to = at + STAMP.entries + i * entrySize(option.flag);
        if (option.flag !== 0) {
          putIpv4(bytes, to, entry.address, 'ipv4.options.entries.address');
          to += 4;
        }
        put32(bytes, to, uint32(entry.timestamp, 'ipv4.options.entries.timestamp'));
      });
      break;
    default:
      bytes[at + ROUTE.pointer] = uint8(option.pointer, 'ipv4.options.pointer');
      option.route.forEach(
        (address, i) => void putIpv4(bytes, at + ROUTE.route + 4 * i, address, 'ipv4.options.route'),
      );
  }
}

function readRoute(name: RouteName, bytes: Uint8Array, at: number, length: number): Ipv4Option {
  const route: string[] = [];
  for (let i = at + ROUTE.route; i < at + length; i += 4) route.push(ipv4Text(bytes, i));
  return { name, pointer: bytes[at + ROUTE.pointer]!, route };
}

function readTimestamp(bytes: Uint8Array, at: number, length: number): Ipv4Option {
  const flag = bytes[at + STAMP.flag]! & FLAG;
  const entries: { address?: string; timestamp: number }[] = [];
  for (let i = at + STAMP.entries; i < at + length; i += entrySize(flag)) {
    if (flag === 0) entries.push({ timestamp: get32(bytes, i) });
    else entries.push({ address: ipv4Text(bytes, i), timestamp: get32(bytes, i + 4) });
  }
  return {
    name: 'timestamp',
    pointer: bytes[at + STAMP.pointer]!,
    overflow: bytes[at + STAMP.overflow]! >>> OVERFLOW_SHIFT,
    flag,
    entries,
  };
}

function read(bytes: Uint8Array, at: number, length: number): Ipv4Option {
  const type = bytes[at + OPTION.type]!;
  if (length >= 3 && length % 4 === 3) {
    if (type === TYPE.recordRoute) return readRoute('recordRoute', bytes, at, length);
    if (type === TYPE.looseSourceRoute) return readRoute('looseSourceRoute', bytes, at, length);
    if (type === TYPE.strictSourceRoute) return readRoute('strictSourceRoute', bytes, at, length);
  }
  if (type === TYPE.routerAlert && length === 4) return { name: 'routerAlert', value: get16(bytes, at + OPTION.data) };
  if (type === TYPE.timestamp && length >= 4 && (length - 4) % entrySize(bytes[at + STAMP.flag]! & FLAG) === 0) {
    return readTimestamp(bytes, at, length);
  }
  return { name: 'other', type, data: bytes.subarray(at + OPTION.data, at + length) };
}

const ENTRY = namesOf<{ address?: string; timestamp: number }>({ address: true, timestamp: true });

/** Throws for options and timestamp entries with unknown properties. */
export function checkIpv4Options(options: readonly Ipv4Option[] | undefined): void {
  ipv4Options.check(options);
  for (const option of options ?? []) {
    if (option.name !== 'timestamp') continue;
    const name = 'ipv4.options.entries';
    for (const entry of list(option.entries, name)) onlyKnown(assertObject(entry, name), ENTRY, name);
  }
}

export const ipv4Options: OptionList<Ipv4Option> = optionList<Ipv4Option>({
  argument: 'ipv4.options',
  names: NAMES,
  types: TYPE,
  typeName: 'type',
  unit: 1,
  uncounted: 0,
  size,
  write,
  readShort: shortOption,
  read,
});

/** Returns the offset of the final destination while a source route is not finished (RFC 1122, 3.2.1.8), or -1. */
export function sourceRouteEnd(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end) {
    const type = bytes[at + OPTION.type]!;
    if (type === SHORT.endOfOptionList) return -1;
    const length = type === SHORT.noOperation ? 1 : at + 1 < end ? bytes[at + OPTION.length]! : 0;
    if (length === 0 || at + length > end) return -1;
    if (type === TYPE.looseSourceRoute || type === TYPE.strictSourceRoute) {
      const whole = length >= 7 && length % 4 === 3;
      return whole && bytes[at + ROUTE.pointer]! >= 4 && bytes[at + ROUTE.pointer]! <= length ? at + length - 4 : -1;
    }
    at += length;
  }
  return -1;
}
