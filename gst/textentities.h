/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * What an entity of HTML stands for: numbers of any length, and names of letters, marks, spaces, ASCII and of what is
 * not seen; as HTML has it, also without its semicolon where that may be left out.
 *
 * Thread-safety: any thread; there is no state.
 */

G_BEGIN_DECLS

/* Bytes of the entity at @text ('&'), 0 where there is none that is known; *@out: 0 for what is no character. */
gsize gst_hysac_text_entity(const char *text, gunichar *out);

G_END_DECLS
