/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The engine's own rules, with stand-ins for what it drives (engine_double.h): order of callbacks,
 * overlap, batching, failures, cancellation. */

#include "engine_shots.h"

#include <math.h>
#include <string.h>
#include <sys/resource.h>

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
  aim(&shot, 1);
  shot.data[0] = NAN; /* no distance to show it */
  fire(engine, &shot);
  expect_miss(&shot, HYSAC_ERROR_NUMERIC);
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
  assert_int_equal(shots_count(&a.n_done), 0);
  assert_int_equal(shots_count(&b.n_done), 0);
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
  assert_int_equal(shots_warnings, 0);
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
  assert_int_equal(shots_warnings, 0);
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
  assert_true(g_error_matches(error, HYSAC_ERROR, code));
  assert_int_equal(late.n_released + late.n_done, 0);
  assert_int_equal(shots_warnings, 1);
  gint64 end = g_get_monotonic_time() + PATIENCE; /* its device memory goes, though it is held */
  while (g_atomic_int_get((gint *) &dbl.n_alive) > 0 && g_get_monotonic_time() < end)
    g_usleep(1000);
  assert_int_equal(g_atomic_int_get((gint *) &dbl.n_alive), 0);

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
  assert_int_equal(shots_count(&shots[0].n_done), 0);
  double_open_gate();
  expect_hit(&shots[0]);
  g_thread_join(thread);
  assert_int_equal(hysac_engine_count(), 0);
  hysac_engine_unref(NULL);
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

int
main(int argc, char **argv)
{
  shots_start();
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
    TEST(threads_submit_at_once),
    TEST(waiting_burns_no_core),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
