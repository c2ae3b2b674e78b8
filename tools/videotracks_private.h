/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "bytesource.h"
#include "videotracks.h"

G_BEGIN_DECLS

/* videotracks_mpeg.c: FALSE where it is no such stream. */
gboolean tool_video_tracks_read_ts(ToolBytes *bytes, ToolVideoTracks *out);
gboolean tool_video_tracks_read_ps(ToolBytes *bytes, ToolVideoTracks *out);

G_END_DECLS
