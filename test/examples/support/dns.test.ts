import fc from 'fast-check';
import { expect, test } from 'vitest';
import { support } from '../../helpers/examples.ts';

interface Question {
  name: string;
  type: number;
  unicast?: boolean;
}
interface ResourceRecord extends Question {
  class: number;
  flush: boolean;
  ttl: number;
  text: string;
}
interface Message {
  id: number;
  response: boolean;
  rcode: number;
  questions: Question[];
  answers: ResourceRecord[];
  authority: ResourceRecord[];
  additional: ResourceRecord[];
  error: string | undefined;
}
const { decodeMessage, encodeName, encodeQuery, readName } = await support<{
  decodeMessage: (bytes: Uint8Array) => Message;
  encodeName: (name: string) => Buffer;
  encodeQuery: (id: number, questions: readonly Question[]) => Buffer;
  readName: (bytes: Uint8Array, start: number) => { name: string; next: number } | undefined;
}>('dns.js');

const bytes = (hex: string) => Buffer.from(hex.replaceAll(' ', ''), 'hex');

test.each([
  ['.', '00'],
  ['a.example.', '01 61 07 6578616d706c65 00'],
  ['My\\.Printer 1._ipp.', '0c 4d792e5072696e7465722031 04 5f697070 00'],
  ['back\\\\slash.', '0a 6261636b5c736c617368 00'],
  ['gr\u00fc\u00dfe.', '07 6772c3bcc39f65 00'],
  ['esc\\027.', '04 6573631b 00'],
  ['\\255\\254x.', '03 fffe78 00'],
])('encodes and decodes the name %j', (name, hex) => {
  expect(encodeName(name)).toEqual(bytes(hex));
  expect(readName(bytes(hex), 0)).toEqual({ name, next: bytes(hex).length });
  // The dot at the end may be left out.
  if (name !== '.') expect(encodeName(name.slice(0, -1))).toEqual(bytes(hex));
});

test.each(['a..b', '.a', `${'a'.repeat(64)}.`, `${'a.'.repeat(130)}`, '\\999'])('%j is not a name', (name) => {
  expect(() => encodeName(name)).toThrow(RangeError);
});

test.each([
  ['cut in a label', '05 61', 0],
  ['without an end', '01 61', 0],
  ['with half a pointer', '01 61 c0', 0],
  ['with a pointer to itself', 'c000', 0],
  ['with a pointer forwards', 'c002 00', 0],
  ['with a pointer into the label before it', '01 61 c002', 0],
  ['with pointers in a ring', '01 61 c004 01 62 c000', 4],
  ['with a label type of no use', '41 61 00', 0],
  ['longer than 255 bytes', `${'3f'.padEnd(128, '61').repeat(4)}00`, 0],
  ['that begins behind the end', '00', 5],
])('a name %s is invalid', (_, hex, start) => {
  expect(readName(bytes(hex), start)).toBeUndefined();
});

test('compression pointers may only point backwards, one after the other', () => {
  // a. at 0, b.a. at 3, c.b.a. at 7
  const list = bytes('01 61 00 01 62 c000 01 63 c003 ff');
  expect(readName(list, 7)).toEqual({ name: 'c.b.a.', next: 11 });
  expect(readName(list, 3)).toEqual({ name: 'b.a.', next: 7 });
});

test('decoding an encoded query returns the same query', () => {
  const questions = [
    { name: 'host.local.', type: 28, unicast: true },
    { name: '_http._tcp.local.', type: 12, unicast: false },
  ];
  expect(decodeMessage(encodeQuery(7, questions))).toMatchObject({
    id: 7,
    response: false,
    questions,
    answers: [],
    error: undefined,
  });
});

/** A response with one record of the name a., with this data. */
const response = (type: number, data: Uint8Array, told = data.length) => {
  const head = bytes('0000 8400 0000 0001 0000 0000 01 61 00');
  const fixed = Buffer.alloc(10);
  fixed.writeUInt16BE(type, 0);
  fixed.writeUInt16BE(0x8001, 2);
  fixed.writeUInt32BE(120, 4);
  fixed.writeUInt16BE(told, 8);
  return Buffer.concat([head, fixed, data]);
};

test.each([
  [1, 'c0000201', '192.0.2.1'],
  [1, 'c00002', '\\# 3 c00002'],
  [28, '20010db8000000000000000000000001', '2001:db8::1'],
  [12, '01 62 c00c', 'b.a.'],
  [12, '01 62 c019', '\\# 4 0162c019'],
  [12, '00 00', '\\# 2 0000'],
  [33, '0001 0002 0050 c00c', '1 2 80 a.'],
  [33, '0001 0002', '\\# 4 00010002'],
  [15, '000a c00c', '10 a.'],
  [16, '03 613d62 00 02 2264', '"a=b" "" "\\"d"'],
  [16, '09 61', '"a"'],
  [16, '02 1b5b', '"\\x1b["'],
  [47, 'c00c 0004 40000008', 'a. A AAAA'],
  [47, 'c00c 0009', 'a.'],
  [99, 'abcd', '\\# 2 abcd'],
  [16, '', ''],
])('decodes a record of type %d with %j', (type, data, text) => {
  const { answers, error, response: isResponse } = decodeMessage(response(type, bytes(data)));
  expect(error).toBeUndefined();
  expect(isResponse).toBe(true);
  expect(answers).toEqual([{ name: 'a.', type, class: 1, flush: true, ttl: 120, text }]);
});

test('a malformed part ends the message, with the reason', () => {
  expect(decodeMessage(bytes('00')).error).toBe('a header of 12 bytes, 1 are there');
  expect(decodeMessage(bytes('0000 0000 ffff 0000 0000 0000 00 0001')).error).toBe('no question at 12');
  expect(decodeMessage(bytes('0000 0000 0000 0000 0000 0001')).error).toBe('no record at 12');
  expect(decodeMessage(response(1, bytes('c0000201'), 5))).toMatchObject({
    answers: [],
    error: 'the record at 12 has 5 bytes, 4 are there',
  });
});

test('of any bytes the valid part is decoded, and no text contains a control character', () => {
  const head = fc.constantFrom('0000 8400 0002 0003 0001 0001', '0000 0000 0000 ffff ffff ffff').map(bytes);
  // Much of it are short labels and pointers.
  const byte = fc.oneof(fc.constantFrom(0, 0, 1, 1, 2, 12, 0xc0, 0x0c, 0x10, 16, 47), fc.integer({ min: 0, max: 255 }));
  const body = fc.array(byte, { maxLength: 120 });
  const records = fc
    .array(fc.tuple(fc.constantFrom(1, 5, 12, 13, 15, 16, 28, 33, 47), fc.uint8Array({ maxLength: 20 })))
    .map((list) => list.flatMap(([type, data]) => [...response(type, data).subarray(12)]));
  fc.assert(
    fc.property(head, fc.oneof(body, records), (start, rest) => {
      const message = decodeMessage(Buffer.concat([start, Buffer.from(rest)]));
      const all = [...message.questions, ...message.answers, ...message.authority, ...message.additional];
      expect(all.length).toBeLessThanOrEqual(rest.length / 5);
      for (const entry of all) {
        // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
        expect(entry.name + ('text' in entry ? entry.text : '')).not.toMatch(/[\0-\x1f\x7f-\x9f]/);
        // A name as printed is the name again.
        expect(readName(encodeName(entry.name), 0)?.name).toBe(entry.name);
      }
    }),
    { numRuns: 5000 },
  );
});
