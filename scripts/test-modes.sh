#!/usr/bin/env bash
# The suite in privilege modes, on the Nodes of scripts/fetch-nodes.sh, with the fixed list of tests that each mode may
# skip (test/skips/<mode>.txt).
#   scripts/test-modes.sh [--write] [mode[@node] ...]      such as user@24; without @ on the node that is on the PATH
# The modes are root, user (no privilege), userns (root of a user namespace) and nocaps (uid 0 without capabilities, as
# under Ubuntu's restriction of user namespaces); without arguments all of them. --write makes the lists anew. Needs root,
# to become the others.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ "${1-}" = --write ]; then
  export WRITE_SKIPS=1
  shift
fi
[ $# -gt 0 ] || set -- root user userns nocaps
nodes=${SYS_SOCKET_NODES:-/var/cache/sys-socket/nodes}
less=(setpriv --bounding-set=-all --inh-caps=-all)
nobody=("${less[@]}" --reuid=65534 --regid=65534 --clear-groups)

for one in "$@"; do
  mode=${one%@*}
  node=$(command -v node)
  if [ "$mode" != "$one" ]; then
    node=$(printf '%s\n' "$nodes/${one#*@}".*/bin/node | sort -V | tail -n 1)
    [ -x "$node" ] || { echo "no Node ${one#*@} in $nodes: scripts/fetch-nodes.sh" >&2 && exit 2; }
  fi
  case $mode in
    root) as=() ;;
    user) as=("${nobody[@]}" env HOME=/tmp) ;;
    # shellcheck disable=SC2016
    userns) as=("${nobody[@]}" env HOME=/tmp unshare -Urn sh -c 'ip link set lo up && exec "$@"' sh) ;;
    nocaps) as=("${less[@]}") ;;
    *) echo "unknown mode $mode" >&2 && exit 2 ;;
  esac
  list=$PWD/test/skips/$mode.txt
  touch "$list"
  [ -z "${WRITE_SKIPS-}" ] || chmod 666 "$list"
  echo "== privilege mode $mode, Node $("$node" --version)"
  # The config is loaded without a bundled copy beside it, which only the owner of the tree could write.
  PATH=$(dirname "$node"):$PATH EXPECTED_SKIPS=$list \
    "${as[@]}" "$node" node_modules/vitest/vitest.mjs run --configLoader runner
  [ -z "${WRITE_SKIPS-}" ] || chmod 644 "$list"
done
