/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Files of subtitles, by GStreamer's subparse: SubRip, WebVTT, MicroDVD and what else it knows. */

#include "hysac.h"

G_BEGIN_DECLS

typedef struct {
  GPtrArray *readings; /* char *: what hysactext would score of it; at least one */
  char *joined;        /* what it puts together with cues before and behind; may be empty */
  gint64 running;      /* when it begins, ns */
} ToolCue;

typedef struct {
  GPtrArray *cues;  /* ToolCue, in the order of the file; blank ones are none */
  guint unreadable; /* cues that are no text */
} ToolSubtitles;

/* Reads all of a file. FALSE with @error (IO, FORMAT, UNSUPPORTED): @out is empty. */
gboolean tool_subtitles_read(const char *path, ToolSubtitles *out, GError **error);
void tool_subtitles_clear(ToolSubtitles *self);

G_END_DECLS
