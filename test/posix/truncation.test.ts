import { expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as nothrow from '../../lib/nothrow.ts';
import { cleanup } from '../helpers/fds.ts';
import { connection, datagram, pair } from '../helpers/fixtures.ts';
import { need, program, vsock } from '../helpers/need.ts';
import { python } from '../helpers/python.ts';

const eight = () => Buffer.alloc(8, 0xaa);

test('a datagram that does not fit is truncated, and only recvmsg reports this', () => {
  const { fd, address } = datagram();
  for (let i = 0; i < 4; i++) s.sendto(fd, '0123456789', 0, address);
  const memory = Buffer.alloc(16, 0xaa);
  expect(s.recv(fd, memory.subarray(0, 8))).toBe(8);
  expect(memory.toString('latin1', 0, 8)).toBe('01234567');
  expect(memory.toString('hex', 8)).toBe('aa'.repeat(8));
  expect(s.recvfrom(fd, eight()).length).toBe(8);
  expect(s.recvmsg(fd, { buffers: [eight()] })).toMatchObject({ length: 8, flags: s.MSG_TRUNC });
  expect(s.recvmsg(fd, { buffers: [eight(), eight()] })).toMatchObject({ length: 10, flags: 0 });
});

test('with MSG_TRUNC, every call returns the real length and writes no more than fits', () => {
  for (const [a, b] of [pair(s.SOCK_DGRAM), pair(s.SOCK_SEQPACKET)]) {
    for (let i = 0; i < 4; i++) s.send(a, new Uint8Array(5000).fill(1));
    const memory = Buffer.alloc(16, 0xaa);
    const part = memory.subarray(4, 12);
    // The same buffer is used twice in a row: the second time takes the fast path.
    expect([s.recv(b, part, s.MSG_TRUNC), s.recv(b, part, s.MSG_TRUNC)]).toEqual([5000, 5000]);
    expect(s.recvfrom(b, part, s.MSG_TRUNC).length).toBe(5000);
    const message = s.recvmsg(b, { buffers: [part] }, s.MSG_TRUNC);
    expect(message.length).toBe(5000);
    expect(message.flags & s.MSG_TRUNC).toBe(s.MSG_TRUNC);
    expect(memory.toString('hex')).toBe('aaaaaaaa0101010101010101aaaaaaaa');
  }
});

test('MSG_PEEK does not consume the message', () => {
  const { fd, address } = datagram(s.SOCK_NONBLOCK);
  s.sendto(fd, 'abc', 0, address);
  for (let i = 0; i < 3; i++) {
    const buffer = eight();
    expect(s.recvfrom(fd, buffer, s.MSG_PEEK)).toEqual({ length: 3, address });
    expect(buffer.toString('latin1', 0, 3)).toBe('abc');
  }
  expect(s.recv(fd, new Uint8Array(0), s.MSG_PEEK | s.MSG_TRUNC)).toBe(3);
  expect(s.recv(fd, eight())).toBe(3);
  expect(nothrow.recv(fd, eight(), s.MSG_PEEK)).toBe(-s.EAGAIN);
});

test('MSG_PEEK on a stream continues at SO_PEEK_OFF', () => {
  const [a, b] = pair();
  s.setsockopt(b, s.SOL_SOCKET, s.SO_PEEK_OFF, 0);
  s.send(a, 'abcdef');
  const read = (flags: number) => {
    const buffer = Buffer.alloc(2);
    return buffer.toString('latin1', 0, s.recv(b, buffer, flags));
  };
  expect([read(s.MSG_PEEK), read(s.MSG_PEEK), read(0), read(s.MSG_PEEK)]).toEqual(['ab', 'cd', 'ab', 'ef']);
});

test('MSG_WAITALL returns all data before the end, and stops at the end', () => {
  const { client, server } = connection();
  s.send(client, 'abcd');
  s.send(client, 'efgh');
  s.send(client, 'ij');
  s.shutdown(client, s.SHUT_WR);
  const buffer = Buffer.alloc(8);
  expect(s.recv(server, buffer, s.MSG_WAITALL)).toBe(8);
  expect(buffer.toString()).toBe('abcdefgh');
  expect(s.recvmsg(server, { buffers: [buffer] }, s.MSG_WAITALL).length).toBe(2);
});

test('with MSG_DONTWAIT, every call returns immediately on a blocking socket', () => {
  const { fd } = datagram();
  const batch = new s.MessageBatch({ messages: 2, size: 8 });
  const { MSG_DONTWAIT } = s;
  expect([
    nothrow.recv(fd, eight(), MSG_DONTWAIT),
    nothrow.recvfrom(fd, eight(), MSG_DONTWAIT),
    nothrow.recvmsg(fd, { buffers: [eight()] }, MSG_DONTWAIT),
    nothrow.recvmmsg(fd, batch, MSG_DONTWAIT),
  ]).toEqual([-s.EAGAIN, -s.EAGAIN, -s.EAGAIN, -s.EAGAIN]);
});

test('MSG_OOB sends and receives the urgent byte, which is not in the stream', () => {
  const { client, server } = connection();
  s.send(client, 'ab');
  expect(s.send(client, 'cX', s.MSG_OOB)).toBe(2);
  s.send(client, 'de');
  const buffer = Buffer.alloc(8);
  expect(s.recv(server, buffer)).toBe(3);
  expect(buffer.toString('latin1', 0, 3)).toBe('abc');
  expect(s.sockatmark(server)).toBe(true);
  const oob = s.recvmsg(server, { buffers: [buffer] }, s.MSG_OOB);
  expect(oob).toMatchObject({ length: 1, flags: s.MSG_OOB });
  expect(String.fromCharCode(buffer[0]!)).toBe('X');
  expect(s.recv(server, buffer)).toBe(2);
  expect(nothrow.recv(server, buffer, s.MSG_OOB)).toBe(-s.EINVAL);
});

test('MSG_CTRUNC is set if the control data did not fit, and without room there is no control data', () => {
  const { fd, address } = datagram();
  s.setsockopt(fd, s.IPPROTO_IP, s.IP_PKTINFO, true);
  s.setsockopt(fd, s.IPPROTO_IP, s.IP_RECVTTL, true);
  const receive = (controlLength?: number) => {
    s.sendto(fd, 'x', 0, address);
    const { control, flags } = s.recvmsg(fd, { buffers: [eight()], controlLength });
    return { types: control.map(({ type }) => type), flags };
  };
  const all = s.CMSG_SPACE(12) + s.CMSG_SPACE(4);
  expect(receive(all)).toEqual({ types: [s.IP_PKTINFO, s.IP_TTL], flags: 0 });
  expect(receive(all - 8)).toEqual({ types: [s.IP_PKTINFO, s.IP_TTL], flags: s.MSG_CTRUNC });
  expect(receive(all - 9)).toEqual({ types: [s.IP_PKTINFO], flags: s.MSG_CTRUNC });
  expect(receive(s.CMSG_SPACE(12))).toEqual({ types: [s.IP_PKTINFO], flags: s.MSG_CTRUNC });
  expect(receive(15)).toEqual({ types: [], flags: s.MSG_CTRUNC });
  expect(receive(0)).toEqual({ types: [], flags: s.MSG_CTRUNC });
  expect(receive()).toEqual({ types: [], flags: s.MSG_CTRUNC });
});

test('a message that was truncated with MSG_CTRUNC contains the bytes that were received', () => {
  const { fd, address } = datagram();
  s.setsockopt(fd, s.IPPROTO_IP, s.IP_PKTINFO, true);
  s.sendto(fd, 'x', 0, address);
  const { control, flags } = s.recvmsg(fd, { buffers: [eight()], controlLength: s.CMSG_LEN(6) });
  expect(flags).toBe(s.MSG_CTRUNC);
  expect(control).toEqual([{ level: s.IPPROTO_IP, type: s.IP_PKTINFO, data: expect.any(Uint8Array) }]);
  expect((control[0] as s.OtherControl).data).toHaveLength(6);
});

test('MSG_CMSG_CLOEXEC is in the returned flags only if it was passed', () => {
  const [a, b] = pair();
  s.send(a, 'xy');
  const one = [Buffer.alloc(1)];
  expect(s.recvmsg(b, { buffers: one }).flags).toBe(0);
  expect(s.recvmsg(b, { buffers: one }, s.MSG_CMSG_CLOEXEC).flags).toBe(s.MSG_CMSG_CLOEXEC);
});

test('MSG_MORE delays a datagram until it is complete', () => {
  const { fd, address } = datagram();
  s.connect(fd, address);
  expect(s.send(fd, 'ab', s.MSG_MORE)).toBe(2);
  expect(nothrow.recv(fd, eight(), s.MSG_DONTWAIT)).toBe(-s.EAGAIN);
  expect(s.send(fd, 'c')).toBe(1);
  expect(s.recv(fd, eight())).toBe(3);
});

test('the returned flags are the same as in Python', (context) => {
  need(context, program('python3'));
  const expected = python(`
out = []
def got(sock, n, c, f=0):
    try:
        data, anc, flags, addr = sock.recvmsg(n, c, f)
        out.append([len(data), len(anc), flags & ~MSG_CMSG_CLOEXEC])
    except OSError as e: out.append(-e.errno)
u = socket(AF_INET, SOCK_DGRAM); u.bind(('127.0.0.1', 0)); u.setsockopt(IPPROTO_IP, 8, 1)
for n, c, f in [(4, 0, 0), (20, 100, 0), (4, 100, MSG_PEEK), (0, 28, 0), (20, 17, 0)]:
    u.sendto(b'0123456789', u.getsockname()); got(u, n, c, f)
for t in [SOCK_DGRAM, SOCK_SEQPACKET, SOCK_STREAM]:
    a, b = socketpair(AF_UNIX, t); b.setblocking(False)
    a.send(b'0123456789', MSG_EOR if t == SOCK_SEQPACKET else 0)
    got(b, 4, 0, MSG_PEEK); got(b, 4, 0); got(b, 4, 0, MSG_DONTWAIT); got(b, 4, 0, MSG_OOB); got(b, 4, 0, MSG_ERRQUEUE)
print(json.dumps(out))`);

  const out: unknown[] = [];
  const got = (fd: number, size: number, controlLength: number, flags = 0) => {
    try {
      const message = s.recvmsg(fd, { buffers: [new Uint8Array(size)], controlLength }, flags);
      out.push([message.length, message.control.length, message.flags]);
    } catch (error) {
      out.push(-(error as s.SocketError).errno);
    }
  };
  const { fd, address } = datagram();
  s.setsockopt(fd, s.IPPROTO_IP, s.IP_PKTINFO, true);
  for (const [size, room, flags] of [
    [4, 0, 0],
    [20, 100, 0],
    [4, 100, s.MSG_PEEK],
    [0, 28, 0],
    [20, 17, 0],
  ] as const) {
    s.sendto(fd, '0123456789', 0, address);
    got(fd, size, room, flags);
  }
  for (const type of [s.SOCK_DGRAM, s.SOCK_SEQPACKET, s.SOCK_STREAM]) {
    const [a, b] = s.socketpair(s.AF_UNIX, type | s.SOCK_NONBLOCK);
    cleanup(a, b);
    s.send(a, '0123456789', type === s.SOCK_SEQPACKET ? s.MSG_EOR : 0);
    got(b, 4, 0, s.MSG_PEEK);
    got(b, 4, 0);
    got(b, 4, 0, s.MSG_DONTWAIT);
    got(b, 4, 0, s.MSG_OOB);
    got(b, 4, 0, s.MSG_ERRQUEUE);
  }
  expect(out).toEqual(expected);
});

test('AF_UNIX accepts MSG_EOR and never returns it', () => {
  const [a, b] = pair(s.SOCK_SEQPACKET);
  s.send(a, 'x', s.MSG_EOR);
  expect(s.recvmsg(b, { buffers: [eight()] })).toMatchObject({ length: 1, flags: 0 });
});

test('MSG_EOR of a vsock record is returned', (context) => {
  need(context, vsock);
  const listener = cleanup(s.socket(s.AF_VSOCK, s.SOCK_SEQPACKET));
  s.bind(listener, { family: s.AF_VSOCK, cid: s.VMADDR_CID_ANY, port: s.VMADDR_PORT_ANY });
  s.listen(listener);
  const { port } = s.getsockname(listener) as s.VsockAddress;
  const client = cleanup(s.socket(s.AF_VSOCK, s.SOCK_SEQPACKET));
  const n = nothrow.connect(client, { family: s.AF_VSOCK, cid: s.VMADDR_CID_LOCAL, port });
  if (n < 0) context.skip(`vsock records on the loopback: ${s.errnoName(-n)}`);
  const server = cleanup(s.accept(listener).fd);
  s.send(client, 'ab', s.MSG_EOR);
  s.send(client, 'cd');
  expect(s.recvmsg(server, { buffers: [eight()] })).toMatchObject({ length: 2, flags: s.MSG_EOR });
  expect(s.recvmsg(server, { buffers: [eight()] })).toMatchObject({ length: 2, flags: 0 });
});
