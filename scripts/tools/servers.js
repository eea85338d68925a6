// The rows for libraries that receive our streams and communicate with a real server of their protocol.
import { row } from './clients.js';

const bus = `
import { spawn } from 'node:child_process';
async function startBus() {
  const server = spawn('dbus-daemon', ['--session', '--nofork', '--print-address'], { stdio: ['ignore', 'pipe', 'ignore'] });
  const [address] = await once(server.stdout.setEncoding('utf8'), 'data');
  return { path: /path=([^,]+)/.exec(address)[1], end: () => server.kill() };
}
`;

const programs = {
  ioredis: `
import { spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Redis from 'ioredis';
import connectors from 'ioredis/built/connectors/AbstractConnector.js';
const path = join(mkdtempSync(join(tmpdir(), 'redis-')), 'socket');
const server = spawn('redis-server', ['--port', '0', '--unixsocket', path, '--save', ''], { stdio: 'ignore' });
class Connector extends connectors.default {
  async connect() {
    this.connecting = true;
    this.stream = await persist({ path });
    return this.stream;
  }
}
const client = new Redis({ Connector, lazyConnect: true });
await client.connect();
await client.set('key', 'v'.repeat(200_000));
assert.equal((await client.get('key')).length, 200_000);
const pipeline = client.pipeline();
for (let i = 0; i < 1000; i++) pipeline.incr('count');
assert.equal((await pipeline.exec()).at(-1)[1], 1000);
await client.quit();
server.kill();`,

  mysql2: `
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mysql from 'mysql2/promise';
const folder = mkdtempSync(join(tmpdir(), 'mysql-'));
const path = join(folder, 'socket');
const options = ['--no-defaults', '--user=root', '--datadir=' + folder, '--skip-grant-tables', '--skip-networking'];
const server = spawn('mariadbd', [...options, '--socket=' + path], { stdio: 'ignore' });
const connection = await mysql.createConnection({ user: 'root', stream: await persist({ path }), enableKeepAlive: true });
const [[row]] = await connection.query('SELECT ? AS text, 6 * 7 AS number', ['x'.repeat(200_000)]);
assert.deepEqual({ ...row }, { text: 'x'.repeat(200_000), number: 42 });
await connection.query('CREATE DATABASE d');
await connection.query('CREATE TABLE d.t (n INT)');
const [{ affectedRows }] = await connection.query('INSERT INTO d.t VALUES ?', [Array.from({ length: 5000 }, (_, n) => [n])]);
assert.equal(affectedRows, 5000);
const [rows] = await connection.execute('SELECT n FROM d.t WHERE n >= ?', [1000]);
assert.equal(rows.length, 4000);
await assert.rejects(connection.query('SELECT * FROM d.none'), { code: 'ER_NO_SUCH_TABLE' });
await connection.end();
server.kill();
await once(server, 'exit');
rmSync(folder, { recursive: true });`,

  '@homebridge/dbus-native': `
import dbus from '@homebridge/dbus-native';
const { path, end } = await startBus();
const stream = await dial({ path });
const bus = dbus.createClient({ stream, authMethods: ['EXTERNAL'] });
const call = (member, ...body) =>
  new Promise((resolve, reject) => {
    const at = { destination: 'org.freedesktop.DBus', path: '/org/freedesktop/DBus', interface: 'org.freedesktop.DBus' };
    const message = { ...at, member, ...(body.length > 0 && { signature: 's', body }) };
    bus.invoke(message, (error, value) => (error ? reject(error) : resolve(value)));
  });
assert.match(await call('GetId'), /^[0-9a-f]{32}$/);
assert.equal(await call('GetConnectionUnixProcessID', bus.name), process.pid);
assert.equal((await call('ListNames')).includes(bus.name), true);
await assert.rejects(call('GetNameOwner', 'org.example.none'));
bus.connection.end();
end();`,

  'dbus-next': `
import { closeSync, mkdtempSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { tmpdir } from 'node:os';
import { AF_UNIX, connect, Socket, SOCK_STREAM } from 'sys-socket';
// It takes no stream, and asks the module usocket for one that carries descriptors: this is that module over ours.
function USocket({ path }) {
  const socket = new Socket(AF_UNIX, SOCK_STREAM);
  connect(socket.fd, { family: AF_UNIX, path });
  const stream = socket.makefile({ fds: 16 });
  const got = [];
  stream.on('fds', (fds) => got.push(...fds));
  const { write, read } = stream;
  stream.write = (data) =>
    data.fds?.length > 0 ? stream.writeWithFds(data.data, data.fds) : write.call(stream, data.data ?? data);
  stream.read = (size, fds) => {
    const data = read.call(stream, size);
    return fds === null && data ? { data, fds: got.splice(0) } : data;
  };
  process.nextTick(() => stream.emit('connected'));
  return stream;
}
const inner = createRequire(createRequire(import.meta.url).resolve('dbus-next'));
const usocket = inner.resolve('usocket');
inner.cache[usocket] = { id: usocket, filename: usocket, loaded: true, exports: { USocket } };
const { default: dbus } = await import('dbus-next');

const { path, end } = await startBus();
const open = () => dbus.sessionBus({ busAddress: 'unix:path=' + path, negotiateUnixFd: true });
const [server, client] = [open(), open()];
class Files extends dbus.interface.Interface {
  Read(fd) {
    const text = readFileSync(fd, 'utf8');
    closeSync(fd);
    return text;
  }
  Open(name) {
    return openSync(name, 'r');
  }
}
Files.configureMembers({
  methods: { Read: { inSignature: 'h', outSignature: 's' }, Open: { inSignature: 's', outSignature: 'h' } },
});
await server.requestName('org.example.Files');
server.export('/files', new Files('org.example.Files'));
const files = (await client.getProxyObject('org.example.Files', '/files')).getInterface('org.example.Files');
const name = join(mkdtempSync(join(tmpdir(), 'dbus-')), 'file');
for (let i = 0; i < 20; i++) {
  writeFileSync(name, 'text ' + i);
  const fd = await files.Open(name);
  assert.equal(readFileSync(fd, 'utf8'), 'text ' + i);
  closeSync(fd);
}
// Many at a time, so that messages with descriptors follow each other at once.
const texts = Array.from({ length: 20 }, (_, i) => {
  writeFileSync(name + i, 'text ' + i);
  return files.Read(openSync(name + i, 'r'));
});
assert.deepEqual(await Promise.all(texts), texts.map((_, i) => 'text ' + i));
client.disconnect();
server.disconnect();
end();`,
};

/** `program`: what must be installed for the row; `from`: the Debian package that contains it. */
export const servers = [
  row('ioredis', 'a connector over `AF_UNIX`; redis-server', programs.ioredis, {
    program: 'redis-server',
    from: 'redis-server',
  }),
  row('mysql2', '`stream`, over `AF_UNIX`; mariadbd', programs.mysql2, {
    program: 'mariadbd',
    from: 'mariadb-server-core',
  }),
  row('@homebridge/dbus-native', '`stream`, over `AF_UNIX`; dbus-daemon', bus + programs['@homebridge/dbus-native'], {
    program: 'dbus-daemon',
    from: 'dbus-daemon',
  }),
  row('dbus-next', 'descriptors both ways by `makefile({ fds })`; dbus-daemon', bus + programs['dbus-next'], {
    program: 'dbus-daemon',
    from: 'dbus-daemon',
    todo: 'give it a module `usocket` over a stream',
  }),
];
