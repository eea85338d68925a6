/** BPF programs as text: what tcpdump -d, -dd and -ddd print. */
import { invalidValue } from '../../posix/errno.ts';
import { decodeFilter, encodeFilter, type FilterInstruction, type FilterProgram } from '../../posix/filter.ts';
import { ancillaryName, isConditional, type Opcode, opcodeOf } from './instruction-text.ts';

/**
 * The option of tcpdump whose output is wanted: instructions for people, a C array, or decimal numbers.
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

/** One line of tcpdump -d. */
function line(instruction: FilterInstruction, index: number): string {
  const { code, jt, jf } = instruction;
  const opcode = opcodeOf.get(code);
  const name = opcode?.name ?? 'unimp';
  const operand = opcode === undefined ? hex(code) : operandText(opcode, instruction, index);
  const start = `(${String(index).padStart(3, '0')}) ${name.padEnd(8)} `;
  if (!isConditional(code)) return start + operand;
  return `${start}${operand.padEnd(16)} jt ${index + 1 + jt}\tjf ${index + 1 + jf}`;
}

/** The instructions of a program in either form, checked and copied. */
export function instructionsOf(program: FilterProgram): FilterInstruction[] {
  return decodeFilter(encodeFilter(program));
}

/**
 * A BPF program as the text that tcpdump(1) prints with -d, -dd or -ddd, with a newline at the end of each line.
 *
 * Every program has a text, also one that no kernel takes: `unimp` is an instruction that there is not. The form `'d'`
 * leaves out the fields that an instruction does not use; `'dd'` and `'ddd'` hold all.
 *
 * @param program The instructions, or the text of tcpdump -ddd.
 * @param format `'d'` unless given.
 * @returns The lines.
 * @throws TypeError or RangeError for what is no program.
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
