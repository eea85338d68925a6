import { closeSync, openSync } from 'node:fs';
import { expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as nothrow from '../../lib/nothrow.ts';
import { cleanup } from '../helpers/fds.ts';
import { connection, datagram, listener, pair } from '../helpers/fixtures.ts';
import { need, program } from '../helpers/need.ts';
import { python } from '../helpers/python.ts';

test('a stream has no boundaries between sends', () => {
  const { client, server } = connection();
  expect([s.send(client, 'ab'), s.send(client, 'cd', s.MSG_NOSIGNAL)]).toEqual([2, 2]);
  const buffer = Buffer.alloc(16);
  expect(s.recv(server, buffer, s.MSG_WAITALL | s.MSG_DONTWAIT)).toBe(4);
  expect(buffer.toString('latin1', 0, 5)).toBe('abcd\0');
});

test('datagrams and records keep their boundaries', () => {
  for (const type of [s.SOCK_DGRAM, s.SOCK_SEQPACKET]) {
    const [a, b] = pair(type);
    for (const text of ['one', 'three', 'x']) s.send(a, text);
    const buffer = Buffer.alloc(16);
    expect([s.recv(b, buffer), s.recv(b, buffer), s.recv(b, buffer)]).toEqual([3, 5, 1]);
  }
});

test('bytes after the received ones are not changed', () => {
  const [a, b] = pair(s.SOCK_DGRAM);
  const memory = Buffer.alloc(32, 0xaa);
  s.send(a, 'abc');
  expect(s.recv(b, memory.subarray(8, 16))).toBe(3);
  expect(memory.toString('hex')).toBe(`${'aa'.repeat(8)}616263${'aa'.repeat(21)}`);
});

test('sending with MSG_DONTWAIT to a full blocking socket fails with EAGAIN', () => {
  const [a] = pair(s.SOCK_STREAM);
  const data = new Uint8Array(4 << 20);
  const n = s.send(a, data, s.MSG_DONTWAIT);
  expect(n).toBeGreaterThan(0);
  expect(n).toBeLessThan(data.length);
  while (nothrow.send(a, data, s.MSG_DONTWAIT) > 0);
  expect(() => s.send(a, data, s.MSG_DONTWAIT)).toThrow(
    expect.objectContaining({ name: 'SocketError', code: 'EAGAIN', errno: s.EAGAIN, syscall: 'send' }),
  );
});

test('the next call reports a refused datagram, once', () => {
  const { fd } = datagram();
  const other = datagram();
  s.connect(fd, other.address);
  s.close(other.fd);
  expect(s.send(fd, 'x')).toBe(1);
  expect(() => s.recv(fd, new Uint8Array(4))).toThrow(expect.objectContaining({ code: 'ECONNREFUSED' }));
  expect(nothrow.recv(fd, new Uint8Array(4), s.MSG_DONTWAIT)).toBe(-s.EAGAIN);
});

test('a reset connection fails with ECONNRESET once, and then reads the end', () => {
  const { fd, address } = listener();
  const client = cleanup(s.socket(s.AF_INET, s.SOCK_STREAM));
  s.connect(client, address);
  const { fd: server } = s.accept(fd);
  s.setsockopt(server, s.SOL_SOCKET, s.SO_LINGER, new Int32Array([1, 0]));
  s.close(server);
  const buffer = new Uint8Array(4);
  expect(() => s.recv(client, buffer)).toThrow(expect.objectContaining({ code: 'ECONNRESET', syscall: 'recv' }));
  expect(s.recv(client, buffer)).toBe(0);
  expect(nothrow.send(client, 'x')).toBe(-s.EPIPE);
});

test('flags and errors are the same as in Python', (context) => {
  need(context, program('python3'));
  const expected = python(`
def err(f, *a):
    try:
        r = f(*a)
        return len(r) if isinstance(r, bytes) else r
    except OSError as e: return -e.errno
a, b = socketpair(AF_UNIX, SOCK_DGRAM)
q, r = socketpair(AF_UNIX, SOCK_SEQPACKET)
t = socket(AF_INET, SOCK_STREAM)
u = socket(AF_INET, SOCK_DGRAM); u.bind(('127.0.0.1', 0)); u.connect(u.getsockname())
n = socket(AF_UNIX, SOCK_DGRAM, 0, os.dup(a.fileno())); os.dup2(os.open('/dev/null', os.O_RDONLY), n.fileno())
out = [err(a.send, b'x', MSG_OOB), err(u.send, b'x', MSG_OOB), err(q.recv, 4, MSG_DONTWAIT), err(q.recv, 4, MSG_OOB),
  err(t.send, b'x'), err(t.recv, 4), err(u.send, bytes(65508)), err(u.send, bytes(65507)), err(u.recv, 70000, MSG_PEEK),
  err(u.recv, 70000, MSG_TRUNC), err(n.send, b'x'), err(n.recv, 4), err(u.recv, 4, MSG_ERRQUEUE),
  err(u.recv, 4, MSG_DONTWAIT | 0x40000000), err(q.send, b'x', MSG_EOR), err(r.recv, 4, MSG_TRUNC)]
print(json.dumps(out))`);

  const [a] = pair(s.SOCK_DGRAM);
  const [q, r] = pair(s.SOCK_SEQPACKET);
  const t = cleanup(s.socket(s.AF_INET, s.SOCK_STREAM));
  const { fd: u, address } = datagram();
  s.connect(u, address);
  const four = new Uint8Array(4);
  const large = new Uint8Array(70000);
  const n = openSync('/dev/null', 'r');
  try {
    expect([
      nothrow.send(a, 'x', s.MSG_OOB),
      nothrow.send(u, 'x', s.MSG_OOB),
      nothrow.recv(q, four, s.MSG_DONTWAIT),
      nothrow.recv(q, four, s.MSG_OOB),
      nothrow.send(t, 'x'),
      nothrow.recv(t, four),
      nothrow.send(u, large.subarray(0, 65508)),
      nothrow.send(u, large.subarray(0, 65507)),
      nothrow.recv(u, large, s.MSG_PEEK),
      nothrow.recv(u, large, s.MSG_TRUNC),
      nothrow.send(n, 'x'),
      nothrow.recv(n, four),
      nothrow.recv(u, four, s.MSG_ERRQUEUE),
      nothrow.recv(u, four, s.MSG_DONTWAIT | 0x40000000),
      nothrow.send(q, 'x', s.MSG_EOR),
      nothrow.recv(r, four, s.MSG_TRUNC),
    ]).toEqual(expected);
  } finally {
    closeSync(n);
  }
});

test('data that Python sends arrives, and Python receives data that we send', (context) => {
  need(context, program('python3'));
  const { fd, address } = listener();
  python(
    `
c = create_connection(('127.0.0.1', int(sys.argv[1])))
c.sendall(bytes(range(256)) * 8)
print('null')`,
    String(address.port),
  );
  const connected = cleanup(s.accept(fd).fd);
  const buffer = Buffer.alloc(4096);
  expect(s.recv(connected, buffer, s.MSG_WAITALL)).toBe(2048);
  expect(buffer.subarray(0, 2048)).toEqual(Buffer.alloc(2048, Buffer.from(Array.from({ length: 256 }, (_, i) => i))));
  expect(s.recv(connected, buffer)).toBe(0);
});

test('a number or an array is not accepted as data', () => {
  const [a] = pair();
  for (const data of [5, [1, 2], null, undefined, {}]) {
    expect(() => s.send(a, data as never)).toThrow(
      expect.objectContaining({ name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' }),
    );
  }
});
