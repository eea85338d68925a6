/** The fields that structs of socket options are made of, and how a value is read from their bytes and written to them. */

import { Buffer } from 'node:buffer';
import { decodeAddress, encodeAddress } from './address.ts';
import type { AddressLike } from './address-type.ts';
import { AF_INET, AF_INET6 } from './constants.ts';
import { invalidType, invalidValue, outOfRange } from './errno.ts';
import { inet_ntop, inet_pton } from './inet.ts';
import { namesOf, onlyKnown } from './known-names.ts';
import { int32, integer, LITTLE, uint16, uint32 } from './number.ts';
import { object, own } from './snapshot.ts';

/** How one type of value is read. */
export interface Reader<Get> {
  /** The room to read into; the kernel may tell that it wants more. */
  readonly size: number;
  /** `bytes` are those that the kernel wrote, `view` the whole room with zeros after them. */
  decode(bytes: Buffer, view: DataView): Get;
}

/** How one type of value is read and written. `name` is the option, for errors. */
export interface Codec<Get, Set = Get> extends Reader<Get> {
  encode(value: Set, name: string): Uint8Array;
  /** The level, where it follows from the value. */
  level?(bytes: Uint8Array): number;
}

/** One field of a struct, at its offset. */
export interface Part<T> {
  read(view: DataView): T;
  write(view: DataView, value: unknown, name: string): void;
}

/** Zeroed bytes and their view. */
export function room(size: number): { bytes: Buffer; view: DataView } {
  const bytes = Buffer.alloc(size);
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, size) };
}

const bytesAt = (view: DataView, at: number, size: number) =>
  Buffer.from(view.buffer as ArrayBuffer, view.byteOffset + at, size);

export const i32 = (at: number): Part<number> => ({
  read: (view) => view.getInt32(at, LITTLE),
  write: (view, value, name) => view.setInt32(at, int32(value, name), LITTLE),
});

export const u32 = (at: number, little: boolean = LITTLE): Part<number> => ({
  read: (view) => view.getUint32(at, little),
  write: (view, value, name) => view.setUint32(at, uint32(value, name), little),
});

export const u16 = (at: number): Part<number> => ({
  read: (view) => view.getUint16(at, LITTLE),
  write: (view, value, name) => view.setUint16(at, uint16(value, name), LITTLE),
});

export const u64 = (at: number): Part<bigint> => ({
  read: (view) => view.getBigUint64(at, LITTLE),
  write: (view, value, name) => {
    if (typeof value !== 'bigint') throw invalidType(name, 'a bigint');
    if (BigInt.asUintN(64, value) !== value) throw outOfRange(name, 'a bigint from 0 to 18446744073709551615');
    view.setBigUint64(at, value, LITTLE);
  },
});

/** A time_t or a suseconds_t. */
export const time = (at: number): Part<number> => ({
  read: (view) => Number(view.getBigInt64(at, LITTLE)),
  write: (view, value, name) => {
    const number = integer(value, name, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
    view.setBigInt64(at, BigInt(number), LITTLE);
  },
});

/** An int that is 1 or 0. */
export const bool = (at: number): Part<boolean> => ({
  read: (view) => view.getInt32(at, LITTLE) !== 0,
  write: (view, value, name) => {
    if (typeof value !== 'boolean') throw invalidType(name, 'a boolean');
    view.setInt32(at, value ? 1 : 0, LITTLE);
  },
});

const inet = (family: typeof AF_INET | typeof AF_INET6, size: number, at: number): Part<string> => ({
  read: (view) => inet_ntop(family, bytesAt(view, at, size)),
  write: (view, value, name) => {
    if (typeof value !== 'string') throw invalidType(name, 'a string');
    const address = value.includes('\0') ? undefined : inet_pton(family, value);
    if (address === undefined) throw invalidValue(name, family === AF_INET ? 'an IPv4 address' : 'an IPv6 address');
    bytesAt(view, at, size).set(address);
  },
});

/** A struct in_addr as text. */
export const inAddr = (at: number): Part<string> => inet(AF_INET, 4, at);

/** A struct in6_addr as text. */
export const in6Addr = (at: number): Part<string> => inet(AF_INET6, 16, at);

/** A sockaddr in room of this size. */
export const sockaddr = (at: number, size: number): Part<AddressLike> => ({
  read: (view) => decodeAddress(bytesAt(view, at, size))!,
  write: (view, value, name) => {
    const address = encodeAddress(object(value, name) as AddressLike);
    if (address.length > size) throw outOfRange(name, `at most ${size} bytes long`);
    bytesAt(view, at, size).set(address);
  },
});

/** A field that may be left out, and is 0 then. */
export const optional = <T>({ read, write }: Part<T>): Part<T> => ({
  read,
  write: (view, value, name) => {
    if (value !== undefined) write(view, value, name);
  },
});

/** A value that is one field. */
export const scalar = <T>(size: number, part: Part<T>): Codec<T> => ({
  size,
  decode: (_, view) => part.read(view),
  encode: (value, name) => {
    const { bytes, view } = room(size);
    part.write(view, value, name);
    return bytes;
  },
});

/** A value that is an object with the fields of a struct. */
export function struct<T extends object>(
  size: number,
  parts: { readonly [K in keyof T]-?: Part<Required<T>[K]> },
): Codec<Required<T>, T> {
  const fields = Object.entries(parts) as [keyof T & string, Part<unknown>][];
  const names = namesOf<T>(parts);
  return {
    size,
    decode: (_, view) => Object.fromEntries(fields.map(([key, part]) => [key, part.read(view)])) as Required<T>,
    encode: (value, name) => {
      const from = onlyKnown(object(value, name), names, name);
      const { bytes, view } = room(size);
      for (const [key, part] of fields) part.write(view, own(from, key), `${name}.${key}`);
      return bytes;
    },
  };
}
