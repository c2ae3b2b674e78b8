/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What downstream answers, and what it is asked: flow returns, allocation, drain. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "gst/gsthysacprivate.h"
#include "tests/gst/rigtext.h"

#define FULL "sample-interval", (guint64)0

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
  rig_push_event(&rig, gst_event_new_eos());
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

int
main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(downstream_flow),
      cmocka_unit_test(downstream_error_at_eos),
      cmocka_unit_test(allocation_query),
      cmocka_unit_test(small_pool),
      cmocka_unit_test(drain_query),
      cmocka_unit_test(drain_waits_for_the_task),
  };
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  gst_deinit(); /* GST_TRACERS=leaks reports here */
  return failed;
}
