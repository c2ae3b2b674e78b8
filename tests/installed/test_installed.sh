#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Install into a folder, then do as a user does who has only that: ask pkg-config, compile C (and
# C++, where there is a compiler) without the source tree, run. Prints TAP.
#
#   tests/installed/test_installed.sh SOURCE BUILD PREFIX LIBDIR
set -u
source=$1 build=$2 prefix=$3 libdir=$4
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
cd "$work" || exit 1
tree=$work/tree number=0 status=0

result() { # STATUS WHAT LOG
  number=$((number + 1))
  if [ "$1" = 0 ]; then
    echo "ok $number - $2"
  else
    sed 's/^/# /' "$3" | head -n 30
    echo "not ok $number - $2"
    status=1
  fi
}

try() { # WHAT COMMAND…
  local what=$1 code=0
  shift
  "$@" >"$work/log" 2>&1 || code=$?
  result $code "$what" "$work/log"
}

flags() { PKG_CONFIG_PATH=$tree$prefix/$libdir/pkgconfig pkg-config "$@"; }

# The folder becomes the prefix: ours alone, the rest lies where it was.
install_tree() {
  meson install -C "$build" --no-rebuild --quiet --destdir "$tree" &&
    sed -i "s,^prefix=.*,prefix=$tree$prefix," "$tree$prefix/$libdir/pkgconfig"/*.pc
}

compile() { # COMPILER SOURCE OUTPUT PACKAGE…
  local compiler=$1 from=$2 to=$3 options
  shift 3
  options=$(flags --cflags --libs "$@") || return
  # shellcheck disable=SC2086
  $compiler -Wall -Werror -o "$to" "$from" $options
}

header_only() { ! flags --libs gst-hysac-1.0 | grep -q hysac; }

run_consumer() {
  GST_PLUGIN_PATH=$(flags --variable=pluginsdir gst-hysac-1.0) GST_REGISTRY=$work/registry.bin \
    LD_LIBRARY_PATH=$tree$prefix/$libdir HYSAC_DEMO_MODEL=$tree$prefix/share/gst-hysac/models/demo ./consumer
}

echo "1..7"
try "meson install" install_tree
cp "$source"/tests/installed/consumer.c "$source"/examples/{appsrc_appsink,embed_picture}.c .
try "the metadata's accessors compile by gst-hysac-1.0" compile cc consumer.c consumer gst-hysac-1.0
try "and link nothing of ours" header_only
if command -v c++ >/dev/null; then
  try "they compile as C++" compile "c++ -x c++" consumer.c consumer-c++ gst-hysac-1.0
else
  number=$((number + 1)) && echo "ok $number - they compile as C++ # SKIP no C++ compiler"
fi
try "the example for appsink compiles" compile cc appsrc_appsink.c appsrc_appsink gst-hysac-1.0 gstreamer-app-1.0
try "the example for libhysac compiles" compile cc embed_picture.c embed_picture libhysac-1.0 gdk-pixbuf-2.0
run_consumer >"$work/consumer.log" 2>&1
code=$?
# Its own results are counted by name.
[ $code = 0 ] && [ "$(grep -c '^ok ' "$work/consumer.log")" = 5 ] || code=1
sed 's/^/# /' "$work/consumer.log"
result $code "an application reads every field, with no key" "$work/consumer.log"
exit $status
