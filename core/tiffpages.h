/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/error.h"

G_BEGIN_DECLS

/* Of one page. */
typedef struct {
  guint32 offset; /* of its directory */
  guint32 width, height;
} HysacTiffPage;

/* Not installed. The pages of the TIFF file @bytes (@size of them, any). (transfer full) (element-type HysacTiffPage):
 * NULL where they are no TIFF (or a BigTIFF). @whole: FALSE where the directories do not lead to an end: they lead beyond the file, or
 * back, or there are more than @most. Any thread. */
HYSAC_API GArray *hysac_tiff_pages(const guint8 *bytes, gsize size, guint most, gboolean *whole);

/* Makes @page the first, in place: who reads only the first then reads that. @bytes are what its pages were read from. */
HYSAC_API void hysac_tiff_put_first(guint8 *bytes, const HysacTiffPage *page);

G_END_DECLS
