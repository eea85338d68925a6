/** The codecs of control messages. */

import { Buffer } from 'node:buffer';
import { invalidType } from '../argument/argument-error.ts';
import { int32 } from '../argument/number.ts';
import { attached, copyElements } from '../argument/snapshot.ts';
import { LITTLE } from '../native/byte-order.ts';
import * as constants from '../native/constants.ts';
import { layout } from '../native/native.ts';
import { decodeAddress, encodeAddress, SA_FAMILY } from './address.ts';
import type { AddressLike } from './address-type.ts';
import type {
  ExtendedError,
  OriginalDestination,
  PidFd,
  Rights,
  Timestamp,
  Timestamping,
  TypedControl,
} from './control-message.ts';
import { copy, type Field, i32, type Tail, timespec, timeval, u8, u16, u32 } from './field.ts';
import { type Codec, codecOf, member, type Struct, struct } from './struct.ts';
import { in_pktinfo, in6_pktinfo, sock_extended_err, tpacket_auxdata, ucred } from './struct-table.ts';

/** The fields of a message that its data contain. */
type Data<Message extends TypedControl> = Omit<Message, 'level' | 'type'>;

const value = (size: number, field: Field<number>): Struct<{ value: number }> => struct(size, { value: field });

const number = i32(0);
const int = value(4, number);

/** File descriptors. A truncated message contains those that arrived. */
const fds: Tail<number[]> = {
  at: 0,
  read: (view, start, end) => {
    const list: number[] = [];
    for (let at = start; at + 4 <= end; at += 4) list.push(view.getInt32(at, LITTLE));
    return list;
  },
  encode: (value, name) => {
    if (!Array.isArray(value)) throw invalidType(name, 'an array');
    const list = copyElements(value, name, value.length, (fd) => int32(fd, name)); // a hole does not become file descriptor 0
    const bytes = Buffer.alloc(list.length * 4);
    for (let i = 0; i < list.length; i++) number.write(bytes, i * 4, list[i]!, name);
    return bytes;
  },
};

/** An address that fills the rest of a message. */
const address: Tail<OriginalDestination['address']> = {
  at: 0,
  read: (view, at, end) => decodeAddress(copy(view, at, end - at)), // a copy, because the memory may be shared
  encode: (value, name) => attached(encodeAddress(value as AddressLike), name),
};

/** The kernel uses AF_UNSPEC when there is no offender. */
const offender: Tail<ExtendedError['offender']> = {
  at: sock_extended_err.size,
  read: (view, at, end) => {
    const found = at < end ? address.read(view, at, end) : undefined;
    return found?.family === 0 ? undefined : found;
  },
  encode: (value, name) => (value === undefined ? new Uint8Array(0) : address.encode(value, name)),
};

/** The kernel accepts UDP_SEGMENT as 16 bits and returns UDP_GRO as an int. */
const segmentSize: Field<number> = {
  ...u16(0),
  read: (view, at, end) => (end - at >= 4 ? view.getInt32(at, LITTLE) : view.getUint16(at, LITTLE)),
};

const rights = struct<Data<Rights>>(0, { fds });
const pidfd = struct<Data<PidFd>>(4, { pidfd: i32(0) });
const timestamp = (size: string, nanoseconds: Field<bigint>) => struct<Data<Timestamp>>(size, { nanoseconds });
/** Three timespecs. The second one is no longer used. */
const timestamping = struct<Data<Timestamping>>(3 * layout('timespec'), {
  software: timespec(0),
  hardware: timespec(2 * layout('timespec')),
});
const original = struct<Data<OriginalDestination>>(0, { address });
const extended = struct<Data<ExtendedError>>(
  'sock_extended_err',
  { error: member(0, sock_extended_err), offender },
  (value) => ({ ...value }),
);
const segment = value(2, segmentSize);

/** The data of every message that has a type of its own. `least` is the number of bytes that can be decoded, if it is not the size. */
const table: readonly (readonly [level: number, type: number, data: Struct<object>, least?: number])[] = [
  [constants.SOL_SOCKET, constants.SCM_RIGHTS, rights],
  [constants.SOL_SOCKET, constants.SCM_CREDENTIALS, ucred],
  [constants.SOL_SOCKET, constants.SCM_PIDFD, pidfd],
  [constants.SOL_SOCKET, constants.SCM_TIMESTAMP, timestamp('timeval', timeval(0))],
  [constants.SOL_SOCKET, constants.SCM_TIMESTAMPNS, timestamp('timespec', timespec(0))],
  [constants.SOL_SOCKET, constants.SCM_TIMESTAMPING, timestamping],
  [constants.SOL_SOCKET, constants.SO_RXQ_OVFL, value(4, u32(0))],
  [constants.IPPROTO_IP, constants.IP_PKTINFO, in_pktinfo],
  [constants.IPPROTO_IP, constants.IP_TTL, int],
  // The kernel returns one byte. It accepts one byte or an int.
  [constants.IPPROTO_IP, constants.IP_TOS, value(1, u8(0))],
  [constants.IPPROTO_IP, constants.IP_RECVERR, extended],
  [constants.IPPROTO_IP, constants.IP_ORIGDSTADDR, original, SA_FAMILY],
  [constants.IPPROTO_IPV6, constants.IPV6_PKTINFO, in6_pktinfo],
  [constants.IPPROTO_IPV6, constants.IPV6_HOPLIMIT, int],
  [constants.IPPROTO_IPV6, constants.IPV6_TCLASS, int],
  [constants.IPPROTO_IPV6, constants.IPV6_RECVERR, extended],
  [constants.IPPROTO_IPV6, constants.IPV6_ORIGDSTADDR, original, SA_FAMILY],
  [constants.SOL_TCP, constants.TCP_CM_INQ, int],
  [constants.SOL_UDP, constants.UDP_SEGMENT, segment],
  [constants.SOL_UDP, constants.UDP_GRO, segment],
  [constants.SOL_PACKET, constants.PACKET_AUXDATA, tpacket_auxdata],
  [constants.SOL_PACKET, constants.PACKET_TX_TIMESTAMP, extended],
];

type MessageCodec = Codec<{ level: number; type: number }>;
const codecs = new Map<number, Map<number, MessageCodec>>();
for (const [level, type, data, least = data.size] of table) {
  const types = codecs.get(level) ?? new Map<number, MessageCodec>();
  types.set(type, { ...codecOf(data, { level, type }), size: least });
  codecs.set(level, types);
}

/** Returns the codec of a message that has a type of its own. Its size is the smallest number of bytes that can be decoded. */
export function controlCodec(level: number, type: number): MessageCodec | undefined {
  return codecs.get(level)?.get(type);
}
