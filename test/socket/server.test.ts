import { getEventListeners } from 'node:events';
import { chmodSync, existsSync, lstatSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import { openSockets } from '../helpers/fds.ts';
import { folder, loopback } from '../helpers/fixtures.ts';
import { ipv6, type Need, need, program } from '../helpers/need.ts';
import { silentNetwork, silentNetworks } from '../helpers/networks.ts';
import { pythonAsync } from '../helpers/python.ts';
import { output } from '../helpers/scripts.ts';
import { isSettled, keep, readAll, tcpPair } from '../helpers/sockets.ts';

const portOf = (socket: s.Socket) => (socket.getsockname() as s.InetAddress).port;
const serve = (options: s.InetServerOptions | s.UnixServerOptions) => keep(s.createServer(options));
const coded = (code: string, syscall: string) => expect.objectContaining({ code, syscall });

async function reach(server: s.Socket, address: s.AddressInput): Promise<s.Address | undefined> {
  const client = keep(new s.Socket(address.family, s.SOCK_STREAM));
  const [accepted] = await Promise.all([server.accept({ timeout: 60_000 }), client.connect(address)]);
  keep(accepted.socket);
  return accepted.address;
}

const dualStack: Need = () => (s.hasDualstackIPv6() ? undefined : 'no dual stack');

describe('TCP', () => {
  test('by default, the server listens on every address of the host, of both families', async (context) => {
    need(context, ipv6, dualStack);
    const server = serve({ port: 0 });
    expect(server.getsockname()).toMatchObject({ family: s.AF_INET6, address: '::' });
    expect(await reach(server, { ...loopback, port: portOf(server) })).toMatchObject({ address: '::ffff:127.0.0.1' });
    expect(await reach(server, { family: s.AF_INET6, address: '::1', port: portOf(server) })).toMatchObject({
      address: '::1',
    });
  });

  test('a numeric address of either family is accepted; IPv6 alone unless dual stack is requested', async (context) => {
    const server = serve({ host: '127.0.0.1', port: 0 });
    expect(await reach(server, server.getsockname()!)).toMatchObject({ family: s.AF_INET, address: '127.0.0.1' });
    need(context, ipv6);
    for (const dual of [undefined, false, true]) {
      const six = serve({ host: '::', port: 0, dualStack: dual });
      expect(six.getsockopt(s.IPPROTO_IPV6, s.IPV6_V6ONLY)).toBe(dual === true ? 0 : 1);
    }
    const alone = serve({ port: 0, dualStack: false });
    expect(alone.getsockopt(s.IPPROTO_IPV6, s.IPV6_V6ONLY)).toBe(1);
  });

  test('a name is resolved to the first of its addresses that this host has', (context) => {
    const name = serve({ host: 'localhost', port: 0 }).getsockname() as s.InetAddress;
    expect(['127.0.0.1', '::1']).toContain(name.address);
    expect(() => serve({ host: 'name.invalid', port: 0 })).toThrow(s.AddressInfoError);
    need(context, silentNetworks);
    const script = `
      const server = s.createServer({ host: 'several', port: 0 });
      const { address, port } = server.getsockname();
      let code;
      try { s.createServer({ host: 'several', port }); } catch (error) { code = error.code; }
      console.log(address, code);
      server.close();`;
    const hosts = '198.51.100.1 several\n127.0.0.5 several\n127.0.0.6 several\n';
    return output(script, [], {}, silentNetwork(hosts)).then((said) => expect(said).toBe('127.0.0.5 EADDRINUSE'));
  });

  test('a port as text is accepted, an invalid port throws', () => {
    const port = portOf(serve({ host: '127.0.0.1', port: '0' }));
    expect(port).toBeGreaterThan(0);
    for (const wrong of [undefined, null, -1, 65536, 1.5, '65536', '104635', true, '', ' ', '\n']) {
      for (const host of [undefined, '127.0.0.1']) {
        expect(() => serve({ host, port: wrong as never }), String(wrong)).toThrow('"options.port"');
      }
    }
    expect(() => serve({} as never)).toThrow('"options.port"');
    for (const text of ['no-such-service', '0x50', '8e1', '80.5']) {
      expect(() => serve({ port: text })).toThrow(s.AddressInfoError);
    }
    expect(() => serve(8080 as never)).toThrow(/an object, as in createServer\(\{ port \}\)$/);
    const listening = s.createServer as (...args: unknown[]) => s.Socket;
    const listener = { code: 'ERR_INVALID_ARG_TYPE', message: expect.stringContaining('connections()') };
    expect(() => listening({ port: 0 }, () => {})).toThrow(expect.objectContaining(listener));
    expect(() => serve('/run/x' as never)).toThrow(/createServer\(\{ path: "\/run\/x" \}\)$/);
  });

  test('accepted sockets inherit noDelay and keepAlive', async () => {
    for (const on of [true, false]) {
      const server = serve({ host: '127.0.0.1', port: 0, noDelay: on, keepAlive: on });
      const client = keep(new s.Socket(s.AF_INET, s.SOCK_STREAM));
      const [{ socket }] = await Promise.all([server.accept(), client.connect(server.getsockname()!)]);
      keep(socket);
      const number = on ? 1 : 0;
      expect(socket.getsockopt(s.IPPROTO_TCP, s.TCP_NODELAY)).toBe(number);
      expect(socket.getsockopt(s.SOL_SOCKET, s.SO_KEEPALIVE)).toBe(number);
    }
  });

  test('a signal closes the server, and has a listener only while the server is open', async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const server = s.createServer({ host: '127.0.0.1', port: 0, signal });
    const other = s.createServer({ host: '127.0.0.1', port: 0, signal });
    other.close();
    expect(getEventListeners(signal, 'abort').length).toBe(1);
    const next = server.connections().next();
    controller.abort();
    expect([server.closed, await next]).toEqual([true, { done: true, value: undefined }]);
    const long = new AbortController().signal;
    s.createServer({ host: '127.0.0.1', port: 0, signal: long }).close();
    expect(getEventListeners(long, 'abort')).toEqual([]);
    const before = openSockets();
    expect(() => s.createServer({ port: 0, signal })).toThrow(s.AbortError);
    expect(() => s.createServer({ port: 0, signal: {} as never })).toThrow('"signal"');
    expect(openSockets()).toBe(before);
  });

  test('a signal that is aborted by the control hook closes the server, too', () => {
    const before = openSockets();
    const control = new AbortController();
    const options = { port: 0, signal: control.signal, control: () => control.abort() };
    expect(() => serve(options)).toThrow(coded('ABORT_ERR', 'listen'));
    expect(openSockets()).toBe(before);
  });

  test('unknown options and options of a wrong type throw', () => {
    for (const [name, more] of [
      ['options.hostname', { hostname: 'x' }],
      ['options.mode', { mode: 0o600 }],
      ['options.host', { host: 5 }],
      ['options.host', { host: null }],
      ['options.noDelay', { noDelay: 1 }],
      ['options.reusePort', { reusePort: 'yes' }],
      ['options.dualStack', { dualStack: 0 }],
      ['options.control', { control: 5 }],
    ] as const) {
      expect(() => serve({ port: 0, ...(more as object) }), name).toThrow(`"${name}"`);
    }
    expect(() => serve({ path: '/nonexistent', port: 0 } as never)).toThrow('"options.port"');
  });

  test('a port in use throws EADDRINUSE; with SO_REUSEADDR, a port is free again at once', async () => {
    const before = openSockets();
    const server = s.createServer({ host: '127.0.0.1', port: 0 });
    const port = portOf(server);
    expect(server.getsockopt(s.SOL_SOCKET, s.SO_REUSEADDR)).toBe(1);
    expect(() => serve({ host: '127.0.0.1', port })).toThrow(coded('EADDRINUSE', 'bind'));
    const client = new s.Socket(s.AF_INET, s.SOCK_STREAM);
    await client.connect({ ...loopback, port });
    const { socket } = await server.accept();
    server.close();
    socket.close(); // TIME_WAIT is on this side
    client.close();
    serve({ host: '127.0.0.1', port }).close();
    expect(() => serve({ host: '192.0.2.1', port: 0 })).toThrow(coded('EADDRNOTAVAIL', 'bind'));
    expect(openSockets()).toBe(before);
  });

  test('reusePort: two servers listen on one port, and the kernel distributes the connections', async () => {
    const first = serve({ host: '127.0.0.1', port: 0, reusePort: true });
    const port = portOf(first);
    const second = serve({ host: '127.0.0.1', port, reusePort: true });
    const clients = Array.from({ length: 60 }, () => keep(new s.Socket(s.AF_INET, s.SOCK_STREAM)));
    await Promise.all(clients.map((client) => client.connect({ ...loopback, port })));
    const counts = [first, second].map((server) => {
      server.setTimeout(0);
      let count = 0;
      try {
        for (;;) {
          server.acceptSync().socket.close();
          count++;
        }
      } catch (error) {
        expect(error).toMatchObject({ code: 'EAGAIN' });
        return count;
      }
    });
    expect(counts[0]! + counts[1]!).toBe(60);
    expect(Math.min(...counts), String(counts)).toBeGreaterThan(0);
    expect(() => serve({ host: '127.0.0.1', port })).toThrow(coded('EADDRINUSE', 'bind'));
  });

  test('the control hook runs before bind and listen, and receives the address', () => {
    const seen: unknown[] = [];
    const server = serve({
      host: '127.0.0.1',
      port: 0,
      control(fd, info) {
        seen.push(info, s.getsockname(fd));
        s.setsockopt(fd, s.SOL_SOCKET, s.SO_RCVBUF, 4096);
      },
    });
    expect(seen).toEqual([
      { family: s.AF_INET, address: loopback },
      { ...loopback, address: '0.0.0.0' },
    ]);
    expect(server.getsockopt(s.SOL_SOCKET, s.SO_RCVBUF)).toBe(8192);
    const before = openSockets();
    const control = () => {
      throw new Error('refused by the hook');
    };
    expect(() => s.createServer({ host: '127.0.0.1', port: 0, control })).toThrow('refused by the hook');
    expect(openSockets()).toBe(before);
  });

  test('backlog and protocol are passed to the kernel', async () => {
    const server = serve({ host: '127.0.0.1', port: 0, backlog: 0 });
    const clients = Array.from({ length: 3 }, () => keep(new s.Socket(s.AF_INET, s.SOCK_STREAM)));
    const connecting = clients.map((client) => client.connect(server.getsockname()!));
    await Promise.race(connecting);
    const settled = await Promise.all(connecting.map((one) => isSettled(one)));
    expect(settled.filter(Boolean).length).toBe(1);
    expect(() => serve({ host: '127.0.0.1', port: 0, protocol: s.IPPROTO_UDP })).toThrow(
      coded('EPROTONOSUPPORT', 'socket'),
    );
  });

  test('it serves a client written in Python', async (context) => {
    need(context, program('python3'));
    const server = serve({ host: '127.0.0.1', port: 0 });
    const script = `
sock = create_connection(('127.0.0.1', int(sys.argv[1])))
sock.sendall(b'x' * 100000)
sock.shutdown(SHUT_WR)
print(json.dumps(sock.recv(100).decode()))`;
    const answer = pythonAsync(script, String(portOf(server)));
    const { socket } = await server.accept();
    keep(socket);
    await socket.sendAll(String((await readAll(socket)).length));
    socket.close();
    expect(await answer).toBe('100000');
  });
});

describe('AF_UNIX', () => {
  test('for an empty path the kernel chooses an abstract name, which has no mode', async () => {
    const server = serve({ path: '' });
    const { path } = server.getsockname() as s.UnixAddress;
    expect(path).toMatch(/^\0[0-9a-f]{5}$/);
    const client = await s.createConnection({ path });
    client.close();
    for (const abstract of ['', '\0name']) {
      expect(() => s.createServer({ path: abstract, mode: 0o600 })).toThrow(/"options.mode" argument must be omitted/);
    }
  });

  test('a path may be bytes that are not text', async () => {
    const path = Buffer.concat([Buffer.from(join(folder(), 's')), Buffer.of(0xff)]);
    const address = { family: s.AF_UNIX, path } as const;
    serve({ path, mode: 0o600 }).close();
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(() => serve({ path })).toThrow(coded('EADDRINUSE', 'bind'));
    const bytes = new Uint8Array(path);
    await reach(serve({ path: bytes, stale: 'replace' }), address);
    expect(() => serve({ path, stale: 'replace' })).toThrow(coded('EADDRINUSE', 'bind'));
    const abstract = Buffer.from(`\0sys-socket-bytes-${process.pid}`);
    await reach(serve({ path: abstract }), { family: s.AF_UNIX, path: abstract });
    expect(() => serve({ path: abstract, stale: 'replace' })).toThrow(coded('EADDRINUSE', 'bind'));
    for (const nameless of [Buffer.alloc(0), abstract]) {
      expect(() => serve({ path: nameless, mode: 0o600 })).toThrow(/"options.mode" argument must be omitted/);
    }
  });

  test.each([
    ['options.mode', { mode: '600' }],
    ['options.mode', { mode: Number.NaN }],
    ['options.mode', { mode: -1 }],
    ['options.mode', { mode: 0o10000 }],
    ['options.stale', { stale: 'replce' }],
    ['options.stale', { stale: true }],
    ['options.backlog', { backlog: Number.NaN }],
    ['options.backlog', { backlog: '5' }],
  ])('an invalid %s throws before the path is bound: %o', (name, wrong) => {
    const path = join(folder(), 's');
    expect(() => serve({ path, ...wrong } as s.UnixServerOptions)).toThrow(`The "${name}" argument must be `);
    expect(existsSync(path)).toBe(false);
  });

  test('a path with a mode, an abstract name and SOCK_SEQPACKET are accepted', async () => {
    const path = join(folder(), 's');
    const server = serve({ path, mode: 0o600, type: s.SOCK_SEQPACKET });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const client = keep(new s.Socket(s.AF_UNIX, s.SOCK_SEQPACKET));
    await client.connect({ family: s.AF_UNIX, path });
    const { socket } = await server.accept();
    keep(socket);
    await client.send('one');
    await client.send('two');
    expect([String(await socket.recv()), socket.type]).toEqual(['one', s.SOCK_SEQPACKET]);
    const name = `\0sys-socket-${process.pid}`;
    const abstract = serve({ path: name });
    await reach(abstract, { family: s.AF_UNIX, path: name });
    expect(() => serve({ path: name, stale: 'replace' })).toThrow(coded('EADDRINUSE', 'bind'));
  });

  test('closing a server unlinks nothing, and by default no file is replaced', () => {
    const path = join(folder(), 's');
    s.createServer({ path }).close();
    expect(existsSync(path)).toBe(true);
    expect(() => serve({ path })).toThrow(coded('EADDRINUSE', 'bind'));
    expect(() => serve({ path, stale: 'fail' })).toThrow(coded('EADDRINUSE', 'bind'));
  });

  test('a server that cannot listen removes the path that it bound', () => {
    const path = join(folder(), 's');
    expect(() => serve({ path, type: s.SOCK_DGRAM })).toThrow(coded('EOPNOTSUPP', 'listen'));
    expect(existsSync(path)).toBe(false);
  });

  test('replace: a socket without a listener is replaced', async () => {
    const path = join(folder(), 's');
    s.createServer({ path }).close();
    const server = serve({ path, stale: 'replace' });
    await reach(server, { family: s.AF_UNIX, path });
    const fresh = join(folder(), 's');
    await reach(serve({ path: fresh, stale: 'replace' }), { family: s.AF_UNIX, path: fresh });
  });

  test('replace: the path of a live server is never replaced, whatever its type and state', async () => {
    const path = join(folder(), 's');
    const address = { family: s.AF_UNIX, path } as const;
    const live = serve({ path, backlog: 0 });
    const inode = lstatSync(path).ino;
    expect(() => serve({ path, stale: 'replace' })).toThrow(coded('EADDRINUSE', 'bind'));
    // Its backlog is full now, which the probe must not mistake for a server that is gone.
    const clients = Array.from({ length: 2 }, () => {
      const client = keep(new s.Socket(s.AF_UNIX, s.SOCK_STREAM));
      client.setBlocking(false);
      return client.connectExSync(address);
    });
    expect(clients).toContain(s.EAGAIN);
    for (const type of [s.SOCK_STREAM, s.SOCK_SEQPACKET]) {
      expect(() => serve({ path, stale: 'replace', type })).toThrow(coded('EADDRINUSE', 'bind'));
    }
    expect(lstatSync(path).ino).toBe(inode);
    live.close();
    const other = join(folder(), 'datagrams');
    const bound = keep(new s.Socket(s.AF_UNIX, s.SOCK_DGRAM));
    bound.bind({ family: s.AF_UNIX, path: other });
    expect(() => serve({ path: other, stale: 'replace' })).toThrow(coded('EADDRINUSE', 'bind'));
    expect(existsSync(other)).toBe(true);
  });

  test('replace: a file that is not a socket is never replaced', () => {
    const here = folder();
    const file = join(here, 'file');
    writeFileSync(file, 'precious');
    expect(() => serve({ path: file, stale: 'replace' })).toThrow(coded('EADDRINUSE', 'bind'));
    expect(() => serve({ path: here, stale: 'replace' })).toThrow(coded('EADDRINUSE', 'bind'));
    const dead = join(here, 'dead');
    s.createServer({ path: dead }).close();
    const linked = join(here, 'link');
    symlinkSync(dead, linked);
    expect(() => serve({ path: linked, stale: 'replace' })).toThrow(coded('EADDRINUSE', 'bind'));
    expect([existsSync(file), existsSync(dead), lstatSync(linked).isSymbolicLink()]).toEqual([true, true, true]);
  });

  test('a missing directory, and one without write permission, throw', (context) => {
    expect(() => serve({ path: '/nonexistent/s', stale: 'replace' })).toThrow(coded('ENOENT', 'bind'));
    need(context, () => (process.getuid?.() === 0 ? 'root may write everywhere' : undefined));
    const here = folder();
    chmodSync(here, 0o500);
    expect(() => serve({ path: join(here, 's') })).toThrow(coded('EACCES', 'bind'));
  });

  test('the control hook runs before bind; options with an undefined path open an internet server', async () => {
    const path = join(folder(), 's');
    const seen: unknown[] = [];
    serve({ path, control: (_fd, info) => seen.push(info, existsSync(path)) });
    expect(seen).toEqual([{ family: s.AF_UNIX, address: { family: s.AF_UNIX, path } }, false]);
    const inet = serve({ path: undefined, host: '127.0.0.1', port: 0 } as never);
    expect(inet.family).toBe(s.AF_INET);
    await tcpPair();
  });
});
