/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/webvtt.h"

#include <string.h>

#define MS G_GINT64_CONSTANT(1000000)

/* Lines without an empty one among them (it would end the block), or all of it in one line. */
static void
append_lines(GString *out, const char *text, gboolean one_line)
{
  g_autofree char *valid = g_utf8_make_valid(text, -1);
  g_auto(GStrv) lines = g_strsplit_set(valid, "\r\n", -1);
  gboolean first = TRUE;
  for (guint i = 0; lines[i]; i++) {
    if (!*lines[i])
      continue;
    if (!first)
      g_string_append_c(out, one_line ? ' ' : '\n');
    g_string_append(out, lines[i]);
    first = FALSE;
  }
}

/* No text may hold the arrow, by which readers find the times. */
static char *
without_arrow(const char *text, gboolean one_line)
{
  g_autoptr(GString) lines = g_string_new(NULL);
  append_lines(lines, text, one_line);
  g_string_replace(lines, "-->", "-- >", 0);
  return g_string_free(g_steal_pointer(&lines), FALSE);
}

static void
append_time(GString *out, gint64 ms)
{
  g_string_append_printf(out, "%02" G_GINT64_FORMAT ":%02d:%02d.%03d", ms / 3600000,
                         (int) (ms / 60000 % 60), (int) (ms / 1000 % 60), (int) (ms % 1000));
}

char *
hysac_webvtt_header(void)
{
  return g_strdup("WEBVTT\n\n");
}

char *
hysac_webvtt_note(const char *text)
{
  g_autofree char *lines = without_arrow(text, FALSE);
  return g_strdup_printf("NOTE%s%s\n\n", *lines ? "\n" : "", lines);
}

char *
hysac_webvtt_cue(const char *id, gint64 start, gint64 end, const char *text)
{
  const gint64 in = MAX(start, 0) / MS;
  const gint64 out = MAX(end, 0) / MS + (MAX(end, 0) % MS != 0);
  g_autofree char *name = without_arrow(id, TRUE);
  g_autoptr(GString) cue = g_string_new(name), payload = g_string_new(NULL);
  g_string_append_c(cue, '\n');
  append_time(cue, in);
  g_string_append(cue, " --> ");
  append_time(cue, MAX(out, in + 1));
  append_lines(payload, text, FALSE);
  g_string_replace(payload, "&", "&amp;", 0);
  g_string_replace(payload, "<", "&lt;", 0);
  g_string_replace(payload, ">", "&gt;", 0);
  g_string_append_printf(cue, "\n%s\n\n", payload->len ? payload->str : "&nbsp;");
  return g_string_free(g_steal_pointer(&cue), FALSE);
}
