// Checks a binary of the package by its ELF tables: it must be hardened, run on old systems, and link nothing
// unexpected.
//   node scripts/check-binary.js <file.node> ...    each path names its target:
//   <folder>/linux-<arch>/sys-socket.<libc>.node
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The newest symbol versions that Node 20 itself requires of the system. */
const floor = { GLIBC: '2.28', GLIBCXX: '3.4.21', CXXABI: '1.3.9' };
const machines = { x64: 'Advanced Micro Devices X86-64', arm64: 'AArch64' };
const libraries = { glibc: ['libc.so.6', 'ld-linux-aarch64.so.1'], musl: ['libc.so'] };
/** Instructions that the compiler inserts for hardening, as bytes in latin1. */
const marks = {
  // endbr64 at the start of functions; orq $0x0,(%rsp) for each page of a large frame
  x64: { branch: '\xf3\x0f\x1e\xfa', probe: '\x48\x83\x0c\x24\x00' },
  // paciasp at the start of functions; str xzr, [sp, #1024]
  arm64: { branch: '\x3f\x23\x03\xd5', probe: '\xff\x03\x02\xf9' },
};
/**
 * At least this many functions are exported to JavaScript. The startup code of the C library has a few marks of its
 * own.
 */
const functions = 50;
const exported = ['napi_register_module_v1', 'node_api_module_get_api_version_v1'];

function readelf(option, file) {
  return execFileSync('readelf', ['--wide', option, file], { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C' } });
}

/** Returns whether version a (such as 2.28) is newer than b. */
function newer(a, b) {
  return a.localeCompare(b, 'en', { numeric: true }) > 0;
}

/** Returns everything that is wrong with a binary, as messages. */
export function faults(file, { arch, libc }) {
  const found = [];
  const must = (fine, fault) => fine || found.push(fault);
  must(readelf('--file-header', file).includes(machines[arch]), `is not for ${arch}`);

  const dynamic = readelf('--dynamic', file);
  for (const [, name] of dynamic.matchAll(/\(NEEDED\).*\[(.*)\]/g)) {
    must(libraries[libc].includes(name), `needs ${name}`);
  }
  must(/\(FLAGS_1\).*\bNOW\b/.test(dynamic), 'no BIND_NOW');
  must(!/\((RPATH|RUNPATH|TEXTREL)\)/.test(dynamic), 'RPATH, RUNPATH or TEXTREL');

  const segments = readelf('--program-headers', file);
  must(segments.includes('GNU_RELRO'), 'no RELRO');
  must(/GNU_STACK.* RW /.test(segments), 'the stack may be executed');
  must(!/LOAD.* RWE /.test(segments), 'a segment may be written and executed');

  const symbols = readelf('--dyn-syms', file)
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([number, , , , bind, , , name]) => /^\d+:$/.test(number) && bind !== 'LOCAL' && name)
    .map(([, , , , bind, , section, name]) => ({ bind, defined: section !== 'UND', name }));
  const defined = symbols.filter((symbol) => symbol.defined).map(({ name }) => name);
  must(defined.sort().join() === exported.join(), `exports ${defined.join(', ')}`);
  must(
    symbols.some(({ name }) => name.startsWith('__stack_chk_fail')),
    'no stack protector',
  );
  for (const { name, defined: here, bind } of symbols) {
    const version = /@(GLIBC|GLIBCXX|CXXABI)_([\d.]+)$/.exec(name);
    if (version !== null) must(!newer(version[2], floor[version[1]]), `${name} is newer than ${floor[version[1]]}`);
    // Bun and Deno do not share a C++ library with the addon.
    must(here || !name.startsWith('_Z'), `needs ${name} of a C++ library`);
    // Other runtimes lack some of these: a weak symbol is null there, but a strong one makes loading fail.
    if (!here && name.startsWith('uv_')) must(bind === 'WEAK', `${name} is not weak`);
    if (!here) must(!name.startsWith('_Z'), `${name} is of libstdc++, which only Node shares`);
  }

  must(!readelf('--sections', file).includes('.symtab'), 'is not stripped');
  if (libc === 'glibc') {
    must(
      symbols.some(({ name }) => /_chk(@|$)/.test(name)),
      'no _FORTIFY_SOURCE',
    );
  }
  const text = readFileSync(file, 'latin1');
  must(text.split(marks[arch].branch).length > functions, 'no branch protection');
  must(text.includes(marks[arch].probe), 'no stack clash protection');
  must(!/\/[\w.-]+\.(cc|h)\b/.test(text), 'holds the path of a source');
  return found;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const file of process.argv.slice(2)) {
    const arch = basename(dirname(file)).replace('linux-', '');
    const libc = basename(file).split('.')[1];
    const found = faults(file, { arch, libc });
    console.log(`linux-${arch} ${libc}: ${found.length === 0 ? 'ok' : found.join('; ')}`);
    if (found.length > 0) process.exitCode = 1;
  }
}
