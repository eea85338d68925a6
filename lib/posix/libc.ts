/** Which C library this process runs with: the binaries of the package are built for one each. */
import { readFileSync } from 'node:fs';
import process from 'node:process';

export type Libc = 'glibc' | 'musl';

/** What a list of loaded libraries says. The loader of musl is its C library; a compatibility layer may stand beside it. */
function among(libraries: string): Libc | undefined {
  if (/\/(ld-musl-|libc\.musl-)/.test(libraries)) return 'musl';
  return /\/(ld-linux|libc\.so\.6|libc-2\.)/.test(libraries) ? 'glibc' : undefined;
}

/** From Node's own report, which reads no file: under the permission model, or without /proc. */
function reported(): Libc | undefined {
  const report = process.report as typeof process.report & { excludeNetwork: boolean };
  const { excludeNetwork } = report;
  report.excludeNetwork = true; // Otherwise it looks up the names of all peers.
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
 * The C library of this process, or undefined when nothing tells. The program file is not asked: it may have been replaced
 * while it runs, and need not be readable.
 */
export function libc(): Libc | undefined {
  for (const ask of [() => among(readFileSync('/proc/self/maps', 'latin1')), reported]) {
    try {
      const answer = ask();
      if (answer !== undefined) return answer;
    } catch {
      // The next one may know.
    }
  }
  return undefined;
}
