/**
 * Each call is exactly one system call with the given arguments: strace shows the same for this library, in its
 * throwing and its nothrow form, as for C's function called by Python. The only difference is close-on-exec, which
 * Python requests explicitly here.
 */
import { expect, test } from 'vitest';
import { libc } from '../helpers/errno-libc.ts';
import { need, strace } from '../helpers/need.ts';
import { traced } from '../helpers/strace.ts';

interface Traced {
  name: string;
  /** JavaScript and Python that put the same sockets at the same numbers; their system calls are not compared. */
  prepare?: readonly [javascript: string, python: string];
  /** JavaScript over `c`, the calls in one form. */
  run: string;
  /** The same in Python, over errno-libc.ts. */
  python: string;
  /** The start of the line of strace: the system call and its most important arguments. */
  begins: string;
  /** New file descriptors have different numbers in each process. */
  creates?: true;
}

/** Numbers that no process assigns by itself. */
const [a, b, l] = [100, 101, 102];

const tcp = [`put(${a}, s.socket(s.AF_INET, s.SOCK_STREAM))`, `put(${a}, socket(AF_INET, SOCK_STREAM, 0))`] as const;
const udp = [`put(${a}, s.socket(s.AF_INET, s.SOCK_DGRAM))`, `put(${a}, socket(AF_INET, SOCK_DGRAM, 0))`] as const;
const pair = (type: string) =>
  [`pair(s.${type}); s.send(${b}, 'hello')`, `pair2(${type}); ok(send(${b}, b'hello'))`] as const;
/** A listener at the path `x` of the folder, and a client that waits there. */
const listener = [
  `unlink('x');
   put(${l}, s.socket(s.AF_UNIX, s.SOCK_STREAM)); s.bind(${l}, path); s.listen(${l}, 5);
   put(${a}, s.socket(s.AF_UNIX, s.SOCK_STREAM)); unlink('y'); s.bind(${a}, { family: s.AF_UNIX, path: 'y' });
   s.connect(${a}, path)`,
  `unlink('x')
put(${l}, socket(AF_UNIX, SOCK_STREAM, 0)); ok(bind(${l}, unix('x'))); ok(listen(${l}, 5))
put(${a}, socket(AF_UNIX, SOCK_STREAM, 0)); unlink('y'); ok(bind(${a}, unix('y')))
ok(connect(${a}, unix('x')))`,
] as const;
const nine = "{ family: s.AF_INET, address: '127.0.0.1', port: 9 }";
const rights = `cmsg(SOL_SOCKET, SCM_RIGHTS, struct.pack('i', ${a})).ljust(24, b'\\0')`;

/** The addresses as strace prints them. */
const LOOPBACK = 'inet_addr("127.0.0.1")';
const NINE = `{sa_family=AF_INET, sin_port=htons(9), sin_addr=${LOOPBACK}}`;
const RIGHTS = `{cmsg_len=20, cmsg_level=SOL_SOCKET, cmsg_type=SCM_RIGHTS, cmsg_data=[${a}]}`;
const iov = (text: string, size: number) => `{iov_base="${text}", iov_len=${size}}`;

const calls: Traced[] = [
  {
    name: 'socket',
    run: 'c.socket(s.AF_INET, s.SOCK_DGRAM | s.SOCK_NONBLOCK, s.IPPROTO_UDP)',
    python: 'socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP)',
    begins: 'socket(AF_INET, SOCK_DGRAM|SOCK_CLOEXEC|SOCK_NONBLOCK, IPPROTO_UDP)',
    creates: true,
  },
  {
    name: 'socket that fails',
    run: 'c.socket(s.AF_INET, s.SOCK_STREAM, s.IPPROTO_UDP)',
    python: 'socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_UDP)',
    begins: 'socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC, IPPROTO_UDP) = -1 EPROTONOSUPPORT',
  },
  {
    name: 'socketpair',
    run: 'c.socketpair(s.AF_UNIX, s.SOCK_SEQPACKET)',
    python: 'socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC)',
    begins: 'socketpair(AF_UNIX, SOCK_SEQPACKET|SOCK_CLOEXEC, 0, ',
    creates: true,
  },
  {
    name: 'bind',
    prepare: tcp,
    run: `c.bind(${a}, { family: s.AF_INET, address: '127.0.0.1', port: 0 })`,
    python: `bind(${a}, inet())`,
    begins: `bind(${a}, {sa_family=AF_INET, sin_port=htons(0), sin_addr=inet_addr("127.0.0.1")}, 16) = 0`,
  },
  {
    name: 'bind to an encoded address of another length',
    prepare: tcp,
    run: `c.bind(${a}, new Uint8Array(7).fill(2, 0, 1))`,
    python: `bind(${a}, bytes([2, 0, 0, 0, 0, 0, 0]))`,
    begins: `bind(${a}, `,
  },
  {
    name: 'listen',
    prepare: tcp,
    run: `c.listen(${a}, 7)`,
    python: `listen(${a}, 7)`,
    begins: `listen(${a}, 7) `,
  },
  {
    name: 'accept',
    prepare: listener,
    run: `c.accept(${l})`,
    python: `accept4(${l}, SOCK_CLOEXEC)`,
    begins: `accept4(${l}, {sa_family=AF_UNIX, sun_path="y"}, [128 => 4], SOCK_CLOEXEC)`,
    creates: true,
  },
  {
    name: 'accept4',
    prepare: listener,
    run: `c.accept4(${l}, s.SOCK_NONBLOCK)`,
    python: `accept4(${l}, SOCK_CLOEXEC | SOCK_NONBLOCK)`,
    begins: `accept4(${l}, {sa_family=AF_UNIX, sun_path="y"}, [128 => 4], SOCK_CLOEXEC|SOCK_NONBLOCK)`,
    creates: true,
  },
  {
    name: 'connect',
    prepare: udp,
    run: `c.connect(${a}, ${nine})`,
    python: `connect(${a}, inet(9))`,
    begins: `connect(${a}, ${NINE}, 16) = 0`,
  },
  {
    name: 'connect that is in progress',
    prepare: [
      `put(${l}, s.socket(s.AF_INET, s.SOCK_STREAM)); s.bind(${l}, { ...loop, port: 0 }); s.listen(${l}, 1);
       put(${a}, s.socket(s.AF_INET, s.SOCK_STREAM | s.SOCK_NONBLOCK)); at = s.getsockname(${l})`,
      `put(${l}, socket(AF_INET, SOCK_STREAM, 0)); at = bound(${l}); ok(listen(${l}, 1))
put(${a}, socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0))`,
    ],
    run: `c.connect(${a}, at)`,
    python: `connect(${a}, at)`,
    begins: `connect(${a}, {sa_family=AF_INET, sin_port=htons(PORT), sin_addr=${LOOPBACK}}, 16) = -1 EINPROGRESS`,
  },
  {
    name: 'shutdown',
    prepare: pair('SOCK_STREAM'),
    run: `c.shutdown(${a}, s.SHUT_WR)`,
    python: `shutdown(${a}, SHUT_WR)`,
    begins: `shutdown(${a}, SHUT_WR) `,
  },
  { name: 'close', prepare: tcp, run: `c.close(${a})`, python: `close(${a})`, begins: `close(${a}) ` },
  {
    name: 'close that fails',
    run: 'c.close(-1)',
    python: 'close(-1)',
    begins: 'close(-1) ',
  },
  {
    name: 'getsockname',
    prepare: listener,
    run: `c.getsockname(${l})`,
    python: `getsockname(${l})`,
    begins: `getsockname(${l}, {sa_family=AF_UNIX, sun_path="x"}, [128 => 4]) `,
  },
  {
    name: 'getpeername',
    prepare: listener,
    run: `c.getpeername(${a})`,
    python: `getpeername(${a})`,
    begins: `getpeername(${a}, {sa_family=AF_UNIX, sun_path="x"}, [128 => 4]) `,
  },
  {
    name: 'sockatmark',
    prepare: tcp,
    run: `c.sockatmark(${a})`,
    python: `sockatmark(${a})`,
    begins: `ioctl(${a}, SIOCATMARK, `,
  },
  {
    name: 'dup',
    prepare: tcp,
    run: `c.dup(${a})`,
    python: `fcntl(${a}, 1030, 0)`,
    begins: `fcntl(${a}, F_DUPFD_CLOEXEC, 0) `,
    creates: true,
  },
  {
    name: 'read',
    prepare: pair('SOCK_STREAM'),
    run: `c.read(${a}, new Uint8Array(16))`,
    python: `read(${a}, 16)`,
    begins: `read(${a}, "hello", 16) `,
  },
  {
    name: 'read into part of a buffer',
    prepare: pair('SOCK_STREAM'),
    run: `c.read(${a}, new Uint8Array(16).subarray(3, 6))`,
    python: `read(${a}, 3)`,
    begins: `read(${a}, "hel", 3) `,
  },
  {
    name: 'write',
    prepare: pair('SOCK_STREAM'),
    run: `c.write(${a}, 'bytes')`,
    python: `write(${a}, b'bytes')`,
    begins: `write(${a}, "bytes", 5) `,
  },
  {
    name: 'readv',
    prepare: pair('SOCK_STREAM'),
    run: `c.readv(${a}, [new Uint8Array(2), new Uint16Array(8)])`,
    python: `readv(${a}, [2, 16])`,
    begins: `readv(${a}, [{iov_base="he", iov_len=2}, {iov_base="llo", iov_len=16}], 2) `,
  },
  {
    name: 'writev',
    prepare: pair('SOCK_STREAM'),
    run: `c.writev(${a}, ['one', Buffer.from('two!')])`,
    python: `writev(${a}, [b'one', b'two!'])`,
    begins: `writev(${a}, [{iov_base="one", iov_len=3}, {iov_base="two!", iov_len=4}], 2) `,
  },
  {
    name: 'send',
    prepare: pair('SOCK_STREAM'),
    run: `c.send(${a}, 'bytes', s.MSG_DONTWAIT | s.MSG_MORE)`,
    python: `send(${a}, b'bytes', MSG_DONTWAIT | MSG_MORE)`,
    begins: `sendto(${a}, "bytes", 5, MSG_DONTWAIT|MSG_MORE, NULL, 0) `,
  },
  {
    name: 'send that fails is not repeated',
    prepare: [`put(${a}, s.socket(s.AF_UNIX, s.SOCK_DGRAM))`, `put(${a}, socket(AF_UNIX, SOCK_DGRAM, 0))`],
    run: `c.send(${a}, 'bytes')`,
    python: `send(${a}, b'bytes')`,
    begins: `sendto(${a}, "bytes", 5, 0, NULL, 0) = -1 ENOTCONN`,
  },
  {
    name: 'sendto',
    prepare: udp,
    run: `c.sendto(${a}, new Uint8Array([65, 66]), 0, ${nine})`,
    python: `sendto(${a}, b'AB', 0, inet(9))`,
    begins: `sendto(${a}, "AB", 2, 0, ${NINE}, 16) = 2`,
  },
  {
    name: 'sendmsg',
    prepare: pair('SOCK_STREAM'),
    run: `c.sendmsg(${a}, { buffers: ['one', 'two!'] }, s.MSG_NOSIGNAL)`,
    python: `sendmsg(${a}, [b'one', b'two!'], None, None, MSG_NOSIGNAL)`,
    begins:
      `sendmsg(${a}, {msg_name=NULL, msg_namelen=0, msg_iov=[{iov_base="one", iov_len=3}, ` +
      '{iov_base="two!", iov_len=4}], msg_iovlen=2, msg_controllen=0, msg_flags=0}, MSG_NOSIGNAL) = 7',
  },
  {
    name: 'sendmsg with a file descriptor',
    prepare: pair('SOCK_STREAM'),
    run: `c.sendmsg(${a}, { buffers: ['x'], control: [{ level: s.SOL_SOCKET, type: s.SCM_RIGHTS, fds: [${a}] }] })`,
    python: `sendmsg(${a}, [b'x'], None, ${rights})`,
    begins:
      `sendmsg(${a}, {msg_name=NULL, msg_namelen=0, msg_iov=[${iov('x', 1)}], msg_iovlen=1, ` +
      `msg_control=[${RIGHTS}], `,
  },
  {
    name: 'sendmsg to an address',
    prepare: udp,
    run: `c.sendmsg(${a}, { buffers: ['x'], address: ${nine} })`,
    python: `sendmsg(${a}, [b'x'], inet(9))`,
    begins: `sendmsg(${a}, {msg_name=${NINE}, msg_namelen=16, `,
  },
  {
    name: 'sendmmsg',
    prepare: pair('SOCK_DGRAM'),
    run: `c.sendmmsg(${a}, batch('one', 'two!'), s.MSG_DONTWAIT)`,
    python: `sendmmsg(${a}, [b'one', b'two!'], MSG_DONTWAIT)`,
    begins: `sendmmsg(${a}, [{msg_hdr={msg_name=NULL, msg_namelen=0, msg_iov=[{iov_base="one", iov_len=3}], `,
  },
  {
    name: 'recv',
    prepare: pair('SOCK_STREAM'),
    run: `c.recv(${a}, new Uint8Array(16), s.MSG_PEEK)`,
    python: `recv(${a}, 16, MSG_PEEK)`,
    begins: `recvfrom(${a}, "hello", 16, MSG_PEEK, NULL, NULL) `,
  },
  {
    name: 'recv without pending data is not repeated',
    prepare: udp,
    run: `c.recv(${a}, new Uint8Array(16), s.MSG_DONTWAIT)`,
    python: `recv(${a}, 16, MSG_DONTWAIT)`,
    begins: `recvfrom(${a}, POINTER, 16, MSG_DONTWAIT, NULL, NULL) = -1 EAGAIN`,
  },
  {
    name: 'recvfrom',
    prepare: pair('SOCK_DGRAM'),
    run: `c.recvfrom(${a}, new Uint8Array(3), s.MSG_TRUNC)`,
    python: `recvfrom(${a}, 3, MSG_TRUNC)`,
    begins: `recvfrom(${a}, "hel", 3, MSG_TRUNC, `,
  },
  {
    name: 'send of a buffer that is used again',
    prepare: [`pair(s.SOCK_DGRAM); s.send(${a}, kept); s.send(${a}, kept)`, 'pair2(SOCK_DGRAM)'],
    run: `c.send(${a}, kept, s.MSG_DONTWAIT)`,
    python: `send(${a}, b'kept', MSG_DONTWAIT)`,
    begins: `sendto(${a}, "kept", 4, MSG_DONTWAIT, NULL, 0) = 4`,
  },
  {
    name: 'sendto of a buffer and an address that are used again',
    prepare: [`${udp[0]}; s.sendto(${a}, kept, 0, nine); s.sendto(${a}, kept, 0, nine)`, udp[1]],
    run: `c.sendto(${a}, kept, 0, nine)`,
    python: `sendto(${a}, b'kept', 0, inet(9))`,
    begins: `sendto(${a}, "kept", 4, 0, ${NINE}, 16) = 4`,
  },
  {
    name: 'recv into a buffer that is used again',
    prepare: [
      `${pair('SOCK_DGRAM')[0]}; s.recv(${a}, kept, s.MSG_PEEK); s.recv(${a}, kept, s.MSG_PEEK)`,
      pair('SOCK_DGRAM')[1],
    ],
    run: `c.recv(${a}, kept, s.MSG_PEEK)`,
    python: `recv(${a}, 4, MSG_PEEK)`,
    begins: `recvfrom(${a}, "hell", 4, MSG_PEEK, NULL, NULL) = 4`,
  },
  {
    name: 'recvfrom into a buffer that is used again',
    prepare: [
      `${pair('SOCK_DGRAM')[0]}; s.recvfrom(${a}, kept, s.MSG_PEEK); s.recvfrom(${a}, kept, s.MSG_PEEK)`,
      pair('SOCK_DGRAM')[1],
    ],
    run: `c.recvfrom(${a}, kept, s.MSG_PEEK)`,
    python: `recvfrom(${a}, 4, MSG_PEEK)`,
    begins: `recvfrom(${a}, "hell", 4, MSG_PEEK, `,
  },
  {
    name: 'recvmsg',
    prepare: pair('SOCK_DGRAM'),
    run: `c.recvmsg(${a}, { buffers: [new Uint8Array(2), new Uint8Array(8)], controlLength: 64 }, s.MSG_DONTWAIT)`,
    python: `recvmsg(${a}, [2, 8], 64, MSG_DONTWAIT | MSG_CMSG_CLOEXEC)`,
    begins: `recvmsg(${a}, {msg_name=POINTER, msg_namelen=128 => 0, msg_iov=[${iov('he', 2)}, ${iov('llo', 8)}], `,
  },
  {
    name: 'recvmsg with a file descriptor',
    prepare: [
      `pair(s.SOCK_STREAM); s.sendmsg(${b}, { buffers: ['x'], control: rights })`,
      `pair2(SOCK_STREAM); ok(sendmsg(${b}, [b'x'], None, ${rights}))`,
    ],
    run: `c.recvmsg(${a}, { buffers: [new Uint8Array(8)], controlLength: 24 })`,
    python: `recvmsg(${a}, [8], 24, MSG_CMSG_CLOEXEC)`,
    begins: `recvmsg(${a}, `,
    creates: true,
  },
  {
    name: 'recvmmsg',
    prepare: pair('SOCK_DGRAM'),
    run: `c.recvmmsg(${a}, batch(), s.MSG_DONTWAIT)`,
    python: `recvmmsg(${a}, [16, 16], MSG_DONTWAIT)`,
    begins: `recvmmsg(${a}, [{msg_hdr={msg_name=POINTER, msg_namelen=128 => 0, msg_iov=[${iov('hello', 16)}], `,
  },
  {
    name: 'recvmmsg with a timeout',
    prepare: pair('SOCK_DGRAM'),
    run: `c.recvmmsg(${a}, batch(), s.MSG_WAITFORONE, 3_000_000_005n)`,
    python: `recvmmsg(${a}, [16, 16], 0x10000, (3, 5))`,
    begins: `recvmmsg(${a}, `,
  },
  {
    name: 'getsockopt of an int',
    prepare: tcp,
    run: `c.getsockopt(${a}, s.SOL_SOCKET, s.SO_TYPE)`,
    python: `getsockopt(${a}, SOL_SOCKET, SO_TYPE)`,
    begins: `getsockopt(${a}, SOL_SOCKET, SO_TYPE, [1], [4]) `,
  },
  {
    name: 'getsockopt of bytes',
    prepare: tcp,
    run: `c.getsockopt(${a}, s.IPPROTO_TCP, s.TCP_CONGESTION, 16)`,
    python: `getsockopt(${a}, IPPROTO_TCP, TCP_CONGESTION, 16)`,
    begins: `getsockopt(${a}, SOL_TCP, TCP_CONGESTION, `,
  },
  {
    name: 'setsockopt of an int',
    prepare: tcp,
    run: `c.setsockopt(${a}, s.IPPROTO_TCP, s.TCP_KEEPIDLE, 77)`,
    python: `setsockopt(${a}, IPPROTO_TCP, TCP_KEEPIDLE, 77)`,
    begins: `setsockopt(${a}, SOL_TCP, TCP_KEEPIDLE, [77], 4) `,
  },
  {
    name: 'setsockopt of bytes',
    prepare: tcp,
    run: `c.setsockopt(${a}, s.SOL_SOCKET, s.SO_LINGER, new Int32Array([1, 5]))`,
    python: `setsockopt(${a}, SOL_SOCKET, SO_LINGER, struct.pack('ii', 1, 5))`,
    begins: `setsockopt(${a}, SOL_SOCKET, SO_LINGER, {l_onoff=1, l_linger=5}, 8) `,
  },
  {
    name: 'fcntl',
    prepare: tcp,
    run: `c.fcntl(${a}, s.F_SETFL, s.O_NONBLOCK)`,
    python: `fcntl(${a}, 4, os.O_NONBLOCK)`,
    begins: `fcntl(${a}, F_SETFL, O_RDONLY|O_NONBLOCK) `,
  },
  {
    name: 'ioctl of an int',
    prepare: pair('SOCK_STREAM'),
    run: `c.ioctl(${a}, s.FIONREAD)`,
    python: `ioctl(${a}, 0x541b)`,
    begins: `ioctl(${a}, FIONREAD, [5]) `,
  },
  {
    name: 'ioctl of a struct',
    prepare: udp,
    run: `c.ioctl(${a}, s.SIOCGIFINDEX, s.ifreq('lo'))`,
    python: `ioctl(${a}, 0x8933, b'lo'.ljust(40, b'\\0'))`,
    begins: `ioctl(${a}, SIOCGIFINDEX, {ifr_name="lo"`,
  },
];

const library = (name: string) => JSON.stringify(new URL(`../../dist/${name}.js`, import.meta.url).href);

function javascriptOf({ name, prepare, run }: Traced): string {
  return `part(${JSON.stringify(name)}, () => { ${prepare?.[0] ?? ''} }, (c) => ${run});`;
}

function pythonOf({ name, prepare, python }: Traced): string {
  return `${prepare?.[1] ?? ''}\nmark(${JSON.stringify(name)})\n${python}\nmark('')`;
}

/** The built library, as a child process needs JavaScript. `npm test` has built it. */
const javascript = `
import * as s from ${library('index')};
import * as n from ${library('nothrow')};
import { rmSync, writeSync } from 'node:fs';
const loop = { family: s.AF_INET, address: '127.0.0.1', port: 0 };
const path = { family: s.AF_UNIX, path: 'x' };
let at;
const rights = [{ level: s.SOL_SOCKET, type: s.SCM_RIGHTS, fds: [${a}] }];
const kept = new Uint8Array(4);
const nine = s.encodeAddress({ ...loop, port: 9 });
const unlink = (file) => rmSync(file, { force: true });
const put = (number, fd) => { n.close(number); s.fcntl(fd, s.F_DUPFD_CLOEXEC, number); s.close(fd); };
const pair = (type) => { const [one, two] = s.socketpair(s.AF_UNIX, type); put(${a}, one); put(${b}, two); };
const batch = (...messages) => {
  const batch = new s.MessageBatch({ messages: 2, size: 16 });
  for (const message of messages) batch.push(message);
  return batch;
};
const name = new s.SockaddrStorage();
const nothrow = {
  ...n,
  socketpair: (domain, type) => n.socketpair(domain, type, 0, []),
  accept: (fd) => n.accept(fd, name),
  accept4: (fd, flags) => n.accept4(fd, flags, name),
  getsockname: (fd) => n.getsockname(fd, name),
  getpeername: (fd) => n.getpeername(fd, name),
  recvfrom: (fd, buffer, flags) => n.recvfrom(fd, buffer, flags, name),
  recvmsg: (fd, { buffers, controlLength }, flags) =>
    n.recvmsg(fd, { buffers, name, control: new Uint8Array(controlLength) }, flags),
  getsockopt: (fd, level, option, length = 4) => n.getsockopt(fd, level, option, new Uint8Array(length)),
};
const part = (mark, prepare, run) => {
  for (const [form, c] of [['', s], [' nothrow', nothrow]]) {
    kept.set(Buffer.from('kept'));
    prepare();
    writeSync(1, '<' + mark + form + '>\\n');
    try { run(c); } catch (error) { if (!(error instanceof s.SocketError)) throw error; }
    writeSync(1, '<>\\n');
  }
};
${calls.map(javascriptOf).join('\n')}
`;

const python = `
import socket, os, sys, json, struct, errno, array, fcntl, select, time
from socket import *
${libc}
MSG_MORE = 0x8000
def unlink(file):
    if os.path.exists(file): os.unlink(file)
def put(number, fd):
    close(number)
    ok(fcntl(fd, 1030, number))
    close(fd)
def pair2(type):
    one, two = ok(socketpair(AF_UNIX, type))
    put(${a}, one)
    put(${b}, two)
def mark(text): os.write(1, b'<' + text.encode() + b'>\\n')
${calls.map(pythonOf).join('\n')}
`;

/** Removes what differs from run to run: new file descriptors, ports that the kernel chose, the remaining time. */
function withoutNumbers(line: string, creates = false): string {
  const text = line
    .replaceAll(/htons\(\d{4,}\)/g, 'htons(PORT)')
    .replace(/\) +=/, ') =')
    .replace(/ \(left .*\)$/, '');
  if (!creates) return text;
  return text
    .replace(/ = \d+$/, ' = FD')
    .replace(/\[\d+, \d+\]/, '[FD, FD]')
    .replace(/cmsg_data=\[\d+\]/, 'cmsg_data=[FD]');
}

let ours: Map<string, string[]> | undefined;
let theirs: Map<string, string[]> | undefined;

for (const { name, begins, creates } of calls) {
  test(name, (context) => {
    need(context, strace);
    ours ??= traced(process.execPath, '--input-type=module', '-e', javascript);
    theirs ??= traced('python3', '-c', python);
    const want = theirs.get(name)!.map((line) => withoutNumbers(line, creates));
    expect(want).toHaveLength(1);
    expect(want[0]!.slice(0, begins.length)).toBe(begins);
    for (const form of ['', ' nothrow']) {
      expect(ours.get(name + form)?.map((line) => withoutNumbers(line, creates))).toEqual(want);
    }
  });
}
