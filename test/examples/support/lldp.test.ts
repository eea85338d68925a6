import fc from 'fast-check';
import { expect, test } from 'vitest';
import { support } from '../../helpers/examples.ts';

interface Tlv {
  type: number;
  name: string;
  text: string;
  value: Uint8Array;
}
const { decodeLldp } = await support<{
  decodeLldp: (bytes: Uint8Array) => { tlvs: Tlv[]; error: string | undefined };
}>('lldp.js');

const tlv = (type: number, value: Uint8Array) => {
  const head = (type << 9) | value.length;
  return Buffer.concat([Buffer.from([head >> 8, head & 0xff]), value]);
};
const bytes = (hex: string) => Buffer.from(hex.replaceAll(' ', ''), 'hex');
const start = [tlv(1, bytes('04 020000000001')), tlv(2, bytes('07 31')), tlv(3, bytes('0078'))];
const message = (...more: Buffer[]) => Buffer.concat([...start, ...more, bytes('0000')]);
/** The text of the first element after the three that each message begins with. */
const text = (type: number, value: string) => {
  const { tlvs, error } = decodeLldp(message(tlv(type, bytes(value))));
  expect(error).toBeUndefined();
  return `${tlvs[3]!.name}: ${tlvs[3]!.text}`;
};

test.each([
  [1, '05 01 c0000201', 'Chassis: 192.0.2.1 (network address)'],
  [1, '05 02 20010db8000000000000000000000001', 'Chassis: 2001:db8::1 (network address)'],
  [1, '05 01 c000', 'Chassis: c000 (family 1) (network address)'],
  [1, '', 'Chassis:  (subtype 0)'],
  [2, '05 65746830', 'Port: eth0 (interface)'],
  [2, 'ff 00ff', 'Port: \\x00\ufffd (subtype 255)'],
  [3, '0e10', 'Time to live: 3600 s'],
  [4, '6c696e6b', 'Port description: link'],
  [5, '1b5b324a', 'System name: \\x1b[2J'],
  [7, '0014 0010', 'Capabilities: bridge (off), router (on)'],
  [7, '', 'Capabilities: none'],
  [8, '05 01 c0000201 02 00000007 00', 'Management address: 192.0.2.1 (interface index 7)'],
  [8, '07 06 020000000001 03 00000007 00', 'Management address: 02:00:00:00:00:01 (port number 7)'],
  [8, 'ff 01 c0', 'Management address: c0 (family 1) (cut)'],
  [127, '0080c2 01 0064', 'Port VLAN: 100'],
  [127, '0080c2 03 0064 04 6d61696e', 'VLAN name: 100 main'],
  [127, '00120f 01 03 6c01 001e', 'MAC/PHY: auto-negotiation on, MAU type 30'],
  [127, '00120f 03 03 00000009', 'Link aggregation: port 9'],
  [127, '00120f 04 05ee', 'Maximum frame size: 1518'],
  [127, '00bbcc 09 abcd', 'Type 127 (00bbcc-9): abcd'],
  [127, '00bb', 'Type 127: 00bb'],
  [100, 'abcd', 'Type 100: abcd'],
])('decodes type %d with %j', (type, value, expected) => {
  expect(text(type, value)).toBe(expected);
});

test('a malformed part ends the list, with the reason', () => {
  const whole = message();
  expect(decodeLldp(whole)).toMatchObject({ tlvs: [{ type: 1 }, { type: 2 }, { type: 3 }], error: undefined });
  // The padding of a short frame comes after the end.
  expect(decodeLldp(Buffer.concat([whole, Buffer.alloc(30, 0xff)])).error).toBeUndefined();
  expect(decodeLldp(whole.subarray(0, -2)).error).toBe('no end: 0 bytes are left at 17');
  expect(decodeLldp(whole.subarray(0, -3)).error).toBe('type 3 at 13 has 2 bytes, 1 are there');
  expect(decodeLldp(bytes('0000'))).toEqual({
    tlvs: [],
    error: 'it does not begin with chassis, port and time to live',
  });
});

test('of any bytes the valid part is decoded, and no text contains a control character', () => {
  const any = fc.oneof(
    fc.uint8Array({ maxLength: 80 }),
    fc
      .array(fc.tuple(fc.constantFrom(1, 2, 3, 4, 5, 7, 8, 9, 127), fc.uint8Array({ maxLength: 30 })))
      .map((list) => Buffer.concat([...list.map(([type, value]) => tlv(type, Buffer.from(value))), bytes('0000')])),
    fc
      .tuple(
        fc.constantFrom('0080c201', '0080c203', '00120f01', '00120f03', '00120f04'),
        fc.uint8Array({ maxLength: 9 }),
      )
      .map(([head, rest]) => message(tlv(127, Buffer.concat([bytes(head), rest])))),
  );
  fc.assert(
    fc.property(any, (input) => {
      const { tlvs } = decodeLldp(input);
      // Each element is one of the input, in its order.
      const again = Buffer.concat(tlvs.map(({ type, value }) => tlv(type, Buffer.from(value))));
      expect(again.equals(input.subarray(0, again.length))).toBe(true);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
      for (const { text } of tlvs) expect(text).not.toMatch(/[\0-\x1f\x7f-\x9f]/);
    }),
    { numRuns: 3000 },
  );
});
