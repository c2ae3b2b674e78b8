/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* hysac index: which files there are. */

#include "tool.h"

G_BEGIN_DECLS

/* The pictures and videos that @args name: files as they are, folders with all below them by the endings of names
 * (links to folders are not followed). Absolute paths, sorted, each once. What is missing or cannot
 * be listed is said, and counted in *@failed; what is neither is counted in *@others. (transfer full) */
GPtrArray *index_collect(char **args, guint *others, guint *failed);

G_END_DECLS
