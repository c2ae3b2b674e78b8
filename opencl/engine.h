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
 * @total steps, and what is being done. Runs on the thread that called hysac_engine_get(). */
typedef void (*HysacProgressFunc)(guint done, guint total, const char *what, gpointer user_data);

/**
 * hysac_engine_get:
 * @model: the model; two loads of one directory (same files) give the same engine
 * @device: as hysac_device_open()
 * @precision: AUTO takes the fastest that this build can do within its accuracy budget
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
HYSAC_API HysacPrecision hysac_engine_get_precision(HysacEngine *self);

typedef struct {
  guint dim;
  const float *feature; /* before alpha; dim floats */
  const float *point;   /* after alpha and the exponential map; NULL without geometry */
  double distance;      /* to the root; NAN without geometry */
} HysacEmbedding;

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
  guint64 failures;   /* answered with an error */
  guint64 batches;    /* runs of the encoder; requests / batches is the mean batch */
  guint in_flight;    /* accepted, not answered */
  guint max_in_flight;
  gint64 last_run_us; /* the encoder's time for the last batch */
  gint64 mean_run_us;
} HysacEngineStats;
HYSAC_API void hysac_engine_get_stats(HysacEngine *self, HysacEngineStats *stats);

/* Engines alive in this process (for leak tests). */
HYSAC_API guint hysac_engine_count(void);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(HysacEngine, hysac_engine_unref)

G_END_DECLS
