#!/usr/bin/env bash
# Runs a smoke test of every call under valgrind: no invalid access, and no uninitialised bytes passed to the kernel.
#   npm run test:valgrind
set -euo pipefail
cd "$(dirname "$0")/.."
exec valgrind --quiet --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=none --show-leak-kinds=none \
  node test/helpers/smoke.js
