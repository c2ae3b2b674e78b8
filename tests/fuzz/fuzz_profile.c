/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fitting a profile to any numbers, and writing it into any hysac.json that loads: it loads again, with
 * that profile, from memory and from a folder. */
/* Covers: core/profile.c */
#include "fuzz.h"

#include "core/config.h"

#include <glib/gstdio.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SAMPLES 24

static char *folder, *file;

static void
remove_folder(void)
{
  g_unlink(file);
  g_rmdir(folder);
  g_clear_pointer(&file, g_free);
  g_clear_pointer(&folder, g_free);
}

/* A folder whose hysac.json is @data. */
static const char *
model_folder(const uint8_t *data, size_t size)
{
  if (!folder) {
    folder = g_dir_make_tmp("hysac-fuzz-XXXXXX", NULL);
    REQUIRE(folder);
    file = g_build_filename(folder, "hysac.json", NULL);
    atexit(remove_folder);
  }
  REQUIRE(g_file_set_contents(file, (const char *) data, (gssize) size, NULL));
  return folder;
}

/* The first bytes as distances, some of them none: (transfer full) a profile, or NULL. */
static HysacProfile *
fit(const uint8_t *data, size_t size)
{
  double values[MAX_SAMPLES];
  const gsize n = MIN(size, MAX_SAMPLES), n_unsafe = n / 4;
  for (gsize i = 0; i < n; i++)
    values[i] = data[i] == 255 ? (double) NAN : data[i] == 254 ? -1.0 : data[i] / 100.0;
  const double percentile = size > MAX_SAMPLES ? data[MAX_SAMPLES] * 0.8 - 10.0 : 95.0;
  const HysacPrecision precision = size > MAX_SAMPLES + 1 ? data[MAX_SAMPLES + 1] % 8 : 1;
  g_autoptr(GError) error = NULL;
  HysacProfile *profile = hysac_profile_fit(values, n - n_unsafe, n_unsafe ? values + n - n_unsafe : NULL,
                                            n_unsafe, percentile, precision, &error);
  require_error(profile != NULL, &error);
  if (!profile)
    return NULL;
  REQUIRE(profile->bound > 0.0 && isfinite(profile->bound));
  REQUIRE(profile->scale > 0.0 && isfinite(profile->scale));
  REQUIRE(profile->safe_count == n - n_unsafe && profile->unsafe_count == n_unsafe);
  REQUIRE(profile->safe_above >= 0.0 && profile->safe_above <= 1.0);
  REQUIRE(profile->recall >= 0.0 && profile->recall <= 1.0);
  REQUIRE(profile->auc >= 0.0 && profile->auc <= 1.0);
  g_autoptr(HysacProfile) at = hysac_profile_fit_at(values, n - n_unsafe, n_unsafe ? values + n - n_unsafe : NULL,
                                                    n_unsafe, profile->bound, precision, NULL);
  REQUIRE(at && at->bound == profile->bound && at->safe_above == profile->safe_above);
  REQUIRE(hysac_profile_enough_samples(percentile) >= HYSAC_PROFILE_MIN_SAMPLES);
  const char *const inputs[] = {fuzz_file(data, size), "/dev/null/nowhere"};
  profile->safe_sha256 = hysac_profile_hash_inputs(inputs, 1, NULL);
  REQUIRE(profile->safe_sha256 && strlen(profile->safe_sha256) == 64);
  REQUIRE(!hysac_profile_hash_inputs(inputs, 2, &error));
  require_error(FALSE, &error);
  return profile;
}

static gboolean
is_same(const HysacProfile *a, const HysacProfile *b)
{
  return a->bound == b->bound && a->scale == b->scale && a->unsafe_count == b->unsafe_count &&
         g_strcmp0(a->tool, b->tool) == 0 && g_strcmp0(a->safe_sha256, b->safe_sha256) == 0;
}

static void
check_saved(const uint8_t *data, size_t size, const HysacProfile *profile, gboolean expected)
{
  g_autoptr(GError) error = NULL;
  HysacMetadata metadata;
  gsize length;

  gboolean ok = hysac_profile_save(profile, model_folder(data, size), &error);
  require_error(ok, &error);
  REQUIRE(ok == expected);
  g_autofree char *text = NULL;
  REQUIRE(g_file_get_contents(file, &text, &length, NULL));
  if (!ok) {
    REQUIRE(length == size && memcmp(text, data, size) == 0);
    return;
  }
  REQUIRE(hysac_metadata_parse(text, length, "saved", &metadata, NULL));
  REQUIRE(metadata.profile && is_same(metadata.profile, profile));
  hysac_metadata_clear(&metadata);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  const double safe[] = {0.1, 0.2, 0.3};
  HysacMetadata before, after;
  g_autoptr(GError) error = NULL;
  g_autoptr(HysacProfile) fitted = fit(data, size);

  gboolean ok = hysac_metadata_parse((const char *) data, size, "input", &before, &error);
  require_error(ok, &error);
  if (!ok)
    return 0;
  g_autoptr(HysacProfile) profile = fitted ? g_steal_pointer(&fitted)
                                           : hysac_profile_fit(safe, 3, NULL, 0, 95,
                                                               HYSAC_PRECISION_FP32, NULL);
  /* The file's own profile comes back as it was. */
  const HysacProfile *expected = before.profile ? before.profile : profile;
  g_autofree char *json = hysac_profile_to_json(expected);
  g_autofree char *text = hysac_profile_splice((const char *) data, size, json);
  ok = hysac_metadata_parse(text, strlen(text), "written", &after, &error);
  check_saved(data, size, expected, ok);
  /* A spelling of the key with escapes makes two of it: refused, and nothing is written. */
  if (!ok) {
    REQUIRE(strchr(text, '\\'));
    g_clear_error(&error);
    hysac_metadata_clear(&before);
    return 0;
  }
  REQUIRE(after.profile && after.region.calibrated && is_same(after.profile, expected));
  REQUIRE(after.geometry.curvature == before.geometry.curvature);
  hysac_metadata_clear(&before);
  hysac_metadata_clear(&after);
  return 0;
}
