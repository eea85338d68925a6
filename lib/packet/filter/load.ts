/** How values of a packet come into A: the instructions of filter programs that load. */
import {
  BPF_ABS,
  BPF_ALU,
  BPF_AND,
  BPF_B,
  BPF_H,
  BPF_IND,
  BPF_K,
  BPF_LD,
  BPF_LDX,
  BPF_LEN,
  BPF_MSH,
  BPF_W,
  SKF_AD_OFF,
  SKF_AD_VLAN_TAG_PRESENT,
} from '../../posix/constants.ts';
import type { FilterInstruction } from '../../posix/filter.ts';

/** How a value comes into A. */
export interface Load {
  /** The same for loads of the same value. */
  key: string;
  instructions: readonly FilterInstruction[];
  /** Whether its value is remembered on all ways behind a comparison: of what many parts ask for, with few values. */
  remembered: boolean;
}

/** An instruction that does not jump on a condition. */
export function instruction(code: number, k: number): FilterInstruction {
  return { code, jt: 0, jf: 0, k };
}

const SIZES: { readonly [bytes: number]: number } = { 1: BPF_B, 2: BPF_H, 4: BPF_W };

/** A load of `size` bytes, of which only the bits of the mask are kept. */
export function load(at: number, size: number, mask = 0xffffffff): Load {
  return masked([instruction(BPF_LD | SIZES[size]! | BPF_ABS, at >>> 0)], mask, size);
}

function masked(instructions: FilterInstruction[], mask: number, size: number): Load {
  const all = size === 4 ? 0xffffffff : 2 ** (8 * size) - 1;
  if ((mask & all) >>> 0 !== all) instructions.push(instruction(BPF_ALU | BPF_AND | BPF_K, mask));
  return { key: instructions.map(({ code, k }) => `${code}:${k}`).join(), instructions, remembered: false };
}

/** A load of what the parts of an expression ask for again and again. */
export function remembered(at: number, size: number, mask?: number): Load {
  return { ...load(at, size, mask), remembered: true };
}

/** A load behind the header of IPv4 that begins at `header`. */
export function loadBehind(header: number, at: number, size: number, mask?: number): Load {
  const length = instruction(BPF_LDX | BPF_B | BPF_MSH, header);
  return masked([length, instruction(BPF_LD | SIZES[size]! | BPF_IND, at)], mask ?? 0xffffffff, size);
}

/** The length on the wire. */
export const LENGTH: Load = masked([instruction(BPF_LD | BPF_W | BPF_LEN, 0)], 0xffffffff, 4);
/** 1 when the kernel took a VLAN tag out of the packet. */
export const TAG_TAKEN: Load = remembered(SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT, 1);
