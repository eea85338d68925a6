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

/** The name that was probably meant: the one that differs in the fewest letters, if these are less than half of them. */
export function nearest(name: string, names: readonly string[]): string | undefined {
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
