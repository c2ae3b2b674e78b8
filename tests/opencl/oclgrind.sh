#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The kernels of a variant that runs anywhere (portable, tiled) in a simulator that checks every memory
# access, race and API call. Not its check for uninitialised values: it does not see what the host writes through a mapping.
#
#   tests/opencl/oclgrind.sh BUILD [VARIANT [PRECISION]]        exit 77 where oclgrind is missing
set -uo pipefail
build=${1:-build}
variant=${2:-portable}
command -v oclgrind >/dev/null || { echo "1..0 # SKIP oclgrind is not installed"; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# A cache of its own: its binaries are not a real device's.
export XDG_CACHE_HOME=$folder
oclgrind --check-api --data-races --max-errors 20 --log "$folder/log" \
  "$build/tests/opencl/checkkernels" --small --exact --variant "$variant" ${3:+--precision "$3"} >"$folder/out" 2>&1
status=$?
cat "$folder/out"
grep -q '^# device Oclgrind' "$folder/out" || { echo "# not run by oclgrind"; status=1; }
if [ -s "$folder/log" ]; then
  echo "not ok - oclgrind's findings"
  sed 's/^/# /' "$folder/log" | head -n 60
  status=1
fi
exit $status
