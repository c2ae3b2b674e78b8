/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as a PNG or JPEG file: how it begins decides the kind, its first end decides whether it is whole, and
 * what comes behind that end changes nothing. */
/* Covers: core/picturefile.c */
#include "fuzz.h"

#include "core/picturefile.h"

#include <string.h>

/* In memory of its own, of just that size: a read beyond it is seen. */
static const char *
type_of(const uint8_t *data, size_t size, gboolean *whole)
{
  g_autofree uint8_t *copy = g_memdup2(data, size);
  const char *type = hysac_picture_file_type(copy, size, whole);
  REQUIRE(type || !*whole);
  return type;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  gboolean whole, half;
  const char *type = type_of(data, size, &whole);
  if (!type)
    return 0;

  /* The shortest beginning that is whole; one that is not leaves the longer ones open. */
  size_t least = 0, most = size;
  while (whole && least < most) {
    const size_t middle = least + (most - least) / 2;
    type_of(data, middle, &half);
    if (half)
      most = middle;
    else
      least = middle + 1;
  }
  if (whole) {
    type_of(data, least, &half);
    REQUIRE(half);
    type_of(data, least - 1, &half);
    REQUIRE(!half);
    REQUIRE(g_str_equal(type, "png") || (data[least - 2] == 0xff && data[least - 1] == 0xd9));
  }

  /* Something behind it: as it was. */
  g_autofree uint8_t *longer = g_malloc0(size + 40);
  memcpy(longer, data, size);
  const char *again = type_of(longer, size + 40, &half);
  REQUIRE(again && g_str_equal(again, type) && (half || !whole));
  return 0;
}
