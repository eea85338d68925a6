/** The program of a capture: the filter of the user, the direction and the length, as one classic BPF program. */
import {
  ARPHRD_LOOPBACK,
  BPF_A,
  BPF_ABS,
  BPF_IMM,
  BPF_JA,
  BPF_JEQ,
  BPF_JGT,
  BPF_JMP,
  BPF_K,
  BPF_LD,
  BPF_RET,
  BPF_W,
  PACKET_OUTGOING,
  SKF_AD_HATYPE,
  SKF_AD_OFF,
  SKF_AD_PKTTYPE,
} from '../../posix/constants.ts';
import { decodeFilter, encodeFilter, type FilterInstruction, type FilterProgram } from '../../posix/filter.ts';

const LOAD_WORD = BPF_LD | BPF_W | BPF_ABS;
const LOAD_NUMBER = BPF_LD | BPF_IMM;
const JUMP = BPF_JMP | BPF_JA;
const JUMP_EQUAL = BPF_JMP | BPF_JEQ | BPF_K;
const JUMP_GREATER = BPF_JMP | BPF_JGT | BPF_K;
const RETURN = BPF_RET | BPF_K;
const RETURN_A = BPF_RET | BPF_A;
/** The kernel's word for the kind of packet, PACKET_OUTGOING for one that is sent. */
const PKTTYPE = (SKF_AD_OFF + SKF_AD_PKTTYPE) >>> 0;
/** The kind of link. */
const HATYPE = (SKF_AD_OFF + SKF_AD_HATYPE) >>> 0;

const of = (code: number, k: number, jt = 0, jf = 0): FilterInstruction => ({ code, jt, jf, k });

/** Drops everything: for the time until a capture is complete. */
export const DROP: readonly FilterInstruction[] = [of(RETURN, 0)];

/** Drops what is sent on lo, which is received, too. */
const ONCE: readonly FilterInstruction[] = [
  of(LOAD_WORD, PKTTYPE),
  of(JUMP_EQUAL, PACKET_OUTGOING, 0, 3),
  of(LOAD_WORD, HATYPE),
  of(JUMP_EQUAL, ARPHRD_LOOPBACK, 0, 1),
  of(RETURN, 0),
];

/** The whole packet. */
const ALL: readonly FilterInstruction[] = [of(RETURN, 0xffffffff)];

/** The same verdicts, but never more than `snaplen` bytes. */
function limit(program: readonly FilterInstruction[], snaplen: number): FilterInstruction[] {
  const limited = program.map((instruction, i) => {
    if (instruction.code === RETURN) return of(RETURN, Math.min(instruction.k, snaplen));
    // What is in A is known when it runs: to the end of the program, where it is compared.
    return instruction.code === RETURN_A ? of(JUMP, program.length - i - 1) : instruction;
  });
  if (!program.some(({ code }) => code === RETURN_A)) return limited;
  return [...limited, of(JUMP_GREATER, snaplen, 0, 1), of(RETURN, snaplen), of(RETURN_A, 0)];
}

/**
 * The program to attach; undefined when every packet is wanted whole.
 *
 * @param filter The user's.
 * @param snaplen The most bytes of a packet; undefined for all.
 * @param direction Whether only packets that are received, or only those that are sent, are wanted; or `'once'` for both,
 *   but those of lo only as received.
 */
export function captureProgram(
  filter: FilterProgram | undefined,
  snaplen: number | undefined,
  direction?: 'in' | 'out' | 'once',
): FilterInstruction[] | undefined {
  if (filter === undefined && snaplen === undefined && direction === undefined) return undefined;
  const program = filter === undefined ? ALL : decodeFilter(encodeFilter(filter));
  const limited = snaplen === undefined ? [...program] : limit(program, snaplen);
  if (direction === undefined) return limited;
  // A is 0 where the program of the user begins, as always.
  if (direction === 'once') return [...ONCE, of(LOAD_NUMBER, 0), ...limited];
  const wanted = direction === 'out' ? of(JUMP_EQUAL, PACKET_OUTGOING, 1, 0) : of(JUMP_EQUAL, PACKET_OUTGOING, 0, 1);
  return [of(LOAD_WORD, PKTTYPE), wanted, of(RETURN, 0), of(LOAD_NUMBER, 0), ...limited];
}
