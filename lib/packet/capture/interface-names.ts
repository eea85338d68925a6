/** Names of interfaces by their indexes, kept for those that go away. */
import { isErrno } from '../../posix/errno.ts';
import { if_indextoname } from '../../posix/interface.ts';

/** What interfaces are called. A name is looked up once; one that is changed later stays as it was. */
export class InterfaceNames {
  readonly #names = new Map<number, string | undefined>();

  /** @param first An interface whose name is looked up now; 0 for none. */
  constructor(first: number) {
    if (first > 0) this.of(first);
  }

  /** The name of an interface; undefined of one that there is not. */
  of(ifindex: number): string | undefined {
    if (!this.#names.has(ifindex)) this.#names.set(ifindex, look(ifindex));
    return this.#names.get(ifindex);
  }
}

function look(ifindex: number): string | undefined {
  try {
    return if_indextoname(ifindex);
  } catch (error) {
    if (isErrno(error, 'ENXIO', 'ENODEV')) return undefined;
    throw error;
  }
}
