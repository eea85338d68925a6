/** Our verdicts on programs are those of the kernel, for each kind of fault and for very many programs. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import * as s from '../../../lib/index.ts';
import { OPCODES } from '../../../lib/packet/filter/instruction-text.ts';
import * as p from '../../../lib/packet/index.ts';
import { anyProgram, likelyProgram, validProgram } from '../../helpers/bpf.ts';
import { datagram } from '../../helpers/fixtures.ts';

const numRuns = Number(process.env.FUZZ_RUNS ?? 3000);
const back = (code: number, k = 0): s.FilterInstruction => ({ code, jt: 0, jf: 0, k });
const end = back(0x06);

/** The kernel's verdict: 0 or EINVAL. */
function judge(fd: number) {
  return (program: readonly s.FilterInstruction[]): string | number => {
    try {
      s.attachFilter(fd, program);
      return 0;
    } catch (error) {
      return (error as s.SocketError).code;
    }
  };
}

const ours = (program: readonly s.FilterInstruction[]) => (p.verifyFilter(program) === undefined ? 0 : 'EINVAL');

test.each([
  ['nothing', '', 0, /from 1 to 4096/],
  ['4096 instructions', 'ret #0\n'.repeat(4096), undefined, undefined],
  ['4097 instructions', 'ret #0\n'.repeat(4097), 4097, /from 1 to 4096/],
  ['an unknown instruction', 'ld [0]\nunimp 0xffff\nret', 1, /no instruction 0xffff/],
  ['a load that only user space has', 'unimp 0x99\nret', 0, /no instruction 0x99/],
  ['a division by 0', 'div #0\nret', 0, /division by 0/],
  ['a remainder by 0', 'mod #0\nret', 0, /division by 0/],
  ['a division by X', 'div x\nret', undefined, undefined],
  ['a shift by 31', 'lsh #31\nrsh #31\nret', undefined, undefined],
  ['a shift by 32', 'lsh #31\nrsh #32\nret', 1, /shift by 32/],
  ['a cell that there is not', 'ld #1\nst M[16]\nret', 1, /no M\[16\]/],
  ['a load from a cell that there is not', 'ldx M[16]\nret', 0, /no M\[16\]/],
  ['a cell not stored', 'st M[3]\nldx M[4]\nret', 1, /M\[4\] is loaded before/],
  ['a cell stored on one way only', 'jeq #1, on\nst M[3]\non: ld M[3]\nret', 2, /M\[3\] is loaded before/],
  [
    'a cell stored on both ways',
    'jeq #1, a, b\na: st M[3]\nja on\nb: stx M[3]\non: ld M[3]\nret',
    undefined,
    undefined,
  ],
  ['a load that is never reached', 'ret #0\nld M[1]\nret', 1, /M\[1\] is loaded before/],
  ['a load behind a jump over it', 'ja on\nld M[1]\non: ret', undefined, undefined],
  ['a jump to the end', 'ja on\non: ret', undefined, undefined],
  ['a jump behind the end', 'ja 2\nret', 0, /jump beyond the end/],
  ['a jump that would go back', 'ja -1\nret', 0, /jump beyond the end/],
  ['a condition that goes behind the end', 'jeq #1 jt 1 jf 2\nret', 0, /jump beyond the end/],
  ['no ret at the end', 'ret #0\nld [0]', 1, /the last instruction is not a ret/],
  ['all ancillary data', 'ld [proto]\nldh [vlan_tci]\nldb [vlan_tpid]\nld [xor_x]\nret', undefined, undefined],
  ['ancillary data that there are not', 'ld [-4032]\nret', 0, /no ancillary data at -4032/],
  ['ancillary data between two', 'ldb [-4095]\nret', 0, /no ancillary data at -4095/],
  ['the offset before the ancillary data', 'ld [-4097]\nret', undefined, undefined],
  ['offsets from the headers', 'ld [-1048576]\nldh [x + -1]\nldxb 4*([-2097152]&0xf)\nret', undefined, undefined],
] as const)('%s', (_what, text, index, reason) => {
  const program = p.assembleFilter(text);
  const fault = p.verifyFilter(program);
  expect(judge(datagram().fd)(program)).toBe(fault === undefined ? 0 : 'EINVAL');
  expect(fault?.index).toBe(index);
  if (reason !== undefined) expect(fault?.reason).toMatch(reason);
});

test('every code of 16 bits', () => {
  const verdict = judge(datagram().fd);
  for (let code = 0; code <= 0xffff; code += code < 0x200 ? 1 : 97) {
    const program = [back(2), back(code, 1), end, end, end];
    expect([code, verdict(program)]).toEqual([code, ours(program)]);
  }
});

test('random programs: our verdict is that of the kernel', () => {
  const verdict = judge(datagram().fd);
  const told = { valid: 0, invalid: 0 };
  const compare = (program: s.FilterInstruction[]) => {
    const fault = p.verifyFilter(program);
    expect(fault === undefined ? 0 : 'EINVAL').toBe(verdict(program));
    told[fault === undefined ? 'valid' : 'invalid'] += 1;
  };
  for (const program of fc.sample(likelyProgram, { numRuns: 5000, seed: 1 })) compare(program);
  for (const program of fc.sample(validProgram, { numRuns: 1000, seed: 2 })) compare(program);
  // Both kinds are frequent.
  expect(Math.min(told.valid, told.invalid)).toBeGreaterThan(1000);
  fc.assert(fc.property(fc.oneof(anyProgram, likelyProgram), compare), { numRuns, interruptAfterTimeLimit: 20_000 });
});

test('valid programs with one number changed: our verdict is that of the kernel', () => {
  const verdict = judge(datagram().fd);
  const field = fc.constantFrom('code', 'jt', 'jf', 'k');
  const numbers = fc.oneof(fc.constantFrom(...OPCODES.map(({ code }) => code)), fc.nat(40), fc.nat(255));
  fc.assert(
    fc.property(validProgram, fc.nat(), field, numbers, (program, at, name, value) => {
      expect(p.verifyFilter(program)).toBeUndefined();
      const changed = program.map((one, i) => (i === at % program.length ? { ...one, [name]: value } : one));
      expect(ours(changed)).toBe(verdict(changed));
    }),
    { numRuns, interruptAfterTimeLimit: 20_000 },
  );
});

test("a program that is too large in the kernel's internal form is not rejected here", () => {
  const verdict = judge(datagram().fd);
  const loads = p.assembleFilter(`${'ldxb 4*([0]&0xf)\n'.repeat(4095)}ret`);
  expect(p.verifyFilter(loads)).toBeUndefined();
  expect(String(verdict(loads))).toMatch(/^(0|ENOMEM)$/);
  const jump = [back(s.BPF_JMP | s.BPF_JA, 4090), ...loads.slice(1)];
  expect(p.verifyFilter(jump)).toBeUndefined();
  expect(verdict(jump)).toBe('EINVAL');
});

test('values that are not programs are rejected', () => {
  expect(() => p.verifyFilter([{ code: -1, jt: 0, jf: 0, k: 0 }])).toThrow(RangeError);
  expect(() => p.verifyFilter('1')).toThrow(TypeError);
  expect(p.verifyFilter('1\n6 0 0 0')).toBeUndefined();
});
