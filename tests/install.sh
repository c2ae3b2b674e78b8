#!/bin/bash
# Install what the build, the demo and the tests need: on Debian and Ubuntu by apt, and only what
# is missing; elsewhere print the list.
#
#   tests/install.sh [--list] [build] [demo] [tests]     (all three unless named)
#   tests/install.sh units analytics onnx bench browser
#                                              of the tests the unit tests only; GstAnalytics, with
#                                              GStreamer 1.24; the benchmark against onnxinference;
#                                              libraries that bench_gemm compares with; Chromium
set -euo pipefail

BUILD="build-essential meson ninja-build pkg-config python3 libglib2.0-dev libjson-glib-dev
  libgdk-pixbuf-2.0-dev libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev
  ocl-icd-opencl-dev opencl-headers"
# base: decodebin, videoconvert; good: qtdemux, mp4mux; bad: h264parse; ugly: x264enc;
# libav: avdec_h264, avenc_aac; x: textoverlay.
DEMO="gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good
  gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly gstreamer1.0-libav gstreamer1.0-x
  pocl-opencl-icd fonts-noto-color-emoji python3-numpy python3-pil python3-matplotlib"
UNITS="libcmocka-dev ffmpeg"
# clang for libFuzzer and for the sanitizers, llvm for the fuzzers' coverage; libclang-rt-N-dev is added
# below.
TESTS="$UNITS clang llvm oclgrind valgrind python3-venv python3-torch debootstrap
  libgstrtspserver-1.0-dev"
# From GStreamer 1.24 on; before, there is nothing of use in it.
ANALYTICS="libgstreamer-plugins-bad1.0-dev"
# Of tests/bench/bench_gemm.c; the build takes them where they are.
BENCH="libopenblas-pthread-dev libclblast-dev"
# Of tests/bench/onnxinference.py: Debian 13 has them.
ONNX="python3-onnx python3-numpy python3-gi gir1.2-gst-plugins-base-1.0 gir1.2-gst-plugins-bad-1.0"

# Of tests/browser, which tests/full.sh runs: 370 MB.
BROWSER="chromium fonts-dejavu-core python3-numpy python3-pil gstreamer1.0-tools"

list_only=0
sets=()
for argument in "$@"; do
  case $argument in
  --list) list_only=1 ;;
  build | demo | tests | units | analytics | onnx | bench | browser) sets+=("$argument") ;;
  *)
    sed -n '2,9p' "$0" | sed 's/^# \{0,1\}//'
    [ "$argument" = --help ] || [ "$argument" = -h ] && exit 0
    exit 2
    ;;
  esac
done
[ ${#sets[@]} -gt 0 ] || sets=(build demo tests)

packages=()
for set in "${sets[@]}"; do
  case $set in
  build) packages+=($BUILD) ;;
  demo) packages+=($DEMO) ;;
  tests) packages+=($TESTS) ;;
  units) packages+=($UNITS) ;;
  analytics) packages+=($ANALYTICS) ;;
  onnx) packages+=($ONNX) ;;
  bench) packages+=($BENCH) ;;
  browser) packages+=($BROWSER) ;;
  esac
done

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  echo "Not a Debian or Ubuntu system. Please install what these Debian packages hold:"
  printf '  %s\n' "${packages[@]}"
  [ $list_only = 1 ] && exit 0
  echo "GStreamer 1.22 or later, GLib 2.70 or later, meson 1.0 or later, an OpenCL 1.2 driver (PoCL will do)."
  exit 0
fi

# clang's runtime library is packaged by version: take the one of this release's clang.
clang_runtime() {
  local major
  major=$(apt-cache depends clang 2>/dev/null | sed -n 's/^ *Depends: clang-\([0-9]*\)$/\1/p' | head -n 1)
  [ -z "$major" ] || echo "libclang-rt-$major-dev"
}

missing_of() {
  local installed
  installed=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' "$@" 2>/dev/null | sed -n 's/^installed //p' || true)
  comm -23 <(printf '%s\n' "$@" | sort -u) <(printf '%s\n' "$installed" | sort -u)
}

want_clang=0
[[ " ${sets[*]} " != *" tests "* ]] || want_clang=1

if [ $want_clang = 1 ]; then
  runtime=$(clang_runtime)
  [ -z "$runtime" ] || packages+=("$runtime")
fi
if [ $list_only = 1 ]; then
  printf '%s\n' "${packages[@]}"
  exit 0
fi
mapfile -t missing < <(missing_of "${packages[@]}")
if [ ${#missing[@]} -eq 0 ]; then
  exit 0
fi

root=()
if [ "$(id -u)" != 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "Missing, and neither root nor sudo is at hand. As root, please run:" >&2
    echo "  apt-get install --no-install-recommends ${missing[*]}" >&2
    exit 1
  fi
  root=(sudo)
fi

echo "Installing: ${missing[*]}"
"${root[@]}" apt-get update -q
# Without package lists clang's version could not be known above.
if [ $want_clang = 1 ] && [ -z "${runtime:-}" ]; then
  runtime=$(clang_runtime)
  [ -z "$runtime" ] || missing+=("$runtime")
fi
"${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y -q --no-install-recommends "${missing[@]}"
