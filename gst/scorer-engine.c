/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The scorer that the element uses: the shared OpenCL engine. */
#include <string.h>

#include "core/resolve.h"
#include "gst/scorer.h"

typedef struct {
  GstHysacScorer head;
  HysacEngine *engine;
} EngineScorer;

typedef struct {
  GDestroyNotify release;
  GstHysacScoreFunc done;
  gpointer user_data;
} Call;

static void
call_release(gpointer user_data)
{
  Call *call = user_data;
  call->release(call->user_data);
}

static void
call_done(const HysacEmbedding *embedding, const GError *error, gpointer user_data)
{
  g_autofree Call *call = user_data;
  call->done(embedding ? embedding->distance : 0.0, error, call->user_data);
}

static gboolean
submit(GstHysacScorer *scorer, const HysacFrame *frame, GDestroyNotify release,
       GstHysacScoreFunc done, gpointer user_data, GError **error)
{
  EngineScorer *self = (EngineScorer *)scorer;
  Call *call = g_new(Call, 1);
  *call = (Call){release, done, user_data};
  if (hysac_engine_submit(self->engine, frame, call_release, call_done, call, error))
    return TRUE;
  g_free(call);
  return FALSE;
}

static void
fill_stats(GstHysacScorer *scorer, GstStructure *stats)
{
  EngineScorer *self = (EngineScorer *)scorer;
  HysacEngineStats s;
  hysac_engine_get_stats(self->engine, &s);
  gst_structure_set(
      stats, "engine-requests", G_TYPE_UINT64, s.requests, "engine-failures", G_TYPE_UINT64,
      s.failures, "engine-batches", G_TYPE_UINT64, s.batches, "engine-mean-batch", G_TYPE_DOUBLE,
      s.batches ? (double)s.requests / (double)s.batches : 0.0, "engine-max-in-flight", G_TYPE_UINT,
      s.max_in_flight, "engine-run-time", G_TYPE_INT64, s.mean_run_us * 1000, NULL);
}

static void
engine_scorer_free(GstHysacScorer *scorer)
{
  EngineScorer *self = (EngineScorer *)scorer;
  hysac_engine_unref(self->engine);
  g_free(self->head.device);
  g_free(self->head.precision);
  g_free(self);
}

static const GstHysacScorerClass engine_scorer_class = {submit, fill_stats, engine_scorer_free};

/* The time of one request, measured on a grey picture of the encoder's size. Other users of the
 * engine, batching and larger pictures come on top: four times that, and never less than 40 ms. */
static gboolean
measure_budget(HysacEngine *engine, guint size, GstClockTime *budget, GError **error)
{
  const gsize bytes = (gsize)size * size * 3;
  g_autofree guint8 *pixels = g_try_malloc(bytes);
  if (!pixels) {
    g_set_error_literal(error, HYSAC_ERROR, HYSAC_ERROR_OUT_OF_MEMORY,
                        "no memory for a test picture");
    return FALSE;
  }
  memset(pixels, 128, bytes);
  const HysacFrame frame = {.format = HYSAC_FORMAT_RGB,
                            .width = size,
                            .height = size,
                            .planes = {pixels},
                            .strides = {(gsize)size * 3},
                            .sizes = {bytes}};
  gint64 best = G_MAXINT64;
  for (guint i = 0; i < 2; i++) {
    const gint64 start = g_get_monotonic_time();
    if (!hysac_engine_embed(engine, &frame, NULL, NULL, NULL, error))
      return FALSE;
    best = MIN(best, g_get_monotonic_time() - start);
  }
  const GstClockTime wanted = (GstClockTime)best * 1000 * 4;
  *budget = CLAMP((wanted / (10 * GST_MSECOND) + 1) * 10 * GST_MSECOND, 40 * GST_MSECOND,
                  20 * GST_SECOND);
  return TRUE;
}

GstHysacScorer *
gst_hysac_engine_scorer_new(const char *name, const char *device, HysacPrecision precision,
                            HysacProgressFunc progress, gpointer progress_data, gpointer user_data,
                            GError **error)
{
  g_autofree char *path = hysac_model_resolve(name, error);
  if (!path)
    return NULL;
  g_autoptr(HysacModel) model = hysac_model_load(path, error);
  if (!model)
    return NULL;
  const HysacRegion *region = hysac_model_get_region(model);
  if (!region) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_MODEL,
                "%s has no unsafe region (no hysac.json): it can embed, but not moderate", path);
    return NULL;
  }
  g_autoptr(HysacEngine) engine =
      hysac_engine_get(model, device, precision, progress, progress_data, error);
  if (!engine)
    return NULL;

  GstClockTime budget;
  if (!measure_budget(engine, hysac_model_get_vision_config(model)->image_size, &budget, error))
    return NULL;
  EngineScorer *self = g_new0(EngineScorer, 1);
  self->head.klass = &engine_scorer_class;
  self->head.region = *region;
  self->head.budget = budget;
  self->head.device = g_strdup(hysac_device_get_info(hysac_engine_get_device(engine))->name);
  self->head.precision = g_strdup(hysac_precision_to_string(hysac_engine_get_precision(engine)));
  self->engine = g_steal_pointer(&engine);
  return &self->head;
}
