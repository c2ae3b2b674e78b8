# Sourced by run.sh and full.sh from the project's root: the parts of a test run.
# A part that cannot run has failed. Nothing here decides by a part's exit status alone.

LOGS=$PWD/build/test-logs
export HYSAC_TALLY=$LOGS/tally.jsonl
export PYTHONDONTWRITEBYTECODE=1
SYSTEM_PYTHON=/usr/bin/python3

tally() { "$SYSTEM_PYTHON" tests/tally.py "$@"; }

# logged NAME COMMAND…: run it into NAME.log; prints nothing. Its status is returned.
logged() {
  local log=$LOGS/$1.log
  shift
  "$@" >"$log" 2>&1
}

# one NAME COMMAND…: a command that is one test, or that prints TAP.
one() {
  local status=0
  logged "$@" || status=$?
  tally tap "$1" "$status" "$LOGS/$1.log" && return
  tail -n 25 "$LOGS/$1.log" | sed 's/^/   | /'
}

# meson_tests NAME BUILD "SUITE…" ARGUMENT…: meson test, each result counted, each suite required.
meson_tests() {
  local name=$1 build=$2 suites=$3 status=0
  shift 3
  rm -f "$build"/meson-logs/testlog*.json
  logged "$name" meson test -C "$build" --no-rebuild --timeout-multiplier 5 --print-errorlogs "$@" || status=$?
  # With a wrapper the file's name has the wrapper's.
  cp "$build"/meson-logs/testlog*.json "$LOGS/$name.json" 2>/dev/null
  # shellcheck disable=SC2086
  tally meson "$name" "$status" "$LOGS/$name.json" $suites && return
  grep -E '^(not ok|# .*(rror|ssert)|.*(ERROR|SUMMARY): )' "$LOGS/$name.log" | head -n 40 | sed 's/^/   | /'
}

# configure BUILD OPTION…: set the build folder up, or bring its options to these.
configure() {
  local build=$1
  shift
  if [ -f "$build/build.ninja" ]; then
    meson configure "$build" "$@"
  else
    meson setup "$build" "$@"
  fi
}

build_in() { configure "$@" && ninja -C "$1"; }

part_install() { one install tests/install.sh; }

# Warnings are errors in every build below.
part_build() { one build build_in build -Dwerror=true -Dgst=enabled -Dtools=enabled -Dtests=enabled; }

# The element's tests run under GStreamer's leaks tracer: an object that is left behind fails them.
part_unit() {
  meson_tests unit build "core opencl tools fuzz" --no-suite gst --no-suite simulator --no-suite shapes
  meson_tests unit-gst build gst --suite gst --wrapper "$PWD/tests/gst-leaks.sh"
}

# Random tests take a new seed each time, which they print.
part_property() {
  meson_tests property build "core gst" --suite core --suite gst --no-suite clock --no-suite load --repeat 20
  meson_tests property-shapes build shapes --suite shapes
}

part_python() {
  local python
  if logged python-env tests/python-env.sh; then
    python=$(tail -n 1 "$LOGS/python-env.log")
  else
    one python-env tests/python-env.sh
    return
  fi
  one python-convert "$python" tests/unittest_tap.py tests/convert
  one python-tokenizer "$python" tests/unittest_tap.py tests/tokenizer
  one python-training "$python" tests/unittest_tap.py training/tests .
  one python-demo "$SYSTEM_PYTHON" tests/unittest_tap.py tests/demo
}

part_demo() {
  one demo examples/demo.sh --short --tap --output build/demo-short
  one demo-recipes tests/demo/recipes.sh
}

# hostile: of the tools' tests those that read hostile files and are quick.
SANITIZED="core gst hostile"

# scan BUILD LIBRARY: GStreamer scans plugins in a process of its own, which has no sanitizer and so
# cannot load ours. Scan once with the sanitizer's library at hand; the tests read the result.
scan() {
  rm -f "$1/tests/gst/registry.bin"
  LD_PRELOAD=$(gcc -print-file-name="$2") ASAN_OPTIONS=detect_leaks=0 TSAN_OPTIONS=report_bugs=0 \
    GST_REGISTRY_FORK=no GST_REGISTRY=$1/tests/gst/registry.bin GST_PLUGIN_PATH=$1/gst \
    gst-inspect-1.0 hysacmoderate >"$LOGS/scan.log" 2>&1 || cat "$LOGS/scan.log"
}

part_asan() {
  # LLVM, in PoCL's threads, takes the signal stack that ASan would free when they end.
  export ASAN_OPTIONS=detect_leaks=1:fast_unwind_on_malloc=0:malloc_context_size=10:use_sigaltstack=0 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
  export LSAN_OPTIONS=suppressions=$PWD/tests/lsan.supp:print_suppressions=0
  one asan-build build_in build-asan -Dwerror=true -Db_sanitize=address,undefined -Db_lundef=false
  scan "$PWD/build-asan" libasan.so
  # Kernels compile to the same, but a sanitizer under LLVM makes minutes of it. Each time: they may have changed.
  cp -a build/tests/faults/cache build-asan/tests/faults/ 2>/dev/null
  # shellcheck disable=SC2086
  meson_tests asan build-asan "$SANITIZED" $(printf -- '--suite %s ' $SANITIZED)
  unset ASAN_OPTIONS UBSAN_OPTIONS LSAN_OPTIONS
}

# The fake scorer: PoCL's threads call back, and nothing tells ThreadSanitizer what orders them; its
# machine code is out of valgrind's sight.
FAKE="core fake"

part_tsan() {
  local build=$PWD/build-tsan
  one tsan-build build_in build-tsan -Dwerror=true -Db_sanitize=thread -Db_lundef=false
  # shellcheck disable=SC2046
  one tsan-locks gcc -shared -fPIC -g -O1 -Wall -Werror -o build-tsan/libtsan_glib.so tests/tsan_glib.c \
    $(pkg-config --cflags --libs gstreamer-1.0) -ldl -ltsan
  scan "$build" libtsan.so
  # shellcheck disable=SC2086
  G_SLICE=always-malloc TSAN_OPTIONS=halt_on_error=1:ignore_noninstrumented_modules=1:suppressions=$PWD/tests/tsan.supp \
    meson_tests tsan build-tsan "$FAKE" $(printf -- '--suite %s ' $FAKE) \
    --wrapper "env LD_PRELOAD=$(gcc -print-file-name=libtsan.so):$build/libtsan_glib.so"
}

part_valgrind() {
  # Twenty to fifty times as slow: fewer random streams.
  # shellcheck disable=SC2086
  ORC_CODE=backup G_SLICE=always-malloc HYSAC_TEST_RUNS=4 meson_tests valgrind build "$FAKE" \
    $(printf -- '--suite %s ' $FAKE) --timeout-multiplier 30 \
    --wrap "valgrind -q --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite --suppressions=$PWD/tests/valgrind.supp"
}

part_fuzz() { one fuzz tests/fuzz/run.sh "$HYSAC_FUZZ_SECONDS"; }

# The kernels below fp32 in the simulator.
part_simulator() { meson_tests simulator build simulator --suite simulator; }

part_oclgrind() { one oclgrind tests/oclgrind.sh build; }

# An hour of frames, ten thousand cycles, and as many with the real engine: ten minutes of one core.
part_load() {
  HYSAC_LOAD_FRAMES=108000 HYSAC_LOAD_CYCLES=10000 HYSAC_LOAD_ENGINE_CYCLES=10000 \
    meson_tests load build load --suite load
}

part_soak() { (. ./env.sh && one soak tests/soak.py tests/data/reference/small/model); }

part_bench() { one bench tests/bench/smoke.sh build; }

# The report of `hysac scan` as a browser shows it.
part_browser() {
  one browser-install tests/install.sh browser
  one browser "$SYSTEM_PYTHON" tests/unittest_tap.py tests/browser
}

# Another system: the tests run there, the results are counted here.
part_debian13() {
  local status=0
  logged debian13 tests/debian13.sh || status=$?
  # shellcheck disable=SC2046
  tally meson debian13 "$status" build/debian13/testlog.json $(tests/debian13.sh --suites) && return
  tail -n 25 "$LOGS/debian13.log" | sed 's/^/   | /'
}

run_parts() {
  local parts=$1 part start
  shift
  if [ "${1:-}" = --list ]; then
    tr ' ' '\n' <<<"$parts"
    exit 0
  fi
  for part in "$@"; do
    case " $parts " in
    *" $part "*) ;;
    *)
      echo "no part is called '$part': $parts" >&2
      exit 2
      ;;
    esac
  done
  mkdir -p "$LOGS"
  rm -f "$LOGS"/*.log "$LOGS"/*.json "$HYSAC_TALLY"
  trap 'echo; echo "interrupted: 0 passed, 1 failed"; exit 130' INT TERM
  for part in ${*:-$parts}; do
    echo "== $part"
    start=$SECONDS
    "part_$part"
    echo "   $((SECONDS - start)) s"
  done
  # Each part must have left at least one result.
  for part in ${*:-$parts}; do
    grep -q "\"part\": \"$part" "$HYSAC_TALLY" 2>/dev/null || tally tap "$part" 1 /dev/null
  done
  tally total
}
