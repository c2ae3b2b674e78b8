/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* A checksum at the speed of memory, against mistakes and not against malice: eight sums over every eighth word,
 * each word's turn multiplied on, so that any single change, swap or shift shows. Internal: not installed. */

G_BEGIN_DECLS

typedef struct {
  guint64 sums[8], bytes;
} HysacSum64;

void hysac_sum64_init(HysacSum64 *self);
/* In pieces: @n of all but the last is a multiple of 64. */
void hysac_sum64_add(HysacSum64 *self, const void *data, gsize n);
guint64 hysac_sum64_get(const HysacSum64 *self);

/* Of one piece. */
guint64 hysac_sum64(const void *data, gsize n);

G_END_DECLS
