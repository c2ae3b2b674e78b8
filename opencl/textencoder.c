/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The text encoder's worker, and those who wait for it. A text becomes windows of token ids; the worker takes
 * windows of all texts that wait, one of each in turn, as many as the tower takes at once: so a long text does
 * not keep a short one waiting for more than a run. Only the worker calls the driver: where that does not return,
 * those who wait give up and the worker is left to it.
 */

#include "opencl/textencoder_private.h"

#include "core/lorentz.h"
#include "opencl/textwindow.h"

#include <math.h>
#include <string.h>

#define MAX_REFUSED 8
#define HANG_RUNS 20

static void
job_unref(HysacTextJob *self)
{
  if (!g_atomic_ref_count_dec(&self->refs))
    return;
  g_free(self->ids);
  g_free(self->feature);
  g_clear_error(&self->error);
  g_free(self);
}

static HysacTextJob *
job_ref(HysacTextJob *self)
{
  g_atomic_ref_count_inc(&self->refs);
  return self;
}

/* ---- the worker ---- */

/* A window in a batch. */
typedef struct {
  HysacTextJob *job; /* a reference */
  gsize window;
} Part;

static gsize
window_tokens(HysacTextEncoder *self, const HysacTextJob *job)
{
  return job->windows == 1 ? job->n : self->config->context;
}

/* Start of text, the window's content, end of text. */
static void
write_window(HysacTextEncoder *self, const HysacTextJob *job, gsize window, guint32 *to)
{
  gsize first, n;
  if (job->windows == 1) {
    memcpy(to, job->ids, job->n * sizeof *to);
    return;
  }
  hysac_text_window(job->n - 2, self->config->context, window, &first, &n);
  to[0] = job->ids[0];
  memcpy(to + 1, job->ids + 1 + first, n * sizeof *to);
  to[n + 1] = job->ids[job->n - 1];
}

/* Under the lock: one window of each that waits, in turn, while there is room. */
static gsize
gather(HysacTextEncoder *self, GArray *parts)
{
  gsize rows = 0;
  HysacTextJob *job;
  while (parts->len < hysac_text_max_texts(self->text) && (job = g_queue_peek_head(&self->pending))) {
    if (job->abandoned || job->next == job->windows) {
      job_unref(g_queue_pop_head(&self->pending));
      continue;
    }
    if (rows + window_tokens(self, job) > hysac_text_max_rows(self->text))
      break;
    Part part = { job_ref(job), job->next++ };
    g_array_append_val(parts, part);
    rows += window_tokens(self, job);
    g_queue_push_tail(&self->pending, g_queue_pop_head(&self->pending));
  }
  return rows;
}

static gboolean
is_finite(const float *x, gsize n)
{
  for (gsize i = 0; i < n; i++) {
    if (!isfinite(x[i]))
      return FALSE;
  }
  return TRUE;
}

/* Whoever waits for the job hears of a window, unless it has given up. */
static void
tell_window(HysacTextEncoder *self, HysacTextJob *job, const float *feature)
{
  const HysacGeometry *geometry = hysac_model_get_geometry(self->model);
  const gsize dim = self->config->projection;
  g_autofree float *point = geometry != NULL ? g_new(float, dim) : NULL;
  if (geometry != NULL)
    hysac_lorentz_exp_map0(feature, dim, geometry->textual_alpha, geometry->curvature, point);
  g_mutex_lock(&self->lock);
  job->telling = !job->abandoned;
  const gboolean wanted = job->telling;
  g_mutex_unlock(&self->lock);
  if (!wanted)
    return;
  job->each(job->index, feature, point, job->user_data);
  g_mutex_lock(&self->lock);
  job->telling = FALSE;
  g_cond_broadcast(&self->news);
  g_mutex_unlock(&self->lock);
}

/* The root distance grows with the feature's length, whatever alpha and curvature are. */
static void
take(HysacTextEncoder *self, HysacTextJob *job, gsize window, const float *feature)
{
  const gsize dim = self->config->projection;
  double square = 0.0;
  if (!is_finite(feature, dim)) {
    if (job->error == NULL)
      g_set_error_literal(&job->error, HYSAC_ERROR, HYSAC_ERROR_NUMERIC,
                          "the text encoder's result is not finite");
    return;
  }
  if (job->each != NULL)
    tell_window(self, job, feature);
  for (gsize i = 0; i < dim; i++)
    square += (double) feature[i] * (double) feature[i];
  if (job->feature != NULL && sqrt(square) <= job->norm)
    return;
  job->norm = sqrt(square);
  job->worst = window;
  g_free(job->feature);
  job->feature = g_memdup2(feature, dim * sizeof *feature);
}

/* A run's results, or its error, to the jobs. */
static void
settle(HysacTextEncoder *self, GArray *parts, const float *features, const GError *error)
{
  for (guint i = 0; i < parts->len; i++) {
    Part *part = &g_array_index(parts, Part, i);
    HysacTextJob *job = part->job;
    if (error == NULL)
      take(self, job, part->window, features + (gsize) i * self->config->projection);
    else if (job->error == NULL)
      job->error = g_error_copy(error);
  }
  g_mutex_lock(&self->lock);
  for (guint i = 0; i < parts->len; i++) {
    HysacTextJob *job = g_array_index(parts, Part, i).job;
    job->done++;
    if (job->error != NULL)
      job->next = job->windows; /* the rest of it would tell nothing */
    if (job->done == job->windows || job->error != NULL)
      job->finished = TRUE;
  }
  g_cond_broadcast(&self->news);
  g_mutex_unlock(&self->lock);
  for (guint i = 0; i < parts->len; i++)
    job_unref(g_array_index(parts, Part, i).job);
  g_array_set_size(parts, 0);
}

/* What the driver says of a run. What it says of every run is the encoder's failure. */
static void
note_error(HysacTextEncoder *self, const GError *error)
{
  if (g_error_matches(error, HYSAC_ERROR, HYSAC_ERROR_DEVICE_LOST) ||
      g_error_matches(error, HYSAC_ERROR, HYSAC_ERROR_OUT_OF_MEMORY) || ++self->n_refused >= MAX_REFUSED)
    hysac_text_encoder_fail(self, error);
}

static void
run(HysacTextEncoder *self, GArray *parts, gsize rows)
{
  g_autoptr(GError) error = NULL;
  g_autofree guint32 *ids = g_new(guint32, rows);
  g_autofree HysacTextIds *texts = g_new(HysacTextIds, parts->len);
  g_autofree float *features = g_new(float, parts->len * (gsize) self->config->projection);
  guint32 *to = ids;
  for (guint i = 0; i < parts->len; i++) {
    const Part *part = &g_array_index(parts, Part, i);
    texts[i] = (HysacTextIds){ to, window_tokens(self, part->job) };
    write_window(self, part->job, part->window, to);
    to += texts[i].n;
  }
  const gint64 start = g_get_monotonic_time();
  const gboolean ok = hysac_text_run(self->text, texts, parts->len, features, &error);
  g_mutex_lock(&self->lock);
  self->run_start = 0;
  if (ok)
    self->us_per_row =
        fmax(self->us_per_row, (double) (g_get_monotonic_time() - start) / (double) rows);
  g_mutex_unlock(&self->lock);
  if (ok)
    self->n_refused = 0;
  else
    note_error(self, error);
  settle(self, parts, features, error);
}

/* The worker is done with the device. */
static void
end(HysacTextEncoder *self)
{
  HysacTextJob *job;
  g_mutex_lock(&self->lock);
  while ((job = g_queue_pop_head(&self->pending)) != NULL)
    job_unref(job);
  g_mutex_unlock(&self->lock);
  /* A failed encoder may be held for long: its successor needs the room. */
  g_clear_pointer(&self->text, hysac_text_free);
}

gpointer
hysac_text_encoder_work(gpointer data)
{
  HysacTextEncoder *self = data;
  g_autoptr(GArray) parts = g_array_new(FALSE, FALSE, sizeof(Part));
  g_mutex_lock(&self->lock);
  while (!self->stopping && self->failure == NULL) {
    const gsize rows = gather(self, parts);
    if (rows == 0) {
      g_cond_wait(&self->wake, &self->lock);
      continue;
    }
    self->run_start = g_get_monotonic_time();
    self->run_rows = rows;
    g_mutex_unlock(&self->lock);
    run(self, parts, rows);
    g_mutex_lock(&self->lock);
  }
  g_mutex_unlock(&self->lock);
  end(self);
  g_mutex_lock(&self->lock);
  while (!self->stopping)
    g_cond_wait(&self->wake, &self->lock);
  self->ended = TRUE;
  const gboolean orphan = self->orphan;
  g_cond_broadcast(&self->news);
  g_mutex_unlock(&self->lock);
  if (orphan) {
    g_thread_unref(self->worker);
    hysac_text_encoder_free(self);
  }
  return NULL;
}

/* ---- those who wait ---- */

/* The reference pools at the first of the largest id; what comes after it is seen by nothing before it. */
static gsize
pooled_at(const guint32 *ids, gsize n)
{
  gsize at = 0;
  for (gsize i = 1; i < n; i++) {
    if (ids[i] > ids[at])
      at = i;
  }
  return at;
}

static HysacTextJob *
job_new(HysacTextEncoder *self, const char *text, gssize size, HysacTextFlags flags, gsize *tokens,
        GError **error)
{
  const gboolean reference = (flags & HYSAC_TEXT_REFERENCE) != 0;
  HysacTokenizeFlags how = HYSAC_TOKENIZE_DEFAULT;
  gsize n;
  if (reference)
    how |= HYSAC_TOKENIZE_SPECIAL | HYSAC_TOKENIZE_TRUNCATE;
  if (flags & HYSAC_TEXT_NO_FIX)
    how |= HYSAC_TOKENIZE_NO_FIX;
  guint32 *ids = hysac_tokenizer_encode(self->tokenizer, text, size, how, self->config->context, &n, error);
  if (ids == NULL)
    return NULL;
  HysacTextJob *job = g_new0(HysacTextJob, 1);
  g_atomic_ref_count_init(&job->refs);
  job->ids = ids;
  *tokens = n;
  job->n = reference ? pooled_at(ids, n) + 1 : n;
  job->windows = reference ? 1 : hysac_text_windows(n - 2, self->config->context);
  return job;
}

static gboolean
submit(HysacTextEncoder *self, HysacTextJob *job, GError **error)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);
  if (self->failure != NULL) {
    g_propagate_error(error, g_error_copy(self->failure));
    g_prefix_error(error, "the text encoder has failed before: ");
    return FALSE;
  }
  g_queue_push_tail(&self->pending, job_ref(job));
  g_cond_signal(&self->wake);
  return TRUE;
}

/* Under the lock: the run takes far longer than such runs do. */
static gboolean
hangs(HysacTextEncoder *self)
{
  const double usual = HANG_RUNS * self->us_per_row * (double) self->run_rows;
  return self->run_start != 0 &&
         (double) (g_get_monotonic_time() - self->run_start) > fmax((double) self->hang_floor, usual);
}

static void
give_up(HysacTextEncoder *self)
{
  g_autoptr(GError) error =
      g_error_new(HYSAC_ERROR, HYSAC_ERROR_TIMEOUT, "%s does not finish the text encoder's run",
                  hysac_device_get_info(self->device)->name);
  hysac_text_encoder_fail(self, error);
}

/* Several that are waited for, and who is told of it. */
typedef struct {
  HysacTextJob **jobs; /* NULL among them: never on their way */
  guint n;
  HysacTextWatchFunc func; /* NULL: nobody */
  gpointer user_data;
  gboolean stopped;
} Watch;

/* Under the lock, which is left meanwhile. FALSE: no further. */
static gboolean
tell(HysacTextEncoder *self, Watch *watch)
{
  gsize done = 0, windows = 0;
  if (watch->func == NULL)
    return TRUE;
  for (guint i = 0; i < watch->n; i++) {
    done += watch->jobs[i] ? watch->jobs[i]->done : 0;
    windows += watch->jobs[i] ? watch->jobs[i]->windows : 0;
  }
  g_mutex_unlock(&self->lock);
  if (!watch->stopped)
    watch->stopped = !watch->func(done, windows, watch->user_data);
  g_mutex_lock(&self->lock);
  return !watch->stopped;
}

static gboolean
wait_for(HysacTextEncoder *self, HysacTextJob *job, Watch *watch, GError **error)
{
  g_mutex_lock(&self->lock);
  while (!job->finished && self->failure == NULL) {
    if (hangs(self)) {
      hysac_text_encoder_count_hung(self);
      g_mutex_unlock(&self->lock);
      give_up(self);
      g_mutex_lock(&self->lock);
      break;
    }
    if (!tell(self, watch))
      break;
    if (!job->finished && self->failure == NULL) /* which may have come while others were told */
      g_cond_wait_until(&self->news, &self->lock, g_get_monotonic_time() + G_TIME_SPAN_SECOND / 2);
  }
  const gboolean finished = job->finished;
  if (!finished) {
    job->abandoned = TRUE;
    while (job->telling)
      g_cond_wait(&self->news, &self->lock);
    if (self->failure != NULL)
      g_propagate_error(error, g_error_copy(self->failure));
    else
      g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_CANCELLED,
                  "stopped after %" G_GSIZE_FORMAT " of %" G_GSIZE_FORMAT " windows", job->done, job->windows);
  }
  g_mutex_unlock(&self->lock);
  if (finished && job->error != NULL)
    g_propagate_error(error, g_error_copy(job->error));
  return finished && job->error == NULL;
}

static gboolean
fill(HysacTextEncoder *self, HysacTextJob *job, HysacTextEmbedding *out, GError **error)
{
  const HysacGeometry *geometry = hysac_model_get_geometry(self->model);
  out->dim = self->config->projection;
  out->feature = g_steal_pointer(&job->feature);
  out->windows = job->windows;
  out->worst = job->worst;
  out->distance = (double) NAN;
  if (geometry == NULL)
    return TRUE;
  const double c = geometry->curvature, alpha = geometry->textual_alpha;
  out->point = g_new(float, out->dim);
  hysac_lorentz_exp_map0(out->feature, out->dim, alpha, c, out->point);
  out->distance = hysac_lorentz_feature_root_distance(out->feature, out->dim, alpha, c);
  if (isfinite(out->distance))
    return TRUE;
  g_set_error_literal(error, HYSAC_ERROR, HYSAC_ERROR_NUMERIC, "the distance to the root is not finite");
  hysac_text_embedding_clear(out);
  return FALSE;
}

static gboolean
finish(HysacTextEncoder *self, HysacTextJob *job, gsize tokens, Watch *watch, HysacTextEmbedding *out,
       GError **error)
{
  if (!wait_for(self, job, watch, error) || !fill(self, job, out, error))
    return FALSE;
  out->tokens = tokens;
  return TRUE;
}

gboolean
hysac_text_encoder_embed(HysacTextEncoder *self, const char *text, gssize size, HysacTextFlags flags,
                         HysacTextEmbedding *out, GError **error)
{
  gsize tokens;
  Watch nobody = { 0 };
  *out = (HysacTextEmbedding){ 0 };
  HysacTextJob *job = job_new(self, text, size, flags, &tokens, error);
  if (job == NULL)
    return FALSE;
  const gboolean ok = submit(self, job, error) && finish(self, job, tokens, &nobody, out, error);
  job_unref(job);
  return ok;
}

static guint
embed_all(HysacTextEncoder *self, const char *const *texts, guint n, HysacTextFlags flags, HysacTextWindowFunc each,
          gpointer each_data, HysacTextWatchFunc watch, gpointer watch_data, HysacTextEmbedding *out, GError **errors)
{
  g_autofree HysacTextJob **jobs = g_new0(HysacTextJob *, n);
  g_autofree gsize *tokens = g_new(gsize, n);
  Watch all = { jobs, n, watch, watch_data, FALSE };
  guint done = 0;
  for (guint i = 0; i < n; i++) {
    GError **error = errors != NULL ? &errors[i] : NULL;
    out[i] = (HysacTextEmbedding){ 0 };
    if (errors != NULL)
      errors[i] = NULL;
    jobs[i] = job_new(self, texts[i], -1, flags, &tokens[i], error);
    if (jobs[i] != NULL) {
      jobs[i]->each = each;
      jobs[i]->user_data = each_data;
      jobs[i]->index = i;
    }
    if (jobs[i] != NULL && !submit(self, jobs[i], error))
      g_clear_pointer(&jobs[i], job_unref);
  }
  for (guint i = 0; i < n; i++) {
    if (jobs[i] == NULL)
      continue;
    done += finish(self, jobs[i], tokens[i], &all, &out[i], errors != NULL ? &errors[i] : NULL);
  }
  for (guint i = 0; i < n; i++) /* until here they are counted */
    g_clear_pointer(&jobs[i], job_unref);
  return done;
}

guint
hysac_text_encoder_embed_many(HysacTextEncoder *self, const char *const *texts, guint n,
                              HysacTextFlags flags, HysacTextEmbedding *out, GError **errors)
{
  return embed_all(self, texts, n, flags, NULL, NULL, NULL, NULL, out, errors);
}

guint
hysac_text_encoder_embed_many_watched(HysacTextEncoder *self, const char *const *texts, guint n,
                                      HysacTextFlags flags, HysacTextWatchFunc watch, gpointer user_data,
                                      HysacTextEmbedding *out, GError **errors)
{
  return embed_all(self, texts, n, flags, NULL, NULL, watch, user_data, out, errors);
}

guint
hysac_text_encoder_embed_windows(HysacTextEncoder *self, const char *const *texts, guint n, HysacTextFlags flags,
                                 HysacTextWindowFunc each, gpointer user_data, HysacTextEmbedding *out,
                                 GError **errors)
{
  return embed_all(self, texts, n, flags, each, user_data, NULL, NULL, out, errors);
}

void
hysac_text_embedding_clear(HysacTextEmbedding *self)
{
  g_free(self->feature);
  g_free(self->point);
  *self = (HysacTextEmbedding){ 0 };
}
