/** Loads: the instructions of filter programs that load a value of a packet into A. */
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
} from '../../native/constants.ts';
import type { FilterInstruction } from '../../posix/filter.ts';

/** Instructions that load the base of an offset into X. */
export interface Base {
  /** The same for bases with the same value. */
  key: string;
  instructions: readonly FilterInstruction[];
  /** Whether the instructions leave A unchanged. */
  keepsA: boolean;
}

/** A sequence of instructions that loads a value into A. */
export interface Load {
  /** The same for loads of the same value. */
  key: string;
  /** The base that must be in X first. */
  base: Base | undefined;
  instructions: readonly FilterInstruction[];
  /** Whether X is unchanged afterwards: it still holds the base, or its previous value if there is no base. */
  keepsX: boolean;
  /**
   * Whether all paths after a comparison take its outcome into account. It is set for values that many parts of an
   * expression test and that have few different values.
   */
  remembered: boolean;
}

/** An offset in a packet, counted from the beginning of the packet or from a base. */
export interface RelativeOffset {
  base?: Base | undefined;
  at: number;
}

/** Creates an instruction that is not a conditional jump. */
export function instruction(code: number, k: number): FilterInstruction {
  return { code, jt: 0, jf: 0, k: k >>> 0 };
}

const SIZES: { readonly [bytes: number]: number } = { 1: BPF_B, 2: BPF_H, 4: BPF_W };
const keyOf = (instructions: readonly FilterInstruction[]) => instructions.map(({ code, k }) => `${code}:${k}`).join();

/** Creates a base from its instructions. */
export function baseOf(instructions: readonly FilterInstruction[], keepsA = false): Base {
  return { key: keyOf(instructions), instructions, keepsA };
}

/** Creates a load from its instructions and the base that they need in X. */
export function loadOf(base: Base | undefined, instructions: readonly FilterInstruction[], keepsX = true): Load {
  const key = base === undefined ? keyOf(instructions) : `${base.key};${keyOf(instructions)}`;
  return { key, base, instructions, keepsX, remembered: false };
}

/** Creates the instruction that loads `size` bytes at an offset, relative to X if the place has a base. */
export function loadInstruction({ base, at }: RelativeOffset, size: number): FilterInstruction {
  return instruction(BPF_LD | SIZES[size]! | (base === undefined ? BPF_ABS : BPF_IND), at);
}

/** Creates a load of `size` bytes, of which only the bits in the mask are kept. */
export function loadAt(place: RelativeOffset, size: number, mask = 0xffffffff): Load {
  const instructions = [loadInstruction(place, size)];
  const all = size === 4 ? 0xffffffff : 2 ** (8 * size) - 1;
  if ((mask & all) >>> 0 !== all) instructions.push(instruction(BPF_ALU | BPF_AND | BPF_K, mask));
  return loadOf(place.base, instructions);
}

/** Creates a load of a value that many parts of an expression test. */
export function remembered(place: RelativeOffset, size: number, mask?: number): Load {
  return { ...loadAt(place, size, mask), remembered: true };
}

/** Returns the place `more` bytes further on. */
export function further(place: RelativeOffset, more: number): RelativeOffset {
  return { base: place.base, at: place.at + more };
}

/** Creates the base that loads the length of the IPv4 header at a constant offset into X. */
export function headerLength(at: number): Base {
  return baseOf([instruction(BPF_LDX | BPF_B | BPF_MSH, at)], true);
}

/** Loads the length on the wire. */
export const LENGTH: Load = loadOf(undefined, [instruction(BPF_LD | BPF_W | BPF_LEN, 0)]);

/** Creates a load of ancillary data: one of the SKF_AD_ numbers. */
export function ancillaryLoad(offset: number, size: number, mask?: number): Load {
  return loadAt({ at: SKF_AD_OFF + offset }, size, mask);
}

/** Loads 1 if the kernel removed a VLAN tag from the packet. */
export const TAG_TAKEN: Load = { ...ancillaryLoad(SKF_AD_VLAN_TAG_PRESENT, 1), remembered: true };
