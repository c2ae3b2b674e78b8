/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/error.h"

/* Files that nobody vouches for. Internal: not installed. */

G_BEGIN_DECLS

/* Opens a regular file for reading; anything else (folder, pipe, device) is an error and never
 * waits. -1 on failure. */
int hysac_open_file(const char *path, gsize *size, GError **error);

/* All of @size bytes from @offset. FALSE with errno, which is 0 where the file ends before. */
gboolean hysac_read_at(int fd, void *dst, gsize size, guint64 offset);

/* A whole regular file of at most @max_size bytes, NUL-terminated. */
HYSAC_API char *hysac_read_file(const char *path, gsize max_size, gsize *size, GError **error);

/* Replaces the regular file at @path by @size bytes of @data, whole or not at all, or makes it; through a link (a shared
 * cache of models) the file that it leads to. Anything else that stands there (folder, pipe, device) stays, and is an
 * error. */
HYSAC_API gboolean hysac_write_file(const char *path, const void *data, gsize size, GError **error);

G_END_DECLS
