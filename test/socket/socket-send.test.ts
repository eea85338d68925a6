import { createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as nothrow from '../../lib/nothrow.ts';
import { folder, loopback } from '../helpers/fixtures.ts';
import { need, program } from '../helpers/need.ts';
import { pythonPeer } from '../helpers/python.ts';
import { expectIdle, failure, isSettled, keep, readAll, sleep, tcpPair, udp, unixPair } from '../helpers/sockets.ts';

const sha = (data: Uint8Array) => createHash('sha256').update(data).digest('hex');

/** A pair with small buffers. */
function narrow(type?: number): [s.Socket, s.Socket] {
  const [a, b] = unixPair(type);
  a.setsockopt(s.SOL_SOCKET, s.SO_SNDBUF, 4096);
  b.setsockopt(s.SOL_SOCKET, s.SO_RCVBUF, 4096);
  return [a, b];
}

/** Sends until there is no room. */
function fill(socket: s.Socket): number {
  const chunk = Buffer.alloc(1024, '.');
  let sent = 0;
  for (let n = 0; n >= 0; n = nothrow.send(socket.fd, chunk)) sent += n;
  return sent;
}

/** An unconnected AF_UNIX datagram socket whose message queue is full, and one that sends to it. */
function fullQueue(): { receiver: s.Socket; sender: s.Socket; address: s.Address; queued: number } {
  const receiver = keep(new s.Socket(s.AF_UNIX, s.SOCK_DGRAM));
  const address = { family: s.AF_UNIX, path: join(folder(), 's') } as const;
  receiver.bind(address);
  const sender = keep(new s.Socket(s.AF_UNIX, s.SOCK_DGRAM));
  let queued = 0;
  while (nothrow.sendto(sender.fd, `old ${queued}`, 0, address) > 0) queued++;
  return { receiver, sender, address, queued };
}

describe('sendAll', () => {
  test('sends 10 MB through small buffers without losing or repeating a byte', async () => {
    for (const [a, b] of [narrow(), await tcpPair()] as const) {
      a.setsockopt(s.SOL_SOCKET, s.SO_SNDBUF, 8192);
      const data = randomBytes(10_000_000);
      const received = readAll(b);
      await a.sendAll(data);
      a.shutdown(s.SHUT_WR);
      const got = await received;
      expect([got.length, sha(got)]).toEqual([data.length, sha(data)]);
    }
  });

  test('sends to a Python program that reads slowly', async (context) => {
    need(context, program('python3'));
    const script = `
import hashlib
server = socket()
server.setsockopt(SOL_SOCKET, SO_RCVBUF, 4096)
server.bind(('127.0.0.1', 0))
server.listen()
print(server.getsockname()[1])
peer, _ = server.accept()
h = hashlib.sha256()
while data := peer.recv(40000):
    h.update(data)
peer.sendall(h.hexdigest().encode())
peer.close()`;
    const { line } = await pythonPeer(script);
    const socket = keep(new s.Socket(s.AF_INET, s.SOCK_STREAM));
    await socket.connect({ ...loopback, port: Number(line) });
    const data = randomBytes(3_000_000);
    await socket.sendAll(data);
    socket.shutdown(s.SHUT_WR);
    expect(String(await readAll(socket))).toBe(sha(data));
  });

  test('concurrent calls are sent in order, and a later send after them', async () => {
    const [a, b] = narrow();
    const parts = Array.from({ length: 20 }, (_, i) => Buffer.alloc(50_000 + i, String.fromCharCode(97 + i)));
    const sending = [...parts.map((part) => a.sendAll(part)), a.send('end')];
    const received = readAll(b);
    await Promise.all(sending);
    a.shutdown(s.SHUT_WR);
    expect((await received).equals(Buffer.concat([...parts, Buffer.from('end')]))).toBe(true);
  });

  test('accepts strings, which are sent as UTF-8, views and buffers of every kind, and empty data', async () => {
    const [a, b] = unixPair();
    const bytes = Buffer.from('grüße');
    for (const data of [
      'grüße',
      bytes,
      new DataView(bytes.buffer, bytes.byteOffset, bytes.length),
      new Uint8Array(bytes).buffer,
    ]) {
      await a.sendAll(data);
      expect(String(await b.recv())).toBe('grüße');
    }
    await a.sendAll('');
    expect(await failure(b.recv(1, s.MSG_DONTWAIT))).toMatchObject({ code: 'EAGAIN' });
    for (const wrong of [1, null, {}, undefined]) {
      expect(await failure(a.sendAll(wrong as never))).toBeInstanceOf(TypeError);
      expect(await failure(a.send(wrong as never))).toBeInstanceOf(TypeError);
    }
  });

  test('an abort in the middle leaves part of the data sent, and the socket usable', async () => {
    const [a, b] = narrow();
    const controller = new AbortController();
    const sending = failure(a.sendAll(Buffer.alloc(1_000_000, 'x'), 0, { signal: controller.signal }));
    const next = a.sendAll('next');
    const first = await b.recv(1000);
    expect(first.length).toBe(1000);
    controller.abort();
    expect(await sending).toBeInstanceOf(s.AbortError);
    const received = readAll(b);
    await next;
    a.shutdown(s.SHUT_WR);
    const rest = await received;
    expect(rest.subarray(-4).toString()).toBe('next');
    expect(rest.length).toBeLessThan(1_000_000 - 1000);
    expect(rest.subarray(0, -4).every((byte) => byte === 0x78)).toBe(true);
  });

  test('a timeout, and a peer that goes away, reject', async () => {
    const [a, b] = narrow();
    fill(a);
    expect(await failure(a.sendAll('x', 0, { timeout: 30 }))).toMatchObject({ name: 'TimeoutError', syscall: 'send' });
    const sending = failure(a.sendAll('x'));
    b.close();
    expect(['EPIPE', 'ECONNRESET']).toContain((await sending).code);
  });
});

describe('send, sendto, sendmsg', () => {
  test('send sends a part and returns its length; with MSG_DONTWAIT it does not wait for room', async () => {
    const [a, b] = narrow();
    const n = await a.send(Buffer.alloc(10_000_000));
    expect(n).toBeGreaterThan(0);
    expect(n).toBeLessThan(10_000_000);
    fill(a);
    expect(await failure(a.send('x', s.MSG_DONTWAIT))).toMatchObject({ code: 'EAGAIN', syscall: 'send' });
    expect(await failure(a.sendmsg({ buffers: ['x'] }, s.MSG_DONTWAIT))).toMatchObject({ code: 'EAGAIN' });
    const waits = a.send('x');
    expect(await isSettled(waits, 20)).toBe(false);
    while (nothrow.recv(b.fd, new Uint8Array(65536)) > 0);
    expect(await waits).toBe(1);
  });

  test('sendto and sendmsg send to an address', async () => {
    const { socket, address } = udp();
    const sender = udp();
    expect(await sender.socket.sendto('abc', 0, address)).toBe(3);
    expect(await sender.socket.sendto('abc', 0, s.encodeAddress(address))).toBe(3);
    const control = [{ level: s.IPPROTO_IP, type: s.IP_TTL, value: 3 }] as const;
    expect(await sender.socket.sendmsg({ buffers: ['a', Buffer.from('b'), 'c'], address, control })).toBe(3);
    for (let i = 0; i < 3; i++) {
      expect(await socket.recvfrom()).toEqual({ data: Buffer.from('abc'), address: sender.address });
    }
  });

  test('their errors contain the address', async () => {
    const { socket } = udp();
    const address = { family: s.AF_INET, address: '255.255.255.255', port: 9 } as const;
    expect(await failure(socket.sendto('x', 0, address))).toMatchObject({ code: 'EACCES', syscall: 'sendto', address });
    expect(await failure(socket.send('x'))).toMatchObject({ code: 'EDESTADDRREQ' });
    expect(await failure(socket.send(Buffer.alloc(70_000)))).toMatchObject({ syscall: 'send' });
    const gone = { family: s.AF_UNIX, path: '/nonexistent/s' } as const;
    const unix = keep(new s.Socket(s.AF_UNIX, s.SOCK_DGRAM));
    expect(await failure(unix.sendto('x', 0, gone))).toMatchObject({ code: 'ENOENT', address: gone });
    expect(await failure(unix.sendmsg({ buffers: ['x'], address: gone }))).toMatchObject({
      code: 'ENOENT',
      address: gone,
    });
    expect(await failure(unix.sendmsg(undefined as never))).toBeInstanceOf(TypeError);
  });
});

describe('an AF_UNIX datagram socket whose peer has a full queue', () => {
  test('unconnected: data arrives in order, and waiting uses no CPU', async () => {
    const { receiver, sender, address, queued } = fullQueue();
    const sending = Array.from({ length: 30 }, (_, i) => sender.sendto(`new ${i}`, 0, address));
    await expectIdle(400);
    expect(await isSettled(Promise.race(sending), 0)).toBe(false);
    const got: string[] = [];
    for (let i = 0; i < queued + 30; i++) got.push(String(await receiver.recv()));
    await Promise.all(sending);
    expect(got).toEqual([
      ...Array.from({ length: queued }, (_, i) => `old ${i}`),
      ...Array.from({ length: 30 }, (_, i) => `new ${i}`),
    ]);
  });

  test('a send that finds room does not overtake those that wait', async () => {
    const { receiver, sender, address, queued } = fullQueue();
    const first = sender.sendto('first', 0, address);
    for (let i = 0; i < queued; i++) receiver.recvSync();
    const second = sender.sendmsg({ buffers: ['second'], address });
    await Promise.all([first, second]);
    expect([String(await receiver.recv()), String(await receiver.recv())]).toEqual(['first', 'second']);
  });

  test('connected: epoll reports when there is room', async () => {
    const { receiver, sender, address } = fullQueue();
    await sender.connect(address);
    const sending = sender.send('x');
    expect(await isSettled(sending, 50)).toBe(false);
    await receiver.recv();
    await sending;
  });

  test('when many sends are abandoned, those behind them are still tried', async () => {
    const { receiver, sender, address, queued } = fullQueue();
    const controller = new AbortController();
    const many = Array.from({ length: 40 }, () => keep(new s.Socket(s.AF_UNIX, s.SOCK_DGRAM)));
    const given = many.map((socket) => failure(socket.sendto('x', 0, address, { signal: controller.signal })));
    const sending = sender.sendto('last', 0, address);
    controller.abort();
    await Promise.all(given);
    for (let i = 0; i < queued; i++) await receiver.recv();
    expect(String(await receiver.recv(100, 0, { timeout: 60_000 }))).toBe('last');
    expect(await sending).toBe(4);
  });

  test('a timeout, a signal, close and a peer that is gone end the send', async () => {
    const { receiver, sender, address } = fullQueue();
    expect(await failure(sender.sendto('x', 0, address, { timeout: 30 }))).toMatchObject({
      name: 'TimeoutError',
      syscall: 'sendto',
    });
    expect(await failure(sender.sendto('x', s.MSG_DONTWAIT, address))).toMatchObject({ code: 'EAGAIN' });
    const controller = new AbortController();
    const given = failure(sender.sendto('x', 0, address, { signal: controller.signal }));
    await sleep(12);
    controller.abort();
    expect(await given).toBeInstanceOf(s.AbortError);
    const closing = keep(sender.dup());
    const pending = failure(closing.sendmsg({ buffers: ['x'], address }));
    await sleep(12);
    const { fd } = closing;
    closing.close();
    // Another socket gets the number at once: nothing may be sent on it.
    const [a, b] = unixPair(s.SOCK_DGRAM);
    expect(await pending).toBeInstanceOf(s.ClosedError);
    const gone = failure(sender.sendto('x', 0, address));
    receiver.close();
    expect(await gone).toMatchObject({ code: 'ECONNREFUSED', address });
    if (a.fd === fd || b.fd === fd) expect(await failure(b.recv(8, 0, { timeout: 50 }))).toBeInstanceOf(s.TimeoutError);
  });
});

test.each([
  ['sendto', (socket: s.Socket, name: Uint8Array) => socket.sendto('x', 0, name)],
  ['sendmsg', (socket: s.Socket, name: Uint8Array) => socket.sendmsg({ buffers: ['x'], address: name })],
])(
  '%s keeps the address while it waits, also if its bytes are used for another one or transferred',
  async (_, send) => {
    const named = (name: string) => {
      const socket = keep(new s.Socket(s.AF_UNIX, s.SOCK_DGRAM));
      socket.bind({ family: s.AF_UNIX, path: `\0keep ${name} ${process.pid}` });
      socket.setTimeout(0);
      return socket;
    };
    const [sender, wanted, other] = [named('1'), named('2'), named('3')];
    await sender.connect(other.getsockname()); // gets what is sent without an address
    for (const change of ['another address', 'a transfer']) {
      const fill = () => {
        for (;;) sender.sendtoSync('full', 0, wanted.getsockname());
      };
      expect(fill).toThrow('EAGAIN');
      const name = new Uint8Array(s.encodeAddress(wanted.getsockname()));
      const sent = send(sender, name);
      expect(await isSettled(sent, 10)).toBe(false);
      if (change === 'a transfer') structuredClone(name, { transfer: [name.buffer] });
      else name.set(s.encodeAddress(other.getsockname()));
      // All that waits is taken, so that the test ends also if the message goes to another receiver.
      const take = (from: s.Socket) => {
        const taken: string[] = [];
        const all = () => {
          for (;;) taken.push(String(from.recvSync()));
        };
        expect(all).toThrow('EAGAIN');
        return taken;
      };
      expect(take(wanted)).not.toContain('x');
      expect(await sent).toBe(1);
      expect([take(wanted), take(other)], change).toEqual([['x'], []]);
    }
  },
);

test('sendmsg reads its message once: neither code of the program nor a transfer changes it while it waits', async () => {
  const [a, b] = unixPair(s.SOCK_DGRAM);
  a.setTimeout(0);
  const fill = () => {
    for (;;) a.sendSync('x');
  };
  expect(fill).toThrow('EAGAIN');
  let reads = 0;
  const rights: s.Rights = {
    level: s.SOL_SOCKET,
    type: s.SCM_RIGHTS,
    get fds() {
      reads++;
      return [a.fd];
    },
  };
  const first = a.sendmsg({ buffers: ['first'], control: [rights] });
  const control = s.encodeControl([{ level: s.SOL_SOCKET, type: s.SCM_RIGHTS, fds: [a.fd] }]);
  const second = a.sendmsg({ buffers: ['second'], control });
  const before = reads;
  structuredClone(control, { transfer: [control.buffer as ArrayBuffer] });
  const got: [string, number][] = [];
  while (got.length < 2) {
    const { data, fds } = await b.recvFds(9, 1);
    if (String(data) !== 'x') got.push([String(data), fds.length]);
    for (const fd of fds) s.close(fd);
  }
  expect([got, reads, await first, await second]).toEqual([
    [
      ['first', 1],
      ['second', 1],
    ],
    before,
    5,
    6,
  ]);
});
