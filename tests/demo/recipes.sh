#!/bin/bash
# Run the recipes of docs/recipes.md and the example programs on a short clip; prints TAP.
set -u
cd "$(dirname "$0")/../.."
# shellcheck disable=SC1091
. ./env.sh
root=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
count=0

result() { # STATUS NAME LOG
  count=$((count + 1))
  if [ "$1" = 0 ]; then
    echo "ok $count - $2"
  else
    sed 's/^/# /' "$3" | tail -n 30
    echo "not ok $count - $2"
  fi
}

# The text between ```sh recipe=NAME and ```.
recipe() { sed -n "/^\`\`\`sh recipe=$1\$/,/^\`\`\`\$/p" docs/recipes.md | sed '/^```/d'; }

# packets FILE TRACK: how many packets a track of an MP4 file has.
packets() {
  PYTHONPATH=$root/examples /usr/bin/python3 -c \
    'import sys, media, pathlib; print(len(media.timestamps(pathlib.Path(sys.argv[1]), sys.argv[2])))' "$1" "$2"
}

has() { # what a recipe must have left behind
  case $1 in
  file) [ "$(packets moderated.mp4 video_0)" = "$frames" ] && [ "$(packets moderated.mp4 audio_0)" -gt 100 ] &&
    [ "$(grep -c '"distance"' verdicts.jsonl)" -ge "$frames" ] ;;
  verdicts) [ "$(grep -c '"distance"' verdicts.jsonl)" -ge "$frames" ] ;;
  monitor) grep -q hysac-moderation log ;;
  tee) [ "$(packets side-by-side.mp4 video_0)" -gt 10 ] ;;
  esac
}

names=$(sed -n 's/^```sh recipe=//p' docs/recipes.md)
echo "1..$(($(wc -w <<<"$names") + 2))"
examples/make_clip.py --short --seed 3 --out "$work/clip.mp4" >"$work/log" 2>&1 || sed 's/^/# /' "$work/log"
frames=$(/usr/bin/python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["frames"])' "$work/clip.json")
cd "$work" || exit 1
for name in $names; do
  rm -f log verdicts.jsonl
  (eval "$(cd "$root" && recipe "$name")") >log 2>&1 && has "$name"
  result $? "recipe $name" log
done

picture=$root/tests/data/reference/small/images/2-640x360.png
{
  "$root/build/examples/embed_picture" "$HYSAC_DEMO_MODEL" "$picture" && grep -q ', distance 0*[0-9.]*, bound ' log
} >log 2>&1
result $? "example embed_picture" log
"$root/build/examples/appsrc_appsink" "$HYSAC_DEMO_MODEL" >log 2>&1 && [ "$(grep -c safe log)" = 50 ]
result $? "example appsrc_appsink" log
