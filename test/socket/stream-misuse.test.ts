/** What a program can do to a stream at the wrong time: net.Socket and our stream behave the same. */
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { allClosed, closed, code, compare, state, turn } from '../helpers/stream-pairs.ts';

compare({
  'end inside data': {
    async run(client, server) {
      server.once('data', () => server.end('bye'));
      client.write('hello');
      await allClosed(client, server);
    },
  },
  'end inside data, twice, and a write after it': {
    async run(client, server, log) {
      server.once('data', () => {
        server.end('bye', () => log.push('ended'));
        server.end((error?: Error) => log.push(`again ${code(error)}`));
        server.write('more', (error) => log.push(`more ${code(error)}`));
      });
      client.write('hello');
      await allClosed(client, server);
    },
  },
  'destroy inside data': {
    async run(client, server, log) {
      server.once('data', () => {
        server.destroy();
        log.push(state(server));
      });
      client.write('hello');
      await allClosed(client, server);
    },
  },
  'destroy inside data with an error': {
    async run(client, server, log) {
      server.once('data', () => log.push(String(server.destroy(new Error('no')) === server)));
      client.write('hello');
      await allClosed(client, server);
    },
  },
  'destroy inside end': {
    options: { allowHalfOpen: true },
    async run(client, server) {
      server.once('end', () => server.destroy());
      client.end('hello');
      await allClosed(client, server);
    },
  },
  'destroy inside finish': {
    async run(client, server) {
      client.once('finish', () => client.destroy());
      client.end('hello');
      await allClosed(client, server);
    },
  },
  'destroy inside the callback of a write': {
    async run(client, server, log) {
      client.write('hello', (error) => {
        log.push(`wrote ${code(error)}`);
        client.destroy();
      });
      client.write('again', (error) => log.push(`again ${code(error)}`));
      await allClosed(client, server);
    },
  },
  'destroy inside close and error': {
    async run(client, server, log) {
      client.on('error', () => client.destroy(new Error('second')));
      client.on('close', () => {
        client.destroy(new Error('third'));
        log.push(state(client), String(client.errored?.message));
      });
      client.destroy(new Error('first'));
      await allClosed(client, server);
    },
  },
  'many calls of pause and resume': {
    async run(client, server, log) {
      let length = 0;
      server.on('data', (data) => {
        length += data.length;
        server.pause();
        for (let i = 0; i < 20; i++) {
          server.resume();
          server.pause();
        }
        setImmediate(() => server.resume());
      });
      client.end(Buffer.alloc(500_000, 'x'));
      server.once('end', () => log.push(`${length} ${server.isPaused()}`));
      await allClosed(client, server);
    },
    unread: true,
  },
  'pause inside data keeps the rest': {
    unread: true,
    async run(client, server, log) {
      server.once('data', (data) => {
        log.push(`first ${data}`);
        server.pause();
        client.end('two');
      });
      client.write('one');
      await once(client, 'finish');
      while (server.readableLength < 3) await turn();
      log.push(`${server.readableLength} ${server.isPaused()} ${server.readableFlowing}`);
      server.on('data', (data) => log.push(`then ${data}`));
      server.resume();
      await allClosed(client, server);
    },
  },
  'explicit calls of read': {
    unread: true,
    async run(client, server, log) {
      client.end('0123456789');
      await once(server, 'readable');
      log.push(String(server.read(3)), String(server.read(100)), String(server.read()), String(server.read(0)));
      server.on('readable', () => log.push(`readable ${server.read()}`));
      await allClosed(client, server);
    },
  },
  'unshift gives bytes back': {
    unread: true,
    async run(client, server, log) {
      client.end('world');
      await once(server, 'readable');
      server.unshift(Buffer.from('hello '));
      log.push(String(server.read()));
      server.on('end', () => log.push(`read ${server.bytesRead}`));
      server.resume();
      client.resume();
      await allClosed(client, server);
    },
  },
  'setEncoding in the middle, and with an unknown encoding': {
    async run(client, server, log) {
      try {
        server.setEncoding('klingon' as BufferEncoding);
      } catch (error) {
        log.push(code(error));
      }
      server.once('data', () => server.setEncoding('hex'));
      client.write('a');
      await once(server, 'data');
      client.end('bc');
      await allClosed(client, server);
      log.push(`${server.readableEncoding} ${server.bytesRead}`);
    },
  },
  'encodings of writes, and setDefaultEncoding': {
    async run(client, server, log) {
      client.write('6869', 'hex');
      client.setDefaultEncoding('base64');
      client.write('aGk=');
      client.write('ü', 'latin1');
      log.push(`${client.bytesWritten} ${client.writableLength}`);
      try {
        client.write('x', 'klingon' as BufferEncoding);
      } catch (error) {
        log.push(code(error));
      }
      client.end('zz', 'ascii');
      await allClosed(client, server);
    },
  },
  'cork without uncork, then end': {
    async run(client, server, log) {
      for (let i = 0; i < 3; i++) client.cork();
      client.write('a', () => log.push('a'));
      client.write('b', () => log.push('b'));
      client.end('c', () => log.push('c'));
      log.push(`${client.writableCorked}`);
      await allClosed(client, server);
    },
  },
  'uncork more often than cork': {
    async run(client, server, log) {
      client.uncork();
      client.cork();
      client.write('a');
      client.uncork();
      client.uncork();
      log.push(`${client.writableCorked}`);
      client.end();
      await allClosed(client, server);
    },
  },
  'an echo that pipes the stream to itself': {
    unread: true,
    async run(client, server, log) {
      server.pipe(server);
      let answer = '';
      client.on('data', (data) => {
        answer += data;
      });
      client.end('through the pipe');
      await allClosed(client, server);
      log.push(answer);
    },
  },
  'pipe with a slow consumer, and unpipe': {
    unread: true,
    async run(client, server, log) {
      const target = new PassThrough({ highWaterMark: 10 });
      server.pipe(target);
      client.write(Buffer.alloc(100_000, 'x'));
      await once(target, 'readable');
      server.unpipe(target);
      log.push(`${server.readableFlowing} ${server.isPaused()}`);
      let length = target.read().length;
      server.on('data', (data) => {
        length += data.length;
      });
      client.end();
      server.resume();
      target.resume();
      target.on('data', (data) => {
        length += data.length;
      });
      await allClosed(client, server);
      log.push(String(length));
    },
  },
  'pipe to a target that is destroyed': {
    unread: true,
    async run(client, server, log) {
      const target = new PassThrough();
      target.on('error', (error) => log.push(`target ${code(error)}`));
      server.pipe(target);
      client.write('x');
      await once(target, 'readable');
      const gone = closed(target as unknown as typeof server);
      target.destroy(new Error('target'));
      await gone;
      log.push(state(server));
      client.end();
      server.resume();
      client.resume();
      await allClosed(client, server);
    },
  },
  'pipeline between both ends, aborted by a signal': {
    unread: true,
    async run(client, server, log) {
      const controller = new AbortController();
      const target = new PassThrough();
      const piping = pipeline(server, target, { signal: controller.signal }).catch((error) => log.push(error.name));
      client.write('x');
      await once(target, 'readable');
      controller.abort();
      await piping;
      await allClosed(client, server).catch(() => {});
      log.push(`${state(server)} ${target.destroyed}`);
    },
  },
  'an iterator that is left by an exception': {
    unread: true,
    async run(client, server, log) {
      client.write('one');
      try {
        for await (const data of server) {
          log.push(String(data));
          throw new Error('enough');
        }
      } catch (error) {
        log.push(code(error));
      }
      log.push(state(server));
      await closed(client);
    },
  },
  'an iterator with destroyOnReturn: false': {
    unread: true,
    async run(client, server, log) {
      client.write('one');
      for await (const data of server.iterator({ destroyOnReturn: false })) {
        log.push(String(data));
        break;
      }
      log.push(state(server));
      client.end('two');
      for await (const data of server) log.push(String(data));
      await allClosed(client, server);
    },
  },
  'an iterator over a stream that is reset': {
    unread: true,
    async run(client, server, log) {
      const reading = (async () => {
        for await (const data of server) {
          log.push(String(data));
          client.resetAndDestroy();
        }
      })().catch((error) => log.push(`iterating ${code(error)}`));
      client.write('one');
      await Promise.all([reading, allClosed(client, server)]);
    },
  },
  'an iterator over a stream that is destroyed meanwhile': {
    unread: true,
    async run(client, server, log) {
      const reading = (async () => {
        for await (const data of server) log.push(String(data));
      })().catch((error) => log.push(`iterating ${code(error)}`));
      setImmediate(() => server.destroy());
      await Promise.all([reading, allClosed(client, server)]);
    },
  },
});
