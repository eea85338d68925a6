/** Words of filter expressions about the header of IEEE 802.11. */
import type { Direction, WlanAddress, Word } from './expression.ts';
import { further, loadAt, type Place, remembered } from './load.ts';
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

/** What the frame control field tells: its first byte has the type, its second the direction. */
const kind = ({ link }: Scope, mask?: number) => remembered(link, 1, mask);
const flags = ({ link }: Scope) => remembered(further(link, 1), 1);
/** `yes` where a condition holds, else `no`. */
const either = (condition: Part, yes: Part, no: Part) => any(all(condition, yes), all(not(condition), no));

/** The destination is the third address towards the distribution system, else the first. */
function destination(scope: Scope, test: (at: Place) => Part): Part {
  const [first, third] = [test(further(scope.link, 4)), test(further(scope.link, 16))];
  const ofData = either(bits(flags(scope), TO_DISTRIBUTION), third, first);
  return all(not(bits(kind(scope), CONTROL)), either(bits(kind(scope), DATA), ofData, first));
}

/** The source is the second address, and that behind where a frame comes from the distribution system. */
function source(scope: Scope, test: (at: Place) => Part): Part {
  const { link } = scope;
  const [second, third, fourth] = [10, 16, 24].map((at) => test(further(link, at))) as [Part, Part, Part];
  const relayed = either(bits(flags(scope), TO_DISTRIBUTION), fourth, third);
  const ofData = either(bits(flags(scope), FROM_DISTRIBUTION), relayed, second);
  return all(not(bits(kind(scope), CONTROL)), either(bits(kind(scope), DATA), ofData, second));
}

/** Neither a clear to send nor an acknowledgment: those have one address only. */
function hasSecond(scope: Scope): Part {
  const short = equal(kind(scope, SUBTYPE), CLEAR_TO_SEND, ACKNOWLEDGMENT);
  return any(not(equal(kind(scope, TYPE), CONTROL)), not(short));
}

/** A hardware address in one of the places that the direction names. */
export function wlanHost(scope: Scope, test: (at: Place) => Part, direction: Direction | WlanAddress): Part {
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

/** To a group of stations. */
export function wlanMulticast(scope: Scope): Part {
  return destination(scope, (at) => bits(loadAt(at, 1), 1));
}

/** The type of a frame, or its direction. */
export function wlan(scope: Scope, asked: Word<'wlan'>): Part {
  if (scope.kind !== '802.11') {
    throw refusedExpression(asked, "'type', 'subtype' and 'dir' are about frames of 802.11, and this link is another");
  }
  return equal(loadAt(further(scope.link, asked.at), 1, asked.mask), asked.value);
}
