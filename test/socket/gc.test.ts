import { expect, test } from 'vitest';
import { SOCKETS } from '../helpers/fds.ts';
import { need, node } from '../helpers/need.ts';
import { output, run } from '../helpers/scripts.ts';

const collect = `
  ${SOCKETS}
  const collect = async () => { for (let i = 0; i < 5; i++) { gc(); await sleep(10); } };
`;

test('a Socket that is dropped without being closed is closed, and the process emits one warning', async () => {
  const script = `${collect}
    const before = sockets();
    const warnings = [];
    process.on('warning', (warning) => warnings.push(warning.code));
    (() => { for (let i = 0; i < 50; i++) s.Socket.pair(); })();
    const open = sockets() - before;
    await collect();
    console.log(open, sockets() - before, warnings.join());`;
  const { status, stdout, stderr } = await run(script, ['--expose-gc']);
  expect([status, stdout]).toEqual([0, '100 0 SYS_SOCKET_UNCLOSED']);
  expect(stderr.match(/was not closed before it was garbage-collected/g)?.length).toBe(1);
});

test('a Socket that was closed, detached or is still referenced is left alone', async () => {
  const script = `${collect}
    const warnings = [];
    process.on('warning', (warning) => warnings.push(warning));
    const held = s.Socket.pair();
    const fds = (() => {
      for (const socket of s.Socket.pair()) socket.close();
      return s.Socket.pair().map((socket) => socket.detach());
    })();
    // The numbers of the closed Sockets belong to others now.
    const [a, b] = s.socketpair(s.AF_UNIX, s.SOCK_STREAM);
    await collect();
    const works = (x, y) => { s.send(x, '1'); return s.recv(y, new Uint8Array(1)); };
    console.log(works(...fds), works(a, b), works(held[0].fd, held[1].fd), warnings.length);`;
  expect(await output(script, ['--expose-gc'])).toBe('1 1 1 0');
});

test('a server that is dropped is closed, although its signal could still close it, and leaves no listener behind', async (context) => {
  need(context, node);
  const script = `${collect}
    import { getEventListeners } from 'node:events';
    const before = sockets();
    const warnings = [];
    process.on('warning', (warning) => warnings.push(warning.code));
    const { signal } = new AbortController();
    const controller = new AbortController();
    const held = s.createServer({ host: '127.0.0.1', port: 0, signal: controller.signal });
    const waiting = (() => {
      for (let i = 0; i < 20; i++) s.createServer({ host: '127.0.0.1', port: 0, signal });
      const server = s.createServer({ host: '127.0.0.1', port: 0, signal: controller.signal });
      return server.accept().catch(({ name }) => name);
    })();
    const open = sockets() - before;
    await collect();
    console.log(open, sockets() - before, getEventListeners(signal, 'abort').length, warnings.join());
    controller.abort();
    console.log(await waiting, held.closed, sockets() - before);`;
  const { status, stdout } = await run(script, ['--expose-gc', '--no-warnings']);
  expect([status, stdout]).toEqual([0, '22 2 0 SYS_SOCKET_UNCLOSED\nClosedError true 0']);
});

test('the garbage collector keeps up with dropped Sockets, so that file descriptors do not run out', async () => {
  const script = `
    process.removeAllListeners('warning');
    let most = 0;
    for (let i = 0; i < 20_000; i++) {
      new s.Socket(s.AF_INET, s.SOCK_DGRAM);
      if (i % 100 === 0) {
        most = Math.max(most, readdirSync('/proc/self/fd').length);
        await sleep(0);
      }
    }
    console.log(most < 8000 || most);`;
  expect(await output(script, ['--no-warnings'])).toBe('true');
});

test('nothing is lost when the garbage collector runs in every turn', async () => {
  const script = `
    const turn = () => new Promise((resolve) => setImmediate(() => { gc({ type: 'minor' }); resolve(); }));
    const server = s.createServer({ host: '127.0.0.1', port: 0 });
    (async () => {
      for await (const { socket } of server.connections()) {
        (async () => {
          for (let data = await socket.recv(); data.length > 0; data = await socket.recv()) await socket.sendAll(data);
          socket.close();
        })();
      }
    })();
    let echoed = 0;
    const client = async (i) => {
      const socket = await s.createConnection({ host: '127.0.0.1', port: server.getsockname().port });
      for (let j = 0; j < 20; j++) {
        await socket.sendAll('message ' + i);
        await turn();
        if (String(await socket.recv()) === 'message ' + i) echoed++;
      }
      socket.close();
    };
    await Promise.all(Array.from({ length: 20 }, (_, i) => client(i)));
    gc();
    server.close();
    console.log(echoed);`;
  expect(await output(script, ['--expose-gc'])).toBe('400');
});

test('a stream that is dropped with its Socket closes the file descriptors that the program has not received', async (context) => {
  need(context, node);
  const script = `${collect}
    const spare = s.Socket.pair();
    const before = sockets();
    await (async () => {
      const [a, b] = s.Socket.pair();
      const stream = b.makefile({ fds: 2 });
      stream.pause();
      await a.sendAll('plain');
      while (stream.readableLength < 5) await sleep(1);
      await a.sendFds([spare[0].fd, spare[0].fd], 'x');
      while (sockets() < before + 4) await sleep(1);
      a.close();
    })();
    await collect();
    console.log(sockets() - before);
    for (const socket of spare) socket.close();`;
  expect(await output(script, ['--expose-gc'])).toBe('0');
});

test('a stream that is dropped while its peer is silent is not closed', async () => {
  const script = `${collect}
    const fds = [];
    const words = [];
    (() => {
      const [a, b] = s.Socket.pair();
      fds.push(a.detach());
      b.makefile().on('data', (data) => words.push(String(data)));
    })();
    await collect();
    s.send(fds[0], 'still there');
    await sleep(20);
    console.log(words.join());
    process.exit();`;
  expect(await output(script, ['--expose-gc'])).toBe('still there');
});
