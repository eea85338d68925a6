/** scripts/check-binary.js, by which the binaries of the package are checked before they are published. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
// @ts-expect-error a script without types
import { faults } from '../scripts/check-binary.js';
import { folder } from './helpers/fixtures.ts';

const built = join(import.meta.dirname, '../build/Release/sys_socket.node');
const here = { arch: process.arch, libc: 'glibc' };

test('the build of this machine is hardened, and needs only libc, no newer than Node does', (context) => {
  if (!existsSync(built)) context.skip('no Release build in this tree');
  const stripped = join(folder(), 'stripped.node');
  copyFileSync(built, stripped);
  execFileSync('strip', ['--strip-all', stripped]);
  expect(faults(stripped, here)).toEqual([]);
  expect(faults(built, here)).toContain('is not stripped');
});

test('each fault is reported', () => {
  const cwd = folder();
  const source = `
    #include <cstdio>
    #include <string>
    extern "C" void uv_run();
    extern "C" int stranger(const char* text) {
      uv_run();
      char copy[64];
      std::sprintf(copy, "%s", std::string(text).c_str());
      return std::puts(copy) + std::puts("/somewhere/else.cc");
    }`;
  writeFileSync(join(cwd, 'bad.cc'), source);
  const options = [
    '-w',
    '-O0',
    '-shared',
    '-fPIC',
    '-fno-stack-protector',
    '-Wl,-z,lazy,-z,norelro,-z,execstack,-rpath,/',
  ];
  execFileSync('g++', [...options, 'bad.cc', '-o', 'bad.node'], { cwd });
  const found: string[] = faults(join(cwd, 'bad.node'), {
    arch: process.arch === 'x64' ? 'arm64' : 'x64',
    libc: 'musl',
  });
  for (const fault of [
    /^is not for /,
    /^needs libstdc\+\+\.so\.6$/,
    /^needs libc\.so\.6$/,
    /^no BIND_NOW$/,
    /^RPATH/,
    /^no RELRO$/,
    /^the stack may be executed$/,
    /^exports .*stranger/,
    /^no stack protector$/,
    /^no branch protection$/,
    /^no stack clash protection$/,
    /^needs _Z\S+ of a C\+\+ library$/,
    /^uv_run is not weak$/,
    /^is not stripped$/,
    /^holds the path of a source$/,
  ]) {
    expect(found).toContainEqual(expect.stringMatching(fault));
  }
  expect(faults(join(cwd, 'bad.node'), here)).toContain('no _FORTIFY_SOURCE');
});

test('a symbol that is newer than the oldest supported libc is reported', () => {
  const cwd = folder();
  writeFileSync(
    join(cwd, 'new.c'),
    'int close_range(unsigned, unsigned, int); int f(void) { return close_range(9, 9, 0); }',
  );
  execFileSync('gcc', ['-shared', '-fPIC', 'new.c', '-o', 'new.node'], { cwd });
  expect(faults(join(cwd, 'new.node'), here)).toContainEqual(
    expect.stringMatching(/^close_range@GLIBC_2\.34 .*is newer than 2\.28$/),
  );
});
