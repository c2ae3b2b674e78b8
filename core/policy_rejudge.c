/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The samples that frames still to come depend on, judged anew under the configuration of now. */
#include "core/policy_private.h"

#include <math.h>

/* An interval as it was. beyond is G_MAXUINT64 where only its beginning was told. */
typedef struct {
  Interval was;
  gboolean again; /* it is there again */
} Revoked;

static Revoked *
find_revoked(const HysacPolicy *self, guint64 id)
{
  for (guint i = 0; self->revoked && i < self->revoked->len; i++) {
    Revoked *revoked = &g_array_index(self->revoked, Revoked, i);
    if (revoked->was.id == id)
      return revoked;
  }
  return NULL;
}

guint64
hysac_policy_id_at(const HysacPolicy *self, guint64 index)
{
  for (guint i = 0; self->revoked && i < self->revoked->len; i++) {
    const Interval *was = &g_array_index(self->revoked, Revoked, i).was;
    if (was->first == index)
      return was->id;
  }
  return self->next_id;
}

gboolean
hysac_policy_is_told(HysacPolicy *self, const Interval *interval, gboolean open)
{
  Revoked *revoked = find_revoked(self, interval->id);

  if (!revoked)
    return FALSE;
  revoked->again = TRUE;
  return open || (revoked->was.beyond != G_MAXUINT64 &&
                  interval_end(&revoked->was) == interval_end(interval) &&
                  revoked->was.peak == interval->peak);
}

/* As it was before the sample @from. */
static void
reopen(HysacPolicy *self, const Interval *interval, guint64 from)
{
  gint64 last = MIN(interval->last, policy_sample(self, from)->time);

  for (guint64 i = from; i > MAX(interval->first, self->base); i--) {
    const Sample *sample = policy_sample(self, i - 1);
    if (sample->state == SAMPLE_FAILED || sample->stays) {
      last = sample->time;
      break;
    }
  }
  self->current = *interval;
  self->current.last = last;
  self->current.beyond = G_MAXUINT64;
}

/* Takes back every interval that the samples from @from on opened or held up. */
static void
rewind_to(HysacPolicy *self, guint64 from)
{
  GArray *intervals = self->intervals;

  if (self->current.id != 0)
    g_array_append_val(intervals, self->current);
  self->current.id = 0;
  self->intervals = g_array_new(FALSE, FALSE, sizeof(Interval));
  for (guint i = 0; i < intervals->len; i++) {
    Interval *interval = &g_array_index(intervals, Interval, i);
    const Revoked revoked = {*interval, interval->first < from};
    interval->min_end = saturating_add(interval->start, self->config.min_duration);
    interval->post_roll = self->config.post_roll;
    if (interval->beyond < from) {
      g_array_append_val(self->intervals, *interval);
      continue;
    }
    g_array_append_val(self->revoked, revoked);
    if (interval->first < from)
      reopen(self, interval, from);
  }
  g_array_unref(intervals);
  self->decided = self->processed = from;
}

void
hysac_policy_rejudge(HysacPolicy *self)
{
  if (self->latest == G_MAXUINT64)
    return;
  /* The next frame's cover, or what a monitor goes by. */
  guint64 from = MIN(hysac_policy_find_left(self, self->next_seq), self->latest);
  from = MIN(from, self->processed);

  g_autoptr(GArray) revoked = g_array_new(FALSE, FALSE, sizeof(Revoked));
  self->revoked = revoked;
  rewind_to(self, from);
  for (guint64 i = from; i < policy_total(self); i++) {
    Sample *sample = policy_sample(self, i);
    if (sample->state != SAMPLE_PENDING)
      hysac_policy_judge(self, sample);
  }
  hysac_policy_advance(self);
  self->revoked = NULL;
  for (guint i = 0; i < revoked->len; i++) {
    const Revoked *gone = &g_array_index(revoked, Revoked, i);
    if (!gone->again && gone->was.beyond == G_MAXUINT64)
      hysac_policy_push_event(self, &gone->was, FALSE); /* its beginning was told */
  }
}

void
hysac_policy_set_bound(HysacPolicy *self, guint64 seq, double bound)
{
  if (!isfinite(bound))
    return;
  for (guint64 i = hysac_policy_find(self, seq); i < policy_total(self); i++) {
    Sample *sample = policy_sample(self, i);
    if (sample->state == SAMPLE_SCORED)
      sample->margin = sample->distance - bound;
  }
  hysac_policy_rejudge(self);
}
