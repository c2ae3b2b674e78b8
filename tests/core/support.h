/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above. */
#include <cmocka.h>

#include <glib.h>
#include <glib/gstdio.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"

/* A file of tests/data; g_free() it. */
static inline char *
test_path(const char *file)
{
  const char *data = g_getenv("HYSAC_TEST_DATA");
  return g_build_filename(data ? data : "tests/data", file, NULL);
}

/* @error has @code and its message holds @text; clears it. */
static inline void
expect_error(GError **error, HysacError code, const char *text)
{
  assert_non_null(*error);
  if (!g_error_matches(*error, HYSAC_ERROR, (int) code) || !strstr((*error)->message, text))
    fail_msg("error %d \"%s\" instead of %d with \"%s\"", (*error)->code, (*error)->message,
             (int) code, text);
  g_clear_error(error);
}

static inline void
expect_near(double got, double expected, double relative, const char *what)
{
  if (!(fabs(got - expected) <= relative * fabs(expected)))
    fail_msg("%s: %.17g instead of %.17g (relative error %.3g)", what, got, expected,
             fabs(got - expected) / fabs(expected));
}

/* Seeded by HYSAC_TEST_SEED, else by the clock; prints the seed. */
static inline GRand *
test_rand(void)
{
  const char *given = g_getenv("HYSAC_TEST_SEED");
  guint32 seed = given ? (guint32) g_ascii_strtoull(given, NULL, 10)
                       : (guint32) g_get_real_time();
  print_message("# HYSAC_TEST_SEED=%u\n", seed);
  return g_rand_new_with_seed(seed);
}

/* An empty folder of this test's own; remove it with remove_dir(). */
static inline char *
make_dir(void)
{
  char *dir = g_dir_make_tmp("hysac-test-XXXXXX", NULL);
  assert_non_null(dir);
  return dir;
}

/* Removes a folder with plain files in it, and frees its name. */
static inline void
remove_dir(char *path)
{
  GDir *dir = g_dir_open(path, 0, NULL);
  const char *name;
  while (dir && (name = g_dir_read_name(dir))) {
    char *file = g_build_filename(path, name, NULL);
    g_remove(file);
    g_free(file);
  }
  if (dir)
    g_dir_close(dir);
  g_rmdir(path);
  g_free(path);
}
