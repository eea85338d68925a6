/**
 * Lists of options in headers, each with a type, a length and data: the common part of IPv4, TCP, IPv6 and neighbor
 * discovery options.
 */

import { invalidType } from '../../argument/argument-error.ts';
import { keyOf, type Names, namesOf, onlyKnown } from '../../argument/known-names.ts';
import { assertObject } from '../../argument/snapshot.ts';

/** The remaining bytes after an option with an invalid length. */
interface MalformedOption {
  name: 'malformed';
  data: Uint8Array;
}

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
interface OptionCodec<Option> {
  /** The name of the list in error messages, such as `'tcp.options'`. */
  readonly argument: string;
  readonly names: OptionNames;
  /** Returns the length of the whole option. */
  size(option: Option): number;
  /** Writes an option into zeros. */
  write(option: Option, bytes: Uint8Array, at: number): void;
  /** Reads an option without a length field: one of a single byte, or one that ends the list. */
  short?(bytes: Uint8Array, at: number, end: number): Option | undefined;
  /**
   * Returns the length of the whole option for the value of its length field. It is below 2 if the value is invalid.
   */
  length(field: number): number;
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

/** Creates the list functions for the options of a codec. */
export function optionList<Option>(codec: OptionCodec<Option | MalformedOption>): OptionList<Option | MalformedOption> {
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
      if (options !== undefined) for (const option of options) total += codec.size(option);
      return total;
    },

    write(options, bytes, start) {
      let at = start;
      if (options === undefined) return at;
      for (const option of options) {
        codec.write(option, bytes, at);
        at += codec.size(option);
      }
      return at;
    },

    read(bytes, start, end, options) {
      let at = start;
      while (at < end) {
        const short = codec.short?.(bytes, at, end);
        if (short !== undefined) {
          options.push(short);
          at += codec.size(short);
          continue;
        }
        const length = at + 1 < end ? codec.length(bytes[at + 1]!) : 0;
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
  if (bytes[at] === NOP) return { name: 'noOperation' };
  if (bytes[at] !== END) return undefined;
  return at + 1 === end ? { name: 'endOfOptionList' } : { name: 'endOfOptionList', data: bytes.subarray(at + 1, end) };
}

/** The types that `shortOption` reads. */
export const END = 0;
export const NOP = 1;
