/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine_shots.h"

#include <string.h>

gint shots_warnings;

static void
count_warnings(const char *domain, GLogLevelFlags level, const char *message, gpointer data)
{
  if (level & G_LOG_LEVEL_WARNING)
    g_atomic_int_inc(&shots_warnings);
}

void
shots_start(void)
{
  g_log_set_handler("hysac", G_LOG_LEVEL_MASK, count_warnings, NULL);
}

static GMutex lock;
static GCond changed;

void
on_release(gpointer data)
{
  Shot *shot = data;
  g_mutex_lock(&lock);
  shot->n_released++;
  g_cond_broadcast(&changed);
  g_mutex_unlock(&lock);
}

void
on_done(const HysacEmbedding *embedding, const GError *error, gpointer data)
{
  Shot *shot = data;
  if (shot->embed != NULL) {
    g_autoptr(GError) nested = NULL;
    HysacFrame frame = double_frame(shot->data);
    if (hysac_engine_embed(shot->embed, &frame, NULL, NULL, NULL, &nested) ||
        !g_error_matches(nested, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT))
      return; /* never done: the test sees it */
  }
  HysacEngine *drop = g_steal_pointer(&shot->drop);
  g_mutex_lock(&lock);
  shot->n_done++;
  shot->released_first = shot->n_released == 1;
  if (error != NULL)
    shot->error = g_error_copy(error);
  if (embedding != NULL) {
    memcpy(shot->feature, embedding->feature, sizeof shot->feature);
    shot->has_point = embedding->point != NULL;
    shot->distance = embedding->distance;
    shot->reused = embedding->reused;
  }
  g_cond_broadcast(&changed);
  g_mutex_unlock(&lock);
  hysac_engine_unref(drop); /* the shot may be gone: its owner waited for n_done */
}

gboolean
wait_for(guint *value, guint wanted)
{
  gint64 end = g_get_monotonic_time() + PATIENCE;
  gboolean ok = TRUE;
  g_mutex_lock(&lock);
  while (ok && *value < wanted)
    ok = g_cond_wait_until(&changed, &lock, end);
  g_mutex_unlock(&lock);
  return ok;
}

static gboolean
wait_for_double(const guint *value, guint wanted)
{
  gint64 end = g_get_monotonic_time() + PATIENCE;
  gboolean ok = TRUE;
  g_mutex_lock(&dbl.lock);
  while (ok && *value < wanted)
    ok = g_cond_wait_until(&dbl.changed, &dbl.lock, end);
  g_mutex_unlock(&dbl.lock);
  return ok;
}

gboolean
wait_for_batches(guint wanted)
{
  return wait_for_double(&dbl.n_batches, wanted);
}

gboolean
wait_for_asked(guint wanted)
{
  return wait_for_double(&dbl.n_asked, wanted);
}

void
aim(Shot *shot, float seed)
{
  *shot = (Shot) { 0 };
  for (guint i = 0; i < DOUBLE_DIM; i++)
    shot->data[i] = seed + (float) i / 100;
}

void
fire(HysacEngine *engine, Shot *shot)
{
  g_autoptr(GError) error = NULL;
  HysacFrame frame = double_frame(shot->data);
  if (!hysac_engine_submit(engine, &frame, on_release, on_done, shot, &error))
    fail_msg("submit: %s", error->message);
}

void
expect_hit(Shot *shot)
{
  assert_true(wait_for(&shot->n_done, 1));
  assert_null(shot->error);
  assert_int_equal(shot->n_done, 1);
  assert_int_equal(shot->n_released, 1);
  assert_true(shot->released_first);
  assert_memory_equal(shot->feature, shot->data, sizeof shot->data);
}

void
expect_miss(Shot *shot, int code)
{
  assert_true(wait_for(&shot->n_done, 1));
  assert_int_equal(shot->n_done, 1);
  assert_int_equal(shot->n_released, 1);
  assert_true(shot->released_first);
  if (!g_error_matches(shot->error, HYSAC_ERROR, code))
    fail_msg("wanted code %d, got %s", code, shot->error ? shot->error->message : "none");
  g_clear_error(&shot->error);
}

HysacEngine *
get_engine(void)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(HysacModel) model = double_model();
  HysacEngine *engine = hysac_engine_get(model, NULL, HYSAC_PRECISION_AUTO, NULL, NULL, &error);
  if (engine == NULL)
    fail_msg("%s", error->message);
  g_mutex_lock(&dbl.lock);
  dbl.n_batches = dbl.n_asked = 0;
  g_mutex_unlock(&dbl.lock);
  return engine;
}

int
clean_slate(void **state)
{
  dbl.has_geometry = TRUE;
  dbl.fail_new = dbl.fail_frame = dbl.fail_tower = 0;
  dbl.slow_new_us = 0;
  dbl.n_batches = dbl.n_made = 0;
  shots_warnings = 0;
  return hysac_engine_count() == 0 && dbl.n_alive == 0 ? 0 : 1;
}

int
nothing_left(void **state)
{
  return hysac_engine_count() == 0 && dbl.n_alive == 0 ? 0 : 1;
}

guint
shots_count(const guint *value)
{
  g_mutex_lock(&lock);
  guint count = *value;
  g_mutex_unlock(&lock);
  return count;
}
