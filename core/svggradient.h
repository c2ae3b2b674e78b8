/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/error.h"

G_BEGIN_DECLS

/* Not installed. The gradients of an SVG by their ids, to free with g_hash_table_unref(). One thread at a time. */
HYSAC_API GHashTable *hysac_svg_gradients_new(void);

/* Not installed. Notes @element with its attributes, which have passed hysac_svg_value_check(), where it is a gradient with an id. */
HYSAC_API void hysac_svg_gradients_note(GHashTable *gradients, const char *element, const char **names, const char **values);

/* Not installed. Whether all lead somewhere: librsvg and browsers do not make the same of a line or a radius of no length. Those that take
 * attributes from each other must not do so in circles. FALSE with UNSUPPORTED. */
HYSAC_API gboolean hysac_svg_gradients_check(GHashTable *gradients, GError **error);

G_END_DECLS
