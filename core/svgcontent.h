/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/error.h"

G_BEGIN_DECLS

/* Not installed. The place in which the children of the SVG element @element, itself in the place @place (NULL: the outermost), are:
 * for hysac_svg_content_check(). Never NULL. Any thread. */
HYSAC_API const char *hysac_svg_content_place(const char *place, const char *element);

/* Not installed. Whether librsvg and browsers make the same of @element, by its local name, in the place @place: of what is no child of
 * another there, librsvg knows what the other draws. @place is "" below what is not of SVG. FALSE with UNSUPPORTED, naming both. */
HYSAC_API gboolean hysac_svg_content_check(const char *place, const char *element, GError **error);

G_END_DECLS
