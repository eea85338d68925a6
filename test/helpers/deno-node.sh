#!/bin/sh
# Runs Deno with the command line of Node, for the child processes of tests (test/helpers/setup.ts). It knows the flags
# that tests use.
flags=
while :; do
  # shellcheck disable=SC2086
  case $1 in
    --input-type=module | --no-warnings) shift ;;
    --import) flags="$flags --preload=$2" && shift 2 ;;
    --*) flags="$flags --v8-flags=$1" && shift ;;
    -e)
      # Deno passes a name for the code as an argument, which Node does not have, so it is removed.
      code="process.argv.splice(1, 1); $2"
      shift 2
      exec "${DENO:-deno}" eval $flags "$code" "$@"
      ;;
    *) exec "${DENO:-deno}" run -A $flags "$@" ;;
  esac
done
