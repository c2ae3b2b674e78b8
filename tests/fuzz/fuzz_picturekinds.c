/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as an icon, a PNM and an SVG: an icon's pictures lie in it and each alone is one; what comes behind a whole PNM is
 * told, however it is spelled; an SVG that passes is refused with an animation in it. */
/* Covers: core/icons.c core/pnm.c core/svgcheck.c core/svgcontent.c core/svgextent.c core/svggradient.c core/svgreach.c core/svgreference.c core/svgsheet.c core/svgvalue.c */
#include "fuzz.h"

#include "core/icons.h"
#include "core/picturefile.h"
#include "core/pnm.h"
#include "core/svgcheck.h"

#include <string.h>

static void
try_icon(const guint8 *data, size_t size)
{
  const char *problem, *again;
  gboolean whole;
  gsize all = 0;
  g_autoptr(GArray) pictures = hysac_icon_pictures(data, size, 50, &problem);
  REQUIRE(pictures != NULL || problem == NULL);
  for (guint i = 0; pictures != NULL && i < pictures->len; i++) {
    const HysacIconPicture *picture = &g_array_index(pictures, HysacIconPicture, i);
    REQUIRE(picture->offset <= size && picture->size <= size - picture->offset);
    all += picture->size;
    gsize n;
    g_autoptr(GBytes) alone = hysac_icon_alone(data, picture);
    const guint8 *bytes = g_bytes_get_data(alone, &n);
    if (picture->png) {
      REQUIRE(g_strcmp0(hysac_picture_file_type(bytes, n, &whole), "png") == 0 && whole);
      continue;
    }
    g_autoptr(GArray) one = hysac_icon_pictures(bytes, n, 1, &again);
    REQUIRE(one != NULL && again == NULL && one->len == 1);
    REQUIRE(g_array_index(one, HysacIconPicture, 0).width == picture->width);
  }
  REQUIRE(all <= size);
}

static void
try_pnm(const guint8 *data, size_t size)
{
  gboolean whole, behind;
  if (!hysac_pnm_look(data, size, &whole, &behind))
    return;
  REQUIRE(whole || !behind);
  g_autofree guint8 *longer = g_malloc(size + 2);
  memcpy(longer, data, size);
  memcpy(longer + size, "\nP", 2);
  if (whole) {
    REQUIRE(hysac_pnm_look(longer, size + 2, &whole, &behind) && whole && behind);
  }
}

static void
try_svg(const guint8 *data, size_t size)
{
  g_autoptr(GError) error = NULL;
  const gboolean ok = hysac_svg_check((const char *) data, size, &error);
  require_error(ok, &error);
  if (!ok || size < 6 || memcmp(data + size - 6, "</svg>", 6) != 0)
    return;
  g_autoptr(GString) moving = g_string_new_len((const char *) data, (gssize) size - 6);
  g_string_append(moving, "<set/></svg>");
  REQUIRE(!hysac_svg_check(moving->str, moving->len, NULL));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  /* In memory of its own, of just that size: a read beyond it is seen. */
  g_autofree uint8_t *copy = g_memdup2(data, size);
  try_icon(copy, size);
  try_pnm(copy, size);
  try_svg(copy, size);
  return 0;
}
