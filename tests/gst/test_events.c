/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Everything that flows beside the frames: order, tags, gaps, caps, EOS. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "gst/gsthysacprivate.h"
#include "tests/gst/rigtext.h"

#define FULL "sample-interval", (guint64)0

/* Tags, segments, gaps and caps leave in their place among frames that were decided out of order.
 */
static void
order_of_events(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_MANUAL, FALSE, FULL, NULL);
  rig_push_n(&rig, 2, FAKE_SAFE);
  rig_push_event(&rig, gst_event_new_tag(gst_tag_list_new(GST_TAG_TITLE, "t", NULL)));
  rig_push_n(&rig, 1, FAKE_UNSAFE);
  rig_push_event(&rig, rig_segment(0, 0));
  rig_push_n(&rig, 1, FAKE_SAFE);
  rig_push_event(&rig, gst_event_new_gap(4 * RIG_FRAME, RIG_FRAME));
  rig.next = 5;
  rig_push_n(&rig, 1, FAKE_SAFE);
  assert_int_equal(rig_n_buffers(&rig), 0);
  fake_answer_all(&rig.fake);
  rig_finish(&rig);
  rig_assert_record(&rig, "SCGooTxGogoE");
  rig_clear(&rig);
}

static const char *const with_pictures[] = {GST_TAG_IMAGE, GST_TAG_PREVIEW_IMAGE, GST_TAG_ATTACHMENT,
                                            GST_TAG_PRIVATE_DATA};

/* A title and a date, and a picture in each of those. */
static GstTagList *
new_tags(void)
{
  g_autoptr(GstBuffer) image = gst_buffer_new_allocate(NULL, 100, NULL);
  g_autoptr(GstSample) sample = gst_sample_new(image, NULL, NULL, NULL);
  g_autoptr(GstDateTime) date = gst_date_time_new_y(2026);
  GstTagList *tags = gst_tag_list_new(GST_TAG_TITLE, "t", GST_TAG_DATE_TIME, date, GST_TAG_TRACK_NUMBER,
                                      3u, GST_TAG_BEATS_PER_MINUTE, 60.0, NULL);
  for (guint i = 0; i < G_N_ELEMENTS(with_pictures); i++)
    gst_tag_list_add(tags, GST_TAG_MERGE_APPEND, with_pictures[i], sample, NULL);
  return tags;
}

static void
assert_tags(const GstTagList *tags, gboolean pictures)
{
  for (guint i = 0; i < G_N_ELEMENTS(with_pictures); i++)
    assert_int_equal(gst_tag_list_get_tag_size(tags, with_pictures[i]), pictures ? 1 : 0);
  static const char *const plain[] = {GST_TAG_TITLE, GST_TAG_DATE_TIME, GST_TAG_TRACK_NUMBER,
                                      GST_TAG_BEATS_PER_MINUTE};
  for (guint i = 0; i < G_N_ELEMENTS(plain); i++)
    assert_int_equal(gst_tag_list_get_tag_size(tags, plain[i]), 1);
}

/* Pictures in tags are not moderated: they stay behind, the other tags pass. */
static void
tags_without_pictures(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, NULL);
  rig_push(&rig, FAKE_UNSAFE);
  g_autoptr(GstEvent) event = gst_event_new_tag(new_tags());
  GstTagList *global = new_tags();
  gst_tag_list_set_scope(global, GST_TAG_SCOPE_GLOBAL);
  gst_event_set_running_time_offset(event, 77);
  rig_push_event(&rig, gst_event_ref(event));
  rig_push_event(&rig, gst_event_new_tag(global));
  rig_finish(&rig);
  rig_assert_record(&rig, "SCGxTTE");
  GstTagList *tags;
  for (guint i = 4; i < 6; i++) {
    gst_event_parse_tag(rig.out->pdata[i], &tags);
    assert_tags(tags, FALSE);
    assert_int_equal(gst_tag_list_get_scope(tags), i == 4 ? GST_TAG_SCOPE_STREAM : GST_TAG_SCOPE_GLOBAL);
  }
  assert_int_equal(gst_event_get_seqnum(rig.out->pdata[4]), gst_event_get_seqnum(event));
  assert_int_equal(gst_event_get_running_time_offset(rig.out->pdata[4]), 77);
  gst_event_parse_tag(event, &tags); /* somebody else's */
  assert_tags(tags, TRUE);
  rig_clear(&rig);
}

/* The same of a table of contents, its entries and theirs. @at: who has pictures: 0 itself, 1 an entry, 2
 * an entry's entry. */
static GstToc *
new_toc(guint at)
{
  GstToc *toc = gst_toc_new(GST_TOC_SCOPE_GLOBAL);
  GstTocEntry *edition = gst_toc_entry_new(GST_TOC_ENTRY_TYPE_EDITION, "edition");
  GstTocEntry *chapter = gst_toc_entry_new(GST_TOC_ENTRY_TYPE_CHAPTER, "chapter");
  gst_toc_entry_set_start_stop_times(chapter, 5, 9);
  if (at == 0)
    gst_toc_set_tags(toc, new_tags());
  else
    gst_toc_entry_set_tags(at == 1 ? edition : chapter, new_tags());
  gst_toc_entry_append_sub_entry(edition, chapter);
  gst_toc_append_entry(toc, edition);
  return toc;
}

static void
assert_toc(GstEvent *event, guint at, gboolean pictures)
{
  g_autoptr(GstToc) toc = NULL;
  gboolean updated;
  gint64 start, stop;
  gst_event_parse_toc(event, &toc, &updated);
  assert_true(updated);
  GstTocEntry *edition = gst_toc_find_entry(toc, "edition");
  GstTocEntry *chapter = gst_toc_find_entry(toc, "chapter");
  assert_true(gst_toc_entry_get_start_stop_times(chapter, &start, &stop) && start == 5 && stop == 9);
  assert_tags(at == 0   ? gst_toc_get_tags(toc)
              : at == 1 ? gst_toc_entry_get_tags(edition)
                        : gst_toc_entry_get_tags(chapter),
              pictures);
}

static void
contents_without_pictures(void **state)
{
  for (guint at = 0; at < 3; at++) {
    Rig rig;
    rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, NULL);
    rig_push(&rig, FAKE_SAFE);
    g_autoptr(GstToc) toc = new_toc(at);
    g_autoptr(GstEvent) event = gst_event_new_toc(toc, TRUE);
    rig_push_event(&rig, gst_event_ref(event));
    rig_finish(&rig);
    rig_assert_record(&rig, "SCGo.E");
    assert_toc(rig.out->pdata[4], at, FALSE);
    assert_int_equal(gst_event_get_seqnum(rig.out->pdata[4]), gst_event_get_seqnum(event));
    assert_toc(event, at, TRUE);
    rig_clear(&rig);
  }
}

/* The last frame before a boundary is scored, and no cover reaches over it. */
static void
boundaries_are_scored(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, "sample-interval", 10 * GST_SECOND, NULL);
  rig_push_n(&rig, 3, FAKE_SAFE); /* 0 1 2 */
  rig_push_event(&rig, rig_segment(0, 0));
  rig_push_n(&rig, 3, FAKE_UNSAFE);              /* 3 4 5 */
  GstBuffer *frame = rig_frame(&rig, FAKE_SAFE); /* 6 7 8 */
  GST_BUFFER_FLAG_SET(frame, GST_BUFFER_FLAG_DISCONT);
  gst_harness_push(rig.h, frame);
  rig_push_n(&rig, 2, FAKE_SAFE);
  rig_push_event(&rig, gst_event_new_gap(9 * RIG_FRAME, RIG_FRAME));
  rig.next = 10;
  rig_push_n(&rig, 2, FAKE_SAFE); /* 10 11 */
  rig_finish(&rig);
  const guint32 samples[] = {0, 2, 3, 5, 6, 8, 10, 11};
  for (guint i = 0; i < G_N_ELEMENTS(samples); i++)
    assert_true(fake_was_scored(&rig.fake, samples[i]));
  assert_int_equal(fake_n_submitted(&rig.fake), G_N_ELEMENTS(samples));
  rig_assert_record(&rig, "SCGoooGxxxooogooE");
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

/* EOS drains what is held, in order, deciding it with the samples there are. */
static void
eos_drains(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_THREAD, FALSE, "sample-interval", 10 * GST_SECOND, "pre-roll",
           200 * GST_MSECOND, "confirm-k", 2, "confirm-n", 3, NULL);
  rig_push_n(&rig, 10, FAKE_SAFE);
  rig_finish(&rig);
  rig_assert_record(&rig, "SCGooooooooooE");
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
  assert_true(rig_push_event(&rig, gst_event_new_stream_start("second")));
  g_autoptr(GstCaps) caps = gst_caps_from_string(RIG_CAPS);
  rig_push_event(&rig, gst_event_new_caps(caps));
  rig_push_event(&rig, rig_segment(0, 0));
  rig_push_n(&rig, 1, FAKE_UNSAFE);
  rig_wait_buffers(&rig, 2);
  assert_int_equal(rig_looks(rig_buffer(&rig, 1)), LOOKS_BLANK);
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
    assert_true(rig_push_event(&rig, gst_event_new_gap((3 + i) * RIG_FRAME, RIG_FRAME)));
  rig_wait_buffers(&rig, 3);
  for (guint i = 0; i < 3; i++)
    assert_string_equal(rig_verdict(rig_buffer(&rig, i)), "safe");
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
      cmocka_unit_test(contents_without_pictures),
      cmocka_unit_test(boundaries_are_scored),
      cmocka_unit_test(caps_change_with_frames_held),
      cmocka_unit_test(eos_drains),
      cmocka_unit_test(stream_after_eos),
      cmocka_unit_test(gaps_do_not_stall),
      cmocka_unit_test(only_known_caps),
  };
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  gst_deinit(); /* GST_TRACERS=leaks reports here */
  return failed;
}
