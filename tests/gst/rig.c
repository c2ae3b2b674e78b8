/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "gst/gsthysacmeta.h"
#include "gst/gsthysacprivate.h"
#include "tests/gst/rig.h"

#define PATIENCE (10 * G_TIME_SPAN_SECOND)

static GstPadProbeReturn
record(GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  Rig *rig = user_data;
  g_mutex_lock(&rig->lock);
  g_ptr_array_add(rig->out, gst_mini_object_ref(info->data));
  if (GST_IS_BUFFER(info->data))
    rig->n_buffers++;
  else if (GST_EVENT_TYPE(info->data) == GST_EVENT_EOS)
    rig->eos = TRUE;
  g_cond_broadcast(&rig->cond);
  g_mutex_unlock(&rig->lock);
  return GST_PAD_PROBE_OK;
}

void
rig_init_bare(Rig *rig, FakeMode mode)
{
  *rig = (Rig){.shade = 100};
  gst_init(NULL, NULL);
  g_mutex_init(&rig->lock);
  g_cond_init(&rig->cond);
  rig->out = g_ptr_array_new_with_free_func((GDestroyNotify)gst_mini_object_unref);
  fake_init(&rig->fake, mode);
  rig->element = gst_object_ref_sink(g_object_new(GST_TYPE_HYSAC_MODERATE, NULL));
  gst_hysac_moderate_set_scorer_factory(GST_HYSAC_MODERATE(rig->element), fake_scorer_new,
                                        &rig->fake);
  rig->bus = gst_bus_new();
  gst_element_set_bus(rig->element, rig->bus);
}

void
rig_init(Rig *rig, FakeMode mode, gboolean live, const char *first_property, ...)
{
  rig_init_bare(rig, mode);
  g_object_set(rig->element, "model", "fake", "action", GST_HYSAC_ACTION_BLANK, NULL);
  if (first_property) {
    va_list args;
    va_start(args, first_property);
    g_object_set_valist(G_OBJECT(rig->element), first_property, args);
    va_end(args);
  }
  rig_play(rig, live);
}

void
rig_play(Rig *rig, gboolean live)
{
  rig->h = gst_harness_new_with_element(rig->element, "sink", "src");
  gst_harness_set_live(rig->h, live);
  g_autoptr(GstPad) src = gst_element_get_static_pad(rig->element, "src");
  gst_pad_add_probe(src, GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, record,
                    rig, NULL);
  gst_harness_set_src_caps_str(rig->h, RIG_CAPS);
}

void
rig_clear(Rig *rig)
{
  if (rig->h)
    gst_harness_teardown(rig->h);
  else
    gst_element_set_state(rig->element, GST_STATE_NULL);
  gst_element_set_bus(rig->element, NULL);
  gst_bus_set_flushing(rig->bus, TRUE);
  gst_object_unref(rig->bus);
  g_ptr_array_unref(rig->out);
  /* A thread that has done its work may be about to let go. */
  const gint64 until = g_get_monotonic_time() + PATIENCE;
  while (GST_OBJECT_REFCOUNT_VALUE(rig->element) > 1 && g_get_monotonic_time() < until)
    g_thread_yield();
  /* Nothing else may hold the element: no request, no timer. */
  fake_clear(&rig->fake);
  assert_int_equal(GST_OBJECT_REFCOUNT_VALUE(rig->element), 1);
  gst_object_unref(rig->element);
  g_mutex_clear(&rig->lock);
  g_cond_clear(&rig->cond);
}

guint
rig_seed(void)
{
  const char *text = g_getenv("HYSAC_TEST_SEED");
  const guint seed = text && *text ? (guint)strtoul(text, NULL, 10) : g_random_int();
  print_message("# seed %u\n", seed);
  return seed;
}

GRand *rig_rand;

int
rig_make_rand(void **state)
{
  rig_rand = g_rand_new_with_seed(rig_seed());
  return 0;
}

int
rig_free_rand(void **state)
{
  g_clear_pointer(&rig_rand, g_rand_free);
  return 0;
}

guint32
rig_number_of(const guint8 *p)
{
  return p[1] | p[2] << 8 | p[3] << 16;
}

GstBuffer *
rig_frame(Rig *rig, guint8 code)
{
  const guint32 n = rig->next++;
  const gsize luma = RIG_WIDTH * RIG_HEIGHT, size = luma * 3 / 2;
  GstBuffer *buffer = gst_buffer_new_allocate(NULL, size, NULL);
  GstMapInfo map;
  gst_buffer_map(buffer, &map, GST_MAP_WRITE);
  memset(map.data, rig->shade, luma);
  memset(map.data + luma, 128, size - luma);
  map.data[0] = code;
  for (guint i = 0; i < 3; i++)
    map.data[1 + i] = (guint8)(n >> (8 * i));
  gst_buffer_unmap(buffer, &map);
  GST_BUFFER_PTS(buffer) = n * RIG_FRAME;
  GST_BUFFER_DURATION(buffer) = RIG_FRAME;
  return buffer;
}

GstFlowReturn
rig_push(Rig *rig, guint8 code)
{
  return gst_harness_push(rig->h, rig_frame(rig, code));
}

void
rig_push_n(Rig *rig, guint n, guint8 code)
{
  for (guint i = 0; i < n; i++)
    assert_int_equal(rig_push(rig, code), GST_FLOW_OK);
}

void
rig_wait_buffers(Rig *rig, guint n)
{
  const gint64 until = g_get_monotonic_time() + PATIENCE;
  g_mutex_lock(&rig->lock);
  while (rig->n_buffers < n && g_cond_wait_until(&rig->cond, &rig->lock, until))
    ;
  const guint got = rig->n_buffers;
  g_mutex_unlock(&rig->lock);
  if (got < n)
    fail_msg("%u buffers came out, %u expected", got, n);
}

static gboolean
has_event(Rig *rig, GstEventType type)
{
  for (guint i = 0; i < rig->out->len; i++)
    if (GST_IS_EVENT(rig->out->pdata[i]) && GST_EVENT_TYPE(rig->out->pdata[i]) == type)
      return TRUE;
  return FALSE;
}

void
rig_wait_event(Rig *rig, GstEventType type)
{
  const gint64 until = g_get_monotonic_time() + PATIENCE;
  g_mutex_lock(&rig->lock);
  while (!has_event(rig, type) && g_cond_wait_until(&rig->cond, &rig->lock, until))
    ;
  const gboolean found = has_event(rig, type);
  g_mutex_unlock(&rig->lock);
  if (!found)
    fail_msg("no %s came out", gst_event_type_get_name(type));
}

gboolean
rig_push_event(Rig *rig, GstEvent *event)
{
  return gst_harness_push_event(rig->h, event);
}

GstEvent *
rig_segment(GstClockTime start, GstClockTime base)
{
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  segment.start = segment.time = segment.position = start;
  segment.base = base;
  return gst_event_new_segment(&segment);
}

void
rig_finish(Rig *rig)
{
  assert_true(gst_harness_push_event(rig->h, gst_event_new_eos()));
  rig_wait_event(rig, GST_EVENT_EOS);
}

guint
rig_n_buffers(Rig *rig)
{
  g_mutex_lock(&rig->lock);
  const guint n = rig->n_buffers;
  g_mutex_unlock(&rig->lock);
  return n;
}

GstBuffer *
rig_buffer(Rig *rig, guint i)
{
  GstBuffer *found = NULL;
  g_mutex_lock(&rig->lock);
  for (guint j = 0, n = 0; j < rig->out->len && !found; j++)
    if (GST_IS_BUFFER(rig->out->pdata[j]) && n++ == i)
      found = rig->out->pdata[j];
  g_mutex_unlock(&rig->lock);
  if (!found)
    fail_msg("there is no buffer %u", i);
  return found;
}

Looks
rig_looks(GstBuffer *buffer)
{
  const gsize luma = RIG_WIDTH * RIG_HEIGHT;
  GstMapInfo map;
  assert_true(gst_buffer_map(buffer, &map, GST_MAP_READ));
  gsize black = 0;
  for (gsize i = 0; i < map.size; i++)
    black += map.data[i] == (i < luma ? 16 : 128);
  const Looks looks = black == map.size                               ? LOOKS_BLANK
                      : rig_number_of(map.data) == rig_number(buffer) ? LOOKS_ORIGINAL
                                                                      : LOOKS_OTHER;
  gst_buffer_unmap(buffer, &map);
  return looks;
}

guint32
rig_number(GstBuffer *buffer)
{
  return (guint32)(GST_BUFFER_PTS(buffer) / RIG_FRAME);
}

static const GstStructure *
meta_of(GstBuffer *buffer)
{
  const GstStructure *meta = gst_buffer_get_hysac_meta(buffer);
  assert_non_null(meta);
  return meta;
}

const char *
rig_verdict(GstBuffer *buffer)
{
  return gst_hysac_meta_get_verdict(meta_of(buffer));
}

const char *
rig_reason(GstBuffer *buffer)
{
  return gst_hysac_meta_get_reason(meta_of(buffer));
}

const char *
rig_origin(GstBuffer *buffer)
{
  return gst_hysac_meta_get_origin(meta_of(buffer));
}

static char
letter(gpointer object)
{
  if (GST_IS_BUFFER(object))
    return "ox?"[rig_looks(object)];
  switch (GST_EVENT_TYPE(object)) {
  case GST_EVENT_STREAM_START:
    return 'S';
  case GST_EVENT_CAPS:
    return 'C';
  case GST_EVENT_SEGMENT:
    return 'G';
  case GST_EVENT_GAP:
    return 'g';
  case GST_EVENT_TAG:
    return 'T';
  case GST_EVENT_EOS:
    return 'E';
  case GST_EVENT_SEGMENT_DONE:
    return 'D';
  default:
    return gst_video_event_is_force_key_unit(object) ? 'K' : '.';
  }
}

typedef enum { FRAMES, FRAMES_AND_EVENTS, EVERYTHING } Which;

static gboolean
is_wanted(gpointer object, Which which)
{
  return GST_IS_BUFFER(object) ||
         (which != FRAMES && (which == EVERYTHING || !gst_video_event_is_force_key_unit(object)));
}

static char *
letters(Rig *rig, Which which)
{
  GString *text = g_string_new(NULL);
  g_mutex_lock(&rig->lock);
  for (guint i = 0; i < rig->out->len; i++)
    if (is_wanted(rig->out->pdata[i], which))
      g_string_append_c(text, letter(rig->out->pdata[i]));
  g_mutex_unlock(&rig->lock);
  return g_string_free(text, FALSE);
}

char *
rig_record(Rig *rig)
{
  return letters(rig, FRAMES_AND_EVENTS);
}

char *
rig_record_with_keys(Rig *rig)
{
  return letters(rig, EVERYTHING);
}

char *
rig_frames(Rig *rig)
{
  return letters(rig, FRAMES);
}

static GstMessage *
next_message(Rig *rig, GstMessageType type, const char *name, GstClockTime patience)
{
  GstMessage *message;
  while ((message = gst_bus_timed_pop_filtered(rig->bus, patience, type))) {
    if (!name || gst_message_has_name(message, name))
      return message;
    gst_message_unref(message);
  }
  return NULL;
}

GstMessage *
rig_message(Rig *rig, GstMessageType type, const char *name)
{
  GstMessage *message = next_message(rig, type, name, PATIENCE * 1000);
  if (!message)
    fail_msg("no message %s %s", gst_message_type_get_name(type), name ? name : "");
  return message;
}

GstMessage *
rig_message_now(Rig *rig, GstMessageType type, const char *name)
{
  return next_message(rig, type, name, 0);
}

guint64
rig_stat(Rig *rig, const char *field)
{
  g_autoptr(GstStructure) stats = NULL;
  g_object_get(rig->element, "stats", &stats, NULL);
  const GValue *value = gst_structure_get_value(stats, field);
  assert_non_null(value);
  if (G_VALUE_HOLDS_UINT64(value))
    return g_value_get_uint64(value);
  if (G_VALUE_HOLDS_INT64(value))
    return (guint64)g_value_get_int64(value);
  if (G_VALUE_HOLDS_UINT(value))
    return g_value_get_uint(value);
  fail_msg("%s is no count", field);
  return 0;
}
