/** The calls in one form for both interfaces: each returns its result, or -errno whether the interface returns or throws it. */
import { expect } from 'vitest';
import * as s from '../../lib/index.ts';
import * as n from '../../lib/nothrow.ts';

export interface Calls {
  socket(domain: number, type: number, protocol?: number): number;
  socketpair(domain: number, type: number, protocol?: number): [number, number] | number;
  bind(fd: number, address: s.AddressLike): number;
  listen(fd: number, backlog?: number): number;
  accept(fd: number): number;
  accept4(fd: number, flags: number): number;
  connect(fd: number, address: s.AddressLike): number;
  shutdown(fd: number, how: number): number;
  close(fd: number): number;
  /** Returns 0 if there is no name. */
  getsockname(fd: number): s.Address | number;
  getpeername(fd: number): s.Address | number;
  sockatmark(fd: number): number;
  dup(fd: number): number;
  read(fd: number, buffer: s.Bytes): number;
  write(fd: number, data: s.Bytes | string): number;
  readv(fd: number, buffers: readonly s.Bytes[]): number;
  writev(fd: number, buffers: readonly (s.Bytes | string)[]): number;
  send(fd: number, data: s.Bytes | string, flags?: number): number;
  sendto(fd: number, data: s.Bytes | string, flags: number, address: s.AddressLike): number;
  sendmsg(fd: number, message: s.SendMessage, flags?: number): number;
  sendmmsg(fd: number, batch: s.MessageBatch, flags?: number, first?: number): number;
  recv(fd: number, buffer: s.Bytes, flags?: number): number;
  recvfrom(fd: number, buffer: s.Bytes, flags?: number): { length: number; address: s.Address | undefined } | number;
  recvmsg(fd: number, message: s.ReceiveMessage, flags?: number): object | number;
  recvmmsg(fd: number, batch: s.MessageBatch, flags?: number, timeout?: bigint): number;
  /** Without a length, the int is in a list, because it may be negative. */
  getsockopt(fd: number, level: number, name: number, length?: number): [number] | Uint8Array | number;
  setsockopt(fd: number, level: number, name: number, value: number | boolean | s.Bytes): number;
  fcntl(fd: number, command: number, argument?: number): number;
  ioctl(fd: number, request: number, argument?: number | s.Bytes): number;
}

/** Returns the result of a call, or -errno of a SocketError whose fields all agree. */
function attempt<T>(syscall: keyof Calls, call: () => T): T | number {
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

/** The calls of sys-socket. */
export const throwing: Calls = {
  socket: (...args) => attempt('socket', () => s.socket(...args)),
  socketpair: (...args) => attempt('socketpair', () => s.socketpair(...args)),
  bind: (...args) => attempt('bind', () => s.bind(...args) ?? 0),
  listen: (...args) => attempt('listen', () => s.listen(...args) ?? 0),
  accept: (...args) => attempt('accept', () => s.accept(...args).fd),
  accept4: (...args) => attempt('accept4', () => s.accept4(...args).fd),
  connect: (...args) => attempt('connect', () => s.connect(...args) ?? 0),
  shutdown: (...args) => attempt('shutdown', () => s.shutdown(...args) ?? 0),
  close: (...args) => attempt('close', () => s.close(...args) ?? 0),
  getsockname: (...args) => attempt('getsockname', () => s.getsockname(...args) ?? 0),
  getpeername: (...args) => attempt('getpeername', () => s.getpeername(...args) ?? 0),
  sockatmark: (...args) => attempt('sockatmark', () => Number(s.sockatmark(...args))),
  dup: (...args) => attempt('dup', () => s.dup(...args)),
  read: (...args) => attempt('read', () => s.read(...args)),
  write: (...args) => attempt('write', () => s.write(...args)),
  readv: (...args) => attempt('readv', () => s.readv(...args)),
  writev: (...args) => attempt('writev', () => s.writev(...args)),
  send: (...args) => attempt('send', () => s.send(...args)),
  sendto: (...args) => attempt('sendto', () => s.sendto(...args)),
  sendmsg: (...args) => attempt('sendmsg', () => s.sendmsg(...args)),
  sendmmsg: (...args) => attempt('sendmmsg', () => s.sendmmsg(...args)),
  recv: (...args) => attempt('recv', () => s.recv(...args)),
  recvfrom: (...args) => attempt('recvfrom', () => s.recvfrom(...args)),
  recvmsg: (...args) => attempt('recvmsg', () => s.recvmsg(...args)),
  recvmmsg: (...args) => attempt('recvmmsg', () => s.recvmmsg(...args)),
  getsockopt: (fd, level, name, length) =>
    attempt('getsockopt', () =>
      length === undefined ? [s.getsockopt(fd, level, name)] : s.getsockopt(fd, level, name, length),
    ),
  setsockopt: (...args) => attempt('setsockopt', () => s.setsockopt(...args) ?? 0),
  fcntl: (...args) => attempt('fcntl', () => s.fcntl(...args)),
  ioctl: (...args) => attempt('ioctl', () => s.ioctl(...args)),
};

const storage = new s.SockaddrStorage();

/** The calls of sys-socket/nothrow. */
export const nothrow: Calls = {
  ...n,
  socketpair: (domain, type, protocol = 0) => {
    const sv: [number, number] = [-1, -1];
    const result = n.socketpair(domain, type, protocol, sv);
    return result < 0 ? result : sv;
  },
  accept: (fd) => n.accept(fd, storage),
  accept4: (fd, flags) => n.accept4(fd, flags, storage),
  getsockname: (fd) => n.getsockname(fd, storage) || (storage.decode() ?? 0),
  getpeername: (fd) => n.getpeername(fd, storage) || (storage.decode() ?? 0),
  recvfrom: (fd, buffer, flags) => {
    const length = n.recvfrom(fd, buffer, flags, storage);
    return length < 0 ? length : { length, address: storage.decode() };
  },
  recvmsg: (fd, { buffers, controlLength = 0 }, flags) => {
    const message: n.ReceiveHeader = { buffers, name: storage, control: new Uint8Array(controlLength) };
    const length = n.recvmsg(fd, message, flags);
    if (length < 0) return length;
    const control = s.decodeControl(message.control!, message.controlLength);
    return { length, address: storage.decode(), control, flags: message.flags };
  },
  getsockopt: (fd, level, name, length) => {
    const value = length === undefined ? new Int32Array(1) : Buffer.alloc(length);
    const result = n.getsockopt(fd, level, name, value);
    if (result < 0) return result;
    return value instanceof Int32Array ? [value[0]!] : value.subarray(0, result);
  },
  ioctl: (fd, request, argument) => {
    const value = [0];
    const result = n.ioctl(fd, request, argument, value);
    return result < 0 ? result : value[0]!;
  },
};
