/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <json-glib/json-glib.h>

/* Files of JSON lines: the verdict log and the audit log. */

static inline char *
read_text(const char *path)
{
  char *text = NULL;
  if (!g_file_get_contents(path, &text, NULL, NULL))
    fail_msg("there is no %s", path);
  return text;
}

/* Objects of a file of JSON lines; of JsonNode. */
static inline GPtrArray *
read_lines(const char *path)
{
  g_autofree char *text = read_text(path);
  g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
  GPtrArray *nodes = g_ptr_array_new_with_free_func((GDestroyNotify)json_node_unref);
  for (guint i = 0; lines[i] && *lines[i]; i++) {
    JsonNode *node = json_from_string(lines[i], NULL);
    if (!node || !JSON_NODE_HOLDS_OBJECT(node))
      fail_msg("no JSON object: %s", lines[i]);
    g_ptr_array_add(nodes, node);
  }
  return nodes;
}

static inline JsonObject *
member(JsonObject *o, const char *key)
{
  JsonNode *node = json_object_get_member(o, key);
  if (!node || !JSON_NODE_HOLDS_OBJECT(node))
    fail_msg("%s is no object", key);
  return json_node_get_object(node);
}

/* The events of an audit log, in order. */
static inline char *
events_of(GPtrArray *lines)
{
  GString *events = g_string_new(NULL);
  for (guint i = 0; i < lines->len; i++)
    g_string_append_printf(events, "%s%s", i ? " " : "",
                           json_object_get_string_member(json_node_get_object(lines->pdata[i]), "event"));
  return g_string_free(events, FALSE);
}

static inline JsonObject *
data_of(GPtrArray *lines, guint i)
{
  return member(json_node_get_object(lines->pdata[i]), "data");
}
