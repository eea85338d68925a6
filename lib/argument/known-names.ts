/** Rejects unknown property names in options objects, messages and headers, as a C compiler rejects unknown struct members. */
import { invalidType, invalidValue } from './argument-error.ts';

type NamesOf<T> = T extends unknown ? keyof T & string : never;

/** The property names that an object may have. */
export interface Names {
  /** All names. The object has no prototype, so that `constructor` is not one of them. */
  readonly all: { readonly [name: string]: true };
  /** The names of the object that was checked last, in their order, because the next object usually has the same ones. */
  last: readonly string[];
}

/** Returns the names of an interface from the keys of an object. The compiler checks that the object has exactly these keys. */
export function namesOf<T>(keys: { readonly [Name in NamesOf<T>]: unknown }): Names {
  const all = Object.create(null);
  for (const name in keys) all[name] = true;
  return { all, last: [] };
}

/** Returns the names of an object that has one of several forms. */
export function namesOfAny(...forms: readonly Names[]): Names {
  return { all: Object.assign(Object.create(null), ...forms.map(({ all }) => all)), last: [] };
}

/**
 * Throws if an object has an own property with an unknown name. A property whose value is `undefined` counts as omitted, and
 * inherited properties are ignored.
 */
export function onlyKnown<T extends object>(value: T, known: Names, argument: string): T {
  // Comparing with the names of the last object costs a tenth of a lookup of each name.
  const { last } = known;
  let i = 0;
  for (const name in value) if (name !== last[i++]) return look(value, known, argument);
  return value;
}

/** Looks up every name. */
function look<T extends object>(value: T, known: Names, argument: string): T {
  const names: string[] = [];
  let all = true;
  for (const name in value) {
    if (known.all[name] === true) names.push(name);
    else if (!Object.hasOwn(value, name) || value[name] === undefined) all = false;
    else throw Array.isArray(value) ? invalidType(argument, 'an object') : unknownName(name, known, argument);
  }
  if (all) known.last = names;
  return value;
}

function unknownName(name: string, known: Names, argument: string): TypeError {
  const names = Object.keys(known.all);
  const near = nearest(name, names);
  const expected =
    near === undefined
      ? `omitted: the properties of "${argument}" are ${names.join(', ')}`
      : `written "${argument}.${near}"`;
  return invalidValue(`${argument}.${name}`, expected);
}

/** Returns a word if it is a key of an object. Otherwise, throws an error that names the key which was probably meant. */
export function keyOf<Key extends string>(
  word: unknown,
  all: { readonly [key in Key]: unknown },
  argument: string,
): Key {
  if (typeof word === 'string' && Object.hasOwn(all, word)) return word as Key;
  const keys = Object.keys(all);
  const near = typeof word === 'string' ? nearest(word, keys) : undefined;
  throw invalidValue(argument, near === undefined ? `one of ${keys.join(', ')}` : `written '${near}'`);
}

/** The names that other interfaces use for the names here, in lower case: struct members, and options of programs and of other libraries. */
const SYNONYMS = new Map<string, readonly string[]>(
  Object.entries({
    interface: ['iface', 'ifname', 'if', 'intf', 'device', 'dev', 'nic'],
    ifindex: ['iface', 'ifname', 'interface', 'device', 'dev', 'index'],
    snaplen: ['snap', 'snaplength', 'caplen', 'maxlength'],
    promiscuous: ['promisc'],
    filter: ['bpf', 'expression', 'program'],
    ringSize: ['ring', 'buffersize', 'bufsize'],
    direction: ['dir', 'inout'],
    messages: ['count', 'capacity', 'vlen'],
    size: ['messagesize', 'buffersize', 'bufsize', 'length'],
    buffers: ['iov', 'data', 'buffer'],
    control: ['cmsg', 'cmsgs', 'ancillary', 'ancdata'],
    controlLength: ['ancbufsize', 'controllen', 'controlsize'],
    address: ['addr', 'ip', 'host', 'hostname', 'name'],
    host: ['hostname', 'address', 'ip'],
    path: ['file', 'filename', 'pathname', 'socketpath'],
    localAddress: ['bind', 'bindaddress', 'source', 'src'],
    signal: ['abort', 'abortsignal'],
    timeout: ['deadline', 'timeoutms', 'ms'],
    socktype: ['type'],
    sourceAddress: ['src', 'saddr', 'source'],
    destinationAddress: ['dst', 'daddr', 'destination'],
    source: ['src'],
    destination: ['dst'],
    sourcePort: ['sport', 'src'],
    destinationPort: ['dport', 'dst'],
    timeToLive: ['ttl'],
    hopLimit: ['ttl', 'hlim'],
    sequenceNumber: ['seq'],
    acknowledgmentNumber: ['acknum'],
    identification: ['id'],
    identifier: ['id'],
  }),
);

/** Returns the name that was probably meant: one with this synonym, or the one that differs in the fewest letters, but in less than half of them. */
export function nearest(name: string, names: readonly string[]): string | undefined {
  const meant = names.find((candidate) => SYNONYMS.get(candidate)?.includes(name.toLowerCase()));
  if (meant !== undefined) return meant;
  let best: string | undefined;
  let least = Math.ceil(name.length / 2);
  for (const candidate of names) {
    const distance = difference(name.toLowerCase(), candidate.toLowerCase());
    if (distance < least) {
      best = candidate;
      least = distance;
    }
  }
  return best;
}

/** Returns how many letters must be inserted, deleted, replaced or swapped with the next one: the Damerau–Levenshtein distance. */
function difference(from: string, to: string): number {
  const rows: number[][] = [];
  for (let i = 0; i <= from.length; i++) {
    const row: number[] = [];
    for (let j = 0; j <= to.length; j++) {
      if (i === 0 || j === 0) {
        row.push(i + j);
        continue;
      }
      const same = from[i - 1] === to[j - 1];
      let least = Math.min(rows[i - 1]![j]! + 1, row[j - 1]! + 1, rows[i - 1]![j - 1]! + (same ? 0 : 1));
      const swapped = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1];
      if (swapped) least = Math.min(least, rows[i - 2]![j - 2]! + 1);
      row.push(least);
    }
    rows.push(row);
  }
  return rows[from.length]![to.length]!;
}
