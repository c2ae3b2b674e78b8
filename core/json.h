/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/error.h"

#include <json-glib/json-glib.h>

/*
 * Reading JSON that nobody vouches for. Internal: not installed.
 *
 * json-glib recurses without a limit (a text of brackets overflows the stack), keeps the last of two
 * equal keys and takes half surrogate pairs in strings; so a strict scan of the text comes first.
 */

G_BEGIN_DECLS

/* Deeper nesting is refused. */
#define HYSAC_JSON_MAX_DEPTH 32

/* Errors call the text @name. The root is an object. (transfer full), free with json_node_unref(). */
JsonNode *hysac_json_parse(const char *text, gsize size, const char *name, GError **error);

/* Byte range of the value of the root object's member @key in valid JSON; FALSE if there is none. */
gboolean hysac_json_find(const char *text, gsize size, const char *key, gsize *start, gsize *end);

/* The line, from 1, in which byte @offset of @text lies. */
guint hysac_json_line(const char *text, gsize offset);

/* (transfer full): the first @most bytes of a text of the file's, fit for a message: no cut character, no
 * terminal codes. */
char *hysac_shorten(const char *text, gsize most);

/*
 * Members of @object; where the key is absent (or null) they give the default. A wrong type or a
 * value out of range is an error (MODEL) that names @name and @key.
 */
gboolean hysac_json_get_uint(JsonObject *object, const char *name, const char *key, guint low,
                             guint high, guint fallback, guint *out, GError **error);
/* low < value <= high, finite; no fallback where @fallback is NAN: the key must be there. */
gboolean hysac_json_get_double(JsonObject *object, const char *name, const char *key, double low,
                               double high, double fallback, double *out, GError **error);
/* @out is borrowed; NULL where absent. */
gboolean hysac_json_get_string(JsonObject *object, const char *name, const char *key,
                               const char **out, GError **error);
gboolean hysac_json_get_object(JsonObject *object, const char *name, const char *key,
                               JsonObject **out, GError **error);

/* The first member of @object that is not in @known (ends with NULL), or NULL. Borrowed. */
const char *hysac_json_unknown_key(JsonObject *object, const char *const *known);

/* FALSE and @error (MODEL), which names the key and @what, where @object has one that is not in @known (ends with NULL). */
gboolean hysac_json_check_keys(JsonObject *object, const char *name, const char *what, const char *const *known,
                               GError **error);

/* The member, or NULL where it is absent or null. Borrowed. */
JsonNode *hysac_json_member(JsonObject *object, const char *key);

/* An integer below 2^63 - 1; FALSE for anything else, a float with a zero fraction included. */
gboolean hysac_json_node_uint64(JsonNode *node, guint64 *out);

G_END_DECLS
