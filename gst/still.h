/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/video/video.h>

/* Frames that stand in for others: in their caps' default layout, 0 wherever no picture is, and
 * without metadata. */

G_BEGIN_DECLS

/* A buffer that is all 0, also in what the allocator gave beyond @size; NULL where memory is lacking. */
GstBuffer *gst_hysac_still_new(gsize size);

/* Copies the rows of @from's picture into @still, a still of @info that nobody else holds, and nothing
 * of their padding. FALSE where it cannot be done: @still is then of no use. */
gboolean gst_hysac_still_copy(GstBuffer *still, const GstVideoInfo *info, GstVideoFrame *from);

G_END_DECLS
