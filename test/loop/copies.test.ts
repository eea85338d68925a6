/** Test runners evaluate modules again: each copy of the library waits on its own, and all copies know the owner of a file descriptor. */
import { expect, test } from 'vitest';
import { need, node } from '../helpers/need.ts';
import { output } from '../helpers/scripts.ts';

const dist = new URL('../../dist/', import.meta.url);

test('every wait works in each of two copies of the package, and across them', async () => {
  const script = `
    import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
    import { createRequire } from 'node:module';
    import { tmpdir } from 'node:os';
    import { join } from 'node:path';
    const home = mkdtempSync(join(tmpdir(), 'copies-'));
    process.on('exit', () => rmSync(home, { recursive: true, force: true }));
    cpSync(new URL('${dist.href}'), join(home, 'dist'), { recursive: true });
    for (const name of ['build', 'package.json']) symlinkSync(new URL('../' + name, '${dist.href}').pathname, join(home, name));
    const other = await import(join(home, 'dist/index.js'));
    console.log(other.Socket !== s.Socket);
    for (const [one, two] of [[s, other], [other, s]]) {
      const [a, b] = one.Socket.pair();
      const mine = b.recv().then(String);
      const theirs = two.readable(b.fd).then(() => 'readable');
      let heard = 0;
      const watch = two.onReadable(b.fd, () => { heard++; watch.stop(); });
      a.sendSync('x');
      console.log(await mine, heard > 0 || (await sleep(5), heard), await Promise.race([theirs, sleep(50, 'waits')]));
      a.sendSync('y');
      await theirs;
      a.close();
      b.close();
    }
    process.exit();`;
  const lines = (await output(script)).split('\n');
  expect(lines[0]).toBe('true');
  expect(lines.slice(1).map((line) => line.split(' ')[0])).toEqual(['x', 'x']);
});

test('a file descriptor has one Socket among all copies, and only that one closes it', async () => {
  const script = `
    const { cpSync, mkdtempSync, rmSync, symlinkSync } = await import('node:fs');
    const { tmpdir } = await import('node:os');
    const { join } = await import('node:path');
    const home = mkdtempSync(join(tmpdir(), 'copies-'));
    process.on('exit', () => rmSync(home, { recursive: true, force: true }));
    cpSync(new URL('${dist.href}'), join(home, 'dist'), { recursive: true });
    for (const name of ['build', 'package.json']) symlinkSync(new URL('../' + name, '${dist.href}').pathname, join(home, name));
    const two = await import(join(home, 'dist/index.js'));
    const kept = (globalThis.kept = two.Socket.pair()); // collecting it without closing it would emit a warning
    const refused = (copy, fd) => {
      try {
        kept.push(copy.Socket.fromFd(fd));
        return 'taken';
      } catch ({ code, message }) {
        return code + ' ' + message;
      }
    };
    const [a, b] = s.Socket.pair();
    console.log(two.Socket === s.Socket);
    console.log(refused(two, a.fd));
    console.log(refused(s, kept[0].fd));
    two.close(a.fd); // by its number: it has no owner now
    try {
      a.close();
    } catch ({ code }) {
      console.log(code);
    }
    const fd = b.detach();
    console.log(refused(two, fd));`;
  const refusal = 'ERR_INVALID_ARG_VALUE The "fd" argument must be a file descriptor that no other Socket owns';
  const lines = (await output(script)).split('\n');
  expect(lines).toEqual(['false', refusal, refusal, 'EBADF', 'taken']);
});

test('a copy that is dropped releases its file descriptors', async (context) => {
  need(context, node);
  const script = `
    import { createRequire } from 'node:module';
    import { binary } from '${dist.href}native/native.js';
    const native = createRequire(import.meta.url)(binary);
    const fds = () => readdirSync('/proc/self/fd').length;
    const start = () => {
      const list = new Int32Array(new SharedArrayBuffer(1200));
      return native.reactorStart(list, () => list);
    };
    const ids = [start(), start()];
    const before = fds();
    for (let i = 0; i < 20; i++) start();
    const most = fds() - before;
    for (let i = 0; i < 20; i++) { gc(); await sleep(1); }
    console.log(ids.join(), most >= 20, fds() <= before);
    await s.Socket.pair()[0].writable();
    console.log(native.reactorRef(1, 999) < -4096, native.reactorControl(1, 0, 0, 0, -1) < -4096, native.reactorRenew(7.5) < -4096);`;
  expect(await output(script, ['--expose-gc', '--no-warnings'])).toBe('0,1 true true\ntrue true true');
});
