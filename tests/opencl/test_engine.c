/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The engine's own rules, with stand-ins for what it drives (engine_double.h): order of callbacks,
 * overlap, batching, failures, sharing. Waits end early; the long ones only bound a broken engine. */

#include "engine_double.h"

#include <glib/gstdio.h>
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>
#include <sys/resource.h>

#define PATIENCE (60 * G_TIME_SPAN_SECOND)

static char *program_path;
static gint warnings;

static void
count_warnings(const char *domain, GLogLevelFlags level, const char *message, gpointer data)
{
  if (level & G_LOG_LEVEL_WARNING)
    g_atomic_int_inc(&warnings);
}

/* One submitted frame and what became of it. */
typedef struct {
  float data[DOUBLE_DIM];
  float feature[DOUBLE_DIM];
  gboolean has_point;
  double distance;
  guint n_released, n_done;
  gboolean released_first; /* release came before done */
  GError *error;
  HysacEngine *drop; /* unref this in done */
  HysacEngine *embed; /* try to embed by this in done */
} Shot;

static GMutex lock;
static GCond changed;

static void
on_release(gpointer data)
{
  Shot *shot = data;
  g_mutex_lock(&lock);
  shot->n_released++;
  g_cond_broadcast(&changed);
  g_mutex_unlock(&lock);
}

static void
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
  }
  g_cond_broadcast(&changed);
  g_mutex_unlock(&lock);
  hysac_engine_unref(drop); /* the shot may be gone: its owner waited for n_done */
}

static gboolean
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
wait_for_batches(guint wanted)
{
  gint64 end = g_get_monotonic_time() + PATIENCE;
  gboolean ok = TRUE;
  g_mutex_lock(&dbl.lock);
  while (ok && dbl.n_batches < wanted)
    ok = g_cond_wait_until(&dbl.changed, &dbl.lock, end);
  g_mutex_unlock(&dbl.lock);
  return ok;
}

static void
aim(Shot *shot, float seed)
{
  *shot = (Shot) { 0 };
  for (guint i = 0; i < DOUBLE_DIM; i++)
    shot->data[i] = seed + (float) i / 100;
}

static void
fire(HysacEngine *engine, Shot *shot)
{
  g_autoptr(GError) error = NULL;
  HysacFrame frame = double_frame(shot->data);
  if (!hysac_engine_submit(engine, &frame, on_release, on_done, shot, &error))
    fail_msg("submit: %s", error->message);
}

static void
expect_hit(Shot *shot)
{
  assert_true(wait_for(&shot->n_done, 1));
  assert_null(shot->error);
  assert_int_equal(shot->n_done, 1);
  assert_int_equal(shot->n_released, 1);
  assert_true(shot->released_first);
  assert_memory_equal(shot->feature, shot->data, sizeof shot->data);
}

static void
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

static HysacEngine *
get_engine(void)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(HysacModel) model = double_model();
  HysacEngine *engine = hysac_engine_get(model, NULL, HYSAC_PRECISION_AUTO, NULL, NULL, &error);
  if (engine == NULL)
    fail_msg("%s", error->message);
  g_mutex_lock(&dbl.lock);
  dbl.n_batches = 0;
  g_mutex_unlock(&dbl.lock);
  return engine;
}

static int
clean_slate(void **state)
{
  dbl.has_geometry = TRUE;
  dbl.fail_new = dbl.fail_frame = dbl.fail_tower = 0;
  dbl.slow_new_us = 0;
  dbl.n_batches = dbl.n_made = 0;
  warnings = 0;
  return hysac_engine_count() == 0 && dbl.n_alive == 0 ? 0 : 1;
}

static int
nothing_left(void **state)
{
  return hysac_engine_count() == 0 && dbl.n_alive == 0 ? 0 : 1;
}

static void
embeds(void **state)
{
  g_autoptr(HysacEngine) engine = get_engine();
  float data[DOUBLE_DIM] = { 3, 0, 4 }, feature[DOUBLE_DIM], point[DOUBLE_DIM];
  double distance;
  HysacFrame frame = double_frame(data);
  g_autoptr(GError) error = NULL;
  assert_true(hysac_engine_embed(engine, &frame, feature, point, &distance, &error));
  assert_memory_equal(feature, data, sizeof data);
  /* alpha 0.5, curvature 1: v = (1.5, 0, 2), |v| = 2.5 */
  assert_true(fabs(distance - 2.5) < 1e-9);
  assert_true(fabs((double) point[0] - sinh(2.5) * 0.6) < 1e-5);
  assert_true(fabs((double) point[2] - sinh(2.5) * 0.8) < 1e-5);
  assert_true(hysac_engine_embed(engine, &frame, NULL, NULL, NULL, &error));
  assert_int_equal(hysac_engine_get_precision(engine), HYSAC_PRECISION_FP32);
  HysacEngineStats stats;
  hysac_engine_get_stats(engine, &stats);
  assert_int_equal(stats.requests, 2);
  assert_int_equal(stats.batches, 2);
  assert_int_equal(stats.failures, 0);
  assert_int_equal(stats.in_flight, 0);
  assert_int_equal(stats.max_in_flight, 1);
  assert_true(stats.last_run_us > 0 && stats.mean_run_us > 0);
}

static void
no_geometry_embeds_without_distance(void **state)
{
  dbl.has_geometry = FALSE;
  g_autoptr(HysacEngine) engine = get_engine();
  Shot shot;
  aim(&shot, 1);
  fire(engine, &shot);
  expect_hit(&shot);
  assert_false(shot.has_point);
  assert_true(isnan(shot.distance));
}

/* While the tower of frame a cannot finish, frame b is accepted, uploaded and given back. */
static void
two_are_in_flight(void **state)
{
  g_autoptr(HysacEngine) engine = get_engine();
  Shot a, b;
  aim(&a, 1);
  aim(&b, 2);
  double_shut_gate(hysac_engine_get_device(engine));
  fire(engine, &a);
  assert_true(wait_for_batches(1));
  fire(engine, &b);
  assert_true(wait_for(&b.n_released, 1));
  g_mutex_lock(&lock);
  assert_int_equal(a.n_done, 0);
  assert_int_equal(b.n_done, 0);
  g_mutex_unlock(&lock);
  HysacEngineStats stats;
  hysac_engine_get_stats(engine, &stats);
  assert_int_equal(stats.in_flight, 2);
  assert_int_equal(stats.max_in_flight, 2);
  double_open_gate();
  expect_hit(&a);
  expect_hit(&b);
}

/* One alone starts at once; what comes meanwhile gathers; a full slot goes behind the running one. */
static void
frames_gather_while_the_device_is_busy(void **state)
{
  g_autoptr(HysacEngine) engine = get_engine();
  Shot shots[12];
  double_shut_gate(hysac_engine_get_device(engine));
  for (guint i = 0; i < 12; i++) {
    aim(&shots[i], (float) i);
    fire(engine, &shots[i]);
    if (i == 0)
      assert_true(wait_for_batches(1));
  }
  assert_true(wait_for_batches(2));
  double_open_gate();
  for (guint i = 0; i < 12; i++)
    expect_hit(&shots[i]);
  assert_int_equal(dbl.batches[0], 1);
  assert_int_equal(dbl.batches[1], 8);
  assert_int_equal(dbl.batches[2], 3);
  assert_int_equal(dbl.n_batches, 3);
}

static void
nan_fails_that_frame_alone(void **state)
{
  g_autoptr(HysacEngine) engine = get_engine();
  Shot shots[4];
  double_shut_gate(hysac_engine_get_device(engine));
  for (guint i = 0; i < 4; i++) {
    aim(&shots[i], (float) i);
    if (i == 2)
      shots[i].data[7] = NAN;
    if (i == 3)
      shots[i].data[DOUBLE_DIM - 1] = -INFINITY;
    fire(engine, &shots[i]);
    if (i == 0)
      assert_true(wait_for_batches(1));
  }
  double_open_gate();
  expect_hit(&shots[0]);
  expect_hit(&shots[1]);
  expect_miss(&shots[2], HYSAC_ERROR_NUMERIC);
  expect_miss(&shots[3], HYSAC_ERROR_NUMERIC);
  HysacEngineStats stats;
  hysac_engine_get_stats(engine, &stats);
  assert_int_equal(stats.requests, 2);
  assert_int_equal(stats.failures, 2);
}

static void
impossible_frame_is_refused(void **state)
{
  g_autoptr(HysacEngine) engine = get_engine();
  Shot shot;
  aim(&shot, 1);
  HysacFrame good = double_frame(shot.data), bad[5];
  for (guint i = 0; i < 5; i++)
    bad[i] = good;
  bad[0].width = 0;
  bad[1].height = 16385;
  bad[2].planes[0] = NULL;
  bad[3].strides[0] = 47;
  bad[4].sizes[0] = 47;
  for (guint i = 0; i < 5; i++) {
    g_autoptr(GError) error = NULL;
    assert_false(hysac_engine_submit(engine, &bad[i], on_release, on_done, &shot, &error));
    assert_true(g_error_matches(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT));
  }
  HysacEngineStats stats;
  hysac_engine_get_stats(engine, &stats);
  assert_int_equal(stats.max_in_flight, 0);
  assert_int_equal(shot.n_released + shot.n_done, 0);
}

static void
failed_upload_fails_that_frame_alone(void **state)
{
  g_autoptr(HysacEngine) engine = get_engine();
  Shot a, b;
  aim(&a, 1);
  aim(&b, 2);
  dbl.fail_frame = CL_MEM_OBJECT_ALLOCATION_FAILURE;
  fire(engine, &a);
  expect_miss(&a, HYSAC_ERROR_OUT_OF_MEMORY);
  fire(engine, &b);
  expect_hit(&b);
  assert_int_equal(warnings, 0);
}

static void
refused_batch_fails_that_batch_alone(void **state)
{
  g_autoptr(HysacEngine) engine = get_engine();
  Shot a, b;
  aim(&a, 1);
  aim(&b, 2);
  dbl.fail_tower = CL_INVALID_KERNEL_ARGS;
  fire(engine, &a);
  expect_miss(&a, HYSAC_ERROR_DEVICE);
  fire(engine, &b);
  expect_hit(&b);
  assert_int_equal(warnings, 0);
}

/* After a sticky failure: everything waiting is answered, nothing is accepted, it is said once, and
 * asking again makes a new engine that works while the old one is still held. */
static void
expect_stuck(HysacEngine *engine, Shot *shots, guint n, int code)
{
  for (guint i = 0; i < n; i++)
    expect_miss(&shots[i], code);
  g_atomic_int_set(&dbl.fail_event, 0);
  Shot late;
  aim(&late, 9);
  HysacFrame frame = double_frame(late.data);
  g_autoptr(GError) error = NULL;
  assert_false(hysac_engine_submit(engine, &frame, on_release, on_done, &late, &error));
  assert_true(g_error_matches(error, HYSAC_ERROR, HYSAC_ERROR_DEVICE_LOST));
  assert_int_equal(late.n_released + late.n_done, 0);
  assert_int_equal(warnings, 1);

  HysacEngine *fresh = get_engine();
  assert_ptr_not_equal(fresh, engine);
  if (code == HYSAC_ERROR_DEVICE_LOST)
    assert_ptr_not_equal(hysac_engine_get_device(fresh), hysac_engine_get_device(engine));
  assert_int_equal(hysac_engine_count(), 2);
  fire(fresh, &late);
  expect_hit(&late);
  HysacEngine *same = get_engine();
  assert_ptr_equal(fresh, same);
  hysac_engine_unref(same);
  hysac_engine_unref(fresh);
}

static void
refused_memory_is_sticky(void **state)
{
  g_autoptr(HysacEngine) engine = get_engine();
  Shot shot;
  aim(&shot, 1);
  dbl.fail_tower = CL_OUT_OF_RESOURCES;
  fire(engine, &shot);
  expect_stuck(engine, &shot, 1, HYSAC_ERROR_OUT_OF_MEMORY);
}

static void
lost_device_is_sticky(void **state)
{
  g_autoptr(HysacEngine) engine = get_engine();
  Shot shots[14];
  double_shut_gate(hysac_engine_get_device(engine));
  for (guint i = 0; i < 14; i++) {
    aim(&shots[i], (float) i);
    fire(engine, &shots[i]);
    if (i == 0)
      assert_true(wait_for_batches(1));
  }
  assert_true(wait_for_batches(2)); /* one runs, eight behind it, five wait */
  g_atomic_int_set(&dbl.fail_event, -9999);
  double_open_gate();
  expect_stuck(engine, shots, 14, HYSAC_ERROR_DEVICE_LOST);
}

static gpointer
unref_engine(gpointer data)
{
  hysac_engine_unref(data);
  return NULL;
}

static void
unref_cancels_what_has_not_begun(void **state)
{
  HysacEngine *engine = get_engine();
  Shot shots[5];
  double_shut_gate(hysac_engine_get_device(engine));
  for (guint i = 0; i < 5; i++) {
    aim(&shots[i], (float) i);
    fire(engine, &shots[i]);
    if (i == 0)
      assert_true(wait_for_batches(1));
  }
  GThread *thread = g_thread_new("unref", unref_engine, engine);
  for (guint i = 1; i < 5; i++)
    expect_miss(&shots[i], HYSAC_ERROR_CANCELLED);
  assert_int_equal(shots[0].n_done, 0);
  double_open_gate();
  expect_hit(&shots[0]);
  g_thread_join(thread);
  assert_int_equal(hysac_engine_count(), 0);
  hysac_engine_unref(NULL);
}

static void
unref_in_a_callback_is_survived(void **state)
{
  Shot shot;
  aim(&shot, 1);
  shot.drop = get_engine();
  fire(shot.drop, &shot);
  expect_hit(&shot);
  gint64 end = g_get_monotonic_time() + PATIENCE;
  while (hysac_engine_count() > 0 && g_get_monotonic_time() < end)
    g_usleep(1000);
  assert_int_equal(hysac_engine_count(), 0);
}

static void
embed_in_a_callback_is_refused(void **state)
{
  g_autoptr(HysacEngine) engine = get_engine();
  Shot shot;
  aim(&shot, 1);
  shot.embed = engine;
  fire(engine, &shot);
  expect_hit(&shot);
}

static void
engines_are_shared_and_freed(void **state)
{
  HysacEngine *a = get_engine(), *b = get_engine();
  assert_ptr_equal(a, b);
  assert_int_equal(dbl.n_made, 1);
  dbl.geometry.visual_alpha = 0.25; /* other numbers: not the same engine */
  HysacEngine *c = get_engine();
  dbl.geometry.visual_alpha = 0.5;
  assert_ptr_not_equal(a, c);
  assert_int_equal(hysac_engine_count(), 2);
  assert_ptr_equal(hysac_engine_ref(a), a);
  hysac_engine_unref(a);
  hysac_engine_unref(b);
  hysac_engine_unref(c);
  assert_int_equal(hysac_engine_count(), 1);
  hysac_engine_unref(a);
  assert_int_equal(hysac_engine_count(), 0);
  HysacEngine *d = get_engine();
  assert_int_equal(dbl.n_made, 3);
  hysac_engine_unref(d);
}

static void
failed_making_is_not_kept(void **state)
{
  g_autoptr(HysacModel) model = double_model();
  const struct {
    cl_int code;
    int error;
  } cases[] = { { CL_BUILD_PROGRAM_FAILURE, HYSAC_ERROR_BUILD },
                { CL_MEM_OBJECT_ALLOCATION_FAILURE, HYSAC_ERROR_OUT_OF_MEMORY } };
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autoptr(GError) error = NULL;
    dbl.fail_new = cases[i].code;
    assert_null(hysac_engine_get(model, NULL, HYSAC_PRECISION_AUTO, NULL, NULL, &error));
    assert_true(g_error_matches(error, HYSAC_ERROR, cases[i].error));
    assert_int_equal(hysac_engine_count(), 0);
  }
  dbl.fail_new = 0;
  dbl.fail_tower = CL_OUT_OF_RESOURCES; /* in the first run */
  assert_null(hysac_engine_get(model, NULL, HYSAC_PRECISION_AUTO, NULL, NULL, NULL));
  dbl.fail_frame = CL_OUT_OF_RESOURCES;
  assert_null(hysac_engine_get(model, NULL, HYSAC_PRECISION_AUTO, NULL, NULL, NULL));
  assert_int_equal(hysac_engine_count(), 0);
  hysac_engine_unref(get_engine());
}

static void
precision_that_is_not_there_is_named(void **state)
{
  g_autoptr(HysacModel) model = double_model();
  g_autoptr(GError) error = NULL;
  assert_null(hysac_engine_get(model, NULL, HYSAC_PRECISION_INT8, NULL, NULL, &error));
  assert_true(g_error_matches(error, HYSAC_ERROR, HYSAC_ERROR_UNSUPPORTED));
  assert_non_null(strstr(error->message, "int8"));
  g_clear_error(&error);
  assert_null(hysac_engine_get(model, "no such device", HYSAC_PRECISION_AUTO, NULL, NULL, &error));
  assert_true(g_error_matches(error, HYSAC_ERROR, HYSAC_ERROR_NO_DEVICE));
}

static void
on_progress(guint done, guint total, const char *what, gpointer data)
{
  guint *last = data;
  assert_int_equal(total, 3);
  assert_true(done >= *last);
  assert_non_null(what);
  *last = done;
}

static void
warm_up_tells_its_progress(void **state)
{
  g_autoptr(HysacModel) model = double_model();
  guint last = 0;
  HysacEngine *engine = hysac_engine_get(model, NULL, HYSAC_PRECISION_FP32, on_progress, &last, NULL);
  assert_non_null(engine);
  assert_int_equal(last, 3);
  hysac_engine_unref(engine);
}

static gpointer
get_in_thread(gpointer data)
{
  g_autoptr(HysacModel) model = double_model();
  return hysac_engine_get(model, NULL, HYSAC_PRECISION_AUTO, NULL, NULL, NULL);
}

static void
getters_wait_for_one_making(void **state)
{
  GThread *threads[6];
  HysacEngine *engines[6];
  dbl.slow_new_us = 100000;
  for (guint i = 0; i < 6; i++)
    threads[i] = g_thread_new("get", get_in_thread, NULL);
  for (guint i = 0; i < 6; i++) {
    engines[i] = g_thread_join(threads[i]);
    assert_non_null(engines[i]);
    assert_ptr_equal(engines[i], engines[0]);
  }
  assert_int_equal(dbl.n_made, 1);
  for (guint i = 0; i < 6; i++)
    hysac_engine_unref(engines[i]);

  dbl.fail_new = CL_OUT_OF_RESOURCES;
  for (guint i = 0; i < 6; i++)
    threads[i] = g_thread_new("get", get_in_thread, NULL);
  for (guint i = 0; i < 6; i++)
    assert_null(g_thread_join(threads[i]));
}

static gpointer
submit_many(gpointer data)
{
  guint seed = GPOINTER_TO_UINT(data);
  g_autoptr(HysacEngine) engine = get_engine();
  Shot shots[100];
  for (guint i = 0; i < 100; i++) {
    aim(&shots[i], (float) (seed * 1000 + i));
    fire(engine, &shots[i]);
    if (i % 7 == 0)
      wait_for(&shots[i].n_done, 1);
  }
  guint bad = 0;
  for (guint i = 0; i < 100; i++) {
    if (!wait_for(&shots[i].n_done, 1) || shots[i].n_done != 1 || !shots[i].released_first ||
        memcmp(shots[i].data, shots[i].feature, sizeof shots[i].data) != 0)
      bad++;
  }
  return GUINT_TO_POINTER(bad);
}

static void
threads_submit_at_once(void **state)
{
  HysacEngine *engine = get_engine();
  GThread *threads[8];
  for (guint i = 0; i < 8; i++)
    threads[i] = g_thread_new("submit", submit_many, GUINT_TO_POINTER(i));
  for (guint i = 0; i < 8; i++)
    assert_int_equal(GPOINTER_TO_UINT(g_thread_join(threads[i])), 0);
  HysacEngineStats stats;
  hysac_engine_get_stats(engine, &stats);
  assert_int_equal(stats.requests, 800);
  assert_int_equal(stats.failures, 0);
  assert_int_equal(stats.in_flight, 0);
  assert_true(stats.batches < 800); /* some were together */
  hysac_engine_unref(engine);
}

static double
cpu_seconds(void)
{
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (double) (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         (double) (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* Processor time, not wall time: whatever else the machine does, a waiting engine uses none. */
static void
waiting_burns_no_core(void **state)
{
  g_autoptr(HysacEngine) engine = get_engine();
  Shot a, b;
  aim(&a, 1);
  aim(&b, 2);
  double_shut_gate(hysac_engine_get_device(engine));
  fire(engine, &a);
  assert_true(wait_for_batches(1));
  fire(engine, &b);
  assert_true(wait_for(&b.n_released, 1));
  double before = cpu_seconds();
  g_usleep(600000);
  double used = cpu_seconds() - before;
  double_open_gate();
  expect_hit(&a);
  expect_hit(&b);
  if (used > 0.2)
    fail_msg("%.2f s of processor time in 0.6 s of waiting", used);
}

static int
case_no_device(void)
{
  g_autoptr(HysacModel) model = double_model();
  g_autoptr(GError) error = NULL;
  HysacEngine *engine = hysac_engine_get(model, NULL, HYSAC_PRECISION_AUTO, NULL, NULL, &error);
  return engine == NULL && g_error_matches(error, HYSAC_ERROR, HYSAC_ERROR_NO_DEVICE) ? 0 : 1;
}

static void
no_device_is_an_error(void **state)
{
  char *argv[] = { program_path, (char *) "no-device", NULL };
  g_autofree char *dir = g_dir_make_tmp("hysac-test-XXXXXX", NULL);
  g_auto(GStrv) envp = g_environ_setenv(g_get_environ(), "OCL_ICD_VENDORS", dir, TRUE);
  int status = -1;
  assert_true(g_spawn_sync(NULL, argv, envp, 0, NULL, NULL, NULL, NULL, &status, NULL));
  g_rmdir(dir);
  assert_true(g_spawn_check_wait_status(status, NULL));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, clean_slate, nothing_left)

int
main(int argc, char **argv)
{
  program_path = argv[0];
  g_log_set_handler("hysac", G_LOG_LEVEL_MASK, count_warnings, NULL);
  if (argc == 2 && strcmp(argv[1], "no-device") == 0)
    return case_no_device();
  const struct CMUnitTest tests[] = {
    TEST(embeds),
    TEST(no_geometry_embeds_without_distance),
    TEST(two_are_in_flight),
    TEST(frames_gather_while_the_device_is_busy),
    TEST(nan_fails_that_frame_alone),
    TEST(impossible_frame_is_refused),
    TEST(failed_upload_fails_that_frame_alone),
    TEST(refused_batch_fails_that_batch_alone),
    TEST(refused_memory_is_sticky),
    TEST(lost_device_is_sticky),
    TEST(unref_cancels_what_has_not_begun),
    TEST(unref_in_a_callback_is_survived),
    TEST(embed_in_a_callback_is_refused),
    TEST(engines_are_shared_and_freed),
    TEST(failed_making_is_not_kept),
    TEST(precision_that_is_not_there_is_named),
    TEST(warm_up_tells_its_progress),
    TEST(getters_wait_for_one_making),
    TEST(threads_submit_at_once),
    TEST(waiting_burns_no_core),
    TEST(no_device_is_an_error),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
