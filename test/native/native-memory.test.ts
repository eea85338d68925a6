// The native part, called as no program should: a program that gets hold of its functions and of the memory that it
// writes cannot make it write into freed memory.
import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { EBADF } from '../../lib/native/constants.ts';
import { binary } from '../../lib/native/native.ts';
import { HANGING } from '../helpers/limits.ts';
import { need, node } from '../helpers/need.ts';

/** Runs a program with `native`, the exports of the binary, in its own process; returns what it prints. */
function run(program: string): string {
  const script = `
    import { createRequire } from 'node:module';
    import { constants } from 'node:os';
    import { Worker } from 'node:worker_threads';
    const require = createRequire('/');
    const path = ${JSON.stringify(binary)};
    const native = require(path);
    const { out } = native;
    const attempt = (call) => { try { return call(); } catch (error) { return error.name; } };
    const junk = [];
    const reuse = () => { // fresh memory in the place of what was freed
      for (let i = 0; i < 1000; i++) junk.push(new Uint8Array(new ArrayBuffer(64)));
      globalThis.gc?.();
    };
    const clean = () => junk.every((one) => one.every((byte) => byte === 0));
    ${program}`;
  const child = spawnSync(process.execPath, ['--expose-gc', '--input-type=module', '-e', script], {
    encoding: 'utf8',
    timeout: HANGING,
  });
  expect({ status: child.status, signal: child.signal, stderr: child.stderr }).toEqual({
    status: 0,
    signal: null,
    stderr: '',
  });
  return child.stdout.trim();
}

test('the memory of results cannot be detached', (context) => {
  need(context, node);
  const printed = run(`
    const { buffer } = out;
    for (const call of [
      () => structuredClone(buffer, { transfer: [buffer] }),
      () => buffer.transfer(),
      () => buffer.resize(0),
    ]) attempt(call);
    globalThis.gc();
    reuse();
    native.socketpair(1, 1, 0);
    console.log(out.length, out[0] > 2, out[1] > 2, clean());`);
  expect(printed).toBe('16 true true true');
});

test('if the program has replaced a constructor, the binary is not initialized', (context) => {
  need(context, node);
  const printed = run(`
    const load = (replace) => {
      const { SharedArrayBuffer, Int32Array } = globalThis;
      replace();
      const module = { exports: {} };
      const said = attempt(() => process.dlopen(module, path) ?? 'loaded');
      Object.assign(globalThis, { SharedArrayBuffer, Int32Array });
      return said + ' ' + Object.keys(module.exports).length;
    };
    console.log(load(() => { globalThis.SharedArrayBuffer = ArrayBuffer; }));
    console.log(load(() => { globalThis.Int32Array = Uint8Array; }));
    console.log(load(() => { globalThis.Int32Array = function () { return {}; }; }));
    console.log(load(() => { globalThis.SharedArrayBuffer = function () { throw new RangeError(); }; }));
    console.log(load(() => {}).startsWith('loaded'));`);
  expect(printed.split('\n')).toEqual(['Error 0', 'Error 0', 'Error 0', 'RangeError 0', 'true']);
});

test('a buffer that was pinned and then detached is rejected', (context) => {
  need(context, node);
  const printed = run(`
    native.socketpair(1, 2, 0);
    const [a, b] = [out[0], out[1]];
    const text = new Uint8Array(64).fill(65);
    let data = new Uint8Array(new ArrayBuffer(64));
    let name = new Uint8Array(new ArrayBuffer(64));
    native.pin(0, data);
    native.pin(1, name);
    const call = (name) => {
      out[4] = b;
      out[5] = 0x40; // MSG_DONTWAIT
      out[8] = 64;
      native[name]();
      return out[6];
    };
    native.send(a, text, 0);
    console.log(call('recvPinned'), data[63]);
    for (const buffer of [data.buffer, name.buffer]) structuredClone(buffer, { transfer: [buffer] });
    globalThis.gc();
    reuse();
    native.send(a, text, 0);
    console.log(['sendPinned', 'sendtoPinned', 'recvPinned', 'recvfromPinned'].every((name) => call(name) < -4096));
    console.log(clean(), native.recv(b, text, 0x40));`);
  expect(printed).toBe('64 65\ntrue\ntrue 64');
});

test('the ready list of the reactor is shared memory', (context) => {
  need(context, node);
  const printed = run(`
    const list = new Int32Array(300);
    console.log(native.reactorStart(list, () => {}) < -4096, native.reactorThreadStart(list, () => {}) < -4096);
    console.log(native.reactorStart(new Int32Array(new SharedArrayBuffer(1200)), () => {}));`);
  expect(printed).toBe('true true\n0');
});

test('if the initialization fails halfway, the existing exports work', (context) => {
  need(context, node);
  const printed = run(`
    for (const most of [0, 1, 2, 30, 60]) {
      let count = 0;
      const kept = {};
      const exports = new Proxy({}, {
        defineProperty(target, key, { value }) {
          if (count++ === most) throw new RangeError(String(key));
          kept[key] = value;
          return true;
        },
        set(target, key, value) {
          if (count++ === most) throw new RangeError(String(key));
          kept[key] = value;
          return true;
        },
      });
      const said = attempt(() => process.dlopen({ exports }, path));
      globalThis.gc();
      reuse();
      const results = [kept.socketpair?.(1, 1, 0), kept.close?.(kept.out?.[0] ?? -1), kept.close?.(kept.out?.[1] ?? -1)];
      console.log(said.endsWith('Error'), results.every((result) => result === undefined || result === 0));
    }`);
  expect(printed.split('\n')).toEqual(Array.from({ length: 5 }, () => 'true true'));
});

test('another thread may write the sets during select and pselect', (context) => {
  need(context, node);
  const printed = run(`
    for (const call of ['select', 'pselect']) {
      native.socketpair(1, 1, 0);
      const [a, b] = [out[0], out[1]];
      const set = new Int32Array(new SharedArrayBuffer(64)).fill(b);
      const started = new Int32Array(new SharedArrayBuffer(4));
      const worker = new Worker(\`
        const { workerData: { path, set, started, a } } = require('node:worker_threads');
        Atomics.wait(started, 0, 0);
        Atomics.wait(started, 0, 1, 50); // until the other thread waits; if it does not yet, it refuses the set
        set.set([0x7fffffff, -1, -2147483648, 0x40000000, 1024]);
        require(path).send(a, new Uint8Array(1), 0);
      \`, { eval: true, execArgv: [], workerData: { path, set, started, a } });
      await new Promise((resolve) => worker.once('online', resolve));
      Atomics.store(started, 0, 1);
      Atomics.notify(started, 0);
      const none = new Int32Array(0);
      const result = native[call](set, none, none, undefined, 0, undefined);
      console.log(result === 1 ? set.subarray(0, 6).join() === [-1, -1, -1, -1, -1, b].join() : result < -4096);
      await worker.terminate();
    }`);
  expect(printed).toBe('true\ntrue');
});

test('a ring only maps a packet socket, never a file, which may be shorter than the mapping', (context) => {
  need(context, node);
  const printed = run(`
    const { openSync } = await import('node:fs');
    const file = openSync(path);
    const socket = native.socket(1, 2, 0);
    console.log(native.ringMap(file, 4096) === -constants.errno.ENOTSOCK, native.ringMap(socket, 4096) === -constants.errno.ENODEV);
  `);
  expect(printed).toBe('true true');
});

test('a number without an open file descriptor has no owner and takes no memory', (context) => {
  need(context, node);
  const printed = run(`
    const before = process.memoryUsage.rss();
    console.log(native.hold(5_000_000), native.hold(-1), process.memoryUsage.rss() - before < 1 << 26);`);
  expect(printed).toBe(`${-EBADF} ${-EBADF} true`);
});
