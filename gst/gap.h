/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

/* A GAP event in the place of what does not go out at @pad, at @pts, or where that is NONE at what
 * @running, its running time in ns, is in the segment that is under way downstream; none where neither
 * tells. Returns what a buffer would have met: where nothing but gaps goes out, only that tells that
 * downstream takes no more. */
GstFlowReturn gst_hysac_push_gap(GstPad *pad, GstClockTime pts, GstClockTime duration,
                                 gint64 running);

G_END_DECLS
