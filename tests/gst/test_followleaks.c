/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Sound that would get past the decision: of frames whose ends are not known, of bytes that are no
 * sample, of time that was not decided. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "gst/gsthysacprivate.h"
#include "tests/gst/followrig.h"

#define LEAD "policy-group", "g", "sample-interval", (guint64)0

/* Frames 3 to 5 of 10 are unsafe. */
static void
lead_ten(Rig *rig)
{
  rig_push_n(rig, 3, FAKE_SAFE);
  rig_push_n(rig, 3, FAKE_UNSAFE);
  rig_push_n(rig, 4, FAKE_SAFE);
  rig_finish(rig);
}

static void
assert_heard(Follow *follow, const char *expected)
{
  g_autofree char *heard = follow_heard(follow);
  assert_string_equal(heard, expected);
}

/* What is heard under frames of @duration (may be NONE), each of which has left before the next one
 * comes. From frame @from on none may have let out what is the next one's. */
static char *
heard_one_by_one(const char *caps, const guint64 *ms, const guint8 *codes, guint n,
                 GstClockTime duration, guint from, guint on)
{
  Rig rig;
  Follow follow;
  const GstHysacAxis axis = {0};
  const guint fates = on ? GST_HYSAC_FRAME_UNSAFE : GST_HYSAC_FRAME_UNSAFE | GST_HYSAC_FRAME_FAILED;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, LEAD, NULL);
  gst_harness_set_src_caps_str(rig.h, caps);
  follow_init(&follow, "g", FOLLOW_MS, FALSE, "on", on, NULL);
  GstHysacGroup *group = gst_hysac_group_get("g");
  for (guint i = 0; i < n; i++) {
    GstBuffer *frame = rig_frame(&rig, codes[i]);
    GST_BUFFER_PTS(frame) = ms[i] * GST_MSECOND;
    GST_BUFFER_DURATION(frame) = duration;
    gst_harness_push(rig.h, frame);
    rig_wait_buffers(&rig, i + 1);
    gst_hysac_group_lock(group);
    for (guint64 t = i + 1 < n && i >= from ? ms[i + 1] : G_MAXUINT64; t < ms[n - 1]; t++)
      if (gst_hysac_group_look(group, &axis, fates, (gint64)(t * GST_MSECOND)).kind ==
          GST_HYSAC_RUN_PASS)
        fail_msg("frame %u lets out the sound at %u ms", i, (guint)t);
    gst_hysac_group_unlock(group);
  }
  gst_hysac_group_unref(group);
  rig_finish(&rig);
  follow_push_ms(&follow, ms[0], ms[n - 1] + 40);
  follow_settle(&follow);
  char *heard = follow_heard(&follow);
  follow_clear(&follow);
  rig_clear(&rig);
  return heard;
}

/* A frame's end that is guessed, or said too late, lets out no sound of the next one, though that is
 * not there when the frame goes. */
static void
ends_that_are_not_known(void **state)
{
  static const char variable[] =
      "video/x-raw,format=I420,width=64,height=36,framerate=0/1,colorimetry=bt601,"
      "pixel-aspect-ratio=1/1,interlace-mode=progressive";
  static const guint64 paused[] = {0, 1000, 2000, 2040, 2080, 2120}, even[] = {0, 40, 80, 120};
  static const guint8 codes[] = {FAKE_SAFE,   FAKE_SAFE,   FAKE_SAFE,
                                 FAKE_UNSAFE, FAKE_UNSAFE, FAKE_SAFE};
  g_autofree char *guessed =
      heard_one_by_one(variable, paused, codes, G_N_ELEMENTS(paused), GST_CLOCK_TIME_NONE, 0, 0);
  for (guint i = 0; guessed[i]; i++) /* a redacted one is believed to last as long as the longest */
    assert_int_equal(guessed[i], i < 2040 / 40 ? '-' : 'm');
  static const guint8 one[] = {FAKE_SAFE, FAKE_UNSAFE, FAKE_SAFE, FAKE_SAFE},
                      third[] = {FAKE_SAFE, FAKE_SAFE, FAKE_UNSAFE, FAKE_SAFE},
                      failed[] = {FAKE_ERROR, FAKE_UNSAFE, FAKE_SAFE, FAKE_SAFE};
  g_autofree char *fixed = heard_one_by_one(RIG_CAPS, even, one, 4, 2 * RIG_FRAME, 0, 0);
  assert_string_equal(fixed, "-mm-");
  /* Caps promise nothing, and the first frame's word is all there is. */
  g_autofree char *stated = heard_one_by_one(variable, even, third, 4, 2 * RIG_FRAME, 1, 0);
  assert_string_equal(stated, "--mm");
  g_autofree char *unsafe = heard_one_by_one(RIG_CAPS, even, failed, 4, 2 * RIG_FRAME, 0, 1);
  assert_string_equal(unsafe, "-mm-");
}

/* The next frame tells when the last one ended as soon as it comes, and so does the end of all: a sink
 * that prerolls on a frame of unknown length is not waited for. */
static void
the_next_frame_tells_the_end(void **state)
{
  Rig rig;
  Follow follow;
  rig_init(&rig, FAKE_MANUAL, FALSE, LEAD, NULL);
  gst_harness_set_src_caps_str(rig.h, "video/x-raw,format=I420,width=64,height=36,framerate=0/1,"
                                      "colorimetry=bt601,pixel-aspect-ratio=1/1,"
                                      "interlace-mode=progressive");
  follow_init(&follow, "g", FOLLOW_MS, FALSE, NULL);
  for (guint i = 0; i < 2; i++) {
    GstBuffer *frame = rig_frame(&rig, i ? FAKE_UNSAFE : FAKE_SAFE);
    GST_BUFFER_DURATION(frame) = GST_CLOCK_TIME_NONE;
    gst_harness_push(rig.h, frame);
    if (i == 0) {
      fake_wait_submitted(&rig.fake, 1);
      fake_answer(&rig.fake);
      rig_wait_buffers(&rig, 1);
      follow_push_ms(&follow, 0, 80);
      follow_wait_inside(&follow);
      assert_int_equal(follow_n_buffers(&follow), 0);
    }
  }
  fake_wait_submitted(&rig.fake, 2);
  follow_wait_buffers(&follow, 1); /* the second one is not decided */
  assert_heard(&follow, "-");
  fake_answer(&rig.fake);
  follow_settle(&follow);
  assert_heard(&follow, "-m");
  GstBuffer *frame = rig_frame(&rig, FAKE_SAFE);
  GST_BUFFER_DURATION(frame) = GST_CLOCK_TIME_NONE;
  gst_harness_push(rig.h, frame);
  fake_wait_submitted(&rig.fake, 3);
  fake_answer(&rig.fake);
  rig_wait_buffers(&rig, 3);
  follow_push_ms(&follow, 80, 120);
  rig_finish(&rig);
  follow_settle(&follow);
  assert_heard(&follow, "-m-");
  follow_clear(&follow);
  rig_clear(&rig);
}

/* Bytes behind the last whole sample, or without one, are of no time that could be decided. */
static void
bytes_of_no_sample(void **state)
{
  static const struct {
    GstHysacAction action;
    const char *record;
  } cases[] = {{GST_HYSAC_ACTION_BLUR, "SCGggbb"}, {GST_HYSAC_ACTION_TAG, "SCGggbb"}};
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    Rig rig;
    Follow follow;
    const guint8 loud = cases[i].action == GST_HYSAC_ACTION_TAG ? 0x35 : 0;
    rig_init(&rig, FAKE_AT_ONCE, FALSE, LEAD, "action", cases[i].action, NULL);
    follow_init(&follow, "g",
                "audio/x-raw,format=F64LE,rate=1000,channels=64,layout=interleaved,"
                "channel-mask=(bitmask)0",
                FALSE, NULL);
    rig_push_n(&rig, 3, FAKE_UNSAFE);
    rig_finish(&rig);
    static const gsize sizes[] = {511, 0, 512, 512 + 511};
    for (guint j = 0; j < G_N_ELEMENTS(sizes); j++) {
      GstBuffer *buffer = gst_buffer_new_allocate(NULL, sizes[j], NULL);
      gst_buffer_memset(buffer, 0, 0x35, sizes[j]);
      if (j != 1) /* where a buffer has no timestamp, it begins where the last one ended */
        GST_BUFFER_PTS(buffer) = j * GST_MSECOND;
      GST_BUFFER_DURATION(buffer) = GST_MSECOND;
      follow_buffer(&follow, buffer);
    }
    follow_settle(&follow);
    g_autofree char *record = follow_record(&follow);
    assert_string_equal(record, cases[i].record);
    g_autoptr(GByteArray) bytes = follow_bytes(&follow);
    assert_int_equal(bytes->len, 4 * 512); /* nothing in the first two */
    for (guint j = 0; j < bytes->len; j++)
      assert_int_equal(bytes->data[j], j < 2 * 512 ? 0xee : loud);
    follow_clear(&follow);
    rig_clear(&rig);
  }
}

/* The same where channels lie apart, and the meta says that there is no sample. */
static void
planes_of_no_sample(void **state)
{
  Rig rig;
  Follow follow;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, LEAD, NULL);
  follow_init(&follow, "g",
              "audio/x-raw,format=S16LE,rate=1000,channels=2,layout=non-interleaved,"
              "channel-mask=(bitmask)3",
              FALSE, NULL);
  lead_ten(&rig);
  GstAudioInfo info;
  g_autoptr(GstCaps) caps = gst_pad_get_current_caps(follow.h->srcpad);
  assert_true(gst_audio_info_from_caps(&info, caps));
  GstBuffer *buffer = gst_buffer_new_allocate(NULL, 400, NULL);
  gst_buffer_memset(buffer, 0, 0x35, 400);
  GST_BUFFER_PTS(buffer) = 120 * GST_MSECOND;
  gst_buffer_add_audio_meta(buffer, &info, 100, NULL)->samples = 0;
  follow_buffer(&follow, buffer);
  follow_settle(&follow);
  g_autofree char *record = follow_record(&follow);
  assert_string_equal(record, "SCGg");
  follow_clear(&follow);
  rig_clear(&rig);
}

/* Where all is muted, what comes of the gaps tells that downstream takes no more. */
static void
gaps_tell_of_downstream(void **state)
{
  Rig rig;
  Follow follow;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, LEAD, NULL);
  follow_init(&follow, "g",
              "audio/x-raw,format=S8,rate=1000,channels=2,layout=non-interleaved,"
              "channel-mask=(bitmask)3",
              FALSE, NULL);
  lead_ten(&rig);
  follow_push_ms(&follow, 140, 160);
  follow_settle(&follow);
  assert_int_equal(follow.flow, GST_FLOW_OK);
  gst_pad_set_active(follow.h->sinkpad, FALSE);
  follow_push_ms(&follow, 280, 300); /* passes, and fails */
  follow_push_ms(&follow, 160, 180); /* muted */
  follow_settle(&follow);
  assert_int_equal(follow.flow, GST_FLOW_FLUSHING);
  follow_clear(&follow);
  rig_clear(&rig);
}

/* Backwards, a buffer of redacted and of undecided time is muted, though what is undecided may pass. */
static void
undecided_backwards(void **state)
{
  Rig rig;
  Follow follow;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, LEAD, NULL);
  follow_init(&follow, "g", FOLLOW_MS, FALSE, "on-undecided", 1, NULL);
  rig_push(&rig, FAKE_SAFE);
  rig_push_n(&rig, 4, FAKE_UNSAFE);
  rig_finish(&rig);
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  segment.rate = -1.0;
  segment.stop = segment.position = 240 * GST_MSECOND;
  follow_event(&follow, gst_event_new_segment(&segment));
  follow_push_ms(&follow, 0, 200); /* 40 to 240 ms of running time */
  follow_settle(&follow);
  assert_heard(&follow, "mmmmm");
  follow_clear(&follow);
  rig_clear(&rig);
}

/* Nor do pictures come by the way of the sound. */
static void
sound_without_pictures(void **state)
{
  Follow follow;
  follow_init(&follow, "g", FOLLOW_MS, FALSE, NULL);
  g_autoptr(GstBuffer) image = gst_buffer_new_allocate(NULL, 100, NULL);
  g_autoptr(GstSample) sample = gst_sample_new(image, NULL, NULL, NULL);
  g_autoptr(GstToc) toc = gst_toc_new(GST_TOC_SCOPE_GLOBAL);
  gst_toc_set_tags(toc, gst_tag_list_new(GST_TAG_TITLE, "t", GST_TAG_IMAGE, sample, NULL));
  follow_event(&follow,
               gst_event_new_tag(gst_tag_list_new(GST_TAG_TITLE, "t", GST_TAG_IMAGE, sample, NULL)));
  follow_event(&follow, gst_event_new_toc(toc, FALSE));
  follow_settle(&follow);
  guint seen = 0;
  for (guint i = 0; i < follow.out->len; i++) {
    GstEvent *event = follow.out->pdata[i];
    g_autoptr(GstToc) got = NULL;
    GstTagList *tags = NULL;
    if (GST_EVENT_TYPE(event) == GST_EVENT_TAG) {
      gst_event_parse_tag(event, &tags);
    } else if (GST_EVENT_TYPE(event) == GST_EVENT_TOC) {
      gst_event_parse_toc(event, &got, NULL);
      tags = gst_toc_get_tags(got);
    } else {
      continue;
    }
    seen++;
    assert_int_equal(gst_tag_list_get_tag_size(tags, GST_TAG_TITLE), 1);
    assert_int_equal(gst_tag_list_get_tag_size(tags, GST_TAG_IMAGE), 0);
  }
  assert_int_equal(seen, 2);
  follow_clear(&follow);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(ends_that_are_not_known),
      cmocka_unit_test(the_next_frame_tells_the_end),
      cmocka_unit_test(bytes_of_no_sample),
      cmocka_unit_test(planes_of_no_sample),
      cmocka_unit_test(undecided_backwards),
      cmocka_unit_test(gaps_tell_of_downstream),
      cmocka_unit_test(sound_without_pictures),
  };
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  gst_deinit(); /* GST_TRACERS=leaks reports here */
  return failed;
}
