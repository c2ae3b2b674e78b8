/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/error.h"

/*
 * Blocks of a WebVTT file (W3C, "WebVTT: The Web Video Text Tracks Format"), each (transfer full) and
 * with the empty line behind it. Whatever text they are given, they come out well-formed. Pure.
 */

G_BEGIN_DECLS

/* What a file begins with. */
HYSAC_API char *hysac_webvtt_header(void);
/* A comment, which readers skip. */
HYSAC_API char *hysac_webvtt_note(const char *text);
/* A cue from @start to @end (ns, below 0 is 0), in whole milliseconds: never later than @start, never
 * earlier than @end, and at least one long. @text: plain text, escaped here. */
HYSAC_API char *hysac_webvtt_cue(const char *id, gint64 start, gint64 end, const char *text);

G_END_DECLS
