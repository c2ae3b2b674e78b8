#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Every benchmark once, on something tiny: they run and their checks hold. No time is judged.
#
#   tests/bench/smoke.sh BUILD
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${1:-build}
python3 tests/bench/encoder.py --build "$build" --smoke
python3 tests/bench/index.py --build "$build" --smoke
python3 tests/bench/scan.py --build "$build" --smoke
"$build/tests/bench/bench_gemm" --smoke
"$build/tests/opencl/checkkernels" --bench --small | grep '^# bench' | tail -n 12
"$build/tests/bench/bench_preprocess" --smoke
"$build/tests/opencl/test_change" --bench
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"$build/tests/bench/random_model" --arch tiny --out "$scratch/tiny"
"$build/tests/bench/bench_start" --model "$scratch/tiny" --smoke
export GST_PLUGIN_PATH=$PWD/$build/gst GST_REGISTRY=$PWD/$build/bench-registry.bin HYSAC_SRCDIR=$PWD
"$build/tests/bench/bench_monitor" --rounds 1 --seconds 0.5
"$build/tests/bench/bench_slow" --smoke
"$build/tests/bench/bench_streams" --rounds 1 --frames 48
clip=$scratch/clip.mp4
gst-launch-1.0 -q videotestsrc num-buffers=6 ! video/x-raw,width=320,height=240 ! x264enc ! h264parse ! mp4mux ! filesink location="$clip"
"$build/tests/bench/bench_reuse" --clip "$clip"
