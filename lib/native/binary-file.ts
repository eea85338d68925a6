/** Examines the file of a binary before dlopen(3), which blocks on a FIFO and is killed by SIGBUS on a file that was cut. */
import { Buffer } from 'node:buffer';
import { closeSync, openSync, readSync, statSync } from 'node:fs';

const PT_LOAD = 1;

/** Returns the size that the file of an addon needs: the end of its last segment. Returns 0 for another kind of file. */
function neededSize(path: string): number {
  const fd = openSync(path, 'r');
  try {
    const header = Buffer.alloc(64);
    const length = readSync(fd, header, 0, 64, 0);
    const isElf64 = length === 64 && header.toString('latin1', 0, 6) === '\x7fELF\x02\x01';
    if (!isElf64) return 0;
    const start = Number(header.readBigUInt64LE(32));
    const [entry, count] = [header.readUInt16LE(54), header.readUInt16LE(56)];
    const table = Buffer.alloc(entry * count);
    if (entry < 56 || readSync(fd, table, 0, table.length, start) < table.length) return start + table.length;
    let end = 0;
    for (let at = 0; at < table.length; at += entry) {
      if (table.readUInt32LE(at) !== PT_LOAD) continue;
      end = Math.max(end, Number(table.readBigUInt64LE(at + 8) + table.readBigUInt64LE(at + 32)));
    }
    return end;
  } finally {
    closeSync(fd);
  }
}

/** Throws if the file is no regular file, or shorter than its header says. The error has the property `help`. */
export function examine(path: string): void {
  let fault: { reason: string; help: string } | undefined;
  try {
    const stat = statSync(path);
    if (!stat.isFile()) {
      fault = { reason: 'it is not a regular file', help: 'Name the file of the binary, not its folder.' };
    } else if (stat.size < neededSize(path)) {
      const help = 'The file is incomplete: a download or a copy was interrupted. Install the package again.';
      fault = { reason: `it ends after ${stat.size} bytes`, help };
    }
  } catch {
    // A file that may not be read may still be loaded: the permission model restricts only the reading.
  }
  if (fault !== undefined) throw Object.assign(new Error(fault.reason), { help: fault.help });
}
