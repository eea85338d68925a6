import { execFileSync } from 'node:child_process';
import { fstatSync } from 'node:fs';
import { expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as nothrow from '../../lib/nothrow.ts';
import { openSockets, SOCKETS } from '../helpers/fds.ts';
import { datagram, pair } from '../helpers/fixtures.ts';
import { need, node } from '../helpers/need.ts';
import { output } from '../helpers/scripts.ts';

const { MessageBatch, recvmmsg, sendmmsg } = s;
const rights = (...fds: number[]) => [{ level: s.SOL_SOCKET, type: s.SCM_RIGHTS, fds } as const];
const text = (batch: s.MessageBatch) => Array.from({ length: batch.count }, (_, i) => batch.bytes(i).toString());
const isOpen = (fd: number) => nothrow.fcntl(fd, s.F_GETFD) >= 0;

function fdsOf(batch: s.MessageBatch, i: number): number[] {
  return batch.control(i).flatMap((m) => (s.isControl(m, s.SOL_SOCKET, s.SCM_RIGHTS) ? m.fds : []));
}

test.each([1, 64, 1024])(
  '%i messages are sent and received by one call each, with every byte in its place',
  (messages) => {
    const [a, b] = pair(s.SOCK_SEQPACKET | s.SOCK_NONBLOCK);
    s.setsockopt(a, s.SOL_SOCKET, s.SO_SNDBUF, 1 << 20);
    const out = new MessageBatch({ messages, size: 16 });
    const into = new MessageBatch({ messages, size: 16 });
    let received = 0;
    for (let i = 0; i < messages; i++) expect(out.push(`message ${i}`)).toBe(i);
    for (let first = 0; first < messages; ) {
      first += sendmmsg(a, out, 0, first);
      const n = recvmmsg(b, into);
      expect(into.count).toBe(n);
      for (let i = 0; i < n; i++) {
        const expected = `message ${received + i}`;
        expect(into.bytes(i).toString()).toBe(expected);
        expect(into.length(i)).toBe(expected.length);
      }
      received += n;
    }
    expect(received).toBe(messages);
    expect(out.count).toBe(messages);
  },
);

test('one call sends 1024 messages to a socket with sufficient room', () => {
  const { fd: sender, address: from } = datagram();
  const { fd, address } = datagram(s.SOCK_NONBLOCK);
  const room = new MessageBatch({ messages: 1024, size: 4 });
  const name = s.encodeAddress(address);
  for (let i = 0; i < 1024; i++) room.push(new Uint8Array(new Uint16Array([i]).buffer), name);
  s.setsockopt(fd, s.SOL_SOCKET, s.SO_RCVBUF, 1 << 20);
  expect(sendmmsg(sender, room)).toBe(1024);
  const into = new MessageBatch({ messages: 1024, size: 4 });
  const n = recvmmsg(fd, into);
  // How many fit the receive buffer depends on the machine (net.core.rmem_max); their order does not.
  expect(n).toBeGreaterThan(100);
  for (let i = 0; i < n; i++) {
    expect(into.bytes(i).readUInt16LE()).toBe(i);
    if (i % 100 === 0) expect(into.address(i)).toEqual(from);
  }
});

test('each message can have another destination, and every sender is reported', () => {
  const receivers = [datagram(s.SOCK_NONBLOCK), datagram(s.SOCK_NONBLOCK), datagram(s.SOCK_NONBLOCK)];
  const { fd, address: from } = datagram();
  const out = new MessageBatch({ messages: 3, size: 8 });
  for (const [i, { address }] of receivers.entries()) out.push(`to ${i}`, i === 1 ? s.encodeAddress(address) : address);
  expect(sendmmsg(fd, out)).toBe(3);
  const into = new MessageBatch({ messages: 3, size: 8 });
  for (const [i, receiver] of receivers.entries()) {
    expect(recvmmsg(receiver.fd, into)).toBe(1);
    expect(text(into)).toEqual([`to ${i}`]);
    expect(into.address(0)).toEqual(from);
    expect(Buffer.from(into.name(0))).toEqual(Buffer.from(s.encodeAddress(from)));
    expect(s.sendto(receiver.fd, 'back', 0, into.name(0))).toBe(4);
  }
  expect([s.recv(fd, out.data), s.recv(fd, out.data), s.recv(fd, out.data)]).toEqual([4, 4, 4]);
});

test('if the kernel returns no address, there is none, even if the previous message had one', () => {
  const { fd, address } = datagram();
  const batch = new MessageBatch({ messages: 2, size: 8 });
  s.sendto(fd, 'x', 0, address);
  expect(recvmmsg(fd, batch, s.MSG_DONTWAIT)).toBe(1);
  expect(batch.address(0)).toEqual(address);
  const [a, b] = pair(s.SOCK_DGRAM);
  s.send(a, 'y');
  expect(recvmmsg(b, batch, s.MSG_DONTWAIT)).toBe(1);
  expect(batch.address(0)).toBeUndefined();
  expect(batch.name(0)).toHaveLength(0);
});

test('a partial send reports how many messages were sent, and can be continued', () => {
  const { fd, address } = datagram();
  const out = new MessageBatch({ messages: 4, size: 16 });
  const bad = { family: s.AF_INET, address: '255.255.255.255', port: 9 } as const;
  for (const [i, to] of [address, address, bad, address].entries()) out.push(`${i}`, to);
  expect(sendmmsg(fd, out)).toBe(2);
  expect(() => sendmmsg(fd, out, 0, 2)).toThrow(expect.objectContaining({ code: 'EACCES', syscall: 'sendmmsg' }));
  expect(nothrow.sendmmsg(fd, out, 0, 2)).toBe(-s.EACCES);
  expect(sendmmsg(fd, out, 0, 3)).toBe(1);
  expect(sendmmsg(fd, out, 0, 4)).toBe(0);
  const into = new MessageBatch({ messages: 8, size: 16 });
  recvmmsg(fd, into, s.MSG_DONTWAIT);
  expect(text(into)).toEqual(['0', '1', '3']);
});

test('a full socket accepts a part of a batch, and then fails with EAGAIN', () => {
  const [a, b] = pair(s.SOCK_DGRAM | s.SOCK_NONBLOCK);
  const out = new MessageBatch({ messages: 1024, size: 1024 });
  for (let i = 0; i < 1024; i++) out.push(new Uint8Array(1024).fill(i));
  const sent = sendmmsg(a, out);
  expect(sent).toBeGreaterThan(0);
  expect(sent).toBeLessThan(1024);
  expect(() => sendmmsg(a, out, 0, sent)).toThrow(expect.objectContaining({ code: 'EAGAIN' }));
  const into = new MessageBatch({ messages: 1024, size: 1024 });
  expect(recvmmsg(b, into)).toBe(sent);
  for (let i = 0; i < sent; i++) expect(into.bytes(i).equals(out.bytes(i))).toBe(true);
});

test('MSG_WAITFORONE waits for only one message on a blocking socket', () => {
  const { fd, address } = datagram();
  const batch = new MessageBatch({ messages: 8, size: 8 });
  for (const message of ['a', 'b']) s.sendto(fd, message, 0, address);
  expect(recvmmsg(fd, batch, s.MSG_WAITFORONE)).toBe(2);
  expect(text(batch)).toEqual(['a', 'b']);
});

test('the timeout ends the call after a message, a negative one fails with EINVAL, and without one the call waits forever', () => {
  const { fd, address } = datagram();
  const batch = new MessageBatch({ messages: 8, size: 8 });
  for (const timeout of [0n, 1n]) {
    for (const message of ['a', 'b']) s.sendto(fd, message, 0, address);
    // The kernel checks the timeout after each message: with no time left it stops at the first.
    const n = recvmmsg(fd, batch, 0, timeout);
    expect(n).toBeGreaterThanOrEqual(1);
    while (nothrow.recv(fd, batch.data, s.MSG_DONTWAIT) >= 0);
  }
  for (const timeout of [-1n, -1_000_000_000n]) {
    expect(() => recvmmsg(fd, batch, s.MSG_DONTWAIT, timeout)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
  }
  s.sendto(fd, 'x', 0, address);
  // Far more seconds than any clock runs: the value is passed on exactly.
  expect(recvmmsg(fd, batch, s.MSG_WAITFORONE, 2n ** 62n * 1_000_000_000n + 999_999_999n)).toBe(1);
  for (const timeout of [2n ** 63n * 1_000_000_000n, -(2n ** 63n) * 1_000_000_000n - 1_000_000_000n, 2n ** 200n]) {
    expect(() => recvmmsg(fd, batch, s.MSG_DONTWAIT, timeout)).toThrow(
      expect.objectContaining({
        name: 'RangeError',
        code: 'ERR_OUT_OF_RANGE',
        message: expect.stringMatching(/"timeout"/),
      }),
    );
  }
});

test('MSG_TRUNC sets the flag and the real length, and a long message does not overwrite the next one', () => {
  const [a, b] = pair(s.SOCK_DGRAM);
  const batch = new MessageBatch({ messages: 4, size: 4 });
  const send = () => {
    for (const message of ['12', '123456', '1234']) s.send(a, message);
  };
  send();
  batch.data.fill(0xaa);
  expect(recvmmsg(b, batch, s.MSG_DONTWAIT)).toBe(3);
  expect([0, 1, 2].map((i) => batch.flags(i))).toEqual([0, s.MSG_TRUNC, 0]);
  expect([0, 1, 2].map((i) => batch.length(i))).toEqual([2, 4, 4]);
  expect(batch.data.toString('latin1')).toBe('12\xaa\xaa12341234\xaa\xaa\xaa\xaa');
  send();
  expect(recvmmsg(b, batch, s.MSG_DONTWAIT | s.MSG_TRUNC)).toBe(3);
  expect([0, 1, 2].map((i) => [batch.length(i), batch.bytes(i).toString()])).toEqual([
    [2, '12'],
    [6, '1234'],
    [4, '1234'],
  ]);
});

test('MSG_PEEK with a batch returns the first message repeatedly and consumes none', () => {
  const [a, b] = pair(s.SOCK_DGRAM);
  for (const message of ['a', 'b']) s.send(a, message);
  const batch = new MessageBatch({ messages: 2, size: 4 });
  expect(recvmmsg(b, batch, s.MSG_DONTWAIT | s.MSG_PEEK)).toBe(2);
  expect(text(batch)).toEqual(['a', 'a']);
  expect(recvmmsg(b, batch, s.MSG_DONTWAIT)).toBe(2);
  expect(text(batch)).toEqual(['a', 'b']);
});

test('each message has its own control data', () => {
  const { fd, address } = datagram();
  s.setsockopt(fd, s.IPPROTO_IP, s.IP_RECVTTL, true);
  const out = new MessageBatch({ messages: 3, size: 4, controlLength: 64 });
  for (const value of [11, 22]) out.push('x', address, [{ level: s.IPPROTO_IP, type: s.IP_TTL, value }]);
  out.push('x', address);
  expect(sendmmsg(fd, out)).toBe(3);
  const into = new MessageBatch({ messages: 3, size: 4, controlLength: 64 });
  expect(recvmmsg(fd, into, s.MSG_DONTWAIT)).toBe(3);
  expect([0, 1, 2].map((i) => into.control(i))).toEqual(
    [11, 22, 64].map((value) => [{ level: s.IPPROTO_IP, type: s.IP_TTL, value }]),
  );
});

test('a batch contains no messages after a failed call', () => {
  const batch = new MessageBatch({ messages: 2, size: 4 });
  const { fd, address } = datagram();
  s.sendto(fd, 'x', 0, address);
  recvmmsg(fd, batch, s.MSG_DONTWAIT);
  expect(batch.count).toBe(1);
  expect(() => recvmmsg(fd, batch, s.MSG_DONTWAIT)).toThrow(expect.objectContaining({ code: 'EAGAIN' }));
  expect(batch.count).toBe(0);
  expect(nothrow.recvmmsg(-1, batch)).toBe(-s.EBADF);
  expect(nothrow.sendmmsg(-1, batch)).toBe(-s.EBADF);
});

test('storage is reused without new allocations', () => {
  const { fd, address } = datagram();
  const out = new MessageBatch({ messages: 16, size: 32 });
  const into = new MessageBatch({ messages: 16, size: 32 });
  const [data, memory] = [into.data, into.data.buffer];
  const name = s.encodeAddress(address);
  for (let round = 0; round < 50; round++) {
    out.clear();
    for (let i = 0; i < 16; i++) out.push(`${round}/${i}`, name);
    expect(sendmmsg(fd, out)).toBe(16);
    expect(recvmmsg(fd, into, s.MSG_DONTWAIT)).toBe(16);
    expect(text(into)).toEqual(text(out));
  }
  expect(into.data).toBe(data);
  expect(into.bytes(3).buffer).toBe(memory);
});

test('a message that does not fit is rejected, and the batch stays unchanged', () => {
  const batch = new MessageBatch({ messages: 2, size: 4, controlLength: 16 });
  batch.push('one');
  const refused = (call: () => void, name: string) =>
    expect(call).toThrow(
      expect.objectContaining({ name: 'RangeError', code: 'ERR_OUT_OF_RANGE', message: expect.stringContaining(name) }),
    );
  refused(() => batch.push('12345'), '"data"');
  refused(() => batch.push('x', new Uint8Array(129)), '"address"');
  refused(() => batch.push('x', undefined, new Uint8Array(17)), '"control"');
  refused(() => batch.push('x', undefined, rights(1)), '"control"');
  expect(text(batch)).toEqual(['one']);
  batch.push('two');
  refused(() => batch.push('x'), '"batch"');
  for (const i of [-1, 2, 1.5, Number.NaN, 2 ** 32]) {
    for (const read of ['length', 'bytes', 'flags', 'address', 'name', 'control'] as const) {
      refused(() => batch[read](i), '"index"');
    }
  }
  expect(text(batch)).toEqual(['one', 'two']);
});

test('the size of a batch is checked before it is allocated', () => {
  const refused = (options: object, name: string) =>
    expect(() => new MessageBatch(options as s.MessageBatchOptions)).toThrow(
      expect.objectContaining({ code: 'ERR_OUT_OF_RANGE', message: expect.stringContaining(name) }),
    );
  for (const messages of [0, -1, 1025, 1.5, Number.NaN, 2 ** 32 + 1]) refused({ messages, size: 1 }, '"messages"');
  for (const size of [-1, 0.5, Number.NaN, 2 ** 31, 2 ** 53]) refused({ messages: 1, size }, '"size"');
  refused({ messages: 1024, size: 2 ** 21 }, '"size"');
  refused({ messages: 2, size: 1, controlLength: 2 ** 30 }, '"controlLength"');
  expect(() => new MessageBatch({ messages: 1, size: '8' } as never)).toThrow(
    expect.objectContaining({ name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' }),
  );
  expect(new MessageBatch({ messages: 1024, size: 0 }).data).toHaveLength(0);
});

test('storage that was detached or replaced by storage of another size causes a RangeError and no crash', () => {
  const { fd, address } = datagram();
  const refused = expect.objectContaining({
    name: 'RangeError',
    code: 'ERR_OUT_OF_RANGE',
    message: expect.stringMatching(/"batch"/),
  });
  const detached = new MessageBatch({ messages: 4, size: 64 });
  detached.push('x', address);
  structuredClone(detached.data.buffer, { transfer: [detached.data.buffer as ArrayBuffer] });
  expect(() => sendmmsg(fd, detached)).toThrow(refused);
  expect(() => recvmmsg(fd, detached, s.MSG_DONTWAIT)).toThrow(refused);
  expect(() => nothrow.recvmmsg(fd, detached, s.MSG_DONTWAIT)).toThrow(refused);

  const names = new MessageBatch({ messages: 4, size: 64 });
  names.push('x', address);
  const memory = names.name(0).buffer as ArrayBuffer;
  structuredClone(memory, { transfer: [memory] });
  expect(() => sendmmsg(fd, names)).toThrow(refused);

  for (const changed of [
    { data: Buffer.alloc(63) },
    { size: 65 },
    { size: 0 },
    { size: 2 ** 32 - 1 },
    { controlLength: 8 },
    { count: 5 },
    { count: 2 ** 32 - 1 },
  ]) {
    const batch = new MessageBatch({ messages: 1, size: 64 });
    batch.push('x', address);
    expect(() => sendmmsg(fd, Object.assign(batch, changed))).toThrow(refused);
  }
  const small = new MessageBatch({ messages: 2, size: 64 });
  small.push(new Uint8Array(64), address);
  expect(() => sendmmsg(fd, Object.assign(small, { size: 8, data: Buffer.alloc(16) }))).toThrow(refused);
});

test('pushing to detached storage is rejected by an error with a code', () => {
  const batch = new MessageBatch({ messages: 2, size: 8 });
  structuredClone(batch.data.buffer, { transfer: [batch.data.buffer as ArrayBuffer] });
  expect(() => batch.push('x')).toThrow(expect.objectContaining({ code: expect.stringMatching(/^ERR_/) }));
  expect(batch.count).toBe(0);
});

test('the first message must be in the batch', () => {
  const { fd, address } = datagram();
  const batch = new MessageBatch({ messages: 4, size: 8 });
  batch.push('x', address);
  for (const first of [2, 5, -1, 1.5, Number.NaN, 2 ** 32, 2 ** 32 + 1]) {
    expect(() => sendmmsg(fd, batch, 0, first)).toThrow(
      expect.objectContaining({
        name: 'RangeError',
        code: 'ERR_OUT_OF_RANGE',
        message: expect.stringMatching(/"first"/),
      }),
    );
  }
  for (const first of ['0', null, 0n, {}]) {
    expect(() => sendmmsg(fd, batch, 0, first as never)).toThrow(
      expect.objectContaining({
        name: 'TypeError',
        code: 'ERR_INVALID_ARG_TYPE',
        message: expect.stringMatching(/"first"/),
      }),
    );
  }
});

test('file descriptors that were not taken are closed when the batch is reused, cleared or disposed', () => {
  const [a, b] = pair(s.SOCK_DGRAM);
  const given = openSockets();
  const batch = new MessageBatch({ messages: 4, size: 4, controlLength: s.CMSG_SPACE(8) });
  const fill = () => {
    for (let i = 0; i < 3; i++) s.sendmsg(a, { buffers: ['x'], control: rights(a, b) });
    expect(recvmmsg(b, batch, s.MSG_DONTWAIT)).toBe(3);
    expect(openSockets()).toBe(given + 6);
  };
  fill();
  fill(); // filled again
  batch.clear();
  expect(openSockets()).toBe(given);
  fill();
  batch[Symbol.dispose]();
  expect(openSockets()).toBe(given);
  fill();
  expect(() => recvmmsg(b, batch, s.MSG_DONTWAIT)).toThrow(expect.objectContaining({ code: 'EAGAIN' }));
  expect(openSockets()).toBe(given);
  fill();
  batch.clear();
  batch.push('y');
  batch.clear();
  batch.clear();
  expect(openSockets()).toBe(given);
});

test('file descriptors that were taken stay open until the program closes them', () => {
  const [a, b] = pair(s.SOCK_DGRAM);
  const given = openSockets();
  const batch = new MessageBatch({ messages: 4, size: 4, controlLength: s.CMSG_SPACE(8) });
  for (let i = 0; i < 3; i++) s.sendmsg(a, { buffers: ['x'], control: rights(a, b) });
  recvmmsg(b, batch, s.MSG_DONTWAIT);
  const taken = fdsOf(batch, 1);
  expect(taken).toHaveLength(2);
  expect(fdsOf(batch, 1)).toEqual(taken);
  batch.clear();
  expect(openSockets()).toBe(given + 2);
  expect(taken.map((fd) => fstatSync(fd).ino)).toEqual([a, b].map((fd) => fstatSync(fd).ino));
  for (const fd of taken) expect(s.fcntl(fd, s.F_GETFD) & s.FD_CLOEXEC).toBe(s.FD_CLOEXEC);
  for (const fd of taken) s.close(fd);
});

test('a replaced message has no file descriptors, because their numbers may belong to other files', () => {
  const [a, b] = pair(s.SOCK_DGRAM);
  const batch = new MessageBatch({ messages: 4, size: 4, controlLength: s.CMSG_SPACE(4) });
  const fill = (messages: number) => {
    for (let i = 0; i < messages; i++) s.sendmsg(a, { buffers: ['x'], control: rights(a) });
    expect(recvmmsg(b, batch, s.MSG_DONTWAIT)).toBe(messages);
  };
  fill(3);
  batch.clear();
  expect([0, 1, 2].flatMap((i) => fdsOf(batch, i))).toEqual([]);
  fill(3);
  fill(1);
  expect([1, 2].flatMap((i) => fdsOf(batch, i))).toEqual([]);
  batch.clear();
  fill(2);
  batch.push('more');
  expect([0, 1].flatMap((i) => fdsOf(batch, i))).toEqual([]);
});

test('a received batch can be forwarded unchanged, including file descriptors', () => {
  const [a, b] = pair(s.SOCK_DGRAM);
  const [c, d] = pair(s.SOCK_DGRAM);
  const batch = new MessageBatch({ messages: 2, size: 4, controlLength: s.CMSG_SPACE(4) });
  for (const letter of ['x', 'y']) s.sendmsg(a, { buffers: [letter], control: rights(a) });
  expect(recvmmsg(b, batch, s.MSG_DONTWAIT)).toBe(2);
  expect(sendmmsg(c, batch)).toBe(2);
  batch.clear();
  expect(recvmmsg(d, batch, s.MSG_DONTWAIT)).toBe(2);
  const fds = [...fdsOf(batch, 0), ...fdsOf(batch, 1)];
  expect(text(batch)).toEqual(['x', 'y']);
  expect(fds.map((fd) => fstatSync(fd).ino)).toEqual([fstatSync(a).ino, fstatSync(a).ino]);
  for (const fd of fds) s.close(fd);
});

test('after MSG_CTRUNC in a batch, the file descriptors that fitted are available, and closed unless they are taken', () => {
  const [a, b] = pair(s.SOCK_DGRAM);
  const given = openSockets();
  const batch = new MessageBatch({ messages: 2, size: 4, controlLength: s.CMSG_LEN(8) });
  for (let i = 0; i < 2; i++) s.sendmsg(a, { buffers: ['x'], control: rights(a, a, a) });
  expect(recvmmsg(b, batch, s.MSG_DONTWAIT)).toBe(2);
  expect([batch.flags(0), batch.flags(1)]).toEqual([s.MSG_CTRUNC, s.MSG_CTRUNC]);
  expect(openSockets()).toBe(given + 4);
  const fds = fdsOf(batch, 0);
  expect(fds).toHaveLength(2);
  batch.clear();
  expect(fds.every(isOpen)).toBe(true);
  for (const fd of fds) s.close(fd);
  expect(openSockets()).toBe(given);
});

test('the garbage collector closes the file descriptors of an unreachable batch, except those that were taken', () => {
  const script = `
    import { readdirSync, readlinkSync } from 'node:fs';
    import { setImmediate } from 'node:timers/promises';
    const s = await import(process.argv[1]);
    ${SOCKETS}
    const [a, b] = s.socketpair(s.AF_UNIX, s.SOCK_DGRAM);
    const given = sockets();
    const taken = [];
    const held = new Set(); // until they are counted, so that none is collected earlier
    (() => {
      for (let round = 0; round < 10; round++) {
        const batch = new s.MessageBatch({ messages: 2, size: 4, controlLength: s.CMSG_SPACE(4) });
        held.add(batch);
        for (let i = 0; i < 2; i++) {
          s.sendmsg(a, { buffers: ['x'], control: [{ level: s.SOL_SOCKET, type: s.SCM_RIGHTS, fds: [a] }] });
        }
        s.recvmmsg(b, batch, s.MSG_DONTWAIT);
        if (round === 0) taken.push(...batch.control(1)[0].fds);
      }
    })();
    const most = sockets() - given;
    held.clear();
    for (let i = 0; i < 100 && sockets() !== given + 1; i++) { gc(); await setImmediate(); }
    console.log(JSON.stringify([most, sockets() - given, s.fcntl(taken[0], s.F_GETFD)]));`;
  const dist = new URL('../../dist/index.js', import.meta.url).href;
  const args = ['--expose-gc', '--input-type=module', '-e', script, dist];
  expect(JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }))).toEqual([20, 1, s.FD_CLOEXEC]);
});

test('control data in shared memory is sent, because the kernel reads a copy of it', () => {
  const [a, b] = pair(s.SOCK_DGRAM | s.SOCK_NONBLOCK);
  const original = globalThis.ArrayBuffer;
  let batch: s.MessageBatch;
  try {
    // A program that has replaced the constructor.
    globalThis.ArrayBuffer = SharedArrayBuffer as unknown as typeof ArrayBuffer;
    batch = new MessageBatch({ messages: 2, size: 8, controlLength: s.CMSG_SPACE(4) });
  } finally {
    globalThis.ArrayBuffer = original;
  }
  batch.push('plain');
  batch.push('rights', undefined, rights(a));
  expect(sendmmsg(a, batch)).toBe(2);
  const into = new MessageBatch({ messages: 2, size: 8, controlLength: s.CMSG_SPACE(4) });
  expect(recvmmsg(b, into)).toBe(2);
  const [fd] = fdsOf(into, 1);
  expect([text(into), fdsOf(into, 0), s.getsockname(fd!)]).toEqual([['plain', 'rights'], [], s.getsockname(a)]);
  s.close(fd!);
});

test('the control data that the kernel reads is that which was checked, even if another thread changes it during the call', async (context) => {
  need(context, node);
  // A program gets the memory from a method that it has replaced, and the thread pool of libuv writes to it. The first
  // message fills the socket, so the call waits after its check and before the kernel reads the second message.
  const main = `
    import { read } from 'node:fs';
    const [a, b] = s.socketpair(s.AF_UNIX, s.SOCK_STREAM);
    const [c, d] = s.socketpair(s.AF_UNIX, s.SOCK_STREAM);
    const size = 4 << 20;
    const controlLength = s.CMSG_SPACE(4);
    const batch = new s.MessageBatch({ messages: 2, size, controlLength });
    batch.push(Buffer.alloc(size));
    batch.push('x', undefined, [{ level: s.SOL_SOCKET, type: s.SCM_RIGHTS, fds: [0] }]);
    const { subarray } = Buffer.prototype;
    let memory;
    Buffer.prototype.subarray = function (...range) {
      memory ??= this;
      return subarray.apply(this, range);
    };
    batch.control(0);
    Buffer.prototype.subarray = subarray;
    read(d, memory, controlLength, controlLength, null, () => {});
    const worker = new Worker(new URL('worker.mjs', import.meta.url), { workerData: { b, c, d, size, controlLength } });
    worker.on('message', (received) => console.log(sent, memory.length, ...received));
    await once(worker, 'online');
    const sent = s.sendmmsg(a, batch);
    s.close(a); // if nothing more was sent, the worker receives the end`;
  const worker = `
    const { b, c, d, size, controlLength } = workerData;
    const buffer = Buffer.alloc(size);
    let left = size - s.recv(b, buffer); // from now on, the call waits for room
    s.send(c, Buffer.alloc(controlLength, 1)); // no kernel accepts this control data
    while (s.ioctl(d, s.FIONREAD) > 0);
    while (left > 0) left -= s.recv(b, buffer.subarray(0, left));
    const { length, control } = s.recvmsg(b, { buffers: [buffer], controlLength });
    parentPort.postMessage([length, control[0]?.fds?.length]);`;
  expect(await output(main, [], { 'worker.mjs': worker })).toBe('2 48 1 1');
});
