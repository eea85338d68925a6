/** The comparisons of jumps in filter programs. */
import { BPF_JEQ, BPF_JGE, BPF_JGT } from '../../native/constants.ts';

/** Returns whether a jump with this operation takes its true branch: JEQ, JGT, JGE or JSET. */
export function holds(operation: number, a: number, operand: number): boolean {
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
