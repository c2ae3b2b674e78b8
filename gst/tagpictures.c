/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst/tagpictures.h"

#include <string.h>

/* What is allowed, not what is known to hold pictures: an attachment, a private frame of ID3 or a tag that an
 * application has registered may hold anything. */
static gboolean
is_plain(GType type, gboolean texts)
{
  if (type == G_TYPE_DATE || type == GST_TYPE_DATE_TIME || type == GST_TYPE_FRACTION)
    return TRUE;
  switch (G_TYPE_FUNDAMENTAL(type)) {
  case G_TYPE_BOOLEAN:
  case G_TYPE_INT:
  case G_TYPE_UINT:
  case G_TYPE_LONG:
  case G_TYPE_ULONG:
  case G_TYPE_INT64:
  case G_TYPE_UINT64:
  case G_TYPE_FLOAT:
  case G_TYPE_DOUBLE:
  case G_TYPE_ENUM:
  case G_TYPE_FLAGS:
    return TRUE;
  case G_TYPE_STRING:
    return texts;
  default:
    return FALSE;
  }
}

/* Of those that are texts, the code of a language cannot say anything else. */
static gboolean
is_language(const char *name, const GValue *value)
{
  const char *code = G_VALUE_HOLDS_STRING(value) ? g_value_get_string(value) : NULL;
  gsize n = 0;
  if (!code || strcmp(name, GST_TAG_LANGUAGE_CODE) != 0)
    return FALSE;
  while (g_ascii_isalpha(code[n]) && n < 4)
    n++;
  return n >= 2 && n <= 3 && code[n] == '\0';
}

/* NULL: all are plain. Else (transfer full): those that are. */
static GstTagList *
plain_tags(const GstTagList *tags, gboolean texts)
{
  GstTagList *plain = NULL;
  const gint n = tags ? gst_tag_list_n_tags(tags) : 0;
  for (gint i = 0; i < n; i++) {
    const char *name = gst_tag_list_nth_tag_name(tags, (guint)i);
    gboolean ok = TRUE;
    for (guint j = 0; ok && j < gst_tag_list_get_tag_size(tags, name); j++) {
      const GValue *value = gst_tag_list_get_value_index(tags, name, j);
      ok = is_plain(G_VALUE_TYPE(value), texts) || is_language(name, value);
    }
    if (ok)
      continue;
    if (!plain)
      plain = gst_tag_list_copy(tags);
    gst_tag_list_remove_tag(plain, name);
  }
  return plain;
}

static gboolean
entries_are_plain(GList *entries, gboolean texts)
{
  for (; entries; entries = entries->next) {
    g_autoptr(GstTagList) plain = plain_tags(gst_toc_entry_get_tags(entries->data), texts);
    if (plain || !entries_are_plain(gst_toc_entry_get_sub_entries(entries->data), texts))
      return FALSE;
  }
  return TRUE;
}

/* The entries are a copy's, which nobody else has. */
static void
make_entries_plain(GList *entries, gboolean texts)
{
  for (; entries; entries = entries->next) {
    GstTagList *plain = plain_tags(gst_toc_entry_get_tags(entries->data), texts);
    if (plain)
      gst_toc_entry_set_tags(entries->data, plain);
    make_entries_plain(gst_toc_entry_get_sub_entries(entries->data), texts);
  }
}

/* (transfer full): NULL where there is nothing to take out. */
static GstEvent *
plain_tag_event(GstEvent *event, gboolean texts)
{
  GstTagList *tags;
  gst_event_parse_tag(event, &tags);
  GstTagList *plain = plain_tags(tags, texts);
  return plain ? gst_event_new_tag(plain) : NULL;
}

static GstEvent *
plain_toc_event(GstEvent *event, gboolean texts)
{
  g_autoptr(GstToc) toc = NULL;
  gboolean updated;
  gst_event_parse_toc(event, &toc, &updated);
  GstTagList *tags = plain_tags(gst_toc_get_tags(toc), texts);
  if (!tags && entries_are_plain(gst_toc_get_entries(toc), texts))
    return NULL;
  g_autoptr(GstToc) plain = gst_toc_copy(toc);
  if (tags)
    gst_toc_set_tags(plain, tags);
  make_entries_plain(gst_toc_get_entries(plain), texts);
  return gst_event_new_toc(plain, updated);
}

static GstEvent *
without(GstEvent *event, gboolean texts)
{
  GstEvent *plain = GST_EVENT_TYPE(event) == GST_EVENT_TAG ? plain_tag_event(event, texts)
                                                           : plain_toc_event(event, texts);
  if (!plain)
    return event;
  gst_event_set_seqnum(plain, gst_event_get_seqnum(event));
  gst_event_set_running_time_offset(plain, gst_event_get_running_time_offset(event));
  gst_event_unref(event);
  return plain;
}

GstEvent *
gst_hysac_without_pictures(GstEvent *event)
{
  return without(event, TRUE);
}

GstEvent *
gst_hysac_without_texts(GstEvent *event)
{
  return without(event, FALSE);
}
