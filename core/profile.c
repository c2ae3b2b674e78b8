/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/profile.h"
#include "core/config.h"
#include "core/file.h"
#include "core/json.h"
#include "core/measures_json.h"
#include "core/report.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The distance between the quartiles of a normal distribution, in standard deviations. */
#define IQR_PER_SIGMA 1.3489795003921634

void
hysac_profile_free(HysacProfile *self)
{
  if (!self)
    return;
  g_free(self->safe_sha256);
  g_free(self->unsafe_sha256);
  g_free(self->weights_sha256);
  g_free(self->date);
  g_free(self->tool);
  g_free(self->measures);
  g_free(self);
}

/* ------------------------------------------------------------ fitting */

/* A sorted copy; NULL where a value is not a distance. */
static double *
sorted_distances(const double *values, gsize n, const char *what, GError **error)
{
  g_autofree double *sorted = g_new(double, n + 1);

  for (gsize i = 0; i < n; i++) {
    if (!isfinite(values[i]) || values[i] < 0.0) {
      g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT,
                  "%s sample %" G_GSIZE_FORMAT " has distance %g; a finite one is expected", what, i,
                  values[i]);
      return NULL;
    }
    sorted[i] = values[i];
  }
  hysac_sort(sorted, n);
  return g_steal_pointer(&sorted);
}

static double
share_above(const double *sorted, gsize n, double bound)
{
  gsize above = 0;
  while (above < n && sorted[n - 1 - above] > bound)
    above++;
  return (double) above / (double) n;
}

/* Spread by the quartiles, which a few outliers do not move; where half the samples are equal, by the
 * deviation, and where all are, one hundredth of the bound: the score needs a unit. */
static double
spread_of(const double *sorted, gsize n, double bound)
{
  double iqr = hysac_percentile(sorted, n, 75.0) - hysac_percentile(sorted, n, 25.0);
  double mean = 0.0, square = 0.0;

  if (iqr > 1e-6 * bound)
    return iqr / IQR_PER_SIGMA;
  for (gsize i = 0; i < n; i++)
    mean += sorted[i] / (double) n;
  for (gsize i = 0; i < n; i++)
    square += (sorted[i] - mean) * (sorted[i] - mean) / (double) n;
  return MAX(sqrt(square), 0.01 * bound);
}

/* Mann-Whitney: the share of (unsafe, safe) pairs in the right order, in one pass over both. */
static double
auc_of(const double *safe, gsize n_safe, const double *unsafe, gsize n_unsafe)
{
  double pairs = 0.0;
  gsize below = 0, not_above = 0;

  for (gsize i = 0; i < n_unsafe; i++) {
    while (below < n_safe && safe[below] < unsafe[i])
      below++;
    while (not_above < n_safe && safe[not_above] <= unsafe[i])
      not_above++;
    pairs += 0.5 * ((double) below + (double) not_above);
  }
  return pairs / ((double) n_safe * (double) n_unsafe);
}

/* What both ways of fitting need. */
static gboolean
check_input(gsize n_safe, HysacPrecision precision, GError **error)
{
  if (n_safe < HYSAC_PROFILE_MIN_SAMPLES) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT,
                "a profile needs %d benign samples (got %" G_GSIZE_FORMAT ")",
                HYSAC_PROFILE_MIN_SAMPLES, n_safe);
    return FALSE;
  }
  if (precision <= HYSAC_PRECISION_AUTO || precision > HYSAC_PRECISION_INT8) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT, "a profile needs a precision (got %s)",
                hysac_precision_to_string(precision));
    return FALSE;
  }
  return TRUE;
}

/* @percentile 0: that of @bound; else @bound is 0, and becomes the percentile's. */
static HysacProfile *
fit(const double *safe, gsize n_safe, const double *unsafe, gsize n_unsafe, double percentile,
    double bound, HysacPrecision precision, GError **error)
{
  g_autofree double *sorted = sorted_distances(safe, n_safe, "benign", error);
  g_autofree double *sorted_unsafe = unsafe ? sorted_distances(unsafe, n_unsafe, "unsafe", error)
                                            : NULL;
  if (!sorted || (unsafe && !sorted_unsafe))
    return NULL;
  if (percentile > 0.0)
    bound = hysac_percentile(sorted, n_safe, percentile);
  else
    percentile = 100.0 * (1.0 - share_above(sorted, n_safe, bound));
  if (!(bound > 0.0) || !(percentile > 0.0)) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT,
                "percentile %g of the benign distances is %g: no bound", percentile, bound);
    return NULL;
  }

  HysacProfile *self = g_new0(HysacProfile, 1);
  g_autoptr(GDateTime) now = g_date_time_new_now_utc();
  self->bound = bound;
  self->scale = spread_of(sorted, n_safe, bound);
  self->percentile = percentile;
  self->precision = precision;
  self->distance_error = hysac_precision_get_budget(precision).distance;
  self->safe_count = n_safe;
  self->safe_above = share_above(sorted, n_safe, bound);
  if (sorted_unsafe && n_unsafe > 0) {
    self->unsafe_count = n_unsafe;
    self->recall = share_above(sorted_unsafe, n_unsafe, bound);
    self->auc = auc_of(sorted, n_safe, sorted_unsafe, n_unsafe);
  }
  self->date = g_date_time_format(now, "%Y-%m-%dT%H:%M:%SZ");
  self->tool = g_strdup("libhysac " HYSAC_VERSION);
  return self;
}

HysacProfile *
hysac_profile_fit(const double *safe, gsize n_safe, const double *unsafe, gsize n_unsafe,
                  double percentile, HysacPrecision precision, GError **error)
{
  if (!check_input(n_safe, precision, error))
    return NULL;
  if (!(percentile > 0.0 && percentile <= 100.0)) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT,
                "a profile needs a percentile above 0, at most 100 (got %g)", percentile);
    return NULL;
  }
  return fit(safe, n_safe, unsafe, n_unsafe, percentile, 0.0, precision, error);
}

HysacProfile *
hysac_profile_fit_at(const double *safe, gsize n_safe, const double *unsafe, gsize n_unsafe, double bound,
                     HysacPrecision precision, GError **error)
{
  if (!check_input(n_safe, precision, error))
    return NULL;
  if (!(bound > 0.0) || !isfinite(bound)) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT, "a profile needs a bound above 0 (got %g)",
                bound);
    return NULL;
  }
  return fit(safe, n_safe, unsafe, n_unsafe, 0.0, bound, precision, error);
}

guint64
hysac_profile_enough_samples(double percentile)
{
  double beyond = 1.0 - percentile / 100.0;
  return beyond > 1e-9 ? (guint64) ceil(1.0 / beyond - 1e-9) + 1 : G_MAXUINT64;
}

/* ------------------------------------------------------------ provenance */

static char *
hash_file(const char *path, GError **error)
{
  g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
  guchar block[65536];
  gsize size;
  int fd = hysac_open_file(path, &size, error);
  ssize_t got;

  if (fd < 0)
    return NULL;
  while ((got = read(fd, block, sizeof block)) != 0) {
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0) {
      g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_IO, "%s: cannot read: %s", path,
                  g_strerror(errno));
      close(fd);
      return NULL;
    }
    g_checksum_update(sum, block, got);
  }
  close(fd);
  return g_strdup(g_checksum_get_string(sum));
}

static int
by_text(gconstpointer a, gconstpointer b)
{
  return strcmp(*(char *const *) a, *(char *const *) b);
}

char *
hysac_profile_hash_sums(const char *const *sums, gsize n)
{
  g_autofree const char **sorted = g_new(const char *, n + 1);
  g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);

  for (gsize i = 0; i < n; i++)
    sorted[i] = sums[i];
  qsort(sorted, n, sizeof *sorted, by_text);
  for (gsize i = 0; i < n; i++) {
    g_checksum_update(sum, (const guchar *) sorted[i], -1);
    g_checksum_update(sum, (const guchar *) "\n", 1);
  }
  return g_strdup(g_checksum_get_string(sum));
}

char *
hysac_profile_hash_inputs(const char *const *paths, gsize n_paths, GError **error)
{
  g_autoptr(GPtrArray) hashes = g_ptr_array_new_with_free_func(g_free);

  for (gsize i = 0; i < n_paths; i++) {
    char *hash = hash_file(paths[i], error);
    if (!hash)
      return NULL;
    g_ptr_array_add(hashes, hash);
  }
  return hysac_profile_hash_sums((const char *const *) hashes->pdata, hashes->len);
}

/* ------------------------------------------------------------ hysac.json */

static void
append_number(GString *json, const char *key, double value)
{
  g_string_append_printf(json, "\"%s\": ", key);
  hysac_json_append_double(json, value);
  g_string_append(json, ",\n    ");
}

static void
append_text(GString *json, const char *key, const char *value, const char *after)
{
  g_string_append_printf(json, "\"%s\": ", key);
  hysac_json_append_string(json, value);
  g_string_append(json, after);
}

char *
hysac_profile_to_json(const HysacProfile *self)
{
  GString *json = g_string_new("{\n    ");

  append_number(json, "bound", self->bound);
  append_number(json, "scale", self->scale);
  append_number(json, "percentile", self->percentile);
  append_text(json, "precision", hysac_precision_to_string(self->precision), ",\n    ");
  append_number(json, "distance_error", self->distance_error);
  g_string_append_printf(json, "\"safe\": {\"count\": %" G_GUINT64_FORMAT ", \"above\": ",
                         self->safe_count);
  hysac_json_append_double(json, self->safe_above);
  g_string_append(json, ", ");
  append_text(json, "inputs_sha256", self->safe_sha256, "},\n    ");
  if (self->unsafe_count > 0) {
    g_string_append_printf(json, "\"unsafe\": {\"count\": %" G_GUINT64_FORMAT ", \"recall\": ",
                           self->unsafe_count);
    hysac_json_append_double(json, self->recall);
    g_string_append(json, ", \"auc\": ");
    hysac_json_append_double(json, self->auc);
    g_string_append(json, ", ");
    append_text(json, "inputs_sha256", self->unsafe_sha256, "},\n    ");
  } else {
    g_string_append(json, "\"unsafe\": null,\n    ");
  }
  if (self->join_buffers > 0)
    g_string_append_printf(json, "\"joined\": {\"buffers\": %u, \"gap_ns\": %" G_GUINT64_FORMAT "},\n    ",
                           self->join_buffers, self->join_gap);
  if (self->measures) {
    g_string_append(json, "\"measures\": ");
    hysac_measures_to_json(json, self->measures);
    g_string_append(json, ",\n    ");
  }
  append_text(json, "weights_sha256", self->weights_sha256, ",\n    ");
  append_text(json, "date", self->date, ",\n    ");
  append_text(json, "tool", self->tool, "\n  }");
  return g_string_free(json, FALSE);
}

char *
hysac_metadata_splice(const char *text, gsize size, const char *key, const char *value)
{
  gsize start, end;

  if (hysac_json_find(text, size, key, &start, &end))
    return g_strdup_printf("%.*s%s%.*s", (int) start, text, value, (int) (size - end), text + end);
  end = size;
  while (end > 0 && text[end - 1] != '}')
    end--;
  end--; /* the root's closing brace: the text scanned well */
  start = end;
  while (start > 0 && g_ascii_isspace(text[start - 1]))
    start--;
  return g_strdup_printf("%.*s%s\n  \"%s\": %s\n%.*s", (int) start, text, text[start - 1] == '{' ? "" : ",", key,
                         value, (int) (size - end), text + end);
}

char *
hysac_profile_splice(const char *text, gsize size, const char *profile)
{
  return hysac_metadata_splice(text, size, "profile", profile);
}

gboolean
hysac_metadata_save_member(const char *model_dir, const char *key, const char *value, GError **error)
{
  g_autofree char *path = g_build_filename(model_dir, "hysac.json", NULL);
  gsize size;
  g_autofree char *text = hysac_read_file(path, HYSAC_MAX_JSON_SIZE, &size, error);
  HysacMetadata metadata;

  /* Only a good file is changed, and only into a good one. */
  if (!text || !hysac_metadata_parse(text, size, path, &metadata, error))
    return FALSE;
  hysac_metadata_clear(&metadata);
  g_autofree char *changed = hysac_metadata_splice(text, size, key, value);
  if (strlen(changed) > HYSAC_MAX_JSON_SIZE) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_FORMAT, "%s: with %s it is larger than %d bytes", path, key,
                HYSAC_MAX_JSON_SIZE);
    return FALSE;
  }
  if (!hysac_metadata_parse(changed, strlen(changed), path, &metadata, error))
    return FALSE;
  hysac_metadata_clear(&metadata);
  return hysac_write_file(path, changed, strlen(changed), error);
}

gboolean
hysac_profile_save(const HysacProfile *self, const char *model_dir, GError **error)
{
  g_autofree char *profile = hysac_profile_to_json(self);

  return hysac_metadata_save_member(model_dir, "profile", profile, error);
}

gboolean
hysac_profile_save_text(const HysacProfile *self, const char *model_dir, GError **error)
{
  g_autofree char *profile = hysac_profile_to_json(self);

  return hysac_metadata_save_member(model_dir, "text_profile", profile, error);
}
