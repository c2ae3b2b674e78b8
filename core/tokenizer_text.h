/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* What CLIP's tokenizers do to a text before byte pairs are merged. Internal: not installed. Pure;
 * no locale is looked at; time is linear in the text. */

G_BEGIN_DECLS

/* @size bytes of UTF-8 without NUL, NFC and in lower case, after ftfy's repairs where @fix. */
char *hysac_text_clean(const char *text, gsize size, gboolean fix);

/* The next word of CLIP's pattern at or after @p, and its size in bytes; NULL at the end. @fold:
 * case is folded as Python's regex does (a long s is an s behind an apostrophe). */
const char *hysac_text_word(const char *p, const char *end, gboolean fold, gsize *size);

G_END_DECLS
