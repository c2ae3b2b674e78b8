/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * hysacfollow's insides:
 *   gsthysacfollow.c       the object: properties, pads, states, events, latency
 *   gsthysacfollowchain.c  buffers: wait until they are decided, then pass, silence or drop
 */

#include <gst/audio/audio.h>

#include "gst/gsthysacfollow.h"
#include "gst/policygroup.h"

G_BEGIN_DECLS

GST_DEBUG_CATEGORY_EXTERN(gst_hysac_follow_debug);
#define GST_CAT_DEFAULT gst_hysac_follow_debug

typedef enum {
  GST_HYSAC_FOLLOW_REDACTED, /* every redacted frame */
  GST_HYSAC_FOLLOW_UNSAFE,   /* not those that only failed */
} GstHysacFollowOn;

typedef enum {
  GST_HYSAC_UNDECIDED_MUTE,
  GST_HYSAC_UNDECIDED_PASS,
} GstHysacOnUndecided;

/* Samples, or cues of text. */
typedef struct {
  guint64 passed, muted, undecided;
} GstHysacFollowCounters;

struct _GstHysacFollow {
  GstElement parent;
  GstPad *sinkpad, *srcpad;

  /* Object lock. */
  char *policy_group;
  GstHysacFollowOn on;
  GstHysacOnUndecided on_undecided;
  guint64 timeout; /* ns */
  GstHysacFollowCounters counters;

  /* From READY to PAUSED and back; written under the object lock. */
  GstHysacGroup *group;

  /* The group's lock. */
  GstHysacAxis axis;
  gboolean flushing;
  gboolean playing; /* the clock runs and base time holds */
  gboolean live, latency_known;
  gint64 latency;   /* upstream's and this element's, ns */
  gint64 longest;   /* buffer of audio, ns */
  gint64 alone_since; /* monotonic us; 0: there is a leader with a stream */
  GstClockID timer;
  GstClockTime timer_time;

  /* The sink pad's stream lock. */
  GstSegment segment;
  gboolean have_caps, text;
  GstAudioInfo info;
  gboolean have_time;
  gint64 next_running; /* of a buffer without a timestamp */
  const char *state;   /* last one posted, static */
  const char *state_why;
  gboolean reported;   /* anything since the start */
};

/* gsthysacfollowchain.c */
GstFlowReturn gst_hysac_follow_chain(GstPad *pad, GstObject *parent, GstBuffer *buffer);
void gst_hysac_follow_cancel_timer(GstHysacFollow *self); /* group lock */

/* gsthysacfollow.c */
/* Asks upstream and the leader; TRUE where the latency is another now. No lock. */
gboolean gst_hysac_follow_update_latency(GstHysacFollow *self);

G_END_DECLS
