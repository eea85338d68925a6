/** Parses words about frames in filter expressions: kinds of 802.2 frames, types of 802.11 frames. */
import type { FilterExpression } from './expression.ts';
import { llc } from './match.ts';
import { named, type Token, type TokenReader } from './tokens.ts';

/** The kinds of 802.2 frames: the bits of the control field, and the mask of those that count. */
const LLC_KINDS: { readonly [name: string]: readonly [value: number, mask: number] } = {
  ...{ i: [0, 0x01], s: [0x01, 0x03], u: [0x03, 0x03], rr: [0x01, 0x0f], rnr: [0x05, 0x0f], rej: [0x09, 0x0f] },
  ...{ ui: [0x03, 0xef], ua: [0x63, 0xef], disc: [0x43, 0xef], dm: [0x0f, 0xef], sabme: [0x6f, 0xef] },
  ...{ test: [0xe3, 0xef], xid: [0xaf, 0xef], frmr: [0x87, 0xef] },
};
const WLAN_TYPES: { readonly [name: string]: number } = {
  ...{ mgt: 0, management: 0, ctl: 4, control: 4, data: 8 },
};
const WLAN_SUBTYPES: { readonly [type: number]: { readonly [name: string]: number } } = {
  0: {
    ...{ assocreq: 0, 'assoc-req': 0, assocresp: 0x10, 'assoc-resp': 0x10, reassocreq: 0x20, 'reassoc-req': 0x20 },
    ...{ reassocresp: 0x30, 'reassoc-resp': 0x30, probereq: 0x40, 'probe-req': 0x40, proberesp: 0x50 },
    ...{ 'probe-resp': 0x50, beacon: 0x80, atim: 0x90, disassoc: 0xa0, disassociation: 0xa0, auth: 0xb0 },
    ...{ authentication: 0xb0, deauth: 0xc0, deauthentication: 0xc0 },
  },
  4: { 'ps-poll': 0xa0, rts: 0xb0, cts: 0xc0, ack: 0xd0, 'cf-end': 0xe0, 'cf-end-ack': 0xf0 },
  8: {
    ...{ data: 0, 'data-cf-ack': 0x10, 'data-cf-poll': 0x20, 'data-cf-ack-poll': 0x30, null: 0x40, 'cf-ack': 0x50 },
    ...{ 'cf-poll': 0x60, 'cf-ack-poll': 0x70, 'qos-data': 0x80, 'qos-data-cf-ack': 0x90, 'qos-data-cf-poll': 0xa0 },
    ...{ 'qos-data-cf-ack-poll': 0xb0, qos: 0xc0, 'qos-cf-poll': 0xe0, 'qos-cf-ack-poll': 0xf0 },
  },
};
const DIRECTIONS: { readonly [name: string]: number } = { nods: 0, tods: 1, fromds: 2, dstods: 3 };
const TYPE = 0x0c;
const SUBTYPE = 0xf0;

/** Parses `llc`, optionally followed by a kind of frame. */
export function llcWord(reader: TokenReader): FilterExpression {
  reader.take();
  const token = reader.peek();
  if (token.kind !== 'name' && !reader.is(['rnr'])) return llc();
  const kind = LLC_KINDS[reader.take().text.toLowerCase()];
  if (kind === undefined) {
    throw reader.refusal(
      token,
      `${named(token)} is not a kind of 802.2 frame, which are ${Object.keys(LLC_KINDS).join(', ')}`,
    );
  }
  return llc(...kind);
}

/** Returns the value of a token that is a number or one of these names. */
function numberOf(reader: TokenReader, token: Token, names: { readonly [name: string]: number }, mask: number): number {
  const name = token.text.toLowerCase();
  if (token.kind === 'name' && Object.hasOwn(names, name)) return names[name]!;
  if (token.kind === 'number') {
    const number = reader.numberOf(token, 'a number');
    if ((number & ~mask) === 0) return number;
  }
  throw reader.refusal(token, `${named(token)} is not one of ${Object.keys(names).join(', ')}`);
}

const wlan = (at: 0 | 1, value: number, mask: number): FilterExpression => ({ word: 'wlan', at, value, mask });

/** Parses `type`, `subtype` and `dir`: the type or the direction of an 802.11 frame. */
export function wlanWord(reader: TokenReader): FilterExpression | undefined {
  const word = reader.takeOne('type', 'subtype', 'dir');
  if (word === undefined) return undefined;
  if (word.text === 'dir') return wlan(1, numberOf(reader, reader.take(), DIRECTIONS, 3), 3);
  if (word.text === 'subtype') {
    const token = reader.take();
    for (const [type, names] of Object.entries(WLAN_SUBTYPES)) {
      const name = token.text.toLowerCase();
      if (Object.hasOwn(names, name)) return wlan(0, Number(type) | names[name]!, TYPE | SUBTYPE);
    }
    throw reader.refusal(token, `${named(token)} is not an 802.11 subtype`);
  }
  const type = numberOf(reader, reader.take(), WLAN_TYPES, TYPE);
  if (reader.takeOne('subtype') === undefined) return wlan(0, type, TYPE);
  return wlan(0, type | numberOf(reader, reader.take(), WLAN_SUBTYPES[type] ?? {}, SUBTYPE), TYPE | SUBTYPE);
}
