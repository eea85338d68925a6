import { execFileSync } from 'node:child_process';
import {
  closeSync,
  constants as fs,
  ftruncateSync,
  openSync,
  readFileSync,
  readSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as nothrow from '../../lib/nothrow.ts';
import { cleanup } from '../helpers/fds.ts';
import { connection, datagram, folder, pair } from '../helpers/fixtures.ts';

/** A file with this content, open for reading and writing at its beginning. */
function file(content: string | Uint8Array = '', flags = 'r+'): number {
  const path = join(folder(), 'file');
  writeFileSync(path, content);
  return cleanup(openSync(path, flags));
}

/** Both ends of a non-blocking pipe. */
function pipe(): [reader: number, writer: number] {
  const path = join(folder(), 'pipe');
  execFileSync('mkfifo', [path]);
  const reader = openSync(path, fs.O_RDONLY | fs.O_NONBLOCK);
  const writer = openSync(path, fs.O_WRONLY | fs.O_NONBLOCK);
  cleanup(reader, writer);
  return [reader, writer];
}

/** The file offset of a file descriptor. */
function position(fd: number): number {
  return Number(/^pos:\s*(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))![1]);
}

function received(fd: number, length = 64): string {
  const buffer = Buffer.alloc(length);
  return buffer.toString('latin1', 0, s.recv(fd, buffer));
}

/** The error code of a call, whose error must name this system call; 0 for none. */
function errno(call: () => unknown, syscall: string): string | number {
  try {
    call();
    return 0;
  } catch (error) {
    expect(error).toBeInstanceOf(s.SocketError);
    expect((error as s.SocketError).syscall).toBe(syscall);
    return (error as s.SocketError).code;
  }
}

// ---- sendfile -----------------------------------------------------------------------------------------------------

test.each([
  ['a pair', pair],
  ['a TCP connection', () => Object.values(connection()) as [number, number]],
  ['a datagram pair', () => pair(s.SOCK_DGRAM)],
] as const)('sendfile to %s changes the file position only without an offset', (_to, make) => {
  const [a, b] = make();
  const fd = file('0123456789');
  expect(s.sendfile(a, fd, 2, 3)).toBe(3);
  expect([received(b), position(fd)]).toEqual(['234', 0]);
  expect(s.sendfile(a, fd, undefined, 4)).toBe(4);
  expect([received(b), position(fd)]).toEqual(['0123', 4]);
  expect(s.sendfile(a, fd, 0, 1)).toBe(1);
  expect([received(b), position(fd)]).toEqual(['0', 4]);
  // Fewer bytes than requested at the end; then none.
  expect(s.sendfile(a, fd, undefined, 100)).toBe(6);
  expect([received(b), position(fd)]).toEqual(['456789', 10]);
  expect(s.sendfile(a, fd, undefined, 100)).toBe(0);
  expect(s.sendfile(a, fd, 10, 100)).toBe(0);
  expect(s.sendfile(a, fd, 1000, 100)).toBe(0);
  expect(s.sendfile(a, fd, 0, 0)).toBe(0);
  expect(nothrow.recv(b, new Uint8Array(8), s.MSG_DONTWAIT)).toBe(-s.EAGAIN);
});

test('sendfile reads and writes files beyond 4 GiB', () => {
  const GiB = 2 ** 30;
  const fd = file('start');
  ftruncateSync(fd, 5 * GiB); // sparse: it occupies no space
  const at = 4 * GiB + 123;
  writeSync(fd, 'beyond', at);
  const [a, b] = pair();
  expect(s.sendfile(a, fd, at, 6)).toBe(6);
  expect(received(b)).toBe('beyond');
  // The lower 32 bits of the offset would refer to these bytes.
  expect(s.sendfile(a, fd, at % (4 * GiB), 3)).toBe(3);
  expect(received(b)).toBe('\0\0\0');
  expect(s.sendfile(a, fd, 5 * GiB - 2, 100)).toBe(2);
  expect(received(b)).toBe('\0\0');
  expect(s.sendfile(a, fd, 5 * GiB, 100)).toBe(0);
  // A count above the kernel's limit for one call is not an error: here the socket is full first.
  const [c] = pair(s.SOCK_STREAM | s.SOCK_NONBLOCK);
  const sent = s.sendfile(c, fd, 0, 5 * GiB);
  expect(sent).toBeGreaterThan(0);
  expect(sent).toBeLessThan(GiB);
});

test('sendfile to a full socket sends a part, then fails with EAGAIN, and continues at the right position', () => {
  const size = 4 * 1024 * 1024;
  const content = Buffer.alloc(size, 0).map((_, i) => (i * 7 + (i >> 8)) & 0xff);
  const fd = file(content);
  const [a, b] = pair(s.SOCK_STREAM | s.SOCK_NONBLOCK);
  const parts: Buffer[] = [];
  let offset = 0;
  let short = 0;
  let full = 0;
  while (offset < size) {
    const asked = size - offset;
    try {
      const sent = s.sendfile(a, fd, offset, asked);
      if (sent < asked) short++;
      offset += sent;
    } catch (error) {
      if (!s.isErrno(error, 'EAGAIN')) throw error;
      expect(error.syscall).toBe('sendfile');
      full++;
      const buffer = Buffer.alloc(1 << 20);
      parts.push(buffer.subarray(0, s.recv(b, buffer)));
    }
  }
  s.shutdown(a, s.SHUT_WR);
  for (let n = -1; n !== 0; ) {
    const buffer = Buffer.alloc(1 << 20);
    n = s.recv(b, buffer);
    parts.push(buffer.subarray(0, n));
  }
  expect(Buffer.concat(parts).equals(content)).toBe(true);
  expect(short).toBeGreaterThan(0);
  expect(full).toBeGreaterThan(0);
  expect(position(fd)).toBe(0);
});

test('sendfile copies between files', () => {
  const from = file('abcdef');
  const to = file('');
  expect(s.sendfile(to, from, 1, 3)).toBe(3);
  const buffer = Buffer.alloc(8);
  expect(buffer.toString('latin1', 0, readSync(to, buffer, 0, 8, 0))).toBe('bcd');
});

test('sendfile fails with the errnos of the kernel, as in Python', () => {
  const [a, b] = pair();
  const fd = file('0123');
  const readOnly = file('', 'r');
  const append = file('', 'a');
  const folderFd = cleanup(openSync(folder(), 'r'));
  const lonely = s.socketpair(s.AF_UNIX, s.SOCK_STREAM);
  cleanup(lonely[0]);
  closeSync(lonely[1]);
  const [unconnected, unaddressed] = [cleanup(s.socket(s.AF_INET, s.SOCK_STREAM)), datagram().fd];
  const closed = s.dup(a); // the last one: no other takes its number
  s.close(closed);
  const cases: [string, number, number, number | undefined][] = [
    ['no descriptors', -1, -1, 0],
    ['no file', a, -1, 0],
    ['no socket', -1, fd, 0],
    ['a closed socket', closed, fd, 0],
    ['an offset before the file', a, fd, -1],
    ['from a socket', a, b, undefined],
    ['from a socket, with an offset', a, b, 0],
    ['from a folder', a, folderFd, 0],
    ['to a file that may only be read', readOnly, fd, 0],
    ['to a file that is appended to', append, fd, 0],
    ['from a file that may only be written', a, append, 0],
    ['to a socket without a peer', lonely[0], fd, 0],
    ['to a socket without a connection', unconnected, fd, 0],
    ['to a datagram socket without an address', unaddressed, fd, 0],
    ['the last offset that there is', a, fd, Number.MAX_SAFE_INTEGER],
  ];
  const ours = cases.map(([what, to, from, at]) => [what, errno(() => s.sendfile(to, from, at, 4), 'sendfile')]);
  expect(Object.fromEntries(ours)).toMatchObject({
    'no file': 'EBADF',
    'a closed socket': 'EBADF',
    'an offset before the file': 'EINVAL',
    'from a socket': 'EINVAL',
    'to a file that may only be read': 'EBADF',
    'to a file that is appended to': 'EINVAL',
    'to a socket without a peer': 'EPIPE',
  });
  // The same file descriptors, inherited by the child as 3, 4, ...
  const fds = [...new Set(cases.flatMap(([, to, from]) => [to, from]))].filter((n) => n >= 0 && n !== closed);
  const there = (n: number) => (fds.includes(n) ? 3 + fds.indexOf(n) : -1);
  const asked = cases.map(([, to, from, at]) => [there(to), there(from), at ?? null]);
  const script = `
import errno, json, os, sys
def ask(to, fd, at):
    try: os.sendfile(to, fd, at, 4)
    except OSError as error: return errno.errorcode[error.errno]
    return 0
print(json.dumps([ask(*asked) for asked in json.loads(sys.argv[1])]))
`;
  const said = execFileSync('python3', ['-c', script, JSON.stringify(asked)], {
    stdio: ['ignore', 'pipe', 'inherit', ...fds],
  });
  expect(ours.map(([, code]) => code)).toEqual(JSON.parse(said.toString()));
});

// ---- splice -------------------------------------------------------------------------------------------------------

test('splice moves data from a socket through a pipe to a socket', () => {
  const [a, b] = pair();
  const [c, d] = pair();
  const [reader, writer] = pipe();
  s.send(a, 'hello world');
  expect(s.splice(b, undefined, writer, undefined, 5)).toBe(5);
  expect(s.splice(b, undefined, writer, undefined, 100, s.SPLICE_F_MOVE | s.SPLICE_F_MORE)).toBe(6);
  expect(s.splice(reader, undefined, c, undefined, 7)).toBe(7);
  expect(received(d)).toBe('hello w');
  expect(s.splice(reader, undefined, c, undefined, 100)).toBe(4);
  expect(received(d)).toBe('orld');
  // At the end of the stream it returns 0.
  s.shutdown(a, s.SHUT_WR);
  expect(s.splice(b, undefined, writer, undefined, 5)).toBe(0);
  expect(s.splice(b, undefined, writer, undefined, 0)).toBe(0);
});

test('splice moves data over TCP', () => {
  const one = connection();
  const two = connection();
  const [reader, writer] = pipe();
  s.send(one.client, 'by TCP');
  s.poll([{ fd: one.server, events: s.POLLIN }], 5000);
  expect(s.splice(one.server, undefined, writer, undefined, 100)).toBe(6);
  expect(s.splice(reader, undefined, two.client, undefined, 100)).toBe(6);
  expect(received(two.server)).toBe('by TCP');
});

test('splice uses offsets beyond 4 GiB in files without changing the file positions', () => {
  const from = file('');
  const to = file('');
  const at = 2 ** 32 + 7;
  ftruncateSync(from, 2 ** 33);
  writeSync(from, 'far', at);
  const [reader, writer] = pipe();
  expect(s.splice(from, at, writer, undefined, 3)).toBe(3);
  expect(s.splice(reader, undefined, to, at + 1, 3)).toBe(3);
  const buffer = Buffer.alloc(3);
  expect(readSync(to, buffer, 0, 3, at + 1)).toBe(3);
  expect([buffer.toString(), position(from), position(to)]).toEqual(['far', 0, 0]);
  // Without offsets the file positions advance.
  expect(s.splice(from, undefined, writer, undefined, 10)).toBe(10);
  expect(s.splice(reader, undefined, to, undefined, 4)).toBe(4);
  expect([position(from), position(to)]).toEqual([10, 4]);
});

test('splice with SPLICE_F_NONBLOCK fails with EAGAIN if a pipe is full or empty', () => {
  const [reader, writer] = pipe();
  const [a, b] = pair();
  // Without that flag it would block: O_NONBLOCK of the pipe does not count.
  expect(errno(() => s.splice(reader, undefined, a, undefined, 10, s.SPLICE_F_NONBLOCK), 'splice')).toBe('EAGAIN');
  while (nothrow.write(writer, new Uint8Array(4096)) > 0);
  s.send(a, 'x');
  expect(errno(() => s.splice(b, undefined, writer, undefined, 10, s.SPLICE_F_NONBLOCK), 'splice')).toBe('EAGAIN');
});

test('splice fails with the errnos of the kernel', () => {
  const [a, b] = pair();
  const [reader, writer] = pipe();
  const fd = file('0123');
  const append = file('', 'a');
  s.send(a, 'abcd');
  const ask = (...call: Parameters<typeof s.splice>) => errno(() => s.splice(...call), 'splice');
  expect(ask(a, undefined, b, undefined, 4)).toBe('EINVAL'); // not a pipe
  expect(ask(fd, 0, b, undefined, 4)).toBe('EINVAL');
  expect(ask(reader, 0, b, undefined, 4)).toBe('ESPIPE'); // a pipe has no offsets
  expect(ask(b, undefined, writer, 0, 4)).toBe('ESPIPE');
  expect(ask(b, 0, writer, undefined, 4)).not.toBe(0); // nor has a socket
  expect(ask(-1, undefined, writer, undefined, 4)).toBe('EBADF');
  expect(ask(b, undefined, -1, undefined, 4)).toBe('EBADF');
  expect(ask(b, undefined, reader, undefined, 4)).toBe('EBADF'); // the read end of a pipe cannot be written
  expect(ask(writer, undefined, b, undefined, 4)).toBe('EBADF');
  expect(ask(fd, -1, writer, undefined, 4)).toBe('EINVAL');
  expect(ask(b, undefined, writer, undefined, 4, 0x80000000)).toBe('EINVAL'); // an undefined flag
  s.write(writer, 'x');
  expect(ask(reader, undefined, append, undefined, 1)).toBe('EINVAL');
  expect(ask(reader, undefined, writer, undefined, 1)).toBe('EINVAL'); // into itself
  // The data is still there.
  expect(received(b)).toBe('abcd');
});

// ---- tee ----------------------------------------------------------------------------------------------------------

test('tee duplicates the data of a pipe, which then passes through both pipes', () => {
  const [a, b] = pair();
  const [one, oneWriter] = pipe();
  const [two, twoWriter] = pipe();
  s.write(oneWriter, 'hello');
  expect(s.tee(one, twoWriter, 100)).toBe(5);
  expect(s.tee(one, twoWriter, 2)).toBe(2);
  expect(s.splice(two, undefined, a, undefined, 100)).toBe(7);
  expect(received(b)).toBe('hellohe');
  expect(s.read(one, new Uint8Array(9))).toBe(5);
  expect(s.tee(one, twoWriter, 0)).toBe(0);
});

test('tee fails with the errnos of the kernel', () => {
  const [a] = pair();
  const [reader, writer] = pipe();
  const [, other] = pipe();
  const ask = (...call: Parameters<typeof s.tee>) => errno(() => s.tee(...call), 'tee');
  expect(ask(reader, other, 4, s.SPLICE_F_NONBLOCK)).toBe('EAGAIN');
  expect(ask(a, other, 4)).toBe('EINVAL'); // not a pipe
  expect(ask(reader, a, 4)).toBe('EINVAL');
  expect(ask(reader, writer, 4)).toBe('EINVAL'); // into itself
  expect(ask(-1, other, 4)).toBe('EBADF');
  expect(ask(writer, other, 4)).toBe('EBADF');
  expect(ask(reader, other, 4, 0x80000000)).toBe('EINVAL'); // an undefined flag
  s.write(writer, 'x');
  while (nothrow.write(other, new Uint8Array(4096)) > 0);
  expect(ask(reader, other, 4, s.SPLICE_F_NONBLOCK)).toBe('EAGAIN');
  expect(() => s.tee(reader, other, -1)).toThrow(RangeError);
});

// ---- both ---------------------------------------------------------------------------------------------------------

test('values that C cannot represent are rejected, and no data is moved', () => {
  const type = expect.objectContaining({ name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' });
  const range = expect.objectContaining({ name: 'RangeError', code: 'ERR_OUT_OF_RANGE' });
  const [a, b] = pair();
  const [reader, writer] = pipe();
  const fd = file('0123456789');
  s.write(writer, 'x');
  const bad = (value: unknown) => value as never;
  for (const wrong of ['1', null, {}, 1n, true]) {
    expect(() => s.sendfile(bad(wrong), fd, 0, 1)).toThrow(type);
    expect(() => s.sendfile(a, bad(wrong), 0, 1)).toThrow(type);
    expect(() => s.sendfile(a, fd, bad(wrong), 1)).toThrow(type);
    expect(() => s.sendfile(a, fd, 0, bad(wrong))).toThrow(type);
    expect(() => s.splice(reader, bad(wrong), a, undefined, 1)).toThrow(type);
    expect(() => s.splice(reader, undefined, a, bad(wrong), 1)).toThrow(type);
    expect(() => s.splice(reader, undefined, a, undefined, bad(wrong))).toThrow(type);
    expect(() => s.splice(reader, undefined, a, undefined, 1, bad(wrong))).toThrow(type);
  }
  expect(() => s.sendfile(a, fd, 0, bad(undefined))).toThrow(type);
  for (const number of [1.5, Number.NaN, Infinity, 2 ** 53, 2 ** 64]) {
    expect(() => s.sendfile(a, fd, number, 1)).toThrow(range);
    expect(() => s.sendfile(a, fd, 0, number)).toThrow(range);
    expect(() => s.splice(reader, number, a, undefined, 1)).toThrow(range);
    expect(() => s.splice(reader, undefined, a, undefined, number)).toThrow(range);
  }
  // As a size_t, -1 would be the maximum.
  for (const number of [-1, -(2 ** 40)]) {
    expect(() => s.sendfile(a, fd, 0, number)).toThrow(range);
    expect(() => s.splice(reader, undefined, a, undefined, number)).toThrow(range);
  }
  expect(() => s.sendfile(a, fd, 0, -1)).toThrow(/"count"/);
  expect(() => s.splice(reader, undefined, a, undefined, -1)).toThrow(/"length"/);
  expect(() => s.splice(reader, undefined, a, undefined, 1, -1)).toThrow(range);
  expect(() => s.splice(reader, undefined, a, undefined, 1, 2 ** 32)).toThrow(range);
  expect(() => s.sendfile(2 ** 31, fd, 0, 1)).toThrow(range);
  expect(nothrow.recv(b, new Uint8Array(8), s.MSG_DONTWAIT)).toBe(-s.EAGAIN);
  expect(position(fd)).toBe(0);
});
