/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/policy.h"

/*
 * Frames (or texts) as they went out -> segments: stretches of frames to which the same was done for the same
 * cause. A pure state machine. Times are stream time, ns: positions in the programme, which is where
 * players and editors look for them.
 *
 * A segment begins where its first frame begins and ends where its last one ends: exactly, where every
 * frame is a sample. A frame lasts until the next begins; the last one, and one behind which something
 * is missing, for its own duration.
 */

G_BEGIN_DECLS

typedef struct {
  guint64 number;      /* the frame's, in order */
  gint64 start;        /* below 0: unknown, it follows the one before */
  gint64 duration;     /* above 0 */
  gboolean until_next; /* that is a guess: it lasts until the next one, however long */
  gboolean marked;     /* part of a segment */
  gboolean goes_along; /* part of the one that runs, whatever its cause; else of one of its own */
  const char *verdict, *action; /* static strings */
  HysacReason reason;
  guint64 interval; /* 0 for none */
  gboolean hidden;  /* the picture was replaced or left out */
  gboolean has_margin;
  double margin;
} HysacSegmentFrame;

typedef struct {
  gint64 start, end;
  guint64 first, last; /* numbers of frames */
  guint64 frames;
  const char *verdict, *action;
  HysacReason reason; /* of the frame that tells most: rolls and flicker tell least */
  guint64 interval;
  gboolean hidden;
  gboolean has_peak;
  double peak; /* largest margin */
} HysacSegment;

typedef struct {
  gboolean running; /* there is a segment */
  HysacSegment segment;
  gint direction; /* of it: 1 forwards, -1 backwards, 0 not known yet */
  gboolean any;   /* there was a frame since the last break; what is below holds */
  gint64 last_start, last_end;
  gboolean last_until_next;
} HysacSegmenter;

HYSAC_API void hysac_segmenter_init(HysacSegmenter *self);
/* TRUE where that ends a segment, which is then in @ended. */
HYSAC_API gboolean hysac_segmenter_add(HysacSegmenter *self, const HysacSegmentFrame *frame,
                                       HysacSegment *ended);
/* What comes next does not follow (seek, new segment, end). */
HYSAC_API gboolean hysac_segmenter_break(HysacSegmenter *self, HysacSegment *ended);

G_END_DECLS
