import { execFileSync, spawnSync } from 'node:child_process';
import { openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as nothrow from '../../lib/nothrow.ts';
import { cleanup } from '../helpers/fds.ts';
import { type Need, need } from '../helpers/need.ts';
import { folder, pair } from '../helpers/world.ts';

/** fcntl.fcntl in Python on this very descriptor (its 3, so that F_GETFD is not ours): results, or [errno]. */
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

/** The group of this process: the fifth field of its stat, after a name that may hold spaces. */
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
  expect(s.fcntl(fd, s.F_GETFL), 'what another process set').toBe(s.O_RDWR);
  expect(s.fcntl(udp(s.SOCK_NONBLOCK), s.F_GETFL)).toBe(s.O_RDWR | s.O_NONBLOCK);
});

test('F_SETFD is the way to hand a descriptor to a child', () => {
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

test('F_DUPFD_CLOEXEC gives the next free descriptor from a number on, close-on-exec', () => {
  const fd = udp();
  const first = cleanup(s.fcntl(fd, s.F_DUPFD_CLOEXEC, 200));
  const second = cleanup(s.fcntl(fd, s.F_DUPFD_CLOEXEC, 200));
  expect([first, second]).toEqual([200, 201]);
  expect(s.fcntl(first, s.F_GETFD)).toBe(s.FD_CLOEXEC);
  s.fcntl(first, s.F_SETFL, s.O_NONBLOCK);
  expect(s.fcntl(fd, s.F_GETFL), 'the same open file').toBe(s.O_RDWR | s.O_NONBLOCK);
  expect(() => s.fcntl(fd, s.F_DUPFD_CLOEXEC, -1)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
});

test('F_SETOWN and F_GETOWN: a process, and a process group as a negative number', () => {
  const fd = udp();
  const group = processGroup();
  expect(s.fcntl(fd, s.F_GETOWN)).toBe(0);
  expect(s.fcntl(fd, s.F_SETOWN, process.pid)).toBe(0);
  expect(s.fcntl(fd, s.F_GETOWN)).toBe(process.pid);
  expect(s.fcntl(fd, s.F_SETOWN, -group)).toBe(0);
  expect(s.fcntl(fd, s.F_GETOWN), 'not an error, however small it is').toBe(-group);
  expect(group).toBeGreaterThan(0);
  expect(s.fcntl(fd, s.F_SETOWN, 0)).toBe(0);
  expect(s.fcntl(fd, s.F_GETOWN)).toBe(0);
  expect(() => s.fcntl(fd, s.F_SETOWN, 0x7ffffffe)).toThrow(expect.objectContaining({ code: 'ESRCH' }));
  expect(() => s.fcntl(-1, s.F_GETOWN)).toThrow(expect.objectContaining({ code: 'EBADF', syscall: 'fcntl' }));
});

/** New processes with small numbers. */
const smallGroups: Need = () =>
  spawnSync('unshare', ['-Urpf', 'true']).status === 0 ? undefined : 'no process namespaces';

test('F_GETOWN of group 1 is -1, and no error', (context) => {
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

test('the size of a pipe', () => {
  const path = join(folder(), 'fifo');
  execFileSync('mkfifo', [path]);
  const fd = cleanup(openSync(path, 'r+'));
  expect([s.fcntl(fd, s.F_GETPIPE_SZ)]).toEqual(pythonOn(fd, [s.F_GETPIPE_SZ]));
  expect(s.fcntl(fd, s.F_SETPIPE_SZ, 4096)).toBe(4096);
  expect(pythonOn(fd, [s.F_GETPIPE_SZ])).toEqual([4096]);
});

test('errors equal those of Python', () => {
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

/** asm-generic/fcntl.h: it gives a descriptor that is not close-on-exec, so the library does not name it. */
const F_DUPFD = 0;

test.each([
  ['F_DUPFD', F_DUPFD],
  ['F_GETLK', s.F_GETLK],
  ['F_SETLK', s.F_SETLK],
  ['F_SETLKW', s.F_SETLKW],
  ['F_OFD_SETLK', s.F_OFD_SETLK],
  ['F_SETOWN_EX', s.F_SETOWN_EX],
  ['F_GETOWN_EX', s.F_GETOWN_EX],
  ['F_GET_RW_HINT', s.F_GET_RW_HINT],
  ['an unknown one', 99999],
  ['a negative one', -1],
])('%s is refused before the kernel sees it', (_, command) => {
  const fd = udp();
  for (const target of [fd, -1]) {
    expect(() => s.fcntl(target, command)).toThrow(RangeError);
    expect(() => nothrow.fcntl(target, command)).toThrow(expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }));
  }
});

test('arguments that C has no form for', () => {
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
  expect(s.fcntl(fd, s.F_GETFL), 'nothing of it was done').toBe(s.O_RDWR);
  expect(() => nothrow.fcntl(fd, s.F_GETOWN), 'its negative results are no errnos').toThrow(TypeError);
});
