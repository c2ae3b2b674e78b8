/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/error.h"

G_BEGIN_DECLS

/* Not installed. Whether librsvg and browsers draw alike @element where its attribute, or in @style its property, @name has @value: TRUE
 * where both know the name and read the value alike, or where neither draws it. @element is "root" for the outermost, "root-style" for
 * the same in its style, "in-clip" for one that is part of a clip, "" for any. FALSE with UNSUPPORTED, and what is not known. Any
 * bytes; any thread. */
HYSAC_API gboolean hysac_svg_value_check(const char *element, gboolean style, const char *name, const char *value, GError **error);

/* Not installed. The numbers of @value, of 2^30 at most, between which there are blanks or a comma; -1: it is no such list. */
HYSAC_API int hysac_svg_count_numbers(const char *value);

/* Not installed. Whether all take @value for the name of what a filter has made: an identifier that is no keyword. */
HYSAC_API gboolean hysac_svg_is_name(const char *value);

/* Not installed. Whether @words, between blanks, have the @n bytes @word among them. NULL has none. */
HYSAC_API gboolean hysac_svg_has_word(const char *words, const char *word, gsize n);

/* Not installed. What @value refers to by "#" or "url(#)": its id. NULL: nothing. (transfer full) */
HYSAC_API char *hysac_svg_reference(const char *value);

/* Not installed. The unit of @length and what follows it; "" for pixels, and for NULL. (transfer none) */
const char *hysac_svg_unit(const char *length);

/* Not installed. The value of the attribute @name of an element, as GMarkupParser gives them; NULL: it has none. (transfer none) */
const char *hysac_svg_find(const char *name, const char **names, const char **values);

/* Not installed. FALSE with UNSUPPORTED: an SVG with @what and @name, cut to what can be read. */
HYSAC_API gboolean hysac_svg_refuse(GError **error, const char *what, const char *name);

G_END_DECLS
