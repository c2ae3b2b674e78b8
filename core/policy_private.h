/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/policy.h"

/*
 * The state that policy.c keeps and policy_decide.c reads. Internal: not installed.
 *
 * Samples are numbered 0, 1, 2, … as they are declared (their index, never reused). Results come in
 * any order; two positions follow them:
 *
 *   decided    samples before it are all decided
 *   processed  samples before it have been through the intervals; <= decided. Where no interval is
 *              open it waits at an unsafe sample that k of n may still confirm.
 *
 * A sample keeps the configuration it was decided under, so that changing the configuration never
 * changes a decision.
 */

#define HYSAC_POLICY_MAX_N 64

typedef enum {
  SAMPLE_PENDING,
  SAMPLE_SCORED,
  SAMPLE_FAILED,
} SampleState;

typedef struct {
  guint64 seq;
  gint64 time;
  guint64 run; /* counts hysac_policy_end(): k of n and pre-roll do not reach over one */
  gboolean boundary, reused;
  SampleState state;
  HysacReason failure;
  double distance, margin;
  gboolean unsafe;    /* margin > enter */
  gboolean stays;     /* margin > leave */
  gboolean confirmed; /* k of n hold */
  /* What it was decided under. */
  guint k, n;
  gint64 min_duration, pre_roll, post_roll;
} Sample;

typedef struct {
  guint64 id; /* 0: no interval */
  guint64 run;
  guint64 first, beyond; /* samples [first, beyond) hold it up; beyond is G_MAXUINT64 while open */
  gint64 start;
  gint64 last;    /* time of the last sample that did not leave: above leave, or failed */
  gint64 min_end; /* start + minimum duration */
  gint64 pre_roll, post_roll;
  double peak;
} Interval;

struct _HysacPolicy {
  HysacPolicyConfig config;

  /* Samples with index base … base + count - 1, in a ring of a power of two. */
  Sample *ring;
  gsize ring_size, ring_head;
  guint64 base;
  gsize count;
  guint64 decided, processed; /* indices */
  guint64 latest;             /* the decided sample with the largest index; G_MAXUINT64: none */
  guint64 run;
  gboolean ended;

  GArray *intervals; /* of Interval, closed ones, oldest first */
  Interval current;  /* the open one */
  guint64 next_id;
  GQueue events; /* of HysacIntervalEvent *, owned */

  guint64 next_seq; /* frames before it have gone */
  GArray *revoked;  /* while samples are judged anew: of Revoked, else NULL */
};

static inline gint64
saturating_add(gint64 a, gint64 b)
{
  gint64 sum;
  return __builtin_add_overflow(a, b, &sum) ? (b > 0 ? G_MAXINT64 : G_MININT64) : sum;
}

static inline guint64
policy_total(const HysacPolicy *self)
{
  return self->base + self->count;
}

static inline Sample *
policy_sample(const HysacPolicy *self, guint64 index)
{
  return &self->ring[(self->ring_head + (gsize) (index - self->base)) & (self->ring_size - 1)];
}

static inline gint64
interval_end(const Interval *interval)
{
  return MAX(interval->last, interval->min_end);
}

/* The first index of a sample with seq >= @seq; the total where there is none. */
guint64 hysac_policy_find(const HysacPolicy *self, guint64 seq);

/* The sample at or before the frame @seq, which covers it; the oldest or the total where there is
 * none. */
guint64 hysac_policy_find_left(const HysacPolicy *self, guint64 seq);

/* What the configuration of this moment makes of a sample that has its result; not yet confirmed. */
void hysac_policy_judge(const HysacPolicy *self, Sample *sample);

/* Takes every decided sample as far as it can go. */
void hysac_policy_advance(HysacPolicy *self);
void hysac_policy_push_event(HysacPolicy *self, const Interval *interval, gboolean open);

/* While samples are judged anew: the id of an interval that opens at the sample @index, the one that
 * it had before; and whether all that the event would say has been said. */
guint64 hysac_policy_id_at(const HysacPolicy *self, guint64 index);
gboolean hysac_policy_is_told(HysacPolicy *self, const Interval *interval, gboolean open);

/* No sample after those declared can confirm the unsafe sample @index any more. */
gboolean hysac_policy_is_final(const HysacPolicy *self, guint64 index);

/* Whether what is known by now confirms the sample, results out of order included. */
gboolean hysac_policy_is_confirmed_by_now(const HysacPolicy *self, guint64 index);

/*
 * Takes the sample @index through @interval (id 0: none open): it opens, holds up or closes it.
 * @confirmed: it may open one. TRUE where it closed one, which is then in @closed.
 */
gboolean hysac_interval_step(Interval *interval, const Sample *sample, guint64 index,
                             gboolean confirmed, guint64 id, Interval *closed);
