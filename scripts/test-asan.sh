#!/usr/bin/env bash
# Runs the suite on an addon built with AddressSanitizer and UBSan (the Debug configuration), without a suppression
# file. Arguments are passed to vitest. Then a smoke run ends with a check for memory leaks.
#   npm run test:asan [-- <argument of vitest> ...]
set -euo pipefail
cd "$(dirname "$0")/.."
tree=$(mktemp -d "${TMPDIR:-/tmp}/sys-socket-asan.XXXXXX")
trap 'rm -rf "$tree"' EXIT
# In a tree of its own only the Debug build exists, so the loader finds that.
git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$tree"
ln -s "$PWD/node_modules" "$tree/node_modules"
cd "$tree"
node scripts/build-native.js --debug
npm run --silent build:ts
runtime=$(g++ -print-file-name=libasan.so)
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 ASAN_OPTIONS=detect_leaks=0
mkdir "$tree/bin"
# shellcheck disable=SC2016
printf '#!/bin/sh\nLD_PRELOAD=%s${LD_PRELOAD:+:$LD_PRELOAD} exec %s "$@"\n' "$runtime" "$(command -v node)" >"$tree/bin/node"
chmod +x "$tree/bin/node"
PATH=$tree/bin:$PATH SANITIZED_NODE=$tree/bin/node node node_modules/.bin/vitest run --configLoader runner "$@"
ASAN_OPTIONS=detect_leaks=1 "$tree/bin/node" test/helpers/smoke.js
