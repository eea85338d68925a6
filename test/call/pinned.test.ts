import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as nothrow from '../../lib/nothrow.ts';
import { datagram, pair } from '../helpers/fixtures.ts';

/** From the second consecutive use of its buffer on, a call takes the fast path: each is made this often. */
const TIMES = 4;
const times = Array.from({ length: TIMES }, (_, i) => i);

const nonblocking = () => pair(s.SOCK_DGRAM | s.SOCK_NONBLOCK);
const detach = (buffer: ArrayBufferLike) => structuredClone(buffer, { transfer: [buffer as ArrayBuffer] });

interface Resizable extends ArrayBuffer {
  resize(length: number): void;
}
const resizable = (length: number, maxByteLength: number) =>
  new (ArrayBuffer as unknown as new (length: number, options: object) => Resizable)(length, { maxByteLength });

/** The data that waits at a socket, as text. */
function drain(fd: number): string[] {
  const texts: string[] = [];
  const buffer = Buffer.alloc(256);
  for (let n = nothrow.read(fd, buffer); n >= 0; n = nothrow.read(fd, buffer))
    texts.push(buffer.toString('latin1', 0, n));
  return texts;
}

test('the first and later uses have the same result', () => {
  const { fd, address } = datagram(s.SOCK_NONBLOCK);
  const name = s.encodeAddress(address);
  const data = Buffer.from('data');
  const into = Buffer.alloc(16);
  const from = new s.SockaddrStorage();
  for (const _ of times) {
    expect(nothrow.sendto(fd, data, 0, name)).toBe(4);
    expect(nothrow.recvfrom(fd, into, 0, from)).toBe(4);
    expect(from.decode()).toEqual(address);
    expect(into.toString('latin1', 0, 5)).toBe('data\0');
  }
  for (const _ of times) expect(nothrow.recvfrom(fd, into, 0, from)).toBe(-s.EAGAIN);
  for (const _ of times) expect(() => s.recv(fd, into)).toThrow(expect.objectContaining({ code: 'EAGAIN' }));
  for (const _ of times) expect(() => s.send(fd, data)).toThrow(expect.objectContaining({ code: 'EDESTADDRREQ' }));
  s.connect(fd, address);
  for (const _ of times) {
    expect(s.send(fd, data)).toBe(4);
    expect(s.recv(fd, into)).toBe(4);
  }
});

test('the current contents of the buffer are sent, and nothing else from its memory', () => {
  const [a, b] = nonblocking();
  const memory = Buffer.from('........0000........');
  const part = memory.subarray(8, 12);
  for (const i of times) {
    part.fill(0x30 + i);
    expect(s.send(a, part)).toBe(4);
  }
  expect(drain(b)).toEqual(['0000', '1111', '2222', '3333']);
  s.send(a, 'xxxxxxxxxxxxxxx');
  s.send(a, 'yyyyyyyyyyyyyyy');
  expect([s.recv(b, part), s.recv(b, part)]).toEqual([4, 4]);
  expect(memory.toString()).toBe('........yyyy........');
});

test('alternating buffers are never confused, in any call', () => {
  const { fd, address } = datagram(s.SOCK_NONBLOCK);
  const names = [s.encodeAddress(address), Buffer.from(s.encodeAddress(address))];
  const [one, two] = [Buffer.from('one'), Buffer.from('two!')];
  // Every order of three from two, twice: first, second and later uses of both.
  const orders = [0, 1, 2, 3, 4, 5, 6, 7].map((n) => [n & 1, (n >> 1) & 1, (n >> 2) & 1]);
  for (const order of [...orders, ...orders]) {
    const expected: string[] = [];
    for (const bit of order) {
      const data = bit === 0 ? one : two;
      expected.push(data.toString());
      expect(s.sendto(fd, data, 0, names[bit]!)).toBe(data.length);
    }
    const got = order.map((bit) => {
      const into = bit === 0 ? Buffer.alloc(8) : Buffer.alloc(9);
      return into.toString('latin1', 0, s.recvfrom(fd, into).length);
    });
    expect(got).toEqual(expected);
  }
});

test('the same buffer can be used for sending and receiving, as data and as an address', () => {
  const { fd, address } = datagram(s.SOCK_NONBLOCK);
  const name = s.encodeAddress(address);
  for (const _ of times) {
    expect(s.sendto(fd, name, 0, name)).toBe(16);
    expect(s.recvfrom(fd, name)).toEqual({ length: 16, address });
  }
});

const changes: [string, (memory: Resizable) => void][] = [
  ['detached', (memory) => detach(memory)],
  ['shrunk', (memory) => memory.resize(3)],
  ['emptied', (memory) => memory.resize(0)],
];

test.each(changes)('a view whose memory is %s is empty in the next call', (_, change) => {
  const [a, b] = nonblocking();
  const memory = resizable(64, 4096);
  const view = new Uint8Array(memory, 0, 8).fill(0x41);
  for (const _ of times) s.send(a, view);
  expect(drain(b)).toEqual(times.map(() => 'AAAAAAAA'));
  change(memory);
  for (const _ of times) expect(s.send(a, view)).toBe(0);
  expect(drain(b)).toEqual(times.map(() => ''));
});

test('nothing is written to a receive buffer that was detached or shrunk', () => {
  for (const change of [(memory: Resizable) => void detach(memory), (memory: Resizable) => memory.resize(4)]) {
    const [a, b] = nonblocking();
    const memory = resizable(64, 4096);
    const view = new Uint8Array(memory, 0, 32);
    for (const _ of times) {
      s.send(a, 'x'.repeat(32));
      expect(s.recv(b, view)).toBe(32);
    }
    change(memory);
    for (const _ of times) {
      s.send(a, 'y'.repeat(32));
      expect(s.recv(b, view)).toBe(0);
      s.send(a, 'y'.repeat(32));
      expect(s.recv(b, view, s.MSG_TRUNC)).toBe(32);
    }
    if (memory.byteLength > 0) expect(Buffer.from(new Uint8Array(memory)).toString()).toBe('xxxx');
  }
});

test('a length-tracking view sends as many bytes as it has at the time of the call', () => {
  const [a, b] = nonblocking();
  const memory = resizable(4, 8192);
  const all = new Uint8Array(memory);
  const tail = new Uint8Array(memory, 2);
  const lengths: [number, number][] = [];
  for (const length of [4, 4, 4096, 4096, 2, 2, 1, 1, 0, 8192, 8192, 8192, 3]) {
    memory.resize(length);
    all.fill(0x61);
    lengths.push([s.send(a, all), s.send(a, all)]);
    expect(s.send(a, tail)).toBe(Math.max(length - 2, 0));
    expect(s.send(a, tail)).toBe(Math.max(length - 2, 0));
    expect([0, 1, 2, 3].map(() => s.recv(b, Buffer.alloc(1), s.MSG_TRUNC))).toEqual([
      length,
      length,
      Math.max(length - 2, 0),
      Math.max(length - 2, 0),
    ]);
  }
  expect(lengths.every(([first, second]) => first === second)).toBe(true);
});

test('memory that was shrunk and grown again is used with its current contents', () => {
  const [a, b] = nonblocking();
  const memory = resizable(64, 4096);
  const view = new Uint8Array(memory, 0, 4);
  view.set([0x61, 0x62, 0x63, 0x64]);
  for (const _ of times) s.send(a, view);
  memory.resize(0);
  memory.resize(4096);
  for (const _ of times) s.send(a, view);
  expect(drain(b)).toEqual([...times.map(() => 'abcd'), ...times.map(() => '\0\0\0\0')]);
});

test('a detached address is empty, and its former memory is not read', () => {
  const { fd, address } = datagram(s.SOCK_NONBLOCK);
  const memory = new ArrayBuffer(16);
  const name = new Uint8Array(memory);
  name.set(s.encodeAddress(address));
  const data = Buffer.from('x');
  for (const _ of times) expect(s.sendto(fd, data, 0, name)).toBe(1);
  detach(memory);
  for (const _ of times) expect(nothrow.sendto(fd, data, 0, name)).toBe(-s.EINVAL);
  expect(drain(fd)).toEqual(times.map(() => 'x'));
});

test('nothing is written to a detached buffer for the sender', () => {
  const { fd, address } = datagram(s.SOCK_NONBLOCK);
  const from = new s.SockaddrStorage();
  const into = Buffer.alloc(4);
  const receive = () => {
    s.sendto(fd, 'x', 0, address);
    return nothrow.recvfrom(fd, into, 0, from);
  };
  for (const _ of times) expect(receive()).toBe(1);
  detach(from.bytes.buffer);
  for (const _ of times) {
    expect(receive()).toBe(1);
    expect(from.length).toBe(16);
    expect(from.decode()).toBeUndefined();
  }
});

// lib.dom declares its type, the lib of ECMAScript does not.
declare const WebAssembly: {
  Memory: new (size: { initial: number; maximum: number }) => { buffer: ArrayBuffer; grow(pages: number): void };
};

test('WebAssembly memory that grows detaches its views', () => {
  const [a, b] = nonblocking();
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 4 });
  const old = new Uint8Array(memory.buffer, 0, 4).fill(0x77);
  for (const _ of times) s.send(a, old);
  memory.grow(1);
  for (const _ of times) expect(s.send(a, old)).toBe(0);
  const grown = new Uint8Array(memory.buffer, 0, 4);
  for (const _ of times) expect(s.send(a, grown)).toBe(4);
  expect(drain(b)).toEqual([...times.map(() => 'wwww'), ...times.map(() => ''), ...times.map(() => 'wwww')]);
});

test('lengths that the program fakes are ignored', () => {
  const [a, b] = nonblocking();
  class Liar extends Uint8Array {
    override get byteLength() {
      return 1 << 30;
    }
    override get length() {
      return 1 << 30;
    }
    override get byteOffset() {
      return 1 << 20;
    }
    override get buffer() {
      return new ArrayBuffer(1);
    }
    override get [Symbol.toStringTag]() {
      return 'Uint8Array' as const;
    }
  }
  const liar = new Liar(Buffer.from('truth'));
  const spoofed = Object.defineProperties(new Uint8Array(Buffer.from('facts')), {
    byteLength: { value: 1 << 30 },
    length: { value: 0 },
    constructor: { value: Float64Array },
  });
  for (const _ of times) expect([s.send(a, liar), s.send(a, spoofed)]).toEqual([5, 5]);
  for (const data of [liar, spoofed]) for (const _ of times) expect(s.send(a, data)).toBe(5);
  expect(new Set(drain(b))).toEqual(new Set(['truth', 'facts']));
  for (const _ of times) {
    s.send(a, 'x'.repeat(99));
    expect(s.recv(b, liar)).toBe(5);
  }
  Object.setPrototypeOf(spoofed, null);
  for (const _ of times) expect(s.send(a, spoofed)).toBe(5);
});

test('a value that only looks like a typed array is rejected each time', () => {
  const [a] = nonblocking();
  const fakes = [
    Object.create(Uint8Array.prototype),
    new Proxy(new Uint8Array(4), {}),
    { byteLength: 4, length: 4, [Symbol.toStringTag]: 'Uint8Array' },
    new SharedArrayBuffer(4),
  ];
  for (const fake of fakes) {
    for (const _ of times) {
      const refused = expect.objectContaining({ name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' });
      expect(() => s.send(a, fake as never)).toThrow(refused);
      expect(() => s.recv(a, fake as never)).toThrow(refused);
      expect(() => s.recvfrom(a, fake as never)).toThrow(refused);
    }
  }
});

test('every kind of bytes can be used repeatedly: views of all types, DataView, ArrayBuffer, shared memory', () => {
  const [a, b] = nonblocking();
  const memory = () => Uint8Array.from({ length: 32 }, (_, i) => i).buffer;
  const shared = new Uint8Array(new SharedArrayBuffer(8));
  shared.set([1, 2, 3]);
  const views = [
    new Float64Array(memory(), 8, 2),
    new BigInt64Array(memory(), 16, 2),
    new Uint16Array(memory(), 2, 3),
    new Uint8ClampedArray(memory(), 5, 7),
    new DataView(memory(), 3, 9),
    memory(),
    shared,
    new DataView(shared.buffer, 1, 2),
  ];
  for (const view of views) {
    const exact = ArrayBuffer.isView(view)
      ? Buffer.from(new Uint8Array(view.buffer, view.byteOffset, view.byteLength))
      : Buffer.from(view);
    for (const _ of times) expect(s.send(a, view)).toBe(exact.length);
    expect(drain(b)).toEqual(times.map(() => exact.toString('latin1')));
  }
});

test('numbers that are not C ints are rejected on the fast path, too, without side effects', () => {
  const [a, b] = nonblocking();
  const data = Buffer.from('ok');
  for (const _ of times) s.send(a, data);
  for (const bad of [Number.NaN, 2 ** 31, 2 ** 32 + a, a + 0.5, Number.POSITIVE_INFINITY]) {
    expect(() => s.send(bad, data)).toThrow(RangeError);
    expect(() => s.send(a, data, bad)).toThrow(RangeError);
  }
  for (const bad of ['3', null, {}, 3n]) {
    expect(() => s.send(bad as never, data)).toThrow(TypeError);
    expect(() => s.send(a, data, bad as never)).toThrow(TypeError);
  }
  for (const _ of times) expect(s.send(a, data, -0)).toBe(2);
  for (const _ of times) expect(nothrow.send(-1, data)).toBe(-s.EBADF);
  expect(drain(b)).toEqual([...times, ...times].map(() => 'ok'));
});

test('buffers that are too large to be pinned use the ordinary path', () => {
  const [a, b] = pair(s.SOCK_STREAM | s.SOCK_NONBLOCK);
  const large = new Uint8Array(0x10001).fill(7);
  const edge = new Uint8Array(0x10000).fill(8);
  for (const data of [large, edge]) {
    for (const _ of times) {
      expect(s.send(a, data)).toBe(data.length);
      let got = 0;
      for (let n = nothrow.recv(b, data); n > 0; n = nothrow.recv(b, data)) got += n;
      expect(got).toBe(data.length);
    }
  }
});

test('pinned memory is freed after its buffer is collected, and not before', () => {
  const script = `
    const s = await import(process.argv[1]);
    const [a, b] = s.socketpair(s.AF_UNIX, s.SOCK_DGRAM | s.SOCK_NONBLOCK);
    const into = new Uint8Array(4096);
    for (let round = 0; round < 30; round++) {
      let data = new Uint8Array(4096).fill(round);
      for (let i = 0; i < 3; i++) s.send(a, data);
      data = undefined;
      gc();
      const junk = Array.from({ length: 8 }, () => new Uint8Array(4096).fill(0xff));
      const other = junk[3].fill(round + 100);
      for (let i = 0; i < 3; i++) s.send(a, other);
      for (let i = 0; i < 6; i++) {
        const n = s.recv(b, into);
        const value = i < 3 ? round : round + 100;
        if (n !== 4096 || into.some((byte) => byte !== value)) throw new Error('wrong bytes');
      }
    }
    console.log('right');`;
  const dist = new URL('../../dist/index.js', import.meta.url).href;
  const args = ['--expose-gc', '--input-type=module', '-e', script, dist];
  expect(execFileSync(process.execPath, args, { encoding: 'utf8' })).toBe('right\n');
});

test('two copies of this library that share an addon do not use each other’s buffers', () => {
  // As in a test runner or a bundler: the JavaScript is evaluated twice, the addon is loaded once.
  const script = `
    const one = await import(process.argv[1]);
    const [a, b] = one.socketpair(one.AF_UNIX, one.SOCK_DGRAM | one.SOCK_NONBLOCK);
    // Whatever else was received meanwhile, the copies are counted.
    one.send(b, 'z');
    one.recvmsg(a, { buffers: [new Uint8Array(1)], controlLength: 64 });
    const two = await import(process.argv[1].replace('index.js', 'call/pinned.js?again'));
    const [x, y] = [new Uint8Array(4).fill(0x78), new Uint8Array(4).fill(0x79)];
    for (let i = 0; i < 3; i++) one.send(a, x);
    for (let i = 0; i < 3; i++) two.send(a, y, 0);
    one.send(a, x);
    two.send(a, y, 0);
    const into = Buffer.alloc(4);
    let text = '';
    for (let i = 0; i < 8; i++) text += into.toString('latin1', 0, one.read(b, into)) + ' ';
    console.log(text);`;
  const dist = new URL('../../dist/index.js', import.meta.url).href;
  const output = execFileSync(process.execPath, ['--input-type=module', '-e', script, dist], { encoding: 'utf8' });
  expect(output.trim()).toBe('xxxx xxxx xxxx yyyy yyyy yyyy xxxx yyyy');
});
