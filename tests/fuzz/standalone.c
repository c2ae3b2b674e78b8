/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* For builds without libFuzzer: runs a target over files and folders of them, every prefix of the
 * small ones, and mutations (HYSAC_TEST_SEED). */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MUTATIONS 2000
#define MAX_PREFIXES 4096

/* In a block of its own size, so that a sanitizer sees each byte read behind it. */
static void
run(const char *data, gsize size)
{
  uint8_t *copy = malloc(size ? size : 1);
  if (size)
    memcpy(copy, data, size);
  LLVMFuzzerTestOneInput(copy, size);
  free(copy);
}

static void
mutate(char *data, gsize size, GRand *rand)
{
  static const char *const interesting = "\"{}[]:,\\0-9eE.u \n\xff";
  guint changes = (guint) g_rand_int_range(rand, 1, 5);

  while (changes-- > 0) {
    gsize at = (gsize) g_rand_int_range(rand, 0, (gint32) size);
    if (g_rand_boolean(rand))
      data[at] = (char) g_rand_int_range(rand, 0, 256);
    else
      data[at] = interesting[(gsize) g_rand_int_range(rand, 0, (gint32) strlen(interesting))];
  }
}

static guint
run_file(const char *path, GRand *rand)
{
  g_autofree char *data = NULL;
  gsize size;

  if (!g_file_get_contents(path, &data, &size, NULL)) {
    fprintf(stderr, "cannot read %s\n", path);
    exit(1);
  }
  run(data, size);
  for (gsize n = 0; n < MIN(size, MAX_PREFIXES); n++)
    run(data, n);
  for (guint i = 0; size > 0 && i < MUTATIONS; i++) {
    g_autofree char *copy = g_memdup2(data, size);
    mutate(copy, size, rand);
    run(copy, size);
  }
  return 1;
}

static guint
run_path(const char *path, GRand *rand)
{
  g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
  const char *name;
  guint count = 0;

  if (!dir)
    return run_file(path, rand);
  while ((name = g_dir_read_name(dir))) {
    g_autofree char *file = g_build_filename(path, name, NULL);
    count += run_file(file, rand);
  }
  return count;
}

int
main(int argc, char **argv)
{
  const char *given = g_getenv("HYSAC_TEST_SEED");
  guint32 seed = given ? (guint32) g_ascii_strtoull(given, NULL, 10) : (guint32) g_get_real_time();
  GRand *rand = g_rand_new_with_seed(seed);
  guint count = 0;

  printf("HYSAC_TEST_SEED=%u\n", seed);
  fflush(stdout);
  for (int i = 1; i < argc; i++)
    count += run_path(argv[i], rand);
  g_rand_free(rand);
  printf("%u files\n", count);
  return count > 0 ? 0 : 1;
}
