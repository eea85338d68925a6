import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import { folder } from '../helpers/fixtures.ts';
import { python } from '../helpers/python.ts';

/**
 * Runs a Python expression `f(x)` over many values, which are passed in a file: a command line has no room for them.
 */
function pythonOver<T>(values: readonly unknown[], setup: string, expression: string): T[] {
  const file = join(folder(), 'values.json');
  writeFileSync(file, JSON.stringify(values));
  return python<T[]>(
    `${setup}
print(json.dumps([${expression} for x in json.load(open(sys.argv[1]))]))`,
    file,
  );
}

const seed = 20260101;
const byte = fc.integer({ min: 0, max: 255 });
const number = fc.oneof(
  byte,
  fc.constantFrom(0, 1, 8, 9, 127, 128, 255, 256, 257, 65535, 65536, 16777215, 16777216, 4294967295, 4294967296),
  fc.nat(2 ** 31 - 1),
);
/** A number in any of C's notations, valid or not. */
const part = fc
  .tuple(number, fc.constantFrom('d', 'd', 'd', 'x', 'X', 'o', 'oo', '0x', '+', '-', ' '))
  .map(([n, form]) => {
    if (form === 'x') return `0x${n.toString(16)}`;
    if (form === 'X') return `0X${n.toString(16).toUpperCase()}`;
    if (form === 'o') return `0${n.toString(8)}`;
    if (form === 'oo') return `00${n.toString(8)}`;
    if (form === '0x') return '0x';
    return form === 'd' ? String(n) : `${form}${n}`;
  });
const group = fc.oneof(
  fc.constantFrom('', '0', '00000', 'ffff', 'FFFF', '10000', 'g', '::'),
  fc.nat(65535).map((n) => n.toString(16)),
  fc.nat(65535).map((n) => n.toString(16).toUpperCase().padStart(4, '0')),
);
const dotted = fc.tuple(byte, byte, byte, byte).map((bytes) => bytes.join('.'));
const noise = fc.string({ unit: fc.constantFrom(...'0123456789abcdefxX.: %/é\t-+'), maxLength: 24 });

const texts4 = fc.oneof(
  dotted,
  fc.array(part, { minLength: 1, maxLength: 5 }).map((parts) => parts.join('.')),
  fc.tuple(dotted, fc.constantFrom('', ' ', ' x', '\n', '.', 'x', '/8')).map(([text, tail]) => text + tail),
  noise,
);
const texts6 = fc.oneof(
  fc.array(group, { minLength: 1, maxLength: 9 }).map((groups) => groups.join(':')),
  fc.tuple(fc.array(group, { maxLength: 7 }), dotted).map(([groups, tail]) => [...groups, tail].join(':')),
  fc
    .tuple(fc.array(group, { maxLength: 4 }), fc.array(group, { maxLength: 4 }))
    .map(([before, after]) => `${before.join(':')}::${after.join(':')}`),
  fc.constantFrom(
    '::',
    '::1',
    '1::',
    ':',
    ':::',
    '::%lo',
    '::1%1',
    '[::1]',
    '::ffff:1.2.3.4',
    '::1.2.3',
    '1:2:3:4:5:6:7::',
  ),
  noise,
);

// Texts around the sizes of buffers, and very long ones.
const long = [15, 16, 17, 45, 46, 47, 63, 64, 65, 600, 70_000].flatMap((length) => [
  '1'.repeat(length),
  '0'.repeat(length),
  `${'0'.repeat(length - 7)}1.2.3.4`,
  '1.2.3.4'.padEnd(length, ' '),
  '::1'.padStart(length, '0'),
  '1.2.3.4'.padEnd(length, '.'),
  'é'.repeat(length >> 1),
  'f:'.repeat(length >> 1),
]);

const hex = (bytes: Buffer | undefined) => bytes?.toString('hex') ?? null;

const ptonSetup = `
def pton(f, x):
  try: return inet_pton(f, x).hex()
  except OSError: return None
def aton(x):
  try: return inet_aton(x).hex()
  except OSError: return None`;

describe('inet_pton', () => {
  test('AF_INET: the same as in the C library', () => {
    const texts = [...fc.sample(texts4, { numRuns: 4000, seed }), ...long];
    const expected = pythonOver<string | null>(texts, ptonSetup, 'pton(AF_INET, x)');
    expect(expected.filter((answer) => answer !== null).length).toBeGreaterThan(500); // both answers occur
    expect(texts.map((text) => [text, hex(s.inet_pton(s.AF_INET, text))])).toEqual(
      texts.map((text, i) => [text, expected[i]]),
    );
  });

  test('AF_INET6: the same as in the C library', () => {
    const texts = [...fc.sample(texts6, { numRuns: 4000, seed }), ...long];
    const expected = pythonOver<string | null>(texts, ptonSetup, 'pton(AF_INET6, x)');
    expect(expected.filter((answer) => answer !== null).length).toBeGreaterThan(500);
    expect(texts.map((text) => [text, hex(s.inet_pton(s.AF_INET6, text))])).toEqual(
      texts.map((text, i) => [text, expected[i]]),
    );
  });

  test('returns 4 or 16 bytes in new memory', () => {
    const [a, b] = [s.inet_pton(s.AF_INET, '1.2.3.4')!, s.inet_pton(s.AF_INET, '5.6.7.8')!];
    expect([a, b]).toEqual([Buffer.of(1, 2, 3, 4), Buffer.of(5, 6, 7, 8)]);
    expect(s.inet_pton(s.AF_INET6, '::102:304')).toEqual(Buffer.from('00000000000000000000000001020304', 'hex'));
  });

  test.each([s.AF_UNSPEC, s.AF_UNIX, 99, -1])('family %i fails with EAFNOSUPPORT', (family) => {
    expect(() => s.inet_pton(family, '1.2.3.4')).toThrow(
      expect.objectContaining({ name: 'SocketError', code: 'EAFNOSUPPORT', errno: 97, syscall: 'inet_pton' }),
    );
  });
});

describe('inet_aton', () => {
  test("the same as in the C library, with all of C's unusual forms", () => {
    const odd = ['127.1', '127.0.1', '0x7f000001', '2130706433', '017700000001', '0', '1.2.3.4 trailing', '1.2.3.4\n'];
    const texts = [...odd, '', ' 1.2.3.4', '256', '1.256', '4294967296', '08', '1.2.3.4.5', '0x', '1..2'];
    texts.push(...fc.sample(texts4, { numRuns: 4000, seed: seed + 1 }), ...long);
    const expected = pythonOver<string | null>(texts, ptonSetup, 'aton(x)');
    expect(texts.map((text) => [text, hex(s.inet_aton(text))])).toEqual(texts.map((text, i) => [text, expected[i]]));
    expect(expected.slice(0, odd.length)).not.toContain(null);
    expect(expected.slice(0, 3)).toEqual(['7f000001', '7f000001', '7f000001']);
  });

  test('accepts a valid text of 600 characters', () => {
    expect(s.inet_aton(`${'0'.repeat(593)}177.0.1`)).toEqual(Buffer.of(127, 0, 0, 1));
  });
});

describe('text of which C would read only a part is rejected', () => {
  const calls: [string, (text: string) => unknown][] = [
    ['inet_pton AF_INET', (text) => s.inet_pton(s.AF_INET, text)],
    ['inet_pton AF_INET6', (text) => s.inet_pton(s.AF_INET6, text)],
    ['inet_aton', (text) => s.inet_aton(text)],
  ];
  test.each(calls)('%s', (_name, call) => {
    const inner = [
      '\0',
      '1.2.3.4\0',
      '1.2.3.4\0.5',
      '::1\0',
      '\0::1',
      `1.2.3.4${'\0'.repeat(600)}`,
      `${'1'.repeat(600)}\0`,
    ];
    for (const text of inner) {
      expect(() => call(text)).toThrow(TypeError);
      expect(() => call(text)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }));
      expect(() => call(text)).toThrow(/"text"/);
    }
    for (const wrong of [undefined, null, 1, Buffer.from('1.2.3.4'), ['1.2.3.4'], new String('1.2.3.4')]) {
      expect(() => call(wrong as never)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }));
    }
  });
});

describe('inet_ntop and inet_ntoa', () => {
  const four = fc.sample(fc.uint8Array({ minLength: 4, maxLength: 4 }), { numRuns: 2000, seed });
  const words = fc.array(fc.oneof(fc.constant([0, 0]), fc.tuple(byte, byte), fc.constant([255, 255])), {
    minLength: 8,
    maxLength: 8,
  });
  const sixteen = [
    ...fc.sample(words, { numRuns: 3000, seed }).map((list) => Uint8Array.from(list.flat())),
    // The forms with an IPv4 tail: ::a.b.c.d and ::ffff:a.b.c.d.
    ...four
      .slice(0, 300)
      .flatMap((tail) => [
        Uint8Array.of(...Array(12).fill(0), ...tail),
        Uint8Array.of(...Array(10).fill(0), 255, 255, ...tail),
      ]),
  ];
  const asHex = (list: Uint8Array[]) => list.map((bytes) => Buffer.from(bytes).toString('hex'));

  test('AF_INET: the same as in the C library', () => {
    const expected = pythonOver<string>(asHex(four), '', 'inet_ntop(AF_INET, bytes.fromhex(x))');
    expect(four.map((bytes) => s.inet_ntop(s.AF_INET, bytes))).toEqual(expected);
    expect(pythonOver<string>(asHex(four), '', 'inet_ntoa(bytes.fromhex(x))')).toEqual(four.map((b) => s.inet_ntoa(b)));
  });

  test('AF_INET6: the same as in the C library, in both directions', () => {
    const expected = pythonOver<string>(asHex(sixteen), '', 'inet_ntop(AF_INET6, bytes.fromhex(x))');
    expect(sixteen.map((bytes) => s.inet_ntop(s.AF_INET6, bytes))).toEqual(expected);
    expect(asHex(expected.map((text) => s.inet_pton(s.AF_INET6, text)!))).toEqual(asHex(sixteen));
  });

  test('values that are not 4 or 16 bytes are rejected', () => {
    for (const size of [0, 3, 5, 16]) {
      expect(() => s.inet_ntop(s.AF_INET, new Uint8Array(size))).toThrow(RangeError);
      expect(() => s.inet_ntoa(new Uint8Array(size))).toThrow(/"address"/);
    }
    for (const size of [0, 4, 15, 17]) expect(() => s.inet_ntop(s.AF_INET6, new Uint8Array(size))).toThrow(RangeError);
    expect(() => s.inet_ntop(s.AF_INET, '1.2.3.4' as never)).toThrow(TypeError);
    expect(() => s.inet_ntop(s.AF_INET, [1, 2, 3, 4] as never)).toThrow(TypeError);
  });

  test.each([s.AF_UNSPEC, s.AF_UNIX, 99, -1])('family %i fails with EAFNOSUPPORT', (family) => {
    expect(() => s.inet_ntop(family, new Uint8Array(16))).toThrow(
      expect.objectContaining({ name: 'SocketError', code: 'EAFNOSUPPORT', syscall: 'inet_ntop' }),
    );
  });
});

describe('byte order', () => {
  test('all values of 16 bits, the same as in Python', () => {
    const all = Array.from({ length: 65536 }, (_, i) => i);
    const expected = python<number[]>('print(json.dumps([htons(x) for x in range(65536)]))');
    expect(all.map(s.htons)).toEqual(expected);
    expect(all.map(s.ntohs)).toEqual(expected);
  });

  test('32 bits, the same as in Python and never negative', () => {
    const edges = [0, 1, 0x7f, 0x80, 0xff, 0xff00, 0x80000000, 0x7fffffff, 0xffffffff, 0x01020304, 0x80];
    const values = [...edges, ...fc.sample(fc.integer({ min: 0, max: 0xffffffff }), { numRuns: 4000, seed })];
    const expected = pythonOver<number>(values, '', 'htonl(x)');
    expect(values.map(s.htonl)).toEqual(expected);
    expect(values.map(s.ntohl)).toEqual(expected);
    expect(Math.min(...values.map(s.htonl))).toBeGreaterThanOrEqual(0);
  });

  test.each([
    ['htons', s.htons, 65536],
    ['ntohs', s.ntohs, 65536],
    ['htonl', s.htonl, 2 ** 32],
    ['ntohl', s.ntohl, 2 ** 32],
  ] as const)('%s rejects numbers that C would truncate', (_name, swap, limit) => {
    for (const value of [-1, limit, 1.5, -0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
      expect(() => swap(value)).toThrow(RangeError);
    }
    for (const value of [undefined, null, '80', 80n, [80], true])
      expect(() => swap(value as never)).toThrow(/integer|number/);
    expect(swap(limit - 1)).toBe(limit - 1);
  });
});
