/** IEEE 802.11: where the headers are, of which none has a fixed length. */
import { BPF_ADD, BPF_ALU, BPF_AND, BPF_K, BPF_LSH, BPF_MISC, BPF_OR, BPF_TAX, BPF_X } from '../../posix/constants.ts';
import { baseOf, further, instruction, loadInstruction, type Place, remembered } from './load.ts';
import { all, any, bits, not } from './part.ts';
import type { Scope, Scopes } from './scope.ts';

const HEADER = 24;
/** In a frame of data: there are two bytes more, about the quality of service. */
const QUALITY = 0x80;
const QUALITY_LENGTH = 2;
/** What carries 802.2 has SNAP behind it, but for a few protocols. */
const SNAP = { network: 8, bare: 3 };

const scope = (link: Place, payload: Place, hasRadio: boolean): Scope => ({
  ...{ kind: '802.11', link, type: link, payload, ...SNAP, labels: 0, isCaptured: true, hasRadio },
});
/** With the header as long as its frame control field says. */
const either = (link: Place, make: (length: number) => Scope): Scopes => ({
  question: bits(remembered(link, 1), QUALITY),
  yes: make(HEADER + QUALITY_LENGTH),
  no: make(HEADER),
});

const START: Place = { at: 0 };
/** The ways through a frame. */
export const WLAN: Scopes = either(START, (length) => scope(START, { at: length }, false));

/** The length of the radio header is in its bytes 2 and 3, the lower first. */
const radioLength = [
  loadInstruction({ at: 3 }, 1),
  instruction(BPF_ALU | BPF_LSH | BPF_K, 8),
  instruction(BPF_MISC | BPF_TAX, 0),
  loadInstruction({ at: 2 }, 1),
  instruction(BPF_ALU | BPF_OR | BPF_X, 0),
];
const toX = instruction(BPF_MISC | BPF_TAX, 0);
const behindRadio: Place = { base: baseOf([...radioLength, toX]), at: 0 };
/** A place that is rounded up to four bytes. */
const rounded = (at: number): Place => ({
  base: baseOf([
    ...radioLength,
    instruction(BPF_ALU | BPF_ADD | BPF_K, at + 3),
    instruction(BPF_ALU | BPF_AND | BPF_K, 0xfffffffc),
    toX,
  ]),
  at: 0,
});

/** Which fields the radio header has. Its bits are counted from the lowest byte, which is the first. */
const present = remembered({ at: 4 }, 4);
const [TIME, FLAGS, MORE] = [0x01000000, 0x02000000, 0x80];
const PADDED = 0x20;
/** There is padding between the header and the data. The flags that say so are behind the time, if there is one. */
const isPadded = all(
  bits(present, FLAGS),
  not(bits(present, MORE)),
  any(
    all(bits(present, TIME), bits(remembered({ at: 16 }, 1), PADDED)),
    all(not(bits(present, TIME)), bits(remembered({ at: 8 }, 1), PADDED)),
  ),
);
/** The ways through a frame behind a radio header. */
export const RADIOTAP: Scopes = {
  question: isPadded,
  yes: either(behindRadio, (length) => scope(behindRadio, rounded(length), true)),
  no: either(behindRadio, (length) => scope(behindRadio, further(behindRadio, length), true)),
};
