/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "picturekind.h"

#include "core/bigendian.h"
#include "core/pnm.h"
#include "core/svgcheck.h"

#include <gio/gio.h>
#include <string.h>

#define MAX_SVG (64 * 1024 * 1024) /* unpacked */

static gboolean
refuse(GError **error, const char *why)
{
  g_set_error_literal(error, HYSAC_ERROR, HYSAC_ERROR_UNSUPPORTED, why);
  return FALSE;
}

static gboolean
check_pnm(const char *bytes, gsize size, GError **error)
{
  gboolean whole, behind;
  if (!hysac_pnm_look((const guint8 *) bytes, size, &whole, &behind))
    return refuse(error, "of an unknown kind of PNM");
  if (!whole)
    return refuse(error, "cut short: the file has no end");
  return behind ? refuse(error, "several pictures, or something behind the first: only that could be read") : TRUE;
}

/* The pictures of an icon of macOS: all its parts but names, masks and the like. */
static gboolean
check_icns(const char *bytes, gsize size, GError **error)
{
  static const char *const others[] = { "TOC ", "icnV", "name", "info", "s8mk", "l8mk", "h8mk", "t8mk" };
  const guint8 *p = (const guint8 *) bytes;
  guint pictures = 0;
  for (gsize at = 8; at < size;) {
    const guint32 length = size - at >= 8 ? hysac_read_be32(p + at + 4) : 0;
    if (length < 8 || length > size - at)
      return refuse(error, "damaged: a part does not lie in the file");
    gboolean other = FALSE;
    for (guint i = 0; i < G_N_ELEMENTS(others); i++)
      other = other || memcmp(p + at, others[i], 4) == 0;
    pictures += !other;
    at += length;
  }
  return pictures > 1 ? refuse(error, "several pictures: only one could be read") : TRUE;
}

/* What gzip has packed; no more than MAX_SVG. (transfer full) */
static GByteArray *
unpack(const char *bytes, gsize size, GError **error)
{
  g_autoptr(GZlibDecompressor) unpacker = g_zlib_decompressor_new(G_ZLIB_COMPRESSOR_FORMAT_GZIP);
  g_autoptr(GByteArray) all = g_byte_array_new();
  guint8 part[65536];
  for (GConverterResult result = G_CONVERTER_CONVERTED; result != G_CONVERTER_FINISHED;) {
    gsize taken, given;
    result = g_converter_convert(G_CONVERTER(unpacker), bytes, size, part, sizeof part, G_CONVERTER_INPUT_AT_END, &taken, &given, NULL);
    if (result == G_CONVERTER_ERROR || all->len + given > MAX_SVG) {
      refuse(error, result == G_CONVERTER_ERROR ? "a packed SVG that is damaged" : "a packed SVG of more than 64 MiB");
      return NULL;
    }
    bytes += taken;
    size -= taken;
    g_byte_array_append(all, part, (guint) given);
  }
  if (size > 0) {
    refuse(error, "a packed SVG with something behind it");
    return NULL;
  }
  return g_steal_pointer(&all);
}

static gboolean
check_svg(const char *bytes, gsize size, GError **error)
{
  if (size < 2 || memcmp(bytes, "\x1f\x8b", 2) != 0)
    return size > MAX_SVG ? refuse(error, "an SVG of more than 64 MiB") : hysac_svg_check(bytes, size, error);
  g_autoptr(GByteArray) unpacked = unpack(bytes, size, error);
  return unpacked != NULL && hysac_svg_check((const char *) unpacked->data, unpacked->len, error);
}

gboolean
tool_picture_kind_check(const char *format, const char *bytes, gsize size, GError **error)
{
  if (g_strcmp0(format, "ani") == 0)
    return refuse(error, "an animated cursor: only its first frame could be read");
  if (g_strcmp0(format, "qtif") == 0)
    return refuse(error, "a QuickTime image: what is inside cannot be looked into");
  if (g_strcmp0(format, "icns") == 0)
    return check_icns(bytes, size, error);
  if (g_strcmp0(format, "pnm") == 0)
    return check_pnm(bytes, size, error);
  return g_strcmp0(format, "svg") == 0 ? check_svg(bytes, size, error) : TRUE;
}
