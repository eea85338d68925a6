#!/usr/bin/env bash
# The suite in each privilege mode, with the fixed list of tests that each may skip (test/skips/<mode>.txt).
#   scripts/test-modes.sh [--write] [root|user|userns ...]      --write makes the lists anew
# Needs root, to become the others.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ "${1-}" = --write ]; then
  export WRITE_SKIPS=1
  shift
fi
# The config is loaded without a bundled copy beside it, which only the owner of the tree could write.
vitest=(node node_modules/.bin/vitest run --configLoader runner)
nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups --bounding-set=-all --inh-caps=-all)
mkdir -p test/skips
for mode in "${@:-root user userns}"; do
  for one in $mode; do
    list=$PWD/test/skips/$one.txt
    touch "$list"
    [ -z "${WRITE_SKIPS-}" ] || chmod 666 "$list"
    echo "== privilege mode: $one"
    case $one in
      root) EXPECTED_SKIPS=$list "${vitest[@]}" ;;
      user) HOME=/tmp EXPECTED_SKIPS=$list "${nobody[@]}" "${vitest[@]}" ;;
      userns)
        # shellcheck disable=SC2016
        HOME=/tmp EXPECTED_SKIPS=$list "${nobody[@]}" unshare -Urn sh -c 'ip link set lo up && exec "$@"' sh "${vitest[@]}"
        ;;
      *) echo "unknown mode $one" >&2 && exit 2 ;;
    esac
    [ -z "${WRITE_SKIPS-}" ] || chmod 644 "$list"
  done
done
