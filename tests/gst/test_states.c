/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Up and down, again and again: nothing is left behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "gst/gsthysacprivate.h"
#include "tests/gst/rig.h"

static guint
n_files(const char *path)
{
  guint n = 0;
  g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
  while (dir && g_dir_read_name(dir))
    n++;
  return n;
}

/* A thread that is on its way out is counted until it is gone. */
static gboolean
threads_come_down_to(guint n)
{
  const gint64 end = g_get_monotonic_time() + 10 * G_TIME_SPAN_SECOND;
  while (n_files("/proc/self/task") > n) {
    if (g_get_monotonic_time() > end)
      return FALSE;
    g_thread_yield();
  }
  return TRUE;
}

/* Task threads belong to a shared pool that keeps a few: they stop growing, they do not vanish. */
static void
cycles(void **state)
{
  Rig rig;
  rig_init_bare(&rig, FAKE_AT_ONCE);
  g_object_set(rig.element, "model", "fake", "verdict-log", "/dev/null", NULL);
  const GstState states[] = {GST_STATE_PAUSED, GST_STATE_PLAYING, GST_STATE_PAUSED,
                             GST_STATE_READY,  GST_STATE_PLAYING, GST_STATE_NULL};
  guint threads = 0, files = 0;
  for (guint i = 0; i < 400; i++) {
    for (guint j = 0; j < G_N_ELEMENTS(states); j++)
      assert_int_not_equal(gst_element_set_state(rig.element, states[j]), GST_STATE_CHANGE_FAILURE);
    assert_int_equal(rig.fake.alive, 0);
    if (i == 20) {
      threads = n_files("/proc/self/task");
      files = n_files("/proc/self/fd");
    }
  }
  assert_true(threads_come_down_to(threads + 1));
  assert_int_equal(n_files("/proc/self/fd"), files);
  rig_clear(&rig);
}

/* Down while frames are held and requests are open; answers come when nobody waits for them. */
static void
stop_with_frames_held(void **state)
{
  for (guint i = 0; i < 50; i++) {
    Rig rig;
    rig_init(&rig, FAKE_MANUAL, i % 2, "sample-interval", (guint64)0, NULL);
    rig_push_n(&rig, 2, FAKE_UNSAFE);
    fake_wait_submitted(&rig.fake, 2);
    if (i % 3 == 0)
      gst_element_set_state(rig.element, GST_STATE_READY);
    if (i % 3 == 1)
      gst_element_set_state(rig.element, GST_STATE_PAUSED);
    rig_clear(&rig);
  }
}

static gpointer
push_all(gpointer user_data)
{
  GstFlowReturn flow;
  do
    flow = rig_push(user_data, FAKE_SAFE);
  while (flow == GST_FLOW_OK);
  return NULL;
}

/* Down while upstream waits for room in another thread. */
static void
stop_wakes_upstream(void **state)
{
  for (guint i = 0; i < 20; i++) {
    Rig rig;
    rig_init(&rig, FAKE_MANUAL, FALSE, "sample-interval", (guint64)0, NULL);
    rig_push_n(&rig, 1, FAKE_SAFE);
    const guint limit = (guint)rig_stat(&rig, "hold-limit");
    GThread *thread = g_thread_new("push", push_all, &rig);
    fake_wait_submitted(&rig.fake, limit);
    gst_element_set_state(rig.element, GST_STATE_NULL);
    g_thread_join(thread);
    rig_clear(&rig);
  }
}

/* Two elements with a scorer each do not disturb each other. */
static void
two_elements(void **state)
{
  Rig a, b;
  rig_init(&a, FAKE_THREAD, FALSE, "sample-interval", (guint64)0, NULL);
  rig_init(&b, FAKE_THREAD, FALSE, "sample-interval", (guint64)0, NULL);
  for (guint i = 0; i < 50; i++) {
    rig_push(&a, FAKE_SAFE);
    rig_push(&b, FAKE_UNSAFE);
  }
  rig_finish(&a);
  rig_finish(&b);
  for (guint i = 0; i < 50; i++) {
    assert_int_equal(rig_looks(rig_buffer(&a, i)), LOOKS_ORIGINAL);
    assert_int_equal(rig_looks(rig_buffer(&b, i)), LOOKS_BLANK);
  }
  rig_clear(&a);
  rig_clear(&b);
}

/* Properties set and read from another thread while frames flow. */
static gpointer
fiddle(gpointer user_data)
{
  Rig *rig = user_data;
  for (guint i = 0; i < 300; i++) {
    g_autoptr(GstStructure) stats = NULL;
    g_object_set(rig->element, "enter-margin", (i % 7) / 10.0, "action", i % 5, "max-age",
                 (guint64)i * GST_MSECOND, "sample-interval", (guint64)i, NULL);
    g_object_get(rig->element, "stats", &stats, NULL);
  }
  return NULL;
}

static void
properties_under_load(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_THREAD, FALSE, "sample-interval", (guint64)0, NULL);
  GThread *thread = g_thread_new("fiddle", fiddle, &rig);
  rig_push_n(&rig, 300, FAKE_SAFE);
  rig_finish(&rig);
  g_thread_join(thread);
  assert_true(rig_stat(&rig, "frames") == 300);
  rig_clear(&rig);
}

static gint quit; /* atomic */

static gpointer
push_streams(gpointer user_data)
{
  Rig *rig = user_data;
  g_autoptr(GstPad) sink = gst_element_get_static_pad(rig->element, "sink");
  g_autoptr(GstCaps) caps = gst_caps_from_string(RIG_CAPS);
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  while (!g_atomic_int_get(&quit)) {
    gst_pad_send_event(sink, gst_event_new_stream_start("again"));
    gst_pad_send_event(sink, gst_event_new_caps(caps));
    gst_pad_send_event(sink, gst_event_new_segment(&segment));
    for (guint i = 0; i < 20; i++)
      gst_pad_chain(sink, rig_frame(rig, i % 3 ? FAKE_SAFE : FAKE_UNSAFE));
    gst_pad_send_event(sink, gst_event_new_eos());
  }
  return NULL;
}

/* Any state after any other, and properties, while another thread pushes streams all the time: no
 * deadlock, and nothing is left. No unsafe frame came out on the way. */
static void
random_states(void **state)
{
  static const GstState states[] = {GST_STATE_READY, GST_STATE_PAUSED, GST_STATE_PLAYING,
                                    GST_STATE_NULL};
  g_autoptr(GRand) rand = g_rand_new_with_seed(rig_seed());
  Rig rig;
  rig_init(&rig, FAKE_THREAD, FALSE, "sample-interval", (guint64)0, NULL);
  GThread *thread = g_thread_new("push", push_streams, &rig);
  for (guint i = 0; i < 300; i++) {
    const GstState next = states[g_rand_int_range(rand, 0, G_N_ELEMENTS(states))];
    assert_int_not_equal(gst_element_set_state(rig.element, next), GST_STATE_CHANGE_FAILURE);
    if (next <= GST_STATE_READY)
      g_object_set(rig.element, "sample-interval", (guint64)(i % 2) * 40 * GST_MSECOND, NULL);
  }
  g_atomic_int_set(&quit, TRUE);
  gst_element_set_state(rig.element, GST_STATE_NULL);
  g_thread_join(thread);
  for (guint i = 0; i < rig_n_buffers(&rig); i++) {
    GstMapInfo map;
    assert_true(gst_buffer_map(rig_buffer(&rig, i), &map, GST_MAP_READ));
    assert_int_not_equal(map.data[0], FAKE_UNSAFE);
    gst_buffer_unmap(rig_buffer(&rig, i), &map);
  }
  print_message("# %u frames came out\n", rig_n_buffers(&rig));
  rig_clear(&rig);
}

/* READY and up again after EOS, and after an error: as new. */
static void
reuse(void **state)
{
  for (guint error = 0; error < 2; error++) {
    Rig rig;
    rig_init(&rig, FAKE_AT_ONCE, FALSE, "sample-interval", (guint64)0, "on-failure",
             GST_HYSAC_ON_FAILURE_ERROR, NULL);
    rig_push_n(&rig, 1, FAKE_SAFE);
    if (error) {
      rig_push(&rig, FAKE_ERROR);
      gst_message_unref(rig_message(&rig, GST_MESSAGE_ERROR, NULL));
    } else {
      rig_finish(&rig);
    }
    gst_element_set_state(rig.element, GST_STATE_READY);
    gst_element_set_state(rig.element, GST_STATE_PLAYING);
    GstSegment segment;
    gst_segment_init(&segment, GST_FORMAT_TIME);
    g_autoptr(GstCaps) caps = gst_caps_from_string(RIG_CAPS);
    g_autoptr(GstPad) sink = gst_element_get_static_pad(rig.element, "sink");
    assert_true(gst_pad_send_event(sink, gst_event_new_stream_start("again")));
    assert_true(gst_pad_send_event(sink, gst_event_new_caps(caps)));
    assert_true(gst_pad_send_event(sink, gst_event_new_segment(&segment)));
    assert_int_equal(gst_pad_chain(sink, rig_frame(&rig, FAKE_UNSAFE)), GST_FLOW_OK);
    rig_wait_buffers(&rig, 2);
    assert_int_equal(rig_looks(rig_buffer(&rig, 1)), LOOKS_BLANK);
    assert_int_equal(rig_stat(&rig, "frames"), 1);
    rig_clear(&rig);
  }
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(cycles),
      cmocka_unit_test(stop_with_frames_held),
      cmocka_unit_test(stop_wakes_upstream),
      cmocka_unit_test(two_elements),
      cmocka_unit_test(random_states),
      cmocka_unit_test(reuse),
      cmocka_unit_test(properties_under_load),
  };
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  gst_deinit(); /* GST_TRACERS=leaks reports here */
  return failed;
}
