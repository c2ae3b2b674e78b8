#!/bin/bash
# tests/run.sh, and what takes longer: ten minutes of fuzzing each, many more rounds of the property
# tests, ThreadSanitizer, valgrind, a soak. An hour or more on two cores. Ends as tests/run.sh does.
#
#   tests/full.sh [PART…]     only these parts; tests/full.sh --list names them
set -u -o pipefail
cd "$(dirname "$0")/.."

export HYSAC_FUZZ_SECONDS=${HYSAC_FUZZ_SECONDS:-600}
export HYSAC_TEST_ITERATIONS=${HYSAC_TEST_ITERATIONS:-20}
. tests/parts.sh

PARTS="install build unit python demo asan tsan valgrind fuzz oclgrind soak bench"
run_parts "$PARTS" "$@"
