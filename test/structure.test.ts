/** The rooms of lib/: what each may import, types included; that no files import one another in a circle; how long files are; that headers name their fields. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { expect, test } from 'vitest';

const lib = join(import.meta.dirname, '../lib');

/** Each room with the rooms that it imports. A room that is missing in the list of another may not be imported there. */
const ROOMS: { readonly [room: string]: readonly string[] } = {
  // The addon, and what the compiler reports about the system.
  native: [],
  // The check of arguments, whose types native/ uses.
  argument: ['native'],
  // Structs of C, as bytes and as objects, and errnos; no file descriptor.
  struct: ['argument', 'native'],
  // One function for each system call, which returns n or -errno.
  call: ['argument', 'native', 'struct'],
  // The calls with typed results and errors.
  posix: ['argument', 'call', 'native', 'struct'],
  // A client of netlink sockets.
  netlink: ['argument', 'call', 'native', 'posix', 'struct'],
  // Waiting in the event loop; it knows file descriptors and no class Socket.
  loop: ['argument', 'call', 'native', 'posix', 'struct'],
  'socket/operation': ['argument', 'call', 'loop', 'native', 'posix', 'struct'],
  socket: ['argument', 'call', 'loop', 'native', 'posix', 'socket/operation', 'struct'],
  'packet/bytes': ['argument', 'native', 'struct'],
  'packet/layers': ['argument', 'native', 'packet/bytes', 'struct'],
  'packet/filter': ['argument', 'native', 'packet/bytes', 'packet/layers', 'posix', 'struct'],
  'packet/file': ['argument', 'native', 'packet/bytes', 'packet/filter', 'packet/layers'],
  'packet/format': ['argument', 'native', 'packet/bytes', 'packet/layers'],
  'packet/capture': [
    ...[
      'argument',
      'call',
      'loop',
      'native',
      'netlink',
      'packet/bytes',
      'packet/filter',
      'packet/layers',
      'posix',
      'struct',
    ],
  ],
  'packet/reassembly': ['argument', 'native', 'packet/bytes', 'packet/capture', 'packet/layers'],
  'packet/exchange': [
    ...['argument', 'loop', 'native', 'packet/bytes', 'packet/capture', 'packet/layers', 'posix', 'socket', 'struct'],
  ],
};

/** Socket and its stream refer to each other in their declarations: `makefile()` returns a stream, `stream.socket` is a Socket. */
const CIRCLE = ['socket/socket.ts', 'socket/stream.ts'];

/** No file of logic is longer. Tables and the documented surface of a class or of many calls are. */
const LONGEST = 350;
const LONG: readonly string[] = [
  // One class, whose methods stand beside their docstrings: what they do is in socket/operation/.
  'socket/socket.ts',
  ...['native/constants.ts', 'posix/option-table.ts'],
];

const files = readdirSync(lib, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
const read = (file: string) => readFileSync(join(lib, file), 'utf8');

/** Returns what a file imports from this library, as types or as values. */
function importsOf(file: string): string[] {
  const code = read(file).replaceAll(/\/\*[\s\S]*?\*\//g, '');
  return [...code.matchAll(/^(?:import|export)\b[^;]*?'(\.[^']+)';/gm)].map(([, path]) =>
    relative(lib, join(lib, dirname(file), path!)),
  );
}
const graph = new Map(files.map((file) => [file, importsOf(file)]));

test('a room imports only the rooms below it', () => {
  const wrong = [...graph].flatMap(([file, imports]) => {
    const room = dirname(file);
    if (room === '.' || file === 'packet/index.ts') return [];
    const allowed = ROOMS[room] ?? [];
    return imports
      .filter((path) => dirname(path) !== room && !allowed.includes(dirname(path)))
      .map((path) => `${file} imports ${path}`);
  });
  expect(wrong).toEqual([]);
  const rooms = new Set(files.map((file) => dirname(file)).filter((room) => room !== '.' && room !== 'packet'));
  expect([...rooms].sort()).toEqual(Object.keys(ROOMS).sort());
});

test('docs/architecture.md lists the same rooms', () => {
  const page = readFileSync(join(lib, '../docs/architecture.md'), 'utf8');
  const told = [...page.matchAll(/^\| `lib\/(\S+)` \| [^|]+ \| ([^|]+) \|$/gm)].map(([, room, imports]) => [
    room,
    [...imports!.matchAll(/`(\S+)`/g)].map(([, name]) => name),
  ]);
  expect(Object.fromEntries(told)).toEqual(ROOMS);
});

test('no rooms import one another in a circle', () => {
  const below = (room: string, above: readonly string[]): void => {
    expect(above, `${above.join(' > ')} > ${room}`).not.toContain(room);
    for (const one of ROOMS[room]!) below(one, [...above, room]);
  };
  for (const room of Object.keys(ROOMS)) below(room, []);
});

test('no files import one another in a circle, types included, except a Socket and its stream', () => {
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
  expect(files.filter((file) => reaches(file).has(file)).sort()).toEqual(CIRCLE);
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

test('packet headers name the offsets of their fields', () => {
  const bare = /\b(?:get|put)(?:16|32|Ipv4|Ipv6|Hardware)\(\S*bytes, (?:at|start) \+ \d+\b(?! \*)/;
  expect(files.filter((file) => file.startsWith('packet/layers/') && bare.test(read(file)))).toEqual([]);
});

test('files are short enough to be read in one go', () => {
  const long = files.filter((file) => read(file).split('\n').length - 1 > LONGEST);
  expect(long.filter((file) => !LONG.includes(file))).toEqual([]);
  expect(
    LONG.filter((file) => !long.includes(file)),
    'those in the list that are short by now',
  ).toEqual([]);
});
