/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What stands beside the region's verdict: scores of categories and of the head, advisory, and the rules of a policy
 * file that act by them (core/policyset.h).
 */

#include "core/head.h"
#include "core/policyfile.h"
#include "core/policyset.h"
#include "gst/scorer.h"

G_BEGIN_DECLS

/* Rule i is category i's; the last is the head's. */
#define GST_HYSAC_RULE_HEAD HYSAC_N_CATEGORIES
#define GST_HYSAC_N_RULES (HYSAC_N_CATEGORIES + 1)

/* Of one sample. */
typedef struct {
  guint64 seq;
  gboolean has_categories, has_head;
  HysacCategoryScore categories[HYSAC_N_CATEGORIES];
  const char *nearest[HYSAC_N_CATEGORIES]; /* interned; NULL where the category has no concept */
  HysacHeadScore head;
  const char *label; /* interned; the head's class */
  guint32 marks;     /* rules that the sample is unsafe by */
} GstHysacRating;

typedef struct _GstHysacRater GstHysacRater;

/* By a model's concepts and head and a policy's rules (whose concepts go before the model's). *@out is (transfer full)
 * and NULL where there is nothing to rate by. May take long: concepts without points are encoded. FALSE with
 * @error where a rule cannot be measured. */
gboolean gst_hysac_rater_new(const GstHysacBeside *beside, const HysacPolicyRules *rules, GstHysacRater **out,
                             GError **error);
GstHysacRater *gst_hysac_rater_ref(GstHysacRater *self);
void gst_hysac_rater_unref(GstHysacRater *self); /* NULL is fine */
/* Any thread. All of a score that lacks them is no number, which every rule takes for unsafe. */
void gst_hysac_rater_rate(GstHysacRater *self, const GstHysacScore *score, GstHysacRating *rating);

/* Takes over what is worse in @other, each number for itself, and all its marks: of several samples (windows, readings)
 * that are one. A zeroed one knows nothing yet. */
void gst_hysac_rating_worsen(GstHysacRating *self, const GstHysacRating *other);

/* The strongest of the action @least and those of the rules in @marks; @own is that of a rule that names none.
 * @strength: the larger, the less is shown. */
gint gst_hysac_rules_raise(const HysacPolicyRules *rules, guint32 marks, gint own, gint least,
                           guint (*strength)(gint action));

/* For metadata and messages: the field "advisory", and "rules" where some redact. @rating: (nullable). */
void gst_hysac_rating_fill(const GstHysacRating *rating, guint32 marks, GstStructure *structure);
/* The same as members of a JSON object; null and an empty list where there is nothing. */
void gst_hysac_rating_append(const GstHysacRating *rating, guint32 marks, GString *line);

G_END_DECLS
