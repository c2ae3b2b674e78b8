/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* hysac fit --head: features of safe and unsafe material -> head.safetensors beside the model, of texts
 * text-head.safetensors. Its figures and its threshold are of samples that the head judging them had not learned
 * from. */

#include "fit.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct {
  const FitHeadOf *of;
  guint dim;
  gsize n;
  float *x;
  guint8 *unsafe;
  guint32 *clips;
  double *held_out, *w;
  HysacHeadFit fit;
  HysacClip *safe_clips, *unsafe_clips; /* of held-out scores */
} Head;

/* As core/head.h names it. */
static const char *
file_name(const Head *self)
{
  return self->of->texts ? "text-head.safetensors" : "head.safetensors";
}

static void
head_clear(Head *self)
{
  g_free(self->x);
  g_free(self->unsafe);
  g_free(self->clips);
  g_free(self->held_out);
  g_free(self->w);
  g_free(self->safe_clips);
  g_free(self->unsafe_clips);
}

static void
add_set(Head *self, const FitSet *set, gboolean unsafe)
{
  for (guint i = 0; i < set->clips->len; i++) {
    const FitClip *clip = set->clips->pdata[i];
    memcpy(self->x + self->n * self->dim, clip->features->data, clip->features->len * sizeof(float));
    for (guint s = 0; s < clip->distances->len; s++, self->n++) {
      self->unsafe[self->n] = unsafe ? 1 : 0;
      self->clips[self->n] = i;
    }
  }
}

/* The clips as measures take them, with held-out scores for distances. */
static HysacClip *
view_scores(const FitSet *set, const double *scores)
{
  HysacClip *views = fit_set_view(set);
  for (guint i = 0; i < set->clips->len; i++) {
    views[i].distances = scores;
    scores += views[i].n;
  }
  return views;
}

static gboolean
train(Head *self, const FitSet *safe, const FitSet *unsafe, guint64 seed, GError **error)
{
  const gsize n = safe->samples + unsafe->samples;
  self->x = g_try_malloc_n(n + 1, (gsize) self->dim * sizeof(float));
  if (self->x == NULL) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_OUT_OF_MEMORY, "no memory for the features");
    return FALSE;
  }
  self->unsafe = g_new(guint8, n + 1);
  self->clips = g_new(guint32, n + 1);
  self->held_out = g_new(double, n + 1);
  self->w = g_new(double, self->dim);
  add_set(self, safe, FALSE);
  add_set(self, unsafe, TRUE);
  const HysacHeadSamples samples = { self->x, self->unsafe, self->clips, self->n, self->dim };
  if (!hysac_head_fit(&samples, seed, self->w, self->held_out, &self->fit, error))
    return FALSE;
  self->safe_clips = view_scores(safe, self->held_out);
  self->unsafe_clips = view_scores(unsafe, self->held_out + safe->samples);
  return TRUE;
}

static void
append_set(GString *json, const char *key, const FitSet *set, const char *hash)
{
  g_string_append_printf(json, "\"%s\": {\"count\": %" G_GUINT64_FORMAT ", \"inputs_sha256\": \"%s\"}, ", key,
                         set->samples, hash);
}

/* Where the head came from, as hysac.json's profile says it of a bound. NULL and @error (IO). */
static char *
make_provenance(const Head *self, const FitSet *safe, const FitSet *unsafe, const HysacMeasures *measures,
                double threshold, double percentile, GError **error)
{
  g_autofree char *a = fit_set_hash(safe, error);
  g_autofree char *b = a == NULL ? NULL : fit_set_hash(unsafe, error);
  g_autoptr(GDateTime) now = g_date_time_new_now_utc();
  g_autofree char *date = g_date_time_format(now, "%Y-%m-%dT%H:%M:%SZ");
  if (b == NULL)
    return NULL;
  GString *json = g_string_new("{\"threshold\": ");
  tool_append_number(json, threshold);
  g_string_append(json, ", \"percentile\": ");
  tool_append_number(json, percentile);
  g_string_append(json, ", \"l2\": ");
  tool_append_number(json, self->fit.l2);
  g_string_append(json, ", \"log_loss_held_out\": ");
  tool_append_number(json, self->fit.loss);
  g_string_append_printf(json, ", \"folds\": %u, ", self->fit.folds);
  append_set(json, "safe", safe, a);
  append_set(json, "unsafe", unsafe, b);
  g_string_append(json, "\"measures_held_out\": ");
  hysac_measures_to_json(json, measures);
  g_string_append_printf(json, ", \"date\": \"%s\", \"tool\": \"hysac fit " HYSAC_VERSION "\"}", date);
  return g_string_free(json, FALSE);
}

/* The model's own word for its weights, else of the file. */
static char *
hash_weights(HysacModel *model, GError **error)
{
  const char *stated = hysac_model_get_weights_sha256(model);
  g_autofree char *path = g_build_filename(hysac_model_get_path(model), "model.safetensors", NULL);
  g_autofree char *data = NULL;
  gsize length;
  g_autoptr(GError) local = NULL;
  if (stated != NULL)
    return g_strdup(stated);
  if (g_file_get_contents(path, &data, &length, &local))
    return g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *) data, length);
  g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_IO, "%s", local->message);
  return NULL;
}

static gboolean
write_head(const Head *self, const char *folder, float threshold, const char *provenance,
           GError **error)
{
  g_autofree char *hash = hash_weights(self->of->model, error);
  g_autofree char *path = g_build_filename(folder, file_name(self), NULL);
  g_autofree float *w = g_new(float, self->dim);
  const float b = (float) self->fit.b;
  if (hash == NULL)
    return FALSE;
  for (guint i = 0; i < self->dim; i++)
    w[i] = (float) self->w[i];
  const HysacFloats tensors[] = { { "weight", w, 2, { 1, self->dim } },
                                  { "bias", &b, 1, { 1 } },
                                  { "threshold", &threshold, 1, { 1 } } };
  const char *const metadata[] = { "format", "hysac-head-1", "weights_sha256", hash, "precision",
                                   hysac_precision_to_string(self->of->precision), "features",
                                   self->of->texts ? "texts" : "pictures", "labels", "unsafe", "provenance", provenance, NULL };
  return hysac_safetensors_write(path, tensors, G_N_ELEMENTS(tensors), metadata, error);
}

/* Of the distance on the same samples: whether the head is worth having. */
static double
distance_auc(const FitSet *safe, const FitSet *unsafe)
{
  g_autofree HysacClip *a = fit_set_view(safe);
  g_autofree HysacClip *b = fit_set_view(unsafe);
  const FitResult result = { .safe = safe, .unsafe = unsafe, .safe_clips = a, .unsafe_clips = b };
  g_autoptr(HysacRoc) roc = fit_make_roc(&result);
  return roc ? hysac_roc_summarise(roc, 0, 1).auc.value : (double) NAN;
}

static void
print_head(const Head *self, const FitResult *result, double threshold, double auc, const char *provenance,
           const char *where, gboolean json)
{
  char a[G_ASCII_DTOSTR_BUF_SIZE], b[G_ASCII_DTOSTR_BUF_SIZE];
  if (json) {
    GString *text = g_string_new("{\n  \"written\": ");
    g_autofree char *shown = g_utf8_make_valid(where, -1);
    hysac_json_append_string(text, shown);
    g_string_append_printf(text, ",\n  \"kind\": \"%s\",\n  \"unreadable\": {\"safe\": %u, \"unsafe\": %u},\n  \"distance_auc\": ",
                           self->of->texts ? "text" : "picture", result->safe->unreadable, result->unsafe->unreadable);
    tool_append_number(text, auc);
    g_string_append_printf(text, ",\n  \"head\": %s", provenance);
    fit_append_curves(text, result);
    fit_append_warnings(text, result);
    g_string_append(text, "\n}");
    puts(text->str);
    g_string_free(text, TRUE);
    return;
  }
  printf("%-18s %s of the head's score, percentile %s of the safe samples\n", "threshold",
         g_ascii_formatd(a, sizeof a, "%.6g", threshold), g_ascii_formatd(b, sizeof b, "%.6g", result->percentile));
  printf("%-18s L2 %s, chosen by %u folds of clips; all below is of samples not learned from\n", "penalty",
         g_ascii_formatd(a, sizeof a, "%.6g", self->fit.l2), self->fit.folds);
  fit_print(result);
  if (isfinite(auc))
    printf("%-18s %s of the distance, on the same samples\n", "AUC", g_ascii_formatd(a, sizeof a, "%.4g", auc));
  printf("%-18s %s/%s\n", "written to", where, file_name(self));
}

static double
share_not_above(const HysacClip *clips, guint n, double bound)
{
  gsize above = 0, all = 0;
  for (guint i = 0; i < n; i++) {
    all += clips[i].n;
    for (gsize s = 0; s < clips[i].n; s++)
      above += clips[i].distances[s] > bound;
  }
  return 1.0 - (double) above / (double) all;
}

gboolean
fit_head(const FitHeadOf *of, const FitSet *safe, const FitSet *unsafe, const HysacMeasureOptions *options,
         const char *out, const char *plots, gboolean json, GError **error)
{
  Head self = { .of = of, .dim = of->dim };
  HysacMeasures measures;
  FitTarget target = { 0 };
  double bound = 0;
  gboolean ok = train(&self, safe, unsafe, options->seed, error) &&
                hysac_measures_bound(self.safe_clips, safe->clips->len, options, &bound, error) &&
                hysac_measures_take(self.safe_clips, safe->clips->len, self.unsafe_clips, unsafe->clips->len,
                                    bound, options, &measures, error);
  if (!ok) {
    head_clear(&self);
    return FALSE;
  }
  /* Below 1, which no score is above; a float next to it is as near as it gets. */
  const float threshold = CLAMP((float) hysac_logistic(bound), 1e-30f, 1.0f - 6e-8f);
  const FitResult result = { .score = "score", .limit = "threshold", .texts = of->texts, .safe = safe,
                             .unsafe = unsafe, .safe_clips = self.safe_clips, .unsafe_clips = self.unsafe_clips, .measures = &measures,
                             .bound = bound,
                             .chosen = fit_chosen_percentile(options),
                             .percentile = options->per_hour < 0 && options->above == 0
                                               ? options->percentile
                                               : 100 * share_not_above(self.safe_clips, safe->clips->len, bound) };
  g_autofree char *provenance =
      make_provenance(&self, safe, unsafe, &measures, (double) threshold, result.percentile, error);
  g_autofree char *where = NULL;
  ok = provenance != NULL;
  if (ok) {
    fit_signals_hold();
    ok = fit_target_begin(&target, hysac_model_get_path(of->model), out, error) &&
         write_head(&self, target.folder, threshold, provenance, error) && fit_target_finish(&target, error);
    where = g_strdup(target.folder);
    fit_target_abandon(&target);
    fit_signals_release();
  }
  if (ok) {
    print_head(&self, &result, (double) threshold, distance_auc(safe, unsafe), provenance, where, json);
    fit_warn(&result);
    ok = plots == NULL || fit_write_plots(&result, plots, error);
  }
  head_clear(&self);
  return ok;
}
