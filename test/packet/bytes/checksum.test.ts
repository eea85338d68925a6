/** The Internet checksum, compared with RFC 1071, RFC 1624 and Python. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { native } from '../../../lib/native/native.ts';
import * as p from '../../../lib/packet/index.ts';
import { need, program } from '../../helpers/need.ts';
import { sampleFrames } from '../../helpers/packets.ts';
import { python } from '../../helpers/python.ts';

const numRuns = Number(process.env.FUZZ_RUNS ?? 300);
const bytes = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));

/** RFC 1071 word by word: one 16-bit word after the other. */
function plain(data: Uint8Array): number {
  let total = 0;
  for (let i = 0; i < data.length; i += 2) total += data[i]! * 256 + (data[i + 1] ?? 0);
  while (total > 0xffff) total = (total % 0x10000) + Math.floor(total / 0x10000);
  return 0xffff - total;
}

test('the example of RFC 1071', () => {
  expect(p.checksum(bytes('0001 f203 f4f5 f6f7'))).toBe(0xffff - 0xddf2);
});

test('the header of a known IPv4 packet', () => {
  const header = '4500 0073 0000 4000 4011 0000 c0a8 0001 c0a8 00c7';
  expect(p.checksum(bytes(header))).toBe(0xb861);
  expect(p.checksum(bytes(header.replace('4011 0000', '4011 b861')))).toBe(0);
});

test('no bytes, one byte, all zeros and all ones', () => {
  expect(p.checksum()).toBe(0xffff);
  expect(p.checksum(new Uint8Array(0), new ArrayBuffer(0))).toBe(0xffff);
  expect(p.checksum(bytes('12'))).toBe(0xedff);
  expect(p.checksum(new Uint8Array(1500))).toBe(0xffff);
  for (const size of [2, 65535, 65536, 65537, 300000]) {
    const ones = new Uint8Array(size).fill(0xff);
    expect(p.checksum(ones)).toBe(plain(ones));
  }
});

test('parts of any length have the same checksum as the whole', () => {
  const parts = fc.array(fc.uint8Array({ maxLength: 70 }), { maxLength: 6 });
  fc.assert(
    fc.property(parts, fc.nat(3), (list, offset) => {
      const whole = Buffer.concat([new Uint8Array(offset), ...list]).subarray(offset);
      expect(p.checksum(...list)).toBe(plain(whole));
      expect(p.checksum(whole)).toBe(plain(whole));
      expect(p.checksum(new DataView(whole.buffer, whole.byteOffset, whole.length))).toBe(plain(whole));
    }),
    { numRuns },
  );
});

test('any length from any offset has the same sum as word by word', () => {
  const data = fc.uint8Array({ minLength: 0, maxLength: 2100, size: 'max' });
  fc.assert(
    fc.property(data, fc.nat(9), (whole, offset) => {
      const part = whole.subarray(Math.min(offset, whole.length));
      expect(p.checksum(part)).toBe(plain(part));
    }),
    { numRuns },
  );
  // Around the length from which on native code computes the sum.
  const random = Uint8Array.from({ length: 300 }, (_, i) => (i * 7919) >> 3);
  for (let from = 0; from < 9; from++) {
    for (let to = from; to <= random.length; to++) {
      const part = random.subarray(from, to);
      expect(p.checksum(part)).toBe(plain(part));
    }
  }
});

test('a Proxy of bytes has the sum of its bytes, however long it is', () => {
  const bytes = new Uint8Array(200_001).fill(255);
  const field = (target: Uint8Array, name: string | symbol) => {
    const value = Reflect.get(target, name, target);
    return typeof value === 'function' ? value.bind(target) : value;
  };
  expect(p.checksum(new Proxy(bytes, { get: field }))).toBe(p.checksum(bytes));
});

test('the native sum does not read outside its bytes', () => {
  const bytes = new Uint8Array(8).fill(1);
  expect(native.checksumSum(bytes, 2, 6)).toBe(0x0202);
  for (const [from, to] of [
    [5, 4],
    [0, 9],
    [9, 9],
    [-1, 4],
    [0, 2 ** 32],
    [0.5, 4],
  ] as const) {
    expect(native.checksumSum(bytes, from, to)).toBeLessThan(-4095);
  }
  structuredClone(bytes, { transfer: [bytes.buffer] });
  expect(native.checksumSum(bytes, 0, 8)).toBeLessThan(-4095);
});

test('arguments that are not bytes are rejected', () => {
  for (const wrong of ['text', 5, null, [1, 2], undefined]) {
    expect(() => p.checksum(new Uint8Array(2), wrong as never)).toThrow(TypeError);
  }
});

test('the incremental update: the example of RFC 1624, and any word of any data', () => {
  expect(p.updateChecksum(0xdd2f, 0x5555, 0x3285)).toBe(0x0000);
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 4, maxLength: 60 }), fc.nat(29), fc.nat(0xffff), (data, word, after) => {
      const at = 2 * (word % Math.floor(data.length / 2));
      const view = new DataView(data.buffer, data.byteOffset);
      const before = view.getUint16(at);
      const old = p.checksum(data);
      view.setUint16(at, after);
      // Only for data of zeros do both zeros of ones' complement occur: RFC 1624, 3.
      fc.pre(data.some((byte) => byte !== 0));
      expect(p.updateChecksum(old, before, after)).toBe(p.checksum(data));
    }),
    { numRuns },
  );
  expect(() => p.updateChecksum(65536, 0, 0)).toThrow(RangeError);
  expect(() => p.updateChecksum(0, -1, 0)).toThrow(RangeError);
  expect(() => p.updateChecksum(0, 0, '1' as never)).toThrow(TypeError);
});

test('pseudo-headers', () => {
  expect(Buffer.from(p.pseudoHeaderIpv4('192.0.2.1', '198.51.100.2', 17, 9)).toString('hex')).toBe(
    'c0000201c633640200110009',
  );
  expect(Buffer.from(p.pseudoHeaderIpv6('2001:db8::1', 'ff02::2', 58, 70000)).toString('hex')).toBe(
    '20010db8000000000000000000000001ff02000000000000000000000000000200011170000000' + '3a',
  );
  expect(() => p.pseudoHeaderIpv4('::1', '192.0.2.1', 17, 9)).toThrow(TypeError);
  expect(() => p.pseudoHeaderIpv4('192.0.2.1', '192.0.2.1', 17, 65536)).toThrow(RangeError);
  expect(() => p.pseudoHeaderIpv6('::1', '::1', 256, 9)).toThrow(RangeError);
});

test('a segment without an IP header: the checksum uses the pseudo-header or is not filled in', () => {
  const addresses = { sourceAddress: '192.0.2.1', destinationAddress: '192.0.2.2' };
  const layers = [p.udp({ sourcePort: 1, destinationPort: 2 }), 'data'];
  const within = p.encodePacket([p.ipv4(addresses), ...layers]).subarray(20);
  expect(p.encodePacket(layers, { pseudoHeader: addresses })).toEqual(new Uint8Array(within));
  const pseudo = p.pseudoHeaderIpv4(addresses.sourceAddress, addresses.destinationAddress, 17, within.length);
  expect(p.checksum(pseudo, within)).toBe(0);
  expect(p.findLayer(p.decodePacket(within, { first: 'udp' }), 'udp')?.checksumOk).toBeUndefined();
  const judged = p.decodePacket(within, { first: 'udp', pseudoHeader: addresses });
  expect(p.findLayer(judged, 'udp')?.checksumOk).toBe(true);
  expect(p.encodePacket(layers).subarray(6, 8)).toEqual(new Uint8Array(2));
});

const script = String.raw`
def checksum(b):
    b += b'\0' * (len(b) % 2)
    s = sum(struct.unpack('>%dH' % (len(b) // 2), b))
    while s > 0xffff: s = (s & 0xffff) + (s >> 16)
    return 0xffff - s

def upper(protocol, pseudo, b):
    pseudo = pseudo + struct.pack('>II', len(b), protocol)
    at = {6: 16, 17: 6, 58: 2}[protocol]
    want = struct.unpack_from('>H', b, at)[0]
    got = checksum(pseudo + b[:at] + b'\0\0' + b[at + 2:])
    if protocol == 17 and got == 0: got = 0xffff
    return [want, got]

answers = []
for text in json.load(sys.stdin):
    b = bytes.fromhex(text)
    if b[0] >> 4 == 4:
        header = (b[0] & 15) * 4
        answers.append([struct.unpack_from('>H', b, 10)[0], checksum(b[:10] + b'\0\0' + b[12:header])])
        if b[9] in (6, 17): answers.append(upper(b[9], b[12:20], b[header:]))
        else: answers.append([struct.unpack_from('>H', b, header + 2)[0], checksum(b[header:header + 2] + b'\0\0' + b[header + 4:])])
    else:
        answers.append(upper(b[6], b[8:40], b[40:]))
print(json.dumps(answers))
`;

test('every checksum of 300 packets is the one that Python computes', (context) => {
  need(context, program('python3'));
  const packets = sampleFrames(1500)
    .map((layers) => layers.slice(1).filter(({ layer }) => layer !== 'trailer'))
    .filter(([ip, upper]) => {
      if (ip?.layer === 'ipv4') {
        const routed = ip.options?.some(({ name }) => name.endsWith('SourceRoute'));
        return !routed && !ip.moreFragments && ['tcp', 'udp', 'icmp'].includes(upper!.layer);
      }
      return ip?.layer === 'ipv6' && ['tcp', 'udp', 'icmpv6'].includes(upper!.layer);
    })
    .slice(0, 300)
    .map((layers) => Buffer.from(p.encodePacket(layers)).toString('hex'));
  expect(packets).toHaveLength(300);
  const answers = python<[number, number][]>(
    script.replace('json.load(sys.stdin)', 'json.loads(sys.argv[1])'),
    JSON.stringify(packets),
  );
  expect(answers.length).toBeGreaterThan(400);
  for (const [ours, theirs] of answers) expect(ours).toBe(theirs);
});
