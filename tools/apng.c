/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "apng.h"

#include "core/apng.h"
#include "core/bigendian.h"

#include <gio/gio.h>
#include <string.h>

#define PNG_HEADER 8

struct _ToolApng {
  guint8 *bytes;
  gsize size;
  GArray *frames; /* HysacApngFrame */
  guint at;
  GdkPixbuf *canvas, *saved; /* saved: what lay under the last frame, where it is to come back */
};

ToolApng *
tool_apng_new(char *bytes, gsize size, GError **error)
{
  GArray *frames = hysac_apng_read((const guint8 *) bytes, size, error);
  if (frames == NULL)
    return NULL;
  ToolApng *self = g_new0(ToolApng, 1);
  self->bytes = (guint8 *) bytes;
  self->size = size;
  self->frames = frames;
  return self;
}

void
tool_apng_free(ToolApng *self)
{
  if (self == NULL)
    return;
  g_clear_object(&self->canvas);
  g_clear_object(&self->saved);
  g_array_unref(self->frames);
  g_free(self->bytes);
  g_free(self);
}

guint
tool_apng_count(const ToolApng *self)
{
  return self->frames->len;
}

void
tool_apng_skip_still(ToolApng *self)
{
  self->at = g_array_index(self->frames, HysacApngFrame, 0).still;
}

/* Bytes of the pixels of a PNG with this IHDR, filter types and all: PNG, third edition, 7.2, 8.1 and 8.2. */
static guint64
stated_bytes(const guint8 *header)
{
  static const guint8 samples[8] = { 1, 0, 3, 1, 2, 0, 4, 0 };
  static const guint8 passes[7][4] = { { 0, 0, 8, 8 }, { 4, 0, 8, 8 }, { 0, 4, 4, 8 }, { 2, 0, 4, 4 },
                                       { 0, 2, 2, 4 }, { 1, 0, 2, 2 }, { 0, 1, 1, 2 } };
  static const guint8 whole[4] = { 0, 0, 1, 1 };
  const guint64 bits = (guint64) header[8] * samples[header[9] & 7];
  const gboolean interlaced = header[12] != 0;
  guint64 sum = 0;
  for (guint i = 0; i < (interlaced ? G_N_ELEMENTS(passes) : 1); i++) {
    const guint8 *pass = interlaced ? passes[i] : whole;
    const guint64 columns = ((guint64) hysac_read_be32(header) + pass[2] - 1 - pass[0]) / pass[2];
    const guint64 rows = ((guint64) hysac_read_be32(header + 4) + pass[3] - 1 - pass[1]) / pass[3];
    if (columns > 0)
      sum += rows * (1 + (columns * bits + 7) / 8);
  }
  return sum;
}

/* Inflates all of @data; *sum: what came out so far. TRUE at the stream's end, whose checksum is right. */
static gboolean
inflate_on(GConverter *inflate, const guint8 *data, gsize size, guint64 *sum, GError **error)
{
  guint8 out[16384];
  gsize read, written;
  do { /* again where the room ended: more may wait */
    g_autoptr(GError) local = NULL;
    read = written = 0;
    const GConverterResult result =
        g_converter_convert(inflate, data, size, out, sizeof out, G_CONVERTER_NO_FLAGS, &read, &written, &local);
    if (result == G_CONVERTER_ERROR) {
      if (!g_error_matches(local, G_IO_ERROR, G_IO_ERROR_PARTIAL_INPUT) || size > 0)
        g_propagate_error(error, g_steal_pointer(&local));
      return FALSE;
    }
    *sum += written;
    data += read;
    size -= read;
    if (result == G_CONVERTER_FINISHED)
      return TRUE;
  } while (size > 0 || written == sizeof out);
  return FALSE;
}

/* gdk-pixbuf reads a file from memory as it would one that is still arriving: then libpng only warns of compressed data
 * that is damaged, and with interlacing every row has come once by then. @png: as hysac_apng_extract() makes it. */
static gboolean
pixels_are_whole(const guint8 *png, gsize size)
{
  g_autoptr(GConverter) inflate = G_CONVERTER(g_zlib_decompressor_new(G_ZLIB_COMPRESSOR_FORMAT_ZLIB));
  gboolean ended = FALSE;
  guint64 sum = 0;
  for (gsize at = PNG_HEADER; !ended && size - at >= 12; at += 12 + (gsize) hysac_read_be32(png + at)) {
    g_autoptr(GError) error = NULL;
    if (memcmp(png + at + 4, "IDAT", 4) == 0)
      ended = inflate_on(inflate, png + at + 8, hysac_read_be32(png + at), &sum, &error);
    if (error != NULL)
      return FALSE;
  }
  return ended && sum >= stated_bytes(png + PNG_HEADER + 8);
}

static GdkPixbuf *
decode(ToolApng *self, const HysacApngFrame *frame, GError **error)
{
  g_autoptr(GError) local = NULL;
  g_autoptr(GdkPixbufLoader) loader = gdk_pixbuf_loader_new_with_type("png", &local);
  gsize length;
  g_autofree guint8 *file = hysac_apng_extract(self->bytes, self->size, frame, &length);
  gboolean ok = loader != NULL && gdk_pixbuf_loader_write(loader, file, length, &local);
  if (loader != NULL)
    ok = gdk_pixbuf_loader_close(loader, ok ? &local : NULL) && ok;
  GdkPixbuf *pixbuf = ok && pixels_are_whole(file, length) ? gdk_pixbuf_loader_get_pixbuf(loader) : NULL;
  if (pixbuf != NULL && (guint32) gdk_pixbuf_get_width(pixbuf) == frame->width &&
      (guint32) gdk_pixbuf_get_height(pixbuf) == frame->height && gdk_pixbuf_get_bits_per_sample(pixbuf) == 8)
    return g_object_ref(pixbuf);
  g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_IO, "frame %u could not be decoded: %s", self->at + 1,
              local ? local->message : "its pixels are damaged");
  return NULL;
}

static guint8 *
canvas_at(ToolApng *self, guint32 x, guint32 y)
{
  return gdk_pixbuf_get_pixels(self->canvas) + (gsize) y * (gsize) gdk_pixbuf_get_rowstride(self->canvas) +
         4 * (gsize) x;
}

/* One pixel that is not opaque over another. */
static void
blend(guint8 *to, const guint8 *from)
{
  const guint a = from[3], u = a * 255, v = (255 - a) * to[3], sum = u + v;
  if (sum == 0)
    return;
  for (guint c = 0; c < 3; c++)
    to[c] = (guint8) ((from[c] * u + to[c] * v) / sum);
  to[3] = (guint8) (sum / 255);
}

static void
draw(ToolApng *self, const HysacApngFrame *frame, GdkPixbuf *pixbuf)
{
  const guint channels = (guint) gdk_pixbuf_get_n_channels(pixbuf);
  for (guint32 y = 0; y < frame->height; y++) {
    const guint8 *from = gdk_pixbuf_read_pixels(pixbuf) + (gsize) y * (gsize) gdk_pixbuf_get_rowstride(pixbuf);
    guint8 *to = canvas_at(self, frame->x, frame->y + y);
    for (guint32 x = 0; x < frame->width; x++, from += channels, to += 4) {
      if (frame->over && channels == 4 && from[3] < 255) {
        blend(to, from);
        continue;
      }
      memcpy(to, from, 3);
      to[3] = channels == 4 ? from[3] : 255;
    }
  }
}

/* What becomes of the place of the frame before. */
static void
dispose(ToolApng *self, const HysacApngFrame *frame)
{
  if (frame->dispose == HYSAC_APNG_BACK && self->saved != NULL) {
    gdk_pixbuf_copy_area(self->saved, 0, 0, (int) frame->width, (int) frame->height, self->canvas, (int) frame->x,
                         (int) frame->y);
  } else if (frame->dispose != HYSAC_APNG_LEAVE) { /* of the first one there is nothing before it */
    for (guint32 y = 0; y < frame->height; y++)
      memset(canvas_at(self, frame->x, frame->y + y), 0, 4 * (gsize) frame->width);
  }
  g_clear_object(&self->saved);
}

/* A canvas of the whole picture, with nothing on it. */
static gboolean
begin(ToolApng *self, GError **error)
{
  const HysacApngFrame *first = &g_array_index(self->frames, HysacApngFrame, 0);
  self->canvas = gdk_pixbuf_new(GDK_COLORSPACE_RGB, TRUE, 8, (int) first->width, (int) first->height);
  if (self->canvas == NULL) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_OUT_OF_MEMORY, "no memory for its frames");
    return FALSE;
  }
  gdk_pixbuf_fill(self->canvas, 0);
  return TRUE;
}

GdkPixbuf *
tool_apng_next(ToolApng *self, GError **error)
{
  const HysacApngFrame *frame = &g_array_index(self->frames, HysacApngFrame, self->at);
  g_autoptr(GdkPixbuf) pixbuf = decode(self, frame, error);
  if (pixbuf == NULL)
    return NULL;
  self->at++;
  if (frame->still)
    return g_steal_pointer(&pixbuf);
  const gboolean first = self->canvas == NULL;
  if (first && !begin(self, error))
    return NULL;
  if (!first)
    dispose(self, frame - 1);
  if (frame->dispose == HYSAC_APNG_BACK && !first) {
    g_autoptr(GdkPixbuf) part = gdk_pixbuf_new_subpixbuf(self->canvas, (int) frame->x, (int) frame->y,
                                                         (int) frame->width, (int) frame->height);
    self->saved = gdk_pixbuf_copy(part);
  }
  draw(self, frame, pixbuf);
  GdkPixbuf *shown = gdk_pixbuf_copy(self->canvas);
  if (shown == NULL)
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_OUT_OF_MEMORY, "no memory for its frames");
  return shown;
}
