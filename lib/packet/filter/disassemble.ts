/** Disassembles BPF programs: the output of tcpdump -d, -dd and -ddd. */
import { invalidValue } from '../../argument/argument-error.ts';
import { decodeFilter, encodeFilter, type FilterInstruction, type FilterProgram } from '../../posix/filter.ts';
import { ancillaryName, isConditional, type Opcode, opcodeOf } from './instruction-text.ts';

/**
 * The tcpdump option whose output format is used: -d is readable text, -dd a C array, -ddd decimal numbers.
 *
 * @see https://man7.org/linux/man-pages/man1/tcpdump.1.html
 */
export type FilterFormat = 'd' | 'dd' | 'ddd';

const hex = (value: number) => `0x${value.toString(16)}`;

function operandText({ operand }: Opcode, { k }: FilterInstruction, index: number): string {
  const signed = k | 0;
  switch (operand) {
    case 'none':
    case 'a':
      return '';
    case 'x':
      return 'x';
    case 'decimal':
      return `#${signed}`;
    case 'hex':
      return `#${hex(k)}`;
    case 'absolute':
      return `[${ancillaryName.get(k) ?? signed}]`;
    case 'indirect':
      return `[x + ${signed}]`;
    case 'memory':
      return `M[${signed}]`;
    case 'header':
      return `4*([${signed}]&0xf)`;
    case 'length':
      return '#pktlen';
    case 'target':
      return String((index + 1 + k) | 0);
  }
}

/** Formats one line of the output of tcpdump -d. */
function line(instruction: FilterInstruction, index: number): string {
  const { code, jt, jf } = instruction;
  const opcode = opcodeOf.get(code);
  const name = opcode?.name ?? 'unimp';
  const operand = opcode === undefined ? hex(code) : operandText(opcode, instruction, index);
  const start = `(${String(index).padStart(3, '0')}) ${name.padEnd(8)} `;
  if (!isConditional(code)) return start + operand;
  return `${start}${operand.padEnd(16)} jt ${index + 1 + jt}\tjf ${index + 1 + jf}`;
}

/** Validates and copies the instructions of a program in either form. */
export function instructionsOf(program: FilterProgram): FilterInstruction[] {
  return decodeFilter(encodeFilter(program));
}

/**
 * Formats a BPF program like tcpdump(1) with -d, -dd or -ddd. Each line ends with a newline.
 *
 * Every program can be formatted, even one that the kernel rejects: `unimp` is an instruction that does not exist. The
 * format `'d'` omits the fields that an instruction does not use; `'dd'` and `'ddd'` contain all of them.
 *
 * @param program The instructions, or the output of tcpdump -ddd.
 * @param format The format. The default is `'d'`.
 * @returns The text.
 * @throws TypeError or RangeError for a value that is not a program.
 * @example
 * console.log(disassembleFilter(compileFilter(match.arp()), 'ddd').trimEnd());
 * // 4
 * // 40 0 0 12
 * // 21 0 1 2054
 * // 6 0 0 262144
 * // 6 0 0 0
 * @see https://man7.org/linux/man-pages/man1/tcpdump.1.html
 */
export function disassembleFilter(program: FilterProgram, format: FilterFormat = 'd'): string {
  const instructions = instructionsOf(program);
  const text = (list: string[]) => list.map((one) => `${one}\n`).join('');
  switch (format) {
    case 'd':
      return text(instructions.map(line));
    case 'dd':
      return text(
        instructions.map(({ code, jt, jf, k }) => {
          return `{ ${hex(code)}, ${jt}, ${jf}, 0x${k.toString(16).padStart(8, '0')} },`;
        }),
      );
    case 'ddd':
      return text([String(instructions.length), ...instructions.map((i) => `${i.code} ${i.jt} ${i.jf} ${i.k}`)]);
    default:
      throw invalidValue('format', "'d', 'dd' or 'ddd'");
  }
}
