#!/usr/bin/env bash
# A smoke run of every call under valgrind: no invalid access, no uninitialised bytes given to the kernel.
set -euo pipefail
cd "$(dirname "$0")/.."
exec valgrind --quiet --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=none --show-leak-kinds=none \
  node test/helpers/smoke.js
