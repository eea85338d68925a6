/**
 * How each call can fail: a TypeScript body and a Python body that do the same. The expected errno is the one that Python
 * gets, in the same run and with the same privileges; no errno is written here.
 */
import { chmodSync, closeSync, openSync, writeFileSync } from 'node:fs';
import { onTestFinished } from 'vitest';
import * as s from '../../lib/index.ts';
import type { Calls } from './calls.ts';
import { cleanup } from './fds.ts';
import { connection, folder, listener, loopback, loopback6, pair } from './fixtures.ts';
import { ipv6, type Need, vsock } from './need.ts';

export interface Scenario {
  call: keyof Calls;
  title: string;
  /** Prepares the sockets with the library, and makes the tested call by `c`. */
  /** Makes the call that fails. */
  run: (c: Calls) => unknown;
  /** The same as the body of a Python function over errno-libc.ts. */
  python: string;
  needs: Need[];
  /** For what only some users may do, and for what is an error only on other systems: success is accepted, too. */
  maySucceed: boolean;
}

interface Options {
  needs?: Need[];
  maySucceed?: boolean;
}

export const scenarios: Scenario[] = [];

function add(
  call: keyof Calls,
  title: string,
  run: (c: Calls) => unknown,
  python: string,
  { needs = [], maySucceed = false }: Options = {},
): void {
  scenarios.push({ call, title, run, python, needs, maySucceed });
}

const buffer = () => new Uint8Array(16);
const fresh = (domain: number, type: number, protocol = 0) => cleanup(s.socket(domain, type, protocol));
const tcp = (flags = 0) => fresh(s.AF_INET, s.SOCK_STREAM | flags);
const udp = (flags = 0) => fresh(s.AF_INET, s.SOCK_DGRAM | flags);
const unix = (path: string): s.UnixAddress => ({ family: s.AF_UNIX, path });
const path = (file = 'socket') => `${folder()}/${file}`;
const raw = (family: number, length: number): Uint8Array => {
  const bytes = Buffer.alloc(length);
  if (length >= 2) new DataView(bytes.buffer, bytes.byteOffset).setUint16(0, family, true);
  return bytes;
};

function bound(fd: number, address: s.Address = loopback): s.Address {
  s.bind(fd, address);
  return s.getsockname(fd)!;
}

/** An address where a stream is refused, which is bound but has no listener. */
const refusing = () => bound(tcp());

/** An address where a datagram is refused, whose socket only receives from itself. */
function deaf(): s.Address {
  const fd = udp();
  const address = bound(fd);
  s.connect(fd, address);
  return address;
}

/** The address of a listener whose queue is full, which drops a SYN. */
function full(): s.Address {
  const fd = tcp();
  const address = bound(fd);
  s.listen(fd, 0);
  s.connect(tcp(), address);
  return address;
}

function opened(file: string, flags: number | string): number {
  const fd = openSync(file, flags);
  onTestFinished(() => closeSync(fd));
  return fd;
}

/** The limits of Linux that are not constants of the library. */
const O_PATH = 0o10000000;
const NOBODY = 1_000_000;

function filled(fd: number, size: number): void {
  const data = new Uint8Array(size);
  try {
    for (;;) s.send(fd, data, s.MSG_DONTWAIT);
  } catch (error) {
    if (!s.isErrno(error, 'EAGAIN')) throw error;
  }
}

const fill = (fd: string, size: number) => `while send(${fd}, bytes(${size}), MSG_DONTWAIT) >= 0: pass`;

function batchOf(data: Uint8Array | string, address?: s.AddressLike): s.MessageBatch {
  const batch = new s.MessageBatch({ messages: 2, size: Math.max(data.length, 16) });
  batch.push(data, address);
  return batch;
}

// ---- The same for every call: file descriptors that are invalid, or not sockets -----------------------------------

/** Each call with valid arguments except the file descriptor. `anyFile`: it is also defined for files, and may succeed. */
const onDescriptor: [keyof Calls, (c: Calls, fd: number) => unknown, python: string, anyFile?: true][] = [
  ['bind', (c, fd) => c.bind(fd, loopback), 'bind(fd, inet())'],
  ['listen', (c, fd) => c.listen(fd, 1), 'listen(fd, 1)'],
  ['accept', (c, fd) => c.accept(fd), 'accept(fd)'],
  ['accept4', (c, fd) => c.accept4(fd, s.SOCK_NONBLOCK), 'accept4(fd, SOCK_NONBLOCK)'],
  ['connect', (c, fd) => c.connect(fd, { ...loopback, port: 9 }), 'connect(fd, inet(9))'],
  ['shutdown', (c, fd) => c.shutdown(fd, s.SHUT_RDWR), 'shutdown(fd, SHUT_RDWR)'],
  ['getsockname', (c, fd) => c.getsockname(fd), 'getsockname(fd)'],
  ['getpeername', (c, fd) => c.getpeername(fd), 'getpeername(fd)'],
  ['sockatmark', (c, fd) => c.sockatmark(fd), 'sockatmark(fd)'],
  ['dup', (c, fd) => c.dup(fd), 'had(dup(fd))', true],
  ['read', (c, fd) => c.read(fd, buffer()), 'read(fd, 16)', true],
  ['write', (c, fd) => c.write(fd, 'x'), "write(fd, b'x')", true],
  ['readv', (c, fd) => c.readv(fd, [buffer(), buffer()]), 'readv(fd, [16, 16])', true],
  ['writev', (c, fd) => c.writev(fd, ['x', 'y']), "writev(fd, [b'x', b'y'])", true],
  ['send', (c, fd) => c.send(fd, 'x', s.MSG_DONTWAIT), "send(fd, b'x', MSG_DONTWAIT)"],
  ['sendto', (c, fd) => c.sendto(fd, 'x', 0, { ...loopback, port: 9 }), "sendto(fd, b'x', 0, inet(9))"],
  ['sendmsg', (c, fd) => c.sendmsg(fd, { buffers: ['x'] }), "sendmsg(fd, [b'x'])"],
  ['sendmmsg', (c, fd) => c.sendmmsg(fd, batchOf('x')), "sendmmsg(fd, [b'x'])"],
  ['recv', (c, fd) => c.recv(fd, buffer()), 'recv(fd, 16)'],
  ['recvfrom', (c, fd) => c.recvfrom(fd, buffer()), 'recvfrom(fd, 16)'],
  ['recvmsg', (c, fd) => c.recvmsg(fd, { buffers: [buffer()] }), 'recvmsg(fd, [16])'],
  ['recvmmsg', (c, fd) => c.recvmmsg(fd, batchOf('')), 'recvmmsg(fd, [16, 16])'],
  ['getsockopt', (c, fd) => c.getsockopt(fd, s.SOL_SOCKET, s.SO_TYPE), 'getsockopt(fd, SOL_SOCKET, SO_TYPE)'],
  ['getsockopt', (c, fd) => c.getsockopt(fd, s.SOL_SOCKET, s.SO_LINGER, 8), 'getsockopt(fd, SOL_SOCKET, SO_LINGER, 8)'],
  [
    'setsockopt',
    (c, fd) => c.setsockopt(fd, s.SOL_SOCKET, s.SO_REUSEADDR, true),
    'setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, 1)',
  ],
  [
    'setsockopt',
    (c, fd) => c.setsockopt(fd, s.SOL_SOCKET, s.SO_LINGER, new Uint8Array(8)),
    'setsockopt(fd, SOL_SOCKET, SO_LINGER, bytes(8))',
  ],
  ['fcntl', (c, fd) => c.fcntl(fd, s.F_GETFL), 'fcntl(fd, 3, 0)', true],
  ['ioctl', (c, fd) => c.ioctl(fd, s.FIONREAD), 'ioctl(fd, 0x541b)'],
  ['ioctl', (c, fd) => c.ioctl(fd, s.SIOCGIFMTU, s.ifreq('lo')), "ioctl(fd, 0x8921, b'lo'.ljust(40, b'\\0'))"],
];

/** Transfers that remember the last buffer take another path when it is used again. */
export const remembering: readonly (keyof Calls)[] = ['send', 'sendto', 'recv', 'recvfrom'];

const occurrences = new Map<string, number>();
for (const [call, run, python, anyFile] of onDescriptor) {
  const times = (occurrences.get(call) ?? 0) + 1;
  occurrences.set(call, times);
  const form = times === 1 ? '' : ' (second form)';
  const file = anyFile ? { maySucceed: true } : {};
  for (const fd of [-1, -100, NOBODY, 0x7fffffff, -0x80000000]) {
    add(call, `a bad descriptor, ${fd}${form}`, (c) => run(c, fd), `fd = ${fd}\nreturn ${python}`);
  }
  add(
    call,
    `a descriptor that was closed${form}`,
    (c) => {
      // Far from the numbers that this process uses, so that no other file can get it in between.
      const near = s.socket(s.AF_INET, s.SOCK_STREAM);
      const fd = s.fcntl(near, s.F_DUPFD_CLOEXEC, 900);
      s.close(near);
      s.close(fd);
      return run(c, fd);
    },
    `near = socket(AF_INET, SOCK_STREAM, 0)\nfd = fcntl(near, 1030, 900)\nclose(near)\nclose(fd)\nreturn ${python}`,
  );
  add(
    call,
    `not a socket but a device${form}`,
    (c) => run(c, opened('/dev/null', 'r+')),
    `fd = keep(os.open('/dev/null', os.O_RDWR))\nreturn ${python}`,
    file,
  );
  add(
    call,
    `not a socket but a folder${form}`,
    (c) => run(c, opened('/', 'r')),
    `fd = keep(os.open('/', os.O_RDONLY))\nreturn ${python}`,
    file,
  );
  add(
    call,
    `a descriptor of only a path${form}`,
    (c) => run(c, opened('/dev/null', O_PATH)),
    `fd = keep(os.open('/dev/null', os.O_PATH))\nreturn ${python}`,
    file,
  );
}

for (const fd of [-1, NOBODY, 0x7fffffff, -0x80000000]) {
  add('close', `a bad descriptor, ${fd}`, (c) => c.close(fd), `return close(${fd})`);
}
add(
  'close',
  'twice',
  (c) => {
    const near = s.socket(s.AF_INET, s.SOCK_STREAM);
    const fd = s.fcntl(near, s.F_DUPFD_CLOEXEC, 900);
    s.close(near);
    c.close(fd);
    return c.close(fd);
  },
  'near = socket(AF_INET, SOCK_STREAM, 0)\nfd = fcntl(near, 1030, 900)\nclose(near)\nclose(fd)\nreturn close(fd)',
);

// ---- socket, socketpair -------------------------------------------------------------------------------------------

const creations: [title: string, domain: number, type: number, protocol: number, Options?][] = [
  ['no such family', 9999, s.SOCK_STREAM, 0],
  ['a negative family', -1, s.SOCK_STREAM, 0],
  ['the family AF_UNSPEC', s.AF_UNSPEC, s.SOCK_STREAM, 0],
  ['no such type', s.AF_INET, 15, 0],
  ['the type 0', s.AF_INET, 0, 0],
  ['a negative type', s.AF_INET, -1, 0],
  ['an unknown flag in the type', s.AF_INET, s.SOCK_STREAM | 0x10000, 0],
  ['a type that the family lacks', s.AF_INET, s.SOCK_RDM, 0],
  ['a type that AF_UNIX lacks', s.AF_UNIX, s.SOCK_RDM, 0],
  ['a type that AF_NETLINK lacks', s.AF_NETLINK, s.SOCK_STREAM, 0],
  ['a protocol of another type', s.AF_INET, s.SOCK_STREAM, s.IPPROTO_UDP],
  ['a protocol of another type, IPv6', s.AF_INET6, s.SOCK_DGRAM, s.IPPROTO_TCP],
  ['a protocol that AF_UNIX lacks', s.AF_UNIX, s.SOCK_STREAM, 5],
  ['a protocol that AF_NETLINK lacks', s.AF_NETLINK, s.SOCK_RAW, 99],
  ['a negative protocol', s.AF_INET, s.SOCK_STREAM, -1],
  ['a protocol beyond all', s.AF_INET, s.SOCK_RAW, 0x10000],
  ['a raw socket', s.AF_INET, s.SOCK_RAW, s.IPPROTO_ICMP, { maySucceed: true }],
  ['a raw socket without protocol', s.AF_INET, s.SOCK_RAW, 0],
  ['a ping socket', s.AF_INET, s.SOCK_DGRAM, s.IPPROTO_ICMP, { maySucceed: true }],
  ['a packet socket', s.AF_PACKET, s.SOCK_RAW, 0, { maySucceed: true }],
  ['a packet stream', s.AF_PACKET, s.SOCK_STREAM, 0],
];
for (const [title, domain, type, protocol, options] of creations) {
  const python = (name: string) => `return ${name}(${domain}, ${type}, ${protocol})`;
  const descriptor = (name: string) => `return had(${name}(${domain}, ${type}, ${protocol}))`;
  add('socket', title, (c) => c.socket(domain, type, protocol), descriptor('socket'), options);
  add('socketpair', title, (c) => c.socketpair(domain, type, protocol), python('socketpair'));
}
add(
  'socketpair',
  'a family without pairs',
  (c) => c.socketpair(s.AF_INET, s.SOCK_DGRAM),
  'return socketpair(AF_INET, SOCK_DGRAM)',
);

// ---- bind ---------------------------------------------------------------------------------------------------------

for (const length of [0, 1, 2, 15, 129, 200]) {
  add(
    'bind',
    `an IPv4 address of ${length} bytes`,
    (c) => c.bind(tcp(), raw(s.AF_INET, length)),
    `return bind(tcp(), struct.pack('=H', AF_INET).ljust(${length}, b'\\0')[:${length}])`,
  );
}
for (const length of [17, 128]) {
  add(
    'bind',
    `an IPv4 address of ${length} bytes, longer than its struct`,
    (c) => c.bind(tcp(), raw(s.AF_INET, length)),
    `return bind(tcp(), struct.pack('=H', AF_INET).ljust(${length}, b'\\0'))`,
    { maySucceed: true },
  );
}
for (const length of [23, 24, 27]) {
  add(
    'bind',
    `an IPv6 address of ${length} bytes`,
    (c) => c.bind(fresh(s.AF_INET6, s.SOCK_DGRAM), s.encodeAddress(loopback6).subarray(0, length)),
    `return bind(new(AF_INET6, SOCK_DGRAM), inet6()[:${length}])`,
    { needs: [ipv6], maySucceed: true },
  );
}
add('bind', 'an address of another family', (c) => c.bind(tcp(), loopback6), 'return bind(tcp(), inet6())');
add(
  'bind',
  'an IPv4 address to an IPv6 socket',
  (c) => c.bind(fresh(s.AF_INET6, s.SOCK_STREAM), loopback),
  'return bind(new(AF_INET6, SOCK_STREAM), inet())',
  { needs: [ipv6] },
);
add('bind', 'a path to an IPv4 socket', (c) => c.bind(tcp(), unix('/x')), "return bind(tcp(), unix('/x'))");
add(
  'bind',
  'AF_UNSPEC with an address',
  (c) => {
    const bytes = Buffer.from(s.encodeAddress(loopback));
    return c.bind(tcp(), bytes.fill(0, 0, 2));
  },
  'return bind(tcp(), bytes(2) + inet()[2:])',
);
add('bind', 'AF_UNSPEC and zeros', (c) => c.bind(tcp(), new Uint8Array(16)), 'return bind(tcp(), bytes(16))', {
  maySucceed: true,
});
add(
  'bind',
  'bound already',
  (c) => {
    const fd = tcp();
    bound(fd);
    return c.bind(fd, loopback);
  },
  'fd = tcp()\nbound(fd)\nreturn bind(fd, inet())',
);
add('bind', 'a port that is taken', (c) => c.bind(tcp(), listener().address), 'return bind(tcp(), listener()[1])');
add(
  'bind',
  'an address of nobody here',
  (c) => c.bind(tcp(), { ...loopback, address: '192.0.2.1' }),
  "return bind(tcp(), inet(0, '192.0.2.1'))",
);
add(
  'bind',
  'a link-local address without a scope',
  (c) => c.bind(fresh(s.AF_INET6, s.SOCK_DGRAM), { ...loopback6, address: 'fe80::1' }),
  "return bind(new(AF_INET6, SOCK_DGRAM), inet6(0, 'fe80::1'))",
  { needs: [ipv6] },
);
add(
  'bind',
  'a reserved port',
  (c) => {
    const fd = s.socket(s.AF_INET, s.SOCK_STREAM);
    try {
      return c.bind(fd, { ...loopback, address: '127.61.7.3', port: 1 });
    } finally {
      s.close(fd); // the second form uses the same port
    }
  },
  "return bind(tcp(), inet(1, '127.61.7.3'))",
  { maySucceed: true },
);
add(
  'bind',
  'a path that exists',
  (c) => {
    const at = unix(path());
    s.bind(fresh(s.AF_UNIX, s.SOCK_STREAM), at);
    return c.bind(fresh(s.AF_UNIX, s.SOCK_STREAM), at);
  },
  'at = unix(path())\nbound(new(AF_UNIX, SOCK_STREAM), at)\nreturn bind(new(AF_UNIX, SOCK_STREAM), at)',
);
add(
  'bind',
  'a path in no folder',
  (c) => c.bind(fresh(s.AF_UNIX, s.SOCK_STREAM), unix(path('no/socket'))),
  "return bind(new(AF_UNIX, SOCK_STREAM), unix(path('no/socket')))",
);
add(
  'bind',
  'a path under a file',
  (c) => {
    const file = path('file');
    writeFileSync(file, '');
    return c.bind(fresh(s.AF_UNIX, s.SOCK_STREAM), unix(`${file}/socket`));
  },
  "file = path('file')\nopen(file, 'w').close()\nreturn bind(new(AF_UNIX, SOCK_STREAM), unix(file + '/socket'))",
);
add(
  'bind',
  'a path whose names are too long',
  (c) => c.bind(fresh(s.AF_UNIX, s.SOCK_STREAM), raw(s.AF_UNIX, 2 + 109).fill(0x78, 2)),
  "return bind(new(AF_UNIX, SOCK_STREAM), unix('x' * 109))",
);
add(
  'bind',
  'a path in a folder that may only be read',
  (c) => {
    const at = folder();
    chmodSync(at, 0o500);
    onTestFinished(() => chmodSync(at, 0o700));
    return c.bind(fresh(s.AF_UNIX, s.SOCK_STREAM), unix(`${at}/socket`));
  },
  'at = path()\nos.chmod(os.path.dirname(at), 0o500)\nreturn bind(new(AF_UNIX, SOCK_STREAM), unix(at))',
  { maySucceed: true },
);
add(
  'bind',
  'another family to AF_UNIX',
  (c) => c.bind(fresh(s.AF_UNIX, s.SOCK_STREAM), loopback),
  'return bind(new(AF_UNIX, SOCK_STREAM), inet())',
);
add(
  'bind',
  'a short address to AF_NETLINK',
  (c) => c.bind(fresh(s.AF_NETLINK, s.SOCK_RAW), raw(s.AF_NETLINK, 11)),
  "return bind(new(AF_NETLINK, SOCK_RAW), struct.pack('=H', AF_NETLINK).ljust(11, b'\\0'))",
);
add(
  'bind',
  'another family to AF_NETLINK',
  (c) => c.bind(fresh(s.AF_NETLINK, s.SOCK_RAW), loopback),
  'return bind(new(AF_NETLINK, SOCK_RAW), inet())',
);
add(
  'bind',
  'a netlink port that is taken',
  (c) => {
    const taken = bound(fresh(s.AF_NETLINK, s.SOCK_RAW), { family: s.AF_NETLINK, pid: 0, groups: 0 });
    return c.bind(fresh(s.AF_NETLINK, s.SOCK_RAW), taken);
  },
  "at = struct.pack('=HHII', AF_NETLINK, 0, 0, 0)\n" +
    'return bind(new(AF_NETLINK, SOCK_RAW), bound(new(AF_NETLINK, SOCK_RAW), at))',
);
add(
  'bind',
  'a packet socket to no such interface',
  (c) => {
    const fd = c.socket(s.AF_PACKET, s.SOCK_DGRAM);
    return fd < 0 ? fd : c.bind(cleanup(fd), { family: s.AF_PACKET, ifindex: 0x7ffffff0, protocol: 0 });
  },
  'fd = socket(AF_PACKET, SOCK_DGRAM, 0)\nif fd < 0: return fd\nkeep(fd)\n' +
    "return bind(fd, struct.pack('=HHiHBB8x', AF_PACKET, 0, 0x7ffffff0, 0, 0, 0))",
);
const vsockName = 'struct.pack("=HHIIBBBB", AF_VSOCK, 0, 0xffffffff, 0xffffffff, 0, 0, 0, 0)';
add(
  'bind',
  'a short address to AF_VSOCK',
  (c) => c.bind(fresh(s.AF_VSOCK, s.SOCK_STREAM), raw(s.AF_VSOCK, 15)),
  `return bind(new(AF_VSOCK, SOCK_STREAM), ${vsockName}[:15])`,
  { needs: [vsock] },
);
add(
  'bind',
  'another family to AF_VSOCK',
  (c) => c.bind(fresh(s.AF_VSOCK, s.SOCK_STREAM), loopback),
  'return bind(new(AF_VSOCK, SOCK_STREAM), inet())',
  { needs: [vsock] },
);
add(
  'bind',
  'a bound AF_VSOCK socket',
  (c) => {
    const fd = fresh(s.AF_VSOCK, s.SOCK_STREAM);
    const any: s.VsockAddressInput = { family: s.AF_VSOCK, cid: s.VMADDR_CID_ANY, port: s.VMADDR_PORT_ANY };
    s.bind(fd, any);
    return c.bind(fd, any);
  },
  `fd = new(AF_VSOCK, SOCK_STREAM)\nbound(fd, ${vsockName})\nreturn bind(fd, ${vsockName})`,
  { needs: [vsock] },
);

// ---- listen, accept -----------------------------------------------------------------------------------------------

add('listen', 'a datagram socket', (c) => c.listen(udp()), 'return listen(udp(), 128)');
add('listen', 'a connected socket', (c) => c.listen(connection().client), 'return listen(connection()[0], 128)');
add(
  'listen',
  'an AF_UNIX socket without a name',
  (c) => c.listen(fresh(s.AF_UNIX, s.SOCK_STREAM)),
  'return listen(new(AF_UNIX, SOCK_STREAM), 128)',
);
add('listen', 'an AF_UNIX pair', (c) => c.listen(pair()[0]), 'return listen(pair()[0], 128)');
add(
  'listen',
  'an AF_UNIX datagram socket',
  (c) => c.listen(fresh(s.AF_UNIX, s.SOCK_DGRAM)),
  'return listen(new(AF_UNIX, SOCK_DGRAM), 128)',
);
add(
  'listen',
  'a netlink socket',
  (c) => c.listen(fresh(s.AF_NETLINK, s.SOCK_RAW)),
  'return listen(new(AF_NETLINK, SOCK_RAW), 128)',
);
add('listen', 'a negative backlog, which is a very long one', (c) => c.listen(tcp(), -1), 'return listen(tcp(), -1)', {
  maySucceed: true,
});
add(
  'listen',
  'a port where another socket listens',
  (c) => {
    const [a, b] = [tcp(), tcp()];
    for (const fd of [a, b]) s.setsockopt(fd, s.SOL_SOCKET, s.SO_REUSEADDR, true);
    s.bind(b, bound(a));
    s.listen(a);
    return c.listen(b);
  },
  'a, b = tcp(), tcp()\nfor fd in (a, b): ok(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, 1))\n' +
    'ok(bind(b, bound(a)))\nok(listen(a, 128))\nreturn listen(b, 128)',
);

for (const [call, run, python] of [
  ['accept', (c: Calls, fd: number) => c.accept(fd), 'accept(fd)'],
  ['accept4', (c: Calls, fd: number) => c.accept4(fd, s.SOCK_NONBLOCK), 'accept4(fd, SOCK_NONBLOCK)'],
] as const) {
  add(call, 'not listening', (c) => run(c, tcp()), `fd = tcp()\nreturn ${python}`);
  add(call, 'a connected socket', (c) => run(c, connection().server), `fd = connection()[1]\nreturn ${python}`);
  add(call, 'a datagram socket', (c) => run(c, udp()), `fd = udp()\nreturn ${python}`);
  add(
    call,
    'an AF_UNIX datagram socket',
    (c) => run(c, pair(s.SOCK_DGRAM)[0]),
    `fd = pair(SOCK_DGRAM)[0]\nreturn ${python}`,
  );
  add(call, 'an AF_UNIX pair', (c) => run(c, pair()[0]), `fd = pair()[0]\nreturn ${python}`);
  add(
    call,
    'nobody waits',
    (c) => run(c, listener(s.SOCK_NONBLOCK).fd),
    `fd = listener(128, SOCK_NONBLOCK)[0]\nreturn ${python}`,
  );
}
add(
  'accept4',
  'an unknown flag',
  (c) => c.accept4(listener(s.SOCK_NONBLOCK).fd, 1),
  'return accept4(listener(128, SOCK_NONBLOCK)[0], 1)',
);
add(
  'accept4',
  'a negative flag',
  (c) => c.accept4(listener(s.SOCK_NONBLOCK).fd, -1),
  'return accept4(listener(128, SOCK_NONBLOCK)[0], -1)',
);

// ---- connect, shutdown --------------------------------------------------------------------------------------------

add('connect', 'nobody listens', (c) => c.connect(tcp(), refusing()), 'return connect(tcp(), refusing())');
add(
  'connect',
  'without waiting',
  (c) => c.connect(tcp(s.SOCK_NONBLOCK), listener().address),
  'return connect(tcp(SOCK_NONBLOCK), listener()[1])',
);
add(
  'connect',
  'under way already',
  (c) => {
    const fd = tcp(s.SOCK_NONBLOCK);
    const address = full();
    c.connect(fd, address);
    return c.connect(fd, address);
  },
  'fd, at = tcp(SOCK_NONBLOCK), full()\nconnect(fd, at)\nreturn connect(fd, at)',
);
add(
  'connect',
  'connected already',
  (c) => {
    const { fd, address } = listener();
    const client = tcp();
    s.connect(client, address);
    cleanup(s.accept(fd).fd);
    return c.connect(client, address);
  },
  'fd, at = listener()\nclient = tcp()\nok(connect(client, at))\nreturn connect(client, at)',
);
add('connect', 'a listener', (c) => c.connect(listener().fd, refusing()), 'return connect(listener()[0], refusing())');
add('connect', 'another family', (c) => c.connect(tcp(), loopback6), 'return connect(tcp(), inet6())');
add(
  'connect',
  'a path, by IPv4',
  (c) => c.connect(udp(), unix('/xxxxxxxxxxxxxxx')),
  "return connect(udp(), unix('/xxxxxxxxxxxxxxx'))",
);
for (const length of [0, 1, 2, 15, 129]) {
  add(
    'connect',
    `an IPv4 address of ${length} bytes`,
    (c) => c.connect(tcp(), raw(s.AF_INET, length)),
    `return connect(tcp(), struct.pack('=H', AF_INET).ljust(${length}, b'\\0')[:${length}])`,
  );
}
add(
  'connect',
  'an IPv6 address of 23 bytes',
  (c) => c.connect(fresh(s.AF_INET6, s.SOCK_STREAM), s.encodeAddress(loopback6).subarray(0, 23)),
  'return connect(new(AF_INET6, SOCK_STREAM), inet6()[:23])',
  { needs: [ipv6] },
);
add(
  'connect',
  'an address pair that is taken',
  (c) => {
    const { address } = listener();
    const [a, b] = [tcp(), tcp()];
    for (const fd of [a, b]) s.setsockopt(fd, s.SOL_SOCKET, s.SO_REUSEADDR, true);
    s.bind(b, bound(a));
    s.connect(a, address);
    return c.connect(b, address);
  },
  'fd, at = listener()\na, b = tcp(), tcp()\nfor each in (a, b): ok(setsockopt(each, SOL_SOCKET, SO_REUSEADDR, 1))\n' +
    'ok(bind(b, bound(a)))\nok(connect(a, at))\nreturn connect(b, at)',
);
add(
  'connect',
  'a broadcast address without SO_BROADCAST',
  (c) => c.connect(udp(), { ...loopback, address: '127.255.255.255', port: 9 }),
  "return connect(udp(), inet(9, '127.255.255.255'))",
);
add(
  'connect',
  'AF_UNSPEC, which dissolves',
  (c) => c.connect(udp(), { family: s.AF_UNSPEC, data: new Uint8Array(0) }),
  'return connect(udp(), bytes(2))',
  { maySucceed: true },
);
add(
  'connect',
  'a path of nobody',
  (c) => c.connect(fresh(s.AF_UNIX, s.SOCK_STREAM), unix(path())),
  'return connect(new(AF_UNIX, SOCK_STREAM), unix(path()))',
);
add(
  'connect',
  'an abstract name of nobody',
  (c) => c.connect(fresh(s.AF_UNIX, s.SOCK_STREAM), unix(`\0sys-socket-nobody-${process.pid}`)),
  "return connect(new(AF_UNIX, SOCK_STREAM), unix('\\0sys-socket-nobody-' + str(os.getpid())))",
);
add(
  'connect',
  'a path that is bound, but nobody listens',
  (c) => c.connect(fresh(s.AF_UNIX, s.SOCK_STREAM), bound(fresh(s.AF_UNIX, s.SOCK_STREAM), unix(path()))),
  'return connect(new(AF_UNIX, SOCK_STREAM), bound(new(AF_UNIX, SOCK_STREAM), unix(path())))',
);
add(
  'connect',
  'a path that is not a socket',
  (c) => {
    const file = path();
    writeFileSync(file, '');
    return c.connect(fresh(s.AF_UNIX, s.SOCK_STREAM), unix(file));
  },
  "file = path()\nopen(file, 'w').close()\nreturn connect(new(AF_UNIX, SOCK_STREAM), unix(file))",
);
add(
  'connect',
  'a path of another type',
  (c) => c.connect(fresh(s.AF_UNIX, s.SOCK_STREAM), bound(fresh(s.AF_UNIX, s.SOCK_DGRAM), unix(path()))),
  'return connect(new(AF_UNIX, SOCK_STREAM), bound(new(AF_UNIX, SOCK_DGRAM), unix(path())))',
);
add(
  'connect',
  'a path that may not be written',
  (c) => {
    const at = unix(path());
    const fd = fresh(s.AF_UNIX, s.SOCK_STREAM);
    s.bind(fd, at);
    s.listen(fd);
    chmodSync(at.path as string, 0);
    return c.connect(fresh(s.AF_UNIX, s.SOCK_STREAM), at);
  },
  'file = path()\nfd = new(AF_UNIX, SOCK_STREAM)\nbound(fd, unix(file))\nok(listen(fd, 128))\nos.chmod(file, 0)\n' +
    'return connect(new(AF_UNIX, SOCK_STREAM), unix(file))',
  { maySucceed: true },
);
add(
  'connect',
  'a full AF_UNIX queue',
  (c) => {
    const at = unix(path());
    const fd = fresh(s.AF_UNIX, s.SOCK_STREAM);
    s.bind(fd, at);
    s.listen(fd, 0);
    s.connect(fresh(s.AF_UNIX, s.SOCK_STREAM), at);
    return c.connect(fresh(s.AF_UNIX, s.SOCK_STREAM | s.SOCK_NONBLOCK), at);
  },
  'at = unix(path())\nfd = new(AF_UNIX, SOCK_STREAM)\nbound(fd, at)\nok(listen(fd, 0))\n' +
    'ok(connect(new(AF_UNIX, SOCK_STREAM), at))\nreturn connect(new(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK), at)',
);
add('connect', 'an AF_UNIX pair', (c) => c.connect(pair()[0], unix(path())), 'return connect(pair()[0], unix(path()))');
add(
  'connect',
  'AF_UNIX to an address of another family',
  (c) => c.connect(fresh(s.AF_UNIX, s.SOCK_STREAM), loopback),
  'return connect(new(AF_UNIX, SOCK_STREAM), inet())',
);
add(
  'connect',
  'netlink, a short address',
  (c) => c.connect(fresh(s.AF_NETLINK, s.SOCK_RAW), raw(s.AF_NETLINK, 11)),
  "return connect(new(AF_NETLINK, SOCK_RAW), struct.pack('=H', AF_NETLINK).ljust(11, b'\\0'))",
);

add('shutdown', 'not connected', (c) => c.shutdown(tcp(), s.SHUT_WR), 'return shutdown(tcp(), SHUT_WR)');
add(
  'shutdown',
  'a datagram socket without a peer',
  (c) => c.shutdown(udp(), s.SHUT_RD),
  'return shutdown(udp(), SHUT_RD)',
);
for (const how of [3, -1, 0x7fffffff]) {
  add(
    'shutdown',
    `no such way, ${how}`,
    (c) => c.shutdown(connection().client, how),
    `return shutdown(connection()[0], ${how})`,
  );
  add(
    'shutdown',
    `no such way, ${how}, of AF_UNIX`,
    (c) => c.shutdown(pair()[0], how),
    `return shutdown(pair()[0], ${how})`,
  );
}
add(
  'shutdown',
  'a netlink socket',
  (c) => c.shutdown(fresh(s.AF_NETLINK, s.SOCK_RAW), s.SHUT_RDWR),
  'return shutdown(new(AF_NETLINK, SOCK_RAW), SHUT_RDWR)',
);

// ---- getpeername, sockatmark --------------------------------------------------------------------------------------

add('getpeername', 'a stream that is not connected', (c) => c.getpeername(tcp()), 'return getpeername(tcp())');
add('getpeername', 'a listener', (c) => c.getpeername(listener().fd), 'return getpeername(listener()[0])');
add('getpeername', 'a datagram socket without a peer', (c) => c.getpeername(udp()), 'return getpeername(udp())');
add(
  'getpeername',
  'an AF_UNIX socket without a peer',
  (c) => c.getpeername(fresh(s.AF_UNIX, s.SOCK_DGRAM)),
  'return getpeername(new(AF_UNIX, SOCK_DGRAM))',
);
add(
  'getpeername',
  'an IPv6 socket without a peer',
  (c) => c.getpeername(fresh(s.AF_INET6, s.SOCK_STREAM)),
  'return getpeername(new(AF_INET6, SOCK_STREAM))',
  { needs: [ipv6] },
);
add(
  'getpeername',
  'an AF_VSOCK socket without a peer',
  (c) => c.getpeername(fresh(s.AF_VSOCK, s.SOCK_STREAM)),
  'return getpeername(new(AF_VSOCK, SOCK_STREAM))',
  { needs: [vsock] },
);
add('sockatmark', 'a listener', (c) => c.sockatmark(listener().fd), 'return sockatmark(listener()[0])', {
  maySucceed: true,
});
add('sockatmark', 'a datagram socket', (c) => c.sockatmark(udp()), 'return sockatmark(udp())');
add(
  'sockatmark',
  'an AF_UNIX datagram socket',
  (c) => c.sockatmark(pair(s.SOCK_DGRAM)[0]),
  'return sockatmark(pair(SOCK_DGRAM)[0])',
);

// ---- Transfers ----------------------------------------------------------------------------------------------------

type Form = readonly [keyof Calls, (c: Calls, fd: number, data: Uint8Array) => unknown, python: string];

/** Sending to the peer of the socket, by each call. */
const senders: readonly Form[] = [
  ['write', (c, fd, data) => c.write(fd, data), 'write(fd, data)'],
  ['writev', (c, fd, data) => c.writev(fd, [data]), 'writev(fd, [data])'],
  ['send', (c, fd, data) => c.send(fd, data), 'send(fd, data)'],
  ['sendmsg', (c, fd, data) => c.sendmsg(fd, { buffers: [data] }), 'sendmsg(fd, [data])'],
  ['sendmmsg', (c, fd, data) => c.sendmmsg(fd, batchOf(data)), 'sendmmsg(fd, [data])'],
];
/** Sending to an address, by each call. */
const addressed: readonly (readonly [
  keyof Calls,
  (c: Calls, fd: number, data: Uint8Array, to: s.AddressLike) => unknown,
  python: string,
])[] = [
  ['sendto', (c, fd, data, to) => c.sendto(fd, data, 0, to), 'sendto(fd, data, 0, to)'],
  ['sendmsg', (c, fd, data, address) => c.sendmsg(fd, { buffers: [data], address }), 'sendmsg(fd, [data], to)'],
  ['sendmmsg', (c, fd, data, to) => c.sendmmsg(fd, batchOf(data, to)), 'sendmmsg(fd, [data], 0, to)'],
];
/** Receiving, by each call. */
const receivers: readonly Form[] = [
  ['read', (c, fd, data) => c.read(fd, data), 'read(fd, 16)'],
  ['readv', (c, fd, data) => c.readv(fd, [data]), 'readv(fd, [16])'],
  ['recv', (c, fd, data) => c.recv(fd, data), 'recv(fd, 16)'],
  ['recvfrom', (c, fd, data) => c.recvfrom(fd, data), 'recvfrom(fd, 16)'],
  ['recvmsg', (c, fd, data) => c.recvmsg(fd, { buffers: [data] }), 'recvmsg(fd, [16])'],
  ['recvmmsg', (c, fd) => c.recvmmsg(fd, batchOf('')), 'recvmmsg(fd, [16, 16])'],
];

/** A TCP socket whose peer closed without reading, which made the kernel answer with a reset. */
function reset(): number {
  const { fd, address } = listener();
  const client = tcp();
  s.connect(client, address);
  const server = s.accept(fd).fd;
  s.send(client, 'x');
  s.recv(server, buffer(), s.MSG_PEEK);
  s.close(server);
  return client;
}
const resetPython = "fd, server = connection()\nok(send(fd, b'x'))\nok(recv(server, 16, MSG_PEEK))\nclose(server)";

/** One end of a pair whose other end was closed, whether or not this one had sent something. */
function orphan(type: number, unread = ''): number {
  const [a, b] = s.socketpair(s.AF_UNIX, type);
  if (unread !== '') s.send(a, unread);
  s.close(b);
  return cleanup(a);
}

/** A connected datagram socket whose first datagram was refused. */
function refused(): number {
  const fd = udp();
  s.connect(fd, deaf());
  s.send(fd, 'x');
  return fd;
}
const refusedPython = "fd = udp()\nok(connect(fd, deaf()))\nok(send(fd, b'x'))";

for (const [call, run, python] of senders) {
  const small = (c: Calls, fd: number) => run(c, fd, Buffer.from('x'));
  const py = (prepare: string, size = 1) => `data = bytes(${size})\n${prepare}\nreturn ${python}`;
  add(call, 'a stream that is not connected', (c) => small(c, tcp()), py('fd = tcp()'));
  add(call, 'a datagram without a peer', (c) => small(c, udp()), py('fd = udp()'));
  add(
    call,
    'an AF_UNIX stream that is not connected',
    (c) => small(c, fresh(s.AF_UNIX, s.SOCK_STREAM)),
    py('fd = new(AF_UNIX, SOCK_STREAM)'),
  );
  add(
    call,
    'an AF_UNIX datagram without a peer',
    (c) => small(c, fresh(s.AF_UNIX, s.SOCK_DGRAM)),
    py('fd = new(AF_UNIX, SOCK_DGRAM)'),
  );
  add(
    call,
    'after shutdown',
    (c) => {
      const { client } = connection();
      s.shutdown(client, s.SHUT_WR);
      return small(c, client);
    },
    py('fd = connection()[0]\nok(shutdown(fd, SHUT_WR))'),
  );
  add(
    call,
    'the peer is gone',
    (c) => {
      return small(c, orphan(s.SOCK_STREAM));
    },
    py('fd, b = pair()\nclose(b)'),
  );
  add(
    call,
    'the datagram peer is gone',
    (c) => {
      return small(c, orphan(s.SOCK_DGRAM));
    },
    py('fd, b = pair(SOCK_DGRAM)\nclose(b)'),
  );
  add(
    call,
    'a stream that is full',
    (c) => {
      const [a] = pair(s.SOCK_STREAM | s.SOCK_NONBLOCK);
      filled(a, 0x10000);
      filled(a, 1);
      return small(c, a);
    },
    py(`fd, b = pair(SOCK_STREAM | SOCK_NONBLOCK)\n${fill('fd', 0x10000)}\n${fill('fd', 1)}`),
  );
  add(
    call,
    'a queue that is full',
    (c) => {
      const [a] = pair(s.SOCK_DGRAM | s.SOCK_NONBLOCK);
      filled(a, 1);
      return small(c, a);
    },
    py(`fd, b = pair(SOCK_DGRAM | SOCK_NONBLOCK)\n${fill('fd', 1)}`),
  );
  add(
    call,
    'a datagram that is too long',
    (c) => {
      const fd = udp();
      s.connect(fd, deaf());
      return run(c, fd, new Uint8Array(65508));
    },
    py('fd = udp()\nok(connect(fd, deaf()))', 65508),
  );
  add(
    call,
    'an AF_UNIX packet longer than the send buffer',
    (c) => run(c, pair(s.SOCK_SEQPACKET)[0], new Uint8Array(1 << 24)),
    py('fd = pair(SOCK_SEQPACKET)[0]', 1 << 24),
  );
  add(
    call,
    'a stream that was reset',
    (c) => {
      const fd = reset();
      c.recv(fd, buffer()); // waits for the reset, and receives its error
      return small(c, fd);
    },
    py(`${resetPython}\nrecv(fd, 16)`),
  );
  add(
    call,
    'a stream with the error of a reset',
    (c) => {
      return small(c, orphan(s.SOCK_STREAM, 'unread'));
    },
    py("fd, b = pair()\nok(send(fd, b'x'))\nclose(b)"),
  );
  add(call, 'a listener', (c) => small(c, listener().fd), py('fd = listener()[0]'));
}

for (const [call, run, python] of addressed) {
  const to = (c: Calls, fd: number, address: s.AddressLike) => run(c, fd, Buffer.from('x'), address);
  const py = (prepare: string) => `data = b'x'\n${prepare}\nreturn ${python}`;
  add(
    call,
    'to an address, though connected',
    (c) => to(c, pair()[0], unix(path())),
    py('fd, to = pair()[0], unix(path())'),
  );
  add(
    call,
    'to an address, by an AF_UNIX stream',
    (c) => to(c, fresh(s.AF_UNIX, s.SOCK_STREAM), unix(path())),
    py('fd, to = new(AF_UNIX, SOCK_STREAM), unix(path())'),
  );
  add(call, 'to an address, by a stream', (c) => to(c, tcp(), refusing()), py('fd, to = tcp(), refusing()'));
  add(call, 'to another family', (c) => to(c, udp(), loopback6), py('fd, to = udp(), inet6()'));
  add(
    call,
    'IPv6 to IPv4',
    (c) => to(c, fresh(s.AF_INET6, s.SOCK_DGRAM), unix('/xxxxxxxxxxxxxxxxxxxxxxxxxxxxx')),
    py("fd, to = new(AF_INET6, SOCK_DGRAM), unix('/xxxxxxxxxxxxxxxxxxxxxxxxxxxxx')"),
    { needs: [ipv6] },
  );
  add(
    call,
    'to a broadcast address without SO_BROADCAST',
    (c) => to(c, udp(), { ...loopback, address: '127.255.255.255', port: 9 }),
    py("fd, to = udp(), inet(9, '127.255.255.255')"),
  );
  add(call, 'to port 0', (c) => to(c, udp(), loopback), py('fd, to = udp(), inet()'));
  add(
    call,
    'to a path of nobody',
    (c) => to(c, fresh(s.AF_UNIX, s.SOCK_DGRAM), unix(path())),
    py('fd, to = new(AF_UNIX, SOCK_DGRAM), unix(path())'),
  );
  add(
    call,
    'to a path of another type',
    (c) => to(c, fresh(s.AF_UNIX, s.SOCK_DGRAM), bound(fresh(s.AF_UNIX, s.SOCK_STREAM), unix(path()))),
    py('fd, to = new(AF_UNIX, SOCK_DGRAM), bound(new(AF_UNIX, SOCK_STREAM), unix(path()))'),
  );
  for (const length of [1, 2, 15]) {
    add(
      call,
      `to an IPv4 address of ${length} bytes`,
      (c) => to(c, udp(), raw(s.AF_INET, length)),
      py(`fd, to = udp(), struct.pack('=H', AF_INET).ljust(${length}, b'\\0')[:${length}]`),
    );
  }
  add(
    call,
    'to another family by netlink',
    (c) => to(c, fresh(s.AF_NETLINK, s.SOCK_RAW), loopback),
    py('fd, to = new(AF_NETLINK, SOCK_RAW), inet()'),
  );
}
for (const length of [0, 129]) {
  add(
    'sendto',
    `to an address of ${length} bytes`,
    (c) => c.sendto(udp(), 'x', 0, raw(s.AF_INET, length)),
    `return sendto(udp(), b'x', 0, struct.pack('=H', AF_INET).ljust(${length}, b'\\0')[:${length}])`,
  );
}
add(
  'sendto',
  'a datagram that is too long',
  (c) => c.sendto(udp(), new Uint8Array(65508), 0, { ...loopback, port: 9 }),
  'return sendto(udp(), bytes(65508), 0, inet(9))',
);
add('send', 'out of band by datagram', (c) => c.send(udp(), 'x', s.MSG_OOB), "return send(udp(), b'x', MSG_OOB)");
add(
  'send',
  'out of band by AF_UNIX datagram',
  (c) => c.send(pair(s.SOCK_DGRAM)[0], 'x', s.MSG_OOB),
  "return send(pair(SOCK_DGRAM)[0], b'x', MSG_OOB)",
);
add(
  'send',
  'a datagram that was refused',
  (c) => {
    const fd = refused();
    // The first one may precede the answer, which comes asynchronously.
    for (let i = 0; i < 1e6; i++) {
      const n = c.send(fd, 'x');
      if (n < 0) return n;
    }
    return 0;
  },
  `${refusedPython}\nfor i in range(1000000):\n    n = send(fd, b'x')\n    if n < 0: return n`,
);

for (const [call, run, python] of receivers) {
  const take = (c: Calls, fd: number) => run(c, fd, buffer());
  const py = (prepare: string) => `${prepare}\nreturn ${python}`;
  add(call, 'a stream that is not connected', (c) => take(c, tcp()), py('fd = tcp()'));
  add(call, 'a listener', (c) => take(c, listener().fd), py('fd = listener()[0]'));
  add(
    call,
    'an AF_UNIX stream that is not connected',
    (c) => take(c, fresh(s.AF_UNIX, s.SOCK_STREAM)),
    py('fd = new(AF_UNIX, SOCK_STREAM)'),
  );
  add(
    call,
    'an AF_UNIX packet socket that is not connected',
    (c) => take(c, fresh(s.AF_UNIX, s.SOCK_SEQPACKET)),
    py('fd = new(AF_UNIX, SOCK_SEQPACKET)'),
  );
  add(call, 'nothing waits', (c) => take(c, udp(s.SOCK_NONBLOCK)), py('fd = udp(SOCK_NONBLOCK)'));
  add(
    call,
    'nothing waits in a stream',
    (c) => take(c, pair(s.SOCK_STREAM | s.SOCK_NONBLOCK)[0]),
    py('fd = pair(SOCK_STREAM | SOCK_NONBLOCK)[0]'),
  );
  add(call, 'a stream that was reset', (c) => take(c, reset()), py(resetPython));
  add(
    call,
    'an AF_UNIX peer that left data unread',
    (c) => {
      return take(c, orphan(s.SOCK_STREAM, 'unread'));
    },
    py("fd, b = pair()\nok(send(fd, b'x'))\nclose(b)"),
  );
  add(call, 'a datagram that was refused', (c) => take(c, refused()), py(refusedPython));
}
add(
  'recv',
  'no out-of-band byte',
  (c) => c.recv(connection().client, buffer(), s.MSG_OOB),
  'return recv(connection()[0], 16, MSG_OOB)',
);
add(
  'recv',
  'out of band by datagram, which UDP does not know',
  (c) => c.recv(udp(s.SOCK_NONBLOCK), buffer(), s.MSG_OOB),
  'return recv(udp(SOCK_NONBLOCK), 16, MSG_OOB)',
);
add('recv', 'an empty error queue', (c) => c.recv(udp(), buffer(), s.MSG_ERRQUEUE), 'return recv(udp(), 16, 0x2000)');
add(
  'recvfrom',
  'out of band by AF_UNIX datagram',
  (c) => c.recvfrom(pair(s.SOCK_DGRAM)[0], buffer(), s.MSG_OOB),
  'return recvfrom(pair(SOCK_DGRAM)[0], 16, MSG_OOB)',
);
add(
  'recvmmsg',
  'a negative timeout',
  (c) => c.recvmmsg(udp(s.SOCK_NONBLOCK), batchOf(''), 0, -1n),
  'return recvmmsg(udp(SOCK_NONBLOCK), [16, 16], 0, (0, -1))',
);

const many = (count: number) => Array.from({ length: count }, buffer);
for (const [call, run, python] of [
  ['readv', (c: Calls, fd: number, list: Uint8Array[]) => c.readv(fd, list), 'readv(fd, [16] * count)'],
  ['writev', (c: Calls, fd: number, list: Uint8Array[]) => c.writev(fd, list), 'writev(fd, [bytes(16)] * count)'],
  ['recvmsg', (c: Calls, fd: number, buffers: Uint8Array[]) => c.recvmsg(fd, { buffers }), 'recvmsg(fd, [16] * count)'],
  [
    'sendmsg',
    (c: Calls, fd: number, buffers: Uint8Array[]) => c.sendmsg(fd, { buffers }),
    'sendmsg(fd, [bytes(16)] * count)',
  ],
] as const) {
  for (const count of [1025, 5000]) {
    add(
      call,
      `${count} buffers`,
      (c) => run(c, pair(s.SOCK_STREAM | s.SOCK_NONBLOCK)[0], many(count)),
      `count = ${count}\nfd = pair(SOCK_STREAM | SOCK_NONBLOCK)[0]\nreturn ${python}`,
    );
  }
  for (const count of [0, 1024]) {
    add(
      call,
      `${count} buffers, which are not too many`,
      (c) => run(c, pair(s.SOCK_STREAM | s.SOCK_NONBLOCK)[0], many(count)),
      `count = ${count}\nfd = pair(SOCK_STREAM | SOCK_NONBLOCK)[0]\nreturn ${python}`,
      { maySucceed: true },
    );
  }
}
const control = (title: string, messages: s.ControlMessage[] | Uint8Array, python: string, options?: Options) =>
  add(
    'sendmsg',
    title,
    (c) => c.sendmsg(pair()[0], { buffers: ['x'], control: messages }),
    `return sendmsg(pair()[0], [b'x'], None, ${python})`,
    options,
  );
control(
  'a bad descriptor in SCM_RIGHTS',
  [{ level: s.SOL_SOCKET, type: s.SCM_RIGHTS, fds: [NOBODY] }],
  `cmsg(SOL_SOCKET, SCM_RIGHTS, struct.pack('i', ${NOBODY}))`,
);
control(
  'a negative descriptor in SCM_RIGHTS',
  [{ level: s.SOL_SOCKET, type: s.SCM_RIGHTS, fds: [-1] }],
  "cmsg(SOL_SOCKET, SCM_RIGHTS, struct.pack('i', -1))",
);
control(
  '254 descriptors in SCM_RIGHTS',
  [{ level: s.SOL_SOCKET, type: s.SCM_RIGHTS, fds: new Array<number>(254).fill(0) }],
  'cmsg(SOL_SOCKET, SCM_RIGHTS, bytes(254 * 4))',
);
control('a control message longer than the data', Buffer.alloc(24, 0x7f), "b'\\x7f' * 24");
control('a control message shorter than its header', Buffer.alloc(24), 'bytes(24)');
control(
  'a control message of SOL_SOCKET that nobody knows',
  [{ level: s.SOL_SOCKET, type: 9999, data: new Uint8Array(4) } as s.ControlMessage],
  'cmsg(SOL_SOCKET, 9999, bytes(4))',
);
control(
  'the credentials of another user',
  [{ level: s.SOL_SOCKET, type: s.SCM_CREDENTIALS, pid: 1, uid: 12345, gid: 12345 }],
  "cmsg(SOL_SOCKET, SCM_CREDENTIALS, struct.pack('iII', 1, 12345, 12345))",
  { maySucceed: true },
);
add(
  'sendmmsg',
  'more than nothing to nobody',
  (c) => c.sendmmsg(pair(s.SOCK_DGRAM)[0], batchOf('x', unix('/nonexistent/socket'))),
  "return sendmmsg(pair(SOCK_DGRAM)[0], [b'x'], 0, unix('/nonexistent/socket'))",
);

// ---- Options ------------------------------------------------------------------------------------------------------

add(
  'getsockopt',
  'no such option',
  (c) => c.getsockopt(tcp(), s.SOL_SOCKET, 9999),
  'return getsockopt(tcp(), SOL_SOCKET, 9999)',
);
add(
  'getsockopt',
  'no such option, as bytes',
  (c) => c.getsockopt(tcp(), s.SOL_SOCKET, 9999, 8),
  'return getsockopt(tcp(), SOL_SOCKET, 9999, 8)',
);
for (const level of [9999, -1]) {
  add(
    'getsockopt',
    `no such level, ${level}`,
    (c) => c.getsockopt(tcp(), level, 1),
    `return getsockopt(tcp(), ${level}, 1)`,
  );
  add(
    'setsockopt',
    `no such level, ${level}`,
    (c) => c.setsockopt(tcp(), level, 1, 1),
    `return setsockopt(tcp(), ${level}, 1, 1)`,
  );
}
add(
  'getsockopt',
  'a TCP option of a datagram socket',
  (c) => c.getsockopt(udp(), s.IPPROTO_TCP, s.TCP_NODELAY),
  'return getsockopt(udp(), IPPROTO_TCP, TCP_NODELAY)',
);
add(
  'getsockopt',
  'a TCP option of AF_UNIX',
  (c) => c.getsockopt(pair()[0], s.IPPROTO_TCP, s.TCP_NODELAY),
  'return getsockopt(pair()[0], IPPROTO_TCP, TCP_NODELAY)',
);
add(
  'getsockopt',
  'an IPv6 option of IPv4',
  (c) => c.getsockopt(tcp(), s.IPPROTO_IPV6, s.IPV6_V6ONLY),
  'return getsockopt(tcp(), IPPROTO_IPV6, IPV6_V6ONLY)',
);
add(
  'getsockopt',
  'no such TCP option',
  (c) => c.getsockopt(tcp(), s.IPPROTO_TCP, 9999),
  'return getsockopt(tcp(), IPPROTO_TCP, 9999)',
);
add(
  'getsockopt',
  'no such IP option',
  (c) => c.getsockopt(tcp(), s.IPPROTO_IP, 9999),
  'return getsockopt(tcp(), IPPROTO_IP, 9999)',
);
add(
  'getsockopt',
  'the groups of the peer, in no room',
  (c) => c.getsockopt(pair()[0], s.SOL_SOCKET, s.SO_PEERGROUPS, 0),
  'return getsockopt(pair()[0], SOL_SOCKET, 59, 0)',
  { maySucceed: true },
);
add(
  'getsockopt',
  'the groups of no peer',
  (c) => c.getsockopt(tcp(), s.SOL_SOCKET, s.SO_PEERGROUPS, 64),
  'return getsockopt(tcp(), SOL_SOCKET, 59, 64)',
);
add(
  'getsockopt',
  'the peer of a socket without one',
  (c) => c.getsockopt(tcp(), s.SOL_SOCKET, s.SO_PEERNAME, 128),
  'return getsockopt(tcp(), SOL_SOCKET, 28, 128)',
);

const setting = (title: string, run: (c: Calls) => unknown, python: string, options?: Options) =>
  add('setsockopt', title, run, python, options);
setting(
  'no such option',
  (c) => c.setsockopt(tcp(), s.SOL_SOCKET, 9999, 1),
  'return setsockopt(tcp(), SOL_SOCKET, 9999, 1)',
);
setting(
  'an option that can only be read',
  (c) => c.setsockopt(tcp(), s.SOL_SOCKET, s.SO_TYPE, 1),
  'return setsockopt(tcp(), SOL_SOCKET, SO_TYPE, 1)',
);
setting(
  'no such TCP option',
  (c) => c.setsockopt(tcp(), s.IPPROTO_TCP, 9999, 1),
  'return setsockopt(tcp(), IPPROTO_TCP, 9999, 1)',
);
for (const length of [0, 1, 3]) {
  setting(
    `an int of ${length} bytes`,
    (c) => c.setsockopt(tcp(), s.SOL_SOCKET, s.SO_REUSEADDR, new Uint8Array(length)),
    `return setsockopt(tcp(), SOL_SOCKET, SO_REUSEADDR, bytes(${length}))`,
  );
}
setting(
  'a timeout out of its domain',
  (c) => c.setsockopt(tcp(), s.SOL_SOCKET, s.SO_RCVTIMEO, new BigInt64Array([0n, -1n])),
  "return setsockopt(tcp(), SOL_SOCKET, SO_RCVTIMEO, struct.pack('=qq', 0, -1))",
);
setting(
  'a congestion control of nobody',
  (c) => c.setsockopt(tcp(), s.IPPROTO_TCP, s.TCP_CONGESTION, Buffer.from('nonesuch')),
  "return setsockopt(tcp(), IPPROTO_TCP, TCP_CONGESTION, b'nonesuch')",
);
setting(
  'an interface of nobody',
  (c) => c.setsockopt(tcp(), s.SOL_SOCKET, s.SO_BINDTODEVICE, Buffer.from('nonesuch')),
  "return setsockopt(tcp(), SOL_SOCKET, SO_BINDTODEVICE, b'nonesuch')",
);
setting(
  'a time to live beyond 255',
  (c) => c.setsockopt(udp(), s.IPPROTO_IP, s.IP_TTL, 256),
  'return setsockopt(udp(), IPPROTO_IP, IP_TTL, 256)',
);
setting(
  'a keep-alive time of nothing',
  (c) => c.setsockopt(tcp(), s.IPPROTO_TCP, s.TCP_KEEPIDLE, 0),
  'return setsockopt(tcp(), IPPROTO_TCP, TCP_KEEPIDLE, 0)',
);
setting(
  'a TCP option of AF_UNIX',
  (c) => c.setsockopt(pair()[0], s.IPPROTO_TCP, s.TCP_NODELAY, 1),
  'return setsockopt(pair()[0], IPPROTO_TCP, TCP_NODELAY, 1)',
);
setting(
  'a TCP option of a datagram socket',
  (c) => c.setsockopt(udp(), s.IPPROTO_TCP, s.TCP_NODELAY, 1),
  'return setsockopt(udp(), IPPROTO_TCP, TCP_NODELAY, 1)',
);
setting(
  'a filter that is locked',
  (c) => {
    const fd = udp();
    s.setsockopt(fd, s.SOL_SOCKET, s.SO_LOCK_FILTER, 1);
    return c.setsockopt(fd, s.SOL_SOCKET, s.SO_LOCK_FILTER, 0);
  },
  `fd = udp()\nok(setsockopt(fd, SOL_SOCKET, 44, 1))\nreturn setsockopt(fd, SOL_SOCKET, 44, 0)`,
);
setting(
  'a BPF program that is none',
  (c) => c.setsockopt(udp(), s.SOL_SOCKET, s.SO_ATTACH_BPF, -1),
  'return setsockopt(udp(), SOL_SOCKET, 50, -1)',
);
setting(
  'no filter to detach',
  (c) => c.setsockopt(udp(), s.SOL_SOCKET, s.SO_DETACH_FILTER, 0),
  'return setsockopt(udp(), SOL_SOCKET, 27, 0)',
);
const group = (address: string) => Buffer.from([...address.split('.').map(Number), 0, 0, 0, 0]);
const membership = (address: string) => `inet_aton('${address}') + bytes(4)`;
setting(
  'a group that is none',
  (c) => c.setsockopt(udp(), s.IPPROTO_IP, s.IP_ADD_MEMBERSHIP, group('127.0.0.1')),
  `return setsockopt(udp(), IPPROTO_IP, IP_ADD_MEMBERSHIP, ${membership('127.0.0.1')})`,
);
setting(
  'a group that was not joined',
  (c) => c.setsockopt(udp(), s.IPPROTO_IP, s.IP_DROP_MEMBERSHIP, group('239.1.2.3')),
  `return setsockopt(udp(), IPPROTO_IP, IP_DROP_MEMBERSHIP, ${membership('239.1.2.3')})`,
);
const joined = Buffer.from([239, 1, 2, 3, 127, 0, 0, 1]);
setting(
  'a group that was joined already',
  (c) => {
    const fd = udp();
    s.setsockopt(fd, s.IPPROTO_IP, s.IP_ADD_MEMBERSHIP, joined);
    return c.setsockopt(fd, s.IPPROTO_IP, s.IP_ADD_MEMBERSHIP, joined);
  },
  "fd, to = udp(), inet_aton('239.1.2.3') + inet_aton('127.0.0.1')\n" +
    'ok(setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, to))\nreturn setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, to)',
);
setting(
  'IPV6_V6ONLY of a bound socket',
  (c) => {
    const fd = fresh(s.AF_INET6, s.SOCK_STREAM);
    s.bind(fd, loopback6);
    return c.setsockopt(fd, s.IPPROTO_IPV6, s.IPV6_V6ONLY, 1);
  },
  'fd = new(AF_INET6, SOCK_STREAM)\nbound(fd, inet6())\nreturn setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1)',
  { needs: [ipv6] },
);
const privileged = { maySucceed: true };
setting(
  'a mark',
  (c) => c.setsockopt(udp(), s.SOL_SOCKET, s.SO_MARK, 7),
  'return setsockopt(udp(), SOL_SOCKET, 36, 7)',
  privileged,
);
setting(
  'the highest priority',
  (c) => c.setsockopt(udp(), s.SOL_SOCKET, s.SO_PRIORITY, 7),
  'return setsockopt(udp(), SOL_SOCKET, 12, 7)',
  privileged,
);
setting(
  'a buffer beyond the limit',
  (c) => c.setsockopt(udp(), s.SOL_SOCKET, s.SO_RCVBUFFORCE, 4096),
  'return setsockopt(udp(), SOL_SOCKET, 33, 4096)',
  privileged,
);
setting(
  'a transparent socket',
  (c) => c.setsockopt(udp(), s.IPPROTO_IP, s.IP_TRANSPARENT, 1),
  'return setsockopt(udp(), IPPROTO_IP, 19, 1)',
  privileged,
);

// ---- fcntl, ioctl -------------------------------------------------------------------------------------------------

add('fcntl', 'a signal that is none', (c) => c.fcntl(tcp(), s.F_SETSIG, 9999), 'return fcntl(tcp(), 10, 9999)');
add('fcntl', 'an owner of nobody', (c) => c.fcntl(tcp(), s.F_SETOWN, 0x7fffffff), 'return fcntl(tcp(), 8, 0x7fffffff)');
add(
  'fcntl',
  'a descriptor beyond the limit',
  (c) => c.fcntl(tcp(), s.F_DUPFD_CLOEXEC, 0x7fffffff),
  'return fcntl(tcp(), 1030, 0x7fffffff)',
);
add('fcntl', 'a negative descriptor', (c) => c.fcntl(tcp(), s.F_DUPFD_CLOEXEC, -1), 'return fcntl(tcp(), 1030, -1)');
add(
  'fcntl',
  'the pipe size of a socket',
  (c) => c.fcntl(tcp(), s.F_SETPIPE_SZ, 4096),
  'return fcntl(tcp(), 1031, 4096)',
);
add('fcntl', 'the seals of a socket', (c) => c.fcntl(tcp(), s.F_ADD_SEALS, 1), 'return fcntl(tcp(), 1033, 1)');
add(
  'ioctl',
  'an interface of nobody',
  (c) => c.ioctl(udp(), s.SIOCGIFMTU, s.ifreq('nonesuch')),
  "return ioctl(udp(), 0x8921, b'nonesuch'.ljust(40, b'\\0'))",
);
add(
  'ioctl',
  'no index of an interface',
  (c) => c.ioctl(udp(), s.SIOCGIFNAME, s.ifreq('')),
  'return ioctl(udp(), 0x8910, bytes(40))',
);
add(
  'ioctl',
  'the flags of nobody, to be set',
  (c) => c.ioctl(udp(), s.SIOCSIFFLAGS, s.ifreq('nonesuch')),
  "return ioctl(udp(), 0x8914, b'nonesuch'.ljust(40, b'\\0'))",
);
add(
  'ioctl',
  'what waits at a listener',
  (c) => c.ioctl(listener().fd, s.FIONREAD),
  'return ioctl(listener()[0], 0x541b)',
);
add('ioctl', 'the mark of a datagram socket', (c) => c.ioctl(udp(), s.SIOCATMARK), 'return ioctl(udp(), 0x8905)');
add(
  'ioctl',
  'an owner of nobody',
  (c) => c.ioctl(tcp(), s.SIOCSPGRP, 0x7fffffff),
  'return ioctl(tcp(), 0x8902, 0x7fffffff)',
);
add(
  'ioctl',
  'the address cache, of nobody',
  (c) => c.ioctl(udp(), s.SIOCGARP, new Uint8Array(68)),
  'return ioctl(udp(), 0x8954, bytes(68))',
);
