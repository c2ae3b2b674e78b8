#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Fuzzes every target for SECONDS each, with ASan and UBSan: tests/fuzz/run.sh [SECONDS]
# New inputs are kept in build-fuzz/corpus; a crash leaves its input in build-fuzz and fails. Prints TAP.
set -eu
seconds=${1:-60}
root=$(cd "$(dirname "$0")/../.." && pwd)
build=$root/build-fuzz
cd "$root"

if [ ! -f "$build/build.ninja" ]; then
  CC=clang meson setup "$build" -Dfuzz=true -Dbuildtype=debugoptimized -Dtests=enabled \
    -Dgst=disabled -Dtools=disabled -Db_sanitize=address,undefined -Db_lundef=false
fi
ninja -C "$build" fuzz-targets

failed=0 count=0
for target in "$build"/tests/fuzz/fuzz_*; do
  [ -x "$target" ] && [ -f "$target" ] || continue
  name=$(basename "$target")
  seeds=$root/tests/fuzz/corpus/${name#fuzz_}
  mkdir -p "$build/corpus/$name"
  echo "# $name, $seconds s"
  count=$((count + 1)) result=ok
  # UBSan only prints unless told to stop.
  UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 "$target" -max_total_time="$seconds" \
    -timeout=10 -rss_limit_mb=2048 -dict="$root/tests/fuzz/json.dict" -print_final_stats=1 \
    -artifact_prefix="$build/$name-" "$build/corpus/$name" "$seeds" \
    >"$build/$name.log" 2>&1 || { failed=1 result="not ok"; tail -n 40 "$build/$name.log" | sed 's/^/# /'; }
  runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$build/$name.log")
  echo "$result $count - $name, ${runs:-?} inputs"
done
echo "1..$count"
[ $count -gt 0 ] && exit $failed
