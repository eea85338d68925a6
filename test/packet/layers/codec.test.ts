/** Encoded layers are decoded to the same layers; decoded bytes are encoded to the same bytes; and nothing throws. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import * as s from '../../../lib/index.ts';
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

test('thousands of nested layers are decoded in linear time: only the outermost checksums are verified', () => {
  const header = p.ipv4({ sourceAddress: '192.0.2.1', destinationAddress: '192.0.2.2', protocol: 1, totalLength: 0 });
  const unit = p.encodePacket([header, p.icmp({ type: s.ICMP_DEST_UNREACH, checksum: 0 })]);
  const nested = (count: number) => {
    const bytes = Buffer.concat(Array.from({ length: count }, () => unit));
    return p.decodePacket(bytes, { first: 'ip' }).layers.filter((layer) => layer.layer === 'icmp');
  };
  const verified = (count: number) => nested(count).filter(({ checksumOk }) => checksumOk !== undefined).length;
  expect(nested(10_000)).toHaveLength(10_000);
  expect(verified(53), 'a frame of Ethernet').toBe(53);
  expect(verified(10_000)).toBeLessThan(100);
  expect(nested(200_000)).toHaveLength(200_000);
});

test('a truncated header with options is reported at its start, with what is missing', () => {
  const route = Array.from({ length: 9 }, () => '0.0.0.0');
  const addresses = { sourceAddress: '192.0.2.1', destinationAddress: '192.0.2.2', protocol: 17 };
  const header = p.ipv4({ ...addresses, options: [{ name: 'recordRoute', pointer: 4, route }] });
  const packet = p.encodePacket([header, 'x'.repeat(40)]);
  for (const size of [20, 21, 30, 59]) {
    const { layers, error, missing } = p.decodePacket(packet.subarray(0, size), { first: 'ip' });
    const reason = `a header of 60 bytes, but only ${size} are available`;
    expect({ error, missing }).toEqual({ error: { layer: 'ipv4', offset: 0, reason }, missing: 100 - size });
    expect(p.encodePacket(layers)).toEqual(packet.subarray(0, size));
  }
});

test('the checksums of a mobile node cover its home address: RFC 6275', () => {
  const [home, careOf, destinationAddress] = ['2001:db8::77', '2001:db8:1::1', '2001:db8:2::2'];
  const data = s.encodeAddress({ family: s.AF_INET6, address: home, port: 0 }).subarray(8, 24);
  const headers = [
    p.ipv6({ sourceAddress: careOf, destinationAddress }),
    p.destinationOptions({
      options: [
        { name: 'padN', length: 2 },
        { name: 'other', type: 0xc9, data },
      ],
    }),
  ] as const;
  const layers = [p.tcp({ sourcePort: 1, destinationPort: 2 }), 'data'] as const;
  const packet = p.encodePacket([...headers, ...layers]);
  const segment = p.encodePacket([...layers], { pseudoHeader: { sourceAddress: home, destinationAddress } });
  expect(packet.subarray(-segment.length)).toEqual(segment);
  expect(p.findLayer(p.decodePacket(packet, { first: 'ip' }).layers, 'tcp')?.checksumOk).toBe(true);
});

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
