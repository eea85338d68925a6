/** Socket activation by systemd-socket-activate, and notifications from and to systemd-notify, Python and ourselves. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import { listenFds, Socket, sdNotify, sdNotifyBarrier } from '../../lib/index.ts';
import { openSockets } from '../helpers/fds.ts';
import { folder } from '../helpers/fixtures.ts';
import { need, node, program, vsock, vsockLoopback } from '../helpers/need.ts';
import {
  connected,
  freePort,
  host,
  type Program,
  patient,
  printed,
  receive,
  soon,
  start,
} from '../helpers/programs.ts';
import { output } from '../helpers/scripts.ts';
import { isSettled, keep } from '../helpers/sockets.ts';

const root = join(import.meta.dirname, '../..');
const activate = program('systemd-socket-activate');
const notify = program('systemd-notify');

/** The start of the activated process: it prints what it was passed, before and after listenFds. */
const REPORT = `
import * as s from 'sys-socket';
const { LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES } = process.env;
// Node has already set it on all inherited file descriptors.
for (let i = 0; i < Number(LISTEN_FDS); i++) s.fcntl(3 + i, s.F_SETFD, 0);
const fds = s.listenFds();
const sockets = fds.map(({ fd }) => s.Socket.fromFd(fd));
console.log(JSON.stringify({
  pid: process.pid, LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES, fds,
  left: Object.keys(process.env).filter((key) => key.startsWith('LISTEN_')),
  closeOnExec: fds.map(({ fd }) => s.fcntl(fd, s.F_GETFD) === s.FD_CLOEXEC),
  sockets: sockets.map(({ family, type, protocol }) => [family, type, protocol]),
  again: s.listenFds(),
}));
`;

interface Report {
  pid: number;
  LISTEN_PID: string;
  LISTEN_FDS: string;
  LISTEN_FDNAMES?: string;
  fds: s.ListenFd[];
  left: string[];
  closeOnExec: boolean[];
  sockets: [number, number, number][];
  again: s.ListenFd[];
}

/** Starts systemd-socket-activate, which listens, and executes Node with this script when a client connects. */
async function activated(options: string[], script: string): Promise<Program> {
  // systemd-socket-activate passes on only the environment variables that it is asked to.
  const kept = ['ASAN_OPTIONS', 'UBSAN_OPTIONS'].filter((name) => process.env[name] !== undefined);
  const keep = kept.flatMap((name) => ['-E', `${name}=${process.env[name]}`]);
  const node = [process.execPath, '--input-type=module', '-e', REPORT + script];
  const child = start('systemd-socket-activate', [...options, ...keep, ...node], { cwd: root });
  const listeners = options.filter((option) => option === '-l').length;
  await expect.poll(() => child.output().match(/^Listening on /gm)?.length, patient).toBe(listeners);
  return child;
}

async function report(child: Program): Promise<Report> {
  const [line] = await printed(child, /^\{.*\}$/m);
  return JSON.parse(line) as Report;
}

let names = 0;
/** An abstract name that only this test uses. */
const abstractName = () => `sys-socket-${process.pid}-${names++}`;
const unix = (path: string) => ({ family: s.AF_UNIX, path }) as const;
const inet = (port: number) => ({ family: s.AF_INET, address: host, port }) as const;

/** Serves every listening socket: answers each connection with the index of the socket and the received data. */
const SERVE = `
for (const [i, socket] of sockets.entries()) {
  void (async () => {
    for await (const { socket: client } of socket.connections()) {
      await client.sendAll(i + ':' + await client.recv());
      client.close();
    }
  })();
}`;

test('listening stream sockets are passed by their names: TCP, a path and an abstract name', async (context) => {
  need(context, activate);
  const [port, path, name] = [freePort(), join(folder(), 'socket'), abstractName()];
  const listen = ['-l', `${host}:${port}`, '-l', path, '-l', `@${name}`];
  const child = await activated([...listen, '--fdname=web:control:api'], SERVE);
  for (const [i, address] of [inet(port), unix(path), unix(`\0${name}`)].entries()) {
    const client = await connected(address);
    await client.sendAll('hello');
    expect(String(await receive(client))).toBe(`${i}:hello`);
  }
  const told = await report(child);
  expect(told.LISTEN_PID).toBe(String(told.pid));
  expect(told.pid).toBe(child.child.pid); // executed, not forked
  expect(told.LISTEN_FDS).toBe('3');
  expect(told.LISTEN_FDNAMES).toBe('web:control:api');
  expect(told.fds).toEqual([
    { fd: 3, name: 'web' },
    { fd: 4, name: 'control' },
    { fd: 5, name: 'api' },
  ]);
  expect(told.sockets).toEqual([
    [s.AF_INET, s.SOCK_STREAM, s.IPPROTO_TCP],
    [s.AF_UNIX, s.SOCK_STREAM, 0],
    [s.AF_UNIX, s.SOCK_STREAM, 0],
  ]);
  expect(told.closeOnExec).toEqual([true, true, true]);
  expect(told.left).toEqual([]);
  expect(told.again).toEqual([]);
});

test('sockets without names are called unknown', async (context) => {
  need(context, activate);
  const name = abstractName();
  const child = await activated(['-l', `@${name}`], SERVE);
  const client = await connected(unix(`\0${name}`));
  await client.sendAll('x');
  expect(String(await receive(client))).toBe('0:x');
  const told = await report(child);
  expect(told.LISTEN_FDNAMES).toBe(undefined);
  expect(told.fds).toEqual([{ fd: 3, name: 'unknown' }]);
});

test('datagram sockets, UDP and AF_UNIX, still hold the first datagram', async (context) => {
  need(context, activate);
  const [port, name] = [freePort(), abstractName()];
  const child = await activated(
    ['-d', '-l', `${host}:${port}`, '-l', `@${name}`, '--fdname=dns:log'],
    `for (const [i, socket] of sockets.entries()) {
      void (async () => {
        for await (const { data, address } of socket.datagrams()) await socket.sendto(i + ':' + data, 0, address);
      })();
    }`,
  );
  const udp = keep(new Socket(s.AF_INET, s.SOCK_DGRAM));
  udp.bind(inet(0));
  await udp.sendto('first', 0, inet(port));
  expect(String((await udp.recvfrom(100, 0, soon)).data)).toBe('0:first');
  const local = keep(new Socket(s.AF_UNIX, s.SOCK_DGRAM));
  local.bind(unix(`\0${abstractName()}`));
  await local.sendto('second', 0, unix(`\0${name}`));
  expect(String((await local.recvfrom(100, 0, soon)).data)).toBe('1:second');
  const told = await report(child);
  expect(told.fds.map((fd) => fd.name)).toEqual(['dns', 'log']);
  expect(told.sockets).toEqual([
    [s.AF_INET, s.SOCK_DGRAM, s.IPPROTO_UDP],
    [s.AF_UNIX, s.SOCK_DGRAM, 0],
  ]);
});

test('sockets of sequenced packets are passed', async (context) => {
  need(context, activate);
  const name = abstractName();
  const child = await activated(['--seqpacket', '-l', `@${name}`], SERVE);
  const client = await connected(unix(`\0${name}`), s.SOCK_SEQPACKET);
  await client.sendAll('record');
  expect(String(await client.recv(100, 0, soon))).toBe('0:record');
  expect((await report(child)).sockets).toEqual([[s.AF_UNIX, s.SOCK_SEQPACKET, 0]]);
});

test('a process per connection receives the connected socket', async (context) => {
  need(context, activate);
  const name = abstractName();
  const child = await activated(
    ['--accept', '-l', `@${name}`],
    `const stream = sockets[0].makefile();
    stream.end('served by ' + process.pid);
    stream.resume();`,
  );
  const pids = new Set<string>();
  for (let i = 0; i < 2; i++) {
    const client = await connected(unix(`\0${name}`));
    const [, pid] = /^served by (\d+)$/.exec(String(await receive(client)))!;
    client.close();
    pids.add(pid!);
  }
  expect(pids.size).toBe(2);
  expect(pids).not.toContain(String(child.child.pid));
  const told = await report(child);
  expect(told.LISTEN_PID).toBe(String(told.pid));
  expect(told.fds).toHaveLength(1);
});

test('an activated socket is handed over to node:http', async (context) => {
  need(context, activate);
  const port = freePort();
  await activated(
    ['-l', `${host}:${port}`, '--fdname=http'],
    `import http from 'node:http';
    http.createServer((request, response) => response.end('path ' + request.url)).listen({ fd: sockets[0].detach() });`,
  );
  const client = await connected(inet(port));
  await client.sendAll('GET /x HTTP/1.0\r\n\r\n');
  expect(String(await receive(client))).toMatch(/^HTTP\/1\.1 200 OK\r\n.*\r\n\r\npath \/x$/s);
});

test('file descriptors for another process, or an invalid number of them, are not taken over', () => {
  const parent = { LISTEN_PID: String(process.ppid), LISTEN_FDS: '2', LISTEN_FDNAMES: 'a:b' };
  expect(listenFds(parent)).toEqual([]);
  expect(parent.LISTEN_FDS).toBe('2'); // left for the process that it is for
  expect(listenFds({})).toEqual([]);
  const pid = String(process.pid);
  for (const LISTEN_FDS of [undefined, '', '-1', '1.5', 'x']) {
    expect(listenFds({ LISTEN_PID: pid, LISTEN_FDS })).toEqual([]);
  }
  expect(listenFds({ LISTEN_PID: pid, LISTEN_FDS: '0' })).toEqual([]);
});

/** A service manager's end of NOTIFY_SOCKET. */
function manager(name: string): Socket {
  const socket = keep(new Socket(s.AF_UNIX, s.SOCK_DGRAM));
  socket.bind(unix(name.replace(/^@/, '\0')));
  return socket;
}

test.for(['path', 'abstract'])(
  'systemd-notify sends to our receiver, and waits for the barrier: %s',
  async (kind, context) => {
    need(context, notify);
    const name = kind === 'path' ? join(folder(), 'notify') : `@${abstractName()}`;
    const socket = manager(name);
    socket.setsockopt(s.SOL_SOCKET, s.SO_PASSCRED, true);
    const args = ['--ready', '--status=it works', `--pid=${process.pid}`];
    const sender = start('systemd-notify', args, { env: { ...process.env, NOTIFY_SOCKET: name } });
    const buffers = [Buffer.alloc(4096)];
    const controlLength = s.CMSG_SPACE(12) + s.CMSG_SPACE(4);
    const state = await socket.recvmsg({ buffers, controlLength }, 0, soon);
    const lines = String(buffers[0]!.subarray(0, state.length)).trimEnd().split('\n');
    expect(lines).toEqual(expect.arrayContaining([`MAINPID=${process.pid}`, 'READY=1', 'STATUS=it works']));
    const credentials = state.control.find((m) => s.isControl(m, s.SOL_SOCKET, s.SCM_CREDENTIALS));
    expect(credentials?.uid).toBe(process.getuid!());

    const barrier = await socket.recvmsg({ buffers, controlLength }, 0, soon);
    expect(String(buffers[0]!.subarray(0, barrier.length))).toBe('BARRIER=1');
    const rights = barrier.control.find((m) => s.isControl(m, s.SOL_SOCKET, s.SCM_RIGHTS));
    expect(rights?.fds).toHaveLength(1);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(sender.child.exitCode).toBe(null); // it waits until we close ours
    s.close(rights!.fds[0]!);
    expect(await sender.ended, sender.output()).toBe(0);
  },
);

test('systemd-notify sends without a barrier', async (context) => {
  need(context, notify);
  const name = join(folder(), 'notify');
  const socket = manager(name);
  const sender = start('systemd-notify', ['--no-block', 'WATCHDOG=1'], {
    env: { ...process.env, NOTIFY_SOCKET: name },
  });
  expect(String(await socket.recv(4096, 0, soon)).trimEnd()).toBe('WATCHDOG=1');
  expect(await sender.ended, sender.output()).toBe(0);
  await expect(socket.recv(4096, s.MSG_DONTWAIT)).rejects.toMatchObject({ code: 'EAGAIN' });
});

test.each(['path', 'abstract'])('sdNotify and its barrier reach our receiver: %s', async (kind) => {
  const before = openSockets();
  const name = kind === 'path' ? join(folder(), 'notify') : `@${abstractName()}`;
  const socket = manager(name);
  const env = { NOTIFY_SOCKET: name };
  expect(await sdNotify('READY=1\nSTATUS=grüße', {}, env)).toBe(true);
  let passed = false;
  const waiting = sdNotifyBarrier({ timeout: 60_000 }, env).then((result) => {
    passed = true;
    return result;
  });
  expect(String(await socket.recv(4096, 0, soon))).toBe('READY=1\nSTATUS=grüße');
  const { data, fds } = await socket.recvFds(4096, 4, 0, soon);
  expect(String(data)).toBe('BARRIER=1');
  expect(fds).toHaveLength(1);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(passed).toBe(false);
  s.close(fds[0]!);
  expect(await waiting).toBe(true);
  socket.close();
  expect(openSockets()).toBe(before);
});

test('a timeout and an AbortSignal end a barrier that nobody answers, and nothing stays open', async () => {
  const before = openSockets();
  const name = `@${abstractName()}`;
  const socket = manager(name);
  const env = { NOTIFY_SOCKET: name };
  await expect(sdNotifyBarrier({ timeout: 50 }, env)).rejects.toMatchObject({ name: 'TimeoutError' });
  const stop = new AbortController();
  const aborted = expect(sdNotifyBarrier({ signal: stop.signal }, env)).rejects.toMatchObject({ name: 'AbortError' });
  setTimeout(() => stop.abort(), 50);
  await aborted;
  socket.close(); // with the two messages, and their descriptors, that it did not read
  expect(openSockets()).toBe(before);
});

test('the timeout and the signal also apply to a manager whose queue is full', async () => {
  const name = `@${abstractName()}`;
  manager(name);
  const filler = keep(new Socket(s.AF_UNIX, s.SOCK_DGRAM));
  await filler.connect(unix(name.replace('@', '\0')));
  filler.setTimeout(0);
  expect(() => {
    for (;;) filler.sendSync('x');
  }).toThrow('EAGAIN');
  const env = { NOTIFY_SOCKET: name };
  await expect(sdNotifyBarrier({ timeout: 50 }, env)).rejects.toMatchObject({
    name: 'TimeoutError',
    syscall: 'sendmsg',
    timeout: 50,
  });
  await expect(sdNotify('READY=1', { timeout: 50 }, env)).rejects.toMatchObject({
    name: 'TimeoutError',
    syscall: 'sendto',
  });
  const signal = AbortSignal.timeout(50);
  await expect(sdNotify('READY=1', { signal }, env)).rejects.toMatchObject({ name: 'AbortError' });
});

test('the timeout of a barrier limits its two waits together', async (context) => {
  need(context, node); // the timers of other runtimes are not those of node:timers
  const script = `
    import timers from 'node:timers';
    import { syncBuiltinESMExports } from 'node:module';
    const original = timers.setTimeout;
    const durations = [];
    timers.setTimeout = (call, duration, ...rest) => {
      durations.push(duration);
      return original(call, duration, ...rest);
    };
    syncBuiltinESMExports();
    const address = { family: s.AF_UNIX, path: '\\0' + process.argv[1] };
    const [manager, filler] = [0, 1].map(() => new s.Socket(s.AF_UNIX, s.SOCK_DGRAM));
    manager.bind(address);
    await filler.connect(address);
    filler.setTimeout(0);
    try { for (;;) filler.sendSync('x'); } catch {}
    const barrier = s.sdNotifyBarrier({ timeout: 200_000 }, { NOTIFY_SOCKET: '@' + process.argv[1] });
    await sleep(50); // the time that the first wait takes
    for (;;) {
      const { data, fds } = await manager.recvFds(100, 1);
      if (String(data) !== 'BARRIER=1') continue;
      while (durations.length < 2) await new Promise(setImmediate);
      s.close(fds[0]);
      break;
    }
    console.log(await barrier, durations[0] > 199_000, durations[1] <= durations[0] - 40);
    for (const socket of [manager, filler]) socket.close();`;
  expect(await output(script)).toBe('true true true');
});

test('data that the manager writes does not end a barrier', async () => {
  const name = `@${abstractName()}`;
  const socket = manager(name);
  const waiting = sdNotifyBarrier(soon, { NOTIFY_SOCKET: name });
  const { fds } = await socket.recvFds(100, 1, 0, soon);
  s.send(fds[0]!, 'not yet');
  expect(await isSettled(waiting)).toBe(false);
  s.close(fds[0]!);
  expect(await waiting).toBe(true);
});

test('sdNotify and its barrier reach a receiver written in Python', async (context) => {
  need(context, program('python3'));
  const name = join(folder(), 'notify');
  const script = `
import json, os, struct, sys
from socket import *
r = socket(AF_UNIX, SOCK_DGRAM)
r.setsockopt(SOL_SOCKET, SO_PASSCRED, 1)
r.bind(sys.argv[1])
print('bound')
data, control, flags, _ = r.recvmsg(4096, 256)
uid = [struct.unpack('iII', d)[1] for l, t, d in control if t == SCM_CREDENTIALS]
barrier, control, flags, _ = r.recvmsg(4096, 256)
fds = [struct.unpack('i', d)[0] for l, t, d in control if t == SCM_RIGHTS]
print(json.dumps([data.decode(), uid[0], barrier.decode(), len(fds)]))
sys.stdin.readline()
os.close(fds[0])
sys.stdin.readline()`;
  const receiver = start('python3', ['-u', '-c', script, name], { stdio: ['pipe', 'pipe', 'pipe'] });
  await printed(receiver, /^bound\n/);
  const env = { NOTIFY_SOCKET: name };
  expect(await sdNotify('STOPPING=1', {}, env)).toBe(true);
  let passed = false;
  const waiting = sdNotifyBarrier(soon, env).then(() => {
    passed = true;
  });
  const [answer] = await printed(receiver, /^\[.*\]$/m);
  expect(JSON.parse(answer)).toEqual(['STOPPING=1', process.getuid!(), 'BARRIER=1', 1]);
  expect(passed).toBe(false);
  receiver.child.stdin!.write('close it\n');
  await waiting;
  expect(receiver.child.exitCode).toBe(null); // the barrier was the closed descriptor, not the end of the process
});

test('invalid arguments throw even if there is no manager', async () => {
  const names = { code: 'ERR_INVALID_ARG_VALUE' };
  await expect(s.sdNotify('READY=1', { timout: 5 } as never, {})).rejects.toMatchObject(names);
  await expect(s.sdNotifyBarrier({ timout: 5 } as never, {})).rejects.toMatchObject(names);
  await expect(s.sdNotify('READY=1', { timeout: -1 }, {})).rejects.toMatchObject({ code: 'ERR_OUT_OF_RANGE' });
  await expect(s.sdNotify(5 as never, {}, {})).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });
});

test('sdNotify does nothing without a manager, and fails if the manager is gone', async () => {
  expect(await sdNotify('READY=1', {}, {})).toBe(false);
  expect(await sdNotifyBarrier({}, { NOTIFY_SOCKET: '' })).toBe(false);
  const gone = { NOTIFY_SOCKET: join(folder(), 'gone') };
  await expect(sdNotify('READY=1', {}, gone)).rejects.toMatchObject({ code: 'ENOENT', syscall: 'sendto' });
  await expect(sdNotifyBarrier({}, gone)).rejects.toMatchObject({ code: 'ENOENT', syscall: 'sendmsg' });
  const nobody = { NOTIFY_SOCKET: `@${abstractName()}` };
  await expect(sdNotify('READY=1', {}, nobody)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
});

test.each([
  'vsock',
  'vsock:1',
  'vsock:1:',
  'vsock::1',
  'vsock:any:1',
  'vsock:-1:1',
  'vsock:4294967295:1',
  'vsock:99999999999:1',
  'vsock:1:4294967295',
  'vsock:1:-1',
  'vsock:1:1:1',
  'vsock:1:0x10',
  'vsock-rdm:1:1',
  'tcp:127.0.0.1:1',
  'relative/path',
  'toString:1:1',
])('a NOTIFY_SOCKET of an unknown form throws: %s', async (text) => {
  const before = openSockets();
  const refused = expect.objectContaining({
    name: 'TypeError',
    code: 'ERR_INVALID_ARG_VALUE',
    message: expect.stringContaining('NOTIFY_SOCKET'),
  });
  await expect(sdNotify('READY=1', {}, { NOTIFY_SOCKET: text })).rejects.toEqual(refused);
  await expect(sdNotifyBarrier({}, { NOTIFY_SOCKET: text })).rejects.toEqual(refused);
  expect(openSockets()).toBe(before);
});

test.each([
  ['vsock:1:9999', 1],
  ['vsock:local:9999', 1],
  ['vsock-stream:1:9999', 1],
  ['vsock-seqpacket:1:9999', 1],
  ['vsock:2147483646:9999', 2147483646],
])('a manager at %s that does not listen is reported', async (text, cid) => {
  const before = openSockets();
  const port = 9999;
  const error: s.SocketError = await sdNotify('READY=1', soon, { NOTIFY_SOCKET: text }).then(
    () => expect.unreachable(),
    (error) => error,
  );
  expect(error.name).toBe('SocketError');
  // Without AF_VSOCK there is no socket to connect.
  if (vsock() === undefined) expect(error).toMatchObject({ syscall: 'connect', address: { cid, port } });
  else expect(error.syscall).toBe('socket');
  expect(openSockets()).toBe(before);
  await expect(sdNotifyBarrier({}, { NOTIFY_SOCKET: text })).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_VALUE' });
});

test.for(['vsock-stream', 'vsock-seqpacket', 'vsock'])(
  'a manager that listens on %s is notified',
  async (kind, context) => {
    need(context, vsockLoopback);
    const type = kind === 'vsock-stream' ? s.SOCK_STREAM : s.SOCK_SEQPACKET;
    const listener = keep(new Socket(s.AF_VSOCK, type));
    listener.bind({ family: s.AF_VSOCK, cid: s.VMADDR_CID_LOCAL, port: s.VMADDR_PORT_ANY });
    listener.listen();
    const { port } = listener.getsockname() as s.VsockAddress;
    let told = false;
    const telling = sdNotify('READY=1\nSTATUS=far', soon, { NOTIFY_SOCKET: `${kind}:1:${port}` }).then((result) => {
      told = true;
      return result;
    });
    const { socket, address } = await listener.accept(soon);
    keep(socket);
    expect((address as s.VsockAddress).port).toBeLessThan(process.getuid!() === 0 ? 1024 : s.VMADDR_PORT_ANY);
    expect(String(await socket.recv(4096, 0, soon))).toBe('READY=1\nSTATUS=far');
    expect((await socket.recv(4096, 0, soon)).length).toBe(0);
    expect(told).toBe(false); // it waits until the manager has read everything
    socket.close();
    expect(await telling).toBe(true);
  },
);
