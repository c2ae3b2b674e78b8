/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/policyfile_private.h"
#include "core/file.h"
#include "core/json.h"

#include <math.h>
#include <string.h>

#define VERSION 1

typedef struct {
  const char *text, *name;
  gsize size;
} Source;

/* "FILE: line N: KEY PROBLEM"; no line where the key is written with escapes. */
G_GNUC_PRINTF(4, 5)
static gboolean
fail(GError **error, const Source *source, const char *key, const char *format, ...)
{
  gsize start, end;
  va_list args;

  va_start(args, format);
  g_autofree char *problem = g_strdup_vprintf(format, args);
  va_end(args);
  g_autofree char *shown = hysac_shorten(key, 64);
  if (hysac_json_find(source->text, source->size, key, &start, &end))
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_MODEL, "%s: line %u: %s %s", source->name,
                hysac_json_line(source->text, start), shown, problem);
  else
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_MODEL, "%s: %s %s", source->name, shown, problem);
  return FALSE;
}

gboolean
hysac_policy_parse_time(const char *text, guint64 *ns)
{
  static const struct {
    const char *unit;
    guint64 ns;
  } units[] = {{"ns", 1}, {"us", 1000}, {"ms", 1000000}, {"s", 1000000000},
               {"min", G_GUINT64_CONSTANT(60000000000)}, {"h", G_GUINT64_CONSTANT(3600000000000)}};
  const char *p = text;
  guint64 value = 0, below = 1; /* value / below in the unit */
  gboolean point = FALSE;

  /* By hand: strtod depends on the locale, and takes "nan", "0x1p3" and "1e9". */
  if (!g_ascii_isdigit(*p))
    return FALSE;
  for (; g_ascii_isdigit(*p) || (*p == '.' && !point && g_ascii_isdigit(p[1])); p++) {
    if (*p == '.') {
      point = TRUE;
      continue;
    }
    if (!g_uint64_checked_mul(&value, value, 10) ||
        !g_uint64_checked_add(&value, value, (guint64) (*p - '0')) ||
        (point && !g_uint64_checked_mul(&below, below, 10)))
      return FALSE;
  }
  for (guint i = 0; i < G_N_ELEMENTS(units); i++) {
    if (!g_str_equal(p, units[i].unit))
      continue;
    if (!g_uint64_checked_mul(&value, value, units[i].ns) || value % below != 0)
      return FALSE;
    *ns = value / below;
    return TRUE;
  }
  return FALSE;
}

static gboolean
read_time(JsonNode *node, const HysacPolicyKey *key, guint64 *out)
{
  GType type = JSON_NODE_HOLDS_VALUE(node) ? json_node_get_value_type(node) : G_TYPE_INVALID;

  /* A bare number would be seconds to one reader and nanoseconds to another; 0 is 0 to both. */
  if (type == G_TYPE_INT64 && json_node_get_int(node) == 0)
    *out = 0;
  else if (type != G_TYPE_STRING || !hysac_policy_parse_time(json_node_get_string(node), out))
    return FALSE;
  return *out >= key->least && *out <= key->most;
}

static gboolean
read_number(JsonNode *node, const HysacPolicyKey *key, double *out)
{
  GType type = JSON_NODE_HOLDS_VALUE(node) ? json_node_get_value_type(node) : G_TYPE_INVALID;

  if (type != G_TYPE_DOUBLE && type != G_TYPE_INT64)
    return FALSE;
  *out = json_node_get_double(node);
  return *out >= key->low && *out <= key->high; /* not where it is no number */
}

static gboolean
read_choice(JsonNode *node, const HysacPolicyKey *key, guint64 *out)
{
  if (!JSON_NODE_HOLDS_VALUE(node) || json_node_get_value_type(node) != G_TYPE_STRING)
    return FALSE;
  for (guint i = 0; key->choices[i]; i++) {
    if (g_str_equal(key->choices[i], json_node_get_string(node))) {
      *out = i;
      return TRUE;
    }
  }
  return FALSE;
}

/* What the key takes, for people; (transfer full). */
static char *
describe(const HysacPolicyKey *key)
{
  switch (key->kind) {
  case HYSAC_POLICY_TIME:
    return g_strdup_printf("a time with its unit (\"200ms\", \"1.5s\"; ns, us, ms, s, min, h) from "
                           "%" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT " ns", key->least, key->most);
  case HYSAC_POLICY_COUNT:
    return g_strdup_printf("an integer from %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT,
                           key->least, key->most);
  case HYSAC_POLICY_NUMBER:
    return g_strdup_printf("a number from %g to %g", key->low, key->high);
  case HYSAC_POLICY_CHOICE:
  default: {
    g_autofree char *list = g_strjoinv(", ", (char **) key->choices);
    return g_strdup_printf("one of %s", list);
  }
  }
}

static gboolean
read_value(const Source *source, JsonNode *node, const HysacPolicyKey *key, HysacPolicyValue *value,
           GError **error)
{
  gboolean ok = FALSE;

  switch (key->kind) {
  case HYSAC_POLICY_TIME:
    ok = read_time(node, key, &value->whole);
    break;
  case HYSAC_POLICY_COUNT:
    ok = hysac_json_node_uint64(node, &value->whole) && value->whole >= key->least &&
         value->whole <= key->most;
    break;
  case HYSAC_POLICY_NUMBER:
    ok = read_number(node, key, &value->number);
    break;
  case HYSAC_POLICY_CHOICE:
    ok = read_choice(node, key, &value->whole);
    break;
  }
  if (!ok) {
    g_autofree char *all = json_to_string(node, FALSE), *found = hysac_shorten(all, 64);
    g_autofree char *wanted = describe(key);
    return fail(error, source, key->name, "is %s; %s is expected", found, wanted);
  }
  value->set = TRUE;
  return TRUE;
}

/* What describes the file itself. */
static gboolean
read_head(const Source *source, JsonObject *root, char **title, GError **error)
{
  JsonNode *version = json_object_get_member(root, "version");
  JsonNode *named = json_object_get_member(root, "name");
  JsonNode *comment = json_object_get_member(root, "comment");
  guint64 number;

  if (!version)
    return fail(error, source, "version", "is missing; %d is expected", VERSION);
  if (!hysac_json_node_uint64(version, &number) || number != VERSION)
    return fail(error, source, "version", "is not %d, the only one that this release knows", VERSION);
  if (comment &&
      (!JSON_NODE_HOLDS_VALUE(comment) || json_node_get_value_type(comment) != G_TYPE_STRING))
    return fail(error, source, "comment", "is not a string");
  if (!named)
    return TRUE;
  if (!JSON_NODE_HOLDS_VALUE(named) || json_node_get_value_type(named) != G_TYPE_STRING ||
      strlen(json_node_get_string(named)) > HYSAC_POLICY_FILE_MAX_NAME)
    return fail(error, source, "name", "is not a string of at most %d bytes",
                HYSAC_POLICY_FILE_MAX_NAME);
  *title = g_strdup(json_node_get_string(named));
  return TRUE;
}

static gboolean
read_members(const Source *source, JsonObject *root, const HysacPolicyKey *keys, guint n,
             HysacPolicyValue *values, HysacPolicyRules *rules, GError **error)
{
  static const char *const head[] = {"version", "name", "comment", NULL};
  static const char *const more[] = {"categories", "concepts", "head", NULL};
  JsonObjectIter iter;
  const char *name;
  JsonNode *node;

  json_object_iter_init_ordered(&iter, root);
  while (json_object_iter_next_ordered(&iter, &name, &node)) {
    guint i = 0;
    if (g_strv_contains(head, name))
      continue;
    if (rules && g_strv_contains(more, name)) {
      if (!hysac_policy_read_rule(name, node, source->name, keys, n, rules, error))
        return FALSE;
      continue;
    }
    while (i < n && !g_str_equal(keys[i].name, name))
      i++;
    if (i == n)
      return fail(error, source, name, "is no key of a policy");
    if (!read_value(source, node, &keys[i], &values[i], error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
parse(const char *text, gsize size, const char *name, const HysacPolicyKey *keys, guint n, HysacPolicyValue *values,
      char **title, HysacPolicyRules *rules, GError **error)
{
  const Source source = {text, name, size};

  memset(values, 0, n * sizeof *values);
  *title = NULL;
  g_autoptr(JsonNode) node = hysac_json_parse(text, size, name, error);
  if (!node)
    return FALSE;
  JsonObject *root = json_node_get_object(node);
  if (read_head(&source, root, title, error) &&
      read_members(&source, root, keys, n, values, rules, error))
    return TRUE;
  memset(values, 0, n * sizeof *values);
  g_clear_pointer(title, g_free);
  return FALSE;
}

gboolean
hysac_policy_file_parse(const char *text, gsize size, const char *name, const HysacPolicyKey *keys,
                        guint n, HysacPolicyValue *values, char **title, GError **error)
{
  return parse(text, size, name, keys, n, values, title, NULL, error);
}

gboolean
hysac_policy_file_parse_rules(const char *text, gsize size, const char *name, const HysacPolicyKey *keys, guint n,
                              HysacPolicyValue *values, char **title, HysacPolicyRules *rules, GError **error)
{
  memset(rules, 0, sizeof *rules);
  if (parse(text, size, name, keys, n, values, title, rules, error))
    return TRUE;
  hysac_policy_rules_clear(rules);
  return FALSE;
}

static gboolean
load(const char *path, const HysacPolicyKey *keys, guint n, HysacPolicyValue *values, char **title,
     HysacPolicyRules *rules, GError **error)
{
  gsize size;
  g_autofree char *text = hysac_read_file(path, HYSAC_POLICY_FILE_MAX_SIZE, &size, error);

  memset(values, 0, n * sizeof *values);
  *title = NULL;
  return text && parse(text, size, path, keys, n, values, title, rules, error);
}

gboolean
hysac_policy_file_load(const char *path, const HysacPolicyKey *keys, guint n,
                       HysacPolicyValue *values, char **title, GError **error)
{
  return load(path, keys, n, values, title, NULL, error);
}

gboolean
hysac_policy_file_load_rules(const char *path, const HysacPolicyKey *keys, guint n, HysacPolicyValue *values,
                             char **title, HysacPolicyRules *rules, GError **error)
{
  memset(rules, 0, sizeof *rules);
  if (load(path, keys, n, values, title, rules, error))
    return TRUE;
  hysac_policy_rules_clear(rules);
  return FALSE;
}
