/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a policy says of categories. */
#include "core/concepts_private.h"
#include "core/json.h"
#include "core/policyfile_private.h"

#include <math.h>
#include <string.h>

G_GNUC_PRINTF(4, 5)
static gboolean
fail(GError **error, const char *name, const char *path, const char *format, ...)
{
  va_list args;

  va_start(args, format);
  g_autofree char *problem = g_strdup_vprintf(format, args);
  va_end(args);
  g_autofree char *shown = hysac_shorten(path, 128);
  g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_MODEL, "%s: %s %s", name, shown, problem);
  return FALSE;
}

static gboolean
read_action(JsonNode *node, const char *name, const char *path, const HysacPolicyKey *keys, guint n, guint *action,
            GError **error)
{
  const char *text = JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_STRING
                       ? json_node_get_string(node)
                       : NULL;
  const HysacPolicyKey *key = NULL;

  for (guint i = 0; i < n; i++) {
    if (g_str_equal(keys[i].name, "action") && keys[i].kind == HYSAC_POLICY_CHOICE)
      key = &keys[i];
  }
  if (!key)
    return fail(error, name, path, "cannot be: there are no actions here");
  for (guint i = 0; key->choices[i]; i++) {
    if (text && g_str_equal(text, key->choices[i])) {
      *action = i;
      return TRUE;
    }
  }
  g_autofree char *list = g_strjoinv(", ", (char **) key->choices);
  return fail(error, name, path, "must be one of %s", list);
}

static gboolean
read_number(JsonNode *node, const char *name, const char *path, double *out, gboolean *has, GError **error)
{
  GType type = JSON_NODE_HOLDS_VALUE(node) ? json_node_get_value_type(node) : G_TYPE_INVALID;

  if (type != G_TYPE_DOUBLE && type != G_TYPE_INT64)
    return fail(error, name, path, "must be a number");
  *out = json_node_get_double(node);
  *has = TRUE;
  return isfinite(*out) || fail(error, name, path, "must be finite");
}

static gboolean
read_category(JsonNode *node, const char *name, const char *path, const HysacPolicyKey *keys, guint n,
              HysacCategoryRule *rule, GError **error)
{
  JsonObjectIter iter;
  const char *key;
  JsonNode *value;

  if (!JSON_NODE_HOLDS_OBJECT(node))
    return fail(error, name, path, "must be an object");
  rule->action = G_MAXUINT;
  json_object_iter_init_ordered(&iter, json_node_get_object(node));
  while (json_object_iter_next_ordered(&iter, &key, &value)) {
    g_autofree char *here = g_strdup_printf("%s.%s", path, key);
    gboolean ok;
    if (g_str_equal(key, "cone"))
      ok = read_number(value, name, here, &rule->cone, &rule->has_cone, error);
    else if (g_str_equal(key, "inner"))
      ok = read_number(value, name, here, &rule->inner, &rule->has_inner, error);
    else if (g_str_equal(key, "lead"))
      ok = read_number(value, name, here, &rule->lead, &rule->has_lead, error);
    else if (g_str_equal(key, "action"))
      ok = read_action(value, name, here, keys, n, &rule->action, error);
    else
      ok = fail(error, name, here, "is no key of a category: cone, inner, lead and action are");
    if (!ok)
      return FALSE;
  }
  rule->set = TRUE;
  return rule->has_cone || rule->has_inner || rule->has_lead ||
         fail(error, name, path, "has no threshold: cone, inner or lead is expected");
}

/* {} is enough: the head decides by its own threshold. */
static gboolean
read_head(JsonNode *node, const char *name, const HysacPolicyKey *keys, guint n, HysacHeadRule *rule, GError **error)
{
  JsonObjectIter iter;
  const char *key;
  JsonNode *value;

  if (!JSON_NODE_HOLDS_OBJECT(node))
    return fail(error, name, "head", "must be an object");
  rule->action = G_MAXUINT;
  json_object_iter_init_ordered(&iter, json_node_get_object(node));
  while (json_object_iter_next_ordered(&iter, &key, &value)) {
    g_autofree char *here = g_strdup_printf("head.%s", key);
    gboolean ok;
    if (g_str_equal(key, "threshold"))
      ok = read_number(value, name, here, &rule->threshold, &rule->has_threshold, error) &&
           ((rule->threshold > 0.0 && rule->threshold <= 1.0) ||
            fail(error, name, here, "must be above 0 and at most 1"));
    else if (g_str_equal(key, "action"))
      ok = read_action(value, name, here, keys, n, &rule->action, error);
    else
      ok = fail(error, name, here, "is no key of head: threshold and action are");
    if (!ok)
      return FALSE;
  }
  rule->set = TRUE;
  return TRUE;
}

gboolean
hysac_policy_read_rule(const char *key, JsonNode *node, const char *name, const HysacPolicyKey *keys, guint n,
                       HysacPolicyRules *rules, GError **error)
{
  JsonObjectIter iter;
  const char *category_name;
  JsonNode *value;

  if (g_str_equal(key, "concepts")) {
    rules->concepts = hysac_concepts_read(node, name, key, error);
    return rules->concepts != NULL;
  }
  if (g_str_equal(key, "head"))
    return read_head(node, name, keys, n, &rules->head, error);
  if (!JSON_NODE_HOLDS_OBJECT(node))
    return fail(error, name, key, "must be an object");
  json_object_iter_init_ordered(&iter, json_node_get_object(node));
  while (json_object_iter_next_ordered(&iter, &category_name, &value)) {
    g_autofree char *path = g_strdup_printf("categories.%s", category_name);
    HysacCategory category;
    if (!hysac_category_parse(category_name, &category))
      return fail(error, name, path, "is no category: hate, harassment, violence, self-harm, sexual, shocking and "
                                     "illegal are");
    if (!read_category(value, name, path, keys, n, &rules->categories[category], error))
      return FALSE;
  }
  return TRUE;
}

void
hysac_policy_rules_clear(HysacPolicyRules *rules)
{
  hysac_concepts_unref(rules->concepts);
  memset(rules, 0, sizeof *rules);
}

void
hysac_policy_rules_copy(HysacPolicyRules *to, const HysacPolicyRules *from)
{
  *to = *from;
  if (to->concepts)
    hysac_concepts_ref(to->concepts);
}

gboolean
hysac_policy_rules_any(const HysacPolicyRules *rules)
{
  gboolean any = rules->head.set;

  for (guint k = 0; k < HYSAC_N_CATEGORIES; k++)
    any = any || rules->categories[k].set;
  return any;
}

gboolean
hysac_category_rule_acts(const HysacCategoryRule *rule, const HysacCategoryScore *score)
{
  /* Each comparison is of what does not reach: what is no number does. */
  return rule->set && !(rule->has_cone && score->cone > rule->cone) &&
         !(rule->has_inner && score->inner < rule->inner) && !(rule->has_lead && score->lead <= rule->lead);
}

gboolean
hysac_policy_rules_check(const HysacPolicyRules *rules, HysacConcepts *concepts, GError **error)
{
  for (guint k = 0; k < HYSAC_N_CATEGORIES; k++) {
    const HysacCategoryRule *rule = &rules->categories[k];
    gboolean unsafe = FALSE, safe = FALSE;
    for (guint i = 0; concepts && i < hysac_concepts_get_count(concepts); i++) {
      const HysacConcept *concept = hysac_concepts_get(concepts, i);
      unsafe = unsafe || (!concept->safe && concept->category == (HysacCategory) k);
      safe = safe || (concept->safe && (concept->category == (HysacCategory) k ||
                                        concept->category == HYSAC_CATEGORY_NONE));
    }
    if (rule->set && (!unsafe || (rule->has_lead && !safe))) {
      g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_MODEL, "the policy has a threshold for %s, and there is no %s concept "
                  "to measure by (docs/concepts.md)", hysac_category_to_string((HysacCategory) k),
                  unsafe ? "safe" : "unsafe");
      return FALSE;
    }
  }
  return TRUE;
}
