/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What lines of a scan's state hold, whose bytes may be anything. */

#include <json-glib/json-glib.h>
#include <math.h>

static inline JsonNode *
scan_member(JsonObject *object, const char *key)
{
  JsonNode *node = json_object_get_member(object, key);
  return node && JSON_NODE_HOLDS_VALUE(node) ? node : NULL;
}

/* -1 where it is none. */
static inline gint64
scan_integer(JsonObject *object, const char *key)
{
  JsonNode *node = scan_member(object, key);
  return node && json_node_get_value_type(node) == G_TYPE_INT64 ? json_node_get_int(node) : -1;
}

/* NAN where it is none. */
static inline double
scan_number(JsonObject *object, const char *key)
{
  JsonNode *node = scan_member(object, key);
  return node ? json_node_get_double(node) : (double) NAN;
}

/* The object's; NULL where it is none. */
static inline const char *
scan_text(JsonObject *object, const char *key)
{
  JsonNode *node = scan_member(object, key);
  return node && json_node_get_value_type(node) == G_TYPE_STRING ? json_node_get_string(node) : NULL;
}
