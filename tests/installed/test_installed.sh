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

echo "1..14"
try "meson install" install_tree
cp "$source"/tests/installed/consumer.c "$source"/examples/{appsrc_appsink,embed_picture,classify_text,search}.c .
try "the page and the completion of hysac are where man and bash look" \
  test -s "$tree$prefix/share/man/man1/hysac.1" -a -s "$tree$prefix/share/bash-completion/completions/hysac"
try "the metadata's accessors compile by gst-hysac-1.0" compile cc consumer.c consumer gst-hysac-1.0
try "and link nothing of ours" header_only
if command -v c++ >/dev/null; then
  try "they compile as C++" compile "c++ -x c++" consumer.c consumer-c++ gst-hysac-1.0
else
  number=$((number + 1)) && echo "ok $number - they compile as C++ # SKIP no C++ compiler"
fi
try "the example for appsink compiles" compile cc appsrc_appsink.c appsrc_appsink gst-hysac-1.0 gstreamer-app-1.0
try "the example for libhysac compiles" compile cc embed_picture.c embed_picture libhysac-1.0 gdk-pixbuf-2.0
try "the example of a text compiles" compile cc classify_text.c classify_text libhysac-1.0
try "the example of a search compiles" compile cc search.c search libhysac-1.0 gdk-pixbuf-2.0

installed() { LD_LIBRARY_PATH=$tree$prefix/$libdir "$@"; }
demo=$tree$prefix/share/gst-hysac/models/demo
pictures=("$source"/tests/data/reference/small/images/{0-320x240,2-640x360}.png)
judges_texts() {
  installed ./classify_text "$demo" "a red ball" | grep -q '^safe, distance 0' &&
    installed ./classify_text "$demo" "a knife on the table" | grep -q '^unsafe, distance 0'
}
searches() {
  installed ./search "$demo" "a red ball" "${pictures[@]}" >found && grep -qx "a safe query" found &&
    [ "$(grep -c '^-[0-9.]* .*png$' found)" = 2 ] &&
    installed ./search "$demo" "a knife on the table" "${pictures[@]}" >found && grep -qx "an unsafe query, redirected" found
}
judges_a_picture() { installed ./embed_picture "$demo" "${pictures[0]}" | grep -q ', distance 0.* bound '; }
reads_metadata() {
  [ "$(GST_PLUGIN_PATH=$(flags --variable=pluginsdir gst-hysac-1.0) GST_REGISTRY=$work/registry.bin \
    installed ./appsrc_appsink "$demo" | grep -c ' safe ')" = 50 ]
}
try "it judges texts" judges_texts
try "it finds pictures, and redirects an unsafe query" searches
try "the example for libhysac judges a picture" judges_a_picture
try "the example for appsink reads each frame's metadata" reads_metadata
run_consumer >"$work/consumer.log" 2>&1
code=$?
# Its own results are counted by name.
[ $code = 0 ] && [ "$(grep -c '^ok ' "$work/consumer.log")" = 5 ] || code=1
sed 's/^/# /' "$work/consumer.log"
result $code "an application reads every field, with no key" "$work/consumer.log"
exit $status
