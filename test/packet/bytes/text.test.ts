import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AF_INET6 } from '../../../lib/native/constants.ts';
import { ipv6Text } from '../../../lib/packet/bytes/text.ts';
import { inet_ntop } from '../../../lib/struct/inet.ts';

/** Every combination of zeros in the 8 groups: the others have from one to four digits. */
const VALUES = [0x1, 0x20, 0x300, 0x4000, 0xabcd, 0xffff, 0xd, 0xe0];

test('the text of an IPv6 address is that of inet_ntop, wherever it has zeros', () => {
  for (let zeros = 0; zeros < 256; zeros++) {
    const bytes = new Uint8Array(18);
    for (const [i, value] of VALUES.entries()) {
      if ((zeros & (1 << i)) === 0) new DataView(bytes.buffer).setUint16(1 + 2 * i, value);
    }
    expect(ipv6Text(bytes, 1)).toBe(inet_ntop(AF_INET6, bytes.subarray(1, 17)));
  }
});

test('the text of any IPv6 address is that of inet_ntop', () => {
  const byte = fc.oneof(fc.constant(0), fc.nat(255));
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
      fc.array(byte, { minLength: 16, maxLength: 16 }),
      (a, b) => {
        for (const bytes of [a, Uint8Array.from(b)]) expect(ipv6Text(bytes, 0)).toBe(inet_ntop(AF_INET6, bytes));
      },
    ),
    { numRuns: 2000 },
  );
});
