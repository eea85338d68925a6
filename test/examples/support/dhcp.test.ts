import fc from 'fast-check';
import { expect, test } from 'vitest';
import { support } from '../../helpers/examples.ts';

interface DhcpMessage {
  op: number;
  xid: number;
  hardware: Uint8Array;
  serverName: string;
  bootFile: string;
  options: Map<number, Uint8Array>;
  error: string | undefined;
}
const { decodeDhcp, encodeDiscover, messageType, optionText } = await support<{
  decodeDhcp: (bytes: Uint8Array) => DhcpMessage | undefined;
  encodeDiscover: (fields: { xid: number; secs: number; hardware: Uint8Array }) => Buffer;
  messageType: (message: DhcpMessage) => number;
  optionText: (code: number, data: Uint8Array) => { name: string; text: string };
}>('dhcp.js');

const hardware = Buffer.from('020000000001', 'hex');
const bytes = (hex: string) => Buffer.from(hex.replaceAll(' ', ''), 'hex');
/** A message with options in the three places where they may stand. */
const message = (options: Uint8Array, name = new Uint8Array(64), file = new Uint8Array(128)) => {
  const head = encodeDiscover({ xid: 1, secs: 0, hardware }).subarray(0, 240);
  head.set(name, 44);
  head.set(file, 108);
  return Buffer.concat([head, options]);
};

test('decoding an encoded DHCPDISCOVER returns the same message', () => {
  const discover = encodeDiscover({ xid: 0xdeadbeef, secs: 65535, hardware });
  expect(discover).toHaveLength(300);
  const decoded = decodeDhcp(discover)!;
  expect(decoded).toMatchObject({ op: 1, xid: 0xdeadbeef, serverName: '', bootFile: '', error: undefined });
  expect(decoded.hardware).toEqual(hardware);
  expect(messageType(decoded)).toBe(1);
  expect(optionText(61, decoded.options.get(61)!)).toEqual({ name: 'Client identifier', text: '02:00:00:00:00:01' });
});

test.each([
  [1, 'ffffff00', 'Subnet mask: 255.255.255.0'],
  [6, 'c0000201 c0000202 07', 'DNS server: 192.0.2.1, 192.0.2.2'],
  [12, '61 1b 00 00', 'Host name: a\\x1b'],
  [19, '01', 'IP forwarding: yes'],
  [26, '0578', 'Interface MTU: 1400'],
  [51, 'ffffffff', 'Lease time: for ever'],
  [53, '02', 'Message type: OFFER'],
  [53, 'ff', 'Message type: ff'],
  [61, '00 6162', 'Client identifier: 006162'],
  [119, '01 61 00 01 62 c000', 'Domain search: a., b.a.'],
  [119, '01 61 c002', 'Domain search: 0161c002'],
  [121, '08 0a c0000201 00 c0000202', 'Classless routes: 10.0.0.0/8 via 192.0.2.1, 0.0.0.0/0 via 192.0.2.2'],
  [121, '20 0a0b0c0d c0000201', 'Classless routes: 10.11.12.13/32 via 192.0.2.1'],
  [121, '21 0a0b0c0d00 c0000201', 'Classless routes: 210a0b0c0d00c0000201'],
  [121, '08 0a c00002', 'Classless routes: 080ac00002'],
  [200, 'abcd', 'Option 200: abcd'],
])('option %d with %j', (code, data, expected) => {
  const { name, text } = optionText(code, bytes(data));
  expect(`${name}: ${text}`).toBe(expected);
});

test('options may continue in the boot file and the server name, and come in parts', () => {
  const name = Buffer.concat([bytes('0c 03 646566 ff'), Buffer.alloc(58)]);
  const file = Buffer.concat([bytes('0c 03 616263 ff'), Buffer.alloc(122)]);
  const both = decodeDhcp(message(bytes('34 01 03 00 00 0c 01 5f ff'), name, file))!;
  expect(both).toMatchObject({ serverName: '', bootFile: '', error: undefined });
  expect(String(both.options.get(12))).toBe('_abcdef');
  const none = decodeDhcp(message(bytes('ff'), Buffer.from('s'.repeat(64)), Buffer.from(`f\0${'x'.repeat(126)}`)))!;
  expect(none).toMatchObject({ serverName: 's'.repeat(64), bootFile: 'f' });
});

test.each([
  ['', 'no end of the options in the message'],
  ['35', 'option 53 at the end of the message has no length'],
  ['35 01 02 06 04 c0', 'option 6 in the message has 4 bytes, 1 are there'],
  ['34 01 01 ff', 'no end of the options in the boot file'],
  ['34 01 02 ff', 'no end of the options in the server name'],
])('malformed options are reported: %j', (options, error) => {
  expect(decodeDhcp(message(bytes(options)))!.error).toBe(error);
});

test('bytes that are not a message are rejected', () => {
  expect(decodeDhcp(new Uint8Array(239))).toBeUndefined();
  expect(decodeDhcp(new Uint8Array(300))).toBeUndefined();
});

test('of any bytes the valid part is decoded, and no text contains a control character', () => {
  const options = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc
      .array(fc.tuple(fc.constantFrom(12, 52, 53, 119, 121, 66, 3, 51), fc.uint8Array({ maxLength: 12 })))
      .map((list) => Buffer.concat(list.map(([code, data]) => Buffer.concat([Buffer.of(code, data.length), data])))),
  );
  fc.assert(
    fc.property(options, fc.uint8Array({ maxLength: 64 }), fc.uint8Array({ maxLength: 128 }), (list, name, file) => {
      const decoded = decodeDhcp(message(list, name, file))!;
      for (const [code, data] of decoded.options) {
        // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
        expect(optionText(code, data).text).not.toMatch(/[\0-\x1f\x7f-\x9f]/);
      }
    }),
    { numRuns: 2000 },
  );
});
