/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a file is, by the ending of its name. */

#include "filekind.h"

#include <gdk-pixbuf/gdk-pixbuf.h>
#include <string.h>

static gboolean
has_ending(const char *path, const char *const *endings)
{
  const char *dot = strrchr(path, '.');
  for (guint i = 0; dot != NULL && endings[i] != NULL; i++) {
    if (g_ascii_strcasecmp(dot + 1, endings[i]) == 0)
      return TRUE;
  }
  return FALSE;
}

gboolean
tool_is_video(const char *path)
{
  /* docs/scan.md has the same list. */
  static const char *const endings[] = { "mp4", "m4v", "mkv", "webm", "mov", "avi", "ts",  "m2ts", "mts",
                                         "mpg", "mpeg", "vob", "flv", "wmv", "asf", "ogv", "ogm", "y4m",
                                         "mxf", "3gp", "3g2", "h264", "h265", "ivf", NULL };
  return has_ending(path, endings);
}

gboolean
tool_is_picture(const char *path)
{
  GSList *formats = gdk_pixbuf_get_formats();
  gboolean found = FALSE;
  for (GSList *at = formats; at != NULL && !found; at = at->next) {
    g_auto(GStrv) endings = gdk_pixbuf_format_get_extensions(at->data);
    found = has_ending(path, (const char *const *) endings);
  }
  g_slist_free(formats);
  return found;
}

gboolean
tool_is_subtitles(const char *path)
{
  static const char *const endings[] = { "srt", "vtt", "sub", "ass", "ssa", NULL };
  return has_ending(path, endings);
}

gboolean
tool_holds_picture(const char *path)
{
  return g_file_test(path, G_FILE_TEST_IS_REGULAR) && gdk_pixbuf_get_file_info(path, NULL, NULL) != NULL;
}
