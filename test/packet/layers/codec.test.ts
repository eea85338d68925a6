/** Encoded layers are decoded to the same layers; decoded bytes are encoded to the same bytes; and nothing throws. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import * as p from '../../../lib/packet/index.ts';
import { frameStack, ipStack, mutated } from '../../helpers/packets.ts';

const numRuns = Number(process.env.FUZZ_RUNS ?? 300);
const options = { numRuns, interruptAfterTimeLimit: 25_000 };

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const PADDING = ['pad1', 'padN', 'endOfOptionList'];

/** A decoded layer without the padding that encoding added to its options. */
function unpadded(layer: p.Layer, given: p.LayerInput): p.Layer {
  if (!('options' in layer) || layer.options === undefined || layer.layer === 'geneve') return layer;
  const list = layer.options.slice(0, (given as { options?: unknown[] }).options?.length ?? 0);
  const rest = layer.options.slice(list.length);
  for (const option of rest) expect(PADDING).toContain(option.name);
  return { ...layer, options: list } as p.Layer;
}

test('decoding returns what was encoded, with correct checksums', () => {
  fc.assert(
    fc.property(frameStack, (layers) => {
      const packet = p.encodePacket(layers);
      const decoded = p.decodePacket(packet);
      expect(decoded.error).toBeUndefined();
      expect(decoded.missing).toBe(0);
      expect(decoded.layers.map(({ layer }) => layer)).toEqual(layers.map(({ layer }) => layer));
      decoded.layers.forEach((layer, i) => {
        expect(unpadded(layer, layers[i]!)).toMatchObject(layers[i]!);
        if ('checksumOk' in layer) expect(layer.checksumOk).not.toBe(false);
      });
      expect(hex(p.encodePacket(decoded.layers))).toBe(hex(packet));
      expect(hex(p.encodePacket(p.refill(decoded.layers)))).toBe(hex(packet));
    }),
    options,
  );
});

test('a packet without a link layer, encoded into an existing buffer', () => {
  fc.assert(
    fc.property(ipStack, (layers) => {
      const packet = p.encodePacket(layers);
      const slot = new Uint8Array(packet.length + 10).fill(0xaa);
      expect(p.encodePacketInto(slot, layers)).toBe(packet.length);
      expect(hex(slot)).toBe(`${hex(packet)}${'aa'.repeat(10)}`);
      const decoded = p.decodePacket(packet, { first: 'ip' });
      expect(decoded.error).toBeUndefined();
      expect(hex(p.encodePacket(decoded.layers))).toBe(hex(packet));
      expect(() => p.encodePacketInto(new Uint8Array(packet.length - 1), layers)).toThrow(RangeError);
    }),
    options,
  );
});

const first = fc.constantFrom(
  ...(['ethernet', 'ip', 'arp', 'ipv4', 'ipv6', 'hopByHop', 'destinationOptions', 'routing', 'fragment'] as const),
  ...(['icmp', 'icmpv6', 'tcp', 'udp', 'payload', 'trailer', 'bsdLoopback', 'linuxSll', 'linuxSll2'] as const),
  ...([
    'llc',
    'ppp',
    'snap',
    'stp',
    'vlan',
    'ah',
    'esp',
    'geneve',
    'gre',
    'igmp',
    'mpls',
    'pppoe',
    'sctp',
    'udplite',
    'vxlan',
  ] as const),
);

test('any bytes are decoded without an exception and encoded to the same bytes', () => {
  fc.assert(
    fc.property(mutated, first, (bytes, layer) => {
      const decoded = p.decodePacket(bytes, { first: layer });
      expect(hex(p.encodePacket(decoded.layers))).toBe(hex(bytes));
      if (decoded.error !== undefined) expect(decoded.error.offset).toBeLessThanOrEqual(bytes.length);
      expect(p.formatPacket(decoded)).toBeTypeOf('string');
      expect(p.formatPacket(decoded)).not.toMatch(/undefined|NaN/);
    }),
    options,
  );
});

/** Bytes that throw when they are read out of bounds. */
function guarded(bytes: Uint8Array): Uint8Array {
  return new Proxy(bytes, {
    get(target, key) {
      if (typeof key === 'string' && /^-?\d+$/.test(key)) {
        if (!(Number(key) >= 0 && Number(key) < target.length)) throw new Error(`read at ${key} of ${target.length}`);
        return target[Number(key)];
      }
      const value = Reflect.get(target, key, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

test('no decoder reads outside the view', () => {
  const view = new p.PacketView();
  fc.assert(
    fc.property(mutated, first, (bytes, layer) => {
      p.decodePacket(guarded(bytes), { first: layer });
      for (const start of ['ethernet', 'ip'] as const) {
        view.of(guarded(bytes), start);
        void [view.sourceAddress, view.destinationAddress, view.hopLimit];
        void [view.sourcePort, view.destinationPort, view.tcpFlags];
      }
    }),
    options,
  );
});

test('a view in the middle of other memory is decoded as a copy of it', () => {
  fc.assert(
    fc.property(mutated, (bytes) => {
      const memory = new Uint8Array(bytes.length + 64).fill(0xff);
      memory.set(bytes, 32);
      const inside = p.decodePacket(memory.subarray(32, 32 + bytes.length));
      expect(inside).toEqual(p.decodePacket(bytes));
      expect(p.decodePacket(new DataView(memory.buffer, 32, bytes.length))).toEqual(inside);
    }),
    options,
  );
});

test('PacketView reads what the decoder decodes', () => {
  const view = new p.PacketView();
  fc.assert(
    fc.property(frameStack, (layers) => {
      const { layers: decoded } = p.decodePacket(p.encodePacket(layers));
      view.of(p.encodePacket(layers));
      const link = p.findLayer(decoded, 'ethernet')!;
      const ip = decoded.find((layer) => layer.layer === 'ipv4' || layer.layer === 'ipv6');
      expect(view.etherType).toBe(link.etherType);
      expect(view.vlan).toBe(link.tags[0]?.vid ?? -1);
      expect(view.sourceAddress).toBe(ip?.sourceAddress);
      expect(view.destinationAddress).toBe(ip?.destinationAddress);
      expect(view.hopLimit).toBe(ip?.layer === 'ipv4' ? ip.timeToLive : ip?.hopLimit);
      const above = decoded[decoded.indexOf(ip!) + 1 + decoded.filter(isExtension).length];
      if (ip !== undefined && (above?.layer === 'tcp' || above?.layer === 'udp')) {
        expect([view.sourcePort, view.destinationPort]).toEqual([above.sourcePort, above.destinationPort]);
        expect(view.protocol).toBe(above.layer === 'tcp' ? 6 : 17);
        if (above.layer === 'tcp') {
          expect([view.tcpFlags! & 1, view.tcpFlags! & 2]).toEqual([above.fin ? 1 : 0, above.syn ? 2 : 0]);
        }
      } else if (above?.layer === 'icmp' || above?.layer === 'icmpv6') {
        expect(view.sourcePort).toBeUndefined();
        expect(view.tcpFlags).toBeUndefined();
      }
    }),
    options,
  );
});

function isExtension({ layer }: p.Layer): boolean {
  return layer === 'hopByHop' || layer === 'routing' || layer === 'destinationOptions' || layer === 'fragment';
}
