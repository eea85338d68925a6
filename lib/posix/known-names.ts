/** Refuses names that an options object, a message or a header does not have, as a compiler of C does. */
import { invalidType, invalidValue } from './errno.ts';

type NamesOf<T> = T extends unknown ? keyof T & string : never;

/** The names that an object can have. */
export interface Names {
  /** Without a prototype, so that `constructor` is not among them. */
  readonly all: { readonly [name: string]: true };
  /** Those of the object that was looked at last, in their order: mostly the next one has the same. */
  last: readonly string[];
}

/** The names of an interface, as the keys of an object: the compiler asks for each of them, and for no other. */
export function namesOf<T>(keys: { readonly [Name in NamesOf<T>]: unknown }): Names {
  const all = Object.create(null);
  for (const name in keys) all[name] = true;
  return { all, last: [] };
}

/** The names of an object that has one of several forms. */
export function namesOfAny(...forms: readonly Names[]): Names {
  return { all: Object.assign(Object.create(null), ...forms.map(({ all }) => all)), last: [] };
}

/**
 * Refuses an object that has a name of its own which is not known. One whose value is `undefined` counts as left out, and
 * what a prototype supplies is not looked at.
 */
export function onlyKnown<T extends object>(value: T, known: Names, argument: string): T {
  // Comparing with the names of the last object costs a tenth of looking each of them up.
  const { last } = known;
  let i = 0;
  for (const name in value) if (name !== last[i++]) return look(value, known, argument);
  return value;
}

/** Looks every name up. */
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
    near === undefined ? `an object that has no other names than ${names.join(', ')}` : `written "${argument}.${near}"`;
  return invalidValue(`${argument}.${name}`, expected);
}

/** Refuses a word that is none of the keys of an object, and tells the one that was probably meant. */
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

/** What other interfaces call the names here, in lower case: struct fields, options of programs and of other libraries. */
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

/** The name that was probably meant: what others call so, or the one that differs in the fewest letters, less than half. */
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

/** How many letters are to be added, left out, changed or swapped with the next: the distance of Damerau and Levenshtein. */
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
