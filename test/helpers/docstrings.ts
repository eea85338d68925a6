/** What the sources document about their public names: the declarations behind each entry point, with their docstrings. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const lib = join(import.meta.dirname, '../../lib');
const sources = new Map<string, string>();

function source(file: string): string {
  const known = sources.get(file) ?? readFileSync(join(lib, file), 'utf8');
  sources.set(file, known);
  return known;
}

/** A public name, and the file that declares it. */
export interface Export {
  name: string;
  /** The path below lib/. */
  file: string;
  local: string;
}

/** The file of the constants, which is generated. */
export const CONSTANTS = 'native/constants.ts';

/** In place of a name: all exports of a file, as one object. */
const WHOLE = '*';

/** The names that an entry point exports, by its `export` declarations; those of the constants on demand. */
export function exportsOf(file: string, withConstants = false): Export[] {
  const text = source(file);
  const found: Export[] = [];
  for (const [, list, path] of text.matchAll(/^export (?:type )?(\*|\{[^}]*\}) from '(\.{1,2}\/[^']+)';$/gms)) {
    const from = join(dirname(file), path!);
    if (from === CONSTANTS && !withConstants) continue;
    if (list === '*') {
      found.push(...exportsOf(from));
      continue;
    }
    for (const item of list!.slice(1, -1).split(',')) {
      const [local, name = local] = item
        .trim()
        .replace(/^type /, '')
        .split(' as ');
      if (local) found.push({ name: name!, file: from, local });
    }
  }
  for (const [, name, path] of text.matchAll(/^export \* as (\w+) from '(\.{1,2}\/[^']+)';$/gm)) {
    found.push({ name: name!, file: join(dirname(file), path!), local: WHOLE });
  }
  const declaration =
    /^export (?:declare )?(?:abstract )?(?:async )?(?:function\*?|class|interface|type|const|let|enum) (\w+)/gm;
  for (const [, name] of text.matchAll(declaration)) found.push({ name: name!, file, local: name! });
  return [...new Map(found.map((item) => [item.name, item])).values()];
}

/** A docstring: the text before its tags, and the tags in order. */
export interface Docstring {
  summary: string;
  tags: { tag: string; text: string }[];
}

function parse(comment: string): Docstring {
  const text = comment
    .replace(/^\/\*\*|\*\/$/g, '')
    .replace(/^ *\* ?/gm, '')
    .replace('@useDeclaredType', '') // for typedoc alone
    .trim();
  const [summary = '', ...rest] = text.split(/(?:^|(?<= ))(?=@(?:param|returns|throws|example|see)\b)/m);
  const tags = rest.map((part) => {
    const [, tag, content] = /^@(\w+)\s*(.*)$/s.exec(part)!;
    return { tag: tag!, text: content!.trim() };
  });
  return { summary: summary.trim(), tags };
}

/** Returns the docstring that ends right before this offset. */
function docstringBefore(text: string, index: number): Docstring {
  const before = text.slice(0, index);
  const start = before.lastIndexOf('/**');
  const comment = start === -1 ? '' : before.slice(start).trimEnd();
  return /^\/\*\*(?:(?!\*\/).)*\*\/$/s.test(comment) ? parse(comment) : { summary: '', tags: [] };
}

/** Splits the text between these brackets at the commas outside of any inner brackets. */
function split(text: string, open: number): { parts: string[]; end: number } {
  const parts: string[] = [];
  let depth = 0;
  let from = open + 1;
  for (let i = open; i < text.length; i++) {
    const character = text[i]!;
    if ('([{<'.includes(character)) depth++;
    if (')]}'.includes(character) || (character === '>' && text[i - 1] !== '=')) depth--;
    if (depth === 0 || (depth === 1 && character === ',')) {
      parts.push(text.slice(from, i).trim());
      from = i + 1;
    }
    if (depth === 0) return { parts: parts.filter((part) => part !== ''), end: i + 1 };
  }
  throw new Error('a bracket is never closed');
}

/** The parameters and the result of a function. */
interface Signature {
  parameters: string[];
  returns: string;
}

/** The signature that begins after the name, at its type parameters or its parenthesis. */
function signature(text: string, at: number): Signature {
  const start = text[at] === '<' ? split(text, at).end : at;
  const { parts, end } = split(text, start);
  return {
    parameters: parts.map((part) => /\w+/.exec(part)![0]),
    returns: /^:\s*([^;]*?)(?: \{\n|;|\n)/.exec(text.slice(end))?.[1] ?? '',
  };
}

/** A member of a class. */
export interface Member extends Partial<Signature> {
  name: string;
  docstring: Docstring;
}

/** A public name with all its documentation. */
export interface Documented extends Export, Partial<Signature> {
  keyword: 'function' | 'class' | 'interface' | 'type' | 'const';
  docstring: Docstring;
  /** The declaration; of a function only its head, and of a class also those that it extends. */
  text: string;
  /** The members of a class, inherited ones included. */
  members: Member[];
}

/** Returns the public members of a class, each name once: in the sources, only they are indented by two spaces. */
function membersOf(body: string): Member[] {
  const found = new Map<string, Member>();
  const head =
    /^ {2}(?:(?:static|override|declare|readonly|async|get|set) )*\*?(\w+|\[[\w.]+\])(?=[(<:?]| =|;)(?:(\?)?:)?/gm;
  for (const match of body.matchAll(head)) {
    const name = match[1]!;
    if (name.startsWith('_') || found.has(name)) continue;
    const at = match.index + match[0].length;
    const call = body[at] === '(' || body[at] === '<' ? signature(body, at) : {};
    found.set(name, { name, docstring: docstringBefore(body, match.index), ...call });
  }
  return [...found.values()];
}

/** Returns the declaration that begins here; of a function only its head. */
function extent(text: string, keyword: string): string {
  if (keyword === 'function') return text.slice(0, text.indexOf(' {\n'));
  if (keyword === 'type' || keyword === 'const') return text.slice(0, text.search(/;\n(?! )/));
  return text.slice(0, /\{\}\n|\n\}/.exec(text)!.index);
}

/** The types and classes of all sources, whether exported or not. */
export function typeTexts(): Map<string, string> {
  const head = /^(?:export )?(?:declare )?(?:abstract )?(class|interface|type) (\w+)/gm;
  const files = readdirSync(lib, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  const texts = files
    .map(source)
    .flatMap((text) =>
      [...text.matchAll(head)].map((match) => [match[2]!, extent(text.slice(match.index), match[1]!)] as const),
    );
  return new Map(texts);
}

/** Returns the text of a class with those of the classes of lib/ that it extends. */
function withBases(text: string): string {
  const base = typeTexts().get(/^[^{]* extends (\w+)[^{]*\{/.exec(text)?.[1] ?? '');
  return base === undefined ? text : `${text}\n${withBases(base)}`;
}

/** Returns the declaration of a public name. A whole file is documented by its first comment; its functions are members. */
export function documented(item: Export): Documented {
  const text = source(item.file);
  if (item.local === WHOLE) {
    const docstring = docstringBefore(text, text.indexOf('*/') + 2);
    const members = exportsOf(item.file).map(documented);
    return {
      ...item,
      keyword: 'const',
      docstring,
      text: '',
      members: members.filter((one) => one.keyword === 'function'),
    };
  }
  const head = `^export (?:declare )?(?:abstract )?(?:async )?(function|class|interface|type|const) ${item.local}\\b`;
  const match = new RegExp(head, 'm').exec(text);
  if (match === null) throw new Error(`${item.file} does not declare ${item.local}`);
  const keyword = match[1] as Documented['keyword'];
  const rest = text.slice(match.index);
  const own = extent(rest, keyword);
  const whole = keyword === 'class' ? withBases(own) : own;
  return {
    ...item,
    keyword,
    docstring: docstringBefore(text, match.index),
    text: whole,
    members: keyword === 'class' ? membersOf(whole) : [],
    ...(keyword === 'function' ? signature(rest, match[0].length) : {}),
  };
}

/** Returns the texts of the tags of this kind. */
export function tagged({ tags }: Docstring, tag: string): string[] {
  return tags.filter((item) => item.tag === tag).map(({ text }) => text);
}
