#!/usr/bin/env node
// @ts-check
// `npm run demo`: shows the socket API at work on the loopback interface, line by line. Every step verifies what it
// prints, and the exit code is 0 only if all steps succeeded.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import * as s from 'sys-socket';

/** struct timeval { 5 s, 0 us } for SO_RCVTIMEO: no receive in this program waits longer. */
const FIVE_SECONDS = new BigInt64Array([5n, 0n]);

/** @param {string} line */
const say = (line) => console.log(`   ${line}`);

/** The buffer that receives the answers. */
const buffer = Buffer.alloc(65536);
/** @param {number} bytes */
const text = (bytes) => buffer.toString('utf8', 0, bytes);

/**
 * Creates a socket whose receives time out after five seconds.
 * @param {number} domain @param {number} type @param {number} [protocol]
 */
function socket(domain, type, protocol) {
  const fd = s.socket(domain, type, protocol);
  s.setsockopt(fd, s.SOL_SOCKET, s.SO_RCVTIMEO, FIVE_SECONDS);
  return fd;
}

/** Returns the address that the kernel chose. @param {number} fd */
function inetName(fd) {
  const name = s.getsockname(fd);
  assert(name !== undefined && name.family === s.AF_INET && 'port' in name, 'an AF_INET address');
  return name;
}

/** @type {s.InetAddress} */
const anyPort = { family: s.AF_INET, address: '127.0.0.1', port: 0 };

async function tcp() {
  say('another process runs examples/tcp-echo-server.js: socket, bind, listen, accept, recv, send, close');
  const path = join(import.meta.dirname, 'tcp-echo-server.js');
  const server = spawn(process.execPath, [path], { stdio: ['ignore', 'pipe', 'inherit'], timeout: 20_000 });
  try {
    const lines = createInterface({ input: server.stdout })[Symbol.asyncIterator]();
    const next = async () => {
      const { value, done } = await lines.next();
      assert(!done, 'the server ended too early');
      say(`server: ${value}`);
      return String(value);
    };
    const port = Number(/^listening on 127\.0\.0\.1:(\d+)$/.exec(await next())?.[1]);
    const fd = socket(s.AF_INET, s.SOCK_STREAM);
    say(`client: socket(AF_INET, SOCK_STREAM) = ${fd}`);
    s.connect(fd, { family: s.AF_INET, address: '127.0.0.1', port });
    const own = inetName(fd);
    say(`client: connect(${fd}, 127.0.0.1:${port}), own address 127.0.0.1:${own.port}`);
    assert.equal(await next(), `accepted 127.0.0.1:${own.port}`);
    const messages = ['hello', 'sys/socket.h', 'grüße'];
    for (const message of messages) {
      const sent = s.send(fd, message);
      assert.equal(sent, Buffer.byteLength(message));
      const received = s.recv(fd, buffer.subarray(0, sent), s.MSG_WAITALL);
      say(`client: send(${fd}, '${message}') = ${sent}; recv(${fd}) = ${received}: '${text(received)}'`);
      assert.equal(text(received), message);
    }
    s.shutdown(fd, s.SHUT_WR);
    assert.equal(s.recv(fd, buffer), 0);
    say(`client: shutdown(${fd}, SHUT_WR); recv(${fd}) = 0, the end of the stream`);
    s.close(fd);
    assert.equal(await next(), `echoed ${Buffer.byteLength(messages.join(''))} bytes`);
  } finally {
    server.kill();
  }
}

async function udp() {
  const [a, b] = [socket(s.AF_INET, s.SOCK_DGRAM), socket(s.AF_INET, s.SOCK_DGRAM)];
  s.bind(a, anyPort);
  s.bind(b, anyPort);
  const [nameA, nameB] = [inetName(a), inetName(b)];
  say(`socket ${a} is bound to 127.0.0.1:${nameA.port}, socket ${b} to 127.0.0.1:${nameB.port}`);
  say(`sendto(${a}, 'ping', 0, 127.0.0.1:${nameB.port}) = ${s.sendto(a, 'ping', 0, nameB)}`);
  const first = s.recvfrom(b, buffer);
  assert.equal(text(first.length), 'ping');
  assert.deepEqual(first.address, nameA);
  say(`recvfrom(${b}) = ${first.length}: '${text(first.length)}' from 127.0.0.1:${nameA.port}`);
  say(`sendto(${b}, 'pong', 0, that sender) = ${s.sendto(b, 'pong', 0, first.address)}`);
  const second = s.recvfrom(a, buffer);
  assert.equal(text(second.length), 'pong');
  assert.deepEqual(second.address, nameB);
  say(`recvfrom(${a}) = ${second.length}: '${text(second.length)}' from 127.0.0.1:${nameB.port}`);
  s.close(a);
  s.close(b);
}

async function unix() {
  const folder = mkdtempSync(join(tmpdir(), 'sys-socket-demo-'));
  try {
    for (const path of [join(folder, 'socket'), `\0sys-socket-demo-${process.pid}`]) {
      /** @type {s.UnixAddress} */
      const address = { family: s.AF_UNIX, path };
      const [listener, client] = [socket(s.AF_UNIX, s.SOCK_STREAM), socket(s.AF_UNIX, s.SOCK_STREAM)];
      s.bind(listener, address);
      s.listen(listener);
      s.connect(client, address); // completes in the backlog, before accept is called
      const { fd: server } = s.accept(listener);
      s.setsockopt(server, s.SOL_SOCKET, s.SO_RCVTIMEO, FIVE_SECONDS);
      assert.deepEqual(s.getpeername(client), address);
      say(`connected over ${path.startsWith('\0') ? `the abstract name @${path.slice(1)}` : `the path ${path}`}`);

      const file = openSync(import.meta.filename, 'r');
      s.sendmsg(client, { buffers: ['fd'], control: [{ level: s.SOL_SOCKET, type: s.SCM_RIGHTS, fds: [file] }] });
      say(`sendmsg(${client}) with SCM_RIGHTS passes descriptor ${file}, an open file`);
      const { length: bytes, control } = s.recvmsg(server, { buffers: [buffer], controlLength: s.CMSG_SPACE(4) });
      assert.equal(text(bytes), 'fd');
      const fds = control.find((message) => s.isControl(message, s.SOL_SOCKET, s.SCM_RIGHTS))?.fds ?? [];
      assert.equal(fds.length, 1);
      const [passed = -1] = fds;
      assert.notEqual(passed, file);
      closeSync(file); // the passed descriptor stays open: it is another descriptor of the same open file
      const length = s.read(passed, buffer);
      assert(length > 0);
      assert.equal(text(length), readFileSync(import.meta.filename, 'utf8').slice(0, length));
      say(
        `recvmsg(${server}) gives descriptor ${passed}; close(${file}); read(${passed}) = ${length} bytes of that file`,
      );
      for (const fd of [passed, server, client, listener]) s.close(fd);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Computes the internet checksum (RFC 1071). @param {Buffer} bytes */
function checksum(bytes) {
  let sum = 0;
  for (const [i, byte] of bytes.entries()) sum += i % 2 === 0 ? byte << 8 : byte;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** Returns a raw ICMP socket, or undefined if this process is not permitted to create one. */
function rawSocket() {
  try {
    return socket(s.AF_INET, s.SOCK_RAW, s.IPPROTO_ICMP);
  } catch (error) {
    if (!s.isErrno(error, 'EPERM')) throw error;
    assert.equal(error.errno, 1);
    assert.equal(error.syscall, 'socket');
    say(`socket(AF_INET, SOCK_RAW, IPPROTO_ICMP) throws ${error.name}: ${error.message}`);
    say('a raw socket needs CAP_NET_RAW: run the demo with sudo, or');
    say('  sudo setcap cap_net_raw+ep $(readlink -f $(which node))');
    say("  or in a user namespace: unshare -Urn sh -c 'ip link set lo up; npm run demo'");
    return undefined;
  }
}

async function raw() {
  const fd = rawSocket();
  if (fd === undefined) return 'EPERM shown: no CAP_NET_RAW';
  say(`socket(AF_INET, SOCK_RAW, IPPROTO_ICMP) = ${fd}`);
  const id = process.pid & 0xffff;
  const echo = Buffer.from('\0\0\0\0\0\0\0\0sys-socket demo');
  echo.writeUInt8(s.ICMP_ECHO, 0);
  echo.writeUInt16BE(id, 4);
  echo.writeUInt16BE(1, 6);
  echo.writeUInt16BE(checksum(echo), 2);
  say(`sendto(${fd}, echo request, id ${id}, seq 1) = ${s.sendto(fd, echo, 0, anyPort)}`);
  const start = performance.now();
  for (;;) {
    assert(performance.now() - start < 5000, 'no echo reply in 5 s');
    const { length: bytes } = s.recvfrom(fd, buffer);
    const ip = buffer.subarray(0, bytes);
    const icmp = ip.subarray((ip.readUInt8(0) & 15) * 4);
    // The socket receives every ICMP packet that arrives at this host, including our own request.
    if (icmp.length < 8 || icmp.readUInt8(0) !== s.ICMP_ECHOREPLY || icmp.readUInt16BE(4) !== id) continue;
    assert.equal(ip.subarray(12, 16).join('.'), '127.0.0.1');
    assert.equal(icmp.readUInt16BE(6), 1);
    assert.equal(checksum(icmp), 0);
    assert.deepEqual(icmp.subarray(8), echo.subarray(8));
    say(`recvfrom(${fd}) = ${bytes}: IP ttl ${ip.readUInt8(8)}, ICMP echo reply, id ${id}, seq 1, checksum right`);
    break;
  }
  s.close(fd);
  return undefined;
}

async function refused() {
  const [holder, fd] = [socket(s.AF_INET, s.SOCK_STREAM), socket(s.AF_INET, s.SOCK_STREAM)];
  s.bind(holder, anyPort); // bound, but not listening
  const address = inetName(holder);
  try {
    s.connect(fd, address);
    assert.fail('the connection was not refused');
  } catch (error) {
    if (!s.isErrno(error, 'ECONNREFUSED')) throw error;
    assert.equal(error.errno, 111);
    assert.equal(error.syscall, 'connect');
    assert.deepEqual(error.address, address);
    say(`connect(${fd}, 127.0.0.1:${address.port}) throws ${error.name}: ${error.message}`);
    say(`code '${error.code}', errno ${error.errno}, syscall '${error.syscall}', address ${JSON.stringify(address)}`);
  }
  s.close(holder);
  s.close(fd);
}

/** @type {[string, () => Promise<string | void>][]} */
const steps = [
  ['TCP: an echo server and a client, in two processes', tcp],
  ['UDP: there and back', udp],
  ['AF_UNIX: an open file passed by path and by abstract name', unix],
  ['SOCK_RAW: an ICMP echo to 127.0.0.1', raw],
  ['A refused connection is a typed error', refused],
];
/** @type {string[]} */
const summary = [];
for (const [i, [title, body]] of steps.entries()) {
  console.log(`${i + 1}. ${title}`);
  try {
    const note = await body();
    summary.push(`ok      ${i + 1}. ${title}${note ? ` (${note})` : ''}`);
  } catch (error) {
    const { message } = /** @type {Error} */ (error);
    say(`FAILED: ${message}`);
    summary.push(`FAILED  ${i + 1}. ${title}: ${message.split('\n')[0]}`);
    process.exitCode = 1;
  }
}
console.log(`\n${summary.join('\n')}`);
console.log(process.exitCode === 1 ? 'The demo failed.' : `All ${steps.length} steps did what they say.`);
