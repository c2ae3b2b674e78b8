/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as an animated PNG: each frame that is found lies in the picture and in the file, and becomes a file that is
 * whole and holds no animation. */
/* Covers: core/apng.c */
#include "fuzz.h"

#include "core/animation.h"
#include "core/apng.h"
#include "core/picturefile.h"

#include <string.h>

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  g_autoptr(GError) error = NULL;
  /* In memory of its own, of just that size: a read beyond it is seen. */
  g_autofree uint8_t *copy = g_memdup2(data, size);
  g_autoptr(GArray) frames = hysac_apng_read(copy, size, &error);
  require_error(frames != NULL, &error);
  if (frames == NULL)
    return 0;
  REQUIRE(frames->len > 0 && frames->len <= size / 12);
  gsize all = 0;
  for (guint i = 0; i < frames->len && i < 50; i++) {
    const HysacApngFrame *frame = &g_array_index(frames, HysacApngFrame, i);
    const HysacApngFrame *whole = &g_array_index(frames, HysacApngFrame, 0);
    guint count;
    gboolean ends = FALSE;
    REQUIRE(frame->begin < frame->end && frame->end <= size && (i == 0 || !frame->still));
    REQUIRE(frame->width > 0 && frame->height > 0 && (guint64) frame->x + frame->width <= whole->width &&
            (guint64) frame->y + frame->height <= whole->height);
    gsize n;
    g_autofree guint8 *file = hysac_apng_extract(copy, size, frame, &n);
    REQUIRE(n <= size + 57);
    REQUIRE(g_strcmp0(hysac_picture_file_type(file, n, &ends), "png") == 0 && ends);
    REQUIRE(hysac_animation_count(file, n, &count, &ends) == HYSAC_ANIMATION_NONE);
    all += frame->end - frame->begin;
  }
  REQUIRE(all <= size); /* no two share pixels */
  return 0;
}
