/** Looks up the names of interfaces by their indexes and remembers them for interfaces that are removed. */

import { if_indextoname } from '../../posix/interface.ts';
import { isErrno } from '../../struct/errno.ts';

/** A cache of interface names. Each name is looked up once; a later change of the name is not noticed. */
export class InterfaceNames {
  readonly #names = new Map<number, string | undefined>();

  /** @param first The index of an interface whose name is looked up at once, or 0 for none. */
  constructor(first: number) {
    if (first > 0) this.of(first);
  }

  /** Returns the name of an interface, or undefined if there is no such interface. */
  of(ifindex: number): string | undefined {
    if (!this.#names.has(ifindex)) this.#names.set(ifindex, look(ifindex));
    return this.#names.get(ifindex);
  }
}

function look(ifindex: number): string | undefined {
  try {
    return if_indextoname(ifindex >>> 0);
  } catch (error) {
    if (isErrno(error, 'ENXIO', 'ENODEV')) return undefined;
    throw error;
  }
}
