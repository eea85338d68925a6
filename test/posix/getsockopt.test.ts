import { closeSync, openSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as nothrow from '../../lib/nothrow.ts';
import { cleanup, openFds } from '../helpers/fds.ts';
import { connection, pair } from '../helpers/fixtures.ts';
import { ipv6, need, node, peerPidfd } from '../helpers/need.ts';
import { python } from '../helpers/python.ts';

type Kind = readonly [domain: number, type: number, protocol: number];

const kinds = {
  TCP: [s.AF_INET, s.SOCK_STREAM, 0],
  UDP: [s.AF_INET, s.SOCK_DGRAM, 0],
  'TCP over IPv6': [s.AF_INET6, s.SOCK_STREAM, 0],
  'UDP over IPv6': [s.AF_INET6, s.SOCK_DGRAM, 0],
  'AF_UNIX stream': [s.AF_UNIX, s.SOCK_STREAM, 0],
  'AF_UNIX datagram': [s.AF_UNIX, s.SOCK_DGRAM, 0],
  netlink: [s.AF_NETLINK, s.SOCK_RAW, s.NETLINK_ROUTE],
} as const;

function open(kind: Kind): number {
  return cleanup(s.socket(...kind));
}

/**
 * getsockopt(2) of C in Python: the bytes in hex, or -errno. Python's own accepts no length of 0, and none above 1024.
 */
const byC = `
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def get(fd, level, name, length):
    value, size = ctypes.create_string_buffer(max(length, 1)), ctypes.c_uint32(length)
    if libc.getsockopt(fd, level, name, value, ctypes.byref(size)) != 0: return -ctypes.get_errno()
    return value.raw[:size.value].hex()
`;

function get(fd: number, level: number, name: number, length: number): string | number {
  const value = Buffer.alloc(length);
  const n = nothrow.getsockopt(fd, level, name, value);
  return n < 0 ? n : value.subarray(0, n).toString('hex');
}

const levels = [s.SOL_SOCKET, 0, 6, 17, 41, s.SOL_RAW, s.SOL_PACKET, s.SOL_NETLINK, s.SOL_TLS, -1, 12345];
const names = [...Array.from({ length: 128 }, (_, i) => i), -1, 0x7fffffff];
const lengths = [0, 1, 3, 4, 8, 64];

/** Values that differ between two equal sockets, or change from moment to moment. */
const volatile = new Set([
  `${s.SOL_SOCKET}/${s.SO_COOKIE}`,
  `${s.IPPROTO_TCP}/${s.TCP_TIMESTAMP}`,
  `${s.IPPROTO_TCP}/${s.TCP_INFO}`, // it contains times; see below
]);

test.for(Object.entries(kinds))(
  '%s: every option of every level, with several lengths, has the same result as in C',
  ([, kind], context) => {
    if (kind[0] === s.AF_INET6) need(context, ipv6);
    const [expected, ints] = python<[Record<string, (string | number)[]>, Record<string, number>]>(
      `${byC}
kind, levels, names, lengths = json.loads(sys.argv[1])
s = socket(*kind)
def number(level, name):
    try: return s.getsockopt(level, name)
    except OSError as error: return [error.errno]
print(json.dumps([
    {f'{l}/{n}': [get(s.fileno(), l, n, length) for length in lengths] for l in levels for n in names},
    {f'{l}/{n}': number(l, n) for l in levels for n in names},
]))`,
      JSON.stringify([kind, levels, names, lengths]),
    );

    const fd = open(kind);
    const refused: string[] = [];
    let equal = 0;
    for (const level of levels) {
      for (const name of names) {
        const key = `${level}/${name}`;
        if (volatile.has(key)) continue;
        try {
          expect([key, ...lengths.map((length) => get(fd, level, name, length))]).toEqual([key, ...expected[key]!]);
          let value: number | number[];
          try {
            value = s.getsockopt(fd, level, name);
          } catch (error) {
            value = [(error as s.SocketError).errno];
          }
          expect([key, value]).toEqual([key, ints[key]]);
          if (typeof value === 'number') equal++;
        } catch (error) {
          if (!(error instanceof RangeError)) throw error;
          refused.push(key);
        }
      }
    }
    expect(equal).toBeGreaterThan(20);
    // See pointer-options.test.ts for these; nothing else is refused. 263/22, PACKET_FANOUT_DATA, is refused by its
    // length.
    const pointers = ['1/26', '1/51', '0/64', '0/65', '0/96', '0/97', '6/35', '41/64', '41/65', '263/22'];
    expect(refused.sort()).toEqual(pointers.sort());
  },
);

const table: [keyof typeof kinds, string, number, string, number, number?][] = [
  ['TCP', 'SOL_SOCKET', s.SOL_SOCKET, 'SO_TYPE', s.SO_TYPE],
  ['TCP', 'SOL_SOCKET', s.SOL_SOCKET, 'SO_DOMAIN', s.SO_DOMAIN],
  ['TCP', 'SOL_SOCKET', s.SOL_SOCKET, 'SO_PROTOCOL', s.SO_PROTOCOL],
  ['TCP', 'SOL_SOCKET', s.SOL_SOCKET, 'SO_RCVBUF', s.SO_RCVBUF],
  ['UDP', 'SOL_SOCKET', s.SOL_SOCKET, 'SO_SNDBUF', s.SO_SNDBUF],
  ['TCP', 'SOL_SOCKET', s.SOL_SOCKET, 'SO_LINGER', s.SO_LINGER, 8],
  ['TCP', 'SOL_SOCKET', s.SOL_SOCKET, 'SO_RCVTIMEO', s.SO_RCVTIMEO, 16],
  ['UDP', 'SOL_SOCKET', s.SOL_SOCKET, 'SO_BINDTODEVICE', s.SO_BINDTODEVICE, 16],
  ['UDP', 'SOL_SOCKET', s.SOL_SOCKET, 'SO_BINDTODEVICE', s.SO_BINDTODEVICE, 15],
  ['UDP', 'SOL_SOCKET', s.SOL_SOCKET, 'SO_PEERCRED', s.SO_PEERCRED, 12],
  ['AF_UNIX stream', 'SOL_SOCKET', s.SOL_SOCKET, 'SO_PEERCRED', s.SO_PEERCRED, 12],
  ['UDP', 'IPPROTO_IP', s.IPPROTO_IP, 'IP_TOS', s.IP_TOS],
  ['UDP', 'IPPROTO_IP', s.IPPROTO_IP, 'IP_TOS', s.IP_TOS, 1],
  ['UDP', 'IPPROTO_IP', s.IPPROTO_IP, 'IP_TTL', s.IP_TTL],
  ['UDP', 'IPPROTO_IP', s.IPPROTO_IP, 'IP_MULTICAST_TTL', s.IP_MULTICAST_TTL, 1],
  ['UDP', 'IPPROTO_IP', s.IPPROTO_IP, 'IP_MTU', s.IP_MTU],
  ['TCP', 'IPPROTO_TCP', s.IPPROTO_TCP, 'TCP_MAXSEG', s.TCP_MAXSEG],
  ['TCP', 'IPPROTO_TCP', s.IPPROTO_TCP, 'TCP_CONGESTION', s.TCP_CONGESTION, 16],
  ['TCP', 'IPPROTO_TCP', s.IPPROTO_TCP, 'TCP_CONGESTION', s.TCP_CONGESTION, 3],
  ['TCP', 'IPPROTO_TCP', s.IPPROTO_TCP, 'TCP_INFO', s.TCP_INFO, 10],
  ['TCP', 'IPPROTO_TCP', s.IPPROTO_TCP, 'no such option', 9999],
  ['AF_UNIX datagram', 'IPPROTO_TCP', s.IPPROTO_TCP, 'TCP_INFO', s.TCP_INFO, 10],
  ['netlink', 'SOL_NETLINK', s.SOL_NETLINK, 'NETLINK_CAP_ACK', s.NETLINK_CAP_ACK],
];

type Answer = number | string | { errno: number };

/** Python's getsockopt on a socket of the same kind, for the whole table at once. */
let known: Answer[] | undefined;
function oracle(): Answer[] {
  known ??= python<Answer[]>(
    `
def answer(kind, *rest):
    try:
        value = socket(*kind).getsockopt(*rest)
        return value if type(value) is int else value.hex()
    except OSError as error: return {'errno': error.errno}
print(json.dumps([answer(*line) for line in json.loads(sys.argv[1])]))`,
    JSON.stringify(
      table.map(([kind, , level, , name, length]) => [
        kinds[kind],
        level,
        name,
        ...(length === undefined ? [] : [length]),
      ]),
    ),
  );
  return known;
}

test.each(table.map((line, i) => ({ i, line, title: `${line[0]}, ${line[1]}, ${line[3]}, ${line[5] ?? 'an int'}` })))(
  "$title: as Python's getsockopt",
  ({ i, line: [kind, , level, , name, length] }) => {
    const fd = open(kinds[kind]);
    let answer: Answer;
    try {
      answer =
        length === undefined ? s.getsockopt(fd, level, name) : s.getsockopt(fd, level, name, length).toString('hex');
    } catch (error) {
      expect(error).toBeInstanceOf(s.SocketError);
      expect((error as s.SocketError).syscall).toBe('getsockopt');
      answer = { errno: (error as s.SocketError).errno };
    }
    expect(answer).toEqual(oracle()[i]);
  },
);

test('the requested length is never exceeded, and the length of the kernel is reported', () => {
  const fd = open(kinds.TCP);
  const type = Buffer.from(Int32Array.of(s.SOCK_STREAM).buffer);
  for (const length of [0, 1, 2, 3, 4]) {
    const buffer = Buffer.alloc(8, 0xaa);
    expect(nothrow.getsockopt(fd, s.SOL_SOCKET, s.SO_TYPE, buffer.subarray(0, length))).toBe(length);
    expect(buffer).toEqual(Buffer.concat([type.subarray(0, length), Buffer.alloc(8 - length, 0xaa)]));
    expect(s.getsockopt(fd, s.SOL_SOCKET, s.SO_TYPE, length)).toEqual(type.subarray(0, length));
  }
  expect(s.getsockopt(fd, s.SOL_SOCKET, s.SO_TYPE, 100)).toEqual(type);
});

test('TCP_INFO of a connection can be read with any length, and is not longer than in the kernel', () => {
  const { client } = connection();
  const real = python<string>(
    `${byC}
a = create_server(('127.0.0.1', 0))
b = create_connection(a.getsockname())
print(json.dumps(get(b.fileno(), IPPROTO_TCP, TCP_INFO, 4096)))`,
  );
  const info = s.getsockopt(client, s.IPPROTO_TCP, s.TCP_INFO, 4096);
  expect(info.length).toBe(real.length / 2);
  expect(info[0]).toBe(s.TCP_ESTABLISHED);
  for (const length of [0, 1, 10, 104]) {
    expect(s.getsockopt(client, s.IPPROTO_TCP, s.TCP_INFO, length)).toHaveLength(length);
  }
});

test('SO_PEERCRED of a pair is this process', () => {
  const [fd] = pair();
  const credentials = s.getsockopt(fd, s.SOL_SOCKET, s.SO_PEERCRED, 12);
  const ids = [0, 4, 8].map((at) => credentials.readUInt32LE(at));
  expect(ids).toEqual([process.pid, process.geteuid!(), process.getegid!()]);
  expect(s.getsockopt(fd, s.SOL_SOCKET, s.SO_PEERCRED), 'an int is the first field').toBe(process.pid);
});

test('TCP_CONGESTION is the name that the system uses', () => {
  const fd = open(kinds.TCP);
  const text = s.getsockopt(fd, s.IPPROTO_TCP, s.TCP_CONGESTION, 16).toString('latin1').split('\0')[0]!;
  const available = readFileSync('/proc/sys/net/ipv4/tcp_available_congestion_control', 'utf8').trim().split(' ');
  expect(available).toContain(text);
});

test('SO_ERROR returns the error once', () => {
  const closed = cleanup(s.socket(s.AF_INET, s.SOCK_DGRAM));
  s.bind(closed, { family: s.AF_INET, address: '127.0.0.1', port: 0 });
  const address = s.getsockname(closed)!;
  s.close(closed);
  const fd = open(kinds.UDP);
  s.connect(fd, address);
  s.send(fd, 'nobody hears');
  expect(s.getsockopt(fd, s.SOL_SOCKET, s.SO_ERROR)).toBe(s.ECONNREFUSED);
  expect(s.getsockopt(fd, s.SOL_SOCKET, s.SO_ERROR)).toBe(0);
});

test('SO_COOKIE has 64 bits', () => {
  const cookie = () => s.getsockopt(open(kinds.UDP), s.SOL_SOCKET, s.SO_COOKIE, 8).readBigUInt64LE();
  expect(cookie()).not.toBe(cookie());
  expect(() => s.getsockopt(open(kinds.UDP), s.SOL_SOCKET, s.SO_COOKIE)).toThrow(
    expect.objectContaining({ code: 'EINVAL', errno: s.EINVAL, syscall: 'getsockopt' }),
  );
});

test('SO_PEERPIDFD returns a new file descriptor with close-on-exec', (context) => {
  need(context, peerPidfd);
  const [fd] = pair();
  const pidfd = cleanup(s.getsockopt(fd, s.SOL_SOCKET, s.SO_PEERPIDFD));
  expect(s.fcntl(pidfd, s.F_GETFD)).toBe(s.FD_CLOEXEC);
  expect(readFileSync(`/proc/self/fdinfo/${pidfd}`, 'utf8')).toMatch(new RegExp(`^Pid:\\s+${process.pid}$`, 'm'));
});

test.for([0, 1, 3])(
  'SO_PEERPIDFD with %d bytes, which cannot hold the file descriptor, is rejected',
  (length, context) => {
    need(context, peerPidfd);
    const [fd] = pair();
    const before = openFds();
    const refused = expect.objectContaining({ name: 'RangeError', code: 'ERR_OUT_OF_RANGE' });
    expect(() => s.getsockopt(fd, s.SOL_SOCKET, s.SO_PEERPIDFD, length)).toThrow(refused);
    expect(() => nothrow.getsockopt(fd, s.SOL_SOCKET, s.SO_PEERPIDFD, new Uint8Array(length))).toThrow(refused);
    expect(openFds()).toEqual(before);
  },
);

test.for([undefined, 4, 2000])(
  'SO_PEERPIDFD with %s bytes: a Socket that previously had the number does not close it',
  (length, context) => {
    need(context, peerPidfd, node); // Deno's node:fs closes only what it opened
    const [fd] = pair();
    const socket = new s.Socket(s.AF_UNIX, s.SOCK_STREAM);
    closeSync(socket.fd); // the library does not notice this
    const option = s.getsockopt(fd, s.SOL_SOCKET, s.SO_PEERPIDFD, length as number) as number | Buffer;
    const pidfd = cleanup(typeof option === 'number' ? option : option.readInt32LE());
    expect(pidfd).toBe(socket.fd);
    expect(() => socket.close()).toThrow(expect.objectContaining({ code: 'EBADF' }));
    expect(s.fcntl(pidfd, s.F_GETFD)).toBe(s.FD_CLOEXEC);
  },
);

test('SO_PEERPIDFD with more than 4 bytes: no function is called after the file descriptor was created', (context) => {
  need(context, peerPidfd);
  const [fd] = pair();
  const { subarray } = Buffer.prototype;
  let value: Buffer;
  try {
    // A program has replaced it, or the stack ends in it.
    Buffer.prototype.subarray = () => {
      throw new RangeError('Maximum call stack size exceeded');
    };
    value = s.getsockopt(fd, s.SOL_SOCKET, s.SO_PEERPIDFD, 2000);
  } finally {
    Buffer.prototype.subarray = subarray;
  }
  expect(value).toHaveLength(4);
  cleanup(value.readInt32LE());
});

test('the kernel validates the file descriptor, and the library the types of the arguments', () => {
  const fd = open(kinds.UDP);
  expect(() => s.getsockopt(-1, s.SOL_SOCKET, s.SO_TYPE)).toThrow(expect.objectContaining({ code: 'EBADF' }));
  const file = cleanup(openSync('/dev/null', 'r'));
  expect(() => s.getsockopt(file, s.SOL_SOCKET, s.SO_TYPE)).toThrow(expect.objectContaining({ code: 'ENOTSOCK' }));
  for (const length of [-1, 1.5, Number.NaN, 2 ** 31]) {
    expect(() => s.getsockopt(fd, s.SOL_SOCKET, s.SO_TYPE, length)).toThrow(RangeError);
  }
  for (const bad of [1.5, Number.NaN, 2 ** 31, -(2 ** 31) - 1, Number.POSITIVE_INFINITY]) {
    expect(() => s.getsockopt(bad, s.SOL_SOCKET, s.SO_TYPE)).toThrow(RangeError);
    expect(() => s.getsockopt(fd, bad, s.SO_TYPE)).toThrow(RangeError);
    expect(() => s.getsockopt(fd, s.SOL_SOCKET, bad)).toThrow(RangeError);
  }
  for (const bad of ['4', 4n, null, {}] as unknown as number[]) {
    expect(() => s.getsockopt(fd, s.SOL_SOCKET, s.SO_TYPE, bad)).toThrow(TypeError);
    expect(() => s.getsockopt(bad, s.SOL_SOCKET, s.SO_TYPE)).toThrow(TypeError);
  }
});
