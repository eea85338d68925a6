/** Finds out which C library this process uses. Each binary of the package is built for one of them. */
import { readFileSync } from 'node:fs';
import process from 'node:process';

export type Libc = 'glibc' | 'musl';

/** Returns the C library in a list of loaded libraries. musl is checked first because a glibc compatibility layer may be loaded with it. */
function among(libraries: string): Libc | undefined {
  if (/\/(ld-musl-|libc\.musl-)/.test(libraries)) return 'musl';
  return /\/(ld-linux|libc\.so\.6|libc-2\.)/.test(libraries) ? 'glibc' : undefined;
}

/** Returns the C library according to Node's report. It reads no file, so it also works with the permission model or without /proc. */
function reported(): Libc | undefined {
  const report = process.report as typeof process.report & { excludeNetwork: boolean };
  const { excludeNetwork } = report;
  report.excludeNetwork = true; // Otherwise, the report looks up the names of all peers.
  try {
    const { header, sharedObjects } = report.getReport() as unknown as {
      header: { glibcVersionRuntime?: string };
      sharedObjects?: string[];
    };
    return header.glibcVersionRuntime === undefined ? among(sharedObjects?.join('\n') ?? '') : 'glibc';
  } finally {
    report.excludeNetwork = excludeNetwork;
  }
}

/**
 * Returns the C library of this process, or undefined if it is unknown. The executable file is not examined, because it may
 * have been replaced while it runs, and it may not be readable.
 */
export function libc(): Libc | undefined {
  for (const ask of [() => among(readFileSync('/proc/self/maps', 'latin1')), reported]) {
    try {
      const answer = ask();
      if (answer !== undefined) return answer;
    } catch {
      // The next source may have the answer.
    }
  }
  return undefined;
}
