/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/svgreference.h"

#include "core/animation.h"
#include "core/orientation.h"
#include "core/picturefile.h"
#include "core/svgvalue.h"

#include <string.h>

/* A PNG or JPEG that is just that and is not to be turned, inside: what follows "data:". It is read as what it says that it is. */
static gboolean
check_data(const char *value, GError **error)
{
  static const char *const types[] = { "png", "jpeg" };
  for (guint i = 0; i < G_N_ELEMENTS(types); i++) {
    g_autofree char *begin = g_strdup_printf("image/%s;base64,", types[i]);
    if (!g_str_has_prefix(value, begin))
      continue;
    const char *coded = value + strlen(begin);
    gsize n;
    guint frames;
    gboolean whole;
    g_autofree guint8 *bytes = g_base64_decode(coded, &n);
    if (coded[strspn(coded, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/= \t\r\n")] == '\0' &&
        g_strcmp0(hysac_picture_file_type(bytes, n, &whole), types[i]) == 0 && whole &&
        hysac_animation_count(bytes, n, &frames, &whole) == HYSAC_ANIMATION_NONE && hysac_picture_orientation(bytes, n) <= 1)
      return TRUE;
  }
  return hysac_svg_refuse(error, "something inside that is no still PNG or JPEG", "");
}

gboolean
hysac_svg_reference_check(const char *value, GError **error)
{
  if (g_str_has_prefix(value, "data:"))
    return check_data(value + 5, error);
  if (*value == '#' && value[1 + strcspn(value + 1, "%()\"\'\\ \t\r\n")] == '\0' && value[1] != '\0')
    return TRUE;
  return hysac_svg_refuse(error, "a reference to another file: ", value);
}

gboolean
hysac_svg_urls_check(const char *value, GError **error)
{
  for (const char *at = strchr(value, '('); at != NULL; at = strchr(at + 1, '(')) {
    if (at - value < 3 || g_ascii_strncasecmp(at - 3, "url", 3) != 0)
      continue;
    const char *inner = at + 1 + strspn(at + 1, " \t\r\n\"'");
    if (*inner != '#')
      return hysac_svg_refuse(error, "a reference to another file: ", inner);
  }
  return TRUE;
}
