/** The kinds of fields in the structs of C. Each one reads, writes and checks the value of a field. */

import { Buffer } from 'node:buffer';
import { invalidType, invalidValue, outOfRange } from '../argument/argument-error.ts';
import { int32, integer, uint8, uint16, uint32 } from '../argument/number.ts';
import { LITTLE } from '../native/byte-order.ts';
import { AF_INET, AF_INET6 } from '../native/constants.ts';
import { layout, native } from '../native/native.ts';
import { hardwareBytes } from './hardware-address.ts';
import { inet_ntop } from './inet.ts';

/** Reads and writes fields of one kind. The field begins at `at`, and its struct ends at `end`. */
interface Kind<Get> {
  read(view: DataView, at: number, end: number): Get;
  /** Throws if the field cannot hold the value. `name` is the name of the value in errors. */
  write(bytes: Uint8Array, at: number, value: unknown, name: string): void;
}

/** One field of a struct: where it begins in the struct, and its kind. */
export interface Field<Get> extends Kind<Get> {
  readonly at: number;
}

/** A position or a size in bytes: its name in native/layout.def, or a number. */
export type At = string | number;

export const bytesOf = (at: At): number => (typeof at === 'number' ? at : layout(at));

const field =
  <Get>({ read, write }: Kind<Get>) =>
  (at: At): Field<Get> => ({ at: bytesOf(at), read, write });

/** Returns a part of the memory of a view. */
export const part = (view: DataView, at: number, length: number): Buffer =>
  Buffer.from(view.buffer as ArrayBuffer, view.byteOffset + at, length);

/** Returns a copy of a part of the memory of a view. */
export const copy = (view: DataView, at: number, length: number): Buffer =>
  Buffer.from(new Uint8Array(view.buffer, view.byteOffset + at, length));

/**
 * The bytes of one number. They are copied from here because a DataView of each new struct would take longer than all of its
 * fields: V8 has to create the ArrayBuffer, which a small Buffer does not have until it is asked for.
 */
const cell = new DataView(new ArrayBuffer(8));
const cellBytes = new Uint8Array(cell.buffer);

function put(bytes: Uint8Array, at: number, length: number, from: Uint8Array = cellBytes): void {
  for (let i = 0; i < length; i++) bytes[at + i] = from[i]!;
}

export const u8: (at: At) => Field<number> = field({
  read: (view, at) => view.getUint8(at),
  write: (bytes, at, value, name) => {
    bytes[at] = uint8(value, name);
  },
});

export const u16: (at: At) => Field<number> = field({
  read: (view, at) => view.getUint16(at, LITTLE),
  write: (bytes, at, value, name) => {
    cell.setUint16(0, uint16(value, name), LITTLE);
    put(bytes, at, 2);
  },
});

export const i32: (at: At) => Field<number> = field({
  read: (view, at) => view.getInt32(at, LITTLE),
  write: (bytes, at, value, name) => {
    cell.setInt32(0, int32(value, name), LITTLE);
    put(bytes, at, 4);
  },
});

export const u32: (at: At) => Field<number> = field({
  read: (view, at) => view.getUint32(at, LITTLE),
  write: (bytes, at, value, name) => {
    cell.setUint32(0, uint32(value, name), LITTLE);
    put(bytes, at, 4);
  },
});

/** In network byte order. */
export const net16: (at: At) => Field<number> = field({
  read: (view, at) => view.getUint16(at),
  write: (bytes, at, value, name) => {
    cell.setUint16(0, uint16(value, name));
    put(bytes, at, 2);
  },
});

/** In network byte order. */
export const net32: (at: At) => Field<number> = field({
  read: (view, at) => view.getUint32(at),
  write: (bytes, at, value, name) => {
    cell.setUint32(0, uint32(value, name));
    put(bytes, at, 4);
  },
});

export const u64: (at: At) => Field<bigint> = field({
  read: (view, at) => view.getBigUint64(at, LITTLE),
  write: (bytes, at, value, name) => {
    if (typeof value !== 'bigint') throw invalidType(name, 'a bigint');
    if (BigInt.asUintN(64, value) !== value) throw outOfRange(name, 'a bigint from 0 to 18446744073709551615');
    cell.setBigUint64(0, value, LITTLE);
    put(bytes, at, 8);
  },
});

const TWO_32 = 2 ** 32;
const [LOW, HIGH] = LITTLE ? [0, 4] : [4, 0];

/** A size_t. Only sizes below 4 GiB are written, and the bytes must be zeroed. */
export const size_t: (at: At) => Field<number> = field({
  read: (view, at) => view.getUint32(at + HIGH, LITTLE) * TWO_32 + view.getUint32(at + LOW, LITTLE),
  write: (bytes, at, value, name) => {
    cell.setUint32(0, uint32(value, name), LITTLE);
    put(bytes, at + LOW, 4);
  },
});

/** A time_t or a suseconds_t. */
export const time: (at: At) => Field<number> = field({
  read: (view, at) => Number(view.getBigInt64(at, LITTLE)),
  write: (bytes, at, value, name) => {
    const number = integer(value, name, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
    cell.setBigInt64(0, BigInt(number), LITTLE);
    put(bytes, at, 8);
  },
});

const NANO = 1_000_000_000n;

/** A struct timespec or timeval in nanoseconds. `unit` is how many of them its second member counts. */
const nanoseconds = (unit: bigint, second: number) =>
  field<bigint>({
    read: (view, at) => view.getBigInt64(at, LITTLE) * NANO + view.getBigInt64(at + second, LITTLE) * unit,
    write: (bytes, at, value, name) => {
      if (typeof value !== 'bigint') throw invalidType(name, 'a bigint');
      if (value < 0n || value / NANO > 0x7fffffffffffffffn) throw outOfRange(name, 'a time from 1970 on');
      if (value % unit !== 0n) throw outOfRange(name, `a whole number of ${unit} ns`);
      cell.setBigInt64(0, value / NANO, LITTLE);
      put(bytes, at, 8);
      cell.setBigInt64(0, (value % NANO) / unit, LITTLE);
      put(bytes, at + second, 8);
    },
  });

export const timespec: (at: At) => Field<bigint> = nanoseconds(1n, layout('tv_nsec'));
export const timeval: (at: At) => Field<bigint> = nanoseconds(1000n, layout('tv_usec'));

/** An int that is 1 or 0, as a boolean. */
export const bool: (at: At) => Field<boolean> = field({
  read: (view, at) => view.getInt32(at, LITTLE) !== 0,
  write: (bytes, at, value, name) => {
    if (typeof value !== 'boolean') throw invalidType(name, 'a boolean');
    cell.setInt32(0, value ? 1 : 0, LITTLE);
    put(bytes, at, 4);
  },
});

const address = new Uint8Array(16);

function putAddress(bytes: Uint8Array, at: number, size: 4 | 16, value: unknown, name: string, scope = ''): void {
  if (typeof value !== 'string') throw invalidType(name, 'a string');
  if (native.inet_pton(size === 4 ? AF_INET : AF_INET6, value, address) !== 1) {
    const kind = size === 4 ? 'an IPv4 address' : 'an IPv6 address';
    if (size === 4 || !value.includes('%')) throw invalidValue(name, `${kind} (names are for getaddrinfo)`);
    const sibling = name.slice(0, name.lastIndexOf('.') + 1) + scope;
    throw invalidValue(name, `${kind} without %: the interface is ${sibling}, a number of if_nametoindex`);
  }
  put(bytes, at, size, address);
}

/** A struct in_addr as text. */
export const inAddr: (at: At) => Field<string> = field({
  read: (view, at) => `${view.getUint8(at)}.${view.getUint8(at + 1)}.${view.getUint8(at + 2)}.${view.getUint8(at + 3)}`,
  write: (bytes, at, value, name) => putAddress(bytes, at, 4, value, name),
});

/** A struct in6_addr as text. `scope` is the field with the index of the interface. */
export const in6Addr = (at: At, scope: string): Field<string> =>
  field({
    read: (view, at) => inet_ntop(AF_INET6, part(view, at, 16)),
    write: (bytes, at, value, name) => putAddress(bytes, at, 16, value, name, scope),
  })(at);

/** A field that may be omitted. It is 0 then. */
export const optional = <Get>({ at, read, write }: Field<Get>): Field<Get> => ({
  at,
  read,
  write: (bytes, at, value, name) => {
    if (value !== undefined) write(bytes, at, value, name);
  },
});

/** The last field of a struct, which has as many bytes as its value. */
export interface Tail<Get> {
  readonly at: number;
  /** The field with the number of these bytes, if the struct has one. */
  readonly length?: Field<number>;
  read(view: DataView, at: number, end: number): Get;
  encode(value: unknown, name: string): Uint8Array;
}

const NONE = new Uint8Array(0);

/** A hardware address, which may be omitted. */
export const hardware = (at: At, length: Field<number>): Tail<Buffer> => {
  const start = bytesOf(at);
  return {
    at: start,
    length,
    read: (view, at, end) => {
      const size = Math.min(length.read(view, at - start + length.at, end), end - at);
      return copy(view, at, size);
    },
    encode: (value, name) => (value === undefined ? NONE : hardwareBytes(value, name)),
  };
};
