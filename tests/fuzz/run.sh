#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Every fuzz target with ASan and UBSan: first its seeds (tests/fuzz/corpus), then SECONDS of new inputs,
# two targets at a time: tests/fuzz/run.sh [SECONDS]
# A target names the parser that it is for ("Covers: FILE…"): its seeds must reach 80 % of those files'
# lines; a table says how many. New inputs are kept in build-fuzz/corpus and count in its last column.
# A crash leaves its input in build-fuzz and fails. Prints TAP.
set -u -o pipefail
seconds=${1:-60}
least=80
root=$(cd "$(dirname "$0")/../.." && pwd)
build=$root/build-fuzz
cd "$root" || exit 1

# What is run for the build is instrumented too, and would leave its profile in the source.
export LLVM_PROFILE_FILE=${LLVM_PROFILE_FILE:-/dev/null}

flags=(-Dfuzz=true -Dbuildtype=debugoptimized -Dtests=enabled -Dgst=disabled -Dtools=disabled
  -Db_sanitize=address,undefined -Db_lundef=false
  "-Dc_args=-fprofile-instr-generate -fcoverage-mapping" -Dc_link_args=-fprofile-instr-generate)
if [ -f "$build/build.ninja" ]; then
  meson configure "$build" "${flags[@]}" || exit 1
else
  CC=clang meson setup "$build" "${flags[@]}" || exit 1
fi
ninja -C "$build" fuzz-targets || exit 1

# The coverage tools of the compiler that built it: a profile's format changes from one to the next.
tools=$(dirname "$(readlink -f "$(command -v clang)")")
for tool in llvm-profdata llvm-cov; do
  [ -x "$tools/$tool" ] || { echo "# $tools/$tool is missing: tests/install.sh tests" && exit 1; }
done

# UBSan only prints unless told to stop. Files that a target writes are to be in memory.
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
scratch=$(mktemp -d -p "$([ -w /dev/shm ] && echo /dev/shm || echo "${TMPDIR:-/tmp}")" hysac-fuzz-XXXXXX)
export TMPDIR=$scratch
trap 'rm -rf "$scratch"' EXIT

# lines NAME FILES RAW: "REACHED LINES" of FILES.
lines() {
  "$tools/llvm-profdata" merge -sparse "$3" -o "$3.merged" 2>/dev/null &&
    "$tools/llvm-cov" export -format=lcov "$build/tests/fuzz/fuzz_$1" -instr-profile="$3.merged" 2>/dev/null |
    awk -v list="$2" '
      BEGIN { count = split(list, files, " ") }
      /^SF:/ {
        for (on = i = 0; i++ < count;)
          on = on || substr($0, length($0) - length(files[i])) == "/" files[i]
      }
      on && /^DA:/ { split($0, a, ","); n++; hit += a[2] > 0 }
      END { print hit + 0, n + 0 }'
}

# replay NAME RAW FOLDER…: every input once.
replay() {
  local name=$1 raw=$2
  shift 2
  LLVM_PROFILE_FILE=$raw "$build/tests/fuzz/fuzz_$name" -runs=0 -timeout=10 -rss_limit_mb=2048 \
    -artifact_prefix="$build/$name-" "$@" >>"$build/$name.log" 2>&1
}

percent() { echo $((${2:-0} > 0 ? $1 * 100 / $2 : 0)); }

# one NAME: its seeds, new inputs, all inputs; leaves NAME.tap, lines without numbers, and NAME.row.
one() {
  local name=$1 seeds=$root/tests/fuzz/corpus/$1 found=$build/corpus/fuzz_$1 log=$build/$1.log
  local file reached total all status=0 runs
  file=$(sed -n 's,^/\* Covers: \(.*\) \*/$,\1,p' "$root/tests/fuzz/fuzz_$name.c")
  mkdir -p "$found"
  : >"$log" >"$build/$name.tap" >"$build/$name.row"

  replay "$name" "$build/$name.seeds.profraw" "$seeds" || status=$?
  read -r reached total < <(lines "$name" "${file:-none}" "$build/$name.seeds.profraw")
  if [ $status = 0 ] && [ "$(percent "${reached:-0}" "${total:-0}")" -ge $least ]; then
    echo "ok $name's seeds reach $reached of $total lines of $file" >>"$build/$name.tap"
  else
    echo "not ok $name's seeds reach ${reached:-0} of ${total:-0} lines of ${file:-no parser}, $least % expected" >>"$build/$name.tap"
  fi

  [ $status != 0 ] || LLVM_PROFILE_FILE=/dev/null "$build/tests/fuzz/fuzz_$name" -max_total_time="$seconds" -timeout=10 \
    -rss_limit_mb=2048 -dict="$root/tests/fuzz/json.dict" -print_final_stats=1 -artifact_prefix="$build/$name-" \
    "$found" "$seeds" >>"$log" 2>&1 || status=$?
  runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log" | tail -n 1)
  if [ $status = 0 ]; then
    echo "ok $name, ${runs:-?} inputs in $seconds s" >>"$build/$name.tap"
  else
    echo "not ok $name, ${runs:-?} inputs in $seconds s" >>"$build/$name.tap"
    tail -n 40 "$log" | sed 's/^/# /' >>"$build/$name.tap"
  fi

  replay "$name" "$build/$name.all.profraw" "$found" "$seeds" || true
  read -r all _ < <(lines "$name" "${file:-none}" "$build/$name.all.profraw")
  printf '# %-12s %-24s %6s %12s %12s\n' "$name" "${file:-none}" "${total:-0}" \
    "$(percent "${reached:-0}" "${total:-0}") %" "$(percent "${all:-0}" "${total:-0}") %" >>"$build/$name.row"
}

names=()
for target in "$root"/tests/fuzz/fuzz_*.c; do
  name=$(basename "$target" .c)
  names+=("${name#fuzz_}")
done
for ((i = 0; i < ${#names[@]}; i += 2)); do
  one "${names[i]}" &
  [ $((i + 1)) -ge ${#names[@]} ] || one "${names[i + 1]}" &
  wait
done

printf '# %-12s %-24s %6s %12s %12s\n' target parser lines 'by seeds' 'with found'
for name in "${names[@]}"; do cat "$build/$name.row"; done
count=0
for name in "${names[@]}"; do
  while IFS= read -r line; do
    case $line in
    ok\ *) echo "ok $((++count)) - ${line#ok }" ;;
    not\ ok\ *) echo "not ok $((++count)) - ${line#not ok }" ;;
    *) echo "$line" ;;
    esac
  done <"$build/$name.tap"
done
echo "1..$count"
[ $count -gt 0 ] && ! cat "$build"/*.tap | grep -q '^not ok'
