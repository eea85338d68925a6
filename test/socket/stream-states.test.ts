/** Timeouts, limits, options and counters of a stream in every state: net.Socket and our stream behave the same. */
import { once } from 'node:events';
import net from 'node:net';
import { expect, test } from 'vitest';
import {
  AF_INET6,
  createConnection,
  createServer,
  type InetAddress,
  IP_TOS,
  IPPROTO_IP,
  IPPROTO_IPV6,
  IPPROTO_TCP,
  IPV6_TCLASS,
  SO_KEEPALIVE,
  SOCK_STREAM,
  SOL_SOCKET,
  Socket,
  type SocketStream,
  TCP_KEEPCNT,
  TCP_KEEPIDLE,
  TCP_KEEPINTVL,
} from '../../lib/index.ts';
import { ipv6, need, node } from '../helpers/need.ts';
import { keep, tcpPair, unixPair } from '../helpers/sockets.ts';
import { allClosed, closed, code, compare, type Scenario, state, turn } from '../helpers/stream-pairs.ts';

/** Both high-water marks of a stream to which more is written. */
const highWaterMarks = (mark: number): Scenario => ({
  options: { readableHighWaterMark: mark, writableHighWaterMark: mark },
  unread: true,
  async run(client, server, log) {
    log.push(`${client.readableHighWaterMark} ${client.writableHighWaterMark}`);
    log.push(String(client.write('ab')), String(client.writableNeedDrain));
    let text = '';
    server.on('data', (data) => {
      text += data;
    });
    client.end('cdef');
    client.resume();
    await allClosed(client, server);
    log.push(text);
  },
});

type Typed = Pick<SocketStream, 'setTypeOfService' | 'getTypeOfService'>;
/** Whether this version of Node has setTypeOfService. */
const isTyped = 'setTypeOfService' in net.Socket.prototype;

test('the stream has every public member of net.Socket', async (context) => {
  need(context, node);
  const [socket] = unixPair();
  const names = Object.getOwnPropertyNames(net.Socket.prototype).filter((name) => !name.startsWith('_'));
  const stream = socket.makefile();
  expect(names.filter((name) => !(name in stream))).toEqual([]);
  stream.destroy();
});

test('setKeepAlive sets the options that net.Socket sets', async (context) => {
  need(context, node);
  const server = keep(createServer({ host: '127.0.0.1', port: 0 }));
  const { port } = server.getsockname() as InetAddress;
  const shown = (socket: Socket) => [
    socket.getsockopt(SOL_SOCKET, SO_KEEPALIVE),
    ...[TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT].map((name) => socket.getsockopt(IPPROTO_TCP, name)),
  ];
  for (const args of [[], [true], [true, 0], [true, 500], [true, 5000], [false, 5000], [true, 1999]] as [boolean][]) {
    const theirs = net.connect(port, '127.0.0.1');
    await once(theirs, 'connect');
    const expected = keep(Socket.fromNodeSocket(theirs.setKeepAlive(...args)));
    const ours = keep(await createConnection({ host: '127.0.0.1', port })) as Socket;
    ours.makefile().setKeepAlive(...args);
    expect(shown(ours), String(args)).toEqual(shown(expected));
    theirs.destroy();
  }
  // What net.Socket has since Node 24.
  const ours = keep(await createConnection({ host: '127.0.0.1', port })) as Socket;
  const stream = ours.makefile();
  stream.setKeepAlive(true, 5000, 2000, 3);
  expect(shown(ours)).toEqual([1, 5, 2, 3]);
  stream.setKeepAlive({ enable: true, initialDelay: 3000, interval: 4000 });
  expect(shown(ours)).toEqual([1, 3, 4, 10]);
  stream.setKeepAlive({});
  expect(shown(ours)).toEqual([0, 3, 4, 10]);
  stream.setKeepAlive(true, 9000, 500, 3).setKeepAlive(true, 9000, 1000, 0);
  expect(shown(ours)).toEqual([1, 3, 4, 10]);
});

test('setTypeOfService sets IP_TOS or IPV6_TCLASS', async (context) => {
  need(context, ipv6);
  const [client, server] = await tcpPair();
  const stream = client.makefile();
  expect(stream.setTypeOfService(0x88).getTypeOfService()).toBe(0x88);
  expect([client.getsockopt(IPPROTO_IP, IP_TOS), server.getsockopt(IPPROTO_IP, IP_TOS)]).toEqual([0x88, 0]);
  const client6 = keep(new Socket(AF_INET6, SOCK_STREAM));
  await client6.connect(keep(createServer({ host: '::1', port: 0 })).getsockname());
  const stream6 = client6.makefile();
  expect(stream6.setTypeOfService(0x20).getTypeOfService()).toBe(0x20);
  expect(client6.getsockopt(IPPROTO_IPV6, IPV6_TCLASS)).toBe(0x20);
});

compare({
  'the type of service, where net.Socket has it': {
    async run(client, server, log) {
      if (!isTyped) log.push('net.Socket does not have it');
      for (const value of isTyped ? [0x10, 0, 255, 256, -1, 0.5, 'x', undefined, null] : []) {
        const stream = client as unknown as Typed;
        try {
          log.push(`${stream.setTypeOfService(value as number) === stream} ${stream.getTypeOfService()}`);
        } catch (error) {
          log.push(code(error));
        }
      }
      client.destroy();
      await closed(server);
      if (isTyped) log.push(`${(client as unknown as Typed).setTypeOfService(4).getTypeOfService()}`);
    },
  },
  'setTimeout of a stream that is ended, destroyed or closed': {
    options: { allowHalfOpen: true },
    async run(client, server, log) {
      client.end();
      await once(server, 'end');
      server.setTimeout(15);
      await once(server, 'timeout');
      log.push(state(server));
      client.setTimeout(15);
      await once(client, 'timeout');
      server.end();
      await allClosed(client, server);
      server.setTimeout(5, () => log.push('never'));
      await turn();
      log.push(`${server.timeout} ${client.timeout} ${server.listenerCount('timeout')}`);
    },
  },
  'setTimeout inside timeout, and destroy inside it': {
    async run(client, server, log) {
      client.setTimeout(10, () => client.setTimeout(12, () => client.destroy()));
      await allClosed(client, server);
      log.push(String(client.timeout));
    },
  },
  'setTimeout twice with one callback, and disabled again': {
    async run(client, server, log) {
      const called = () => log.push('called');
      client.setTimeout(1000, called);
      client.setTimeout(10, called);
      log.push(String(client.listenerCount('timeout')));
      await once(client, 'timeout');
      client.setTimeout(10, called);
      client.setTimeout(0, called);
      log.push(`${client.timeout} ${client.listenerCount('timeout')}`);
      client.destroy();
      await closed(server);
    },
  },
  'setTimeout with a callback that is not a function': {
    async run(client, server, log) {
      for (const callback of [5, null, 'x', {}]) {
        try {
          client.setTimeout(10, callback as unknown as () => void);
          log.push('taken');
        } catch (error) {
          log.push(code(error));
        }
      }
      log.push(String(client.timeout));
      client.destroy();
      await closed(server);
    },
  },
  'setTimeout while data keeps coming': {
    async run(client, server, log) {
      let timeouts = 0;
      server.setTimeout(60_000);
      server.on('timeout', () => timeouts++);
      for (let i = 0; i < 3; i++) {
        client.write('x');
        await turn();
      }
      log.push(String(timeouts));
      client.end();
      await allClosed(client, server);
    },
  },
  'listeners that throw before others are called': {
    async run(client, server, log) {
      const caught: string[] = [];
      const before = process.listeners('uncaughtException');
      process.removeAllListeners('uncaughtException');
      process.on('uncaughtException', (error) => caught.push(error.message));
      try {
        server.once('data', () => {
          throw new Error('in data');
        });
        client.write('one', () => {
          throw new Error('in write');
        });
        while (caught.length < 2) await turn();
        client.end('two');
        await allClosed(client, server);
        await turn();
      } finally {
        process.removeAllListeners('uncaughtException');
        for (const listener of before) process.on('uncaughtException', listener);
      }
      log.push(...caught.sort());
    },
  },
  'ref and unref return the stream in every state': {
    async run(client, server, log) {
      const both = () => log.push(String(client.ref() === client && client.unref() === client));
      both();
      client.end();
      both();
      await allClosed(client, server);
      both();
    },
  },
  'options and counters after the close': {
    async run(client, server, log) {
      client.write('four');
      client.end();
      await allClosed(client, server);
      log.push(String(client.setNoDelay() === client && client.setKeepAlive(true, 1000) === client));
      log.push(`${client.bytesWritten} ${server.bytesRead} ${client.bytesRead} ${client.writableLength}`);
      log.push(state(client), String(client.resetAndDestroy() === client));
      client.destroySoon();
      client.resume();
      client.pause();
      client.cork();
      client.uncork();
      log.push(String(client.read()), `${client.readableEnded} ${client.writableFinished} ${client.closed}`);
    },
  },
  'end with a callback on a destroyed stream': {
    async run(client, server, log) {
      client.destroy();
      client.end('x', (error?: Error) => log.push(`end ${code(error)}`));
      await allClosed(client, server);
      client.end((error?: Error) => log.push(`later ${code(error)}`));
      await turn();
    },
  },
  'destroySoon on a stream without data, and twice': {
    async run(client, server, log) {
      client.destroySoon();
      client.destroySoon();
      log.push(state(client));
      await allClosed(client, server);
    },
  },
  'destroySoon inside data': {
    async run(client, server) {
      server.once('data', () => {
        server.write('answer');
        server.destroySoon();
      });
      client.write('question');
      await allClosed(client, server);
    },
  },
  'high water marks of 1': highWaterMarks(1),
  'high water marks of 0': highWaterMarks(0),
  'allowHalfOpen enabled later': {
    async run(client, server, log) {
      server.allowHalfOpen = true;
      server.on('end', () => {
        log.push(state(server));
        setTimeout(() => server.end('late'), 10);
      });
      client.end('x');
      await allClosed(client, server);
    },
  },
  'allowHalfOpen disabled later': {
    options: { allowHalfOpen: true },
    async run(client, server) {
      server.allowHalfOpen = false;
      client.end('x');
      client.allowHalfOpen = false;
      await allClosed(client, server);
    },
  },
  'an error listener that is missing for a while': {
    async run(client, server, log) {
      client.removeAllListeners('error');
      process.nextTick(() => client.on('error', (error) => log.push(`late ${code(error)}`)));
      client.resetAndDestroy();
      await allClosed(client, server);
    },
  },
  'empty writes and empty ends': {
    async run(client, server, log) {
      client.write('', (error) => log.push(`empty ${code(error)}`));
      client.write(Buffer.alloc(0), (error) => log.push(`none ${code(error)}`));
      client.write(new Uint8Array([104, 105]));
      client.end('', () => log.push('ended'));
      await allClosed(client, server);
      log.push(`${client.bytesWritten}`);
    },
  },
  'bufferSize, which is deprecated': {
    async run(client, server, log) {
      log.push(`${(client as unknown as { bufferSize?: number }).bufferSize}`, String('bufferSize' in client));
      client.cork();
      client.write('hello');
      log.push(`${(client as unknown as { bufferSize?: number }).bufferSize}`);
      client.uncork();
      client.end();
      await allClosed(client, server);
      log.push(`${(client as unknown as { bufferSize?: number }).bufferSize}`);
    },
  },
  'bytesWritten of pending text, by its encoding': {
    async run(client, server, log) {
      client.cork();
      client.write('ü€');
      client.write('6869', 'hex');
      log.push(`${client.bytesWritten}`); // writableLength counts characters in net.Socket, bytes in ours
      client.uncork();
      client.end();
      await allClosed(client, server);
      log.push(`${client.bytesWritten} ${server.bytesRead}`);
    },
  },
  'bytesWritten of a write that the peer reads slowly': {
    unread: true,
    async run(client, server, log) {
      client.resume();
      server.pause();
      client.write(Buffer.alloc(20_000_000), (error) => log.push(`write ${code(error)}`));
      client.write('more');
      while (server.readableLength === 0) await turn();
      log.push(`${client.bytesWritten}`);
      client.end();
      server.resume();
      await allClosed(client, server);
      log.push(`${client.bytesWritten} ${server.bytesRead}`);
    },
  },
  'ticks that a data listener schedules run before promises': {
    unread: true,
    async run(client, server, log) {
      for (const event of ['data', 'end', 'close'] as const) {
        server.on(event, () => {
          log.push(event);
          Promise.resolve().then(() => log.push(`${event}: promise`));
          process.nextTick(() => log.push(`${event}: tick`));
        });
      }
      client.resume();
      client.end('x');
      await allClosed(client, server);
    },
  },
  'many small writes, each in the callback of the last': {
    async run(client, server, log) {
      let left = 100;
      const next = () => {
        if (left-- > 0) log.push(String(client.write('x', next)));
        else client.end();
      };
      next();
      await allClosed(client, server);
      log.push(`${client.bytesWritten}`);
    },
  },
  'the events of a stream without listeners except for close': {
    unread: true,
    async run(client, server, log) {
      client.end('unread');
      while (server.readableLength < 6) await turn();
      log.push(state(client), state(server), `${server.readableLength}`);
      server.destroy();
      await allClosed(client, server);
    },
  },
});
