/** `for await (... of server.connections())` when accept(2) fails: what continues, and what does not. */
import { once } from 'node:events';
import { expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import { loopback } from '../helpers/fixtures.ts';
import { type Need, need, program, strace } from '../helpers/need.ts';
import { output, start } from '../helpers/scripts.ts';
import { failure, keep, tcpServer, udp } from '../helpers/sockets.ts';

/** A program whose calls of accept4 fail with this errno, as strace counts them. */
const failing = (errno: string, when: string) =>
  `strace -f -qq -o /dev/null -e trace=accept4 -e inject=accept4:error=${errno}:when=${when}`.split(' ');

/** The errors of accept(2) for a connection that broke before it was accepted. */
const lost = [
  'ECONNABORTED',
  'EPROTO',
  'ENETDOWN',
  'ENETUNREACH',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'ENONET',
  'ENOPROTOOPT',
];

const prologue = `
  const server = s.createServer({ host: '127.0.0.1', port: 0 });
  const client = new s.Socket(s.AF_INET, s.SOCK_STREAM);
  await client.connect(server.getsockname());`;

test('connections() skips a connection that broke before it was accepted; accept reports it', async (context) => {
  need(context, strace);
  const script = `${prologue}
    console.log(await server.accept().catch(({ code, syscall }) => [code, syscall].join()));
    for await (const { socket, address } of server.connections()) {
      console.log(address.port === client.getsockname().port);
      for (const one of [socket, client, server]) one.close();
    }`;
  const said = await Promise.all(lost.map((errno) => output(script, [], {}, failing(errno, '1..4'))));
  expect(said).toEqual(lost.map((errno) => `${errno},accept\ntrue`));
});

test('endless errors do not block the event loop, and end with the signal', async (context) => {
  need(context, strace);
  const script = `${prologue}
    const stop = new AbortController();
    const next = server.connections({ signal: stop.signal }).next().catch((error) => error.name);
    setTimeout(() => stop.abort(), 50);
    console.log(await next);
    client.close();
    server.close();`;
  expect(await output(script, [], {}, failing('ECONNABORTED', '1+'))).toBe('AbortError');
});

/** A program at the limit of file descriptors, with one client in the backlog. Its timers are those of `mock`. */
const exhausted = `
  import { syncBuiltinESMExports } from 'node:module';
  import { mock } from 'node:test';
  ${prologue}
  const address = client.getsockname();
  await server.readable(); // the reactor is there
  const spare = new s.Socket(s.AF_INET, s.SOCK_DGRAM);
  const fillers = [];
  for (;;) {
    try { fillers.push(s.dup(0)); } catch { break; }
  }
  const turns = async () => { for (let i = 0; i < 20; i++) await new Promise(setImmediate); };
  mock.timers.enable({ apis: ['setTimeout'] });
  syncBuiltinESMExports();`;
const limited = ['prlimit', '--nofile=64:64'];
const mocks: Need = () =>
  'Bun' in globalThis || 'Deno' in globalThis ? 'this runtime has no mock timers of node:test' : program('prlimit')();

test('fake immediates do not stop the iterator: it waits for a real turn of the event loop', async (context) => {
  need(context, strace, mocks);
  const script = `
    import { syncBuiltinESMExports } from 'node:module';
    import { mock } from 'node:test';
    ${prologue}
    mock.timers.enable({ apis: ['setImmediate'] });
    syncBuiltinESMExports();
    const limit = setTimeout(() => process.exit(console.log('nobody')), 60_000);
    for await (const { socket } of server.connections()) {
      console.log('accepted');
      for (const one of [socket, client, server]) one.close();
    }
    clearTimeout(limit);`;
  expect(await output(script, ['--no-warnings'], {}, failing('ECONNABORTED', '1..4'))).toBe('accepted');
});

test('without a free file descriptor, the connection is accepted once a Socket is closed', async (context) => {
  need(context, mocks);
  const script = `${exhausted}
    const errors = [];
    const next = server.connections({ onError: ({ code, syscall }) => errors.push(code, syscall) }).next();
    await turns();
    spare.close();
    const { value } = await next;
    console.log(value.address.port === address.port, errors.join());
    process.exit();`;
  expect(await output(script, ['--no-warnings'], {}, limited)).toBe('true EMFILE,accept');
});

test('without a free file descriptor, it tries again every second, and a plain close suffices', async (context) => {
  need(context, mocks);
  const script = `${exhausted}
    const errors = [];
    const next = server.connections({ onError: ({ code }) => errors.push(code) }).next();
    for (let i = 0; i < 2; i++) {
      await turns();
      mock.timers.tick(1000);
    }
    await turns();
    s.close(fillers.pop());
    await turns();
    console.log(errors.length);
    mock.timers.tick(1000);
    const { value } = await next;
    console.log(value.address.port === address.port, errors.length);
    process.exit();`;
  expect(await output(script, ['--no-warnings'], {}, limited)).toBe('3\ntrue 3');
});

test('without a free file descriptor, return(), close, the signal and the timeout end the pause', async (context) => {
  need(context, mocks);
  const script = `${exhausted}
    const shown = (next) => next.then(({ done }) => done, ({ name }) => name);
    const listen = async (options) => {
      const connections = server.connections({ onError() {}, ...options });
      const next = shown(connections.next());
      await turns();
      return [connections, next];
    };
    const [returned, first] = await listen();
    await returned.return();
    const stop = new AbortController();
    const [, second] = await listen({ signal: stop.signal });
    stop.abort();
    mock.timers.reset();
    syncBuiltinESMExports();
    const [, third] = await listen({ timeout: 20 });
    await third;
    const [, fourth] = await listen({ onError(error) { throw error; } });
    const [, fifth] = await listen();
    server.close();
    console.log(...(await Promise.all([first, second, third, fourth, fifth])));
    process.exit();`;
  expect(await output(script, ['--no-warnings'], {}, limited)).toBe('true AbortError TimeoutError SocketError true');
});

test('without a free file descriptor and without a connection, nothing is reported and nothing is tried again', async (context) => {
  need(context, mocks);
  const script = `${exhausted}
    spare.close();
    (await server.accept()).socket.close();
    fillers.push(s.dup(0));
    const errors = [];
    const next = server.connections({ onError: ({ code }) => errors.push(code) }).next();
    await turns();
    mock.timers.tick(10_000);
    console.log(errors.length);
    s.close(fillers.pop());
    s.close(fillers.pop());
    new s.Socket(s.AF_INET, s.SOCK_STREAM).connect(server.getsockname());
    const { done } = await next;
    console.log(done, errors.length);
    process.exit();`;
  expect(await output(script, ['--no-warnings'], {}, limited)).toBe('0\nfalse 0');
});

test('a server written as in the README survives reaching its limit of file descriptors', async (context) => {
  need(context, program('prlimit'));
  const server = `
    process.on('warning', ({ code }) => console.error(code));
    const server = s.createServer({ host: '127.0.0.1', port: 0 });
    console.log(server.getsockname().port);
    async function serve() {
      for await (const { socket } of server.connections()) {
        socket.recv().then((data) => socket.sendAll(data)).finally(() => socket.close()).catch(() => {});
      }
    }
    await serve();`;
  const child = start(server, ['--no-warnings'], {}, limited);
  const [line] = await once(child.stdout!, 'data');
  let warnings = '';
  child.stderr!.on('data', (data) => {
    warnings += data;
  });
  const clients = Array.from({ length: 80 }, () => keep(new s.Socket(s.AF_INET, s.SOCK_STREAM)));
  await Promise.all(clients.map((client) => client.connect({ ...loopback, port: Number(line) })));
  const last = clients.at(-1)!;
  await last.send('hello');
  while (warnings === '') await once(child.stderr!, 'data');
  for (const client of clients.slice(0, 70)) client.close();
  expect(String(await last.recv())).toBe('hello');
  expect(warnings).toContain('SYS_SOCKET_EXHAUSTED');
  expect(child.exitCode).toBe(null);
});

test('options that do not exist or have the wrong type throw at the call', () => {
  const { server } = tcpServer();
  const call = (options: unknown) => () => server.connections(options as s.ConnectionsOptions);
  expect(call({ onerror: () => {} })).toThrow('written "options.onError"');
  expect(call({ onError: 5 })).toThrow('"onError"');
  for (const options of [null, 5, 'x']) expect(call(options)).toThrow('"options"');
});

test('a socket that cannot accept connections rejects at once', async () => {
  expect(await failure(udp().socket.connections().next())).toMatchObject({ code: 'EOPNOTSUPP', syscall: 'accept' });
  const idle = keep(new s.Socket(s.AF_INET, s.SOCK_STREAM));
  expect(await failure(idle.connections().next())).toMatchObject({ code: 'EINVAL', syscall: 'accept' });
  const { server } = tcpServer();
  const next = server.connections().next();
  server.close();
  expect(await next).toEqual({ done: true, value: undefined });
});
