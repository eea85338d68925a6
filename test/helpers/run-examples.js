// Runs examples of docstrings in sequence in a new directory. It reads JSON from stdin: [{ entry, code }]. An example is
// the body of a function that sees the exports of its entry point. The output or error of each is printed as JSON.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { format } from 'node:util';
import * as binary from '../../dist/binary.js';
import * as index from '../../dist/index.js';
import * as nothrow from '../../dist/nothrow.js';
import * as packet from '../../dist/packet/index.js';
import * as promises from '../../dist/promises.js';

const entries = {
  'index.ts': { ...index, nothrow, promises },
  'binary.ts': { ...index, ...binary },
  'nothrow.ts': { ...index, ...nothrow },
  'promises.ts': { ...index, ...promises },
  'packet/index.ts': { ...index, ...packet },
};
const AsyncFunction = (async () => {}).constructor;

async function run({ entry, code }) {
  const scope = entries[entry];
  const names = [...new Set(code.match(/\b[A-Za-z_]\w*/g))].filter((name) => Object.hasOwn(scope, name));
  const declared = new Set([...code.matchAll(/\b(?:const|let|function|class) (\w+)/g)].map(([, name]) => name));
  const free = names.filter((name) => !declared.has(name));
  const lines = [];
  const { log } = console;
  console.log = (...values) => lines.push(`${format(...values)}\n`);
  try {
    await new AsyncFunction(...free, `'use strict';${code}`)(...free.map((name) => scope[name]));
    return { output: lines.join('') };
  } catch (error) {
    return { output: lines.join(''), error: format(error) };
  } finally {
    console.log = log;
  }
}

const folder = mkdtempSync(join(tmpdir(), 'sys-socket-examples-'));
try {
  const examples = JSON.parse(readFileSync(0, 'utf8'));
  process.chdir(folder);
  const results = [];
  for (const example of examples) results.push(await run(example));
  process.stdout.write(JSON.stringify(results), () => process.exit());
} finally {
  rmSync(folder, { recursive: true });
}
