/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gst/scorer.h"

/*
 * A scorer that reads its verdict from the picture: the first byte is the distance times 100, or
 * one of the codes below. The test says when and in which order it answers.
 */

#define FAKE_BOUND 0.5
#define FAKE_SAFE 30
#define FAKE_UNSAFE 70
#define FAKE_ERROR 250  /* HYSAC_ERROR_DEVICE */
#define FAKE_NAN 251    /* a result that is not finite */
#define FAKE_HANG 252   /* answered only when the scorer goes, or by fake_answer() */
#define FAKE_REFUSE 253 /* submit() returns FALSE */

typedef enum {
  FAKE_AT_ONCE, /* inside submit() */
  FAKE_THREAD,  /* a thread, in random order */
  FAKE_MANUAL,  /* fake_answer() */
} FakeMode;

typedef struct {
  FakeMode mode;
  guint seed;
  GstClockTime budget;
  gboolean fail_to_start;
  /* Of its scorers: one number each, the distance. NULL for none; the test's. */
  HysacConcepts *concepts;
  HysacHead *head;
  /* Answers at once what has the code of the last frame answered under the same reference, and a shade (byte
   * 5) within the tolerance; else references count for nothing. */
  gboolean reuse;
  /* Below: lock. */
  GMutex lock;
  GCond cond;
  GPtrArray *calls; /* not answered, in order of submission */
  GArray *scored;   /* guint32, frame numbers in order of submission */
  GHashTable *kept; /* HysacReference -> what was answered under it last */
  GArray *reused;   /* guint32, frame numbers that were answered by an earlier one's */
  HysacReuse limits; /* of the last that had a reference */
  GHashTable *seen;  /* references */
  guint n_references;
  HysacFrame last;  /* what was submitted last; its planes are gone */
  guint alive;      /* scorers made and not freed */
  gboolean quit;
  GThread *thread;
} Fake;

void fake_init(Fake *self, FakeMode mode);
void fake_clear(Fake *self);

/* A GstHysacScorerFactory; user_data is the Fake. */
GstHysacScorer *fake_scorer_new(const char *model, const char *device, HysacPrecision precision,
                                HysacProgressFunc progress, gpointer progress_data,
                                gpointer user_data, GError **error);

/* Waits until @n requests have been submitted in all. Fails the test after ten seconds. */
void fake_wait_submitted(Fake *self, guint n);
void fake_wait_gone(Fake *self); /* until all its scorers are freed */
guint fake_n_submitted(Fake *self);
gboolean fake_was_scored(Fake *self, guint32 number);
gboolean fake_was_reused(Fake *self, guint32 number);
/* Answers the oldest open request, or all of them. */
void fake_answer(Fake *self);
void fake_answer_all(Fake *self);
