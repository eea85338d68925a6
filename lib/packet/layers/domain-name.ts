/** Lists of domain names in DNS wire format, for the search list option of router advertisements. */
import { invalidValue, text } from '../../argument/argument-error.ts';
import { list } from '../bytes/bytes.ts';

const LONGEST_LABEL = 63;
const LABEL = /^[!-\-/-~]{1,63}$/; // printable ASCII without the dot

/**
 * Writes names into zeros, each terminated by an empty label, and returns their length. Without `to`, it only computes
 * the length.
 */
export function writeNames(names: readonly string[], to?: Uint8Array, start = 0): number {
  let at = start;
  for (const name of list(names, 'icmpv6.options.domainNames')) {
    for (const label of text(name, 'icmpv6.options.domainNames').split('.')) {
      if (!LABEL.test(label)) throw invalidValue('icmpv6.options.domainNames', 'domain names of printable ASCII');
      if (to !== undefined) {
        to[at] = label.length;
        for (let i = 0; i < label.length; i++) to[at + 1 + i] = label.charCodeAt(i);
      }
      at += 1 + label.length;
    }
    at += 1;
  }
  return at - start;
}

/**
 * Reads names up to the padding of fewer than 8 zeros. Returns undefined for data that `writeNames` would not write in
 * the same way.
 */
export function readNames(bytes: Uint8Array, start: number, end: number): string[] | undefined {
  const names: string[] = [];
  let labels: string[] = [];
  let at = start;
  while (at < end) {
    const length = bytes[at]!;
    if (length === 0 && labels.length === 0) break;
    at += 1;
    if (length === 0) {
      names.push(labels.join('.'));
      labels = [];
      continue;
    }
    if (length > LONGEST_LABEL || at + length > end) return undefined;
    let label = '';
    for (let i = 0; i < length; i++) label += String.fromCharCode(bytes[at + i]!);
    if (!LABEL.test(label)) return undefined;
    labels.push(label);
    at += length;
  }
  if (labels.length > 0 || end - at > 7) return undefined;
  for (; at < end; at++) if (bytes[at] !== 0) return undefined;
  return names;
}
