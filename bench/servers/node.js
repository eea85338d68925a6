// The servers of the benchmarks with node:net and node:dgram: node.js <role> [path or size]. Prints its port or its
// path.
import dgram from 'node:dgram';
import net from 'node:net';

const [role, argument] = process.argv.slice(2);

function datagram(serve) {
  const socket = dgram.createSocket('udp4', (data, from) => serve(socket, data, from));
  socket.bind(0, '127.0.0.1', () => console.log(socket.address().port));
}

function streams(path, serve) {
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    socket.on('error', () => socket.destroy());
    serve(socket);
  });
  const where = path === undefined ? { port: 0, host: '127.0.0.1' } : { path };
  server.listen({ ...where, backlog: 4096 }, () => console.log(path ?? server.address().port));
}

const roles = {
  'datagram-echo'() {
    datagram((socket, data, from) => socket.send(data, from.port, from.address));
  },

  'datagrams-in'() {
    let received = 0;
    datagram((socket, data, from) => {
      if (data.length > 1) {
        received++;
      } else {
        socket.send(String(received), from.port, from.address);
        received = 0;
      }
    });
  },

  // The cheapest way: many sends are in flight at once, and only the last of them has a callback.
  'datagrams-out'(size) {
    const data = Buffer.alloc(Number(size), 'x');
    datagram((socket, question, from) => {
      let left = Number(question);
      const more = () => {
        for (let i = Math.min(left, 64); i > 0; i--, left--) {
          socket.send(data, from.port, from.address, i === 1 ? more : undefined);
        }
      };
      more();
    });
  },

  'stream-echo'(path) {
    streams(path, (socket) => {
      socket.on('data', (data) => socket.write(data));
      socket.on('end', () => socket.end());
    });
  },

  'bulk-in'() {
    streams(undefined, (socket) => {
      socket.on('data', () => {});
      socket.on('end', () => socket.end());
    });
  },

  'bulk-out'() {
    const data = Buffer.alloc(65536, 'x');
    streams(undefined, (socket) => {
      socket.once('data', (question) => {
        let left = Number(question);
        const more = () => {
          while (left > 0) {
            left--;
            if (!socket.write(data)) return;
          }
          socket.end();
        };
        socket.on('drain', more);
        more();
      });
    });
  },

  accept() {
    streams(undefined, (socket) => socket.destroy());
  },
};

/** As an echo server that waits for its reader: it reads only as much as the reader accepts. */
roles['stream-mix'] = () =>
  streams(undefined, (socket) => {
    socket.on('data', (data) => {
      if (!socket.write(data)) socket.pause();
    });
    socket.on('drain', () => socket.resume());
    socket.on('end', () => socket.end());
  });

roles[role](argument);
