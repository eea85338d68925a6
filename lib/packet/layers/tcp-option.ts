/** The options of TCP: RFC 9293, 7323, 2018, 7413 and 2385. */
import { namesOf, onlyKnown } from '../../argument/known-names.ts';
import { assertObject } from '../../argument/snapshot.ts';
import { data, get16, get32, list, put16, put32, uint8, uint16, uint32 } from '../bytes/bytes.ts';
import { type Known, type OptionList, optionList, optionNames, shortOption } from './option-list.ts';

/**
 * A TCP option, which `name` identifies. Its length is filled in.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9293#section-3.2
 */
export type TcpOption =
  /**
   * `data` is the padding after it. It is only needed for unusual padding, because encoding pads the options itself.
   */
  | { name: 'endOfOptionList'; data?: Uint8Array }
  | { name: 'noOperation' }
  | { name: 'maximumSegmentSize'; maximumSegmentSize: number }
  | { name: 'windowScale'; shiftCount: number }
  | { name: 'sackPermitted' }
  | { name: 'sack'; blocks: readonly { leftEdge: number; rightEdge: number }[] }
  | { name: 'timestamps'; tsVal: number; tsEcr: number }
  /** An empty cookie requests one. */
  | { name: 'fastOpen'; cookie: Uint8Array }
  | { name: 'md5Signature'; digest: Uint8Array }
  /** Any other kind, or a known kind with an unexpected length. */
  | { name: 'other'; kind: number; data: Uint8Array }
  /** The remaining bytes after an option with an invalid length. They are encoded unchanged. */
  | { name: 'malformed'; data: Uint8Array };

const KIND = {
  maximumSegmentSize: 2,
  windowScale: 3,
  sackPermitted: 4,
  sack: 5,
  timestamps: 8,
  md5Signature: 19,
  fastOpen: 34,
} as const;

/** The offset of each field of the options, and of the fields of two of them. */
const OPTION = { kind: 0, data: 2 } as const;
const TIMESTAMPS = { tsVal: 2, tsEcr: 6 } as const;
const SACK = { leftEdge: 0, rightEdge: 4, size: 8 } as const;

const NAMES = optionNames<TcpOption>({
  endOfOptionList: { data: true },
  noOperation: {},
  maximumSegmentSize: { maximumSegmentSize: true },
  windowScale: { shiftCount: true },
  sackPermitted: {},
  sack: { blocks: true },
  timestamps: { tsVal: true, tsEcr: true },
  fastOpen: { cookie: true },
  md5Signature: { digest: true },
  other: { kind: true, data: true },
  malformed: { data: true },
});

const field = (name: string) => `tcp.options.${name}`;

function size(option: Known<TcpOption>): number {
  switch (option.name) {
    case 'maximumSegmentSize':
      return 4;
    case 'windowScale':
      return 3;
    case 'sackPermitted':
      return 2;
    case 'sack':
      return OPTION.data + SACK.size * option.blocks.length;
    case 'timestamps':
      return 10;
    case 'fastOpen':
      return 2 + data(option.cookie, field('cookie')).length;
    case 'md5Signature':
      return 2 + data(option.digest, field('digest')).length;
  }
}

function write(option: Known<TcpOption>, bytes: Uint8Array, at: number): void {
  switch (option.name) {
    case 'maximumSegmentSize':
      put16(bytes, at + OPTION.data, uint16(option.maximumSegmentSize, field('maximumSegmentSize')));
      return;
    case 'windowScale':
      bytes[at + OPTION.data] = uint8(option.shiftCount, field('shiftCount'));
      return;
    case 'sackPermitted':
      return;
    case 'sack':
      option.blocks.forEach(({ leftEdge, rightEdge }, i) => {
        const block = at + OPTION.data + SACK.size * i;
        put32(bytes, block + SACK.leftEdge, uint32(leftEdge, field('leftEdge')));
        put32(bytes, block + SACK.rightEdge, uint32(rightEdge, field('rightEdge')));
      });
      return;
    case 'timestamps':
      put32(bytes, at + TIMESTAMPS.tsVal, uint32(option.tsVal, field('tsVal')));
      put32(bytes, at + TIMESTAMPS.tsEcr, uint32(option.tsEcr, field('tsEcr')));
      return;
    case 'fastOpen':
      bytes.set(data(option.cookie, field('cookie')), at + OPTION.data);
      return;
    case 'md5Signature':
      bytes.set(data(option.digest, field('digest')), at + OPTION.data);
  }
}

function readSack(bytes: Uint8Array, at: number, length: number): TcpOption {
  const blocks: { leftEdge: number; rightEdge: number }[] = [];
  for (let i = at + OPTION.data; i < at + length; i += SACK.size) {
    blocks.push({ leftEdge: get32(bytes, i + SACK.leftEdge), rightEdge: get32(bytes, i + SACK.rightEdge) });
  }
  return { name: 'sack', blocks };
}

function read(bytes: Uint8Array, at: number, length: number): TcpOption {
  const kind = bytes[at + OPTION.kind]!;
  switch (kind) {
    case KIND.maximumSegmentSize:
      if (length === 4) return { name: 'maximumSegmentSize', maximumSegmentSize: get16(bytes, at + OPTION.data) };
      break;
    case KIND.windowScale:
      if (length === 3) return { name: 'windowScale', shiftCount: bytes[at + OPTION.data]! };
      break;
    case KIND.sackPermitted:
      if (length === 2) return { name: 'sackPermitted' };
      break;
    case KIND.sack:
      if (length % 8 === 2 && length > 2) return readSack(bytes, at, length);
      break;
    case KIND.timestamps:
      if (length === 10)
        return {
          name: 'timestamps',
          tsVal: get32(bytes, at + TIMESTAMPS.tsVal),
          tsEcr: get32(bytes, at + TIMESTAMPS.tsEcr),
        };
      break;
    case KIND.md5Signature:
      return { name: 'md5Signature', digest: bytes.subarray(at + OPTION.data, at + length) };
    case KIND.fastOpen:
      return { name: 'fastOpen', cookie: bytes.subarray(at + OPTION.data, at + length) };
  }
  return { name: 'other', kind, data: bytes.subarray(at + OPTION.data, at + length) };
}

const BLOCK = namesOf<{ leftEdge: number; rightEdge: number }>({ leftEdge: true, rightEdge: true });

/** Throws for options and selective acknowledgment blocks with unknown properties. */
export function checkTcpOptions(options: readonly TcpOption[] | undefined): void {
  tcpOptions.check(options);
  for (const option of options ?? []) {
    if (option.name !== 'sack') continue;
    for (const block of list(option.blocks, field('blocks')))
      onlyKnown(assertObject(block, field('blocks')), BLOCK, field('blocks'));
  }
}

export const tcpOptions: OptionList<TcpOption> = optionList<TcpOption>({
  argument: 'tcp.options',
  names: NAMES,
  types: KIND,
  typeName: 'kind',
  unit: 1,
  uncounted: 0,
  size,
  write,
  readShort: shortOption,
  read,
});
