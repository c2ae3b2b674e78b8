/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/sum64.h"

#include <string.h>

#define ODD G_GUINT64_CONSTANT(0x9e3779b97f4a7c15)

void
hysac_sum64_init(HysacSum64 *self)
{
  self->bytes = 0;
  for (guint j = 0; j < 8; j++)
    self->sums[j] = j + 1;
}

void
hysac_sum64_add(HysacSum64 *self, const void *data, gsize n)
{
  const guint8 *bytes = data;
  gsize i = 0;
  self->bytes += n;
  for (; i + 64 <= n; i += 64) {
    guint64 words[8];
    memcpy(words, bytes + i, 64);
    for (guint j = 0; j < 8; j++)
      self->sums[j] = (self->sums[j] + words[j]) * ODD;
  }
  for (; i < n; i++)
    self->sums[i % 8] = (self->sums[i % 8] + bytes[i]) * ODD;
}

guint64
hysac_sum64_get(const HysacSum64 *self)
{
  guint64 total = self->bytes;
  for (guint j = 0; j < 8; j++)
    total = ((total ^ total >> 29) + self->sums[j]) * ODD;
  return total ^ total >> 32;
}

guint64
hysac_sum64(const void *data, gsize n)
{
  HysacSum64 sum;
  hysac_sum64_init(&sum);
  hysac_sum64_add(&sum, data, n);
  return hysac_sum64_get(&sum);
}
