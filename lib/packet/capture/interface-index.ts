/** The option that selects an interface by name or index. */
import { invalidType } from '../../argument/argument-error.ts';
import { int32 } from '../../argument/number.ts';
import { if_nametoindex } from '../../posix/interface.ts';

/** Returns the index of an interface that is given by its name or its index. */
export function interfaceIndex(given: unknown): number {
  if (typeof given === 'string') return if_nametoindex(given);
  if (typeof given !== 'number') throw invalidType('options.interface', 'a string or a number');
  return int32(given, 'options.interface');
}
