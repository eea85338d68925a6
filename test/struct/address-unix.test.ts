import { existsSync, readdirSync, readFileSync, statSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, onTestFinished, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as nothrow from '../../lib/nothrow.ts';
import { cleanup } from '../helpers/fds.ts';
import { folder, pair } from '../helpers/fixtures.ts';
import { python, pythonPeer } from '../helpers/python.ts';

const unix = (path: string | Uint8Array): s.UnixAddressInput => ({ family: s.AF_UNIX, path });

let names = 0;
/** An abstract name that no other test uses, so that parallel runs do not interfere. */
const abstract = (tail = '') => `\0sys-socket-${process.pid}-${names++}${tail}`;

function bound(path: string | Uint8Array, type: number = s.SOCK_DGRAM): number {
  const fd = cleanup(s.socket(s.AF_UNIX, type));
  s.bind(fd, unix(path));
  return fd;
}

/** A path of exactly this many bytes. */
const pathOf = (length: number) => `${folder()}/`.padEnd(length, 'p');

/** A name as its bytes in hex. */
const hex = (path: string | Uint8Array) => Buffer.from(path as Uint8Array).toString('hex');

describe('108 bytes without a NUL', () => {
  test('getsockname reports a length of 111 and returns the whole path', () => {
    const path = pathOf(108);
    const fd = bound(path);
    expect(statSync(path).isSocket()).toBe(true);
    const storage = new s.SockaddrStorage();
    expect(nothrow.getsockname(fd, storage)).toBe(0);
    expect(storage.length).toBe(111); // more than sizeof(struct sockaddr_un)
    expect(storage.decode()).toEqual(unix(path));
    expect(s.getsockname(fd)).toEqual(unix(path));
  });

  test.each([107, 108])('%i bytes: bind, connect, accept and getpeername', (length) => {
    const path = pathOf(length);
    const server = bound(path, s.SOCK_STREAM);
    s.listen(server);
    const from = pathOf(length);
    const client = bound(from, s.SOCK_STREAM);
    s.connect(client, unix(path));
    expect(s.getpeername(client)).toEqual(unix(path));
    const { fd, address } = s.accept(server);
    cleanup(fd);
    expect(address).toEqual(unix(from));
    const storage = new s.SockaddrStorage();
    expect(nothrow.getpeername(fd, storage)).toBe(0);
    expect(storage.length).toBe(length + 3);
    // The kernel accepts what it returned.
    expect(nothrow.connect(cleanup(s.socket(s.AF_UNIX, s.SOCK_STREAM)), s.encodeAddress(s.getpeername(client)!))).toBe(
      0,
    );
  });

  test.each([107, 108])('%i bytes: the sender of a datagram', (length) => {
    const path = pathOf(length);
    const receiver = bound(abstract());
    const sender = bound(path);
    for (const _ of [1, 2, 3]) s.sendto(sender, 'x', 0, s.getsockname(receiver)!);
    expect(s.recvfrom(receiver, Buffer.alloc(4)).address).toEqual(unix(path));
    expect(s.recvmsg(receiver, { buffers: [Buffer.alloc(4)] }).address).toEqual(unix(path));
    const batch = new s.MessageBatch({ messages: 1, size: 4 });
    expect(s.recvmmsg(receiver, batch)).toBe(1);
    expect(batch.address(0)).toEqual(unix(path));
  });

  test('the kernel has the whole path, given as UTF-8 text and as bytes', () => {
    const start = `${folder()}/`;
    const path = start.padEnd(start.length + 20, 'é');
    const whole = path + 'p'.repeat(108 - Buffer.byteLength(path));
    bound(Buffer.from(whole));
    expect(readFileSync('/proc/net/unix', 'utf8')).toContain(`${whole}\n`);
  });
});

describe('a path that sun_path cannot hold is rejected and never truncated', () => {
  test.each([109, 110, 200, 5000])('%i bytes', (length) => {
    const path = pathOf(length);
    const fd = cleanup(s.socket(s.AF_UNIX, s.SOCK_DGRAM));
    for (const given of [path, Buffer.from(path)]) {
      expect(() => s.bind(fd, unix(given))).toThrow(RangeError);
      expect(() => s.connect(fd, unix(given))).toThrow(/address\.path.*108 bytes/);
    }
    expect(existsSync(path.slice(0, 108))).toBe(false);
    expect(s.getsockname(fd)).toEqual(unix(''));
  });

  test('the limit is in bytes, not in characters', () => {
    expect(() => s.encodeAddress(unix('é'.repeat(55)))).toThrow(RangeError);
    expect(s.encodeAddress(unix('é'.repeat(54)))).toHaveLength(110);
    expect(() => s.encodeAddress(unix(`\0${'é'.repeat(54)}`))).toThrow(RangeError);
  });

  test('the kernel rejects an encoded sockaddr of 111 bytes', () => {
    const bytes = Buffer.concat([s.encodeAddress(unix(pathOf(108))), Buffer.alloc(1)]);
    expect(nothrow.bind(cleanup(s.socket(s.AF_UNIX, s.SOCK_DGRAM)), bytes)).toBe(-s.EINVAL);
  });

  test.each(['x\0', 'x\0y', 'x\0\0', '/tmp/\0'])('a path with a NUL in it: %j', (path) => {
    const fd = cleanup(s.socket(s.AF_UNIX, s.SOCK_DGRAM));
    expect(() => s.bind(fd, unix(path))).toThrow(TypeError);
    expect(() => s.bind(fd, unix(path))).toThrow(/address\.path/);
    expect(s.getsockname(fd)).toEqual(unix(''));
  });

  test('encoded bytes are passed exactly, so that C programs which count the NUL can be reached', () => {
    const path = join(folder(), 'x');
    bound(Buffer.from(`${path}\0`));
    expect(statSync(path).isSocket()).toBe(true);
  });
});

describe('abstract names', () => {
  test('with inner and trailing NULs are distinct names', () => {
    const base = abstract();
    const tails = ['', '\0', '\0\0', '\0x', '\0x\0', 'x', '\0\0x'];
    const servers = tails.map((tail) => bound(base + tail));
    const client = cleanup(s.socket(s.AF_UNIX, s.SOCK_DGRAM));
    tails.forEach((tail, i) => {
      expect(s.getsockname(servers[i]!)).toEqual(unix(base + tail));
      s.sendto(client, `to ${i}`, 0, unix(base + tail));
    });
    const buffer = Buffer.alloc(16);
    servers.forEach((fd, i) => {
      const n = s.recv(fd, buffer, s.MSG_DONTWAIT);
      expect(buffer.toString('utf8', 0, n)).toBe(`to ${i}`);
      expect(nothrow.recv(fd, buffer, s.MSG_DONTWAIT)).toBe(-s.EAGAIN);
    });
    expect(() => s.bind(cleanup(s.socket(s.AF_UNIX, s.SOCK_DGRAM)), unix(`${base}\0x`))).toThrow(
      expect.objectContaining({ code: 'EADDRINUSE', address: unix(`${base}\0x`) }),
    );
    // One more NUL makes another name, which nobody has.
    expect(nothrow.sendto(client, 'x', 0, unix(`${base}\0\0\0`))).toBe(-s.ECONNREFUSED);
  });

  test('can be as long as sun_path and create no file', () => {
    const name = abstract().padEnd(107, '\0').concat('e');
    const fd = bound(name);
    const storage = new s.SockaddrStorage();
    nothrow.getsockname(fd, storage);
    expect(storage.length).toBe(110);
    expect(storage.decode()).toEqual(unix(name));
  });

  test('autobind chooses five hexadecimal digits', () => {
    const fd = bound('');
    const { path } = s.getsockname(fd) as s.UnixAddress;
    expect(path).toMatch(/^\0[0-9a-f]{5}$/);
    const sender = cleanup(s.socket(s.AF_UNIX, s.SOCK_DGRAM));
    expect(s.sendto(sender, 'x', 0, unix(path))).toBe(1);
    expect(s.recv(fd, Buffer.alloc(1), s.MSG_DONTWAIT)).toBe(1);
  });
});

describe('unnamed sockets', () => {
  test('have the address length 2 and the path ""', () => {
    const fd = cleanup(s.socket(s.AF_UNIX, s.SOCK_STREAM));
    const storage = new s.SockaddrStorage();
    nothrow.getsockname(fd, storage);
    expect(storage.length).toBe(2);
    expect(storage.decode()).toEqual(unix(''));
    const [a] = pair();
    expect([s.getsockname(a), s.getpeername(a)]).toEqual([unix(''), unix('')]);
    expect(s.encodeAddress(unix(''))).toHaveLength(2);
  });

  test('a client without a name has an unnamed address when it is accepted', () => {
    const server = bound(abstract(), s.SOCK_STREAM);
    s.listen(server);
    const client = cleanup(s.socket(s.AF_UNIX, s.SOCK_STREAM));
    s.connect(client, s.getsockname(server)!);
    const { fd, address } = s.accept(server);
    cleanup(fd);
    expect(address).toEqual(unix(''));
  });

  test('a datagram from an unbound sender has no address', () => {
    const receiver = bound(abstract());
    s.sendto(cleanup(s.socket(s.AF_UNIX, s.SOCK_DGRAM)), 'x', 0, s.getsockname(receiver)!);
    expect(s.recvfrom(receiver, Buffer.alloc(1))).toEqual({ length: 1, address: undefined });
  });
});

describe('bytes that are not UTF-8', () => {
  const odd = Buffer.of(0xff, 0xfe, 0x80, 0xc0, 0xaf);

  test('in a path', () => {
    const parent = folder();
    const path = Buffer.concat([Buffer.from(`${parent}/`), odd]);
    const fd = bound(path);
    onTestFinished(() => unlinkSync(path));
    expect(readdirSync(parent, { encoding: 'buffer' })).toEqual([odd]);
    expect(s.getsockname(fd)).toEqual(unix(path));
    const sender = cleanup(s.socket(s.AF_UNIX, s.SOCK_DGRAM));
    s.connect(sender, s.getsockname(fd)!);
    expect(s.getpeername(sender)).toEqual(unix(path));
  });

  test('in an abstract name', () => {
    const name = Buffer.concat([Buffer.from(abstract('\0')), odd, Buffer.of(0)]);
    const fd = bound(name);
    expect(s.getsockname(fd)).toEqual(unix(name));
    s.sendto(fd, 'self', 0, s.getsockname(fd)!);
    expect(s.recvfrom(fd, Buffer.alloc(8))).toEqual({ length: 4, address: unix(name) });
  });

  test('names with a BOM, four-byte characters or U+FFFD are decoded as text', () => {
    expect(s.decodeAddress(s.encodeAddress(unix('\ufeffx')))).toEqual(unix('\ufeffx'));
    for (const tail of ['\ufeffx', '\u{1f600}', '\ufffd']) {
      const path = join(folder(), tail);
      expect(s.getsockname(bound(path))).toEqual(unix(path));
      const name = abstract(tail);
      expect(s.getsockname(bound(name))).toEqual(unix(name));
    }
  });
});

test('no path is unlinked, and errors contain the address', () => {
  const path = join(folder(), 'x');
  const fd = s.socket(s.AF_UNIX, s.SOCK_STREAM);
  s.bind(fd, unix(path));
  s.close(fd);
  const other = cleanup(s.socket(s.AF_UNIX, s.SOCK_STREAM));
  expect(() => s.bind(other, unix(path))).toThrow(expect.objectContaining({ code: 'EADDRINUSE', address: unix(path) }));
  expect(() => s.connect(other, unix(path))).toThrow(expect.objectContaining({ code: 'ECONNREFUSED' }));
  expect(() => s.connect(other, unix(`${path}y`))).toThrow(expect.objectContaining({ code: 'ENOENT' }));
  expect(statSync(path).isSocket()).toBe(true);
});

describe('exchange with Python over streams, datagrams and SOCK_SEQPACKET', () => {
  const types = [s.SOCK_STREAM, s.SOCK_DGRAM, s.SOCK_SEQPACKET];
  const kinds: [string, () => string | Buffer][] = [
    ['a path', () => join(folder(), 'sock')],
    ['a path of 107 bytes', () => pathOf(107)],
    ['a path in UTF-8', () => join(folder(), 'söck-\u{1f600}')],
    ['an abstract name', () => abstract()],
    ['an abstract name with NULs in it', () => abstract('\0a\0\0b')],
    ['an abstract name with NULs at its end', () => abstract('\0\0')],
    ['an abstract name of 108 bytes', () => abstract().padEnd(108, 'n')],
    ['an abstract name that is not UTF-8', () => Buffer.concat([Buffer.from(abstract()), Buffer.of(0xff, 0, 0xfe)])],
  ];

  /** What both sides do: one exchange for each type, between these two names. */
  const exchanges = (make: () => string | Buffer) => types.map((type) => ({ type, name: make(), from: make() }));
  const argument = (list: ReturnType<typeof exchanges>) =>
    JSON.stringify(list.map(({ type, name, from }) => [type, hex(name), hex(from)]));

  // Python accepts paths and abstract names as bytes, and returns paths as text, abstract names as bytes.
  const common = `
exchanges = [(kind, bytes.fromhex(name), bytes.fromhex(peer)) for kind, name, peer in json.loads(sys.argv[1])]
def told(name): return (os.fsencode(name) if isinstance(name, str) else bytes(name or b'')).hex()
`;

  test.each(kinds)('we bind %s, Python connects', (_what, make) => {
    const list = exchanges(make);
    const servers = list.map(({ type, name }) => {
      const fd = bound(name, type);
      if (type !== s.SOCK_DGRAM) s.listen(fd);
      return fd;
    });
    const seen = python<string[][]>(
      `${common}
told_all = []
for kind, name, own in exchanges:
  s = socket(AF_UNIX, kind)
  s.bind(own)
  s.connect(name)
  s.send(b'from python')
  told_all.append([told(s.getpeername()), told(s.getsockname())])
print(json.dumps(told_all))`,
      argument(list),
    );
    const buffer = Buffer.alloc(32);
    list.forEach(({ type, name, from }, i) => {
      expect(seen[i]).toEqual([hex(name), hex(from)]);
      if (type === s.SOCK_DGRAM) {
        expect(s.recvfrom(servers[i]!, buffer, s.MSG_DONTWAIT)).toEqual({ length: 11, address: unix(from) });
      } else {
        const { fd, address } = s.accept(servers[i]!);
        cleanup(fd);
        expect(address).toEqual(unix(from));
        expect(s.getpeername(fd)).toEqual(unix(from));
        expect(s.recv(fd, buffer, s.MSG_DONTWAIT)).toBe(11);
      }
      expect(buffer.toString('utf8', 0, 11)).toBe('from python');
      buffer.fill(0);
    });
  });

  test.each(kinds)('Python binds %s, we connect', async (_what, make) => {
    const list = exchanges(make);
    const { child, line } = await pythonPeer(
      `${common}
servers = []
for kind, name, peer in exchanges:
  s = socket(AF_UNIX, kind)
  s.bind(name)
  if kind != SOCK_DGRAM: s.listen(1)
  servers.append(s)
print(json.dumps([told(s.getsockname()) for s in servers]))
told_all = []
for s in servers:
  if s.type == SOCK_DGRAM: data, peer = s.recvfrom(32)
  else:
    s, peer = s.accept()
    data = s.recv(32)
  told_all.append([data.decode(), told(peer)])
print(json.dumps(told_all))`,
      argument(list),
    );
    onTestFinished(() => {
      child.kill();
    });
    expect(JSON.parse(line)).toEqual(list.map(({ name }) => hex(name)));
    const answer = text(child.stdout!);
    for (const { type, name, from } of list) {
      const fd = bound(from, type);
      s.connect(fd, unix(name));
      expect(s.getpeername(fd)).toEqual(unix(name));
      s.send(fd, 'from node');
    }
    expect(JSON.parse(await answer)).toEqual(list.map(({ from }) => ['from node', hex(from)]));
  });
});
