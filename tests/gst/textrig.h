/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/check/gstharness.h>

#include "gst/gsthysactextprivate.h"

/*
 * hysactext in a GstHarness, with an encoder that knows what it is told: a text that holds "bad" as a word is far from
 * the root (2.0), every other one near (0.25); the bound is 1. Some words do more:
 *   hang   does not return until text_rig_release()
 *   die    the device is lost, until the fake's "dead" is FALSE
 *   oom    out of memory
 *   nan    a result that is no number
 * Each part between bars ("|") is a window. Points and features have one number, as far as the text is from the root;
 * but some words have others:
 *   knife    0.4, which the bound does not mind
 *   nopoint  a window without a point and a feature
 *   nanpoint a point and a feature that are no numbers
 *   untold   nothing is told of the text's windows
 * Models: "fake"; "other", whose bound is 3; "strict", 1.5; "slow", which takes 15 ms a text; "broken" is none.
 */

G_BEGIN_DECLS

typedef struct {
  GMutex lock;
  GCond cond;
  gboolean hanging, released, dead, refuse_start, hang_at_start;
  gboolean starting; /* one hangs at its start */
  guint alive, opened;
  HysacConcepts *concepts; /* the model's; borrowed */
  HysacHead *head;         /* the same */
  gboolean encodes;        /* concepts get points: each 0.4 */
  GPtrArray *seen; /* of char *: every text that was encoded, those of the start too */
} TextFake;

typedef struct {
  GstHarness *h;
  GstElement *element;
  GstBus *bus;
  TextFake fake;
} TextRig;

/* Not live. @format: "utf8", "pango-markup" or NULL. Properties follow, ended by NULL. */
void text_rig_init(TextRig *rig, const char *format, const char *property, ...) G_GNUC_NULL_TERMINATED;
/* Without a harness, in NULL. */
void text_rig_bare(TextRig *rig);
void text_rig_clear(TextRig *rig);
/* Once, at the end: gst_deinit(), when the threads that load models have given the elements back. */
void text_rig_deinit(void);
void text_rig_format(TextRig *rig, const char *format);

/* At @ms, for 100 ms. */
GstBuffer *text_rig_buffer(const char *text, gssize size, guint64 ms);
GstFlowReturn text_rig_push(TextRig *rig, const char *text, guint64 ms);
/* Pushes, and what comes out (transfer full); NULL where nothing does. */
GstBuffer *text_rig_through(TextRig *rig, GstBuffer *buffer);
char *text_rig_text(GstBuffer *buffer); /* (transfer full) of the buffer; takes it; NULL for NULL */
void text_rig_expect(TextRig *rig, const char *in, guint64 ms, const char *out);
const char *text_rig_reason(GstBuffer *buffer); /* of its metadata */

void text_rig_wait_hanging(TextRig *rig);
void text_rig_release(TextRig *rig);
guint64 text_rig_stat(TextRig *rig, const char *name);
gboolean text_rig_saw(TextRig *rig, const char *text);
/* The next message of @type, an element message of this @name if that is set; waits; NULL after some seconds. */
GstMessage *text_rig_message(TextRig *rig, GstMessageType type, const char *name);

G_END_DECLS
