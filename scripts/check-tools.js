// Uses the packed package with the tools that build, run, test and type-check Node programs, each in an empty folder,
// on each Node of scripts/fetch-nodes.sh, and maintains the table in docs/bundlers.md.
//   node scripts/check-tools.js <tarball> [--short] [--write] [--tools=<folder>] [<tool> ...]
//   --short: only the rows that take little time; --write: a complete run writes the table into the document instead of
//   comparing it; --tools: a folder with the tools, which are otherwise installed at fixed versions and then deleted;
//   --results: a file that keeps the results, so that several runs with one tarball add up to a complete one
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { bundlers } from './tools/bundlers.js';
import { clients } from './tools/clients.js';
import { executables } from './tools/executables.js';
import { Bench } from './tools/project.js';
import { runners } from './tools/runners.js';
import { servers } from './tools/servers.js';
import { typescript } from './tools/typescript.js';
import { pinned } from './tools/versions.js';

const { values, positionals } = parseArgs({
  options: {
    short: { type: 'boolean' },
    write: { type: 'boolean' },
    tools: { type: 'string' },
    results: { type: 'string' },
  },
  allowPositionals: true,
});
const [tarball, ...names] = positionals;
if (tarball === undefined)
  throw new Error('usage: node scripts/check-tools.js <tarball> [--short] [--write] [<tool> ...]');
const groups = {
  'Bundlers and file tracers': bundlers,
  'Executables, copies, loaders': executables,
  'Test runners': runners,
  TypeScript: typescript,
  'Libraries over streams of `makefile()`': [...clients, ...servers],
};
const rows = Object.entries(groups).flatMap(([group, list]) => list.map((row) => ({ group, ...row })));
const wanted = rows.filter(({ tool, short }) => (names.length > 0 ? names.includes(tool) : short || !values.short));

const work = mkdtempSync(join(tmpdir(), 'sys-socket-tools-'));
process.on('exit', () => rmSync(work, { recursive: true, force: true }));

function install(folder, packages) {
  mkdirSync(folder, { recursive: true });
  if (!existsSync(join(folder, 'package.json'))) writeFileSync(join(folder, 'package.json'), '{ "private": true }');
  const options = ['--silent', '--no-package-lock', '--no-audit', '--no-fund', '--no-save', '--ignore-scripts'];
  execFileSync('npm', ['install', ...options, ...packages], { cwd: folder, stdio: 'inherit' });
}

const tools = values.tools ? resolve(values.tools) : join(work, 'tools');
if (!values.tools) {
  const needed = new Set(wanted.flatMap(({ tool, needs = [] }) => [tool, ...needs]).filter((name) => name in pinned));
  install(
    tools,
    [...needed].map((name) => `${name}@${pinned[name]}`),
  );
}
install(join(work, 'installed'), [resolve(tarball)]);

const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
const folder = process.env.SYS_SOCKET_NODES ?? join(cache, 'sys-socket/nodes');
const versions = readdirSync(folder).filter((name) => /^\d/.test(name));
const bench = new Bench({ work, tools, nodes: versions.map((name) => join(folder, name, 'bin/node')) });

/** The results by row. Those of an earlier run count if it had the same tarball. */
const hash = createHash('sha256').update(readFileSync(tarball)).digest('hex');
const earlier = values.results && existsSync(values.results) ? JSON.parse(readFileSync(values.results, 'utf8')) : {};
const found = earlier.hash === hash ? earlier.found : {};
const key = ({ tool, how }) => `${tool}: ${how}`;

const isInstalled = (program) => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;

for (const row of wanted) {
  if (row.program && !isInstalled(row.program)) {
    console.log(`not run ${row.tool}: ${row.how} (${row.program} is not installed: apt-get install ${row.from})`);
    continue;
  }
  const version = row.version ? row.version(bench) : bench.version(row.tool);
  const start = performance.now();
  let error;
  try {
    await row.check(bench);
  } catch (caught) {
    error = caught;
    process.exitCode = 1;
  }
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`${error ? 'FAILED' : 'ok    '} ${row.title ?? row.tool} ${version}: ${row.how} (${seconds} s)`);
  if (error) console.log(String(error.stack ?? error).replace(/^/gm, '       '));
  found[key(row)] = { version, result: error ? '**fails**' : 'works' };
  if (values.results) writeFileSync(values.results, JSON.stringify({ hash, found }));
}
const results = rows.filter((row) => key(row) in found).map((row) => ({ ...row, ...found[key(row)] }));

/** Formats the rows of a group; rows that differ only in the version are merged. */
function table(group) {
  const lines = ['| tool | version | how | result | to do |', '|---|---|---|---|---|'];
  const merged = [];
  for (const { title, tool, version, how, result, todo } of results.filter((row) => row.group === group)) {
    const last = merged.at(-1);
    const name = title ?? tool;
    if (title && last?.name === name && last.how === how && last.result === result) last.version += `, ${version}`;
    else merged.push({ name, version, how, result, todo });
  }
  for (const { name, version, how, result, todo } of merged) {
    lines.push(`| ${name} | ${version} | ${how} | ${result} | ${todo || 'nothing'} |`);
  }
  return lines.join('\n');
}

// If a server is not installed, the rows of its library are not compared, and nothing is written.
const isMissing = (row) => row.program && !isInstalled(row.program) && !(key(row) in found);
const missing = rows.filter(isMissing);
if (results.length + missing.length === rows.length) {
  const path = join(import.meta.dirname, '../docs/bundlers.md');
  const lines = readFileSync(path, 'utf8').split('\n');
  const document = lines.filter((line) => !missing.some(({ tool }) => line.startsWith(`| ${tool} | `))).join('\n');
  const [before, after] = ['<!-- begin: scripts/check-tools.js -->\n', '<!-- end -->'];
  const start = document.indexOf(before) + before.length;
  const text = `\nOn Node ${versions.join(', ')}:\n\n${Object.keys(groups)
    .map((group) => `### ${group}\n\n${table(group)}\n\n`)
    .join('')}`;
  const updated = document.slice(0, start) + text + document.slice(document.indexOf(after));
  if (values.write && missing.length > 0) throw new Error('the table is not written because some rows were not run');
  if (values.write) writeFileSync(path, updated);
  else if (updated !== document) {
    console.log('docs/bundlers.md is out of date: run this script with --write');
    process.exitCode = 1;
  }
}
