/**
 * The fast path of send, sendto, recv and recvfrom for a buffer that is used again: its pointer is looked up once.
 *
 * A pointer is good while this module holds the typed array and the array has its full length: detaching, transferring
 * or shrinking its memory makes the length 0 or less. The length is asked from the intrinsic getter, which user code
 * cannot replace, and no user code runs between that and the call. Everything else takes the ordinary path.
 */
import { isArrayBuffer, isView } from './kind.ts';
import { type Bytes, native, out } from './native.ts';

const { sendPinned, sendtoPinned, recvPinned, recvfromPinned, recvPooled: recvPooledCall } = native;

/** Places in `out`: native/pinned.cc has the same. */
const FD = 4;
const FLAGS = 5;
const RESULT = 6;
const SIZE = 8;
/** Where in the pools the data goes; then whether it went there. */
const POOLED = 9;
const TINY = 12;
/** How many copies of this module there are (a test runner evaluates it again), and which one has pinned last. */
const COPIES = 3;
const OWNER = 7;

/** As much as the buffer holds: an int that no pinned buffer exceeds. */
export const ALL = 0x7fffffff;

const DATA = 0;
const NAME = 1;

/** What a pinned buffer keeps alive is bounded. */
const LARGEST = 0x10000;

const prototype = Object.getPrototypeOf(Uint8Array.prototype) as object;
const byteLength = Object.getOwnPropertyDescriptor(prototype, 'byteLength')!.get!;
const tag = Object.getOwnPropertyDescriptor(prototype, Symbol.toStringTag)!.get!;
const byteLengthOf = Function.prototype.call.bind(byteLength) as (array: unknown) => number;
const tagOf = Function.prototype.call.bind(tag) as (array: unknown) => string | undefined;

/** No user's buffer: what is pinned when nothing is. */
const NONE: unknown = new Uint8Array(0);

let data = NONE;
let dataLength = -1;
let name = NONE;
let nameLength = -1;

out[COPIES] = out[COPIES]! + 1;
const me = out[COPIES]!;

/** The native slots are one for all copies: what another copy has pinned since is not ours any more. */
function own(): void {
  if (out[OWNER] === me) return;
  out[OWNER] = me;
  data = NONE;
  dataLength = -1;
  name = NONE;
  nameLength = -1;
}

/** Pins at the second use in a row, so that loops over many buffers do not pay for it. */
function pinData(buffer: unknown): boolean {
  own();
  const again = buffer === data;
  data = NONE;
  dataLength = -1;
  if (tagOf(buffer) === undefined || byteLengthOf(buffer) > LARGEST) return false;
  data = buffer;
  if (!again) return false;
  dataLength = native.pin(DATA, buffer as Bytes) || -1;
  return dataLength > 0;
}

function pinName(buffer: unknown): boolean {
  own();
  const again = buffer === name;
  name = NONE;
  nameLength = -1;
  if (tagOf(buffer) === undefined || byteLengthOf(buffer) > LARGEST) return false;
  name = buffer;
  if (!again) return false;
  nameLength = native.pin(NAME, buffer as Bytes) || -1;
  return nameLength > 0;
}

/** Whether the numbers are C ints and the buffer is pinned, to be asked right before the call. */
function ready(fd: number, buffer: unknown, flags: number): boolean {
  if (typeof fd !== 'number' || typeof flags !== 'number' || (fd | 0) !== fd || (flags | 0) !== flags) return false;
  if ((buffer !== data || byteLengthOf(data) !== dataLength || out[OWNER] !== me) && !pinData(buffer)) return false;
  out[FD] = fd;
  out[FLAGS] = flags;
  return true;
}

function named(address: unknown): boolean {
  return (address === name && byteLengthOf(name) === nameLength) || pinName(address);
}

/** native.sendto: n, -errno or a refusal. */
export function sendto(fd: number, buffer: Bytes, flags: number, address: Uint8Array): number {
  if (!ready(fd, buffer, flags) || !named(address)) return native.sendto(fd, buffer, flags, address);
  sendtoPinned();
  return out[RESULT]!;
}

/** The first bytes of a buffer, all by default. What is no buffer is judged by the call. */
function first(buffer: Bytes, size: number): Bytes {
  if (size === ALL || !(isView(buffer) || isArrayBuffer(buffer))) return buffer;
  const length = Math.min(size, buffer.byteLength);
  if (!isView(buffer)) return new Uint8Array(buffer, 0, length);
  return new Uint8Array(buffer.buffer, buffer.byteOffset, length);
}

/** native.send of at most `size` bytes of the buffer: n, -errno or a refusal. */
export function send(fd: number, buffer: Bytes, flags: number, size: number = ALL): number {
  if (!ready(fd, buffer, flags)) return native.send(fd, first(buffer, size), flags);
  out[SIZE] = size;
  sendPinned();
  return out[RESULT]!;
}

/** native.recv into at most `size` bytes of the buffer: n, -errno or a refusal. */
export function recv(fd: number, buffer: Bytes, flags: number, size: number = ALL): number {
  if (!ready(fd, buffer, flags)) return native.recv(fd, first(buffer, size), flags);
  out[SIZE] = size;
  recvPinned();
  return out[RESULT]!;
}

/** native.recvfrom with a name, as `recv`; the address length is out[0]. */
export function recvfrom(fd: number, buffer: Bytes, flags: number, address: Uint8Array, size: number = ALL): number {
  if (!ready(fd, buffer, flags) || !named(address)) return native.recvfrom(fd, first(buffer, size), flags, address);
  out[SIZE] = size;
  recvfromPinned();
  return out[RESULT]!;
}

/** Memory that results of `recvPooled` are parts of, and how much of it is used. */
export interface Pool {
  memory: Uint8Array;
  used: number;
}

/** As much as goes to the pool of tiny results. */
export const TINY_RESULT = 64;

/**
 * native.recv into memory of the addon, at most 64 KiB: n, -errno or a refusal. Little data is copied to `pool`, very little
 * to `tiny`, behind what is used, if it fits (see `isPooled`); `native.received` gives the rest. The numbers are ints.
 */
export function recvPooled(fd: number, flags: number, size: number, pool: Pool, tiny: Pool): number {
  out[FD] = fd;
  out[FLAGS] = flags;
  out[SIZE] = size;
  out[POOLED] = pool.used;
  out[TINY] = tiny.used;
  recvPooledCall(pool.memory, tiny.memory);
  return out[RESULT]!;
}

/** Whether the data of the last `recvPooled` is in one of the pools, to be asked before the next call. */
export function isPooled(): boolean {
  return out[POOLED] !== 0;
}
