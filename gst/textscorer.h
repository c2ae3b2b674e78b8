/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gst/gsthysacrating.h"

/*
 * Texts to distances, on a thread of its own: whoever asks waits no longer than it says, even where the driver never
 * returns. A text encoder that is lost is made again in the background, after 0.1 s and then more and more rarely,
 * every 30 s at most; meanwhile every request fails at once with the reason.
 *
 * The thread holds the scorer and may outlive its owner, where it hangs in a driver.
 *
 * Thread-safety: every function, from any thread.
 */

G_BEGIN_DECLS

/* What encodes. Its functions are called by the scorer's thread only. */
typedef struct _GstHysacTextBackend GstHysacTextBackend;
/* Of each window of text number @text; its point and feature, where there are some, are borrowed. Not after the call
 * that was given it. */
typedef void (*GstHysacTextWindowFunc)(guint text, const GstHysacScore *score, gpointer user_data);
typedef struct {
  /* @distances: @n, to the root. @each: (nullable). FALSE with @error: none of them holds. */
  gboolean (*embed)(GstHysacTextBackend *self, const char *const *texts, guint n, double *distances,
                    GstHysacTextWindowFunc each, gpointer user_data, GError **error);
  /* It accepts nothing any more, until @reopen succeeds. */
  gboolean (*has_failed)(GstHysacTextBackend *self);
  gboolean (*reopen)(GstHysacTextBackend *self, GError **error);
  void (*free)(GstHysacTextBackend *self);
} GstHysacTextBackendClass;

struct _GstHysacTextBackend {
  const GstHysacTextBackendClass *klass;
  HysacRegion region; /* constant, like what follows */
  GstHysacBeside beside; /* of texts */
  char *device, *precision; /* owned, freed by klass->free */
};

/* (transfer full), or NULL with @error. May take long. */
typedef GstHysacTextBackend *(*GstHysacTextBackendFactory)(const char *model, const char *device,
                                                           HysacPrecision precision,
                                                           HysacProgressFunc progress,
                                                           gpointer progress_data, gpointer user_data,
                                                           GError **error);

/* The real one: opencl/textencoder.h. @user_data: a double, the bound where the model states none for texts; 0 is
 * none. */
GstHysacTextBackend *gst_hysac_text_backend_new(const char *model, const char *device,
                                                HysacPrecision precision, HysacProgressFunc progress,
                                                gpointer progress_data, gpointer user_data,
                                                GError **error);

typedef struct _GstHysacTextScorer GstHysacTextScorer;
typedef struct _GstHysacTextRequest GstHysacTextRequest;

typedef struct {
  const char *model, *device;
  HysacPrecision precision;
  GstHysacTextBackendFactory factory;
  gpointer factory_data;
  double bound; /* of the real one, where the model states none for texts; 0: none */
  const HysacPolicyRules *rules; /* (nullable): of the policy */
  gint64 patience; /* us without progress while it is made; 0: GST_HYSAC_START_PATIENCE */
  gint64 timeout;  /* us; a request that takes longer has failed, and those after it until the driver is back */
  GstElement *owner; /* borrowed; not touched after the close */
  HysacProgressFunc progress; /* (nullable) */
  gpointer progress_data;
  GstHysacScorerEventFunc on_event; /* (nullable); as GstHysacScorer has it */
} GstHysacTextScorerConfig;

/* (transfer full), warm; or NULL with @error: TIMEOUT where the driver makes no progress, MODEL where a rule cannot be
 * measured. */
GstHysacTextScorer *gst_hysac_text_scorer_new(const GstHysacTextScorerConfig *config, GError **error);
/* Waits some seconds for what runs. NULL is fine. */
void gst_hysac_text_scorer_close(GstHysacTextScorer *self);

/* As they are at the start; borrowed. */
const HysacRegion *gst_hysac_text_scorer_get_region(GstHysacTextScorer *self);
const char *gst_hysac_text_scorer_get_device(GstHysacTextScorer *self);
const char *gst_hysac_text_scorer_get_precision(GstHysacTextScorer *self);
const char *gst_hysac_text_scorer_get_weights_sha256(GstHysacTextScorer *self); /* (nullable) */
GstClockTime gst_hysac_text_scorer_get_budget(GstHysacTextScorer *self); /* of one text, an estimate, ns */

/* Never blocks. @texts: (transfer full): of char *, at least one. */
GstHysacTextRequest *gst_hysac_text_scorer_submit(GstHysacTextScorer *self, GPtrArray *texts);

typedef enum {
  GST_HYSAC_TEXT_SCORED,
  GST_HYSAC_TEXT_FAILED,    /* @error is set; TIMEOUT where it outlived the watchdog */
  GST_HYSAC_TEXT_LATE,      /* @until has passed */
  GST_HYSAC_TEXT_CANCELLED, /* gst_hysac_text_scorer_cancel() */
} GstHysacTextAnswer;

/* Waits, at most until @until (monotonic us; 0: only the watchdog); then nobody waits for the request any more.
 * @distances, @ratings: (out caller-allocates): one for each text, where it is scored; a rating is the worst of the
 * text's windows, zeroed where there is nothing to rate by. */
GstHysacTextAnswer gst_hysac_text_scorer_wait(GstHysacTextScorer *self, GstHysacTextRequest *request,
                                              gint64 until, double *distances, HysacRating *ratings,
                                              GError **error);
/* Who waits for it, or will, returns. */
void gst_hysac_text_scorer_cancel(GstHysacTextScorer *self, GstHysacTextRequest *request);
GstHysacTextRequest *gst_hysac_text_request_ref(GstHysacTextRequest *request);
void gst_hysac_text_request_unref(GstHysacTextRequest *request);

G_END_DECLS
