/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a player does to a stream: reverse and segment seeks, uneven and missing timestamps, QoS. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "gst/gsthysacprivate.h"
#include "tests/gst/rig.h"

#define FULL "sample-interval", (guint64)0
#define UNEVEN "video/x-raw,format=I420,width=64,height=36,framerate=0/1,max-framerate=200/1"

static void
push_event(Rig *rig, GstEvent *event)
{
  assert_true(gst_harness_push_event(rig->h, event));
}

static void
push_segment(Rig *rig, gdouble rate, GstSegmentFlags flags, GstClockTime stop, GstClockTime base)
{
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  segment.rate = rate;
  segment.flags = flags;
  segment.stop = stop;
  segment.position = rate < 0 ? stop : 0;
  segment.base = base;
  push_event(rig, gst_event_new_segment(&segment));
}

/* Played backwards, running time goes on: no frame is a discontinuity, samples come as often as
 * forwards, and what a sample covers is on both sides of it. */
static void
reverse(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_THREAD, FALSE, "sample-interval", 200 * GST_MSECOND, NULL);
  push_segment(&rig, -1.0, GST_SEGMENT_FLAG_NONE, 20 * RIG_FRAME, 0);
  for (gint i = 19; i >= 0; i--) {
    rig.next = (guint32)i;
    rig_push(&rig, i == 9 ? FAKE_UNSAFE : FAKE_SAFE);
  }
  rig_finish(&rig);
  const guint32 samples[] = {19, 14, 9, 4, 0};
  for (guint i = 0; i < G_N_ELEMENTS(samples); i++)
    assert_true(fake_was_scored(&rig.fake, samples[i]));
  assert_int_equal(fake_n_submitted(&rig.fake), G_N_ELEMENTS(samples));
  g_autofree char *frames = rig_frames(&rig);
  assert_string_equal(frames, "ooooooxxxxxxxxxooooo");
  for (guint i = 0; i < 20; i++)
    assert_int_equal(rig_number(rig_buffer(&rig, i)), 19 - i);
  rig_clear(&rig);
}

/* Twice as fast: half the running time, half the samples. */
static void
fast_forward(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_THREAD, FALSE, "sample-interval", 200 * GST_MSECOND, NULL);
  push_segment(&rig, 2.0, GST_SEGMENT_FLAG_NONE, GST_CLOCK_TIME_NONE, 0);
  for (guint i = 0; i < 21; i++)
    rig_push(&rig, i == 10 ? FAKE_UNSAFE : FAKE_SAFE);
  rig_finish(&rig);
  assert_int_equal(fake_n_submitted(&rig.fake), 3); /* 0, 10, 20 */
  g_autofree char *frames = rig_frames(&rig);
  assert_string_equal(frames, "oxxxxxxxxxxxxxxxxxxxo");
  rig_clear(&rig);
}

/* A segment seek: what is held is decided and leaves before SEGMENT_DONE, and the next round, without
 * a flush, is a stream of its own. */
static void
segment_seek(void **state)
{
  Rig rig;
  /* With a pre-roll the last frames would wait for a sample after them. */
  rig_init(&rig, FAKE_THREAD, FALSE, "sample-interval", 10 * GST_SECOND, "pre-roll", 2 * RIG_FRAME,
           NULL);
  for (guint round = 0; round < 3; round++) {
    push_segment(&rig, 1.0, GST_SEGMENT_FLAG_SEGMENT, 4 * RIG_FRAME, round * 4 * RIG_FRAME);
    rig.next = 0;
    for (guint i = 0; i < 4; i++)
      rig_push(&rig, round == 1 ? FAKE_UNSAFE : FAKE_SAFE);
    push_event(&rig, gst_event_new_segment_done(GST_FORMAT_TIME, 4 * (gint64)RIG_FRAME));
    rig_wait_buffers(&rig, (round + 1) * 4); /* without more coming in */
  }
  rig_finish(&rig);
  g_autofree char *record = rig_record(&rig);
  assert_true(g_str_has_prefix(record, "SC"));
  assert_non_null(strstr(record, "GooooDGxxxxDGooooDE"));
  assert_int_equal(fake_n_submitted(&rig.fake), 6); /* the first and the last of each round */
  rig_clear(&rig);
}

/* ------------------------------------------------------------ in a pipeline */

typedef struct {
  GArray *times; /* of GstClockTime */
  guint without_meta;
  GAsyncQueue *done; /* an item for each SEGMENT_DONE; the source's message comes too early */
} Seen;

/* Times since the last flush. */
static GstPadProbeReturn
note(GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  Seen *seen = user_data;
  if (GST_IS_BUFFER(info->data)) {
    const GstClockTime time = GST_BUFFER_PTS(info->data);
    g_array_append_val(seen->times, time);
    seen->without_meta += gst_buffer_get_custom_meta(info->data, "GstHysacMeta") == NULL;
  } else if (GST_EVENT_TYPE(info->data) == GST_EVENT_FLUSH_STOP) {
    g_array_set_size(seen->times, 0);
  } else if (GST_EVENT_TYPE(info->data) == GST_EVENT_SEGMENT_DONE) {
    g_async_queue_push(seen->done, seen);
  }
  return GST_PAD_PROBE_OK;
}

static void
watch(GstElement *element, const char *name, Seen *seen)
{
  g_autoptr(GstPad) pad = gst_element_get_static_pad(element, name);
  gst_pad_add_probe(pad,
                    GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM |
                        GST_PAD_PROBE_TYPE_EVENT_FLUSH,
                    note, seen, NULL);
}

/* A real source that seeks: each segment seek, forwards and backwards, ends in SEGMENT_DONE, and what
 * came in before it has gone out before it, in order, each frame with a verdict. */
static void
seeks_in_a_pipeline(void **state)
{
  Rig rig;
  Seen in = {.times = g_array_new(FALSE, FALSE, sizeof(GstClockTime)), .done = g_async_queue_new()};
  Seen out = {.times = g_array_new(FALSE, FALSE, sizeof(GstClockTime)), .done = g_async_queue_new()};
  rig_init_bare(&rig, FAKE_THREAD);
  g_object_set(rig.element, "model", "fake", "action", GST_HYSAC_ACTION_TAG, NULL);
  g_autoptr(GstElement) pipeline = gst_object_ref_sink(gst_pipeline_new(NULL));
  GstElement *source = gst_element_factory_make("videotestsrc", NULL);
  GstElement *filter = gst_element_factory_make("capsfilter", NULL);
  GstElement *sink = gst_element_factory_make("fakesink", NULL);
  gst_util_set_object_arg(G_OBJECT(filter), "caps", RIG_CAPS);
  gst_bin_add_many(GST_BIN(pipeline), source, filter, rig.element, sink, NULL);
  assert_true(gst_element_link_many(source, filter, rig.element, sink, NULL));
  watch(rig.element, "sink", &in);
  watch(rig.element, "src", &out);
  gst_element_set_state(pipeline, GST_STATE_PAUSED);
  assert_int_equal(gst_element_get_state(pipeline, NULL, NULL, 30 * GST_SECOND),
                   GST_STATE_CHANGE_SUCCESS);

  const gdouble rates[] = {1.0, -1.0, 3.0, -2.0};
  for (guint i = 0; i < G_N_ELEMENTS(rates); i++) {
    const GstClockTime start = GST_SECOND, stop = 2 * GST_SECOND;
    gst_element_set_state(pipeline, GST_STATE_PLAYING);
    assert_true(gst_element_seek(
        pipeline, rates[i], GST_FORMAT_TIME,
        GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_ACCURATE | GST_SEEK_FLAG_SEGMENT, GST_SEEK_TYPE_SET,
        (gint64)start, GST_SEEK_TYPE_SET, (gint64)stop));
    if (!g_async_queue_timeout_pop(out.done, 30 * G_TIME_SPAN_SECOND))
      fail_msg("rate %g: no SEGMENT_DONE came out", rates[i]);
    if (out.times->len < 25 || out.times->len != in.times->len ||
        memcmp(out.times->data, in.times->data, out.times->len * sizeof(GstClockTime)) != 0)
      fail_msg("rate %g: %u frames went in and %u came out, or others", rates[i], in.times->len,
               out.times->len);
    const GstClockTime *times = (const GstClockTime *)out.times->data;
    for (guint n = 1; n < out.times->len; n++)
      assert_true(rates[i] > 0 ? times[n] > times[n - 1] : times[n] < times[n - 1]);
  }
  assert_int_equal(out.without_meta, 0);
  gst_element_set_state(pipeline, GST_STATE_NULL);
  gst_bin_remove(GST_BIN(pipeline), rig.element);
  Seen *seen[] = {&in, &out};
  for (guint i = 0; i < G_N_ELEMENTS(seen); i++) {
    g_async_queue_unref(seen[i]->done);
    g_array_unref(seen[i]->times);
  }
  rig_clear(&rig);
}

/* ------------------------------------------------------------ time */

typedef struct {
  GstClockTime time;
  gboolean unsafe;
} Uneven;

/* From 5 to 300 ms apart; several bursts. */
static Uneven *
uneven_frames(GRand *rand, guint n, GstClockTime *longest)
{
  Uneven *frames = g_new0(Uneven, n);
  *longest = 0;
  for (guint i = 1; i < n; i++) {
    const GstClockTime gap = (GstClockTime)g_rand_int_range(rand, 5, 301) * GST_MSECOND;
    frames[i].time = frames[i - 1].time + gap;
    *longest = MAX(*longest, gap);
  }
  for (guint burst = 0; burst < 4; burst++) {
    const guint start = (guint)g_rand_int_range(rand, 0, (gint)n);
    const guint length = (guint)g_rand_int_range(rand, 1, 25);
    for (guint i = start; i < MIN(start + length, n); i++)
      frames[i].unsafe = TRUE;
  }
  return frames;
}

/* A variable rate: nothing leaks at full sampling; else no more than the bound that the element then
 * states, which is of the longest frame. */
static void
variable_rate(void **state)
{
  const guint seed = rig_seed(), n = 150;
  for (guint run = 0; run < 40; run++) {
    g_autoptr(GRand) rand = g_rand_new_with_seed(seed + run);
    const guint64 interval =
        run % 2 ? (guint64)g_rand_int_range(rand, 1, 500) * GST_MSECOND : 0;
    GstClockTime longest;
    g_autofree Uneven *frames = uneven_frames(rand, n, &longest);
    Rig rig;
    rig_init(&rig, FAKE_THREAD, FALSE, "sample-interval", interval, NULL);
    rig.fake.seed = g_rand_int(rand);
    gst_harness_set_src_caps_str(rig.h, UNEVEN);
    for (guint i = 0; i < n; i++) {
      GstBuffer *frame = rig_frame(&rig, frames[i].unsafe ? FAKE_UNSAFE : FAKE_SAFE);
      GST_BUFFER_PTS(frame) = frames[i].time;
      GST_BUFFER_DURATION(frame) = GST_CLOCK_TIME_NONE;
      assert_int_equal(gst_harness_push(rig.h, frame), GST_FLOW_OK);
    }
    rig_finish(&rig);
    assert_int_equal(rig_n_buffers(&rig), n);
    const GstClockTime escape = rig_stat(&rig, "escape-bound");
    assert_true(escape == (interval ? interval + longest : 0));
    for (guint i = 0, first = 0; i < n; i++) {
      GstBuffer *out = rig_buffer(&rig, i);
      assert_true(GST_BUFFER_PTS(out) == frames[i].time);
      if (i == 0 || !frames[i].unsafe || !frames[i - 1].unsafe)
        first = i;
      guint end = i;
      while (end + 1 < n && frames[end + 1].unsafe)
        end++;
      const gboolean must = frames[i].unsafe &&
                            (!interval || frames[end].time - frames[first].time > escape);
      if (must && rig_looks(out) != LOOKS_BLANK)
        fail_msg("run with HYSAC_TEST_SEED=%u: frame %u of %u to %u came out", seed + run, i, first,
                 end);
    }
    assert_int_equal(rig_stat(&rig, "failed"), 0);
    rig_clear(&rig);
  }
}

/* Neither timestamps nor a rate: at full sampling still the very frame, and the order. */
static void
missing_timestamps(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_THREAD, FALSE, FULL, NULL);
  gst_harness_set_src_caps_str(rig.h, "video/x-raw,format=I420,width=64,height=36,framerate=0/1");
  for (guint i = 0; i < 50; i++) {
    GstBuffer *frame = rig_frame(&rig, i == 20 || i == 48 ? FAKE_UNSAFE : FAKE_SAFE);
    GST_BUFFER_PTS(frame) = GST_BUFFER_DURATION(frame) = GST_CLOCK_TIME_NONE;
    assert_int_equal(gst_harness_push(rig.h, frame), GST_FLOW_OK);
  }
  rig_finish(&rig);
  assert_int_equal(rig_n_buffers(&rig), 50);
  for (guint i = 0; i < 50; i++) {
    GstBuffer *out = rig_buffer(&rig, i);
    GstMapInfo map;
    assert_false(GST_BUFFER_PTS_IS_VALID(out));
    gst_buffer_map(out, &map, GST_MAP_READ);
    const gboolean shown = rig_number_of(map.data) == i && map.data[RIG_WIDTH] == rig.shade;
    gst_buffer_unmap(out, &map);
    assert_int_equal(shown, i != 20 && i != 48);
  }
  rig_clear(&rig);
}

/* ------------------------------------------------------------ QoS */

/* Downstream is late and says so: that may cost scorings, never a redaction nor a frame; and upstream
 * hears of it. */
static void
qos_never_bypasses(void **state)
{
  for (guint live = 0; live < 2; live++)
    for (guint64 interval = 0; interval <= 200 * GST_MSECOND; interval += 200 * GST_MSECOND) {
      Rig rig;
      rig_init(&rig, FAKE_AT_ONCE, (gboolean)live, "sample-interval", interval, NULL);
      for (guint i = 0; i < 40; i++) {
        gst_harness_push_upstream_event(
            rig.h, gst_event_new_qos(GST_QOS_TYPE_UNDERFLOW, 10.0, 20 * GST_SECOND, i * RIG_FRAME));
        rig_push(&rig, i >= 10 && i < 30 ? FAKE_UNSAFE : FAKE_SAFE);
      }
      rig_finish(&rig);
      g_autofree char *frames = rig_frames(&rig);
      assert_int_equal(strlen(frames), 40);
      for (guint i = 10; i < 30; i++)
        assert_int_equal(frames[i], 'x');
      assert_int_equal(frames[0], 'o');
      assert_int_equal(rig_stat(&rig, "frames"), 40);
      assert_int_equal(rig_stat(&rig, "failed"), 0);
      guint heard = 0;
      GstEvent *event;
      while ((event = gst_harness_try_pull_upstream_event(rig.h))) {
        heard += GST_EVENT_TYPE(event) == GST_EVENT_QOS;
        gst_event_unref(event);
      }
      assert_int_equal(heard, 40);
      rig_clear(&rig);
    }
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reverse),
      cmocka_unit_test(fast_forward),
      cmocka_unit_test(segment_seek),
      cmocka_unit_test(seeks_in_a_pipeline),
      cmocka_unit_test(variable_rate),
      cmocka_unit_test(missing_timestamps),
      cmocka_unit_test(qos_never_bypasses),
  };
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  gst_deinit(); /* GST_TRACERS=leaks reports here */
  return failed;
}
