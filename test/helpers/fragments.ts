/** Splits packets into fragments and shuffles lists, as networks do to packets. */
import { randomOf } from './filter-packets.ts';

/** A seeded generator of numbers from 0 to 1 (exclusive), and of integers below a limit. */
export class Chance {
  readonly next: () => number;

  constructor(seed: number) {
    this.next = randomOf(seed);
  }

  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.below(256));
  }

  /** The same items in another order, in which each stays within this distance of its position. */
  shuffled<T>(list: readonly T[], within: number = list.length): T[] {
    return list
      .map((item, i) => ({ item, place: i + this.next() * within }))
      .sort((a, b) => a.place - b.place)
      .map(({ item }) => item);
  }
}

const sumOf = (bytes: Uint8Array) => {
  let total = 0;
  for (let i = 0; i < bytes.length; i += 2) total += (bytes[i]! << 8) | bytes[i + 1]!;
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  return ~total & 0xffff;
};

/** Splits an IPv4 packet after `at` bytes into fragments with at most `size` bytes of data each, a multiple of 8. */
export function fragments4(packet: Uint8Array, at: number, size: number): Uint8Array[] {
  const start = at + 4 * (packet[at]! & 15);
  const parts: Uint8Array[] = [];
  for (let from = start; from < packet.length; from += size) {
    const to = Math.min(from + size, packet.length);
    const part = Buffer.concat([packet.subarray(0, start), packet.subarray(from, to)]);
    part.writeUInt16BE(part.length - at, at + 2);
    part.writeUInt16BE((to < packet.length ? 0x2000 : 0) | ((from - start) / 8), at + 6);
    part.writeUInt16BE(0, at + 10);
    part.writeUInt16BE(sumOf(part.subarray(at, start)), at + 10);
    parts.push(new Uint8Array(part));
  }
  return parts;
}

/**
 * Splits an IPv6 packet after `at` bytes into fragments. Each contains the headers up to `start`; the byte that identifies
 * the next header is at `announcedAt`.
 */
export function fragments6(
  packet: Uint8Array,
  {
    at,
    start,
    announcedAt,
    size,
    identification,
  }: Record<'at' | 'start' | 'announcedAt' | 'size' | 'identification', number>,
): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let from = start; from < packet.length; from += size) {
    const to = Math.min(from + size, packet.length);
    const header = Buffer.alloc(8);
    header[0] = packet[announcedAt]!;
    header.writeUInt16BE((from - start) | (to < packet.length ? 1 : 0), 2);
    header.writeUInt32BE(identification, 4);
    const part = Buffer.concat([packet.subarray(0, start), header, packet.subarray(from, to)]);
    part[announcedAt] = 44;
    part.writeUInt16BE(part.length - at - 40, at + 4);
    parts.push(new Uint8Array(part));
  }
  return parts;
}
