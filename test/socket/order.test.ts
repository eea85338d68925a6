/** Operations of one direction complete in the order of their calls: calls that return at once do not overtake them. */
import { describe, expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as nothrow from '../../lib/nothrow.ts';
import { failure, isSettled, readAll, unixPair } from '../helpers/sockets.ts';

/** A stream whose writer waits for room. */
function full(): { a: s.Socket; b: s.Socket; sending: Promise<void> } {
  const [a, b] = unixPair();
  return { a, b, sending: a.sendAll(Buffer.alloc(3_000_000, 'x')) };
}

const busy = { name: 'BusyError', code: 'ERR_SOCKET_BUSY' };

describe('while a sendAll waits', () => {
  test('the Sync methods throw, and nothing is sent in the middle of its data', async () => {
    const { a, b, sending } = full();
    const control: s.ControlMessage[] = [];
    for (const call of [
      () => a.sendSync('y'),
      () => a.sendAllSync('y'),
      () => a.sendmsgSync({ buffers: ['y'], control }),
      () => a.sendFdsSync([0], 'y'),
    ]) {
      expect(call).toThrow(expect.objectContaining(busy));
    }
    expect(a.recvSync.bind(a, 1, s.MSG_DONTWAIT), 'the other direction is free').toThrow(
      expect.objectContaining({ code: 'EAGAIN' }),
    );
    const [received] = await Promise.all([readAll(b), sending.then(() => a.shutdown(s.SHUT_WR))]);
    expect(received.equals(Buffer.alloc(3_000_000, 'x'))).toBe(true);
    b.sendSync('free');
    expect(String(a.recvSync())).toBe('free');
  });

  test('MSG_DONTWAIT rejects with EAGAIN, even if there is room', async () => {
    const { a, b, sending } = full();
    nothrow.recv(b.fd, new Uint8Array(65536)); // makes room before the event loop learns of it
    expect(await failure(a.send('y', s.MSG_DONTWAIT))).toMatchObject({ code: 'EAGAIN', syscall: 'send' });
    expect(() => a.sendSync('y', s.MSG_DONTWAIT)).toThrow(expect.objectContaining({ code: 'EAGAIN' }));
    const [received] = await Promise.all([readAll(b), sending.then(() => a.close())]);
    expect(received.length + 65536).toBe(3_000_000);
  });

  test('shutdown(SHUT_WR) throws; SHUT_RDWR ends pending sends, and their error says how much was sent', async () => {
    const { a, sending } = full();
    const failed = failure(sending);
    expect(() => a.shutdown(s.SHUT_WR)).toThrow(expect.objectContaining({ ...busy, syscall: 'shutdown' }));
    a.shutdown(s.SHUT_RDWR);
    const error = (await failed) as s.SocketError;
    expect(error.code).toBe('EPIPE');
    expect(error.sent).toBeGreaterThan(0);
  });

  test('an empty datagram waits for its turn', async () => {
    const [a, b] = unixPair(s.SOCK_SEQPACKET);
    const data = Buffer.alloc(4096, 'x');
    while (nothrow.send(a.fd, data) > 0);
    const waits = a.send('last');
    const empty = a.send('');
    expect(await isSettled(empty, 10)).toBe(false);
    const read = async () => {
      for (;;) {
        const got = String(await b.recv());
        if (!got.startsWith('x')) return got;
      }
    };
    expect(await read()).toBe('last');
    expect([await waits, await empty, (await b.recv()).length]).toEqual([4, 0, 0]);
  });
});

test('while a recv waits, the Sync methods throw and MSG_DONTWAIT rejects with EAGAIN: the first recv gets the data', async () => {
  const [a, b] = unixPair(s.SOCK_DGRAM);
  const first = b.recv();
  a.sendSync('1');
  expect(() => b.recvSync()).toThrow(expect.objectContaining({ ...busy, syscall: 'recv' }));
  expect(() => b.recvIntoSync(new Uint8Array(9))).toThrow(s.BusyError);
  expect(() => b.recvfromSync()).toThrow(s.BusyError);
  expect(() => b.recvmsgSync({ buffers: [new Uint8Array(9)] })).toThrow(s.BusyError);
  expect(await failure(b.recv(9, s.MSG_DONTWAIT))).toMatchObject({ code: 'EAGAIN' });
  expect(String(await first)).toBe('1');
});

test('a wait for readiness does not count as an operation: operations overtake it', async () => {
  const [a, b] = unixPair();
  const waits = b.readable();
  a.sendSync('x');
  expect(String(b.recvSync())).toBe('x');
  expect(await isSettled(waits, 20), 'nothing is there any more').toBe(false);
  a.sendSync('y');
  await waits;
});

test('a wait for readiness holds up no operation that the kernel can complete, and is not held up by one', async () => {
  const [a, b] = unixPair();
  while (s.poll([{ fd: a.fd, events: s.POLLOUT }], 0)[0]! & s.POLLOUT) a.sendSync(Buffer.alloc(4000), s.MSG_DONTWAIT);
  const writable = a.writable();
  expect(await a.send('x'), 'poll(2) reports room only when much is free').toBe(1);
  expect(await a.sendAll(Buffer.from('x'))).toBe(undefined);
  b.setOption('SO_RCVLOWAT', 1_000_000);
  const readable = b.readable();
  expect((await b.recv()).length).toBeGreaterThan(0);

  const receiver = new s.Socket(s.AF_UNIX, s.SOCK_DGRAM);
  receiver.bind({ family: s.AF_UNIX, path: '' });
  const sender = new s.Socket(s.AF_UNIX, s.SOCK_DGRAM);
  const fill = () => {
    for (;;) sender.sendtoSync('full', s.MSG_DONTWAIT, receiver.getsockname());
  };
  expect(fill).toThrow('EAGAIN');
  const sending = failure(sender.sendto('x', 0, receiver.getsockname()));
  await sender.writable();
  for (const socket of [a, b, receiver, sender]) socket.close();
  expect(await sending).toBeInstanceOf(s.ClosedError);
  await Promise.allSettled([writable, readable]);
});
