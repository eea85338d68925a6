// Makes every call once or a few times, without a test runner: for valgrind and the leak check of AddressSanitizer.
import assert from 'node:assert/strict';
import * as s from '../../dist/index.js';
import * as nothrow from '../../dist/nothrow.js';

const loopback = { family: s.AF_INET, address: '127.0.0.1', port: 0 };
const buffer = new Uint8Array(4096);

for (let round = 0; round < 3; round++) {
  const listener = s.socket(s.AF_INET, s.SOCK_STREAM);
  s.setsockopt(listener, s.SOL_SOCKET, s.SO_REUSEADDR, true);
  s.bind(listener, loopback);
  s.listen(listener);
  const client = s.socket(s.AF_INET, s.SOCK_STREAM);
  s.connect(client, s.getsockname(listener));
  const { fd: server, address } = s.accept(listener);
  assert.deepEqual(address, s.getsockname(client));
  assert.deepEqual(s.getpeername(server), address);
  assert.equal(s.send(client, 'hello'), 5);
  assert.equal(s.sockatmark(server), false);
  assert.equal(s.recv(server, buffer), 5);
  assert.equal(s.writev(server, ['a', new Uint8Array(3)]), 4);
  assert.equal(s.readv(client, [new Uint8Array(1), new Uint8Array(9)]), 4);
  s.shutdown(client, s.SHUT_WR);
  assert.equal(s.read(server, buffer), 0);
  assert.equal(s.getsockopt(server, s.IPPROTO_TCP, s.TCP_INFO, 4096).length > 0, true); // QEMU returns an int
  for (const fd of [listener, client, server]) s.close(fd);

  const one = s.socket(s.AF_INET, s.SOCK_DGRAM);
  const two = s.socket(s.AF_INET, s.SOCK_DGRAM | s.SOCK_NONBLOCK);
  s.bind(one, loopback);
  s.bind(two, loopback);
  const name = s.encodeAddress(s.getsockname(two));
  const data = new Uint8Array(100);
  for (let i = 0; i < 5; i++) {
    assert.equal(s.sendto(one, data, 0, name), 100);
    assert.equal(s.recvfrom(two, buffer).length, 100);
    assert.equal(nothrow.recv(two, buffer), -s.EAGAIN);
  }
  const batch = new s.MessageBatch({ messages: 8, size: 256, controlLength: 64 });
  for (let i = 0; i < 8; i++) batch.push(`message ${i}`, name);
  assert.equal(s.sendmmsg(one, batch), 8);
  assert.equal(s.recvmmsg(two, batch), 8);
  assert.equal(batch.bytes(7).toString(), 'message 7');
  assert.deepEqual(batch.address(7), s.getsockname(one));
  assert.throws(() => s.sendto(one, new Uint8Array(70000), 0, name), { code: 'EMSGSIZE' });
  const request = s.ifreq('lo');
  s.ioctl(one, s.SIOCGIFMTU, request);
  assert.equal(s.fcntl(two, s.F_GETFL) & s.O_NONBLOCK, s.O_NONBLOCK);
  for (const fd of [one, two]) s.close(fd);

  const [left, right] = s.socketpair(s.AF_UNIX, s.SOCK_SEQPACKET);
  const control = [{ level: s.SOL_SOCKET, type: s.SCM_RIGHTS, fds: [left, right] }];
  s.sendmsg(left, { buffers: ['x', data], control });
  const got = s.recvmsg(right, { buffers: [buffer], controlLength: s.CMSG_SPACE(8) });
  assert.equal(got.length, 101);
  for (const fd of got.control[0].fds) s.close(fd);
  const copy = s.dup(left);
  for (const fd of [left, right, copy]) s.close(fd);
  assert.throws(() => s.close(copy), { code: 'EBADF', errno: 9, syscall: 'close' });
  assert.throws(() => s.close(2 ** 32 + 5), RangeError);

  const unix = s.socket(s.AF_UNIX, s.SOCK_DGRAM);
  s.bind(unix, { family: s.AF_UNIX, path: '' });
  assert.equal(s.getsockname(unix).path.length, 6);
  s.close(unix);
  for (const text of ['127.0.0.1', '::1', 'nonsense', '1'.repeat(600)]) {
    s.inet_pton(s.AF_INET6, text);
    s.inet_aton(text);
  }
  assert.equal(s.inet_ntop(s.AF_INET6, new Uint8Array(16)), '::');
}
console.log('smoke: ok');
