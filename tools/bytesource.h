/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Bytes of a file anywhere in it, for who walks along its parts: a window of it is kept. */
typedef struct {
  int fd;
  guint64 size;
  guint64 steps; /* reads that are left: what walks from part to part of a hostile file ends */
  guint64 at;    /* of the window */
  gsize n;
  guint8 window[65536];
} ToolBytes;

/* FALSE: it is no file that can be read, or an empty one. */
gboolean tool_bytes_open(ToolBytes *self, const char *path, guint64 steps);
void tool_bytes_close(ToolBytes *self);
/* @n <= 4096 bytes from @at; FALSE where the file ends before, or no step is left. */
gboolean tool_bytes_read(ToolBytes *self, guint64 at, guint8 *bytes, gsize n);
/* As many as there are from @at, at least @n <= 4096; valid until the next read. NULL likewise. Takes no step. */
const guint8 *tool_bytes_peek(ToolBytes *self, guint64 at, gsize n, gsize *available);
/* A number of EBML at *@at, of @most <= 8 bytes, whose first byte tells how many follow; *@at: behind it. @keep: the bit that tells it,
 * as in names. *@unknown: all other bits are set. FALSE where it is none. */
gboolean tool_bytes_read_ebml(ToolBytes *self, guint64 *at, guint most, gboolean keep, guint64 *value, gboolean *unknown);
guint64 tool_big_endian(const guint8 *bytes, guint n);
guint64 tool_little_endian(const guint8 *bytes, guint n);

G_END_DECLS
