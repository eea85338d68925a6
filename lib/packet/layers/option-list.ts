/**
 * Lists of options in headers, each with a type, a length and data: the common part of IPv4, TCP, IPv6 and neighbor
 * discovery options.
 */

import { invalidType } from '../../argument/argument-error.ts';
import { keyOf, type Names, namesOf, onlyKnown } from '../../argument/known-names.ts';
import { assertObject } from '../../argument/snapshot.ts';
import { data, roundUp, uint8 } from '../bytes/bytes.ts';

/** The offset of the length of an option, after its type. */
const LENGTH = 1;

/** The remaining bytes after an option with an invalid length. */
interface MalformedOption {
  name: 'malformed';
  data: Uint8Array;
}

/** The options that the list encodes itself: `short` ones, whose type only data may follow, `other` and `malformed`. */
type CommonName = 'endOfOptionList' | 'noOperation' | 'pad1' | 'other' | 'malformed';

/** The options that a codec encodes: those with a length field and data of their own. */
export type Known<Option extends { name: string }> = Exclude<Option, { name: CommonName }>;

type Named<Option, Name> = Option extends { name: infer Own } ? (Name extends Own ? Option : never) : never;

type KeysOf<T> = T extends unknown ? keyof T : never;

/** The property names of each option. */
export type OptionNames = { readonly [name: string]: Names };

/**
 * Declares the properties of each option besides its `name`. The compiler checks that the list is complete and contains
 * no others.
 */
export function optionNames<Option extends { name: string }>(
  all: {
    readonly [Name in Option['name']]: { readonly [Key in Exclude<KeysOf<Named<Option, Name>>, 'name'>]: true };
  },
): OptionNames {
  const each = Object.entries<object>(all).map(([name, keys]) => [name, namesOf({ name: true, ...keys })]);
  return Object.fromEntries(each);
}

/** Encodes and decodes the options of one kind of header. */
interface OptionCodec<Option extends { name: string }> {
  /** The name of the list in error messages, such as `'tcp.options'`. */
  readonly argument: string;
  readonly names: OptionNames;
  /** The types of the options with a length field. */
  readonly types: { readonly [Name in Known<Option>['name']]: number };
  /** The name of the field of an `other` option that contains its type. */
  readonly typeName: 'type' | 'kind';
  /** The length of an option is a multiple of it. */
  readonly unit: number;
  /** What the length field counts: units after the first `uncounted` bytes. */
  readonly uncounted: number;
  /** Returns the length of the whole option. */
  size(option: Known<Option>): number;
  /** Writes the data of an option into zeros, after its type and length. `at` is the offset of the whole option. */
  write(option: Known<Option>, bytes: Uint8Array, at: number): void;
  /** Reads an option without a length field: one of a single byte, or one that ends the list. */
  readShort?(bytes: Uint8Array, at: number, end: number): Option | undefined;
  /** Reads a complete option. */
  read(bytes: Uint8Array, at: number, length: number): Option;
}

/** The options of one kind of header. */
export interface OptionList<Option> {
  /** Throws for unknown options and for unknown properties of options. */
  check(options: readonly Option[] | undefined): void;
  /** Returns the length of the options without padding. */
  size(options: readonly Option[] | undefined): number;
  /** Writes the options into zeros and returns the offset after them. */
  write(options: readonly Option[] | undefined, bytes: Uint8Array, start: number): number;
  /** Adds the options to a list and returns the offset of the first one with an invalid length, or -1. */
  read(bytes: Uint8Array, start: number, end: number, options: Option[]): number;
}

/** The fields of the options that the list encodes itself. */
interface Common {
  readonly name: string;
  readonly data?: Uint8Array;
  readonly type?: number;
  readonly kind?: number;
}

/** Creates the list functions for the options of a codec. */
export function optionList<Option extends { name: string }>(
  codec: OptionCodec<Option | MalformedOption>,
): OptionList<Option | MalformedOption> {
  const { argument, types, typeName, unit, uncounted } = codec;
  const [dataName, lengthName, typeField] = [`${argument}.data`, `${argument}.length`, `${argument}.${typeName}`];
  const dataOf = (option: Common) => data(option.data, dataName);

  function sizeOf(option: Option | MalformedOption): number {
    switch (option.name) {
      case 'malformed':
        return dataOf(option).length;
      case 'other':
        return roundUp(2 + dataOf(option).length, unit);
      case 'endOfOptionList':
      case 'noOperation':
      case 'pad1':
        return 1 + dataOf(option).length;
      default:
        return codec.size(option as Known<Option>);
    }
  }

  /** Writes an option and returns its length. */
  function write(option: Option | MalformedOption, bytes: Uint8Array, at: number): number {
    const size = sizeOf(option);
    const { name } = option;
    switch (name) {
      case 'malformed':
        bytes.set(dataOf(option), at);
        return size;
      case 'endOfOptionList':
      case 'noOperation':
      case 'pad1':
        bytes[at] = SHORT[name];
        bytes.set(dataOf(option), at + 1);
        return size;
      case 'other':
        bytes[at] = uint8((option as Common)[typeName], typeField);
        bytes.set(dataOf(option), at + 2);
        break;
      default:
        bytes[at] = types[name as keyof typeof types];
        codec.write(option as Known<Option>, bytes, at);
    }
    bytes[at + LENGTH] = uint8((size - uncounted) / unit, lengthName);
    return size;
  }

  return {
    check(options) {
      if (options === undefined) return;
      if (!Array.isArray(options)) throw invalidType(codec.argument, 'an array');
      for (const option of options) {
        const name = keyOf(assertObject(option, codec.argument).name, codec.names, `${codec.argument}.name`);
        onlyKnown(option, codec.names[name]!, codec.argument);
      }
    },

    size(options) {
      let total = 0;
      if (options !== undefined) for (const option of options) total += sizeOf(option);
      return total;
    },

    write(options, bytes, start) {
      let at = start;
      if (options === undefined) return at;
      for (const option of options) at += write(option, bytes, at);
      return at;
    },

    read(bytes, start, end, options) {
      let at = start;
      while (at < end) {
        const single = codec.readShort?.(bytes, at, end);
        if (single !== undefined) {
          options.push(single);
          at += 1 + dataOf(single).length;
          continue;
        }
        const length = at + 1 < end ? uncounted + unit * bytes[at + LENGTH]! : 0;
        if (length < 2 || at + length > end) {
          options.push({ name: 'malformed', data: bytes.subarray(at, end) });
          return at;
        }
        options.push(codec.read(bytes, at, length));
        at += length;
      }
      return -1;
    },
  };
}

/** Reads the IPv4 and TCP options without a length field. The end of the list includes the padding after it. */
export function shortOption(
  bytes: Uint8Array,
  at: number,
  end: number,
): { name: 'endOfOptionList'; data?: Uint8Array } | { name: 'noOperation' } | undefined {
  if (bytes[at] === SHORT.noOperation) return { name: 'noOperation' };
  if (bytes[at] !== SHORT.endOfOptionList) return undefined;
  return at + 1 === end ? { name: 'endOfOptionList' } : { name: 'endOfOptionList', data: bytes.subarray(at + 1, end) };
}

/** The types of the options without a length field: two of IPv4 and TCP, and that of IPv6. */
export const SHORT = { endOfOptionList: 0, noOperation: 1, pad1: 0 } as const;
