/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/error.h"

G_BEGIN_DECLS

/* Not installed. An animated PNG taken apart: its frames, each as a PNG of its own, for a decoder that knows none. */

typedef enum { HYSAC_APNG_LEAVE, HYSAC_APNG_CLEAR, HYSAC_APNG_BACK } HysacApngDispose; /* when its time is over */

typedef struct {
  guint32 width, height, x, y; /* pixels; inside the picture */
  HysacApngDispose dispose;
  gboolean over;   /* blended over what is there; FALSE: in its place */
  gboolean still;  /* no frame, but what is shown where animations are not; always the first and whole */
  gsize begin, end; /* its chunks of pixels lie there */
} HysacApngFrame;

/* @bytes: any, @size of them. Returns: (transfer full): of HysacApngFrame, in order, at least one; NULL with @error (FORMAT):
 * frames that do not lie in the picture, out of order, without pixels, other than how many are stated. Reads nothing of the
 * pixels. Any thread. */
HYSAC_API GArray *hysac_apng_read(const guint8 *bytes, gsize size, GError **error);
/* Of the same @bytes. (transfer full): a PNG file of that frame alone, *length bytes. */
HYSAC_API guint8 *hysac_apng_extract(const guint8 *bytes, gsize size, const HysacApngFrame *frame, gsize *length);

G_END_DECLS
