/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "bytesource.h"
#include "videotracks.h"

#include <string.h>

G_BEGIN_DECLS

/* Bytes before the first packet of an MPEG stream: it may begin anywhere near the beginning. */
#define TOOL_VIDEO_JUNK 65536

/* Whether the four bytes at @bytes are the code @code. */
static inline gboolean
tool_is_code(const guint8 *bytes, const char *code)
{
  return memcmp(bytes, code, 4) == 0;
}

/* Each of a file of its own; FALSE where it is no such file, or its index is not there. */
gboolean tool_video_tracks_read_mp4(ToolBytes *bytes, ToolVideoTracks *out);
gboolean tool_video_tracks_read_matroska(ToolBytes *bytes, ToolVideoTracks *out);
gboolean tool_video_tracks_read_avi(ToolBytes *bytes, ToolVideoTracks *out);

/* videotracks_mpeg.c. Packets of 188 bytes, or of more with something in front or behind. */
gboolean tool_video_tracks_find_packets(ToolBytes *bytes, guint64 *first, guint *size);
/* FALSE where it is no such stream. */
gboolean tool_video_tracks_read_ts(ToolBytes *bytes, ToolVideoTracks *out);
gboolean tool_video_tracks_read_ps(ToolBytes *bytes, ToolVideoTracks *out);

G_END_DECLS
