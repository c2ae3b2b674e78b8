#!/bin/bash
# Run the recipes of docs/recipes.md and the example programs on a short clip, and the lines of
# README.md as they stand, in a copy of the tree as git has it; prints TAP.
# A recipe runs as it is written, but for what a test machine has not: a camera, a microphone and a
# screen (live test sources, a sink by the clock), and hosts of the network (servers here, on free
# ports of the loopback).
set -u
cd "$(dirname "$0")/../.."
# shellcheck disable=SC1091
. ./env.sh
root=$PWD
work=$(mktemp -d)
count=0
helpers=()

finish() {
  local pid
  for pid in ${helpers[@]+"${helpers[@]}"}; do
    kill "$pid" 2>/dev/null
  done
  wait
  rm -rf "$work"
}
trap finish EXIT

result() { # STATUS NAME LOG…
  local name=$2 status=$1
  shift 2
  count=$((count + 1))
  if [ "$status" = 0 ]; then
    echo "ok $count - $name"
  else
    for log in "$@"; do
      [ ! -f "$log" ] || sed "s,^,# $log: ," "$log" | cut -c 1-300 | tail -n 20
    done
    echo "not ok $count - $name"
  fi
}

skip() { # NAME WHY
  count=$((count + 1))
  echo "ok $count - $1 # SKIP $2"
}

# The text between ```sh recipe=NAME and ```.
recipe() { sed -n "/^\`\`\`sh recipe=$1\$/,/^\`\`\`\$/p" "$root/docs/recipes.md" | sed '/^```/d'; }

# So many frames of a live source, and sound as long.
LIVE=60
here() {
  sed -e "s,v4l2src,videotestsrc is-live=true num-buffers=$LIVE ! video/x-raw\,width=320\,height=240\,framerate=25/1," \
    -e "s,build/examples/,$root/build/examples/," \
    -e "s,examples/subtitles.srt,$root/examples/subtitles.srt," \
    -e "s,autoaudiosrc,audiotestsrc is-live=true samplesperbuffer=441 num-buffers=$((LIVE * 4))," \
    -e "s,autovideosink,filesink location=screen.raw sync=true," \
    -e "s,autoaudiosink,filesink location=speaker.raw sync=true," \
    -e "s,rtsp://camera.example/stream,rtsp://127.0.0.1:${rtsp_port:-}/camera," \
    -e "s,rtmp://platform.example,rtmp://127.0.0.1:${rtmp_port:-}," \
    -e "s,srt://source.example:7001,srt://127.0.0.1:${srt_in:-}," \
    -e "s,srt://:7002,srt://127.0.0.1:${srt_out:-}?mode=listener,"
}

# No recipe runs for ever; the limit is for pipelines that hang, nothing is measured by it.
gst-launch-1.0() {
  command timeout --foreground -k 10 -s INT 60 gst-launch-1.0 "$@" &
  echo $! >launch.pid
  wait $!
}

run() { (eval "$(recipe "$1" | here)") >log 2>&1; }

free_port() { # tcp|udp
  /usr/bin/python3 -c 'import socket, sys
s = socket.socket(type=socket.SOCK_STREAM if sys.argv[1] == "tcp" else socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])' "$1"
}

# wait_until COMMAND…: until it succeeds; a minute is patience enough.
wait_until() {
  local end=$((SECONDS + 60))
  while [ $SECONDS -lt $end ]; do
    "$@" && return
    sleep 0.1
  done
  return 1
}

# packets FILE TRACK: how many packets a track of an MP4 file has.
packets() {
  PYTHONPATH=$root/examples /usr/bin/python3 -c \
    'import sys, media, pathlib; print(len(media.timestamps(pathlib.Path(sys.argv[1]), sys.argv[2])))' "$1" "$2"
}

# frames_of FILE [v|a]: how many frames ffmpeg decodes.
frames_of() {
  ffprobe -v error -select_streams "${2:-v}:0" -count_frames -show_entries stream=nb_read_frames \
    -of default=nokey=1:noprint_wrappers=1 "$1" 2>/dev/null | head -n 1
}

at_least() { # NUMBER FILE [v|a]
  local n
  n=$(frames_of "$2" "${3:-v}")
  [ "${n:-0}" -ge "$1" ] 2>/dev/null
}

has_bytes() { [ "$(stat -c %s "$2" 2>/dev/null || echo 0)" -ge "$1" ]; } # NUMBER FILE

has() { # what a recipe must have left behind
  case $1 in
  file) [ "$(packets moderated.mp4 video_0)" = "$frames" ] && [ "$(packets moderated.mp4 audio_0)" -gt 100 ] &&
    [ "$(grep -c '"distance"' verdicts.jsonl)" -ge "$frames" ] ;;
  follow) [ "$(packets followed.mp4 video_0)" = "$frames" ] && [ "$(packets followed.mp4 audio_0)" -gt 100 ] ;;
  subtitles) [ "$(packets subtitled.mp4 video_0)" = "$frames" ] &&
    [ "$(grep -c '"type":"text".*"verdict":"unsafe"' texts.jsonl)" = 3 ] && [ "$(grep -c '"action":"mask"' texts.jsonl)" -ge 3 ] ;;
  verdicts) [ "$(grep -c '"distance"' verdicts.jsonl)" -ge "$frames" ] ;;
  records) grep -q 'audit.jsonl: ok' log && grep -q ' --> ' segments.vtt && grep -q ' BL ' segments.edl ;;
  monitor) grep -q hysac-moderation log ;;
  tee) [ "$(packets side-by-side.mp4 video_0)" -gt 10 ] ;;
  camera) has_bytes $((LIVE * 320 * 240 * 3 / 2)) screen.raw ;;
  camera-sound) has_bytes $((LIVE * 320 * 240 * 3 / 2)) screen.raw && has_bytes $((LIVE * 441)) speaker.raw ;;
  preview) [ "$(packets moderated.mp4 video_0)" = $LIVE ] && has_bytes $((320 * 240 * 3 / 2)) screen.raw ;;
  desk) [ "$(packets moderated.mp4 video_0)" = $LIVE ] && grep -q 'what=(string)dump,' log ;;
  rtsp) at_least 20 camera.mp4 ;;
  rtmp) at_least $((LIVE - 10)) received.flv && at_least 50 received.flv a ;;
  srt) at_least 20 received.ts ;;
  hls) at_least "$frames" playlist.m3u8 && at_least 100 playlist.m3u8 a && [ "$(ls segment*.ts | wc -l)" -gt 1 ] &&
    grep -q EXT-X-ENDLIST playlist.m3u8 ;;
  *) echo "nobody knows what recipe $1 is to leave behind" >>log && false ;;
  esac
}

# ------------------------------------------------------------ the network

H264="x264enc tune=zerolatency speed-preset=ultrafast key-int-max=10 bitrate=1000"
SOURCE="videotestsrc is-live=true pattern=ball ! video/x-raw,format=I420,width=320,height=180,framerate=25/1"

run_rtsp() {
  local server=$root/build/tests/demo/rtsp_server
  mkfifo input
  "$server" "( $SOURCE ! $H264 ! rtph264pay name=pay0 pt=96 )" <input >port 2>server.log &
  helpers+=($!)
  exec 9>input # the server ends with it
  wait_until test -s port && rtsp_port=$(cat port) || return
  run rtsp &
  local launched=$!
  # A camera has no end: when enough is there, the user ends it.
  wait_until has_bytes 40000 camera.mp4
  kill -INT "$(cat launch.pid)"
  wait $launched
  exec 9>&-
}

run_rtmp() {
  rtmp_port=$(free_port tcp)
  ffmpeg -v warning -y -listen 1 -i "rtmp://127.0.0.1:$rtmp_port/live/key" -c copy received.flv \
    </dev/null >server.log 2>&1 &
  local server=$!
  helpers+=($server)
  wait_until listens tcp "$rtmp_port" || return
  run rtmp && wait $server
}

# listens tcp|udp PORT
listens() {
  case $1 in
  tcp) grep -qi ":$(printf %04X "$2") 00000000:0000 0A" /proc/net/tcp ;;
  udp) grep -qi ":$(printf %04X "$2") 00000000:0000 " /proc/net/udp ;;
  esac
}

run_srt() {
  srt_in=$(free_port udp) srt_out=$(free_port udp)
  # shellcheck disable=SC2086
  command gst-launch-1.0 -q $SOURCE ! $H264 ! mpegtsmux alignment=7 ! \
    srtsink uri="srt://127.0.0.1:$srt_in?mode=listener" >server.log 2>&1 &
  helpers+=($!)
  run srt &
  local launched=$!
  wait_until listens udp "$srt_out" || return
  command timeout -k 5 60 gst-launch-1.0 -q srtsrc uri="srt://127.0.0.1:$srt_out" ! \
    filesink location=received.ts buffer-mode=unbuffered >receiver.log 2>&1 &
  helpers+=($!)
  wait_until at_least 20 received.ts # from the first key frame on
  kill -INT "$(cat launch.pid)"
  wait $launched
}

lacks() { # NAME: what is missing for a recipe, or nothing
  local element
  case $1 in
  rtsp) [ -x "$root/build/tests/demo/rtsp_server" ] || echo "no gstreamer-rtsp-server-1.0 at build time" ;;
  rtmp) for element in rtmp2sink flvmux; do gst-inspect-1.0 --exists $element || echo "no $element"; done ;;
  srt) for element in srtsrc srtsink tsdemux; do gst-inspect-1.0 --exists $element || echo "no $element"; done ;;
  subtitles) for element in subparse textoverlay; do gst-inspect-1.0 --exists $element || echo "no $element"; done ;;
  hls) gst-inspect-1.0 --exists hlssink2 || echo "no hlssink2" ;;
  esac
  case $1 in
  rtsp | rtmp | srt | hls) command -v ffprobe >/dev/null || echo "no ffprobe" ;;
  esac
}

# ------------------------------------------------------------ all of them

names=$(sed -n 's/^```sh recipe=//p' docs/recipes.md)
[ $# = 0 ] || names=$*
readme=$(sed -n 's/^```sh recipe=//p' README.md)
[ $# = 0 ] || readme=
echo "1..$(($(wc -w <<<"$names $readme") + ${readme:+1 +} 7))"
examples/make_clip.py --short --seed 3 --out "$work/clip.mp4" >"$work/log" 2>&1 || sed 's/^/# /' "$work/log"
frames=$(/usr/bin/python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["frames"])' "$work/clip.json")
for name in $names; do
  mkdir "$work/$name" && cd "$work/$name" && ln -s ../clip.mp4 . || exit 1
  missing=$(lacks "$name" | paste -sd' ')
  if [ -n "$missing" ]; then
    skip "recipe $name" "$missing"
    continue
  fi
  case $name in
  rtsp | rtmp | srt) "run_$name" && has "$name" ;;
  desk) run desk <<<"d 60" && has desk ;;
  *) run "$name" && has "$name" ;;
  esac
  result $? "recipe $name" log server.log receiver.log
done

# README's, one after the other, as a reader pastes them in a fresh clone.
left() {
  case $1 in
  use) [ "$(packets demo-output/moderated.mp4 video_0)" -gt 100 ] && grep -q '"distance"' demo-output/verdicts.jsonl ;;
  text) [ -s demo-output/out.txt ] ;;
  command) [ -s demo-output/report/report.html ] && [ -s demo-output/fitted/hysac.json ] && grep -q "audit.jsonl: ok" ../log ;;
  *) echo "nobody knows what README's recipe $1 is to leave behind" >>../log && false ;;
  esac
}
if [ -n "$readme" ]; then
  mkdir "$work/clone" && cd "$work/clone" || exit 1
  (cd "$root" && git ls-files -z | tar --null -T - -cf -) | tar -xf - && ln -s "$root/build" build &&
    git init -q && echo /build >>.git/info/exclude && git add -A
  for name in $readme; do
    sed -n "/^\`\`\`sh recipe=$name\$/,/^\`\`\`\$/p" README.md | sed '/^```/d' >../paste.sh
    timeout --foreground -k 10 900 bash -eo pipefail -c ". ./env.sh; . ../paste.sh" >../log 2>&1 </dev/null && left "$name"
    result $? "README $name" ../log
  done
  git diff --stat >../log && git ls-files --others --exclude-standard >>../log && [ ! -s ../log ]
  result $? "README's lines leave the tree as it was" ../log
fi

cd "$work" || exit 1
picture=$root/tests/data/reference/small/images/2-640x360.png
{
  "$root/build/examples/embed_picture" "$HYSAC_DEMO_MODEL" "$picture" && grep -q ', distance 0*[0-9.]*, bound ' log
} >log 2>&1
result $? "example embed_picture" log
"$root/build/examples/classify_text" "$HYSAC_DEMO_MODEL" "a knife on the table" >log 2>&1 && grep -q '^unsafe, distance 0' log
result $? "example classify_text" log
"$root/build/examples/search" "$HYSAC_DEMO_MODEL" "a knife on the table" "$picture" >log 2>&1 && grep -q '^an unsafe query, redirected' log
result $? "example search" log
"$root/build/examples/appsrc_appsink" "$HYSAC_DEMO_MODEL" >log 2>&1 && [ "$(grep -c safe log)" = 50 ]
result $? "example appsrc_appsink" log
# It ends, and says why, where it cannot start.
! timeout 60 "$root/build/examples/appsrc_appsink" /nowhere >log 2>&1 && grep -q "model: /nowhere.*cannot open" log
result $? "example appsrc_appsink, wrong model" log
! timeout 60 env GST_PLUGIN_PATH=/nowhere GST_REGISTRY="$PWD/empty.bin" "$root/build/examples/appsrc_appsink" demo >log 2>&1 &&
  grep -q "hysacmoderate" log
result $? "example appsrc_appsink, no plugin" log
printf 'd 1\ns 1 a drill\nq\n' | "$root/build/examples/dump_button" "videotestsrc is-live=true ! \
  hysacmoderate name=moderate model=$HYSAC_DEMO_MODEL ! fakesink" >log 2>&1 && grep -q 'what=(string)dump,' log && grep -q 'a.* drill' log
result $? "example dump_button" log
