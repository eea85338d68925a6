/** Hardware addresses as text and as bytes: one converter is used wherever one is accepted. */
import { describe, expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as p from '../../lib/packet/index.ts';

const TEXT = '02:0a:00:ff:00:01';
const BYTES = Uint8Array.of(2, 10, 0, 255, 0, 1);

describe('parseHardwareAddress', () => {
  test.each([
    '02:0a:00:ff:00:01',
    '02:0A:00:FF:00:01',
    '2:a:0:ff:0:1',
    '02-0a-00-ff-00-01',
    '2.a.0.ff.0.1',
    '020a.00ff.0001',
    '020a00ff0001',
  ])('reads %s', (text) => {
    expect(s.parseHardwareAddress(text)).toEqual(BYTES);
  });

  test.each([
    ['', 0],
    ['00', 1],
    ['f', 1],
    ['00:00:00:00:fe:80:00:00:00:00:00:00:02:00:00:00:00:00:00:01', 20],
  ])('accepts addresses of any length: %j', (text, length) => {
    expect(s.parseHardwareAddress(text)).toHaveLength(length);
  });

  test('returns bytes unchanged', () => {
    expect(s.parseHardwareAddress(BYTES)).toBe(BYTES);
  });

  test.each(['g0:00', '02:0a-00', '02:', ':02', '02::01', '020:0a', '020', ' 02:0a', '02:0a\n', '020a.00f'])(
    'rejects %j',
    (text) => {
      expect(() => s.parseHardwareAddress(text)).toThrow(
        expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE', message: expect.stringContaining('"address"') }),
      );
    },
  );

  test.each([undefined, null, 7, [2, 10], new Uint16Array(6)])(
    'rejects %j, which is neither text nor bytes',
    (value) => {
      expect(() => s.parseHardwareAddress(value as never)).toThrow(
        expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }),
      );
    },
  );
});

test('formatHardwareAddress is the inverse', () => {
  expect(s.formatHardwareAddress(BYTES)).toBe(TEXT);
  expect(s.formatHardwareAddress(new Uint8Array(0))).toBe('');
  expect(s.formatHardwareAddress(s.parseHardwareAddress('0200.0000.00ff'))).toBe('02:00:00:00:00:ff');
  expect(() => s.formatHardwareAddress(TEXT as never)).toThrow(
    expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }),
  );
});

const ip = { senderProtocolAddress: '192.0.2.1', targetProtocolAddress: '192.0.2.2' };
/** Everything that accepts a hardware address, and the bytes that it creates from it. */
const takers: Record<string, (address: s.HardwareAddressLike) => Uint8Array> = {
  'an address of AF_PACKET': (address) => s.encodeAddress({ family: s.AF_PACKET, ifindex: 1, protocol: 3, address }),
  ethernet: (address) => p.encodePacket([p.ethernet({ destination: address, source: address, etherType: 0x88b5 })]),
  arp: (address) =>
    p.encodePacket([p.arp({ operation: 2, senderHardwareAddress: address, targetHardwareAddress: address, ...ip })]),
  linuxSll: (address) => p.encodePacket([p.linuxSll({ address, protocol: 1 })]),
  linuxSll2: (address) => p.encodePacket([p.linuxSll2({ address, protocol: 1 })]),
  stp: (address) => p.encodePacket([p.stp({ type: 0, rootAddress: address, bridgeAddress: address })]),
  'neighbour discovery': (address) =>
    p.encodePacket([
      p.icmpv6({
        type: p.ICMPV6_NEIGHBOR_SOLICITATION,
        targetAddress: 'fe80::2',
        options: [{ name: 'sourceLinkLayerAddress', linkLayerAddress: address }],
      }),
    ]),
  'a filter': (address) => Buffer.from(JSON.stringify(p.compileFilter(p.match.etherHost(address)))),
};

describe.each(Object.entries(takers))('%s', (_, take) => {
  test('accepts text in every notation, and bytes', () => {
    const bytes = Buffer.from(take(BYTES)).toString('hex');
    for (const text of [TEXT, '2:a:0:ff:0:1', '020a.00ff.0001', '02-0A-00-FF-00-01']) {
      expect(Buffer.from(take(text)).toString('hex')).toBe(bytes);
    }
  });

  test('rejects values that are not addresses', () => {
    expect(() => take('02:0a:00:ff:00:0g')).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }));
    expect(() => take(7 as never)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }));
  });
});
