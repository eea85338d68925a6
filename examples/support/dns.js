// @ts-check
// Encodes and decodes DNS messages (RFC 1035), with the flags of multicast DNS (RFC 6762). Unlike dns-packet,
// it shows the readable part of a damaged message.
import { AF_INET, AF_INET6, inet_ntop } from 'sys-socket';
import { hex, printable, utf8 } from './text.js';

/** The types that have a name. */
export const TYPES = /** @type {const} */ ({
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  HINFO: 13,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  OPT: 41,
  NSEC: 47,
  ANY: 255,
});
const names = new Map(Object.entries(TYPES).map(([name, type]) => [/** @type {number} */ (type), name]));

/** Returns the name of a type. @param {number} type */
export const typeName = (type) => names.get(type) ?? `TYPE${type}`;

/**
 * Formats the bytes of a label: dots, backslashes and bytes that are not text are escaped.
 * @param {Uint8Array} bytes
 */
function labelText(bytes) {
  const text = Buffer.from(bytes).toString('utf8');
  if (!text.includes('\ufffd')) {
    return text.replace(/[.\\]/g, '\\$&').replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (c) => escaped(Buffer.from(c)));
  }
  return escaped(bytes);
}

/** Escapes bytes as zone files do: a backslash and three decimal digits. @param {Uint8Array} bytes */
function escaped(bytes) {
  return Array.from(bytes, (byte) =>
    byte > 0x20 && byte < 0x7f && byte !== 0x2e && byte !== 0x5c
      ? String.fromCharCode(byte)
      : `\\${String(byte).padStart(3, '0')}`,
  ).join('');
}

/**
 * Returns a name in a message and the offset of its end, or undefined if the name is truncated, too long, or has a
 * pointer that does not point backwards. This rule makes decoding terminate, whatever the bytes are.
 * @param {Uint8Array} bytes the whole message, because pointers refer to other places in it
 * @param {number} start
 */
export function readName(bytes, start) {
  const labels = [];
  let at = start;
  let limit = start; // where the part of the name begins that is being read
  let next = -1;
  for (let length = 1; ; ) {
    const size = bytes[at];
    if (size === undefined) return undefined;
    if (size === 0) return { name: `${labels.join('.')}.`, next: next < 0 ? at + 1 : next };
    if (size >= 0xc0) {
      const low = bytes[at + 1];
      if (low === undefined) return undefined;
      if (next < 0) next = at + 2;
      const to = ((size & 0x3f) << 8) | low;
      if (to >= limit) return undefined;
      limit = to;
      at = to;
      continue;
    }
    length += 1 + size;
    if (size > 63 || length > 255 || at + 1 + size > bytes.length) return undefined;
    labels.push(labelText(bytes.subarray(at + 1, at + 1 + size)));
    at += 1 + size;
  }
}

/** Encodes a name, without compression. @param {string} name with escapes as `readName` makes them */
export function encodeName(name) {
  /** @type {number[][]} */
  const labels = [[]];
  for (const [part, digits, quoted] of name.replace(/(?<!\\)((?:\\\\)*)\.$/, '$1').matchAll(/\\(\d{3})|\\(.)|./gsu)) {
    const label = /** @type {number[]} */ (labels.at(-1));
    if (digits !== undefined) label.push(Number(digits));
    else if (part === '.') labels.push([]);
    else label.push(...Buffer.from(quoted ?? part));
  }
  const root = labels.length === 1 && labels[0]?.length === 0;
  const bytes = root ? Buffer.of(0) : Buffer.from([...labels.flatMap((label) => [label.length, ...label]), 0]);
  const bad = labels.some(
    (label) => label.some((byte) => byte > 255) || label.length > 63 || (!root && label.length === 0),
  );
  if (bad || bytes.length > 255)
    throw new RangeError(`${printable(name)} is no domain name: labels have 1 to 63 bytes`);
  return bytes;
}

/**
 * @typedef {object} Question
 * @property {string} name
 * @property {number} type
 * @property {boolean} [unicast] in multicast DNS: asks for a unicast answer
 */

/** Encodes a query. @param {number} id @param {readonly Question[]} questions */
export function encodeQuery(id, questions) {
  const header = Buffer.alloc(12);
  header.writeUInt16BE(id, 0);
  header.writeUInt16BE(questions.length, 4);
  const parts = questions.map(({ name, type, unicast }) => {
    const tail = Buffer.alloc(4);
    tail.writeUInt16BE(type, 0);
    tail.writeUInt16BE(unicast ? 0x8001 : 1, 2);
    return Buffer.concat([encodeName(name), tail]);
  });
  return Buffer.concat([header, ...parts]);
}

/**
 * @typedef {object} ResourceRecord
 * @property {string} name
 * @property {number} type
 * @property {number} class
 * @property {boolean} flush in multicast DNS: the record replaces what a cache holds
 * @property {number} ttl in seconds
 * @property {string} text the data of the record, formatted for people
 */

/**
 * @typedef {object} Message
 * @property {number} id
 * @property {boolean} response
 * @property {number} rcode 0 means no error
 * @property {boolean} truncated
 * @property {Question[]} questions
 * @property {ResourceRecord[]} answers
 * @property {ResourceRecord[]} authority
 * @property {ResourceRecord[]} additional
 * @property {string | undefined} error where the message is malformed; everything before that is decoded
 */

/** @param {DataView} view @param {number} start @param {number} end */
function strings(view, start, end) {
  const found = [];
  for (let at = start; at < end; ) {
    const size = view.getUint8(at);
    const bytes = new Uint8Array(view.buffer, view.byteOffset + at + 1, Math.min(size, end - at - 1));
    found.push(`"${utf8(bytes).replaceAll('"', '\\"')}"`);
    at += 1 + size;
  }
  return found.join(' ');
}

/** Formats the types in an NSEC record (RFC 4034, section 4.1.2). @param {Uint8Array} bytes */
function typeBitmap(bytes) {
  const types = [];
  for (let at = 0; at + 2 <= bytes.length; ) {
    const [window = 0, size = 0] = bytes.subarray(at, at + 2);
    for (const [i, byte] of bytes.subarray(at + 2, at + 2 + size).entries()) {
      for (let bit = 0; bit < 8; bit++) if (byte & (0x80 >> bit)) types.push(typeName(window * 256 + i * 8 + bit));
    }
    at += 2 + size;
  }
  return types;
}

/**
 * Formats the data of a record for people. Unknown types and wrong lengths have the notation of RFC 3597.
 * @param {number} type @param {Uint8Array} message @param {number} start @param {number} end
 */
function dataText(type, message, start, end) {
  const data = message.subarray(start, end);
  const view = new DataView(message.buffer, message.byteOffset, end);
  const unknown = `\\# ${data.length} ${hex(data)}`;
  const nameAt = (/** @type {number} */ at) => {
    const found = at < end ? readName(message.subarray(0, end), at) : undefined;
    return found?.next === end ? found.name : undefined;
  };
  const numbers = (/** @type {number} */ count) =>
    Array.from({ length: count }, (_, i) => view.getUint16(start + 2 * i));
  switch (type) {
    case TYPES.A:
      return data.length === 4 ? inet_ntop(AF_INET, data) : unknown;
    case TYPES.AAAA:
      return data.length === 16 ? inet_ntop(AF_INET6, data) : unknown;
    case TYPES.NS:
    case TYPES.CNAME:
    case TYPES.PTR:
      return nameAt(start) ?? unknown;
    case TYPES.SRV:
    case TYPES.MX: {
      const count = type === TYPES.SRV ? 3 : 1;
      const name = nameAt(start + 2 * count);
      return name === undefined ? unknown : [...numbers(count), name].join(' ');
    }
    case TYPES.TXT:
    case TYPES.HINFO:
      return strings(view, start, end);
    case TYPES.NSEC: {
      const name = readName(message.subarray(0, end), start);
      return name === undefined ? unknown : [name.name, ...typeBitmap(message.subarray(name.next, end))].join(' ');
    }
  }
  return unknown;
}

/**
 * Decodes a message as far as it is well formed.
 * @param {Uint8Array} bytes @returns {Message}
 */
export function decodeMessage(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  /** @type {Message} */
  const message = {
    id: 0,
    response: false,
    rcode: 0,
    truncated: false,
    questions: [],
    answers: [],
    authority: [],
    additional: [],
    error: undefined,
  };
  const stopped = (/** @type {string} */ reason) => ({ ...message, error: reason });
  if (bytes.length < 12) return stopped(`a header of 12 bytes, ${bytes.length} are there`);
  const flags = view.getUint16(2);
  message.id = view.getUint16(0);
  message.response = (flags & 0x8000) !== 0;
  message.truncated = (flags & 0x0200) !== 0;
  message.rcode = flags & 15;

  let at = 12;
  for (let left = view.getUint16(4); left > 0; left--) {
    const found = readName(bytes, at);
    if (found === undefined || found.next + 4 > bytes.length) return stopped(`no question at ${at}`);
    const type = view.getUint16(found.next);
    message.questions.push({ name: found.name, type, unicast: (view.getUint16(found.next + 2) & 0x8000) !== 0 });
    at = found.next + 4;
  }
  for (const [i, section] of [message.answers, message.authority, message.additional].entries()) {
    for (let left = view.getUint16(6 + 2 * i); left > 0; left--) {
      const found = readName(bytes, at);
      if (found === undefined || found.next + 10 > bytes.length) return stopped(`no record at ${at}`);
      const [type, of] = [view.getUint16(found.next), view.getUint16(found.next + 2)];
      const start = found.next + 10;
      const end = start + view.getUint16(found.next + 8);
      if (end > bytes.length)
        return stopped(`the record at ${at} has ${end - start} bytes, ${bytes.length - start} are there`);
      const ttl = view.getUint32(found.next + 4);
      const text = dataText(type, bytes, start, end);
      section.push({ name: found.name, type, class: of & 0x7fff, flush: (of & 0x8000) !== 0, ttl, text });
      at = end;
    }
  }
  return message;
}
