/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/error.h"

G_BEGIN_DECLS

/* Not installed. Whether who shows the SVG @bytes (@size of them, any; not compressed) would see what one draws who draws it once
 * and reads nothing else: no animation, script, other file, rule of the viewer, or picture inside that could be more than one. FALSE
 * with UNSUPPORTED and what there is of these, or FORMAT where it cannot be told. Any thread. */
HYSAC_API gboolean hysac_svg_check(const char *bytes, gsize size, GError **error);

G_END_DECLS
