// Run by test/fault-matrix.test.ts with fault-shim.c preloaded: every call fails with every errno of Linux.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import * as s from '../../dist/index.js';
import { errnoTable } from '../../dist/native/errno-table.js';
import * as nothrow from '../../dist/nothrow.js';

const any = { family: s.AF_INET, address: '127.0.0.1', port: 0 };
const name = s.encodeAddress(any);
const buffer = new Uint8Array(64);
const storage = new s.SockaddrStorage();
const batch = new s.MessageBatch({ messages: 2, size: 64, controlLength: 64 });
batch.push('x', name);
const message = { buffers: [buffer], controlLength: 64 };
// AF_UNIX, because on other families recvmsg is repeated without MSG_CMSG_CLOEXEC after EINVAL.
const fd = s.socket(s.AF_UNIX, s.SOCK_DGRAM | s.SOCK_NONBLOCK);
const on = [{ fd, events: s.POLLIN }];

/** For each call: its number in the shim, the name in the error, the call, and its nothrow twin. */
const calls = [
  [0, 'close', () => s.close(fd), () => nothrow.close(fd)],
  [1, 'socket', () => s.socket(2, 1), () => nothrow.socket(2, 1)],
  [2, 'socketpair', () => s.socketpair(1, 1), () => nothrow.socketpair(1, 1, 0, [])],
  [3, 'bind', () => s.bind(fd, name), () => nothrow.bind(fd, name)],
  [4, 'listen', () => s.listen(fd), () => nothrow.listen(fd)],
  [5, 'accept', () => s.accept(fd), () => nothrow.accept(fd, storage)],
  [5, 'accept4', () => s.accept4(fd, 0), () => nothrow.accept4(fd, 0)],
  [6, 'connect', () => s.connect(fd, name), () => nothrow.connect(fd, name)],
  [7, 'shutdown', () => s.shutdown(fd, 0), () => nothrow.shutdown(fd, 0)],
  [8, 'getsockname', () => s.getsockname(fd), () => nothrow.getsockname(fd, storage)],
  [9, 'getpeername', () => s.getpeername(fd), () => nothrow.getpeername(fd, storage)],
  [10, 'read', () => s.read(fd, buffer), () => nothrow.read(fd, buffer)],
  [11, 'write', () => s.write(fd, buffer), () => nothrow.write(fd, buffer)],
  [12, 'readv', () => s.readv(fd, [buffer]), () => nothrow.readv(fd, [buffer])],
  [13, 'writev', () => s.writev(fd, [buffer]), () => nothrow.writev(fd, [buffer])],
  [14, 'send', () => s.send(fd, buffer), () => nothrow.send(fd, buffer)],
  [15, 'sendto', () => s.sendto(fd, buffer, 0, name), () => nothrow.sendto(fd, buffer, 0, name)],
  [16, 'sendmsg', () => s.sendmsg(fd, { buffers: [buffer] }), () => nothrow.sendmsg(fd, { buffers: [buffer] })],
  [17, 'sendmmsg', () => s.sendmmsg(fd, batch), () => nothrow.sendmmsg(fd, batch)],
  [18, 'recv', () => s.recv(fd, buffer), () => nothrow.recv(fd, buffer)],
  [19, 'recvfrom', () => s.recvfrom(fd, buffer), () => nothrow.recvfrom(fd, buffer, 0, storage)],
  [20, 'recvmsg', () => s.recvmsg(fd, message), () => nothrow.recvmsg(fd, { buffers: [buffer], control: buffer })],
  [21, 'recvmmsg', () => s.recvmmsg(fd, batch), () => nothrow.recvmmsg(fd, batch)],
  [22, 'getsockopt', () => s.getsockopt(fd, 1, 1), () => nothrow.getsockopt(fd, 1, 1, buffer)],
  [22, 'getsockopt', () => s.getFilter(fd)],
  [23, 'setsockopt', () => s.setsockopt(fd, 1, 1, 1), () => nothrow.setsockopt(fd, 1, 1, buffer)],
  [23, 'setsockopt', () => s.attachFilter(fd, [{ code: 6, jt: 0, jf: 0, k: 0 }])],
  [24, 'poll', () => s.poll(on, 0), () => nothrow.poll(on, 0)],
  [25, 'ppoll', () => s.ppoll(on, 0n)],
  [26, 'select', () => s.select([fd], [], [], 0)],
  [33, 'pselect', () => s.pselect([fd], [], [], 0n)],
  [27, 'sendfile', () => s.sendfile(fd, fd, 0, 1)],
  [28, 'splice', () => s.splice(fd, undefined, fd, undefined, 1)],
  [34, 'tee', () => s.tee(fd, fd, 1)],
  [29, 'gethostname', () => s.gethostname()],
  [30, 'sethostname', () => s.sethostname('x')],
  [31, 'fcntl', () => s.fcntl(fd, s.F_GETFL), () => nothrow.fcntl(fd, s.F_GETFL)],
  [31, 'dup', () => s.dup(fd), () => nothrow.dup(fd)],
  [32, 'ioctl', () => s.ioctl(fd, s.FIONREAD), () => nothrow.ioctl(fd, s.FIONREAD)],
  [32, 'ioctl', () => s.getInterfaceMtu(fd, 'lo')],
  [32, 'sockatmark', () => s.sockatmark(fd), () => nothrow.sockatmark(fd)],
];

const descriptors = () => readdirSync('/proc/self/fd').length;
const before = descriptors();
const start = process.hrtime.bigint();
let cells = 0;
for (const [shim, syscall, call, twin] of calls) {
  for (const [errno, code] of errnoTable) {
    const arm = -(1000000 + 1000 * shim + errno);
    nothrow.close(arm);
    let caught;
    try {
      call();
    } catch (error) {
      caught = error;
    }
    assert.ok(caught instanceof s.SocketError, `${syscall} did not fail with ${code}: ${caught}`);
    assert.equal(caught.errno, errno);
    assert.equal(caught.code, code);
    assert.equal(caught.syscall, syscall);
    cells++;
    if (twin !== undefined) {
      nothrow.close(arm);
      assert.equal(twin(), -errno, `nothrow.${syscall} ${code}`);
      cells++;
    }
  }
}
const milliseconds = Number(process.hrtime.bigint() - start) / 1e6;
assert.equal(descriptors(), before);
console.log(
  JSON.stringify({
    calls: new Set(calls.map(([, name]) => name)).size,
    errnos: errnoTable.length,
    cells,
    milliseconds,
  }),
);
