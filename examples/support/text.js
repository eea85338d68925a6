// @ts-check
// What came from the network, made fit to be printed.

/** Text whose control characters cannot reach the terminal: they stand as \n, \t or \x1b. @param {string} text */
export function printable(text) {
  const short = /** @type {Record<string, string>} */ ({ '\n': '\\n', '\r': '\\r', '\t': '\\t', '\\': '\\\\' });
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\\]/gu, (character) => {
    const code = /** @type {number} */ (character.codePointAt(0));
    const hex = code.toString(16);
    return short[character] ?? (code < 0x100 ? `\\x${hex.padStart(2, '0')}` : `\\u{${hex}}`);
  });
}

/** Bytes as printable text: UTF-8, without the NULs at their end. @param {Uint8Array} bytes */
export function utf8(bytes) {
  return printable(Buffer.from(bytes).toString('utf8').replace(/\0+$/, ''));
}

/** Bytes as hex digits. @param {Uint8Array} bytes */
export function hex(bytes) {
  return Buffer.from(bytes).toString('hex');
}
