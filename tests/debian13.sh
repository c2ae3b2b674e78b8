#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Build and test in Debian 13: GStreamer 1.26, PoCL 6.0, GstAnalytics. The last line is
# `N passed, N failed`.
#
#   tests/debian13.sh [--dir DIR] [--mirror URL] [--run COMMAND [ARGUMENT…]]
#
#   --dir DIR      where the system is kept, 4 GB; a second run starts from it (build/debian13)
#   --mirror URL   a Debian mirror (the first one that this machine's apt uses, else deb.debian.org)
#   --suites       name the test suites that are run
#   --run …        do not test: run a command there, in the source tree, which is read-only there;
#                  the build folder is /build, DIR/out is /out
#
# What it does as root, and why it must be:
#   debootstrap    unpacks a system, with its owners
#   mount          /proc, /sys (PoCL aborts the process without it), /dev, this source tree
#                  (read-only) and DIR/out into it; in a mount namespace of this script's own
#                  (unshare), so that however it ends nothing stays mounted and nothing is seen outside
#   chroot         runs apt-get, the build and the tests in there
# Nothing outside DIR is written. It needs debootstrap (tests/install.sh brings it) and a mirror.
set -u -o pipefail
self=$(realpath -- "$0")
usage() { sed -n '3,/^set/p' "$self" | sed '$d; s/^# \{0,1\}//'; }

SUITES="core opencl gst tools fuzz"
source=$(realpath -- "${self%/*}/..")
dir=$source/build/debian13 mirror='' command=()
while [ $# -gt 0 ]; do
  case $1 in
  --dir) dir=$(realpath -m -- "${2:?--dir needs a folder}") && shift ;;
  --mirror) mirror=${2:?--mirror needs an address} && shift ;;
  --run) shift && command=("$@") && break ;;
  --suites) echo "$SUITES" && exit 0 ;;
  -h | --help) usage && exit 0 ;;
  *) usage >&2 && exit 2 ;;
  esac
  shift
done

die() {
  echo "debian13: $*" >&2
  [ ${#command[@]} -gt 0 ] || echo "0 passed, 1 failed"
  exit 1
}

[ "$(id -u)" = 0 ] || die "this needs root, for debootstrap, mounts and chroot (tests/debian13.sh --help)"
command -v debootstrap >/dev/null || die "debootstrap is missing: tests/install.sh"
# In a mount namespace whose mounts nobody else sees; they end with its last process.
if [ "${HYSAC_D13_NAMESPACE:-}" != $$ ]; then
  export HYSAC_D13_NAMESPACE=$$ # the same process after exec
  exec unshare --mount --propagation private "$self" --dir "$dir" ${mirror:+--mirror "$mirror"} \
    ${command[@]:+--run "${command[@]}"}
fi

cd "$source" || exit
root=$dir/root
logs=$dir/logs
mkdir -p "$logs" "$dir/out"
exec 9>"$dir/lock"
flock -n 9 || die "another run uses $dir"

# A step is a process group: nothing of it outlives an interrupted run and keeps the mounts.
group=
interrupted() {
  [ -z "$group" ] || kill -TERM -- "-$group" 2>/dev/null
  die interrupted
}
trap interrupted INT TERM HUP

step() { # NAME COMMAND…: into a log, shown where it fails
  local log=$logs/$1.log start=$SECONDS status=0
  shift
  set -m
  "$@" >"$log" 2>&1 </dev/null 9>&- &
  group=$!
  set +m
  wait $group || status=$?
  group=
  [ $status = 0 ] || tail -n 25 "$log" | sed 's/^/   | /' >&2
  [ $((SECONDS - start)) -lt 5 ] || echo "   $((SECONDS - start)) s" >&2
  return $status
}

say() { echo "== debian13: $*" >&2; }

# The proxy that the host's apt goes by, if any.
proxies() { apt-config dump 2>/dev/null | grep -E '^Acquire::https?::Proxy' || true; }

default_mirror() {
  local found
  found=$(apt-get indextargets --format '$(SITE) $(REPO_URI)' 2>/dev/null | sed -n 's,^[^ ]* \(http[^ ]*/debian\)/*$,\1,p' | head -n 1)
  echo "${found:-http://deb.debian.org/debian}"
}

bootstrap() {
  # A half-made one is of no use. --one-file-system: never into a mount.
  rm -rf --one-file-system -- "$root" && mkdir -p "$root" || return
  debootstrap --variant=minbase --include=ca-certificates trixie "$root" "${mirror:-$(default_mirror)}" &&
    proxies >"$root/etc/apt/apt.conf.d/90host" && touch "$root/.complete"
}

# Whoever may enter, may leave: what runs in there is this project's own code.
inside() {
  env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
    PYTHONDONTWRITEBYTECODE=1 ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} \
    chroot "$root" /bin/bash -c 'cd /src && "$@"' bash "$@"
}

mounts() {
  mkdir -p "$root"/{proc,sys,dev,src,out,build} &&
    mount -t proc proc "$root/proc" &&
    mount --rbind /sys "$root/sys" &&
    mount --rbind /dev "$root/dev" &&
    mount --bind "$PWD" "$root/src" && mount -o remount,bind,ro "$root/src" &&
    mount --bind "$dir/out" "$root/out" &&
    for file in /etc/resolv.conf /etc/hosts; do
      [ ! -e $file ] || { touch "$root$file" && mount --bind $file "$root$file"; } || return
    done
}

# gstreamer1.0-plugins-bad's headers have GstAnalytics from 1.24 on.
packages() { inside tests/install.sh build demo units analytics onnx; }

build() {
  local options="-Dwerror=true -Dgst=enabled -Dtools=enabled -Dtests=enabled -Danalytics=enabled"
  # shellcheck disable=SC2086
  if [ -f "$root/build/build.ninja" ]; then
    inside meson configure /build $options
  else
    inside meson setup /build $options
  fi && inside ninja -C /build
}

unit() {
  rm -f "$root"/build/meson-logs/testlog*.json
  # shellcheck disable=SC2046
  inside meson test -C /build --no-rebuild --timeout-multiplier 5 --print-errorlogs $(printf -- '--suite %s ' $SUITES)
}

rm -f "$dir/testlog.json" # whatever fails below must not leave an old one
say "system in $root"
[ -e "$root/.complete" ] || step bootstrap bootstrap || die "debootstrap failed"
mounts >"$logs/mounts.log" 2>&1 || die "the mounts failed: $(tail -n 1 "$logs/mounts.log")"
say packages
step packages packages || die "packages could not be installed"
inside dpkg-query -W -f='${Package} ${Version}\n' libgstreamer1.0-0 libpocl2t64 2>/dev/null | sed 's/^/   /' >&2
say build
step build build || die "the build failed"

if [ ${#command[@]} -gt 0 ]; then
  inside "${command[@]}"
  exit
fi

say tests
export HYSAC_TALLY=$dir/tally.jsonl
rm -f "$HYSAC_TALLY"
status=0
step unit unit || status=$?
cp "$root/build/meson-logs/testlog.json" "$dir/testlog.json" 2>/dev/null
# shellcheck disable=SC2086
/usr/bin/python3 tests/tally.py meson debian13 "$status" "$dir/testlog.json" $SUITES
say "the benchmark against onnxinference, with a tiny model"
status=0
step onnxinference inside tests/bench/onnxinference.py --build /build --arch tiny --rounds 1 --frames 2 || status=$?
/usr/bin/python3 tests/tally.py tap onnxinference "$status" "$logs/onnxinference.log"
/usr/bin/python3 tests/tally.py total
