/** What the operations share that receive data with one call, and the reuse of such an operation. */
import { READ, type Readiness } from '../../loop/readiness.ts';
import { Operation, type Owner, patienceFor } from './operation.ts';

/** The owner of a finished operation, so that it refers to no Socket of the program. */
const NO_OWNER: Owner = { fd: -1, family: -1, type: -1 };

/** An operation that receives at most `size` bytes with one call. Without flags, it can be used again when it has finished. */
export abstract class Reading<T> extends Operation<T> {
  readonly flags: number;
  size: number;

  constructor(owner: Owner, state: Readiness, size: number, flags: number) {
    super(owner, state, READ, patienceFor(flags, size));
    this.size = size;
    this.flags = flags;
  }

  /** Drops all references to memory of the program. */
  protected abstract forget(): void;

  override retire(): void {
    if (this.flags !== 0 || !this.isForgotten) return;
    this.forget();
    this.owner = NO_OWNER; // so that the Socket can be garbage-collected
    this.state.spare = this;
  }
}

type Constructor<Kind> = new (owner: Owner, state: Readiness, size: number, flags: number) => Kind;

/**
 * Returns an operation of a class: the last finished one on this file descriptor, to be used again, or a new one. Creating
 * a new one costs more than the rest of a waiting read.
 */
export function reuseOrCreate<Kind extends Reading<unknown>>(
  kind: Constructor<Kind>,
  owner: Owner,
  state: Readiness,
  size: number,
  flags: number,
): Kind {
  const { spare } = state;
  if (flags !== 0 || !(spare instanceof kind)) return new kind(owner, state, size, flags);
  state.spare = undefined;
  spare.owner = owner;
  spare.size = size;
  spare.patience = patienceFor(0, size);
  return spare;
}
