/** The same program over net.Socket and over our stream sees the same events, results and properties on both ends. */
import { once } from 'node:events';
import type net from 'node:net';
import { Duplex, finished, PassThrough, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { closed, code, compare, state, turn } from '../helpers/stream-pairs.ts';

compare({
  'both sides end': {
    async run(client, server) {
      server.on('data', (data) => server.write(data));
      client.end('hello');
      await Promise.all([closed(client), closed(server)]);
    },
  },
  'an answer after the end of the peer, with allowHalfOpen': {
    options: { allowHalfOpen: true },
    async run(client, server, log) {
      server.on('end', () => {
        log.push(state(server));
        server.end('answer');
      });
      client.end('question');
      await Promise.all([closed(client), closed(server)]);
    },
  },
  'a stream that nobody reads when its peer ends': {
    async run(client, server) {
      server.removeAllListeners('data');
      client.removeAllListeners('data');
      client.end();
      await Promise.all([closed(server), closed(client)]);
    },
  },
  'a paused stream with unread data when its peer ends': {
    async run(client, server, log) {
      server.pause();
      client.end('data');
      while (server.readableLength < 4) await turn();
      log.push(`paused ${state(server)} ${server.readableLength}`);
      const over = Promise.all([closed(client), closed(server)]);
      server.resume();
      await over;
    },
  },
  'destroy without an error': {
    async run(client, server) {
      client.destroy();
      await Promise.all([closed(client), closed(server)]);
    },
  },
  'destroy with an error': {
    async run(client, server) {
      client.destroy(new Error('enough'));
      await Promise.all([closed(client), closed(server)]);
    },
  },
  'destroy twice, and operations after it': {
    async run(client, server, log) {
      client.destroy();
      client.destroy(new Error('later'));
      await Promise.all([closed(client), closed(server)]);
      log.push(state(client), String(client.write('x', (error) => log.push(`write ${code(error)}`))));
      client.end();
      client.setTimeout(10);
      await turn();
      log.push(String(client.remoteAddress), JSON.stringify(client.address()));
    },
  },
  'resetAndDestroy: the peer sees ECONNRESET': {
    async run(client, server) {
      client.resetAndDestroy();
      await Promise.all([closed(client), closed(server)]);
    },
  },
  'a reset while nobody reads': {
    async run(client, server) {
      server.removeAllListeners('data');
      client.resetAndDestroy();
      await Promise.all([closed(client), closed(server)]);
    },
  },
  'a write after end': {
    async run(client, server, log) {
      client.end();
      client.write('late', (error) => log.push(`write ${code(error)}`));
      await Promise.all([closed(client), closed(server)]);
    },
  },
  'a write after the peer ended': {
    async run(client, server, log) {
      const over = Promise.all([closed(client), closed(server)]);
      server.once('end', () => {
        process.nextTick(() => server.write('late', (error) => log.push(`write ${code(error)}`)));
      });
      client.end();
      await over;
    },
  },
  'chunks of an invalid type': {
    async run(client, server, log) {
      for (const chunk of [null, 5, {}, undefined]) {
        try {
          client.write(chunk as unknown as string);
        } catch (error) {
          log.push(code(error));
        }
      }
      client.write('');
      client.end();
      await Promise.all([closed(client), closed(server)]);
    },
  },
  'the order of the callbacks of write and end': {
    async run(client, server, log) {
      client.write('one', () => log.push('wrote one'));
      client.write(Buffer.from('two'), () => log.push('wrote two'));
      client.end('three', () => log.push('ended'));
      await Promise.all([closed(client), closed(server)]);
    },
  },
  'the order of the callbacks of many writes': {
    async run(client, server, log) {
      await undefined; // a promise that is resolved during the writes calls back before process.nextTick does
      for (let i = 0; i < 50; i++) client.write('x', (error) => log.push(`${i} ${code(error)}`));
      client.end();
      server.end();
      await Promise.all([closed(client), closed(server)]);
    },
  },
  'corked writes': {
    async run(client, server, log) {
      client.cork();
      for (let i = 0; i < 50; i++) client.write(`${i} `);
      log.push(`length ${client.writableLength} ${client.bytesWritten}`);
      client.uncork();
      client.end();
      await Promise.all([closed(client), closed(server)]);
      log.push(`${client.bytesWritten} ${server.bytesRead}`);
    },
  },
  'destroySoon sends what was written': {
    async run(client, server, log) {
      client.write(Buffer.alloc(3_000_000, 'x'));
      client.destroySoon();
      server.removeAllListeners('data');
      let length = 0;
      server.on('data', (data) => {
        length += data.length;
      });
      await Promise.all([closed(client), closed(server)]);
      log.push(`length ${length}`);
    },
  },
  'bytesWritten counts pending data, and bytesRead received data': {
    async run(client, server, log) {
      server.pause();
      client.write(Buffer.alloc(100));
      client.write(Buffer.alloc(50));
      log.push(`${client.bytesWritten}`);
      server.resume();
      while (server.bytesRead < 150) await turn();
      log.push(`${client.bytesWritten} ${server.bytesRead} ${server.bytesWritten} ${client.bytesRead}`);
      client.destroy();
      await closed(server);
    },
  },
  'setTimeout: an idle stream emits timeout and stays open': {
    async run(client, server, log) {
      client.setTimeout(20, () => log.push('callback'));
      log.push(`${client.timeout}`);
      await once(client, 'timeout');
      log.push(state(client));
      client.setTimeout(0);
      log.push(`${client.timeout}`);
      client.destroy();
      await closed(server);
    },
  },
  'setTimeout: an invalid time': {
    async run(client, server, log) {
      for (const time of [-1, Number.NaN, '5', Number.POSITIVE_INFINITY]) {
        try {
          client.setTimeout(time as number);
          log.push('taken');
        } catch (error) {
          log.push(code(error));
        }
      }
      client.destroy();
      await closed(server);
    },
  },
  'methods return the stream': {
    async run(client, server, log) {
      const results = [
        ...[client.setNoDelay(), client.setNoDelay(false), client.setKeepAlive(true, 5000), client.setKeepAlive()],
        ...[client.setTimeout(5000), client.ref(), client.unref(), client.pause(), client.resume()],
        ...[client.setEncoding('utf8'), client.destroy()],
      ];
      log.push(String(results.every((result) => result === client)));
      await closed(server);
    },
  },
  'addresses and families': {
    async run(client, server, log) {
      const same = [client.remotePort === server.localPort, client.localPort === server.remotePort];
      log.push([client.remoteAddress, client.remoteFamily, client.localAddress, client.localFamily, ...same].join());
      const { port, ...rest } = client.address() as net.AddressInfo;
      log.push(String(port === client.localPort), JSON.stringify(rest));
      client.destroy();
      await closed(server);
      log.push(String(server.remoteAddress));
    },
  },
  'addresses after the close: the local one is gone, that of the peer remains': {
    async run(client, server, log) {
      log.push(client.address() && `${client.localAddress} ${client.remoteAddress}`);
      client.destroy();
      await Promise.all([closed(client), closed(server)]);
      log.push(JSON.stringify(client.address()), `${client.localAddress} ${client.localPort} ${client.localFamily}`);
      log.push(`${client.remoteAddress} ${client.remoteFamily}`);
    },
  },
  'options of TCP convert any value to a boolean': {
    async run(client, server, log) {
      for (const value of ['yes', '', {}, null, 0, 2] as unknown as boolean[]) {
        log.push(`${client.setNoDelay(value) === client} ${client.setKeepAlive(value, 1000) === client}`);
      }
      for (const delay of [Number.POSITIVE_INFINITY, Number.NaN, -1, 1e13, 1e300]) {
        log.push(String(client.setKeepAlive(true, delay) === client));
      }
      client.destroy();
      await closed(server);
    },
  },
  'corked writes on a stream that is destroyed, and on one that is ended': {
    async run(client, server, log) {
      server.cork();
      server.write('lost', (error) => log.push(`lost ${code(error)}`));
      client.cork();
      client.cork();
      client.write('one', () => log.push('one'));
      client.uncork();
      log.push(`${client.writableLength} ${client.writableCorked}`);
      client.end(() => log.push('ended'));
      await once(server, 'data');
      server.destroy();
      await Promise.all([closed(client), closed(server)]);
    },
  },
  'states of an open stream, of one that ended, and of one that is gone': {
    options: { allowHalfOpen: true },
    async run(client, server, log) {
      log.push(state(client), state(server));
      client.end();
      await once(server, 'end');
      log.push(state(client), state(server));
      server.end();
      await Promise.all([closed(client), closed(server)]);
      log.push(state(client), state(server));
    },
  },
  'characters that are split across chunks': {
    async run(client, server) {
      server.setEncoding('utf8');
      const bytes = Buffer.from('grün €');
      for (const byte of bytes) {
        client.write(Buffer.from([byte]));
        await turn();
      }
      client.end();
      await Promise.all([closed(client), closed(server)]);
    },
  },
  'pipeline through an echo': {
    options: { allowHalfOpen: true },
    async run(client, server, log) {
      server.removeAllListeners('data');
      const echo = pipeline(server, new PassThrough(), server).then(() => log.push('echo done'));
      client.end('through');
      await Promise.all([echo, closed(client)]);
    },
  },
  'pipeline with a source that fails': {
    async run(client, server, log) {
      const broken = new Readable({
        read() {
          this.destroy(new Error('broken'));
        },
      });
      await pipeline(broken, client).catch((error) => log.push(`pipeline ${code(error)}`));
      await closed(server);
    },
  },
  'finished, on a complete stream and on one that was destroyed': {
    async run(client, server, log) {
      finished(server, (error) => log.push(`finished ${code(error)}`));
      client.end('x');
      await Promise.all([closed(client), closed(server)]);
    },
  },
  'finished, on a stream that is destroyed meanwhile': {
    async run(client, server, log) {
      finished(client, (error) => log.push(`finished ${code(error)}`));
      client.destroy();
      await Promise.all([closed(client), closed(server)]);
    },
  },
  'leaving a for await loop destroys the stream': {
    async run(client, server, log) {
      server.removeAllListeners('data');
      client.write('one');
      for await (const data of server) {
        log.push(`got ${data}`);
        break;
      }
      log.push(state(server));
      await closed(client);
    },
  },
  'conversion to web streams': {
    async run(client, server, log) {
      server.removeAllListeners('data');
      const { readable, writable } = Duplex.toWeb(server);
      const piping = readable.pipeTo(writable as WritableStream).then(
        () => log.push('piped'),
        (error) => log.push(`piping ${error.name}`),
      );
      client.end('web');
      await Promise.all([piping, closed(client)]);
    },
  },
});
