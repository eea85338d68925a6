/** The codecs of the values of socket options. */

import { Buffer } from 'node:buffer';
import { invalidType, invalidValue, outOfRange } from '../argument/argument-error.ts';
import { namesOf, onlyKnown } from '../argument/known-names.ts';
import { integer, uint8, uint16 } from '../argument/number.ts';
import { assertObject, attached, copyElements, ownProperty } from '../argument/snapshot.ts';
import { LITTLE } from '../native/byte-order.ts';
import { AF_INET6, SOL_IP, SOL_IPV6 } from '../native/constants.ts';
import { bool, i32, inAddr, net32, part, u32, u64 } from './field.ts';
import type * as options from './option-type.ts';
import { type Codec, codecOf, type Reader, scalar } from './struct.ts';
import * as structs from './struct-table.ts';
import { decodeTcpInfo, type TcpInfo } from './tcp-info.ts';

/** Every type of value. A `Reader` is for a value that can only be read. */
export interface Codecs {
  flag: Codec<boolean>;
  int: Codec<number>;
  uint: Codec<number>;
  netUint: Codec<number>;
  u64: Codec<bigint>;
  text: Codec<string>;
  bytes: Codec<Buffer, Uint8Array>;
  uints: Reader<number[]>;
  memberships: Reader<number[]>;
  linger: Codec<options.Linger>;
  timeval: Codec<options.Timeval>;
  ucred: Reader<options.Ucred>;
  meminfo: Reader<options.SocketMemory>;
  timestamping: Codec<Required<options.TimestampingOption>, options.TimestampingOption | number>;
  txtime: Codec<Required<options.TxtimeOption>, options.TxtimeOption>;
  portRange: Codec<options.PortRange>;
  mreqn: Codec<options.Mreqn>;
  multicastIf: Codec<string, string | options.MulticastInterface>;
  mreqSource: Codec<options.MreqSource>;
  ipv6Mreq: Codec<options.Ipv6Mreq>;
  groupReq: Codec<options.GroupReq>;
  groupSourceReq: Codec<options.GroupSourceReq>;
  in6Pktinfo: Codec<options.In6Pktinfo>;
  mtuInfo: Reader<number>;
  icmp6Filter: Codec<{ pass: number[] }, options.Icmp6Filter>;
  tcpInfo: Reader<TcpInfo>;
  packetMreq: Codec<options.PacketMreq>;
  fanout: Codec<Required<options.Fanout>, options.Fanout>;
  packetStatistics: Reader<options.PacketStatistics>;
  rolloverStatistics: Reader<options.RolloverStatistics>;
}

/** The names of devices, congestion controls and upper layers have at most 16 bytes with their NUL; the kernel would truncate a longer one. */
const TEXT_SIZE = 16;

const text: Codec<string> = {
  size: TEXT_SIZE,
  decode: (view, start, end) => {
    const text = part(view, start, end - start);
    const nul = text.indexOf(0);
    return text.toString('utf8', 0, nul === -1 ? text.length : nul);
  },
  encode: (value, name) => {
    if (typeof value !== 'string') throw invalidType(name, 'a string');
    const bytes = Buffer.from(`${value}\0`);
    if (bytes.indexOf(0) !== bytes.length - 1) throw invalidValue(name, 'a string without NUL characters');
    if (bytes.length > TEXT_SIZE) throw outOfRange(name, `at most ${TEXT_SIZE - 1} bytes long`);
    return bytes;
  },
};

/** The extension headers of IPv6 have up to 2040 bytes. The kernel truncates them silently. */
const bytes: Codec<Buffer, Uint8Array> = {
  size: 2040,
  decode: (view, start, end) => part(view, start, end - start),
  encode: attached,
};

/** All the u32 values that the bytes contain. */
const uints: Reader<number[]> = {
  size: 256,
  decode: (view, start, end) =>
    Array.from({ length: (end - start) >> 2 }, (_, i) => view.getUint32(start + i * 4, LITTLE)),
};

/** Bit n - 1 of the u32 values stands for group n. */
const memberships: Reader<number[]> = {
  size: 64,
  decode: (view, start, end) => {
    const groups: number[] = [];
    uints.decode(view, start, end).forEach((word, at) => {
      for (let bit = 0; bit < 32; bit++) if ((word >>> bit) & 1) groups.push(at * 32 + bit + 1);
    });
    return groups;
  },
};

const int = scalar(4, i32(0));
const uint = scalar(4, u32(0));
const timestamps = codecOf(structs.so_timestamping);

/** Kernels before 5.15 know only the flags. */
const timestamping: Codecs['timestamping'] = {
  ...timestamps,
  encode: (value, name) => (typeof value === 'number' ? int.encode(value, name) : timestamps.encode(value, name)),
};

const address = scalar(4, inAddr(0));
const outgoing = codecOf(structs.multicastInterface);

/** The kernel only ever returns the address. */
const multicastIf: Codecs['multicastIf'] = {
  ...address,
  encode: (value, name) => (typeof value === 'string' ? address.encode(value, name) : outgoing.encode(value, name)),
};

/** The options of a group have the same name at both levels. The family of the group decides which level is meant. */
const level = (bytes: Uint8Array): number => {
  const { at } = structs.group_req.fields.group;
  const family = new DataView(bytes.buffer, bytes.byteOffset).getUint16(at, LITTLE);
  return family === AF_INET6 ? SOL_IPV6 : SOL_IP;
};

const FILTER_TYPES = 256;
const ICMP6_NAMES = namesOf<options.Icmp6Filter>({ pass: true, block: true });

/** A set bit blocks its type. */
const icmp6Filter: Codecs['icmp6Filter'] = {
  size: FILTER_TYPES / 8,
  decode: (view, start) => {
    const blocked = (type: number) => (view.getUint32(start + (type >> 5) * 4, LITTLE) >>> (type & 31)) & 1;
    return { pass: Array.from({ length: FILTER_TYPES }, (_, type) => type).filter((type) => !blocked(type)) };
  },
  encode: (value, name) => {
    const words = new Uint32Array(FILTER_TYPES / 32);
    const filter: { pass?: unknown; block?: unknown } = onlyKnown(assertObject(value, name), ICMP6_NAMES, name);
    const pass = ownProperty(filter, 'pass');
    const key = pass === undefined ? 'block' : 'pass';
    const types = pass ?? ownProperty(filter, 'block');
    if (!Array.isArray(types)) throw invalidType(`${name}.${key}`, 'an array');
    if (key === 'pass') words.fill(0xffffffff);
    if (pass !== undefined && ownProperty(filter, 'block') !== undefined)
      throw invalidValue(name, "an object with 'pass' or 'block', not both");
    for (const type of copyElements(types, name, types.length, (item) =>
      integer(item, `${name}.${key}`, 0, FILTER_TYPES - 1),
    )) {
      const bit = 1 << (type & 31);
      const word = words[type >> 5]!;
      words[type >> 5] = key === 'pass' ? word & ~bit : word | bit;
    }
    return Buffer.from(words.buffer);
  },
};

const FANOUT_NAMES = namesOf<options.Fanout>({ id: true, type: true, flags: true });

/** Throws unless the value is a valid fanout. The flags must not contain bits of the type, because these would change the type. */
export function fanoutFields(value: options.Fanout, name: string): Required<options.Fanout> {
  const from = onlyKnown(assertObject(value, name), FANOUT_NAMES, name);
  const id = uint16(ownProperty(from, 'id'), `${name}.id`);
  const type = uint8(ownProperty(from, 'type'), `${name}.type`);
  const flags = uint16(ownProperty(from, 'flags'), `${name}.flags`, 0);
  if ((flags & 0xff) !== 0) throw outOfRange(`${name}.flags`, 'bits of PACKET_FANOUT_FLAG_, which are above 255');
  return { id, type, flags };
}

/** One u32: its lower half is the id, and its upper half contains the type and, above it, the flags. */
const fanout: Codecs['fanout'] = {
  size: 4,
  decode: (view, start) => {
    const word = view.getUint32(start, LITTLE);
    return { id: word & 0xffff, type: (word >>> 16) & 0xff, flags: (word >>> 16) & 0xff00 };
  },
  encode: (value, name) => {
    const { id, type, flags } = fanoutFields(value, name);
    return uint.encode((((type | flags) << 16) | id) >>> 0, name);
  },
};

const counts = codecOf(structs.tpacket_stats_v3);

/** TPACKET_V1 and V2 do not count freezes and return a shorter struct. */
const packetStatistics: Reader<options.PacketStatistics> = {
  size: counts.size,
  decode: (view, start, end) => {
    const { freezes, ...rest } = counts.decode(view, start, end);
    return end - start < counts.size ? rest : { ...rest, freezes };
  },
};

/** The codec of every type of value. */
export const codecs: Codecs = {
  flag: scalar(4, bool(0)),
  int,
  uint,
  netUint: scalar(4, net32(0)),
  u64: scalar(8, u64(0)),
  text,
  bytes,
  uints,
  memberships,
  linger: codecOf(structs.linger),
  timeval: codecOf(structs.timeval),
  ucred: codecOf(structs.ucred),
  meminfo: codecOf(structs.meminfo),
  timestamping,
  txtime: codecOf(structs.sock_txtime),
  portRange: codecOf(structs.portRange),
  mreqn: codecOf(structs.ip_mreqn),
  multicastIf,
  mreqSource: codecOf(structs.ip_mreq_source),
  ipv6Mreq: codecOf(structs.ipv6_mreq),
  groupReq: { ...codecOf(structs.group_req), level },
  groupSourceReq: { ...codecOf(structs.group_source_req), level },
  in6Pktinfo: codecOf(structs.in6_pktinfo),
  /** Linux leaves the address of the struct empty. */
  mtuInfo: scalar('ip6_mtuinfo', u32('ip6m_mtu')),
  icmp6Filter,
  tcpInfo: { size: 512, decode: (view, start, end) => decodeTcpInfo(part(view, start, end - start)) as TcpInfo },
  packetMreq: codecOf(structs.packet_mreq),
  fanout,
  packetStatistics,
  rolloverStatistics: codecOf(structs.tpacket_rollover_stats),
};
