#!/usr/bin/env bash
# Runs the whole suite as root on each Node of scripts/fetch-nodes.sh, with one binary.
#   npm run test:nodes [-- <version> ...]      for example 22 26
set -euo pipefail
[ $# -gt 0 ] || set -- 20 22 24 26
exec "$(dirname "$0")/test-modes.sh" "${@/#/root@}"
