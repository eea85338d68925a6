/**
 * The fast path of send, sendto, recv and recvfrom for a buffer that is used repeatedly. Its pointer is looked up only once.
 *
 * A pointer is valid while this module references the typed array and the array has its full length. Detaching, transferring
 * or shrinking its memory reduces the length. The length is read with the intrinsic getter, which user code cannot replace,
 * and no user code runs between this and the call. All other buffers use the ordinary path.
 */
import { isArrayBuffer, isView } from '../argument/kind.ts';
import * as contract from '../native/contract.ts';
import { type Bytes, native } from '../native/native.ts';

// Constants of this module, because V8 compiles those into the code and loads imported ones each time.
const {
  OUT_COPIES,
  OUT_FD,
  OUT_FLAGS,
  OUT_OWNER,
  OUT_POOLED,
  OUT_RESULT,
  OUT_SIZE,
  OUT_TINY,
  PINNED_DATA,
  PINNED_NAME,
} = contract;
const { out, sendPinned, sendtoPinned, recvPinned, recvfromPinned, recvPooled: recvPooledCall } = native;

/** The size that stands for the whole buffer: an int that no pinned buffer exceeds. */
export const ALL = 0x7fffffff;

/** The maximum size of a pinned buffer. It limits how much memory is kept alive. */
const LARGEST = 0x10000;

const prototype = Object.getPrototypeOf(Uint8Array.prototype) as object;
const byteLength = Object.getOwnPropertyDescriptor(prototype, 'byteLength')!.get!;
const tag = Object.getOwnPropertyDescriptor(prototype, Symbol.toStringTag)!.get!;
const byteLengthOf = Function.prototype.call.bind(byteLength) as (array: unknown) => number;
const tagOf = Function.prototype.call.bind(tag) as (array: unknown) => string | undefined;

/** Represents that nothing is pinned. No user code has this buffer. */
const NONE: unknown = new Uint8Array(0);

let data = NONE;
let dataLength = -1;
let name = NONE;
let nameLength = -1;

out[OUT_COPIES] = out[OUT_COPIES]! + 1;
const thisCopy = out[OUT_COPIES]!;

/** Resets the state of this copy if another copy has pinned a buffer since. All copies share the native slots. */
function claimSlots(): void {
  if (out[OUT_OWNER] === thisCopy) return;
  out[OUT_OWNER] = thisCopy;
  data = NONE;
  dataLength = -1;
  name = NONE;
  nameLength = -1;
}

/** Pins a buffer when it is used for the second time in a row, so that loops over many buffers avoid the cost. */
function pinData(buffer: unknown): boolean {
  claimSlots();
  const again = buffer === data;
  data = NONE;
  dataLength = -1;
  if (tagOf(buffer) === undefined || byteLengthOf(buffer) > LARGEST) return false;
  data = buffer;
  if (!again) return false;
  dataLength = native.pin(PINNED_DATA, buffer as Bytes) || -1;
  return dataLength > 0;
}

function pinName(buffer: unknown): boolean {
  claimSlots();
  const again = buffer === name;
  name = NONE;
  nameLength = -1;
  if (tagOf(buffer) === undefined || byteLengthOf(buffer) > LARGEST) return false;
  name = buffer;
  if (!again) return false;
  nameLength = native.pin(PINNED_NAME, buffer as Bytes) || -1;
  return nameLength > 0;
}

/** Returns whether the numbers are C ints and the buffer is pinned. It must be called right before the native call. */
function isReady(fd: number, buffer: unknown, flags: number): boolean {
  if (typeof fd !== 'number' || typeof flags !== 'number' || (fd | 0) !== fd || (flags | 0) !== flags) return false;
  if ((buffer !== data || byteLengthOf(data) !== dataLength || out[OUT_OWNER] !== thisCopy) && !pinData(buffer))
    return false;
  out[OUT_FD] = fd;
  out[OUT_FLAGS] = flags;
  return true;
}

function isNamePinned(address: unknown): boolean {
  return (address === name && byteLengthOf(name) === nameLength) || pinName(address);
}

/** Calls native.sendto. Returns the number of bytes, -errno or a refusal. */
export function sendto(fd: number, buffer: Bytes, flags: number, address: Uint8Array): number {
  if (!isReady(fd, buffer, flags) || !isNamePinned(address)) return native.sendto(fd, buffer, flags, address);
  sendtoPinned();
  return out[OUT_RESULT]!;
}

/** Returns the first `size` bytes of a buffer. A value that is not a buffer is returned unchanged, and the native call rejects it. */
function firstBytes(buffer: Bytes, size: number): Bytes {
  if (size === ALL || !(isView(buffer) || isArrayBuffer(buffer))) return buffer;
  const length = Math.min(size, buffer.byteLength);
  if (!isView(buffer)) return new Uint8Array(buffer, 0, length);
  return new Uint8Array(buffer.buffer, buffer.byteOffset, length);
}

/** Calls native.send with at most `size` bytes of the buffer. Returns the number of bytes, -errno or a refusal. */
export function send(fd: number, buffer: Bytes, flags: number, size: number = ALL): number {
  if (!isReady(fd, buffer, flags)) return native.send(fd, firstBytes(buffer, size), flags);
  out[OUT_SIZE] = size;
  sendPinned();
  return out[OUT_RESULT]!;
}

/** Calls native.recv with at most `size` bytes of the buffer. Returns the number of bytes, -errno or a refusal. */
export function recv(fd: number, buffer: Bytes, flags: number, size: number = ALL): number {
  if (!isReady(fd, buffer, flags)) return native.recv(fd, firstBytes(buffer, size), flags);
  out[OUT_SIZE] = size;
  recvPinned();
  return out[OUT_RESULT]!;
}

/** Calls native.recvfrom with a buffer for the address, and otherwise works like `recv`. out[OUT_NAME_LENGTH] is the length of the address. */
export function recvfrom(fd: number, buffer: Bytes, flags: number, address: Uint8Array, size: number = ALL): number {
  if (!isReady(fd, buffer, flags) || !isNamePinned(address))
    return native.recvfrom(fd, firstBytes(buffer, size), flags, address);
  out[OUT_SIZE] = size;
  recvfromPinned();
  return out[OUT_RESULT]!;
}

/** Memory in which `recvPooled` stores results, and the number of bytes that are used. */
export interface Pool {
  memory: Uint8Array;
  used: number;
}

/**
 * Receives at most 64 KiB into memory of the addon. Returns the number of bytes, -errno or a refusal. Small results are copied to
 * the unused part of `pool`, and tiny ones to that of `tiny`, if they fit (see `isPooled`). `native.received` copies all
 * other results. The numbers must be ints.
 */
export function recvPooled(fd: number, flags: number, size: number, pool: Pool, tiny: Pool): number {
  out[OUT_FD] = fd;
  out[OUT_FLAGS] = flags;
  out[OUT_SIZE] = size;
  out[OUT_POOLED] = pool.used;
  out[OUT_TINY] = tiny.used;
  recvPooledCall(pool.memory, tiny.memory);
  return out[OUT_RESULT]!;
}

/** Returns whether the data of the last `recvPooled` is in one of the pools. It must be called before the next native call. */
export function isPooled(): boolean {
  return out[OUT_POOLED] !== 0;
}
