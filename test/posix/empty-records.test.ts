import { expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as nothrow from '../../lib/nothrow.ts';
import { cleanup } from '../helpers/fds.ts';
import { connection, datagram, pair } from '../helpers/fixtures.ts';
import { need, program } from '../helpers/need.ts';
import { python } from '../helpers/python.ts';

const buffer = new Uint8Array(8);

test('an empty datagram is received with its sender and does not mean the end', () => {
  const { fd: sender, address: from } = datagram();
  const { fd, address } = datagram(s.SOCK_NONBLOCK);
  expect(s.sendto(sender, '', 0, address)).toBe(0);
  expect(s.sendto(sender, new Uint8Array(0), 0, address)).toBe(0);
  expect(s.sendmsg(sender, { buffers: [], address })).toBe(0);
  expect(s.sendmsg(sender, { buffers: ['', new Uint8Array(0)], address })).toBe(0);
  s.sendto(sender, 'x', 0, address);
  expect(s.recvfrom(fd, buffer)).toEqual({ length: 0, address: from });
  expect(s.recvmsg(fd, { buffers: [buffer] })).toEqual({ length: 0, address: from, control: [], flags: 0 });
  expect([s.recv(fd, buffer), s.read(fd, buffer), s.recv(fd, buffer)]).toEqual([0, 0, 1]);
  expect(nothrow.recv(fd, buffer)).toBe(-s.EAGAIN);
});

test('receiving into an empty buffer consumes a datagram, and MSG_TRUNC reports that it was not empty', () => {
  const { fd, address } = datagram(s.SOCK_NONBLOCK);
  const none = new Uint8Array(0);
  for (const text of ['', 'abc']) s.sendto(fd, text, 0, address);
  expect(s.recvmsg(fd, { buffers: [none] })).toMatchObject({ length: 0, flags: 0, address });
  expect(s.recvmsg(fd, { buffers: [none] })).toMatchObject({ length: 0, flags: s.MSG_TRUNC, address });
  expect(nothrow.recv(fd, none)).toBe(-s.EAGAIN);
  s.sendto(fd, 'abc', 0, address);
  expect(s.recvmsg(fd, { buffers: [] })).toMatchObject({ length: 0, flags: s.MSG_TRUNC, address });
  s.sendto(fd, 'abcd', 0, address);
  expect(s.recv(fd, none, s.MSG_TRUNC)).toBe(4);
});

test('an empty SEQPACKET record does not mean the end: the next call waits or returns the next record', () => {
  const [a, b] = s.socketpair(s.AF_UNIX, s.SOCK_SEQPACKET | s.SOCK_NONBLOCK);
  cleanup(b);
  expect([s.send(a, '', s.MSG_EOR), s.sendmsg(a, { buffers: [] }), s.send(a, 'x')]).toEqual([0, 0, 1]);
  expect([s.recv(b, buffer), s.recvmsg(b, { buffers: [buffer] }).length, s.recv(b, buffer)]).toEqual([0, 0, 1]);
  expect(nothrow.recv(b, buffer)).toBe(-s.EAGAIN);
  s.close(a);
  expect([nothrow.recv(b, buffer), nothrow.recv(b, buffer)]).toEqual([0, 0]);
});

test('AF_UNIX has no flag for the end of a record: with SO_PASSCRED, a record has a sender, but the end has none', () => {
  const [a, b] = s.socketpair(s.AF_UNIX, s.SOCK_SEQPACKET);
  cleanup(b);
  s.setsockopt(b, s.SOL_SOCKET, s.SO_PASSCRED, true);
  for (const text of ['', 'x']) s.send(a, text);
  s.close(a);
  const got = [0, 1, 2, 3].map(() => {
    const { length: bytes, control, flags } = s.recvmsg(b, { buffers: [buffer], controlLength: s.CMSG_SPACE(12) });
    const sender = control.find((message) => s.isControl(message, s.SOL_SOCKET, s.SCM_CREDENTIALS));
    return [bytes, flags, sender?.pid];
  });
  expect(got).toEqual([
    [0, 0, process.pid],
    [1, 0, process.pid],
    [0, 0, undefined],
    [0, 0, undefined],
  ]);
});

test('an empty datagram counts as a message of a batch', () => {
  const { fd, address } = datagram(s.SOCK_NONBLOCK);
  const out = new s.MessageBatch({ messages: 4, size: 8 });
  for (const text of ['', 'a', '', '']) out.push(text, address);
  expect(s.sendmmsg(fd, out)).toBe(4);
  const batch = new s.MessageBatch({ messages: 8, size: 8 });
  expect(s.recvmmsg(fd, batch)).toBe(4);
  expect([0, 1, 2, 3].map((i) => [batch.length(i), batch.bytes(i).length, batch.flags(i)])).toEqual([
    [0, 0, 0],
    [1, 1, 0],
    [0, 0, 0],
    [0, 0, 0],
  ]);
  expect(batch.address(0)).toEqual(address);
});

test('an empty send on a stream is not received: 0 always means the end', () => {
  const { client, server } = connection();
  expect(s.send(client, '')).toBe(0);
  expect(s.sendmsg(client, { buffers: [] })).toBe(0);
  expect(nothrow.recv(server, buffer, s.MSG_DONTWAIT)).toBe(-s.EAGAIN);
  // A receive into an empty buffer returns 0 for a stream with data, too: that is not the end either.
  s.send(client, 'x');
  expect(s.recv(server, new Uint8Array(0))).toBe(0);
  expect(s.recv(server, buffer)).toBe(1);
  s.shutdown(client, s.SHUT_WR);
  expect(s.recv(server, buffer)).toBe(0);
});

test('an empty write sends an empty datagram, but an empty writev sends none, as Python observes', (context) => {
  need(context, program('python3'));
  const expected = python(`
a, b = socketpair(AF_UNIX, SOCK_DGRAM)
b.setblocking(False)
out = [os.write(a.fileno(), b''), os.writev(a.fileno(), [b'', b'']), os.writev(a.fileno(), [])]
while True:
    try: out.append(len(b.recv(8)))
    except BlockingIOError: break
print(json.dumps(out))`);
  const [a, b] = pair(s.SOCK_DGRAM | s.SOCK_NONBLOCK);
  const out = [s.write(a, ''), s.writev(a, ['', '']), s.writev(a, [])];
  for (let n = nothrow.recv(b, buffer); n >= 0; n = nothrow.recv(b, buffer)) out.push(n);
  expect(out).toEqual(expected);
  expect(out).toEqual([0, 0, 0, 0]);
});
