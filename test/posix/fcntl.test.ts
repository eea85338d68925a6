import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as nothrow from '../../lib/nothrow.ts';
import { cleanup } from '../helpers/fds.ts';
import { folder, pair } from '../helpers/fixtures.ts';
import { type Need, need } from '../helpers/need.ts';

/** Runs fcntl.fcntl in Python on this file descriptor (as its 3, so that F_GETFD is not ours): results, or [errno]. */
function pythonOn(fd: number, ...calls: [command: number, argument?: number][]): (number | [number])[] {
  const script = `
import fcntl, json, sys
def answer(*call):
    try: return fcntl.fcntl(3, *call)
    except OSError as error: return [error.errno]
print(json.dumps([answer(*call) for call in json.loads(sys.argv[1])]))`;
  const stdio = ['ignore', 'pipe', 'inherit', fd] as const;
  return JSON.parse(execFileSync('python3', ['-c', script, JSON.stringify(calls)], { stdio: [...stdio] }).toString());
}

function udp(flags = 0): number {
  return cleanup(s.socket(s.AF_INET, s.SOCK_DGRAM | flags));
}

/** The process group of this process: the fifth field of its stat, after a name that may contain spaces. */
function processGroup(): number {
  return Number(readFileSync('/proc/self/stat', 'utf8').split(') ').at(-1)!.split(' ')[2]);
}

test('F_GETFL and F_SETFL', () => {
  const fd = udp();
  expect(s.fcntl(fd, s.F_GETFL)).toBe(s.O_RDWR);
  expect(s.fcntl(fd, s.F_SETFL, s.fcntl(fd, s.F_GETFL) | s.O_NONBLOCK)).toBe(0);
  expect([s.fcntl(fd, s.F_GETFL)]).toEqual(pythonOn(fd, [s.F_GETFL]));
  expect(s.fcntl(fd, s.F_GETFL)).toBe(s.O_RDWR | s.O_NONBLOCK);
  expect(() => s.recv(fd, Buffer.alloc(1))).toThrow(expect.objectContaining({ code: 'EAGAIN' }));
  expect(pythonOn(fd, [s.F_SETFL, s.O_RDWR])).toEqual([0]);
  expect(s.fcntl(fd, s.F_GETFL), 'the flags that another process set').toBe(s.O_RDWR);
  expect(s.fcntl(udp(s.SOCK_NONBLOCK), s.F_GETFL)).toBe(s.O_RDWR | s.O_NONBLOCK);
});

test('F_SETFD lets a child process inherit a file descriptor', () => {
  const fd = udp();
  const inherited = () => spawnSync('readlink', [`/proc/self/fd/${fd}`]).stdout.toString();
  expect(s.fcntl(fd, s.F_GETFD)).toBe(s.FD_CLOEXEC);
  expect(inherited()).toBe('');
  expect(s.fcntl(fd, s.F_SETFD, 0)).toBe(0);
  expect(s.fcntl(fd, s.F_GETFD)).toBe(0);
  expect(inherited()).toMatch(/^socket:/);
  s.fcntl(fd, s.F_SETFD, s.FD_CLOEXEC);
  expect(s.fcntl(fd, s.F_GETFD)).toBe(s.FD_CLOEXEC);
  expect(inherited()).toBe('');
});

test('F_DUPFD_CLOEXEC returns the lowest free file descriptor from a minimum on, with close-on-exec', () => {
  const fd = udp();
  const first = cleanup(s.fcntl(fd, s.F_DUPFD_CLOEXEC, 200));
  const second = cleanup(s.fcntl(fd, s.F_DUPFD_CLOEXEC, 200));
  expect([first, second]).toEqual([200, 201]);
  expect(s.fcntl(first, s.F_GETFD)).toBe(s.FD_CLOEXEC);
  s.fcntl(first, s.F_SETFL, s.O_NONBLOCK);
  expect(s.fcntl(fd, s.F_GETFL), 'the same open file').toBe(s.O_RDWR | s.O_NONBLOCK);
  expect(() => s.fcntl(fd, s.F_DUPFD_CLOEXEC, -1)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
});

test('F_SETOWN and F_GETOWN use a process, or a process group as a negative number', () => {
  const fd = udp();
  const group = processGroup();
  expect(s.fcntl(fd, s.F_GETOWN)).toBe(0);
  expect(s.fcntl(fd, s.F_SETOWN, process.pid)).toBe(0);
  expect(s.fcntl(fd, s.F_GETOWN)).toBe(process.pid);
  expect(s.fcntl(fd, s.F_SETOWN, -group)).toBe(0);
  expect(s.fcntl(fd, s.F_GETOWN), 'a negative result is not an error').toBe(-group);
  expect(group).toBeGreaterThan(0);
  expect(s.fcntl(fd, s.F_SETOWN, 0)).toBe(0);
  expect(s.fcntl(fd, s.F_GETOWN)).toBe(0);
  expect(() => s.fcntl(fd, s.F_SETOWN, 0x7ffffffe)).toThrow(expect.objectContaining({ code: 'ESRCH' }));
  expect(() => s.fcntl(-1, s.F_GETOWN)).toThrow(expect.objectContaining({ code: 'EBADF', syscall: 'fcntl' }));
});

/** New processes with small pids. */
const smallGroups: Need = () =>
  spawnSync('unshare', ['-Urpf', 'true']).status === 0 ? undefined : 'no process namespaces';

test('F_GETOWN returns -1 for process group 1, which is not an error', (context) => {
  need(context, smallGroups);
  const script = `
    import * as s from 'sys-socket';
    const fd = s.socket(s.AF_INET, s.SOCK_DGRAM);
    s.fcntl(fd, s.F_SETOWN, -1);
    console.log(process.pid, s.fcntl(fd, s.F_GETOWN));`;
  const command = ['-Urpf', 'setsid', process.execPath, '--input-type=module', '-e', script];
  const options = { cwd: join(import.meta.dirname, '../..'), encoding: 'utf8' } as const;
  expect(spawnSync('unshare', command, options)).toMatchObject({ stderr: '', stdout: '1 -1\n' });
});

test('F_SETSIG and F_GETSIG', () => {
  const fd = udp();
  expect(s.fcntl(fd, s.F_GETSIG)).toBe(0);
  expect(s.fcntl(fd, s.F_SETSIG, 34)).toBe(0);
  expect(s.fcntl(fd, s.F_GETSIG)).toBe(34);
  expect(() => s.fcntl(fd, s.F_SETSIG, 1000)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
});

test('the size of a pipe is read and changed', () => {
  const path = join(folder(), 'fifo');
  execFileSync('mkfifo', [path]);
  const fd = cleanup(openSync(path, 'r+'));
  expect([s.fcntl(fd, s.F_GETPIPE_SZ)]).toEqual(pythonOn(fd, [s.F_GETPIPE_SZ]));
  expect(s.fcntl(fd, s.F_SETPIPE_SZ, 4096)).toBe(4096);
  expect(pythonOn(fd, [s.F_GETPIPE_SZ])).toEqual([4096]);
});

test('errors are the same as in Python', () => {
  const [fd] = pair();
  const calls: [number, number?][] = [
    [s.F_GETPIPE_SZ],
    [s.F_SETPIPE_SZ, 4096],
    [s.F_GET_SEALS],
    [s.F_ADD_SEALS, s.F_SEAL_SEAL],
    [s.F_DUPFD_CLOEXEC, 0x7fffffff],
    [s.F_SETSIG, -1],
    [s.F_SETOWN, 0x7ffffffe],
  ];
  const got = calls.map((call) => [-nothrow.fcntl(fd, ...call)]);
  expect(got).toEqual(pythonOn(fd, ...calls));
  for (const command of [s.F_GETFL, s.F_GETFD, s.F_DUPFD_CLOEXEC]) {
    expect(() => s.fcntl(-1, command)).toThrow(
      expect.objectContaining({ name: 'SocketError', code: 'EBADF', errno: s.EBADF, syscall: 'fcntl' }),
    );
    expect(nothrow.fcntl(-1, command)).toBe(-s.EBADF);
  }
});

/** asm-generic/fcntl.h: it creates a file descriptor that is not close-on-exec, so the library does not export it. */
const F_DUPFD = 0;

test.each([
  ['F_DUPFD', F_DUPFD],
  ['F_NOTIFY', s.F_NOTIFY],
  ['an unknown one', 99999],
  ['a negative one', -1],
])('%s is rejected before it reaches the kernel', (_, command) => {
  const fd = udp();
  for (const target of [fd, -1]) {
    expect(() => s.fcntl(target, command)).toThrow(RangeError);
    expect(() => nothrow.fcntl(target, command)).toThrow(expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }));
  }
});

test('F_SETOWN_EX and F_GETOWN_EX use a process group, a process or a thread, depending on the type', () => {
  const fd = udp();
  const group = processGroup();
  const owner = new Int32Array(2);
  for (const [kind, id, owned] of [
    [s.F_OWNER_PGRP, group, -group],
    [s.F_OWNER_PID, process.pid, process.pid],
    [s.F_OWNER_TID, process.pid, process.pid],
  ] as const) {
    expect(s.fcntl(fd, s.F_SETOWN_EX, Int32Array.of(kind, id))).toBe(0);
    expect(s.fcntl(fd, s.F_GETOWN_EX, owner)).toBe(0);
    expect([...owner]).toEqual([kind, id]);
    expect(s.fcntl(fd, s.F_GETOWN)).toBe(owned);
  }
  const nobody = Int32Array.of(s.F_OWNER_PID, 0x7ffffffe);
  expect(() => s.fcntl(fd, s.F_SETOWN_EX, nobody)).toThrow(expect.objectContaining({ code: 'ESRCH' }));
  expect(nothrow.fcntl(fd, s.F_SETOWN_EX, Int32Array.of(9, 0))).toBe(-s.EINVAL);
});

/** A struct flock for a whole file or a part of it. */
function flock(type: number, start = 0n, length = 0n): Buffer {
  const bytes = Buffer.alloc(32);
  bytes.writeInt16LE(type, 0);
  bytes.writeBigInt64LE(start, 8);
  bytes.writeBigInt64LE(length, 16);
  return bytes;
}

const fields = (bytes: Buffer) => [bytes.readInt16LE(0), bytes.readBigInt64LE(8), bytes.readBigInt64LE(16)];

/**
 * A process that holds a lock on bytes 10 to 14 of the file until a socket tells it to end, as this thread will block.
 */
async function locker(path: string) {
  const script = `
import fcntl, sys
file = open(sys.argv[1], 'r+')
fcntl.lockf(file, fcntl.LOCK_EX, 5, 10)
print('locked', flush=True)
sys.stdin.readline()`;
  const [ours, theirs] = pair(s.SOCK_STREAM);
  const child = spawn('python3', ['-c', script, path], { stdio: [theirs, 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill());
  await once(child.stdout!, 'data');
  return { pid: child.pid, end: () => s.send(ours, '\n') };
}

test('F_GETLK, F_SETLK and F_SETLKW work with another process', async () => {
  const path = join(folder(), 'file');
  writeFileSync(path, '');
  const fd = cleanup(openSync(path, 'r+'));
  const child = await locker(path);
  const found = flock(s.F_WRLCK);
  expect(s.fcntl(fd, s.F_GETLK, found)).toBe(0);
  expect([...fields(found), found.readInt32LE(24)]).toEqual([s.F_WRLCK, 10n, 5n, child.pid]);
  expect(nothrow.fcntl(fd, s.F_SETLK, flock(s.F_RDLCK))).toBe(-s.EAGAIN);
  expect(s.fcntl(fd, s.F_SETLK, flock(s.F_WRLCK, 15n))).toBe(0);
  child.end();
  expect(s.fcntl(fd, s.F_SETLKW, flock(s.F_WRLCK)), 'as soon as the other process ends').toBe(0);
  const free = flock(s.F_WRLCK);
  s.fcntl(fd, s.F_GETLK, free);
  expect(fields(free)[0], 'nobody else has a lock').toBe(s.F_UNLCK);
});

test('F_OFD_GETLK, F_OFD_SETLK and F_OFD_SETLKW work between two open file descriptions of one process', () => {
  const path = join(folder(), 'file');
  writeFileSync(path, '');
  const [a, b] = [0, 0].map(() => cleanup(openSync(path, 'r+'))) as [number, number];
  expect(s.fcntl(a, s.F_OFD_SETLKW, flock(s.F_WRLCK, 3n, 4n))).toBe(0);
  const found = flock(s.F_RDLCK);
  expect(s.fcntl(b, s.F_OFD_GETLK, found)).toBe(0);
  expect([...fields(found), found.readInt32LE(24)]).toEqual([s.F_WRLCK, 3n, 4n, -1]);
  expect(nothrow.fcntl(b, s.F_OFD_SETLK, flock(s.F_RDLCK))).toBe(-s.EAGAIN);
  expect(s.fcntl(a, s.F_OFD_SETLK, flock(s.F_UNLCK))).toBe(0);
  expect(s.fcntl(b, s.F_OFD_SETLK, flock(s.F_RDLCK))).toBe(0);
});

test('leases, hints and seals of files work', () => {
  const path = join(folder(), 'file');
  writeFileSync(path, '');
  const fd = cleanup(openSync(path, 'r'));
  expect(s.fcntl(fd, s.F_GETLEASE)).toBe(s.F_UNLCK);
  expect(s.fcntl(fd, s.F_SETLEASE, s.F_RDLCK)).toBe(0);
  expect(s.fcntl(fd, s.F_GETLEASE)).toBe(s.F_RDLCK);
  expect(s.fcntl(fd, s.F_SETLEASE, s.F_UNLCK)).toBe(0);
  const hint = BigUint64Array.of(BigInt(s.RWH_WRITE_LIFE_SHORT));
  expect(s.fcntl(fd, s.F_SET_RW_HINT, hint)).toBe(0);
  hint[0] = 0n;
  expect(s.fcntl(fd, s.F_GET_RW_HINT, hint)).toBe(0);
  expect(hint[0]).toBe(BigInt(s.RWH_WRITE_LIFE_SHORT));
  expect(() => s.fcntl(fd, s.F_GET_SEALS)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
});

test('F_DUPFD_QUERY compares the open file descriptions of two file descriptors', (context) => {
  const fd = udp();
  const same = nothrow.fcntl(fd, s.F_DUPFD_QUERY, cleanup(s.dup(fd)));
  need(context, () => (same === -s.EINVAL ? 'Linux 6.10 brought F_DUPFD_QUERY' : undefined));
  expect(same).toBe(1);
  expect(s.fcntl(fd, s.F_DUPFD_QUERY, udp())).toBe(0);
});

test('a struct must be given as bytes of its exact size, not as a number', () => {
  const fd = udp();
  for (const [command, size] of [
    [s.F_GETLK, 32],
    [s.F_OFD_SETLKW, 32],
    [s.F_GETOWN_EX, 8],
    [s.F_SET_FILE_RW_HINT, 8],
  ] as const) {
    for (const wrong of [0, size - 1, size + 1]) {
      expect(() => s.fcntl(fd, command, new Uint8Array(wrong))).toThrow(
        /^The "argument" argument must be attached and of/,
      );
    }
    expect(() => s.fcntl(fd, command)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }));
    expect(() => nothrow.fcntl(fd, command, 1)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }));
  }
});

test('arguments that C cannot represent are rejected', () => {
  const fd = udp();
  for (const bad of [1.5, Number.NaN, 2 ** 31, -(2 ** 31) - 1]) {
    expect(() => s.fcntl(bad, s.F_GETFL)).toThrow(RangeError);
    expect(() => s.fcntl(fd, bad)).toThrow(RangeError);
    expect(() => s.fcntl(fd, s.F_SETFL, bad)).toThrow(RangeError);
  }
  for (const bad of ['1', 1n, null, {}, new Uint8Array(4)] as unknown as number[]) {
    expect(() => s.fcntl(bad, s.F_GETFL)).toThrow(TypeError);
    expect(() => s.fcntl(fd, s.F_SETFL, bad)).toThrow(TypeError);
  }
  expect(s.fcntl(fd, s.F_GETFL), 'the call had no effect').toBe(s.O_RDWR);
  expect(() => nothrow.fcntl(fd, s.F_GETOWN), 'its negative results are not errnos').toThrow(TypeError);
});
