/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "opencl/hugepages.h"

#include <sys/mman.h>
#include <unistd.h>

static gsize
whole_pages(gsize bytes)
{
  const gsize page = (gsize) sysconf(_SC_PAGESIZE);
  return (bytes + page - 1) / page * page;
}

void *
hysac_pages_new(gsize bytes)
{
  if (bytes == 0 || bytes > G_MAXSIZE / 2)
    return NULL;
  const gsize size = whole_pages(bytes), reserved = size + HYSAC_HUGE_PAGE;
  guint8 *all = mmap(NULL, reserved, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (all == MAP_FAILED)
    return NULL;
  /* What lies before and behind goes back. */
  const gsize before = (HYSAC_HUGE_PAGE - (guintptr) all % HYSAC_HUGE_PAGE) % HYSAC_HUGE_PAGE;
  if (before > 0)
    munmap(all, before);
  if (before < HYSAC_HUGE_PAGE)
    munmap(all + before + size, HYSAC_HUGE_PAGE - before);
#ifdef MADV_HUGEPAGE
  madvise(all + before, size, MADV_HUGEPAGE); /* refused: small pages are as right */
#endif
  return all + before;
}

void
hysac_pages_seal(void *pages, gsize bytes)
{
  mprotect(pages, whole_pages(bytes), PROT_READ);
}

void
hysac_pages_free(void *pages, gsize bytes)
{
  if (pages != NULL)
    munmap(pages, whole_pages(bytes));
}
