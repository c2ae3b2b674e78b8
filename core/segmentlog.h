/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/segments.h"

/*
 * A file of segments, written by a thread of its own as they end (report.h: never blocks, a write
 * error is told once). It can be read at any moment: a segment is in it whole or not at all; what
 * could not be written is counted in the next one.
 *
 * WebVTT: a cue a segment. CMX3600: the programme cut at each boundary, source after black (what was
 * hidden) after source, on a timeline that is the source's own.
 *
 * Thread-safety: one thread at a time, but for _get_error().
 */

G_BEGIN_DECLS

typedef enum { HYSAC_SEGMENT_LOG_VTT, HYSAC_SEGMENT_LOG_EDL } HysacSegmentLogFormat;

typedef struct _HysacSegmentLog HysacSegmentLog;

/* Begins @path anew; IO where it cannot be, or where somebody else writes to it. @provenance: what made
 * it and with which settings, some short lines. */
HYSAC_API HysacSegmentLog *hysac_segment_log_open(const char *path, HysacSegmentLogFormat format,
                                                  const char *provenance, GError **error);

/* What a segment counts, in the plural: "frames", unless this says otherwise. Static. */
HYSAC_API void hysac_segment_log_set_unit(HysacSegmentLog *self, const char *unit);
/* Before the first of the rest: the stream's frame rate, and the name of its file (nullable). Once. */
HYSAC_API void hysac_segment_log_begin(HysacSegmentLog *self, gint fps_num, gint fps_den,
                                       const char *clip);
/* A stretch of the programme begins at @start: at first, and after a break. */
HYSAC_API void hysac_segment_log_from(HysacSegmentLog *self, gint64 start);
HYSAC_API void hysac_segment_log_add(HysacSegmentLog *self, const HysacSegment *segment);
/* The stretch ends at @end. */
HYSAC_API void hysac_segment_log_until(HysacSegmentLog *self, gint64 end);

/* As hysac_report_get_error(). */
HYSAC_API GError *hysac_segment_log_get_error(HysacSegmentLog *self);
/* Writes what is queued and frees. (transfer full) (nullable): an error that nobody has been told. */
HYSAC_API GError *hysac_segment_log_close(HysacSegmentLog *self);

G_END_DECLS
