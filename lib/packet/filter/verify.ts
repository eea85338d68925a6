/** BPF programs judged as the kernel judges them: net/core/filter.c. */
import {
  BPF_ALU,
  BPF_DIV,
  BPF_JA,
  BPF_JMP,
  BPF_K,
  BPF_LD,
  BPF_LDX,
  BPF_LSH,
  BPF_MAXINSNS,
  BPF_MEM,
  BPF_MEMWORDS,
  BPF_MOD,
  BPF_RET,
  BPF_RSH,
  BPF_ST,
  BPF_STX,
  SKF_AD_OFF,
} from '../../posix/constants.ts';
import type { FilterInstruction, FilterProgram } from '../../posix/filter.ts';
import { instructionsOf } from './disassemble.ts';
import { ancillaryName, isConditional, opcodeOf } from './instruction-text.ts';

/**
 * Why the kernel refuses a program.
 *
 * @see https://docs.kernel.org/networking/filter.html
 */
export interface FilterFault {
  /** The instruction, from 0; the number of instructions when the program as a whole is at fault. */
  index: number;
  /** What is wrong, for people. */
  reason: string;
}

const CLASS = 7;
const ALL_CELLS = 0xffff;

/** What is wrong with one instruction, of which `left` follow. */
function instructionFault({ code, jt, jf, k }: FilterInstruction, left: number): string | undefined {
  const opcode = opcodeOf.get(code);
  if (opcode === undefined) return `there is no instruction 0x${code.toString(16)}`;
  switch (code) {
    case BPF_ALU | BPF_DIV | BPF_K:
    case BPF_ALU | BPF_MOD | BPF_K:
      return k === 0 ? 'a division by 0' : undefined;
    case BPF_ALU | BPF_LSH | BPF_K:
    case BPF_ALU | BPF_RSH | BPF_K:
      return k >= 32 ? `a shift by ${k}` : undefined;
    case BPF_JMP | BPF_JA:
      return k >= left ? 'a jump behind the end' : undefined;
  }
  if (isConditional(code)) return Math.max(jt, jf) >= left ? 'a jump behind the end' : undefined;
  if (opcode.operand === 'memory') return k >= BPF_MEMWORDS ? `there is no M[${k}]` : undefined;
  if (opcode.operand === 'absolute' && k >= SKF_AD_OFF >>> 0 && !ancillaryName.has(k)) {
    return `there are no ancillary data at ${k | 0}`;
  }
  return undefined;
}

/** The first load of a cell that is not written on every way to it. */
function memoryFault(instructions: readonly FilterInstruction[]): FilterFault | undefined {
  // For each instruction, the cells that are written on every jump to it; `written`: on the way from the one before.
  const cells = new Uint16Array(instructions.length).fill(ALL_CELLS);
  let written = 0;
  for (const [index, { code, jt, jf, k }] of instructions.entries()) {
    written &= cells[index]!;
    if (code === BPF_ST || code === BPF_STX) {
      written |= 1 << k;
    } else if (code === (BPF_LD | BPF_MEM) || code === (BPF_LDX | BPF_MEM)) {
      if ((written & (1 << k)) === 0) return { index, reason: `M[${k}] is loaded before it is stored` };
    } else if ((code & CLASS) === BPF_JMP) {
      for (const offset of isConditional(code) ? [jt, jf] : [k]) cells[index + 1 + offset]! &= written;
      written = ALL_CELLS;
    }
  }
  return undefined;
}

/**
 * Judges a BPF program as the kernel does when it is attached: what has no fault here, `attachFilter` takes, and what has
 * one is EINVAL.
 *
 * It judges the program alone. A very long one can be refused for its size in the kernel's own form: ENOMEM beyond
 * net.core.optmem_max, EINVAL for a jump over more than 32767 of the kernel's instructions.
 *
 * @param program The instructions, or the text of tcpdump -ddd.
 * @returns The fault; undefined if there is none.
 * @throws TypeError or RangeError for what is no program.
 * @example
 * console.log(verifyFilter(assembleFilter('ld M[3]\nret a'))?.reason); // M[3] is loaded before it is stored
 * @see https://man7.org/linux/man-pages/man7/socket.7.html
 * @see https://docs.kernel.org/networking/filter.html
 */
export function verifyFilter(program: FilterProgram): FilterFault | undefined {
  const instructions = instructionsOf(program);
  const size = instructions.length;
  if (size === 0 || size > BPF_MAXINSNS) return { index: size, reason: `from 1 to ${BPF_MAXINSNS} instructions` };
  for (const [index, instruction] of instructions.entries()) {
    const reason = instructionFault(instruction, size - index - 1);
    if (reason !== undefined) return { index, reason };
  }
  if ((instructions[size - 1]!.code & CLASS) !== BPF_RET) return { index: size - 1, reason: 'the last is no ret' };
  return memoryFault(instructions);
}
