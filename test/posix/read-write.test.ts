import { closeSync, openSync } from 'node:fs';
import { expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as nothrow from '../../lib/nothrow.ts';
import { cleanup } from '../helpers/fds.ts';
import { connection, datagram, pair } from '../helpers/fixtures.ts';
import { need, program } from '../helpers/need.ts';
import { python } from '../helpers/python.ts';

test('data that is written to one end is read at the other', () => {
  for (const [a, b] of [pair(), pair(s.SOCK_DGRAM), pair(s.SOCK_SEQPACKET)]) {
    const buffer = Buffer.alloc(16);
    expect(s.write(a, Buffer.from('hello'))).toBe(5);
    expect(s.read(b, buffer)).toBe(5);
    expect(buffer.toString('latin1', 0, 6)).toBe('hello\0');
  }
});

test('a string is written as UTF-8, and its length is counted in bytes', () => {
  const [a, b] = pair();
  const text = 'grüße 你好 😀 \ud800';
  const bytes = Buffer.from(text);
  const buffer = Buffer.alloc(64);
  expect(s.write(a, text)).toBe(bytes.length);
  expect(s.read(b, buffer)).toBe(bytes.length);
  expect(buffer.subarray(0, bytes.length)).toEqual(bytes);
});

test('read consumes as much as fits and leaves the rest of a stream', () => {
  const { client, server } = connection();
  s.write(client, 'abcdef');
  const buffer = Buffer.alloc(4);
  expect(s.read(server, buffer)).toBe(4);
  expect(buffer.toString()).toBe('abcd');
  expect(s.read(server, buffer)).toBe(2);
  expect(buffer.toString()).toBe('efcd');
});

test('read returns 0 at the end of a stream, also when it is repeated', () => {
  const { client, server } = connection();
  s.write(client, 'x');
  s.shutdown(client, s.SHUT_WR);
  const buffer = Buffer.alloc(4);
  expect([s.read(server, buffer), s.read(server, buffer), s.read(server, buffer)]).toEqual([1, 0, 0]);
});

test('a write to a full stream writes a part, then fails with EAGAIN, and nothing is lost', () => {
  const [a, b] = pair(s.SOCK_STREAM | s.SOCK_NONBLOCK);
  const data = new Uint8Array(4 << 20).map((_, i) => i % 251);
  const taken = s.write(a, data);
  expect(taken).toBeGreaterThan(0);
  expect(taken).toBeLessThan(data.length);
  let more = 0;
  for (let n = nothrow.write(a, data.subarray(taken)); n > 0; n = nothrow.write(a, data.subarray(taken + more)))
    more += n;
  expect(() => s.write(a, 'x')).toThrow(expect.objectContaining({ code: 'EAGAIN', errno: 11, syscall: 'write' }));
  const received = new Uint8Array(taken + more);
  let at = 0;
  for (let n = 1; n > 0 && at < received.length; at += n) n = s.read(b, received.subarray(at));
  expect(at).toBe(taken + more);
  expect(Buffer.compare(received, data.subarray(0, at))).toBe(0);
  expect(nothrow.read(b, received)).toBe(-s.EAGAIN);
});

test('a directory causes EISDIR, and a file is read like any other file descriptor', () => {
  const directory = openSync('/', 'r');
  const file = openSync('/proc/self/comm', 'r');
  try {
    expect(() => s.read(directory, new Uint8Array(8))).toThrow(expect.objectContaining({ code: 'EISDIR' }));
    expect(s.read(file, new Uint8Array(64))).toBeGreaterThan(1);
    expect(() => s.write(file, 'x')).toThrow(expect.objectContaining({ code: 'EBADF' }));
  } finally {
    closeSync(directory);
    closeSync(file);
  }
});

test('readv fills the buffers one after the other, and writev gathers them, including empty ones', () => {
  const [a, b] = pair();
  expect(s.writev(a, ['ab', new Uint8Array(0), Buffer.from('cde'), '', new Uint16Array([0x6766])])).toBe(7);
  const [one, two, three] = [Buffer.alloc(1), Buffer.alloc(4), Buffer.alloc(9, '.')];
  expect(s.readv(b, [one, new Uint8Array(0), two, three])).toBe(7);
  expect(Buffer.concat([one, two, three]).toString()).toBe('abcdefg.......');
});

test('the same buffer may be passed twice', () => {
  const [a, b] = pair();
  const buffer = Buffer.from('xy');
  expect(s.writev(a, [buffer, buffer, buffer])).toBe(6);
  const into = Buffer.alloc(3);
  expect(s.readv(b, [into, into])).toBe(6);
  expect(into.toString()).toBe('yxy');
});

test('an empty list transfers nothing', () => {
  const [a, b] = pair(s.SOCK_STREAM | s.SOCK_NONBLOCK);
  s.write(a, 'x');
  expect(s.writev(a, [])).toBe(0);
  expect(s.readv(b, [])).toBe(0);
  expect(s.read(b, new Uint8Array(4))).toBe(1);
});

test('1024 buffers are accepted, and 1025 fail with EINVAL without consuming data', () => {
  const [a, b] = pair(s.SOCK_STREAM | s.SOCK_NONBLOCK);
  const bytes = Buffer.from(Array.from({ length: 1024 }, (_, i) => i % 256));
  const parts = Array.from(bytes, (_, i) => bytes.subarray(i, i + 1));
  const into = Buffer.alloc(1024);
  const places = Array.from(into, (_, i) => into.subarray(i, i + 1));
  const spare = new Uint8Array(1);
  for (const list of [[...parts, spare], [...parts, ...parts], new Array(100_000).fill(spare)]) {
    expect(() => s.writev(a, list)).toThrow(expect.objectContaining({ code: 'EINVAL', syscall: 'writev' }));
  }
  expect(s.writev(a, parts)).toBe(1024);
  expect(() => s.readv(b, [...places, spare])).toThrow(expect.objectContaining({ code: 'EINVAL', syscall: 'readv' }));
  expect(s.readv(b, places)).toBe(1024);
  expect(into).toEqual(bytes);
});

test('every error is the same as in Python', (context) => {
  need(context, program('python3'));
  const expected = python<Record<string, number>>(`
def err(f, *a):
    try: return f(*a)
    except OSError as e: return -e.errno
a, b = socketpair(AF_UNIX, SOCK_STREAM)
a.setblocking(False)
u = socket(AF_INET, SOCK_DGRAM)
t = socket(AF_INET, SOCK_STREAM)
d, e = socketpair(AF_UNIX, SOCK_DGRAM)
empty = err(os.read, a.fileno(), 4)
b.close()
d2 = d.fileno()
e.close()
one = bytearray(1)
print(json.dumps(dict(
  empty=empty, gone=err(os.write, a.fileno(), b'x'), end=len(os.read(a.fileno(), 4)),
  unnamed=err(os.write, u.fileno(), b'x'), unconnected=err(os.write, t.fileno(), b'x'),
  early=err(os.read, t.fileno(), 4), refused=err(os.write, d2, b'x'),
  none=err(os.read, -1, 4), far=err(os.write, 0x7fffffff, b'x'),
  v1025=err(os.writev, u.fileno(), [one] * 1025), r1025=err(os.readv, u.fileno(), [one] * 1025))))`);

  const [a, b] = s.socketpair(s.AF_UNIX, s.SOCK_STREAM | s.SOCK_NONBLOCK);
  cleanup(a);
  const { fd: u } = datagram();
  const t = cleanup(s.socket(s.AF_INET, s.SOCK_STREAM));
  const [d, e] = s.socketpair(s.AF_UNIX, s.SOCK_DGRAM);
  cleanup(d);
  const buffer = new Uint8Array(4);
  const empty = nothrow.read(a, buffer);
  s.close(b);
  s.close(e);
  const many = new Array<Uint8Array>(1025).fill(new Uint8Array(1));
  expect({
    empty,
    gone: nothrow.write(a, 'x'),
    end: nothrow.read(a, buffer),
    unnamed: nothrow.write(u, 'x'),
    unconnected: nothrow.write(t, 'x'),
    early: nothrow.read(t, buffer),
    refused: nothrow.write(d, 'x'),
    none: nothrow.read(-1, buffer),
    far: nothrow.write(0x7fffffff, 'x'),
    v1025: nothrow.writev(u, many),
    r1025: nothrow.readv(u, many),
  }).toEqual(expected);
  expect(expected).toMatchObject({ empty: -s.EAGAIN, gone: -s.EPIPE, none: -s.EBADF, v1025: -s.EINVAL });
});

test('Node continues after EPIPE, without SIGPIPE', () => {
  const [a, b] = s.socketpair(s.AF_UNIX, s.SOCK_STREAM);
  cleanup(a);
  s.close(b);
  for (const call of [() => s.write(a, 'x'), () => s.writev(a, ['x']), () => s.send(a, 'x')]) {
    expect(call).toThrow(expect.objectContaining({ code: 'EPIPE' }));
  }
});
