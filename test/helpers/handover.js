// Hands our file descriptors over to node:net, node:http and node:dgram, and checks class Socket itself, on the Node that
// runs this. Prints { version, passed, failed } as JSON. Plain JavaScript over dist/, so that any version of Node can run it.
import assert from 'node:assert/strict';
import dgram from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import * as s from '../../dist/index.js';

const { Socket } = s;
const host = '127.0.0.1';
const any = { family: s.AF_INET, address: host, port: 0 };
/** No wait of a check takes longer: a lost event fails the check by its name. */
const soon = { timeout: 60_000 };
const big = Buffer.alloc(1 << 20, 'sys-socket');
const folder = mkdtempSync(join(tmpdir(), 'sys-socket-'));

function openSockets() {
  return readdirSync('/proc/self/fd').filter((name) => {
    try {
      return readlinkSync(`/proc/self/fd/${name}`).startsWith('socket:');
    } catch {
      return false; // the file descriptor of readdir
    }
  }).length;
}

/** Sockets that are closed when the check ends (`using` needs Node 24). */
const open = [];
const mine = (socket) => {
  open.push(socket);
  return socket;
};

const isOpen = (fd) => {
  try {
    s.fcntl(fd, s.F_GETFD);
    return true;
  } catch {
    return false;
  }
};

async function tcpPair() {
  const server = mine(s.createServer({ host, port: 0 }));
  const client = await s.createConnection({ host, port: server.getsockname().port });
  return [client, (await server.accept(soon)).socket];
}

/** Transfers bytes both ways between one of our Sockets and a stream of Node. */
async function bothWays(ours, theirs) {
  await ours.sendAll('to node');
  assert.equal(String((await once(theirs, 'data'))[0]), 'to node');
  theirs.write('from node');
  assert.equal(String(await ours.recv(100, 0, soon)), 'from node');
  // More than any buffer holds, so that both sides wait for room.
  theirs.write(big);
  const parts = [];
  for (let got = 0; got < big.length; got += parts.at(-1).length) {
    parts.push(await ours.recv(65536, 0, soon));
    assert.notEqual(parts.at(-1).length, 0);
  }
  assert.equal(Buffer.concat(parts).equals(big), true);
  let received = 0;
  const all = new Promise((resolve) => {
    theirs.on('data', (chunk) => {
      received += chunk.length;
      if (received >= big.length) resolve(undefined);
    });
  });
  await ours.sendAll(big, 0, soon);
  await all;
  assert.equal(received, big.length);
}

/** Ends Node's stream: our side sees the end, and Node has closed the file descriptor. */
async function nodeEnds(ours, theirs, fd) {
  theirs.end();
  assert.equal((await ours.recv(1, 0, soon)).length, 0);
  theirs.destroy();
  await once(theirs, 'close');
  assert.equal(isOpen(fd), false);
  ours.close();
}

const checks = {
  async 'a listening TCP descriptor serves node:http'() {
    const socket = s.createServer({ host, port: 0 });
    const { port } = socket.getsockname();
    // It waited in our reactor: the wait is abandoned, and Node can watch the file descriptor.
    const pending = assert.rejects(socket.accept(), { name: 'ClosedError', code: 'ERR_SOCKET_CLOSED' });
    const fd = socket.detach();
    await pending;
    assert.equal(socket.closed, true);
    const server = http.createServer((request, response) => request.pipe(response));
    server.listen({ fd });
    await once(server, 'listening');
    assert.equal(server.address().port, port);
    const request = http.request({ host, port, method: 'POST', agent: false });
    request.end(big);
    const [response] = await once(request, 'response');
    assert.equal((await text(response)).length, big.length);
    // And by a client of ours.
    const stream = (await s.createConnection({ host, port })).makefile();
    stream.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello');
    const answer = await text(stream);
    assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/);
    assert.match(answer, /hello/);
    server.close();
    await once(server, 'close');
    assert.equal(isOpen(fd), false);
  },

  async 'a connected TCP descriptor becomes a net.Socket'() {
    const [client, server] = await tcpPair();
    const remote = server.getpeername();
    const pending = assert.rejects(server.recv(), { name: 'ClosedError' });
    const fd = server.detach();
    await pending;
    const socket = new net.Socket({ fd, readable: true, writable: true });
    assert.equal(socket.remotePort, remote.port);
    await bothWays(client, socket);
    await nodeEnds(client, socket, fd);
  },

  async 'node:http asks over a connected descriptor'() {
    const server = http
      .createServer((request, response) => response.end(`${request.socket.remotePort}`))
      .listen(0, host);
    await once(server, 'listening');
    const connection = await s.createConnection({ host, port: server.address().port });
    const { port } = connection.getsockname();
    const socket = new net.Socket({ fd: connection.detach() });
    const request = http.get({ createConnection: () => socket, headers: { host: 'x', connection: 'close' } });
    const [response] = await once(request, 'response');
    assert.equal(await text(response), String(port));
    assert.equal(request.socket, socket);
    server.close();
    await once(server, 'close');
  },

  async 'a bound descriptor with options is connected by net.Socket'() {
    const server = mine(s.createServer({ host, port: 0 }));
    const own = new Socket(s.AF_INET, s.SOCK_STREAM);
    own.setsockopt(s.IPPROTO_IP, s.IP_TOS, 0x10);
    own.setsockopt(s.SOL_SOCKET, s.SO_PRIORITY, 3);
    own.setsockopt(s.IPPROTO_TCP, s.TCP_USER_TIMEOUT, 12345);
    own.bind({ ...any, address: '127.0.0.5' });
    const bound = own.getsockname();
    const fd = own.detach();
    const socket = new net.Socket({ fd });
    socket.connect(server.getsockname().port, host);
    const [{ socket: ours, address }] = await Promise.all([server.accept(soon), once(socket, 'connect')]);
    assert.deepEqual(address, bound); // the local address was kept
    {
      const options = mine(Socket.fromNodeSocket(socket));
      assert.equal(options.getsockopt(s.IPPROTO_IP, s.IP_TOS), 0x10);
      assert.equal(options.getsockopt(s.SOL_SOCKET, s.SO_PRIORITY), 3);
      assert.equal(options.getsockopt(s.IPPROTO_TCP, s.TCP_USER_TIMEOUT), 12345);
    }
    await bothWays(ours, socket);
    await nodeEnds(ours, socket, fd);
  },

  async 'AF_UNIX stream descriptors become net.Sockets'() {
    const [ours, other] = Socket.pair();
    const fd = other.detach();
    const socket = new net.Socket({ fd });
    await bothWays(ours, socket);
    await nodeEnds(ours, socket, fd);

    const server = mine(s.createServer({ path: `\0sys-socket-handover-${process.pid}` }));
    const client = new Socket(s.AF_UNIX, s.SOCK_STREAM);
    await client.connect(server.getsockname());
    const { socket: accepted } = await server.accept(soon);
    const clientFd = client.detach();
    const connected = new net.Socket({ fd: clientFd });
    await bothWays(accepted, connected);
    await nodeEnds(accepted, connected, clientFd);
  },

  async 'listening AF_UNIX descriptors, by path and abstract, serve net.Server'() {
    for (const path of [join(folder, 'socket'), `\0sys-socket-listen-${process.pid}`]) {
      const fd = s.createServer({ path }).detach();
      const server = net.createServer((socket) => socket.pipe(socket));
      server.listen({ fd });
      await once(server, 'listening');
      const client = mine(new Socket(s.AF_UNIX, s.SOCK_STREAM));
      await client.connect({ family: s.AF_UNIX, path });
      await client.sendAll('hello');
      assert.equal(String(await client.recv(100, 0, soon)), 'hello');
      client.close();
      server.close();
      await once(server, 'close');
      assert.equal(isOpen(fd), false);
    }
  },

  async 'a UDP descriptor becomes a dgram.Socket'() {
    const own = new Socket(s.AF_INET, s.SOCK_DGRAM);
    own.setsockopt(s.IPPROTO_IP, s.IP_TTL, 33);
    own.bind(any);
    const name = own.getsockname();
    const pending = assert.rejects(own.recvfrom(), { name: 'ClosedError' });
    const fd = own.detach();
    await pending;
    const socket = dgram.createSocket('udp4');
    const listening = once(socket, 'listening');
    socket.bind({ fd });
    await listening;
    assert.equal(socket.address().port, name.port);
    const ours = mine(new Socket(s.AF_INET, s.SOCK_DGRAM));
    ours.bind(any);
    ours.setsockopt(s.IPPROTO_IP, s.IP_RECVTTL, true);
    await ours.sendto('to node', 0, name);
    const [data, from] = await once(socket, 'message');
    assert.equal(String(data), 'to node');
    assert.equal(from.port, ours.getsockname().port);
    socket.send('from node', from.port, from.address);
    const { buffers, control, ...received } = await receive(ours);
    assert.equal(String(buffers[0].subarray(0, received.length)), 'from node');
    assert.deepEqual(received.address, name);
    assert.equal(control.find((message) => s.isControl(message, s.IPPROTO_IP, s.IP_TTL))?.value, 33);
    {
      const options = mine(Socket.fromNodeSocket(socket));
      assert.equal(options.getsockopt(s.IPPROTO_IP, s.IP_TTL), 33);
      assert.equal(options.type, s.SOCK_DGRAM);
    }
    socket.close();
    await once(socket, 'close');
    assert.equal(isOpen(fd), false);
  },

  async 'a dup is handed over while ours is closed: the end of the stream still reaches the peer'() {
    const [client, server] = await tcpPair();
    const copy = server.dup();
    server.close();
    const fd = copy.detach();
    const socket = new net.Socket({ fd });
    await bothWays(client, socket);
    await nodeEnds(client, socket, fd);
  },

  async 'a descriptor that came by SCM_RIGHTS is handed over'() {
    const [near, far] = Socket.pair();
    const [client, server] = await tcpPair();
    await near.sendFds([server.fd], 'take');
    server.close();
    const { data, fds } = await far.recvFds(100, 1, 0, soon);
    assert.equal(String(data), 'take');
    near.close();
    far.close();
    const socket = new net.Socket({ fd: fds[0] });
    await bothWays(client, socket);
    await nodeEnds(client, socket, fds[0]);
  },

  async 'what Node refuses stays ours'() {
    for (const type of [s.SOCK_DGRAM, s.SOCK_SEQPACKET]) {
      const [ours, other] = Socket.pair(type);
      const fd = other.detach();
      assert.throws(() => new net.Socket({ fd }), { code: 'ERR_INVALID_FD_TYPE' });
      const again = mine(Socket.fromFd(fd));
      await ours.sendAll('still here');
      assert.equal(String(await again.recv(100, 0, soon)), 'still here');
      ours.close();
    }
  },

  async 'fromNodeSocket takes each of the three'() {
    const server = net.createServer((socket) => socket.resume().end('bye')).listen(0, host);
    const udp = dgram.createSocket('udp4').bind(0, host);
    await Promise.all([once(server, 'listening'), once(udp, 'listening')]);
    const client = net.connect(server.address().port, host);
    await once(client, 'connect');
    for (const [node, listens, port] of [
      [server, 1, server.address().port],
      [client, 0, client.localPort],
      [udp, 0, udp.address().port],
    ]) {
      const ours = mine(Socket.fromNodeSocket(node));
      assert.equal(ours.getsockopt(s.SOL_SOCKET, s.SO_ACCEPTCONN), listens);
      assert.equal(ours.getsockname().port, port);
      ours.close(); // while a dup is open, Node's close does not end the connection
    }
    assert.equal(await text(client), 'bye');
    server.close();
    udp.close();
    await Promise.all([once(server, 'close'), once(udp, 'close')]);
    for (const closed of [server, udp]) assert.throws(() => Socket.fromNodeSocket(closed), TypeError);
  },

  async 'class Socket: echo of many connections'() {
    const server = s.createServer({ host, port: 0 });
    const serving = (async () => {
      for await (const { socket } of server.connections()) {
        const stream = socket.makefile();
        stream.pipe(stream);
      }
    })();
    await Promise.all(
      Array.from({ length: 20 }, async (_, i) => {
        const client = mine(await s.createConnection({ host, port: server.getsockname().port }));
        const data = big.subarray(0, 50_000 + i);
        const sent = client.sendAll(data).then(() => client.shutdown(s.SHUT_WR));
        let got = Buffer.alloc(0);
        for (;;) {
          const part = await client.recv(65536, 0, soon);
          if (part.length === 0) break;
          got = Buffer.concat([got, part]);
        }
        await sent;
        assert.equal(got.equals(data), true);
      }),
    );
    server.close();
    await serving; // the loop ends with the socket
  },

  async 'class Socket: timeouts, AbortSignal, close, errors'() {
    const [a, b] = Socket.pair();
    await assert.rejects(a.recv(1, 0, { timeout: 20 }), { name: 'TimeoutError' });
    const stop = new AbortController();
    const aborted = assert.rejects(a.recv(1, 0, { signal: stop.signal }), { name: 'AbortError' });
    stop.abort();
    await aborted;
    a.setTimeout(20);
    assert.throws(() => a.recvSync(), { name: 'TimeoutError' });
    a.setTimeout(0);
    assert.throws(() => a.recvSync(), { code: 'EAGAIN', errno: 11 });
    b.sendAllSync('after all');
    assert.equal(String(await a.recv()), 'after all');
    const closed = assert.rejects(b.recv(), { name: 'ClosedError' });
    b.close();
    await closed;
    await assert.rejects(b.recv(), { name: 'ClosedError' });
    assert.equal((await a.recv(1, 0, soon)).length, 0);
    await assert.rejects(a.send('x', s.MSG_NOSIGNAL), { code: 'EPIPE' });
    a.close();
    const refused = mine(new Socket(s.AF_INET, s.SOCK_STREAM));
    refused.bind(any);
    const client = mine(new Socket(s.AF_INET, s.SOCK_STREAM));
    await assert.rejects(client.connect(refused.getsockname()), { code: 'ECONNREFUSED', syscall: 'connect' });
  },

  async 'class Socket: datagrams and batches'() {
    const receiver = mine(new Socket(s.AF_INET, s.SOCK_DGRAM));
    receiver.bind(any);
    const sender = mine(new Socket(s.AF_INET, s.SOCK_DGRAM));
    const out = new s.MessageBatch({ messages: 32, size: 100 });
    for (let i = 0; i < 32; i++) out.push(`message ${i}`, receiver.getsockname());
    assert.equal(await sender.sendmmsg(out), 32);
    const texts = [];
    for await (const batch of receiver.batches(new s.MessageBatch({ messages: 10, size: 100 }), soon)) {
      for (let i = 0; i < batch.count; i++) texts.push(String(batch.bytes(i)));
      if (texts.length === 32) break;
    }
    assert.deepEqual(
      texts,
      Array.from({ length: 32 }, (_, i) => `message ${i}`),
    );
  },

  async 'class Socket: unread data keeps the process neither busy nor alive'() {
    const [a, b] = Socket.pair();
    await b.sendAll('unread');
    const before = process.cpuUsage();
    await sleep(200);
    const { user, system } = process.cpuUsage(before);
    assert.ok(user + system < 150_000, `${user + system} us of CPU time while nothing waits`);
    a.close();
    b.close();
  },
};

async function receive(socket) {
  const buffers = [Buffer.alloc(100)];
  return { buffers, ...(await socket.recvmsg({ buffers, controlLength: 64 }, 0, soon)) };
}

const before = openSockets();
const passed = [];
const failed = {};
for (const [name, check] of Object.entries(checks)) {
  try {
    const late = new AbortController();
    const limit = sleep(60_000, undefined, late).then(
      () => assert.fail('the check did not end within 60 s'),
      () => {},
    );
    await Promise.race([check(), limit]);
    late.abort();
    passed.push(name);
  } catch (error) {
    failed[name] = error.stack;
  } finally {
    for (const socket of open.splice(0)) socket.close();
  }
}
rmSync(folder, { recursive: true });
// Node closes the handles of ended connections in later turns of the event loop.
for (let i = 0; i < 100 && openSockets() > before; i++) await sleep(20);
if (openSockets() > before) failed['no socket is left open'] = `${openSockets() - before} sockets are open`;
console.log(JSON.stringify({ version: process.version, passed, failed }));
if (Object.keys(failed).length > 0) process.exit(1);
// Nothing is pending: the process ends by itself, or the test that runs this fails.
