/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How an engine ends under a driver that hangs or refuses everything, with stand-ins for what it
 * drives (engine_double.h). */

#include "engine_shots.h"

#include "opencl/engine_private.h"

static void
wait_for_engines(guint n)
{
  gint64 end = g_get_monotonic_time() + PATIENCE;
  while (hysac_engine_count() > n && g_get_monotonic_time() < end)
    g_usleep(1000);
  assert_int_equal(hysac_engine_count(), n);
}

/* The first runs and cannot finish; the others wait for it. */
static void
fire_into_a_hang(HysacEngine *engine, Shot *shots, guint n)
{
  double_shut_gate(hysac_engine_get_device(engine));
  for (guint i = 0; i < n; i++) {
    aim(&shots[i], (float) i);
    fire(engine, &shots[i]);
    if (i == 0)
      assert_true(wait_for_batches(1));
  }
}

/* The last unref returns; what the driver has stays untouched until it returns, and then ends well. */
static void
stop_does_not_wait_for_a_hung_driver(void **state)
{
  HysacEngine *engine = get_engine();
  Shot shots[3];
  engine->stop_patience = 0;
  fire_into_a_hang(engine, shots, 3);
  hysac_engine_unref(engine);
  assert_int_equal(shots_warnings, 1);
  assert_int_equal(hysac_engine_count(), 1);
  assert_int_equal(dbl.n_alive, 1); /* the tower's memory */
  assert_int_equal(shots_count(&shots[0].n_done), 0);
  HysacEngine *fresh = get_engine(); /* with a context of its own */
  assert_ptr_not_equal(fresh, engine);
  double_open_gate();
  expect_hit(&shots[0]);
  for (guint i = 1; i < 3; i++) {
    assert_true(wait_for(&shots[i].n_done, 1));
    assert_int_equal(shots[i].n_done, 1);
    assert_int_equal(shots[i].n_released, 1);
    assert_non_null(shots[i].error);
    g_clear_error(&shots[i].error);
  }
  wait_for_engines(1);
  hysac_engine_unref(fresh);
}

static void
idle_or_busy_is_not_hung(void **state)
{
  g_autoptr(HysacEngine) engine = get_engine();
  Shot shot;
  engine->hang_floor = 0;
  assert_false(hysac_engine_give_up(engine)); /* nothing was asked of it */
  engine->hang_floor = G_TIME_SPAN_HOUR;
  fire_into_a_hang(engine, &shot, 1);
  assert_false(hysac_engine_give_up(engine)); /* it has its time */
  double_open_gate();
  expect_hit(&shot);
  assert_int_equal(shots_warnings, 0);
}

/* What waits is answered at once, and the next who asks has an engine that works; the frame in the
 * driver stays the driver's. */
static void
hung_engine_is_given_up(void **state)
{
  HysacEngine *engine = get_engine();
  Shot shots[12], late;
  engine->hang_floor = 0;
  fire_into_a_hang(engine, shots, 12);
  assert_true(hysac_engine_give_up(engine));
  assert_true(hysac_engine_give_up(engine));
  for (guint i = 9; i < 12; i++) /* eight may be in the slot behind the first */
    expect_miss(&shots[i], HYSAC_ERROR_TIMEOUT);
  assert_int_equal(shots_warnings, 1);
  assert_int_equal(shots_count(&shots[0].n_done), 0);
  aim(&late, 1);
  HysacFrame frame = double_frame(late.data);
  g_autoptr(GError) error = NULL;
  assert_false(hysac_engine_submit(engine, &frame, on_release, on_done, &late, &error));
  assert_true(g_error_matches(error, HYSAC_ERROR, HYSAC_ERROR_TIMEOUT));
  g_autoptr(HysacEngine) fresh = get_engine();
  assert_ptr_not_equal(fresh, engine);
  assert_ptr_not_equal(hysac_engine_get_device(fresh), hysac_engine_get_device(engine));
  hysac_engine_unref(engine); /* at once, whatever its patience */
  double_open_gate();
  assert_true(wait_for(&shots[0].n_done, 1));
  g_clear_error(&shots[0].error);
  for (guint i = 1; i < 9; i++) {
    assert_true(wait_for(&shots[i].n_done, 1));
    g_clear_error(&shots[i].error);
  }
  fire(fresh, &late);
  expect_hit(&late);
  wait_for_engines(1);
}

/* Every hung engine keeps its memory: there is an end to it, until they come back. */
static void
hung_engines_are_bounded(void **state)
{
  g_autoptr(HysacModel) model = double_model();
  g_autoptr(GError) error = NULL;
  Shot shots[4];
  for (guint i = 0; i < 4; i++) {
    HysacEngine *engine = get_engine();
    engine->stop_patience = 0;
    double_shut_gate(hysac_engine_get_device(engine));
    aim(&shots[i], (float) i);
    fire(engine, &shots[i]);
    assert_true(wait_for_batches(1));
    hysac_engine_unref(engine);
  }
  assert_null(hysac_engine_get(model, NULL, HYSAC_PRECISION_AUTO, NULL, NULL, &error));
  assert_true(g_error_matches(error, HYSAC_ERROR, HYSAC_ERROR_TIMEOUT));
  double_open_gate();
  for (guint i = 0; i < 4; i++)
    expect_hit(&shots[i]);
  wait_for_engines(0);
  hysac_engine_unref(get_engine());
}

/* Each refusal is that frame's; so many on end are the engine's. */
static void
refusing_driver_is_given_up(void **state)
{
  g_autoptr(HysacEngine) engine = get_engine();
  Shot shot;
  for (guint round = 0; round < 2; round++) {
    for (guint i = 0; i < 7; i++) {
      aim(&shot, 1);
      if (i % 2)
        dbl.fail_frame = CL_MEM_OBJECT_ALLOCATION_FAILURE;
      else
        dbl.fail_tower = CL_INVALID_KERNEL_ARGS;
      fire(engine, &shot);
      expect_miss(&shot, i % 2 ? HYSAC_ERROR_OUT_OF_MEMORY : HYSAC_ERROR_DEVICE);
    }
    assert_int_equal(shots_warnings, 0);
    aim(&shot, 2);
    if (round == 1)
      dbl.fail_frame = CL_MEM_OBJECT_ALLOCATION_FAILURE;
    fire(engine, &shot);
    if (round == 0)
      expect_hit(&shot); /* and counting begins anew */
    else
      expect_miss(&shot, HYSAC_ERROR_OUT_OF_MEMORY);
  }
  assert_int_equal(shots_warnings, 1);
  HysacFrame frame = double_frame(shot.data);
  g_autoptr(GError) error = NULL;
  assert_false(hysac_engine_submit(engine, &frame, on_release, on_done, &shot, &error));
  assert_true(g_error_matches(error, HYSAC_ERROR, HYSAC_ERROR_OUT_OF_MEMORY));
}

int
main(int argc, char **argv)
{
  shots_start();
  const struct CMUnitTest tests[] = {
    TEST(stop_does_not_wait_for_a_hung_driver),
    TEST(idle_or_busy_is_not_hung),
    TEST(hung_engine_is_given_up),
    TEST(hung_engines_are_bounded),
    TEST(refusing_driver_is_given_up),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
