/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Private to opencl/: a text of any length as windows that the tower can take. Pure; any thread. */

#include <glib.h>

G_BEGIN_DECLS

/*
 * Of @content tokens, start and end of text not counted: window @i has *n from *first on. A window holds
 * context - 2, and shares at least a third of that with the next, so that no run of up to so many tokens is cut
 * everywhere it appears; the last ends with the text. One that holds everything stands alone.
 */
gsize hysac_text_windows(gsize content, guint context);
void hysac_text_window(gsize content, guint context, gsize i, gsize *first, gsize *n);

G_END_DECLS
