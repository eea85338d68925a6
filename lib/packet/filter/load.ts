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

/** Instructions that put into X what offsets count from. */
export interface Base {
  /** The same for bases of the same value. */
  key: string;
  instructions: readonly FilterInstruction[];
  /** Whether A is as before. */
  keepsA: boolean;
}

/** How a value comes into A. */
export interface Load {
  /** The same for loads of the same value. */
  key: string;
  /** What X must hold first. */
  base: Base | undefined;
  instructions: readonly FilterInstruction[];
  /** Whether X is afterwards what the base made it, or as before where there is none. */
  keepsX: boolean;
  /** Whether its value is remembered on all ways behind a comparison: of what many parts ask for, with few values. */
  remembered: boolean;
}

/** An offset in a packet: from its beginning, or from a base. */
export interface Place {
  base?: Base | undefined;
  at: number;
}

/** An instruction that does not jump on a condition. */
export function instruction(code: number, k: number): FilterInstruction {
  return { code, jt: 0, jf: 0, k: k >>> 0 };
}

const SIZES: { readonly [bytes: number]: number } = { 1: BPF_B, 2: BPF_H, 4: BPF_W };
const keyOf = (instructions: readonly FilterInstruction[]) => instructions.map(({ code, k }) => `${code}:${k}`).join();

/** A base from its instructions. */
export function baseOf(instructions: readonly FilterInstruction[], keepsA = false): Base {
  return { key: keyOf(instructions), instructions, keepsA };
}

/** A load from its instructions, with X as they need it. */
export function loadOf(base: Base | undefined, instructions: readonly FilterInstruction[], keepsX = true): Load {
  const key = base === undefined ? keyOf(instructions) : `${base.key};${keyOf(instructions)}`;
  return { key, base, instructions, keepsX, remembered: false };
}

/** The instruction that loads `size` bytes at an offset; from X if the place has a base. */
export function loadInstruction({ base, at }: Place, size: number): FilterInstruction {
  return instruction(BPF_LD | SIZES[size]! | (base === undefined ? BPF_ABS : BPF_IND), at);
}

/** A load of `size` bytes, of which only the bits of the mask are kept. */
export function loadAt(place: Place, size: number, mask = 0xffffffff): Load {
  const instructions = [loadInstruction(place, size)];
  const all = size === 4 ? 0xffffffff : 2 ** (8 * size) - 1;
  if ((mask & all) >>> 0 !== all) instructions.push(instruction(BPF_ALU | BPF_AND | BPF_K, mask));
  return loadOf(place.base, instructions);
}

/** A load of what the parts of an expression ask for again and again. */
export function remembered(place: Place, size: number, mask?: number): Load {
  return { ...loadAt(place, size, mask), remembered: true };
}

/** The place `more` bytes further. */
export function further(place: Place, more: number): Place {
  return { base: place.base, at: place.at + more };
}

/** X as the length of the header of IPv4 at an offset that is a number. */
export function headerLength(at: number): Base {
  return baseOf([instruction(BPF_LDX | BPF_B | BPF_MSH, at)], true);
}

/** The length on the wire. */
export const LENGTH: Load = loadOf(undefined, [instruction(BPF_LD | BPF_W | BPF_LEN, 0)]);

/** A load of what the kernel knows of a packet: one of the SKF_AD_ numbers. */
export function ancillaryLoad(offset: number, size: number, mask?: number): Load {
  return loadAt({ at: SKF_AD_OFF + offset }, size, mask);
}

/** 1 when the kernel took a VLAN tag out of the packet. */
export const TAG_TAKEN: Load = { ...ancillaryLoad(SKF_AD_VLAN_TAG_PRESENT, 1), remembered: true };
