/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst/textscorer.h"

#include "gst/scorer.h"

#include <math.h>

GST_DEBUG_CATEGORY_EXTERN(gst_hysac_debug);
#define GST_CAT_DEFAULT gst_hysac_debug

#define FIRST_DELAY (100 * G_TIME_SPAN_MILLISECOND)
#define LAST_DELAY (30 * G_TIME_SPAN_SECOND)
#define CLOSE_PATIENCE (5 * G_TIME_SPAN_SECOND)
/* So many times what a text took at the start, and at least so much: other work shares the device. */
#define BUDGET_FACTOR 4
#define BUDGET_FLOOR (40 * GST_MSECOND)

struct _GstHysacTextRequest {
  gatomicrefcount refs;
  GPtrArray *texts;
  double *distances; /* the worker's, until finished */
  HysacRating *ratings; /* the same */
  gint64 submitted;  /* monotonic us */
  /* Lock: */
  gboolean finished, abandoned, cancelled;
  GError *error;
};

struct _GstHysacTextScorer {
  gint refs; /* atomic: the owner's and the worker's */
  GstHysacTextBackend *backend; /* set before it is ready, then the worker's but for its constant head */
  HysacRater *rater; /* the same; NULL: there is nothing to rate by */
  GstHysacTextScorerConfig config; /* its strings are owned; its rules are these: */
  HysacPolicyRules rules;
  GstClockTime budget;

  GMutex lock; /* guards what follows */
  GCond cond;  /* any change */
  GQueue pending;    /* of GstHysacTextRequest, a reference to each */
  gint64 run_start;  /* monotonic us; 0: nothing runs */
  GError *failure;   /* why nothing can be scored now */
  gboolean ready, closed, ended;
  gint64 lost_at, delay;
  guint attempts;
  guint progress, done, total;
  char *what;
};

GstHysacTextRequest *
gst_hysac_text_request_ref(GstHysacTextRequest *request)
{
  g_atomic_ref_count_inc(&request->refs);
  return request;
}

void
gst_hysac_text_request_unref(GstHysacTextRequest *request)
{
  if (!g_atomic_ref_count_dec(&request->refs))
    return;
  g_ptr_array_unref(request->texts);
  g_free(request->distances);
  g_free(request->ratings);
  g_clear_error(&request->error);
  g_free(request);
}

static void
unref(GstHysacTextScorer *self)
{
  if (!g_atomic_int_dec_and_test(&self->refs))
    return;
  g_queue_clear_full(&self->pending, (GDestroyNotify)gst_hysac_text_request_unref);
  g_clear_error(&self->failure);
  g_free((char *)self->config.model);
  g_free((char *)self->config.device);
  hysac_rater_unref(self->rater);
  hysac_policy_rules_clear(&self->rules);
  g_free(self->what);
  g_mutex_clear(&self->lock);
  g_cond_clear(&self->cond);
  g_free(self);
}

/* ---- the worker ---- */

static void
note_progress(guint done, guint total, const char *what, gpointer user_data)
{
  GstHysacTextScorer *self = user_data;
  g_mutex_lock(&self->lock);
  self->progress++;
  self->done = done;
  self->total = total;
  g_free(self->what);
  self->what = g_strdup(what);
  g_cond_broadcast(&self->cond);
  g_mutex_unlock(&self->lock);
}

/* What is rated while a request is encoded. */
typedef struct {
  HysacRater *rater;
  HysacRating *ratings;
  guint n;
  gboolean *told; /* of each text: one window at least */
} Rated;

static void
rate_window(guint text, const GstHysacScore *score, gpointer user_data)
{
  const Rated *rated = user_data;
  HysacRating rating = {0};
  if (text >= rated->n)
    return;
  hysac_rater_rate(rated->rater, score->feature, score->point, &rating);
  hysac_rating_worsen(&rated->ratings[text], &rating);
  rated->told[text] = TRUE;
}

/* A text of which no window was told is none that rules have found safe. */
static gboolean
embed(GstHysacTextScorer *self, GstHysacTextBackend *backend, const char *const *texts, guint n, double *distances,
      HysacRating *ratings, GError **error)
{
  static const GstHysacScore unknown = {0};
  if (!self->rater)
    return backend->klass->embed(backend, texts, n, distances, NULL, NULL, error);
  g_autofree gboolean *told = g_new0(gboolean, n);
  Rated rated = {self->rater, ratings, n, told};
  if (!backend->klass->embed(backend, texts, n, distances, rate_window, &rated, error))
    return FALSE;
  for (guint i = 0; i < n; i++)
    if (!told[i])
      rate_window(i, &unknown, &rated);
  return TRUE;
}

/* The second run is the measure: in the first a driver may still compile. */
static gboolean
measure(GstHysacTextScorer *self, GstHysacTextBackend *backend, GError **error)
{
  static const char *const texts[] = {
      "a line of a subtitle as long as most of them are",
      "a second reading of it, which is some words longer than the line itself",
      "the line and the one that came before it, joined, so that it is twice as long as a line mostly is",
      "the same of the two lines before it, which is as long as a line of subtitles that are joined may get, more or less",
  };
  double distances[G_N_ELEMENTS(texts)];
  HysacRating ratings[G_N_ELEMENTS(texts)] = {0};
  gint64 took = 0;
  for (guint i = 0; i < 2; i++) {
    const gint64 start = g_get_monotonic_time();
    if (!embed(self, backend, texts, G_N_ELEMENTS(texts), distances, ratings, error))
      return FALSE;
    took = g_get_monotonic_time() - start;
  }
  self->budget = MAX(BUDGET_FLOOR, (GstClockTime)took * 1000 * BUDGET_FACTOR);
  return TRUE;
}

static GstHysacTextBackend *
make(GstHysacTextScorer *self, GError **error)
{
  const GstHysacTextScorerConfig *c = &self->config;
  GstHysacTextBackend *backend = c->factory(c->model, c->device, c->precision, note_progress, self,
                                            c->factory_data ? c->factory_data : &self->config.bound,
                                            error);
  if (backend) /* concepts without points are encoded now */
    note_progress(self->done, self->total, "what is rated beside the bound", self);
  if (!backend || (gst_hysac_rater_new(&backend->beside, &self->rules, &self->rater, error) &&
                   measure(self, backend, error)))
    return backend;
  backend->klass->free(backend);
  return NULL;
}

/* Lock held, dropped meanwhile. */
static void
tell(GstHysacTextScorer *self, GstHysacScorerEvent event)
{
  g_autoptr(GstElement) owner =
      self->closed || !self->config.on_event ? NULL : gst_object_ref(self->config.owner);
  g_autoptr(GError) error = event.error ? g_error_copy(event.error) : NULL;
  event.error = error;
  g_mutex_unlock(&self->lock);
  if (owner)
    self->config.on_event(owner, &event);
  g_mutex_lock(&self->lock);
}

/* Lock held. */
static void
finish(GstHysacTextScorer *self, GstHysacTextRequest *request, GError *error)
{
  request->error = error;
  request->finished = TRUE;
  g_cond_broadcast(&self->cond);
}

/* Lock held. */
static void
fail_pending(GstHysacTextScorer *self)
{
  GstHysacTextRequest *request;
  while ((request = g_queue_pop_head(&self->pending))) {
    finish(self, request, g_error_copy(self->failure));
    gst_hysac_text_request_unref(request);
  }
}

/* Lock held, dropped meanwhile. @error: (nullable). */
static void
lose(GstHysacTextScorer *self, const GError *error)
{
  self->failure = error ? g_error_copy(error)
                        : g_error_new_literal(HYSAC_ERROR, HYSAC_ERROR_DEVICE_LOST,
                                              "the text encoder accepts nothing any more");
  self->lost_at = g_get_monotonic_time();
  self->attempts = 0;
  fail_pending(self);
  tell(self, (GstHysacScorerEvent){.lost = TRUE, .error = self->failure, .device = self->backend->device});
}

/* Lock held, dropped meanwhile. */
static void
run(GstHysacTextScorer *self, GstHysacTextRequest *request)
{
  GstHysacTextBackend *backend = self->backend;
  GError *error = NULL;
  self->run_start = g_get_monotonic_time();
  g_mutex_unlock(&self->lock);
  gboolean ok = embed(self, backend, (const char *const *)request->texts->pdata, request->texts->len,
                      request->distances, request->ratings, &error);
  for (guint i = 0; ok && i < request->texts->len; i++)
    ok = isfinite(request->distances[i]) && request->distances[i] >= 0.0;
  if (!ok && !error)
    error = g_error_new_literal(HYSAC_ERROR, HYSAC_ERROR_NUMERIC, "a distance is no number");
  const gboolean lost = backend->klass->has_failed(backend);
  g_mutex_lock(&self->lock);
  self->run_start = 0;
  g_autoptr(GError) why = error ? g_error_copy(error) : NULL;
  finish(self, request, error);
  if (lost)
    lose(self, why);
  else if (ok)
    self->delay = FIRST_DELAY;
}

/* Lock held, dropped meanwhile. */
static void
try_again(GstHysacTextScorer *self)
{
  GError *error = NULL;
  const gint64 until = g_get_monotonic_time() + self->delay;
  while (!self->closed && g_cond_wait_until(&self->cond, &self->lock, until))
    ;
  if (self->closed)
    return;
  self->delay = MIN(2 * self->delay, LAST_DELAY);
  self->attempts++;
  g_mutex_unlock(&self->lock);
  const gboolean ok = self->backend->klass->reopen(self->backend, &error);
  g_mutex_lock(&self->lock);
  g_clear_error(&self->failure);
  if (!ok) {
    self->failure = error;
    return;
  }
  tell(self, (GstHysacScorerEvent){.device = self->backend->device,
                                   .downtime = (g_get_monotonic_time() - self->lost_at) * 1000,
                                   .attempts = self->attempts});
}

static gpointer
text_worker(gpointer user_data)
{
  GstHysacTextScorer *self = user_data;
  GError *error = NULL;
  GstHysacTextBackend *backend = make(self, &error);
  g_mutex_lock(&self->lock);
  self->backend = backend;
  self->failure = error;
  self->ready = TRUE;
  g_cond_broadcast(&self->cond);
  while (backend && !self->closed) {
    GstHysacTextRequest *request;
    if (self->failure) {
      try_again(self);
    } else if ((request = g_queue_pop_head(&self->pending))) {
      if (!request->abandoned)
        run(self, request);
      gst_hysac_text_request_unref(request);
    } else {
      g_cond_wait(&self->cond, &self->lock);
    }
  }
  g_mutex_unlock(&self->lock);
  if (backend)
    backend->klass->free(backend);
  g_mutex_lock(&self->lock);
  self->ended = TRUE;
  g_cond_broadcast(&self->cond);
  g_mutex_unlock(&self->lock);
  unref(self);
  return NULL;
}

/* ---- the owner ---- */

/* Lock held, dropped meanwhile. As long as there is progress. */
static gboolean
await(GstHysacTextScorer *self, GError **error)
{
  const gint64 patience = self->config.patience ? self->config.patience : GST_HYSAC_START_PATIENCE;
  gint64 end = g_get_monotonic_time() + patience;
  guint seen = self->progress;
  while (!self->ready) {
    if (seen != self->progress) {
      seen = self->progress;
      const guint done = self->done, total = self->total;
      g_autofree char *what = g_strdup(self->what);
      g_mutex_unlock(&self->lock);
      if (self->config.progress)
        self->config.progress(done, total, what, self->config.progress_data);
      g_mutex_lock(&self->lock);
      end = g_get_monotonic_time() + patience;
    } else if (!g_cond_wait_until(&self->cond, &self->lock, end) && seen == self->progress && !self->ready) {
      gst_hysac_set_start_timeout(error, patience, self->done, self->total, self->what);
      return FALSE;
    }
  }
  if (self->failure)
    g_propagate_error(error, g_error_copy(self->failure));
  return self->failure == NULL;
}

GstHysacTextScorer *
gst_hysac_text_scorer_new(const GstHysacTextScorerConfig *config, GError **error)
{
  GstHysacTextScorer *self = g_new0(GstHysacTextScorer, 1);
  g_autoptr(GError) local = NULL;
  g_mutex_init(&self->lock);
  g_cond_init(&self->cond);
  g_queue_init(&self->pending);
  self->config = *config;
  self->config.model = g_strdup(config->model);
  self->config.device = g_strdup(config->device);
  self->config.rules = &self->rules;
  if (config->rules)
    hysac_policy_rules_copy(&self->rules, config->rules);
  self->delay = FIRST_DELAY;
  self->refs = 2;
  g_autoptr(GThread) thread = g_thread_try_new("hysac-texts", text_worker, self, &local);
  if (!thread) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_OUT_OF_MEMORY, "a thread: %s", local->message);
    unref(self);
    unref(self);
    return NULL;
  }
  g_mutex_lock(&self->lock);
  const gboolean ok = await(self, error);
  g_mutex_unlock(&self->lock);
  if (ok)
    return self;
  gst_hysac_text_scorer_close(self);
  return NULL;
}

void
gst_hysac_text_scorer_close(GstHysacTextScorer *self)
{
  if (!self)
    return;
  const gint64 until = g_get_monotonic_time() + CLOSE_PATIENCE;
  g_mutex_lock(&self->lock);
  self->closed = TRUE;
  g_cond_broadcast(&self->cond);
  /* What is still being made hangs in all likelihood: that is why it is given up. */
  while (self->ready && !self->ended && g_cond_wait_until(&self->cond, &self->lock, until))
    ;
  g_mutex_unlock(&self->lock);
  unref(self);
}

const HysacRegion *
gst_hysac_text_scorer_get_region(GstHysacTextScorer *self)
{
  return &self->backend->region;
}

const char *
gst_hysac_text_scorer_get_device(GstHysacTextScorer *self)
{
  return self->backend->device;
}

const char *
gst_hysac_text_scorer_get_precision(GstHysacTextScorer *self)
{
  return self->backend->precision;
}

const char *
gst_hysac_text_scorer_get_weights_sha256(GstHysacTextScorer *self)
{
  return self->backend->beside.weights_sha256;
}

GstClockTime
gst_hysac_text_scorer_get_budget(GstHysacTextScorer *self)
{
  return self->budget;
}

GstHysacTextRequest *
gst_hysac_text_scorer_submit(GstHysacTextScorer *self, GPtrArray *texts)
{
  GstHysacTextRequest *request = g_new0(GstHysacTextRequest, 1);
  g_atomic_ref_count_init(&request->refs);
  request->texts = texts;
  request->distances = g_new0(double, texts->len);
  request->ratings = g_new0(HysacRating, texts->len);
  request->submitted = g_get_monotonic_time();
  g_mutex_lock(&self->lock);
  const gboolean stuck = self->run_start != 0 && request->submitted - self->run_start > self->config.timeout;
  if (self->failure) {
    finish(self, request, g_error_copy(self->failure));
  } else if (stuck) {
    finish(self, request,
           g_error_new_literal(HYSAC_ERROR, HYSAC_ERROR_TIMEOUT, "an earlier text has had no answer yet"));
  } else {
    g_queue_push_tail(&self->pending, gst_hysac_text_request_ref(request));
    g_cond_broadcast(&self->cond);
  }
  g_mutex_unlock(&self->lock);
  return request;
}

GstHysacTextAnswer
gst_hysac_text_scorer_wait(GstHysacTextScorer *self, GstHysacTextRequest *request, gint64 until,
                           double *distances, HysacRating *ratings, GError **error)
{
  const gint64 watchdog = request->submitted + self->config.timeout;
  const gint64 end = until > 0 ? MIN(until, watchdog) : watchdog;
  GstHysacTextAnswer answer;
  g_mutex_lock(&self->lock);
  while (!request->finished && !request->cancelled && g_cond_wait_until(&self->cond, &self->lock, end))
    ;
  if (request->cancelled) {
    answer = GST_HYSAC_TEXT_CANCELLED;
  } else if (!request->finished && end < watchdog) {
    answer = GST_HYSAC_TEXT_LATE;
  } else if (!request->finished) {
    answer = GST_HYSAC_TEXT_FAILED;
    g_set_error_literal(error, HYSAC_ERROR, HYSAC_ERROR_TIMEOUT, "the text had no answer in time");
  } else if (request->error) {
    answer = GST_HYSAC_TEXT_FAILED;
    g_propagate_error(error, g_error_copy(request->error));
  } else {
    answer = GST_HYSAC_TEXT_SCORED;
    for (guint i = 0; i < request->texts->len; i++) {
      distances[i] = request->distances[i];
      ratings[i] = request->ratings[i];
    }
  }
  request->abandoned = TRUE;
  g_mutex_unlock(&self->lock);
  return answer;
}

void
gst_hysac_text_scorer_cancel(GstHysacTextScorer *self, GstHysacTextRequest *request)
{
  g_mutex_lock(&self->lock);
  request->cancelled = TRUE;
  g_cond_broadcast(&self->cond);
  g_mutex_unlock(&self->lock);
}
