/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/policyset.h"

#include <math.h>

struct _HysacPolicySet {
  guint n; /* rules + 1 */
  HysacPolicy *policies[HYSAC_POLICY_SET_MAX_RULES + 1]; /* the region's first */
};

/* Of a rule: its margin is 1 or -1. */
static HysacPolicyConfig
config_of(const HysacPolicyConfig *config, guint index)
{
  HysacPolicyConfig own = *config;

  if (index > 0)
    own.enter_margin = own.leave_margin = 0.0;
  return own;
}

HysacPolicySet *
hysac_policy_set_new(const HysacPolicyConfig *config, guint n_rules, GError **error)
{
  g_autoptr(HysacPolicySet) self = g_new0(HysacPolicySet, 1);

  if (n_rules > HYSAC_POLICY_SET_MAX_RULES) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT, "%u rules; at most %d are expected", n_rules,
                HYSAC_POLICY_SET_MAX_RULES);
    return NULL;
  }
  for (guint i = 0; i <= n_rules; i++) {
    const HysacPolicyConfig own = config_of(config, i);
    self->policies[i] = hysac_policy_new(&own, error);
    if (!self->policies[i])
      return NULL;
    self->n++;
  }
  return g_steal_pointer(&self);
}

void
hysac_policy_set_free(HysacPolicySet *self)
{
  for (guint i = 0; self && i < self->n; i++)
    hysac_policy_free(self->policies[i]);
  g_free(self);
}

gboolean
hysac_policy_set_change(HysacPolicySet *self, const HysacPolicyConfig *config, GError **error)
{
  for (guint i = 0; i < self->n; i++) {
    const HysacPolicyConfig own = config_of(config, i);
    /* What the first takes, all do: the others' margins are fixed. */
    if (!hysac_policy_set_config(self->policies[i], &own, error))
      return FALSE;
  }
  return TRUE;
}

void
hysac_policy_set_rejudge(HysacPolicySet *self)
{
  for (guint i = 0; i < self->n; i++)
    hysac_policy_rejudge(self->policies[i]);
}

void
hysac_policy_set_change_bound(HysacPolicySet *self, guint64 seq, double bound)
{
  hysac_policy_set_bound(self->policies[0], seq, bound);
}

void
hysac_policy_set_reset(HysacPolicySet *self)
{
  for (guint i = 0; i < self->n; i++)
    hysac_policy_reset(self->policies[i]);
}

void
hysac_policy_set_add_sample(HysacPolicySet *self, guint64 seq, gint64 time, gboolean boundary)
{
  for (guint i = 0; i < self->n; i++)
    hysac_policy_add_sample(self->policies[i], seq, time, boundary);
}

void
hysac_policy_set_resolve(HysacPolicySet *self, guint64 seq, double distance, double margin, guint32 marks)
{
  hysac_policy_resolve(self->policies[0], seq, distance, margin);
  for (guint i = 1; i < self->n; i++) {
    /* Where the region's fails by its numbers, so do the others: a margin that is no number stays so. */
    const double own = marks >> (i - 1) & 1 ? 1.0 : -1.0;
    hysac_policy_resolve(self->policies[i], seq, distance, isfinite(margin) ? own : margin);
  }
}

void
hysac_policy_set_fail(HysacPolicySet *self, guint64 seq, HysacReason reason)
{
  for (guint i = 0; i < self->n; i++)
    hysac_policy_fail(self->policies[i], seq, reason);
}

void
hysac_policy_set_note_reused(HysacPolicySet *self, guint64 seq)
{
  for (guint i = 0; i < self->n; i++)
    hysac_policy_note_reused(self->policies[i], seq);
}

void
hysac_policy_set_end(HysacPolicySet *self)
{
  for (guint i = 0; i < self->n; i++)
    hysac_policy_end(self->policies[i]);
}

void
hysac_policy_set_forget(HysacPolicySet *self, guint64 seq)
{
  for (guint i = 0; i < self->n; i++)
    hysac_policy_forget(self->policies[i], seq);
}

gboolean
hysac_policy_set_next_event(HysacPolicySet *self, HysacIntervalEvent *event)
{
  HysacIntervalEvent unheard;

  for (guint i = 1; i < self->n; i++) {
    while (hysac_policy_next_event(self->policies[i], &unheard))
      ;
  }
  return hysac_policy_next_event(self->policies[0], event);
}

static HysacDecision
combine(HysacDecision first, const HysacDecision *rules, guint n_rules, guint32 *marks)
{
  HysacDecision result = first;

  *marks = 0;
  for (guint i = 0; i < n_rules; i++) {
    if (rules[i].kind == HYSAC_DECISION_PENDING || first.kind == HYSAC_DECISION_PENDING) {
      *marks = 0;
      return (HysacDecision){.kind = HYSAC_DECISION_PENDING};
    }
    if (rules[i].kind != HYSAC_DECISION_REDACT)
      continue;
    *marks |= 1u << i;
    if (result.kind == HYSAC_DECISION_REDACT)
      continue;
    /* What is told of the sample is what the region's told: the same sample, or the one of the larger margin. */
    result.kind = HYSAC_DECISION_REDACT;
    result.reason = rules[i].reason;
    if (!hysac_reason_is_failure(result.failure))
      result.failure = rules[i].failure;
    result.interval_id = rules[i].interval_id | (guint64) (i + 1) << 48;
    result.interval_start = rules[i].interval_start;
    if (first.kind == HYSAC_DECISION_FAILED && !hysac_reason_is_failure(result.failure))
      result.failure = first.reason;
  }
  return result;
}

HysacDecision
hysac_policy_set_decide(const HysacPolicySet *self, guint64 seq, gint64 time, gboolean force, guint32 *marks)
{
  HysacDecision rules[HYSAC_POLICY_SET_MAX_RULES];
  const HysacDecision first = hysac_policy_decide(self->policies[0], seq, time, force);

  for (guint i = 1; i < self->n; i++)
    rules[i - 1] = hysac_policy_decide(self->policies[i], seq, time, force);
  return combine(first, rules, self->n - 1, marks);
}

HysacDecision
hysac_policy_set_latest(const HysacPolicySet *self, gint64 time, gint64 *age, guint32 *marks)
{
  HysacDecision rules[HYSAC_POLICY_SET_MAX_RULES];
  const HysacDecision first = hysac_policy_latest(self->policies[0], time, age);
  gint64 same;

  for (guint i = 1; i < self->n; i++)
    rules[i - 1] = hysac_policy_latest(self->policies[i], time, &same);
  return combine(first, rules, self->n - 1, marks);
}
