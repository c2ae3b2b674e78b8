/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst/gsthysacprivate.h"

void
gst_hysac_held_free(GstHysacHeld *held)
{
  if (!held)
    return;
  gst_clear_buffer(&held->buffer);
  gst_clear_event(&held->event);
  g_clear_pointer(&held->caps, g_atomic_rc_box_release);
  g_free(held);
}

static gboolean
is_gap(const GstHysacHeld *held)
{
  return held->event && GST_EVENT_TYPE(held->event) == GST_EVENT_GAP;
}

void
gst_hysac_hold_push(GstHysacHold *hold, GstHysacHeld *held)
{
  g_queue_push_tail(&hold->items, held);
  hold->frames += held->buffer != NULL;
  hold->gaps += is_gap(held);
  hold->bytes += held->bytes;
}

GstHysacHeld *
gst_hysac_hold_peek(GstHysacHold *hold)
{
  return g_queue_peek_head(&hold->items);
}

GstHysacHeld *
gst_hysac_hold_pop(GstHysacHold *hold)
{
  GstHysacHeld *held = g_queue_pop_head(&hold->items);
  if (held) {
    hold->frames -= held->buffer != NULL;
    hold->gaps -= is_gap(held);
    hold->bytes -= held->bytes;
  }
  return held;
}

GstHysacHeld *
gst_hysac_hold_newest(GstHysacHold *hold)
{
  for (GList *l = hold->items.tail; l; l = l->prev) {
    GstHysacHeld *held = l->data;
    if (held->event) {
      switch (GST_EVENT_TYPE(held->event)) {
      case GST_EVENT_STREAM_START:
      case GST_EVENT_CAPS:
      case GST_EVENT_SEGMENT:
      case GST_EVENT_GAP:
      case GST_EVENT_EOS:
        return NULL; /* what lies before it was looked at when it came */
      default:
        continue;
      }
    }
    if (!held->bad)
      return held;
  }
  return NULL;
}

gboolean
gst_hysac_hold_has_event(GstHysacHold *hold, GstEventType type)
{
  for (GList *l = hold->items.tail; l; l = l->prev) {
    const GstHysacHeld *held = l->data;
    if (held->event && GST_EVENT_TYPE(held->event) == type)
      return TRUE;
  }
  return FALSE;
}

gint64
gst_hysac_hold_span(GstHysacHold *hold)
{
  const GstHysacHeld *first = NULL, *last = NULL;
  for (GList *l = hold->items.head; l && !first; l = l->next)
    first = ((GstHysacHeld *)l->data)->buffer ? l->data : NULL;
  for (GList *l = hold->items.tail; l && !last; l = l->prev)
    last = ((GstHysacHeld *)l->data)->buffer ? l->data : NULL;
  return first ? last->time - first->time : 0;
}

static gboolean
outlives_flush(const GstHysacHeld *held)
{
  return held->event && GST_EVENT_IS_STICKY(held->event) &&
         GST_EVENT_TYPE(held->event) != GST_EVENT_SEGMENT &&
         GST_EVENT_TYPE(held->event) != GST_EVENT_EOS;
}

void
gst_hysac_hold_flush(GstHysacHold *hold)
{
  GQueue items = hold->items;
  GstHysacHeld *held;
  *hold = (GstHysacHold){.items = G_QUEUE_INIT};
  while ((held = g_queue_pop_head(&items))) {
    if (outlives_flush(held))
      gst_hysac_hold_push(hold, held);
    else
      gst_hysac_held_free(held);
  }
}

void
gst_hysac_hold_clear(GstHysacHold *hold)
{
  GstHysacHeld *held;
  while ((held = gst_hysac_hold_pop(hold)))
    gst_hysac_held_free(held);
}
