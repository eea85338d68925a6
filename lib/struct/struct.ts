/** One description of a struct of C, from which its encoding, its decoding and the checks of its fields follow. */

import { Buffer } from 'node:buffer';
import { type Names, namesOf, onlyKnown } from '../argument/known-names.ts';
import { assertObject, ownProperty } from '../argument/snapshot.ts';
import { type At, bytesOf, type Field, type Tail } from './field.ts';

/** Decodes one type of value. */
export interface Reader<Get> {
  /** The number of bytes of the value. For an option, this is the size of the buffer; the kernel may report that it needs a larger one. */
  readonly size: number;
  /** Decodes the bytes from `start` to `end`. When they are fewer than `size`, zeros follow them in the view. */
  decode(view: DataView, start: number, end: number): Get;
}

/** Decodes and encodes one type of value: of a socket option, of a control message or of an address. The layers of packets have a LayerCodec: lib/packet/layers/codec.ts. */
export interface Codec<Get, Set = Get> extends Reader<Get> {
  /** `name` is the name of the value in errors. */
  encode(value: Set, name: string): Uint8Array;
  /** Returns the level of the option, for options whose level depends on the value. */
  level?(bytes: Uint8Array): number;
}

/** The codec of an object with the fields of a struct. */
export interface StructCodec<Get, Set> extends Codec<Get, Set> {
  /** The names of its properties. */
  readonly names: Names;
  /** Stores the fields in the bytes of a larger struct. */
  write(bytes: Uint8Array, start: number, value: unknown, name: string): void;
}

/** What C says about a struct: its size, and its fields in their order. Only the last one may be a tail. */
export interface Struct<T extends object> {
  readonly size: number;
  readonly fields: { readonly [K in keyof T]-?: Field<Required<T>[K]> | Tail<Required<T>[K]> };
  /** Copies an object. */
  readonly copy: <Value extends object>(value: Value) => Value;
}

/**
 * Describes a struct. The positions and the size are names in native/layout.def, or numbers. A struct that is a part of another
 * one, and that one, have a `copy` of their own: in V8, a function that copies objects of many structs takes several times as long.
 */
export function struct<T extends object>(
  size: At,
  fields: Struct<T>['fields'],
  copy: Struct<T>['copy'] = (value) => ({ ...value }),
): Struct<T> {
  return { size: bytesOf(size), fields, copy };
}

/** Returns the codec of a value that consists of one field. */
export function scalar<T>(length: At, { at, read, write }: Field<T>): Codec<T> {
  const size = bytesOf(length);
  return {
    size,
    decode: (view, start, end) => read(view, start + at, end),
    encode: (value, name) => {
      const bytes = Buffer.alloc(size);
      write(bytes, at, value, name);
      return bytes;
    },
  };
}

/** Returns the codec of an object with the fields of a struct. The object also has the properties `fixed`, which the bytes do not contain. */
export function codecOf<T extends object, Fixed extends object = object>(
  { size, fields, copy }: Struct<T>,
  fixed: Fixed = {} as Fixed,
): StructCodec<Fixed & Required<T>, Fixed & T> {
  // They are read, written and checked in the order of their bytes.
  const all = Object.entries<Field<unknown> | Tail<unknown>>(fields)
    .map(([key, field]) => ({ key, ...field }))
    .sort((one, other) => one.at - other.at);
  const plain = all.filter((field) => 'write' in field);
  const tail = all.find((field) => 'encode' in field);
  // Decoding copies this object and assigns to its own properties, because a setter in a polluted prototype would swallow new ones.
  // It is made from entries so that V8 gives all objects with these properties the same hidden class.
  const blank: Record<string, unknown> = Object.fromEntries(Object.entries({ ...fixed, ...fields }));
  const names: Names = namesOf<Record<string, unknown>>(blank);
  // What errors call each field, for each name of a value.
  const labelsOf = new Map<string, readonly string[]>();
  const labelled = (name: string): readonly string[] => {
    const labels = plain.map(({ key }) => `${name}.${key}`);
    labelsOf.set(name, labels);
    return labels;
  };
  /** Stores the fields that precede the tail. */
  const write = (bytes: Uint8Array, start: number, value: unknown, name: string): void => {
    const from = onlyKnown(assertObject(value, name), names, name) as Record<string, unknown>;
    const labels = labelsOf.get(name) ?? labelled(name);
    for (let i = 0; i < plain.length; i++) {
      const { key, at, write } = plain[i]!;
      write(bytes, start + at, ownProperty(from, key), labels[i]!);
    }
  };
  return {
    size,
    names,
    decode: (view, start, end) => {
      const value = copy(blank);
      for (let i = 0; i < all.length; i++) {
        const { key, at, read } = all[i]!;
        value[key] = read(view, start + at, end);
      }
      return value as Fixed & Required<T>;
    },
    write,
    encode: (value, name) => {
      const bytes = Buffer.alloc(size);
      write(bytes, 0, value, name);
      if (tail === undefined) return bytes;
      const label = `${name}.${tail.key}`;
      const rest = tail.encode(ownProperty(value as Record<string, unknown>, tail.key), label);
      if (plain.length === 0) return rest;
      tail.length?.write(bytes, tail.length.at, rest.length, `${label}.length`);
      const end = tail.at + rest.length;
      const whole = end > size ? Buffer.alloc(end) : bytes;
      if (whole !== bytes) whole.set(bytes);
      whole.set(rest, tail.at);
      return whole;
    },
  };
}

/** Returns a struct as a field of another one. */
export function member<T extends object>(at: At, inner: Struct<T>): Field<Required<T>> {
  const { decode, write } = codecOf(inner);
  return { at: bytesOf(at), read: decode, write };
}
