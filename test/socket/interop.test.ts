/** The event-loop layer with real programs at the other end. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import tls from 'node:tls';
import { expect, onTestFinished, test } from 'vitest';
import * as s from '../../lib/index.ts';
import { createConnection, createServer, Socket, type SocketStream } from '../../lib/index.ts';
import { Bus, type Message } from '../helpers/dbus.ts';
import { openSockets } from '../helpers/fds.ts';
import { folder } from '../helpers/fixtures.ts';
import { need, program } from '../helpers/need.ts';
import { connected, freePort, host, patient, printed, receive, run, soon, start } from '../helpers/programs.ts';
import { pythonAsync, pythonPeer } from '../helpers/python.ts';
import { keep } from '../helpers/sockets.ts';

const inet = (port: number) => ({ family: s.AF_INET, address: host, port }) as const;
const unix = (path: string) => ({ family: s.AF_UNIX, path }) as const;
let names = 0;
const abstractName = () => `sys-socket-${process.pid}-${names++}`;

/** Bytes without a period, which would hide a lost or repeated part. */
const big = Buffer.concat(
  Array.from({ length: 12_500 }, (_, i) => createHash('sha256').update(String(i)).digest()), // 400 kB
);

const portOf = (socket: Socket) => (socket.getsockname() as s.InetAddress).port;

/** One of our servers, which echoes everything until the end of the stream. */
function echoServer(options: s.InetServerOptions | s.UnixServerOptions = { host, port: 0 }): Socket {
  const server = keep(createServer(options));
  void (async () => {
    for await (const { socket } of server.connections()) {
      const stream = socket.makefile();
      stream.on('error', () => {}); // a client that is killed
      stream.pipe(stream);
    }
  })();
  return server;
}

/** Sends everything, ends the stream, and returns the answer. */
async function roundTrip(socket: Socket): Promise<Buffer> {
  const sent = socket.sendAll(big).then(() => socket.shutdown(s.SHUT_WR));
  const [answer] = await Promise.all([receive(socket), sent]);
  return answer;
}

/** Returns the answer to a datagram, which is repeated until the program has started and answers. */
async function ask(socket: Socket, data: string, address: s.Address): Promise<string> {
  let answer = '';
  const attempt = async () => {
    await socket.sendto(data, 0, address).catch(() => {});
    answer = await socket.recv(4096, 0, { timeout: 500 }).then(String, String);
    return answer;
  };
  await expect.poll(attempt, { ...patient, interval: 50 }).toBe(data);
  return answer;
}

test('socat: TCP, as server and as client', async (context) => {
  need(context, program('socat'));
  const server = start('socat', ['-d', '-d', `TCP4-LISTEN:0,bind=${host}`, 'EXEC:cat']);
  const [, port] = await printed(server, /listening on AF=2 [\d.]+:(\d+)/);
  const client = keep(await createConnection({ host, port: Number(port) }));
  expect((await roundTrip(client)).equals(big)).toBe(true);

  const ours = echoServer();
  expect(await run('socat', ['-t', '10', '-', `TCP4:${host}:${portOf(ours)}`], 'to ours and back')).toBe(
    'to ours and back',
  );
});

test('socat: UDP, as server and as client', async (context) => {
  need(context, program('socat'));
  const port = freePort();
  start('socat', [`UDP4-RECVFROM:${port},bind=${host},fork`, 'EXEC:cat']);
  const socket = keep(new Socket(s.AF_INET, s.SOCK_DGRAM));
  socket.bind(inet(0));
  await ask(socket, 'a datagram', inet(port));

  const client = start('socat', ['-', `UDP4:${host}:${portOf(socket)}`], { stdio: ['pipe', 'pipe', 'pipe'] });
  client.child.stdin!.write('from socat');
  for await (const { data, address } of socket.datagrams(100, soon)) {
    if (String(data) !== 'from socat') continue; // a late answer to a question that was asked twice
    expect(address).toMatchObject({ family: s.AF_INET, address: '127.0.0.1' });
    await socket.sendto('answered', 0, address!);
    break;
  }
  await printed(client, /^answered$/);
});

test('socat: abstract names, as server and as client', async (context) => {
  need(context, program('socat'));
  const name = abstractName();
  start('socat', [`ABSTRACT-LISTEN:${name}`, 'EXEC:cat']);
  const client = await connected(unix(`\0${name}`));
  expect((await roundTrip(client)).equals(big)).toBe(true);

  const own = abstractName();
  echoServer({ path: `\0${own}` });
  expect(await run('socat', ['-t', '10', '-', `ABSTRACT-CONNECT:${own}`], 'there and back')).toBe('there and back');
});

test('socat: sequenced packets keep their boundaries', async (context) => {
  need(context, program('socat'));
  const path = join(folder(), 'socket');
  start('socat', [`UNIX-LISTEN:${path},type=5`, 'EXEC:cat']);
  const client = await connected(unix(path), s.SOCK_SEQPACKET);
  for (const record of ['one', 'x'.repeat(5000), 'three']) {
    await client.sendAll(record);
    expect(String(await client.recv(65536, 0, soon))).toBe(record);
  }

  const own = `${path}-ours`;
  const server = keep(createServer({ path: own, type: s.SOCK_SEQPACKET }));
  const peer = start('socat', ['-', `UNIX-CONNECT:${own},type=5`], { stdio: ['pipe', 'pipe', 'pipe'] });
  const { socket } = await server.accept(soon);
  keep(socket);
  for (const record of ['first', 'second']) {
    peer.child.stdin!.write(record);
    expect(String(await socket.recv(65536, 0, soon))).toBe(record);
    await socket.send(record.toUpperCase());
    await printed(peer, new RegExp(`${record.toUpperCase()}$`));
  }
});

test('socat: AF_UNIX datagrams', async (context) => {
  need(context, program('socat'));
  const path = join(folder(), 'socket');
  start('socat', [`UNIX-RECVFROM:${path},fork`, 'EXEC:cat']);
  const socket = keep(new Socket(s.AF_UNIX, s.SOCK_DGRAM));
  socket.bind(unix(`${path}-ours`));
  await ask(socket, 'a local datagram', unix(path));
});

test('ncat: TCP and AF_UNIX, as server and as client', async (context) => {
  need(context, program('ncat'));
  const [port, path] = [freePort(), join(folder(), 'socket')];
  // With more than a pipe holds, ncat and cat would wait for each other, and at the end ncat drops pending data.
  const some = big.subarray(0, 30_000);
  start('ncat', ['-l', host, String(port), '--exec', '/bin/cat']);
  start('ncat', ['-l', '-U', path, '--exec', '/bin/cat']);
  for (const address of [inet(port), unix(path)]) {
    const client = await connected(address);
    await client.sendAll(some);
    expect((await receive(client, some.length)).equals(some)).toBe(true);
    client.shutdown(s.SHUT_WR);
    expect(await receive(client)).toHaveLength(0);
  }

  expect(await run('ncat', [host, String(portOf(echoServer()))], 'to ours and back')).toBe('to ours and back');
  echoServer({ path: `${path}-ours` });
  expect(await run('ncat', ['-U', `${path}-ours`], 'to ours and back')).toBe('to ours and back');
});

test('ncat: UDP', async (context) => {
  need(context, program('ncat'));
  const socket = keep(new Socket(s.AF_INET, s.SOCK_DGRAM));
  socket.bind(inet(0));
  const client = start('ncat', ['-u', host, String(portOf(socket))], { stdio: ['pipe', 'pipe', 'pipe'] });
  client.child.stdin!.write('from ncat');
  const { data, address } = await socket.recvfrom(100, 0, soon);
  expect(String(data)).toBe('from ncat');
  await socket.sendto('answered', 0, address!);
  await printed(client, /^answered$/);
});

/** One direction of a connection through this process. */
async function pump(from: Socket, to: Socket): Promise<number> {
  const bytes = new Uint8Array(65536);
  let total = 0;
  try {
    for (let n = await from.recvInto(bytes); n > 0; n = await from.recvInto(bytes)) {
      await to.sendAll(bytes.subarray(0, n));
      total += n;
    }
    to.shutdown(s.SHUT_WR);
  } catch (error) {
    if (!s.isErrno(error, 'ECONNRESET', 'EPIPE', 'ENOTCONN')) throw error; // iperf3 ends some connections so
  }
  return total;
}

const BYTES = 20_000_000;

test.for([
  ['by recvInto and sendAll', []],
  ['by streams, in reverse', ['--reverse']],
] as const)('iperf3 through a proxy: %s', async ([how, flags], context) => {
  need(context, program('iperf3'));
  const port = freePort();
  const server = start('iperf3', ['-s', '-1', '-B', host, '-p', String(port), '--forceflush']);
  await printed(server, /Server listening on/);
  const proxy = keep(createServer({ host, port: 0 }));
  let pumped = 0;
  const serving = (async () => {
    const connections: Promise<unknown>[] = [];
    for await (const { socket: client } of proxy.connections()) {
      const upstream = keep(await createConnection({ host, port }));
      keep(client);
      if (how.includes('recvInto')) {
        const both = [pump(client, upstream), pump(upstream, client)];
        for (const total of both) connections.push(total.then((n) => (pumped += n)));
      } else {
        const [a, b] = [client, upstream].map((socket) => socket.makefile({ allowHalfOpen: true }));
        b!.on('data', (data: Buffer) => (pumped += data.length));
        for (const ends of [pipeline(a!, b!), pipeline(b!, a!)]) {
          connections.push(ends.catch((error) => expect(['ECONNRESET', 'EPIPE']).toContain(error.code)));
        }
      }
    }
    await Promise.all(connections);
  })();
  const text = await run('iperf3', ['-c', host, '-p', String(portOf(proxy)), '-n', String(BYTES), '-J', ...flags]);
  const { end } = JSON.parse(text) as { end: { sum_sent: { bytes: number }; sum_received: { bytes: number } } };
  expect(end.sum_sent.bytes).toBeGreaterThanOrEqual(BYTES);
  // The receiver does not count what is still in transit when the sender is done.
  expect(end.sum_received.bytes).toBeGreaterThan(BYTES / 4);
  expect(await server.ended).toBe(0);
  proxy.close();
  await serving;
  expect(pumped).toBeGreaterThanOrEqual(end.sum_received.bytes);
});

/** Reads a stream by lines and by lengths, as text protocols require. */
class Lines {
  readonly #chunks: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);
  constructor(stream: SocketStream) {
    this.#chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  }
  async bytes(length: number): Promise<Buffer> {
    while (this.#rest.length < length) await this.#more();
    const bytes = this.#rest.subarray(0, length);
    this.#rest = this.#rest.subarray(length);
    return bytes;
  }
  async line(): Promise<string> {
    while (!this.#rest.includes('\r\n')) await this.#more();
    const line = await this.bytes(this.#rest.indexOf('\r\n') + 2);
    return String(line.subarray(0, -2));
  }
  async #more(): Promise<void> {
    const { value, done } = await this.#chunks.next();
    if (done) throw new Error('the stream ended');
    this.#rest = Buffer.concat([this.#rest, value]);
  }
}

test('redis-server over AF_UNIX, by a stream', async (context) => {
  need(context, program('redis-server'));
  const dir = folder();
  const path = join(dir, 'redis');
  start('redis-server', ['--port', '0', '--unixsocket', path, '--save', '', '--dir', dir]);
  const stream = (await connected(unix(path))).makefile();
  onTestFinished(() => void stream.destroy());
  const lines = new Lines(stream);
  stream.write('PING\r\n');
  expect(await lines.line()).toBe('+PONG');
  // A value larger than all buffers, and many commands at once, whose answers come in order.
  stream.write(`*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n$${big.length}\r\n`);
  stream.write(big);
  stream.write('\r\n');
  for (let i = 0; i < 1000; i++) stream.write(`INCR counter\r\n`);
  stream.write('GET big\r\n');
  expect(await lines.line()).toBe('+OK');
  for (let i = 1; i <= 1000; i++) expect(await lines.line()).toBe(`:${i}`);
  expect(await lines.line()).toBe(`$${big.length}`);
  expect((await lines.bytes(big.length + 2)).subarray(0, -2).equals(big)).toBe(true);
  stream.end('QUIT\r\n');
  expect(await lines.line()).toBe('+OK');
  await expect(lines.line()).rejects.toThrow('the stream ended');
});

test('nginx over AF_UNIX: as a file server, and in front of node:http on our streams', async (context) => {
  need(context, program('nginx'));
  const dir = folder();
  writeFileSync(join(dir, 'file'), big);
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  const config = `
    user root; daemon off; master_process off; pid ${dir}/pid; error_log stderr;
    events { worker_connections 64; }
    http {
      access_log off; client_max_body_size 0;
      ${paths.map((name) => `${name}_temp_path ${dir}/${name};`).join(' ')}
      server {
        listen unix:${dir}/nginx;
        location / { root ${dir}; }
        location /ours/ { proxy_pass http://unix:${dir}/ours:/; }
      }
    }`;
  writeFileSync(join(dir, 'config'), config);
  start('nginx', ['-e', 'stderr', '-p', dir, '-c', join(dir, 'config')]);
  const address = unix(join(dir, 'nginx'));

  // Byte by byte, without a library: the end of the stream is the end of the answer.
  const plain = await connected(address);
  await plain.sendAll('GET /file HTTP/1.0\r\n\r\n');
  const answer = await receive(plain);
  expect(String(answer.subarray(0, 15))).toBe('HTTP/1.1 200 OK');
  expect(answer.subarray(answer.indexOf('\r\n\r\n') + 4).equals(big)).toBe(true);

  // node:http as a client on our stream, and as a server on our streams.
  const served = http.createServer(async (request, response) => {
    const body = await buffer(request); // nginx sends no more of it once an answer has begun
    response.setHeader('x-path', request.url!).end(body);
  });
  const upstream = keep(createServer({ path: join(dir, 'ours') }));
  void (async () => {
    for await (const { socket } of upstream.connections()) served.emit('connection', socket.makefile());
  })();
  const stream = (await connected(address)).makefile();
  onTestFinished(() => void stream.destroy());
  const request = http.request({
    createConnection: () => stream,
    method: 'POST',
    path: '/ours/echo',
    headers: { connection: 'close' },
  });
  const response = new Promise<http.IncomingMessage>((resolve, reject) => {
    request.once('response', resolve).once('error', reject);
  });
  request.end(big);
  const { statusCode, headers } = await response;
  expect(statusCode).toBe(200);
  expect(headers['x-path']).toBe('/echo');
  expect((await buffer(await response)).equals(big)).toBe(true);
});

test('openssl: TLS over our streams, as client and as server', async (context) => {
  need(context, program('openssl'));
  const [dir, port] = [folder(), freePort()];
  const [key, cert] = [join(dir, 'key'), join(dir, 'cert')];
  const made = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key, '-out', cert];
  await run('openssl', ['req', '-x509', ...made, '-subj', '/CN=localhost']);
  start('openssl', ['s_server', '-accept', `${host}:${port}`, '-cert', cert, '-key', key, '-rev']);
  const client = tls.connect({ socket: (await connected(inet(port))).makefile(), ca: readFileSync(cert) });
  onTestFinished(() => void client.destroy());
  client.write('abc\n');
  expect(String((await once(client, 'data'))[0])).toBe('cba\n'); // openssl answers each line in reverse

  const server = keep(createServer({ host, port: 0 }));
  const connect = ['s_client', '-connect', `${host}:${portOf(server)}`, '-CAfile', cert, '-quiet'];
  const peer = start('openssl', connect, { stdio: ['pipe', 'pipe', 'pipe'] });
  const stream = (await server.accept(soon)).socket.makefile();
  const secured = new tls.TLSSocket(stream, { isServer: true, key: readFileSync(key), cert: readFileSync(cert) });
  onTestFinished(() => void secured.destroy());
  peer.child.stdin!.write('from openssl');
  expect(String((await once(secured, 'data'))[0])).toBe('from openssl');
  secured.write('from node:tls');
  await printed(peer, /from node:tls/);
});

test('dbus-daemon: EXTERNAL, Hello, and file descriptors passed from one connection to another', async (context) => {
  need(context, program('dbus-daemon'));
  const dir = folder();
  const path = join(dir, 'bus');
  writeFileSync(
    join(dir, 'config'),
    `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
      "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
    <busconfig>
      <listen>unix:path=${path}</listen>
      <auth>EXTERNAL</auth>
      <policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/></policy>
    </busconfig>`,
  );
  const daemon = start('dbus-daemon', [`--config-file=${join(dir, 'config')}`, '--nofork', '--print-address']);
  await printed(daemon, /^unix:path=/m);
  const before = openSockets();
  const [caller, callee] = [await Bus.connect(unix(path)), await Bus.connect(unix(path))];
  onTestFinished(async () => {
    await caller.close();
    await callee.close();
  });
  expect(caller.name).toMatch(/^:1\.\d+$/);
  expect(callee.name).not.toBe(caller.name);
  // The bus knows our credentials.
  expect((await callee.ask('GetConnectionUnixProcessID', 's', caller.name)).body).toEqual([process.pid]);
  expect((await callee.ask('GetConnectionUnixUser', 's', caller.name)).body).toEqual([process.getuid!()]);
  await expect(caller.ask('NoSuchMethod')).rejects.toThrow('org.freedesktop.DBus.Error.UnknownMethod');

  callee.onCall = (call: Message) => {
    // The bytes that a file descriptor came with show which message it belongs to.
    const [text, index] = call.body as [string, number];
    const fd = call.fds[index]!;
    s.write(fd, `${text} through the bus`);
    s.close(fd);
    callee.reply(call, 'su', text, call.fds.length);
  };
  const call = async (i: number) => {
    const [near, far] = Socket.pair();
    const reply = await caller.call({
      destination: callee.name,
      path: '/org/example/Object',
      interface: 'org.example.Test',
      member: 'Take',
      signature: 'sh',
      body: [`call ${i}`, 0],
      fds: [far.fd],
    });
    far.close();
    expect(reply.sender).toBe(callee.name);
    expect(reply.body).toEqual([`call ${i}`, 1]);
    expect(String(await receive(near))).toBe(`call ${i} through the bus`);
    near.close();
  };
  await call(0);
  await Promise.all(Array.from({ length: 30 }, (_, i) => call(i + 1)));

  await caller.close();
  await callee.close();
  expect(openSockets()).toBe(before);
});

test('rsyslogd: over a local socket, UDP and TCP', async (context) => {
  need(context, program('rsyslogd'));
  const dir = folder();
  const [port, log, out] = [freePort(), join(dir, 'log'), join(dir, 'out')];
  writeFileSync(
    join(dir, 'config'),
    `module(load="imuxsock" SysSock.Use="off")
    input(type="imuxsock" Socket="${log}")
    module(load="imudp")
    input(type="imudp" Address="${host}" Port="${port}")
    module(load="imtcp")
    input(type="imtcp" Address="${host}" Port="${port}")
    template(name="line" type="string" string="%syslogfacility-text%.%syslogseverity-text% %syslogtag% %msg%\\n")
    action(type="omfile" File="${out}" Template="line")`,
  );
  start('rsyslogd', ['-n', '-f', join(dir, 'config'), '-i', join(dir, 'pid')]);
  const local = await connected(unix(log), s.SOCK_DGRAM);
  await local.send('<11>Nov  1 12:00:00 local-tag: by the local socket');
  const stream = await connected(inet(port));
  await stream.sendAll('<12>Nov  1 12:00:00 host tcp-tag: by TCP\n');
  const udp = await connected(inet(port), s.SOCK_DGRAM);
  await udp.send('<14>Nov  1 12:00:00 host udp-tag: by UDP');
  const lines = () => {
    try {
      return readFileSync(out, 'utf8').trimEnd().split('\n').sort();
    } catch {
      return []; // not written yet
    }
  };
  const expected = [
    'user.err local-tag:  by the local socket',
    'user.info udp-tag:  by UDP',
    'user.warning tcp-tag:  by TCP',
  ];
  await expect.poll(lines, patient).toEqual(expect.arrayContaining(expected));
});

test('logger writes to one of our sockets', async (context) => {
  need(context, program('logger'));
  const path = join(folder(), 'log');
  const socket = keep(new Socket(s.AF_UNIX, s.SOCK_DGRAM));
  socket.bind(unix(path));
  await run('logger', ['--socket', path, '--tag', 'sys-socket', '--priority', 'daemon.notice', 'a message']);
  expect(String(await socket.recv(4096, 0, soon))).toMatch(/^<29>.*sys-socket.*: a message$/);
});

test('Python asyncio: stream servers, and a client that half-closes', async (context) => {
  need(context, program('python3'));
  const path = join(folder(), 'socket');
  const { child, line } = await pythonPeer(
    `
import asyncio
async def echo(reader, writer):
    while data := await reader.read(30000):
        writer.write(data)
        await writer.drain()
    writer.write(b'the end')
    writer.close()
async def main():
    tcp = await asyncio.start_server(echo, '127.0.0.1', 0)
    unix = await asyncio.start_unix_server(echo, sys.argv[1])
    print(tcp.sockets[0].getsockname()[1])
    await asyncio.gather(tcp.serve_forever(), unix.serve_forever())
asyncio.run(main())`,
    path,
  );
  onTestFinished(() => void child.kill());
  const expected = Buffer.concat([big, Buffer.from('the end')]);
  const tcp = keep(await createConnection({ host: '127.0.0.1', port: Number(line) }));
  expect((await roundTrip(tcp)).equals(expected)).toBe(true);
  expect((await roundTrip(await connected(unix(path)))).equals(expected)).toBe(true);

  const script = `
import asyncio, hashlib
async def main():
    reader, writer = await asyncio.open_connection(sys.argv[1], int(sys.argv[2]))
    data = bytes(range(256)) * 2000
    writer.write(data)
    writer.write_eof()
    print(json.dumps(await reader.read() == data))
    writer.close()
asyncio.run(main())`;
  expect(await pythonAsync(script, host, String(portOf(echoServer())))).toBe(true);
});

test('Python asyncio: datagrams, answered in batches', async (context) => {
  need(context, program('python3'));
  const socket = keep(new Socket(s.AF_INET, s.SOCK_DGRAM));
  socket.bind(inet(0));
  const answers = new s.MessageBatch({ messages: 16, size: 2048 });
  void (async () => {
    for await (const batch of socket.batches(new s.MessageBatch({ messages: 16, size: 2048 }))) {
      answers.clear();
      for (let i = 0; i < batch.count; i++) answers.push(batch.bytes(i), batch.name(i));
      await socket.sendmmsg(answers);
    }
  })();
  const script = `
import asyncio
class Client(asyncio.DatagramProtocol):
    def __init__(self):
        self.got, self.done = set(), asyncio.get_running_loop().create_future()
    def datagram_received(self, data, address):
        self.got.add(data)
        if len(self.got) == 100: self.done.set_result(None)
async def main():
    transport, client = await asyncio.get_running_loop().create_datagram_endpoint(
        Client, remote_addr=(sys.argv[1], int(sys.argv[2])))
    wanted = {b'%d' % i * 100 for i in range(100)}
    for data in wanted: transport.sendto(data)
    await asyncio.wait_for(client.done, 15)
    print(json.dumps(client.got == wanted))
    transport.close()
asyncio.run(main())`;
  expect(await pythonAsync(script, host, String(portOf(socket)))).toBe(true);
});
