/** The system calls that a program really makes, as strace shows them, between marks that the program writes. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { folder } from './fixtures.ts';

/** Calls that V8 and libuv make between any two lines: memory, and waking their own event loop by its eventfd. */
const ENGINE = /^(mmap\(|write\(\d+, "\\1\\0\\0\\0\\0\\0\\0\\0", 8\) )/;

/** The allocator of the C library asks once whether memory may be overcommitted, when it frees a part of its heap. */
const ALLOCATOR = /^openat\(AT_FDCWD, "\/proc\/sys\/vm\/overcommit_memory", .*\) = (\d+)$/;

const UNFINISHED = ' <unfinished ...>';

/** What differs in every run: numbers of new file descriptors, addresses in memory. */
function comparable(line: string): string {
  return line.replaceAll(/0x[0-9a-f]{6,}/g, 'POINTER').replaceAll(/inode=\d+/g, 'inode=N');
}

/**
 * Runs a program in a new directory and returns the system calls of its main thread by mark. The program writes `<name>` to
 * its standard output before each part and `<>` after it.
 */
export function traced(command: string, ...args: string[]): Map<string, string[]> {
  const cwd = folder();
  const file = join(cwd, 'trace');
  // -s prints whole strings. File descriptors, network, read and write: the calls that could implement a socket call.
  const options = ['-f', '-s', '200', '-e', 'trace=%network,%desc,read,write', '-o', file];
  const ran = spawnSync('strace', [...options, command, ...args], { cwd, encoding: 'utf8' });
  if (ran.status !== 0) throw new Error(`${basename(command)} under strace: ${ran.stderr}`);

  const calls = new Map<string, string[]>();
  let main: string | undefined;
  let lines: string[] | undefined;
  let begun = '';
  let overcommit: string | undefined;
  for (const row of readFileSync(file, 'utf8').split('\n')) {
    const match = /^(\d+) +(.*)$/.exec(row);
    if (match === null) continue;
    const [, thread, part] = match as unknown as [string, string, string];
    main ??= thread;
    if (thread !== main) continue;
    // A call that was interrupted by a call of another thread is printed on two lines.
    if (part.endsWith(UNFINISHED)) {
      begun = part.slice(0, -UNFINISHED.length);
      continue;
    }
    const text = part.replace(/^<\.\.\. \w+ resumed>/, () => begun);
    const mark = /^write\(1, "<(.*)>\\n", \d+\) += \d+$/.exec(text);
    if (mark === null) {
      if (ENGINE.test(text)) continue;
      overcommit ??= ALLOCATOR.exec(text)?.[1];
      if (overcommit !== undefined) {
        if (text.startsWith(`close(${overcommit})`)) overcommit = undefined;
        continue;
      }
      lines?.push(comparable(text));
    } else if (mark[1] === '') {
      lines = undefined;
    } else {
      lines = [];
      calls.set(mark[1]!, lines);
    }
  }
  return calls;
}
