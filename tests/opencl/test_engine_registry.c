/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Making, sharing and freeing engines, with stand-ins for what they drive (engine_double.h). */

#include "engine_shots.h"

#include <glib/gstdio.h>
#include <string.h>

static char *program_path;

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
  assert_null(hysac_engine_get(model, NULL, (HysacPrecision) 77, NULL, NULL, &error));
  assert_true(g_error_matches(error, HYSAC_ERROR, HYSAC_ERROR_UNSUPPORTED));
  assert_non_null(strstr(error->message, "unknown"));
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

/* A driver whose events call back never, or long after: found out while making, and waited for. */
static void
driver_that_does_not_call_back_works(void **state)
{
  g_atomic_int_set(&dbl.mute, 1);
  HysacEngine *engine = get_engine();
  Shot shots[3];
  for (guint i = 0; i < 3; i++) {
    aim(&shots[i], (float) i);
    fire(engine, &shots[i]);
  }
  for (guint i = 0; i < 3; i++)
    expect_hit(&shots[i]);
  hysac_engine_unref(engine);
  g_atomic_int_set(&dbl.mute, 0);
  double_speak();
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

int
main(int argc, char **argv)
{
  program_path = argv[0];
  shots_start();
  if (argc == 2 && strcmp(argv[1], "no-device") == 0)
    return case_no_device();
  const struct CMUnitTest tests[] = {
    TEST(unref_in_a_callback_is_survived),
    TEST(embed_in_a_callback_is_refused),
    TEST(engines_are_shared_and_freed),
    TEST(failed_making_is_not_kept),
    TEST(precision_that_is_not_there_is_named),
    TEST(warm_up_tells_its_progress),
    TEST(driver_that_does_not_call_back_works),
    TEST(getters_wait_for_one_making),
    TEST(no_device_is_an_error),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
