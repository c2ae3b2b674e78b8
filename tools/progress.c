/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What people see while they wait, and names and times as they are shown to them. */

#include "progress.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define SHOWN_TEXT 80 /* characters */
#define BAR 20

static gboolean shown;

void
tool_progress(double part, const char *text)
{
  struct winsize size = { 0 };
  char bar[BAR + 1];
  if (!isatty(STDERR_FILENO))
    return;
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < 40)
    size.ws_col = 80;
  part = part >= 0 && part <= 1 ? part : 0;
  for (guint i = 0; i < BAR; i++)
    bar[i] = i < part * BAR ? '#' : ' ';
  bar[BAR] = '\0';
  g_autofree char *safe = tool_shown_name(text);
  const glong room = (glong) size.ws_col - BAR - 10;
  if (g_utf8_strlen(safe, -1) > room)
    *g_utf8_offset_to_pointer(safe, room) = '\0';
  fprintf(stderr, "\r\033[K[%s] %3d %% %s", bar, (int) (100 * part), safe);
  fflush(stderr);
  shown = TRUE;
}

void
tool_progress_clear(void)
{
  if (!shown)
    return;
  fputs("\r\033[K", stderr);
  fflush(stderr);
  shown = FALSE;
}

static gboolean
turns_text(gunichar c)
{
  return c == 0x061c || (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
         (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || (c >= 0xe0000 && c <= 0xe0fff);
}

char *
tool_shown_name(const char *name)
{
  g_autofree char *valid = g_utf8_make_valid(name, -1);
  GString *out = g_string_new(NULL);
  for (const char *at = valid; *at; at = g_utf8_next_char(at)) {
    const gunichar c = g_utf8_get_char(at);
    if (c < 0x20 || (c >= 0x7f && c < 0xa0))
      g_string_append_printf(out, "\\x%02x", c);
    else if (turns_text(c))
      g_string_append_printf(out, "\\u%04x", c);
    else
      g_string_append_unichar(out, c);
  }
  return g_string_free(out, FALSE);
}

char *
tool_shown_text(const char *text)
{
  /* No more bytes than so many characters may take: not all of it is looked at. */
  g_autofree char *valid = g_utf8_make_valid(text, (gssize) strnlen(text, 4 * (SHOWN_TEXT + 1)));
  if (g_utf8_strlen(valid, -1) <= SHOWN_TEXT)
    return tool_shown_name(valid);
  *g_utf8_offset_to_pointer(valid, SHOWN_TEXT) = '\0';
  g_autofree char *head = tool_shown_name(valid);
  return g_strconcat(head, "\xe2\x80\xa6", NULL);
}

char *
tool_shown_time(gint64 ns)
{
  const gint64 ms = MAX(ns, 0) / 1000000, s = ms / 1000;
  const guint minutes = (guint) (s / 60 % 60), seconds = (guint) (s % 60);
  return s >= 3600 ? g_strdup_printf("%" G_GINT64_FORMAT ":%02u:%02u.%03u", s / 3600, minutes, seconds,
                                     (guint) (ms % 1000))
                   : g_strdup_printf("%u:%02u.%03u", minutes, seconds, (guint) (ms % 1000));
}
