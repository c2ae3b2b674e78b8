/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "gst/gsthysacfollow.h"
#include "tests/gst/followrig.h"

#define PATIENCE (10 * G_TIME_SPAN_SECOND)
#define LOUD 0x35
#define NOTHING 0xee

static gpointer
push_jobs(gpointer user_data)
{
  Follow *self = user_data;
  gpointer job;
  while ((job = g_async_queue_pop(self->jobs)) != self) {
    GstFlowReturn flow = self->flow;
    if (GST_IS_BUFFER(job))
      flow = gst_pad_push(self->h->srcpad, job);
    else
      gst_pad_push_event(self->h->srcpad, job);
    g_mutex_lock(&self->lock);
    self->flow = flow;
    self->done++;
    g_cond_broadcast(&self->cond);
    g_mutex_unlock(&self->lock);
  }
  return NULL;
}

static GstPadProbeReturn
record(GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  Follow *self = user_data;
  g_mutex_lock(&self->lock);
  g_ptr_array_add(self->out, gst_mini_object_ref(info->data));
  g_cond_broadcast(&self->cond);
  g_mutex_unlock(&self->lock);
  return GST_PAD_PROBE_OK;
}

static GstPadProbeReturn
arrive(GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  Follow *self = user_data;
  g_mutex_lock(&self->lock);
  self->buffers_in++;
  g_cond_broadcast(&self->cond);
  g_mutex_unlock(&self->lock);
  return GST_PAD_PROBE_OK;
}

void
follow_init(Follow *self, const char *group, const char *caps, gboolean live, ...)
{
  gst_init(NULL, NULL);
  *self = (Follow){.flow = GST_FLOW_OK};
  g_mutex_init(&self->lock);
  g_cond_init(&self->cond);
  self->out = g_ptr_array_new_with_free_func((GDestroyNotify)gst_mini_object_unref);
  self->jobs = g_async_queue_new();
  self->element = gst_object_ref_sink(
      g_object_new(GST_TYPE_HYSAC_FOLLOW, "policy-group", group, "timeout", (guint64)0, NULL));
  va_list args;
  va_start(args, live);
  const char *first_property = va_arg(args, const char *);
  if (first_property)
    g_object_set_valist(G_OBJECT(self->element), first_property, args);
  va_end(args);
  self->bus = gst_bus_new();
  gst_element_set_bus(self->element, self->bus);
  self->h = gst_harness_new_with_element(self->element, "sink", "src");
  gst_harness_set_live(self->h, live);
  g_autoptr(GstPad) src = gst_element_get_static_pad(self->element, "src");
  gst_pad_add_probe(src, GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, record,
                    self, NULL);
  g_autoptr(GstPad) sink = gst_element_get_static_pad(self->element, "sink");
  gst_pad_add_probe(sink, GST_PAD_PROBE_TYPE_BUFFER, arrive, self, NULL);
  gst_harness_set_src_caps_str(self->h, caps);
  self->thread = g_thread_new("follow", push_jobs, self);
}

void
follow_clear(Follow *self)
{
  gst_element_set_state(self->element, GST_STATE_NULL); /* whoever waits is woken */
  g_async_queue_push(self->jobs, self);
  g_thread_join(self->thread);
  gst_harness_teardown(self->h);
  gst_element_set_bus(self->element, NULL);
  gst_bus_set_flushing(self->bus, TRUE);
  gst_object_unref(self->bus);
  g_ptr_array_unref(self->out);
  g_async_queue_unref(self->jobs);
  assert_int_equal(GST_OBJECT_REFCOUNT_VALUE(self->element), 1);
  gst_object_unref(self->element);
  g_mutex_clear(&self->lock);
  g_cond_clear(&self->cond);
}

static void
give(Follow *self, gpointer job)
{
  g_mutex_lock(&self->lock);
  self->given++;
  self->buffers_given += GST_IS_BUFFER(job);
  g_mutex_unlock(&self->lock);
  g_async_queue_push(self->jobs, job);
}

void
follow_buffer(Follow *self, GstBuffer *buffer)
{
  give(self, buffer);
}

void
follow_event(Follow *self, GstEvent *event)
{
  give(self, event);
}

void
follow_settle(Follow *self)
{
  const gint64 until = g_get_monotonic_time() + PATIENCE;
  g_mutex_lock(&self->lock);
  while (self->done < self->given && g_cond_wait_until(&self->cond, &self->lock, until))
    ;
  const guint left = self->given - self->done;
  g_mutex_unlock(&self->lock);
  if (left)
    fail_msg("the follower hangs, with %u things to do", left);
}

void
follow_wait_inside(Follow *self)
{
  const gint64 until = g_get_monotonic_time() + PATIENCE;
  g_mutex_lock(&self->lock);
  while (self->buffers_in < self->buffers_given &&
         g_cond_wait_until(&self->cond, &self->lock, until))
    ;
  const gboolean inside = self->buffers_in >= self->buffers_given;
  g_mutex_unlock(&self->lock);
  assert_true(inside);
}

/* Lock held. */
static guint
count(Follow *self)
{
  guint n = 0;
  for (guint i = 0; i < self->out->len; i++)
    n += GST_IS_BUFFER(self->out->pdata[i]);
  return n;
}

guint
follow_n_buffers(Follow *self)
{
  g_mutex_lock(&self->lock);
  const guint n = count(self);
  g_mutex_unlock(&self->lock);
  return n;
}

void
follow_wait_buffers(Follow *self, guint n)
{
  const gint64 until = g_get_monotonic_time() + PATIENCE;
  g_mutex_lock(&self->lock);
  while (count(self) < n && g_cond_wait_until(&self->cond, &self->lock, until))
    ;
  const guint got = count(self);
  g_mutex_unlock(&self->lock);
  if (got < n)
    fail_msg("%u buffers came out, %u expected", got, n);
}

gboolean
follow_is_blocked(Follow *self)
{
  g_mutex_lock(&self->lock);
  const gboolean blocked = self->done < self->given;
  g_mutex_unlock(&self->lock);
  return blocked;
}

static GstAudioInfo
info_of(Follow *self)
{
  GstAudioInfo info;
  g_autoptr(GstCaps) caps = gst_pad_get_current_caps(self->h->srcpad);
  assert_true(gst_audio_info_from_caps(&info, caps));
  return info;
}

GByteArray *
follow_bytes(Follow *self)
{
  const GstAudioInfo info = info_of(self);
  GByteArray *bytes = g_byte_array_new();
  g_mutex_lock(&self->lock);
  for (guint i = 0; i < self->out->len; i++) {
    if (!GST_IS_BUFFER(self->out->pdata[i]))
      continue;
    GstBuffer *buffer = self->out->pdata[i];
    const guint64 first = gst_util_uint64_scale_round(GST_BUFFER_PTS(buffer),
                                                      (guint64)GST_AUDIO_INFO_RATE(&info), GST_SECOND);
    const guint at = (guint)first * (guint)GST_AUDIO_INFO_BPF(&info), before = bytes->len;
    GstMapInfo map;
    assert_true(gst_buffer_map(buffer, &map, GST_MAP_READ));
    if (at + map.size > before) {
      g_byte_array_set_size(bytes, at + (guint)map.size);
      memset(bytes->data + before, NOTHING, bytes->len - before);
    }
    memcpy(bytes->data + at, map.data, map.size);
    gst_buffer_unmap(buffer, &map);
  }
  g_mutex_unlock(&self->lock);
  return bytes;
}

static char
letter(gpointer object)
{
  static const struct {
    GstEventType type;
    char letter;
  } names[] = {{GST_EVENT_STREAM_START, 'S'}, {GST_EVENT_CAPS, 'C'}, {GST_EVENT_SEGMENT, 'G'},
               {GST_EVENT_GAP, 'g'},          {GST_EVENT_TAG, 'T'},  {GST_EVENT_EOS, 'E'}};
  if (GST_IS_BUFFER(object))
    return 'b';
  for (guint i = 0; i < G_N_ELEMENTS(names); i++)
    if (GST_EVENT_TYPE(object) == names[i].type)
      return names[i].letter;
  return '.';
}

char *
follow_record(Follow *self)
{
  GString *text = g_string_new(NULL);
  g_mutex_lock(&self->lock);
  for (guint i = 0; i < self->out->len; i++)
    g_string_append_c(text, letter(self->out->pdata[i]));
  g_mutex_unlock(&self->lock);
  return g_string_free(text, FALSE);
}

guint64
follow_stat(Follow *self, const char *field)
{
  g_autoptr(GstStructure) stats = NULL;
  g_object_get(self->element, "stats", &stats, NULL);
  const GValue *value = gst_structure_get_value(stats, field);
  assert_non_null(value);
  return G_VALUE_HOLDS_INT64(value) ? (guint64)g_value_get_int64(value) : g_value_get_uint64(value);
}

char *
follow_reasons(Follow *self)
{
  GString *text = g_string_new(NULL);
  GstMessage *message;
  while ((message = gst_bus_pop_filtered(self->bus, GST_MESSAGE_ELEMENT))) {
    const GstStructure *s = gst_message_get_structure(message);
    if (gst_structure_has_name(s, "hysac-follow"))
      g_string_append_printf(text, "%s,", gst_structure_get_string(s, "reason"));
    gst_message_unref(message);
  }
  return g_string_free(text, FALSE);
}

GstBuffer *
follow_sound(Follow *self, guint64 first, guint64 n)
{
  const GstAudioInfo info = info_of(self);
  const guint64 rate = (guint64)GST_AUDIO_INFO_RATE(&info);
  const gsize size = n * (gsize)GST_AUDIO_INFO_BPF(&info);
  GstBuffer *buffer = gst_buffer_new_allocate(NULL, size, NULL);
  gst_buffer_memset(buffer, 0, LOUD, size);
  GST_BUFFER_PTS(buffer) = gst_util_uint64_scale(first, GST_SECOND, rate);
  GST_BUFFER_DURATION(buffer) =
      gst_util_uint64_scale(first + n, GST_SECOND, rate) - GST_BUFFER_PTS(buffer);
  GST_BUFFER_OFFSET(buffer) = first;
  GST_BUFFER_OFFSET_END(buffer) = first + n;
  return buffer;
}

void
follow_push_ms(Follow *self, guint64 from, guint64 to)
{
  follow_buffer(self, follow_sound(self, from, to - from));
}

char *
follow_heard(Follow *self)
{
  const guint step = RIG_FRAME / GST_MSECOND;
  g_autoptr(GByteArray) bytes = follow_bytes(self);
  GString *text = g_string_new(NULL);
  for (guint i = 0; i < bytes->len; i++) {
    const char now = bytes->data[i] == LOUD ? '-' : bytes->data[i] == NOTHING ? ' ' : 'm';
    if (i % step == 0)
      g_string_append_c(text, now);
    else
      assert_int_equal(text->str[text->len - 1], now);
  }
  return g_string_free(text, FALSE);
}

void
rig_flush(GstHarness *h, guint32 seqnum, gboolean reset_time)
{
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  GstEvent *events[] = {gst_event_new_flush_start(), gst_event_new_flush_stop(reset_time),
                        gst_event_new_segment(&segment)};
  for (guint i = 0; i < G_N_ELEMENTS(events); i++) {
    gst_event_set_seqnum(events[i], seqnum);
    gst_harness_push_event(h, events[i]);
  }
}
