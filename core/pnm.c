/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Netpbm's formats: "P", a digit, width, height, but for bitmaps the greatest value, then pixels as digits (1 to 3) or bytes (4 to
 * 6). A file may hold one picture after another. */

#include "core/pnm.h"

typedef struct {
  const guint8 *bytes;
  gsize size, at;
} Reader;

static gboolean
is_space(guint8 c)
{
  return c == ' ' || (c >= '\t' && c <= '\r');
}

/* And comments, which go on to their line's end. */
static void
skip_space(Reader *self)
{
  while (self->at < self->size && (is_space(self->bytes[self->at]) || self->bytes[self->at] == '#')) {
    const gboolean comment = self->bytes[self->at++] == '#';
    while (comment && self->at < self->size && self->bytes[self->at] != '\n' && self->bytes[self->at] != '\r')
      self->at++;
  }
}

/* At most @digits of them. */
static gboolean
read_number(Reader *self, guint digits, guint32 *value)
{
  skip_space(self);
  const gsize start = self->at;
  *value = 0;
  while (self->at < self->size && self->at - start < digits && g_ascii_isdigit(self->bytes[self->at]))
    *value = 10 * *value + (guint32) (self->bytes[self->at++] - '0');
  return self->at > start;
}

static gboolean
skip_pixels(Reader *self, guint kind, guint32 width, guint32 height, guint32 greatest)
{
  const guint64 samples = (guint64) width * (kind % 3 == 0 ? 3 : 1); /* a row */
  if (kind > 3) {
    const guint64 row = kind == 4 ? ((guint64) width + 7) / 8 : greatest > 255 ? 2 * samples : samples;
    if (self->at == self->size || !is_space(self->bytes[self->at++])) /* just one */
      return FALSE;
    if (row > 0 && height > (self->size - self->at) / row)
      return FALSE;
    self->at += row * height;
    return TRUE;
  }
  /* Each takes a byte at least. */
  if (samples > 0 && height > self->size / samples)
    return FALSE;
  for (guint64 i = samples * height; i > 0; i--) {
    guint32 value;
    if (!read_number(self, kind == 1 ? 1 : 9, &value))
      return FALSE;
  }
  return TRUE;
}

gboolean
hysac_pnm_look(const guint8 *bytes, gsize size, gboolean *whole, gboolean *behind)
{
  Reader reader = { bytes, size, 2 };
  guint32 width, height, greatest = 1;
  *whole = *behind = FALSE;
  if (size < 3 || bytes[0] != 'P' || bytes[1] < '1' || bytes[1] > '6' || (!is_space(bytes[2]) && bytes[2] != '#'))
    return FALSE;
  const guint kind = bytes[1] - '0';
  *whole = read_number(&reader, 9, &width) && read_number(&reader, 9, &height) &&
           (kind % 3 == 1 || read_number(&reader, 9, &greatest)) && skip_pixels(&reader, kind, width, height, greatest);
  if (*whole)
    while (reader.at < size && is_space(bytes[reader.at]))
      reader.at++;
  *behind = *whole && reader.at < size;
  return TRUE;
}
