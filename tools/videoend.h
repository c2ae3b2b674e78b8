/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "video.h"

G_BEGIN_DECLS

#define TOOL_VIDEO_CUT "cut short: the file ends inside its last part"
#define TOOL_VIDEO_SHORT "the video ends %.1f s before its stated end: cut short, or another stream is longer"

/* Whether a video file is known to have been cut short, which its demuxer does not say: an AVI, MP4 or
 * Matroska whose last part is longer than the file, an MPEG transport stream that ends inside a packet, an IVF that ends inside a
 * frame or has fewer than it states, an Ogg that ends inside a page or before a stream's last. Anything else, and what cannot be read, is
 * not. Hostile bytes are fine; any thread. */
gboolean tool_video_is_cut(const char *path);

/* Whether a video of that length, ns, ends well before the end that the file states; below 1: it states none. */
gboolean tool_video_ends_short(gint64 stated, gint64 length);

/* Of a file whose one video was read to its end, and was like @info then: why that is not all of it, or NULL. Where it has several
 * videos, stated lengths are the longest one's. (transfer full) */
char *tool_video_end_error(const char *path, const ToolVideoInfo *info);

G_END_DECLS
