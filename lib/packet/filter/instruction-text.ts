/** The mnemonics of BPF assembly as in the output of tcpdump -d: the name and the operand of each instruction. */
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
  BPF_JSET,
  BPF_K,
  BPF_LD,
  BPF_LDX,
  BPF_LEN,
  BPF_LSH,
  BPF_MEM,
  BPF_MISC,
  BPF_MOD,
  BPF_MSH,
  BPF_MUL,
  BPF_NEG,
  BPF_OR,
  BPF_RET,
  BPF_RSH,
  BPF_ST,
  BPF_STX,
  BPF_SUB,
  BPF_TAX,
  BPF_TXA,
  BPF_W,
  BPF_X,
  BPF_XOR,
  SKF_AD_ALU_XOR_X,
  SKF_AD_CPU,
  SKF_AD_HATYPE,
  SKF_AD_IFINDEX,
  SKF_AD_MARK,
  SKF_AD_NLATTR,
  SKF_AD_NLATTR_NEST,
  SKF_AD_OFF,
  SKF_AD_PAY_OFFSET,
  SKF_AD_PKTTYPE,
  SKF_AD_PROTOCOL,
  SKF_AD_QUEUE,
  SKF_AD_RANDOM,
  SKF_AD_RXHASH,
  SKF_AD_VLAN_TAG,
  SKF_AD_VLAN_TAG_PRESENT,
  SKF_AD_VLAN_TPID,
} from '../../native/constants.ts';

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
  { code: operation | BPF_K, name, operand },
  { code: operation | BPF_X, name, operand: 'x' },
];
const load = (size: number, name: string): Opcode[] => [
  { code: BPF_LD | size | BPF_ABS, name, operand: 'absolute' },
  { code: BPF_LD | size | BPF_IND, name, operand: 'indirect' },
];

/** All instructions of classic BPF that the kernel allows: linux/bpf_common.h, linux/filter.h. */
export const OPCODES: readonly Opcode[] = [
  ...load(BPF_W, 'ld'),
  ...load(BPF_H, 'ldh'),
  ...load(BPF_B, 'ldb'),
  { code: BPF_LD | BPF_W | BPF_LEN, name: 'ld', operand: 'length' },
  { code: BPF_LD | BPF_IMM, name: 'ld', operand: 'hex' },
  { code: BPF_LD | BPF_MEM, name: 'ld', operand: 'memory' },
  { code: BPF_LDX | BPF_W | BPF_LEN, name: 'ldx', operand: 'length' },
  { code: BPF_LDX | BPF_IMM, name: 'ldx', operand: 'hex' },
  { code: BPF_LDX | BPF_MEM, name: 'ldx', operand: 'memory' },
  { code: BPF_LDX | BPF_B | BPF_MSH, name: 'ldxb', operand: 'header' },
  { code: BPF_ST, name: 'st', operand: 'memory' },
  { code: BPF_STX, name: 'stx', operand: 'memory' },
  ...both(BPF_ALU | BPF_ADD, 'add', 'decimal'),
  ...both(BPF_ALU | BPF_SUB, 'sub', 'decimal'),
  ...both(BPF_ALU | BPF_MUL, 'mul', 'decimal'),
  ...both(BPF_ALU | BPF_DIV, 'div', 'decimal'),
  ...both(BPF_ALU | BPF_MOD, 'mod', 'decimal'),
  ...both(BPF_ALU | BPF_AND, 'and', 'hex'),
  ...both(BPF_ALU | BPF_OR, 'or', 'hex'),
  ...both(BPF_ALU | BPF_XOR, 'xor', 'hex'),
  ...both(BPF_ALU | BPF_LSH, 'lsh', 'decimal'),
  ...both(BPF_ALU | BPF_RSH, 'rsh', 'decimal'),
  { code: BPF_ALU | BPF_NEG, name: 'neg', operand: 'none' },
  { code: BPF_JMP | BPF_JA, name: 'ja', operand: 'target' },
  ...both(BPF_JMP | BPF_JEQ, 'jeq', 'hex'),
  ...both(BPF_JMP | BPF_JGT, 'jgt', 'hex'),
  ...both(BPF_JMP | BPF_JGE, 'jge', 'hex'),
  ...both(BPF_JMP | BPF_JSET, 'jset', 'hex'),
  { code: BPF_RET | BPF_K, name: 'ret', operand: 'decimal' },
  { code: BPF_RET | BPF_A, name: 'ret', operand: 'a' },
  { code: BPF_MISC | BPF_TAX, name: 'tax', operand: 'none' },
  { code: BPF_MISC | BPF_TXA, name: 'txa', operand: 'none' },
];

export const opcodeOf: ReadonlyMap<number, Opcode> = new Map(OPCODES.map((opcode) => [opcode.code, opcode]));

/** The ancillary data, as offsets from SKF_AD_OFF, by their names in the output of tcpdump -d. */
export const ANCILLARY: { readonly [name: string]: number } = {
  proto: SKF_AD_PROTOCOL,
  type: SKF_AD_PKTTYPE,
  ifidx: SKF_AD_IFINDEX,
  nla: SKF_AD_NLATTR,
  nlan: SKF_AD_NLATTR_NEST,
  mark: SKF_AD_MARK,
  queue: SKF_AD_QUEUE,
  hatype: SKF_AD_HATYPE,
  rxhash: SKF_AD_RXHASH,
  cpu: SKF_AD_CPU,
  xor_x: SKF_AD_ALU_XOR_X,
  vlan_tci: SKF_AD_VLAN_TAG,
  vlanp: SKF_AD_VLAN_TAG_PRESENT,
  poff: SKF_AD_PAY_OFFSET,
  random: SKF_AD_RANDOM,
  vlan_tpid: SKF_AD_VLAN_TPID,
};

/** The names by the offset as it appears in an instruction. */
export const ancillaryName: ReadonlyMap<number, string> = new Map(
  Object.entries(ANCILLARY).map(([name, offset]) => [(SKF_AD_OFF + offset) >>> 0, name]),
);

/** Returns whether an instruction is a conditional jump. Only those use jt and jf. */
export function isConditional(code: number): boolean {
  return (code & 7) === BPF_JMP && (code & 0xf0) !== BPF_JA;
}
