/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/check/gstharness.h>
#include <gst/video/video.h>

#include "tests/gst/fakescorer.h"

/*
 * hysacmoderate in a GstHarness with a fake scorer, and a record of everything that leaves it, in
 * order. Frames are I420, 64x36, 25 a second; byte 0 is the fake's code, bytes 1 to 4 a number, and
 * the rest of the luma is the shot's shade.
 */

#define RIG_WIDTH 64
#define RIG_HEIGHT 36
#define RIG_FRAME (40 * GST_MSECOND)
#define RIG_CAPS                                                                                   \
  "video/x-raw,format=I420,width=64,height=36,framerate=25/1,colorimetry=bt601,"                   \
  "pixel-aspect-ratio=1/1,interlace-mode=progressive"

typedef struct {
  GstHarness *h;
  GstElement *element;
  GstBus *bus;
  Fake fake;
  guint32 next; /* number of the next frame */
  guint8 shade; /* of the shot */

  GMutex lock;
  GCond cond;
  GPtrArray *out; /* GstBuffer and GstEvent, as they left */
  guint n_buffers;
  gboolean eos;
} Rig;

/* @properties as of g_object_set(), ended by NULL. Caps and segment are sent with the first frame.
 */
void rig_init(Rig *rig, FakeMode mode, gboolean live, const char *first_property,
              ...) G_GNUC_NULL_TERMINATED;
/* The same without harness and caps: for what happens before the element plays. */
void rig_init_bare(Rig *rig, FakeMode mode);
/* What rig_init() does after that: for another scorer than the fake. */
void rig_play(Rig *rig, gboolean live);
void rig_clear(Rig *rig);

/* For random tests: printed, and set by HYSAC_TEST_SEED. */
guint rig_seed(void);
/* A group's setup and teardown, for draws in all its tests: the seed is said after TAP's first line, which
 * newer readers want first. */
extern GRand *rig_rand;
int rig_make_rand(void **state);
int rig_free_rand(void **state);
guint32 rig_number_of(const guint8 *pixels);
GstBuffer *rig_frame(Rig *rig, guint8 code); /* numbered, stamped number * RIG_FRAME */
GstFlowReturn rig_push(Rig *rig, guint8 code);
void rig_push_n(Rig *rig, guint n, guint8 code);
gboolean rig_push_event(Rig *rig, GstEvent *event); /* (transfer full) */
/* A segment in time whose stream time is that of the buffers, from @start, at the running time @base.
 * (transfer full) */
GstEvent *rig_segment(GstClockTime start, GstClockTime base);
/* EOS in, and wait for it to come out. */
void rig_finish(Rig *rig);
void rig_wait_buffers(Rig *rig, guint n);
void rig_wait_event(Rig *rig, GstEventType type);
guint rig_n_buffers(Rig *rig);
GstBuffer *rig_buffer(Rig *rig, guint i); /* borrowed: the i-th buffer that left */

typedef enum { LOOKS_ORIGINAL, LOOKS_BLANK, LOOKS_OTHER } Looks;
Looks rig_looks(GstBuffer *buffer);
guint32 rig_number(GstBuffer *buffer); /* by its timestamp: redacted ones have no other */
const char *rig_verdict(GstBuffer *buffer);
const char *rig_reason(GstBuffer *buffer);
const char *rig_origin(GstBuffer *buffer);
/* The record in letters, in order: a frame is o (original), x (blank) or ? (anything else);
 * S stream-start, C caps, G segment, g gap, T tag, E EOS, D segment-done, . another event; those for
 * key units are left out. */
char *rig_record(Rig *rig);
/* And K where a force-key-unit event left. */
char *rig_record_with_keys(Rig *rig);
/* The same, frames only. */
char *rig_frames(Rig *rig);

/* Waits for a message of @type (element messages: of that name); fails the test if none comes. */
GstMessage *rig_message(Rig *rig, GstMessageType type, const char *name);
/* A message of that kind that is already there, or NULL. */
GstMessage *rig_message_now(Rig *rig, GstMessageType type, const char *name);
guint64 rig_stat(Rig *rig, const char *field);
