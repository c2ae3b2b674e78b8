/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst/textjoin.h"

#include <string.h>

#include "gst/textreading.h"

/* Of each side of a cut between two buffers so many bytes are read as one text: more would bury the few words that
 * were torn apart. */
#define JOIN_SIDE 256

typedef struct {
  char *text; /* its end, as GstHysacTextReading.joined */
  gint64 running;
} Shown;

static void
shown_free(gpointer data)
{
  Shown *shown = data;
  g_free(shown->text);
  g_free(shown);
}

void
gst_hysac_text_past_forget(GstHysacTextPast *self)
{
  g_queue_clear_full(&self->past, shown_free);
}

void
gst_hysac_text_past_remember(GstHysacTextPast *self, const char *joined, gint64 running,
                             const GstHysacTextJoining *how)
{
  if (!joined || !*joined)
    return;
  Shown *shown = g_new(Shown, 1);
  shown->text = gst_hysac_text_tail(joined, JOIN_SIDE);
  shown->running = running;
  g_queue_push_head(&self->past, shown);
  while (self->past.length >= how->buffers)
    shown_free(g_queue_pop_tail(&self->past));
}

static gboolean
ends_in_word(const char *text)
{
  const char *last = *text ? g_utf8_find_prev_char(text, text + strlen(text)) : NULL;
  return last && g_unichar_isalnum(g_utf8_get_char(last));
}

/* A word that is divided at its end. */
static char *
without_hyphen(const char *text)
{
  static const gunichar hyphens[] = {'-', 0xad, 0x2010, 0x2011, 0x2012, 0x2013};
  const char *last = *text ? g_utf8_find_prev_char(text, text + strlen(text)) : NULL;
  for (guint i = 0; last && i < G_N_ELEMENTS(hyphens); i++)
    if (g_utf8_get_char(last) == hyphens[i])
      return g_strndup(text, (gsize)(last - text));
  return g_strdup(text);
}

void
gst_hysac_text_add_once(GPtrArray *texts, const char *text)
{
  if (!g_ptr_array_find_with_equal_func(texts, text, g_str_equal, NULL))
    g_ptr_array_add(texts, g_strdup(text));
}

void
gst_hysac_text_past_join(const GstHysacTextPast *self, const char *joined, gint64 running,
                         const GstHysacTextJoining *how, GPtrArray *texts)
{
  if (!joined || !*joined)
    return;
  char *spaced = gst_hysac_text_head(joined, JOIN_SIDE);
  char *closed = g_strdup(spaced);
  guint left = how->buffers - 1;
  gsize before = 0;
  for (GList *l = self->past.head; l && left > 0 && before < JOIN_SIDE; l = l->next, left--) {
    const Shown *past = l->data;
    if ((guint64)ABS(running - past->running) > how->gap)
      break;
    running = past->running;
    before += strlen(past->text);
    g_autofree char *whole = without_hyphen(past->text);
    const gboolean torn = ends_in_word(whole) && g_unichar_isalnum(g_utf8_get_char(closed));
    char *s = g_strconcat(past->text, " ", spaced, NULL);
    char *c = g_strconcat(torn ? whole : past->text, torn ? "" : " ", closed, NULL);
    g_free(spaced);
    g_free(closed);
    spaced = s;
    closed = c;
    gst_hysac_text_add_once(texts, spaced);
    gst_hysac_text_add_once(texts, closed);
  }
  g_free(spaced);
  g_free(closed);
}
