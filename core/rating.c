/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/rating.h"
#include "core/report.h"

#include <math.h>
#include <string.h>

struct _HysacRater {
  gatomicrefcount refs;
  HysacConcepts *concepts; /* complete, or NULL */
  HysacHead *head;         /* or NULL */
  double curvature;
  HysacCategoryRule categories[HYSAC_N_CATEGORIES];
  HysacHeadRule head_rule;
};

const char *
hysac_rule_to_string(guint rule)
{
  return rule == HYSAC_RULE_HEAD ? "head" : hysac_category_to_string((HysacCategory) rule);
}

gboolean
hysac_rule_parse(const char *text, guint *rule)
{
  HysacCategory category;

  if (g_str_equal(text, "head")) {
    *rule = HYSAC_RULE_HEAD;
    return TRUE;
  }
  if (!hysac_category_parse(text, &category))
    return FALSE;
  *rule = (guint) category;
  return TRUE;
}

gboolean
hysac_rater_new(HysacConcepts *concepts, HysacHead *head, const char *no_head, double curvature,
                const HysacPolicyRules *rules, HysacRater **out, GError **error)
{
  *out = NULL;
  if (!hysac_policy_rules_check(rules, concepts, error))
    return FALSE;
  if (rules->head.set && !head) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_MODEL, "the policy lets the head decide, and the model has none (%s)",
                no_head);
    return FALSE;
  }
  if (!concepts && !head)
    return TRUE;
  HysacRater *self = g_new0(HysacRater, 1);
  g_atomic_ref_count_init(&self->refs);
  self->concepts = concepts ? hysac_concepts_ref(concepts) : NULL;
  self->head = head ? hysac_head_ref(head) : NULL;
  self->curvature = curvature;
  memcpy(self->categories, rules->categories, sizeof self->categories);
  self->head_rule = rules->head;
  *out = self;
  return TRUE;
}

HysacRater *
hysac_rater_ref(HysacRater *self)
{
  g_atomic_ref_count_inc(&self->refs);
  return self;
}

void
hysac_rater_unref(HysacRater *self)
{
  if (!self || !g_atomic_ref_count_dec(&self->refs))
    return;
  hysac_concepts_unref(self->concepts);
  hysac_head_unref(self->head);
  g_free(self);
}

HysacConcepts *
hysac_rater_get_concepts(HysacRater *self)
{
  return self->concepts;
}

HysacHead *
hysac_rater_get_head(HysacRater *self)
{
  return self->head;
}

gboolean
hysac_rater_has(HysacRater *self, guint rule)
{
  if (rule == HYSAC_RULE_HEAD)
    return self->head != NULL;
  for (guint i = 0; self->concepts && i < hysac_concepts_get_count(self->concepts); i++) {
    const HysacConcept *concept = hysac_concepts_get(self->concepts, i);
    if (!concept->safe && concept->category == (HysacCategory) rule)
      return TRUE;
  }
  return FALSE;
}

static void
add(GChecksum *sum, gconstpointer data, gsize size)
{
  const guint64 length = size;

  g_checksum_update(sum, (const guchar *) &length, sizeof length);
  if (size > 0)
    g_checksum_update(sum, data, (gssize) size);
}

char *
hysac_rater_identify(HysacRater *self)
{
  g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
  const guint dimension = self->concepts ? hysac_concepts_get_dimension(self->concepts) : 0;
  const double threshold = self->head_rule.has_threshold ? self->head_rule.threshold : 0.0;

  for (guint i = 0; self->concepts && i < hysac_concepts_get_count(self->concepts); i++) {
    const HysacConcept *concept = hysac_concepts_get(self->concepts, i);
    const guint32 kind[] = {(guint32) concept->category, concept->safe != FALSE};
    add(sum, concept->name, strlen(concept->name));
    add(sum, kind, sizeof kind);
    add(sum, &concept->eta, sizeof concept->eta);
    add(sum, concept->points, (gsize) concept->n_points * dimension * sizeof *concept->points);
  }
  add(sum, &self->curvature, sizeof self->curvature);
  if (self->head) {
    g_autofree char *head = hysac_head_identify(self->head);
    add(sum, head, strlen(head));
    add(sum, &threshold, sizeof threshold); /* it says which class tells most */
  }
  return g_strdup(g_checksum_get_string(sum));
}

/* ------------------------------------------------------------ scores */

static void
rate_categories(HysacRater *self, const float *point, HysacRating *rating)
{
  rating->has_categories = point != NULL;
  if (point) {
    hysac_concepts_score(self->concepts, point, self->curvature, NULL, rating->categories);
  } else {
    for (guint i = 0; i < HYSAC_N_CATEGORIES; i++)
      rating->categories[i] = (HysacCategoryScore) {.nearest = -1, .inner = NAN, .cone = NAN, .lead = NAN};
  }
  for (guint i = 0; i < HYSAC_N_CATEGORIES; i++) {
    const gint nearest = rating->categories[i].nearest;
    if (nearest >= 0)
      rating->nearest[i] = g_intern_string(hysac_concepts_get(self->concepts, (guint) nearest)->name);
  }
}

static void
rate_head(HysacRater *self, const float *feature, HysacRating *rating)
{
  const HysacHeadRule *rule = &self->head_rule;

  rating->head = hysac_head_score(self->head, feature, NULL);
  /* Another threshold than its own is for all classes, of which the file's own margins have chosen one. */
  if (rule->has_threshold) {
    double scores[HYSAC_HEAD_MAX_CLASSES];
    const guint n = hysac_head_get_n_classes(self->head);
    hysac_head_score(self->head, feature, scores);
    guint best = 0;
    for (guint k = 1; k < n; k++)
      best = !(scores[k] <= scores[best]) ? k : best;
    rating->head = (HysacHeadScore) {best, scores[best], rule->threshold, !(scores[best] < rule->threshold)};
  }
  rating->label = g_intern_string(hysac_head_get_label(self->head, rating->head.index));
  rating->has_head = TRUE;
}

void
hysac_rater_judge(HysacRater *self, HysacRating *rating)
{
  rating->marks = 0;
  for (guint i = 0; self->concepts && i < HYSAC_N_CATEGORIES; i++) {
    if (hysac_category_rule_acts(&self->categories[i], &rating->categories[i]))
      rating->marks |= 1u << i;
  }
  if (self->head_rule.set && (!rating->has_head || rating->head.unsafe))
    rating->marks |= 1u << HYSAC_RULE_HEAD;
}

void
hysac_rater_rate(HysacRater *self, const float *feature, const float *point, HysacRating *rating)
{
  *rating = (HysacRating) {.seq = rating->seq};
  if (self->concepts)
    rate_categories(self, point, rating);
  if (self->head && feature)
    rate_head(self, feature, rating);
  hysac_rater_judge(self, rating);
}

/* ------------------------------------------------------------ several */

/* What is no number is worse than any, and stays. */
static gboolean
exceeds(double now, double worst)
{
  return !isnan(worst) && !(now <= worst);
}

void
hysac_rating_worsen(HysacRating *self, const HysacRating *other)
{
  self->marks |= other->marks;
  for (guint i = 0; other->has_categories && i < HYSAC_N_CATEGORIES; i++) {
    HysacCategoryScore *worst = &self->categories[i];
    const HysacCategoryScore *now = &other->categories[i];
    if (!self->has_categories || exceeds(now->inner, worst->inner)) {
      worst->inner = now->inner;
      worst->nearest = now->nearest;
      self->nearest[i] = other->nearest[i];
    }
    if (!self->has_categories || exceeds(-now->cone, -worst->cone))
      worst->cone = now->cone;
    if (!self->has_categories || exceeds(now->lead, worst->lead))
      worst->lead = now->lead;
  }
  self->has_categories = self->has_categories || other->has_categories;
  if (!other->has_head || (self->has_head && !hysac_head_score_is_worse(&other->head, &self->head)))
    return;
  self->has_head = TRUE;
  self->head = other->head;
  self->label = other->label;
}

/* ------------------------------------------------------------ telling */

static void
add_number(GString *json, const char *key, double value)
{
  g_string_append_printf(json, ",\"%s\":", key);
  hysac_json_append_double(json, value + 0.0); /* never -0, which comes back as 0 */
}

static void
append_advisory(const HysacRating *rating, GString *json)
{
  const char *before = "";

  g_string_append_c(json, '{');
  for (guint i = 0; rating->has_categories && i < HYSAC_N_CATEGORIES; i++) {
    if (!rating->nearest[i])
      continue;
    g_string_append_printf(json, "%s\"%s\":{\"concept\":", before, hysac_rule_to_string(i));
    hysac_json_append_string(json, rating->nearest[i]);
    add_number(json, "inner", rating->categories[i].inner);
    add_number(json, "cone", rating->categories[i].cone);
    add_number(json, "lead", rating->categories[i].lead);
    g_string_append_c(json, '}');
    before = ",";
  }
  if (rating->has_head) {
    g_string_append_printf(json, "%s\"head\":{\"label\":", before);
    hysac_json_append_string(json, rating->label);
    add_number(json, "score", rating->head.score);
    add_number(json, "threshold", rating->head.threshold);
    g_string_append_printf(json, ",\"unsafe\":%s}", rating->head.unsafe ? "true" : "false");
  }
  g_string_append_c(json, '}');
}

void
hysac_rules_append(guint32 marks, GString *json)
{
  const char *before = "";

  g_string_append_c(json, '[');
  for (guint i = 0; i < HYSAC_N_RULES; i++) {
    if (!(marks >> i & 1))
      continue;
    g_string_append_printf(json, "%s\"%s\"", before, hysac_rule_to_string(i));
    before = ",";
  }
  g_string_append_c(json, ']');
}

void
hysac_rating_append(const HysacRating *rating, guint32 marks, GString *json)
{
  g_string_append(json, ",\"advisory\":");
  if (rating && (rating->has_categories || rating->has_head))
    append_advisory(rating, json);
  else
    g_string_append(json, "null");
  g_string_append(json, ",\"rules\":");
  hysac_rules_append(marks, json);
}
