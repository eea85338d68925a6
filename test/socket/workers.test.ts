import { expect, test } from 'vitest';
import { need, node } from '../helpers/need.ts';
import { output } from '../helpers/scripts.ts';

/** Sixteen pending operations of all kinds. */
const pending = `
  const ignore = () => {};
  const pairs = Array.from({ length: 4 }, () => s.Socket.pair());
  for (const [a, b] of pairs) { a.recv().catch(ignore); b.readable().catch(ignore); }
  const server = s.createServer({ host: '127.0.0.1', port: 0 });
  server.accept().catch(ignore);
  const udp = new s.Socket(s.AF_INET, s.SOCK_DGRAM);
  udp.bind(loopback);
  udp.recvfrom(64, 0, { timeout: 60_000 }).catch(ignore);
  udp.recvmmsg(new s.MessageBatch({ messages: 4, size: 64 })).catch(ignore);
  udp.errorReady({ signal: new AbortController().signal }).catch(ignore);
  pairs[0][0].sendAll(Buffer.alloc(5_000_000)).catch(ignore);
  pairs[1][0].makefile().resume().on('error', ignore);
  pairs[2][0].recvFds(8, 2).catch(ignore);
  pairs[3][0].recvmsg({ buffers: [Buffer.alloc(8)], controlLength: 64 }).catch(ignore);
`;

test('50 workers that are terminated with 16 pending operations do not crash and leave no file descriptor open', async () => {
  const worker = `${pending}
    parentPort.postMessage(0);
    const [c, d] = s.Socket.pair();
    for (;;) { c.sendSync('x'); await d.recv(); }`;
  const main = `
    const one = async (i) => {
      const worker = new Worker(new URL('worker.mjs', import.meta.url));
      worker.on('error', (error) => { console.error(error); process.exit(3); });
      if (i % 5 !== 0) await once(worker, 'message');
      if (i % 2 === 0) await sleep(i % 7);
      await worker.terminate();
    };
    // Files are not counted: Node leaves those open that a worker was loading when it was terminated.
    const fds = () => readdirSync('/proc/self/fd').map((fd) => {
      try { return fd + readlinkSync('/proc/self/fd/' + fd); } catch { return ''; }
    }).filter((fd) => !fd.includes('/'));
    await one(1);
    const before = fds();
    for (let i = 0; i < 50; i += 2) await Promise.all([one(i), one(i + 1)]);
    const [a, b] = s.Socket.pair();
    a.sendSync('alive');
    const word = String(await b.recv());
    a.close();
    b.close();
    console.log(word, fds().filter((fd) => !before.includes(fd)).join());`;
  expect(await output(main, [], { 'worker.mjs': worker })).toBe('alive');
});

test('a worker that ends by itself, by process.exit or by an exception closes its sockets', async () => {
  const worker = `${pending}
    if (workerData === 'exit') process.exit(0);
    if (workerData === 'throw') throw new Error('thrown');
    for (const socket of [server, udp, ...pairs.flat()]) socket.close();`;
  const main = `
    const codes = [];
    const fds = () => readdirSync('/proc/self/fd').length;
    let before;
    for (const workerData of ['warm up', 'end', 'exit', 'throw']) {
      const worker = new Worker(new URL('worker.mjs', import.meta.url), { workerData });
      const errors = [];
      worker.on('error', (error) => errors.push(error.message));
      const code = await new Promise((resolve) => worker.on('exit', resolve));
      codes.push(workerData + ' ' + [code, ...errors]);
      before ??= fds();
    }
    console.log(codes.join('; '), fds() - before);`;
  expect(await output(main, [], { 'worker.mjs': worker })).toBe('warm up 0; end 0; exit 0; throw 1,thrown 0');
});

test('each thread has its own reactor, and a Socket moves between threads by its file descriptor', async () => {
  const worker = `
    const socket = s.Socket.fromFd(workerData);
    for (let data = await socket.recv(); data.length > 0; data = await socket.recv()) {
      await socket.sendAll(String(data).toUpperCase());
    }
    socket.close();`;
  const main = `
    const words = await Promise.all(Array.from({ length: 4 }, async (_, i) => {
      const [a, b] = s.Socket.pair();
      const worker = new Worker(new URL('worker.mjs', import.meta.url), { workerData: b.detach() });
      const words = [];
      for (const word of ['one', 'two', 'three']) {
        await a.sendAll(word + i);
        words.push(String(await a.recv()));
      }
      a.close();
      await once(worker, 'exit');
      return words.join();
    }));
    console.log(words.join(' '));`;
  expect(await output(main, [], { 'worker.mjs': worker })).toBe(
    [0, 1, 2, 3].map((i) => `ONE${i},TWO${i},THREE${i}`).join(' '),
  );
});

test('a worker that ends at any moment after file descriptors arrived for a stream leaves none open', async (context) => {
  need(context, node);
  const worker = `
    const { fd, depth } = workerData;
    const socket = s.Socket.fromFd(fd);
    socket.makefile({ fds: 3 }).on('fds', (fds) => fds.forEach((one) => s.close(one))).resume();
    const exitAfter = (turns) => (turns === 0 ? process.exit() : queueMicrotask(() => exitAfter(turns - 1)));
    socket.onReadable(() => exitAfter(depth));
    parentPort.postMessage(0);`;
  const main = `
    const sockets = () => readdirSync('/proc/self/fd').map((fd) => {
      try { return readlinkSync('/proc/self/fd/' + fd); } catch { return ''; }
    }).filter((file) => file.startsWith('socket:')).length;
    const [sent, peer] = s.Socket.pair(); // both are used below, so that neither is garbage-collected
    const before = sockets();
    const left = [];
    for (let depth = 0; depth < 8; depth++) {
      const [a, b] = s.Socket.pair();
      const worker = new Worker(new URL('worker.mjs', import.meta.url), { workerData: { fd: b.detach(), depth } });
      await once(worker, 'message');
      await a.sendFds([sent.fd, sent.fd, sent.fd], 'x');
      await once(worker, 'exit');
      a.close();
      left.push(sockets() - before);
    }
    console.log(left.join(' '));
    sent.close();
    peer.close();`;
  expect(await output(main, [], { 'worker.mjs': worker })).toBe('0 0 0 0 0 0 0 0');
});
