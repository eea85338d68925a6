// A plugin for typedoc that writes build/docs/api.txt: every export of the package with its type, except the constants,
// which are data. `npm run check:docs` compares it with test/api.txt, so that no change of the public interface goes
// unnoticed.
//   npm run docs
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = join(import.meta.dirname, '../build/docs');

const typeOf = (type) => (type === undefined ? '' : `: ${type.toString()}`);

/** Formats the type parameters of a type: `<Name extends string = 'x'>`. */
function typeParameters(list = []) {
  const one = ({ name, type, default: given }) =>
    name +
    (type === undefined ? '' : ` extends ${type.toString()}`) +
    (given === undefined ? '' : ` = ${given.toString()}`);
  return list.length === 0 ? '' : `<${list.map(one).join(', ')}>`;
}

function parameter({ name, type, flags, defaultValue }) {
  const optional = flags.isOptional || defaultValue !== undefined;
  return `${flags.isRest ? '...' : ''}${name}${optional ? '?' : ''}${typeOf(type)}`;
}

const signature = ({ typeParameters: own, parameters = [], type }) =>
  `${typeParameters(own)}(${parameters.map(parameter).join(', ')})${typeOf(type)}`;

/** Returns the lines that describe a declaration, with its members below it. */
function describe(one, indent = '') {
  const { flags } = one;
  const name = `${flags.isStatic ? 'static ' : ''}${flags.isReadonly ? 'readonly ' : ''}${one.name}${flags.isOptional ? '?' : ''}`;
  if (one.signatures !== undefined) return one.signatures.map((call) => `${indent}${name}${signature(call)}`);
  if (one.getSignature !== undefined) return [`${indent}get ${name}${typeOf(one.getSignature.type)}`];
  const bases = one.extendedTypes === undefined ? '' : ` extends ${one.extendedTypes.map(String).join(', ')}`;
  const head = `${indent}${name}${typeParameters(one.typeParameters)}${bases}${typeOf(one.type)}`;
  // What Node declares is not part of this package.
  const members = (one.children ?? []).filter((member) => !member.flags.isInherited && !member.flags.isExternal);
  return [head, ...members.flatMap((member) => describe(member, `${indent}  `))];
}

export function load(app) {
  app.converter.on('resolveEnd', ({ project }) => {
    const lines = [];
    for (const module of project.children.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      const exports = (module.children ?? []).toSorted((a, b) => (a.name < b.name ? -1 : 1));
      lines.push(`# ${module.name}`, '', ...exports.flatMap((one) => describe(one)), '');
    }
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'api.txt'), lines.join('\n'));
  });
}
