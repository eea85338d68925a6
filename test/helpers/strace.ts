/** What a program really asks of the kernel: its system calls under strace, between marks that it writes itself. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { folder } from './world.ts';

/** What V8 and libuv do between any two lines: memory, and waking the own event loop by its eventfd. */
const ENGINE = /^(mmap\(|write\(\d+, "\\1\\0\\0\\0\\0\\0\\0\\0", 8\) )/;

const UNFINISHED = ' <unfinished ...>';

/** What no two runs share: numbers of new descriptors, addresses in memory. */
function comparable(line: string): string {
  return line.replaceAll(/0x[0-9a-f]{6,}/g, 'POINTER').replaceAll(/inode=\d+/g, 'inode=N');
}

/**
 * Runs a program in a new folder and gives the system calls of its first thread by mark. The program writes `<name>` to
 * its standard output before each part and `<>` after it.
 */
export function traced(command: string, ...args: string[]): Map<string, string[]> {
  const cwd = folder();
  const file = join(cwd, 'trace');
  // -s: whole strings. Descriptors, network, read and write: what a socket call could be made of.
  const options = ['-f', '-s', '200', '-e', 'trace=%network,%desc,read,write', '-o', file];
  const ran = spawnSync('strace', [...options, command, ...args], { cwd, encoding: 'utf8' });
  if (ran.status !== 0) throw new Error(`${basename(command)} under strace: ${ran.stderr}`);

  const calls = new Map<string, string[]>();
  let main: string | undefined;
  let lines: string[] | undefined;
  let begun = '';
  for (const row of readFileSync(file, 'utf8').split('\n')) {
    const match = /^(\d+) +(.*)$/.exec(row);
    if (match === null) continue;
    const [, thread, part] = match as unknown as [string, string, string];
    main ??= thread;
    if (thread !== main) continue;
    // A call during which another thread made one stands in two lines.
    if (part.endsWith(UNFINISHED)) {
      begun = part.slice(0, -UNFINISHED.length);
      continue;
    }
    const text = part.replace(/^<\.\.\. \w+ resumed>/, () => begun);
    const mark = /^write\(1, "<(.*)>\\n", \d+\) += \d+$/.exec(text);
    if (mark === null) {
      if (ENGINE.test(text)) continue;
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
