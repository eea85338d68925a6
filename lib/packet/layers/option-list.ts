/** Lists of options in headers, each a type, a length and data: what IPv4, TCP, IPv6 and neighbour discovery share. */

/** What is left where an option's length cannot be right. */
interface MalformedOption {
  name: 'malformed';
  data: Uint8Array;
}

/** How the options of one kind of header become bytes and back. */
interface OptionCodec<Option> {
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
