#!/bin/sh
# Deno under the command line of Node, for the children of tests (test/helpers/setup.ts): the flags that the tests use.
flags=
while :; do
  # shellcheck disable=SC2086
  case $1 in
    --input-type=module | --no-warnings) shift ;;
    --import) flags="$flags --preload=$2" && shift 2 ;;
    --*) flags="$flags --v8-flags=$1" && shift ;;
    -e)
      # Its own name for the code, which Node has not, is taken out of the arguments.
      code="process.argv.splice(1, 1); $2"
      shift 2
      exec "${DENO:-deno}" eval $flags "$code" "$@"
      ;;
    *) exec "${DENO:-deno}" run -A $flags "$@" ;;
  esac
done
