/** Runs BPF programs in this process, on packets from any source, as the kernel does in net/core/filter.c. */

import { invalidType, invalidValue } from '../../argument/argument-error.ts';
import { isUint8Array } from '../../argument/kind.ts';
import { onlyKnown } from '../../argument/known-names.ts';
import {
  BPF_A,
  BPF_ABS,
  BPF_ADD,
  BPF_ALU,
  BPF_AND,
  BPF_B,
  BPF_DIV,
  BPF_H,
  BPF_IMM,
  BPF_IND,
  BPF_JA,
  BPF_JMP,
  BPF_LD,
  BPF_LDX,
  BPF_LEN,
  BPF_LSH,
  BPF_MEM,
  BPF_MEMWORDS,
  BPF_MOD,
  BPF_MUL,
  BPF_OR,
  BPF_RET,
  BPF_RSH,
  BPF_ST,
  BPF_STX,
  BPF_SUB,
  BPF_TXA,
  BPF_X,
  BPF_XOR,
  SKF_AD_OFF,
  SKF_LL_OFF,
  SKF_NET_OFF,
} from '../../native/constants.ts';
import type { FilterProgram } from '../../posix/filter.ts';
import { get16, get32 } from '../bytes/bytes.ts';
import { ancillary, CONTEXT_NAMES, type FilterContext } from './ancillary.ts';
import { holds } from './comparison.ts';
import { instructionsOf } from './disassemble.ts';
import { verifyFilter } from './verify.ts';

/**
 * A filter function. It returns the number of bytes to keep of a packet, or 0 to drop it.
 *
 * @see https://man7.org/linux/man-pages/man3/pcap_offline_filter.3pcap.html
 */
export type OfflineFilter = (packet: Uint8Array, context?: FilterContext) => number;

const CLASS = 7;
const OPERATION = 0xf0;
const MODE = 0xe0;
const SIZE = 0x18;
/** Marks a load beyond the packet. No loaded value is negative. */
const BEYOND = -1;

/** Loads the value at an offset, which may be relative to SKF_NET_OFF or SKF_LL_OFF. */
function load(bytes: Uint8Array, context: FilterContext, offset: number, size: number): number {
  let at = offset | 0;
  if (at < 0) {
    if (at >= SKF_NET_OFF) at += (context.networkOffset ?? 0) - SKF_NET_OFF;
    else if (at >= SKF_LL_OFF) at -= SKF_LL_OFF;
    else return BEYOND;
  }
  const length = size === BPF_B ? 1 : size === BPF_H ? 2 : 4;
  if (at + length > bytes.length) return BEYOND;
  if (length === 1) return bytes[at]!;
  return length === 2 ? get16(bytes, at) : get32(bytes, at);
}

/** Computes A op operand with 32 bits. The result is BEYOND for a division by 0. */
function arithmetic(operation: number, a: number, operand: number): number {
  switch (operation) {
    case BPF_ADD:
      return (a + operand) >>> 0;
    case BPF_SUB:
      return (a - operand) >>> 0;
    case BPF_MUL:
      return Math.imul(a, operand) >>> 0;
    case BPF_DIV:
      return operand === 0 ? BEYOND : Math.floor(a / operand);
    case BPF_MOD:
      return operand === 0 ? BEYOND : a % operand;
    case BPF_OR:
      return (a | operand) >>> 0;
    case BPF_AND:
      return (a & operand) >>> 0;
    case BPF_XOR:
      return (a ^ operand) >>> 0;
    case BPF_LSH:
      return (a << operand) >>> 0; // uses the lower five bits, as the kernel does
    case BPF_RSH:
      return a >>> operand;
    default: // BPF_NEG
      return -a >>> 0;
  }
}

/**
 * Turns a BPF program into a function for packets that do not come from a socket, such as those of a file:
 * pcap_offline_filter(3PCAP).
 *
 * The function computes the same result as the kernel: arithmetic is unsigned with 32 bits, and the program ends with 0
 * at a load beyond the packet and at a division by 0. Offsets relative to SKF_LL_OFF count from the first byte.
 *
 * @param program The instructions, or the output of tcpdump -ddd. It is copied, and verified as with `verifyFilter`.
 * @returns A function that returns the number of bytes to keep of a packet (it may exceed the length of the packet), or
 *   0 to drop it. The function throws a TypeError if the packet is not a Uint8Array.
 * @throws TypeError for a program that the kernel would reject, and for a value that is not a program.
 * @example
 * const accepts = offlineFilter(compileFilter(match.udp(), { linktype: LINKTYPE_RAW }));
 * const packet = encodePacket([ipv4({ sourceAddress: '192.0.2.1', destinationAddress: '192.0.2.2' }), udp({
 *   sourcePort: 1, destinationPort: 2
 * })]);
 * console.log(accepts(packet), accepts(packet.subarray(0, 9))); // 262144 0
 * @see https://man7.org/linux/man-pages/man3/pcap_offline_filter.3pcap.html
 */
export function offlineFilter(program: FilterProgram): OfflineFilter {
  const instructions = instructionsOf(program);
  const fault = verifyFilter(instructions);
  if (fault !== undefined) throw invalidValue('program', `valid; instruction ${fault.index}: ${fault.reason}`);
  return (packet, context = {}) => {
    if (!isUint8Array(packet)) throw invalidType('packet', 'a Uint8Array');
    onlyKnown(context, CONTEXT_NAMES, 'context');
    const memory = new Uint32Array(BPF_MEMWORDS);
    let a = 0;
    let x = 0;
    for (let at = 0; ; at++) {
      const { code, jt, jf, k } = instructions[at]!;
      const operand = (code & BPF_X) === 0 ? k : x; // of arithmetic and jumps
      switch (code & CLASS) {
        case BPF_LD: {
          const mode = code & MODE;
          if (mode === BPF_IMM) a = k;
          else if (mode === BPF_MEM) a = memory[k]!;
          else if (mode === BPF_LEN) a = context.length ?? packet.length;
          else if (mode === BPF_ABS && k >= SKF_AD_OFF >>> 0) {
            const value = ancillary(packet, context, k, a, x);
            if (value === undefined) return a;
            a = value;
          } else {
            const value = load(packet, context, mode === BPF_IND ? x + k : k, code & SIZE);
            if (value === BEYOND) return 0;
            a = value;
          }
          break;
        }
        case BPF_LDX: {
          const mode = code & MODE;
          if (mode === BPF_IMM) x = k;
          else if (mode === BPF_MEM) x = memory[k]!;
          else if (mode === BPF_LEN) x = context.length ?? packet.length;
          else {
            const value = load(packet, context, k, BPF_B); // BPF_MSH
            if (value === BEYOND) return 0;
            x = (value & 0xf) << 2;
          }
          break;
        }
        case BPF_ST:
          memory[k] = a;
          break;
        case BPF_STX:
          memory[k] = x;
          break;
        case BPF_ALU: {
          const value = arithmetic(code & OPERATION, a, operand);
          if (value === BEYOND) return 0;
          a = value;
          break;
        }
        case BPF_JMP:
          if ((code & OPERATION) === BPF_JA) at += k;
          else at += holds(code & OPERATION, a, operand) ? jt : jf;
          break;
        case BPF_RET:
          return (code & SIZE) === BPF_A ? a : k;
        default: // BPF_MISC
          if ((code & OPERATION) === BPF_TXA) a = x;
          else x = a;
      }
    }
  };
}
