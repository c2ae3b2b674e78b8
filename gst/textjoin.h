/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * Texts that follow each other soon, read as one: who wants past a filter splits a sentence or a word over two cues.
 * hysactext's rule, and that of `hysac fit` for subtitles, so that a bound is fitted on what is scored.
 *
 * Times are running times, ns. Thread-safety: one thread at a time.
 */

G_BEGIN_DECLS

/* A sentence that is cut into three cues is still read as one. */
#define GST_HYSAC_TEXT_JOIN_BUFFERS 3
#define GST_HYSAC_TEXT_MAX_JOIN_BUFFERS 16
#define GST_HYSAC_TEXT_JOIN_GAP (10 * G_GUINT64_CONSTANT(1000000000))

typedef struct {
  guint buffers; /* so many in a row are one text too; 1: each by itself */
  guint64 gap;   /* what begins longer apart is not joined */
} GstHysacTextJoining;

/* Texts that were shown as they came; all zeros: none. */
typedef struct {
  GQueue past; /* newest first */
} GstHysacTextPast;

/* What was before joins with nothing any more; nothing is left to free. */
void gst_hysac_text_past_forget(GstHysacTextPast *self);
/* @joined: GstHysacTextReading's, of one that was not itself unsafe; (nullable), or empty: nothing to read. */
void gst_hysac_text_past_remember(GstHysacTextPast *self, const char *joined, gint64 running,
                                  const GstHysacTextJoining *how);
/* Adds to @texts (char *, g_free) the last two, three … texts as one that ends with @joined: as words of their own, and
 * with what may be one word put together; those that are not in it yet. */
void gst_hysac_text_past_join(const GstHysacTextPast *self, const char *joined, gint64 running,
                              const GstHysacTextJoining *how, GPtrArray *texts);

/* Adds @text where it is not among them. */
void gst_hysac_text_add_once(GPtrArray *texts, const char *text);

G_END_DECLS
