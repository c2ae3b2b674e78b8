/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Texts of the command line, and of files with one a line. */

#include <glib.h>

G_BEGIN_DECLS

#define TOOL_TEXTS_AT_ONCE 64

/* @texts: @n of them, from the @first-th on (from 0), each ending with NUL; any bytes but that. */
typedef void (*ToolTextFunc)(const char *const *texts, guint n, guint first, gpointer user_data);

/* Calls @func with the texts of @given (nullable), then with the lines of @file (nullable; "-" is standard input),
 * at most TOOL_TEXTS_AT_ONCE of them and as soon as they are read. Says what is wrong; a line with a NUL in it or
 * beyond 16 MiB is left out. Returns whether all went well. */
gboolean tool_read_texts(char **given, const char *file, ToolTextFunc func, gpointer user_data);

G_END_DECLS
