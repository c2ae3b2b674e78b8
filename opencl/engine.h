/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/model.h"
#include "opencl/device.h"
#include "opencl/frame.h"

/*
 * The shared, asynchronous encoder: one engine per (device, model, precision) in a process, with one
 * copy of the weights, whoever asks for it. Requests of several users are batched inside a small
 * time window; a batch gives bit for bit the numbers of singles.
 *
 * Thread-safety: every function may be called from any thread. Callbacks run on the engine's own
 * thread (or, where that hangs in the driver, on the one that gives up), with no lock held; they must
 * not block and must not wait for the engine.
 */

G_BEGIN_DECLS

typedef struct _HysacEngine HysacEngine;

/* Progress of the warm-up (programs built, weights packed, kernels' machine code made): @done of
 * @total steps, and what is being done. @done never falls. @total never grows: with AUTO it counts
 * every precision that may have to be tried, and those left out when one is ready. Runs on the thread
 * that called hysac_engine_get(). */
typedef void (*HysacProgressFunc)(guint done, guint total, const char *what, gpointer user_data);

/**
 * hysac_engine_get:
 * @model: the model; two loads of one directory (same files) give the same engine
 * @device: as hysac_device_open()
 * @precision: AUTO takes the fastest that the device is made for and that holds its accuracy budget
 *  (hysac_precision_get_budget()) with this model; a message says what does not hold it. That is cached: the
 *  next start does not try it again. Another is used as it is, with a warning where it breaks its budget
 * @progress: (nullable): called while a new engine warms up; not where one is shared
 *
 * Returns: (transfer full): a warm engine, or %NULL with @error (NO_DEVICE, BUILD, DEVICE,
 * OUT_OF_MEMORY, MODEL, UNSUPPORTED, TIMEOUT). A failed one is not kept: asking again tries again. An
 * engine that fails later (DEVICE_LOST, OUT_OF_MEMORY, TIMEOUT, or any error that the driver gives
 * eight times on end) answers everything with that error, frees the device's memory and leaves the
 * registry: asking again makes a new one. A process in which four engines hang in the driver is given
 * no more of them (TIMEOUT). May wait for the driver without limit.
 */
HYSAC_API HysacEngine *hysac_engine_get(HysacModel *model, const char *device,
                                        HysacPrecision precision, HysacProgressFunc progress,
                                        gpointer user_data, GError **error);
HYSAC_API HysacEngine *hysac_engine_ref(HysacEngine *self);
/* The last one waits for requests in flight (they are answered, with CANCELLED where not begun) and
 * frees the device's memory. It waits at most ten seconds: a driver that has not returned by then
 * keeps what it was given, planes of frames included, and all is released and answered when it does
 * return; a warning says so. From a callback it does not wait. NULL is fine. */
HYSAC_API void hysac_engine_unref(HysacEngine *self);

HYSAC_API HysacModel *hysac_engine_get_model(HysacEngine *self);   /* borrowed */
HYSAC_API HysacDevice *hysac_engine_get_device(HysacEngine *self); /* borrowed */
HYSAC_API HysacPrecision hysac_engine_get_precision(HysacEngine *self);    /* never AUTO */
/* Of its precision, as it was measured when the engine was made. */
HYSAC_API void hysac_engine_get_accuracy(HysacEngine *self, HysacAccuracy *accuracy);

typedef struct {
  guint dim;
  const float *feature; /* before alpha; dim floats */
  const float *point;   /* after alpha and the exponential map; NULL without geometry */
  double distance;      /* to the root; NAN without geometry */
  gboolean reused;      /* all of it an earlier frame's, which this one does not differ from */
} HysacEmbedding;

/* @embedding with arrays of its own, to be kept longer than a callback; cleared by hysac_embedding_clear(), which leaves
 * nothing in it, and does nothing to an empty one. Thread-safe. */
HYSAC_API HysacEmbedding hysac_embedding_copy(const HysacEmbedding *embedding);
HYSAC_API void hysac_embedding_clear(HysacEmbedding *copy);

/* Exactly one of @embedding and @error is not NULL; both are borrowed. */
typedef void (*HysacEngineFunc)(const HysacEmbedding *embedding, const GError *error,
                                gpointer user_data);

/**
 * hysac_engine_submit:
 * @frame: copied; its planes stay readable and unchanged until @release or, without it, @done
 * @release: (nullable): called once when the planes are no longer needed, always before @done
 * @done: called exactly once if this returned TRUE, never if it returned FALSE
 *
 * Returns at once. FALSE with @error (ARGUMENT for an impossible frame, or what the engine has
 * failed with) means nothing was queued and no callback will come.
 */
HYSAC_API gboolean hysac_engine_submit(HysacEngine *self, const HysacFrame *frame,
                                       GDestroyNotify release, HysacEngineFunc done,
                                       gpointer user_data, GError **error);

/*
 * Video repeats itself: a frame that has not changed need not be encoded again. A HysacReference is the
 * name of a stream of frames; under it an engine keeps what went into its encoder last: the picture as
 * the encoder takes it (crop, 8-bit RGB), and what came out. Thread-safe. It holds no memory of a device
 * itself: each engine that it is used with keeps two pictures (300 KB at 224 x 224) until the first
 * request after its last reference is gone, or its own end. Dropping it and making another forgets.
 */
typedef struct _HysacReference HysacReference;
HYSAC_API HysacReference *hysac_reference_new(void);
HYSAC_API HysacReference *hysac_reference_ref(HysacReference *self);
HYSAC_API void hysac_reference_unref(HysacReference *self); /* NULL is fine */

#define HYSAC_REUSE_MAX_TOLERANCE 8

/* When a frame counts as unchanged. A pixel of the encoder's picture is changed where a channel differs
 * by more than @tolerance. The frame is unchanged where at most @budget pixels are, and at most 8 of
 * each 8 x 8 of the picture: so a solid square of 5 x 5 is never hidden by a large budget. With 0 and 0
 * the encoder would be given the very same bytes, and so would give the very same numbers. */
typedef struct {
  guint tolerance; /* grey levels, 0..HYSAC_REUSE_MAX_TOLERANCE */
  guint budget;    /* pixels of the encoder's picture */
  gint64 time;     /* of this frame, ns, by any clock of the stream's */
  gint64 max_age;  /* reuse only what is of a frame at most this much earlier, and none later; ns */
} HysacReuse;

/**
 * hysac_engine_submit_reusing:
 * @reference: the stream's; the engine takes references of its own
 * @reuse: copied
 *
 * As hysac_engine_submit(); a frame that is unchanged gets the embedding of the frame that was last
 * encoded under @reference, marked as reused, without a run of the encoder. It is always compared with
 * a frame that was encoded, never with one that was itself reused: what changes slowly is noticed when
 * it is @reuse's tolerance away from there. If that frame is still in the encoder, this one waits for
 * it, and keeps its planes; a failure is never reused: the frame is then encoded itself. So is the
 * first frame, and every frame where the device cannot compare (a warning says so).
 */
HYSAC_API gboolean hysac_engine_submit_reusing(HysacEngine *self, const HysacFrame *frame,
                                               HysacReference *reference, const HysacReuse *reuse,
                                               GDestroyNotify release, HysacEngineFunc done,
                                               gpointer user_data, GError **error);

/**
 * hysac_engine_give_up:
 *
 * Somebody's request has had no answer for longer than they care to wait. An engine that has finished
 * nothing for ten times its usual run, and for two seconds at least, is taken for hung and fails with
 * TIMEOUT: what waits is answered at once, on this thread; what the driver has is answered when it
 * returns, if ever.
 *
 * Returns: whether the engine has failed, now or before.
 */
HYSAC_API gboolean hysac_engine_give_up(HysacEngine *self);
/* Whether it has failed for good: it accepts nothing any more. */
HYSAC_API gboolean hysac_engine_has_failed(HysacEngine *self);

/* Submits and waits, without limit. @feature and @point (nullable) hold dim floats; @distance nullable. */
HYSAC_API gboolean hysac_engine_embed(HysacEngine *self, const HysacFrame *frame, float *feature,
                                      float *point, double *distance, GError **error);

typedef struct {
  guint64 requests;   /* answered with an embedding */
  guint64 reused;     /* of them, with an earlier frame's */
  guint64 failures;   /* answered with an error */
  guint64 batches;    /* runs of the encoder; (requests - reused) / batches is the mean batch */
  guint in_flight;    /* accepted, not answered */
  guint max_in_flight;
  gint64 last_run_us; /* the encoder's time for the last batch */
  gint64 mean_run_us;
} HysacEngineStats;
HYSAC_API void hysac_engine_get_stats(HysacEngine *self, HysacEngineStats *stats);

/* Engines alive in this process (for leak tests). */
HYSAC_API guint hysac_engine_count(void);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(HysacEngine, hysac_engine_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HysacReference, hysac_reference_unref)

G_END_DECLS
