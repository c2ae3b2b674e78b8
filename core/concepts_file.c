/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Concepts as JSON. Nobody vouches for it: a key that is none fails the load, or a misspelt "safe" would make a safe
 * concept an unsafe one. */
#include "core/concepts_private.h"
#include "core/config.h"
#include "core/file.h"
#include "core/json.h"
#include "core/report.h"

#include <float.h>
#include <math.h>
#include <string.h>

#define VERSION 1

/* Where in the file something stands. */
typedef struct {
  const char *name; /* of the file */
  const char *path; /* "concepts[3]" */
} Place;

G_GNUC_PRINTF(4, 5)
static gboolean
fail(GError **error, const Place *place, const char *key, const char *format, ...)
{
  va_list args;

  va_start(args, format);
  g_autofree char *problem = g_strdup_vprintf(format, args);
  va_end(args);
  g_autofree char *shown = hysac_shorten(key, 64);
  g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_MODEL, "%s: %s%s%s %s", place->name, place->path,
              *place->path && *key ? "." : "", shown, problem);
  return FALSE;
}

static gboolean
check_keys(JsonObject *object, const Place *place, const char *const *known, const char *what, GError **error)
{
  const char *key = hysac_json_unknown_key(object, known);
  return key == NULL || fail(error, place, key, "is no key of %s", what);
}

static const char *
text_of(JsonNode *node)
{
  return node && JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_STRING
           ? json_node_get_string(node)
           : NULL;
}

static gboolean
read_name(JsonObject *object, const Place *place, GHashTable *names, HysacConcept *concept, GError **error)
{
  const char *name = text_of(hysac_json_member(object, "name"));

  if (!name || !*name || strlen(name) > HYSAC_CONCEPTS_MAX_NAME)
    return fail(error, place, "name", "must be a string of 1 to %d bytes", HYSAC_CONCEPTS_MAX_NAME);
  concept->name = g_strdup(name);
  if (!g_hash_table_add(names, (gpointer) concept->name))
    return fail(error, place, "name", "is another concept's too");
  return TRUE;
}

static gboolean
read_kind(JsonObject *object, const Place *place, HysacConcept *concept, GError **error)
{
  JsonNode *safe = hysac_json_member(object, "safe");
  JsonNode *category = hysac_json_member(object, "category");

  if (safe && (!JSON_NODE_HOLDS_VALUE(safe) || json_node_get_value_type(safe) != G_TYPE_BOOLEAN))
    return fail(error, place, "safe", "must be true or false");
  concept->safe = safe && json_node_get_boolean(safe);
  concept->category = HYSAC_CATEGORY_NONE;
  if (!category && !concept->safe)
    return fail(error, place, "category", "is missing: only a safe concept is of none");
  if (category && !hysac_category_parse(text_of(category), &concept->category)) {
    g_autofree char *known = NULL;
    for (guint i = 0; i < HYSAC_N_CATEGORIES; i++) {
      char *longer = g_strdup_printf("%s%s%s", known ? known : "", known ? ", " : "",
                                     hysac_category_to_string((HysacCategory) i));
      g_free(known);
      known = longer;
    }
    return fail(error, place, "category", "must be one of %s", known);
  }
  return TRUE;
}

static gboolean
read_prompts(JsonObject *object, const Place *place, HysacConcept *concept, GError **error)
{
  JsonNode *node = hysac_json_member(object, "prompts");

  if (!node)
    return TRUE;
  JsonArray *array = JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;
  const guint n = array ? json_array_get_length(array) : 0;
  if (n < 1 || n > HYSAC_CONCEPT_MAX_PROMPTS)
    return fail(error, place, "prompts", "must be a list of 1 to %d strings", HYSAC_CONCEPT_MAX_PROMPTS);
  char **prompts = g_new0(char *, n + 1);
  concept->prompts = (const char *const *) prompts;
  concept->n_prompts = n;
  for (guint i = 0; i < n; i++) {
    const char *text = text_of(json_array_get_element(array, i));
    if (!text || !*text || strlen(text) > HYSAC_CONCEPT_MAX_PROMPT) {
      g_autofree char *key = g_strdup_printf("prompts[%u]", i);
      return fail(error, place, key, "must be a string of 1 to %d bytes", HYSAC_CONCEPT_MAX_PROMPT);
    }
    prompts[i] = g_strdup(text);
  }
  return TRUE;
}

/* A row of numbers; the first of all rows says how many. */
static gboolean
read_point(JsonNode *node, const Place *place, const char *key, guint *dimension, GArray *values, GError **error)
{
  JsonArray *array = JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;
  const guint n = array ? json_array_get_length(array) : 0;

  if (n < 1 || n > HYSAC_CONCEPT_MAX_DIMENSION)
    return fail(error, place, key, "must be a list of 1 to %d numbers", HYSAC_CONCEPT_MAX_DIMENSION);
  if (*dimension == 0)
    *dimension = n;
  if (n != *dimension)
    return fail(error, place, key, "has %u numbers, the points before it have %u", n, *dimension);
  for (guint i = 0; i < n; i++) {
    JsonNode *element = json_array_get_element(array, i);
    GType type = JSON_NODE_HOLDS_VALUE(element) ? json_node_get_value_type(element) : G_TYPE_INVALID;
    const gboolean is_number = type == G_TYPE_DOUBLE || type == G_TYPE_INT64;
    const double value = is_number ? json_node_get_double(element) : 0.0;
    if (!is_number || !(fabs(value) <= (double) FLT_MAX)) {
      g_autofree char *longer = g_strdup_printf("%s[%u]", key, i);
      return fail(error, place, longer, "must be a number that a float can hold");
    }
    const float rounded = (float) value;
    g_array_append_val(values, rounded);
  }
  return TRUE;
}

static gboolean
read_points(JsonObject *object, const Place *place, guint *dimension, HysacConcept *concept, GError **error)
{
  JsonNode *node = hysac_json_member(object, "points");

  if (!node)
    return concept->n_prompts > 0 || fail(error, place, "prompts", "or points must be there");
  JsonArray *array = JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;
  const guint n = array ? json_array_get_length(array) : 0;
  if (n < 1 || n > HYSAC_CONCEPT_MAX_PROMPTS || (concept->n_prompts > 0 && n != concept->n_prompts))
    return fail(error, place, "points", "must be a list of %s points",
                concept->n_prompts > 0 ? "as many as there are prompts," : "1 to 256");
  g_autoptr(GArray) values = g_array_new(FALSE, FALSE, sizeof(float));
  for (guint i = 0; i < n; i++) {
    g_autofree char *key = g_strdup_printf("points[%u]", i);
    if (!read_point(json_array_get_element(array, i), place, key, dimension, values, error))
      return FALSE;
  }
  concept->n_points = n;
  concept->points = (float *) g_array_free(g_steal_pointer(&values), FALSE);
  return TRUE;
}

static gboolean
read_concept(HysacConcepts *self, JsonNode *node, const Place *place, GHashTable *names, HysacConcept *concept,
             GError **error)
{
  static const char *const known[] = {"name", "category", "safe", "eta", "prompts", "points", "comment", NULL};

  if (!JSON_NODE_HOLDS_OBJECT(node))
    return fail(error, place, "", "must be an object");
  JsonObject *object = json_node_get_object(node);
  JsonNode *comment = hysac_json_member(object, "comment");
  if (comment && !text_of(comment))
    return fail(error, place, "comment", "must be a string");
  if (!check_keys(object, place, known, "a concept", error))
    return FALSE;
  g_autofree char *where = g_strdup_printf("%s: %s", place->name, place->path);
  return hysac_json_get_double(object, where, "eta", 0.0, HYSAC_CONCEPT_MAX_ETA, 1.0, &concept->eta, error) &&
         read_name(object, place, names, concept, error) && read_kind(object, place, concept, error) &&
         read_prompts(object, place, concept, error) &&
         read_points(object, place, &self->dimension, concept, error);
}

static gboolean
read_list(HysacConcepts *self, JsonNode *node, const char *name, const char *path, GError **error)
{
  g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal); /* borrows */
  const Place place = {name, path};

  if (!JSON_NODE_HOLDS_ARRAY(node))
    return fail(error, &place, "", "must be a list of concepts");
  JsonArray *array = json_node_get_array(node);
  const guint n = json_array_get_length(array);
  if (n > HYSAC_CONCEPTS_MAX)
    return fail(error, &place, "", "has %u concepts, more than %d", n, HYSAC_CONCEPTS_MAX);
  for (guint i = 0; i < n; i++) {
    g_autofree char *here = g_strdup_printf("%s[%u]", path, i);
    g_array_set_size(self->list, i + 1);
    HysacConcept *concept = &g_array_index(self->list, HysacConcept, i);
    if (!read_concept(self, json_array_get_element(array, i), &(Place){name, here}, names, concept, error))
      return FALSE;
  }
  return TRUE;
}

/* {"weights_sha256", "precision", "date", "tool", "list"}: where the points are from. */
static gboolean
read_with_provenance(HysacConcepts *self, JsonNode *node, const char *name, const char *path, GError **error)
{
  static const char *const known[] = {"weights_sha256", "precision", "date", "tool", "list", NULL};
  char **const out[] = {&self->weights_sha256, &self->precision, &self->date, &self->tool};
  const Place place = {name, path};
  JsonObject *object = json_node_get_object(node);

  if (!check_keys(object, &place, known, "concepts", error))
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS(out); i++) {
    JsonNode *member = hysac_json_member(object, known[i]);
    if (member && !text_of(member))
      return fail(error, &place, known[i], "must be a string");
    *out[i] = g_strdup(member ? text_of(member) : NULL);
  }
  const char *hash = self->weights_sha256;
  if (hash && (strlen(hash) != 64 || strspn(hash, "0123456789abcdef") != 64))
    return fail(error, &place, "weights_sha256", "is not a SHA-256 in hexadecimal");
  JsonNode *list = hysac_json_member(object, "list");
  if (!list)
    return fail(error, &place, "list", "is missing");
  g_autofree char *here = g_strdup_printf("%s.list", path);
  return read_list(self, list, name, here, error);
}

HysacConcepts *
hysac_concepts_read(JsonNode *node, const char *name, const char *path, GError **error)
{
  g_autoptr(HysacConcepts) self = hysac_concepts_new();
  const gboolean ok = JSON_NODE_HOLDS_OBJECT(node) ? read_with_provenance(self, node, name, path, error)
                                                   : read_list(self, node, name, path, error);
  return ok ? g_steal_pointer(&self) : NULL;
}

HysacConcepts *
hysac_concepts_parse(const char *text, gsize size, const char *name, GError **error)
{
  static const char *const known[] = {"version", "comment", "concepts", NULL};
  g_autoptr(JsonNode) root = hysac_json_parse(text, size, name, error);
  const Place place = {name, ""};
  guint64 version;

  if (!root || !check_keys(json_node_get_object(root), &place, known, "a concepts file", error))
    return NULL;
  JsonObject *object = json_node_get_object(root);
  JsonNode *number = hysac_json_member(object, "version");
  if (!number || !hysac_json_node_uint64(number, &version) || version != VERSION) {
    fail(error, &place, "version", "must be there and be %d, the only one that this release knows", VERSION);
    return NULL;
  }
  JsonNode *comment = hysac_json_member(object, "comment");
  if (comment && !text_of(comment)) {
    fail(error, &place, "comment", "must be a string");
    return NULL;
  }
  JsonNode *concepts = hysac_json_member(object, "concepts");
  if (!concepts) {
    fail(error, &place, "concepts", "is missing");
    return NULL;
  }
  return hysac_concepts_read(concepts, name, "concepts", error);
}

HysacConcepts *
hysac_concepts_load(const char *path, GError **error)
{
  gsize size;
  g_autofree char *text = hysac_read_file(path, HYSAC_MAX_JSON_SIZE, &size, error);

  return text ? hysac_concepts_parse(text, size, path, error) : NULL;
}

/* ------------------------------------------------------------ writing */

static void
append_member(GString *out, const char *key, const char *text)
{
  if (!text)
    return;
  g_string_append_printf(out, "\"%s\": ", key);
  hysac_json_append_string(out, text);
  g_string_append(out, ", ");
}

static void
append_float(GString *out, float value)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  g_string_append(out, g_ascii_formatd(text, sizeof text, "%.9g", (double) value));
  if (value == 0.0f && signbit(value))
    g_string_append(out, ".0"); /* "-0" would be read as an integer, which has no such zero */
}

static void
append_concept(GString *out, const HysacConcept *concept, guint dimension)
{
  g_string_append(out, "    {");
  append_member(out, "name", concept->name);
  if (concept->category != HYSAC_CATEGORY_NONE)
    append_member(out, "category", hysac_category_to_string(concept->category));
  g_string_append_printf(out, "\"safe\": %s, \"eta\": ", concept->safe ? "true" : "false");
  hysac_json_append_double(out, concept->eta);
  for (guint i = 0; i < concept->n_prompts; i++) {
    g_string_append(out, i ? ", " : ",\n     \"prompts\": [");
    hysac_json_append_string(out, concept->prompts[i]);
  }
  if (concept->n_prompts > 0)
    g_string_append_c(out, ']');
  for (guint i = 0; i < concept->n_points; i++) {
    g_string_append(out, i ? ",\n       [" : ",\n     \"points\": [\n       [");
    for (guint k = 0; k < dimension; k++) {
      if (k)
        g_string_append_c(out, ',');
      append_float(out, concept->points[(gsize) i * dimension + k]);
    }
    g_string_append_c(out, ']');
  }
  g_string_append(out, concept->n_points > 0 ? "]}" : "}");
}

char *
hysac_concepts_to_json(HysacConcepts *self)
{
  GString *out = g_string_new("{");

  append_member(out, "weights_sha256", self->weights_sha256);
  append_member(out, "precision", self->precision);
  append_member(out, "date", self->date);
  append_member(out, "tool", self->tool);
  g_string_append(out, "\"list\": [");
  for (guint i = 0; i < self->list->len; i++) {
    g_string_append(out, i ? ",\n" : "\n");
    append_concept(out, hysac_concepts_get(self, i), self->dimension);
  }
  g_string_append(out, "\n  ]}");
  return g_string_free(out, FALSE);
}

gboolean
hysac_concepts_save(HysacConcepts *self, const char *model_dir, GError **error)
{
  g_autofree char *value = hysac_concepts_to_json(self);

  return hysac_metadata_save_member(model_dir, "concepts", value, error);
}
