/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Frames of a GIF (the blocks of GIF89a, "Grammar") and what an animated PNG (chunk acTL) says of itself. */

#include "core/animation.h"

#include "core/bigendian.h"

#include <string.h>

typedef struct {
  const guint8 *bytes;
  gsize size, at;
} Reader;

static gboolean
skip(Reader *self, gsize n)
{
  if (n > self->size - self->at)
    return FALSE;
  self->at += n;
  return TRUE;
}

/* Sub-blocks: a length and as many bytes, until one of no length. */
static gboolean
skip_blocks(Reader *self)
{
  while (self->at < self->size) {
    const guint8 length = self->bytes[self->at++];
    if (length == 0)
      return TRUE;
    if (!skip(self, length))
      return FALSE;
  }
  return FALSE;
}

/* A palette of 2^(n+1) colours, where the packed byte says that there is one. */
static gboolean
skip_palette(Reader *self, guint8 packed)
{
  return !(packed & 0x80) || skip(self, 3 * ((gsize) 2 << (packed & 7)));
}

static gboolean
count_gif(Reader *self, guint *frames)
{
  if (!skip(self, 13) || !skip_palette(self, self->bytes[10]))
    return FALSE;
  while (self->at < self->size) {
    switch (self->bytes[self->at++]) {
    case ';':
      return TRUE;
    case '!': /* an extension: its label, then blocks */
      if (!skip(self, 1) || !skip_blocks(self))
        return FALSE;
      break;
    case ',': /* an image: place and size, a palette, the least code's length, then blocks */
      if (!skip(self, 9) || !skip_palette(self, self->bytes[self->at - 1]) || !skip(self, 1) ||
          !skip_blocks(self))
        return FALSE;
      ++*frames;
      break;
    case 0: /* some writers pad with zeros, and all readers skip them */
      break;
    default:
      return FALSE;
    }
  }
  return FALSE;
}

HysacAnimation
hysac_animation_count(const guint8 *bytes, gsize size, guint *frames, gboolean *whole)
{
  Reader reader = { bytes, size, 0 };
  *frames = 0;
  if (size >= 6 && (memcmp(bytes, "GIF87a", 6) == 0 || memcmp(bytes, "GIF89a", 6) == 0)) {
    *whole = count_gif(&reader, frames);
    return HYSAC_ANIMATION_GIF;
  }
  if (size < 8 || memcmp(bytes, "\x89PNG\r\n\x1a\n", 8) != 0)
    return HYSAC_ANIMATION_NONE;
  /* Chunks: length, name, bytes, sum. acTL stands before the first IDAT. */
  reader.at = 8;
  while (reader.size - reader.at >= 12) {
    const guint8 *chunk = bytes + reader.at;
    const gsize length = hysac_read_be32(chunk);
    if (memcmp(chunk + 4, "IDAT", 4) == 0)
      return HYSAC_ANIMATION_NONE;
    if (memcmp(chunk + 4, "acTL", 4) == 0 && length >= 4) {
      *frames = hysac_read_be32(chunk + 8);
      return HYSAC_ANIMATION_APNG;
    }
    if (!skip(&reader, 8) || !skip(&reader, length) || !skip(&reader, 4))
      return HYSAC_ANIMATION_NONE;
  }
  return HYSAC_ANIMATION_NONE;
}
