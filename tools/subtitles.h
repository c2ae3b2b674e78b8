/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Files of subtitles, by GStreamer's subparse: SubRip, WebVTT, MicroDVD and what else it knows. */

#include "hysac.h"

G_BEGIN_DECLS

typedef struct {
  GPtrArray *texts; /* char *: the readings of all cues that hysactext would score */
  GArray *cues;     /* guint32: which cue each is of, ascending from 0 */
  guint n_cues;     /* that have a reading; blank ones are none */
  guint unreadable; /* cues that are no text */
} ToolSubtitles;

/* Reads all of a file. FALSE with @error (IO, FORMAT, UNSUPPORTED): @out is empty. */
gboolean tool_subtitles_read(const char *path, ToolSubtitles *out, GError **error);
void tool_subtitles_clear(ToolSubtitles *self);

G_END_DECLS
