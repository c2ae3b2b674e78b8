/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* gdk-pixbuf follows the mark of JPEG and TIFF only; a browser and a phone follow it elsewhere too. */

#include "core/orientation.h"

#include <string.h>

#define TAG 0x112
#define SHORT 3

static guint32
number(const guint8 *at, guint width, gboolean big)
{
  guint32 value = 0;
  for (guint i = 0; i < width; i++)
    value |= (guint32) at[i] << 8 * (big ? width - 1 - i : i);
  return value;
}

/* The first directory of a TIFF, which is what Exif is. */
static guint
read_exif(const guint8 *bytes, gsize size)
{
  if (size >= 6 && memcmp(bytes, "Exif\0\0", 6) == 0) { /* JPEG's, and by mistake elsewhere */
    bytes += 6;
    size -= 6;
  }
  if (size < 8 || (memcmp(bytes, "II*\0", 4) != 0 && memcmp(bytes, "MM\0*", 4) != 0))
    return 0;
  const gboolean big = bytes[0] == 'M';
  const gsize at = number(bytes + 4, 4, big);
  if (at > size - 2)
    return 0;
  const guint n = number(bytes + at, 2, big);
  for (guint i = 0; i < n && 12 * ((gsize) i + 1) <= size - at - 2; i++) {
    const guint8 *entry = bytes + at + 2 + 12 * (gsize) i;
    if (number(entry, 2, big) != TAG || number(entry + 2, 2, big) != SHORT || number(entry + 4, 4, big) != 1)
      continue;
    const guint value = number(entry + 8, 2, big);
    return value >= 1 && value <= 8 ? value : 0;
  }
  return 0;
}

/* Segments up to the first scan. */
static guint
of_jpeg(const guint8 *p, gsize size)
{
  for (gsize at = 2; size - at >= 4 && p[at] == 0xff;) {
    const guint8 marker = p[at + 1];
    if (marker == 0xff) { /* fill */
      at++;
      continue;
    }
    const gsize length = number(p + at + 2, 2, TRUE);
    if (marker == 0xda || marker == 0xd9 || length < 2 || length > size - at - 2)
      return 0;
    if (marker == 0xe1 && length >= 8 && memcmp(p + at + 4, "Exif\0\0", 6) == 0) {
      const guint value = read_exif(p + at + 4, length - 2);
      if (value != 0)
        return value;
    }
    at += 2 + length;
  }
  return 0;
}

static guint
of_png(const guint8 *p, gsize size)
{
  for (gsize at = 8; size - at >= 12;) { /* length, type, data, checksum */
    const guint32 length = number(p + at, 4, TRUE);
    if (length > size - at - 12 || memcmp(p + at + 4, "IEND", 4) == 0)
      return 0;
    if (memcmp(p + at + 4, "eXIf", 4) == 0)
      return read_exif(p + at + 8, length);
    at += 12 + (gsize) length;
  }
  return 0;
}

static guint
of_webp(const guint8 *p, gsize size)
{
  for (gsize at = 12; size - at >= 8;) { /* type, length, data, filled up to an even length */
    const gsize length = number(p + at + 4, 4, FALSE);
    if (length > size - at - 8)
      return 0;
    if (memcmp(p + at, "EXIF", 4) == 0)
      return read_exif(p + at + 8, length);
    at += 8 + length;
    if (length % 2 != 0 && at < size)
      at++;
  }
  return 0;
}

guint
hysac_picture_orientation(const guint8 *bytes, gsize size)
{
  if (size >= 8 && memcmp(bytes, "\x89PNG\r\n\x1a\n", 8) == 0)
    return of_png(bytes, size);
  if (size >= 4 && memcmp(bytes, "\xff\xd8\xff", 3) == 0)
    return of_jpeg(bytes, size);
  if (size >= 12 && memcmp(bytes, "RIFF", 4) == 0 && memcmp(bytes + 8, "WEBP", 4) == 0)
    return of_webp(bytes, size);
  return 0;
}
