/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/json.h"

#include <math.h>
#include <string.h>

/* ------------------------------------------------------------ the scan (RFC 8259) */

typedef struct {
  const char *start, *p, *end;
  const char *problem; /* what is wrong at p; NULL while all is well */
  /* The member of the root object that is looked for, and where its value lies. */
  const char *find;
  gsize find_size;
  const char *found, *found_end;
} Scan;

static gboolean
fail(Scan *scan, const char *problem)
{
  if (!scan->problem)
    scan->problem = problem;
  return FALSE;
}

static char
peek(const Scan *scan)
{
  return scan->p < scan->end ? *scan->p : '\0';
}

static void
skip_space(Scan *scan)
{
  while (scan->p < scan->end &&
         (*scan->p == ' ' || *scan->p == '\t' || *scan->p == '\n' || *scan->p == '\r'))
    scan->p++;
}

static gboolean
scan_literal(Scan *scan, const char *literal)
{
  gsize size = strlen(literal);
  if ((gsize) (scan->end - scan->p) < size || memcmp(scan->p, literal, size) != 0)
    return fail(scan, "a value is expected");
  scan->p += size;
  return TRUE;
}

/* Four hexadecimal digits at p, or -1. */
static int
scan_hex4(Scan *scan)
{
  int value = 0;
  for (guint i = 0; i < 4; i++, scan->p++) {
    int digit = scan->p < scan->end ? g_ascii_xdigit_value(*scan->p) : -1;
    if (digit < 0)
      return -1;
    value = value * 16 + digit;
  }
  return value;
}

static gboolean
scan_escape(Scan *scan)
{
  char c = peek(scan);
  if (c != 'u') {
    if (c == '\0' || !strchr("\"\\/bfnrt", c))
      return fail(scan, "unknown escape in a string");
    scan->p++;
    return TRUE;
  }
  scan->p++;
  int unit = scan_hex4(scan);
  if (unit < 0)
    return fail(scan, "four hexadecimal digits are expected");
  if (unit == 0)
    return fail(scan, "NUL in a string");
  if (unit >= 0xd800 && unit <= 0xdbff) {
    if (scan->end - scan->p < 2 || scan->p[0] != '\\' || scan->p[1] != 'u')
      return fail(scan, "half of a surrogate pair");
    scan->p += 2;
    unit = scan_hex4(scan);
    if (unit < 0xdc00 || unit > 0xdfff)
      return fail(scan, "half of a surrogate pair");
  } else if (unit >= 0xdc00 && unit <= 0xdfff) {
    return fail(scan, "half of a surrogate pair");
  }
  return TRUE;
}

/* UTF-8 was checked before. */
static gboolean
scan_string(Scan *scan)
{
  if (peek(scan) != '"')
    return fail(scan, "a string is expected");
  for (scan->p++; scan->p < scan->end; ) {
    guchar c = (guchar) *scan->p;
    if (c == '"') {
      scan->p++;
      return TRUE;
    }
    if (c < 0x20)
      return fail(scan, "control character in a string");
    scan->p++;
    if (c == '\\' && !scan_escape(scan))
      return FALSE;
  }
  return fail(scan, "the string has no end");
}

static gboolean
scan_digits(Scan *scan)
{
  if (!g_ascii_isdigit(peek(scan)))
    return fail(scan, "a digit is expected");
  while (g_ascii_isdigit(peek(scan)))
    scan->p++;
  return TRUE;
}

static gboolean
scan_number(Scan *scan)
{
  if (peek(scan) == '-')
    scan->p++;
  if (peek(scan) == '0')
    scan->p++;
  else if (!scan_digits(scan))
    return FALSE;
  if (peek(scan) == '.') {
    scan->p++;
    if (!scan_digits(scan))
      return FALSE;
  }
  if (peek(scan) == 'e' || peek(scan) == 'E') {
    scan->p++;
    if (peek(scan) == '+' || peek(scan) == '-')
      scan->p++;
    return scan_digits(scan);
  }
  return TRUE;
}

static gboolean scan_value(Scan *scan, guint depth);

static gboolean
scan_array(Scan *scan, guint depth)
{
  scan->p++;
  skip_space(scan);
  if (peek(scan) == ']') {
    scan->p++;
    return TRUE;
  }
  for (;;) {
    if (!scan_value(scan, depth + 1))
      return FALSE;
    if (peek(scan) == ']') {
      scan->p++;
      return TRUE;
    }
    if (peek(scan) != ',')
      return fail(scan, "',' or ']' is expected");
    scan->p++;
  }
}

static gboolean
scan_member(Scan *scan, guint depth, GHashTable *keys)
{
  skip_space(scan);
  const char *key = scan->p + 1;
  if (!scan_string(scan))
    return FALSE;
  gsize size = (gsize) (scan->p - key) - 1;
  /* Keys are compared as they are written; equal ones written in two ways are found by counting. */
  if (!g_hash_table_add(keys, g_strndup(key, size)))
    return fail(scan, "a key appears twice in one object");
  skip_space(scan);
  if (peek(scan) != ':')
    return fail(scan, "':' is expected");
  scan->p++;
  skip_space(scan);

  const char *value = scan->p;
  if (!scan_value(scan, depth + 1))
    return FALSE;
  if (depth == 1 && scan->find && size == scan->find_size && !memcmp(key, scan->find, size)) {
    const char *end = scan->p;
    while (end > value && g_ascii_isspace(end[-1]))
      end--;
    scan->found = value;
    scan->found_end = end;
  }
  return TRUE;
}

static gboolean
scan_object(Scan *scan, guint depth)
{
  g_autoptr(GHashTable) keys = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

  scan->p++;
  skip_space(scan);
  if (peek(scan) == '}') {
    scan->p++;
    return TRUE;
  }
  for (;;) {
    if (!scan_member(scan, depth, keys))
      return FALSE;
    if (peek(scan) == '}') {
      scan->p++;
      return TRUE;
    }
    if (peek(scan) != ',')
      return fail(scan, "',' or '}' is expected");
    scan->p++;
  }
}

/* A value with the space around it. @depth counts the containers it lies in. */
static gboolean
scan_value(Scan *scan, guint depth)
{
  gboolean ok;

  skip_space(scan);
  switch (peek(scan)) {
  case '{':
  case '[':
    if (depth > HYSAC_JSON_MAX_DEPTH)
      return fail(scan, "nested too deeply");
    ok = *scan->p == '{' ? scan_object(scan, depth) : scan_array(scan, depth);
    break;
  case '"':
    ok = scan_string(scan);
    break;
  case 't':
    ok = scan_literal(scan, "true");
    break;
  case 'f':
    ok = scan_literal(scan, "false");
    break;
  case 'n':
    ok = scan_literal(scan, "null");
    break;
  case '-':
  case '0' ... '9':
    ok = scan_number(scan);
    break;
  default:
    return fail(scan, scan->p < scan->end ? "a value is expected" : "the text ends early");
  }
  skip_space(scan);
  return ok;
}

/* The root object, depth 1, and nothing behind it. */
static gboolean
scan_text(Scan *scan)
{
  skip_space(scan);
  if (peek(scan) != '{')
    return fail(scan, "a JSON object is expected");
  if (!scan_value(scan, 1))
    return FALSE;
  return scan->p == scan->end || fail(scan, "text behind the end");
}

/* Objects of @node have no fewer members than the text gave them, unless two were one. */
static gsize
count_members(JsonNode *node)
{
  gsize count = 0;

  if (JSON_NODE_HOLDS_OBJECT(node)) {
    JsonObjectIter iter;
    JsonNode *member;
    json_object_iter_init(&iter, json_node_get_object(node));
    while (json_object_iter_next(&iter, NULL, &member))
      count += 1 + count_members(member);
  } else if (JSON_NODE_HOLDS_ARRAY(node)) {
    JsonArray *array = json_node_get_array(node);
    for (guint i = 0; i < json_array_get_length(array); i++)
      count += count_members(json_array_get_element(array, i));
  }
  return count;
}

/* Members of all objects in a text that scanned well: colons outside strings. */
static gsize
count_colons(const char *text, gsize size)
{
  gsize count = 0;
  gboolean in_string = FALSE;

  for (gsize i = 0; i < size; i++) {
    if (in_string && text[i] == '\\')
      i++;
    else if (text[i] == '"')
      in_string = !in_string;
    else if (!in_string && text[i] == ':')
      count++;
  }
  return count;
}

guint
hysac_json_line(const char *text, gsize offset)
{
  guint line = 1;

  for (gsize i = 0; i < offset; i++)
    line += text[i] == '\n';
  return line;
}

JsonNode *
hysac_json_parse(const char *text, gsize size, const char *name, GError **error)
{
  Scan scan = {.start = text, .p = text, .end = text + size};
  const char *invalid;

  if (!g_utf8_validate_len(text, size, &invalid)) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_FORMAT,
                "%s: line %u, byte %" G_GSIZE_FORMAT ": not UTF-8", name,
                hysac_json_line(text, (gsize) (invalid - text)), (gsize) (invalid - text));
    return NULL;
  }
  if (!scan_text(&scan)) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_FORMAT,
                "%s: line %u, byte %" G_GSIZE_FORMAT ": %s", name,
                hysac_json_line(text, (gsize) (scan.p - text)), (gsize) (scan.p - text),
                scan.problem);
    return NULL;
  }

  g_autoptr(JsonParser) parser = json_parser_new();
  g_autoptr(GError) parse_error = NULL;
  if (size > G_MAXSSIZE || !json_parser_load_from_data(parser, text, (gssize) size, &parse_error)) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_FORMAT, "%s: %s", name,
                parse_error ? parse_error->message : "too large");
    return NULL;
  }
  JsonNode *root = json_parser_get_root(parser);
  if (!root || !JSON_NODE_HOLDS_OBJECT(root) || count_members(root) != count_colons(text, size)) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_FORMAT, "%s: a key appears twice in one object",
                name);
    return NULL;
  }
  return json_parser_steal_root(parser);
}

gboolean
hysac_json_find(const char *text, gsize size, const char *key, gsize *start, gsize *end)
{
  Scan scan = {.start = text, .p = text, .end = text + size, .find = key, .find_size = strlen(key)};

  if (!scan_text(&scan) || !scan.found)
    return FALSE;
  *start = (gsize) (scan.found - text);
  *end = (gsize) (scan.found_end - text);
  return TRUE;
}

/* ------------------------------------------------------------ members */

JsonNode *
hysac_json_member(JsonObject *object, const char *key)
{
  JsonNode *node = json_object_get_member(object, key);
  return node && !JSON_NODE_HOLDS_NULL(node) ? node : NULL;
}

const char *
hysac_json_unknown_key(JsonObject *object, const char *const *known)
{
  JsonObjectIter iter;
  const char *key;

  json_object_iter_init_ordered(&iter, object);
  while (json_object_iter_next_ordered(&iter, &key, NULL)) {
    if (!g_strv_contains(known, key))
      return key;
  }
  return NULL;
}

gboolean
hysac_json_check_keys(JsonObject *object, const char *name, const char *what, const char *const *known, GError **error)
{
  const char *key = hysac_json_unknown_key(object, known);
  if (key == NULL)
    return TRUE;
  g_autofree char *shown = hysac_shorten(key, 64);
  g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_MODEL, "%s: %s is no key of %s", name, shown, what);
  return FALSE;
}

gboolean
hysac_json_node_uint64(JsonNode *node, guint64 *out)
{
  if (!JSON_NODE_HOLDS_VALUE(node) || json_node_get_value_type(node) != G_TYPE_INT64)
    return FALSE;
  /* json-glib gives integers beyond 63 bits as negative ones, and from 1.10 on as the largest. */
  gint64 value = json_node_get_int(node);
  if (value < 0 || value == G_MAXINT64)
    return FALSE;
  *out = (guint64) value;
  return TRUE;
}

char *
hysac_shorten(const char *text, gsize most)
{
  char *shown = g_utf8_make_valid(text, (gssize) MIN(strlen(text), most));
  for (char *p = shown; *p; p++) {
    if (g_ascii_iscntrl(*p))
      *p = '?';
  }
  return shown;
}

gboolean
hysac_json_get_uint(JsonObject *object, const char *name, const char *key, guint low, guint high,
                    guint fallback, guint *out, GError **error)
{
  JsonNode *node = hysac_json_member(object, key);
  guint64 value;

  if (!node) {
    *out = fallback;
    return TRUE;
  }
  if (!hysac_json_node_uint64(node, &value) || value < low || value > high) {
    g_autofree char *found = json_to_string(node, FALSE), *shown = hysac_shorten(found, 64);
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_MODEL,
                "%s: %s is %s; an integer from %u to %u is expected", name, key, shown, low, high);
    return FALSE;
  }
  *out = (guint) value;
  return TRUE;
}

gboolean
hysac_json_get_double(JsonObject *object, const char *name, const char *key, double low, double high,
                      double fallback, double *out, GError **error)
{
  JsonNode *node = hysac_json_member(object, key);

  if (!node && !isnan(fallback)) {
    *out = fallback;
    return TRUE;
  }
  double value = NAN;
  if (node && JSON_NODE_HOLDS_VALUE(node)) {
    GType type = json_node_get_value_type(node);
    if (type == G_TYPE_DOUBLE || type == G_TYPE_INT64)
      value = json_node_get_double(node);
  }
  if (!(value > low && value <= high) || !isfinite(value)) {
    g_autofree char *found = node ? json_to_string(node, FALSE) : g_strdup("missing"),
                    *shown = hysac_shorten(found, 64);
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_MODEL,
                "%s: %s is %s; a number above %g, at most %g, is expected", name, key, shown, low,
                high);
    return FALSE;
  }
  *out = value;
  return TRUE;
}

gboolean
hysac_json_get_string(JsonObject *object, const char *name, const char *key, const char **out,
                      GError **error)
{
  JsonNode *node = hysac_json_member(object, key);

  *out = NULL;
  if (!node)
    return TRUE;
  if (!JSON_NODE_HOLDS_VALUE(node) || json_node_get_value_type(node) != G_TYPE_STRING) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_MODEL, "%s: %s is not a string", name, key);
    return FALSE;
  }
  *out = json_node_get_string(node);
  return TRUE;
}

gboolean
hysac_json_get_object(JsonObject *object, const char *name, const char *key, JsonObject **out,
                      GError **error)
{
  JsonNode *node = hysac_json_member(object, key);

  *out = NULL;
  if (!node)
    return TRUE;
  if (!JSON_NODE_HOLDS_OBJECT(node)) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_MODEL, "%s: %s is not an object", name, key);
    return FALSE;
  }
  *out = json_node_get_object(node);
  return TRUE;
}
