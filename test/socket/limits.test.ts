/** Limits: no free file descriptor, very many pending operations, and what epoll no longer accepts. */
import { expect, test } from 'vitest';
import * as nothrow from '../../lib/nothrow.ts';
import { need, node, program } from '../helpers/need.ts';
import { output } from '../helpers/scripts.ts';
import { sleep, unixPair } from '../helpers/sockets.ts';

test('when unexplained events arrive and no file descriptor is free, other operations are not affected', async (context) => {
  need(context, program('prlimit'), node);
  const script = `
    const [w1, w2] = s.Socket.pair();
    let heard = 0;
    w2.onReadable(() => { heard++; nothrow.recv(w2.fd, Buffer.alloc(9)); });
    const [q1, q2] = s.Socket.pair();
    const innocent = q2.recv().then(String, (error) => error);
    // Closed without notice, while a duplicate keeps the open file description: its events stay in the epoll set.
    const [x, y] = s.socketpair(s.AF_UNIX, s.SOCK_STREAM | s.SOCK_NONBLOCK);
    const twin = s.dup(y);
    s.onReadable(y, () => {}, { onError() {} });
    s.close(y);
    const [a, b] = s.Socket.pair(), [c, d] = s.Socket.pair();
    const fds = [];
    const both = () => {
      if (b.closed) return;
      b.close();
      d.close();
      try { for (;;) fds.push(s.dup(0)); } catch {}
    };
    b.onReadable(both);
    d.onReadable(both);
    a.close();
    c.close();
    s.send(x, 'stale');
    await sleep(50);
    for (const fd of fds) s.close(fd);
    w1.sendSync('x');
    q1.sendSync('y');
    await sleep(50);
    const turns = () => performance.nodeTiming.uvMetricsInfo.loopCount;
    let idle = false;
    for (let i = 0; i < 10 && !idle; i++) { // a garbage collection takes turns, too, but ends
      const before = turns();
      await sleep(100);
      idle = turns() - before < 50;
    }
    console.log(heard, await innocent, idle);
    process.exit();`;
  expect(await output(script, [], {}, ['prlimit', '--nofile=256:256'])).toBe('1 y true');
});

test('when no file descriptor is free for the event loop itself, the first wait rejects and leaves no listener on its signal', async (context) => {
  need(context, program('prlimit'), node);
  const script = `
    import { getEventListeners } from 'node:events';
    const unhandled = [];
    process.on('unhandledRejection', ({ message }) => unhandled.push(message));
    const [a, b] = s.Socket.pair();
    const fds = [];
    try { for (;;) fds.push(s.dup(0)); } catch {}
    const controller = new AbortController();
    const { signal } = controller;
    const errors = [await b.recv(1, 0, { signal }).catch(({ code }) => code), await b.readable({ signal }).catch(({ code }) => code)];
    for (const fd of fds) s.close(fd);
    const listeners = getEventListeners(signal, 'abort').length;
    controller.abort();
    a.sendSync('x');
    console.log(errors.join(), listeners, String(await b.recv()), unhandled.join());
    process.exit();`;
  expect(await output(script, [], {}, ['prlimit', '--nofile=64:64'])).toBe('EMFILE,EMFILE 0 x');
});

test('when not every descriptor of a message may be opened, the others and the data arrive with MSG_CTRUNC, without an error', async (context) => {
  need(context, program('prlimit'), node);
  const script = `
    const [a, b] = s.Socket.pair(s.SOCK_SEQPACKET);
    for (const text of ['one', 'two', 'three']) await a.sendFds([0, 1, 2], text);
    const fds = [];
    try { for (;;) fds.push(s.dup(0)); } catch {}
    s.close(fds.pop());
    const first = await b.recvFds(9, 3);
    const second = await b.recvFds(9, 3);
    const message = { buffers: [Buffer.alloc(9)], controlLength: s.controlSpace('SCM_RIGHTS') };
    const { length, flags, control } = s.recvmsg(b.fd, message, s.MSG_DONTWAIT);
    const all = [first.flags, second.flags, flags].every((each) => (each & s.MSG_CTRUNC) !== 0);
    console.log(String(first.data), first.fds.length, String(second.data), second.fds.length, length, control.length, all);
    process.exit();`;
  expect(await output(script, [], {}, ['prlimit', '--nofile=64:64'])).toBe('one 1 two 0 5 0 true');
});

test('close() rejects more pending operations than fit on a stack, and closes the file descriptor', async (context) => {
  need(context, node);
  const script = `
    const [a, b] = s.Socket.pair();
    let rejected = 0;
    let last;
    for (let i = 0; i < 20_000; i++) last = a.recv(1).catch(() => { rejected++; });
    const { fd } = a;
    a.close();
    const closed = nothrow.fcntl(fd, s.F_GETFD, 0) === -s.EBADF;
    await last;
    console.log(a.fd, closed, rejected, (await b.recv()).length);`;
  expect(await output(script, ['--stack-size=100'])).toBe('-1 true 20000 0');
});

test('a callback whose file descriptor was closed without notice reports it to onError, or to uncaughtException', async () => {
  const script = `
    const seen = [];
    process.on('uncaughtException', (error) => seen.push(error.code));
    const again = (options) => {
      const [a, b] = s.socketpair(s.AF_UNIX, s.SOCK_STREAM | s.SOCK_NONBLOCK);
      s.onReadable(b, () => {}, options);
      s.close(b);
      s.fcntl(a, s.F_DUPFD_CLOEXEC, b);
      s.readable(b, { timeout: 1 }).catch(() => {});
    };
    again();
    again({ onError: (error) => seen.push('onError ' + error.code) });
    while (seen.length < 2) await sleep(1);
    await sleep(20); // an error is reported once
    console.log(seen.sort().join());
    process.exit();`;
  expect(await output(script)).toBe('ERR_SOCKET_CLOSED,onError ERR_SOCKET_CLOSED');
});

test('a signal stops its callback', async () => {
  const [a, b] = unixPair();
  const controller = new AbortController();
  let calls = 0;
  const take = () => {
    calls++;
    nothrow.recv(b.fd, new Uint8Array(9));
  };
  b.onReadable(take, { signal: controller.signal });
  b.onReadable(take, { signal: AbortSignal.abort() });
  a.sendSync('x');
  while (calls === 0) await sleep(1);
  controller.abort();
  a.sendSync('y');
  await sleep(10);
  expect(calls).toBe(1);
  for (const wrong of [{ signal: {} }, { onError: 1 }, { other: 1 }, null]) {
    expect(() => b.onReadable(take, wrong as never)).toThrow(TypeError);
  }
});

test('readable does not resolve without data when the process may open no file descriptor, so that poll(2) fails', async (context) => {
  need(context, program('prlimit'), node);
  const script = `
    const { execFileSync } = await import('node:child_process');
    const [a, b] = s.Socket.pair();
    await b.readable({ timeout: 1 }).catch(() => {}); // starts the event loop of the library
    execFileSync('prlimit', ['--pid', String(process.pid), '--nofile=0:0']);
    const before = await b.readable({ timeout: 50 }).then(() => 'readable', ({ name }) => name);
    a.sendSync('x');
    await b.readable();
    console.log(before, String(await b.recv()));
    a.close();
    b.close();`;
  expect(await output(script)).toBe('TimeoutError x');
});
