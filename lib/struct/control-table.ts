/** The table of control messages: how their data are decoded, and how long they are. */

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
import { type At, bytesOf, copy, type Field, i32, type Tail, timespec, timeval, u8, u16, u32 } from './field.ts';
import { type Codec, codecOf, member, type Struct, struct } from './struct.ts';
import { in_pktinfo, in6_pktinfo, sock_extended_err, tpacket_auxdata, ucred } from './struct-table.ts';

/** The fields of a message that its data contain. */
type Data<Message extends TypedControl> = Omit<Message, 'level' | 'type'>;

const number = i32(0);

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

const value = (size: number, field: Field<number>): Struct<{ value: number }> => struct(size, { value: field });
const timestamp = (size: string, nanoseconds: Field<bigint>) => struct<Data<Timestamp>>(size, { nanoseconds });

/** The structs of the data. Their size is the smallest number of bytes that can be decoded. */
const structs = {
  int: value(4, number),
  uint: value(4, u32(0)),
  byte: value(1, u8(0)),
  segment: value(2, segmentSize),
  rights: struct<Data<Rights>>(0, { fds }),
  pidfd: struct<Data<PidFd>>(4, { pidfd: number }),
  timeval: timestamp('timeval', timeval(0)),
  timespec: timestamp('timespec', timespec(0)),
  /** Three timespecs. The second one is no longer used. */
  timestamping: struct<Data<Timestamping>>(3 * layout('timespec'), {
    software: timespec(0),
    hardware: timespec(2 * layout('timespec')),
  }),
  original: struct<Data<OriginalDestination>>(SA_FAMILY, { address }),
  extended: struct<Data<ExtendedError>>(
    'sock_extended_err',
    { error: member(0, sock_extended_err), offender },
    (value) => ({ ...value }),
  ),
  ucred,
  in_pktinfo,
  in6_pktinfo,
  tpacket_auxdata,
};

type Level = 'SOL_SOCKET' | 'IPPROTO_IP' | 'IPPROTO_IPV6' | 'SOL_TCP' | 'SOL_UDP' | 'SOL_PACKET';

/** Those of any family, or only those of AF_UNIX. */
type Sockets = 'all' | 'unix';

/** A control message. Its key in the table is the name of its type. */
interface Row {
  readonly level: Level;
  /** The struct of its data. Without one, the message has no interface, and its data remain bytes. */
  readonly data?: keyof typeof structs;
  /** The maximum number of bytes of data that the kernel returns, if it is not the size of the struct. */
  readonly most?: At;
  /** The sockets that can receive it with every message, beside all others of these sockets. */
  readonly sockets?: Sockets;
}

/**
 * The table of control messages. It contains only names, because TypeScript (with isolatedDeclarations) infers the type of an
 * exported value only from literals.
 */
export const controlTable = {
  // socket(7) and unix(7)
  SCM_CREDENTIALS: { level: 'SOL_SOCKET', data: 'ucred', sockets: 'unix' },
  SCM_PIDFD: { level: 'SOL_SOCKET', data: 'pidfd', sockets: 'unix' },
  // The kernel accepts a label that a process gives itself (`/proc/self/attr`) up to the size of a page.
  SCM_SECURITY: { level: 'SOL_SOCKET', most: 4096, sockets: 'unix' },
  SCM_TIMESTAMPNS: { level: 'SOL_SOCKET', data: 'timespec', sockets: 'all' },
  SCM_TIMESTAMPING: { level: 'SOL_SOCKET', data: 'timestamping', sockets: 'all' },
  SO_RXQ_OVFL: { level: 'SOL_SOCKET', data: 'uint', sockets: 'all' },
  SO_MARK: { level: 'SOL_SOCKET', most: 4, sockets: 'all' },
  SO_PRIORITY: { level: 'SOL_SOCKET', most: 4, sockets: 'all' },
  SCM_INQ: { level: 'SOL_SOCKET', most: 4, sockets: 'unix' },
  SCM_RIGHTS: { level: 'SOL_SOCKET', data: 'rights', most: 1012, sockets: 'unix' }, // 253 of them: SCM_MAX_FD of the kernel
  SCM_TIMESTAMP: { level: 'SOL_SOCKET', data: 'timeval' }, // SO_TIMESTAMP and SO_TIMESTAMPNS replace each other

  // ip(7)
  IP_PKTINFO: { level: 'IPPROTO_IP', data: 'in_pktinfo' },
  IP_TTL: { level: 'IPPROTO_IP', data: 'int' },
  IP_TOS: { level: 'IPPROTO_IP', data: 'byte' }, // The kernel returns one byte. It accepts one byte or an int.
  IP_RECVERR: { level: 'IPPROTO_IP', data: 'extended', most: 32 }, // with a sockaddr_in
  IP_ORIGDSTADDR: { level: 'IPPROTO_IP', data: 'original', most: 'sockaddr_in' },

  // ipv6(7)
  IPV6_PKTINFO: { level: 'IPPROTO_IPV6', data: 'in6_pktinfo' },
  IPV6_HOPLIMIT: { level: 'IPPROTO_IPV6', data: 'int' },
  IPV6_TCLASS: { level: 'IPPROTO_IPV6', data: 'int' },
  IPV6_RECVERR: { level: 'IPPROTO_IPV6', data: 'extended', most: 44 }, // with a sockaddr_in6
  IPV6_ORIGDSTADDR: { level: 'IPPROTO_IPV6', data: 'original', most: 'sockaddr_in6' },

  // tcp(7), udp(7) and packet(7)
  TCP_CM_INQ: { level: 'SOL_TCP', data: 'int' },
  UDP_SEGMENT: { level: 'SOL_UDP', data: 'segment' },
  UDP_GRO: { level: 'SOL_UDP', data: 'segment', most: 4 },
  PACKET_AUXDATA: { level: 'SOL_PACKET', data: 'tpacket_auxdata' },
  PACKET_TX_TIMESTAMP: { level: 'SOL_PACKET', data: 'extended' },
} as const;

/**
 * The name of the type of a control message, as in `isControl` and `findControl`.
 *
 * @see https://man7.org/linux/man-pages/man3/cmsg.3.html
 * @useDeclaredType
 */
export type ControlName = Extract<keyof typeof controlTable, string>; // an alias of its own, which signatures show

const rows: { readonly [Name in ControlName]: Row } = controlTable;
const numbers: { readonly [Name in ControlName | Level]: number } = constants;

type MessageCodec = Codec<{ level: number; type: number }>;
const codecs = new Map<number, Map<number, MessageCodec>>();
for (const name of Object.keys(rows) as ControlName[]) {
  const { data } = rows[name];
  if (data === undefined) continue;
  const [level, type] = [numbers[rows[name].level], numbers[name]];
  const types = codecs.get(level) ?? new Map<number, MessageCodec>();
  types.set(type, codecOf(structs[data] as Struct<object>, { level, type }));
  codecs.set(level, types);
}

/** Returns the codec of a message that has a type of its own. Its size is the smallest number of bytes that can be decoded. */
export function controlCodec(level: number, type: number): MessageCodec | undefined {
  return codecs.get(level)?.get(type);
}

/** The room of a control message. */
interface Room {
  /** The maximum number of bytes of data that the kernel returns. */
  readonly most: number;
  readonly sockets: Sockets | undefined;
}

/** The room of each control message, by the name of its type. */
export const controlRooms: ReadonlyMap<string, Room> = new Map(
  Object.entries(rows).map(([name, { data, most, sockets }]) => {
    return [name, { most: bytesOf(most ?? (data === undefined ? 0 : structs[data].size)), sockets }];
  }),
);
