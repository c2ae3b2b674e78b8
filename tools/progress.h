/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A bar on stderr where that is a terminal, else nothing: "[#####     ] 43 % TEXT". @part is 0 ... 1;
 * @text is cut to the terminal's width, and control characters in it are shown as "?". One thread. */
void tool_progress(double part, const char *text);
/* Wipes it, before anything else is printed. */
void tool_progress_clear(void);

/* A name that anybody may have chosen, for a terminal or a page: valid UTF-8; control characters and
 * those that change the direction of text are shown as \x1b or \u202e. (transfer full) */
char *tool_shown_name(const char *name);
/* The same of a text, of which there may be megabytes: its first 80 characters and an ellipsis. (transfer full) */
char *tool_shown_text(const char *text);

/* "1:02:03.456", or "2:03.456" below an hour. (transfer full) */
char *tool_shown_time(gint64 ns);

G_END_DECLS
