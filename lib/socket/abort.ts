/** One listener for all that waits with the same AbortSignal, removed when the last wait is over. */
import { aside } from './errors.ts';

/** What is ended by a signal. */
export interface Abortable {
  /** The signal fired. It does not throw. */
  abort(signal: AbortSignal): void;
}

interface Group {
  readonly members: Set<Abortable>;
  readonly listener: () => void;
}

const groups = new WeakMap<AbortSignal, Group>();

/** Ends `member` when the signal fires, unless `unlisten` comes before. A signal that fires while it is listened to ends it at once. */
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

export function unlisten(signal: AbortSignal, member: Abortable): void {
  const group = groups.get(signal);
  if (group === undefined) return;
  group.members.delete(member);
  if (group.members.size > 0) return;
  groups.delete(signal);
  aside(() => signal.removeEventListener('abort', group.listener)); // who was waited for is not told of its errors
}
