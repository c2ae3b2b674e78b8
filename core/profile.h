/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/measures.h"
#include "core/region.h"

/*
 * The fitted profile: a bound at a percentile of the distances of benign material, with what it was
 * fitted from. That of pictures lives in hysac.json's "profile", that of texts in "text_profile", each as if
 * the other were not there. A plain value with strings of its own.
 */

G_BEGIN_DECLS

/* Fewer benign samples than this are refused. */
#define HYSAC_PROFILE_MIN_SAMPLES 2

typedef struct {
  double bound;             /* the percentile of the benign distances, linear between ranks */
  double scale;             /* robust spread of the benign distances, > 0: the score's unit */
  double percentile;        /* in (0, 100] */
  HysacPrecision precision; /* what the distances were measured in; never AUTO */
  double distance_error;    /* relative, against fp32: the precision's budget, unless the caller sets
                             * what was measured */
  guint64 safe_count;
  char *safe_sha256; /* hysac_profile_hash_inputs() of the benign files; NULL if not known */
  double safe_above; /* share of the benign samples above the bound */

  /* Unsafe samples, where there were any (unsafe_count > 0). */
  guint64 unsafe_count;
  char *unsafe_sha256;
  double recall; /* share of the unsafe samples above the bound */
  double auc;    /* of the distance, unsafe against benign; ties count half */

  /* Of texts: so many cues of subtitles in a row, which begin at most so far apart, counted as one text too, as in
   * hysactext; 0: each text by itself. */
  guint join_buffers;
  guint64 join_gap; /* ns */

  HysacMeasures *measures; /* by clips, with intervals (g_new); NULL if not taken. Its bins are not saved */

  char *weights_sha256; /* of the model it was fitted on; NULL if not known */
  char *date;           /* UTC, ISO 8601 */
  char *tool;           /* name and version of what fitted it */
} HysacProfile;

/**
 * hysac_profile_fit:
 * @safe: distances of benign samples, finite and not negative
 * @unsafe: (nullable): distances of unsafe samples
 * @percentile: in (0, 100]
 *
 * Sets the date and the library's name as the tool; the hashes are the caller's to set (g_strdup).
 *
 * Returns: (transfer full): the profile, or %NULL with @error (ARGUMENT).
 */
HYSAC_API HysacProfile *hysac_profile_fit(const double *safe, gsize n_safe, const double *unsafe,
                                          gsize n_unsafe, double percentile,
                                          HysacPrecision precision, GError **error);
/* The same for a bound that was found another way, above 0: the percentile is the share of the benign
 * samples that do not lie above it. ARGUMENT too where that is none. */
HYSAC_API HysacProfile *hysac_profile_fit_at(const double *safe, gsize n_safe, const double *unsafe,
                                             gsize n_unsafe, double bound, HysacPrecision precision,
                                             GError **error);
HYSAC_API void hysac_profile_free(HysacProfile *self); /* NULL is fine */

/* So many benign samples lie beyond the percentile's rank at least once: with fewer, the bound is
 * the largest distance or near it, and says little. */
HYSAC_API guint64 hysac_profile_enough_samples(double percentile);

/* SHA-256 (hex) over the sorted SHA-256 of the files' contents: the same for the same files, however
 * they are named or ordered. NULL and @error (IO). */
HYSAC_API char *hysac_profile_hash_inputs(const char *const *paths, gsize n_paths, GError **error);

/* The same from the SHA-256 (hex) of each input, for one that has no name. (transfer full) */
HYSAC_API char *hysac_profile_hash_sums(const char *const *sums, gsize n);

/* (transfer full): the profile as it stands in hysac.json. */
HYSAC_API char *hysac_profile_to_json(const HysacProfile *self);

/* Writes the profile into @model_dir/hysac.json, whole or not at all; every other byte of the file
 * is kept. FALSE and @error (IO, FORMAT, MODEL). */
HYSAC_API gboolean hysac_profile_save(const HysacProfile *self, const char *model_dir,
                                      GError **error);
/* The same of a profile of texts. */
HYSAC_API gboolean hysac_profile_save_text(const HysacProfile *self, const char *model_dir, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(HysacProfile, hysac_profile_free)

G_END_DECLS
