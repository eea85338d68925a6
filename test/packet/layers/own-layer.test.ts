/**
 * Layers that programs define: they are found, encoded, printed and distinguished by the compiler, whatever their codec
 * does.
 */
import { decode, encode, type Packet } from 'dns-packet';
import { expect, expectTypeOf, test } from 'vitest';
import * as p from '../../../lib/packet/index.ts';

const dns = p.defineLayer({
  name: 'dns',
  udpPort: 53,
  decode: (bytes) => ({ fields: decode(Buffer.from(bytes)) as Packet }),
  encode: (fields) => encode(fields),
});
/** A header of four bytes: a number, and the EtherType of what follows. */
const shim: p.LayerType<'shim', { hops: number }> = p.defineLayer({
  name: 'shim',
  etherType: [0x88b5, 0x88b6],
  protocol: 253,
  tcpPort: 7,
  decode: (bytes) => {
    if (bytes.length < 4) throw new Error('the header is too short');
    if (bytes[0] === 255) return undefined;
    return { fields: { hops: bytes[1]! }, length: 4, next: bytes[3] === 4 ? ('ip' as const) : shim };
  },
  encode: ({ hops }: { hops: number }) => Uint8Array.of(0, hops, 0, 4),
  format: ({ hops }) => `${hops} hops`,
});
const ethernet = p.ethernet({ destination: '02:00:00:00:00:02', source: '02:00:00:00:00:01' });
const addresses = { sourceAddress: '192.0.2.1', destinationAddress: '192.0.2.2' };
const names = (packet: p.DecodedPacket<p.OwnLayer>) => packet.layers.map(({ layer }) => layer).join(' ');

test('either port identifies the layer, and the compiler knows its fields', () => {
  const question = dns({ type: 'query', id: 7, questions: [{ type: 'A', name: 'example.com' }] });
  for (const ports of [
    { sourcePort: 5000, destinationPort: 53 },
    { sourcePort: 53, destinationPort: 5000 },
  ]) {
    const packet = p.encodePacket([p.ipv4(addresses), p.udp(ports), question]);
    const decoded = p.decodePacket(packet, { first: 'ip', layers: [dns, shim] });
    expect(names(decoded)).toBe('ipv4 udp dns');
    const found = p.findLayer(decoded, dns)!;
    expectTypeOf(found.questions).toEqualTypeOf<Packet['questions']>();
    expect([found.id, found.questions]).toEqual([7, [expect.objectContaining({ name: 'example.com', type: 'A' })]]);
    expect(p.findLayer(decoded, 'udp')?.checksumOk).toBe(true);
    expect(Buffer.from(p.encodePacket(p.refill(decoded.layers)))).toEqual(Buffer.from(packet));
    const [, , layer] = decoded.layers;
    if (layer?.layer === 'dns') expectTypeOf(layer.id).toEqualTypeOf<number | undefined>();
    if (layer?.layer === 'shim') expectTypeOf(layer.hops).toEqualTypeOf<number>();
    expect(names(p.decodePacket(packet, { first: 'ip' }))).toBe('ipv4 udp payload');
  }
});

test('numbers identify the layer and are filled in, and layers can follow it', () => {
  const inner = [p.ipv4(addresses), p.icmp({ type: 8 })];
  const stacks = [
    [ethernet, shim({ hops: 3 }), ...inner],
    [ethernet, p.ipv4(addresses), shim({ hops: 9 }), ...inner],
    [p.linuxSll2({}), shim({ hops: 1 }), ...inner],
  ];
  for (const stack of stacks) {
    const packet = p.encodePacket(stack);
    const first = stack[0]!.layer as p.LayerName;
    const decoded = p.decodePacket(packet, { first, layers: [shim] });
    expect(names(decoded)).toBe(stack.map(({ layer }) => layer).join(' '));
    expect(decoded.error).toBeUndefined();
    expect(Buffer.from(p.encodePacket(decoded.layers))).toEqual(Buffer.from(packet));
    expect(p.formatPacket(decoded)).toMatch(/^shim: \d hops$/m);
    expect(p.formatPacket(packet, { first, layers: [shim] })).toBe(p.formatPacket(decoded));
  }
  expect(p.findLayer(p.decodePacket(p.encodePacket(stacks[1]!)), 'ipv4')?.protocol).toBe(253);
});

test('errors of a codec do not cause an exception', () => {
  const frame = (...payload: number[]) =>
    p.encodePacket([{ ...ethernet, etherType: 0x88b6 }, Uint8Array.from(payload)]);
  const decoded = (packet: Uint8Array, ...layers: p.AnyLayerType[]) => p.decodePacket(packet, { layers });
  expect(decoded(frame(1), shim)).toMatchObject({
    error: { layer: 'shim', offset: 14, reason: 'the header is too short' },
  });
  expect(names(decoded(frame(255, 0, 0, 0), shim))).toBe('ethernet payload');
  expect(names(decoded(frame(0, 1, 0, 0, 0, 2, 0, 0, 255, 0, 0, 0), shim))).toBe('ethernet shim shim payload');
  for (const length of [0, -1, 9, 1.5, Number.NaN]) {
    const wrong = p.defineLayer({
      name: 'wrong',
      etherType: 0x88b6,
      decode: () => ({ fields: {}, length, next: 'ip' }),
      encode: () => new Uint8Array(0),
    });
    expect(decoded(frame(1, 2), wrong).error).toMatchObject({
      layer: 'wrong',
      reason: expect.stringMatching(/a length of/),
    });
  }
  for (const found of [null, 'text', 5, {}, { fields: null }, { fields: 'text' }]) {
    const wrong = p.defineLayer({
      name: 'wrong',
      etherType: 0x88b6,
      decode: () => found as never,
      encode: () => new Uint8Array(0),
    });
    const packet = decoded(frame(1, 2), wrong);
    expect([names(packet), packet.error?.reason]).toEqual(['ethernet payload', 'decode() returned no fields']);
  }
  for (const next of ['nosuch', 'wrong', 5, null, {}, () => {}]) {
    const found = { fields: {}, length: 1, next: next as never };
    const wrong = p.defineLayer({
      name: 'wrong',
      etherType: 0x88b6,
      decode: () => found,
      encode: () => new Uint8Array(0),
    });
    const packet = decoded(frame(1, 2), wrong);
    expect(names(packet)).toBe('ethernet payload');
    expect(packet.error).toMatchObject({
      layer: 'wrong',
      reason: expect.stringMatching(/a next layer that does not exist/),
    });
  }
  const text = p.defineLayer({ name: 'text', decode: () => undefined, encode: () => 'text' as never });
  expect(() => p.encodePacket([text({})])).toThrow(/"text.encode\(\)"/);
  expect(() => p.encodePacket([ethernet, text({})])).toThrow(/"text.encode/);
});

test.each([
  [{ name: 'udp' }, /"definition.name"/],
  [{ name: '' }, /"definition.name"/],
  [{ name: 5 }, /"definition.name"/],
  [{ etherType: 65536 }, /"definition.etherType"/],
  [{ udpPort: [53, -1] }, /"definition.udpPort"/],
  [{ protocol: 1.5 }, /"definition.protocol"/],
  [{ decode: 'bytes' }, /"definition.decode"/],
  [{ answers: 5 }, /"definition.answers"/],
  [{ format: 'text' }, /"definition.format"/],
  [{ encode: undefined }, /"definition.encode"/],
  [{ port: 53 }, /"definition.port"/],
])('a definition with %j is rejected', (fields, reason) => {
  const definition = { name: 'own', decode: () => undefined, encode: () => new Uint8Array(0), ...fields };
  expect(() => p.defineLayer(definition as never)).toThrow(reason);
});

test('options that do not name layers are rejected', () => {
  expect(() => p.decodePacket(new Uint8Array(20), { layers: ['dns'] as never })).toThrow(/"options.layers"/);
  expect(() => p.decodePacket(new Uint8Array(20), { layers: dns as never })).toThrow(/"options.layers"/);
  expect(() => p.findLayer([], 'dns' as never)).toThrow(/"name"/);
});
