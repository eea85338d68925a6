/** BPF programs run here, on packets from anywhere: what the kernel does in net/core/filter.c. */

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
  BPF_JEQ,
  BPF_JGE,
  BPF_JGT,
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
} from '../../posix/constants.ts';
import { invalidType, invalidValue } from '../../posix/errno.ts';
import type { FilterProgram } from '../../posix/filter.ts';
import { isUint8Array } from '../../posix/kind.ts';
import { onlyKnown } from '../../posix/known-names.ts';
import { get16, get32 } from '../bytes.ts';
import { ancillary, CONTEXT_NAMES, type FilterContext } from './ancillary.ts';
import { instructionsOf } from './disassemble.ts';
import { verifyFilter } from './verify.ts';

/**
 * Tells of a packet how many bytes of it are to be kept; 0 drops it.
 *
 * @see https://man7.org/linux/man-pages/man3/pcap_offline_filter.3pcap.html
 */
export type OfflineFilter = (packet: Uint8Array, context?: FilterContext) => number;

const CLASS = 7;
const OPERATION = 0xf0;
const MODE = 0xe0;
const SIZE = 0x18;
/** A load beyond the packet. No value that is loaded is negative. */
const BEYOND = -1;

/** What stands at an offset, which may count from SKF_NET_OFF or SKF_LL_OFF. */
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

/** A op operand, of 32 bits; BEYOND for a division by 0. */
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
      return (a << operand) >>> 0; // by the lower five bits, as the kernel
    case BPF_RSH:
      return a >>> operand;
    default: // BPF_NEG
      return -a >>> 0;
  }
}

function holds(operation: number, a: number, operand: number): boolean {
  switch (operation) {
    case BPF_JEQ:
      return a === operand;
    case BPF_JGT:
      return a > operand;
    case BPF_JGE:
      return a >= operand;
    default:
      return (a & operand) !== 0; // BPF_JSET
  }
}

/**
 * A BPF program as a function, for packets that are not on a socket: those of a file. As pcap_offline_filter(3PCAP).
 *
 * It does to a packet what the kernel does: arithmetic of 32 bits without sign, the end with 0 at a load beyond the packet
 * and at a division by 0. Offsets from SKF_LL_OFF count from the first byte.
 *
 * @param program The instructions, or the text of tcpdump -ddd. Copied, and verified as by `verifyFilter`.
 * @returns A function that tells how many bytes of a packet are kept (it may be more than there are); 0: it is dropped.
 *   It throws a TypeError for a packet that is no Uint8Array.
 * @throws TypeError for a program that the kernel would refuse, and for what is no program.
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
