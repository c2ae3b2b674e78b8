#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The change detector on clips, all H.264: of Debian's package opencv-doc a square filmed by a fixed camera
# (vtest.avi, 10 frames a second), the same sent at 30 frames a second (each picture three times), a tree
# filmed by hand and an animated film (tree.avi, Megamind.avi); five test pictures of 4 s each; the demo's drawn
# clip. Needs apt-get (to download; nothing is installed), dpkg-deb and x264enc.
#
#   tests/bench/reuse.sh [BUILD [options of bench_reuse]]
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${1:-build}
shift || true
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export GST_PLUGIN_PATH=$PWD/$build/gst GST_REGISTRY=$PWD/$build/bench-registry.bin HYSAC_SRCDIR=$PWD

encode() { # NAME, SOURCE..., and what the array slides has beside it
  local name=$1
  shift
  gst-launch-1.0 -q "${slides[@]}" "$@" ! videoconvert ! video/x-raw,format=I420 ! \
    x264enc bitrate=2000 key-int-max=50 speed-preset=medium ! h264parse ! mp4mux ! filesink location="$folder/$name.mp4"
}

slides=()
(cd "$folder" && apt-get -q download opencv-doc >/dev/null 2>&1 && dpkg-deb -x opencv-doc_*.deb doc) ||
  echo "opencv-doc cannot be had: without its clips"
data=$folder/doc/usr/share/doc/opencv-doc/examples/data
for name in vtest tree Megamind; do
  if [ -e "$data/$name.avi" ]; then encode "$name" filesrc location="$data/$name.avi" ! decodebin ! videorate; fi
done
if [ -e "$data/vtest.avi" ]; then
  encode vtest-30 filesrc location="$data/vtest.avi" ! decodebin ! videorate ! video/x-raw,framerate=30/1
fi
slides=()
for pattern in smpte100 checkers-8 zone-plate circular pinwheel; do
  slides+=(videotestsrc num-buffers=100 pattern=$pattern ! video/x-raw,format=I420,width=1280,height=720,framerate=25/1 ! slides.)
done
encode slides concat name=slides
slides=()
examples/make_clip.py --out "$folder/drawn.mp4" >/dev/null
for name in vtest vtest-30 tree Megamind slides drawn; do
  if [ -e "$folder/$name.mp4" ]; then
    printf '\n## %s\n\n' "$name"
    "$build/tests/bench/bench_reuse" --clip "$folder/$name.mp4" "$@"
  fi
done
