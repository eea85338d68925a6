// The servers of the benchmarks with this library: sys-socket.js <role> [path or size]. Prints its port or its path.
import * as s from 'sys-socket';
import * as nothrow from 'sys-socket/nothrow';

const [role, argument] = process.argv.slice(2);
const any = { family: s.AF_INET, address: '127.0.0.1', port: 0 };

function datagram(path) {
  const socket = new s.Socket(path === undefined ? s.AF_INET : s.AF_UNIX, s.SOCK_DGRAM);
  socket.bind(path === undefined ? any : { family: s.AF_UNIX, path });
  console.log(path ?? socket.getsockname().port);
  return socket;
}

async function streams(path, serve) {
  const server = s.createServer(path === undefined ? { host: '127.0.0.1', port: 0 } : { path });
  console.log(path ?? server.getsockname().port);
  for await (const { socket } of server.connections()) {
    if (path === undefined) socket.setsockopt(s.IPPROTO_TCP, s.TCP_NODELAY, true);
    serve(socket).catch(() => socket.close());
  }
}

/** Answers the one-byte question of how many datagrams arrived. */
function tell(socket, count, name) {
  socket.sendtoSync(String(count), 0, name);
  return 0;
}

async function counted(controlLength, count) {
  const socket = datagram();
  if (controlLength > 0) socket.setsockopt(s.SOL_UDP, s.UDP_GRO, true);
  const size = controlLength > 0 ? 65536 : 2048;
  const batch = new s.MessageBatch({ messages: controlLength > 0 ? 16 : 64, size, controlLength });
  let received = 0;
  for (;;) {
    await socket.recvmmsg(batch);
    for (let i = 0; i < batch.count; i++) {
      if (batch.length(i) === 1) received = tell(socket, received, batch.name(i));
      else received += count(batch, i);
    }
  }
}

/** Sends as many datagrams as requested. */
async function answered(size, prepare) {
  const socket = datagram();
  for (;;) {
    const { data, address } = await socket.recvfrom();
    const send = prepare(socket, Buffer.alloc(size, 'x'), s.encodeAddress(address));
    for (let left = Number(data); left > 0; ) left -= await send();
  }
}

let consumed = 0;

const roles = {
  async 'datagram-echo'(path) {
    const socket = datagram(path);
    for (;;) {
      const { data, address } = await socket.recvfrom();
      await socket.sendto(data, 0, address);
    }
  },

  async 'datagram-echo-batches'(path) {
    const socket = datagram(path);
    const batch = new s.MessageBatch({ messages: 64, size: 2048 });
    for (;;) {
      await socket.recvmmsg(batch);
      await socket.sendmmsg(batch);
    }
  },

  // Uses no promise, and no object for an address.
  'datagram-echo-callbacks'(path) {
    const socket = datagram(path);
    const { fd } = socket;
    const buffer = new Uint8Array(2048);
    const from = new s.SockaddrStorage();
    socket.onReadable(() => {
      for (let n = nothrow.recvfrom(fd, buffer, 0, from); n >= 0; n = nothrow.recvfrom(fd, buffer, 0, from)) {
        nothrow.sendto(fd, new Uint8Array(buffer.buffer, 0, n), 0, from.bytes.subarray(0, from.length));
      }
    });
  },

  async 'datagrams-in'() {
    const socket = datagram();
    let received = 0;
    for (;;) {
      const { data, address } = await socket.recvfrom();
      if (data.length === 1) received = tell(socket, received, address);
      else received++;
    }
  },

  // Makes a view of each datagram, as a program that reads their contents does.
  async 'datagrams-in-batches'() {
    await counted(0, (batch, i) => {
      consumed += batch.bytes(i)[0];
      return 1;
    });
  },

  // Reads the first byte of each datagram that the kernel joined into a message.
  async 'datagrams-in-gro'() {
    await counted(s.CMSG_SPACE(4), (batch, i) => {
      const size = batch.segmentSize(i);
      const end = i * batch.size + batch.length(i);
      let count = 0;
      for (let at = i * batch.size; at < end; at += size, count++) consumed += batch.data[at];
      return count;
    });
  },

  async 'datagrams-in-gro-views'() {
    await counted(s.CMSG_SPACE(4), (batch, i) => {
      const segments = batch.segments(i);
      for (const segment of segments) consumed += segment[0];
      return segments.length;
    });
  },

  async 'datagrams-out'(size) {
    await answered(Number(size), (socket, data, name) => async () => {
      await socket.sendto(data, 0, name);
      return 1;
    });
  },

  async 'datagrams-out-batches'(size) {
    await answered(Number(size), (socket, data, name) => {
      const batch = new s.MessageBatch({ messages: 64, size: Number(size) });
      while (batch.count < batch.capacity) batch.push(data, name);
      return () => socket.sendmmsg(batch);
    });
  },

  async 'datagrams-out-segments'(size) {
    await answered(Number(size), (socket, data, name) => {
      const segments = data.length > 1000 ? 46 : 64;
      const all = Buffer.alloc(segments * data.length, data);
      return async () => {
        await socket.sendSegments(all, data.length, name);
        return segments;
      };
    });
  },

  async 'stream-echo'(path) {
    await streams(path, async (socket) => {
      for (let data = await socket.recv(); data.length > 0; data = await socket.recv()) await socket.sendAll(data);
      socket.close();
    });
  },

  // Receives into a buffer that each connection owns.
  async 'stream-echo-into'(path) {
    await streams(path, async (socket) => {
      const buffer = Buffer.alloc(4096);
      for (let n = await socket.recvInto(buffer); n > 0; n = await socket.recvInto(buffer)) {
        await socket.sendAll(buffer.subarray(0, n));
      }
      socket.close();
    });
  },

  // Uses no promise. A peer that does not read its answer is disconnected.
  async 'stream-echo-callbacks'(path) {
    const buffer = new Uint8Array(65536);
    await streams(path, async (socket) => {
      const { fd } = socket;
      socket.onReadable(() => {
        const n = nothrow.recv(fd, buffer);
        if (n > 0 ? nothrow.send(fd, buffer, 0, n) < n : n !== -s.EAGAIN) socket.close();
      });
    });
  },

  async 'bulk-in'() {
    await streams(undefined, async (socket) => {
      while ((await socket.recv()).length > 0);
      socket.close();
    });
  },

  async 'bulk-in-into'() {
    const buffer = Buffer.alloc(65536);
    await streams(undefined, async (socket) => {
      while ((await socket.recvInto(buffer)) > 0);
      socket.close();
    });
  },

  async 'bulk-out'() {
    const data = Buffer.alloc(65536, 'x');
    await streams(undefined, async (socket) => {
      for (let left = Number(await socket.recv()); left > 0; left--) await socket.sendAll(data);
      socket.close();
    });
  },

  async accept() {
    await streams(undefined, async (socket) => socket.close());
  },
};

roles['stream-mix'] = roles['stream-echo'];
roles['stream-mix-into'] = roles['stream-echo-into'];

await roles[role](argument);
if (consumed < 0) console.log(consumed);
