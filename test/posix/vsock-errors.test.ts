/**
 * Cases that vsock.test.ts omits. Nothing here reaches CID 2, the host: without a loopback transport, CID 1 and the own
 * CID lead there, too, so tests that connect need that transport.
 */
import { describe, expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as nothrow from '../../lib/nothrow.ts';
import { cleanup } from '../helpers/fds.ts';
import { type Need, need, vsock } from '../helpers/need.ts';

const any: s.VsockAddressInput = { family: s.AF_VSOCK, cid: s.VMADDR_CID_ANY, port: s.VMADDR_PORT_ANY };

function open(type: number = s.SOCK_STREAM): number {
  return cleanup(s.socket(s.AF_VSOCK, type | s.SOCK_NONBLOCK));
}

/** CID 1 can be bound only if vsock_loopback is there to serve it. */
const loopbackTransport: Need = () => {
  const fd = nothrow.socket(s.AF_VSOCK, s.SOCK_STREAM);
  if (fd < 0) return `AF_VSOCK: ${s.errnoName(-fd)}`;
  const n = nothrow.bind(fd, { ...any, cid: s.VMADDR_CID_LOCAL });
  s.close(fd);
  return n === 0 ? undefined : `no loopback transport of AF_VSOCK: ${s.errnoName(-n)}`;
};

/** Errors of connect that the kernel detects before it looks for a route. */
describe('connect fails without sending a packet', () => {
  test('connecting a listening socket', (context) => {
    need(context, vsock);
    const fd = open();
    s.bind(fd, any);
    s.listen(fd);
    const to = { ...any, cid: s.VMADDR_CID_LOCAL, port: 1 };
    expect(() => s.connect(fd, to)).toThrow(
      expect.objectContaining({ code: 'EINVAL', syscall: 'connect', address: { ...to, flags: 0 } }),
    );
  });

  test('connecting to an address of another family or one that is too short', (context) => {
    need(context, vsock);
    const fd = open();
    const invalid = expect.objectContaining({ code: 'EINVAL', syscall: 'connect' });
    expect(() => s.connect(fd, { family: s.AF_INET, address: '127.0.0.1', port: 1 })).toThrow(invalid);
    expect(() => s.connect(fd, s.encodeAddress(any).subarray(0, 15))).toThrow(invalid);
    expect(() => s.connect(fd, s.encodeAddress({ family: s.AF_UNIX, path: '/a-path-of-14-b' }))).toThrow(invalid);
  });
});

test('listen and accept fail for sockets that do not support them', (context) => {
  need(context, vsock);
  expect(() => s.accept(open())).toThrow(expect.objectContaining({ code: 'EINVAL', syscall: 'accept' }));
  const fd = open();
  s.bind(fd, any);
  s.listen(fd, 1);
  expect(() => s.accept(fd)).toThrow(expect.objectContaining({ code: 'EAGAIN', syscall: 'accept' }));
  s.listen(fd, 5); // again, with another backlog
  expect(() => s.bind(fd, any)).toThrow(expect.objectContaining({ code: 'EINVAL', syscall: 'bind' }));
});

test('calls fail for a socket without a peer', (context) => {
  need(context, vsock);
  const fd = open();
  expect(() => s.recv(fd, new Uint8Array(1))).toThrow(expect.objectContaining({ code: 'ENOTCONN', syscall: 'recv' }));
  expect(() => s.shutdown(fd, s.SHUT_WR)).toThrow(expect.objectContaining({ code: 'ENOTCONN', syscall: 'shutdown' }));
  expect(() => s.socketpair(s.AF_VSOCK, s.SOCK_STREAM)).toThrow(expect.objectContaining({ code: 'EOPNOTSUPP' }));
  expect(() => s.socket(s.AF_VSOCK, s.SOCK_RAW)).toThrow(expect.objectContaining({ code: 'ESOCKTNOSUPPORT' }));
  expect(() => s.socket(s.AF_VSOCK, s.SOCK_STREAM, 1)).toThrow(expect.objectContaining({ code: 'EPROTONOSUPPORT' }));
});

test('the timeout of connect is a struct timeval, and other values are rejected', (context) => {
  need(context, vsock);
  const fd = open();
  const timeout = new BigInt64Array([3n, 500_000n]);
  s.setsockopt(fd, s.AF_VSOCK, s.SO_VM_SOCKETS_CONNECT_TIMEOUT, timeout);
  const bytes = s.getsockopt(fd, s.AF_VSOCK, s.SO_VM_SOCKETS_CONNECT_TIMEOUT, 16);
  expect(bytes).toHaveLength(16);
  expect(bytes.readBigInt64LE(0)).toBe(3n);
  expect(Number(bytes.readBigInt64LE(8)), 'to the tick').toBeCloseTo(500_000, -5);
  const set = (value: Uint8Array | BigInt64Array) => () =>
    s.setsockopt(fd, s.AF_VSOCK, s.SO_VM_SOCKETS_CONNECT_TIMEOUT, value);
  expect(set(new BigInt64Array([-1n, 0n]))).toThrow(expect.objectContaining({ code: 'ERANGE' }));
  expect(set(new BigInt64Array([1n, 1_000_000n]))).toThrow(expect.objectContaining({ code: 'ERANGE' }));
  expect(set(new Uint8Array(4))).toThrow(expect.objectContaining({ code: 'EINVAL' }));
  expect(() => s.setsockopt(fd, s.AF_VSOCK, 99, 1)).toThrow(expect.objectContaining({ code: 'ENOPROTOOPT' }));
});

describe('over the loopback transport', () => {
  const home = { ...any, cid: s.VMADDR_CID_LOCAL };

  function connect(fd: number, to: s.VsockAddress): number {
    const n = nothrow.connect(fd, to);
    if (n !== -s.EINPROGRESS) return n;
    expect(s.poll([{ fd, events: s.POLLOUT }], 10_000)).not.toEqual([0]);
    return -s.getsockopt(fd, s.SOL_SOCKET, s.SO_ERROR);
  }

  test('a port without a listener', (context) => {
    need(context, loopbackTransport);
    const held = open();
    s.bind(held, home);
    expect(connect(open(), s.getsockname(held) as s.VsockAddress)).toBe(-s.ECONNRESET);
  });

  test.for([
    ['SOCK_STREAM', s.SOCK_STREAM],
    ['SOCK_SEQPACKET', s.SOCK_SEQPACKET],
  ] as const)('a connection of %s, its end, and a second connect', ([, type], context) => {
    need(context, loopbackTransport);
    const listening = open(type);
    s.bind(listening, home);
    s.listen(listening);
    const address = s.getsockname(listening) as s.VsockAddress;
    const client = open(type);
    expect(connect(client, address)).toBe(0);
    expect(s.poll([{ fd: listening, events: s.POLLIN }], 10_000)).toEqual([s.POLLIN]);
    const server = cleanup(s.accept(listening).fd);
    expect(s.getpeername(client)).toEqual(address);
    expect(nothrow.connect(client, address)).toBe(-s.EISCONN);
    s.send(client, 'x');
    expect(s.recv(server, new Uint8Array(2))).toBe(1);
    s.shutdown(client, s.SHUT_WR);
    expect(() => s.send(client, 'x')).toThrow(expect.objectContaining({ code: 'EPIPE' }));
  });
});
