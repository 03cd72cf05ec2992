#!/bin/sh
# Everything that `npm test` means: what the tests need, build, lint, types, then all tests. The last line of the output is
# `N passed, N failed` (and `, N skipped`, which fails when CI=true); the exit status follows it.
set -u
cd "$(dirname -- "$(dirname -- "$(readlink -f -- "$0")")")" || exit 1
# The pinned Node.js first; ip, arping and their like are in sbin, which may not be in PATH.
export PATH="$PWD/node_modules/.bin:$PATH:/usr/local/sbin:/usr/sbin:/sbin"

failures=
step() { # name, command…
  name=$1
  shift
  echo "== $name" >&2
  "$@" || failures="$failures $name"
}

report=$(mktemp)
trap 'rm -f "$report"' EXIT
trap 'exit 130' INT TERM

step deps sh scripts/test-deps.sh
step build npm run --silent build
if [ -n "$failures" ]; then
  echo "not run, because this failed:$failures" >&2
  echo "0 passed, 1 failed"
  exit 1
fi
step lint biome ci --colors=off .
step types tsc -p tsconfig.json
step tests vitest run --reporter=default --reporter=json --outputFile.json="$report"
# shellcheck disable=SC2086 # a list of names
node scripts/test-summary.mjs "$report" $failures
