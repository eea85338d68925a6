/** The API reference is complete: every public name has its docstring, links to its man page, and an example that runs. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import * as binary from '../lib/binary.ts';
import * as s from '../lib/index.ts';
import * as constants from '../lib/native/constants.ts';
import * as nothrow from '../lib/nothrow.ts';
import * as packet from '../lib/packet/index.ts';
import * as promises from '../lib/promises.ts';
import {
  CONSTANTS,
  type Docstring,
  type Documented,
  documented,
  exportsOf,
  type Member,
  tagged,
  typeTexts,
} from './helpers/docstrings.ts';
import { documentedOutput } from './helpers/documented-output.ts';
import { HANGING } from './helpers/limits.ts';
import { namespaces, need } from './helpers/need.ts';
import { typeErrors } from './helpers/type-check.ts';

const modules = {
  'index.ts': s,
  'binary.ts': binary,
  'nothrow.ts': nothrow,
  'promises.ts': promises,
  'packet/index.ts': packet,
};
type Entry = keyof typeof modules;
const entries = Object.keys(modules) as Entry[];
const names = new Map(entries.map((entry) => [entry, exportsOf(entry).map(documented)]));

/** Where a name is explained in full. */
const page = new RegExp(
  `^https://(?:${[
    'man7\\.org/linux/man-pages/man\\d/[\\w.-]+\\.html',
    'www\\.rfc-editor\\.org/rfc/rfc\\d+(?:#[\\w.-]+)?',
    'docs\\.kernel\\.org/[\\w./-]+\\.html',
    'nodejs\\.org/api/[a-z]+\\.html#[a-z-]+',
    'docs\\.python\\.org/3/library/socket\\.html#[\\w.]+',
    'www\\.(?:tcpdump\\.org|ietf\\.org|ieee802\\.org)/[\\w./-]+',
  ].join('|')})$`,
);
const manual = /^https:\/\/(?:man7\.org|www\.rfc-editor\.org)\//;

/** Whether the docstring delegates parameters, result and errors to that of another name. */
function refers({ summary, tags }: Docstring): string | undefined {
  const text = [summary, ...tags.map((tag) => tag.text)].join('\n');
  const [, as, like] = /\bAs `(\w+)`|\blike `(\w+)`(?:\sof\ssys-socket)?,\sbut\s(?:blocks|returns)/.exec(text) ?? [];
  return as ?? like;
}

/** Returns what the docstring of a function lacks. */
function callFaults({ docstring, parameters, returns }: Documented): string[] {
  if (refers(docstring) !== undefined) return [];
  const described = tagged(docstring, 'param').map((text) => /^\w+/.exec(text)?.[0]);
  const told = (name: string) => described.includes(name) || docstring.summary.includes(`\`${name}\``);
  const gives = !/^(?:void|Promise<void>)$/.test(returns!) && tagged(docstring, 'returns').length === 0;
  return [...parameters!.filter((name) => !told(name)).map((name) => `@param ${name}`), ...(gives ? ['@returns'] : [])];
}

/** Returns what the docstring of a member lacks: its sentence may describe arguments and result. */
function memberFaults({ name, docstring, parameters = [] }: Member, { docstring: whole }: Documented): string[] {
  if (name === 'constructor' || name.startsWith('[')) return [];
  if (docstring.summary === '') return inherited.has(name) ? [] : [`a docstring of ${name}`];
  if (refers(docstring) !== undefined) return [];
  const words = `${docstring.summary} ${tagged(docstring, 'param').join(' ')}`.match(/\w+/g)!;
  // The arguments of every waiting method are documented once.
  const everywhere = whole.summary.includes('`{ signal, timeout }`') ? 'options' : undefined;
  const untold = parameters.filter((parameter) => !words.includes(parameter) && parameter !== everywhere);
  return untold.map((parameter) => `@param ${parameter} of ${name}`);
}

/** Members that JavaScript's Error and Node's Duplex explain. */
const inherited = new Set(['name', 'code', 'errno', 'syscall', 'write', 'end']);

/** Returns what the docstring of a public name lacks. */
function faults(item: Documented): string[] {
  const { docstring, keyword, members } = item;
  const lacks: string[] = [];
  if (!/^[A-Za-z].*[.:]$/s.test(docstring.summary)) lacks.push('a sentence that says what it is');
  const links = tagged(docstring, 'see');
  if (links.length === 0) lacks.push('@see');
  lacks.push(...links.filter((link) => !page.test(link)).map((link) => `a page instead of ${link}`));
  if (keyword === 'function') {
    if (!links.some((link) => manual.test(link)) && !links.some((link) => link.includes('tcpdump.org'))) {
      lacks.push('a man page or an RFC');
    }
    lacks.push(...callFaults(item));
    if (tagged(docstring, 'throws').length === 0 && refers(docstring) === undefined) lacks.push('@throws');
  }
  if ((keyword === 'function' || keyword === 'class') && tagged(docstring, 'example').length === 0) {
    lacks.push('@example');
  }
  for (const member of members) lacks.push(...memberFaults(member, item));
  return lacks;
}

describe.each(entries)('lib/%s', (entry) => {
  const items = names.get(entry)!;

  test('every public name documents its purpose, arguments, result, errors and man page', () => {
    expect(items.length).toBeGreaterThan(entry === 'binary.ts' ? 0 : 5);
    const lacking = items.map((item) => [item.name, faults(item)] as const).filter(([, lacks]) => lacks.length > 0);
    expect(Object.fromEntries(lacking)).toEqual({});
  });

  test('what is left to the docstring of another name is documented there', () => {
    const known = new Set([...names.get('index.ts')!, ...items].map(({ name }) => name));
    for (const { name, docstring, members } of items) {
      for (const target of [refers(docstring), ...members.map((member) => refers(member.docstring))]) {
        if (target === undefined) continue;
        const own = members.some((member) => member.name === target);
        expect(known.has(target) || own, `${name}: ${target}`).toBe(true);
      }
    }
  });

  test('every type belongs to a function or a class, which has an example', () => {
    const used = new Set<string>();
    const texts = typeTexts();
    const reach = (text: string) => {
      for (const [word] of text.matchAll(/\b[A-Z]\w*/g)) {
        if (used.has(word!)) continue;
        used.add(word!);
        reach(texts.get(word!) ?? '');
      }
    };
    for (const { keyword, text, docstring } of items) {
      if (keyword === 'function' || keyword === 'class') reach(`${text} ${docstring.summary}`);
    }
    const types = items.filter(({ keyword }) => keyword === 'interface' || keyword === 'type');
    expect(types.map(({ name }) => name).filter((name) => !used.has(name))).toEqual([]);
  });

  test('the names found are those of the module', () => {
    const found = new Set(items.map(({ name }) => name));
    expect(Object.keys(modules[entry]).filter((name) => !found.has(name) && !(name in constants))).toEqual([]);
  });
});

test('every constant names its man page', () => {
  const all = exportsOf(CONSTANTS).map(documented);
  expect(all.length).toBeGreaterThan(2000);
  const page = /\{@link https:\/\/(?:man7\.org|docs\.kernel\.org)\/[\w./-]+\.html [^}]+\}/;
  expect(all.filter(({ docstring }) => !page.test(docstring.summary)).map(({ name }) => name)).toEqual([]);
});

/** An example, and its expected output: the comments after and below its calls of console.log. */
interface Example {
  name: string;
  entry: Entry;
  code: string;
  output: string;
}

/** The examples that change the machine or need privileges: they run in their own namespaces, where lo is up. */
const privileged = new Set([
  ...['attachFanoutFilter', 'setInterfaceFlags', 'setInterfaceMtu', 'sethostname'],
  ...['openCapture', 'Capture', 'Block', 'Packet', 'GivenBackError', 'openTransmitRing', 'TransmitRing'],
]);

function examplesOf(entry: Entry): Example[] {
  const elsewhere = new Set(entry === 'index.ts' ? [] : names.get('index.ts')!.map(({ file, local }) => file + local));
  const own = names.get(entry)!.filter(({ file, local }) => !elsewhere.has(file + local));
  const documents = own.flatMap(({ name, docstring, members }) => [
    { name, docstring },
    ...members.map((member) => ({ name: `${name}.${member.name}`, docstring: member.docstring })),
  ]);
  return documents.flatMap(({ name, docstring }) =>
    tagged(docstring, 'example').map((code) => ({ name, entry, code, output: documentedOutput(code, '//') })),
  );
}

function expectOutputs(examples: readonly Example[], command: readonly string[] = []): void {
  // What an example leaves open is closed with its process.
  const node = [process.execPath, '--disable-warning=SYS_SOCKET_UNCLOSED'];
  const [program, ...args] = [...command, ...node, join(import.meta.dirname, 'helpers/run-examples.js')];
  const { stdout, stderr } = spawnSync(program!, args, {
    encoding: 'utf8',
    input: JSON.stringify(examples),
    timeout: HANGING,
  });
  expect(stderr).toBe('');
  const results = JSON.parse(stdout) as { output: string; error?: string }[];
  const told = (example: Example, result: unknown) => `${example.name}: ${JSON.stringify(result)}`;
  expect(results.map((result, i) => told(examples[i]!, result))).toEqual(
    examples.map((example) => told(example, { output: example.output })),
  );
}

/** The modules whose names an example of this entry point sees, in the order of their lookup. */
const imports: Record<Entry, readonly Entry[]> = {
  'index.ts': ['index.ts'],
  'binary.ts': ['binary.ts', 'index.ts'],
  'nothrow.ts': ['nothrow.ts', 'index.ts'],
  'promises.ts': ['promises.ts', 'index.ts'],
  'packet/index.ts': ['packet/index.ts', 'index.ts'],
};

/** Returns an example as a module, which imports what it uses. */
function asModule({ entry, code }: Example): string {
  const declared = new Set([...code.matchAll(/\b(?:const|let|function|class) (\w+)/g)].map(([, name]) => name!));
  const free = new Set(code.match(/\b[A-Za-z_]\w*/g)!.filter((name) => !declared.has(name)));
  const lines: string[] = [];
  for (const from of imports[entry]) {
    const known = [...free].filter((name) => Object.hasOwn(modules[from], name));
    for (const name of known) free.delete(name);
    const path = `sys-socket/${from}`.replace(/(?:\/index)?\.ts$/, '');
    if (known.length > 0) lines.push(`import { ${known.join(', ')} } from '${path}';`);
  }
  if (entry === 'index.ts') {
    for (const name of ['nothrow', 'promises'])
      if (free.has(name)) lines.push(`import * as ${name} from 'sys-socket/${name}';`);
  }
  return `${lines.join(' ')}\n${code}\n`;
}

test('the examples pass the type check of a new project', () => {
  const examples = entries.flatMap(examplesOf);
  const sources = examples.map((example) => ({ name: `${example.entry}, ${example.name}`, code: asModule(example) }));
  expect(typeErrors(sources)).toEqual([]);
});

test.each(entries)('the examples of lib/%s print what they say', (entry) => {
  const examples = examplesOf(entry).filter(({ name }) => !privileged.has(name));
  expect(examples.length).toBeGreaterThan(entry === 'binary.ts' ? 0 : 4);
  expectOutputs(examples);
});

test('the examples that need privileges print what they say', (context) => {
  need(context, namespaces);
  const examples = entries.flatMap(examplesOf).filter(({ name }) => privileged.has(name));
  expect(new Set(examples.map(({ name }) => name))).toEqual(privileged);
  expectOutputs(examples, ['unshare', '-n', '-u', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh']);
});
