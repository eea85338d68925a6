#!/usr/bin/env bash
# What must be true of a tag before it is published: package.json and CHANGELOG.md have its version, package.json says where the
# project is, all binaries are there.
#   scripts/check-release.sh v0.1.0
set -euo pipefail
cd "$(dirname "$0")/.."
version=${1#v}
fail() { echo "$1" >&2 && exit 1; }
[ "v$version" = "$1" ] || fail "the tag $1 is not v<version>"
[ "$(node -p 'require("./package.json").version')" = "$version" ] || fail "package.json has another version than $version"
grep -qE "^## \[?${version//./\\.}\]? - [0-9]{4}-[0-9]{2}-[0-9]{2}$" CHANGELOG.md || fail "CHANGELOG.md has no date for $version"
# npm refuses a provenance without the repository, and resolves README's links to other files by it.
for field in repository.url homepage bugs.url author; do
  value=$(node -p "'$field'.split('.').reduce((value, key) => value?.[key], require('./package.json')) ?? ''")
  [ -n "$value" ] || fail "package.json has no $field"
  case $value in
    *example.* | *TODO* | *OWNER* | *'<'*) fail "package.json has a placeholder for $field: $value" ;;
  esac
done
for target in x64/glibc x64/musl arm64/glibc arm64/musl; do
  binary=prebuilds/linux-${target%/*}/sys-socket.${target#*/}.node
  [ -e "$binary" ] || fail "there is no $binary"
done
node scripts/check-binary.js prebuilds/*/*.node
