/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* tests/data/statistics/expected.json: numpy's numbers (make_expected.py). */

#include "support.h"

#include <json-glib/json-glib.h>

static inline JsonNode *
load_expected(void)
{
  g_autoptr(JsonParser) parser = json_parser_new();
  g_autofree char *path = test_path("statistics/expected.json");
  assert_true(json_parser_load_from_file(parser, path, NULL));
  return json_parser_steal_root(parser);
}

static inline JsonArray *
expected_array(JsonObject *object, const char *key)
{
  assert_true(json_object_has_member(object, key));
  return json_object_get_array_member(object, key);
}

/* g_free() it. */
static inline double *
expected_numbers(JsonObject *object, const char *key, gsize *n)
{
  JsonArray *array = expected_array(object, key);
  *n = json_array_get_length(array);
  double *values = g_new(double, *n + 1);
  for (guint i = 0; i < *n; i++)
    values[i] = json_array_get_double_element(array, i);
  return values;
}

static inline double
expected_number(JsonObject *object, const char *key)
{
  assert_true(json_object_has_member(object, key));
  return json_object_get_double_member(object, key);
}
