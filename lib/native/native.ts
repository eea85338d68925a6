/** Gives the functions of the native addon their TypeScript types. */
import { loadBinary } from './binary.ts';

/**
 * Any bytes that a call can read or write: a typed array of any kind, a DataView, or a whole ArrayBuffer.
 *
 * @see https://man7.org/linux/man-pages/man2/recv.2.html
 */
export type Bytes = ArrayBufferView | ArrayBuffer;

type AddressInfoCall = [
  node: string | undefined,
  service: string | undefined,
  flags: number,
  family: number,
  socktype: number,
  protocol: number,
];

/** The result of a lookup: its bytes (see unpack.ts), or the code and the errno of its failure. */
type Lookup = ArrayBuffer | readonly [number, number];

/** The maximum number of lookups that run at once, and the callback for the result. The call then returns a positive id for lookupCancel. */
type Later = [most: number, done: (result: Lookup | number) => void];

/** Every native function returns a non-negative result, -errno, or a refusal below -4095 (see errno.ts). It never throws. */
interface Native {
  /** The second and later results of the last call. */
  readonly out: Int32Array;
  /** The values of sizeof and offsetof in native/layout.def. */
  readonly layout: { readonly [name: string]: number };

  /** With `own`, an object owns the new file descriptor from the start: see Fresh in native/args.h. */
  socket(domain: number, type: number, protocol: number, own?: 1): number;
  socketpair(domain: number, type: number, protocol: number, own?: 1): number;
  bind(fd: number, name: Uint8Array): number;
  listen(fd: number, backlog: number): number;
  accept4(fd: number, name: Uint8Array | undefined, flags: number, own?: 1): number;
  connect(fd: number, name: Uint8Array): number;
  shutdown(fd: number, how: number): number;
  close(fd: number): number;
  getsockname(fd: number, name: Uint8Array): number;
  getpeername(fd: number, name: Uint8Array): number;
  sockatmark(fd: number): number;

  read(fd: number, buffer: Bytes): number;
  write(fd: number, data: Bytes): number;
  readv(fd: number, buffers: readonly Bytes[]): number;
  writev(fd: number, buffers: readonly Bytes[]): number;
  send(fd: number, data: Bytes, flags: number): number;
  sendto(fd: number, data: Bytes, flags: number, name: Uint8Array): number;
  sendmsg(
    fd: number,
    buffers: readonly Bytes[],
    name: Uint8Array | undefined,
    control: Uint8Array | undefined,
    flags: number,
  ): number;
  recv(fd: number, buffer: Bytes, flags: number): number;
  recvfrom(fd: number, buffer: Bytes, flags: number, name: Uint8Array | undefined): number;
  recvmsg(
    fd: number,
    buffers: readonly Bytes[],
    name: Uint8Array | undefined,
    control: Uint8Array | undefined,
    flags: number,
  ): number;

  /** Only for pinned.ts. */
  pin(slot: number, array: Bytes): number;
  sendPinned(): void;
  sendtoPinned(): void;
  recvPinned(): void;
  recvfromPinned(): void;
  recvPooled(pool: Uint8Array, tiny: Uint8Array): void;
  /** Copies what the last recvPooled received. */
  received(to: Uint8Array): number;

  sendmmsg(
    fd: number,
    headers: Int32Array,
    data: Uint8Array,
    names: Uint8Array,
    control: Uint8Array,
    dataSize: number,
    controlLength: number,
    first: number,
    count: number,
    flags: number,
  ): number;
  recvmmsg(
    fd: number,
    headers: Int32Array,
    data: Uint8Array,
    names: Uint8Array,
    control: Uint8Array,
    dataSize: number,
    controlLength: number,
    flags: number,
    seconds?: bigint,
    nanoseconds?: number,
  ): number;

  getsockoptInt(fd: number, level: number, name: number): number;
  getsockopt(fd: number, level: number, name: number, buffer: Bytes): number;
  setsockoptInt(fd: number, level: number, name: number, value: number): number;
  setsockopt(fd: number, level: number, name: number, value: Bytes): number;
  fcntl(fd: number, command: number, argument: number | Bytes, own?: 1): number;
  ioctl(fd: number, request: number, argument: number | Bytes | undefined): number;
  ioctlData(fd: number, request: number, argument: Bytes, data: Bytes): number;

  inet_pton(family: number, text: string, to: Uint8Array): number;
  inet_ntop(family: number, address: Uint8Array): string | number;
  /** Returns the sum of the 16-bit words in network byte order, as in RFC 1071. */
  checksumSum(bytes: Uint8Array, from: number, to: number): number;
  inet_aton(text: string, to: Uint8Array): number;

  attachFilter(fd: number, level: number, option: number, program: Uint8Array): number;
  getFilter(fd: number): ArrayBuffer | number;

  poll(fds: Int16Array, timeoutMs: number): number;
  ppoll(fds: Int16Array, seconds: number | undefined, nanoseconds: number, signals: Int32Array | undefined): number;
  select(
    readers: Int32Array,
    writers: Int32Array,
    excepts: Int32Array,
    seconds: number | undefined,
    microseconds: number,
  ): number;
  pselect(
    readers: Int32Array,
    writers: Int32Array,
    excepts: Int32Array,
    seconds: number | undefined,
    nanoseconds: number,
    signals: Int32Array | undefined,
  ): number;

  sendfile(out: number, from: number, offset: number | undefined, count: number): number;
  splice(
    from: number,
    fromOffset: number | undefined,
    to: number,
    toOffset: number | undefined,
    length: number,
    flags: number,
  ): number;
  tee(from: number, to: number, length: number, flags: number): number;

  getaddrinfo(...call: AddressInfoCall): Lookup | number;
  getaddrinfoLater(...call: [...AddressInfoCall, ...Later]): number;
  getnameinfo(name: Uint8Array, flags: number): Lookup | number;
  getnameinfoLater(name: Uint8Array, flags: number, ...later: Later): number;
  gethost(family: number, name: string | undefined, address: Uint8Array | undefined): Lookup | number;
  gethostLater(family: number, name: string | undefined, address: Uint8Array | undefined, ...later: Later): number;
  lookupCancel(id: number): number;
  getserv(name: string | undefined, port: number, protocol: string | undefined): ArrayBuffer | number;
  getproto(name: string | undefined, number: number): ArrayBuffer | number;
  gai_strerror(code: number): string | number;
  gethostname(): string | number;
  sethostname(name: string): number;

  /** Only for lib/loop and lib/socket. Starts another reactor and returns its id, which the other functions accept, or -errno. */
  reactorStart(list: Int32Array, serve: (count: number, first: number, last: number) => void): number;
  /** Starts one for runtimes in which uv_poll does not work. */
  reactorThreadStart(list: Int32Array, serve: (count: number) => void): number;
  reactorControl(operation: number, fd: number, events: number, generation: number, id: number): number;
  reactorRenew(id: number): number;
  reactorRef(alive: number, id: number): number;
  /** The owner of a file descriptor closes it when a worker ends: see native/owned.h. The program owns it after `disown`. */
  disown(fd: number): number;
  /** A Descriptor owns it. Returns 1 if another one does. */
  hold(fd: number): number;
  closeHeld(fd: number): number;
  /** The program owns a file descriptor that arrived. */
  handOver(fd: number): number;
  /** The same for all that arrived with one receipt: see arrived.ts. */
  handOverReceived(receipt: number): number;
  closeReceived(receipt: number, count: number): number;

  /** Only for lib/packet. */
  ringMap(fd: number, size: number): number;
  ringBuffer(id: number): ArrayBuffer | undefined;
  ringLoad(id: number, offset: number): number;
  ringStore(id: number, offset: number, status: number): number;
  ringRead(id: number, offset: number, to: Bytes): number;
  ringWrite(id: number, offset: number, from: Bytes): number;
  ringUnmap(id: number): number;

  if_nametoindex(name: string): number;
  if_indextoname(ifindex: number): string | number;
  if_nameindex(): ArrayBuffer | number;
  getifaddrs(): ArrayBuffer | number;
}

const { path, addon } = loadBinary();

/** The path of the loaded binary, or undefined if the program provided the loaded addon. */
export const binary: string | undefined = path;

export const native: Native = addon as Native;

/** The second and later results of the last native call. Read them immediately, because the next call overwrites them. */
export const out: Int32Array = native.out;

/** Returns one value of native/layout.def. */
export function layout(name: string): number {
  const value = native.layout[name];
  if (value === undefined) throw new Error(`native/layout.def lacks ${name}`);
  return value;
}
