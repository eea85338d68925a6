/** Bytes for people. */
import { text } from '../../posix/errno.ts';
import { uint8Array } from '../../posix/snapshot.ts';

/**
 * Bytes as offset, hex and ASCII, 16 to a line.
 *
 * @param bytes The bytes.
 * @param indent What every line begins with.
 * @returns Lines, without a newline at the end; `''` for no bytes.
 * @throws TypeError for what is no bytes.
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
