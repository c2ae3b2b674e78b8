/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as a TIFF: its pages lie in it, each once, and any can be made the first. */
/* Covers: core/tiffpages.c */
#include "fuzz.h"

#include "core/tiffpages.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  gboolean whole = FALSE, again = FALSE;
  /* In memory of its own, of just that size: a read beyond it is seen. */
  g_autofree uint8_t *copy = g_memdup2(data, size);
  g_autoptr(GArray) pages = hysac_tiff_pages(copy, size, 50, &whole);
  if (pages == NULL)
    return 0;
  REQUIRE(pages->len <= 50 && (!whole || pages->len > 0));
  for (guint i = 0; i < pages->len; i++) {
    const HysacTiffPage *page = &g_array_index(pages, HysacTiffPage, i);
    REQUIRE(page->offset >= 8 && page->offset <= size - 6);
    hysac_tiff_put_first(copy, page);
    g_autoptr(GArray) rest = hysac_tiff_pages(copy, size, 50, &again);
    REQUIRE(rest != NULL && rest->len > 0 && g_array_index(rest, HysacTiffPage, 0).offset == page->offset);
  }
  return 0;
}
