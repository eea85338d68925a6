// The library in its own realm, as in a test of jest: a context without any global of Node. Then values of another
// realm in this one. Run it with --experimental-vm-modules; it prints 'ok'.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import process from 'node:process';
import vm from 'node:vm';

const dist = new URL('../../dist/', import.meta.url);

/** Evaluates a module and its imports in a context; the modules of Node come from the realm of Node. */
async function load(entry, context) {
  const modules = new Map();
  const moduleAt = (url) => {
    if (!modules.has(url)) {
      const source = readFileSync(new URL(url), 'utf8');
      const initializeImportMeta = (meta) => {
        meta.url = url;
      };
      modules.set(url, new vm.SourceTextModule(source, { context, identifier: url, initializeImportMeta }));
    }
    return modules.get(url);
  };
  const builtin = async (name) => {
    if (!modules.has(name)) {
      const exports = await import(name);
      const names = Object.keys(exports);
      const define = function () {
        for (const key of names) this.setExport(key, exports[key]);
      };
      modules.set(name, new vm.SyntheticModule(names, define, { context, identifier: name }));
    }
    return modules.get(name);
  };
  const root = moduleAt(new URL(entry, dist).href);
  await root.link((specifier, from) =>
    specifier.startsWith('node:') ? builtin(specifier) : moduleAt(new URL(specifier, from.identifier).href),
  );
  await root.evaluate();
  return root.namespace;
}

const context = vm.createContext({});
const realm = (code) => vm.runInContext(code, context);
const there = {
  ...(await load('index.js', context)),
  nothrow: await load('nothrow.js', context),
  promises: await load('promises.js', context),
  packet: await load('packet/index.js', context),
};
const here = {
  ...(await import(new URL('index.js', dist).href)),
  nothrow: await import(new URL('nothrow.js', dist).href),
  promises: await import(new URL('promises.js', dist).href),
  packet: await import(new URL('packet/index.js', dist).href),
};

/** Calls everything that accepts bytes or returns objects: the library of one realm with the bytes of another. */
async function exercise(s, bytes, RealmError, name) {
  const { nothrow, promises, packet } = s;
  const loopback = { family: s.AF_INET, address: '127.0.0.1', port: 0 };
  const fd = s.socket(s.AF_INET, s.SOCK_DGRAM);
  s.bind(fd, loopback);
  const encoded = s.encodeAddress(s.getsockname(fd));
  const address = bytes(encoded);
  const buffer = bytes(new Array(64).fill(0));
  const data = bytes([1, 2, 3]);
  const receive = () => assert.equal(s.recv(fd, buffer), 3);
  for (let i = 0; i < 3; i++) {
    assert.equal(s.sendto(fd, data, 0, address), 3);
    receive();
    assert.equal(nothrow.sendto(fd, data, 0, address), 3);
    assert.equal(s.recvfrom(fd, buffer).address.port, s.getsockname(fd).port);
  }
  const control = bytes(s.encodeControl([{ level: s.IPPROTO_IP, type: s.IP_TTL, value: 3 }]));
  assert.equal(s.sendmsg(fd, { buffers: [data], address, control }), 3);
  receive();
  assert.equal(nothrow.sendmsg(fd, { buffers: [data], address, control }), 3);
  receive();
  const raw = { level: s.IPPROTO_IP, type: s.IP_TTL, data: bytes([9, 0, 0, 0]) };
  assert.equal(s.sendmsg(fd, { buffers: [data], address, control: [raw] }), 3);
  receive();
  const batch = new s.MessageBatch({ messages: 2, size: 9, controlLength: 64 });
  batch.push(data, address, control);
  assert.equal(s.sendmmsg(fd, batch), 1);
  assert.equal(s.recvmmsg(fd, batch, s.MSG_WAITFORONE), 1);
  s.setOption(fd, 'IP_TTL', 9);
  s.setsockopt(fd, s.IPPROTO_IP, s.IP_TTL, bytes([9, 0, 0, 0]));
  assert.equal(s.getOption(fd, 'IP_TTL'), 9);
  s.close(fd);

  const unix = s.socket(s.AF_UNIX, s.SOCK_DGRAM);
  const path = bytes([0, ...Buffer.from(`sys-socket-${name}-${process.pid}`)]);
  s.bind(unix, { family: s.AF_UNIX, path });
  s.close(unix);
  assert.equal(s.encodeAddress({ family: s.AF_PACKET, ifindex: 1, protocol: 3, address: bytes([1, 2]) }).length, 20);
  assert.equal(s.encodeAddress({ family: 99, data: bytes([1, 2]) }).length, 4);
  assert.equal(s.encodeNetlink([{ type: 1, flags: 0, seq: 0, pid: 0, data: bytes([1, 2, 3, 4]) }]).length, 20);
  const sv = realm('new Int32Array(2)');
  assert.equal(nothrow.socketpair(s.AF_UNIX, s.SOCK_STREAM, 0, sv), 0);
  s.close(sv[0]);
  s.close(sv[1]);

  assert.equal(s.getaddrinfo('127.0.0.1', 80)[0].address.port, 80);
  assert.equal(s.getnameinfo(bytes(encoded), s.NI_NUMERICHOST).host, '127.0.0.1');
  assert.equal(s.gethostbyname('127.0.0.1'), '127.0.0.1');
  assert.equal(typeof s.getfqdn(), 'string');
  assert.ok(s.if_nameindex().length > 0);
  assert.equal((await promises.getaddrinfo('127.0.0.1', '80'))[0].address.port, 80);
  assert.equal(await promises.gethostbyname('127.0.0.1'), '127.0.0.1');
  assert.throws(() => s.getaddrinfo('127.0.0.1', 'no such service'), { code: 'EAI_SERVICE' });
  assert.throws(
    () => s.gethostbyname(''),
    (error) => error instanceof s.HostError && error instanceof RealmError,
  );
  await assert.rejects(promises.getaddrinfo('127.0.0.1', 'no such service'), { code: 'EAI_SERVICE' });

  const packed = packet.encodePacket([
    packet.ethernet({ source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02' }),
    packet.ipv4({ sourceAddress: '127.0.0.1', destinationAddress: '127.0.0.2' }),
    packet.udp({ sourcePort: 1, destinationPort: 2 }),
    packet.payload(bytes([1, 2, 3])),
    bytes([4]),
    bytes([5, 6]).buffer,
  ]);
  assert.equal(packed.length, 14 + 20 + 8 + 6);
  const decoded = packet.decodePacket(bytes(packed));
  assert.equal(decoded.layers.at(-1).data.length, 6);
  assert.equal(packet.decodePacket(bytes(packed).buffer).layers.length, 4);
  assert.equal(packet.encodePacketInto(bytes(new Array(99).fill(0)), decoded.layers), packed.length);
  assert.ok(packet.formatPacket(decoded).includes('127.0.0.2'));
  const program = packet.compileFilter(packet.parseFilter('udp'));
  assert.equal(packet.offlineFilter(program)(bytes(packed)) > 0, true);

  for (const call of [
    () => s.recv(-1, buffer),
    () => s.socket('x', 0),
    () => s.recv(9, 'x'),
    () => s.listen(2 ** 40),
  ]) {
    assert.throws(call, (error) => error instanceof RealmError && typeof error.code === 'string');
  }
  assert.throws(
    () => s.recv(-1, buffer),
    (error) => error instanceof s.SocketError && s.isErrno(error, 'EBADF'),
  );
}

const bytesHere = (list) => Uint8Array.from(list);
context.list = undefined;
const bytesThere = (list) => {
  context.list = Array.from(list);
  return realm('Uint8Array.from(list)');
};
assert.ok(!(bytesThere([1]) instanceof Uint8Array));
await exercise(here, bytesThere, Error, 'here');
await exercise(there, bytesThere, realm('Error'), 'there');
await exercise(there, bytesHere, realm('Error'), 'across');
console.log('ok');
