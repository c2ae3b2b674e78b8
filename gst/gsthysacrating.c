/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>

#include "gst/gsthysacrating.h"

GST_DEBUG_CATEGORY_EXTERN(gst_hysac_debug);
#define GST_CAT_DEFAULT gst_hysac_debug

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

gboolean
gst_hysac_rater_new(const GstHysacBeside *beside, const HysacPolicyRules *rules, HysacRater **out, GError **error)
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
  return hysac_rater_new(concepts, beside->head, beside->no_head, beside->curvature, rules, out, error);
}

gint
gst_hysac_rules_raise(const HysacPolicyRules *rules, guint32 marks, gint own, gint least, guint (*strength)(gint action))
{
  gint strongest = least;
  for (guint i = 0; i < HYSAC_N_RULES; i++) {
    if (!(marks >> i & 1))
      continue;
    const guint said = i == HYSAC_RULE_HEAD ? rules->head.action : rules->categories[i].action;
    const gint wanted = said == G_MAXUINT ? own : (gint)said;
    if (strength(wanted) > strength(strongest))
      strongest = wanted;
  }
  return strongest;
}

/* ------------------------------------------------------------ telling */

static void
set_number(GstStructure *s, const char *name, double value)
{
  if (isfinite(value))
    gst_structure_set(s, name, G_TYPE_DOUBLE, value, NULL);
}

static GstStructure *
advisory(const HysacRating *rating)
{
  GstStructure *s = gst_structure_new_empty("advisory");
  for (guint i = 0; rating->has_categories && i < HYSAC_N_CATEGORIES; i++) {
    if (!rating->nearest[i])
      continue;
    const char *name = hysac_rule_to_string(i);
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
gst_hysac_rating_fill(const HysacRating *rating, guint32 marks, GstStructure *structure)
{
  if (rating && (rating->has_categories || rating->has_head)) {
    g_autoptr(GstStructure) s = advisory(rating);
    gst_structure_set(structure, "advisory", GST_TYPE_STRUCTURE, s, NULL);
  }
  if (marks == 0)
    return;
  g_autoptr(GString) names = g_string_new(NULL);
  for (guint i = 0; i < HYSAC_N_RULES; i++) {
    if (marks >> i & 1)
      g_string_append_printf(names, "%s%s", names->len ? "," : "", hysac_rule_to_string(i));
  }
  gst_structure_set(structure, "rules", G_TYPE_STRING, names->str, NULL);
}
