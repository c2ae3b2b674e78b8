/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>

#include "tests/gst/fakescorer.h"

#include "tests/gst/rig.h"

typedef struct {
  GDestroyNotify release;
  GstHysacScoreFunc done;
  gpointer user_data;
  guint8 code, shade;
  HysacReference *reference; /* owned, or NULL */
  gint64 time;
  Fake *fake;
  const GstHysacScorer *scorer; /* that it was handed to: a model that is exchanged takes its own along */
  gboolean reused;
} Call;

typedef struct {
  guint8 code, shade;
  gint64 time;
} Kept;

typedef struct {
  GstHysacScorer head;
  Fake *fake;
} FakeScorer;

static void
answer(Call *call, gboolean cancelled)
{
  g_autoptr(GError) error = NULL;
  double distance = call->code / 100.0;
  if (cancelled)
    error = g_error_new_literal(HYSAC_ERROR, HYSAC_ERROR_CANCELLED, "the scorer goes");
  else if (call->code == FAKE_ERROR)
    error = g_error_new_literal(HYSAC_ERROR, HYSAC_ERROR_DEVICE, "injected");
  else if (call->code == FAKE_NAN)
    distance = NAN;
  if (call->reference && !call->reused) {
    g_mutex_lock(&call->fake->lock);
    if (error || isnan(distance)) {
      g_hash_table_remove(call->fake->kept, call->reference);
    } else {
      Kept *kept = g_new(Kept, 1);
      *kept = (Kept){call->code, call->shade, call->time};
      g_hash_table_replace(call->fake->kept, hysac_reference_ref(call->reference), kept);
    }
    g_mutex_unlock(&call->fake->lock);
  }
  call->release(call->user_data);
  /* One number for both: tests of categories and heads know what it means there. */
  const float embedding = (float) distance;
  const GstHysacScore score = {distance, call->reused, &embedding, &embedding};
  call->done(error ? NULL : &score, error, call->user_data);
  hysac_reference_unref(call->reference);
  g_free(call);
}

/* Lock held. */
static gboolean
is_unchanged(Fake *fake, const guint8 *p, HysacReference *reference, const HysacReuse *reuse)
{
  const Kept *kept = g_hash_table_lookup(fake->kept, reference);
  return kept && kept->code == p[0] && (guint)ABS(kept->shade - p[5]) <= reuse->tolerance &&
         reuse->time >= kept->time && reuse->time - kept->time <= reuse->max_age;
}

static gboolean
fake_submit(GstHysacScorer *scorer, const HysacFrame *frame, HysacReference *reference,
            const HysacReuse *reuse, GDestroyNotify release, GstHysacScoreFunc done,
            gpointer user_data, GError **error)
{
  Fake *fake = ((FakeScorer *)scorer)->fake;
  const guint8 *p = frame->planes[0];
  const guint32 number = rig_number_of(p);
  g_mutex_lock(&fake->lock);
  g_array_append_val(fake->scored, number);
  fake->last = *frame;
  if (p[0] == FAKE_REFUSE) {
    g_cond_broadcast(&fake->cond);
    g_mutex_unlock(&fake->lock);
    g_set_error_literal(error, HYSAC_ERROR, HYSAC_ERROR_DEVICE_LOST, "injected refusal");
    return FALSE;
  }
  Call *call = g_new(Call, 1);
  *call = (Call){release, done, user_data, p[0], .shade = p[5], .fake = fake, .scorer = scorer};
  if (fake->reuse && reference) {
    call->reference = hysac_reference_ref(reference);
    call->time = reuse->time;
    call->reused = is_unchanged(fake, p, reference, reuse);
    fake->limits = *reuse;
    if (call->reused)
      g_array_append_val(fake->reused, number);
    if (!g_hash_table_contains(fake->seen, reference)) {
      g_hash_table_add(fake->seen, hysac_reference_ref(reference));
      fake->n_references++;
    }
  }
  const gboolean now =
      call->reused || (fake->mode == FAKE_AT_ONCE && call->code != FAKE_HANG);
  if (!now)
    g_ptr_array_add(fake->calls, call);
  g_cond_broadcast(&fake->cond);
  g_mutex_unlock(&fake->lock);
  if (now)
    answer(call, FALSE);
  return TRUE;
}

/* Answers in random order, sometimes letting several pile up. */
static gpointer
work(gpointer user_data)
{
  Fake *fake = user_data;
  g_autoptr(GRand) rand = g_rand_new_with_seed(fake->seed);
  g_mutex_lock(&fake->lock);
  while (!fake->quit) {
    g_autoptr(GArray) ready = g_array_new(FALSE, FALSE, sizeof(guint));
    for (guint i = 0; i < fake->calls->len; i++)
      if (((Call *)fake->calls->pdata[i])->code != FAKE_HANG)
        g_array_append_val(ready, i);
    if (ready->len == 0) {
      g_cond_wait(&fake->cond, &fake->lock);
      continue;
    }
    const guint pick = g_array_index(ready, guint, g_rand_int_range(rand, 0, (gint)ready->len));
    Call *call = g_ptr_array_steal_index(fake->calls, pick);
    g_mutex_unlock(&fake->lock);
    answer(call, FALSE);
    g_mutex_lock(&fake->lock);
  }
  g_mutex_unlock(&fake->lock);
  return NULL;
}

static void
fake_free(GstHysacScorer *scorer)
{
  FakeScorer *self = (FakeScorer *)scorer;
  Fake *fake = self->fake;
  g_mutex_lock(&fake->lock);
  fake->alive--;
  g_cond_broadcast(&fake->cond);
  g_autoptr(GPtrArray) left = g_ptr_array_new();
  for (guint i = 0; i < fake->calls->len;) {
    if (((Call *)fake->calls->pdata[i])->scorer == scorer)
      g_ptr_array_add(left, g_ptr_array_steal_index(fake->calls, i));
    else
      i++;
  }
  g_mutex_unlock(&fake->lock);
  for (guint i = 0; i < left->len; i++)
    answer(left->pdata[i], TRUE);
  g_free(self->head.device);
  g_free(self->head.precision);
  g_free(self);
}

static const GstHysacScorerClass fake_class = {.submit = fake_submit, .free = fake_free};

GstHysacScorer *
fake_scorer_new(const char *model, const char *device, HysacPrecision precision,
                HysacProgressFunc progress, gpointer progress_data, gpointer user_data,
                GError **error)
{
  Fake *fake = user_data;
  if (fake->fail_to_start) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_MODEL, "%s: injected: tensor x is missing", model);
    return NULL;
  }
  progress(1, 1, "fake", progress_data);
  FakeScorer *self = g_new0(FakeScorer, 1);
  self->fake = fake;
  self->head.klass = &fake_class;
  self->head.region = (HysacRegion){
    .bound = FAKE_BOUND, .scale = 0.05, .calibrated = TRUE, .precision = HYSAC_PRECISION_FP32};
  self->head.budget = fake->budget;
  self->head.device = g_strdup("fake device");
  self->head.precision = g_strdup("fp32");
  self->head.beside = (GstHysacBeside){.weights_sha256 = "5e1f",
                                       .concepts = fake->concepts,
                                       .head = fake->head,
                                       .no_head = "head.safetensors",
                                       .dimension = 1,
                                       .curvature = 1.0};
  g_mutex_lock(&fake->lock);
  fake->alive++;
  if (fake->mode == FAKE_THREAD && !fake->thread)
    fake->thread = g_thread_new("fake", work, fake);
  g_mutex_unlock(&fake->lock);
  return &self->head;
}

void
fake_init(Fake *self, FakeMode mode)
{
  *self = (Fake){.mode = mode, .seed = 1, .budget = 20 * GST_MSECOND};
  g_mutex_init(&self->lock);
  g_cond_init(&self->cond);
  self->calls = g_ptr_array_new();
  self->scored = g_array_new(FALSE, FALSE, sizeof(guint32));
  self->reused = g_array_new(FALSE, FALSE, sizeof(guint32));
  self->kept = g_hash_table_new_full(NULL, NULL, (GDestroyNotify)hysac_reference_unref, g_free);
  self->seen = g_hash_table_new_full(NULL, NULL, (GDestroyNotify)hysac_reference_unref, NULL);
}

void
fake_clear(Fake *self)
{
  g_mutex_lock(&self->lock);
  self->quit = TRUE;
  g_cond_broadcast(&self->cond);
  g_mutex_unlock(&self->lock);
  g_clear_pointer(&self->thread, g_thread_join);
  assert_int_equal(self->alive, 0);
  assert_int_equal(self->calls->len, 0);
  g_clear_pointer(&self->calls, g_ptr_array_unref);
  g_clear_pointer(&self->scored, g_array_unref);
  g_clear_pointer(&self->reused, g_array_unref);
  g_clear_pointer(&self->kept, g_hash_table_unref);
  g_clear_pointer(&self->seen, g_hash_table_unref);
  g_mutex_clear(&self->lock);
  g_cond_clear(&self->cond);
}

void
fake_wait_submitted(Fake *self, guint n)
{
  const gint64 until = g_get_monotonic_time() + 10 * G_TIME_SPAN_SECOND;
  g_mutex_lock(&self->lock);
  while (self->scored->len < n && g_cond_wait_until(&self->cond, &self->lock, until))
    ;
  const guint got = self->scored->len;
  g_mutex_unlock(&self->lock);
  if (got < n)
    fail_msg("%u requests submitted, %u expected", got, n);
}

void
fake_wait_gone(Fake *self)
{
  const gint64 until = g_get_monotonic_time() + 10 * G_TIME_SPAN_SECOND;
  g_mutex_lock(&self->lock);
  while (self->alive > 0 && g_cond_wait_until(&self->cond, &self->lock, until))
    ;
  const guint left = self->alive;
  g_mutex_unlock(&self->lock);
  if (left > 0)
    fail_msg("%u scorers are still there", left);
}

guint
fake_n_submitted(Fake *self)
{
  g_mutex_lock(&self->lock);
  const guint n = self->scored->len;
  g_mutex_unlock(&self->lock);
  return n;
}

static gboolean
contains(Fake *self, GArray *numbers, guint32 number)
{
  gboolean found = FALSE;
  g_mutex_lock(&self->lock);
  for (guint i = 0; i < numbers->len && !found; i++)
    found = g_array_index(numbers, guint32, i) == number;
  g_mutex_unlock(&self->lock);
  return found;
}

gboolean
fake_was_scored(Fake *self, guint32 number)
{
  return contains(self, self->scored, number);
}

gboolean
fake_was_reused(Fake *self, guint32 number)
{
  return contains(self, self->reused, number);
}

static gboolean
answer_one(Fake *self)
{
  g_mutex_lock(&self->lock);
  Call *call = self->calls->len ? g_ptr_array_steal_index(self->calls, 0) : NULL;
  g_mutex_unlock(&self->lock);
  if (call)
    answer(call, FALSE);
  return call != NULL;
}

void
fake_answer(Fake *self)
{
  if (!answer_one(self))
    fail_msg("nothing to answer");
}

void
fake_answer_all(Fake *self)
{
  while (answer_one(self))
    ;
}
