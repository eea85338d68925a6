import { once } from 'node:events';
import net from 'node:net';
import { describe, expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as nothrow from '../../lib/nothrow.ts';
import { cleanup } from '../helpers/fds.ts';
import { pair } from '../helpers/fixtures.ts';
import { output } from '../helpers/scripts.ts';
import { expectIdle, failure, isSettled, nobody, sleep, tcpPair, udp, unixPair } from '../helpers/sockets.ts';

/** A connection of node:net, which must keep working whatever happens beside it. */
async function unrelated(): Promise<{ ask(word: string): Promise<string>; end(): void }> {
  const server = net.createServer((peer) => peer.pipe(peer)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1');
  await once(client, 'connect');
  return {
    async ask(word) {
      client.write(word);
      return String((await once(client, 'data'))[0]);
    },
    end() {
      client.destroy();
      server.close();
    },
  };
}

/** A UDP socket whose error queue has an entry. */
async function fullErrorQueue(): Promise<ReturnType<typeof udp>> {
  const { socket, address } = udp();
  socket.setsockopt(s.IPPROTO_IP, s.IP_RECVERR, true);
  await socket.sendto('x', 0, nobody);
  await socket.errorReady();
  expect(await failure(socket.recv())).toMatchObject({ code: 'ECONNREFUSED' });
  return { socket, address };
}

describe('an event that no waiter handles uses no CPU', () => {
  test('a full error queue while a recv is pending; the data still arrives', async () => {
    const { socket, address } = await fullErrorQueue();
    const received = socket.recv();
    await expectIdle(400);
    expect(await isSettled(received, 10)).toBe(false);
    const sender = udp();
    for (const word of ['one', 'two', 'three']) {
      await sender.socket.sendto(word, 0, address);
      expect(String(await (word === 'one' ? received : socket.recv()))).toBe(word);
      await sleep(5);
    }
    await socket.errorReady({ timeout: 60_000 });
    const message = await socket.recvmsg({ buffers: [new Uint8Array(8)], controlLength: 512 }, s.MSG_ERRQUEUE);
    expect(message.flags & s.MSG_ERRQUEUE).toBe(s.MSG_ERRQUEUE);
    expect(await failure(socket.errorReady({ timeout: 30 })), 'the error queue is empty now').toBeInstanceOf(
      s.TimeoutError,
    );
  });

  test('a full error queue while a recvSync waits; the data still arrives', async () => {
    const { socket, address } = await fullErrorQueue();
    socket.setTimeout(400);
    const before = process.cpuUsage();
    expect(() => socket.recvSync()).toThrow(s.TimeoutError);
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1000, 'CPU milliseconds of 400').toBeLessThan(200);
    await udp().socket.sendto('one', 0, address);
    expect(String(socket.recvSync())).toBe('one');
  });

  test('timestamps that nobody reads, while batches are pending', async () => {
    const { socket, address } = udp();
    const flags = s.SOF_TIMESTAMPING_TX_SOFTWARE | s.SOF_TIMESTAMPING_SOFTWARE;
    socket.setsockopt(s.SOL_SOCKET, s.SO_TIMESTAMPING, flags);
    const peer = udp();
    await socket.sendto('x', 0, peer.address);
    const batch = new s.MessageBatch({ messages: 4, size: 16 });
    const received = socket.recvmmsg(batch);
    await expectIdle(400);
    await peer.socket.sendto('y', 0, address);
    expect(await received).toBe(1);
    expect(String(batch.bytes(0))).toBe('y');
  });

  test('events that nobody waits for any more: data, the end, a hang-up, room', async () => {
    const [a, b] = pair(s.SOCK_STREAM | s.SOCK_NONBLOCK);
    s.send(a, 'x');
    await Promise.all([s.readable(b), s.writable(b)]);
    await expectIdle(200);
    s.shutdown(a, s.SHUT_WR);
    await s.readable(b);
    s.shutdown(b, s.SHUT_WR);
    await s.readable(b);
    await expectIdle(200);
  });

  test('one direction that is ready while the other is waited for', async () => {
    const [a, b] = pair(s.SOCK_STREAM | s.SOCK_NONBLOCK);
    await Promise.all([s.writable(a), s.writable(b)]);
    const received = s.readable(b);
    await expectIdle(200);
    s.send(a, 'x');
    await received;
  });
});

describe('order', () => {
  test('pending recvs receive datagrams in the order of their calls', async () => {
    const [a, b] = unixPair(s.SOCK_DGRAM);
    const received = Array.from({ length: 200 }, () => b.recv());
    for (let i = 0; i < 200; i++) await a.send(String(i));
    expect((await Promise.all(received)).map(Number)).toEqual(Array.from({ length: 200 }, (_, i) => i));
  });

  test('aborting one does not change the order of the others', async () => {
    const [a, b] = unixPair(s.SOCK_DGRAM);
    const controller = new AbortController();
    const [first, given, last] = [b.recv(), failure(b.recv(8, 0, { signal: controller.signal })), b.recv()];
    controller.abort();
    expect(await given).toBeInstanceOf(s.AbortError);
    a.sendSync('1');
    a.sendSync('2');
    expect([String(await first), String(await last)]).toEqual(['1', '2']);
  });

  test('a recv that is called while others wait is not served before them', async () => {
    const [a, b] = unixPair(s.SOCK_DGRAM);
    const first = b.recv();
    a.sendSync('1'); // it has arrived, and is not yet received
    const second = b.recv();
    a.sendSync('2');
    expect([String(await first), String(await second)]).toEqual(['1', '2']);
  });
});

describe('a buffer that is detached while its operation waits', () => {
  test('rejects or ends only that operation', async () => {
    const [a, b] = await tcpPair();
    const [c, d] = unixPair(s.SOCK_DGRAM);
    const gone = new Uint8Array(1 << 20);
    const chunk = new Uint8Array(65536);
    while (nothrow.send(a.fd, chunk) > 0);
    const sending = failure(a.sendAll(gone));
    const room = new Uint8Array(8);
    const receiving = failure(c.recvmsg({ buffers: [room] }));
    const other = c.recv();
    structuredClone([gone, room], { transfer: [gone.buffer, room.buffer] });
    d.sendSync('1');
    let left = 0;
    for (let n = 1; n > 0; left += Math.max(n, 0)) n = nothrow.recv(b.fd, chunk);
    expect(left).toBeGreaterThan(0);
    expect(await sending).toBeInstanceOf(TypeError);
    expect(await receiving).toBeInstanceOf(TypeError);
    expect(String(await other)).toBe('1');
  });

  const into = {
    recvInto: (socket: s.Socket, room: Uint8Array) => socket.recvInto(room),
    recvmsg: (socket: s.Socket, room: Uint8Array) => socket.recvmsg({ buffers: [room] }),
  };
  const out = {
    send: (socket: s.Socket, data: Uint8Array) => socket.send(data),
    sendmsg: (socket: s.Socket, data: Uint8Array) => socket.sendmsg({ buffers: ['text', data] }),
  };
  test.each([
    [s.SOCK_STREAM, into.recvInto, out.send],
    [s.SOCK_DGRAM, into.recvInto, out.send],
    [s.SOCK_STREAM, into.recvmsg, out.sendmsg],
    [s.SOCK_DGRAM, into.recvmsg, out.sendmsg],
  ])('is mistaken neither for the end of the stream nor for empty data: %s, %o, %o', async (type, receive, send) => {
    const [a, b] = unixPair(type);
    const room = new Uint8Array(8);
    const receiving = failure(receive(b, room));
    structuredClone(room, { transfer: [room.buffer] });
    await a.send('kept');
    expect(await receiving).toBeInstanceOf(TypeError);
    expect(String(await b.recv()), 'nothing is lost').toBe('kept');
    const chunk = new Uint8Array(4096);
    while (nothrow.send(a.fd, chunk) > 0);
    const data = new Uint8Array(8);
    const sending = failure(send(a, data));
    structuredClone(data, { transfer: [data.buffer] });
    while (nothrow.recv(b.fd, chunk) > 0);
    expect(await sending).toBeInstanceOf(TypeError);
  });
});

describe('a loop in which every operation completes immediately', () => {
  test('does not starve timers, and all data arrives in order', async () => {
    const script = `
      const itself = new s.Socket(s.AF_INET, s.SOCK_DGRAM);
      itself.bind(loopback);
      await itself.connect(itself.getsockname());
      let ended = false;
      setTimeout(() => { ended = true; }, 20);
      const late = Date.now() + 60_000;
      let ordered = true;
      for (let i = 0; !ended && Date.now() < late; i++) {
        await itself.send(String(i));
        ordered &&= String(await itself.recv()) === String(i);
      }
      console.log(ended, ordered);`;
    expect(await output(script)).toBe('true true');
  });

  test('concurrent calls receive their data in order', async () => {
    const [a, b] = unixPair(s.SOCK_STREAM);
    const text = Array.from({ length: 3000 }, (_, i) => String.fromCharCode(i)).join('');
    await a.sendAll(Buffer.from(text, 'utf16le'));
    const order: string[] = [];
    const reads = Array.from({ length: 3000 }, async () => order.push((await b.recv(2)).toString('utf16le')));
    await Promise.all(reads);
    expect(order.join('')).toBe(text);
  });
});

test('many operations on one socket can be aborted in any order at the same cost', async () => {
  const [, b] = unixPair();
  const cost = async (order: (all: AbortController[]) => AbortController[]) => {
    const controllers = Array.from({ length: 20_000 }, () => new AbortController());
    const waiting = controllers.map(({ signal }) => failure(b.recv(1, 0, { signal })));
    const { user } = process.cpuUsage();
    for (const controller of order(controllers)) controller.abort();
    const spent = process.cpuUsage().user - user;
    await Promise.all(waiting);
    return spent;
  };
  // The least of several runs, because the garbage collector may run during one.
  const least = async (order: (all: AbortController[]) => AbortController[]) =>
    Math.min(await cost(order), await cost(order), await cost(order));
  const forwards = await least((all) => all);
  expect(await least((all) => all.reverse())).toBeLessThan(4 * forwards);
});

describe('close and immediate reuse of the number', () => {
  test('in 2,000 cycles with racing waits no event reaches the wrong socket, and an unrelated net.Socket keeps working', async () => {
    const beside = await unrelated();
    const numbers = new Set<number>();
    for (let i = 0; i < 2000; i++) {
      const [a, b] = s.Socket.pair(s.SOCK_DGRAM);
      numbers.add(b.fd);
      const old = [failure(b.recv()), failure(b.readable()), failure(b.recvfrom())];
      await (i % 3 === 0 ? new Promise(setImmediate) : undefined);
      // The event of the old one may already be in the ready list when its number has a new owner.
      if (i % 2 === 0) a.sendSync(`old ${i}`);
      b.close();
      const [c, d] = s.Socket.pair(s.SOCK_DGRAM);
      const received = d.recv();
      if (i % 2 === 1) a.close();
      c.sendSync(`new ${i}`);
      expect(String(await received)).toBe(`new ${i}`);
      for (const error of await Promise.all(old)) expect(error).toBeInstanceOf(s.ClosedError);
      for (const socket of [a, c, d]) socket.close();
      if (i % 200 === 0) expect(await beside.ask(`cycle ${i}`)).toBe(`cycle ${i}`);
    }
    expect(numbers.size, 'the numbers were used again').toBeLessThan(200);
    expect(await beside.ask('end')).toBe('end');
    beside.end();
  });

  test('a duplicate that keeps the open file description alive causes no wrong event', async () => {
    const beside = await unrelated();
    for (let i = 0; i < 200; i++) {
      const [a, b] = s.Socket.pair(s.SOCK_DGRAM);
      const twin = cleanup(s.dup(b.fd));
      const old = failure(b.recv());
      a.sendSync('old');
      b.close();
      const [c, d] = s.Socket.pair(s.SOCK_DGRAM);
      const received = d.recv();
      a.sendSync('old');
      await new Promise(setImmediate);
      c.sendSync('new');
      expect(String(await received)).toBe('new');
      expect(await old).toBeInstanceOf(s.ClosedError);
      expect(nothrow.recv(twin, new Uint8Array(8)), 'it is still there').toBe(3);
      for (const socket of [a, c, d]) socket.close();
    }
    await expectIdle(200);
    expect(await beside.ask('end')).toBe('end');
    beside.end();
  });

  test('a duplicate may get the number of a Socket that was closed elsewhere, which epoll still watches', async () => {
    for (const owned of [false, true]) {
      const [a, b] = s.Socket.pair();
      const twin = cleanup(s.dup(b.fd));
      const old = failure(b.recv());
      const { fd } = b;
      s.close(fd);
      expect(() => b.close()).toThrow('EBADF');
      expect(await old).toBeInstanceOf(s.ClosedError);
      expect(cleanup(s.dup(twin))).toBe(fd);
      const again = owned ? s.Socket.fromFd(fd).recv() : s.readable(fd);
      await new Promise(setImmediate);
      a.sendSync('new');
      expect(String(await again)).toBe(owned ? 'new' : 'undefined');
      a.close();
    }
  });

  test('a net.Socket may reuse the number', async () => {
    const [a, b] = s.Socket.pair();
    const old = failure(b.recv());
    await new Promise(setImmediate);
    b.close();
    a.close();
    const beside = await unrelated();
    expect(await old).toBeInstanceOf(s.ClosedError);
    expect(await beside.ask('x')).toBe('x');
    beside.end();
  });
});

describe('exceptions of the program', () => {
  test('after an await and in a subscriber each reach uncaughtException once, and everything continues', async () => {
    const script = `
      import diagnostics from 'node:diagnostics_channel';
      const seen = [];
      process.on('uncaughtException', (error) => seen.push(error.message));
      const server = s.createServer({ host: '127.0.0.1', port: 0 });
      const address = server.getsockname();
      const [a, b] = s.Socket.pair(s.SOCK_DGRAM);
      const accepting = server.accept();
      const other = b.recv();
      b.recv().then(() => { throw new Error('after an await'); });
      diagnostics.subscribe('sys-socket:socket', ({ socket }) => {
        if (socket.family === s.AF_INET) throw new Error('in a subscriber');
      });
      a.sendSync('1');
      a.sendSync('2');
      const client = s.Socket.fromFd(s.socket(s.AF_INET, s.SOCK_STREAM));
      await client.connect(address);
      const { socket } = await accepting;
      const word = String(await other);
      await sleep(20);
      console.log(word, socket.fd > 0, seen.sort().join(', '));
      a.sendSync('3');
      console.log(String(await b.recv()));
      for (const one of [a, b, server, client, socket]) one.close();`;
    expect((await output(script)).split('\n')).toEqual([
      '1 true after an await, in a subscriber, in a subscriber',
      '3',
    ]);
  });

  test('in very many callbacks do not prevent the other ready callbacks from being called', async () => {
    const script = `
      let thrown = 0;
      process.on('uncaughtException', () => { thrown++; });
      const throwing = Array.from({ length: 200 }, () => s.Socket.pair());
      for (const [a, b] of throwing) {
        a.sendSync('x');
        b.onReadable(() => { throw new Error('of a callback'); });
      }
      await sleep(1);
      const others = Array.from({ length: 20 }, () => s.Socket.pair());
      const received = others.map(([, b]) => b.recv(1, 0, { timeout: 60_000 }).then(String, (error) => error.name));
      for (const [a] of others) a.sendSync('y');
      console.log((await Promise.all(received)).join(''), thrown >= 200);
      process.exit();`;
    expect(await output(script)).toBe(`${'y'.repeat(20)} true`);
  });

  test('a subscriber may close sockets in the middle of a turn', async () => {
    const script = `
      import diagnostics from 'node:diagnostics_channel';
      const server = s.createServer({ host: '127.0.0.1', port: 0 });
      const pairs = Array.from({ length: 20 }, () => s.Socket.pair(s.SOCK_DGRAM));
      const waits = pairs.map(([, b]) => b.recv().then(String, (error) => error.name));
      const accepting = server.accept();
      let fresh;
      diagnostics.subscribe('sys-socket:socket', () => {
        if (fresh !== undefined) return;
        fresh = true;
        for (const [a, b] of pairs.slice(0, 10)) { b.close(); a.close(); }
        fresh = s.Socket.pair(s.SOCK_DGRAM);
      });
      const fd = s.socket(s.AF_INET, s.SOCK_STREAM);
      for (const [a] of pairs) a.sendSync('x');
      s.connect(fd, server.getsockname());
      const { socket } = await accepting;
      const got = await Promise.all(waits);
      const received = fresh[1].recv();
      fresh[0].sendSync('fresh');
      console.log(got.filter((word) => word === 'x').length + got.filter((word) => word === 'ClosedError').length,
        got.slice(10).every((word) => word === 'x'), String(await received));
      for (const one of [server, socket, ...fresh, ...pairs.flat()]) one.close();
      s.close(fd);`;
    expect(await output(script)).toBe('20 true fresh');
  });

  test('process.exit works while operations are pending', async () => {
    const script = `
      const pairs = Array.from({ length: 100 }, () => s.Socket.pair());
      for (const [a, b] of pairs) { a.recv().catch(() => {}); b.errorReady().catch(() => {}); a.accept().catch(() => {}); }
      const client = new s.Socket(s.AF_UNIX, s.SOCK_STREAM);
      await sleep(20);
      console.log('exit');
      process.exit(0);`;
    expect(await output(script)).toBe('exit');
    expect(await output(script, ['--expose-gc'])).toBe('exit');
  });
});

test('a Socket with pending operations is not garbage-collected, and therefore not closed', async () => {
  const script = `
    const fds = [];
    const receive = (kind) => {
      const [a, b] = s.Socket.pair(s.SOCK_DGRAM);
      fds.push(a.detach());
      return kind(b);
    };
    const received = [
      (b) => b.recv(), (b) => b.recvfrom().then(({ data }) => data), (b) => b.recvFds(8, 1).then(({ data }) => data),
      (b) => b.readable().then(() => 'x'), (b) => b.datagrams().next().then(({ value }) => value.data),
      (b) => b.recvInto(new Uint8Array(8)).then((n) => 'x'.repeat(n)),
    ].map(receive);
    const accepted = (() => {
      const server = s.createServer({ host: '127.0.0.1', port: 0 });
      return [server.getsockname(), server.accept()];
    })();
    for (let i = 0; i < 10; i++) { gc(); await sleep(5); }
    for (const fd of fds) s.send(fd, 'x');
    console.log((await Promise.all(received)).join(''));
    const client = new s.Socket(s.AF_INET, s.SOCK_STREAM);
    await client.connect(accepted[0]);
    const { socket } = await accepted[1];
    console.log(socket.family === s.AF_INET);
    process.removeAllListeners('warning');
    process.exit(0);`;
  expect((await output(script, ['--expose-gc', '--no-warnings'])).split('\n')).toEqual(['xxxxxx', 'true']);
});
