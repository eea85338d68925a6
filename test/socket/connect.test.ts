import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import * as s from '../../lib/index.ts';
import { openSockets } from '../helpers/fds.ts';
import { folder, loopback, loopback6 } from '../helpers/fixtures.ts';
import { ipv6, need, node, program } from '../helpers/need.ts';
import { silentNetwork, silentNetworks } from '../helpers/networks.ts';
import { pythonPeer } from '../helpers/python.ts';
import { output } from '../helpers/scripts.ts';
import { failure, keep, readAll, tcpServer } from '../helpers/sockets.ts';

const portOf = (socket: s.Socket) => (socket.getsockname() as s.InetAddress).port;
const connect = async (options: s.ConnectionOptions): Promise<s.Socket> => keep(await s.createConnection(options));

/** Runs a program where names have addresses of both families, and returns the JSON that it prints. */
async function inWorld<T>(script: string, hosts = '127.0.0.1 both\n::1 both\n', flags: string[] = []): Promise<T> {
  const common = `
    const shown = (error) => [error.name, error.code, error.syscall].filter((text) => text !== undefined).join(' ');
    const { readFileSync } = await import('node:fs');
    // AF_UNIX sockets are not counted, because the runtime may create a pair for its own thread at any time.
    const sockets = () => {
      const unix = readFileSync('/proc/self/net/unix', 'latin1').split(/\\s+/);
      return readdirSync('/proc/self/fd').filter((fd) => {
        try {
          const [, inode] = /^socket:\\[(\\d+)/.exec(readlinkSync('/proc/self/fd/' + fd)) ?? [];
          return inode !== undefined && !unix.includes(inode);
        } catch { return false; }
      }).length;
    };
    const order = async (host) => s.getaddrinfo(host, 1, { socktype: s.SOCK_STREAM }).map(({ family }) => family);
    `;
  return JSON.parse(await output(common + script, flags, {}, silentNetwork(hosts))) as T;
}

describe('connecting by name', () => {
  test('a name with addresses of both families connects to the first that listens, whichever it is', async (context) => {
    need(context, ipv6, silentNetworks);
    const [order, ...families] = await inWorld<[number[], ...number[]]>(`
      const v6 = s.createServer({ host: '::1', port: 0 });
      const { port } = v6.getsockname();
      const v4 = s.createServer({ host: '127.0.0.1', port });
      const result = [await order('both')];
      const connect = async () => {
        const socket = await s.createConnection({ host: 'both', port });
        result.push(socket.family);
        socket.close();
      };
      await connect();
      v4.close();
      await connect();
      const again = s.createServer({ host: '127.0.0.1', port });
      v6.close();
      await connect();
      again.close();
      console.log(JSON.stringify(result));`);
    expect(families).toEqual([order[0], s.AF_INET6, s.AF_INET]);
    expect(new Set(order)).toEqual(new Set([s.AF_INET, s.AF_INET6]));
  });

  test('a single family, a service name, a numeric address and the default host are accepted', async (context) => {
    const { server, address } = tcpServer();
    expect((await connect({ host: '127.0.0.1', port: address.port })).getpeername()).toEqual(address);
    expect((await connect({ host: null, port: address.port, family: s.AF_INET })).getpeername()).toEqual(address);
    expect((await connect({ host: 'localhost', port: String(address.port), family: s.AF_INET })).family).toBe(
      s.AF_INET,
    );
    expect(server.closed).toBe(false);
    need(context, ipv6);
    const six = keep(s.createServer({ host: '::1', port: 0 }));
    expect((await connect({ host: '::1', port: portOf(six) })).getpeername()).toEqual({
      ...loopback6,
      port: portOf(six),
      flowinfo: 0,
      scopeId: 0,
    });
  });

  test('a name that does not exist rejects', async () => {
    const error = await failure(s.createConnection({ host: 'name.invalid', port: 1 }));
    expect(error).toBeInstanceOf(s.AddressInfoError);
    expect(await failure(s.createConnection({ host: 'localhost', port: 'no-such-service' }))).toBeInstanceOf(
      s.AddressInfoError,
    );
  });

  test('it connects to servers written in Python and in Node', async (context) => {
    const server = net.createServer((peer) => peer.end('from Node')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as net.AddressInfo;
    expect(String(await readAll(await connect({ host: '127.0.0.1', port })))).toBe('from Node');
    server.close();
    need(context, program('python3'));
    const script = `
server = create_server(('127.0.0.1', 0))
print(server.getsockname()[1])
peer, _ = server.accept()
peer.sendall(b'from Python')
peer.close()`;
    const { line } = await pythonPeer(script);
    expect(String(await readAll(await connect({ host: '127.0.0.1', port: Number(line) })))).toBe('from Python');
  });
});

describe('options', () => {
  test('the local address is bound before connecting', async () => {
    const { server, address } = tcpServer();
    const socket = await connect({ host: '127.0.0.1', port: address.port, localAddress: { ...loopback, port: 0 } });
    expect(socket.getsockname()).toMatchObject({ address: '127.0.0.1' });
    const from = await connect({
      host: '127.0.0.1',
      port: address.port,
      localAddress: { family: s.AF_INET, address: '127.0.0.77', port: 0 },
    });
    expect(from.getsockname()).toMatchObject({ address: '127.0.0.77' });
    (await server.accept()).socket.close();
    const accepted = await server.accept();
    keep(accepted.socket);
    expect(accepted.address).toEqual(from.getsockname());
    const before = openSockets();
    const localAddress: s.Address = { family: s.AF_INET, address: '192.0.2.1', port: 0 };
    expect(await failure(s.createConnection({ host: '127.0.0.1', port: address.port, localAddress }))).toMatchObject({
      code: 'EADDRNOTAVAIL',
      syscall: 'bind',
    });
    expect(openSockets(), 'those of earlier children may be closed by now').toBeLessThanOrEqual(before);
  });

  test('with a local address, only addresses of its family are tried when the host is a name', async (context) => {
    need(context, ipv6, silentNetworks);
    const results = await inWorld<[string, string][]>(
      `
      const results = [];
      for (const localAddress of ['127.0.0.1', '::1', { family: s.AF_INET6, address: '::1', port: 0 }]) {
        for (const host of ['both', 'four']) {
          const { code, message } = await s.createConnection({ host, port: 1, localAddress }).catch((error) => error);
          results.push([code, /127.0.0.1:1|::1|four/.exec(message)?.[0]]);
        }
      }
      console.log(JSON.stringify(results));`,
      '127.0.0.1 both four\n::1 both\n',
    );
    const refused = (address: string) => ['ECONNREFUSED', address];
    const missing = [expect.stringMatching(/^EAI_/), 'four'];
    expect(results).toEqual([
      ...[refused('127.0.0.1:1'), refused('127.0.0.1:1')],
      ...[refused('::1'), missing],
      ...[refused('::1'), missing],
    ]);
  });

  test('the control hook runs before bind and connect, once for each attempt', async () => {
    const { address } = tcpServer();
    const seen: unknown[] = [];
    const socket = await connect({
      host: '127.0.0.1',
      port: address.port,
      localAddress: loopback,
      control(fd, info) {
        seen.push(info, (s.getsockname(fd) as s.InetAddress).port);
        s.setsockopt(fd, s.IPPROTO_IP, s.IP_TOS, 0x10);
      },
    });
    expect(seen).toEqual([{ family: s.AF_INET, address }, 0]);
    expect(socket.getsockopt(s.IPPROTO_IP, s.IP_TOS)).toBe(0x10);
    const before = openSockets();
    const control = () => {
      throw new Error('refused by the hook');
    };
    const refused = await failure(s.createConnection({ host: '127.0.0.1', port: address.port, control }));
    expect(refused.message).toBe('refused by the hook');
    expect(openSockets()).toBeLessThanOrEqual(before);
  });

  test('an error that the control hook throws ends all attempts: other addresses are not tried', async (context) => {
    need(context, ipv6, silentNetworks);
    const said = await inWorld<[string, number]>(`
      let calls = 0;
      const control = () => {
        calls++;
        throw new Error('refused by the hook');
      };
      const { message } = await s.createConnection({ host: 'both', port: 1, control }).catch((error) => error);
      console.log(JSON.stringify([message, calls]));`);
    expect(said).toEqual(['refused by the hook', 1]);
  });

  test('the local port and the local address as text are accepted', async () => {
    const { address } = tcpServer();
    const to = { host: '127.0.0.1', port: address.port };
    let own: s.InetAddress;
    let bound: s.Socket | undefined;
    do {
      const { server: taken, address: free } = tcpServer();
      taken.close();
      own = free;
      bound = await connect({ ...to, localPort: own.port }).catch((error) => {
        if (!s.isErrno(error, 'EADDRINUSE')) throw error; // another process has taken the port
        return undefined;
      });
    } while (bound === undefined);
    expect(bound.getsockname()).toEqual(own);
    expect((await connect({ ...to, localAddress: '127.0.0.78' })).getsockname()).toMatchObject({
      address: '127.0.0.78',
    });
    const both = { ...to, localAddress: '127.0.0.79', localPort: own.port };
    expect((await connect(both)).getsockname()).toMatchObject({ address: '127.0.0.79', port: own.port });
    expect(await failure(s.createConnection({ ...to, localAddress: '::1' }))).toMatchObject({ syscall: 'bind' });
    for (const [name, more] of [
      ['options.localAddress', { localAddress: 'localhost' }],
      ['options.localAddress', { localAddress: '127.1' }],
      ['options.localAddress', { localAddress: '127.0.0.1\0' }],
      ['address', { localAddress: 5 as never }],
      ['options.localPort', { localPort: 65536 }],
      ['options.localPort', { localPort: '80' as never }],
      ['options.localPort', { localAddress: loopback, localPort: 80 }],
    ] as const) {
      expect((await failure(s.createConnection({ ...to, ...more }))).message).toContain(`"${name}"`);
    }
  });

  test('noDelay and keepAlive are set, and control may change them again', async () => {
    const { address } = tcpServer();
    const to = { host: '127.0.0.1', port: address.port };
    const read = (socket: s.Socket) => [
      socket.getsockopt(s.IPPROTO_TCP, s.TCP_NODELAY),
      socket.getsockopt(s.SOL_SOCKET, s.SO_KEEPALIVE),
    ];
    expect(read(await connect(to))).toEqual([0, 0]);
    expect(read(await connect({ ...to, noDelay: true, keepAlive: true }))).toEqual([1, 1]);
    const control = (fd: number) => s.setsockopt(fd, s.IPPROTO_TCP, s.TCP_NODELAY, false);
    expect(read(await connect({ ...to, noDelay: true, keepAlive: false, control }))).toEqual([0, 0]);
  });

  test('invalid options throw before any system call, and the error names the option', async () => {
    const before = openSockets();
    const to = { host: '127.0.0.1', port: 1 };
    const wrong: [string, object][] = [
      ['options.port', { port: undefined }],
      ['options.port', { port: null }],
      ['options.port', { port: 65536 }],
      ['options.port', { port: -1 }],
      ['options.port', { port: 1.5 }],
      ...['65536', '99999', '104635', ' 99999', '+99999', '-1', '9'.repeat(40), '', ' ', '\t\n'].map(
        (port) => ['options.port', { port }] as [string, object],
      ),
      ['options.host', { host: 5 }],
      ['options.host', { host: 'a\0b' }],
      ['options.noDelay', { noDelay: 1 }],
      ['options.keepAlive', { keepAlive: 1000 }],
      ['options.control', { control: {} }],
      ['options.hots', { hots: 'x' }],
      ['signal', { signal: {} }],
      ['signal', { signal: null }],
      ['timeout', { timeout: '5' }],
      ['attemptDelay', { attemptDelay: null }],
    ];
    for (const [name, more] of wrong) {
      const error = await failure(s.createConnection({ ...to, ...more } as never));
      expect(error.message, JSON.stringify(more)).toContain(`"${name}"`);
      expect(['ERR_INVALID_ARG_TYPE', 'ERR_INVALID_ARG_VALUE', 'ERR_OUT_OF_RANGE']).toContain(error.code);
    }
    // Only digits are a port: node:net converts other text to a number (0x50, 8e1), which here is the name of a service.
    for (const port of ['0x50', '8e1', '80.5', '80 ', '0b1', '1_0', '\u{ff18}0', '\0']) {
      const { code } = await failure(s.createConnection({ ...to, port }));
      expect(['EAI_SERVICE', 'ERR_INVALID_ARG_VALUE'], JSON.stringify(port)).toContain(code);
    }
    const call = s.createConnection as (...given: unknown[]) => Promise<s.Socket>;
    expect((await failure(call(80, '127.0.0.1'))).message).toMatch(/an object, as in createConnection\(\{ port \}\)$/);
    expect((await failure(call({ port: 80 }, () => {}))).message).toMatch(/listener.*await the promise$/);
    expect((await failure(call('/run/x'))).message).toMatch(/createConnection\(\{ path: "\/run\/x" \}\)$/);
    for (const none of [undefined, null]) expect(await failure(call(none))).toBeInstanceOf(TypeError);
    expect(openSockets()).toBeLessThanOrEqual(before);
  });
});

describe('without a look-up', () => {
  test('a numeric address needs no thread of the pool', async (context) => {
    need(context, node);
    const script = `
      import { readFile } from 'node:fs/promises';
      import { writeFileSync } from 'node:fs';
      const server = s.createServer({ host: '127.0.0.1', port: 0 });
      const { port } = server.getsockname();
      let busy = true;
      readFile(process.argv[2]).then(() => { busy = false; }); // waits for a writer
      for (const host of ['127.0.0.1', null]) {
        (await s.createConnection({ host, port: String(port), family: s.AF_INET })).close();
        console.log(busy);
      }
      writeFileSync(process.argv[2], 'x');
      server.close();`;
    const oneThread = ['env', 'UV_THREADPOOL_SIZE=1'];
    const fifo = join(folder(), 'fifo');
    execFileSync('mkfifo', [fifo]);
    expect(await output(script.replaceAll('process.argv[2]', JSON.stringify(fifo)), [], {}, oneThread)).toBe(
      'true\ntrue',
    );
  });

  test('an IPv6 address with a scope is accepted', async (context) => {
    need(context, ipv6);
    const seen: s.AddressInput[] = [];
    const control = (_fd: number, { address }: { address: s.AddressInput }) => {
      seen.push(address);
      throw new Error('enough');
    };
    for (const host of ['fe80::1%lo', `fe80::1%${s.if_nametoindex('lo')}`]) {
      expect((await failure(s.createConnection({ host, port: 7, control }))).message).toBe('enough');
    }
    const address = { family: s.AF_INET6, address: 'fe80::1', port: 7, flowinfo: 0, scopeId: s.if_nametoindex('lo') };
    expect(seen).toEqual([address, address]);
    expect(await failure(s.createConnection({ host: '::1', port: 7, family: s.AF_INET }))).toMatchObject({
      name: 'AddressInfoError',
      host: '::1',
    });
  });

  test('the host defaults to localhost, as in node:net', async () => {
    const { address } = tcpServer();
    const socket = await connect({ port: address.port, family: s.AF_INET });
    expect(socket.getpeername()).toEqual(address);
    expect(await failure(s.createConnection({ port: 'no-such-service' }))).toMatchObject({ host: 'localhost' });
  });
});

describe('AF_UNIX', () => {
  test('a path as text and as bytes, an abstract name, and SOCK_SEQPACKET are accepted', async () => {
    const path = join(folder(), 's');
    const abstract = `\0sys-socket-connect-${process.pid}`;
    for (const [type, name, forms] of [
      [s.SOCK_STREAM, path, [path, Buffer.from(path)]],
      [s.SOCK_SEQPACKET, abstract, [abstract, Buffer.from(abstract)]],
    ] as const) {
      const server = keep(s.createServer({ path: name, type }));
      for (const form of forms) {
        const seen: unknown[] = [];
        const control = (_fd: number, info: unknown) => seen.push(info);
        const socket = keep(await s.createConnection({ path: form, type, control }));
        expect([socket.family, socket.type]).toEqual([s.AF_UNIX, type]);
        expect(seen).toEqual([{ family: s.AF_UNIX, address: { family: s.AF_UNIX, path: form } }]);
        const { socket: peer } = await server.accept();
        keep(peer);
        await socket.send('hello');
        expect(String(await peer.recv())).toBe('hello');
      }
    }
  });

  test('failures leave nothing open: nobody listening, a full backlog until the timeout, the signal, the hook', async () => {
    const before = openSockets();
    const path = join(folder(), 's');
    expect(await failure(s.createConnection({ path }))).toMatchObject({ code: 'ENOENT', address: { path } });
    const server = s.createServer({ path, backlog: 0 });
    const first = await s.createConnection({ path });
    expect(await failure(s.createConnection({ path, timeout: 1 }))).toMatchObject({ name: 'TimeoutError', timeout: 1 });
    const signal = AbortSignal.abort('why');
    expect(await failure(s.createConnection({ path, signal }))).toMatchObject({ name: 'AbortError', cause: 'why' });
    const control = () => {
      throw new Error('refused by the hook');
    };
    expect((await failure(s.createConnection({ path, control }))).message).toBe('refused by the hook');
    for (const socket of [first, server]) socket.close();
    expect((await failure(s.createConnection({ path, port: 80 } as never))).message).toContain('"options.port"');
    expect((await failure(s.createConnection({ path: 5 } as never))).message).toContain('"address.path"');
    expect((await failure(s.createConnection({ path: 'a\0b' }))).message).toContain('"address.path"');
    expect(openSockets()).toBeLessThanOrEqual(before);
  });
});

describe('failures', () => {
  test('one address rejects with its own error, several with an AggregateError of all errors', async (context) => {
    const before = openSockets();
    expect(await failure(s.createConnection({ host: '127.0.0.66', port: 1 }))).toMatchObject({
      name: 'SocketError',
      code: 'ECONNREFUSED',
      address: { address: '127.0.0.66', port: 1 },
    });
    expect(openSockets()).toBeLessThanOrEqual(before);
    need(context, ipv6, silentNetworks);
    const [order, name, code, errors, left] = await inWorld<[number[], string, string, [string, number][], number]>(`
      const fail = () => s.createConnection({ host: 'both', port: 1 }).catch((error) => error);
      await fail();
      const before = sockets();
      const error = await fail();
      const errors = error.errors.map((one) => [shown(one), one.address.family]);
      console.log(JSON.stringify([await order('both'), error.name, error.code, errors, sockets() - before]));`);
    expect([name, code, errors, order.length, left]).toEqual([
      'AggregateError',
      'ECONNREFUSED',
      order.map((family) => ['SocketError ECONNREFUSED connect', family]),
      2,
      0,
    ]);
  });

  test('an AbortSignal that is already aborted, or is aborted meanwhile, ends the attempt', async () => {
    const { address } = tcpServer();
    const before = openSockets();
    const given = { host: '127.0.0.1', port: address.port, signal: AbortSignal.abort('why') };
    expect(await failure(s.createConnection(given))).toMatchObject({ name: 'AbortError', cause: 'why' });
    const controller = new AbortController();
    const connecting = failure(s.createConnection({ ...given, signal: controller.signal }));
    controller.abort('later');
    expect(await connecting).toMatchObject({ name: 'AbortError', cause: 'later' });
    await vi.waitFor(() =>
      expect(openSockets(), 'those of earlier children may be closed by now').toBeLessThanOrEqual(before),
    );
  });

  test('an AggregateError names each address, and has no code if the errors differ', async (context) => {
    need(context, ipv6, silentNetworks);
    const [message, code] = await inWorld<[string, string | undefined]>(
      `
      const { message, code } = await s.createConnection({ host: 'mixed', port: 1 }).catch((error) => error);
      console.log(JSON.stringify([message, code ?? null]));`,
      '255.255.255.255 mixed\n::1 mixed\n',
    );
    expect(message).toMatch(/^connect: .*ECONNREFUSED.*/);
    expect(message).toMatch(/^connect: .*ENETUNREACH.*255\.255\.255\.255:1/);
    expect(code).toBe(null);
  });

  test('an AggregateError contains the stack of the function that awaits the connection', async (context) => {
    need(context, ipv6, silentNetworks, node);
    const [name, stack] = await inWorld<[string, string]>(`
      async function whoever() {
        await s.createConnection({ host: 'both', port: 1 });
      }
      const { name, stack } = await whoever().catch((error) => error);
      console.log(JSON.stringify([name, stack]));`);
    expect(name).toBe('AggregateError');
    expect(stack).toContain('at async whoever');
  });

  test('an error of the control hook keeps its own stack', async () => {
    function control() {
      throw new s.SocketError(s.EPERM, 'setsockopt');
    }
    const { stack } = await failure(s.createConnection({ host: '127.0.0.66', port: 1, control }));
    expect(stack).toMatch(/at (Object\.)?control/);
  });

  test('an error contains the stack of the function that awaits the connection', async () => {
    async function whoever() {
      await s.createConnection({ host: '127.0.0.66', port: 1 });
    }
    expect((await failure(whoever())).stack).toContain('whoever');
  });

  test('fake timers of node:timers control the timeout and the delay between attempts', async (context) => {
    need(context, ipv6, silentNetworks, node);
    const script = `
      import { syncBuiltinESMExports } from 'node:module';
      import { mock } from 'node:test';
      mock.timers.enable({ apis: ['setTimeout'] });
      syncBuiltinESMExports();
      for (const name of ['setTimeout', 'clearTimeout']) {
        globalThis[name] = () => { throw new Error('a global timer was called instead of one of node:timers'); };
      }
      const tried = [];
      const control = (_fd, { address }) => tried.push(address.address);
      const connecting = s.createConnection({ host: 'dead', port: 7, timeout: 60_000, attemptDelay: 50_000, control });
      const failed = connecting.catch(shown);
      while (tried.length < 1) await new Promise(setImmediate);
      mock.timers.tick(50_000);
      await new Promise(setImmediate);
      const count = tried.length;
      mock.timers.tick(10_000);
      console.log(JSON.stringify([count, await failed]));`;
    const names = '192.0.2.1 dead\n2001:db8::1 dead\n';
    expect(await inWorld(script, names, ['--no-warnings'])).toEqual([2, 'TimeoutError ERR_SOCKET_TIMEOUT connect']);
  });

  test('a timeout longer than any timer allows never fires; an invalid timeout throws', async () => {
    const { address } = tcpServer();
    const to = { host: '127.0.0.1', port: address.port };
    for (const forever of [Number.POSITIVE_INFINITY, 2 ** 31]) {
      expect((await connect({ ...to, timeout: forever, attemptDelay: forever })).closed).toBe(false);
    }
    for (const wrong of [-1, Number.NaN]) {
      expect(await failure(s.createConnection({ ...to, timeout: wrong }))).toMatchObject({ code: 'ERR_OUT_OF_RANGE' });
      expect(await failure(s.createConnection({ ...to, attemptDelay: wrong }))).toBeInstanceOf(RangeError);
    }
  });

  test('hasDualstackIPv6 leaves no file descriptor open', () => {
    const before = openSockets();
    expect(s.hasDualstackIPv6()).toBeTypeOf('boolean');
    expect(openSockets()).toBe(before);
  });
});

describe('Happy Eyeballs, when one address never answers', () => {
  for (const [dead, hosts] of [
    ['IPv6', '2001:db8::1 half\n127.0.0.1 half\n'],
    ['IPv4', '192.0.2.1 half\n::1 half\n'],
  ] as const) {
    test(`${dead} never answers: the other family wins, after the delay if it is the second`, async (context) => {
      need(context, ipv6, silentNetworks);
      const live = dead === 'IPv6' ? s.AF_INET : s.AF_INET6;
      const result = await inWorld<{ order: number[]; tried: number[]; family: number; took: number; left: number }>(
        `
        const server = s.createServer({ host: '${dead === 'IPv6' ? '127.0.0.1' : '::1'}', port: 0 });
        const { port } = server.getsockname();
        await (await s.createConnection({ host: 'half', port, attemptDelay: 0 })).close();
        await sleep(20); // the attempt that lost is closed soon
        const [before, began, tried] = [sockets(), performance.now(), []];
        const control = (fd, { family }) => tried.push(family);
        const socket = await s.createConnection({ host: 'half', port, attemptDelay: 200, control });
        const took = performance.now() - began;
        const { family } = socket;
        socket.close();
        for (let i = 0; i < 100 && sockets() > before; i++) await sleep(20);
        console.log(JSON.stringify({ order: await order('half'), tried, family, took, left: sockets() - before }));
        process.exit();`,
        hosts,
      );
      expect(result.family).toBe(live);
      expect(result.left, 'the abandoned attempt is closed').toBe(0);
      if (result.order[0] === live) {
        expect(result.tried).toEqual([live]);
      } else {
        expect(result.tried).toEqual(result.order);
        expect(result.took).toBeGreaterThan(190);
      }
    });
  }

  test('a refused connection starts the next attempt at once, not after the delay', async (context) => {
    need(context, ipv6, silentNetworks);
    // If it waited for the delay, the test would not end in time.
    const families = await inWorld<number[]>(`
      const first = (await order('both'))[0];
      const server = s.createServer({ host: first === s.AF_INET ? '::1' : '127.0.0.1', port: 0 });
      const { port } = server.getsockname();
      const socket = await s.createConnection({ host: 'both', port, attemptDelay: 3_600_000 });
      console.log(JSON.stringify([first, socket.family]));
      socket.close();
      server.close();`);
    expect(families[0]).not.toBe(families[1]);
  });

  test('with a local port, the attempt that is not answered ends before the next one binds', async (context) => {
    need(context, silentNetworks);
    const script = `
      const [first, second] = s.getaddrinfo('half', 7, { socktype: s.SOCK_STREAM }).map(({ address }) => address.address);
      // The backlog of the first address is full, so that the kernel drops every SYN.
      const full = s.createServer({ host: first, port: 0, backlog: 0 });
      const { port } = full.getsockname();
      const filler = await s.createConnection({ host: first, port });
      const probe = s.createServer({ host: '127.0.0.3', port: 0 });
      const localPort = probe.getsockname().port;
      probe.close();
      const before = sockets();
      const results = [];
      const local = [
        { localPort },
        { localPort, localAddress: '127.0.0.3' },
        { localAddress: { family: s.AF_INET, address: '127.0.0.3', port: localPort } },
      ];
      for (const more of local) {
        const tried = [];
        const control = (fd, { address }) => tried.push([first, second].indexOf(address.address));
        const options = { host: 'half', port, attemptDelay: 10, control, ...more };
        const { errors } = await s.createConnection(options).catch((error) => error);
        const server = s.createServer({ host: second, port });
        const socket = await s.createConnection(options);
        const { socket: peer, address } = await server.accept();
        const reached = socket.getpeername().address === second;
        results.push([errors.map(shown), tried, reached, address.port === localPort, sockets() - before]);
        const discard = Int32Array.of(1, 0); // without TIME_WAIT, which would hold the port
        socket.setsockopt(s.SOL_SOCKET, s.SO_LINGER, discard);
        for (const one of [socket, peer, server]) one.close();
      }
      for (const one of [full, filler]) one.close();
      console.log(JSON.stringify(results));`;
    const result = [
      ['TimeoutError ERR_SOCKET_TIMEOUT connect', 'SocketError ECONNREFUSED connect'],
      [0, 1, 0, 1],
      true,
      true,
      3, // the server and both ends
    ];
    const results = await inWorld<unknown[]>(script, '127.0.0.1 half\n127.0.0.2 half\n');
    expect(results).toEqual([result, result, result]);
  });

  test('a timeout or an abort while nobody answers leaves nothing open or pending', async (context) => {
    need(context, ipv6, silentNetworks);
    const [outcomes, tried, left] = await inWorld<[string[], number[], number]>(
      `
      const tried = [];
      const options = { host: 'dead', port: 7, attemptDelay: 20, control: (fd, { family }) => tried.push(family) };
      const fail = (more) => s.createConnection({ ...options, ...more }).catch(shown);
      const outcomes = [await fail({ timeout: 1500 })];
      const before = sockets();
      outcomes.push(await fail({ timeout: 1500 }), await fail({ signal: AbortSignal.timeout(1500) }));
      for (let i = 0; i < 100 && sockets() > before; i++) await sleep(20);
      console.log(JSON.stringify([outcomes, tried, sockets() - before]));`,
      '192.0.2.1 dead\n2001:db8::1 dead\n192.0.2.3 dead\n',
    );
    const timeout = 'TimeoutError ERR_SOCKET_TIMEOUT connect';
    expect([outcomes, left]).toEqual([[timeout, timeout, 'AbortError ABORT_ERR connect'], 0]);
    expect(tried.length).toBe(9);
    expect(new Set(tried.slice(0, 2)), 'the families alternate').toEqual(new Set([s.AF_INET, s.AF_INET6]));
  });
});
