/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/audio/audio.h>

#include "tests/gst/rig.h"

/*
 * hysacfollow in a GstHarness of its own, and a record of what leaves it. Data are pushed from a
 * thread, as the element blocks until they are decided. The leader is a Rig, or the test itself.
 */

typedef struct {
  GstHarness *h;
  GstElement *element;
  GstBus *bus;
  GThread *thread;
  GAsyncQueue *jobs; /* GstBuffer, GstEvent */

  GMutex lock;
  GCond cond;
  GPtrArray *out;   /* GstBuffer and GstEvent, as they left */
  guint given, done; /* jobs */
  guint buffers_given, buffers_in;
  GstFlowReturn flow; /* the last buffer's */
} Follow;

/* @properties as of g_object_set(), ended by NULL; "timeout" is 0 unless they say otherwise. */
void follow_init(Follow *self, const char *group, const char *caps, gboolean live, ...)
    G_GNUC_NULL_TERMINATED;
/* Waits for what was pushed. Nothing may hold the element after that. */
void follow_clear(Follow *self);

/* Take what they are given; from the thread, in order. */
void follow_buffer(Follow *self, GstBuffer *buffer);
void follow_event(Follow *self, GstEvent *event);
/* Waits until all of it has gone through, and until @n buffers have left. */
void follow_settle(Follow *self);
/* Waits until the last buffer given is inside the element. */
void follow_wait_inside(Follow *self);
void follow_wait_buffers(Follow *self, guint n);
guint follow_n_buffers(Follow *self);
gboolean follow_is_blocked(Follow *self); /* something given is not through yet */
/* The samples that left, from that at time 0 on; what a gap takes is left at 0xee. */
GByteArray *follow_bytes(Follow *self);
/* Letters as of rig_record(), buffers as b. */
char *follow_record(Follow *self);
guint64 follow_stat(Follow *self, const char *field);
/* The reasons of the messages posted since the last call, each with a comma behind it. */
char *follow_reasons(Follow *self);

/* @n samples of interleaved audio from sample @first on, all bytes 0x35. */
GstBuffer *follow_sound(Follow *self, guint64 first, guint64 n);
/* Mono S8, 1000 a second, from @from to @to ms: a sample is a millisecond. */
#define FOLLOW_MS "audio/x-raw,format=S8,rate=1000,channels=1,layout=interleaved"
void follow_push_ms(Follow *self, guint64 from, guint64 to);
/* The same as text: - where it passed, m where it was muted, blank where nothing came; a letter for
 * the time of each frame of the rig, whose samples must be alike. */
char *follow_heard(Follow *self);

void rig_flush(GstHarness *h, guint32 seqnum, gboolean reset_time); /* and a segment from 0 */
