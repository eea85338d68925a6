/** When data is sent immediately, before an operation is created. */
import { isUint8Array } from '../../argument/kind.ts';
import { isSpent } from '../../loop/budget.ts';
import { NONE, type WaitOptions } from '../../loop/options.ts';
import { type Readiness, WRITE } from '../../loop/readiness.ts';
import { EAGAIN, EINPROGRESS, EINTR } from '../../native/constants.ts';
import type { Bytes } from '../../native/native.ts';
import { isErrnoResult } from '../../struct/errno.ts';

/** Returns whether data may be sent immediately, without an operation: nothing waits before it, and the turn is not over. */
export function maySendNow(
  state: Readiness,
  data: Bytes | string,
  flags: number,
  options: WaitOptions,
): data is Uint8Array {
  if (options !== NONE || flags !== 0 || !isUint8Array(data)) return false;
  return !state.isBusy(WRITE) && !isSpent(state);
}

/** Returns whether a call must be made again by an operation: it has to wait, or its arguments were refused. */
export function isUnfinished(n: number): boolean {
  return n === -EAGAIN || n === -EINTR || n === -EINPROGRESS || !isErrnoResult(n);
}
