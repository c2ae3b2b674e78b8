/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The pictures that an animated PNG shows, one after another: gdk-pixbuf decodes each frame, they are put together
 * here. One thread. */

#include "hysac.h"

#include <gdk-pixbuf/gdk-pixbuf.h>

G_BEGIN_DECLS

typedef struct _ToolApng ToolApng;

/* Takes @bytes where it succeeds. NULL with @error: not one, or damaged. */
ToolApng *tool_apng_new(char *bytes, gsize size, GError **error);
void tool_apng_free(ToolApng *self); /* NULL is fine */
/* How many pictures: the frames, and before them what is shown where animations are not, if that is another. */
guint tool_apng_count(const ToolApng *self);
/* Begins with the animation's first frame. */
void tool_apng_skip_still(ToolApng *self);
/* The next one. (transfer full): RGBA, or RGB of what is no frame; NULL with @error where it cannot be decoded. */
GdkPixbuf *tool_apng_next(ToolApng *self, GError **error);

G_END_DECLS
