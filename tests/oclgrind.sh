#!/bin/bash
# Run the portable kernels in oclgrind's simulator, which reports reads and writes outside of
# buffers, and data races. Prints TAP: the programs' own, and for each whether oclgrind was silent.
# Its --uninitialized is left out: it takes fma() of splatted scalars for a use of what was never
# written, and spoils results.
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
  oclgrind --data-races --log "$work/$name" "$@" 2>"$work/$name.stderr" || status=$?
  echo "1..1"
  if [ $status = 0 ] && [ -f "$work/$name" ] && ! [ -s "$work/$name" ]; then
    echo "ok 1 - $name: oclgrind found nothing"
  else
    cat "$work/$name" "$work/$name.stderr" 2>/dev/null | head -n 40 | sed 's/^/# /'
    echo "not ok 1 - $name: oclgrind's log, exit status $status"
  fi
}

simulate kernels "$build/checkkernels" --small
simulate preprocess "$build/test_preprocess"
