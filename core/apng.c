/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* PNG, third edition, 11.3.6 (acTL, fcTL, fdAT). */

#include "core/apng.h"

#include "core/bigendian.h"

#include <string.h>

#define HEADER 8
#define IHDR_END (HEADER + 12 + 13)

typedef struct {
  const guint8 *bytes;
  guint32 width, height;
  GArray *frames;
  guint32 stated, sequence;
  gboolean animated;  /* acTL was seen */
  gboolean pixels;    /* IDAT was seen */
  const char *wrong;
} Reader;

static gboolean
is_type(const guint8 *chunk, const char *type)
{
  return memcmp(chunk + 4, type, 4) == 0;
}

/* Fails by FALSE, with why. */
static gboolean
expect(Reader *self, gboolean condition, const char *wrong)
{
  if (!condition)
    self->wrong = wrong;
  return condition;
}

static HysacApngFrame *
last_frame(Reader *self)
{
  return self->frames->len > 0 ? &g_array_index(self->frames, HysacApngFrame, self->frames->len - 1) : NULL;
}

static gboolean
has_pixels(const HysacApngFrame *frame)
{
  return frame->end > frame->begin;
}

/* fcTL: sequence, width, height, x, y, delay (4), dispose, blend. */
static gboolean
read_control(Reader *self, const guint8 *data, gsize length)
{
  const HysacApngFrame *before = last_frame(self);
  if (!expect(self, length == 26 && hysac_read_be32(data) == self->sequence++, "its frames are out of order") ||
      !expect(self, before == NULL || has_pixels(before), "a frame has no pixels"))
    return FALSE;
  HysacApngFrame frame = { .width = hysac_read_be32(data + 4), .height = hysac_read_be32(data + 8), .x = hysac_read_be32(data + 12),
                           .y = hysac_read_be32(data + 16), .dispose = (HysacApngDispose) data[24], .over = data[25] == 1 };
  if (!expect(self, frame.width > 0 && frame.height > 0 && frame.width <= self->width &&
                        frame.height <= self->height && frame.x <= self->width - frame.width &&
                        frame.y <= self->height - frame.height && data[24] <= 2 && data[25] <= 1,
              "a frame does not lie in the picture") ||
      !expect(self, self->pixels || (frame.width == self->width && frame.height == self->height),
              "its first frame is not the picture"))
    return FALSE;
  g_array_append_val(self->frames, frame);
  return TRUE;
}

static gboolean
read_pixels(Reader *self, gsize at, gsize length, gboolean of_frame)
{
  HysacApngFrame *frame = last_frame(self);
  if (of_frame) { /* fdAT: sequence, then as IDAT */
    if (!expect(self, length >= 4 && self->pixels && frame != NULL && !frame->still &&
                          hysac_read_be32(self->bytes + at + 8) == self->sequence++, "its frames are out of order"))
      return FALSE;
    /* The first frame's are IDAT where it is the picture. */
    const gboolean first = has_pixels(frame) && is_type(self->bytes + frame->begin, "IDAT");
    if (!expect(self, !first, "its frames are out of order"))
      return FALSE;
  } else {
    if (frame == NULL) {
      const HysacApngFrame still = { .width = self->width, .height = self->height, .still = TRUE };
      g_array_append_val(self->frames, still);
      frame = last_frame(self);
    }
    if (!expect(self, self->frames->len == 1, "its frames are out of order"))
      return FALSE;
    self->pixels = TRUE;
  }
  if (!has_pixels(frame))
    frame->begin = at;
  frame->end = at + 12 + length;
  return TRUE;
}

static gboolean
read_chunk(Reader *self, gsize at, gsize length)
{
  const guint8 *chunk = self->bytes + at;
  if (is_type(chunk, "acTL")) {
    self->animated = TRUE;
    self->stated = length >= 4 ? hysac_read_be32(chunk + 8) : 0;
    return expect(self, !self->pixels, "its frames are out of order");
  }
  if (is_type(chunk, "fcTL"))
    return read_control(self, chunk + 8, length);
  if (is_type(chunk, "IDAT") || is_type(chunk, "fdAT"))
    return read_pixels(self, at, length, is_type(chunk, "fdAT"));
  return TRUE;
}

GArray *
hysac_apng_read(const guint8 *bytes, gsize size, GError **error)
{
  Reader self = { .bytes = bytes, .wrong = "no PNG" };
  gboolean ended = FALSE, ok = size >= IHDR_END && memcmp(bytes, "\x89PNG\r\n\x1a\n", 8) == 0 &&
                               hysac_read_be32(bytes + 8) == 13 && is_type(bytes + 8, "IHDR");
  self.frames = g_array_new(FALSE, TRUE, sizeof(HysacApngFrame));
  if (ok) {
    self.width = hysac_read_be32(bytes + 16);
    self.height = hysac_read_be32(bytes + 20);
  }
  for (gsize at = IHDR_END; ok && !ended;) {
    if (!(ok = expect(&self, size - at >= 12 && hysac_read_be32(bytes + at) <= size - at - 12, "cut short")))
      break;
    const gsize length = hysac_read_be32(bytes + at);
    ended = is_type(bytes + at, "IEND");
    ok = ended || read_chunk(&self, at, length);
    at += 12 + length;
  }
  if (ok) {
    const HysacApngFrame *last = last_frame(&self);
    const guint still = self.frames->len > 0 && g_array_index(self.frames, HysacApngFrame, 0).still;
    ok = expect(&self, self.animated && last != NULL && self.stated == self.frames->len - still && self.stated > 0,
                "it does not hold as many frames as it states") &&
         expect(&self, has_pixels(last), "a frame has no pixels");
  }
  if (ok)
    return self.frames;
  g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_FORMAT, "an animated PNG that is damaged: %s", self.wrong);
  g_array_unref(self.frames);
  return NULL;
}

/* ------------------------------------------------------------------ a file of one frame */

/* PNG, annex D, bit by bit but for a table of half bytes. */
static guint32
checksum(const guint8 *bytes, gsize n)
{
  guint32 table[16], sum = 0xffffffff;
  for (guint32 i = 0; i < 16; i++) {
    table[i] = i;
    for (guint k = 0; k < 4; k++)
      table[i] = table[i] & 1 ? 0xedb88320 ^ table[i] >> 1 : table[i] >> 1;
  }
  for (gsize i = 0; i < n; i++) {
    sum = table[(sum ^ bytes[i]) & 15] ^ sum >> 4;
    sum = table[(sum ^ bytes[i] >> 4) & 15] ^ sum >> 4;
  }
  return ~sum;
}

static void
append_number(GByteArray *out, guint32 value)
{
  const guint8 bytes[] = { (guint8) (value >> 24), (guint8) (value >> 16), (guint8) (value >> 8), (guint8) value };
  g_byte_array_append(out, bytes, 4);
}

static void
append_chunk(GByteArray *out, const char *type, const guint8 *data, guint32 length)
{
  append_number(out, length);
  const guint from = out->len;
  g_byte_array_append(out, (const guint8 *) type, 4);
  g_byte_array_append(out, data, length);
  append_number(out, checksum(out->data + from, 4 + (gsize) length));
}

guint8 *
hysac_apng_extract(const guint8 *bytes, gsize size, const HysacApngFrame *frame, gsize *length)
{
  GByteArray *out = g_byte_array_new();
  guint8 header[13];
  memcpy(header, bytes + 16, sizeof header);
  for (guint i = 0; i < 4; i++) {
    header[i] = (guint8) (frame->width >> 8 * (3 - i));
    header[4 + i] = (guint8) (frame->height >> 8 * (3 - i));
  }
  g_byte_array_append(out, bytes, HEADER);
  append_chunk(out, "IHDR", header, sizeof header);
  /* What the pixels mean stands before all of them. */
  for (gsize at = IHDR_END; at < frame->end && !is_type(bytes + at, "IDAT"); at += 12 + (gsize) hysac_read_be32(bytes + at)) {
    if (is_type(bytes + at, "PLTE") || is_type(bytes + at, "tRNS"))
      g_byte_array_append(out, bytes + at, 12 + hysac_read_be32(bytes + at));
  }
  for (gsize at = frame->begin; at < frame->end; at += 12 + (gsize) hysac_read_be32(bytes + at)) {
    if (is_type(bytes + at, "IDAT"))
      g_byte_array_append(out, bytes + at, 12 + hysac_read_be32(bytes + at));
    else if (is_type(bytes + at, "fdAT"))
      append_chunk(out, "IDAT", bytes + at + 12, hysac_read_be32(bytes + at) - 4);
  }
  append_chunk(out, "IEND", NULL, 0);
  *length = out->len;
  return g_byte_array_free(out, FALSE);
}
