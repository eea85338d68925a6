import { expect, test } from 'vitest';
import * as s from '../../../lib/index.ts';
import * as nothrow from '../../../lib/nothrow.ts';
import { captureProgram } from '../../../lib/packet/capture/capture-filter.ts';
import { pair } from '../../helpers/fixtures.ts';

const of = (code: number, k = 0, jt = 0, jf = 0): s.FilterInstruction => ({ code, jt, jf, k });

/** What the kernel accepts of datagrams with these bytes: the length of each, or undefined. */
function verdicts(program: s.FilterInstruction[] | undefined, datagrams: string[]): (number | undefined)[] {
  const [a, b] = pair(s.SOCK_DGRAM);
  if (program !== undefined) s.attachFilter(b, program);
  const buffer = new Uint8Array(64);
  return datagrams.map((text) => {
    nothrow.send(a, Buffer.from(text), s.MSG_DONTWAIT); // EPERM from a filter that drops it
    const n = nothrow.recv(b, buffer, s.MSG_DONTWAIT);
    return n < 0 ? undefined : n;
  });
}

/** Accepts the length in the first byte, 0 for `0`; whole packets for `*`; otherwise A is 0: nothing. */
const chosen: s.FilterInstruction[] = [
  of(0x30), // ldb [0]
  of(0x15, '*'.charCodeAt(0), 0, 1), // jeq #'*', next, skip
  of(0x06, 0xffffffff),
  of(0x35, '0'.charCodeAt(0), 0, 2), // jge #'0', next, drop
  of(0x14, '0'.charCodeAt(0)), // sub #'0'
  of(0x16), // ret a
  of(0x06, 0),
];
const datagrams = ['*23456789', '0abc', '3abcdef', '9abcdefghijk', '!no'];

test('without a filter, a snapshot length or a direction there is no program', () => {
  expect(captureProgram(undefined, undefined)).toBeUndefined();
});

test('a filter is not changed', () => {
  expect(captureProgram(chosen, undefined)).toEqual(chosen);
  expect(verdicts(chosen, datagrams)).toEqual([9, undefined, 3, 9, undefined]);
});

test('the snapshot length alone truncates packets', () => {
  expect(verdicts(captureProgram(undefined, 5), datagrams)).toEqual([5, 4, 5, 5, 3]);
});

test('with a snapshot length and a filter, the smaller length is used, for constants and for the value of A', () => {
  for (const snaplen of [1, 2, 3, 5, 9, 20]) {
    const expected = [9, undefined, 3, 9, undefined].map((n) => (n === undefined ? n : Math.min(n, snaplen)));
    expect(verdicts(captureProgram(chosen, snaplen), datagrams), `snaplen ${snaplen}`).toEqual(expected);
  }
});

test('only sent packets: received ones are dropped, and the filter starts as it would alone', () => {
  expect(verdicts(captureProgram(undefined, undefined, 'out'), datagrams)).toEqual(new Array(5).fill(undefined));
  // The same for PACKET_HOST: A and X are 0 where the program of the user begins.
  const registers = [of(0x0c), of(0x14, 0xfffffffd), of(0x16)]; // add x; sub #-3; ret a: 3
  const host = captureProgram(registers, undefined, 'out')!.map((instruction) =>
    instruction.code === 0x15 && instruction.k === s.PACKET_OUTGOING
      ? { ...instruction, k: s.PACKET_HOST }
      : instruction,
  );
  expect(verdicts(host, datagrams)).toEqual([3, 3, 3, 3, 3]);
});

test('only received packets: all that are not sent', () => {
  expect(verdicts(captureProgram(undefined, undefined, 'in'), datagrams)).toEqual(
    datagrams.map(({ length }) => length),
  );
  const outgoing = captureProgram(undefined, undefined, 'in')!.map((instruction) =>
    instruction.code === 0x15 ? { ...instruction, k: s.PACKET_HOST } : instruction,
  );
  expect(verdicts(outgoing, datagrams)).toEqual(new Array(5).fill(undefined));
});

test('the output of tcpdump -ddd is accepted as a filter, and an invalid filter is rejected', () => {
  expect(verdicts(captureProgram('1\n6 0 0 7', 4), datagrams)).toEqual([4, 4, 4, 4, 3]);
  expect(() => captureProgram('1\n6 0 0', 4)).toThrow(TypeError);
});
