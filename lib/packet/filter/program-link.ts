/** Which link type a program was compiled for, as long as the program is the same array. */
import type { FilterInstruction, FilterProgram } from '../../posix/filter.ts';

const linktypes = new WeakMap<object, number>();

/** Remembers the link type of a program that was compiled here. */
export function compiledFor(program: FilterInstruction[], linktype: number): FilterInstruction[] {
  linktypes.set(program, linktype);
  return program;
}

/** The link type that a program was compiled for; undefined for one that was not compiled here. */
export function linktypeOfProgram(program: FilterProgram): number | undefined {
  return typeof program === 'string' ? undefined : linktypes.get(program);
}
