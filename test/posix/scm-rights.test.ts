import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, fstatSync, openSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as nothrow from '../../lib/nothrow.ts';
import { cleanup, openFds } from '../helpers/fds.ts';
import { pair } from '../helpers/fixtures.ts';
import { need, program } from '../helpers/need.ts';

const rights = (...fds: number[]): s.Rights => ({ level: s.SOL_SOCKET, type: s.SCM_RIGHTS, fds });

/** The file descriptors in control messages. */
const fdsIn = (control: s.ControlMessage[]) =>
  control.flatMap((one) => (s.isControl(one, s.SOL_SOCKET, s.SCM_RIGHTS) ? one.fds : []));

const closeAll = (fds: number[]) => {
  for (const fd of fds) s.close(fd);
};

const buffers = [Buffer.alloc(16)];

/** Runs plain JavaScript over the built library in a separate Node process; returns the JSON that it prints. */
function child<T>(script: string, before: string[] = [], flags: string[] = []): T {
  const library = new URL('../../dist/', import.meta.url).href;
  const source = `
    import * as s from '${library}index.js';
    import * as nothrow from '${library}nothrow.js';
    import { execFileSync } from 'node:child_process';
    import { readdirSync } from 'node:fs';
    const openFds = () => readdirSync('/proc/self/fd').length - 1; // but the one that lists them
    const rights = (...fds) => ({ level: s.SOL_SOCKET, type: s.SCM_RIGHTS, fds });
    const fdsIn = (control) => control.flatMap((one) => one.fds ?? []);
    ${script}`;
  const [file, ...args] = [...before, process.execPath, ...flags, '--input-type=module', '-e', source];
  return JSON.parse(execFileSync(file!, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })) as T;
}

describe('received file descriptors', () => {
  test('are new, refer to the same open file, and work', () => {
    const [a, b] = pair();
    const [x, y] = pair();
    const before = openFds();
    s.sendmsg(a, { buffers: ['x'], control: [rights(x)] });
    const { length: bytes, control, flags } = s.recvmsg(b, { buffers, controlLength: s.CMSG_SPACE(4) });
    expect([bytes, flags]).toEqual([1, 0]);
    const [got] = fdsIn(control) as [number];
    expect(control).toEqual([rights(got)]);
    expect(before.has(got)).toBe(false);
    expect(fstatSync(got).ino).toBe(fstatSync(x).ino);
    s.send(got, 'through');
    expect(s.recv(y, Buffer.alloc(16), s.MSG_DONTWAIT)).toBe(7);
    s.close(got);
    expect(openFds()).toEqual(before);
  });

  test('outlive the file descriptor that was sent', () => {
    const [a, b] = pair();
    const [x, y] = s.socketpair(s.AF_UNIX, s.SOCK_STREAM);
    cleanup(y);
    s.sendmsg(a, { buffers: ['x'], control: [rights(x)] });
    s.close(x);
    const [got] = fdsIn(s.recvmsg(b, { buffers, controlLength: 64 }).control) as [number];
    s.send(got, 'still');
    s.close(got);
    const buffer = Buffer.alloc(8);
    expect(buffer.toString('utf8', 0, s.recv(y, buffer, s.MSG_DONTWAIT))).toBe('still');
    expect(s.recv(y, buffer, s.MSG_DONTWAIT)).toBe(0); // it was the last one
  });

  test('keep their order, and one that is sent twice is received twice', () => {
    const [a, b] = pair();
    const files = ['/dev/null', '/dev/zero', '/proc/self/stat'].map((path) => openSync(path, 'r'));
    const sent = [files[0]!, files[1]!, files[0]!, files[2]!];
    s.sendmsg(a, { buffers: ['x'], control: [rights(...sent)] });
    const got = fdsIn(s.recvmsg(b, { buffers, controlLength: 64 }).control);
    const what = (fd: number) => [fstatSync(fd).dev, fstatSync(fd).ino];
    expect(got.map(what)).toEqual(sent.map(what));
    expect(new Set(got).size).toBe(4);
    closeAll(got);
    files.forEach(closeSync);
  });

  test('of two messages in one send are received as one message', () => {
    const [a, b] = pair();
    s.sendmsg(a, { buffers: ['x'], control: [rights(a), rights(), rights(b, a)] });
    const { control } = s.recvmsg(b, { buffers, controlLength: 64 });
    expect(control).toHaveLength(1);
    expect(fdsIn(control)).toHaveLength(3);
    closeAll(fdsIn(control));
  });

  test.each([s.SOCK_STREAM, s.SOCK_DGRAM, s.SOCK_SEQPACKET])(
    'on a socket of type %i are received only with their data',
    (type) => {
      const [a, b] = pair(type);
      s.send(a, 'before');
      s.sendmsg(a, { buffers: ['with'], control: [rights(a)] });
      s.send(a, 'after');
      const seen: [number, number][] = [];
      for (let bytes = 0; bytes < 15; ) {
        const message = s.recvmsg(b, { buffers, controlLength: 64 }, s.MSG_DONTWAIT);
        bytes += message.length;
        seen.push([message.length, fdsIn(message.control).length]);
        closeAll(fdsIn(message.control));
      }
      // A stream merges data with earlier data without file descriptors, but never with later data after them.
      expect(seen.reduce((sum, [, fds]) => sum + fds, 0)).toBe(1);
      expect(seen.at(-1)).toEqual([5, 0]);
    },
  );

  test('are close-on-exec, whatever the flags are', () => {
    const [a, b] = pair();
    const control = new Uint8Array(s.CMSG_SPACE(4));
    for (const flags of [0, s.MSG_CMSG_CLOEXEC, s.MSG_DONTWAIT]) {
      s.sendmsg(a, { buffers: ['xy'], control: [rights(a)] });
      const message = s.recvmsg(b, { buffers: [Buffer.alloc(1)], controlLength: control.length }, flags | s.MSG_PEEK);
      const header: nothrow.ReceiveHeader = { buffers, control };
      expect(nothrow.recvmsg(b, header, flags)).toBe(2);
      // Only callers that passed MSG_CMSG_CLOEXEC see the kernel's echo of it.
      expect([message.flags, header.flags]).toEqual([flags & s.MSG_CMSG_CLOEXEC, flags & s.MSG_CMSG_CLOEXEC]);
      const fds = [...fdsIn(message.control), ...fdsIn(s.decodeControl(control, header.controlLength))];
      expect(fds).toHaveLength(2);
      for (const fd of fds) {
        expect(s.fcntl(fd, s.F_GETFD)).toBe(s.FD_CLOEXEC);
        const inChild = () => spawnSync('test', ['-e', `/proc/self/fd/${fd}`]).status;
        expect(inChild()).toBe(1);
        s.fcntl(fd, s.F_SETFD, 0);
        expect(inChild()).toBe(0);
      }
      closeAll(fds);
    }
  });

  test('are received by recvmmsg, too', () => {
    const [a, b] = pair(s.SOCK_DGRAM);
    s.sendmsg(a, { buffers: ['x'], control: [rights(a, b)] });
    const batch = new s.MessageBatch({ messages: 2, size: 8, controlLength: s.CMSG_SPACE(8) });
    expect(s.recvmmsg(b, batch, s.MSG_DONTWAIT)).toBe(1);
    const fds = fdsIn(batch.control(0));
    expect(fds.map((fd) => s.fcntl(fd, s.F_GETFD))).toEqual([s.FD_CLOEXEC, s.FD_CLOEXEC]);
    expect(batch.flags(0)).toBe(0);
    closeAll(fds);
  });
});

describe('the number of file descriptors', () => {
  test.each([1, 2, 252, 253])('%i', (count) => {
    const [a, b] = pair();
    const before = openFds();
    s.sendmsg(a, { buffers: ['x'], control: [rights(...Array<number>(count).fill(a))] });
    const { control, flags } = s.recvmsg(b, { buffers, controlLength: s.CMSG_SPACE(4 * count) });
    const fds = fdsIn(control);
    expect([fds.length, flags]).toEqual([count, 0]);
    expect(new Set(fds).size).toBe(count);
    expect(openFds().size).toBe(before.size + count);
    closeAll(fds);
    expect(openFds()).toEqual(before);
  });

  test('254 fail with EINVAL, and nothing is sent', () => {
    const [a, b] = pair();
    const message = { buffers: ['x'], control: [rights(...Array<number>(254).fill(a))] };
    expect(() => s.sendmsg(a, message)).toThrow(expect.objectContaining({ code: 'EINVAL', syscall: 'sendmsg' }));
    expect(nothrow.sendmsg(a, message)).toBe(-s.EINVAL);
    // Two messages do not help either.
    const two = { buffers: ['x'], control: [rights(...Array<number>(253).fill(a)), rights(a)] };
    expect(nothrow.sendmsg(a, two)).toBe(-s.EINVAL);
    expect(nothrow.recv(b, Buffer.alloc(1), s.MSG_DONTWAIT)).toBe(-s.EAGAIN);
  });

  test('0 are ignored', () => {
    const [a, b] = pair();
    s.sendmsg(a, { buffers: ['x'], control: [rights()] });
    expect(s.recvmsg(b, { buffers, controlLength: 64 })).toMatchObject({ length: 1, control: [], flags: 0 });
  });

  test('one that is not open fails with EBADF', () => {
    const [a, b] = pair();
    const gone = s.dup(a);
    s.close(gone);
    for (const fd of [gone, -1, 0x7fffffff]) {
      expect(nothrow.sendmsg(a, { buffers: ['x'], control: [rights(a, fd)] })).toBe(-s.EBADF);
    }
    expect(nothrow.recv(b, Buffer.alloc(1), s.MSG_DONTWAIT)).toBe(-s.EAGAIN);
  });
});

describe('MSG_CTRUNC', () => {
  /** Sends n file descriptors and receives with this much room: returns what arrived, and closes everything again. */
  function exchange(n: number, room: number): { fds: number; flags: number } {
    const [a, b] = s.socketpair(s.AF_UNIX, s.SOCK_STREAM);
    const before = openFds();
    s.sendmsg(a, { buffers: ['x'], control: [rights(...Array<number>(n).fill(a))] });
    const { control, flags } = s.recvmsg(b, { buffers, controlLength: room });
    const fds = fdsIn(control);
    expect(openFds().size).toBe(before.size + fds.length); // every new file descriptor is reported
    expect(fds.every((fd) => s.fcntl(fd, s.F_GETFD) === s.FD_CLOEXEC)).toBe(true);
    closeAll(fds);
    expect(openFds()).toEqual(before);
    s.close(a);
    s.close(b);
    return { fds: fds.length, flags };
  }

  /** The rule of the kernel: scm_max_fds. */
  function rule(n: number, room: number): { fds: number; flags: number } {
    const fit = Math.max(0, Math.floor((room - 16) / 4));
    return { fds: Math.min(n, fit), flags: n > fit ? s.MSG_CTRUNC : 0 };
  }

  const rooms = Array.from({ length: s.CMSG_SPACE(4 * 4) + 9 }, (_, room) => room);

  test.each([1, 2, 3, 4])(`of %i file descriptors, with room for 0 to ${rooms.length - 1} bytes`, (n) => {
    expect(rooms.map((room) => exchange(n, room))).toEqual(rooms.map((room) => rule(n, room)));
  });

  test('of any number, with any room', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.nat(220), (n, room) => {
        expect(exchange(n, room)).toEqual(rule(n, room));
      }),
      { numRuns: 200 },
    );
  });

  test('after credentials, which are first', () => {
    const [a, b] = pair();
    s.setsockopt(b, s.SOL_SOCKET, s.SO_PASSCRED, 1);
    const credentials = s.CMSG_SPACE(12);
    const before = openFds().size;
    for (let room = 0; room <= credentials + s.CMSG_SPACE(8); room++) {
      s.sendmsg(a, { buffers: ['x'], control: [rights(a, b)] });
      const { control, flags } = s.recvmsg(b, { buffers, controlLength: room });
      const expected = rule(2, Math.max(0, room - credentials));
      expect([room, fdsIn(control).length, flags]).toEqual([room, expected.fds, expected.flags]);
      closeAll(fdsIn(control));
      expect(openFds().size).toBe(before);
    }
  });
});

test('each MSG_PEEK installs new file descriptors', () => {
  const [a, b] = pair();
  const before = openFds();
  s.sendmsg(a, { buffers: ['x'], control: [rights(a, b)] });
  const peek = () => fdsIn(s.recvmsg(b, { buffers, controlLength: 64 }, s.MSG_PEEK).control);
  const peeked = [peek(), peek(), peek()].flat();
  expect(new Set(peeked).size).toBe(6);
  expect(openFds().size).toBe(before.size + 6);
  const taken = fdsIn(s.recvmsg(b, { buffers, controlLength: 64 }).control);
  expect(new Set([...peeked, ...taken]).size).toBe(8);
  closeAll([...peeked, ...taken]);
  expect(openFds()).toEqual(before);
});

describe('the kernel closes file descriptors for which there is no control buffer', () => {
  const ways: [string, (fd: number) => void][] = [
    ['recvmsg without controlLength', (fd) => expect(s.recvmsg(fd, { buffers }).flags).toBe(s.MSG_CTRUNC)],
    ['recvmsg with a controlLength of 0', (fd) => s.recvmsg(fd, { buffers, controlLength: 0 })],
    ['recvmsg of nothrow without control', (fd) => nothrow.recvmsg(fd, { buffers })],
    ['recvfrom', (fd) => s.recvfrom(fd, buffers[0]!)],
    ['recv', (fd) => s.recv(fd, buffers[0]!)],
    ['read', (fd) => s.read(fd, buffers[0]!)],
    ['readv', (fd) => s.readv(fd, buffers)],
    ['close', (fd) => s.close(fd)],
  ];
  test.each(ways)('%s', (_name, receive) => {
    const [a, b] = s.socketpair(s.AF_UNIX, s.SOCK_STREAM);
    const [x, y] = s.socketpair(s.AF_UNIX, s.SOCK_STREAM);
    cleanup(a, y);
    s.sendmsg(a, { buffers: ['x'], control: [rights(x)] });
    s.close(x);
    const before = openFds().size;
    expect(nothrow.recv(y, Buffer.alloc(1), s.MSG_DONTWAIT)).toBe(-s.EAGAIN); // alive, in flight
    const target = s.dup(b);
    s.close(b);
    receive(target);
    nothrow.close(target);
    expect(openFds().size).toBe(before - 1);
    expect(s.recv(y, Buffer.alloc(1), s.MSG_DONTWAIT)).toBe(0); // gone
  });
});

describe('a full file descriptor table', () => {
  test.for([0, 1, 2, 5])(
    'with room for %i, those that fit are received with MSG_CTRUNC and without an error',
    (room, context) => {
      need(context, program('prlimit'));
      const seen = child<{ fds: number; flags: number; cloexec: boolean; leak: number; next: number }>(
        `
      const [a, b] = s.socketpair(s.AF_UNIX, s.SOCK_STREAM);
      s.sendmsg(a, { buffers: ['x'], control: [rights(a, a, b, b, a)] });
      s.sendmsg(a, { buffers: ['y'], control: [rights(a)] });
      // The limit is lowered after the messages are sent: it also bounds what all processes of this user have in flight.
      execFileSync('prlimit', ['--pid', String(process.pid), '--nofile=64:64']);
      openFds(); // what the runtime opens for this and for a child process, it keeps
      const before = openFds();
      const filler = [];
      for (let fd; (fd = nothrow.dup(a)) >= 0; ) filler.push(fd);
      for (let i = 0; i < ${room}; i++) s.close(filler.pop());
      const { control, flags } = s.recvmsg(b, { buffers: [Buffer.alloc(1)], controlLength: 64 });
      const fds = fdsIn(control);
      const cloexec = fds.every((fd) => s.fcntl(fd, s.F_GETFD) === s.FD_CLOEXEC);
      for (const fd of [...fds, ...filler]) s.close(fd);
      // With room again, the next message has its own.
      const next = fdsIn(s.recvmsg(b, { buffers: [Buffer.alloc(1)], controlLength: 64 }).control);
      for (const fd of next) s.close(fd);
      console.log(JSON.stringify({ fds: fds.length, flags, cloexec, leak: openFds() - before, next: next.length }));`,
      );
      expect(seen).toEqual({ fds: room, flags: room < 5 ? s.MSG_CTRUNC : 0, cloexec: true, leak: 0, next: 1 });
    },
  );
});

test('too many in flight fail with ETOOMANYREFS', (context) => {
  need(context, program('prlimit'));
  const { sent, errno } = child<{ sent: number; errno: number }>(
    `
    execFileSync('prlimit', ['--pid', String(process.pid), '--nofile=64:64']); // the loader of modules may need more
    const [a] = s.socketpair(s.AF_UNIX, s.SOCK_STREAM);
    let sent = 0, n = 0;
    while (sent < 40 && (n = nothrow.sendmsg(a, { buffers: ['x'], control: [rights(a, a, a, a, a)] })) === 1) sent++;
    console.log(JSON.stringify({ sent, errno: -n }));`,
  );
  if (sent === 40) context.skip('this process may have any number of descriptors in flight');
  expect(errno).toBe(s.ETOOMANYREFS);
});

describe('no file descriptor is lost', () => {
  // If the stack ends inside recvmsg, the file descriptors may have arrived already: those that the caller does not get
  // must be closed. The recursion ends at every possible depth, in steps of small frames, and recvmsg is tried at each.
  const dive = (receive: string) => `
    const [a, b] = s.socketpair(s.AF_UNIX, s.SOCK_STREAM);
    const [x, y] = s.socketpair(s.AF_UNIX, s.SOCK_STREAM);
    const buffers = [Buffer.alloc(1)];
    const handed = [];
    let tries = 0, overflows = 0, sent = 0;
    ${receive}
    const control = [rights(x)];
    const message = { buffers: ['x'], control };
    function attempt() {
      if (tries >= 150) return;
      tries++;
      try { receive(); } catch (error) { if (error instanceof RangeError) overflows++; else throw error; }
    }
    // Frames of different sizes, so that the ends of the stack differ.
    const dives = [
      function dive() { try { dive(); } catch {} attempt(); },
      function dive(p = 1) { let q = p + 1; try { dive(q); } catch {} attempt(); return q; },
      function dive(p = 1, q = 2, r = 3) { let t = p + q, u = q + r; try { dive(t, u, p); } catch {} attempt(); return t + u; },
      function dive(...list) { try { dive(1, 2, 3, 4, 5); } catch {} attempt(); return list; },
      function dive() { try { Reflect.apply(dive, undefined, []); } catch {} attempt(); },
      function dive() { try { [1].forEach(dive); } catch {} attempt(); },
    ];
    // Once before, so that everything is loaded and compiled.
    s.sendmsg(a, message); sent++;
    receive();
    for (const fd of handed) s.close(fd);
    handed.length = 0;
    const before = openFds();
    let total = 0, returned = 0;
    for (let round = 0; round < 4; round++) {
      for (const dive of dives) {
        tries = 0;
        let queued = 0;
        while (queued < 160 && nothrow.sendmsg(a, message, s.MSG_DONTWAIT) === 1) queued++;
        total += queued;
        try { dive(); } catch (error) { if (!(error instanceof RangeError)) throw error; }
        returned += handed.length;
        for (const fd of handed) s.close(fd);
        handed.length = 0;
        while (nothrow.recv(b, buffers[0], s.MSG_DONTWAIT) === 1);
      }
    }
    // All others are gone when the last one that is left is this process's own.
    s.close(x);
    const end = nothrow.recv(y, buffers[0], s.MSG_DONTWAIT);
    console.log(JSON.stringify({ leak: openFds() - before + 1, end, overflows, total, returned }));`;

  interface Dive {
    leak: number;
    end: number;
    overflows: number;
    total: number;
    returned: number;
  }

  test.each([[[]], [['--jitless']], [['--stack-size=300']], [['--no-lazy', '--always-sparkplug']]])(
    'when the stack overflows in recvmsg (node %j)',
    (flags) => {
      const seen = child<Dive>(
        dive(`
          function receive() {
            const { control } = s.recvmsg(b, { buffers, controlLength: 24 }, s.MSG_DONTWAIT);
            handed[handed.length] = control[0].fds[0];
          }`),
        [],
        flags,
      );
      expect(seen).toMatchObject({ leak: 0, end: 0 });
      expect(seen.overflows).toBeGreaterThan(20);
      expect(seen.returned).toBeGreaterThan(20);
    },
  );
});
