/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/edl.h"

#include <string.h>

#define MAX_TEXT 78

/* Names of files may be in no encoding: g_str_to_ascii() reads on behind the end of half a character. */
static char *
to_ascii(const char *text)
{
  g_autofree char *valid = g_utf8_make_valid(text, -1);
  return g_str_to_ascii(valid, "C");
}

/* Printable ASCII in one line, no longer than what old editors read. */
static char *
plain(const char *text)
{
  g_autofree char *ascii = to_ascii(text);
  g_autoptr(GString) out = g_string_new(NULL);
  for (const char *c = ascii; *c && out->len < MAX_TEXT; c++)
    g_string_append_c(out, g_ascii_isprint(*c) ? *c : ' ');
  return g_strdup(g_strstrip(out->str));
}

char *
hysac_edl_header(const char *title, const HysacTimecodeRate *rate)
{
  g_autofree char *text = plain(title);
  return g_strdup_printf("TITLE: %s\nFCM: %s\n\n", text,
                         rate->drop ? "DROP FRAME" : "NON-DROP FRAME");
}

char *
hysac_edl_event(const HysacEdlEvent *event, const HysacTimecodeRate *rate)
{
  const guint64 frames[] = {event->source_in, event->source_out, event->record_in,
                            event->record_out};
  char codes[4][HYSAC_TIMECODE_SIZE];
  for (guint i = 0; i < 4; i++)
    hysac_timecode_format(rate, frames[i], codes[i]);
  /* Event, reel, track, cut, no duration of a transition, source in and out, record in and out: the
   * columns are fixed. */
  return g_strdup_printf("%03u  %-8s %-5s %-4s %3s %s %s %s %s\n", event->number, event->reel, "V",
                         "C", "", codes[0], codes[1], codes[2], codes[3]);
}

char *
hysac_edl_comment(const char *text)
{
  g_autofree char *line = plain(text);
  return g_strdup_printf("* %s\n", line);
}

void
hysac_edl_reel(const char *file, char out[HYSAC_EDL_REEL_SIZE])
{
  g_autofree char *name = file ? g_path_get_basename(file) : g_strdup("");
  g_autofree char *ascii = to_ascii(name);
  char *dot = strrchr(ascii, '.');
  gsize n = 0;
  if (dot)
    *dot = '\0';
  for (const char *c = ascii; *c && n < HYSAC_EDL_REEL_SIZE - 1; c++) {
    if (g_ascii_isalnum(*c))
      out[n++] = g_ascii_toupper(*c);
  }
  out[n] = '\0';
  if (n == 0 || strcmp(out, HYSAC_EDL_BLACK) == 0)
    strcpy(out, HYSAC_EDL_AUX);
}
