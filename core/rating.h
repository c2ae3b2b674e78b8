/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/head.h"
#include "core/policyfile.h"

/*
 * What stands beside the region's verdict of one sample: scores of categories and of the head, advisory, and the rules
 * of a policy file that act by them (core/policyset.h: bit i of its marks is rule i).
 * Thread-safety: HysacRater is immutable; any thread.
 */

G_BEGIN_DECLS

/* Rule i is category i's; the last is the head's. */
#define HYSAC_RULE_HEAD HYSAC_N_CATEGORIES
#define HYSAC_N_RULES (HYSAC_N_CATEGORIES + 1)

/* The category's name, or "head"; parse returns FALSE on anything else. */
HYSAC_API const char *hysac_rule_to_string(guint rule);
HYSAC_API gboolean hysac_rule_parse(const char *text, guint *rule);

/* Of one sample. */
typedef struct {
  guint64 seq; /* the caller's */
  gboolean has_categories, has_head;
  HysacCategoryScore categories[HYSAC_N_CATEGORIES];
  const char *nearest[HYSAC_N_CATEGORIES]; /* interned; NULL where the category has no concept */
  HysacHeadScore head;
  const char *label; /* interned; the head's class */
  guint32 marks;     /* rules that the sample is unsafe by */
} HysacRating;

typedef struct _HysacRater HysacRater;

/**
 * hysac_rater_new:
 * @concepts: (nullable): complete, of the model that is rated by
 * @head: (nullable): the same
 * @no_head: what the file is called that is missing where there is none
 * @curvature: of the model: -this
 * @out: (out): (transfer full): %NULL where there is nothing to rate by
 *
 * Returns: whether every rule can be measured; FALSE with @error (MODEL).
 */
HYSAC_API gboolean hysac_rater_new(HysacConcepts *concepts, HysacHead *head, const char *no_head, double curvature,
                                   const HysacPolicyRules *rules, HysacRater **out, GError **error);
HYSAC_API HysacRater *hysac_rater_ref(HysacRater *self);
HYSAC_API void hysac_rater_unref(HysacRater *self); /* NULL is fine */

HYSAC_API HysacConcepts *hysac_rater_get_concepts(HysacRater *self); /* borrowed; NULL: none */
HYSAC_API HysacHead *hysac_rater_get_head(HysacRater *self);         /* the same */
/* Whether ratings have a score of this: the category has an unsafe concept, or there is a head. */
HYSAC_API gboolean hysac_rater_has(HysacRater *self, guint rule);
/* (transfer full): SHA-256 of all that scores depend on, beside what is rated. */
HYSAC_API char *hysac_rater_identify(HysacRater *self);

/* @feature, @point: (nullable): of the sample. What is missing gives no score, or none that is a number, and every
 * rule takes that for unsafe. @rating->seq is left alone. */
HYSAC_API void hysac_rater_rate(HysacRater *self, const float *feature, const float *point, HysacRating *rating);
/* Sets the marks of @rating by its scores, which are kept ones. */
HYSAC_API void hysac_rater_judge(HysacRater *self, HysacRating *rating);

/* Takes over what is worse in @other, each number for itself, and all its marks: of several samples (windows, readings)
 * that are one. A zeroed one knows nothing yet. */
HYSAC_API void hysac_rating_worsen(HysacRating *self, const HysacRating *other);

/* The members "advisory" and "rules" (those of @marks) of a JSON object, with a comma before each; null and an empty
 * list where there is nothing. @rating: (nullable). */
HYSAC_API void hysac_rating_append(const HysacRating *rating, guint32 marks, GString *json);
/* The list of names alone. */
HYSAC_API void hysac_rules_append(guint32 marks, GString *json);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(HysacRater, hysac_rater_unref)

G_END_DECLS
