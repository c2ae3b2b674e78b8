/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A model's weights are hashed once in a process, with a cache on the disk and without one. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/weights.h"
#include "opencl/weightshash.h"

#include <glib/gstdio.h>
#include <string.h>

static gint n_hashed;
static char *folder;
static const char *const files[] = { "config.json", "preprocessor_config.json", "hysac.json", "model.safetensors" };

char *__real_hysac_safetensors_hash(HysacSafetensors *self, const gint *stop, GError **error);
char *__wrap_hysac_safetensors_hash(HysacSafetensors *self, const gint *stop, GError **error);

char *
__wrap_hysac_safetensors_hash(HysacSafetensors *self, const gint *stop, GError **error)
{
  g_atomic_int_inc(&n_hashed);
  return __real_hysac_safetensors_hash(self, stop, error);
}

/* A copy of the demo model, newer than any other. @damage: one byte of its weights differs. */
static void
make_model(gboolean damage)
{
  for (guint i = 0; i < G_N_ELEMENTS(files); i++) {
    g_autofree char *from = g_build_filename(g_getenv("HYSAC_SRCDIR"), "models", "demo", files[i], NULL);
    g_autofree char *to = g_build_filename(folder, files[i], NULL);
    g_autofree char *data = NULL;
    gsize size;
    assert_true(g_file_get_contents(from, &data, &size, NULL));
    if (damage && g_str_has_suffix(to, "safetensors"))
      data[size - 1] ^= 1;
    g_unlink(to);
    assert_true(g_file_set_contents(to, data, (gssize) size, NULL));
  }
}

static HysacModel *
load(void)
{
  g_autoptr(GError) error = NULL;
  HysacModel *model = hysac_model_load(folder, &error);
  if (model == NULL)
    fail_msg("%s", error->message);
  return model;
}

static int
set_up(void **state)
{
  make_model(FALSE);
  n_hashed = 0;
  return 0;
}

/* Each tower asks, and after a lost device each asks again. */
static void
hashed_once(void **state)
{
  g_autoptr(GError) error = NULL;
  for (guint i = 0; i < 3; i++) {
    g_autoptr(HysacModel) model = load();
    g_autofree char *hash = hysac_model_hash_weights(model, NULL);
    assert_string_equal(hash, hysac_model_get_weights_sha256(model));
    assert_true(hysac_model_verify_weights(model, NULL));
    assert_int_equal(n_hashed, 1);
  }
  make_model(TRUE); /* another file in its place is another one */
  g_autoptr(HysacModel) model = load();
  for (guint i = 0; i < 2; i++) {
    assert_false(hysac_model_verify_weights(model, &error));
    assert_true(g_error_matches(error, HYSAC_ERROR, HYSAC_ERROR_MODEL));
    g_clear_error(&error);
  }
  assert_int_equal(n_hashed, 2);
}

static gpointer
ask(gpointer model)
{
  return hysac_model_hash_weights(model, NULL);
}

static void
those_who_ask_at_once_wait_for_one(void **state)
{
  g_autoptr(HysacModel) model = load();
  GThread *threads[4];
  for (guint i = 0; i < G_N_ELEMENTS(threads); i++)
    threads[i] = g_thread_new("ask", ask, model);
  for (guint i = 0; i < G_N_ELEMENTS(threads); i++) {
    g_autofree char *hash = g_thread_join(threads[i]);
    assert_string_equal(hash, hysac_model_get_weights_sha256(model));
  }
  assert_int_equal(n_hashed, 1);
}

/* What is remembered has an end, and a file that was forgotten is hashed again. */
static void
many_files_are_not_kept_for_good(void **state)
{
  g_autoptr(HysacModel) model = load();
  g_free(hysac_model_hash_weights(model, NULL));
  for (guint i = 0; i < 1000; i++) {
    g_autofree char *stamp = g_strdup_printf("another %u", i);
    hysac_weights_remember_hash(stamp, hysac_model_get_weights_sha256(model));
    g_autofree char *hash = hysac_weights_recall_hash(stamp);
    assert_string_equal(hash, hysac_model_get_weights_sha256(model));
  }
  assert_null(hysac_weights_recall_hash("another 0"));
  g_autofree char *hash = hysac_model_hash_weights(model, NULL);
  assert_string_equal(hash, hysac_model_get_weights_sha256(model));
  assert_int_equal(n_hashed, 2);
}

int
main(void)
{
  g_setenv("HYSAC_CACHE", "0", TRUE);
  folder = g_dir_make_tmp("hysac-hash-XXXXXX", NULL);
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup(hashed_once, set_up),
    cmocka_unit_test_setup(those_who_ask_at_once_wait_for_one, set_up),
    cmocka_unit_test_setup(many_files_are_not_kept_for_good, set_up),
  };
  const int failed = cmocka_run_group_tests_name("weights' hash", tests, NULL, NULL);
  for (guint i = 0; i < G_N_ELEMENTS(files); i++) {
    g_autofree char *path = g_build_filename(folder, files[i], NULL);
    g_unlink(path);
  }
  g_rmdir(folder);
  g_free(folder);
  return failed;
}
