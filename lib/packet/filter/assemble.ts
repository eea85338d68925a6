/** Assembles BPF programs from text: the output of tcpdump -d, or the syntax of the kernel's bpf_asm with labels. */

import { invalidType, invalidValue } from '../../argument/argument-error.ts';
import { SKF_AD_OFF } from '../../native/constants.ts';
import type { FilterInstruction } from '../../posix/filter.ts';
import { ANCILLARY, isConditional, OPCODES, type Operand } from './instruction-text.ts';

/** An instruction of the text whose jumps are not resolved yet. */
interface Statement {
  line: string;
  number: number;
  name: string;
  operand: string;
  /** Labels or instruction numbers. An empty string is the next instruction. */
  yes: string;
  no: string;
}

type Form = Exclude<Operand, 'decimal' | 'hex'> | 'immediate';

/** The bpf_asm names of instructions that tcpdump names differently. `swap` marks the opposite condition. */
const ALIASES: { readonly [name: string]: { name: string; swap?: true } } = {
  ldi: { name: 'ld' },
  ldxi: { name: 'ldx' },
  jmp: { name: 'ja' },
  jne: { name: 'jeq', swap: true },
  jneq: { name: 'jeq', swap: true },
  jlt: { name: 'jge', swap: true },
  jle: { name: 'jgt', swap: true },
};
const OFFSETS: { readonly [name: string]: number } = {
  ...ANCILLARY,
  vlan_avail: ANCILLARY.vlanp!,
  vlan_pr: ANCILLARY.vlanp!,
  rand: ANCILLARY.random!,
};

const NUMBER = '[+-]?(?:0x[0-9a-f]+|\\d+)';
const FORMS: readonly [RegExp, Form][] = [
  [/^$/, 'none'],
  [/^%?x$/i, 'x'],
  [/^%?a$/i, 'a'],
  [/^#?(?:pktlen|len)$/, 'length'],
  [new RegExp(`^#(${NUMBER})$`, 'i'), 'immediate'],
  [new RegExp(`^\\[(${NUMBER}|[a-z]\\w+)\\]$`, 'i'), 'absolute'],
  [/^#?([a-z]\w+)$/, 'absolute'],
  [new RegExp(`^\\[%?x\\s*\\+\\s*(${NUMBER})\\]$`, 'i'), 'indirect'],
  [new RegExp(`^M\\[(${NUMBER})\\]$`, 'i'), 'memory'],
  [new RegExp(`^4\\s*\\*\\s*\\(\\s*\\[(${NUMBER})\\]\\s*&\\s*0xf\\s*\\)$`, 'i'), 'header'],
];

function fail({ line, number }: Pick<Statement, 'line' | 'number'>, reason: string): never {
  throw invalidValue('text', `BPF assembly: line ${number}, '${line.trim()}': ${reason}`);
}

/** Returns a number, or the offset of ancillary data, as the 32 bits of k. */
function value(text: string, statement: Statement): number {
  if (/^[a-z]/i.test(text)) {
    if (!Object.hasOwn(OFFSETS, text)) fail(statement, `'${text}' is not the name of ancillary data`);
    return (SKF_AD_OFF + OFFSETS[text]!) >>> 0;
  }
  const negative = text.startsWith('-');
  const number = (negative ? -1 : 1) * Number(text.replace(/^[+-]/, ''));
  if (number < -0x80000000 || number > 0xffffffff) fail(statement, `${text} does not fit into 32 bits`);
  return number >>> 0;
}

/** Returns the instructions of the text and the positions of its labels. */
function statements(text: string): { list: Statement[]; labels: Map<string, number> } {
  const list: Statement[] = [];
  const labels = new Map<string, number>();
  // What matches to the end is a comment without an end, so that it is searched for only once.
  const plain = text.replace(/\/\*.*?(?:(\*\/)|$)/gs, (comment, end: string | undefined) =>
    end === undefined ? comment : comment.replace(/[^\n]/g, ' '),
  );
  for (const [i, line] of plain.split('\n').entries()) {
    const where = { line, number: i + 1 };
    let rest = line.replace(/;.*/s, '').replace(/\s+/g, ' ').trim();
    for (let label = /^([a-z_]\w*):\s*/i.exec(rest); label !== null; label = /^([a-z_]\w*):\s*/i.exec(rest)) {
      if (labels.has(label[1]!)) fail(where, `the label '${label[1]}' is defined twice`);
      labels.set(label[1]!, list.length);
      rest = rest.slice(label[0].length);
    }
    const index = /^\((\d+)\)\s*/.exec(rest);
    if (index !== null) {
      if (Number(index[1]) !== list.length) fail(where, `instruction ${list.length} is missing`);
      rest = rest.slice(index[0].length);
    }
    if (rest === '') {
      if (index !== null) fail(where, 'the instruction is missing');
      continue;
    }
    const [, name, operands] = /^(\S+)\s*(.*)$/s.exec(rest)!;
    const numbered = /^(.*?)\s*jt\s+(\w+)\s+jf\s+(\w+)$/s.exec(operands!);
    const [operand, yes = '', no = '', ...more] = numbered?.slice(1) ?? operands!.split(',').map((part) => part.trim());
    if (more.length > 0) fail(where, 'too many operands');
    list.push({ ...where, name: name!.toLowerCase(), operand: operand!, yes, no });
  }
  return { list, labels };
}

/** Encodes the code and k of an instruction. `swap` is true if its jump targets must be exchanged. */
function encode(statement: Statement): { code: number; k: number; swap: boolean } {
  const { operand } = statement;
  if (statement.name === 'unimp') {
    const code = value(operand, statement);
    if (code > 0xffff) fail(statement, 'an instruction code has 16 bits');
    return { code, k: 0, swap: false };
  }
  const { name, swap = false } = ALIASES[statement.name] ?? { name: statement.name };
  // bpf_asm accepts ldx in place of ldxb.
  const choices = OPCODES.filter((opcode) => opcode.name === name || (name === 'ldx' && opcode.name === 'ldxb'));
  if (choices.length === 0) fail(statement, `there is no instruction '${statement.name}'`);
  if (name === 'ja') return { code: choices[0]!.code, k: 0, swap };
  for (const [pattern, form] of FORMS) {
    const match = pattern.exec(operand);
    if (match === null) continue;
    const found = choices.find((choice) => matches(choice.operand, form, name));
    if (found === undefined) continue;
    return { code: found.code, k: match[1] === undefined ? 0 : value(match[1], statement), swap };
  }
  return fail(statement, `'${name}' does not accept the operand '${operand}'`);
}

function matches(operand: Operand, form: Form, name: string): boolean {
  if (form === 'immediate') return operand === 'decimal' || operand === 'hex';
  // tcpdump prints no operand for the ret that returns A.
  return operand === form || (form === 'none' && operand === 'a' && name === 'ret');
}

/**
 * Assembles a BPF program from text: the output of tcpdump(1) with -d, or the syntax of the kernel's bpf_asm.
 *
 * Jump targets are instruction numbers (`jt 2 jf 5`, counted from 0) or labels (`jeq #0x800, ipv4, drop`). A single
 * label is the target if the condition is true. Ancillary data is loaded by name (`ldh [vlan_tci]`, `ld #vlan_tci`).
 * Comments are written as in C, or begin with `;`. The program is not verified: use `verifyFilter`.
 *
 * @param text The lines of the program.
 * @returns The instructions. Fields that the text does not specify are 0.
 * @throws TypeError that names the line if it is not BPF assembly, or if a jump leads backwards or too far.
 * @example
 * const program = assembleFilter(`
 *         ldh [12]          ; the EtherType
 *         jne #0x806, drop
 *         ret #-1
 *   drop: ret #0`);
 * console.log(program.length, verifyFilter(program)); // 4 undefined
 * @see https://man7.org/linux/man-pages/man1/tcpdump.1.html
 * @see https://docs.kernel.org/networking/filter.html
 */
export function assembleFilter(text: string): FilterInstruction[] {
  if (typeof text !== 'string') throw invalidType('text', 'a string');
  const { list, labels } = statements(text);
  return list.map((statement, i) => {
    const target = (to: string, most: number): number => {
      if (to === '') return 0;
      const number = /^\d+$/.test(to) ? Number(to) : labels.get(to);
      if (number === undefined) fail(statement, `there is no label '${to}'`);
      const distance = number - i - 1;
      if (distance < 0 || distance > most) fail(statement, `a jump from ${i} to ${number} is not possible`);
      return distance;
    };
    const { code, k, swap } = encode(statement);
    const { yes, no } = statement;
    if (isConditional(code)) {
      if (yes === '') fail(statement, 'the jump target is missing');
      const [jt, jf] = swap ? [no, yes] : [yes, no];
      return { code, jt: target(jt, 0xff), jf: target(jf, 0xff), k };
    }
    if (yes !== '') fail(statement, 'too many operands');
    if (statement.name !== 'ja' && statement.name !== 'jmp') return { code, jt: 0, jf: 0, k };
    // As in the output of tcpdump, the target may be any 32-bit number.
    const wrapped = /^-?\d+$/.test(statement.operand) ? value(statement.operand, statement) - i - 1 : undefined;
    if (wrapped === undefined && statement.operand === '') fail(statement, 'the jump target is missing');
    return { code, jt: 0, jf: 0, k: (wrapped ?? target(statement.operand, 0xffffffff)) >>> 0 };
  });
}
