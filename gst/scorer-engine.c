/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The scorer that the element uses: the shared OpenCL engine, and another one where that is lost.
 *
 * An engine is made on a thread of its own, since a driver may never return: at the start somebody
 * waits for it, but only so long as there is progress; after a loss nobody does, requests fail with
 * the reason meanwhile, and it is tried again and again, more and more rarely. That thread, and each
 * request, holds the scorer; free() only closes it.
 */
#include <string.h>

#include "core/resolve.h"
#include "opencl/conceptpoints.h"
#include "opencl/shown.h"
#include "gst/scorer.h"

GST_DEBUG_CATEGORY_EXTERN(gst_hysac_debug);
#define GST_CAT_DEFAULT gst_hysac_debug

/* Between attempts to make a new engine: twice as long each time, while none has scored anything. */
#define FIRST_DELAY (100 * G_TIME_SPAN_MILLISECOND)
#define LAST_DELAY (30 * G_TIME_SPAN_SECOND)

typedef struct {
  GstHysacScorer head;
  HysacModel *model;
  char *choice; /* of the device */
  HysacPrecision precision;

  GMutex lock; /* guards what follows; never held over a call into the engine but for its stats */
  GCond wake;
  HysacEngine *engine; /* NULL while it is made, or lost */
  GstClockTime budget;
  GError *failure;    /* why there is none: what the last attempt said */
  gboolean building;  /* the thread that makes one is there */
  gboolean started;   /* there has been one */
  gboolean closed;    /* the owner is gone */
  gint64 lost_at;     /* monotonic, us */
  gint64 delay;       /* before the next attempt, us */
  guint attempts;     /* since it was lost */
  guint n_lost, n_rebuilt;
  /* What the thread that makes an engine is at. */
  guint progress, done, total;
  char *what;
} EngineScorer;

typedef struct {
  EngineScorer *scorer; /* referenced */
  HysacEngine *engine;  /* only compared */
  GDestroyNotify release;
  GstHysacScoreFunc done;
  gpointer user_data;
} Call;

static void
clear(gpointer data)
{
  EngineScorer *self = data;
  hysac_head_unref(self->head.beside.head);
  hysac_model_unref(self->model);
  g_clear_error(&self->failure);
  g_mutex_clear(&self->lock);
  g_cond_clear(&self->wake);
  g_free(self->choice);
  g_free(self->what);
  g_free(self->head.device);
  g_free(self->head.precision);
}

static void
unref(EngineScorer *self)
{
  g_atomic_rc_box_release_full(self, clear);
}

static void
tell(EngineScorer *self, const GstHysacScorerEvent *event)
{
  g_mutex_lock(&self->lock);
  g_autoptr(GstElement) owner =
      !self->closed && self->head.owner ? gst_object_ref(self->head.owner) : NULL;
  const GstHysacScorerEventFunc func = self->head.on_event;
  g_mutex_unlock(&self->lock);
  if (owner && func)
    func(owner, event);
}

/* ------------------------------------------------------------ making an engine */

/* The time of one request, measured on a grey picture of the encoder's size; that it is answered
 * shows that the engine works. Other users of the engine, batching and larger pictures come on top:
 * four times that, and never less than 40 ms. */
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

static void
on_progress(guint done, guint total, const char *what, gpointer user_data)
{
  EngineScorer *self = user_data;
  g_mutex_lock(&self->lock);
  self->progress++;
  self->done = done;
  self->total = total;
  g_free(self->what);
  self->what = g_strdup(what);
  g_cond_broadcast(&self->wake);
  g_mutex_unlock(&self->lock);
}

static HysacEngine *
make_engine(EngineScorer *self, GstClockTime *budget, GError **error)
{
  g_autoptr(HysacEngine) engine =
      hysac_engine_get(self->model, self->choice, self->precision, on_progress, self, error);
  if (!engine || !measure_budget(engine, hysac_model_get_vision_config(self->model)->image_size,
                                 budget, error))
    return NULL;
  return g_steal_pointer(&engine);
}

/* Lock held. FALSE: closed. */
static gboolean
pause_before_attempt(EngineScorer *self)
{
  const gint64 end = g_get_monotonic_time() + self->delay;
  self->delay = MIN(self->delay * 2, LAST_DELAY);
  while (!self->closed && g_cond_wait_until(&self->wake, &self->lock, end))
    ;
  return !self->closed;
}

/* Lock held; takes @engine, and @error where there is none. Returns whether to try again. */
static gboolean
take_over(EngineScorer *self, HysacEngine *engine, GstClockTime budget, GError *error)
{
  g_clear_error(&self->failure);
  if (engine) {
    self->engine = engine;
    self->budget = budget;
    self->precision = hysac_engine_get_precision(engine); /* what the bound is for */
    g_atomic_int_inc(&self->head.epoch);
    return FALSE;
  }
  self->failure = error;
  return self->started;
}

static gpointer
build(gpointer user_data)
{
  EngineScorer *self = user_data;
  gboolean again = TRUE;
  g_mutex_lock(&self->lock);
  while (again && (!self->started || pause_before_attempt(self))) {
    const gboolean first = !self->started;
    GstClockTime budget = 0;
    GError *error = NULL;
    self->attempts++;
    g_mutex_unlock(&self->lock);
    HysacEngine *engine = make_engine(self, &budget, &error);
    g_mutex_lock(&self->lock);
    if (self->closed) {
      g_mutex_unlock(&self->lock);
      g_clear_error(&error);
      hysac_engine_unref(engine);
      g_mutex_lock(&self->lock);
      break;
    }
    again = take_over(self, engine, budget, error);
    if (again)
      GST_INFO("attempt %u to get the device back: %s", self->attempts, error->message);
    if (first || again)
      continue;
    g_autofree char *device =
        g_strdup(hysac_device_get_info(hysac_engine_get_device(engine))->name);
    const GstHysacScorerEvent event = {.device = device,
                                       .downtime = (g_get_monotonic_time() - self->lost_at) * 1000,
                                       .attempts = self->attempts};
    self->n_rebuilt++;
    self->building = FALSE; /* it may be lost again at once */
    g_mutex_unlock(&self->lock);
    tell(self, &event);
    unref(self);
    return NULL;
  }
  self->building = FALSE;
  g_cond_broadcast(&self->wake);
  g_mutex_unlock(&self->lock);
  unref(self);
  return NULL;
}

/* Lock held. */
static gboolean
start_building(EngineScorer *self, GError **error)
{
  g_autoptr(GError) local = NULL;
  g_autoptr(GThread) thread = NULL;
  if (self->building || self->closed)
    return TRUE;
  self->building = TRUE;
  thread = g_thread_try_new("hysac-build", build, g_atomic_rc_box_acquire(self), &local);
  if (thread)
    return TRUE;
  self->building = FALSE;
  unref(self); /* not the last: the caller has one */
  g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_OUT_OF_MEMORY, "a thread to make the engine: %s",
              local->message);
  return FALSE;
}

/* ------------------------------------------------------------ losing it */

/* @engine has failed for good. Whoever notices first says so. */
static void
lose(EngineScorer *self, HysacEngine *engine, const GError *error)
{
  g_mutex_lock(&self->lock);
  const gboolean ours = self->engine == engine && !self->closed;
  g_autofree char *device = NULL;
  if (ours) {
    device = g_strdup(hysac_device_get_info(hysac_engine_get_device(engine))->name);
    self->engine = NULL;
    g_clear_error(&self->failure);
    self->failure = g_error_copy(error);
    self->lost_at = g_get_monotonic_time();
    self->attempts = 0;
    self->n_lost++;
    g_atomic_int_inc(&self->head.epoch);
    start_building(self, NULL); /* or with the next request */
  }
  g_mutex_unlock(&self->lock);
  if (!ours)
    return;
  hysac_engine_unref(engine);
  tell(self, &(GstHysacScorerEvent){.lost = TRUE, .error = error, .device = device});
}

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
  EngineScorer *self = call->scorer;
  if (error && hysac_engine_has_failed(call->engine)) {
    lose(self, call->engine, error);
  } else if (!error) {
    g_mutex_lock(&self->lock);
    self->delay = FIRST_DELAY;
    g_mutex_unlock(&self->lock);
  }
  if (embedding) {
    const GstHysacScore score = {embedding->distance, embedding->reused, embedding->feature, embedding->point};
    call->done(&score, NULL, call->user_data);
  } else {
    call->done(NULL, error, call->user_data);
  }
  unref(self);
}

/* (transfer full), or NULL and why. */
static HysacEngine *
get_engine(EngineScorer *self, GError **error)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);
  if (self->engine)
    return hysac_engine_ref(self->engine);
  start_building(self, NULL);
  if (self->failure)
    g_propagate_error(error, g_error_copy(self->failure));
  else
    g_set_error_literal(error, HYSAC_ERROR, HYSAC_ERROR_DEVICE_LOST, "there is no engine");
  return NULL;
}

static gboolean
submit(GstHysacScorer *scorer, const HysacFrame *frame, HysacReference *reference,
       const HysacReuse *reuse, GDestroyNotify release, GstHysacScoreFunc done, gpointer user_data,
       GError **error)
{
  EngineScorer *self = (EngineScorer *)scorer;
  g_autoptr(GError) local = NULL;
  g_autoptr(HysacEngine) engine = get_engine(self, error);
  if (!engine)
    return FALSE;
  Call *call = g_new(Call, 1);
  *call = (Call){g_atomic_rc_box_acquire(self), engine, release, done, user_data};
  if (hysac_engine_submit_shown(engine, frame, reference, reuse, call_release, call_done, call, &local))
    return TRUE;
  if (hysac_engine_has_failed(engine))
    lose(self, engine, local);
  g_propagate_error(error, g_steal_pointer(&local));
  unref(self);
  g_free(call);
  return FALSE;
}

static void
timed_out(GstHysacScorer *scorer)
{
  EngineScorer *self = (EngineScorer *)scorer;
  g_autoptr(HysacEngine) engine = get_engine(self, NULL);
  if (!engine || !hysac_engine_give_up(engine))
    return;
  g_autoptr(GError) error = g_error_new(HYSAC_ERROR, HYSAC_ERROR_TIMEOUT, "%s does not answer",
                                        hysac_device_get_info(hysac_engine_get_device(engine))->name);
  lose(self, engine, error);
}

static void
fill_stats(GstHysacScorer *scorer, GstStructure *stats)
{
  EngineScorer *self = (EngineScorer *)scorer;
  HysacEngineStats s = {0};
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);
  gst_structure_set(stats, "engine-lost", G_TYPE_BOOLEAN, self->engine == NULL, "engine-losses",
                    G_TYPE_UINT, self->n_lost, "engine-rebuilds", G_TYPE_UINT, self->n_rebuilt,
                    NULL);
  if (self->engine) {
    hysac_engine_get_stats(self->engine, &s);
    gst_structure_set(stats, "device", G_TYPE_STRING,
                      hysac_device_get_info(hysac_engine_get_device(self->engine))->name, NULL);
  }
  gst_structure_set(
      stats, "engine-requests", G_TYPE_UINT64, s.requests, "engine-failures", G_TYPE_UINT64,
      s.failures, "engine-batches", G_TYPE_UINT64, s.batches, "engine-mean-batch", G_TYPE_DOUBLE,
      s.batches ? (double)(s.requests - s.reused) / (double)s.batches : 0.0, "engine-reused",
      G_TYPE_UINT64, s.reused, "engine-max-in-flight", G_TYPE_UINT,
      s.max_in_flight, "engine-run-time", G_TYPE_INT64, s.mean_run_us * 1000, NULL);
}

static HysacConcepts *
encode_concepts(gpointer encoder_of, HysacConcepts *concepts, GError **error)
{
  EngineScorer *self = encoder_of;
  g_autoptr(HysacTextEncoder) encoder =
      hysac_text_encoder_get(self->model, self->choice, HYSAC_PRECISION_FP32, NULL, NULL, error);
  return encoder ? hysac_concepts_encode(concepts, encoder, error) : NULL;
}

static void
engine_scorer_close(GstHysacScorer *scorer)
{
  EngineScorer *self = (EngineScorer *)scorer;
  g_mutex_lock(&self->lock);
  self->closed = TRUE;
  HysacEngine *engine = g_steal_pointer(&self->engine);
  g_cond_broadcast(&self->wake);
  g_mutex_unlock(&self->lock);
  hysac_engine_unref(engine); /* the last one waits for answers, but not for ever */
  unref(self);
}

static const GstHysacScorerClass engine_scorer_class = {
    .submit = submit,
    .fill_stats = fill_stats,
    .timed_out = timed_out,
    .free = engine_scorer_close,
};

/* ------------------------------------------------------------ the start */

void
gst_hysac_set_start_timeout(GError **error, gint64 patience, guint done, guint total, const char *what)
{
  g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_TIMEOUT,
              "the OpenCL driver has not answered for %.0f s, at step %u of %u: %s (compiling "
              "the kernels takes long where much else runs: what is done is kept for the next start)",
              (double)patience / 1e6, done, total, what ? what : "opening");
}

/* Waits for the first engine and passes progress on, here: the owner does not outlive us. */
static gboolean
await_engine(EngineScorer *self, gint64 patience, HysacProgressFunc progress,
             gpointer progress_data, GError **error)
{
  guint seen = 0;
  gint64 end = g_get_monotonic_time() + patience;
  g_mutex_lock(&self->lock);
  while (self->building) {
    if (self->progress != seen) {
      seen = self->progress;
      const guint done = self->done, total = self->total;
      g_autofree char *what = g_strdup(self->what);
      g_mutex_unlock(&self->lock);
      if (progress)
        progress(done, total, what, progress_data);
      end = g_get_monotonic_time() + patience;
      g_mutex_lock(&self->lock);
    } else if (!g_cond_wait_until(&self->wake, &self->lock, end) && self->progress == seen) {
      break;
    }
  }
  const gboolean ok = self->engine != NULL;
  if (!ok && self->building)
    gst_hysac_set_start_timeout(error, patience, self->done, self->total, self->what);
  else if (!ok)
    g_propagate_error(error, g_steal_pointer(&self->failure));
  self->started = ok;
  g_mutex_unlock(&self->lock);
  return ok;
}

/* To the safe side, where the engine runs in another precision than the bound was fitted in. An engine that is
 * made after a loss has the same precision, and so the same bound. */
static void
move_bound(EngineScorer *self)
{
  HysacAccuracy accuracy;
  hysac_engine_get_accuracy(self->engine, &accuracy);
  const HysacRegion fitted = self->head.region;
  self->head.region = hysac_region_in(&fitted, self->precision, accuracy.distance);
  if (self->head.region.moved == 0.0)
    return;
  GST_WARNING("%s: the bound %.6g was fitted in %s (distances off by up to %.2g), %s runs (up to %.2g): it moves "
              "to the safe side, to %.6g", hysac_model_get_path(self->model), fitted.bound,
              hysac_precision_to_string(fitted.precision), fitted.error,
              hysac_precision_to_string(self->precision), accuracy.distance, self->head.region.bound);
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

  g_autoptr(HysacHead) head = NULL;
  if (!hysac_head_load_beside(model, &head, error))
    return NULL;

  EngineScorer *self = g_atomic_rc_box_new0(EngineScorer);
  g_mutex_init(&self->lock);
  g_cond_init(&self->wake);
  self->head.klass = &engine_scorer_class;
  self->head.region = *region;
  self->head.beside = (GstHysacBeside){.weights_sha256 = hysac_model_get_weights_sha256(model),
                                       .concepts = hysac_model_get_concepts(model),
                                       .head = g_steal_pointer(&head),
                                       .no_head = "head.safetensors",
                                       .dimension = hysac_model_get_vision_config(model)->projection,
                                       .curvature = hysac_model_get_geometry(model)->curvature,
                                       .encode_concepts = encode_concepts,
                                       .encoder = self};
  self->model = g_steal_pointer(&model);
  self->choice = g_strdup(device);
  self->precision = precision;
  self->delay = FIRST_DELAY;
  const gint64 patience = user_data ? *(const gint64 *)user_data : GST_HYSAC_START_PATIENCE;

  g_mutex_lock(&self->lock);
  const gboolean ok = start_building(self, error);
  g_mutex_unlock(&self->lock);
  if (!ok || !await_engine(self, patience, progress, progress_data, error)) {
    engine_scorer_close(&self->head);
    return NULL;
  }
  move_bound(self);
  self->head.budget = self->budget;
  self->head.device = g_strdup(hysac_device_get_info(hysac_engine_get_device(self->engine))->name);
  self->head.precision = g_strdup(hysac_precision_to_string(self->precision));
  return &self->head;
}
