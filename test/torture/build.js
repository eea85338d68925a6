// Builds the addon a second time, in build/torture, with a stub before every function that it calls.
import { execFile, execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { failureOf } from './failures.js';

const root = join(import.meta.dirname, '../..');
const folder = join(root, 'build/torture');
const objects = join(folder, 'objects');
const run = promisify(execFile);

/** The tree with the binary, and dist/ beside it, whose loader finds this binary. */
export const tree = join(folder, 'tree');
export const binary = join(tree, 'build/Release/sys_socket.node');
export const numbers = join(folder, 'functions.json');

function headers() {
  const config = JSON.parse(readFileSync(join(root, 'build/config.gypi'), 'utf8').replace(/^#.*$/m, ''));
  return join(config.variables.nodedir, 'include/node');
}

/** One stub: saves every register and calls torture_fails; then continues, or returns what a failed call returns. */
function stub(name, number, failure) {
  const save = ['rdi', 'rsi', 'rdx', 'rcx', 'r8', 'r9', 'rax'];
  const restore = [
    ...[0, 1, 2, 3].map((i) => `movups ${i * 16}(%rsp), %xmm${i}`),
    'addq $64, %rsp',
    ...save.toReversed().map((register) => `popq %${register}`),
  ];
  return `
  .hidden torture_stub_${name}
  .globl torture_stub_${name}
  .type torture_stub_${name}, @function
torture_stub_${name}:
  ${[
    ...save.map((register) => `pushq %${register}`),
    'subq $64, %rsp',
    ...[0, 1, 2, 3].map((i) => `movups %xmm${i}, ${i * 16}(%rsp)`),
    'movq %rdi, %rdx',
    `movl $${number}, %edi`,
    'movq 120(%rsp), %rsi',
    'call torture_fails',
    'testl %eax, %eax',
    'jnz 1f',
    ...restore,
    `jmp *${name}@GOTPCREL(%rip)`,
    '1:',
    ...restore,
    'subq $8, %rsp',
    ...(failure?.after ? [`call *${name}@GOTPCREL(%rip)`] : []),
    `movl $${number}, %edi`,
    'call torture_value',
    'addq $8, %rsp',
    'ret',
  ].join('\n  ')}
  .size torture_stub_${name}, .-torture_stub_${name}
`;
}

const counts = { realloc: 1, free: 2 };

function stubs(names) {
  const failures = names.map((name) => failureOf(name));
  return `${names.map((name, i) => stub(name, i, failures[i])).join('')}
  .section .data.rel.ro, "aw"
  .hidden torture_failures
  .globl torture_failures
torture_failures:
${failures.map((f, i) => `  .quad ${f?.value ?? 0}\n  .long ${f?.errno ?? 0}\n  .short ${counts[names[i]] ?? 0}, ${f?.after ? 1 : 0}`).join('\n')}
  .section .note.GNU-stack, "", @progbits
`;
}

const isNewer = (path, than) => !existsSync(than) || statSync(path).mtimeMs > statSync(than).mtimeMs;

/** Returns the names of the functions that the objects call and that none of them defines. */
function undefinedNames(paths) {
  const symbols = execFileSync('nm', paths, { encoding: 'utf8' }).split('\n');
  const of = (kinds) =>
    new Set(
      symbols
        .map((line) => /^[0-9a-f ]{16} (\w) (.+)$/.exec(line))
        .filter((m) => m && kinds.includes(m[1]))
        .map((m) => m[2]),
    );
  const defined = of('TtWVRrDdBb');
  return [...of('Uw')].filter((name) => !defined.has(name));
}

/** Builds what is out of date. It supports x64 only: the stubs are written in its assembly language. */
export async function build() {
  mkdirSync(objects, { recursive: true });
  mkdirSync(dirname(binary), { recursive: true });
  const gyp = readFileSync(join(root, 'native/sys_socket.gypi'), 'utf8');
  const sources = [...gyp.matchAll(/"([\w-]+)\.cc"/g)].map((match) => match[1]);
  const common = readdirSync(join(root, 'native')).filter((name) => /\.(h|def|gypi)$/.test(name));
  const newest = Math.max(...common.map((name) => statSync(join(root, 'native', name)).mtimeMs));
  const flags = [
    ...['-std=c++20', '-O1', '-g', '-fPIC', '-fno-exceptions', '-fno-rtti', '-fvisibility=hidden'],
    ...['-fno-optimize-sibling-calls', '-fno-plt', '-D_GNU_SOURCE', '-D_FILE_OFFSET_BITS=64', '-DNAPI_VERSION=9'],
    ...[
      '-DNAPI_DISABLE_CPP_EXCEPTIONS',
      '-DNODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS',
      '-DNODE_ADDON_API_DISABLE_DEPRECATED',
    ],
    ...['-DNODE_GYP_MODULE_NAME=sys_socket', '-DBUILDING_NODE_EXTENSION', `-I${headers()}`],
    `-I${dirname(createRequire(import.meta.url).resolve('node-addon-api/package.json'))}`,
  ];
  const compile = async (source, to) => {
    const path = join(objects, to);
    if (isNewer(source, path) || newest > statSync(path).mtimeMs)
      await run('g++', [...flags, '-c', source, '-o', path]);
    return path;
  };
  const waiting = [...sources];
  const compiled = [];
  const worker = async () => {
    for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
      compiled.push(await compile(join(root, `native/${name}.cc`), `${name}.o`));
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  compiled.sort();
  const control = await compile(join(import.meta.dirname, 'torture.cc'), 'torture.o');
  const inputs = [
    ...compiled,
    control,
    join(import.meta.dirname, 'build.js'),
    join(import.meta.dirname, 'failures.js'),
  ];
  if (inputs.some((path) => isNewer(path, binary))) {
    // node-addon-api contains functions that delete; nothing calls them.
    // The linker treats a versioned name, such as pthread_create@GLIBC_2.2.5, as a separate name.
    const bare = (name) => name.replace(/@.*/, '');
    const ignored = /^(_Z[dT]|_ITM_|__gmon|__cxa_|__dso_handle|_GLOBAL_OFFSET)/;
    const given = undefinedNames(compiled).filter((name) => !ignored.test(name));
    const names = [...new Set(given.map(bare))].sort();
    writeFileSync(join(folder, 'stubs.S'), stubs(names));
    writeFileSync(numbers, JSON.stringify(names));
    writeFileSync(join(folder, 'renames'), given.map((name) => `${name} torture_stub_${bare(name)}\n`).join(''));
    const renamed = compiled.map((path) => path.replace(/\.o$/, '.renamed'));
    for (const [i, path] of compiled.entries()) {
      execFileSync('objcopy', [`--redefine-syms=${join(folder, 'renames')}`, path, renamed[i]]);
    }
    await run('g++', ['-shared', '-o', binary, ...renamed, control, join(folder, 'stubs.S')]);
  }
  cpSync(join(root, 'dist'), join(tree, 'dist'), { recursive: true });
  writeFileSync(join(tree, 'package.json'), '{"name":"sys-socket","type":"module"}');
  if (!existsSync(join(tree, 'node_modules'))) symlinkSync(join(root, 'node_modules'), join(tree, 'node_modules'));
  return names(numbers);
}

const names = (path) => JSON.parse(readFileSync(path, 'utf8'));
