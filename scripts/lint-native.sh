#!/usr/bin/env bash
# Runs clang-format and clang-tidy on the C++ sources, with the newest installed version of each.
#   npm run lint:native
set -euo pipefail
cd "$(dirname "$0")/.."
format=$(compgen -c clang-format | grep -E '^clang-format(-[0-9]+)?$' | sort -V | tail -n 1)
tidy=$(compgen -c clang-tidy | grep -E '^clang-tidy(-[0-9]+)?$' | sort -V | tail -n 1)
"$format" --dry-run -Werror native/*.cc native/*.h scripts/*.cc bench/native/*.cc
include=${npm_config_nodedir:-$(dirname "$(dirname "$(readlink -f "$(command -v node)")")")}/include/node
"$tidy" --quiet native/*.cc -- -std=c++20 -fno-exceptions -D_GNU_SOURCE -DNAPI_VERSION=9 -DNAPI_DISABLE_CPP_EXCEPTIONS \
  -DNODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS -isystem "$include" -isystem node_modules/node-addon-api
