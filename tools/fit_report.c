/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* hysac fit: its numbers, for people and for programs. */

#include "fit.h"

#include <math.h>
#include <stdio.h>

#define MAX_POINTS 256
#define FEW_CLIPS 10
#define AT_1 0.01
#define AT_01 0.001

/* "%.4g" in any locale. */
static const char *
number(char buffer[G_ASCII_DTOSTR_BUF_SIZE], double value)
{
  return isfinite(value) ? g_ascii_formatd(buffer, G_ASCII_DTOSTR_BUF_SIZE, "%.4g", value) : "unknown";
}

static void
print_estimate(const char *label, const HysacEstimate *e, double factor, const char *unit, const char *what)
{
  char a[G_ASCII_DTOSTR_BUF_SIZE], b[G_ASCII_DTOSTR_BUF_SIZE], c[G_ASCII_DTOSTR_BUF_SIZE];
  if (!isfinite(e->value))
    return;
  printf("%-18s %s%s", label, number(a, factor * e->value), unit);
  if (isfinite(e->low))
    printf(" (%s to %s)", number(b, factor * e->low), number(c, factor * e->high));
  printf("%s\n", what);
}

static void
print_set(const FitSet *set)
{
  g_autofree char *label = g_strdup_printf("%s %s", set->what, set->sums ? "texts" : "samples");
  printf("%-18s %" G_GUINT64_FORMAT ", %u unreadable; clips: %u\n", label, set->samples, set->unreadable,
         set->clips->len);
}

static void
print_alarms(const HysacMeasures *m)
{
  char hours[G_ASCII_DTOSTR_BUF_SIZE], interval[G_ASCII_DTOSTR_BUF_SIZE];
  if (m->timed_clips == 0)
    return;
  g_autofree char *what =
      g_strdup_printf(": %" G_GUINT64_FORMAT " in %s hours, by %u of %u samples, one every %s s", m->alarms,
                      number(hours, m->hours), m->policy.k, m->policy.n,
                      number(interval, (double) m->interval / 1e9));
  print_estimate("alarms an hour", &m->per_hour, 1, "", what);
  print_estimate("  held out", &m->per_hour_held_out, 1, "", "");
}

static void
print_calibration(const HysacMeasures *m)
{
  char a[G_ASCII_DTOSTR_BUF_SIZE], b[G_ASCII_DTOSTR_BUF_SIZE], c[G_ASCII_DTOSTR_BUF_SIZE];
  printf("%-18s P(unsafe) = logistic(%s * margin + %s), in this mixture\n", "calibration",
         number(a, m->slope), number(b, m->intercept));
  if (!isfinite(m->reliability.brier))
    return;
  printf("%-18s Brier %s (%s by the share of unsafe ones alone), ECE %s\n", "  held out",
         number(a, m->reliability.brier), number(b, m->reliability.base), number(c, m->reliability.ece));
  for (guint i = 0; i < HYSAC_MEASURES_BINS; i++) {
    const HysacReliabilityBin *bin = &m->bins[i];
    if (bin->count > 0)
      printf("  %3u to %3u %%     %" G_GUINT64_FORMAT " samples: said %s %%, unsafe %s %%\n",
             100 * i / HYSAC_MEASURES_BINS, 100 * (i + 1) / HYSAC_MEASURES_BINS, bin->count,
             number(a, 100 * bin->predicted), number(b, 100 * bin->observed));
  }
}

static void
print_recall_at(const FitResult *result, const char *label, double rate, const HysacEstimate *recall)
{
  const char *doubt = fit_doubt_recall(result, rate);
  char a[G_ASCII_DTOSTR_BUF_SIZE];
  g_autofree char *what = g_strdup_printf(" of the unsafe, with %s %% false positives%s%s", number(a, 100 * rate),
                                          doubt ? ": " : "", doubt ? doubt : "");
  print_estimate(label, recall, 100, " %", what);
}

void
fit_print(const FitResult *result)
{
  const HysacMeasures *m = result->measures;
  g_autofree char *above = g_strdup_printf(" of the safe samples lie above the %s", result->limit);
  g_autofree char *without = g_strdup_printf(" where the %s was fitted without the clip", result->limit);
  g_autofree char *found = g_strdup_printf(" of the unsafe samples lie above the %s", result->limit);
  print_set(result->safe);
  print_estimate("false positives", &m->false_positives, 100, " %", above);
  print_estimate("  held out", &m->held_out, 100, " %", without);
  print_alarms(m);
  if (m->unsafe_clips > 0) {
    print_set(result->unsafe);
    print_estimate("recall", &m->recall, 100, " %", found);
    g_autofree char *what = g_strdup_printf(" of the %s", result->score);
    print_estimate("AUC", &m->roc.auc, 1, "", what);
    print_recall_at(result, "recall at 1 %", AT_1, &m->roc.at_1);
    print_recall_at(result, "recall at 0.1 %", AT_01, &m->roc.at_01);
    print_calibration(m);
  }
  printf("%-18s 95 %% intervals by %u draws of the clips, seed %" G_GUINT64_FORMAT
         "; of none and of all: what so many clips can say\n",
         "(a to b)", m->rounds, m->seed);
}

/* ------------------------------------------------------------ what it does not say */

double
fit_chosen_percentile(const HysacMeasureOptions *options)
{
  return options->per_hour >= 0 ? 0 : options->above > 0 ? 100 * (1 - options->above) : options->percentile;
}

const char *
fit_doubt_bound(const FitResult *result)
{
  return result->chosen > 0 && result->safe->samples < hysac_profile_enough_samples(result->chosen)
             ? "so few safe samples: hardly more than the largest seen"
             : NULL;
}

const char *
fit_doubt_recall(const FitResult *result, double rate)
{
  const guint64 samples = result->safe->samples;
  if ((double) samples < 1 / rate)
    return "says nothing, too few safe samples";
  return (double) samples < 10 / rate ? "rests on fewer than 10 safe samples" : NULL;
}

static void
add(GPtrArray *all, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void
add(GPtrArray *all, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  g_ptr_array_add(all, g_strdup_vprintf(format, args));
  va_end(args);
}

/* What a rate of false positives needs in benign samples. */
static void
warn_rate(GPtrArray *all, guint64 samples, const char *rate, guint64 one, guint64 enough)
{
  if (samples < one)
    add(all,
        "warning: %" G_GUINT64_FORMAT " safe samples say nothing of %s false positives: not one is "
        "allowed among so few; %" G_GUINT64_FORMAT " are enough",
        samples, rate, enough);
  else if (samples < enough)
    add(all,
        "warning: the recall at %s false positives rests on fewer than 10 of %" G_GUINT64_FORMAT
        " safe samples; %" G_GUINT64_FORMAT " are enough",
        rate, samples, enough);
}

/* (transfer full) */
static GPtrArray *
find_warnings(const FitResult *result)
{
  GPtrArray *all = g_ptr_array_new_with_free_func(g_free);
  const HysacMeasures *m = result->measures;
  const guint64 samples = result->safe->samples;
  if (fit_doubt_bound(result) != NULL) {
    const guint64 enough = hysac_profile_enough_samples(result->chosen);
    if (enough == G_MAXUINT64)
      add(all, "warning: the %s is the largest %s seen: other material may lie farther out", result->limit,
          result->score);
    else
      add(all,
          "warning: with fewer than %" G_GUINT64_FORMAT " safe samples this percentile is "
          "hardly more than the largest %s seen",
          enough, result->score);
  }
  if (result->unsafe->samples == 0 && result->unsafe->unreadable > 0)
    add(all, "warning: nothing unsafe could be read: there is no recall");
  if (result->texts)
    add(all, "note: texts have no time here: there is no number of alarms an hour");
  else if (m->timed_clips == 0)
    add(all, "note: pictures have no time; alarms an hour need videos, or pictures of one clip in a "
             "folder and --folder-clips");
  if (m->safe_clips < FEW_CLIPS || (m->timed_clips > 0 && m->timed_clips < FEW_CLIPS) ||
      (m->unsafe_clips > 0 && m->unsafe_clips < FEW_CLIPS))
    add(all, "warning: intervals from fewer than %d clips are too narrow, and there are none from one", FEW_CLIPS);
  if (m->unsafe_clips > 0) {
    warn_rate(all, samples, "1 %", 100, HYSAC_MEASURES_ENOUGH_AT_1);
    warn_rate(all, samples, "0.1 %", 1000, HYSAC_MEASURES_ENOUGH_AT_01);
  }
  return all;
}

void
fit_warn(const FitResult *result)
{
  g_autoptr(GPtrArray) all = find_warnings(result);
  for (guint i = 0; i < all->len; i++)
    tool_error("%s", (const char *) all->pdata[i]);
}

void
fit_append_warnings(GString *json, const FitResult *result)
{
  g_autoptr(GPtrArray) all = find_warnings(result);
  g_string_append(json, ",\n  \"warnings\": [");
  for (guint i = 0; i < all->len; i++) {
    g_string_append(json, i > 0 ? ",\n    " : "\n    ");
    hysac_json_append_string(json, all->pdata[i]);
  }
  g_string_append(json, "]");
}

/* ------------------------------------------------------------ curves */

static void
append(GString *json, const char *key, double value, const char *after)
{
  g_string_append_printf(json, "\"%s\": ", key);
  if (isfinite(value))
    tool_append_number(json, value);
  else
    g_string_append(json, "null");
  g_string_append(json, after);
}

void
fit_append_curves(GString *json, const FitResult *result)
{
  const HysacMeasures *m = result->measures;
  if (m->unsafe_clips == 0)
    return;
  g_string_append(json, ",\n  \"reliability\": [");
  for (guint i = 0; i < HYSAC_MEASURES_BINS && isfinite(m->reliability.brier); i++) {
    g_string_append_printf(json, "%s\n    {\"count\": %" G_GUINT64_FORMAT ", ", i > 0 ? "," : "",
                           m->bins[i].count);
    append(json, "predicted", m->bins[i].count > 0 ? m->bins[i].predicted : (double) NAN, ", ");
    append(json, "observed", m->bins[i].count > 0 ? m->bins[i].observed : (double) NAN, "}");
  }
  g_string_append(json, "],\n  \"roc\": [");
  gsize n;
  g_autoptr(HysacRoc) roc = fit_make_roc(result);
  const HysacRocPoint *points = hysac_roc_points(roc, &n);
  const gsize step = (n + MAX_POINTS - 1) / MAX_POINTS;
  for (gsize i = 0; i < n; i = i + 1 < n && i + step >= n ? n - 1 : i + step) {
    g_string_append(json, i > 0 ? ",\n    {" : "\n    {");
    append(json, "threshold", points[i].threshold, ", ");
    append(json, "false_positives", points[i].false_positives, ", ");
    append(json, "recall", points[i].recall, "}");
  }
  g_string_append(json, "]");
}

static gsize
add_scored(HysacScored *to, gsize at, const HysacClip *clips, guint n, gboolean unsafe)
{
  for (guint i = 0; i < n; i++) {
    for (gsize s = 0; s < clips[i].n; s++)
      to[at++] = (HysacScored) { clips[i].distances[s], i, unsafe };
  }
  return at;
}

HysacRoc *
fit_make_roc(const FitResult *result)
{
  g_autofree HysacScored *samples = g_new(HysacScored, result->safe->samples + result->unsafe->samples + 1);
  gsize n = add_scored(samples, 0, result->safe_clips, result->safe->clips->len, FALSE);
  n = add_scored(samples, n, result->unsafe_clips, result->unsafe->clips->len, TRUE);
  return hysac_roc_new(samples, n, NULL);
}
