/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>

#include "gst/gsthysacrating.h"
#include "gst/jsonline.h"

GST_DEBUG_CATEGORY_EXTERN(gst_hysac_debug);
#define GST_CAT_DEFAULT gst_hysac_debug

/* g_atomic_rc_box; immutable. */
struct _GstHysacRater {
  HysacConcepts *concepts; /* complete, or NULL */
  HysacHead *head;         /* or NULL */
  double curvature;
  HysacCategoryRule categories[HYSAC_N_CATEGORIES];
  HysacHeadRule head_rule;
};

/* (transfer full) (nullable): the concepts with their points; NULL with @error where they have none and none can be
 * computed. */
static HysacConcepts *
take_concepts(const GstHysacBeside *beside, const HysacPolicyRules *rules, GError **error)
{
  HysacConcepts *concepts = rules->concepts ? rules->concepts : beside->concepts;
  if (!concepts || hysac_concepts_get_count(concepts) == 0)
    return NULL;
  if (!hysac_concepts_fit_model(concepts, beside->dimension, beside->weights_sha256, "the policy", error))
    return NULL;
  if (hysac_concepts_is_complete(concepts))
    return hysac_concepts_ref(concepts);
  if (beside->encode_concepts)
    return beside->encode_concepts(beside->encoder, concepts, error);
  g_set_error_literal(error, HYSAC_ERROR, HYSAC_ERROR_UNSUPPORTED, "the concepts have no points");
  return NULL;
}

static void
clear(gpointer data)
{
  GstHysacRater *self = data;
  hysac_concepts_unref(self->concepts);
  hysac_head_unref(self->head);
}

gboolean
gst_hysac_rater_new(const GstHysacBeside *beside, const HysacPolicyRules *rules, GstHysacRater **out, GError **error)
{
  g_autoptr(GError) local = NULL;
  g_autoptr(HysacConcepts) concepts = take_concepts(beside, rules, &local);
  const gboolean wanted = hysac_policy_rules_any(rules) || rules->concepts;
  *out = NULL;
  if (local && wanted) {
    g_propagate_error(error, g_steal_pointer(&local));
    return FALSE;
  }
  if (local) /* the model's own are advice only: moderation goes on without */
    GST_WARNING("no scores of categories: %s", local->message);
  if (!hysac_policy_rules_check(rules, concepts, error))
    return FALSE;
  if (rules->head.set && !beside->head) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_MODEL, "the policy lets the head decide, and the model has none (%s)",
                beside->no_head);
    return FALSE;
  }
  if (!concepts && !beside->head)
    return TRUE;
  GstHysacRater *self = g_atomic_rc_box_new0(GstHysacRater);
  self->concepts = g_steal_pointer(&concepts);
  self->head = beside->head ? hysac_head_ref(beside->head) : NULL;
  self->curvature = beside->curvature;
  memcpy(self->categories, rules->categories, sizeof self->categories);
  self->head_rule = rules->head;
  *out = self;
  return TRUE;
}

GstHysacRater *
gst_hysac_rater_ref(GstHysacRater *self)
{
  return g_atomic_rc_box_acquire(self);
}

void
gst_hysac_rater_unref(GstHysacRater *self)
{
  if (self)
    g_atomic_rc_box_release_full(self, clear);
}

static void
rate_categories(GstHysacRater *self, const float *point, GstHysacRating *rating)
{
  if (point) {
    hysac_concepts_score(self->concepts, point, self->curvature, NULL, rating->categories);
  } else {
    for (guint i = 0; i < HYSAC_N_CATEGORIES; i++)
      rating->categories[i] = (HysacCategoryScore){.nearest = -1, .inner = NAN, .cone = NAN, .lead = NAN};
  }
  for (guint i = 0; i < HYSAC_N_CATEGORIES; i++) {
    const HysacCategoryScore *score = &rating->categories[i];
    if (score->nearest >= 0)
      rating->nearest[i] = g_intern_string(hysac_concepts_get(self->concepts, (guint)score->nearest)->name);
    if (hysac_category_rule_acts(&self->categories[i], score))
      rating->marks |= 1u << i;
  }
}

void
gst_hysac_rater_rate(GstHysacRater *self, const GstHysacScore *score, GstHysacRating *rating)
{
  *rating = (GstHysacRating){.seq = rating->seq};
  if (self->concepts) {
    rating->has_categories = score->point != NULL;
    rate_categories(self, score->point, rating);
  }
  if (!self->head)
    return;
  if (score->feature) {
    rating->head = hysac_head_score(self->head, score->feature, NULL);
    rating->label = g_intern_string(hysac_head_get_label(self->head, rating->head.index));
    rating->has_head = TRUE;
  }
  /* Another threshold than its own is for all classes, of which the file's own margins have chosen one. */
  const HysacHeadRule *rule = &self->head_rule;
  if (rule->has_threshold && rating->has_head) {
    double scores[HYSAC_HEAD_MAX_CLASSES];
    const guint n = hysac_head_get_n_classes(self->head);
    hysac_head_score(self->head, score->feature, scores);
    guint best = 0;
    for (guint k = 1; k < n; k++)
      best = !(scores[k] <= scores[best]) ? k : best;
    rating->head = (HysacHeadScore){best, scores[best], rule->threshold, !(scores[best] < rule->threshold)};
    rating->label = g_intern_string(hysac_head_get_label(self->head, best));
  }
  if (rule->set && (!rating->has_head || rating->head.unsafe))
    rating->marks |= 1u << GST_HYSAC_RULE_HEAD;
}

/* ------------------------------------------------------------ several */

/* What is no number is worse than any, and stays. */
static gboolean
exceeds(double now, double worst)
{
  return !isnan(worst) && !(now <= worst);
}

void
gst_hysac_rating_worsen(GstHysacRating *self, const GstHysacRating *other)
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

gint
gst_hysac_rules_raise(const HysacPolicyRules *rules, guint32 marks, gint own, gint least, guint (*strength)(gint action))
{
  gint strongest = least;
  for (guint i = 0; i < GST_HYSAC_N_RULES; i++) {
    if (!(marks >> i & 1))
      continue;
    const guint said = i == GST_HYSAC_RULE_HEAD ? rules->head.action : rules->categories[i].action;
    const gint wanted = said == G_MAXUINT ? own : (gint)said;
    if (strength(wanted) > strength(strongest))
      strongest = wanted;
  }
  return strongest;
}

/* ------------------------------------------------------------ telling */

static const char *
rule_name(guint rule)
{
  return rule == GST_HYSAC_RULE_HEAD ? "head" : hysac_category_to_string((HysacCategory)rule);
}

static void
set_number(GstStructure *s, const char *name, double value)
{
  if (isfinite(value))
    gst_structure_set(s, name, G_TYPE_DOUBLE, value, NULL);
}

static GstStructure *
advisory(const GstHysacRating *rating)
{
  GstStructure *s = gst_structure_new_empty("advisory");
  for (guint i = 0; rating->has_categories && i < HYSAC_N_CATEGORIES; i++) {
    if (!rating->nearest[i])
      continue;
    const char *name = rule_name(i);
    g_autoptr(GstStructure) one =
        gst_structure_new(name, "concept", G_TYPE_STRING, rating->nearest[i], NULL);
    set_number(one, "inner", rating->categories[i].inner);
    set_number(one, "cone", rating->categories[i].cone);
    set_number(one, "lead", rating->categories[i].lead);
    gst_structure_set(s, name, GST_TYPE_STRUCTURE, one, NULL);
  }
  if (rating->has_head) {
    g_autoptr(GstStructure) head =
        gst_structure_new("head", "label", G_TYPE_STRING, rating->label, "threshold", G_TYPE_DOUBLE,
                          rating->head.threshold, "unsafe", G_TYPE_BOOLEAN, rating->head.unsafe, NULL);
    set_number(head, "score", rating->head.score);
    gst_structure_set(s, "head", GST_TYPE_STRUCTURE, head, NULL);
  }
  return s;
}

void
gst_hysac_rating_fill(const GstHysacRating *rating, guint32 marks, GstStructure *structure)
{
  if (rating && (rating->has_categories || rating->has_head)) {
    g_autoptr(GstStructure) s = advisory(rating);
    gst_structure_set(structure, "advisory", GST_TYPE_STRUCTURE, s, NULL);
  }
  if (marks == 0)
    return;
  g_autoptr(GString) names = g_string_new(NULL);
  for (guint i = 0; i < GST_HYSAC_N_RULES; i++) {
    if (marks >> i & 1)
      g_string_append_printf(names, "%s%s", names->len ? "," : "", rule_name(i));
  }
  gst_structure_set(structure, "rules", G_TYPE_STRING, names->str, NULL);
}

void
gst_hysac_rating_append(const GstHysacRating *rating, guint32 marks, GString *line)
{
  g_string_append(line, ",\"advisory\":");
  if (rating && (rating->has_categories || rating->has_head)) {
    GString *all = g_string_new("{");
    for (guint i = 0; rating->has_categories && i < HYSAC_N_CATEGORIES; i++) {
      if (!rating->nearest[i])
        continue;
      g_autoptr(GString) one = g_string_new("{");
      add_string(one, "concept", rating->nearest[i]);
      add_double(one, "inner", rating->categories[i].inner);
      add_double(one, "cone", rating->categories[i].cone);
      add_double(one, "lead", rating->categories[i].lead);
      g_string_append_printf(all, "%s\"%s\":%s}", all->len > 1 ? "," : "", rule_name(i), one->str);
    }
    if (rating->has_head) {
      g_autoptr(GString) one = g_string_new("{");
      add_string(one, "label", rating->label);
      add_double(one, "score", rating->head.score);
      add_double(one, "threshold", rating->head.threshold);
      add_bool(one, "unsafe", rating->head.unsafe);
      g_string_append_printf(all, "%s\"head\":%s}", all->len > 1 ? "," : "", one->str);
    }
    g_string_append_printf(line, "%s}", all->str);
    g_string_free(all, TRUE);
  } else {
    g_string_append(line, "null");
  }
  g_string_append(line, ",\"rules\":[");
  for (guint i = 0, n = 0; i < GST_HYSAC_N_RULES; i++) {
    if (marks >> i & 1)
      g_string_append_printf(line, "%s\"%s\"", n++ ? "," : "", rule_name(i));
  }
  g_string_append_c(line, ']');
}
