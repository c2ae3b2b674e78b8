/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The strict scan, the tree behind it, and the members' readers, on keys that the text brings. */
/* Covers: core/json.c */
#include "fuzz.h"

#include "core/json.h"

#include <math.h>
#include <string.h>

static void
read_member(JsonObject *object, const char *key)
{
  g_autoptr(GError) error = NULL;
  guint whole;
  double number;
  const char *string;
  JsonObject *inner;
  gboolean ok;

  ok = hysac_json_get_uint(object, "input", key, 2, 1000, 7, &whole, &error);
  REQUIRE(!ok || (whole >= 2 && whole <= 1000));
  require_error(ok, &error);
  ok = hysac_json_get_double(object, "input", key, -1.0, 1e6, (double) NAN, &number, &error);
  REQUIRE(!ok || (number > -1.0 && number <= 1e6));
  require_error(ok, &error);
  ok = hysac_json_get_double(object, "input", key, 0.0, 1.0, 0.5, &number, &error);
  require_error(ok, &error);
  ok = hysac_json_get_string(object, "input", key, &string, &error);
  REQUIRE(!ok || !string || g_utf8_validate(string, -1, NULL));
  require_error(ok, &error);
  ok = hysac_json_get_object(object, "input", key, &inner, &error);
  require_error(ok, &error);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  const char *text = (const char *) data;
  g_autoptr(GError) error = NULL;
  gsize start, end;
  g_autoptr(JsonNode) node = hysac_json_parse(text, size, "input", &error);

  require_error(node != NULL, &error);
  if (!node)
    return 0;
  JsonObject *object = json_node_get_object(node);
  g_autoptr(GList) names = json_object_get_members(object);
  for (GList *name = names; name; name = name->next) {
    read_member(object, name->data);
    if (!hysac_json_find(text, size, name->data, &start, &end))
      continue; /* written with escapes */
    REQUIRE(start < end && end <= size);
    REQUIRE(hysac_json_line(text, start) >= 1);
  }
  read_member(object, "absent");
  REQUIRE(!hysac_json_find(text, size, "no such key, for sure", &start, &end) || start < end);
  return 0;
}
