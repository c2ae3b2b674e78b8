#!/bin/bash
# tests/run.sh, and what takes longer: a minute of fuzzing each, twenty rounds of the random
# tests with new seeds, forty random shapes for each kernel, ThreadSanitizer, valgrind, an hour of frames, ten thousand state cycles, a
# soak, the scan's report in Chromium, Debian 13 (tests/debian13.sh says what it needs of root). An hour and a half or more on two cores. Ends
# as tests/run.sh does.
#
#   tests/full.sh [PART…]     only these parts; tests/full.sh --list names them
set -u -o pipefail
cd "$(dirname "$0")/.."

export HYSAC_FUZZ_SECONDS=${HYSAC_FUZZ_SECONDS:-60}
. tests/parts.sh

PARTS="install build unit property python demo asan tsan valgrind fuzz oclgrind simulator load soak bench browser debian13"
run_parts "$PARTS" "$@"
