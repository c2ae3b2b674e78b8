/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/policy.h"

/*
 * How often the temporal policy raises an alarm on clips that were measured already, and the bound at
 * which it does so no more often than is wanted. An alarm is a confirmed interval (rule 3 of
 * docs/architecture.md, "Gate and monitor, exactly"). Pure; any thread.
 */

G_BEGIN_DECLS

/* Samples of one clip in time order; the arrays are borrowed. */
typedef struct {
  const double *distances;
  const gint64 *times;         /* ns, never falling */
  const guint8 *boundaries;    /* 1: no cover reaches back over this sample; NULL: the first only */
  gsize n;
  double hours;                /* that it lasts, above 0 */
} HysacClip;

/* Confirmed intervals of @clip with margins from @bound. FALSE and @error: ARGUMENT (a configuration that
 * is none, a distance that is not finite, times that run backwards). */
HYSAC_API gboolean hysac_alarms_count(const HysacPolicyConfig *config, const HysacClip *clip,
                                      double bound, guint64 *count, GError **error);

/**
 * hysac_alarms_bound:
 * @per_hour: alarms an hour that are wanted at most, at least 0
 * @lowest: the bound lies above it: 0 for distances, -INFINITY for scores of any sign
 *
 * The lowest bound from which upwards there are never more: a higher bound may raise more alarms than a
 * lower one, where it splits an interval. It lies halfway between two distances at which the number
 * changes.
 *
 * Returns: FALSE with @error: ARGUMENT (as above; no clip; no such bound above @lowest)
 */
HYSAC_API gboolean hysac_alarms_bound(const HysacPolicyConfig *config, const HysacClip *clips, gsize n,
                                      double per_hour, double lowest, double *bound,
                                      GError **error);

G_END_DECLS
