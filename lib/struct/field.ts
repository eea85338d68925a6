/** The kinds of fields in the structs of C. Each one reads, writes and checks the value of a field. */

import { Buffer } from 'node:buffer';
import { invalidType, invalidValue, outOfRange } from '../argument/argument-error.ts';
import { int32, integer, LITTLE, uint8, uint16, uint32 } from '../argument/number.ts';
import { AF_INET, AF_INET6 } from '../native/constants.ts';
import { layout, native } from '../native/native.ts';
import { hardwareBytes } from './hardware-address.ts';
import { inet_ntop } from './inet.ts';

/** Reads and writes fields of one kind. The field begins at `at`, and its struct ends at `end`. */
interface Kind<Get> {
  read(view: DataView, at: number, end: number): Get;
  /** Throws if the field cannot hold the value. `name` is the name of the value in errors. */
  write(view: DataView, at: number, value: unknown, name: string): void;
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

export const u8: (at: At) => Field<number> = field({
  read: (view, at) => view.getUint8(at),
  write: (view, at, value, name) => view.setUint8(at, uint8(value, name)),
});

export const u16: (at: At) => Field<number> = field({
  read: (view, at) => view.getUint16(at, LITTLE),
  write: (view, at, value, name) => view.setUint16(at, uint16(value, name), LITTLE),
});

export const i32: (at: At) => Field<number> = field({
  read: (view, at) => view.getInt32(at, LITTLE),
  write: (view, at, value, name) => view.setInt32(at, int32(value, name), LITTLE),
});

export const u32: (at: At) => Field<number> = field({
  read: (view, at) => view.getUint32(at, LITTLE),
  write: (view, at, value, name) => view.setUint32(at, uint32(value, name), LITTLE),
});

/** In network byte order. */
export const net16: (at: At) => Field<number> = field({
  read: (view, at) => view.getUint16(at),
  write: (view, at, value, name) => view.setUint16(at, uint16(value, name)),
});

/** In network byte order. */
export const net32: (at: At) => Field<number> = field({
  read: (view, at) => view.getUint32(at),
  write: (view, at, value, name) => view.setUint32(at, uint32(value, name)),
});

export const u64: (at: At) => Field<bigint> = field({
  read: (view, at) => view.getBigUint64(at, LITTLE),
  write: (view, at, value, name) => {
    if (typeof value !== 'bigint') throw invalidType(name, 'a bigint');
    if (BigInt.asUintN(64, value) !== value) throw outOfRange(name, 'a bigint from 0 to 18446744073709551615');
    view.setBigUint64(at, value, LITTLE);
  },
});

/** A time_t or a suseconds_t. */
export const time: (at: At) => Field<number> = field({
  read: (view, at) => Number(view.getBigInt64(at, LITTLE)),
  write: (view, at, value, name) => {
    const number = integer(value, name, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
    view.setBigInt64(at, BigInt(number), LITTLE);
  },
});

const NANO = 1_000_000_000n;

/** A struct timespec or timeval in nanoseconds. `unit` is how many of them its second member counts. */
const nanoseconds = (unit: bigint, second: number) =>
  field<bigint>({
    read: (view, at) => view.getBigInt64(at, LITTLE) * NANO + view.getBigInt64(at + second, LITTLE) * unit,
    write: (view, at, value, name) => {
      if (typeof value !== 'bigint') throw invalidType(name, 'a bigint');
      if (value < 0n || value / NANO > 0x7fffffffffffffffn) throw outOfRange(name, 'a time from 1970 on');
      if (value % unit !== 0n) throw outOfRange(name, `a whole number of ${unit} ns`);
      view.setBigInt64(at, value / NANO, LITTLE);
      view.setBigInt64(at + second, (value % NANO) / unit, LITTLE);
    },
  });

export const timespec: (at: At) => Field<bigint> = nanoseconds(1n, layout('tv_nsec'));
export const timeval: (at: At) => Field<bigint> = nanoseconds(1000n, layout('tv_usec'));

/** An int that is 1 or 0, as a boolean. */
export const bool: (at: At) => Field<boolean> = field({
  read: (view, at) => view.getInt32(at, LITTLE) !== 0,
  write: (view, at, value, name) => {
    if (typeof value !== 'boolean') throw invalidType(name, 'a boolean');
    view.setInt32(at, value ? 1 : 0, LITTLE);
  },
});

const address = new Uint8Array(16);

function putAddress(view: DataView, at: number, size: 4 | 16, value: unknown, name: string, scope = ''): void {
  if (typeof value !== 'string') throw invalidType(name, 'a string');
  if (native.inet_pton(size === 4 ? AF_INET : AF_INET6, value, address) !== 1) {
    const kind = size === 4 ? 'an IPv4 address' : 'an IPv6 address';
    if (size === 4 || !value.includes('%')) throw invalidValue(name, `${kind} (names are for getaddrinfo)`);
    const sibling = name.slice(0, name.lastIndexOf('.') + 1) + scope;
    throw invalidValue(name, `${kind} without %: the interface is ${sibling}, a number of if_nametoindex`);
  }
  for (let i = 0; i < size; i++) view.setUint8(at + i, address[i]!);
}

/** A struct in_addr as text. */
export const inAddr: (at: At) => Field<string> = field({
  read: (view, at) => `${view.getUint8(at)}.${view.getUint8(at + 1)}.${view.getUint8(at + 2)}.${view.getUint8(at + 3)}`,
  write: (view, at, value, name) => putAddress(view, at, 4, value, name),
});

/** A struct in6_addr as text. `scope` is the field with the index of the interface. */
export const in6Addr = (at: At, scope: string): Field<string> =>
  field({
    read: (view, at) => inet_ntop(AF_INET6, part(view, at, 16)),
    write: (view, at, value, name) => putAddress(view, at, 16, value, name, scope),
  })(at);

/** A field that may be omitted. It is 0 then. */
export const optional = <Get>({ at, read, write }: Field<Get>): Field<Get> => ({
  at,
  read,
  write: (view, at, value, name) => {
    if (value !== undefined) write(view, at, value, name);
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
