import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { constants as os } from 'node:os';
import { expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as nothrow from '../../lib/nothrow.ts';
import { cleanup } from '../helpers/fds.ts';
import { connection, datagram, listener, pair } from '../helpers/fixtures.ts';
import { HANGING } from '../helpers/limits.ts';
import { type Need, need } from '../helpers/need.ts';

/** Python's select.select on inherited file descriptors: 3, 4, 5, ... there. Returns indexes into the list. */
function pythonSelect(fds: readonly number[]): number[][] {
  const script = `
import json, select, sys
fds = list(range(3, 3 + int(sys.argv[1])))
print(json.dumps([[fd - 3 for fd in found] for found in select.select(fds, fds, fds, 0)]))
`;
  const stdio = ['ignore', 'pipe', 'inherit', ...fds] as const;
  return JSON.parse(execFileSync('python3', ['-c', script, String(fds.length)], { stdio: [...stdio] }).toString());
}

const none: s.Selected = { readers: [], writers: [], excepts: [] };

/** Both functions, which accept the same sets. Times are in milliseconds. */
const calls = [
  ['select', (r: number[], w: number[], e: number[], ms?: number) => s.select(r, w, e, ms)],
  [
    'pselect',
    (r: number[], w: number[], e: number[], ms?: number) =>
      s.pselect(r, w, e, ms === undefined ? undefined : BigInt(ms) * 1_000_000n),
  ],
] as const;

test.each(calls)('%s: every kind of readiness is the same as in Python', (_name, select) => {
  const [idle] = pair();
  const [readable, peer] = pair();
  s.send(peer, 'x');
  const [full] = pair(s.SOCK_STREAM | s.SOCK_NONBLOCK);
  while (nothrow.send(full, new Uint8Array(65536)) > 0);
  const [ended, other] = s.socketpair(s.AF_UNIX, s.SOCK_STREAM);
  cleanup(ended);
  s.close(other);
  const urgent = connection();
  s.send(urgent.client, 'x', s.MSG_OOB);
  const waiting = listener();
  s.connect(cleanup(s.socket(s.AF_INET, s.SOCK_STREAM)), waiting.address);
  const udp = datagram();
  s.sendto(udp.fd, '', 0, udp.address);
  const fds = [idle, readable, full, ended, urgent.server, waiting.fd, udp.fd, listener().fd];
  // The loopback device may deliver a moment late.
  for (const fd of [waiting.fd, udp.fd]) s.poll([{ fd, events: s.POLLIN }], 5000);
  s.poll([{ fd: urgent.server, events: s.POLLPRI }], 5000);
  const found = select(fds, fds, fds, 0);
  expect(found).toEqual({
    readers: [readable, ended, waiting.fd, udp.fd],
    writers: [idle, readable, ended, urgent.server, udp.fd],
    excepts: [urgent.server],
  });
  const place = (list: number[]) => list.map((fd) => fds.indexOf(fd));
  expect([place(found.readers), place(found.writers), place(found.excepts)]).toEqual(pythonSelect(fds));
});

test.each(calls)(
  '%s: the order of each set is kept, and a file descriptor may be in several sets, or twice in one',
  (_name, select) => {
    const [a, b] = pair();
    s.send(a, 'x');
    s.send(b, 'x');
    expect(select([b, a], [a, b], [], 0)).toEqual({ readers: [b, a], writers: [a, b], excepts: [] });
    expect(select([a, a, b, a], [], [a], 0)).toEqual({ readers: [a, a, b, a], writers: [], excepts: [] });
    const list = [a, b];
    select(list, list, list, 0);
    expect(list).toEqual([a, b]); // the lists of the caller do not change
  },
);

test.each(calls)('%s: empty sets are a pause, which does not end before its time', (_name, select) => {
  expect(select([], [], [], 0)).toEqual(none);
  const [a] = pair();
  const before = performance.now();
  expect(select([], [], [], 30)).toEqual(none);
  expect(select([a], [], [a], 30)).toEqual(none);
  expect(performance.now() - before).toBeGreaterThanOrEqual(59);
});

test.each(calls)('%s: a wait without a timeout ends when there is an event', async (_name, select) => {
  const [a, b] = pair();
  const writer = spawn('sh', ['-c', 'sleep 0.2; printf x >&3'], { stdio: ['ignore', 'ignore', 'inherit', b] });
  expect(select([a], [], [])).toEqual({ ...none, readers: [a] });
  await once(writer, 'exit');
});

test('select: a timeout in whole microseconds is accepted despite rounding errors, and other fractions are rejected', () => {
  // 0.07 * 1000 is 70.00000000000001 and 1.001 * 1000 is 1000.9999999999999.
  for (const ms of [0.001, 0.07, 0.29, 1.001, 1.1, 4.35, 8.2]) expect(s.select([], [], [], ms)).toEqual(none);
  const range = expect.objectContaining({ name: 'RangeError', code: 'ERR_OUT_OF_RANGE' });
  for (const ms of [0.0001, 0.0705, 1 / 3, Number.NaN, Infinity, Number.MAX_SAFE_INTEGER]) {
    expect(() => s.select([], [], [], ms)).toThrow(range);
  }
  expect(s.pselect([], [], [], 1n)).toEqual(none);
});

test.each(calls)(
  '%s: a negative timeout fails with EINVAL, and a closed file descriptor with EBADF',
  (name, select) => {
    const [a] = pair();
    expect(() => select([a], [], [], -1)).toThrow(expect.objectContaining({ code: 'EINVAL', syscall: name }));
    expect(() => select([], [], [], -1000)).toThrow(expect.objectContaining({ code: 'EINVAL', errno: s.EINVAL }));
    const closed = s.dup(a);
    s.close(closed);
    for (const sets of [
      [[a, closed], [], []],
      [[], [closed], []],
      [[], [], [closed]],
    ] as [number[], number[], number[]][]) {
      expect(() => select(...sets, 0)).toThrow(expect.objectContaining({ code: 'EBADF', syscall: name }));
    }
  },
);

/** File descriptors for which a fd_set has no room. */
const highDescriptors: Need = () => {
  const fd = s.socket(s.AF_UNIX, s.SOCK_DGRAM);
  try {
    s.close(s.fcntl(fd, s.F_DUPFD_CLOEXEC, 1500));
    return undefined;
  } catch (error) {
    return `descriptors up to 1500: ${(error as s.SocketError).code}`;
  } finally {
    s.close(fd);
  }
};

test.each(calls)(
  '%s: 1023 is the largest file descriptor, because C would write beyond its sets for 1024',
  (name, select) => {
    const range = expect.objectContaining({
      name: 'RangeError',
      code: 'ERR_OUT_OF_RANGE',
      message: expect.stringContaining(`(${name})`),
    });
    const [a] = pair();
    for (const fd of [-1, -2147483648, 1024, 1500, 2147483647]) {
      expect(() => select([fd], [], [], 0)).toThrow(range);
      expect(() => select([a], [a, fd], [], 0)).toThrow(range);
      expect(() => select([], [], [fd, a], 0)).toThrow(range);
    }
    expect(() => select([], [1024], [], 0)).toThrow(/"writers"/);
  },
);

test.for(calls)(
  '%s: file descriptors up to 1023 work, and larger ones are rejected even if they are open',
  ([, select], context) => {
    need(context, highDescriptors);
    const [a, b] = pair();
    s.send(b, 'x');
    const last = cleanup(s.fcntl(a, s.F_DUPFD_CLOEXEC, 1023));
    expect(last).toBe(1023);
    expect(select([last, a], [last], [last], 0)).toEqual({ readers: [1023, a], writers: [1023], excepts: [] });
    const high = cleanup(s.fcntl(a, s.F_DUPFD_CLOEXEC, 1500));
    expect(() => select([high], [], [], 0)).toThrow(RangeError);
    expect(s.poll([{ fd: high, events: s.POLLIN }], 0)).toEqual([s.POLLIN]);
  },
);

test('a signal ends the wait with EINTR, unless the mask of pselect blocks it', () => {
  const script = `
    import { spawn } from 'node:child_process';
    import { constants } from 'node:os';
    const s = await import(process.argv[1]);
    let seen = 0;
    process.on('SIGUSR2', () => { seen++; });
    const loop = 'for i in $(seq 300); do kill -USR2 $0 || exit; sleep 0.05; done';
    const signals = spawn('sh', ['-c', loop, String(process.pid)], { stdio: 'ignore' });
    const errno = (call) => { try { return call(); } catch ({ code, errno, syscall }) { return [code, errno, syscall]; } };
    const said = [
      errno(() => s.select([], [], [], 20000)),
      errno(() => s.select([], [], [])),
      errno(() => s.pselect([], [], [], 20000000000n)),
      errno(() => s.pselect([], [], [], 20000000000n, [])),
      errno(() => s.pselect([], [], [], 300000000n, [constants.signals.SIGUSR2]).readers),
      seen,
    ];
    while (seen === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    console.log(JSON.stringify([...said, seen > 0]));
    signals.kill();
    process.exit();
  `;
  const built = new URL('../../dist/index.js', import.meta.url).href;
  const argv = ['--input-type=module', '-e', script, built];
  const said = JSON.parse(execFileSync(process.execPath, argv, { encoding: 'utf8', timeout: HANGING }));
  const eintr = (syscall: string) => ['EINTR', s.EINTR, syscall];
  expect(said).toEqual([eintr('select'), eintr('select'), eintr('pselect'), eintr('pselect'), [], 0, true]);
});

test('pselect: the signal mask of the thread is restored after the call', () => {
  const blocked = () => /SigBlk:\s*(\w+)/.exec(readFileSync('/proc/thread-self/status', 'latin1'))![1];
  const before = blocked();
  expect(s.pselect([], [], [], 0n, [os.signals.SIGUSR2, os.signals.SIGWINCH])).toEqual(none);
  expect(blocked()).toBe(before);
});

test.each(calls)('%s: values that C cannot represent are rejected', (_name, call) => {
  const type = expect.objectContaining({ name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' });
  const range = expect.objectContaining({ name: 'RangeError', code: 'ERR_OUT_OF_RANGE' });
  const select = call as (...args: unknown[]) => s.Selected;
  for (const set of [undefined, null, 5, 'x', {}, new Int32Array(1)]) {
    expect(() => select(set, [], [], 0)).toThrow(type);
    expect(() => select([], set, [], 0)).toThrow(type);
    expect(() => select([], [], set, 0)).toThrow(type);
  }
  for (const fd of [undefined, null, '0', {}, 0n]) expect(() => select([fd], [], [], 0)).toThrow(type);
  expect(() => select(Array(1), [], [], 0)).toThrow(type); // a hole is not file descriptor 0
  for (const fd of [1.5, Number.NaN, 2 ** 32]) expect(() => select([], [], [fd], 0)).toThrow(range);
});

test('a timeout of the wrong type and an invalid signal mask are rejected', () => {
  const type = expect.objectContaining({ name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' });
  const bad = (value: unknown) => value as never;
  for (const time of [null, '0', 5n, {}]) expect(() => s.select([], [], [], bad(time))).toThrow(type);
  for (const time of [null, '0', 5, {}]) expect(() => s.pselect([], [], [], bad(time))).toThrow(type);
  for (const mask of [null, 5, 'x', {}]) expect(() => s.pselect([], [], [], 0n, bad(mask))).toThrow(type);
  for (const signal of [0, 65, 32]) expect(() => s.pselect([], [], [], 0n, [signal])).toThrow(RangeError);
});

test('a set of 900 file descriptors', (context) => {
  need(context, highDescriptors);
  const [a, b] = pair();
  const all = Array.from({ length: 900 }, () => s.dup(a));
  cleanup(...(all as [number, ...number[]]));
  const fds = all.filter((fd) => fd < 1024);
  expect(fds.length).toBeGreaterThan(800);
  expect(s.select(fds, [], [], 0)).toEqual(none);
  s.send(b, 'x');
  expect(s.select(fds, [], fds, 0)).toEqual({ ...none, readers: fds });
});
