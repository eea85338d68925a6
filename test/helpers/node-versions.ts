/** One Node of each supported release line, as scripts/fetch-nodes.sh installs them. */
import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Need } from './need.ts';

/** The release lines that the package supports. */
export const MAJORS = [20, 22, 24, 26] as const;

const folders =
  process.env.SYS_SOCKET_NODES !== undefined
    ? [process.env.SYS_SOCKET_NODES]
    : [process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), '/var/cache'].map((cache) =>
        join(cache, 'sys-socket', 'nodes'),
      );

/** Returns the path of the newest installed Node of this line. */
export function nodeOf(major: number): string | undefined {
  for (const folder of folders) {
    let versions: string[];
    try {
      versions = readdirSync(folder).filter((name) => name.startsWith(`${major}.`));
    } catch {
      continue; // missing, or not accessible to this user
    }
    const newest = versions.sort((a, b) => a.localeCompare(b, 'en', { numeric: true })).at(-1);
    const path = newest && join(folder, newest, 'bin', 'node');
    if (path && existsSync(path)) return path;
  }
  return undefined;
}

/** Requires a Node of this line. */
export function nodeLine(major: number): Need {
  return () => {
    // The addon of this run needs the preloaded runtime, which only the Node of this run has.
    if (process.env.SANITIZED_NODE !== undefined) return 'other versions of Node do not run under the sanitizer';
    return nodeOf(major) === undefined ? `no Node ${major}: scripts/fetch-nodes.sh was not run` : undefined;
  };
}
