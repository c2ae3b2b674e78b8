/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as a picture with an Exif mark: nothing is read beyond them, and what comes behind them changes no mark that
 * was found. */
/* Covers: core/orientation.c */
#include "fuzz.h"

#include "core/orientation.h"

#include <string.h>

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  /* In memory of its own, of just that size: a read beyond it is seen. */
  g_autofree uint8_t *copy = g_memdup2(data, size);
  const guint found = hysac_picture_orientation(copy, size);
  REQUIRE(found <= 8);
  g_autofree uint8_t *longer = g_malloc0(size + 40);
  memcpy(longer, data, size);
  REQUIRE(found == 0 || hysac_picture_orientation(longer, size + 40) == found);
  return 0;
}
