/** Classic BPF programs on sockets: socket(7), SO_ATTACH_FILTER, and packet(7), PACKET_FANOUT_DATA. */

import { invalidType, invalidValue, outOfRange } from '../argument/argument-error.ts';
import { namesOf, onlyKnown } from '../argument/known-names.ts';
import { integer } from '../argument/number.ts';
import { assertObject, copyElements, ownProperty } from '../argument/snapshot.ts';
import { SETSOCKOPT } from '../call/option.ts';
import { LITTLE } from '../native/byte-order.ts';
import {
  PACKET_FANOUT_DATA,
  SO_ATTACH_FILTER,
  SO_ATTACH_REUSEPORT_CBPF,
  SO_DETACH_FILTER,
  SO_LOCK_FILTER,
  SOL_PACKET,
  SOL_SOCKET,
} from '../native/constants.ts';
import { native } from '../native/native.ts';
import { Unpack } from '../native/unpack.ts';
import { type Call, call, check, fail } from '../struct/errno.ts';

/**
 * One instruction of a filter program: struct sock_filter.
 *
 * @see https://docs.kernel.org/networking/filter.html
 */
export interface FilterInstruction {
  code: number;
  jt: number;
  jf: number;
  k: number;
}

/**
 * A filter program: its instructions, or the text that `tcpdump -ddd` prints (the number of instructions, then one line of four
 * numbers for each).
 *
 * @see https://docs.kernel.org/networking/filter.html
 */
export type FilterProgram = readonly FilterInstruction[] | string;

const INSTRUCTION = 8;
const NAMES = namesOf<FilterInstruction>({ code: true, jt: true, jf: true, k: true });
const LIMITS = { code: 0xffff, jt: 0xff, jf: 0xff, k: 0xffffffff } as const;

const PROGRAM =
  'the output of tcpdump -ddd or an array of instructions, as compileFilter(parseFilter(text)) of sys-socket/packet returns';

function parse(text: string): FilterInstruction[] {
  const [count, ...lines] = text
    .trim()
    .split(/[\n,]/)
    .map((line) => line.trim());
  const program = lines.map((line) => {
    if (!/^\d+ \d+ \d+ \d+$/.test(line)) throw invalidValue('program', PROGRAM);
    const [code, jt, jf, k] = line.split(' ').map(Number) as [number, number, number, number];
    return { code, jt, jf, k };
  });
  if (!/^\d+$/.test(count!)) throw invalidValue('program', PROGRAM);
  if (Number(count) !== program.length) throw invalidValue('program', 'the output of tcpdump -ddd, whole');
  return program;
}

/**
 * Encodes a program as an array of struct sock_filter.
 *
 * @param program The instructions, or the text that `tcpdump -ddd` prints.
 * @returns 8 bytes for each instruction.
 * @throws TypeError or RangeError if `program` is not a valid program.
 * @example
 * const program = '2\n48 0 0 0\n6 0 0 65535\n'; // tcpdump -ddd
 * console.log(encodeFilter(program).length); // 16
 * @see https://man7.org/linux/man-pages/man7/socket.7.html
 */
export function encodeFilter(program: FilterProgram): Uint8Array {
  const instructions = typeof program === 'string' ? parse(program) : program;
  if (!Array.isArray(instructions)) throw invalidType('program', PROGRAM);
  if (instructions.length > 0xffff) throw outOfRange('program', 'at most 65535 instructions long');
  const field = (instruction: FilterInstruction, name: keyof FilterInstruction) =>
    integer(ownProperty(instruction, name), `program.${name}`, 0, LIMITS[name]);
  const list = copyElements(instructions as readonly FilterInstruction[], 'program', 0xffff, (given) => {
    const instruction = onlyKnown(assertObject(given, 'program'), NAMES, 'program');
    return {
      code: field(instruction, 'code'),
      jt: field(instruction, 'jt'),
      jf: field(instruction, 'jf'),
      k: field(instruction, 'k'),
    };
  });
  const view = new DataView(new ArrayBuffer(list.length * INSTRUCTION));
  for (let i = 0; i < list.length; i++) {
    const { code, jt, jf, k } = list[i]!;
    view.setUint16(i * INSTRUCTION, code, LITTLE);
    view.setUint8(i * INSTRUCTION + 2, jt);
    view.setUint8(i * INSTRUCTION + 3, jf);
    view.setUint32(i * INSTRUCTION + 4, k, LITTLE);
  }
  return new Uint8Array(view.buffer);
}

/** Decodes an array of struct sock_filter to instructions. */
export function decodeFilter(bytes: Uint8Array): FilterInstruction[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.length / INSTRUCTION }, (_, i) => ({
    code: view.getUint16(i * INSTRUCTION, LITTLE),
    jt: view.getUint8(i * INSTRUCTION + 2),
    jf: view.getUint8(i * INSTRUCTION + 3),
    k: view.getUint32(i * INSTRUCTION + 4, LITTLE),
  }));
}

/** The options that accept a program. */
const OPTIONS = {
  SO_ATTACH_FILTER: [SOL_SOCKET, SO_ATTACH_FILTER],
  SO_ATTACH_REUSEPORT_CBPF: [SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF],
  PACKET_FANOUT_DATA: [SOL_PACKET, PACKET_FANOUT_DATA],
} as const;

const ATTACH_FILTER: Call = call('setsockopt', 'fd', 'level', 'option', 'program');

function attach(fd: number, option: keyof typeof OPTIONS, program: FilterProgram): void {
  const [level, number] = OPTIONS[option];
  check(native.attachFilter(fd, level, number, encodeFilter(program)), ATTACH_FILTER, { option });
}

/**
 * Attaches a program that decides which packets the socket receives: socket(7), SO_ATTACH_FILTER. The kernel copies and verifies
 * the program.
 *
 * The kernel truncates each packet to the number of bytes that the program returns. If it returns 0, the packet is dropped.
 *
 * @param fd A socket.
 * @param program The instructions, or the text that `tcpdump -ddd` prints.
 * @throws SocketError EINVAL (the kernel rejects the program), EPERM (the filter is locked; on TCP, newer kernels require
 *   CAP_NET_ADMIN), ENOMEM, EBADF, ENOTSOCK.
 * @example
 * const [a, b] = socketpair(AF_UNIX, SOCK_DGRAM);
 * attachFilter(b, [{ code: 0x6, jt: 0, jf: 0, k: 3 }]); // return 3: cut every packet to 3 bytes
 * send(a, 'hello');
 * console.log(recv(b, new Uint8Array(100))); // 3
 * @see https://man7.org/linux/man-pages/man7/socket.7.html
 */
export function attachFilter(fd: number, program: FilterProgram): void {
  attach(fd, 'SO_ATTACH_FILTER', program);
}

/**
 * Attaches a program that chooses the receiving socket of a SO_REUSEPORT group: socket(7), SO_ATTACH_REUSEPORT_CBPF. The program
 * returns the index of the socket.
 *
 * @param fd A socket of the group.
 * @param program The instructions, or the text that `tcpdump -ddd` prints.
 * @throws SocketError EINVAL, EBADF, ENOTSOCK.
 * @example
 * const fd = socket(AF_INET, SOCK_DGRAM);
 * setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, true);
 * bind(fd, { family: AF_INET, address: '127.0.0.1', port: 0 });
 * attachReusePortFilter(fd, [{ code: 0x6, jt: 0, jf: 0, k: 0 }]); // return 0: always the first socket of the group
 * @see https://man7.org/linux/man-pages/man7/socket.7.html
 */
export function attachReusePortFilter(fd: number, program: FilterProgram): void {
  attach(fd, 'SO_ATTACH_REUSEPORT_CBPF', program);
}

/**
 * Attaches a program that chooses the receiving socket of a fanout group: packet(7), PACKET_FANOUT_DATA with PACKET_FANOUT_CBPF.
 *
 * @param fd A packet socket of the group.
 * @param program The instructions, or the text that `tcpdump -ddd` prints.
 * @throws SocketError EINVAL, EPERM, EBADF, ENOTSOCK.
 * @example
 * const fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
 * setOption(fd, 'PACKET_FANOUT', { id: 7, type: PACKET_FANOUT_CBPF });
 * attachFanoutFilter(fd, [{ code: 0x6, jt: 0, jf: 0, k: 0 }]); // return 0: always the first socket of the group
 * @see https://man7.org/linux/man-pages/man7/packet.7.html
 */
export function attachFanoutFilter(fd: number, program: FilterProgram): void {
  attach(fd, 'PACKET_FANOUT_DATA', program);
}

/**
 * Detaches the program from a socket: socket(7), SO_DETACH_FILTER.
 *
 * @param fd A socket.
 * @throws SocketError ENOENT (there is none), EPERM (it is locked), EBADF, ENOTSOCK.
 * @example
 * const fd = socket(AF_INET, SOCK_DGRAM);
 * attachFilter(fd, [{ code: 0x6, jt: 0, jf: 0, k: 0 }]);
 * detachFilter(fd);
 * @see https://man7.org/linux/man-pages/man7/socket.7.html
 */
export function detachFilter(fd: number): void {
  check(native.setsockoptInt(fd, SOL_SOCKET, SO_DETACH_FILTER, 0), SETSOCKOPT);
}

/**
 * Locks the program of a socket permanently: socket(7), SO_LOCK_FILTER. It can no longer be changed or detached.
 *
 * @param fd A socket.
 * @throws SocketError EBADF, ENOTSOCK.
 * @example
 * const fd = socket(AF_INET, SOCK_DGRAM);
 * attachFilter(fd, [{ code: 0x6, jt: 0, jf: 0, k: 0xffff }]);
 * lockFilter(fd); // for example before the descriptor is passed to another program
 * @see https://man7.org/linux/man-pages/man7/socket.7.html
 */
export function lockFilter(fd: number): void {
  check(native.setsockoptInt(fd, SOL_SOCKET, SO_LOCK_FILTER, 1), SETSOCKOPT);
}

const GET_FILTER: Call = call('getsockopt', 'fd');

/**
 * Returns the program that is attached to a socket: SO_GET_FILTER.
 *
 * @param fd A socket.
 * @returns The instructions of the program. The array is empty when there is no program.
 * @throws SocketError EACCES (an eBPF program), EBADF, ENOTSOCK.
 * @example
 * const fd = socket(AF_INET, SOCK_DGRAM);
 * attachFilter(fd, [{ code: 0x6, jt: 0, jf: 0, k: 0xffff }]);
 * console.log(getFilter(fd)); // [ { code: 6, jt: 0, jf: 0, k: 65535 } ]
 * @see https://man7.org/linux/man-pages/man7/socket.7.html
 */
export function getFilter(fd: number): FilterInstruction[] {
  const result = native.getFilter(fd);
  if (typeof result === 'number') fail(result, GET_FILTER);
  return decodeFilter(new Unpack(result).bytes()!);
}
