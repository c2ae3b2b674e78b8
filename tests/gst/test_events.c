/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Everything that flows beside the frames: order, flush, gaps, caps, flow returns, allocation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "gst/gsthysacprivate.h"
#include "tests/gst/rig.h"

#define FULL "sample-interval", (guint64)0

static gboolean
push_event(Rig *rig, GstEvent *event)
{
  return gst_harness_push_event(rig->h, event);
}

static GstEvent *
segment_from(GstClockTime start, GstClockTime base)
{
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  segment.start = segment.time = segment.position = start;
  segment.base = base;
  return gst_event_new_segment(&segment);
}

static void
assert_record(Rig *rig, const char *expected)
{
  g_autofree char *record = rig_record(rig);
  assert_string_equal(record, expected);
}

/* Tags, segments, gaps and caps leave in their place among frames that were decided out of order.
 */
static void
order_of_events(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_MANUAL, FALSE, FULL, NULL);
  rig_push_n(&rig, 2, FAKE_SAFE);
  push_event(&rig, gst_event_new_tag(gst_tag_list_new(GST_TAG_TITLE, "t", NULL)));
  rig_push_n(&rig, 1, FAKE_UNSAFE);
  push_event(&rig, segment_from(0, 0));
  rig_push_n(&rig, 1, FAKE_SAFE);
  push_event(&rig, gst_event_new_gap(4 * RIG_FRAME, RIG_FRAME));
  rig.next = 5;
  rig_push_n(&rig, 1, FAKE_SAFE);
  assert_int_equal(rig_n_buffers(&rig), 0);
  fake_answer_all(&rig.fake);
  rig_finish(&rig);
  assert_record(&rig, "SCGooTxGogoE");
  rig_clear(&rig);
}

/* Pictures in tags are not moderated: they stay behind, the other tags pass. */
static void
tags_without_pictures(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, NULL);
  rig_push(&rig, FAKE_UNSAFE);
  g_autoptr(GstBuffer) image = gst_buffer_new_allocate(NULL, 100, NULL);
  g_autoptr(GstSample) sample = gst_sample_new(image, NULL, NULL, NULL);
  g_autoptr(GstEvent) event = gst_event_new_tag(
      gst_tag_list_new(GST_TAG_IMAGE, sample, GST_TAG_PREVIEW_IMAGE, sample, GST_TAG_TITLE, "t", NULL));
  push_event(&rig, gst_event_ref(event));
  push_event(&rig, gst_event_new_tag(gst_tag_list_new(GST_TAG_PREVIEW_IMAGE, sample, NULL)));
  rig_finish(&rig);
  assert_record(&rig, "SCGxTTE");
  GstTagList *tags;
  g_autofree char *title = NULL;
  for (guint i = 4; i < 6; i++) {
    gst_event_parse_tag(rig.out->pdata[i], &tags);
    assert_int_equal(gst_tag_list_get_tag_size(tags, GST_TAG_IMAGE), 0);
    assert_int_equal(gst_tag_list_get_tag_size(tags, GST_TAG_PREVIEW_IMAGE), 0);
  }
  gst_event_parse_tag(rig.out->pdata[4], &tags);
  assert_true(gst_tag_list_get_string(tags, GST_TAG_TITLE, &title));
  assert_int_equal(gst_event_get_seqnum(rig.out->pdata[4]), gst_event_get_seqnum(event));
  gst_event_parse_tag(event, &tags); /* somebody else's */
  assert_int_equal(gst_tag_list_get_tag_size(tags, GST_TAG_IMAGE), 1);
  rig_clear(&rig);
}

/* The last frame before a boundary is scored, and no cover reaches over it. */
static void
boundaries_are_scored(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, "sample-interval", 10 * GST_SECOND, NULL);
  rig_push_n(&rig, 3, FAKE_SAFE); /* 0 1 2 */
  push_event(&rig, segment_from(0, 0));
  rig_push_n(&rig, 3, FAKE_UNSAFE);              /* 3 4 5 */
  GstBuffer *frame = rig_frame(&rig, FAKE_SAFE); /* 6 7 8 */
  GST_BUFFER_FLAG_SET(frame, GST_BUFFER_FLAG_DISCONT);
  gst_harness_push(rig.h, frame);
  rig_push_n(&rig, 2, FAKE_SAFE);
  push_event(&rig, gst_event_new_gap(9 * RIG_FRAME, RIG_FRAME));
  rig.next = 10;
  rig_push_n(&rig, 2, FAKE_SAFE); /* 10 11 */
  rig_finish(&rig);
  const guint32 samples[] = {0, 2, 3, 5, 6, 8, 10, 11};
  for (guint i = 0; i < G_N_ELEMENTS(samples); i++)
    assert_true(fake_was_scored(&rig.fake, samples[i]));
  assert_int_equal(fake_n_submitted(&rig.fake), G_N_ELEMENTS(samples));
  assert_record(&rig, "SCGoooGxxxooogooE");
  rig_clear(&rig);
}

/* Frames of the old size are redacted in the old size. */
static void
caps_change_with_frames_held(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_MANUAL, FALSE, FULL, NULL);
  rig_push_n(&rig, 2, FAKE_UNSAFE);
  gst_harness_set_src_caps_str(rig.h, "video/x-raw,format=RGB,width=20,height=10,framerate=25/1");
  for (guint i = 0; i < 2; i++) {
    GstBuffer *frame = gst_buffer_new_allocate(NULL, 60 * 10, NULL);
    gst_buffer_memset(frame, 0, FAKE_UNSAFE, 600);
    GST_BUFFER_PTS(frame) = (2 + i) * RIG_FRAME;
    assert_int_equal(gst_harness_push(rig.h, frame), GST_FLOW_OK);
  }
  fake_wait_submitted(&rig.fake, 4);
  fake_answer_all(&rig.fake);
  rig_finish(&rig);
  g_autofree char *record = rig_record(&rig);
  assert_true(g_str_has_prefix(record, "SCGxxC"));
  assert_int_equal(gst_buffer_get_size(rig_buffer(&rig, 1)), RIG_WIDTH * RIG_HEIGHT * 3 / 2);
  GstMapInfo map;
  gst_buffer_map(rig_buffer(&rig, 3), &map, GST_MAP_READ);
  assert_int_equal(map.size, 600);
  for (gsize i = 0; i < map.size; i++)
    assert_int_equal(map.data[i], 0);
  gst_buffer_unmap(rig_buffer(&rig, 3), &map);
  rig_clear(&rig);
}

/* Flush while requests are under way: nothing of before comes out after it, nor do its answers
 * decide frames of after it. */
static void
flush_during_inference(void **state)
{
  for (guint run = 0; run < 20; run++) {
    Rig rig;
    rig_init(&rig, FAKE_MANUAL, FALSE, FULL, NULL);
    rig_push_n(&rig, 3, FAKE_UNSAFE);
    fake_wait_submitted(&rig.fake, 3);
    push_event(&rig, gst_event_new_flush_start());
    if (run % 2)
      fake_answer_all(&rig.fake);
    push_event(&rig, gst_event_new_flush_stop(TRUE));
    push_event(&rig, segment_from(0, 0));
    rig.next = 50;
    rig_push_n(&rig, 2, FAKE_SAFE);
    fake_answer_all(&rig.fake);
    rig_finish(&rig);
    assert_int_equal(rig_n_buffers(&rig), 2);
    for (guint i = 0; i < 2; i++) {
      assert_int_equal(rig_number(rig_buffer(&rig, i)), 50 + i);
      assert_int_equal(rig_looks(rig_buffer(&rig, i)), LOOKS_ORIGINAL);
      assert_string_equal(rig_origin(rig_buffer(&rig, i)), "scored");
    }
    assert_int_equal(rig_stat(&rig, "in-flight"), 0); /* stale answers are not counted */
    rig_clear(&rig);
  }
}

/* Caps and tags that were held when the flush came still reach downstream. */
static void
flush_keeps_sticky_events(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_MANUAL, FALSE, FULL, NULL);
  rig_push_n(&rig, 1, FAKE_SAFE);
  rig_wait_event(&rig, GST_EVENT_SEGMENT);
  gst_harness_set_src_caps_str(rig.h, RIG_CAPS ",chroma-site=jpeg"); /* behind the frame */
  push_event(&rig, gst_event_new_tag(gst_tag_list_new(GST_TAG_TITLE, "t", NULL)));
  push_event(&rig, gst_event_new_flush_start());
  push_event(&rig, gst_event_new_flush_stop(TRUE));
  push_event(&rig, segment_from(0, 0));
  rig_push_n(&rig, 1, FAKE_SAFE);
  fake_answer_all(&rig.fake);
  rig_finish(&rig);
  g_autoptr(GstCaps) caps = gst_pad_get_current_caps(rig.h->sinkpad);
  assert_true(gst_structure_has_field(gst_caps_get_structure(caps, 0), "chroma-site"));
  g_autofree char *record = rig_record(&rig);
  assert_non_null(strchr(record, 'T'));
  assert_true(g_str_has_suffix(record, "oE"));
  rig_clear(&rig);
}

/* A flush finds caps in the hold, and older ones in the task's hands: the newest are what counts. */
static void
flush_keeps_the_newest_caps(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, NULL);
  g_autoptr(GstPad) src = gst_element_get_static_pad(rig.element, "src");
  volatile guint spin;
  for (gint i = 0; i < 2000; i++) {
    for (gint j = 0; j < 4; j++) {
      g_autoptr(GstCaps) caps = gst_caps_from_string(RIG_CAPS ",n=(int)0");
      gst_caps_set_simple(caps, "n", G_TYPE_INT, 4 * i + j, NULL);
      assert_true(push_event(&rig, gst_event_new_caps(caps)));
    }
    /* The flush is to come when the task is anywhere. */
    for (spin = 0; spin < (guint)i % 64 * 256; spin++)
      ;
    push_event(&rig, gst_event_new_flush_start());
    push_event(&rig, gst_event_new_flush_stop(TRUE));
    push_event(&rig, segment_from(0, 0));
    const guint before = rig_n_buffers(&rig);
    rig_push_n(&rig, 1, FAKE_SAFE);
    rig_wait_buffers(&rig, before + 1);
    g_autoptr(GstCaps) caps = gst_pad_get_current_caps(src);
    gint n = -1;
    gst_structure_get_int(gst_caps_get_structure(caps, 0), "n", &n);
    assert_int_equal(n, 4 * i + 3);
  }
  rig_clear(&rig);
}

static gpointer
push_until_refused(gpointer user_data)
{
  Rig *rig = user_data;
  GstFlowReturn flow;
  do
    flow = rig_push(rig, FAKE_SAFE);
  while (flow == GST_FLOW_OK);
  return GINT_TO_POINTER(flow);
}

/* A flush wakes an upstream that waits for room; the first frame after it is a sample again. */
static void
flush_wakes_upstream(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_MANUAL, FALSE, FULL, NULL);
  rig_push(&rig, FAKE_SAFE);
  const guint limit = (guint)rig_stat(&rig, "hold-limit");
  GThread *thread = g_thread_new("push", push_until_refused, &rig);
  fake_wait_submitted(&rig.fake, limit);
  push_event(&rig, gst_event_new_flush_start());
  assert_int_equal(GPOINTER_TO_INT(g_thread_join(thread)), GST_FLOW_FLUSHING);
  push_event(&rig, gst_event_new_flush_stop(TRUE));
  push_event(&rig, segment_from(0, 0));
  fake_answer_all(&rig.fake);
  const guint before = fake_n_submitted(&rig.fake);
  rig_push(&rig, FAKE_SAFE);
  fake_wait_submitted(&rig.fake, before + 1);
  fake_answer_all(&rig.fake);
  rig_wait_buffers(&rig, 1);
  rig_clear(&rig);
}

/* A seek in the middle: new numbers, no leak, no mix with frames of before. */
static void
random_flushes(void **state)
{
  const guint seed = rig_seed();
  g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
  Rig rig;
  rig_init(&rig, FAKE_THREAD, FALSE, "sample-interval", 80 * GST_MSECOND, NULL);
  rig.fake.seed = seed;
  for (guint seek = 0; seek < 50; seek++) {
    const guint n = (guint)g_rand_int_range(rand, 0, 12);
    rig_push_n(&rig, n, seek % 2 ? FAKE_UNSAFE : FAKE_SAFE);
    push_event(&rig, gst_event_new_flush_start());
    push_event(&rig, gst_event_new_flush_stop(TRUE));
    rig.next = (seek + 1) * 100;
    push_event(&rig, segment_from(rig.next * RIG_FRAME, 0));
  }
  rig_push_n(&rig, 5, FAKE_UNSAFE);
  rig_finish(&rig);
  gint64 last = -1;
  for (guint i = 0; i < rig_n_buffers(&rig); i++) {
    const guint32 number = rig_number(rig_buffer(&rig, i));
    assert_true((gint64)number > last);
    last = number;
    const gboolean unsafe = number >= 5000 || (number / 100) % 2;
    if (rig_looks(rig_buffer(&rig, i)) != (unsafe ? LOOKS_BLANK : LOOKS_ORIGINAL))
      fail_msg("%u %s", number, rig_reason(rig_buffer(&rig, i)));
    assert_int_equal(rig_looks(rig_buffer(&rig, i)), unsafe ? LOOKS_BLANK : LOOKS_ORIGINAL);
  }
  assert_int_equal(last, 5004);
  rig_clear(&rig);
}

/* EOS drains what is held, in order, deciding it with the samples there are. */
static void
eos_drains(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_THREAD, FALSE, "sample-interval", 10 * GST_SECOND, "pre-roll",
           200 * GST_MSECOND, "confirm-k", 2, "confirm-n", 3, NULL);
  rig_push_n(&rig, 10, FAKE_SAFE);
  rig_finish(&rig);
  assert_record(&rig, "SCGooooooooooE");
  rig_clear(&rig);
}

/* Another stream after EOS, without a flush. */
static void
stream_after_eos(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, NULL);
  rig_push_n(&rig, 1, FAKE_SAFE);
  rig_finish(&rig);
  assert_true(push_event(&rig, gst_event_new_stream_start("second")));
  g_autoptr(GstCaps) caps = gst_caps_from_string(RIG_CAPS);
  push_event(&rig, gst_event_new_caps(caps));
  push_event(&rig, segment_from(0, 0));
  rig_push_n(&rig, 1, FAKE_UNSAFE);
  rig_wait_buffers(&rig, 2);
  assert_int_equal(rig_looks(rig_buffer(&rig, 1)), LOOKS_BLANK);
  rig_clear(&rig);
}

/* action=drop: a gap of the frame's time instead of it, and DISCONT on the next. */
static void
drop_makes_gaps(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, "action", GST_HYSAC_ACTION_DROP, NULL);
  rig_push_n(&rig, 2, FAKE_SAFE);
  rig_push_n(&rig, 2, FAKE_UNSAFE);
  rig_push_n(&rig, 2, FAKE_SAFE);
  rig_finish(&rig);
  assert_record(&rig, "SCGooggooE");
  GstClockTime time, duration;
  GstEvent *gap = rig.out->pdata[5];
  gst_event_parse_gap(gap, &time, &duration);
  assert_true(time == 2 * RIG_FRAME && duration == RIG_FRAME);
  assert_false(GST_BUFFER_FLAG_IS_SET(rig_buffer(&rig, 1), GST_BUFFER_FLAG_DISCONT));
  assert_true(GST_BUFFER_FLAG_IS_SET(rig_buffer(&rig, 2), GST_BUFFER_FLAG_DISCONT));
  assert_false(GST_BUFFER_FLAG_IS_SET(rig_buffer(&rig, 3), GST_BUFFER_FLAG_DISCONT));
  assert_int_equal(rig_stat(&rig, "dropped"), 2);
  rig_clear(&rig);
}

/* A failed frame with action=drop is dropped too. */
static void
drop_on_failure(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, "action", GST_HYSAC_ACTION_DROP, NULL);
  rig_push_n(&rig, 1, FAKE_SAFE);
  rig_push_n(&rig, 1, FAKE_ERROR);
  rig_push_n(&rig, 1, FAKE_SAFE);
  rig_finish(&rig);
  assert_record(&rig, "SCGogoE");
  rig_clear(&rig);
}

/* Nothing but gaps for a long time: they pass, and held frames before them too. */
static void
gaps_do_not_stall(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, "sample-interval", 200 * GST_MSECOND, "pre-roll",
           100 * GST_MSECOND, NULL);
  rig_push_n(&rig, 3, FAKE_SAFE);
  for (guint i = 0; i < 300; i++)
    assert_true(push_event(&rig, gst_event_new_gap((3 + i) * RIG_FRAME, RIG_FRAME)));
  rig_wait_buffers(&rig, 3);
  for (guint i = 0; i < 3; i++)
    assert_string_equal(rig_verdict(rig_buffer(&rig, i)), "safe");
  rig_finish(&rig);
  rig_clear(&rig);
}

static GstPadProbeReturn
refuse(GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  gst_buffer_unref(GST_PAD_PROBE_INFO_BUFFER(info));
  GST_PAD_PROBE_INFO_DATA(info) = NULL;
  GST_PAD_PROBE_INFO_FLOW_RETURN(info) = *(GstFlowReturn *)user_data;
  return GST_PAD_PROBE_HANDLED;
}

/* What downstream answers reaches upstream. */
static void
downstream_flow(void **state)
{
  GstFlowReturn flows[] = {GST_FLOW_EOS, GST_FLOW_FLUSHING, GST_FLOW_NOT_LINKED, GST_FLOW_ERROR};
  for (guint i = 0; i < G_N_ELEMENTS(flows); i++) {
    Rig rig;
    rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, NULL);
    rig_push_n(&rig, 1, FAKE_SAFE);
    rig_wait_buffers(&rig, 1);
    gst_pad_add_probe(rig.h->sinkpad, GST_PAD_PROBE_TYPE_BUFFER, refuse, &flows[i], NULL);
    GstFlowReturn flow = GST_FLOW_OK;
    for (guint n = 0; n < 1000 && flow == GST_FLOW_OK; n++)
      flow = rig_push(&rig, FAKE_SAFE);
    assert_int_equal(flow, flows[i]);
    rig_clear(&rig);
  }
}

/* Once EOS is in, upstream cannot see the flow: the element says it itself. */
static void
downstream_error_at_eos(void **state)
{
  Rig rig;
  GstFlowReturn flow = GST_FLOW_NOT_LINKED;
  rig_init(&rig, FAKE_MANUAL, FALSE, FULL, NULL);
  gst_pad_add_probe(rig.h->sinkpad, GST_PAD_PROBE_TYPE_BUFFER, refuse, &flow, NULL);
  rig_push_n(&rig, 2, FAKE_SAFE);
  push_event(&rig, gst_event_new_eos());
  fake_answer_all(&rig.fake);
  gst_message_unref(rig_message(&rig, GST_MESSAGE_ERROR, NULL));
  rig_wait_event(&rig, GST_EVENT_EOS);
  rig_clear(&rig);
}

static void
allocation_query(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, NULL);
  rig_push_n(&rig, 1, FAKE_SAFE);
  g_autoptr(GstCaps) caps = gst_caps_from_string(RIG_CAPS);
  g_autoptr(GstQuery) query = gst_query_new_allocation(caps, TRUE);
  assert_true(gst_pad_peer_query(rig.h->srcpad, query));
  assert_true(gst_query_find_allocation_meta(query, GST_VIDEO_META_API_TYPE, NULL));
  guint size, min, max;
  gst_query_parse_nth_allocation_pool(query, 0, NULL, &size, &min, &max);
  assert_int_equal(size, RIG_WIDTH * RIG_HEIGHT * 3 / 2);
  assert_true(min > rig_stat(&rig, "hold-limit"));
  rig_clear(&rig);
}

/* Upstream's pool has fewer buffers than the gate holds: frames are copied, nothing starves. */
static void
small_pool(void **state)
{
  Rig rig;
  const guint size = RIG_WIDTH * RIG_HEIGHT * 3 / 2;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, "sample-interval", 400 * GST_MSECOND, NULL);
  g_autoptr(GstCaps) caps = gst_caps_from_string(RIG_CAPS);
  g_autoptr(GstBufferPool) pool = gst_buffer_pool_new();
  GstStructure *config = gst_buffer_pool_get_config(pool);
  gst_buffer_pool_config_set_params(config, caps, size, 2, 2);
  assert_true(gst_buffer_pool_set_config(pool, config));
  assert_true(gst_buffer_pool_set_active(pool, TRUE));
  for (guint i = 0; i < 30; i++) {
    GstBuffer *frame, *source = rig_frame(&rig, FAKE_SAFE);
    GstBufferPoolAcquireParams params = {.flags = GST_BUFFER_POOL_ACQUIRE_FLAG_DONTWAIT};
    assert_int_equal(gst_buffer_pool_acquire_buffer(pool, &frame, &params), GST_FLOW_OK);
    GstMapInfo map;
    gst_buffer_map(source, &map, GST_MAP_READ);
    gst_buffer_fill(frame, 0, map.data, map.size);
    gst_buffer_unmap(source, &map);
    gst_buffer_copy_into(frame, source, GST_BUFFER_COPY_TIMESTAMPS, 0, -1);
    gst_buffer_unref(source);
    assert_int_equal(gst_harness_push(rig.h, frame), GST_FLOW_OK);
  }
  rig_finish(&rig);
  assert_int_equal(rig_n_buffers(&rig), 30);
  assert_int_equal(rig_stat(&rig, "copied"), 30);
  gst_buffer_pool_set_active(pool, FALSE);
  rig_clear(&rig);
}

typedef struct {
  GMutex lock;
  GCond cond;
  gboolean inside, go;
} Stop;

/* The task has the frame in its hands and goes no further until it may. */
static GstBusSyncReply
stop_inside(GstBus *bus, GstMessage *message, gpointer user_data)
{
  Stop *stop = user_data;
  const GstStructure *structure = gst_message_get_structure(message);
  if (!structure || !gst_structure_has_name(structure, "hysac-moderation") ||
      g_strcmp0(gst_structure_get_string(structure, "state"), "unsafe") != 0)
    return GST_BUS_PASS;
  g_mutex_lock(&stop->lock);
  stop->inside = TRUE;
  g_cond_broadcast(&stop->cond);
  while (!stop->go)
    g_cond_wait(&stop->cond, &stop->lock);
  g_mutex_unlock(&stop->lock);
  return GST_BUS_PASS;
}

static gpointer
let_go(gpointer user_data)
{
  Stop *stop = user_data;
  g_mutex_lock(&stop->lock);
  stop->go = TRUE;
  g_cond_broadcast(&stop->cond);
  g_mutex_unlock(&stop->lock);
  return NULL;
}

/* The hold is empty then, but the frame has not left. Whether it has when the query reaches
 * downstream is seen there. */
static GstPadProbeReturn
at_drain(GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  Rig *rig = user_data;
  if (GST_QUERY_TYPE(GST_PAD_PROBE_INFO_QUERY(info)) == GST_QUERY_DRAIN)
    assert_int_equal(rig_n_buffers(rig), 2);
  return GST_PAD_PROBE_OK;
}

static void
drain_waits_for_the_task(void **state)
{
  Rig rig;
  Stop stop = {0};
  g_mutex_init(&stop.lock);
  g_cond_init(&stop.cond);
  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, NULL);
  gst_bus_set_sync_handler(rig.bus, stop_inside, &stop, NULL);
  gst_pad_add_probe(rig.h->sinkpad, GST_PAD_PROBE_TYPE_QUERY_DOWNSTREAM, at_drain, &rig, NULL);
  rig_push(&rig, FAKE_SAFE);
  rig_push(&rig, FAKE_UNSAFE);
  g_mutex_lock(&stop.lock);
  while (!stop.inside)
    g_cond_wait(&stop.cond, &stop.lock);
  g_mutex_unlock(&stop.lock);
  assert_int_equal(rig_stat(&rig, "held"), 0);
  g_autoptr(GstQuery) query = gst_query_new_drain();
  GThread *thread = g_thread_new("go", let_go, &stop);
  gst_pad_peer_query(rig.h->srcpad, query);
  g_thread_join(thread);
  rig_finish(&rig);
  assert_int_equal(rig_n_buffers(&rig), 2);
  gst_bus_set_sync_handler(rig.bus, NULL, NULL, NULL);
  rig_clear(&rig);
  g_mutex_clear(&stop.lock);
  g_cond_clear(&stop.cond);
}

/* A drain query returns when everything held has left. */
static void
drain_query(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_THREAD, FALSE, "sample-interval", 10 * GST_SECOND, NULL);
  rig_push_n(&rig, 5, FAKE_SAFE);
  g_autoptr(GstQuery) query = gst_query_new_drain();
  gst_pad_peer_query(rig.h->srcpad, query);
  rig_wait_buffers(&rig, 5);
  rig_finish(&rig);
  rig_clear(&rig);
}

/* Formats that cannot be read and redacted are not offered. */
static void
only_known_caps(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, NULL);
  static const char *no[] = {"video/x-raw,format=v210,width=64,height=36,framerate=25/1",
                             "video/x-raw(memory:DMABuf),format=I420,width=64,height=36",
                             "video/x-raw,format=I420,width=20000,height=36,framerate=25/1"};
  for (guint i = 0; i < G_N_ELEMENTS(no); i++) {
    g_autoptr(GstCaps) caps = gst_caps_from_string(no[i]);
    g_autoptr(GstCaps) allowed = gst_pad_peer_query_caps(rig.h->srcpad, caps);
    assert_true(gst_caps_is_empty(allowed));
  }
  static const char *formats[] = {"I420", "NV12", "RGB",  "BGR",  "RGBx", "BGRx",
                                  "xRGB", "xBGR", "RGBA", "BGRA", "ARGB", "ABGR"};
  for (guint i = 0; i < G_N_ELEMENTS(formats); i++) {
    g_autoptr(GstCaps) caps =
        gst_caps_new_simple("video/x-raw", "format", G_TYPE_STRING, formats[i], NULL);
    g_autoptr(GstCaps) allowed = gst_pad_peer_query_caps(rig.h->srcpad, caps);
    assert_false(gst_caps_is_empty(allowed));
  }
  rig_clear(&rig);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(order_of_events),
      cmocka_unit_test(tags_without_pictures),
      cmocka_unit_test(boundaries_are_scored),
      cmocka_unit_test(caps_change_with_frames_held),
      cmocka_unit_test(flush_during_inference),
      cmocka_unit_test(flush_keeps_sticky_events),
      cmocka_unit_test(flush_keeps_the_newest_caps),
      cmocka_unit_test(flush_wakes_upstream),
      cmocka_unit_test(random_flushes),
      cmocka_unit_test(eos_drains),
      cmocka_unit_test(stream_after_eos),
      cmocka_unit_test(drop_makes_gaps),
      cmocka_unit_test(drop_on_failure),
      cmocka_unit_test(gaps_do_not_stall),
      cmocka_unit_test(downstream_flow),
      cmocka_unit_test(downstream_error_at_eos),
      cmocka_unit_test(allocation_query),
      cmocka_unit_test(small_pool),
      cmocka_unit_test(drain_query),
      cmocka_unit_test(drain_waits_for_the_task),
      cmocka_unit_test(only_known_caps),
  };
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  gst_deinit(); /* GST_TRACERS=leaks reports here */
  return failed;
}
