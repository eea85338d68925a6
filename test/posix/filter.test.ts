import { execFileSync } from 'node:child_process';
import { openSync } from 'node:fs';
import { expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as nothrow from '../../lib/nothrow.ts';
import { cleanup } from '../helpers/fds.ts';
import { connection, datagram, pair } from '../helpers/fixtures.ts';
import { type Need, need, packetSockets, program } from '../helpers/need.ts';
import { fanoutId } from '../helpers/networks.ts';

/** The instructions of linux/bpf_common.h that the tests use. */
const loadByte = (k: number): s.FilterInstruction => ({ code: 0x30, jt: 0, jf: 0, k }); // A = the byte at k
const loadLength: s.FilterInstruction = { code: 0x80, jt: 0, jf: 0, k: 0 }; // A = the length of the packet
const ifEqual = (k: number, jt: number, jf: number): s.FilterInstruction => ({ code: 0x15, jt, jf, k });
const take = (k: number): s.FilterInstruction => ({ code: 0x06, jt: 0, jf: 0, k }); // accepts k bytes; 0 drops

const ALL = 0xffffffff;
/** The length of the UDP header, which the filter also sees. */
const UDP = 8;
/** Accepts datagrams that begin with an 'a'. */
const beginsWithA = [loadByte(UDP), ifEqual(0x61, 0, 1), take(ALL), take(0)];

/**
 * Sends datagrams to a socket itself, then one more that every program here accepts; returns what arrives before it.
 */
function through(program: s.FilterProgram | undefined, ...datagrams: string[]): string[] {
  const { fd, address } = datagram();
  if (program !== undefined) s.attachFilter(fd, program);
  for (const text of datagrams) s.sendto(fd, text, 0, address);
  if (program !== undefined) s.detachFilter(fd);
  s.sendto(fd, 'last', 0, address);
  const seen: string[] = [];
  for (;;) {
    const buffer = Buffer.alloc(64);
    const text = buffer.toString('latin1', 0, s.recv(fd, buffer));
    if (text === 'last') return seen;
    seen.push(text);
  }
}

/** The error code of a call, whose error must name this system call; 0 for none. */
function errno(call: () => unknown, syscall = 'setsockopt'): string | number {
  try {
    call();
    return 0;
  } catch (error) {
    expect(error).toBeInstanceOf(s.SocketError);
    expect((error as s.SocketError).syscall).toBe(syscall);
    return (error as s.SocketError).code;
  }
}

test('a program accepts, drops or truncates packets', () => {
  const sent = ['abc', 'bcd', '', 'a', 'xyz', 'abcdef'];
  expect(through(undefined, ...sent)).toEqual(sent);
  expect(through([take(ALL)], ...sent)).toEqual(sent);
  expect(through([take(0)], ...sent)).toEqual([]);
  expect(through(beginsWithA, ...sent)).toEqual(['abc', 'a', 'abcdef']);
  expect(through([take(UDP + 2)], ...sent)).toEqual(['ab', 'bc', '', 'a', 'xy', 'ab']);
  // The header is always kept: a limit of one byte keeps no data at all.
  expect(through([take(1)], 'abc')).toEqual(['']);
  // By the length; a load beyond the packet drops it.
  expect(through([loadLength, ifEqual(UDP + 3, 0, 1), take(ALL), take(0)], ...sent)).toEqual(['abc', 'bcd', 'xyz']);
  expect(through([loadByte(UDP + 2), take(ALL)], ...sent)).toEqual(['abc', 'bcd', 'xyz', 'abcdef']);
});

test('a program on a socket pair sees only the data', () => {
  const [a, b] = pair(s.SOCK_DGRAM | s.SOCK_NONBLOCK);
  s.attachFilter(b, [loadByte(0), ifEqual(0x61, 0, 1), take(2), take(0)]);
  for (const text of ['abc', 'bcd', 'a']) s.send(a, text);
  const buffer = Buffer.alloc(8);
  expect(buffer.toString('latin1', 0, s.recv(b, buffer))).toBe('ab');
  expect(s.recv(b, buffer)).toBe(1);
  expect(nothrow.recv(b, buffer)).toBe(-s.EAGAIN);
});

test('getFilter returns the attached program, or undefined if there is none', () => {
  const { fd } = datagram();
  expect(s.getFilter(fd)).toEqual([]);
  s.attachFilter(fd, beginsWithA);
  expect(s.getFilter(fd)).toEqual(beginsWithA);
  s.attachFilter(fd, [take(5)]); // replaces the other one
  expect(s.getFilter(fd)).toEqual([take(5)]);
  s.detachFilter(fd);
  expect(s.getFilter(fd)).toEqual([]);
  // Numbers at the limits of their fields are returned unchanged.
  const limits = [{ code: 0x15, jt: 255, jf: 254, k: ALL }, ...Array.from({ length: 256 }, () => take(0x80000000))];
  s.attachFilter(fd, limits);
  expect(s.getFilter(fd)).toEqual(limits);
});

test('detachFilter fails with ENOENT if no program is attached', () => {
  const { fd } = datagram();
  expect(errno(() => s.detachFilter(fd))).toBe('ENOENT');
  s.attachFilter(fd, [take(0)]);
  expect(errno(() => s.detachFilter(fd))).toBe(0);
  expect(errno(() => s.detachFilter(fd))).toBe('ENOENT');
});

test('after lockFilter, the program can be neither changed nor removed', () => {
  const { fd, address } = datagram(s.SOCK_NONBLOCK);
  s.attachFilter(fd, beginsWithA);
  s.lockFilter(fd);
  expect(errno(() => s.detachFilter(fd))).toBe('EPERM');
  expect(errno(() => s.attachFilter(fd, [take(ALL)]))).toBe('EPERM');
  expect(errno(() => s.setsockopt(fd, s.SOL_SOCKET, s.SO_LOCK_FILTER, 0))).toBe('EPERM');
  expect(errno(() => s.lockFilter(fd))).toBe(0);
  expect(s.getFilter(fd)).toEqual(beginsWithA);
  for (const text of ['b', 'a']) s.sendto(fd, text, 0, address);
  expect(s.poll([{ fd, events: s.POLLIN }], 5000)).toEqual([s.POLLIN]);
  const buffer = Buffer.alloc(8);
  expect(buffer.toString('latin1', 0, s.recv(fd, buffer))).toBe('a');
  expect(nothrow.recv(fd, buffer)).toBe(-s.EAGAIN);
  expect(s.getsockopt(fd, s.SOL_SOCKET, s.SO_LOCK_FILTER)).toBe(1);
  // A lock without a program keeps the socket without one.
  const empty = datagram().fd;
  s.lockFilter(empty);
  expect(errno(() => s.attachFilter(empty, [take(0)]))).toBe('EPERM');
});

test('the kernel rejects an invalid program, and the previous one remains attached', () => {
  const { fd } = datagram();
  s.attachFilter(fd, beginsWithA);
  const invalid: [string, s.FilterInstruction[]][] = [
    ['nothing', []],
    ['an unknown instruction', [{ code: 0xffff, jt: 0, jf: 0, k: 0 }, take(0)]],
    ['no return at the end', [loadByte(0)]],
    ['a jump beyond the end', [ifEqual(0, 1, 0), take(0)]],
    ['a jump far beyond the end', [{ code: 0x05, jt: 0, jf: 0, k: ALL }, take(0)]],
    ['a division by zero', [{ code: 0x34, jt: 0, jf: 0, k: 0 }, take(0)]],
    ['a shift by 32', [{ code: 0x64, jt: 0, jf: 0, k: 32 }, take(0)]],
    ['a cell of the memory that there is not', [{ code: 0x02, jt: 0, jf: 0, k: 16 }, take(0)]],
    ['a cell that was not written', [{ code: 0x60, jt: 0, jf: 0, k: 3 }, take(0)]],
    ['4097 instructions', Array.from({ length: 4097 }, () => take(0))],
    ['65535 instructions', Array.from({ length: 65535 }, () => take(0))],
  ];
  for (const [what, program] of invalid) {
    expect([what, errno(() => s.attachFilter(fd, program))]).toEqual([what, 'EINVAL']);
  }
  expect(s.getFilter(fd)).toEqual(beginsWithA);
});

test('the errnos for an invalid file descriptor are those of the kernel', () => {
  const [a] = pair();
  const file = cleanup(openSync('/dev/null', 'r'));
  const closed = s.dup(a);
  s.close(closed);
  const calls = [
    [(fd: number) => s.attachFilter(fd, [take(0)]), 'setsockopt'],
    [(fd: number) => s.attachReusePortFilter(fd, [take(0)]), 'setsockopt'],
    [(fd: number) => s.attachFanoutFilter(fd, [take(0)]), 'setsockopt'],
    [(fd: number) => s.detachFilter(fd), 'setsockopt'],
    [(fd: number) => s.lockFilter(fd), 'setsockopt'],
    [(fd: number) => s.getFilter(fd), 'getsockopt'],
  ] as const;
  for (const [call, syscall] of calls) {
    for (const fd of [-1, closed]) expect(errno(() => call(fd), syscall)).toBe('EBADF');
    expect(errno(() => call(file), syscall)).toBe('ENOTSOCK');
    expect(() => call(1.5)).toThrow(expect.objectContaining({ name: 'RangeError', code: 'ERR_OUT_OF_RANGE' }));
    expect(() => call('0' as never)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }));
  }
  expect(errno(() => s.attachFanoutFilter(a, [take(0)]))).toMatch(/^E(OPNOTSUPP|NOPROTOOPT)$/);
});

test('values that C cannot represent are rejected', () => {
  const { fd } = datagram();
  const type = expect.objectContaining({ name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' });
  const value = expect.objectContaining({ name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE' });
  const range = expect.objectContaining({ name: 'RangeError', code: 'ERR_OUT_OF_RANGE' });
  const bad = (program: unknown) => program as never;
  const refused = (program: unknown, error: unknown) => {
    expect(() => s.encodeFilter(bad(program))).toThrow(error);
    expect(() => s.attachFilter(fd, bad(program))).toThrow(error);
    expect(() => s.attachReusePortFilter(fd, bad(program))).toThrow(error);
  };
  for (const program of [undefined, null, 5, {}, new Uint8Array(8), new Uint16Array(4)]) refused(program, type);
  for (const instruction of [undefined, null, 5, 'ret', [6, 0, 0, 0], {}]) refused([take(0), instruction], type);
  refused(Array(2), type); // holes are not instructions
  for (const field of ['code', 'jt', 'jf', 'k'] as const) {
    const limit = { code: 0xffff, jt: 0xff, jf: 0xff, k: ALL }[field];
    for (const number of [-1, 1.5, limit + 1, Number.NaN, Infinity]) refused([{ ...take(0), [field]: number }], range);
    for (const wrong of [undefined, null, '1', 1n]) refused([{ ...take(0), [field]: wrong }], type);
    const { [field]: _left, ...rest } = take(0);
    refused([rest], type);
    refused([Object.assign(Object.create({ [field]: 0 }), rest)], type); // only own fields count
  }
  refused(
    Array.from({ length: 65536 }, () => take(0)),
    range,
  );
  for (const text of [
    '',
    ' ',
    'x',
    '1',
    '1\n6 0 0',
    '1\n6 0 0 0 0',
    '2\n6 0 0 0',
    '1\n6 0 0 0\n6 0 0 0',
    '1\nret 0 0 0',
  ]) {
    refused(text, value);
  }
  for (const text of ['0x1\n6 0 0 0', '1e0\n6 0 0 0', '-1', '1\n6 0 0 -1', '1\n6,0,0,0', '1\n0x6 0 0 0'])
    refused(text, value);
  for (const text of ['1\n65536 0 0 0', '1\n6 256 0 0', '1\n6 0 256 0', '1\n6 0 0 4294967296']) refused(text, range);
  expect(s.getFilter(fd)).toEqual([]);
});

test('the program is copied, so that later changes have no effect', () => {
  const { fd, address } = datagram();
  const program = [loadByte(UDP), ifEqual(0x61, 0, 1), take(ALL), take(0)];
  s.attachFilter(fd, program);
  for (const instruction of program) Object.assign(instruction, take(0));
  program.length = 1;
  expect(s.getFilter(fd)).toEqual(beginsWithA);
  for (const text of ['b', 'a']) s.sendto(fd, text, 0, address);
  const buffer = Buffer.alloc(8);
  expect(buffer.toString('latin1', 0, s.recv(fd, buffer))).toBe('a');
});

test('each field is read once, before the call', () => {
  const { fd } = datagram();
  let reads = 0;
  const instruction = {
    ...take(0),
    get k() {
      return ++reads;
    },
  };
  s.attachFilter(fd, [instruction]);
  expect([s.getFilter(fd), reads]).toEqual([[take(1)], 1]);
});

test('encodeFilter produces the layout of struct sock_filter in C', () => {
  const instruction = { code: 0x1234, jt: 0x56, jf: 0x78, k: 0x9abcdef0 };
  const native = new DataView(new ArrayBuffer(8));
  const little = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;
  native.setUint16(0, instruction.code, little);
  native.setUint8(2, instruction.jt);
  native.setUint8(3, instruction.jf);
  native.setUint32(4, instruction.k, little);
  expect(s.encodeFilter([instruction])).toEqual(new Uint8Array(native.buffer));
  expect(s.encodeFilter([])).toEqual(new Uint8Array(0));
  expect(s.encodeFilter('1\n4660 86 120 2596069104\n')).toEqual(s.encodeFilter([instruction]));
  // The format for command lines uses commas.
  expect(s.encodeFilter('2,48 0 0 9,6 0 0 0')).toEqual(s.encodeFilter([loadByte(9), take(0)]));
  expect(s.encodeFilter(' 2\r\n48 0 0 9\r\n6 0 0 0\r\n')).toEqual(s.encodeFilter([loadByte(9), take(0)]));
});

/** Since Linux 6.18, filters on TCP require CAP_NET_ADMIN. */
const tcpFilters: Need = () => {
  const fd = s.socket(s.AF_INET, s.SOCK_STREAM);
  try {
    s.attachFilter(fd, [take(ALL)]);
    return undefined;
  } catch (error) {
    return `filters on TCP: ${(error as s.SocketError).code}`;
  } finally {
    s.close(fd);
  }
};

test('accepted sockets inherit the program of their listener', (context) => {
  need(context, tcpFilters);
  const { client, server } = connection();
  s.attachFilter(server, [take(ALL)]);
  expect(s.getFilter(client)).toEqual([]);
  const listener = cleanup(s.socket(s.AF_INET, s.SOCK_STREAM));
  s.bind(listener, { family: s.AF_INET, address: '127.0.0.1', port: 0 });
  s.listen(listener);
  s.attachFilter(listener, [take(0x40000)]);
  s.connect(cleanup(s.socket(s.AF_INET, s.SOCK_STREAM)), s.getsockname(listener)!);
  expect(s.getFilter(cleanup(s.accept(listener).fd))).toEqual([take(0x40000)]);
});

// ---- with tcpdump, and on packet sockets --------------------------------------------------------------------------

const tcpdump = (expression: string) =>
  execFileSync('tcpdump', ['-ddd', '-y', 'EN10MB', expression], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });

test('the output of tcpdump -ddd is parsed to the program that it describes', (context) => {
  need(context, program('tcpdump'));
  for (const expression of [
    'udp port 53',
    'tcp[tcpflags] & tcp-syn != 0 or icmp6',
    'host 10.0.0.1 and greater 100',
    '',
  ]) {
    const text = tcpdump(expression);
    const { fd } = datagram();
    s.attachFilter(fd, text);
    const lines = s.getFilter(fd).map(({ code, jt, jf, k }) => `${code} ${jt} ${jf} ${k}`);
    expect(`${[lines.length, ...lines].join('\n')}\n`).toBe(text);
  }
});

/**
 * A packet socket that sees incoming packets of lo, filtered by a program; it is attached before any packet can arrive.
 */
function onLo(program: s.FilterProgram): number {
  const fd = cleanup(s.socket(s.AF_PACKET, s.SOCK_RAW));
  s.attachFilter(fd, program);
  s.bind(fd, { family: s.AF_PACKET, ifindex: s.if_nametoindex('lo'), protocol: s.ETH_P_ALL });
  return fd;
}

/** The frames that arrived before the one with the data 'last'. */
function frames(fd: number): string[] {
  const seen: string[] = [];
  for (;;) {
    expect(s.poll([{ fd, events: s.POLLIN }], 5000)).toEqual([s.POLLIN]);
    const buffer = Buffer.alloc(256);
    const { length: bytes, address } = s.recvfrom(fd, buffer);
    if ((address as s.PacketAddress).pkttype === s.PACKET_OUTGOING) continue;
    const data = buffer.toString('latin1', 14 + 20 + UDP, bytes);
    if (data === 'last') return seen;
    seen.push(data);
  }
}

test('a packet socket with a program of tcpdump receives the packets that the expression matches', (context) => {
  need(context, program('tcpdump'), packetSockets);
  const [mine, other] = [datagram(), datagram()];
  const fd = onLo(tcpdump(`udp dst port ${mine.address.port} and udp[8] != 0x62`));
  for (const text of ['abc', 'bcd', 'xyz']) {
    s.sendto(mine.fd, text, 0, mine.address);
    s.sendto(mine.fd, text, 0, other.address);
  }
  s.sendto(other.fd, 'last', 0, mine.address);
  expect(frames(fd)).toEqual(['abc', 'xyz']);
});

test('a packet socket receives frames that the program truncated, with their real length', (context) => {
  need(context, packetSockets);
  const { fd: sender, address } = datagram();
  // The port is at 36 of the frame; the first byte of the data at 42. Data that begins with 'c' is cut to 3 bytes.
  const port: s.FilterInstruction = { code: 0x28, jt: 0, jf: 0, k: 36 };
  const fd = onLo([port, ifEqual(address.port, 0, 4), loadByte(42), ifEqual(0x63, 0, 1), take(45), take(ALL), take(0)]);
  s.setsockopt(fd, s.SOL_PACKET, s.PACKET_AUXDATA, 1);
  s.sendto(sender, 'cut this', 0, address);
  s.sendto(sender, 'last', 0, address);
  expect(frames(fd)).toEqual(['cut']);
  s.sendto(sender, 'cut this', 0, address);
  expect(s.poll([{ fd, events: s.POLLIN }], 5000)).toEqual([s.POLLIN]);
  const { length: bytes, control } = s.recvmsg(fd, { buffers: [Buffer.alloc(256)], controlLength: 128 });
  expect(bytes).toBe(45);
  const auxdata = control.find(({ level, type }) => level === s.SOL_PACKET && type === s.PACKET_AUXDATA);
  expect(auxdata).toMatchObject({ len: 14 + 20 + UDP + 8, snaplen: 45 });
});

test('attachFanoutFilter selects the packet socket of a fanout group', (context) => {
  need(context, packetSockets);
  const { fd: sender, address } = datagram();
  // The group drops only packets of others: every socket filters by the port of this test.
  const port: s.FilterInstruction = { code: 0x28, jt: 0, jf: 0, k: 36 };
  const mine = [port, ifEqual(address.port, 0, 1), take(ALL), take(0)];
  const group = fanoutId() | (s.PACKET_FANOUT_CBPF << 16);
  const fds = [0, 1, 2].map(() => {
    const fd = onLo(mine);
    s.setsockopt(fd, s.SOL_PACKET, s.PACKET_FANOUT, group);
    return fd;
  });
  // The index is the digit at the start of the data. A fanout program sees the packet from its network header on.
  const digit: s.FilterInstruction[] = [loadByte(20 + UDP), { code: 0x14, jt: 0, jf: 0, k: 0x30 }];
  s.attachFanoutFilter(fds[1]!, [...digit, { code: 0x16, jt: 0, jf: 0, k: 0 }]);
  for (const text of ['2two', '0zero', '1one', '2deux']) s.sendto(sender, text, 0, address);
  s.attachFanoutFilter(fds[0]!, [take(0)]);
  s.sendto(sender, 'last', 0, address);
  s.attachFanoutFilter(fds[0]!, [take(1)]);
  s.sendto(sender, 'last', 0, address);
  s.attachFanoutFilter(fds[0]!, [take(2)]);
  s.sendto(sender, 'last', 0, address);
  expect(fds.map(frames)).toEqual([['0zero'], ['1one'], ['2two', '2deux']]);
  expect(errno(() => s.attachFanoutFilter(fds[0]!, [loadByte(0)]))).toBe('EINVAL');
});
