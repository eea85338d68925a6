/** The options of TCP: RFC 9293, 7323, 2018, 7413 and 2385. */
import { namesOf, onlyKnown } from '../../posix/known-names.ts';
import { object } from '../../posix/snapshot.ts';
import { data, get16, get32, list, put16, put32, uint8, uint16, uint32 } from '../bytes.ts';
import { END, NOP, type OptionList, optionList, optionNames, shortOption } from './option-list.ts';

/**
 * An option of TCP, told apart by `name`. Its length is filled in.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9293#section-3.2
 */
export type TcpOption =
  /** `data` is the padding that follows. Encoding pads by itself: it is needed only for odd padding. */
  | { name: 'endOfOptionList'; data?: Uint8Array }
  | { name: 'noOperation' }
  | { name: 'maximumSegmentSize'; maximumSegmentSize: number }
  | { name: 'windowScale'; shiftCount: number }
  | { name: 'sackPermitted' }
  | { name: 'sack'; blocks: readonly { leftEdge: number; rightEdge: number }[] }
  | { name: 'timestamps'; tsVal: number; tsEcr: number }
  /** An empty cookie asks for one. */
  | { name: 'fastOpen'; cookie: Uint8Array }
  | { name: 'md5Signature'; digest: Uint8Array }
  /** Any other kind, or a known one of unexpected length. */
  | { name: 'other'; kind: number; data: Uint8Array }
  /** What is left where an option's length cannot be right; encodes as it is. */
  | { name: 'malformed'; data: Uint8Array };

const KIND = {
  endOfOptionList: END,
  noOperation: NOP,
  maximumSegmentSize: 2,
  windowScale: 3,
  sackPermitted: 4,
  sack: 5,
  timestamps: 8,
  md5Signature: 19,
  fastOpen: 34,
} as const;

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

function size(option: TcpOption): number {
  switch (option.name) {
    case 'endOfOptionList':
      return 1 + data(option.data, field('data')).length;
    case 'noOperation':
      return 1;
    case 'maximumSegmentSize':
      return 4;
    case 'windowScale':
      return 3;
    case 'sackPermitted':
      return 2;
    case 'sack':
      return 2 + 8 * option.blocks.length;
    case 'timestamps':
      return 10;
    case 'fastOpen':
      return 2 + data(option.cookie, field('cookie')).length;
    case 'md5Signature':
      return 2 + data(option.digest, field('digest')).length;
    case 'other':
      return 2 + data(option.data, field('data')).length;
    case 'malformed':
      return data(option.data, field('data')).length;
  }
}

function write(option: TcpOption, bytes: Uint8Array, at: number): void {
  if (option.name === 'malformed') {
    bytes.set(data(option.data, field('data')), at);
    return;
  }
  bytes[at] = option.name === 'other' ? uint8(option.kind, field('kind')) : KIND[option.name];
  if (option.name === 'noOperation') return;
  if (option.name === 'endOfOptionList') {
    bytes.set(data(option.data, field('data')), at + 1);
    return;
  }
  bytes[at + 1] = uint8(size(option), field('length'));
  switch (option.name) {
    case 'maximumSegmentSize':
      put16(bytes, at + 2, uint16(option.maximumSegmentSize, field('maximumSegmentSize')));
      return;
    case 'windowScale':
      bytes[at + 2] = uint8(option.shiftCount, field('shiftCount'));
      return;
    case 'sackPermitted':
      return;
    case 'sack':
      option.blocks.forEach(({ leftEdge, rightEdge }, i) => {
        put32(bytes, at + 2 + 8 * i, uint32(leftEdge, field('leftEdge')));
        put32(bytes, at + 6 + 8 * i, uint32(rightEdge, field('rightEdge')));
      });
      return;
    case 'timestamps':
      put32(bytes, at + 2, uint32(option.tsVal, field('tsVal')));
      put32(bytes, at + 6, uint32(option.tsEcr, field('tsEcr')));
      return;
    case 'fastOpen':
      bytes.set(data(option.cookie, field('cookie')), at + 2);
      return;
    case 'md5Signature':
      bytes.set(data(option.digest, field('digest')), at + 2);
      return;
    case 'other':
      bytes.set(data(option.data, field('data')), at + 2);
  }
}

function readSack(bytes: Uint8Array, at: number, length: number): TcpOption {
  const blocks: { leftEdge: number; rightEdge: number }[] = [];
  for (let i = at + 2; i < at + length; i += 8) {
    blocks.push({ leftEdge: get32(bytes, i), rightEdge: get32(bytes, i + 4) });
  }
  return { name: 'sack', blocks };
}

function read(bytes: Uint8Array, at: number, length: number): TcpOption {
  const kind = bytes[at]!;
  switch (kind) {
    case KIND.maximumSegmentSize:
      if (length === 4) return { name: 'maximumSegmentSize', maximumSegmentSize: get16(bytes, at + 2) };
      break;
    case KIND.windowScale:
      if (length === 3) return { name: 'windowScale', shiftCount: bytes[at + 2]! };
      break;
    case KIND.sackPermitted:
      if (length === 2) return { name: 'sackPermitted' };
      break;
    case KIND.sack:
      if (length % 8 === 2 && length > 2) return readSack(bytes, at, length);
      break;
    case KIND.timestamps:
      if (length === 10) return { name: 'timestamps', tsVal: get32(bytes, at + 2), tsEcr: get32(bytes, at + 6) };
      break;
    case KIND.md5Signature:
      return { name: 'md5Signature', digest: bytes.subarray(at + 2, at + length) };
    case KIND.fastOpen:
      return { name: 'fastOpen', cookie: bytes.subarray(at + 2, at + length) };
  }
  return { name: 'other', kind, data: bytes.subarray(at + 2, at + length) };
}

const BLOCK = namesOf<{ leftEdge: number; rightEdge: number }>({ leftEdge: true, rightEdge: true });

/** Refuses options, and blocks of a selective acknowledgment, that have a name which is not known. */
export function checkTcpOptions(options: readonly TcpOption[] | undefined): void {
  tcpOptions.check(options);
  for (const option of options ?? []) {
    if (option.name !== 'sack') continue;
    for (const block of list(option.blocks, field('blocks')))
      onlyKnown(object(block, field('blocks')), BLOCK, field('blocks'));
  }
}

export const tcpOptions: OptionList<TcpOption> = optionList<TcpOption>({
  argument: 'tcp.options',
  names: NAMES,
  size,
  write,
  short: shortOption,
  length: (field) => field,
  read,
});
