/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/policy.h"

/*
 * Several policies over the same samples: the region's, and one for each further rule (a category, a head). Each is a
 * HysacPolicy of its own, with the same k of n, durations and rolls, so that a rule can only add to what the region
 * redacts, never take from it. Functions without a comment are those of core/policy.h, for all of them.
 * Thread-safety: none; the caller serialises.
 */

G_BEGIN_DECLS

#define HYSAC_POLICY_SET_MAX_RULES 16

typedef struct _HysacPolicySet HysacPolicySet;

/* @n_rules: at most HYSAC_POLICY_SET_MAX_RULES. NULL and @error (ARGUMENT). */
HYSAC_API HysacPolicySet *hysac_policy_set_new(const HysacPolicyConfig *config, guint n_rules, GError **error);
HYSAC_API void hysac_policy_set_free(HysacPolicySet *self); /* NULL is fine */
/* The margins are the region's; rules have none. */
HYSAC_API gboolean hysac_policy_set_change(HysacPolicySet *self, const HysacPolicyConfig *config, GError **error);
HYSAC_API void hysac_policy_set_rejudge(HysacPolicySet *self);
HYSAC_API void hysac_policy_set_change_bound(HysacPolicySet *self, guint64 seq, double bound);
HYSAC_API void hysac_policy_set_reset(HysacPolicySet *self);
HYSAC_API void hysac_policy_set_add_sample(HysacPolicySet *self, guint64 seq, gint64 time, gboolean boundary);
/* @marks: bit i: the sample is unsafe by rule i. */
HYSAC_API void hysac_policy_set_resolve(HysacPolicySet *self, guint64 seq, double distance, double margin,
                                        guint32 marks);
HYSAC_API void hysac_policy_set_fail(HysacPolicySet *self, guint64 seq, HysacReason reason);
HYSAC_API void hysac_policy_set_note_reused(HysacPolicySet *self, guint64 seq);
HYSAC_API void hysac_policy_set_end(HysacPolicySet *self);
HYSAC_API void hysac_policy_set_forget(HysacPolicySet *self, guint64 seq);
/* The region's intervals. */
HYSAC_API gboolean hysac_policy_set_next_event(HysacPolicySet *self, HysacIntervalEvent *event);

/*
 * The strictest of all: PENDING while any is; REDACT where any redacts, told as the region tells it where it does, else
 * as the first rule that does. The margin is the region's in any case. The ids of rule i's intervals have i + 1 in their upper 16 bits.
 * @marks: (out): the rules that redact.
 */
HYSAC_API HysacDecision hysac_policy_set_decide(const HysacPolicySet *self, guint64 seq, gint64 time, gboolean force,
                                                guint32 *marks);
HYSAC_API HysacDecision hysac_policy_set_latest(const HysacPolicySet *self, gint64 time, gint64 *age, guint32 *marks);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(HysacPolicySet, hysac_policy_set_free)

G_END_DECLS
