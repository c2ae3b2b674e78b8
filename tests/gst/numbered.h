/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * A number that a frame carries in its picture: 28 cells of the 16x9 grid that redaction works on,
 * on panels at the left and right edge, where the encoder does not look (it sees the centre
 * square). A cell is one bit: a light and a dark half, or a dark and a light one. Its mean is the
 * same for both, and the panels', so that block means tell nothing of it: what was blurred,
 * pixelated or blanked has provably no number left. 20 bits of number, 8 that check them.
 */

#define NUMBERED_COLUMNS 16
#define NUMBERED_ROWS 9
#define NUMBERED_MAX 0xfffff

typedef enum {
  NUMBERED_READ,
  NUMBERED_GONE,    /* no cell has two halves */
  NUMBERED_GARBLED, /* neither: something of it is left */
} Numbered;

/* @luma: 8 bits; @width a multiple of 32 and @height of 9, so that no block is split. */
void numbered_draw(guint8 *luma, gsize stride, guint width, guint height, guint32 number);
Numbered numbered_read(const guint8 *luma, gsize stride, guint width, guint height,
                       guint32 *number);
