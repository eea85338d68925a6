// @ts-check
// Makes what arrived from the network fit to be printed.

/** Escapes control characters as \n, \t or \x1b, so that they cannot reach the terminal. @param {string} text */
export function printable(text) {
  const short = /** @type {Record<string, string>} */ ({ '\n': '\\n', '\r': '\\r', '\t': '\\t', '\\': '\\\\' });
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\\]/gu, (character) => {
    const code = /** @type {number} */ (character.codePointAt(0));
    const hex = code.toString(16);
    return short[character] ?? (code < 0x100 ? `\\x${hex.padStart(2, '0')}` : `\\u{${hex}}`);
  });
}

/** Formats bytes as printable UTF-8 text, without trailing NULs. @param {Uint8Array} bytes */
export function utf8(bytes) {
  return printable(Buffer.from(bytes).toString('utf8').replace(/\0+$/, ''));
}

/** Formats bytes as hexadecimal digits. @param {Uint8Array} bytes */
export function hex(bytes) {
  return Buffer.from(bytes).toString('hex');
}
