/**
 * Translates programs for packets with a LINUX_SLL2 header: the kernel runs them on packets that do not have the header
 * yet.
 */

import { invalidValue, outOfRange } from '../../argument/argument-error.ts';
import {
  BPF_ABS,
  BPF_ADD,
  BPF_ALU,
  BPF_AND,
  BPF_B,
  BPF_H,
  BPF_IMM,
  BPF_IND,
  BPF_JA,
  BPF_JMP,
  BPF_K,
  BPF_LD,
  BPF_LDX,
  BPF_LEN,
  BPF_MEM,
  BPF_MEMWORDS,
  BPF_MISC,
  BPF_MSH,
  BPF_RSH,
  BPF_ST,
  BPF_STX,
  BPF_TAX,
  BPF_W,
  SKF_AD_HATYPE,
  SKF_AD_IFINDEX,
  SKF_AD_OFF,
  SKF_AD_PKTTYPE,
  SKF_AD_PROTOCOL,
} from '../../native/constants.ts';
import type { FilterInstruction } from '../../posix/filter.ts';

/** The length of the header in bytes. */
const HEADER = 20;
const NEGATIVE = 0x80000000;
const FARTHEST = 255;

const of = (code: number, k: number): FilterInstruction => ({ code, jt: 0, jf: 0, k });
const loadAncillary = (offset: number): FilterInstruction => of(BPF_LD | BPF_W | BPF_ABS, (SKF_AD_OFF + offset) >>> 0);

/**
 * The header fields that the kernel stores outside the packet: their offset, their size in bytes, and the instruction
 * that loads them.
 */
const FIELDS: readonly (readonly [at: number, size: number, load: FilterInstruction])[] = [
  [0, 2, loadAncillary(SKF_AD_PROTOCOL)],
  [2, 2, of(BPF_LD | BPF_IMM, 0)],
  [4, 4, loadAncillary(SKF_AD_IFINDEX)],
  [8, 2, loadAncillary(SKF_AD_HATYPE)],
  [10, 1, loadAncillary(SKF_AD_PKTTYPE)],
];
const SIZES: ReadonlyMap<number, number> = new Map([
  [BPF_B, 1],
  [BPF_H, 2],
  [BPF_W, 4],
]);

/**
 * Returns the instructions that load a field of the header or a part of one, or undefined for bytes that the kernel
 * does not have.
 */
function fieldAt(k: number, size: number): FilterInstruction[] | undefined {
  for (const [at, length, load] of FIELDS) {
    if (k < at || k + size > at + length) continue;
    const behind = 8 * (at + length - k - size);
    const shift = behind > 0 ? [of(BPF_ALU | BPF_RSH | BPF_K, behind)] : [];
    const isPart = k > at;
    return [load, ...shift, ...(isPart ? [of(BPF_ALU | BPF_AND | BPF_K, 2 ** (8 * size) - 1)] : [])];
  }
  return undefined;
}

function unreadable(k: number): TypeError {
  return invalidValue(
    'options.filter',
    `a filter on the packet, its protocol, its interface or its direction: the kernel does not provide byte ${k} of a cooked header`,
  );
}

/** Returns the first word of scratch memory that the program does not use. */
function unusedMemory(program: readonly FilterInstruction[]): number {
  const used = new Set<number>();
  for (const { code, k } of program) {
    const kind = code & 7;
    const isStore = kind === BPF_ST || kind === BPF_STX;
    if (isStore || ((kind === BPF_LD || kind === BPF_LDX) && (code & 0xe0) === BPF_MEM)) used.add(k);
  }
  for (let k = 0; k < BPF_MEMWORDS; k++) if (!used.has(k)) return k;
  throw outOfRange('options.filter', `a program that leaves one of the ${BPF_MEMWORDS} words of memory unused`);
}

/** Loads the length including the header into X. The value of A is saved and restored. */
function lengthInX(program: readonly FilterInstruction[]): FilterInstruction[] {
  const k = unusedMemory(program);
  return [of(BPF_ST, k), ...LENGTH, of(BPF_MISC | BPF_TAX, 0), of(BPF_LD | BPF_MEM, k)];
}
const LENGTH = [of(BPF_LD | BPF_W | BPF_LEN, 0), of(BPF_ALU | BPF_ADD | BPF_K, HEADER)];

/** Translates an instruction for packets without the header. */
function translated(instruction: FilterInstruction, program: readonly FilterInstruction[]): FilterInstruction[] {
  const { code, k } = instruction;
  const [kind, mode] = [code & 7, code & 0xe0];
  if (kind !== BPF_LD && kind !== BPF_LDX) return [instruction];
  if (mode === BPF_LEN) return kind === BPF_LD ? LENGTH : lengthInX(program);
  const isPacket = mode === BPF_ABS || mode === BPF_IND || mode === BPF_MSH;
  if (!isPacket || (mode === BPF_ABS && k >= NEGATIVE)) return [instruction];
  if (k >= HEADER) return [{ ...instruction, k: k - HEADER }];
  const field = mode === BPF_ABS ? fieldAt(k, SIZES.get(code & 0x18)!) : undefined;
  if (field === undefined) throw unreadable(k);
  return field;
}

/**
 * Returns a program that has the same verdicts on packets without the LINUX_SLL2 header. The kernel stores the fields
 * of that header outside the packet.
 *
 * @param program A program for packets with that header.
 * @throws TypeError The program reads a part of the header that the kernel does not have; RangeError when the program
 *   needs jumps that are too long.
 */
export function cookedProgram(program: readonly FilterInstruction[]): FilterInstruction[] {
  const groups = program.map((instruction) => translated(instruction, program));
  const starts: number[] = [];
  let length = 0;
  for (const group of groups) {
    starts.push(length);
    length += group.length;
  }
  /** Returns the new length of a jump that had the length `distance` in the original program. */
  const jump = (i: number, distance: number) => (starts[i + 1 + distance] ?? length) - (starts[i + 1] ?? length);
  return groups.flatMap((group, i) => {
    const { code, jt, jf, k } = program[i]!;
    if ((code & 7) !== BPF_JMP) return group;
    if (code === (BPF_JMP | BPF_JA)) return [of(code, jump(i, k))];
    const moved = { code, jt: jump(i, jt), jf: jump(i, jf), k };
    if (moved.jt > FARTHEST || moved.jf > FARTHEST) {
      throw outOfRange(
        'options.filter',
        'a program with shorter jumps, because it grows when it is translated for cooked packets',
      );
    }
    return [moved];
  });
}
