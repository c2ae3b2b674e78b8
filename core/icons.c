/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Icons and cursors of Windows: a directory, and for each entry a PNG or a bitmap (BITMAPINFOHEADER, palette, pixels, mask; its
 * height counts the mask too). */

#include "core/icons.h"

#include "core/bigendian.h"
#include "core/picturefile.h"

#include <string.h>

#define HEADER 6
#define ENTRY 16
#define BITMAP 40

static guint32
number(const guint8 *p, guint n)
{
  guint32 value = 0;
  for (guint i = 0; i < n; i++)
    value |= (guint32) p[i] << 8 * i;
  return value;
}

/* Colours and pixels; what the mask takes away is judged all the same. */
static gboolean
bitmap_is_whole(const guint8 *p, gsize size, HysacIconPicture *picture)
{
  const guint64 header = size >= BITMAP ? number(p, 4) : 0;
  if (header < BITMAP)
    return FALSE;
  const guint bits = number(p + 14, 2);
  const guint64 colours = bits > 8 ? 0 : number(p + 32, 4) ? number(p + 32, 4) : 1u << bits;
  picture->width = number(p + 4, 4);
  picture->height = number(p + 8, 4) / 2;
  const guint64 row = ((guint64) picture->width * bits + 31) / 32 * 4;
  if (row == 0 || header + 4 * colours > size)
    return FALSE;
  return picture->height > 0 && picture->height <= (size - header - 4 * colours) / row;
}

/* NULL, or what is wrong with it. */
static const char *
look_at(const guint8 *bytes, gsize size, HysacIconPicture *picture)
{
  gboolean whole;
  picture->size = number(bytes + picture->entry + 8, 4);
  picture->offset = number(bytes + picture->entry + 12, 4);
  if (picture->offset > size || picture->size > size - picture->offset)
    return "damaged: a picture does not lie in the file";
  const guint8 *p = bytes + picture->offset;
  picture->png = g_strcmp0(hysac_picture_file_type(p, picture->size, &whole), "png") == 0;
  if (picture->png) {
    picture->width = picture->size >= 24 ? hysac_read_be32(p + 16) : 0;
    picture->height = picture->size >= 24 ? hysac_read_be32(p + 20) : 0;
  } else {
    whole = bitmap_is_whole(p, picture->size, picture);
  }
  return whole ? NULL : "damaged: a picture is cut short";
}

GArray *
hysac_icon_pictures(const guint8 *bytes, gsize size, guint most, const char **problem)
{
  *problem = NULL;
  if (size < HEADER || number(bytes, 2) != 0 || (number(bytes + 2, 2) != 1 && number(bytes + 2, 2) != 2))
    return NULL;
  const guint n = number(bytes + 4, 2);
  if (n == 0)
    return NULL;
  GArray *pictures = g_array_new(FALSE, FALSE, sizeof(HysacIconPicture));
  gsize left = size; /* shared bytes would make much work of a small file */
  if (n > most)
    *problem = "too many pictures";
  else if ((size - HEADER) / ENTRY < n)
    *problem = "cut short: the file has no end";
  for (guint i = 0; i < n && *problem == NULL; i++) {
    HysacIconPicture picture = { .entry = HEADER + ENTRY * (gsize) i };
    *problem = look_at(bytes, size, &picture);
    if (*problem == NULL && picture.size > left)
      *problem = "damaged: its pictures lie on one another";
    left -= MIN(picture.size, left);
    if (*problem == NULL)
      g_array_append_val(pictures, picture);
  }
  return pictures;
}

GBytes *
hysac_icon_alone(const guint8 *bytes, const HysacIconPicture *picture)
{
  if (picture->png)
    return g_bytes_new(bytes + picture->offset, picture->size);
  const gsize size = HEADER + ENTRY + picture->size;
  guint8 *alone = g_malloc(size);
  const guint8 directory[] = { 0, 0, bytes[2], 0, 1, 0 }, offset[] = { HEADER + ENTRY, 0, 0, 0 };
  memcpy(alone, directory, HEADER);
  memcpy(alone + HEADER, bytes + picture->entry, ENTRY - 4);
  memcpy(alone + HEADER + ENTRY - 4, offset, 4);
  memcpy(alone + HEADER + ENTRY, bytes + picture->offset, picture->size);
  return g_bytes_new_take(alone, size);
}
