/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* gdk-pixbuf takes a file that was cut short for a whole one, and leaves the rest grey or
 * transparent. What tells is how the file ends. */
#include "core/picturefile.h"

#include <string.h>

/* A big-endian number of @n bytes, at any address. */
static guint32
number(const guint8 *p, guint n)
{
  guint32 value = 0;
  for (guint i = 0; i < n; i++)
    value = value << 8 | p[i];
  return value;
}

static gboolean
png_is_whole(const guint8 *p, gsize size)
{
  gsize at = 8;
  while (size - at >= 12) { /* length, type, data, checksum */
    const guint32 length = number(p + at, 4);
    if (length > size - at - 12)
      return FALSE;
    if (memcmp(p + at + 4, "IEND", 4) == 0)
      return TRUE;
    at += 12 + (gsize) length;
  }
  return FALSE;
}

/* Segments have a length, a scan goes on until a marker that is neither a stuffed 0 nor a restart. */
static gboolean
jpeg_is_whole(const guint8 *p, gsize size)
{
  gsize at = 2;
  while (size - at >= 2) {
    if (p[at] != 0xff || p[at + 1] <= 0x01 || (p[at + 1] >= 0xd0 && p[at + 1] <= 0xd7)) {
      at += p[at] == 0xff ? 2 : 1;
      continue;
    }
    if (p[at + 1] == 0xff) { /* fill */
      at++;
      continue;
    }
    if (p[at + 1] == 0xd9)
      return TRUE;
    if (size - at < 4)
      return FALSE;
    const gsize length = 2 + number(p + at + 2, 2);
    if (length > size - at)
      return FALSE;
    at += length;
  }
  return FALSE;
}

const char *
hysac_picture_file_type(const guint8 *bytes, gsize size, gboolean *whole)
{
  *whole = FALSE;
  if (size >= 8 && memcmp(bytes, "\x89PNG\r\n\x1a\n", 8) == 0) {
    *whole = png_is_whole(bytes, size);
    return "png";
  }
  if (size >= 3 && memcmp(bytes, "\xff\xd8\xff", 3) == 0) {
    *whole = jpeg_is_whole(bytes, size);
    return "jpeg";
  }
  return NULL;
}
