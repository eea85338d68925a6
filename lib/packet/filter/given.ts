/** Filters as users pass them: text, an expression or a program. They are compiled for the link type that is opened. */

import { invalidType, invalidValue } from '../../argument/argument-error.ts';
import { BPF_ABS, BPF_IND, BPF_LD, BPF_LDX, BPF_MSH, SKF_AD_OFF } from '../../native/constants.ts';
import type { FilterInstruction, FilterProgram } from '../../posix/filter.ts';
import { compiled, compileFilter } from './compile.ts';
import { type Contradiction, contradictionOf, isEmpty } from './contradiction.ts';
import { instructionsOf } from './disassemble.ts';
import type { FilterExpression } from './expression.ts';
import { LINKS } from './link.ts';
import { parseFilter } from './parse.ts';
import { linktypeOfProgram } from './program-link.ts';

/**
 * A filter: text in the syntax of pcap-filter(7), an expression of `match` or `parseFilter`, or a compiled program.
 *
 * @see https://man7.org/linux/man-pages/man7/pcap-filter.7.html
 */
export type PacketFilter = string | FilterExpression | FilterProgram;

/** A filter that was parsed or validated but not compiled yet. */
export type ReadFilter =
  | { expression: FilterExpression }
  | { program: FilterInstruction[]; linktype: number | undefined };

const NAME = 'options.filter';
const KINDS = 'text in the syntax of pcap-filter(7), a filter expression or a program';
/** The output of tcpdump -ddd begins with the number of instructions on a line of its own. */
const NUMBERS = /^\s*\d+\s*[\n,]/;
/** With this netmask, only 0.0.0.0 and 255.255.255.255 are broadcast addresses. */
const UNKNOWN = '0.0.0.0';
/**
 * The beginning of an error message about an argument with another name. If it names a field of a program, that part is
 * kept.
 */
const ARGUMENT = /^The "(?:program([^"]*)|[^"]*)" (?:argument|property) /;

/** Calls a function and changes its errors so that they name the option. */
function named<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    const { message } = error as Error;
    if (ARGUMENT.test(message)) (error as Error).message = message.replace(ARGUMENT, `The "${NAME}$1" property `);
    throw error;
  }
}

/** Throws if the value is not an expression. Whether its words apply is only known together with the link type. */
function checkExpression(expression: FilterExpression): void {
  try {
    compileFilter(expression);
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === undefined) throw invalidType(NAME, KINDS); // a word without its other properties
    if (code !== 'ERR_INVALID_ARG_VALUE') throw error;
  }
}

/** Reads a filter: parses its text, or validates and copies a program. */
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
  named(() => checkExpression(expression)); // an invalid expression is rejected before anything is opened
  return { expression };
}

const readsPacket = ({ code, k }: FilterInstruction): boolean => {
  const mode = code & 0xe0;
  if ((code & 7) === BPF_LDX) return mode === BPF_MSH;
  return (code & 7) === BPF_LD && (mode === BPF_IND || (mode === BPF_ABS && k < SKF_AD_OFF >>> 0));
};

/** Whether packets of two link types begin alike: some have several numbers. */
const isSame = (one: number, other: number): boolean => LINKS.has(one) && LINKS.get(one) === LINKS.get(other);

/**
 * Returns the program of a filter for a link type.
 *
 * @param linktype Undefined if it is not known. In that case only a program is accepted.
 * @param snaplen The number of bytes to keep of an accepted packet.
 * @param netmask The netmask of the network, for `ip broadcast`. It is 0.0.0.0 if it is not known, as in tcpdump.
 * @param isFile Whether the packets are those of a file, from which the kernel has not removed a tag.
 * @throws TypeError for a program that was compiled for another link type, and for words that do not apply to this one.
 */
export function programFor(
  filter: ReadFilter,
  linktype: number | undefined,
  snaplen: number,
  netmask: string = UNKNOWN,
  isFile = false,
): FilterInstruction[] {
  if ('program' in filter) {
    const made = filter.linktype;
    const misread =
      made !== undefined &&
      linktype !== undefined &&
      made !== linktype &&
      !isSame(made, linktype) &&
      filter.program.some(readsPacket);
    if (misread) {
      throw invalidValue(
        NAME,
        `compiled for link type ${linktype}, not for ${made}; text is always compiled for the right one`,
      );
    }
    return filter.program;
  }
  if (linktype === undefined)
    throw invalidValue(NAME, 'a program, because filters cannot be compiled for this link type');
  try {
    return named(() => compiled(filter.expression, { linktype, snaplen, netmask }, isFile));
  } catch (error) {
    if (!LINKS.has(linktype))
      throw invalidValue(
        NAME,
        `one that does not read the packet, because filters cannot be compiled for link type ${linktype}`,
      );
    throw error;
  }
}

/**
 * Returns why text or an expression compiled to a program that rejects all packets, which cannot be what its author
 * meant, or undefined if it accepts some.
 */
export function rejection(
  filter: ReadFilter,
  program: readonly FilterInstruction[],
  linktype: number,
  netmask: string = UNKNOWN,
  isFile = false,
): Contradiction | undefined {
  if (!('expression' in filter) || !isEmpty(program)) return undefined;
  return contradictionOf(filter.expression, { linktype, netmask }, isFile);
}
