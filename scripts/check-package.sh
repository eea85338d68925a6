#!/usr/bin/env bash
# Packs the package with a prebuild for this machine, and uses the tarball as a user would: installed into an empty
# project with scripts disabled, imported and required, with types that resolve.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$PWD
modules=$PWD/node_modules
# In a tree of its own: a prebuild left in this one would be loaded instead of later builds.
mkdir "$work/tree"
git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$work/tree"
cd "$work/tree"
ln -s "$modules" node_modules
npm run --silent build:ts
npm run --silent build:prebuilds
npx --no-install publint --strict
tarball=$(npm pack --silent --pack-destination "$work")
tar tzf "$work/$tarball" | sed 's#^package/##' | sort >"$work/list"
if grep -vE '^(package\.json|README\.md|CHANGELOG\.md|LICENSE|binding\.gyp|scripts/build-native\.js|(dist|lib|native|prebuilds)/.*)$' "$work/list"; then
  echo "the tarball contains more than it needs" >&2
  exit 1
fi
mkdir "$work/project"
cd "$work/project"
echo '{ "private": true, "type": "module" }' >package.json
npm install --silent --ignore-scripts --no-package-lock "$work/$tarball"
test ! -e node_modules/sys-socket/build
cat >use.mjs <<'JS'
import { AF_UNIX, close, SOCK_STREAM, socketpair } from 'sys-socket';
import { recv } from 'sys-socket/nothrow';
import { createRequire } from 'node:module';
const [a, b] = socketpair(AF_UNIX, SOCK_STREAM);
close(a);
if (recv(b, new Uint8Array(1)) !== 0) throw new Error('no end of stream');
if (createRequire(import.meta.url)('sys-socket').socketpair !== socketpair) throw new Error('require gives another one');
console.log('package: ok');
JS
node use.mjs
cat >use.ts <<'TS'
import { type Address, AF_INET, getsockname, isErrno, SocketError } from 'sys-socket';
import { recv } from 'sys-socket/nothrow';
const family: 2 = AF_INET;
const address: Address | undefined = getsockname(family);
const n: number = recv(0, new Uint8Array(1));
export function code(error: unknown): 'EAGAIN' | undefined {
  return isErrno(error, 'EAGAIN') ? error.code : undefined;
}
export { address, n, SocketError };
TS
tsc="$modules/.bin/tsc"
types="$modules/@types"
"$tsc" --noEmit --strict --skipLibCheck --target es2022 --module nodenext --typeRoots "$types" --types node use.ts
"$tsc" --noEmit --strict --skipLibCheck --target es2022 --module esnext --moduleResolution bundler --typeRoots "$types" --types node use.ts
# Every program of the README in the tarball, as pasted.
(cd "$root" && SYS_SOCKET_INSTALLED=$work/project "$modules/.bin/vitest" run --configLoader runner test/snippets.test.ts)
du -h "$work/$tarball" | awk '{ print "tarball: " $1 }'
