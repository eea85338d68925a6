/**
 * Module hooks (module.register): the compiled files in dist/ get simulated timers, and the simulated kernel in place
 * of the binary. A planted defect replaces a text in a file of dist/ by another.
 */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const here = new URL('./', import.meta.url);
const dist = new URL('../../dist/', here).href;
const instead = {
  timers: new URL('clock.js', here).href,
  'timers/promises': new URL('timers-promises.js', here).href,
  perf_hooks: new URL('clock.js', here).href,
};
let defects = [];

export function initialize(data) {
  defects = data.defects;
}

export async function resolve(specifier, context, next) {
  if (context.parentURL?.startsWith(dist)) {
    const url = instead[specifier.replace(/^node:/, '')];
    if (url !== undefined) return { url, shortCircuit: true };
    const resolved = await next(specifier, context);
    if (resolved.url === `${dist}native/native.js`) return { ...resolved, url: new URL('native.js', here).href };
    return resolved;
  }
  return next(specifier, context);
}

export async function load(url, context, next) {
  const here = defects.filter(({ file }) => url === dist + file);
  if (here.length === 0) return next(url, context);
  let source = await readFile(fileURLToPath(url), 'utf8');
  for (const { file, from, to } of here) {
    if (source.split(from).length !== 2) throw new Error(`dist/${file} does not contain exactly once: ${from}`);
    source = source.replace(from, () => to);
  }
  return { format: 'module', source, shortCircuit: true };
}
