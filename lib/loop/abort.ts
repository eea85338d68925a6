/** One listener for all waits with the same AbortSignal. It is removed when the last of them ends. */
import { reportUncaught } from './errors.ts';

/** An object that a signal can end. */
export interface Abortable {
  /** Called when the signal is aborted. It does not throw. */
  abort(signal: AbortSignal): void;
}

interface Group {
  readonly members: Set<Abortable>;
  readonly listener: () => void;
}

const groups = new WeakMap<AbortSignal, Group>();

/**
 * Ends `member` when the signal is aborted, unless `unlisten` is called before. If the signal is aborted while the
 * listener is added, `member` ends immediately.
 */
export function listen(signal: AbortSignal, member: Abortable): void {
  const known = groups.get(signal);
  if (known !== undefined) {
    known.members.add(member);
    return;
  }
  const members = new Set([member]);
  const listener = () => {
    if (groups.get(signal)?.members === members) groups.delete(signal);
    const all = [...members];
    members.clear();
    for (const one of all) one.abort(signal);
  };
  signal.addEventListener('abort', listener, { once: true });
  if (members.size > 0) groups.set(signal, { members, listener });
}

/** Removes `member` from those that the signal ends. */
export function unlisten(signal: AbortSignal, member: Abortable): void {
  const group = groups.get(signal);
  if (group === undefined) return;
  group.members.delete(member);
  if (group.members.size > 0) return;
  groups.delete(signal);
  reportUncaught(() => signal.removeEventListener('abort', group.listener)); // its errors must not affect the wait that ended
}
