/** Lists of options in headers, each a type, a length and data: what IPv4, TCP, IPv6 and neighbour discovery share. */

import { invalidType } from '../../posix/errno.ts';
import { keyOf, type Names, namesOf, onlyKnown } from '../../posix/known-names.ts';
import { object } from '../../posix/snapshot.ts';

/** What is left where an option's length cannot be right. */
interface MalformedOption {
  name: 'malformed';
  data: Uint8Array;
}

type Named<Option, Name> = Option extends { name: infer Own } ? (Name extends Own ? Option : never) : never;

type KeysOf<T> = T extends unknown ? keyof T : never;

/** The names that each option has. */
export type OptionNames = { readonly [name: string]: Names };

/** Declares the names that each option has beside its `name`: the compiler asks for each of them, and for no other. */
export function optionNames<Option extends { name: string }>(
  all: {
    readonly [Name in Option['name']]: { readonly [Key in Exclude<KeysOf<Named<Option, Name>>, 'name'>]: true };
  },
): OptionNames {
  const each = Object.entries<object>(all).map(([name, keys]) => [name, namesOf({ name: true, ...keys })]);
  return Object.fromEntries(each);
}

/** How the options of one kind of header become bytes and back. */
interface OptionCodec<Option> {
  /** What errors call the list: `'tcp.options'`. */
  readonly argument: string;
  readonly names: OptionNames;
  /** The length of the whole option. */
  size(option: Option): number;
  /** Writes an option into zeros. */
  write(option: Option, bytes: Uint8Array, at: number): void;
  /** Reads an option that has no length: of one byte, or one that ends the list. */
  short?(bytes: Uint8Array, at: number, end: number): Option | undefined;
  /** The length of the whole option by the number in its length field; less than 2 where that cannot be right. */
  length(field: number): number;
  /** Reads an option that is there as a whole. */
  read(bytes: Uint8Array, at: number, length: number): Option;
}

/** The options of one kind of header. */
export interface OptionList<Option> {
  /** Refuses options that are not known, and names that they do not have. */
  check(options: readonly Option[] | undefined): void;
  /** Their length, without padding. */
  size(options: readonly Option[] | undefined): number;
  /** Writes them into zeros, and gives where they end. */
  write(options: readonly Option[] | undefined, bytes: Uint8Array, start: number): number;
  /** Reads them into a list, and gives where one begins whose length cannot be right, or -1. */
  read(bytes: Uint8Array, start: number, end: number, options: Option[]): number;
}

/** Lists of the options of one codec. */
export function optionList<Option>(codec: OptionCodec<Option | MalformedOption>): OptionList<Option | MalformedOption> {
  return {
    check(options) {
      if (options === undefined) return;
      if (!Array.isArray(options)) throw invalidType(codec.argument, 'an array');
      for (const option of options) {
        const name = keyOf(object(option, codec.argument).name, codec.names, `${codec.argument}.name`);
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

/** The options of IPv4 and TCP without a length; the end of the list takes what follows it, its padding. */
export function shortOption(
  bytes: Uint8Array,
  at: number,
  end: number,
): { name: 'endOfOptionList'; data?: Uint8Array } | { name: 'noOperation' } | undefined {
  if (bytes[at] === NOP) return { name: 'noOperation' };
  if (bytes[at] !== END) return undefined;
  return at + 1 === end ? { name: 'endOfOptionList' } : { name: 'endOfOptionList', data: bytes.subarray(at + 1, end) };
}

/** The types of `shortOption`. */
export const END = 0;
export const NOP = 1;
