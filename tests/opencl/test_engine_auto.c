/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which precision AUTO takes, what is remembered of it, and who shares it, with stand-ins for what the engine
 * drives (engine_double.h). */

#include "engine_shots.h"

#include <glib/gstdio.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FP32 HYSAC_PRECISION_FP32
#define BF16 HYSAC_PRECISION_BF16
#define INT8 HYSAC_PRECISION_INT8

static char *home, *folder;
static GMutex log_lock;
static GString *logged;

static void
keep_log(const char *domain, GLogLevelFlags level, const char *text, gpointer data)
{
  if ((level & (G_LOG_LEVEL_WARNING | G_LOG_LEVEL_MESSAGE)) == 0)
    return;
  g_mutex_lock(&log_lock);
  g_string_append_printf(logged, "%s %s\n", level & G_LOG_LEVEL_WARNING ? "warning" : "message", text);
  g_mutex_unlock(&log_lock);
}

static HysacEngine *
get(HysacPrecision precision)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(HysacModel) model = double_model();
  HysacEngine *engine = hysac_engine_get(model, NULL, precision, NULL, NULL, &error);
  if (engine == NULL)
    fail_msg("%s", error->message);
  return engine;
}

/* The files in the cache's folder; @replace: each gets that content. */
static guint
records(const char *replace)
{
  GDir *dir = g_dir_open(folder, 0, NULL);
  const char *name;
  guint n = 0;
  while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
    g_autofree char *path = g_build_filename(folder, name, NULL);
    if (replace != NULL)
      assert_true(g_file_set_contents(path, replace, -1, NULL));
    n++;
  }
  if (dir != NULL)
    g_dir_close(dir);
  return n;
}

static void
forget(void)
{
  GDir *dir = g_dir_open(folder, 0, NULL);
  const char *name;
  while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
    g_autofree char *path = g_build_filename(folder, name, NULL);
    g_unlink(path);
  }
  if (dir != NULL)
    g_dir_close(dir);
  g_rmdir(folder);
  g_unlink(folder);
}

static int
set_up(void **state)
{
  forget();
  g_string_truncate(logged, 0);
  memset(dbl.native, 0, sizeof dbl.native);
  memset(dbl.bad, 0, sizeof dbl.bad);
  memset(dbl.fail_in, 0, sizeof dbl.fail_in);
  memset(dbl.n_made_in, 0, sizeof dbl.n_made_in);
  dbl.native[INT8] = dbl.native[BF16] = TRUE;
  dbl.accuracy = (HysacAccuracy){ 0.994, 0.02 };
  return clean_slate(state);
}

static void
fastest_is_taken_and_shared(void **state)
{
  HysacEngine *a = get(HYSAC_PRECISION_AUTO), *b = get(INT8), *c = get(HYSAC_PRECISION_AUTO);
  HysacAccuracy accuracy;
  assert_int_equal(hysac_engine_get_precision(a), INT8);
  assert_ptr_equal(a, b);
  assert_ptr_equal(a, c);
  assert_int_equal(dbl.n_made, 1);
  hysac_engine_get_accuracy(a, &accuracy);
  assert_true(accuracy.cosine == 1.0 && accuracy.distance == 0.0);
  assert_int_equal(logged->len, 0);
  hysac_engine_unref(a);
  hysac_engine_unref(b);
  hysac_engine_unref(c);
  dbl.native[INT8] = FALSE; /* it would be slower than fp32 */
  a = get(HYSAC_PRECISION_AUTO);
  assert_int_equal(hysac_engine_get_precision(a), BF16);
  hysac_engine_unref(a);
}

static void
what_breaks_its_budget_gives_way_once(void **state)
{
  dbl.bad[INT8] = TRUE;
  HysacEngine *a = get(HYSAC_PRECISION_AUTO), *b = get(BF16);
  assert_int_equal(hysac_engine_get_precision(a), BF16);
  assert_ptr_equal(a, b);
  assert_int_equal(dbl.n_made_in[INT8], 1);
  assert_int_equal(dbl.n_made_in[BF16], 1);
  assert_int_equal(dbl.n_alive, 1); /* the other was freed */
  assert_non_null(strstr(logged->str, "message /double/model: precision auto takes bf16"));
  assert_non_null(strstr(logged->str, "int8 does not hold its accuracy budget"));
  assert_non_null(strstr(logged->str, "cosine is 0.9940000, less than the 0.9995"));
  assert_non_null(strstr(logged->str, "distances are off by 0.02, more than the 0.005"));
  hysac_engine_unref(a);
  hysac_engine_unref(b);
  assert_int_equal(records(NULL), 1);
  a = get(HYSAC_PRECISION_AUTO); /* the next start goes straight to it, and says so again */
  assert_int_equal(hysac_engine_get_precision(a), BF16);
  assert_int_equal(dbl.n_made_in[INT8], 1);
  assert_int_equal(dbl.n_made_in[BF16], 2);
  hysac_engine_unref(a);
  dbl.geometry.visual_alpha = 0.25; /* another model is measured for itself */
  a = get(HYSAC_PRECISION_AUTO);
  dbl.geometry.visual_alpha = 0.5;
  assert_int_equal(dbl.n_made_in[INT8], 2);
  hysac_engine_unref(a);
  dbl.bad[BF16] = TRUE;
  a = get(HYSAC_PRECISION_AUTO);
  assert_int_equal(hysac_engine_get_precision(a), FP32);
  hysac_engine_unref(a);
}

/* The other budget holds: a reader would take it for the reason. */
static void
only_the_broken_budget_is_told(void **state)
{
  static const HysacAccuracy measured[] = { { 0.99955, 0.0051 }, { 0.9994999, 0.004 } };
  static const char *const told[] = { "the distances are off by 0.0051, more than the 0.005 that is allowed",
                                      "the features' cosine is 0.9994999, less than the 0.9995 that it needs" };
  static const char *const untold[] = { "cosine", "distances" };
  dbl.bad[INT8] = TRUE;
  for (guint i = 0; i < G_N_ELEMENTS(measured); i++) {
    forget();
    g_string_truncate(logged, 0);
    dbl.accuracy = measured[i];
    hysac_engine_unref(get(HYSAC_PRECISION_AUTO));
    if (!strstr(logged->str, told[i]) || strstr(logged->str, untold[i]))
      fail_msg("%s", logged->str);
  }
}

typedef struct {
  guint calls, done, total, bf16;
} Told;

static void
on_progress(guint done, guint total, const char *what, gpointer data)
{
  Told *told = data;
  assert_true(done <= total);
  assert_true(done >= told->done);
  assert_true(told->calls == 0 || total <= told->total);
  told->calls++;
  told->done = done;
  told->total = total;
  told->bf16 += g_str_has_prefix(what, "bf16: ");
}

/* int8 is tried to the end and given up: whoever watches sees the count go on. */
static void
progress_never_goes_back(void **state)
{
  g_autoptr(HysacModel) model = double_model();
  for (guint bad = 0; bad < 3; bad++) { /* the first, the second or the third will do */
    Told told = { 0 };
    forget();
    dbl.bad[INT8] = bad > 0;
    dbl.bad[BF16] = bad > 1;
    HysacEngine *engine = hysac_engine_get(model, NULL, HYSAC_PRECISION_AUTO, on_progress, &told, NULL);
    assert_non_null(engine);
    assert_int_equal(told.done, 3 * (bad + 1));
    assert_int_equal(told.total, told.done);
    assert_int_equal(told.bf16 > 0, bad > 0);
    hysac_engine_unref(engine);
  }
}

static void
not_a_number_breaks_every_budget(void **state)
{
  dbl.bad[INT8] = dbl.bad[BF16] = TRUE;
  dbl.accuracy = (HysacAccuracy){ (double) NAN, (double) NAN };
  for (guint i = 0; i < 2; i++) {
    HysacEngine *a = get(HYSAC_PRECISION_AUTO);
    assert_int_equal(hysac_engine_get_precision(a), FP32);
    hysac_engine_unref(a);
  }
  assert_int_equal(dbl.n_made_in[INT8], 1);
}

static void
kernels_that_do_not_work_give_way(void **state)
{
  dbl.fail_in[INT8] = CL_BUILD_PROGRAM_FAILURE;
  HysacEngine *a = get(HYSAC_PRECISION_AUTO);
  assert_int_equal(hysac_engine_get_precision(a), BF16);
  hysac_engine_unref(a);
  assert_int_equal(records(NULL), 0); /* that is no measurement */
  dbl.fail_in[INT8] = CL_MEM_OBJECT_ALLOCATION_FAILURE; /* more numbers would need more */
  g_autoptr(HysacModel) model = double_model();
  g_autoptr(GError) error = NULL;
  assert_null(hysac_engine_get(model, NULL, HYSAC_PRECISION_AUTO, NULL, NULL, &error));
  assert_true(g_error_matches(error, HYSAC_ERROR, HYSAC_ERROR_OUT_OF_MEMORY));
}

static void
what_is_asked_for_is_used_and_said(void **state)
{
  dbl.bad[INT8] = TRUE;
  HysacEngine *a = get(INT8);
  assert_int_equal(hysac_engine_get_precision(a), INT8);
  assert_non_null(strstr(logged->str, "warning /double/model: int8 does not hold"));
  assert_non_null(strstr(logged->str, "0.99400"));
  HysacEngine *b = get(HYSAC_PRECISION_AUTO); /* not that one */
  assert_int_equal(hysac_engine_get_precision(b), BF16);
  assert_int_equal(dbl.n_made_in[INT8], 1);
  forget();
  HysacEngine *c = get(HYSAC_PRECISION_AUTO); /* by what the living engine measured */
  assert_ptr_equal(b, c);
  assert_int_equal(dbl.n_made_in[INT8], 1);
  hysac_engine_unref(a);
  hysac_engine_unref(b);
  hysac_engine_unref(c);
}

static void
broken_cache_is_measured_again(void **state)
{
  static const char *const contents[] = { "", "nonsense", "HYSACCHO and then some that is no record at all: one "
                                          "hundred and twenty bytes, so that only what they say is wrong....." };
  dbl.bad[INT8] = TRUE;
  hysac_engine_unref(get(HYSAC_PRECISION_AUTO));
  for (guint i = 0; i < G_N_ELEMENTS(contents); i++) {
    assert_int_equal(records(contents[i]), 1);
    HysacEngine *a = get(HYSAC_PRECISION_AUTO);
    assert_int_equal(hysac_engine_get_precision(a), BF16);
    assert_int_equal(dbl.n_made_in[INT8], 2 + i);
    hysac_engine_unref(a);
  }
  /* Where nothing can be written, every start measures. */
  forget();
  assert_true(g_file_set_contents(folder, "in the way", -1, NULL));
  for (guint i = 0; i < 2; i++) {
    HysacEngine *a = get(HYSAC_PRECISION_AUTO);
    assert_int_equal(hysac_engine_get_precision(a), BF16);
    assert_int_equal(dbl.n_made_in[INT8], 5 + i);
    hysac_engine_unref(a);
  }
  assert_non_null(strstr(logged->str, "not cached"));
}

static gpointer
get_in_thread(gpointer data)
{
  g_autoptr(HysacModel) model = double_model();
  return hysac_engine_get(model, NULL, GPOINTER_TO_INT(data), NULL, NULL, NULL);
}

static void
getters_wait_for_one_choice(void **state)
{
  GThread *threads[6];
  HysacEngine *engines[6];
  dbl.bad[INT8] = TRUE;
  dbl.slow_new_us = 50000;
  assert_true(g_file_set_contents(folder, "in the way", -1, NULL)); /* they have it from one another */
  for (guint i = 0; i < 6; i++)
    threads[i] = g_thread_new("get", get_in_thread, GINT_TO_POINTER(i == 5 ? INT8 : HYSAC_PRECISION_AUTO));
  for (guint i = 0; i < 6; i++) {
    engines[i] = g_thread_join(threads[i]);
    assert_non_null(engines[i]);
  }
  dbl.slow_new_us = 0;
  for (guint i = 0; i < 5; i++)
    assert_ptr_equal(engines[i], engines[0]);
  assert_int_equal(hysac_engine_get_precision(engines[0]), BF16);
  assert_int_equal(hysac_engine_get_precision(engines[5]), INT8);
  assert_int_equal(dbl.n_made_in[BF16], 1);
  for (guint i = 0; i < 6; i++)
    hysac_engine_unref(engines[i]);
}

#define CASE(name) cmocka_unit_test_setup(name, set_up)

int
main(void)
{
  home = g_dir_make_tmp("hysac-auto-XXXXXX", NULL);
  g_setenv("XDG_CACHE_HOME", home, TRUE);
  g_unsetenv("HYSAC_CACHE");
  folder = g_build_filename(home, "gst-hysac", "precisions", NULL);
  logged = g_string_new(NULL);
  shots_start();
  g_log_set_handler("hysac", G_LOG_LEVEL_MASK, keep_log, NULL);
  const struct CMUnitTest tests[] = {
    CASE(fastest_is_taken_and_shared),        CASE(what_breaks_its_budget_gives_way_once),
    CASE(not_a_number_breaks_every_budget),   CASE(kernels_that_do_not_work_give_way),
    CASE(only_the_broken_budget_is_told),     CASE(progress_never_goes_back),
    CASE(what_is_asked_for_is_used_and_said), CASE(broken_cache_is_measured_again),
    CASE(getters_wait_for_one_choice),
  };
  int failed = cmocka_run_group_tests_name("engine auto", tests, NULL, NULL);
  forget();
  g_autofree char *remove = g_strdup_printf("rm -r %s", home);
  return system(remove) == 0 ? failed : 1;
}
