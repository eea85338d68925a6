import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as nothrow from '../../lib/nothrow.ts';
import { folder } from '../helpers/fixtures.ts';
import { failure, isSettled, keep, udp, unixPair } from '../helpers/sockets.ts';

function batchOf(count: number, address?: s.AddressLike, prefix = ''): s.MessageBatch {
  const batch = new s.MessageBatch({ messages: count, size: 32 });
  for (let i = 0; i < count; i++) batch.push(`${prefix}${i}`, address);
  return batch;
}

describe('batches', () => {
  test('return as soon as one message is available, with all that are', async () => {
    const { socket, address } = udp();
    const sender = udp();
    const into = new s.MessageBatch({ messages: 64, size: 32 });
    const received = socket.recvmmsg(into);
    expect(await isSettled(received, 20)).toBe(false);
    expect(await sender.socket.sendmmsg(batchOf(50, address))).toBe(50);
    const got: string[] = [];
    for (let n = await received; got.length < 50; n = await socket.recvmmsg(into)) {
      expect(n).toBe(into.count);
      for (let i = 0; i < n; i++) {
        got.push(String(into.bytes(i)));
        expect(into.address(i)).toEqual(sender.address);
      }
      if (got.length === 50) break;
    }
    expect(got).toEqual(Array.from({ length: 50 }, (_, i) => String(i)));
  });

  test('the iterator fills the same storage again and again', async () => {
    const { socket, address } = udp();
    const into = new s.MessageBatch({ messages: 8, size: 32 });
    const sending = (async () => {
      const sender = udp().socket;
      for (let i = 0; i < 10; i++) {
        await sender.sendmmsg(batchOf(10, address, `${i}.`));
        await new Promise(setImmediate);
      }
    })();
    const got: string[] = [];
    for await (const batch of socket.batches(into, { timeout: 60_000 })) {
      expect(batch).toBe(into);
      for (let i = 0; i < batch.count; i++) got.push(String(batch.bytes(i)));
      if (got.length === 100) break;
    }
    await sending;
    expect(new Set(got).size).toBe(100);
  });

  test('sendmmsg under back-pressure sends all, in their order', async () => {
    const [a, b] = unixPair(s.SOCK_DGRAM);
    a.setsockopt(s.SOL_SOCKET, s.SO_SNDBUF, 4096);
    const batch = batchOf(1000);
    const sending = Promise.all([a.sendmmsg(batch), a.sendmmsg(batch), a.send('end')]);
    expect(await isSettled(sending, 20)).toBe(false);
    const got: string[] = [];
    while (got.at(-1) !== 'end') got.push(String(await b.recv()));
    expect(await sending).toEqual([1000, 1000, 3]);
    const numbers = Array.from({ length: 1000 }, (_, i) => String(i));
    expect(got).toEqual([...numbers, ...numbers, 'end']);
  });

  test('to AF_UNIX addresses wait for full queues, which epoll does not report', async () => {
    const receiver = keep(new s.Socket(s.AF_UNIX, s.SOCK_DGRAM));
    const address = { family: s.AF_UNIX, path: join(folder(), 's') } as const;
    receiver.bind(address);
    const sender = keep(new s.Socket(s.AF_UNIX, s.SOCK_DGRAM));
    const sending = sender.sendmmsg(batchOf(600, address));
    expect(await isSettled(sending, 30)).toBe(false);
    const got: string[] = [];
    while (got.length < 600) got.push(String(await receiver.recv()));
    expect(await sending).toBe(600);
    expect(got).toEqual(Array.from({ length: 600 }, (_, i) => String(i)));
  });

  test('an error of a later message leaves the messages before it sent', async () => {
    const { socket } = udp();
    const target = udp();
    const batch = new s.MessageBatch({ messages: 3, size: 8 });
    batch.push('1', target.address);
    batch.push('2', target.address);
    batch.push('3', { family: s.AF_INET, address: '255.255.255.255', port: 9 });
    expect(await failure(socket.sendmmsg(batch))).toMatchObject({ code: 'EACCES', syscall: 'sendmmsg' });
    expect([String(await target.socket.recv()), String(await target.socket.recv())]).toEqual(['1', '2']);
    expect(await failure(socket.recvmmsg({} as never))).toBeInstanceOf(TypeError);
    expect(await failure(socket.sendmmsg(undefined as never))).toBeInstanceOf(TypeError);
  });

  test('an empty batch is sent at once', async () => {
    const { socket } = udp();
    expect(await socket.sendmmsg(new s.MessageBatch({ messages: 1, size: 1 }))).toBe(0);
  });
});

describe('segmentation offload', () => {
  test('sendSegments sends many datagrams of one size by one system call', async () => {
    const { socket, address } = udp();
    const sender = udp().socket;
    const data = Buffer.alloc(10_050, 0).map((_, i) => Math.floor(i / 1000));
    expect(await sender.sendSegments(data, 1000, address)).toBe(10_050);
    for (let i = 0; i < 11; i++) {
      expect((await socket.recv()).equals(Buffer.alloc(i === 10 ? 50 : 1000, i)), `datagram ${i}`).toBe(true);
    }
    await sender.connect(address);
    expect(await sender.sendSegments('abcabcab', 3)).toBe(8);
    expect([await socket.recv(), await socket.recv(), await socket.recv()].map(String)).toEqual(['abc', 'abc', 'ab']);
    expect(await failure(sender.sendSegments(Buffer.alloc(70_000), 1000))).toMatchObject({ syscall: 'sendmsg' });
  });

  test('UDP_GRO returns many datagrams by one recvmsg, with their size', async () => {
    const { socket, address } = udp();
    socket.setsockopt(s.SOL_UDP, s.UDP_GRO, true);
    const received = socket.recvmsg({ buffers: [Buffer.alloc(65_536)], controlLength: 64 });
    await udp().socket.sendSegments(Buffer.alloc(20_000, 'x'), 1000, address);
    const first = await received;
    const size = first.control.find((m) => s.isControl(m, s.SOL_UDP, s.UDP_GRO))?.value;
    let bytes = first.length;
    const buffer = new Uint8Array(65_536);
    for (let n = 0; n >= 0; n = nothrow.recv(socket.fd, buffer)) bytes += n;
    expect([bytes, size, first.length > 1000]).toEqual([20_000, 1000, true]);
  });

  test('segmentSize and segments split what a batch received as one message', async () => {
    const { socket, address } = udp();
    socket.setsockopt(s.SOL_UDP, s.UDP_GRO, true);
    socket.setsockopt(s.SOL_SOCKET, s.SO_TIMESTAMPNS, true); // a control message before that of the size
    const sender = udp().socket;
    const batch = new s.MessageBatch({ messages: 4, size: 65_535, controlLength: s.CMSG_SPACE(16) + s.CMSG_SPACE(4) });
    await sender.sendSegments(
      Buffer.alloc(2500).map((_, i) => Math.floor(i / 1000)),
      1000,
      address,
    );
    await sender.sendto('alone', 0, address);
    await sender.sendto('', 0, address);
    await socket.recvmmsg(batch);
    expect(Array.from({ length: batch.count }, (_, i) => [batch.length(i), batch.segmentSize(i)])).toEqual([
      [2500, 1000],
      [5, 5],
      [0, 0],
    ]);
    const lists = Array.from({ length: batch.count }, (_, i) => batch.segments(i));
    expect(lists.map((list) => list.map((segment) => segment.length))).toEqual([[1000, 1000, 500], [5], [0]]);
    for (const [i, segment] of lists[0]!.entries()) expect(segment.every((byte) => byte === i)).toBe(true);
    expect(String(lists[1]![0])).toBe('alone');
    expect(() => batch.segmentSize(4)).toThrow(RangeError);
    const cut = new s.MessageBatch({ messages: 1, size: 700, controlLength: s.CMSG_SPACE(4) });
    socket.setsockopt(s.SOL_SOCKET, s.SO_TIMESTAMPNS, false);
    await sender.sendSegments(Buffer.alloc(2500), 1000, address);
    await socket.recvmmsg(cut);
    expect(cut.segments(0).map((segment) => segment.length)).toEqual([700]);
  });
});
