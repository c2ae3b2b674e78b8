#!/bin/bash
# Run a test program under GStreamer's leaks tracer; it fails if an object is alive at gst_deinit().
#
#   tests/gst-leaks.sh PROGRAM [ARGUMENT…]
set -u
log=$(mktemp)
trap 'rm -f "$log"' EXIT

GST_TRACERS=leaks GST_DEBUG=GST_TRACER:7 GST_DEBUG_NO_COLOR=1 GST_DEBUG_FILE=$log "$@"
status=$?
# When it starts, the tracer logs what its records look like: without that, nobody has looked.
if ! grep -qF 'object-alive, type-name=(string)%s' "$log"; then
  echo "# the leaks tracer did not run"
  exit 1
fi
leaked=$(grep 'object-alive, ' "$log" | grep -vF '(string)%s')
if [ -n "$leaked" ]; then
  sed 's/.*object-alive, /# leaked: /' <<<"$leaked" | cut -c 1-300 | head -n 20
  exit 1
fi
exit $status
