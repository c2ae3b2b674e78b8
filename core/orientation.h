/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/error.h"

G_BEGIN_DECLS

/* Not installed. How a picture is to be turned by its Exif mark: JPEG (APP1), PNG (eXIf, before or behind the
 * pixels) and WebP (EXIF); of several marks the first. @bytes: any, @size of them. 1 to 8 (Exif 2.3, 4.6.4: Orientation);
 * 0 where there is none, and of other kinds of files. No errors, no allocation; any thread. */
HYSAC_API guint hysac_picture_orientation(const guint8 *bytes, gsize size);

G_END_DECLS
