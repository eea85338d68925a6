import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readlinkSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as nothrow from '../../lib/nothrow.ts';
import { cleanup, openFds } from '../helpers/fds.ts';
import { pair } from '../helpers/fixtures.ts';
import { type Need, need } from '../helpers/need.ts';
import { pythonPeer } from '../helpers/python.ts';

const mine = { pid: process.pid, uid: process.getuid!(), gid: process.getgid!() };
type Ids = typeof mine;
const credentials = (ids: Ids): s.Credentials => ({ level: s.SOL_SOCKET, type: s.SCM_CREDENTIALS, ...ids });

const buffers = [Buffer.alloc(16)];
const controlLength = s.CMSG_SPACE(12);

/** A pair whose second end receives the credentials of the sender. */
function passing(type: number = s.SOCK_DGRAM): [number, number] {
  const fds = pair(type);
  s.setsockopt(fds[1], s.SOL_SOCKET, s.SO_PASSCRED, true);
  return fds;
}

describe('SCM_CREDENTIALS', () => {
  test.each([s.SOCK_STREAM, s.SOCK_DGRAM, s.SOCK_SEQPACKET])('identify the sender, on a socket of type %i', (type) => {
    const [a, b] = passing(type);
    s.send(a, 'x');
    const { control, flags } = s.recvmsg(b, { buffers, controlLength });
    expect(control).toEqual([credentials(mine)]);
    expect(flags).toBe(0);
  });

  test('are received only if SO_PASSCRED is set', () => {
    const [a, b] = pair();
    s.sendmsg(a, { buffers: ['x'], control: [credentials(mine)] });
    expect(s.recvmsg(b, { buffers, controlLength }).control).toEqual([]);
  });

  test('are accepted if we send our own', () => {
    const [a, b] = passing();
    expect(s.sendmsg(a, { buffers: ['x'], control: [credentials(mine)] })).toBe(1);
    expect(s.recvmsg(b, { buffers, controlLength }).control).toEqual([credentials(mine)]);
  });

  test('are truncated with MSG_CTRUNC if there is too little room', () => {
    const [a, b] = passing();
    const receive = (room: number) => {
      s.send(a, 'x');
      return s.recvmsg(b, { buffers, controlLength: room });
    };
    expect(receive(0)).toMatchObject({ control: [], flags: s.MSG_CTRUNC });
    expect(receive(15)).toMatchObject({ control: [], flags: s.MSG_CTRUNC });
    const half = Buffer.alloc(4);
    half.writeInt32LE(mine.pid);
    expect(receive(20)).toMatchObject({
      control: [{ level: s.SOL_SOCKET, type: s.SCM_CREDENTIALS, data: half }],
      flags: s.MSG_CTRUNC,
    });
    expect(receive(28)).toMatchObject({ control: [credentials(mine)], flags: 0 });
  });

  test('of another process identify that process', async () => {
    const path = `\0sys-socket-credentials-${process.pid}`;
    const fd = cleanup(s.socket(s.AF_UNIX, s.SOCK_DGRAM));
    s.setsockopt(fd, s.SOL_SOCKET, s.SO_PASSCRED, true);
    s.bind(fd, { family: s.AF_UNIX, path });
    const { child } = await pythonPeer(
      `socket(AF_UNIX, SOCK_DGRAM).sendto(b'hello', b'\\0' + sys.argv[1].encode()); print('sent')`,
      path.slice(1),
    );
    const message = s.recvmsg(fd, { buffers, controlLength }, s.MSG_DONTWAIT);
    expect(message).toMatchObject({ length: 5, control: [credentials({ ...mine, pid: child.pid! })] });
  });

  // Which other ids may be sent depends on privileges, and on the user namespace: Python gives the expected results.
  const others: [string, Ids][] = [
    ['another pid', { ...mine, pid: 1 }],
    ['a pid that nobody has', { ...mine, pid: 0x7fffffff }],
    ['pid 0', { ...mine, pid: 0 }],
    ['a negative pid', { ...mine, pid: -1 }],
    ['another uid', { ...mine, uid: mine.uid + 1 }],
    ['another gid', { ...mine, gid: mine.gid + 1 }],
    ['the uid -1', { ...mine, uid: 0xffffffff }],
    ['all others', { pid: 1, uid: 1, gid: 1 }],
  ];
  test.each(others)('of %s: the same as in Python', (_name, ids) => {
    const [a, b] = passing();
    const script = `
import json, struct, sys
from socket import *
try: n = socket(fileno=3).sendmsg([b'x'], [(SOL_SOCKET, SCM_CREDENTIALS, struct.pack('@iII', *json.loads(sys.argv[1])))])
except OSError as error: n = -error.errno
print(n)`;
    const theirs = Number(
      spawnSync('python3', ['-c', script, JSON.stringify([ids.pid, ids.uid, ids.gid])], {
        stdio: ['ignore', 'pipe', 'inherit', a],
      }).stdout.toString(),
    );
    if (theirs === 1) s.recv(b, Buffer.alloc(1));
    expect(nothrow.sendmsg(a, { buffers: ['x'], control: [credentials(ids)] })).toBe(theirs);
    if (theirs === 1) {
      expect(s.recvmsg(b, { buffers, controlLength }).control).toEqual([credentials(ids)]);
    }
  });

  const noFalseName: Need = () => {
    const [a, b] = s.socketpair(s.AF_UNIX, s.SOCK_DGRAM);
    const n = nothrow.sendmsg(a, { buffers: ['x'], control: [credentials({ ...mine, pid: 1 })] });
    s.close(a);
    s.close(b);
    return n > 0 ? 'this process may send credentials of others' : undefined;
  };

  test('of others fail with EPERM without privileges', (context) => {
    need(context, noFalseName);
    const [a, b] = passing();
    const message = { buffers: ['x'], control: [credentials({ ...mine, pid: 1 })] };
    expect(() => s.sendmsg(a, message)).toThrow(expect.objectContaining({ code: 'EPERM', syscall: 'sendmsg' }));
    expect(nothrow.recv(b, Buffer.alloc(1), s.MSG_DONTWAIT)).toBe(-s.EAGAIN);
  });
});

describe('SO_PEERCRED', () => {
  const peer = (fd: number): Ids => {
    const bytes = s.getsockopt(fd, s.SOL_SOCKET, s.SO_PEERCRED, 12);
    expect(bytes).toHaveLength(12);
    return { pid: bytes.readInt32LE(0), uid: bytes.readUInt32LE(4), gid: bytes.readUInt32LE(8) };
  };

  test('of a pair identifies this process', () => {
    expect(pair().map(peer)).toEqual([mine, mine]);
  });

  test('of a connection identifies the process that connected', async () => {
    const name = `\0sys-socket-peercred-${process.pid}`;
    const server = cleanup(s.socket(s.AF_UNIX, s.SOCK_STREAM));
    s.bind(server, { family: s.AF_UNIX, path: name });
    s.listen(server);
    const { child } = await pythonPeer(
      `s = socket(AF_UNIX); s.connect(b'\\0' + sys.argv[1].encode()); print('connected'); sys.stdin.read()`,
      name.slice(1),
    );
    const { fd } = s.accept(server);
    cleanup(fd);
    expect(peer(fd)).toEqual({ ...mine, pid: child.pid });
    child.stdin!.end();
    await once(child, 'exit');
    expect(s.recv(fd, Buffer.alloc(1), s.MSG_DONTWAIT)).toBe(0);
    expect(peer(fd)).toEqual({ ...mine, pid: child.pid }); // the pid from the time when it connected
  });

  test('of a socket that is not connected identifies no process', () => {
    expect(peer(cleanup(s.socket(s.AF_UNIX, s.SOCK_STREAM)))).toEqual({ pid: 0, uid: 0xffffffff, gid: 0xffffffff });
  });
});

const passPidfd: Need = () => {
  const fd = s.socket(s.AF_UNIX, s.SOCK_DGRAM);
  const n = nothrow.setsockopt(fd, s.SOL_SOCKET, s.SO_PASSPIDFD, 1);
  s.close(fd);
  return n < 0 ? `SO_PASSPIDFD: ${s.errnoName(-n)}` : undefined;
};

describe('SCM_PIDFD', () => {
  function passing(): [number, number] {
    const fds = pair(s.SOCK_DGRAM);
    s.setsockopt(fds[1], s.SOL_SOCKET, s.SO_PASSPIDFD, 1);
    return fds;
  }

  test('is a new file descriptor for the sender with close-on-exec', (context) => {
    need(context, passPidfd);
    const [a, b] = passing();
    const before = openFds();
    s.send(a, 'x');
    const { control, flags } = s.recvmsg(b, { buffers, controlLength: s.CMSG_SPACE(4) });
    expect([control.length, flags]).toEqual([1, 0]);
    const [one] = control as [s.PidFd];
    expect(s.isControl(one, s.SOL_SOCKET, s.SCM_PIDFD)).toBe(true);
    expect(before.has(one.pidfd)).toBe(false);
    expect(openFds().size).toBe(before.size + 1);
    expect(readlinkSync(`/proc/self/fd/${one.pidfd}`)).toMatch(/pidfd/);
    expect(readFileSync(`/proc/self/fdinfo/${one.pidfd}`, 'utf8')).toMatch(new RegExp(`^Pid:\\t${process.pid}$`, 'm'));
    expect(s.fcntl(one.pidfd, s.F_GETFD)).toBe(s.FD_CLOEXEC);
    s.close(one.pidfd);
    expect(openFds()).toEqual(before);
  });

  test('is a new file descriptor for each MSG_PEEK', (context) => {
    need(context, passPidfd);
    const [a, b] = passing();
    const before = openFds();
    s.send(a, 'x');
    const receive = (flags: number) =>
      (s.recvmsg(b, { buffers, controlLength: 64 }, flags).control as [s.PidFd])[0].pidfd;
    const fds = [receive(s.MSG_PEEK), receive(s.MSG_PEEK), receive(0)];
    expect(new Set(fds).size).toBe(3);
    for (const fd of fds) s.close(fd);
    expect(openFds()).toEqual(before);
  });

  test('leaves no file descriptor open if there is no room for it', (context) => {
    need(context, passPidfd);
    const [a, b] = passing();
    const before = openFds();
    for (let room = 0; room <= s.CMSG_SPACE(4); room++) {
      s.send(a, 'x');
      const { control, flags } = s.recvmsg(b, { buffers, controlLength: room });
      const whole = control.filter((one) => s.isControl(one, s.SOL_SOCKET, s.SCM_PIDFD));
      expect([room, whole.length, flags]).toEqual([room, room < 20 ? 0 : 1, room < 20 ? s.MSG_CTRUNC : 0]);
      for (const one of whole) s.close(one.pidfd);
      expect([room, openFds()]).toEqual([room, before]);
    }
    s.send(a, 'x');
    s.recv(b, Buffer.alloc(1));
    expect(openFds()).toEqual(before);
  });

  test('is received together with credentials and file descriptors', (context) => {
    need(context, passPidfd);
    const [a, b] = passing();
    s.setsockopt(b, s.SOL_SOCKET, s.SO_PASSCRED, 1);
    const before = openFds();
    s.sendmsg(a, { buffers: ['x'], control: [{ level: s.SOL_SOCKET, type: s.SCM_RIGHTS, fds: [a] }] });
    const { control } = s.recvmsg(b, { buffers, controlLength: 128 });
    const [pid] = control.filter((one) => s.isControl(one, s.SOL_SOCKET, s.SCM_PIDFD));
    const [rights] = control.filter((one) => s.isControl(one, s.SOL_SOCKET, s.SCM_RIGHTS));
    expect(control).toHaveLength(3);
    expect(control).toContainEqual(credentials(mine));
    s.close(pid!.pidfd);
    s.close(rights!.fds[0]!);
    expect(openFds()).toEqual(before);
  });
});
