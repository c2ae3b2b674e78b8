/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Whether bytes, whatever they are called, are a coded video: H.264, H.265, H.266, MPEG-1, 2 and 4, VC-1, as players that
 * look for themselves find them. All zero: nothing has been looked at. */
typedef struct {
  guint32 window; /* the last bytes */
  guint32 parts;  /* that were found */
  guint32 looked; /* bytes */
} ToolPayload;

/* The next bytes of the stream; TRUE as soon as, and as long as, all so far are of a video. Players look at the first few
 * megabytes; so what lies far behind is not looked at here either. */
gboolean tool_payload_take(ToolPayload *self, const guint8 *bytes, gsize n);

G_END_DECLS
