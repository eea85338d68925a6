import diagnostics from 'node:diagnostics_channel';
import { expect, onTestFinished, test } from 'vitest';
import * as s from '../../lib/index.ts';
import { output } from '../helpers/scripts.ts';
import { failure, keep, nobody, tcpServer, unixPair } from '../helpers/sockets.ts';

interface Message {
  socket: s.Socket;
  fd: number;
  address?: s.Address;
  error?: Error;
}

/** Collects what is published on a channel until the test ends. */
function listen(name: string): Message[] {
  const messages: Message[] = [];
  const listener = (message: unknown) => {
    messages.push(message as Message);
  };
  diagnostics.subscribe(name, listener);
  onTestFinished(() => {
    diagnostics.unsubscribe(name, listener);
  });
  return messages;
}

test('creating, accepting, duplicating and taking over a socket are published', async () => {
  const messages = listen('sys-socket:socket');
  const { server, address } = tcpServer();
  const client = keep(new s.Socket(s.AF_INET, s.SOCK_STREAM));
  await client.connect(address);
  const { socket } = await server.accept();
  keep(socket);
  const twin = keep(client.dup());
  const taken = keep(s.Socket.fromFd(twin.detach()));
  const pair = unixPair();
  expect(messages.map((message) => message.socket)).toEqual([server, client, socket, twin, taken, ...pair]);
  expect(messages.slice(1, 3)).toEqual([
    { socket: client, fd: client.fd },
    { socket, fd: socket.fd },
  ]);
});

test('a subscriber that closes the server or aborts its wait leaves no accepted socket open', async () => {
  for (const how of ['close', 'abort']) {
    const { server, address } = tcpServer();
    const client = keep(new s.Socket(s.AF_INET, s.SOCK_STREAM));
    const control = new AbortController();
    const waiting = failure(server.accept({ signal: control.signal }));
    const accepted: s.Socket[] = [];
    const listener = (message: unknown) => {
      accepted.push(keep((message as Message).socket));
      if (how === 'close') server.close();
      else control.abort();
    };
    diagnostics.subscribe('sys-socket:socket', listener);
    onTestFinished(() => void diagnostics.unsubscribe('sys-socket:socket', listener));
    await client.connect(address);
    expect(await waiting).toHaveProperty('code', how === 'close' ? 'ERR_SOCKET_CLOSED' : 'ABORT_ERR');
    diagnostics.unsubscribe('sys-socket:socket', listener);
    expect(accepted.map(({ closed }) => closed)).toEqual([true]);
  }
});

test('a connection and a failed one are published', async () => {
  const messages = listen('sys-socket:connect');
  const { address } = tcpServer();
  const client = keep(new s.Socket(s.AF_INET, s.SOCK_STREAM));
  await client.connect(address);
  const refused = keep(new s.Socket(s.AF_INET, s.SOCK_STREAM));
  const error = await failure(refused.connect(nobody));
  const given = keep(new s.Socket(s.AF_INET, s.SOCK_STREAM));
  const aborted = await failure(given.connect(address, { signal: AbortSignal.abort() }));
  expect(messages).toEqual([
    { socket: client, fd: client.fd, address, error: undefined },
    { socket: refused, fd: refused.fd, address: nobody, error },
    { socket: given, fd: given.fd, address, error: aborted },
  ]);
});

test('a close is published once, with the number that the Socket had', () => {
  const messages = listen('sys-socket:close');
  const [a, b] = s.Socket.pair();
  const fds = [a.fd, b.fd];
  for (const socket of [a, b, a]) socket.close();
  expect(messages).toEqual([
    { socket: a, fd: fds[0] },
    { socket: b, fd: fds[1] },
  ]);
});

test('events are published only while there is a subscriber', async () => {
  const script = `
    import diagnostics from 'node:diagnostics_channel';
    let published = 0;
    for (const name of ['socket', 'connect', 'close']) {
      const channel = diagnostics.channel('sys-socket:' + name);
      channel.publish = function (message) {
        published++;
        return Object.getPrototypeOf(this).publish.call(this, message);
      };
    }
    const use = async () => {
      const server = s.createServer({ host: '127.0.0.1', port: 0 });
      const client = await s.createConnection({ host: '127.0.0.1', port: server.getsockname().port });
      client.close();
      server.close();
    };
    await use();
    const without = published;
    let seen = 0;
    const count = () => seen++;
    diagnostics.subscribe('sys-socket:close', count);
    await use();
    diagnostics.unsubscribe('sys-socket:close', count);
    await use();
    console.log(without, seen);`;
  expect(await output(script)).toBe('0 2');
});

test('connectSync and a detached file descriptor are published', async () => {
  const connected = listen('sys-socket:connect');
  const closed = listen('sys-socket:close');
  const { address } = tcpServer();
  const client = keep(new s.Socket(s.AF_INET, s.SOCK_STREAM));
  client.connectSync(address);
  const other = keep(new s.Socket(s.AF_INET, s.SOCK_STREAM));
  expect(() => other.connectSync(nobody)).toThrow(expect.objectContaining({ code: 'ECONNREFUSED' }));
  expect(connected).toMatchObject([
    { socket: client, address, error: undefined },
    { socket: other, address: nobody, error: { code: 'ECONNREFUSED' } },
  ]);
  const { fd } = client;
  s.close(client.detach());
  expect(closed).toEqual([{ socket: client, fd, detached: true }]);
});
