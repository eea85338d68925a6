#!/usr/bin/env node
// @ts-check
// Passes an open file to another process over AF_UNIX, by a path and by an abstract name: sendmsg, recvmsg, SCM_RIGHTS.
//   node examples/unix-fd-passing.js [file]
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as s from 'sys-socket';

/**
 * Returns the address of a name, where '@name' means the abstract name '\0name', as in ss(8).
 * @param {string} name @returns {s.UnixAddress}
 */
const unix = (name) => ({ family: s.AF_UNIX, path: name.replace(/^@/, '\0') });

/** Runs in the receiving process: receives the file descriptor and reads from it. @param {string} name */
function receive(name) {
  const fd = s.socket(s.AF_UNIX, s.SOCK_STREAM);
  s.connect(fd, unix(name));
  const data = Buffer.alloc(256);
  const { length: bytes, control } = s.recvmsg(fd, { buffers: [data], controlLength: s.CMSG_SPACE(4) });
  const [file] = control.find((message) => s.isControl(message, s.SOL_SOCKET, s.SCM_RIGHTS))?.fds ?? [];
  if (file === undefined) throw new Error('no descriptor came with the data');
  const content = Buffer.alloc(60);
  const n = s.read(file, content); // this process never opened the file
  console.log(`  receiver: got "${data.toString('utf8', 0, bytes)}" and descriptor ${file}, which reads`);
  console.log(`  receiver: ${JSON.stringify(content.toString('utf8', 0, n))}`);
  s.close(file);
  s.close(fd);
}

/** Runs in the sending process: opens the file and passes it. @param {string} name @param {string} path */
async function send(name, path) {
  const file = openSync(path, 'r');
  const listener = s.socket(s.AF_UNIX, s.SOCK_STREAM);
  s.setsockopt(listener, s.SOL_SOCKET, s.SO_RCVTIMEO, new BigInt64Array([10n, 0n])); // accept blocks for at most 10 s
  s.bind(listener, unix(name));
  s.listen(listener);
  const receiver = spawn(process.execPath, [import.meta.filename, '--receive', name], { stdio: 'inherit' });
  const { fd } = s.accept(listener);
  console.log(`sender: passes descriptor ${file} (${path}) over ${name}`);
  s.sendmsg(fd, { buffers: ['a file'], control: [{ level: s.SOL_SOCKET, type: s.SCM_RIGHTS, fds: [file] }] });
  closeSync(file); // the receiver has its own descriptor
  s.close(fd);
  s.close(listener);
  const [code] = await once(receiver, 'exit');
  if (code !== 0) throw new Error(`the receiver failed with exit code ${code}`);
}

const [first = import.meta.filename, name, ...rest] = process.argv.slice(2);
const receiving = first === '--receive' && name !== undefined && rest.length === 0;
if (!receiving && (first.startsWith('-') || name !== undefined)) {
  console.error('Usage: unix-fd-passing.js [file]');
  process.exit(2);
}
try {
  if (receiving) {
    receive(name);
  } else {
    const folder = mkdtempSync(join(tmpdir(), 'sys-socket-'));
    try {
      await send(join(folder, 'socket'), first); // the path exists until it is removed
      await send(`@sys-socket-${process.pid}`, first); // an abstract name disappears with its socket
    } finally {
      rmSync(folder, { recursive: true });
    }
  }
} catch (error) {
  console.error(/** @type {Error} */ (error).message);
  process.exitCode = 1;
}
