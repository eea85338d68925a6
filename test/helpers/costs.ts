/** System calls of the event loop, counted by strace in test/helpers/costs-program.js. */
import { join } from 'node:path';
import { traced } from './strace.ts';

/** System calls of one part of the program. */
export interface Costs {
  /** The number of calls, by their names. epoll_ctl counts only those of the library. */
  readonly count: (name: string) => number;
  /** The number of calls from one turn of the event loop to the next, by their names. */
  readonly perTurn: (name: string) => number[];
  /** The number of requests that were answered. */
  readonly echoes: number;
}

const nameOf = (line: string) => line.slice(0, line.indexOf('('));

function costs(part: string, lines: readonly string[], sets: ReadonlySet<string>): Costs {
  const ours = lines.filter((line) => {
    const set = /^epoll_ctl\((\d+),/.exec(line);
    return set === null || sets.has(set[1]!);
  });
  const [kind, width] = part.split('=') as [string, string];
  return {
    count: (name) => ours.filter((line) => nameOf(line) === name).length,
    perTurn(name) {
      const turns = [0];
      for (const line of ours) {
        if (nameOf(line) === 'epoll_pwait') turns.push(0);
        else if (nameOf(line) === name) turns.push(turns.pop()! + 1);
      }
      return turns;
    },
    echoes: kind === 'echo' ? Math.max(2, Math.ceil(100 / Number(width))) * Number(width) : 0,
  };
}

/** Runs the parts (`echo=64`) in one program. */
export function costsOf(...parts: string[]): Map<string, Costs> {
  const calls = traced(process.execPath, join(import.meta.dirname, 'costs-program.js'), ...parts);
  // The event loop of Node calls epoll_pwait on its own set, and the library epoll_wait on the set within it.
  const all = [...calls.values()].flat();
  const sets = new Set(all.flatMap((line) => /^epoll_wait\((\d+),/.exec(line)?.[1] ?? []));
  return new Map([...calls].map(([part, lines]) => [part, costs(part, lines, sets)]));
}
