/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/gst/numbered.h"

#include <stdlib.h>
#include <string.h>

#define DARK 80
#define LIGHT 176
#define MEAN ((DARK + LIGHT) / 2)
#define PANEL 3 /* columns; the innermost has no cells: interpolation reaches one block far */
#define N_BITS 28
/* An encoder blurs the halves; redaction leaves a rounding error. */
#define READABLE 40
#define FLAT 6

/* Row 0 is left to codes in the first bytes, row 1 is between. */
static void
cell(guint bit, guint width, guint height, guint *x, guint *y)
{
  static const guint columns[] = {0, 1, NUMBERED_COLUMNS - 2, NUMBERED_COLUMNS - 1};
  *x = columns[bit % 4] * (width / NUMBERED_COLUMNS);
  *y = (2 + bit / 4) * (height / NUMBERED_ROWS);
}

static guint32
with_check(guint32 number)
{
  return (number & NUMBERED_MAX) | (((number * 0x9e3779b1u) >> 24) << 20);
}

void
numbered_draw(guint8 *luma, gsize stride, guint width, guint height, guint32 number)
{
  const guint w = width / NUMBERED_COLUMNS, h = height / NUMBERED_ROWS;
  const guint32 bits = with_check(number & NUMBERED_MAX);
  for (guint y = 0; y < NUMBERED_ROWS * h; y++) {
    memset(luma + y * stride, MEAN, PANEL * (gsize)w);
    memset(luma + y * stride + (NUMBERED_COLUMNS - PANEL) * w, MEAN, PANEL * (gsize)w);
  }
  for (guint bit = 0; bit < N_BITS; bit++) {
    const gboolean one = (bits >> bit) & 1;
    guint x0, y0;
    cell(bit, width, height, &x0, &y0);
    for (guint y = 0; y < h; y++)
      for (guint x = 0; x < w; x++)
        luma[(y0 + y) * stride + x0 + x] = (x < w / 2) == one ? LIGHT : DARK;
  }
}

static gint
half(const guint8 *luma, gsize stride, guint x0, guint y0, guint w, guint h)
{
  guint64 sum = 0;
  for (guint y = 0; y < h; y++)
    for (guint x = 0; x < w; x++)
      sum += luma[(y0 + y) * stride + x0 + x];
  return (gint)(sum / ((guint64)w * h));
}

Numbered
numbered_read(const guint8 *luma, gsize stride, guint width, guint height, guint32 *number)
{
  const guint w = width / NUMBERED_COLUMNS / 2, h = height / NUMBERED_ROWS;
  guint32 bits = 0;
  guint readable = 0, flat = 0;
  for (guint bit = 0; bit < N_BITS; bit++) {
    guint x, y;
    cell(bit, width, height, &x, &y);
    const gint difference = half(luma, stride, x, y, w, h) - half(luma, stride, x + w, y, w, h);
    readable += abs(difference) >= READABLE;
    flat += abs(difference) <= FLAT;
    bits |= (guint32)(difference > 0) << bit;
  }
  *number = bits & NUMBERED_MAX;
  if (readable == N_BITS && bits == with_check(*number))
    return NUMBERED_READ;
  return flat == N_BITS ? NUMBERED_GONE : NUMBERED_GARBLED;
}
