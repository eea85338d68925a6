/** Formats hardware addresses. */

const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** Returns bytes in the form `'aa:bb:cc:dd:ee:ff'`. The number of bytes may be any. */
export function hardwareText(bytes: Uint8Array, at: number, length: number): string {
  let text = length === 0 ? '' : HEX[bytes[at]!]!;
  for (let i = 1; i < length; i++) text += `:${HEX[bytes[at + i]!]!}`;
  return text;
}
