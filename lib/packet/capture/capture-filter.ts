/** Combines the user's filter, the direction and the snapshot length of a capture into one classic BPF program. */
import * as constants from '../../native/constants.ts';
import { decodeFilter, encodeFilter, type FilterInstruction, type FilterProgram } from '../../posix/filter.ts';

const LOAD_WORD = constants.BPF_LD | constants.BPF_W | constants.BPF_ABS;
const LOAD_NUMBER = constants.BPF_LD | constants.BPF_IMM;
const JUMP = constants.BPF_JMP | constants.BPF_JA;
const JUMP_EQUAL = constants.BPF_JMP | constants.BPF_JEQ | constants.BPF_K;
const JUMP_GREATER = constants.BPF_JMP | constants.BPF_JGT | constants.BPF_K;
const RETURN = constants.BPF_RET | constants.BPF_K;
const RETURN_A = constants.BPF_RET | constants.BPF_A;
/** The load offset of the packet type, which is PACKET_OUTGOING for a packet that is sent. */
const PKTTYPE = (constants.SKF_AD_OFF + constants.SKF_AD_PKTTYPE) >>> 0;
/** The load offset of the hardware type. */
const HATYPE = (constants.SKF_AD_OFF + constants.SKF_AD_HATYPE) >>> 0;

const of = (code: number, k: number, jt = 0, jf = 0): FilterInstruction => ({ code, jt, jf, k });

/** Drops everything, until the capture is set up completely. */
export const DROP: readonly FilterInstruction[] = [of(RETURN, 0)];

/** Drops packets sent on the loopback interface, because each of them is received as well. */
const ONCE: readonly FilterInstruction[] = [
  of(LOAD_WORD, PKTTYPE),
  of(JUMP_EQUAL, constants.PACKET_OUTGOING, 0, 3),
  of(LOAD_WORD, HATYPE),
  of(JUMP_EQUAL, constants.ARPHRD_LOOPBACK, 0, 1),
  of(RETURN, 0),
];

/** Accepts the whole packet. */
const ALL: readonly FilterInstruction[] = [of(RETURN, 0xffffffff)];

/** Returns a program with the same verdicts that never accepts more than `snaplen` bytes. */
function limit(program: readonly FilterInstruction[], snaplen: number): FilterInstruction[] {
  const limited = program.map((instruction, i) => {
    if (instruction.code === RETURN) return of(RETURN, Math.min(instruction.k, snaplen));
    // The value of A is known only when the program runs. The jump leads to its end, where A is compared.
    return instruction.code === RETURN_A ? of(JUMP, program.length - i - 1) : instruction;
  });
  if (!program.some(({ code }) => code === RETURN_A)) return limited;
  return [...limited, of(JUMP_GREATER, snaplen, 0, 1), of(RETURN, snaplen), of(RETURN_A, 0)];
}

/**
 * Returns the program to attach, or undefined when every packet is captured whole.
 *
 * @param filter The user's filter.
 * @param snaplen The maximum number of bytes of a packet, or undefined for all.
 * @param direction `'in'` captures only received packets and `'out'` only sent ones. `'once'` captures both, but
 *   packets on the loopback interface only when they are received.
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
  // As always, A is 0 when the user's program starts.
  if (direction === 'once') return [...ONCE, of(LOAD_NUMBER, 0), ...limited];
  const wanted =
    direction === 'out'
      ? of(JUMP_EQUAL, constants.PACKET_OUTGOING, 1, 0)
      : of(JUMP_EQUAL, constants.PACKET_OUTGOING, 0, 1);
  return [of(LOAD_WORD, PKTTYPE), wanted, of(RETURN, 0), of(LOAD_NUMBER, 0), ...limited];
}
