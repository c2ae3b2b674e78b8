/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Stretches of frames or texts as they went out: the audit log's records of them, and files. docs/records.md has the
 * formats. Thread-safety: the streaming thread, no lock held. */

#include "core/segmentlog.h"
#include "gst/gsthysaccommon.h"

G_BEGIN_DECLS

typedef struct {
  GstHysacLogs *logs; /* borrowed; constant, like what follows */
  const char *maker;  /* "hysacmoderate" */
  const char *unit, *units; /* what is counted: "frame", "frames" */
  HysacSegmenter segmenter;
  HysacSegmentLog *files[2]; /* by HysacSegmentLogFormat; NULL where there is none */
  gboolean begun;
} GstHysacSegments;

/* The element starts. Where @path is set it is begun anew; where it cannot be, that is a warning. @model: its path. */
void gst_hysac_segments_start(GstHysacSegments *self);
void gst_hysac_segments_open(GstHysacSegments *self, HysacSegmentLogFormat format, const char *path,
                             const char *model, const HysacRegion *region);
/* What a frame or text, and what was done to it, is to segments. An unset @duration lasts until the next. */
HysacSegmentFrame gst_hysac_segment_frame(guint64 number, GstClockTime stream_time, GstClockTime duration,
                                          gboolean until_next, const GstHysacOutcome *outcome);
/* @sinkpad: upstream may know the file's name; the rate is fps_num / fps_den, 0: unknown. */
void gst_hysac_segments_add(GstHysacSegments *self, const HysacSegmentFrame *frame, GstPad *sinkpad, gint fps_num,
                            gint fps_den);
/* What comes next does not follow on what was. */
void gst_hysac_segments_break(GstHysacSegments *self);
/* The element stops. */
void gst_hysac_segments_close(GstHysacSegments *self);

G_END_DECLS
