/** The mnemonics of BPF assembly as in the output of tcpdump -d: the name and the operand of each instruction. */
import * as constants from '../../native/constants.ts';
import { BPF_JA, BPF_JMP } from '../../native/constants.ts';

/** The notation of an instruction's operand. */
export type Operand =
  | 'none'
  | 'x'
  | 'a'
  | 'decimal' // #12
  | 'hex' // #0xc
  | 'absolute' // [12], [vlan_tci]
  | 'indirect' // [x + 12]
  | 'memory' // M[3]
  | 'header' // 4*([14]&0xf)
  | 'length' // #pktlen
  | 'target'; // the number of an instruction

/** An instruction of classic BPF. */
export interface Opcode {
  code: number;
  name: string;
  operand: Operand;
}

const both = (operation: number, name: string, operand: Operand): Opcode[] => [
  { code: operation | constants.BPF_K, name, operand },
  { code: operation | constants.BPF_X, name, operand: 'x' },
];
const load = (size: number, name: string): Opcode[] => [
  { code: constants.BPF_LD | size | constants.BPF_ABS, name, operand: 'absolute' },
  { code: constants.BPF_LD | size | constants.BPF_IND, name, operand: 'indirect' },
];

/** All instructions of classic BPF that the kernel allows: linux/bpf_common.h, linux/filter.h. */
export const OPCODES: readonly Opcode[] = [
  ...load(constants.BPF_W, 'ld'),
  ...load(constants.BPF_H, 'ldh'),
  ...load(constants.BPF_B, 'ldb'),
  { code: constants.BPF_LD | constants.BPF_W | constants.BPF_LEN, name: 'ld', operand: 'length' },
  { code: constants.BPF_LD | constants.BPF_IMM, name: 'ld', operand: 'hex' },
  { code: constants.BPF_LD | constants.BPF_MEM, name: 'ld', operand: 'memory' },
  { code: constants.BPF_LDX | constants.BPF_W | constants.BPF_LEN, name: 'ldx', operand: 'length' },
  { code: constants.BPF_LDX | constants.BPF_IMM, name: 'ldx', operand: 'hex' },
  { code: constants.BPF_LDX | constants.BPF_MEM, name: 'ldx', operand: 'memory' },
  { code: constants.BPF_LDX | constants.BPF_B | constants.BPF_MSH, name: 'ldxb', operand: 'header' },
  { code: constants.BPF_ST, name: 'st', operand: 'memory' },
  { code: constants.BPF_STX, name: 'stx', operand: 'memory' },
  ...both(constants.BPF_ALU | constants.BPF_ADD, 'add', 'decimal'),
  ...both(constants.BPF_ALU | constants.BPF_SUB, 'sub', 'decimal'),
  ...both(constants.BPF_ALU | constants.BPF_MUL, 'mul', 'decimal'),
  ...both(constants.BPF_ALU | constants.BPF_DIV, 'div', 'decimal'),
  ...both(constants.BPF_ALU | constants.BPF_MOD, 'mod', 'decimal'),
  ...both(constants.BPF_ALU | constants.BPF_AND, 'and', 'hex'),
  ...both(constants.BPF_ALU | constants.BPF_OR, 'or', 'hex'),
  ...both(constants.BPF_ALU | constants.BPF_XOR, 'xor', 'hex'),
  ...both(constants.BPF_ALU | constants.BPF_LSH, 'lsh', 'decimal'),
  ...both(constants.BPF_ALU | constants.BPF_RSH, 'rsh', 'decimal'),
  { code: constants.BPF_ALU | constants.BPF_NEG, name: 'neg', operand: 'none' },
  { code: constants.BPF_JMP | constants.BPF_JA, name: 'ja', operand: 'target' },
  ...both(constants.BPF_JMP | constants.BPF_JEQ, 'jeq', 'hex'),
  ...both(constants.BPF_JMP | constants.BPF_JGT, 'jgt', 'hex'),
  ...both(constants.BPF_JMP | constants.BPF_JGE, 'jge', 'hex'),
  ...both(constants.BPF_JMP | constants.BPF_JSET, 'jset', 'hex'),
  { code: constants.BPF_RET | constants.BPF_K, name: 'ret', operand: 'decimal' },
  { code: constants.BPF_RET | constants.BPF_A, name: 'ret', operand: 'a' },
  { code: constants.BPF_MISC | constants.BPF_TAX, name: 'tax', operand: 'none' },
  { code: constants.BPF_MISC | constants.BPF_TXA, name: 'txa', operand: 'none' },
];

export const opcodeOf: ReadonlyMap<number, Opcode> = new Map(OPCODES.map((opcode) => [opcode.code, opcode]));

/** The ancillary data, as offsets from SKF_AD_OFF, by their names in the output of tcpdump -d. */
export const ANCILLARY: { readonly [name: string]: number } = {
  proto: constants.SKF_AD_PROTOCOL,
  type: constants.SKF_AD_PKTTYPE,
  ifidx: constants.SKF_AD_IFINDEX,
  nla: constants.SKF_AD_NLATTR,
  nlan: constants.SKF_AD_NLATTR_NEST,
  mark: constants.SKF_AD_MARK,
  queue: constants.SKF_AD_QUEUE,
  hatype: constants.SKF_AD_HATYPE,
  rxhash: constants.SKF_AD_RXHASH,
  cpu: constants.SKF_AD_CPU,
  xor_x: constants.SKF_AD_ALU_XOR_X,
  vlan_tci: constants.SKF_AD_VLAN_TAG,
  vlanp: constants.SKF_AD_VLAN_TAG_PRESENT,
  poff: constants.SKF_AD_PAY_OFFSET,
  random: constants.SKF_AD_RANDOM,
  vlan_tpid: constants.SKF_AD_VLAN_TPID,
};

/** The names by the offset as it appears in an instruction. */
export const ancillaryName: ReadonlyMap<number, string> = new Map(
  Object.entries(ANCILLARY).map(([name, offset]) => [(constants.SKF_AD_OFF + offset) >>> 0, name]),
);

/** Returns whether an instruction is a conditional jump. Only those use jt and jf. */
export function isConditional(code: number): boolean {
  return (code & 7) === BPF_JMP && (code & 0xf0) !== BPF_JA;
}
