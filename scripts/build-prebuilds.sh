#!/usr/bin/env bash
# Builds, with prebuildify, the binaries that the package contains: x64 and arm64, each for glibc and for musl.
#   scripts/build-prebuilds.sh [--out=<folder>] [x64-glibc|arm64-glibc|x64-musl|arm64-musl ...]
# Without targets it builds all whose toolchain is installed, and names the missing Debian packages of the others.
# It creates a folder prebuilds in <folder>, by default in the package itself, where npm packs it.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
out=$root
if [[ ${1-} = --out=* ]]; then
  mkdir -p "${1#--out=}"
  out=$(cd "${1#--out=}" && pwd)
  shift
fi
named=$#
[ $# -gt 0 ] || set -- x64-glibc arm64-glibc x64-musl arm64-musl
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# The build runs in a tree of its own, so that the build of this machine stays as it is.
cp -r "$root/native" "$root/binding.gyp" "$root/package.json" "$work"
ln -s "$root/node_modules" "$work/node_modules"
cd "$work"
unset CFLAGS CXXFLAGS CPPFLAGS LDFLAGS
# If Node was installed with its headers, node-gyp does not have to download them.
prefix=$(node -p 'path.dirname(path.dirname(process.execPath))')
[ ! -e "$prefix/include/node/node_api.h" ] || export npm_config_nodedir=$prefix

# Prints the Debian packages that the toolchain of a target lacks.
lacking() { # <cpu> <libc>
  local packages=()
  command -v "$1-linux-gnu-g++" >/dev/null || packages+=("g++-${1/_/-}-linux-gnu")
  if [ "$2" = musl ]; then
    [ -e "/usr/include/$1-linux-musl/netdb.h" ] || packages+=("musl-dev:${debian[$1]}")
    [ -e "$libcxx/new" ] || packages+=(libc++-14-dev)
  fi
  echo "${packages[*]}"
}
declare -A cpu=([x64]=x86_64 [arm64]=aarch64) debian=([x86_64]=amd64 [aarch64]=arm64)
# No C++ library is linked, so the headers of any that supports musl will do.
libcxx=/usr/lib/llvm-14/include/c++/v1

for target in "$@"; do
  arch=${target%-*}
  libc=${target#*-}
  tools=${cpu[$arch]-}
  [[ -n $tools && ($libc = glibc || $libc = musl) ]] || { echo "unknown target $target" >&2 && exit 2; }
  missing=$(lacking "$tools" "$libc")
  if [ -n "$missing" ]; then
    echo "$target: needs $missing" >&2
    [ "$named" -eq 0 ] || exit 1
    continue
  fi
  # Only the kernel's headers, which are the same for all targets.
  mkdir -p "kernel/$arch"
  ln -sfn /usr/include/linux "kernel/$arch/linux"
  ln -sfn /usr/include/asm-generic "kernel/$arch/asm-generic"
  for asm in "/usr/$tools-linux-gnu/include/asm" "/usr/include/$tools-linux-gnu/asm"; do
    [ ! -e "$asm" ] || ln -sfn "$asm" "kernel/$arch/asm"
  done
  flags=(-isystem "$work/kernel/$arch") link=()
  if [ "$libc" = musl ]; then
    flags=(-nostdinc -nostdinc++ -D_LIBCPP_HAS_MUSL_LIBC -isystem "$libcxx" -isystem "/usr/include/$tools-linux-musl"
      -isystem "$("$tools-linux-gnu-g++" -print-file-name=include)" "${flags[@]}")
    link=(-nostartfiles "-L/usr/lib/$tools-linux-musl")
  fi
  CC="$tools-linux-gnu-gcc ${flags[*]}" CXX="$tools-linux-gnu-g++ ${flags[*]}" AR="$tools-linux-gnu-ar" \
    LINK="$tools-linux-gnu-g++" LDFLAGS="${link[*]}" node_modules/.bin/prebuildify --quiet --napi --strip \
    --strip-bin "$tools-linux-gnu-strip" --arch "$arch" --libc "$libc" --tag-libc --name sys-socket --out "$out" >&2
  echo "$target: $(stat -c %s "$out/prebuilds/linux-$arch/sys-socket.$libc.node") bytes"
done
