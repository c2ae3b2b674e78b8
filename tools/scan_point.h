/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * hysac scan: a point of a file from which a scan that was stopped goes on without decoding what lies before: the times
 * of all frames up to it, and what only their pixels told. Verdicts over time are made again from these and
 * the samples that are known.
 */

#include "scan_thumb.h"

#include <json-glib/json-glib.h>

G_BEGIN_DECLS

struct _ScanPoint {
  /* Of all frames so far, each at its number. */
  GArray *times, *durations; /* gint64 */
  GArray *boundaries;        /* guint64: samples that no cover reaches over, ascending */
  GArray *thumbs;            /* ScanThumb: of the stretches that have ended */
  /* At the point: */
  gboolean marked;           /* there is one */
  ToolVideoMark mark;        /* of the last frame */
  gboolean scored;           /* that frame is a sample */
  double motion;             /* of the search for cuts */
  ScanThumb best;            /* of the stretch that has not ended; bytes may be NULL */
  guint32 best_marks;
  /* How much of the arrays has been written. */
  guint frames_written, boundaries_written, thumbs_written;
};

ScanPoint *scan_point_new(void);
void scan_point_free(ScanPoint *self); /* NULL is fine */
void scan_point_add(ScanPoint *self, const ToolVideoFrame *frame);

/* What has come since the last time, up to the mark's frame, as a line of JSON of type "point". @judging: what thumbs
 * depend on. */
void scan_point_append(ScanPoint *self, const char *judging, GString *out);
/* Takes such a line, which follows those taken before. FALSE where it is not one. */
gboolean scan_point_read(ScanPoint *self, JsonObject *line);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ScanPoint, scan_point_free)

G_END_DECLS
