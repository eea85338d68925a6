/** `for await (... of server.connections())` when accept(2) fails: what goes on, and what does not. */
import { expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import { need, program, strace } from '../helpers/need.ts';
import { failure, keep, output, tcpServer, udp } from '../helpers/sockets.ts';

/** A program whose calls of accept4 fail with this errno, as strace counts them. */
const failing = (errno: string, when: string) =>
  `strace -f -qq -o /dev/null -e trace=accept4 -e inject=accept4:error=${errno}:when=${when}`.split(' ');

/** The errors that accept(2) has of a connection that broke before it was taken. */
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

test('a connection that broke before it was taken is passed over; accept reports it', async (context) => {
  need(context, strace);
  const script = `${prologue}
    console.log(await server.accept().catch(({ code, syscall }) => [code, syscall].join()));
    for await (const { socket, address } of server.connections()) {
      console.log(address.port === client.getsockname().port);
      for (const one of [socket, client, server]) one.close();
    }`;
  const said = await Promise.all(lost.map((errno) => output(script, [], {}, failing(errno, '1..4'))));
  expect(said).toEqual(lost.map((errno) => `${errno},accept\ntrue`));
}, 60_000);

test('errors without end leave the event loop its turn, and end with the signal', async (context) => {
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

test('no descriptor left: EMFILE is thrown, the server still listens, and the connection waits', async (context) => {
  need(context, program('prlimit'));
  const script = `${prologue}
    await server.readable(); // the reactor is there
    const fillers = [];
    for (;;) {
      try { fillers.push(s.dup(0)); } catch ({ code }) { console.log(code); break; }
    }
    const next = () => server.connections().next().then(({ value }) => value, ({ code }) => code);
    console.log(await next(), await next(), server.closed);
    s.close(fillers.pop());
    const { socket, address } = await next();
    console.log(address.port === client.getsockname().port);
    for (const one of [socket, client, server]) one.close();`;
  const said = await output(script, [], {}, ['prlimit', '--nofile=64:64']);
  expect(said.split('\n')).toEqual(['EMFILE', 'EMFILE EMFILE false', 'true']);
});

test('a socket that cannot accept says so at once', async () => {
  expect(await failure(udp().socket.connections().next())).toMatchObject({ code: 'EOPNOTSUPP', syscall: 'accept' });
  const idle = keep(new s.Socket(s.AF_INET, s.SOCK_STREAM));
  expect(await failure(idle.connections().next())).toMatchObject({ code: 'EINVAL', syscall: 'accept' });
  const { server } = tcpServer();
  const next = server.connections().next();
  server.close();
  expect(await next).toEqual({ done: true, value: undefined });
});
