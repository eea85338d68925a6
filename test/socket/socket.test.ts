import dgram from 'node:dgram';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import net from 'node:net';
import { describe, expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as nothrow from '../../lib/nothrow.ts';
import { cleanup, openSockets } from '../helpers/fds.ts';
import { loopback } from '../helpers/fixtures.ts';
import { need, rawSockets } from '../helpers/need.ts';
import { patient } from '../helpers/programs.ts';
import { failure, isSettled, keep, tcpPair, tcpServer, udp, unixPair } from '../helpers/sockets.ts';

const flagsOf = (fd: number) => s.fcntl(fd, s.F_GETFL);

describe('creating a Socket', () => {
  test('sets family, type and protocol, non-blocking and close-on-exec', () => {
    const socket = keep(new s.Socket(s.AF_INET, s.SOCK_STREAM | s.SOCK_CLOEXEC, s.IPPROTO_TCP));
    expect([socket.family, socket.type, socket.protocol]).toEqual([s.AF_INET, s.SOCK_STREAM, s.IPPROTO_TCP]);
    expect([socket.fileno(), socket.closed]).toEqual([socket.fd, false]);
    expect(flagsOf(socket.fd) & s.O_NONBLOCK).toBe(s.O_NONBLOCK);
    expect(s.fcntl(socket.fd, s.F_GETFD)).toBe(s.FD_CLOEXEC);
  });

  test('throws the errors of the kernel', () => {
    expect(() => new s.Socket(s.AF_INET, 77)).toThrow(expect.objectContaining({ code: 'EINVAL', syscall: 'socket' }));
    expect(() => new s.Socket(250, s.SOCK_STREAM)).toThrow(expect.objectContaining({ code: 'EAFNOSUPPORT' }));
    expect(() => new s.Socket('AF_INET' as never, 1)).toThrow(TypeError);
  });

  test('creates a pair of each type', async () => {
    for (const type of [s.SOCK_STREAM, s.SOCK_DGRAM, s.SOCK_SEQPACKET]) {
      const [a, b] = unixPair(type);
      await a.send('over');
      expect([String(await b.recv()), b.type, b.family]).toEqual(['over', type, s.AF_UNIX]);
    }
    expect(() => s.Socket.pair(77)).toThrow(expect.objectContaining({ syscall: 'socketpair' }));
  });

  test('creates a netlink socket, which waits like any other', async () => {
    const netlink = keep(new s.Socket(s.AF_NETLINK, s.SOCK_RAW, s.NETLINK_ROUTE));
    const answer = netlink.recvfrom();
    expect(await isSettled(answer, 20)).toBe(false);
    // RTM_GETLINK with NLM_F_REQUEST | NLM_F_DUMP
    const request = Buffer.alloc(20);
    request.writeUInt32LE(20, 0);
    request.writeUInt16LE(18, 4);
    request.writeUInt16LE(0x301, 6);
    await netlink.sendto(request, 0, { family: s.AF_NETLINK, pid: 0, groups: 0 });
    const { data, address } = await answer;
    expect([data.readUInt16LE(4), address]).toEqual([16, { family: s.AF_NETLINK, pid: 0, groups: 0 }]);
  });

  test('creates a raw socket, which waits like any other', async (context) => {
    need(context, rawSockets);
    const raw = keep(new s.Socket(s.AF_INET, s.SOCK_RAW, s.IPPROTO_UDP));
    raw.bind(loopback);
    const received = raw.recvfrom();
    const target = udp();
    await target.socket.sendto('seen', 0, target.address);
    const packet = (await received).data;
    expect(packet.subarray(packet.length - 4).toString()).toBe('seen');
  });
});

describe('fromFd', () => {
  test('detects family, type and protocol, and makes it non-blocking', () => {
    const cases: [number, number, number][] = [
      [s.AF_INET, s.SOCK_STREAM, s.IPPROTO_TCP],
      [s.AF_INET, s.SOCK_DGRAM, s.IPPROTO_UDP],
      [s.AF_UNIX, s.SOCK_SEQPACKET, 0],
      [s.AF_NETLINK, s.SOCK_RAW, s.NETLINK_ROUTE],
    ];
    for (const [family, type, protocol] of cases) {
      const fd = s.socket(family, type, protocol);
      const socket = keep(s.Socket.fromFd(fd));
      expect([socket.fd, socket.family, socket.type, socket.protocol]).toEqual([fd, family, type, protocol]);
      expect(flagsOf(fd) & s.O_NONBLOCK).toBe(s.O_NONBLOCK);
    }
  });

  test('after an error, the file descriptor stays open and belongs to the caller', () => {
    const file = cleanup(openSync('/dev/null', 'r'));
    expect(() => s.Socket.fromFd(file)).toThrow(expect.objectContaining({ code: 'ENOTSOCK' }));
    expect(flagsOf(file)).toBeGreaterThanOrEqual(0);
    expect(() => s.Socket.fromFd(-1)).toThrow(expect.objectContaining({ code: 'EBADF' }));
    expect(() => s.Socket.fromFd(Number.NaN)).toThrow(RangeError);
  });
});

describe('closing a Socket', () => {
  test('close closes once, and the number may then belong to another file', () => {
    const [a, b] = s.Socket.pair();
    const { fd } = a;
    a.close();
    expect([a.fd, a.fileno(), a.closed]).toEqual([-1, -1, true]);
    const other = cleanup(s.fcntl(b.fd, s.F_DUPFD_CLOEXEC, fd));
    expect(other).toBe(fd);
    a.close();
    a[Symbol.dispose]();
    expect(flagsOf(other), 'the other one is open').toBeGreaterThanOrEqual(0);
    b.close();
  });

  test('pending operations are rejected with a ClosedError that names the operation', async () => {
    const [a, b] = unixPair();
    const chunk = new Uint8Array(1 << 20);
    const pending = [
      a.recv(),
      a.recv(1 << 20),
      a.recvInto(new Uint8Array(1)),
      a.recvfrom(),
      a.recvmsg({ buffers: [new Uint8Array(1)] }),
      a.recvFds(1, 1),
      a.recvmmsg(new s.MessageBatch({ messages: 1, size: 1 })),
      a.sendAll(chunk),
      a.sendFds([b.fd], chunk),
      a.send('x'),
      a.readable(),
      a.writable(),
      a.errorReady(),
    ].map(failure);
    const server = tcpServer().server;
    pending.push(failure(server.accept()));
    const sleeping = keep(new s.Socket(s.AF_UNIX, s.SOCK_DGRAM));
    sleeping.bind({ family: s.AF_UNIX, path: '' });
    const full = keep(new s.Socket(s.AF_UNIX, s.SOCK_DGRAM));
    while (nothrow.sendto(full.fd, 'x', 0, sleeping.getsockname()!) > 0);
    pending.push(failure(full.sendto('x', 0, sleeping.getsockname()!)));
    for (const socket of [a, server, full]) socket.close();
    const errors = await Promise.all(pending);
    for (const error of errors) {
      expect(error).toBeInstanceOf(s.ClosedError);
      expect(error).toMatchObject({ name: 'ClosedError', code: 'ERR_SOCKET_CLOSED' });
      expect(error.message).toBe(`${error.syscall}: the socket is closed`);
    }
    const names = 'recv recv recv recvfrom recvmsg recvmsg recvmmsg send sendmsg send readable writable errorReady';
    expect(errors.map(({ syscall }) => syscall).join(' ')).toBe(`${names} accept sendto`);
  });

  test('a later operation rejects with a ClosedError that names the operation', async () => {
    const [a, b] = s.Socket.pair();
    a.close();
    b.close();
    const address = { ...loopback, port: 9 };
    const batch = new s.MessageBatch({ messages: 1, size: 1 });
    const promised: [string, () => Promise<unknown>][] = [
      ['connect', () => a.connect(address)],
      ['connect', () => a.connectEx(address)],
      ['accept', () => a.accept()],
      ['recv', () => a.recv()],
      ['recv', () => a.recvInto(new Uint8Array(1))],
      ['recvfrom', () => a.recvfrom()],
      ['recvmsg', () => a.recvmsg({ buffers: [] })],
      ['send', () => a.send('x')],
      ['send', () => a.sendAll('x')],
      ['sendto', () => a.sendto('x', 0, address)],
      ['sendmsg', () => a.sendmsg({ buffers: ['x'] })],
      ['sendmsg', () => a.sendFds([0], 'x')],
      ['recvmmsg', () => a.recvmmsg(batch)],
      ['sendmmsg', () => a.sendmmsg(batch)],
      ['readable', () => a.readable()],
      ['writable', () => a.writable()],
      ['errorReady', () => a.errorReady()],
    ];
    for (const [syscall, call] of promised) {
      expect(await failure(call()), syscall).toMatchObject({ name: 'ClosedError', syscall });
    }
    const direct: [string, () => unknown][] = [
      ['bind', () => a.bind(loopback)],
      ['listen', () => a.listen()],
      ['getsockname', () => a.getsockname()],
      ['getpeername', () => a.getpeername()],
      ['getsockopt', () => a.getsockopt(s.SOL_SOCKET, s.SO_TYPE)],
      ['setsockopt', () => a.setsockopt(s.SOL_SOCKET, s.SO_KEEPALIVE, 1)],
      ['shutdown', () => a.shutdown(s.SHUT_RD)],
      ['dup', () => a.dup()],
      ['detach', () => a.detach()],
      ['makefile', () => a.makefile()],
      ['recv', () => a.recvSync()],
      ['accept', () => a.acceptSync()],
      ['connect', () => a.connectSync(address)],
    ];
    for (const [syscall, call] of direct) {
      expect(call, syscall).toThrow(expect.objectContaining({ name: 'ClosedError', syscall }));
    }
  });

  test('ends a loop that iterates over it', async () => {
    const { server, address } = tcpServer();
    const { socket } = udp();
    const batch = new s.MessageBatch({ messages: 4, size: 16 });
    const [, b] = unixPair(s.SOCK_DGRAM);
    const rounds = { connections: 0, datagrams: 0, batches: 0 };
    const loops = [
      (async () => {
        for await (const { socket: accepted } of server.connections()) {
          accepted.close();
          rounds.connections++;
        }
      })(),
      (async () => {
        for await (const _ of socket.datagrams()) rounds.datagrams++;
      })(),
      (async () => {
        for await (const _ of b.batches(batch)) rounds.batches++;
      })(),
    ];
    const client = keep(new s.Socket(s.AF_INET, s.SOCK_STREAM));
    await client.connect(address);
    await socket.sendto('x', 0, socket.getsockname()!);
    expect((await client.recv()).length).toBe(0);
    expect(await isSettled(Promise.race(loops), 20)).toBe(false);
    await expect.poll(() => rounds.connections + rounds.datagrams, patient).toBe(2);
    for (const one of [server, socket, b]) one.close();
    await Promise.all(loops);
    expect(rounds).toEqual({ connections: 1, datagrams: 1, batches: 0 });
  });

  test('ends a loop whose own body closes it', async () => {
    const { socket, address } = udp();
    await socket.sendto('1', 0, address);
    await socket.sendto('2', 0, address);
    const got: string[] = [];
    for await (const { data } of socket.datagrams()) {
      got.push(String(data));
      socket.close();
    }
    expect(got).toEqual(['1']);
  });

  test('works by using and await using', async () => {
    let first: s.Socket;
    let second: s.Socket;
    {
      using socket = new s.Socket(s.AF_INET, s.SOCK_DGRAM);
      await using other = new s.Socket(s.AF_INET, s.SOCK_DGRAM);
      [first, second] = [socket, other];
      expect([first.closed, second.closed]).toEqual([false, false]);
    }
    expect([first.closed, second.closed]).toEqual([true, true]);
  });

  test('detach leaves the file descriptor open and to the caller, and pending operations reject', async () => {
    const [a, b] = unixPair();
    const pending = failure(a.recv());
    const fd = cleanup(a.detach());
    expect(await pending).toMatchObject({ name: 'ClosedError', syscall: 'recv' });
    expect(a.closed).toBe(true);
    a.close();
    s.send(fd, 'still open');
    expect(String(await b.recv())).toBe('still open');
    const again = s.Socket.fromFd(fd);
    const received = again.recv();
    await b.send('and back');
    expect(String(await received)).toBe('and back');
    again.detach();
  });

  test('dup creates a second Socket of the same socket; each is closed on its own', async () => {
    const [a, b] = unixPair(s.SOCK_DGRAM);
    const twin = keep(b.dup());
    expect([twin.family, twin.type, twin.fd === b.fd]).toEqual([b.family, b.type, false]);
    expect(s.fcntl(twin.fd, s.F_GETFD)).toBe(s.FD_CLOEXEC);
    const [first, second] = [b.recv(), twin.recv()];
    await a.send('1');
    await a.send('2');
    expect((await Promise.all([first, second])).map(String).sort()).toEqual(['1', '2']);
    b.close();
    const received = twin.recv();
    await a.send('3');
    expect(String(await received)).toBe('3');
  });

  test('leaves no file descriptor open in any of these tests', async () => {
    const before = openSockets();
    for (let i = 0; i < 50; i++) {
      const [a, b] = s.Socket.pair();
      const twin = a.dup();
      a.recv().catch(() => {});
      s.close(b.detach());
      twin.close();
      a.close();
    }
    expect(openSockets()).toBe(before);
  });
});

describe('options and names', () => {
  test('getsockopt, setsockopt, names and shutdown work as methods', async () => {
    const [client, server] = await tcpPair();
    client.setsockopt(s.IPPROTO_TCP, s.TCP_NODELAY, true);
    expect(client.getsockopt(s.IPPROTO_TCP, s.TCP_NODELAY)).toBe(1);
    expect(client.getsockopt(s.SOL_SOCKET, s.SO_LINGER, 8)).toEqual(Buffer.alloc(8));
    expect(client.getpeername()).toEqual(server.getsockname());
    client.shutdown(s.SHUT_WR);
    expect((await server.recv()).length).toBe(0);
    expect(await failure(client.send('x'))).toMatchObject({ code: 'EPIPE', syscall: 'send' });
  });

  test('the timeout applies to promises without a timeout of their own', async () => {
    const [a, b] = unixPair();
    expect(a.getTimeout()).toBe(undefined);
    a.setTimeout(30);
    expect(a.getTimeout()).toBe(30);
    expect(await failure(a.recv())).toMatchObject({ name: 'TimeoutError', syscall: 'recv' });
    const longer = a.recv(8, 0, { timeout: 60_000 });
    expect(await isSettled(longer, 80)).toBe(false);
    await b.send('x');
    await longer;
    a.setBlocking(false);
    expect(a.getTimeout()).toBe(0);
    const waits = a.recv();
    expect(await isSettled(waits, 20), 'a promise always waits').toBe(false);
    await b.send('x');
    await waits;
    a.setBlocking(true);
    expect(a.getTimeout()).toBe(undefined);
    for (const wrong of [-1, Number.NaN]) expect(() => a.setTimeout(wrong)).toThrow(RangeError);
    expect(() => a.setTimeout('1' as never)).toThrow(TypeError);
  });
});

describe('fromNodeSocket', () => {
  test('options of a net.Socket, a net.Server and a dgram.Socket can be used, and these keep working', async () => {
    const server = net.createServer((peer) => peer.pipe(peer)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as net.AddressInfo;
    const client = net.connect(port, '127.0.0.1');
    await once(client, 'connect');
    const mine = keep(s.Socket.fromNodeSocket(client));
    expect([mine.family, mine.type]).toEqual([s.AF_INET, s.SOCK_STREAM]);
    expect(mine.getpeername()).toEqual({ ...loopback, port });
    mine.setsockopt(s.SOL_SOCKET, s.SO_KEEPALIVE, true);
    mine.close();
    client.write('on');
    expect(String((await once(client, 'data'))[0])).toBe('on');
    const again = keep(s.Socket.fromNodeSocket(client));
    expect(again.getsockopt(s.SOL_SOCKET, s.SO_KEEPALIVE)).toBe(1);
    const listening = keep(s.Socket.fromNodeSocket(server));
    expect(listening.getsockopt(s.SOL_SOCKET, s.SO_ACCEPTCONN)).toBe(1);
    again.close();
    client.destroy();
    server.close();
    await once(server, 'close');
    const node = dgram.createSocket('udp4').bind(0, '127.0.0.1');
    await once(node, 'listening');
    const datagrams = keep(s.Socket.fromNodeSocket(node));
    expect([datagrams.type, (datagrams.getsockname() as s.InetAddress).port]).toEqual([
      s.SOCK_DGRAM,
      node.address().port,
    ]);
    node.close();
  });

  test('a socket that is not open, and other values, throw', () => {
    expect(() => s.Socket.fromNodeSocket(new net.Socket())).toThrow(TypeError);
    expect(() => s.Socket.fromNodeSocket({})).toThrow(TypeError);
    const node = dgram.createSocket('udp4');
    node.close();
    expect(() => s.Socket.fromNodeSocket(node)).toThrow(TypeError);
  });
});
