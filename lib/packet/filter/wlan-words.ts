/** Words of filter expressions about the IEEE 802.11 header. */
import type { Direction, WlanAddress, Word } from './expression.ts';
import { further, loadAt, type RelativeOffset, remembered } from './load.ts';
import { directed } from './network-words.ts';
import { all, any, bits, equal, not, type Part } from './part.ts';
import { refusedExpression } from './refusal.ts';
import type { Scope } from './scope.ts';

const CONTROL = 0x04;
const DATA = 0x08;
const TO_DISTRIBUTION = 1;
const FROM_DISTRIBUTION = 2;
const TYPE = 0x0c;
const SUBTYPE = 0xf0;
const CLEAR_TO_SEND = 0xc0;
const ACKNOWLEDGMENT = 0xd0;

/** The frame control field: its first byte contains the type, its second byte the direction. */
const kind = ({ link }: Scope, mask?: number) => remembered(link, 1, mask);
const flags = ({ link }: Scope) => remembered(further(link, 1), 1);
/** Tests `yes` if a condition is true, and otherwise `no`. */
const either = (condition: Part, yes: Part, no: Part) => any(all(condition, yes), all(not(condition), no));

/** Tests the destination. It is the third address in a frame to the distribution system, and otherwise the first. */
function destination(scope: Scope, test: (at: RelativeOffset) => Part): Part {
  const [first, third] = [test(further(scope.link, 4)), test(further(scope.link, 16))];
  const ofData = either(bits(flags(scope), TO_DISTRIBUTION), third, first);
  return all(not(bits(kind(scope), CONTROL)), either(bits(kind(scope), DATA), ofData, first));
}

/** Tests the source. It is the second address, or in a frame from the distribution system the third or the fourth. */
function source(scope: Scope, test: (at: RelativeOffset) => Part): Part {
  const { link } = scope;
  const [second, third, fourth] = [10, 16, 24].map((at) => test(further(link, at))) as [Part, Part, Part];
  const relayed = either(bits(flags(scope), TO_DISTRIBUTION), fourth, third);
  const ofData = either(bits(flags(scope), FROM_DISTRIBUTION), relayed, second);
  return all(not(bits(kind(scope), CONTROL)), either(bits(kind(scope), DATA), ofData, second));
}

/** Tests that the frame is neither a clear to send nor an acknowledgment, which have only one address. */
function hasSecond(scope: Scope): Part {
  const short = equal(kind(scope, SUBTYPE), CLEAR_TO_SEND, ACKNOWLEDGMENT);
  return any(not(equal(kind(scope, TYPE), CONTROL)), not(short));
}

/** Tests the hardware addresses that the direction selects. */
export function wlanHost(scope: Scope, test: (at: RelativeOffset) => Part, direction: Direction | WlanAddress): Part {
  const { link } = scope;
  switch (direction) {
    case 'addr1':
      return test(further(link, 4));
    case 'addr2':
      return all(hasSecond(scope), test(further(link, 10)));
    case 'addr3':
      return all(not(equal(kind(scope, TYPE), CONTROL)), test(further(link, 16)));
    case 'addr4':
      return all(
        equal(remembered(further(link, 1), 1, 3), TO_DISTRIBUTION | FROM_DISTRIBUTION),
        test(further(link, 24)),
      );
    case 'ra':
      return all(bits(kind(scope), DATA), test(further(link, 4)));
    case 'ta':
      return all(bits(kind(scope), DATA), hasSecond(scope), test(further(link, 10)));
    default:
      return directed(direction, source(scope, test), destination(scope, test));
  }
}

/** Tests for a multicast destination. */
export function wlanMulticast(scope: Scope): Part {
  return destination(scope, (at) => bits(loadAt(at, 1), 1));
}

/** Tests the type or the direction of a frame. */
export function wlan(scope: Scope, asked: Word<'wlan'>): Part {
  if (scope.kind !== '802.11') {
    throw refusedExpression(
      asked,
      "'type', 'subtype' and 'dir' apply to 802.11 frames, and this link type is different",
    );
  }
  return equal(loadAt(further(scope.link, asked.at), 1, asked.mask), asked.value);
}
