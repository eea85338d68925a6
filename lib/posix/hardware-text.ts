/** Hardware addresses as text. */

const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** Bytes as `'aa:bb:cc:dd:ee:ff'`, of any length. */
export function hardwareText(bytes: Uint8Array, at: number, length: number): string {
  let text = length === 0 ? '' : HEX[bytes[at]!]!;
  for (let i = 1; i < length; i++) text += `:${HEX[bytes[at + i]!]!}`;
  return text;
}
