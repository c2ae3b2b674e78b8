#!/bin/bash
# Install, build and test everything; about 20 minutes on two cores. The last line is
# `N passed, N failed`, counted test by test (tests/tally.py). Logs are kept in build/test-logs/.
#
#   tests/run.sh [PART…]      only these parts; tests/run.sh --list names them
set -u -o pipefail
cd "$(dirname "$0")/.."

export HYSAC_FUZZ_SECONDS=${HYSAC_FUZZ_SECONDS:-12}
. tests/parts.sh

PARTS="install build unit python demo asan fuzz oclgrind bench"
run_parts "$PARTS" "$@"
