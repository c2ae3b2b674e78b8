#!/bin/bash
# Preprocessing in oclgrind's simulator, which reports reads and writes outside of buffers, and data
# races; the encoder's kernels run there as one of meson's tests. Prints TAP: the program's own, and
# whether oclgrind was silent. Not its check for uninitialised values: tests/opencl/oclgrind.sh.
#
#   tests/oclgrind.sh [BUILD]
set -u
build=${1:-build}/tests/opencl
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export XDG_CACHE_HOME=$work HYSAC_TEST_DATA=$PWD/tests/data CMOCKA_MESSAGE_OUTPUT=TAP G_DEBUG=fatal-criticals

simulate() { # NAME PROGRAM ARGUMENT…
  local name=$1 status=0
  shift
  oclgrind --data-races --check-api --log "$work/$name" "$@" 2>"$work/$name.stderr" || status=$?
  echo "1..1"
  if [ $status = 0 ] && [ -f "$work/$name" ] && ! [ -s "$work/$name" ]; then
    echo "ok 1 - $name: oclgrind found nothing"
  else
    cat "$work/$name" "$work/$name.stderr" 2>/dev/null | head -n 40 | sed 's/^/# /'
    echo "not ok 1 - $name: oclgrind's log, exit status $status"
  fi
}

simulate preprocess "$build/test_preprocess"
