/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/error.h"

G_BEGIN_DECLS

/* Not installed. What kind of picture @bytes (@size of them, any) are by how they begin: "png", "jpeg" (static), or
 * NULL for neither. @whole: whether they go on to the end that such a file has; what lies behind it does not
 * count, nor does what the picture is. No errors, no allocation; any thread. */
HYSAC_API const char *hysac_picture_file_type(const guint8 *bytes, gsize size, gboolean *whole);

G_END_DECLS
