/** Control messages (cmsg(3)): what sendmsg(2) and recvmsg(2) carry beside the data. */

import { Buffer } from 'node:buffer';
import { decodeAddress, encodeAddress } from './address.ts';
import type { AddressLike } from './address-type.ts';
import {
  AF_INET,
  AF_INET6,
  IP_ORIGDSTADDR,
  IP_PKTINFO,
  IP_RECVERR,
  IP_TOS,
  IP_TTL,
  IPPROTO_IP,
  IPPROTO_IPV6,
  IPV6_HOPLIMIT,
  IPV6_ORIGDSTADDR,
  IPV6_PKTINFO,
  IPV6_RECVERR,
  IPV6_TCLASS,
  PACKET_AUXDATA,
  PACKET_TX_TIMESTAMP,
  SCM_CREDENTIALS,
  SCM_PIDFD,
  SCM_RIGHTS,
  SCM_TIMESTAMP,
  SCM_TIMESTAMPING,
  SCM_TIMESTAMPNS,
  SO_RXQ_OVFL,
  SOL_PACKET,
  SOL_SOCKET,
  SOL_UDP,
  UDP_GRO,
  UDP_SEGMENT,
} from './constants.ts';
import type {
  AuxiliaryData,
  ControlInput,
  ControlMessage,
  Credentials,
  ExtendedError,
  InetField,
  OriginalDestination,
  OtherControl,
  Overflow,
  PacketInfo,
  PacketInfo6,
  PacketInfoInput,
  PidFd,
  Rights,
  Segment,
  Timestamp,
  Timestamping,
  TypedControl,
} from './control-message.ts';
import { invalidType, invalidValue, outOfRange } from './errno.ts';
import { inet_ntop, inet_pton } from './inet.ts';
import { isUint8Array } from './kind.ts';
import { type Names, namesOf, onlyKnown } from './known-names.ts';
import { layout } from './native.ts';
import { count, int32, LITTLE, uint8, uint16, uint32 } from './number.ts';
import { attached, elements, object, own, ownOr } from './snapshot.ts';

const HEADER = layout('cmsghdr');
const AT_LEN = layout('cmsg_len');
const AT_LEVEL = layout('cmsg_level');
const AT_TYPE = layout('cmsg_type');
const ALIGN = layout('cmsg_align');
const L = {
  ucred: layout('ucred'),
  ucred_pid: layout('ucred_pid'),
  ucred_uid: layout('ucred_uid'),
  ucred_gid: layout('ucred_gid'),
  in_pktinfo: layout('in_pktinfo'),
  ipi_ifindex: layout('ipi_ifindex'),
  ipi_spec_dst: layout('ipi_spec_dst'),
  ipi_addr: layout('ipi_addr'),
  in6_pktinfo: layout('in6_pktinfo'),
  ipi6_addr: layout('ipi6_addr'),
  ipi6_ifindex: layout('ipi6_ifindex'),
  timeval: layout('timeval'),
  tv_usec: layout('tv_usec'),
  timespec: layout('timespec'),
  tv_nsec: layout('tv_nsec'),
  sock_extended_err: layout('sock_extended_err'),
  ee_errno: layout('ee_errno'),
  ee_origin: layout('ee_origin'),
  ee_type: layout('ee_type'),
  ee_code: layout('ee_code'),
  ee_info: layout('ee_info'),
  ee_data: layout('ee_data'),
  tpacket_auxdata: layout('tpacket_auxdata'),
  tp_status: layout('tp_status'),
  tp_len: layout('tp_len'),
  tp_snaplen: layout('tp_snaplen'),
  tp_mac: layout('tp_mac'),
  tp_net: layout('tp_net'),
  tp_vlan_tci: layout('tp_vlan_tci'),
  tp_vlan_tpid: layout('tp_vlan_tpid'),
};

const align = (length: number) => Math.ceil(length / ALIGN) * ALIGN;

/**
 * The bytes of a control message with this much data, header included: CMSG_LEN(3).
 *
 * @param length Bytes of data.
 * @returns Bytes.
 * @throws RangeError for what is no safe length.
 * @example
 * console.log(CMSG_LEN(4)); // 20
 * @see https://man7.org/linux/man-pages/man3/cmsg.3.html
 */
export function CMSG_LEN(length: number): number {
  return HEADER + count(length, 'length');
}

/**
 * The room that a control message with this much data takes, padding included: CMSG_SPACE(3).
 *
 * @param length Bytes of data.
 * @returns Bytes.
 * @throws RangeError for what is no safe length.
 * @example
 * console.log(CMSG_SPACE(4) + CMSG_SPACE(12)); // 56
 * @see https://man7.org/linux/man-pages/man3/cmsg.3.html
 */
export function CMSG_SPACE(length: number): number {
  return HEADER + align(count(length, 'length'));
}

/** How one kind of message is read from its bytes, and written to them. */
interface Codec {
  /** The least number of bytes that can be decoded. */
  size: number;
  /** The names that a message of this kind has. */
  names: Names;
  decode(view: DataView, bytes: Uint8Array): Record<string, unknown>;
  encode(message: never): Uint8Array;
}

/** The names of a kind of message, beside those of all. */
function names<Message extends TypedControl>(
  all: { readonly [Name in Exclude<keyof Message, 'level' | 'type'>]: true },
): Names {
  return namesOf({ level: true, type: true, ...all });
}

const RAW_NAMES = namesOf<OtherControl>({ level: true, type: true, data: true });

function struct(size: number, fill: (view: DataView, bytes: Buffer) => void): Buffer {
  const bytes = Buffer.alloc(size);
  fill(new DataView(bytes.buffer, bytes.byteOffset, size), bytes);
  return bytes;
}

function pton(family: typeof AF_INET | typeof AF_INET6, text: unknown, name: string): Uint8Array {
  if (typeof text !== 'string') throw invalidType(`control.${name}`, 'a string');
  const bytes = inet_pton(family, text);
  if (bytes === undefined) throw invalidValue(`control.${name}`, 'an address');
  return bytes;
}

const NANO = 1_000_000_000n;

function time(view: DataView, at: number, fraction: bigint): bigint {
  return view.getBigInt64(at, LITTLE) * NANO + view.getBigInt64(at + L.tv_nsec, LITTLE) * fraction;
}

function putTime(view: DataView, at: number, value: unknown, name: string, fraction: bigint): void {
  if (typeof value !== 'bigint') throw invalidType(`control.${name}`, 'a bigint');
  if (value < 0n || value / NANO > 0x7fffffffffffffffn) throw outOfRange(`control.${name}`, 'a time from 1970 on');
  if (value % fraction !== 0n) throw outOfRange(`control.${name}`, `a whole number of ${fraction} ns`);
  view.setBigInt64(at, value / NANO, LITTLE);
  view.setBigInt64(at + L.tv_nsec, (value % NANO) / fraction, LITTLE);
}

const int: Codec = {
  size: 4,
  names: names<InetField>({ value: true }),
  decode: (view) => ({ value: view.getInt32(0, LITTLE) }),
  encode: (m: InetField) => struct(4, (view) => view.setInt32(0, int32(own(m, 'value'), 'control.value'), LITTLE)),
};

/** The kernel gives one byte, and takes one or an int. */
const tos: Codec = {
  size: 1,
  names: names<InetField>({ value: true }),
  decode: (view) => ({ value: view.getUint8(0) }),
  encode: (m: InetField) => Buffer.of(uint8(own(m, 'value'), 'control.value')),
};

const rights: Codec = {
  size: 0,
  names: names<Rights>({ fds: true }),
  decode: (view) => {
    const fds: number[] = [];
    for (let at = 0; at + 4 <= view.byteLength; at += 4) fds.push(view.getInt32(at, LITTLE));
    return { fds };
  },
  encode: (m: Rights) => {
    const fds = own(m, 'fds');
    if (!Array.isArray(fds)) throw invalidType('control.fds', 'an array');
    const copy = elements(fds, 'control.fds', fds.length, (fd) => int32(fd, 'control.fds')); // a hole is no descriptor 0
    return struct(copy.length * 4, (view) => {
      for (let i = 0; i < copy.length; i++) view.setInt32(i * 4, copy[i]!, LITTLE);
    });
  },
};

const credentials: Codec = {
  size: L.ucred,
  names: names<Credentials>({ pid: true, uid: true, gid: true }),
  decode: (view) => ({
    pid: view.getInt32(L.ucred_pid, LITTLE),
    uid: view.getUint32(L.ucred_uid, LITTLE),
    gid: view.getUint32(L.ucred_gid, LITTLE),
  }),
  encode: (m: Credentials) =>
    struct(L.ucred, (view) => {
      view.setInt32(L.ucred_pid, int32(own(m, 'pid'), 'control.pid'), LITTLE);
      view.setUint32(L.ucred_uid, uint32(own(m, 'uid'), 'control.uid'), LITTLE);
      view.setUint32(L.ucred_gid, uint32(own(m, 'gid'), 'control.gid'), LITTLE);
    }),
};

const pidfd: Codec = {
  size: 4,
  names: names<PidFd>({ pidfd: true }),
  decode: (view) => ({ pidfd: view.getInt32(0, LITTLE) }),
  encode: (m: PidFd) => struct(4, (view) => view.setInt32(0, int32(own(m, 'pidfd'), 'control.pidfd'), LITTLE)),
};

const stamp = (size: number, fraction: bigint): Codec => ({
  size,
  names: names<Timestamp>({ nanoseconds: true }),
  decode: (view) => ({ nanoseconds: time(view, 0, fraction) }),
  encode: (m: Timestamp) => struct(size, (view) => putTime(view, 0, own(m, 'nanoseconds'), 'nanoseconds', fraction)),
});

/** Three timespecs, of which the second is not used any more. */
const timestamping: Codec = {
  size: 3 * L.timespec,
  names: names<Timestamping>({ software: true, hardware: true }),
  decode: (view) => ({ software: time(view, 0, 1n), hardware: time(view, 2 * L.timespec, 1n) }),
  encode: (m: Timestamping) =>
    struct(3 * L.timespec, (view) => {
      putTime(view, 0, own(m, 'software'), 'software', 1n);
      putTime(view, 2 * L.timespec, own(m, 'hardware'), 'hardware', 1n);
    }),
};

const overflow: Codec = {
  size: 4,
  names: names<Overflow>({ value: true }),
  decode: (view) => ({ value: view.getUint32(0, LITTLE) }),
  encode: (m: Overflow) => struct(4, (view) => view.setUint32(0, uint32(own(m, 'value'), 'control.value'), LITTLE)),
};

const pktinfo: Codec = {
  size: L.in_pktinfo,
  names: names<PacketInfo>({ ifindex: true, specDst: true, addr: true }),
  decode: (view, bytes) => ({
    ifindex: view.getInt32(L.ipi_ifindex, LITTLE),
    specDst: inet_ntop(AF_INET, bytes.subarray(L.ipi_spec_dst, L.ipi_spec_dst + 4)),
    addr: inet_ntop(AF_INET, bytes.subarray(L.ipi_addr, L.ipi_addr + 4)),
  }),
  encode: (m: PacketInfoInput) =>
    struct(L.in_pktinfo, (view, bytes) => {
      view.setInt32(L.ipi_ifindex, int32(own(m, 'ifindex'), 'control.ifindex'), LITTLE);
      bytes.set(pton(AF_INET, own(m, 'specDst'), 'specDst'), L.ipi_spec_dst);
      bytes.set(pton(AF_INET, ownOr(m, 'addr', '0.0.0.0'), 'addr'), L.ipi_addr);
    }),
};

const pktinfo6: Codec = {
  size: L.in6_pktinfo,
  names: names<PacketInfo6>({ addr: true, ifindex: true }),
  decode: (view, bytes) => ({
    addr: inet_ntop(AF_INET6, bytes.subarray(L.ipi6_addr, L.ipi6_addr + 16)),
    ifindex: view.getUint32(L.ipi6_ifindex, LITTLE),
  }),
  encode: (m: PacketInfo6) =>
    struct(L.in6_pktinfo, (view, bytes) => {
      bytes.set(pton(AF_INET6, own(m, 'addr'), 'addr'), L.ipi6_addr);
      view.setUint32(L.ipi6_ifindex, uint32(own(m, 'ifindex'), 'control.ifindex'), LITTLE);
    }),
};

/** The kernel takes UDP_SEGMENT as 16 bits, and gives UDP_GRO as an int. */
const segment: Codec = {
  size: 2,
  names: names<Segment>({ value: true }),
  decode: (view) => ({ value: view.byteLength >= 4 ? view.getInt32(0, LITTLE) : view.getUint16(0, LITTLE) }),
  encode: (m: Segment) => struct(2, (view) => view.setUint16(0, uint16(own(m, 'value'), 'control.value'), LITTLE)),
};

const original: Codec = {
  size: 2,
  names: names<OriginalDestination>({ address: true }),
  decode: (_view, bytes) => ({ address: decodeAddress(bytes) }),
  encode: (m: OriginalDestination) => encodeAddress(own(m, 'address') as AddressLike),
};

const ERROR_NAMES = namesOf<ExtendedError['error']>({
  errno: true,
  origin: true,
  type: true,
  code: true,
  info: true,
  data: true,
});

const extended: Codec = {
  size: L.sock_extended_err,
  names: names<ExtendedError>({ error: true, offender: true }),
  decode: (view, bytes) => {
    const offender = decodeAddress(bytes.subarray(L.sock_extended_err));
    return {
      error: {
        errno: view.getUint32(L.ee_errno, LITTLE),
        origin: view.getUint8(L.ee_origin),
        type: view.getUint8(L.ee_type),
        code: view.getUint8(L.ee_code),
        info: view.getUint32(L.ee_info, LITTLE),
        data: view.getUint32(L.ee_data, LITTLE),
      },
      // AF_UNSPEC is the kernel's word for nobody.
      offender: offender?.family === 0 ? undefined : offender,
    };
  },
  encode: (m: ExtendedError) => {
    const error = onlyKnown(object(own(m, 'error')!, 'control.error'), ERROR_NAMES, 'control.error');
    const offender = own(m, 'offender');
    const tail = offender === undefined ? new Uint8Array(0) : encodeAddress(offender);
    return struct(L.sock_extended_err + tail.length, (view, bytes) => {
      view.setUint32(L.ee_errno, uint32(own(error, 'errno'), 'control.error.errno'), LITTLE);
      view.setUint8(L.ee_origin, uint8(own(error, 'origin'), 'control.error.origin'));
      view.setUint8(L.ee_type, uint8(own(error, 'type'), 'control.error.type'));
      view.setUint8(L.ee_code, uint8(own(error, 'code'), 'control.error.code'));
      view.setUint32(L.ee_info, uint32(own(error, 'info'), 'control.error.info'), LITTLE);
      view.setUint32(L.ee_data, uint32(own(error, 'data'), 'control.error.data'), LITTLE);
      bytes.set(tail, L.sock_extended_err);
    });
  },
};

const auxdata: Codec = {
  size: L.tpacket_auxdata,
  names: names<AuxiliaryData>({
    status: true,
    len: true,
    snaplen: true,
    mac: true,
    net: true,
    vlanTci: true,
    vlanTpid: true,
  }),
  decode: (view) => ({
    status: view.getUint32(L.tp_status, LITTLE),
    len: view.getUint32(L.tp_len, LITTLE),
    snaplen: view.getUint32(L.tp_snaplen, LITTLE),
    mac: view.getUint16(L.tp_mac, LITTLE),
    net: view.getUint16(L.tp_net, LITTLE),
    vlanTci: view.getUint16(L.tp_vlan_tci, LITTLE),
    vlanTpid: view.getUint16(L.tp_vlan_tpid, LITTLE),
  }),
  encode: (m: AuxiliaryData) =>
    struct(L.tpacket_auxdata, (view) => {
      view.setUint32(L.tp_status, uint32(own(m, 'status'), 'control.status'), LITTLE);
      view.setUint32(L.tp_len, uint32(own(m, 'len'), 'control.len'), LITTLE);
      view.setUint32(L.tp_snaplen, uint32(own(m, 'snaplen'), 'control.snaplen'), LITTLE);
      view.setUint16(L.tp_mac, uint16(own(m, 'mac'), 'control.mac'), LITTLE);
      view.setUint16(L.tp_net, uint16(own(m, 'net'), 'control.net'), LITTLE);
      view.setUint16(L.tp_vlan_tci, uint16(own(m, 'vlanTci'), 'control.vlanTci'), LITTLE);
      view.setUint16(L.tp_vlan_tpid, uint16(own(m, 'vlanTpid'), 'control.vlanTpid'), LITTLE);
    }),
};

const key = (level: number, type: number) => `${level}/${type}`;

/** Every message with a type of its own: one line each. */
const codecs = new Map<string, Codec>([
  [key(SOL_SOCKET, SCM_RIGHTS), rights],
  [key(SOL_SOCKET, SCM_CREDENTIALS), credentials],
  [key(SOL_SOCKET, SCM_PIDFD), pidfd],
  [key(SOL_SOCKET, SCM_TIMESTAMP), stamp(L.timeval, 1000n)],
  [key(SOL_SOCKET, SCM_TIMESTAMPNS), stamp(L.timespec, 1n)],
  [key(SOL_SOCKET, SCM_TIMESTAMPING), timestamping],
  [key(SOL_SOCKET, SO_RXQ_OVFL), overflow],
  [key(IPPROTO_IP, IP_PKTINFO), pktinfo],
  [key(IPPROTO_IP, IP_TTL), int],
  [key(IPPROTO_IP, IP_TOS), tos],
  [key(IPPROTO_IP, IP_RECVERR), extended],
  [key(IPPROTO_IP, IP_ORIGDSTADDR), original],
  [key(IPPROTO_IPV6, IPV6_PKTINFO), pktinfo6],
  [key(IPPROTO_IPV6, IPV6_HOPLIMIT), int],
  [key(IPPROTO_IPV6, IPV6_TCLASS), int],
  [key(IPPROTO_IPV6, IPV6_RECVERR), extended],
  [key(IPPROTO_IPV6, IPV6_ORIGDSTADDR), original],
  [key(SOL_UDP, UDP_SEGMENT), segment],
  [key(SOL_UDP, UDP_GRO), segment],
  [key(SOL_PACKET, PACKET_AUXDATA), auxdata],
  [key(SOL_PACKET, PACKET_TX_TIMESTAMP), extended],
]);

/**
 * The bytes of control messages, as sendmsg(2) takes them: each padded to its alignment, in the given order.
 *
 * @param messages Typed messages, or any other as `{ level, type, data }`.
 * @returns The bytes; of as many messages as were given.
 * @throws TypeError or RangeError that names the field which its struct cannot hold.
 * @example
 * const bytes = encodeControl([{ level: SOL_UDP, type: UDP_SEGMENT, value: 1400 }]);
 * console.log(bytes.length === CMSG_SPACE(2)); // true
 * @see https://man7.org/linux/man-pages/man3/cmsg.3.html
 */
export function encodeControl(messages: readonly ControlInput[]): Uint8Array {
  if (!Array.isArray(messages)) throw invalidType('control', 'an array of control messages');
  const parts = elements(messages, 'control', messages.length, (entry) => {
    const message = object(entry as ControlInput, 'control');
    const level = int32(own(message, 'level'), 'control.level');
    const type = int32(own(message, 'type'), 'control.type');
    const raw = Object.hasOwn(message, 'data');
    const codec = raw ? undefined : codecs.get(key(level, type));
    onlyKnown(message, codec?.names ?? RAW_NAMES, 'control');
    const data = raw ? (message as OtherControl).data : codec?.encode(message as never);
    return { level, type, data: attached(data, 'control.data') };
  });
  const bytes = Buffer.alloc(parts.reduce((sum, { data }) => sum + CMSG_SPACE(data.length), 0));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 0;
  for (const { level, type, data } of parts) {
    view.setBigUint64(at + AT_LEN, BigInt(CMSG_LEN(data.length)), LITTLE);
    view.setInt32(at + AT_LEVEL, level, LITTLE);
    view.setInt32(at + AT_TYPE, type, LITTLE);
    bytes.set(data, at + HEADER);
    at += CMSG_SPACE(data.length);
  }
  return bytes;
}

/** The number of a UDP_GRO message among control data, without decoding the others; 0 when there is none. */
export function findSegmentSize(view: DataView, start: number, length: number): number {
  const end = start + Math.min(length, view.byteLength - start);
  for (let at = start; end - at >= HEADER + 4; ) {
    // The upper half of cmsg_len is 0: the kernel's control data is far shorter.
    const size = view.getUint32(at + AT_LEN + (LITTLE ? 0 : 4), LITTLE);
    if (size < HEADER) break;
    if (view.getInt32(at + AT_LEVEL, LITTLE) === SOL_UDP && view.getInt32(at + AT_TYPE, LITTLE) === UDP_GRO) {
      return view.getInt32(at + HEADER, LITTLE);
    }
    at += align(size);
  }
  return 0;
}

/**
 * The messages in control bytes. Total: never throws, whatever the bytes are, and drops no message.
 *
 * Every message ends where the bytes end, whatever its own length says: what MSG_CTRUNC left of the last one is given
 * too (of descriptors, those that arrived).
 *
 * @param bytes Control data from the kernel, or any bytes.
 * @param length How many of the bytes the kernel wrote, as it told.
 * @returns The messages, typed where the library knows the type.
 * @throws TypeError for what is no Uint8Array, and for nothing else.
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
  if (!(end > 0)) return messages; // also of detached memory, over which there is no DataView
  const view = new DataView(bytes.buffer, bytes.byteOffset, end);
  let at = 0;
  while (end - at >= HEADER) {
    const told = view.getBigUint64(at + AT_LEN, LITTLE);
    if (told < BigInt(HEADER)) break;
    const size = Math.min(Number(told), end - at);
    const level = view.getInt32(at + AT_LEVEL, LITTLE);
    const type = view.getInt32(at + AT_TYPE, LITTLE);
    const data = Buffer.from(bytes.subarray(at + HEADER, at + size));
    const codec = codecs.get(key(level, type));
    messages.push(
      codec === undefined || data.length < codec.size
        ? { level, type, data }
        : ({
            level,
            type,
            ...codec.decode(new DataView(data.buffer, data.byteOffset, data.length), data),
          } as TypedControl),
    );
    at += align(size);
  }
  return messages;
}
