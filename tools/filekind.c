/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a file is, by the ending of its name or by its first bytes. */

#include "filekind.h"

#include <gdk-pixbuf/gdk-pixbuf.h>
#include <glib/gstdio.h>
#include <stdio.h>
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

typedef struct {
  guint at;
  const char *mark;
  guint length;
} Mark;

static gboolean
has_mark(const char *head, gsize n, const Mark *mark)
{
  return n >= mark->at + mark->length && memcmp(head + mark->at, mark->mark, mark->length) == 0;
}

static gboolean
is_picture_head(const char *head, gsize n)
{
  static const Mark marks[] = {
    { 0, "\x89PNG\r\n\x1a\n", 8 }, { 0, "\xff\xd8\xff", 3 },      { 0, "GIF87a", 6 },    { 0, "GIF89a", 6 },   { 8, "WEBP", 4 },
    { 0, "II*\0", 4 },            { 0, "MM\0*", 4 },            { 0, "\x1f\x8b\x08", 3 }, { 4, "ftypavif", 8 }, { 4, "ftypheic", 8 },
    { 0, "<svg", 4 },             { 0, "<?xml", 5 },            { 0, "8BPS", 4 },
  };
  if (n >= 10 && memcmp(head, "BM", 2) == 0 && memcmp(head + 6, "\0\0\0\0", 4) == 0)
    return TRUE;
  if (n >= 10 && memcmp(head, "\0\0\1\0", 4) == 0 && head[4] != 0 && head[5] == 0 && head[9] == 0) /* of Windows */
    return TRUE;
  for (guint i = 0; i < G_N_ELEMENTS(marks); i++) {
    if (has_mark(head, n, &marks[i]))
      return TRUE;
  }
  return FALSE;
}

gsize
tool_read_head(const char *path, char *head, gsize most)
{
  FILE *file = g_file_test(path, G_FILE_TEST_IS_REGULAR) ? g_fopen(path, "rb") : NULL;
  const gsize n = file != NULL ? fread(head, 1, most, file) : 0;
  if (file != NULL)
    fclose(file);
  return n;
}

gboolean
tool_begins_as_picture(const char *path)
{
  char head[16];
  const gsize n = tool_read_head(path, head, sizeof head);
  return is_picture_head(head, n);
}

#define NO_LOADER(kind, where) kind ", and gdk-pixbuf has no loader of those here" where ": convert it, or install one"
#define A_VIDEO "a video or sound, not a picture: hysac scan is for videos"

const char *
tool_unknown_picture(const char *path)
{
  static const struct {
    Mark mark;
    const char *what;
  } kinds[] = {
    { { 8, "WEBP", 4 }, NO_LOADER("a WebP picture", " (webp-pixbuf-loader)") },
    { { 4, "ftypavif", 8 }, NO_LOADER("an AVIF picture", " (libavif-gdk-pixbuf)") },
    { { 4, "ftypavis", 8 }, NO_LOADER("an AVIF picture", " (libavif-gdk-pixbuf)") },
    { { 4, "ftyphei", 7 }, NO_LOADER("a HEIC picture", " (heif-gdk-pixbuf)") },
    { { 4, "ftypmif1", 8 }, NO_LOADER("a HEIC or AVIF picture", " (heif-gdk-pixbuf)") },
    { { 0, "\xff\x0a", 2 }, NO_LOADER("a JPEG XL picture", "") },
    { { 0, "\0\0\0\x0cJXL ", 8 }, NO_LOADER("a JPEG XL picture", "") },
    { { 4, "ftyp", 4 }, A_VIDEO },               /* MP4, QuickTime */
    { { 0, "\x1a\x45\xdf\xa3", 4 }, A_VIDEO }, /* Matroska, WebM */
    { { 8, "AVI ", 4 }, A_VIDEO },
    { { 0, "FLV\1", 4 }, A_VIDEO },
    { { 0, "\0\0\1\xba", 4 }, A_VIDEO }, /* MPEG */
    { { 0, "OggS", 4 }, A_VIDEO },
    { { 0, "DKIF", 4 }, A_VIDEO },
    { { 0, "YUV4MPEG2", 9 }, A_VIDEO },
    { { 0, "\x30\x26\xb2\x75", 4 }, A_VIDEO }, /* ASF */
  };
  char head[16];
  const gsize n = tool_read_head(path, head, sizeof head);
  for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
    if (has_mark(head, n, &kinds[i].mark))
      return kinds[i].what;
  }
  return tool_is_video(path) ? A_VIDEO : NULL;
}
