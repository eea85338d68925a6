/** Verifies BPF programs by the same rules as the kernel: net/core/filter.c. */
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
} from '../../native/constants.ts';
import type { FilterInstruction, FilterProgram } from '../../posix/filter.ts';
import { instructionsOf } from './disassemble.ts';
import { ancillaryName, isConditional, opcodeOf } from './instruction-text.ts';

/**
 * The reason why the kernel rejects a program.
 *
 * @see https://docs.kernel.org/networking/filter.html
 */
export interface FilterFault {
  /** The index of the instruction, or the number of instructions if the program as a whole is invalid. */
  index: number;
  /** A description of the problem. */
  reason: string;
}

const CLASS = 7;
const ALL_CELLS = 0xffff;

/** Returns what is wrong with one instruction, after which `left` instructions follow. */
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
      return k >= left ? 'a jump beyond the end' : undefined;
  }
  if (isConditional(code)) return Math.max(jt, jf) >= left ? 'a jump beyond the end' : undefined;
  if (opcode.operand === 'memory') return k >= BPF_MEMWORDS ? `there is no M[${k}]` : undefined;
  if (opcode.operand === 'absolute' && k >= SKF_AD_OFF >>> 0 && !ancillaryName.has(k)) {
    return `there is no ancillary data at ${k | 0}`;
  }
  return undefined;
}

/** Returns the first load of a memory cell that is not written on every path to it. */
function memoryFault(instructions: readonly FilterInstruction[]): FilterFault | undefined {
  // `cells` holds, for each instruction, the cells that are written on every jump to it. `written` holds those written
  // on the path from the previous instruction.
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
 * Verifies a BPF program as the kernel does when it is attached. `attachFilter` accepts a program without a fault and
 * rejects one with a fault with EINVAL.
 *
 * Only the program itself is verified. The kernel can also reject a very long program because of its size in the
 * kernel's internal form: ENOMEM if it exceeds net.core.optmem_max, EINVAL for a jump over more than 32767 internal
 * instructions.
 *
 * @param program The instructions, or the output of tcpdump -ddd.
 * @returns The fault, or undefined if there is none.
 * @throws TypeError or RangeError for a value that is not a program.
 * @example
 * console.log(verifyFilter(assembleFilter('ld M[3]\nret a'))?.reason); // M[3] is loaded before it is stored
 * @see https://man7.org/linux/man-pages/man7/socket.7.html
 * @see https://docs.kernel.org/networking/filter.html
 */
export function verifyFilter(program: FilterProgram): FilterFault | undefined {
  const instructions = instructionsOf(program);
  const size = instructions.length;
  if (size === 0 || size > BPF_MAXINSNS)
    return { index: size, reason: `a program has from 1 to ${BPF_MAXINSNS} instructions` };
  for (const [index, instruction] of instructions.entries()) {
    const reason = instructionFault(instruction, size - index - 1);
    if (reason !== undefined) return { index, reason };
  }
  if ((instructions[size - 1]!.code & CLASS) !== BPF_RET)
    return { index: size - 1, reason: 'the last instruction is not a ret' };
  return memoryFault(instructions);
}
