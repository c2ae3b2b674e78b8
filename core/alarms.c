/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/alarms.h"

#include <math.h>
#include <stdlib.h>

/* Above every distance: so far that rounding of the margin cannot matter. */
#define ABOVE 1e-6
/* Nearer to each other than this, two bounds differ by rounding. */
#define SAME 1e-9

static gboolean
check_clip(const HysacClip *clip, GError **error)
{
  for (gsize i = 0; i < clip->n; i++) {
    if (!isfinite(clip->distances[i]) || (i > 0 && clip->times[i] < clip->times[i - 1])) {
      g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT,
                  "sample %" G_GSIZE_FORMAT " of a clip has no distance, or lies before the one before it",
                  i);
      return FALSE;
    }
  }
  if (!(clip->hours > 0.0) || !isfinite(clip->hours)) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT, "a clip has no length");
    return FALSE;
  }
  return TRUE;
}

/* @clip is good. */
static gboolean
count_alarms(const HysacPolicyConfig *config, const HysacClip *clip, double bound, guint64 *count,
             GError **error)
{
  g_autoptr(HysacPolicy) policy = hysac_policy_new(config, error);
  HysacIntervalEvent event;

  *count = 0;
  if (!policy)
    return FALSE;
  for (gsize i = 0; i < clip->n; i++) {
    const gboolean boundary = clip->boundaries ? clip->boundaries[i] : i == 0;
    hysac_policy_add_sample(policy, i, clip->times[i], boundary);
    hysac_policy_resolve(policy, i, clip->distances[i], clip->distances[i] - bound);
    while (hysac_policy_next_event(policy, &event))
      *count += event.open;
    hysac_policy_forget(policy, i);
  }
  hysac_policy_end(policy);
  while (hysac_policy_next_event(policy, &event))
    *count += event.open;
  return TRUE;
}

gboolean
hysac_alarms_count(const HysacPolicyConfig *config, const HysacClip *clip, double bound, guint64 *count,
                   GError **error)
{
  return check_clip(clip, error) && count_alarms(config, clip, bound, count, error);
}

/* A bound at which one sample's side of enter or leave changes. */
typedef struct {
  double bound;
  gsize clip;
} Change;

static int
by_falling_bound(const void *a, const void *b)
{
  const Change *x = a, *y = b;
  if (x->bound != y->bound)
    return (x->bound < y->bound) - (x->bound > y->bound);
  return (x->clip > y->clip) - (x->clip < y->clip);
}

static Change *
find_changes(const HysacPolicyConfig *config, const HysacClip *clips, gsize n, gsize *n_changes)
{
  const double margins[] = {config->enter_margin, config->leave_margin};
  const guint kinds = margins[0] != margins[1] ? 2 : 1; /* alike, as a rule */
  gsize total = 0, at = 0;

  for (gsize i = 0; i < n; i++)
    total += clips[i].n;
  Change *changes = g_new(Change, kinds * total + 1);
  for (gsize i = 0; i < n; i++) {
    for (gsize s = 0; s < clips[i].n; s++) {
      for (guint kind = 0; kind < kinds; kind++)
        changes[at++] = (Change){clips[i].distances[s] - margins[kind], i};
    }
  }
  qsort(changes, at, sizeof *changes, by_falling_bound);
  *n_changes = at;
  return changes;
}

gboolean
hysac_alarms_bound(const HysacPolicyConfig *config, const HysacClip *clips, gsize n, double per_hour,
                   double lowest, double *bound, GError **error)
{
  double hours = 0.0;
  gsize n_changes;

  for (gsize i = 0; i < n; i++) {
    if (!check_clip(&clips[i], error))
      return FALSE;
    hours += clips[i].hours;
  }
  g_autofree Change *changes = find_changes(config, clips, n, &n_changes);
  if (n_changes == 0 || !(per_hour >= 0.0)) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT,
                "a bound by alarms an hour needs clips and a number of alarms that is not negative");
    return FALSE;
  }

  /* Downwards, from where nothing is unsafe. Between two changes nothing changes, and at one of them only
   * the clips that it is of: those are counted again. */
  g_autofree guint64 *counts = g_new0(guint64, n);
  const double allowed = per_hour * hours + 1e-9;
  guint64 total = 0;
  double best = changes[0].bound + ABOVE * MAX(fabs(changes[0].bound), 1e-3);
  for (gsize i = 0; i < n_changes;) {
    gsize end = i;
    while (end < n_changes && changes[i].bound - changes[end].bound <= SAME)
      end++;
    const double next = end < n_changes ? changes[end].bound
                                         : changes[i].bound - MAX(fabs(changes[i].bound), 1e-3);
    const double between = 0.5 * (changes[i].bound + next);
    for (gsize k = i; k < end; k++) {
      const gsize clip = changes[k].clip;
      if (k > i && clip == changes[k - 1].clip)
        continue;
      total -= counts[clip];
      if (!count_alarms(config, &clips[clip], between, &counts[clip], error))
        return FALSE;
      total += counts[clip];
    }
    if ((double) total > allowed || !(between > lowest))
      break;
    best = between;
    i = end;
  }
  if (!(best > lowest)) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT, "no bound above %g gives so few alarms", lowest);
    return FALSE;
  }
  *bound = best;
  return TRUE;
}
