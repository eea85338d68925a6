#!/usr/bin/env bash
# Packs the package and uses the tarball as a user would: each package manager installs it into an empty project, with
# and without scripts; each Node imports and requires it; its types must resolve; finally it is built from source.
#   scripts/check-package.sh [--short] [<folder>]      uses <folder>/prebuilds; without <folder> it builds the
#   binaries, with the toolchains that scripts/install-toolchains.sh installs
# Then check-tools.js runs: with all tools or, if --short is given, with those that take little time.
set -euo pipefail
short=()
if [ "${1-}" = --short ]; then
  short=(--short)
  shift
fi
prebuilds=${1:+$(cd "$1" && pwd)/prebuilds}
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$PWD
export SYS_SOCKET_NODES=${SYS_SOCKET_NODES:-${XDG_CACHE_HOME:-$HOME/.cache}/sys-socket/nodes}
scripts/fetch-nodes.sh >/dev/null
modules=$PWD/node_modules

# The work happens in a tree of its own, so that this one stays as it is.
mkdir "$work/tree"
git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$work/tree"
cd "$work/tree"
ln -s "$modules" node_modules
npm run --silent build:ts
if [ -n "$prebuilds" ]; then cp -r "$prebuilds" .; else scripts/build-prebuilds.sh; fi
for target in x64/sys-socket.glibc x64/sys-socket.musl arm64/sys-socket.glibc arm64/sys-socket.musl; do
  [ -e "prebuilds/linux-$target.node" ] || { echo "no binary for $target: scripts/install-toolchains.sh" >&2 && exit 1; }
done
npx --no-install publint --strict
tarball=$work/$(npm pack --silent --pack-destination "$work")
mapfile -t binaries < <(node -p 'Object.keys(require("./package.json").exports).filter((name) => name.endsWith(".node")).join("\n")')
npx --no-install attw --profile strict --quiet "$tarball" --exclude-entrypoints "${binaries[@]}"
echo 'publint, attw: ok'
tar tzf "$tarball" | sed 's#^package/##' | sort >"$work/list"
needed='package\.json|docs/[a-z-]+\.md|README\.md|CHANGELOG\.md|SECURITY\.md|LICENSE|scripts/build-native\.js'
needed+='|dist/[a-z0-9/-]+\.(js|d\.ts)|dist/cjs/package\.json|native/\w+\.(cc|h|def|gypi)|prebuilds/linux-(x64|arm64)/sys-socket\.(glibc|musl)\.node'
if grep -vE "^($needed)$" "$work/list"; then
  echo 'the tarball contains more than it needs' >&2
  exit 1
fi

# Each package manager is installed into a folder of its own; the downloads run in parallel. From here on, nothing reads
# the configuration of this machine.
managers=(npm@11.21.2 npm@12.2.0 pnpm@12.21.0 yarn@1.22.22 @yarnpkg/cli-dist@4.18.1 bun@1.4.5)
installs=()
for one in "${managers[@]}"; do
  npm install --silent --no-package-lock --prefix "$work/managers/$one" "$one" >&2 &
  installs+=($!)
done
for one in "${installs[@]}"; do wait "$one"; done
manager() { # <number> <bin>: prints its path
  echo "$work/managers/${managers[$1]}/node_modules/.bin/$2"
}
npm11=$(manager 0 npm)
npm12=$(manager 1 npm)
pnpm=$(manager 2 pnpm)
yarn1=$(manager 3 yarn)
yarn4=$(manager 4 yarn)
bun=$(manager 5 bun)
path=$PATH
export HOME=$work/home npm_config_userconfig=$work/home/.npmrc YARN_ENABLE_TELEMETRY=0 PATH=$SYS_SOCKET_NODES/24.21.0/bin:$PATH
export npm_config_update_notifier=false npm_config_fund=false npm_config_audit=false CI=1
unset "${!npm_config_nodedir@}"
mkdir "$HOME"

cat >"$work/use.mjs" <<'JS'
import { createRequire } from 'node:module';
import { AF_UNIX, close, SOCK_STREAM, socketpair } from 'sys-socket';
import { recv } from 'sys-socket/nothrow';
import { checksum } from 'sys-socket/packet';
import { getaddrinfo } from 'sys-socket/promises';
const [a, b] = socketpair(AF_UNIX, SOCK_STREAM);
close(a);
if (recv(b, new Uint8Array(1)) !== 0) throw new Error('no end of stream');
if (checksum(new Uint8Array(2)) !== 0xffff) throw new Error('no checksum');
await getaddrinfo('127.0.0.1', 80);
const required = createRequire(import.meta.url)('sys-socket');
required.close(required.socketpair(AF_UNIX, SOCK_STREAM)[0]);
// The resolver of Yarn's Plug'n'Play does not know the condition module-sync, and gives the CommonJS build.
if (required.socketpair !== socketpair && process.versions.pnp === undefined) throw new Error('require gives another one');
JS
cat >"$work/use.ts" <<'TS'
import { type Address, AF_INET, getsockname, isErrno, SocketError } from 'sys-socket';
import { recv } from 'sys-socket/nothrow';
import { checksum } from 'sys-socket/packet';
import { getaddrinfo } from 'sys-socket/promises';
const family: 2 = AF_INET;
const address: Address | undefined = getsockname(family);
const n: number = recv(0, new Uint8Array(1)) + checksum(new Uint8Array(2));
export async function look(): Promise<number | undefined> {
  return (await getaddrinfo('127.0.0.1', 80))[0]?.family;
}
export function code(error: unknown): 'EAGAIN' | undefined {
  return isErrno(error, 'EAGAIN') ? error.code : undefined;
}
export { address, n, SocketError };
TS

install() { # <name> <command ...>: installs into a new project; it must not mention scripts or build anything
  local name=$1
  shift
  mkdir -p "$work/$name"
  cd "$work/$name"
  echo '{ "name": "empty", "version": "1.0.0", "license": "MIT", "private": true, "type": "module" }' >package.json
  if [[ $name = yarn-4* ]]; then
    touch yarn.lock
    [ "$name" = yarn-4-pnp ] || echo 'nodeLinker: node-modules' >.yarnrc.yml
  fi
  # Yarn warns about its own loader in every project that has ES modules.
  if ! "$@" >"$work/$name.log" 2>&1 ||
    grep -vE 'YN0092|Done with warnings' "$work/$name.log" | grep -iE 'warn|script|gyp|trust|YN000[47]'; then
    cat "$work/$name.log"
    echo "$name: not silent" >&2
    exit 1
  fi
  if find . -name build -path '*sys-socket/build' | grep .; then
    echo "$name: built something" >&2
    exit 1
  fi
  cp "$work/use.mjs" "$work/use.ts" .
  if [ "$name" = yarn-4-pnp ]; then "$yarn4" node use.mjs; else node use.mjs; fi
  echo "$name: ok"
}
install npm-11 "$npm11" install "$tarball"
install npm-11-ignore-scripts "$npm11" install --ignore-scripts "$tarball"
install npm-12 "$npm12" install "$tarball"
install npm-12-strict "$npm12" install --strict-allow-scripts "$tarball"
install pnpm-12 "$pnpm" add "$tarball"
install yarn-1 "$yarn1" add --no-progress "file:$tarball"
install yarn-4 "$yarn4" add "sys-socket@file:$tarball"
install yarn-4-pnp "$yarn4" add "sys-socket@file:$tarball"
install bun-1 "$bun" add "$tarball"

cd "$work/npm-11"
for node in "$SYS_SOCKET_NODES"/*/bin/node; do
  "$node" use.mjs
  "$node" node_modules/.bin/sys-socket doctor unix | grep -q '^binary *prebuilds/'
done
echo 'Node 20, 22, 24 and 26: ok'
options=(--noEmit --strict --target es2022 --typeRoots "$modules/@types" --types node use.ts)
"$modules/.bin/tsc" --module nodenext "${options[@]}"
"$modules/.bin/tsc" --module esnext --moduleResolution bundler "${options[@]}"
echo 'types: ok'
(cd "$root" && node scripts/check-tools.js "$tarball" "${short[@]}")
# Runs every program in the README of the tarball as if it had been pasted.
(cd "$root" && PATH=$path SYS_SOCKET_INSTALLED=$work/npm-11 "$modules/.bin/vitest" run --configLoader runner test/snippets.test.ts)
disk=$(du -sh node_modules/sys-socket | cut -f1)
rm -r node_modules/sys-socket/prebuilds
command=$({ node use.mjs 2>&1 || true; } | grep -oE -m 1 'cd /.* npm run build:native') || { echo 'no command in the error' >&2 && exit 1; }
PATH=$path bash -c "$command" >"$work/source.log" 2>&1 || { cat "$work/source.log" && exit 1; }
node use.mjs
echo 'from source, as the error says: ok'
echo "tarball: $(stat -c %s "$tarball" | numfmt --to=iec), unpacked: $(tar xzOf "$tarball" | wc -c | numfmt --to=iec), on disk: $disk"
