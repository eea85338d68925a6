/** Formats bytes as readable text. */
import { text } from '../../argument/argument-error.ts';
import { uint8Array } from '../../argument/snapshot.ts';

/**
 * Formats bytes as a hex dump with offset, hex and ASCII, 16 bytes per line.
 *
 * @param bytes The bytes.
 * @param indent The text at the beginning of each line.
 * @returns The lines, without a newline at the end, or `''` if there are no bytes.
 * @throws TypeError if `bytes` is not a Uint8Array.
 * @example
 * console.log(formatHex(Buffer.from('hello')));
 * // 0000  68 65 6c 6c 6f                                    hello
 * @see https://man7.org/linux/man-pages/man1/hexdump.1.html
 */
export function formatHex(bytes: Uint8Array, indent = ''): string {
  uint8Array(bytes, 'bytes');
  text(indent, 'indent');
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    let digits = '';
    let ascii = '';
    for (let i = at; i < Math.min(at + 16, bytes.length); i++) {
      const byte = bytes[i]!;
      digits += `${i === at + 8 ? ' ' : ''} ${byte.toString(16).padStart(2, '0')}`;
      ascii += byte > 31 && byte < 127 ? String.fromCharCode(byte) : '.';
    }
    lines.push(`${indent}${at.toString(16).padStart(4, '0')} ${digits.padEnd(50)} ${ascii}`);
  }
  return lines.join('\n');
}
