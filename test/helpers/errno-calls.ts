/** Every call in two forms with one shape: by its exceptions and by its nothrow twin, both giving n or -errno. */
import { expect } from 'vitest';
import * as s from '../../lib/index.ts';
import * as n from '../../lib/nothrow.ts';
import { cleanup } from './fds.ts';

export interface Calls {
  socket(domain: number, type: number, protocol?: number): number;
  socketpair(domain: number, type: number, protocol?: number): number;
  bind(fd: number, address: s.AddressLike): number;
  listen(fd: number, backlog?: number): number;
  accept(fd: number): number;
  accept4(fd: number, flags: number): number;
  connect(fd: number, address: s.AddressLike): number;
  shutdown(fd: number, how: number): number;
  close(fd: number): number;
  getsockname(fd: number): number;
  getpeername(fd: number): number;
  sockatmark(fd: number): number;
  dup(fd: number): number;
  read(fd: number, buffer: s.Bytes): number;
  write(fd: number, data: s.Bytes | string): number;
  readv(fd: number, buffers: readonly s.Bytes[]): number;
  writev(fd: number, buffers: readonly (s.Bytes | string)[]): number;
  send(fd: number, data: s.Bytes | string, flags?: number): number;
  sendto(fd: number, data: s.Bytes | string, flags: number, address: s.AddressLike): number;
  sendmsg(fd: number, message: s.SendMessage, flags?: number): number;
  sendmmsg(fd: number, batch: s.MessageBatch, flags?: number): number;
  recv(fd: number, buffer: s.Bytes, flags?: number): number;
  recvfrom(fd: number, buffer: s.Bytes, flags?: number): number;
  recvmsg(fd: number, message: s.ReceiveMessage, flags?: number): number;
  recvmmsg(fd: number, batch: s.MessageBatch, flags?: number, timeout?: bigint): number;
  getsockopt(fd: number, level: number, name: number, length?: number): number;
  setsockopt(fd: number, level: number, name: number, value: number | boolean | s.Bytes): number;
  fcntl(fd: number, command: number, argument?: number): number;
  ioctl(fd: number, request: number, argument?: number | s.Bytes): number;
}

/** n, or -errno of a SocketError that says the same thing in all of its fields. */
function attempt(syscall: keyof Calls, call: () => number): number {
  try {
    return call();
  } catch (error) {
    if (!(error instanceof s.SocketError)) throw error;
    expect(error.syscall).toBe(syscall);
    expect(error.errno).toBeGreaterThan(0);
    expect(error.code).toBe(s.errnoName(error.errno));
    return -error.errno;
  }
}

/** The bodies of the tests expect no new descriptor; one that comes is closed with the test. */
function made(...fds: [number, ...number[]]): number {
  return cleanup(...fds);
}

export const throwing: Calls = {
  socket: (...args) => attempt('socket', () => made(s.socket(...args))),
  socketpair: (...args) => attempt('socketpair', () => made(...s.socketpair(...args))),
  bind: (...args) => attempt('bind', () => s.bind(...args) ?? 0),
  listen: (...args) => attempt('listen', () => s.listen(...args) ?? 0),
  accept: (...args) => attempt('accept', () => made(s.accept(...args).fd)),
  accept4: (...args) => attempt('accept4', () => made(s.accept4(...args).fd)),
  connect: (...args) => attempt('connect', () => s.connect(...args) ?? 0),
  shutdown: (...args) => attempt('shutdown', () => s.shutdown(...args) ?? 0),
  close: (...args) => attempt('close', () => s.close(...args) ?? 0),
  getsockname: (...args) => attempt('getsockname', () => (s.getsockname(...args) === undefined ? 1 : 0)),
  getpeername: (...args) => attempt('getpeername', () => (s.getpeername(...args) === undefined ? 1 : 0)),
  sockatmark: (...args) => attempt('sockatmark', () => Number(s.sockatmark(...args))),
  dup: (...args) => attempt('dup', () => made(s.dup(...args))),
  read: (...args) => attempt('read', () => s.read(...args)),
  write: (...args) => attempt('write', () => s.write(...args)),
  readv: (...args) => attempt('readv', () => s.readv(...args)),
  writev: (...args) => attempt('writev', () => s.writev(...args)),
  send: (...args) => attempt('send', () => s.send(...args)),
  sendto: (...args) => attempt('sendto', () => s.sendto(...args)),
  sendmsg: (...args) => attempt('sendmsg', () => s.sendmsg(...args)),
  sendmmsg: (...args) => attempt('sendmmsg', () => s.sendmmsg(...args)),
  recv: (...args) => attempt('recv', () => s.recv(...args)),
  recvfrom: (...args) => attempt('recvfrom', () => s.recvfrom(...args).length),
  recvmsg: (...args) => attempt('recvmsg', () => s.recvmsg(...args).length),
  recvmmsg: (...args) => attempt('recvmmsg', () => s.recvmmsg(...args)),
  getsockopt: (fd, level, name, length) =>
    attempt('getsockopt', () => {
      const value = length === undefined ? s.getsockopt(fd, level, name) : s.getsockopt(fd, level, name, length);
      return typeof value === 'number' ? 4 : value.length;
    }),
  setsockopt: (...args) => attempt('setsockopt', () => s.setsockopt(...args) ?? 0),
  fcntl: (...args) => attempt('fcntl', () => s.fcntl(...args)),
  ioctl: (...args) => attempt('ioctl', () => s.ioctl(...args)),
};

/** A new descriptor or -errno. */
function madeOr(fd: number): number {
  return fd < 0 ? fd : made(fd);
}

export const nothrow: Calls = {
  ...n,
  socket: (...args) => madeOr(n.socket(...args)),
  socketpair: (domain, type, protocol = 0) => {
    const sv: [number, number] = [-1, -1];
    const result = n.socketpair(domain, type, protocol, sv);
    return result < 0 ? result : made(...sv);
  },
  accept: (fd) => madeOr(n.accept(fd, new s.SockaddrStorage())),
  accept4: (fd, flags) => madeOr(n.accept4(fd, flags)),
  getsockname: (fd) => n.getsockname(fd, new s.SockaddrStorage()),
  getpeername: (fd) => n.getpeername(fd, new s.SockaddrStorage()),
  dup: (fd) => madeOr(n.dup(fd)),
  recvfrom: (fd, buffer, flags) => n.recvfrom(fd, buffer, flags, new s.SockaddrStorage()),
  recvmsg: (fd, { buffers, controlLength = 0 }, flags) =>
    n.recvmsg(fd, { buffers, name: new s.SockaddrStorage(), control: new Uint8Array(controlLength) }, flags),
  getsockopt: (fd, level, name, length = 4) => n.getsockopt(fd, level, name, new Uint8Array(length)),
};
