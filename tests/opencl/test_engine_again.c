/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A first start compiles, and keeps nothing of it: the engine that is handed out is made again from what is on
 * the disk then, in a context in which nothing was compiled; and once only where the disk does not have it. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "opencl/cl.h"
#include "opencl/engine.h"
#include "tests/removetree.h"

#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define N_THREADS 3

static HysacModel *model;
static guint dim;
static char *home;
static float *first; /* the feature that each engine must give, bit for bit */
static gint n_made, n_warned;

static GLogWriterOutput
count(GLogLevelFlags level, const GLogField *fields, gsize n, gpointer data)
{
  for (gsize i = 0; i < n; i++) {
    if (strcmp(fields[i].key, "MESSAGE") == 0 && strstr(fields[i].value, "engine for ") != NULL)
      g_atomic_int_inc(&n_made);
  }
  for (gsize i = 0; (level & G_LOG_LEVEL_WARNING) && i < n; i++) {
    if (strcmp(fields[i].key, "MESSAGE") == 0 && strstr(fields[i].value, "accuracy budget") != NULL)
      g_atomic_int_inc(&n_warned);
  }
  return G_LOG_WRITER_HANDLED;
}

/* No packed weights, a program less, no counts: compiling all of them each time takes too long. */
static int
set_up(void **state)
{
  g_autofree char *packed = g_build_filename(home, "gst-hysac", "packed", NULL);
  g_autofree char *programs = g_build_filename(home, "gst-hysac", "cl", NULL);
  g_autoptr(GDir) dir = g_dir_open(programs, 0, NULL);
  const char *name = dir != NULL ? g_dir_read_name(dir) : NULL;
  if (name != NULL) {
    g_autofree char *file = g_build_filename(programs, name, NULL);
    g_unlink(file);
  }
  remove_tree(packed);
  g_setenv("HYSAC_CACHE", "1", TRUE);
  n_made = n_warned = 0;
  return 0;
}

static int
tear_down(void **state)
{
  return hysac_engine_count() == 0 ? 0 : 1;
}

static HysacEngine *
get_of(HysacModel *of, HysacPrecision precision, HysacProgressFunc progress, gpointer user_data)
{
  g_autoptr(GError) error = NULL;
  HysacEngine *engine = hysac_engine_get(of, NULL, precision, progress, user_data, &error);
  if (engine == NULL)
    fail_msg("%s", error->message);
  return engine;
}

static HysacEngine *
get(HysacProgressFunc progress, gpointer user_data)
{
  return get_of(model, HYSAC_PRECISION_FP32, progress, user_data);
}

/* FALSE where its feature has other bits than the first engine's had. */
static gboolean
works(HysacEngine *engine)
{
  guint8 plane[16 * 16 * 3];
  for (guint i = 0; i < sizeof plane; i++)
    plane[i] = (guint8) (i * 37);
  const HysacFrame frame = { .format = HYSAC_FORMAT_RGB, .width = 16, .height = 16, .planes = { plane },
                             .strides = { 16 * 3 }, .sizes = { sizeof plane } };
  g_autofree float *feature = g_new0(float, dim);
  if (!hysac_engine_embed(engine, &frame, feature, NULL, NULL, NULL))
    return FALSE;
  if (first == NULL)
    first = g_memdup2(feature, dim * sizeof *feature);
  return memcmp(feature, first, dim * sizeof *feature) == 0;
}

static gboolean
has_compiled(HysacEngine *engine)
{
  return hysac_device_take_compiled(hysac_engine_get_device(engine));
}

static void
compiler_is_left_behind(void **state)
{
  HysacEngine *engine = get(NULL, NULL);
  assert_int_equal(n_made, 2);
  assert_false(has_compiled(engine));
  assert_true(works(engine));
  hysac_engine_unref(engine);

  engine = get(NULL, NULL); /* a later start: at once */
  assert_int_equal(n_made, 3);
  assert_false(has_compiled(engine));
  assert_true(works(engine));
  hysac_engine_unref(engine);
}

static void
what_is_not_stored_is_made_once(void **state)
{
  static const struct {
    const char *cache;
    gboolean blocked; /* a file where the folder of weights should be */
    gboolean compiled; /* into the cache */
  } cases[] = { { "0", FALSE, FALSE }, { "programs", FALSE, TRUE }, { "1", TRUE, TRUE } };
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autofree char *blocked = g_build_filename(home, "gst-hysac", "packed", NULL);
    set_up(NULL);
    g_setenv("HYSAC_CACHE", cases[i].cache, TRUE);
    if (cases[i].blocked) {
      g_autofree char *dir = g_path_get_dirname(blocked);
      assert_int_equal(g_mkdir_with_parents(dir, 0700), 0);
      assert_true(g_file_set_contents(blocked, "", 0, NULL));
    }
    HysacEngine *engine = get(NULL, NULL);
    assert_int_equal(n_made, 1);
    assert_int_equal(has_compiled(engine), cases[i].compiled);
    assert_true(works(engine));
    hysac_engine_unref(engine);
  }
}

/* The same engine, or one that is as good: those who hold the old context may go on. */
static void
who_uses_the_device_keeps_it(void **state)
{
  g_autoptr(GError) error = NULL;
  HysacDevice *device = hysac_device_open(NULL, &error);
  assert_non_null(device);
  HysacEngine *engine = get(NULL, NULL);
  assert_ptr_equal(hysac_engine_get_device(engine), device);
  assert_int_equal(n_made, 2);
  assert_true(works(engine));
  hysac_engine_unref(engine);
  engine = get(NULL, NULL);
  assert_int_equal(n_made, 3); /* it is not tried again in vain */
  hysac_engine_unref(engine);
  hysac_device_unref(device);
}

static gpointer
get_and_try(gpointer data)
{
  HysacEngine *engine = get(NULL, NULL);
  const gboolean ok = works(engine);
  hysac_engine_unref(engine);
  return GINT_TO_POINTER(ok);
}

static void
many_may_start_at_once(void **state)
{
  GThread *threads[N_THREADS];
  for (guint i = 0; i < N_THREADS; i++)
    threads[i] = g_thread_new("start", get_and_try, NULL);
  for (guint i = 0; i < N_THREADS; i++)
    assert_true(GPOINTER_TO_INT(g_thread_join(threads[i])));
}

typedef struct {
  guint done, total, n_ends;
  gboolean back;
} Progress;

static void
on_progress(guint done, guint total, const char *what, gpointer user_data)
{
  Progress *p = user_data;
  p->back = p->back || done * (guint64) MAX(p->total, 1) < p->done * (guint64) total;
  p->n_ends += done == total;
  p->done = done;
  p->total = total;
}

static void
progress_ends_once(void **state)
{
  Progress p = { 0 };
  HysacEngine *engine = get(on_progress, &p);
  assert_int_equal(n_made, 2);
  assert_int_equal(p.n_ends, 1);
  assert_false(p.back);
  hysac_engine_unref(engine);
}

/* The demo model is out of int8's budget: that it is used all the same is warned of, once. */
static void
a_broken_budget_is_told_once(void **state)
{
  g_autoptr(HysacModel) demo = hysac_model_load(DEMO, NULL);
  assert_non_null(demo);
  HysacEngine *engine = get_of(demo, HYSAC_PRECISION_INT8, NULL, NULL);
  HysacAccuracy accuracy;
  hysac_engine_get_accuracy(engine, &accuracy);
  assert_int_equal(n_made, 2);
  assert_int_equal(n_warned, !hysac_precision_holds(HYSAC_PRECISION_INT8, &accuracy));
  hysac_engine_unref(engine);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(compiler_is_left_behind, set_up, tear_down),
    cmocka_unit_test_setup_teardown(what_is_not_stored_is_made_once, set_up, tear_down),
    cmocka_unit_test_setup_teardown(who_uses_the_device_keeps_it, set_up, tear_down),
    cmocka_unit_test_setup_teardown(many_may_start_at_once, set_up, tear_down),
    cmocka_unit_test_setup_teardown(progress_ends_once, set_up, tear_down),
    cmocka_unit_test_setup_teardown(a_broken_budget_is_told_once, set_up, tear_down),
  };
  g_autofree char *path = g_build_filename(g_getenv("HYSAC_TEST_DATA"), "reference/small/model", NULL);
  home = g_dir_make_tmp("hysac-again-XXXXXX", NULL);
  model = hysac_model_load(path, NULL);
  if (home == NULL || model == NULL)
    return 1;
  dim = hysac_model_get_vision_config(model)->projection;
  /* PoCL's own cache stays where it is: machine code that other tests have made is not made again. */
  const char *caches = g_getenv("XDG_CACHE_HOME"); /* g_get_user_cache_dir() would keep to it */
  g_autofree char *pocl = caches != NULL ? g_build_filename(caches, "pocl", "kcache", NULL)
                                         : g_build_filename(g_get_home_dir(), ".cache", "pocl", "kcache", NULL);
  if (g_access(pocl, W_OK) == 0)
    g_setenv("POCL_CACHE_DIR", pocl, FALSE);
  g_setenv("XDG_CACHE_HOME", home, TRUE);
  g_log_set_writer_func(count, NULL, NULL);
  const int status = cmocka_run_group_tests(tests, NULL, NULL);
  hysac_model_unref(model);
  g_free(first);
  remove_tree(home);
  g_free(home);
  return status;
}
