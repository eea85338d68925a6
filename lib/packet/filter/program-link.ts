/** Remembers the link type for which a program was compiled, as long as the program is the same array. */
import type { FilterInstruction, FilterProgram } from '../../posix/filter.ts';

const linktypes = new WeakMap<object, number>();

/** Remembers the link type of a program that this library compiled. */
export function compiledFor(program: FilterInstruction[], linktype: number): FilterInstruction[] {
  linktypes.set(program, linktype);
  return program;
}

/** Returns the link type for which a program was compiled, or undefined if this library did not compile it. */
export function linktypeOfProgram(program: FilterProgram): number | undefined {
  return typeof program === 'string' ? undefined : linktypes.get(program);
}
