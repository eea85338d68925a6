/** One listener for all that waits with the same AbortSignal, removed when the last wait is over. */

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

/** Ends `member` when the signal fires, unless `unlisten` comes before. */
export function listen(signal: AbortSignal, member: Abortable): void {
  let group = groups.get(signal);
  if (group === undefined) {
    const members = new Set<Abortable>();
    const listener = () => {
      groups.delete(signal);
      const all = [...members];
      members.clear();
      for (const one of all) one.abort(signal);
    };
    group = { members, listener };
    signal.addEventListener('abort', listener, { once: true });
    groups.set(signal, group);
  }
  group.members.add(member);
}

export function unlisten(signal: AbortSignal, member: Abortable): void {
  const group = groups.get(signal);
  if (group === undefined) return;
  group.members.delete(member);
  if (group.members.size > 0) return;
  groups.delete(signal);
  signal.removeEventListener('abort', group.listener);
}
