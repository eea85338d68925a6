import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants as fs, openSync, readFileSync, writeFileSync } from 'node:fs';
import { constants as os } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as nothrow from '../../lib/nothrow.ts';
import { cleanup } from '../helpers/fds.ts';
import { connection, datagram, folder, listener, pair } from '../helpers/fixtures.ts';
import { HANGING } from '../helpers/limits.ts';
import { type Need, need } from '../helpers/need.ts';

const { POLLERR, POLLHUP, POLLIN, POLLNVAL, POLLOUT, POLLPRI, POLLRDHUP } = s;
const MORE = s.POLLRDNORM | s.POLLRDBAND | s.POLLWRNORM | s.POLLWRBAND;

const one = (fd: number, events: number, timeoutMs = 0): number => s.poll([{ fd, events }], timeoutMs)[0]!;

/** Writes until the socket is full. */
function fill(fd: number): void {
  const block = new Uint8Array(65536);
  while (nothrow.write(fd, block) > 0);
}

function tcpPair(): [client: number, server: number] {
  const { fd, address } = listener();
  const client = s.socket(s.AF_INET, s.SOCK_STREAM);
  s.connect(client, address);
  return [client, cleanup(s.accept(fd).fd)];
}

/** Both ends of a pipe, which the test closes itself. */
function pipe(): [reader: number, writer: number] {
  const path = join(folder(), 'pipe');
  execFileSync('mkfifo', [path]);
  const reader = openSync(path, fs.O_RDONLY | fs.O_NONBLOCK);
  return [reader, openSync(path, fs.O_WRONLY | fs.O_NONBLOCK)];
}

function refusing(): s.InetAddress {
  const fd = cleanup(s.socket(s.AF_INET, s.SOCK_STREAM));
  s.bind(fd, { family: s.AF_INET, address: '127.0.0.1', port: 0 });
  return s.getsockname(fd) as s.InetAddress;
}

/**
 * File descriptors in every state, and the events that poll reports when all but POLLRDNORM and its variants are
 * requested.
 */
const states: readonly (readonly [state: string, make: () => number, revents: number])[] = [
  ['an idle pair', () => pair()[0], POLLOUT],
  [
    'a pair with data',
    () => {
      const [a, b] = pair();
      s.send(b, 'x');
      return a;
    },
    POLLIN | POLLOUT,
  ],
  [
    'a full pair',
    () => {
      const [a] = pair(s.SOCK_STREAM | s.SOCK_NONBLOCK);
      fill(a);
      return a;
    },
    0,
  ],
  [
    'a pair whose other end is closed',
    () => {
      const [a, b] = s.socketpair(s.AF_UNIX, s.SOCK_STREAM);
      s.close(b);
      return cleanup(a);
    },
    POLLIN | POLLOUT | POLLHUP | POLLRDHUP,
  ],
  [
    'a pair whose other end writes no more',
    () => {
      const [a, b] = pair();
      s.shutdown(b, s.SHUT_WR);
      return a;
    },
    POLLIN | POLLOUT | POLLRDHUP,
  ],
  [
    'a pair that reads no more',
    () => {
      const [a] = pair();
      s.shutdown(a, s.SHUT_RD);
      return a;
    },
    POLLIN | POLLOUT | POLLRDHUP,
  ],
  [
    'a pair that is shut down both ways',
    () => {
      const [a] = pair();
      s.shutdown(a, s.SHUT_RDWR);
      return a;
    },
    POLLIN | POLLOUT | POLLHUP | POLLRDHUP,
  ],
  ['a TCP socket before all', () => cleanup(s.socket(s.AF_INET, s.SOCK_STREAM)), POLLOUT | POLLHUP],
  ['a listener', () => listener().fd, 0],
  [
    'a listener with a connection',
    () => {
      const { fd, address } = listener();
      s.connect(cleanup(s.socket(s.AF_INET, s.SOCK_STREAM)), address);
      return fd;
    },
    POLLIN,
  ],
  ['a TCP connection', () => connection().client, POLLOUT],
  [
    'a TCP connection with an urgent byte',
    () => {
      const { client, server } = connection();
      s.send(client, 'x', s.MSG_OOB);
      return server;
    },
    POLLPRI | POLLOUT,
  ],
  [
    'a TCP connection with an urgent byte after others',
    () => {
      const { client, server } = connection();
      s.send(client, 'abcx', s.MSG_OOB);
      return server;
    },
    POLLIN | POLLPRI | POLLOUT,
  ],
  [
    'a TCP connection whose other end writes no more',
    () => {
      const { client, server } = connection();
      s.shutdown(client, s.SHUT_WR);
      return server;
    },
    POLLIN | POLLOUT | POLLRDHUP,
  ],
  [
    'a TCP connection that was reset',
    () => {
      const [client, server] = tcpPair();
      s.setsockopt(client, s.SOL_SOCKET, s.SO_LINGER, Buffer.from([1, 0, 0, 0, 0, 0, 0, 0]));
      s.close(client);
      return server;
    },
    POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP,
  ],
  [
    'a TCP connection that was refused',
    () => {
      const fd = cleanup(s.socket(s.AF_INET, s.SOCK_STREAM | s.SOCK_NONBLOCK));
      nothrow.connect(fd, refusing());
      return fd;
    },
    POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP,
  ],
  ['an idle UDP socket', () => datagram().fd, POLLOUT],
  [
    'a UDP socket with a datagram',
    () => {
      const { fd, address } = datagram();
      s.sendto(fd, '', 0, address);
      return fd;
    },
    POLLIN | POLLOUT,
  ],
  [
    'a UDP socket whose datagram was refused',
    () => {
      const fd = cleanup(s.socket(s.AF_INET, s.SOCK_DGRAM));
      s.connect(fd, refusing());
      s.send(fd, 'x');
      return fd;
    },
    POLLOUT | POLLERR,
  ],
  [
    'an empty pipe',
    () => {
      const [reader, writer] = pipe();
      return cleanup(reader, writer);
    },
    0,
  ],
  [
    'a pipe with data',
    () => {
      const [reader, writer] = pipe();
      s.write(writer, 'x');
      return cleanup(reader, writer);
    },
    POLLIN,
  ],
  [
    'a pipe without a writer',
    () => {
      const [reader, writer] = pipe();
      closeSync(writer);
      return cleanup(reader);
    },
    POLLHUP,
  ],
  [
    'a pipe to write to',
    () => {
      const [reader, writer] = pipe();
      return cleanup(writer, reader);
    },
    POLLOUT,
  ],
  [
    'a full pipe',
    () => {
      const [reader, writer] = pipe();
      fill(writer);
      return cleanup(writer, reader);
    },
    0,
  ],
  [
    'a pipe without a reader',
    () => {
      const [reader, writer] = pipe();
      closeSync(reader);
      return cleanup(writer);
    },
    POLLOUT | POLLERR,
  ],
  [
    'a file',
    () => {
      const path = join(folder(), 'file');
      writeFileSync(path, '');
      return cleanup(openSync(path, 'r+'));
    },
    POLLIN | POLLOUT,
  ],
];

/** Python's select.poll on inherited file descriptors: 3, 4, 5, ... there. */
function pythonPoll(fds: readonly number[], events: readonly number[]): number[][] {
  const script = `
import json, select, sys
events = json.loads(sys.argv[1])
def ask(fd, events):
    p = select.poll()
    p.register(fd, events)
    return dict(p.poll(0)).get(fd, 0)
print(json.dumps([[ask(fd, e) for e in events] for fd in range(3, 3 + int(sys.argv[2]))]))
`;
  const argv = ['-c', script, JSON.stringify(events), String(fds.length)];
  return JSON.parse(execFileSync('python3', argv, { stdio: ['ignore', 'pipe', 'inherit', ...fds] }).toString());
}

const everything = POLLIN | POLLOUT | POLLPRI | POLLRDHUP;

/** Polls until a state is reached: the loopback device may deliver a moment late. */
function settled(fd: number, expected: number): number {
  const end = Date.now() + 60_000;
  let seen = one(fd, everything);
  while (seen !== expected && Date.now() < end) seen = one(fd, everything);
  return seen;
}

test.each(states)('%s: the events are those that the kernel reports, as in Python', (_state, make, expected) => {
  const fd = make();
  expect(settled(fd, expected)).toBe(expected);
  const asked = [0, POLLIN, POLLOUT, POLLPRI, POLLRDHUP, POLLIN | POLLOUT, everything, everything | MORE, s.POLLRDNORM];
  asked.push(s.POLLWRNORM, s.POLLRDBAND, s.POLLWRBAND, POLLERR, POLLHUP, POLLNVAL, 0x7fff, 0xffff);
  const ours = asked.map((events) => one(fd, events));
  expect([ours]).toEqual(pythonPoll([fd], asked));
  // ppoll, and the function of nothrow, are the same call.
  expect(asked.map((events) => s.ppoll([{ fd, events }], 0n)[0])).toEqual(ours);
  const kept: { fd: number; events: number; revents?: number }[] = asked.map((events) => ({ fd, events }));
  expect(nothrow.poll(kept, 0)).toBe(ours.filter((events) => events !== 0).length);
  expect(kept.map(({ revents }) => revents)).toEqual(ours);
});

test('the results of several file descriptors are in the order of the entries', () => {
  const fds = states.map(([, make]) => make());
  fds.forEach((fd, i) => {
    settled(fd, states[i]![2]);
  });
  const asked = fds.map((fd) => ({ fd, events: everything }));
  const expected = states.map(([, , revents]) => revents);
  expect(s.poll(asked, 0)).toEqual(expected);
  expect(s.poll(asked.toReversed(), 0)).toEqual(expected.toReversed());
  expect(pythonPoll(fds, [everything]).flat()).toEqual(expected);
});

test('a closed file descriptor causes POLLNVAL, and a negative one is ignored', () => {
  const [a] = pair();
  const closed = s.dup(a);
  s.close(closed);
  const events = POLLIN | POLLOUT;
  const asked = [-1, closed, a, -2147483648, closed, a].map((fd) => ({ fd, events }));
  expect(s.poll(asked, 0)).toEqual([0, POLLNVAL, POLLOUT, 0, POLLNVAL, POLLOUT]);
  expect(nothrow.poll(asked, 0)).toBe(4);
  expect(s.ppoll(asked, 0n)).toEqual([0, POLLNVAL, POLLOUT, 0, POLLNVAL, POLLOUT]);
});

test('the same file descriptor may occur twice, with different events', () => {
  const [a] = pair();
  const asked = [POLLIN, POLLOUT, 0, POLLOUT].map((events) => ({ fd: a, events }));
  expect(s.poll(asked, 0)).toEqual([0, POLLOUT, 0, POLLOUT]);
});

test('a call without file descriptors is a pause', () => {
  expect(s.poll([], 0)).toEqual([]);
  const before = performance.now();
  expect(s.poll([], 30)).toEqual([]);
  expect(s.ppoll([], 30_000_000n)).toEqual([]);
  expect(performance.now() - before).toBeGreaterThanOrEqual(59);
  expect(nothrow.poll([], 0)).toBe(0);
});

test('after a timeout, and not before it, every result is 0', () => {
  const [a] = pair();
  const asked = [{ fd: a, events: POLLIN }];
  for (const wait of [() => s.poll(asked, 40), () => s.ppoll(asked, 40_000_000n)]) {
    const before = performance.now();
    expect(wait()).toEqual([0]);
    expect(performance.now() - before).toBeGreaterThanOrEqual(39);
  }
  expect(s.ppoll(asked, 1n)).toEqual([0]);
  expect(nothrow.poll(asked, 1)).toBe(0);
});

test('a wait without a timeout ends when there is an event', async () => {
  const [a, b] = pair();
  const cat = spawn('sh', ['-c', 'sleep 0.2; printf x >&3; sleep 0.2; printf x >&3'], {
    stdio: ['ignore', 'ignore', 'inherit', b],
  });
  const asked = [{ fd: a, events: POLLIN }];
  for (const wait of [() => s.poll(asked, -1), () => s.ppoll(asked)]) {
    expect(wait()).toEqual([POLLIN]);
    expect(s.recv(a, new Uint8Array(8))).toBe(1);
  }
  await once(cat, 'exit');
});

test('a failed call of nothrow does not change revents', () => {
  const asked = [{ fd: -1, events: 0, revents: 77 }];
  // A negative time: the kernel returns EINVAL, as in C.
  expect(() => s.ppoll(asked, -1n)).toThrow(expect.objectContaining({ code: 'EINVAL', syscall: 'ppoll' }));
  expect(asked).toEqual([{ fd: -1, events: 0, revents: 77 }]);
  expect(nothrow.poll(asked, 0)).toBe(0);
  expect(asked).toEqual([{ fd: -1, events: 0, revents: 0 }]);
});

/** More file descriptors than select supports. */
const manyDescriptors: Need = () => {
  const fd = s.socket(s.AF_UNIX, s.SOCK_DGRAM);
  try {
    s.close(s.fcntl(fd, s.F_DUPFD_CLOEXEC, 2600));
    return undefined;
  } catch (error) {
    return `descriptors up to 2600: ${(error as s.SocketError).code}`;
  } finally {
    s.close(fd);
  }
};

test('2000 file descriptors, of which two are ready', (context) => {
  need(context, manyDescriptors);
  const [a, b] = pair();
  const [idle] = pair();
  s.send(b, 'x');
  const fds = Array.from({ length: 2000 }, (_, i) => s.dup(i === 7 || i === 1999 ? a : idle));
  cleanup(...(fds as [number, ...number[]]));
  expect(Math.max(...fds)).toBeGreaterThanOrEqual(2000);
  const asked = fds.map((fd) => ({ fd, events: POLLIN }));
  const ready = s.poll(asked, 5000);
  expect(ready).toHaveLength(2000);
  expect(ready.flatMap((revents, i) => (revents === 0 ? [] : [[i, revents]]))).toEqual([
    [7, POLLIN],
    [1999, POLLIN],
  ]);
  expect(nothrow.poll(asked, 0)).toBe(2);
  expect(s.ppoll(asked, 0n)).toEqual(ready);
});

const built = new URL('../../dist/index.js', import.meta.url).href;

/** Runs a module in its own process, whose process.argv[1] is the built library. */
function run(script: string, ...command: string[]): unknown {
  const [program, ...argv] = [...command, process.execPath, '--input-type=module', '-e', script, built];
  return JSON.parse(execFileSync(program!, argv, { encoding: 'utf8', timeout: HANGING }));
}

test('more file descriptors than the process may have cause EINVAL', () => {
  const script = `
    const s = await import(process.argv[1]);
    const errno = (call) => { try { call(); return 0; } catch ({ code, errno, syscall }) { return [code, errno, syscall]; } };
    const list = (length) => Array.from({ length }, () => ({ fd: -1, events: 0 }));
    console.log(JSON.stringify([
      errno(() => s.poll(list(128), 0)),
      errno(() => s.poll(list(129), 0)),
      errno(() => s.ppoll(list(129), 0n)),
    ]));
  `;
  expect(run(script, 'sh', '-c', 'ulimit -n 128 && exec "$@"', 'sh')).toEqual([
    0,
    ['EINVAL', s.EINVAL, 'poll'],
    ['EINVAL', s.EINVAL, 'ppoll'],
  ]);
});

test('a signal ends the wait with EINTR, and its handler runs when the thread is free', () => {
  const script = `
    import { spawn } from 'node:child_process';
    import { constants } from 'node:os';
    const s = await import(process.argv[1]);
    const nothrow = await import(new URL('nothrow.js', process.argv[1]));
    let seen = 0;
    process.on('SIGUSR2', () => { seen++; });
    const loop = 'for i in $(seq 300); do kill -USR2 $0 || exit; sleep 0.05; done';
    const signals = spawn('sh', ['-c', loop, String(process.pid)], { stdio: 'ignore' });
    const errno = (call) => { try { return call(); } catch ({ code, errno, syscall }) { return [code, errno, syscall]; } };
    const { SIGUSR2, SIGUSR1 } = constants.signals;
    const said = [
      errno(() => s.poll([], 20000)),
      errno(() => s.ppoll([], 20000000000n)),
      errno(() => s.ppoll([], 20000000000n, [])),
      errno(() => s.ppoll([], 20000000000n, [SIGUSR1])),
      errno(() => nothrow.poll([], 20000)),
      // Blocked while it waits: signals come all the time, and none ends it.
      errno(() => s.ppoll([], 300000000n, [SIGUSR2])),
      seen,
    ];
    while (seen === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    console.log(JSON.stringify([...said, seen > 0]));
    signals.kill();
    process.exit();
  `;
  const eintr = (syscall: string) => ['EINTR', s.EINTR, syscall];
  expect(run(script)).toEqual([eintr('poll'), eintr('ppoll'), eintr('ppoll'), eintr('ppoll'), -s.EINTR, [], 0, true]);
});

test('ppoll: the signal mask applies only while the call waits', async () => {
  const [a, b] = pair();
  const { SIGUSR2, SIGWINCH, SIGHUP } = os.signals;
  const blocked = () => BigInt(`0x${/SigBlk:\s*(\w+)/.exec(readFileSync('/proc/thread-self/status', 'latin1'))![1]}`);
  const bits = (signals: number[]) => signals.reduce((mask, signal) => mask | (1n << BigInt(signal - 1)), 0n);
  const before = blocked();
  // Another process watches this thread wait, reports its signal mask, and thereby ends the wait.
  const script = `
import os, re, sys, time
def mask():
    with open('/proc/%s/task/%s/status' % tuple(sys.argv[1:3])) as file: status = file.read()
    return re.search('State:.S', status) is not None, int(re.search('SigBlk:.(.*)', status)[1], 16)
end = time.time() + 60
while mask() != (True, int(sys.argv[3])) and time.time() < end: time.sleep(0.01)
os.write(3, str(mask()[1]).encode())
`;
  const thread = readFileSync('/proc/thread-self/stat', 'latin1').split(' ')[0]!;
  for (const [mask, expected] of [
    [[SIGUSR2, SIGWINCH], bits([SIGUSR2, SIGWINCH])],
    [[], 0n],
    [[SIGHUP, 64], bits([SIGHUP, 64])],
    [undefined, before],
  ] as const) {
    const watcher = spawn('python3', ['-c', script, String(process.pid), thread, String(expected)], {
      stdio: ['ignore', 'inherit', 'inherit', b],
    });
    const left = once(watcher, 'exit');
    expect(s.ppoll([{ fd: a, events: POLLIN }], 20_000_000_000n, mask)).toEqual([POLLIN]);
    const buffer = Buffer.alloc(64);
    const told = buffer.toString('latin1', 0, s.recv(a, buffer));
    expect(BigInt(told)).toBe(expected);
    expect(blocked()).toBe(before);
    await left;
  }
});

test('values that C cannot represent are rejected', () => {
  const type = expect.objectContaining({ name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' });
  const range = expect.objectContaining({ name: 'RangeError', code: 'ERR_OUT_OF_RANGE' });
  const bad = (value: unknown) => value as never;
  const waits = [
    (fds: unknown) => s.poll(bad(fds), 0),
    (fds: unknown) => s.ppoll(bad(fds), 0n),
    (fds: unknown) => nothrow.poll(bad(fds), 0),
  ];
  for (const wait of waits) {
    for (const fds of [undefined, null, 5, 'x', {}, new Int32Array(4)]) expect(() => wait(fds)).toThrow(type);
    for (const entry of [undefined, null, 5, {}, { fd: 0 }, { events: 1 }, { fd: '0', events: 1 }]) {
      expect(() => wait([entry])).toThrow(type);
    }
    for (const number of [1.5, Number.NaN, Infinity, 2 ** 31, -(2 ** 31) - 1]) {
      expect(() => wait([{ fd: number, events: 0 }])).toThrow(range);
    }
    for (const events of [1.5, Number.NaN, 0x10000, -0x8001]) expect(() => wait([{ fd: -1, events }])).toThrow(range);
    // A hole is not file descriptor 0, and inherited properties are not read.
    expect(() => wait(Array(1))).toThrow(type);
    expect(() => wait([Object.create({ fd: -1, events: 0 })])).toThrow(type);
  }
  for (const time of [undefined, null, '0', 5n]) expect(() => s.poll([], bad(time))).toThrow(type);
  for (const time of [1.5, Number.NaN, 2 ** 31]) expect(() => s.poll([], time)).toThrow(range);
  for (const time of [0, '0', null]) expect(() => s.ppoll([], bad(time))).toThrow(type);
  expect(() => s.ppoll([], 1n << 90n)).toThrow(range);
  for (const mask of [5, 'x', {}]) expect(() => s.ppoll([], 0n, bad(mask))).toThrow(type);
  for (const signal of [0, -1, 65, 1.5, 32, 33]) expect(() => s.ppoll([], 0n, [signal])).toThrow(range);
  expect(() => s.ppoll([], 0n, [bad('SIGINT')])).toThrow(type);
});

test('each entry is read once, before the call', () => {
  const [a] = pair();
  let reads = 0;
  const entry = {
    get fd() {
      return reads++ === 0 ? a : -1;
    },
    events: POLLOUT,
  };
  expect(s.poll([entry], 0)).toEqual([POLLOUT]);
  expect(reads).toBe(1);
});
