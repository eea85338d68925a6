/** Control messages (cmsg(3)), which sendmsg(2) and recvmsg(2) pass along with the data. */

import { Buffer } from 'node:buffer';
import { invalidType } from '../argument/argument-error.ts';
import { isUint8Array } from '../argument/kind.ts';
import { namesOf, onlyKnown } from '../argument/known-names.ts';
import { count, int32 } from '../argument/number.ts';
import { assertObject, attached, copyElements, ownProperty } from '../argument/snapshot.ts';
import { LITTLE } from '../native/byte-order.ts';
import { SOL_UDP, UDP_GRO } from '../native/constants.ts';
import { layout } from '../native/native.ts';
import type { ControlInput, ControlMessage, OtherControl, TypedControl } from './control-message.ts';
import { controlCodec } from './control-table.ts';
import { i32, size_t } from './field.ts';

const HEADER = layout('cmsghdr');
const cmsg_len = size_t('cmsg_len');
const cmsg_level = i32('cmsg_level');
const cmsg_type = i32('cmsg_type');
const ALIGN = layout('cmsg_align');
const align = (length: number) => Math.ceil(length / ALIGN) * ALIGN;

/**
 * Returns the length of a control message with this many bytes of data, including its header: CMSG_LEN(3).
 *
 * @param length The number of bytes of data.
 * @returns The number of bytes.
 * @throws RangeError if `length` is not a valid length.
 * @example
 * console.log(CMSG_LEN(4)); // 20
 * @see https://man7.org/linux/man-pages/man3/cmsg.3.html
 */
export function CMSG_LEN(length: number): number {
  return HEADER + count(length, 'length');
}

/**
 * Returns the room that a control message with this many bytes of data occupies, including its padding: CMSG_SPACE(3).
 *
 * @param length The number of bytes of data.
 * @returns The number of bytes.
 * @throws RangeError if `length` is not a valid length.
 * @example
 * console.log(CMSG_SPACE(4) + CMSG_SPACE(12)); // 56
 * @see https://man7.org/linux/man-pages/man3/cmsg.3.html
 */
export function CMSG_SPACE(length: number): number {
  return HEADER + align(count(length, 'length'));
}

const OTHER_NAMES = namesOf<OtherControl>({ level: true, type: true, data: true });

/**
 * Encodes control messages as the bytes that sendmsg(2) accepts. Each message is padded to its alignment, and the order is kept.
 *
 * @param messages Typed messages, or any other message as `{ level, type, data }`.
 * @returns The bytes of all the messages.
 * @throws TypeError or RangeError that names the field which its struct cannot hold.
 * @example
 * const bytes = encodeControl([{ level: SOL_UDP, type: UDP_SEGMENT, value: 1400 }]);
 * console.log(bytes.length === CMSG_SPACE(2)); // true
 * @see https://man7.org/linux/man-pages/man3/cmsg.3.html
 */
export function encodeControl(messages: readonly ControlInput[]): Uint8Array {
  if (!Array.isArray(messages)) throw invalidType('control', 'an array of control messages');
  const parts = copyElements(messages, 'control', messages.length, (entry) => {
    const message = assertObject(entry as ControlInput, 'control');
    const level = int32(ownProperty(message, 'level'), 'control.level');
    const type = int32(ownProperty(message, 'type'), 'control.type');
    const hasData = Object.hasOwn(message, 'data');
    const codec = hasData ? undefined : controlCodec(level, type);
    if (codec !== undefined) return { level, type, data: codec.encode(message, 'control') };
    const other = onlyKnown(message as OtherControl, OTHER_NAMES, 'control');
    return { level, type, data: attached(hasData ? other.data : undefined, 'control.data') };
  });
  const bytes = Buffer.alloc(parts.reduce((sum, { data }) => sum + CMSG_SPACE(data.length), 0));
  let at = 0;
  for (const { level, type, data } of parts) {
    cmsg_len.write(bytes, at + cmsg_len.at, CMSG_LEN(data.length), 'control.data.length');
    cmsg_level.write(bytes, at + cmsg_level.at, level, 'control.level');
    cmsg_type.write(bytes, at + cmsg_type.at, type, 'control.type');
    bytes.set(data, at + HEADER);
    at += CMSG_SPACE(data.length);
  }
  return bytes;
}

/** Returns the value of a UDP_GRO message in control data without decoding the other messages, or 0 when there is none. */
export function findSegmentSize(view: DataView, start: number, length: number): number {
  const end = start + Math.min(length, view.byteLength - start);
  for (let at = start; end - at >= HEADER + 4; ) {
    const size = cmsg_len.read(view, at + cmsg_len.at, end);
    if (size < HEADER) break;
    const level = cmsg_level.read(view, at + cmsg_level.at, end);
    if (level === SOL_UDP && cmsg_type.read(view, at + cmsg_type.at, end) === UDP_GRO) {
      return view.getInt32(at + HEADER, LITTLE);
    }
    at += align(size);
  }
  return 0;
}

/**
 * Decodes control data to messages. It accepts any bytes without throwing, and it never drops a message.
 *
 * A message whose length exceeds the bytes ends where the bytes end. If MSG_CTRUNC cut the last message, the rest of it is
 * returned too: of file descriptors, those that arrived.
 *
 * @param bytes Control data from the kernel, or any bytes.
 * @param length How many bytes the kernel reported.
 * @returns The messages. Those whose type the library knows are decoded to it.
 * @throws TypeError only if `bytes` is not a Uint8Array or `length` is not a number.
 * @example
 * const bytes = encodeControl([{ level: IPPROTO_IP, type: IP_TTL, value: 64 }]);
 * console.log(findControl(decodeControl(bytes), IPPROTO_IP, IP_TTL)?.value); // 64
 * @see https://man7.org/linux/man-pages/man3/cmsg.3.html
 */
export function decodeControl(
  bytes: Uint8Array,
  length: number = isUint8Array(bytes) ? bytes.length : 0,
): ControlMessage[] {
  const messages: ControlMessage[] = [];
  if (!isUint8Array(bytes)) throw invalidType('bytes', 'a Uint8Array');
  if (typeof length !== 'number') throw invalidType('length', 'a number');
  const end = Math.min(Math.trunc(length), bytes.byteLength);
  if (!(end > 0)) return messages; // this includes detached memory, for which no DataView can be created
  const view = new DataView(bytes.buffer, bytes.byteOffset, end);
  let at = 0;
  while (end - at >= HEADER) {
    const told = cmsg_len.read(view, at + cmsg_len.at, end);
    if (told < HEADER) break;
    const size = Math.min(told, end - at);
    const level = cmsg_level.read(view, at + cmsg_level.at, end);
    const type = cmsg_type.read(view, at + cmsg_type.at, end);
    const codec = controlCodec(level, type);
    messages.push(
      codec === undefined || size < HEADER + codec.size
        ? { level, type, data: Buffer.from(bytes.subarray(at + HEADER, at + size)) }
        : (codec.decode(view, at + HEADER, at + size) as TypedControl),
    );
    at += align(size);
  }
  return messages;
}
