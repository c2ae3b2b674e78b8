/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

#include "core/concepts.h"
#include "core/head.h"
#include "core/region.h"
#include "opencl/engine.h"

/* What a model has beside its region, of the one tower whose features these are. All of it lives, and stays as it is,
 * as long as who has it. gsthysacrating.h measures by it. */
typedef struct {
  const char *weights_sha256; /* as the model states it, or NULL */
  HysacConcepts *concepts;    /* the model's, or NULL */
  HysacHead *head;            /* on such features, or NULL */
  const char *no_head;        /* where it is looked for, and what is none; for messages */
  guint dimension;            /* of features and points */
  double curvature;
  /* (transfer full): the same with points; may take long. NULL with @error. Nullable. */
  HysacConcepts *(*encode_concepts)(gpointer encoder, HysacConcepts *concepts, GError **error);
  gpointer encoder;
} GstHysacBeside;

/*
 * What the element needs of an engine, and no more: hand in a picture, get a distance later. The
 * real one is scorer-engine.c; tests bring their own.
 */

G_BEGIN_DECLS

typedef struct _GstHysacScorer GstHysacScorer;

typedef struct {
  double distance;
  gboolean reused;      /* all of it is an earlier frame's */
  const float *feature; /* (nullable): before alpha */
  const float *point;   /* (nullable): after the exponential map */
} GstHysacScore;

/* Exactly one of @score and @error is not NULL; both are borrowed. Any thread, no lock held. */
typedef void (*GstHysacScoreFunc)(const GstHysacScore *score, const GError *error, gpointer user_data);

typedef struct {
  /* As hysac_engine_submit_reusing(), and with a @reference that is NULL as hysac_engine_submit(): TRUE
   * means @release once, then @done once, maybe before it returns. */
  gboolean (*submit)(GstHysacScorer *self, const HysacFrame *frame, HysacReference *reference,
                     const HysacReuse *reuse, GDestroyNotify release, GstHysacScoreFunc done,
                     gpointer user_data, GError **error);
  /* Adds engine figures to the element's stats. Nullable. */
  void (*fill_stats)(GstHysacScorer *self, GstStructure *stats);
  /* A request has had no answer for longer than the element waits. No lock held. Nullable. */
  void (*timed_out)(GstHysacScorer *self);
  /* Answers what is in flight where it can; what a hung driver holds is answered when it returns. */
  void (*free)(GstHysacScorer *self);
} GstHysacScorerClass;

/* The device was lost (every request fails until it is back), or is there again. */
typedef struct {
  gboolean lost;
  const GError *error; /* lost: why */
  const char *device;  /* its name; there again: maybe another one */
  gint64 downtime;     /* there again: ns since it was lost */
  guint attempts;      /* there again: how often it was tried */
} GstHysacScorerEvent;
/* Any thread, no lock held, at most once for each change. */
typedef void (*GstHysacScorerEventFunc)(GstElement *owner, const GstHysacScorerEvent *event);

/* The head of every scorer; filled in by its factory and, where not said otherwise, constant. */
struct _GstHysacScorer {
  const GstHysacScorerClass *klass;
  HysacRegion region; /* the owner may change it, under its lock */
  GstClockTime budget; /* how long one request may take, queueing included; an estimate, ns */
  char *device;        /* names for logs and stats; owned, freed by klass->free */
  char *precision;
  GstHysacBeside beside;
  gint epoch; /* atomic: another engine answers than before */
  /* The owner's, under its lock: requests without an answer, and calls into it under way. */
  guint open, calls;
  struct _HysacRater *rater; /* the owner's: what stands beside the verdict; NULL: nothing */
  /* Set by the owner before the first request. */
  GstElement *owner;
  GstHysacScorerEventFunc on_event;
};

/* (transfer full), or NULL with @error. May take long; @progress as in hysac_engine_get(). */
typedef GstHysacScorer *(*GstHysacScorerFactory)(const char *model, const char *device,
                                                 HysacPrecision precision,
                                                 HysacProgressFunc progress, gpointer progress_data,
                                                 gpointer user_data, GError **error);

/* us without a step of a start done. Compiling for an empty cache took 120 s and more on two busy cores. */
#define GST_HYSAC_START_PATIENCE (300 * G_TIME_SPAN_SECOND)
/* TIMEOUT: so long nothing was done; @what: (nullable): where it was. */
void gst_hysac_set_start_timeout(GError **error, gint64 patience, guint done, guint total, const char *what);

/* TIMEOUT where the driver makes no progress for five minutes; @user_data: (nullable): a gint64 with
 * another patience, us. */
GstHysacScorer *gst_hysac_engine_scorer_new(const char *model, const char *device,
                                            HysacPrecision precision, HysacProgressFunc progress,
                                            gpointer progress_data, gpointer user_data,
                                            GError **error);

G_END_DECLS
