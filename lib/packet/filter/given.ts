/** Filters as users give them: text, an expression or a program, for the link type of what is opened. */
import { BPF_ABS, BPF_IND, BPF_LD, BPF_LDX, BPF_MSH, SKF_AD_OFF } from '../../posix/constants.ts';
import { invalidType, invalidValue } from '../../posix/errno.ts';
import type { FilterInstruction, FilterProgram } from '../../posix/filter.ts';
import { compileFilter } from './compile.ts';
import { instructionsOf } from './disassemble.ts';
import type { FilterExpression } from './expression.ts';
import { LINKS } from './link.ts';
import { parseFilter } from './parse.ts';
import { linktypeOfProgram } from './program-link.ts';

/**
 * A filter: text in the language of pcap-filter(7), an expression of `match` or `parseFilter`, or a compiled program.
 *
 * @see https://man7.org/linux/man-pages/man7/pcap-filter.7.html
 */
export type PacketFilter = string | FilterExpression | FilterProgram;

/** A filter that was read, but not yet compiled. */
export type ReadFilter =
  | { expression: FilterExpression }
  | { program: FilterInstruction[]; linktype: number | undefined };

const NAME = 'options.filter';
const KINDS = 'text of pcap-filter(7), a filter expression or a program';
/** What tcpdump -ddd prints begins with the number of instructions, alone on its line. */
const NUMBERS = /^\s*\d+\s*[\n,]/;
/** Of which only 0.0.0.0 and 255.255.255.255 are addresses of all hosts. */
const UNKNOWN = '0.0.0.0';
/** What the refusal of an argument of another name says before the reason; a field of it is kept. */
const ARGUMENT = /^The "(?:program([^"]*)|[^"]*)" (?:argument|property) /;

/** Calls a function whose errors are about the option. */
function named<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    const { message } = error as Error;
    if (ARGUMENT.test(message)) (error as Error).message = message.replace(ARGUMENT, `The "${NAME}$1" property `);
    throw error;
  }
}

/** Refuses what is no expression. Whether its words have a meaning shows when the link type is known. */
function checkExpression(expression: FilterExpression): void {
  try {
    compileFilter(expression);
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === undefined) throw invalidType(NAME, KINDS); // a word without what it is about
    if (code !== 'ERR_INVALID_ARG_VALUE') throw error;
  }
}

/** Reads a filter: its text is parsed, a program is checked and copied. */
export function readFilter(filter: PacketFilter): ReadFilter {
  if (typeof filter === 'string' && !NUMBERS.test(filter)) {
    return { expression: named(() => parseFilter(filter)) };
  }
  if (typeof filter === 'string' || Array.isArray(filter)) {
    return { program: named(() => instructionsOf(filter)), linktype: linktypeOfProgram(filter) };
  }
  if (typeof filter !== 'object' || filter === null) {
    throw invalidType(NAME, KINDS);
  }
  const expression = filter as FilterExpression;
  named(() => checkExpression(expression)); // an expression that is none is refused before anything is opened
  return { expression };
}

const readsPacket = ({ code, k }: FilterInstruction): boolean => {
  const mode = code & 0xe0;
  if ((code & 7) === BPF_LDX) return mode === BPF_MSH;
  return (code & 7) === BPF_LD && (mode === BPF_IND || (mode === BPF_ABS && k < SKF_AD_OFF >>> 0));
};

/**
 * The program of a filter for a link type.
 *
 * @param linktype Undefined where it is not known: then only a program will do.
 * @param snaplen How many bytes are kept.
 * @param netmask That of the network, for `ip broadcast`; 0.0.0.0 where it is not known, as in tcpdump.
 * @throws TypeError for a program that was compiled for another link type, and for words that this one has no meaning for.
 */
export function programFor(
  filter: ReadFilter,
  linktype: number | undefined,
  snaplen: number,
  netmask: string = UNKNOWN,
): FilterInstruction[] {
  if ('program' in filter) {
    const made = filter.linktype;
    const misread =
      made !== undefined && linktype !== undefined && made !== linktype && filter.program.some(readsPacket);
    if (misread) {
      throw invalidValue(
        NAME,
        `compiled for link type ${linktype}, not for ${made}; as text it is compiled for what is opened`,
      );
    }
    return filter.program;
  }
  if (linktype === undefined)
    throw invalidValue(NAME, 'a program: the link type is none that filters are compiled for');
  try {
    return named(() => compileFilter(filter.expression, { linktype, snaplen, netmask }));
  } catch (error) {
    if (!LINKS.has(linktype))
      throw invalidValue(
        NAME,
        `one that asks for nothing of packets of link type ${linktype}, for which none is compiled`,
      );
    throw error;
  }
}

/** Whether the program of a text or an expression lets nothing through: who wrote it meant something else. */
export function rejectsAll(filter: ReadFilter, program: readonly FilterInstruction[]): boolean {
  return 'expression' in filter && program.length === 1 && program[0]!.k === 0;
}
