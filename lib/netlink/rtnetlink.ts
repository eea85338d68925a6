/** The code that all lists from the kernel share: dumps, and the attributes of an entry by type. */
import { Buffer } from 'node:buffer';
import { uint8Array } from '../argument/snapshot.ts';
import { LITTLE } from '../native/byte-order.ts';
import { AF_INET, AF_INET6, AF_UNSPEC, NLA_TYPE_MASK, NLM_F_DUMP } from '../native/constants.ts';
import { inet_ntop } from '../struct/inet.ts';
import { decodeAttributes, type NetlinkAttribute } from './netlink.ts';
import { type NetlinkReply, requestNetlink } from './netlink-request.ts';
import { view } from './record.ts';

/** The maximum number of dumps. Changes can interrupt a dump, which is then repeated, but not forever. */
const DUMPS = 32;

/** Returns all entries of one kind: requests a dump with type `get` and decodes the replies of type `answer`, whose struct has `size` bytes. */
export function list<Entry>(
  get: number,
  answer: number,
  size: number,
  decode: (data: Uint8Array) => Entry | undefined,
): Entry[] {
  const body = new Uint8Array(size);
  body[0] = AF_UNSPEC;
  let reply: NetlinkReply;
  let dumps = 0;
  do reply = requestNetlink(get, NLM_F_DUMP, body);
  while (reply.interrupted && ++dumps < DUMPS);
  return reply.messages
    .filter(({ type }) => type === answer)
    .map((message) => decode(message.data))
    .filter((entry) => entry !== undefined);
}

/** The attributes that follow the struct of a message, by type. If a type occurs more than once, the last one is used, as in iproute2. */
export class Attributes {
  readonly all: NetlinkAttribute[];
  readonly #byType: Map<number, Uint8Array>;

  constructor(bytes: Uint8Array) {
    this.all = decodeAttributes(bytes);
    this.#byType = new Map(this.all.map(({ type, data }) => [type & NLA_TYPE_MASK, data]));
  }

  bytes(type: number): Uint8Array | undefined {
    return this.#byType.get(type);
  }

  /** Returns what a function reads from an attribute, or undefined if it is absent or has fewer than `size` bytes. */
  read<T>(type: number, size: number, read: (from: DataView) => T): T | undefined {
    const bytes = this.bytes(type);
    return bytes === undefined || bytes.length < size ? undefined : read(view(bytes));
  }

  uint32(type: number): number | undefined {
    return this.read(type, 4, (from) => from.getUint32(0, LITTLE));
  }

  uint16(type: number): number | undefined {
    return this.read(type, 2, (from) => from.getUint16(0, LITTLE));
  }

  uint8(type: number): number | undefined {
    return this.bytes(type)?.[0];
  }

  /** Returns a string, which ends at the first NUL. */
  text(type: number): string | undefined {
    const bytes = this.bytes(type);
    if (bytes === undefined) return undefined;
    const end = bytes.indexOf(0);
    return Buffer.from(end === -1 ? bytes : bytes.subarray(0, end)).toString();
  }

  nested(type: number): Attributes | undefined {
    const bytes = this.bytes(type);
    return bytes === undefined ? undefined : new Attributes(bytes);
  }

  address(type: number, family: number): string | undefined {
    return addressText(family, this.bytes(type));
  }
}

/**
 * Decodes the data of a message: a struct of `size` bytes, which `read` gets as a view of all bytes, and attributes. Returns
 * undefined if the data is too short.
 */
export function decodeEntry<Entry>(
  data: Uint8Array,
  size: number,
  read: (from: DataView, attributes: Attributes) => Entry,
): Entry | undefined {
  if (uint8Array(data, 'data').length < size) return undefined;
  return read(view(data), new Attributes(data.subarray(size)));
}

/** Returns an address as text, or undefined if the family is another one or the bytes have the wrong length. */
export function addressText(family: number, bytes: Uint8Array | undefined): string | undefined {
  if (bytes?.length === 4 && family === AF_INET) return inet_ntop(AF_INET, bytes);
  if (bytes?.length === 16 && family === AF_INET6) return inet_ntop(AF_INET6, bytes);
  return undefined;
}
