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
# npm refuses a provenance unless the repository is the one that publishes, and resolves README's links to other files by it.
declare -A like=([repository.url]='git+https://<host>/<owner>/<name>.git' [homepage]='<address of a page>' [bugs.url]='<where to report>' [author]='<name>')
wrong=()
while IFS=$'\t' read -r field value; do
  case $value in
    '') wrong+=("package.json has no $field: npm pkg set $field='${like[$field]}'") ;;
    *example.* | *TODO* | *OWNER* | *'<'*) wrong+=("package.json has a placeholder for $field, $value: npm pkg set $field='${like[$field]}'") ;;
  esac
  if [ "$field" = repository.url ] && [ -n "$value" ] && [[ ${value%.git} != *"${GITHUB_REPOSITORY-}" ]]; then
    wrong+=("package.json has the repository.url $value, but $GITHUB_REPOSITORY publishes: npm would refuse the provenance")
  fi
done < <(node -p 'const all = require("./package.json");
  ["repository.url", "homepage", "bugs.url", "author"]
    .map((field) => field + "\t" + (field.split(".").reduce((value, key) => value?.[key], all) ?? "")).join("\n")')
[ ${#wrong[@]} = 0 ] || fail "$(printf '%s\n' "${wrong[@]}")"
for target in x64/glibc x64/musl arm64/glibc arm64/musl; do
  binary=prebuilds/linux-${target%/*}/sys-socket.${target#*/}.node
  [ -e "$binary" ] || fail "there is no $binary"
done
node scripts/check-binary.js prebuilds/*/*.node
