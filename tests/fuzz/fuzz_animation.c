/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as a GIF or a PNG: counting reads nothing beyond them, and what comes behind a GIF's end changes nothing. */
/* Covers: core/animation.c */
#include "fuzz.h"

#include "core/animation.h"

#include <string.h>

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  guint frames, again;
  gboolean whole = FALSE, half = FALSE;
  /* In memory of its own, of just that size: a read beyond it is seen. */
  g_autofree uint8_t *copy = g_memdup2(data, size);
  const HysacAnimation kind = hysac_animation_count(copy, size, &frames, &whole);
  REQUIRE(kind != HYSAC_ANIMATION_NONE || (frames == 0 && !whole));
  REQUIRE(kind == HYSAC_ANIMATION_APNG || frames <= size / 12);

  g_autofree uint8_t *longer = g_malloc0(size + 20);
  memcpy(longer, data, size);
  const HysacAnimation same = hysac_animation_count(longer, size + 20, &again, &half);
  if (whole)
    REQUIRE(same == kind && again == frames && half);
  return 0;
}
