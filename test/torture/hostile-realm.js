// Replaces every built-in that the library calls by one that inspects its arguments and calls the original.
//   record: notes the arguments. All results are right, and no memory that native code keeps was among them.
//   steal: detaches every ArrayBuffer that the library passes. Nothing crashes, and only errors are thrown.
//   plain: replaces nothing, for --frozen-intrinsics.
// Prints what was replaced and exits with 0.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';

const mode = process.argv[2];
const dist = new URL('../../dist/', import.meta.url);

/** The memory that native code keeps: the list of ready file descriptors, which a module creates, and the results. */
const internal = [];
const Ints = globalThis.Int32Array;
globalThis.Int32Array = new Proxy(Ints, {
  construct(target, given) {
    const ints = new target(...given);
    if (ints.length > 64) internal.push(ints.buffer);
    return ints;
  },
});
const s = await import(new URL('index.js', dist));
const nothrow = await import(new URL('nothrow.js', dist));
const promises = await import(new URL('promises.js', dist));
const packet = await import(new URL('packet/index.js', dist));
globalThis.Int32Array = Ints;
internal.push((await import(new URL('native/native.js', dist))).out.buffer);

/** The words of the library: a built-in whose name is not among them is not called. */
const words = new Set();
for (const name of readdirSync(dist, { recursive: true })) {
  if (!name.endsWith('.js')) continue;
  for (const word of readFileSync(new URL(name, dist), 'utf8').match(/\w+/g)) words.add(word);
}

// The built-ins that the replacements use are saved before anything is replaced.
const apply = Reflect.apply;
const isView = ArrayBuffer.isView;
const clone = structuredClone;
const getter = (prototype, name) => Object.getOwnPropertyDescriptor(prototype, name).get;
const typed = Object.getPrototypeOf(Uint8Array.prototype);
const bufferOfTyped = getter(typed, 'buffer');
const tagOf = getter(typed, Symbol.toStringTag);
const bufferOfView = getter(DataView.prototype, 'buffer');
const byteLength = getter(ArrayBuffer.prototype, 'byteLength');
const { indexOf, includes, slice } = String.prototype;
if (mode === 'steal') Error.stackTraceLimit = 5;
let stolen = 0;
const seen = [];
let busy = false;
let on = false;

function bufferOf(value) {
  if (typeof value !== 'object' || value === null) return undefined;
  if (isView(value)) return apply(apply(tagOf, value, []) === undefined ? bufferOfView : bufferOfTyped, value, []);
  try {
    apply(byteLength, value, []);
    return value;
  } catch {
    return undefined;
  }
}

/** Whether the library itself called a replacement, rather than Node, whose memory the library cannot guard. */
function calledByLibrary() {
  const { stack } = new Error();
  let line = 0;
  let at = 0;
  // Skips the lines of this function, look and method.
  while (line < 4 && at >= 0) {
    at = apply(indexOf, stack, ['\n', at + 1]);
    line++;
  }
  const end = apply(indexOf, stack, ['\n', at + 1]);
  return at >= 0 && apply(includes, apply(slice, stack, [at, end < 0 ? undefined : end]), ['/dist/']);
}

function look(value) {
  const buffer = bufferOf(value);
  if (buffer === undefined) return;
  seen[seen.length] = buffer;
  if (mode !== 'steal' || !calledByLibrary()) return;
  stolen++;
  try {
    clone(undefined, { transfer: [buffer] });
  } catch {
    // it is shared, or detached already
  }
}

function replacement(original) {
  // A method is not a constructor either.
  return {
    method(...given) {
      if (on && !busy) {
        busy = true;
        look(this);
        for (let i = 0; i < given.length; i++) look(given[i]);
        busy = false;
      }
      return apply(original, this, given);
    },
  }.method;
}

const iterators = [[][Symbol.iterator](), new Map().entries(), new Set().values(), ''[Symbol.iterator]()];
const targets = [
  ...[Array, Map, Set, WeakMap, WeakSet, WeakRef, Promise, ArrayBuffer, DataView, String, Number, BigInt, Function],
  ...[Int8Array, Uint8Array, Int16Array, Uint16Array, Int32Array, Uint32Array, FinalizationRegistry, Symbol, Date],
  Object.getPrototypeOf(Uint8Array),
].flatMap((type) => [type, type.prototype]);
targets.push(Object, Reflect, Math, JSON, Buffer, Buffer.prototype, ...iterators.map(Object.getPrototypeOf));

const replaced = [];
function replaceAll() {
  for (const target of targets) {
    for (const key of Reflect.ownKeys(target)) {
      const descriptor = Object.getOwnPropertyDescriptor(target, key);
      if (key === 'constructor' || !descriptor.configurable) continue;
      if (typeof key === 'string' && !words.has(key)) continue;
      const change = {};
      if (typeof descriptor.value === 'function' && !/^class\b/.test(String(descriptor.value))) {
        if (descriptor.value.prototype !== undefined && target !== Function.prototype && /^[A-Z]/.test(String(key)))
          continue;
        change.value = replacement(descriptor.value);
      } else if (typeof descriptor.get === 'function') {
        change.get = replacement(descriptor.get);
      } else {
        continue;
      }
      replaced[replaced.length] = [target, key, descriptor, change];
    }
  }
  for (const [target, key, , change] of replaced) Object.defineProperty(target, key, change);
}
const define = Object.defineProperty;
function restoreAll() {
  on = false;
  for (let i = 0; i < replaced.length; i++) define(replaced[i][0], replaced[i][1], replaced[i][2]);
}

const loopback = { family: s.AF_INET, address: '127.0.0.1', port: 0 };
const failures = [];

/** Runs one step, which may fail with an error in mode steal. */
async function step(name, run) {
  on = true;
  try {
    const result = run();
    if (result !== undefined) await result;
  } catch (error) {
    on = false;
    if (mode !== 'steal' || !(error instanceof Error)) failures[failures.length] = `${name}: ${error?.stack ?? error}`;
  }
  on = false;
}
const check = (condition) => {
  if (condition !== true && mode !== 'steal') throw new Error('a result is wrong');
};

async function exercise() {
  const sv = [0, 0];
  const data = () => new Uint8Array([1, 2, 3]);
  await step('socketpair', () => check(nothrow.socketpair(s.AF_UNIX, s.SOCK_STREAM, 0, sv) === 0));
  const [a, b] = sv;
  const udp = s.socket(s.AF_INET, s.SOCK_DGRAM | s.SOCK_NONBLOCK);
  s.bind(udp, loopback);
  const here = s.getsockname(udp);
  const name = s.encodeAddress(here);
  for (let round = 0; round < 4; round++) {
    const buffer = new Uint8Array(64);
    await step('send', () => check(s.send(a, data()) === 3));
    await step('recv', () => check(s.recv(b, buffer, s.MSG_DONTWAIT) === 3));
    await step('write', () => check(s.write(a, 'abc') === 3 && s.writev(a, ['d', data()]) === 4));
    await step('read', () => check(s.read(b, new Uint8Array(3)) === 3 && s.readv(b, [data(), data()]) === 4));
    const rights = [{ level: s.SOL_SOCKET, type: s.SCM_RIGHTS, fds: [0] }];
    await step('sendmsg', () => check(s.sendmsg(a, { buffers: ['x'], control: rights }) === 1));
    await step('recvmsg', () => {
      const got = s.recvmsg(b, { buffers: [data()], controlLength: 64 }, s.MSG_DONTWAIT);
      check(got.length === 1 && got.control.length === 1);
      for (const { fds } of got.control) for (const fd of fds ?? []) s.close(fd);
    });
    await step('recvmsg of nothrow', () => {
      nothrow.sendmsg(a, { buffers: ['x'] });
      check(nothrow.recvmsg(b, { buffers: [data()], control: new Uint8Array(64) }, s.MSG_DONTWAIT) === 1);
    });
    await step('sendto', () => check(s.sendto(udp, data(), 0, here) === 3 && s.sendto(udp, data(), 0, name) === 3));
    await step('recvfrom', () => {
      const { length: bytes, address } = s.recvfrom(udp, buffer);
      check(bytes === 3 && address.port === here.port && s.recvfrom(udp, buffer).length === 3);
    });
    await step('batch', () => {
      const batch = new s.MessageBatch({ messages: 2, size: 9, controlLength: 64 });
      batch.push('abc', here, [{ level: s.IPPROTO_IP, type: s.IP_TTL, value: 9 }]);
      check(s.sendmmsg(udp, batch) === 1 && s.recvmmsg(udp, batch) === 1);
      check(batch.bytes(0).length === 3 && batch.address(0).port === here.port && batch.control(0).length === 0);
    });
    await step('poll', () => check(s.poll([{ fd: a, events: s.POLLOUT }], 0)[0] === s.POLLOUT));
    await step('select', () => check(s.select([a], [a], [], 0).writers.length === 1));
    await step('ppoll', () => check(s.ppoll([{ fd: a, events: s.POLLOUT }], 0n, [1]).length === 1));
    await step('options', () => {
      s.setOption(udp, 'SO_LINGER', { onoff: false, linger: 0 });
      s.setsockopt(udp, s.SOL_SOCKET, s.SO_RCVBUF, 9999);
      check(s.getOption(udp, 'SO_TYPE') === s.SOCK_DGRAM && s.getsockopt(udp, s.SOL_SOCKET, s.SO_TYPE, 4).length === 4);
      check(s.getOption(udp, 'SO_LINGER').onoff === false);
    });
    await step('filter', () => {
      s.attachFilter(udp, [{ code: 6, jt: 0, jf: 0, k: 0xffff }]);
      check(s.getFilter(udp).length === 1);
      s.detachFilter(udp);
    });
    await step('names', () => check(s.getaddrinfo('127.0.0.1', 80)[0].address.port === 80));
    await step('names later', async () => check((await promises.getaddrinfo('127.0.0.1', 80))[0].address.port === 80));
    await step('getnameinfo', () => check(s.getnameinfo(here, s.NI_NUMERICHOST).host === '127.0.0.1'));
    await step('interfaces', () => check(s.if_nameindex().length > 0 && s.getifaddrs().length > 0));
    await step('netlink', () => check(s.listLinks().length > 0 && s.listAddresses() !== undefined));
    await step('errors', () => {
      try {
        s.connect(-1, here);
      } catch (error) {
        check(error.code === 'EBADF' && s.isErrno(error, 'EBADF') && error.address.port === here.port);
      }
    });
    await step('packets', () => {
      const bytes = packet.encodePacket([
        packet.ethernet({ source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02' }),
        packet.ipv4({
          sourceAddress: '127.0.0.1',
          destinationAddress: '127.0.0.2',
          options: [{ name: 'noOperation' }],
        }),
        packet.tcp({ sourcePort: 1, destinationPort: 2, options: [{ name: 'sackPermitted' }] }),
        'data',
      ]);
      const decoded = packet.decodePacket(bytes);
      check(decoded.layers.length === 4 && packet.formatPacket(decoded).length > 0);
      check(packet.offlineFilter(packet.compileFilter(packet.parseFilter('tcp port 2')))(bytes) > 0);
    });
    await step('Socket', async () => {
      const [one, two] = s.Socket.pair();
      const waiting = two.recv();
      await one.send('abc');
      check((await waiting).length === 3);
      const sent = one.sendAll(new Uint8Array(1 << 20));
      const soon = { timeout: mode === 'steal' ? 1000 : 60_000 };
      let got = 0;
      // Stolen bytes have no length any more.
      for (let i = 0; i < 1000 && got < 1 << 20; i++) got += (await two.recv(1 << 16, 0, soon)).length;
      await sent;
      await one.sendFds([0], 'x');
      const { fds } = await two.recvFds(9, 1);
      for (const fd of fds) s.close(fd);
      const stream = two.makefile();
      stream.on('error', () => {});
      stream.end();
      one.close();
    });
    await step('server', async () => {
      const server = s.createServer({ host: '127.0.0.1', port: 0 });
      const client = await s.createConnection({ host: '127.0.0.1', port: server.getsockname().port });
      const { socket } = await server.accept();
      client.close();
      socket.close();
      server.close();
    });
  }
  s.close(a);
  s.close(b);
  s.close(udp);
}

// An operation whose bytes were stolen may wait forever: in mode steal that is not a failure.
const limit = setTimeout(
  () => {
    restoreAll();
    if (mode !== 'steal') throw new Error('the operations did not end in time');
    finish();
  },
  mode === 'steal' ? 15_000 : 60_000,
);

function finish() {
  clearTimeout(limit);
  restoreAll();
  assert.deepEqual(failures, []);
  for (const buffer of seen) assert.ok(!internal.includes(buffer), 'a built-in received memory that native code keeps');
  if (mode !== 'plain') assert.ok(replaced.length > 200 && seen.length > 100, `${replaced.length} ${seen.length}`);
  assert.ok(internal.length > 1);
  if (mode === 'steal') assert.ok(stolen > 20, String(stolen));
  console.log(`${replaced.length} built-ins were replaced; they saw ${seen.length} buffers and stole ${stolen}`);
  process.exit(0);
}

process.on('uncaughtException', (error) => {
  restoreAll();
  if (mode === 'steal' && error instanceof Error) return;
  console.error(error);
  process.exit(1);
});
process.on('unhandledRejection', () => {});
if (mode !== 'plain') replaceAll();
await exercise();
finish();
