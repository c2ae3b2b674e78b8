/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The directories of a TIFF file (TIFF 6.0, section 2): a chain, one a page. */

#include "core/tiffpages.h"

#include <string.h>

#define HEADER 8
#define ENTRY 12

typedef struct {
  const guint8 *bytes;
  gsize size;
  gboolean big; /* the bytes' order */
} File;

static guint32
number(const File *self, gsize at, guint width)
{
  guint32 value = 0;
  for (guint i = 0; i < width; i++)
    value |= (guint32) self->bytes[at + i] << 8 * (self->big ? width - 1 - i : i);
  return value;
}

/* FALSE where the directory does not lie in the file; *next: where the one after it is, 0 for none. */
static gboolean
read_directory(const File *self, HysacTiffPage *page, guint32 *next)
{
  const gsize at = page->offset;
  if (at < HEADER || at > self->size || self->size - at < 6)
    return FALSE;
  const guint n = number(self, at, 2);
  if ((self->size - at - 6) / ENTRY < n)
    return FALSE;
  for (guint i = 0; i < n; i++) {
    const gsize entry = at + 2 + ENTRY * (gsize) i;
    const guint tag = number(self, entry, 2), type = number(self, entry + 2, 2);
    if ((tag != 256 && tag != 257) || (type != 3 && type != 4)) /* ImageWidth, ImageLength; SHORT, LONG */
      continue;
    *(tag == 256 ? &page->width : &page->height) = number(self, entry + 8, type == 3 ? 2 : 4);
  }
  *next = number(self, at + 2 + ENTRY * (gsize) n, 4);
  return TRUE;
}

GArray *
hysac_tiff_pages(const guint8 *bytes, gsize size, guint most, gboolean *whole)
{
  File file = { bytes, size, FALSE };
  if (size < HEADER || (memcmp(bytes, "II*\0", 4) != 0 && memcmp(bytes, "MM\0*", 4) != 0))
    return NULL;
  file.big = bytes[0] == 'M';
  GArray *pages = g_array_new(FALSE, FALSE, sizeof(HysacTiffPage));
  g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
  guint32 next = number(&file, 4, 4);
  *whole = FALSE;
  while (pages->len < most && g_hash_table_add(seen, GUINT_TO_POINTER(next))) {
    HysacTiffPage page = { .offset = next };
    if (!read_directory(&file, &page, &next))
      return pages;
    g_array_append_val(pages, page);
    *whole = next == 0;
    if (*whole)
      return pages;
  }
  return pages;
}

void
hysac_tiff_put_first(guint8 *bytes, const HysacTiffPage *page)
{
  const gboolean big = bytes[0] == 'M';
  for (guint i = 0; i < 4; i++)
    bytes[4 + i] = (guint8) (page->offset >> 8 * (big ? 3 - i : i));
}
