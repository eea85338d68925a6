import { SocketAddress } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import { folder, loopback } from '../helpers/fixtures.ts';
import { need, program } from '../helpers/need.ts';
import { pythonPeer } from '../helpers/python.ts';
import { failure, isSettled, keep, nobody, readAll, sleep, tcpServer, udp } from '../helpers/sockets.ts';

const tcp = (): s.Socket => keep(new s.Socket(s.AF_INET, s.SOCK_STREAM));
const unix = (): s.Socket => keep(new s.Socket(s.AF_UNIX, s.SOCK_STREAM));

/** A TCP listener that no longer answers a SYN, because its queue of connections is full. */
async function silent(): Promise<{ address: s.InetAddress; server: s.Socket }> {
  const { server, address } = tcpServer(0);
  for (let full = false; !full; ) {
    full =
      (
        await failure(
          tcp()
            .connect(address, { timeout: 150 })
            .then(() => Promise.reject(new Error('connected'))),
        )
      ).name === 'TimeoutError';
  }
  return { address, server };
}

/** An AF_UNIX listener whose backlog is full. */
function fullUnix(): { address: s.Address; server: s.Socket } {
  const address = { family: s.AF_UNIX, path: join(folder(), 's') } as const;
  const server = unix();
  server.bind(address);
  server.listen(0);
  while (unixConnected(address));
  return { address, server };
}

function unixConnected(address: s.Address): boolean {
  const client = unix();
  client.setBlocking(false);
  return client.connectExSync(address) === 0;
}

describe('connect', () => {
  test('connect waits while the connection is in progress; a second connect rejects with EISCONN', async () => {
    const { server, address } = tcpServer();
    const client = tcp();
    await client.connect(address);
    expect(client.getpeername()).toEqual(address);
    expect(await failure(client.connect(address))).toMatchObject({ code: 'EISCONN', syscall: 'connect', address });
    expect(await client.connectEx(address)).toBe(s.EISCONN);
    const { socket, address: from } = await server.accept();
    expect(from).toEqual(client.getsockname());
    socket.close();
  });

  test('a refused connection rejects with the address; afterwards the socket can connect elsewhere', async () => {
    const client = tcp();
    const error = await failure(client.connect(nobody));
    expect(error).toBeInstanceOf(s.SocketError);
    expect(error).toMatchObject({ code: 'ECONNREFUSED', errno: 111, syscall: 'connect', address: nobody });
    await client.connect(tcpServer().address);
  });

  test('a recv that waits does not take the error of the connection', async () => {
    const client = tcp();
    const [connecting, receiving] = [failure(client.connect(nobody)), failure(client.recv())];
    expect(await connecting).toMatchObject({ code: 'ECONNREFUSED', syscall: 'connect', address: nobody });
    expect(await receiving).toMatchObject({ code: 'ENOTCONN', syscall: 'recv' });
  });

  test('connectEx returns the errno', async () => {
    expect(await tcp().connectEx(tcpServer().address)).toBe(0);
    expect(await tcp().connectEx(nobody)).toBe(s.ECONNREFUSED);
    expect(await unix().connectEx({ family: s.AF_UNIX, path: '/nonexistent/s' })).toBe(s.ENOENT);
    expect(await tcp().connectEx({ family: s.AF_INET6, address: '::1', port: 1 })).toBe(s.EAFNOSUPPORT);
    expect(await udp().socket.connectEx({ family: s.AF_INET, address: '255.255.255.255', port: 1 })).toBe(s.EACCES);
    expect(await failure(tcp().connectEx({ family: s.AF_INET, address: 'x', port: 1 }))).toBeInstanceOf(TypeError);
  });

  test('a datagram socket connects at once, and can connect again to another address', async () => {
    const { socket } = udp();
    const [one, two] = [udp().address, udp().address];
    await socket.connect(one);
    await socket.connect(two);
    expect(socket.getpeername()).toEqual(two);
  });

  test('an encoded address is accepted', async () => {
    const { address } = tcpServer();
    const client = tcp();
    await client.connect(s.encodeAddress(address));
    expect(client.getpeername()).toEqual(address);
    const refused = await failure(tcp().connect(s.encodeAddress(nobody)));
    expect(refused).toMatchObject({ code: 'ECONNREFUSED', address: nobody });
    const { address: host, port } = nobody;
    const likewise = await failure(tcp().connect(new SocketAddress({ address: host, port, family: 'ipv4' })));
    expect(likewise).toMatchObject({ code: 'ECONNREFUSED', address: nobody, message: refused.message });
  });

  test('a send and a recv that were called before the socket is connected complete afterwards', async () => {
    const { server, address } = tcpServer();
    const client = tcp();
    const connecting = client.connect(address);
    const received = client.recv();
    await connecting;
    const { socket } = await server.accept();
    await socket.sendAll('hello');
    expect(String(await received)).toBe('hello');
    socket.close();
  });

  test('a timeout and an AbortSignal end a TCP connect that nobody answers', async () => {
    const { address } = await silent();
    const client = tcp();
    expect(await failure(client.connect(address, { timeout: 60 }))).toMatchObject({
      name: 'TimeoutError',
      syscall: 'connect',
    });
    const controller = new AbortController();
    const given = tcp();
    const connecting = failure(given.connect(address, { signal: controller.signal }));
    expect(await isSettled(connecting, 50)).toBe(false);
    controller.abort();
    expect(await connecting).toBeInstanceOf(s.AbortError);
    const closing = tcp();
    const pending = failure(closing.connect(address));
    closing.close();
    expect(await pending).toBeInstanceOf(s.ClosedError);
    expect(await failure(tcp().connect(address, { signal: AbortSignal.abort() }))).toBeInstanceOf(s.AbortError);
  });

  test('an abandoned connect goes on in the kernel, and connect can wait for it again', async () => {
    const { address, server } = await silent();
    const client = tcp();
    expect((await failure(client.connect(address, { timeout: 50 }))).name).toBe('TimeoutError');
    const again = client.connect(address, { timeout: 60_000 });
    expect(await isSettled(again, 50)).toBe(false);
    // Now there is room: the retransmitted SYN is answered.
    server.listen(64);
    for (let i = 0; i < 2; i++) (await server.accept()).socket.close();
    await again;
    expect(client.getpeername()).toEqual(address);
  });

  test('AF_UNIX: connect waits on a full backlog until a connection is accepted', async () => {
    const { address, server } = fullUnix();
    const client = unix();
    const connecting = client.connect(address);
    expect(await isSettled(connecting, 60)).toBe(false);
    (await server.accept()).socket.close();
    await connecting;
    expect(client.getpeername()).toEqual(address);
  });

  test('AF_UNIX: a send during a wait on a full backlog happens after the connect', async () => {
    const { address, server } = fullUnix();
    const client = unix();
    const connecting = client.connect(address);
    const sending = client.sendAll('after it');
    await sleep(20);
    (await server.accept()).socket.close();
    await Promise.all([connecting, sending]);
    const { socket } = await server.accept();
    keep(socket);
    expect(String(await socket.recv())).toBe('after it');
  });

  test('AF_UNIX: a wait on a full backlog ends when it is aborted, the socket is closed, or the server is gone', async () => {
    const { address, server } = fullUnix();
    expect(await failure(unix().connect(address, { timeout: 40 }))).toBeInstanceOf(s.TimeoutError);
    const controller = new AbortController();
    const given = failure(unix().connect(address, { signal: controller.signal }));
    await sleep(20);
    controller.abort();
    expect(await given).toBeInstanceOf(s.AbortError);
    const closing = unix();
    const pending = failure(closing.connect(address));
    await sleep(20);
    closing.close();
    expect(await pending).toBeInstanceOf(s.ClosedError);
    const refused = failure(unix().connect(address));
    await sleep(20);
    server.close();
    expect(await refused).toMatchObject({ code: 'ECONNREFUSED', syscall: 'connect', address });
  });

  test('it connects to a server written in Python', async (context) => {
    need(context, program('python3'));
    const script = `
server = socket(AF_INET, SOCK_STREAM)
server.bind(('127.0.0.1', 0))
server.listen()
print(server.getsockname()[1])
peer, address = server.accept()
peer.sendall(str(address[1]).encode())
peer.close()`;
    const { line } = await pythonPeer(script);
    const client = tcp();
    await client.connect({ ...loopback, port: Number(line) });
    expect(String(await readAll(client))).toBe(String((client.getsockname() as s.InetAddress).port));
  });
});

describe('accept', () => {
  test('returns a connection with its family, type and peer, non-blocking and close-on-exec', async () => {
    const { server, address } = tcpServer();
    const accepting = server.accept();
    const client = tcp();
    await client.connect(address);
    const { socket, address: from } = await accepting;
    keep(socket);
    expect([socket.family, socket.type, socket.protocol]).toEqual([s.AF_INET, s.SOCK_STREAM, 0]);
    expect(from).toEqual(client.getsockname());
    expect(s.fcntl(socket.fd, s.F_GETFL) & s.O_NONBLOCK).toBe(s.O_NONBLOCK);
    expect(s.fcntl(socket.fd, s.F_GETFD)).toBe(s.FD_CLOEXEC);
  });

  test('several pending calls receive the connections in order', async () => {
    const { server, address } = tcpServer();
    const accepting = Array.from({ length: 5 }, () => server.accept());
    const ports: number[] = [];
    for (let i = 0; i < 5; i++) {
      const client = tcp();
      await client.connect(address);
      ports.push((client.getsockname() as s.InetAddress).port);
    }
    const accepted = await Promise.all(accepting);
    for (const { socket } of accepted) keep(socket);
    expect(accepted.map(({ address: from }) => (from as s.InetAddress).port)).toEqual(ports);
  });

  test('the iterator of connections serves an echo server for 50 clients', async () => {
    const { server, address } = tcpServer();
    const served = (async () => {
      let count = 0;
      for await (const { socket } of server.connections()) {
        count++;
        void (async () => {
          await using peer = socket;
          for (;;) {
            const data = await peer.recv();
            if (data.length === 0) return;
            await peer.sendAll(data);
          }
        })();
      }
      return count;
    })();
    const answers = await Promise.all(
      Array.from({ length: 50 }, async (_, i) => {
        await using client = new s.Socket(s.AF_INET, s.SOCK_STREAM);
        await client.connect(address);
        await client.sendAll(`client ${i}`);
        client.shutdown(s.SHUT_WR);
        return String(await readAll(client));
      }),
    );
    expect(answers).toEqual(Array.from({ length: 50 }, (_, i) => `client ${i}`));
    server.close();
    expect(await served).toBe(50);
  });

  test('break, a signal and a timeout end the iterator; an error of the kernel rejects', async () => {
    const { server, address } = tcpServer();
    await tcp().connect(address);
    for await (const { socket } of server.connections()) {
      socket.close();
      break;
    }
    expect(server.closed).toBe(false);
    const controller = new AbortController();
    const aborted = failure(server.connections({ signal: controller.signal }).next());
    controller.abort();
    expect(await aborted).toBeInstanceOf(s.AbortError);
    expect(await failure(server.connections({ timeout: 20 }).next())).toBeInstanceOf(s.TimeoutError);
    expect(await failure(tcp().connections().next())).toMatchObject({ code: 'EINVAL', syscall: 'accept' });
    expect(await failure(udp().socket.accept())).toMatchObject({ code: 'EOPNOTSUPP' });
  });
});
