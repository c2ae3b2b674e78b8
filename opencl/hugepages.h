/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Private to opencl/: memory for what is large and read again and again, in huge pages where the system gives
 * them: weights fill tens of thousands of small pages, and looking those up took a tenth of a forward and more.
 */

#include <glib.h>

G_BEGIN_DECLS

/* Less of it is not worth a mapping of its own. */
#define HYSAC_HUGE_PAGE ((gsize) 2 << 20)

/* @bytes of zeros, from an address that huge pages begin at; NULL where there is no memory. Any thread. */
void *hysac_pages_new(gsize bytes);
/* From now on only read. */
void hysac_pages_seal(void *pages, gsize bytes);
/* @bytes as for hysac_pages_new(). NULL is fine. */
void hysac_pages_free(void *pages, gsize bytes);

G_END_DECLS
