/** The rooms of lib/: what each may import, types included; that no files import one another in a circle; that headers name their fields. And how long the files of lib/ and native/ are. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { expect, test } from 'vitest';

const lib = join(import.meta.dirname, '../lib');

const files = readdirSync(lib, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
const read = (file: string) => readFileSync(join(lib, file), 'utf8');

/** Every folder except that of an entry point. */
const rooms = [...new Set(files.map((file) => dirname(file)))]
  .filter((room) => room !== '.' && room !== 'packet')
  .sort();

/** The README of each room says what the room is, which rooms it imports, and which import it. */
const readmes = new Map(
  rooms.map((room) => {
    const line = /^# lib\/(\S+)\n\n(.+)\n\nImports: (.+)\.\n\nImported by: (.+)\.\n$/.exec(
      read(join(room, 'README.md')),
    );
    const [, title, subject, imports = '', importers = ''] = line ?? [];
    const list = (text: string) => [...text.matchAll(/`(\S+?)`/g)].map(([, name]) => name!);
    return [room, { title, subject, imports: list(imports), importers: list(importers) }];
  }),
);

/** Returns the rooms that the README of packet/ lists, in its order. */
function partsOfPacket(): string[] {
  return [...read('packet/README.md').matchAll(/`(\w+)`(?=[,.])/g)].map(([, name]) => `packet/${name}`);
}

/** No file of logic is longer. Tables are. */
const LONGEST = 350;
const LONG: readonly string[] = [
  'lib/native/constants.ts',
  'lib/posix/option-table.ts',
  'native/compat.h',
  'native/constants.def',
];

/** Returns the modules that a file imports, as types or as values, by a statement or by `import(...)`. */
function modulesOf(file: string): string[] {
  const code = read(file).replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*/gm, '');
  return [...code.matchAll(/(?<![.\w])(?:from|import)[\s(]+(['"`])([^'"`]+)\1/g)].map(([, , path]) => path!);
}

/** Returns the files of this library that a file imports. */
function importsOf(file: string): string[] {
  const own = modulesOf(file).filter((path) => path.startsWith('.'));
  return own.map((path) => relative(lib, join(lib, dirname(file), path)));
}
const graph = new Map(files.map((file) => [file, importsOf(file)]));

test('a room imports exactly the rooms that its README names', () => {
  for (const room of rooms) {
    const own = files.filter((file) => dirname(file) === room);
    const found = new Set(own.flatMap((file) => graph.get(file)!).map((path) => dirname(path)));
    found.delete(room);
    expect([room, ...readmes.get(room)!.imports]).toEqual([room, ...[...found].sort()]);
  }
});

test('all other modules that files import belong to Node, so that no room uses the package by its name', () => {
  for (const file of files) {
    const others = modulesOf(file).filter((path) => !/^(?:\.|node:)/.test(path));
    expect([file, ...others]).toEqual([file]);
  }
});

test('the README of a room has its name and names the rooms that import it', () => {
  for (const [room, { title, importers }] of readmes) {
    const found = rooms.filter((other) => readmes.get(other)!.imports.includes(room));
    expect([title, ...importers]).toEqual([room, ...found]);
  }
});

test('docs/architecture.md and the README of packet/ list the same rooms', () => {
  const page = readFileSync(join(lib, '../docs/architecture.md'), 'utf8');
  const told = [...page.matchAll(/^\| `lib\/(\S+)` \| (.+) \|$/gm)].map(([, room, subject]) => [room, subject]);
  expect(Object.fromEntries(told)).toEqual(Object.fromEntries(rooms.map((room) => [room, readmes.get(room)!.subject])));
  expect([...partsOfPacket()].sort()).toEqual(rooms.filter((room) => room.startsWith('packet/')));
});

test('the picture of docs/architecture.md shows every room above, or to the left of, those that it imports', () => {
  const page = readFileSync(join(lib, '../docs/architecture.md'), 'utf8');
  const [, picture = ''] = /```text\n(.+?)```/s.exec(page) ?? [];
  const shown = [...picture.matchAll(/[\w/.]+/g)].map(([name]) => name).filter((name) => rooms.includes(name));
  expect([...shown].sort()).toEqual(rooms);
  for (const room of rooms) {
    const before = readmes.get(room)!.imports.filter((other) => shown.indexOf(other) < shown.indexOf(room));
    expect([room, ...before]).toEqual([room]);
  }
});

test('the README of packet/ lists every room after those that it imports', () => {
  const listed = partsOfPacket();
  for (const room of listed) {
    const after = readmes.get(room)!.imports.filter((other) => listed.indexOf(other) > listed.indexOf(room));
    expect([room, ...after]).toEqual([room]);
  }
});

test('no rooms import one another in a circle', () => {
  const below = (room: string, above: readonly string[]): void => {
    expect(above, `${above.join(' > ')} > ${room}`).not.toContain(room);
    for (const one of readmes.get(room)!.imports) below(one, [...above, room]);
  };
  for (const room of rooms) below(room, []);
});

test('no files import one another in a circle, types included', () => {
  const reaches = (from: string): Set<string> => {
    const seen = new Set<string>();
    const next = [...(graph.get(from) ?? [])];
    for (let file = next.pop(); file !== undefined; file = next.pop()) {
      if (seen.has(file)) continue;
      seen.add(file);
      next.push(...(graph.get(file) ?? []));
    }
    return seen;
  };
  expect(files.filter((file) => reaches(file).has(file)).sort()).toEqual([]);
});

test('entry points export only what the rooms define', () => {
  for (const file of files.filter((file) => dirname(file) === '.' || file === 'packet/index.ts')) {
    if (file === 'doctor.ts') continue; // a program
    const code = read(file).replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*/g, '');
    const rest = code
      .replaceAll(/^export (?:type )?(?:\*(?: as \w+)?|\{[^}]*\}) from '[^']+';|^import '[^']+';/gm, '')
      .trim();
    expect([file, rest]).toEqual([file, '']);
  }
});

test('the folders of test/ are those of lib/, apart from what serves all tests or tests whole programs', () => {
  const others = /^(?:\.|helpers|skips|simulation|torture|examples)(?:\/|$)/;
  const tests = readdirSync(join(lib, '../test'), { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.ts'),
  );
  const folders = [...new Set(tests.map((file) => dirname(file)))].filter((folder) => !others.test(folder));
  // The methods of Socket, in test/socket/, are the tests of its operations.
  expect(folders.sort()).toEqual(rooms.filter((room) => room !== 'socket/operation'));
});

test('packet headers name the offsets of their fields', () => {
  const call = /\b(?:get|put)(?:16|24|32|Ipv4|Ipv6|Hardware)\(\S*bytes, (?:at|start) \+ \d+\b(?! \*)/;
  const bare = new RegExp(`${call.source}|${/\bbytes\[(?:at|start) \+ \d+\]/.source}`);
  expect(files.filter((file) => file.startsWith('packet/layers/') && bare.test(read(file)))).toEqual([]);
});

test('files are short enough to be read in one go', () => {
  const root = join(lib, '..');
  const all = [
    ...files.map((file) => `lib/${file}`),
    ...readdirSync(join(root, 'native')).map((file) => `native/${file}`),
  ];
  const lines = (file: string) => readFileSync(join(root, file), 'utf8').split('\n').length - 1;
  const long = all.filter((file) => lines(file) > LONGEST);
  expect(long.filter((file) => !LONG.includes(file))).toEqual([]);
  expect(
    LONG.filter((file) => !long.includes(file)),
    'those in the list that are short by now',
  ).toEqual([]);
});
