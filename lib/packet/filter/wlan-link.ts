/** The positions of the IEEE 802.11 headers, none of which has a fixed length. */
import { BPF_ADD, BPF_ALU, BPF_AND, BPF_K, BPF_LSH, BPF_MISC, BPF_OR, BPF_TAX, BPF_X } from '../../native/constants.ts';
import { baseOf, further, instruction, loadInstruction, type RelativeOffset, remembered } from './load.ts';
import { all, any, bits, not } from './part.ts';
import type { Scope, Scopes } from './scope.ts';

const HEADER = 24;
/** The bit of a data frame whose header has two more bytes, for the quality of service. */
const QUALITY = 0x80;
const QUALITY_LENGTH = 2;
/** The payload begins with a SNAP header, except for a few protocols. */
const SNAP = { network: 8, bare: 3 };

const scope = (link: RelativeOffset, payload: RelativeOffset, hasRadio: boolean): Scope => ({
  ...{ kind: '802.11', link, type: link, payload, ...SNAP, labels: 0, isCaptured: true, hasRadio },
});
/** Chooses the length of the header by its frame control field. */
const either = (link: RelativeOffset, make: (length: number) => Scope): Scopes => ({
  question: bits(remembered(link, 1), QUALITY),
  yes: make(HEADER + QUALITY_LENGTH),
  no: make(HEADER),
});

const START: RelativeOffset = { at: 0 };
/** The paths through a frame. */
export const WLAN: Scopes = either(START, (length) => scope(START, { at: length }, false));

/** Loads the length of the radiotap header from its bytes 2 and 3, which are in little-endian order. */
const radioLength = [
  loadInstruction({ at: 3 }, 1),
  instruction(BPF_ALU | BPF_LSH | BPF_K, 8),
  instruction(BPF_MISC | BPF_TAX, 0),
  loadInstruction({ at: 2 }, 1),
  instruction(BPF_ALU | BPF_OR | BPF_X, 0),
];
const toX = instruction(BPF_MISC | BPF_TAX, 0);
const behindRadio: RelativeOffset = { base: baseOf([...radioLength, toX]), at: 0 };
/** Returns a place that is rounded up to a multiple of four bytes. */
const rounded = (at: number): RelativeOffset => ({
  base: baseOf([
    ...radioLength,
    instruction(BPF_ALU | BPF_ADD | BPF_K, at + 3),
    instruction(BPF_ALU | BPF_AND | BPF_K, 0xfffffffc),
    toX,
  ]),
  at: 0,
});

/** The fields that the radiotap header contains. Its bits are counted from the lowest byte, which comes first. */
const present = remembered({ at: 4 }, 4);
const [TIME, FLAGS, MORE] = [0x01000000, 0x02000000, 0x80];
const PADDED = 0x20;
/**
 * Tests whether there is padding between the header and the data. The flags that indicate it come after the timestamp,
 * if there is one.
 */
const isPadded = all(
  bits(present, FLAGS),
  not(bits(present, MORE)),
  any(
    all(bits(present, TIME), bits(remembered({ at: 16 }, 1), PADDED)),
    all(not(bits(present, TIME)), bits(remembered({ at: 8 }, 1), PADDED)),
  ),
);
/** The paths through a frame after a radiotap header. */
export const RADIOTAP: Scopes = {
  question: isPadded,
  yes: either(behindRadio, (length) => scope(behindRadio, rounded(length), true)),
  no: either(behindRadio, (length) => scope(behindRadio, further(behindRadio, length), true)),
};
