#!/usr/bin/env bash
# Runs the suite in privilege modes, on the runtimes of scripts/fetch-nodes.sh, with a fixed list of tests that each may
# skip: test/skips/<mode>.txt, or test/skips/<runtime>.txt for Bun and Deno.
#   scripts/test-modes.sh [--write] [mode[@runtime] ...] [-- file ...]
#   for example user@24 or root@bun; without @ it uses the node on the PATH, without files it runs all tests
# The modes are root, user (no privilege), userns (root of a user namespace) and nocaps (uid 0 without capabilities, as
# under Ubuntu's restriction of user namespaces); without arguments it runs all of them. --write writes the tests that
# the given files skipped to the lists, and keeps the lines of other files. It needs root to switch to the other modes.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ "${1-}" = --write ]; then
  export WRITE_SKIPS=1
  shift
fi
modes=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do
  modes+=("$1")
  shift
done
[ $# = 0 ] || shift
[ ${#modes[@]} -gt 0 ] || modes=(root user userns nocaps)
folder=${SYS_SOCKET_NODES:-/var/cache/sys-socket/nodes}
less=(setpriv --bounding-set=-all --inh-caps=-all)
nobody=("${less[@]}" --reuid=65534 --regid=65534 --clear-groups env HOME=/tmp)

# newest <pattern>: prints the newest program that matches the pattern
newest() {
  local found
  found=$(compgen -G "$folder/$1" | sort -V | tail -n 1)
  [ -x "$found" ] || { echo "no $folder/$1: scripts/fetch-nodes.sh node bun deno" >&2 && exit 2; }
  echo "$found"
}

for one in "${modes[@]}"; do
  mode=${one%@*}
  list=$mode
  files=("$@")
  case ${one#"$mode"} in
    '') runtime=("$(command -v node)") ;;
    @bun) runtime=("$(newest 'bun-*/bin/bun')" --bun) list=bun ;;
    @deno) runtime=("$(newest 'deno-*/bin/deno')" run -A) list=deno ;;
    *) runtime=("$(newest "${one#*@}.*/bin/node")") ;;
  esac
  # The tests of documents and of the package concern only Node.
  [ "$list" = "$mode" ] || [ $# -gt 0 ] || files=(test/argument test/call test/loop test/native test/netlink test/posix test/socket test/struct)
  # The programs of test/torture run on every Node by themselves, and test/simulation uses no real kernel, so once is
  # enough.
  [ "$mode" = root ] || [ ${#files[@]} -gt 0 ] || files=(--exclude 'test/torture/**' --exclude 'test/simulation/**')
  # shellcheck disable=SC2016
  case $mode in
    root) as=() ;;
    user) as=("${nobody[@]}") ;;
    userns) as=("${nobody[@]}" unshare -Urn sh -c 'ip link set lo up && exec "$@"' sh) ;;
    nocaps) as=("${less[@]}") ;;
    *) echo "unknown mode $mode" >&2 && exit 2 ;;
  esac
  skips=$PWD/test/skips/$list.txt
  touch "$skips"
  [ -z "${WRITE_SKIPS-}" ] || chmod 666 "$skips"
  echo "== $one: $("${runtime[0]}" --version | head -n 1)"
  # The config is loaded without a bundled copy beside it, which only the owner of the tree could write.
  PATH=$(dirname "${runtime[0]}"):$PATH EXPECTED_SKIPS=$skips \
    "${as[@]}" "${runtime[@]}" node_modules/vitest/vitest.mjs run --configLoader runner "${files[@]}"
  [ -z "${WRITE_SKIPS-}" ] || chmod 644 "$skips"
done
