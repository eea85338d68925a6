/** What the lists of the kernel share: dumps, and the attributes of an entry by their types. */
import { Buffer } from 'node:buffer';
import { AF_INET, AF_INET6, AF_UNSPEC, NLA_TYPE_MASK, NLM_F_DUMP } from './constants.ts';
import { inet_ntop } from './inet.ts';
import { decodeAttributes, type NetlinkAttribute, view } from './netlink.ts';
import { type NetlinkReply, requestNetlink } from './netlink-request.ts';
import { LITTLE } from './number.ts';

/** Changes can interrupt a dump; it begins again, but not for ever where they never end. */
const DUMPS = 32;

/** All entries of a kind: a dump of messages `get`, answered by messages `answer` whose struct has `size` bytes. */
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

/** The attributes behind the struct of a message, by type. Of two of a type the last counts, as in iproute2. */
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

  uint32(type: number): number | undefined {
    const bytes = this.bytes(type);
    return bytes === undefined || bytes.length < 4 ? undefined : view(bytes).getUint32(0, LITTLE);
  }

  uint16(type: number): number | undefined {
    const bytes = this.bytes(type);
    return bytes === undefined || bytes.length < 2 ? undefined : view(bytes).getUint16(0, LITTLE);
  }

  uint8(type: number): number | undefined {
    return this.bytes(type)?.[0];
  }

  /** A string, which ends at its NUL. */
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

/** An address as text; undefined for other families, and for bytes of another length. */
export function addressText(family: number, bytes: Uint8Array | undefined): string | undefined {
  if (bytes?.length === 4 && family === AF_INET) return inet_ntop(AF_INET, bytes);
  if (bytes?.length === 16 && family === AF_INET6) return inet_ntop(AF_INET6, bytes);
  return undefined;
}
