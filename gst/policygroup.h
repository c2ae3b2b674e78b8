/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

#include "gst/runningtime.h"

/*
 * A policy group: what one hysacmoderate (the leader) did to the picture, by running time, for
 * elements of the same process that do likewise to sound and text (followers).
 *
 * Groups are found by name in a registry, the one global here beside the engines': leader and
 * followers are made by different hands, often by gst_parse_launch(), and know nothing of each other
 * but a string; a pointer in a property, or a search through the bin, would bind them to one pipeline
 * or one order of construction. A group lives as long as someone holds it.
 *
 * The leader's frames follow each other on the screen: each covers [begin, end), and where a hole
 * lies behind it, the time up to the next one. Before the first frame and after the last there is
 * nothing to follow: undecided.
 *
 * Thread-safety: all of it, but for what says "lock held" (gst_hysac_group_lock()). Nothing here
 * posts, pushes or calls out; a group's lock is the innermost but for a clock's.
 */

G_BEGIN_DECLS

typedef struct _GstHysacGroup GstHysacGroup;

GstHysacGroup *gst_hysac_group_get(const char *name); /* a reference */
GstHysacGroup *gst_hysac_group_ref(GstHysacGroup *self);
void gst_hysac_group_unref(GstHysacGroup *self);
guint gst_hysac_group_count(void); /* for tests */

/* Running time starts afresh at a seek, which reaches the branches one after another: times are
 * compared only between those that have flushed for the same one. Zero where there was none. */
typedef struct {
  guint32 flush;   /* seqnum of the last FLUSH_STOP that reset the time */
  guint32 segment; /* of the last SEGMENT: a seek's own reaches those who join after its flush */
} GstHysacAxis;

/* What was done to a frame. */
typedef enum {
  GST_HYSAC_FRAME_PASSED = 0,
  GST_HYSAC_FRAME_UNSAFE = 1 << 0, /* redacted or dropped: unsafe, or held on after that */
  GST_HYSAC_FRAME_FAILED = 1 << 1, /* redacted or dropped: it could not be checked */
} GstHysacFrameFate;

/* The leader's side. */

/* FALSE where another leads. @leader is only compared and handed out while it leads. */
gboolean gst_hysac_group_lead(GstHysacGroup *self, GstElement *leader);
/* All that was decided is forgotten. Nothing happens where @leader does not lead. */
void gst_hysac_group_resign(GstHysacGroup *self, GstElement *leader);
GstElement *gst_hysac_group_ref_leader(GstHysacGroup *self); /* (nullable) (transfer full) */
/* A stream has come to the leader. */
void gst_hysac_group_begin(GstHysacGroup *self);
/* Running time of the frame, ns, end exclusive. Time that runs backwards takes back what was
 * decided beyond it; what was redacted stays so. */
void gst_hysac_group_publish(GstHysacGroup *self, gint64 begin, gint64 end, GstHysacFrameFate fate);
/* No frame comes before @end: the last one stands until then. */
void gst_hysac_group_extend(GstHysacGroup *self, gint64 end);
/* No frame comes any more, until the next publish() or restart(). @why: static; NULL: it may. */
void gst_hysac_group_end(GstHysacGroup *self, const char *why);
/* Running time starts afresh, by the FLUSH_STOP of this seqnum. */
void gst_hysac_group_restart(GstHysacGroup *self, guint32 flush);
void gst_hysac_group_set_segment(GstHysacGroup *self, guint32 segment);

/* The followers' side. */

typedef enum {
  GST_HYSAC_RUN_PASS,
  GST_HYSAC_RUN_MUTE,
  GST_HYSAC_RUN_UNDECIDED, /* and it never will be */
  GST_HYSAC_RUN_PENDING,
} GstHysacRunKind;

typedef struct {
  GstHysacRunKind kind;
  const char *why;   /* static */
  gint64 begin, end; /* running time, ns, end exclusive */
  gboolean led;      /* PENDING: a leader with a stream is at work on it */
} GstHysacRun;

void gst_hysac_group_lock(GstHysacGroup *self);
void gst_hysac_group_unlock(GstHysacGroup *self);
/* Lock held. Until something changes, or @until (monotonic us; 0: no limit). */
void gst_hysac_group_wait(GstHysacGroup *self, gint64 until);
void gst_hysac_group_wake(GstHysacGroup *self); /* lock held */
/* Lock held. What is so at @time and for how long; @follow: fates that mute. */
GstHysacRun gst_hysac_group_look(GstHysacGroup *self, const GstHysacAxis *axis, guint follow,
                                 gint64 time);
/* Stretches kept, for tests. */
guint gst_hysac_group_n_stretches(GstHysacGroup *self);

G_END_DECLS
