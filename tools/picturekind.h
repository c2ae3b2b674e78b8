/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "hysac.h"

G_BEGIN_DECLS

/* Whether the picture that gdk-pixbuf would decode of the file @bytes (@size of them, any) is all that people could be shown of
 * it, for kinds that know more than one and of which one is read. @format: gdk-pixbuf's name, or NULL. The error names no file. */
gboolean tool_picture_kind_check(const char *format, const char *bytes, gsize size, GError **error);

G_END_DECLS
