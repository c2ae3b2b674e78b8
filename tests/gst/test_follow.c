/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which samples follow: exact to the sample, in every format, by what was done to the
 * frames. */
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

/* Sample n of rate r lies in frame k where k/25 <= n/r < (k+1)/25. */
static void
exact(const char *format, guint rate, guint channels, const guint8 *silence, gsize width,
      guint64 step)
{
  Rig rig;
  Follow follow;
  g_autofree char *caps =
      g_strdup_printf("audio/x-raw,format=%s,rate=%u,channels=%u,layout=interleaved,"
                      "channel-mask=(bitmask)0",
                      format, rate, channels);
  rig_init(&rig, FAKE_AT_ONCE, FALSE, LEAD, NULL);
  follow_init(&follow, "g", caps, FALSE, NULL);
  lead_ten(&rig);
  const guint64 n = rate * 2 / 5;
  for (guint64 at = 0; at < n; at += step)
    follow_buffer(&follow, follow_sound(&follow, at, MIN(step, n - at)));
  follow_settle(&follow);
  g_autoptr(GByteArray) bytes = follow_bytes(&follow);
  assert_int_equal(bytes->len, n * channels * width);
  for (guint64 i = 0; i < n; i++) {
    const gboolean muted = 25 * i >= 3 * rate && 25 * i < 6 * rate;
    for (guint j = 0; j < channels * width; j++)
      if (bytes->data[i * channels * width + j] != (muted ? silence[j % width] : 0x35))
        fail_msg("%s, %u Hz, by %u: byte %u of sample %u is 0x%02x", format, rate, (guint)step, j,
                 (guint)i, bytes->data[i * channels * width + j]);
  }
  assert_int_equal(follow_stat(&follow, "muted"), (6 * rate + 24) / 25 - (3 * rate + 24) / 25);
  assert_int_equal(follow_stat(&follow, "undecided"), 0);
  follow_clear(&follow);
  rig_clear(&rig);
}

static void
exact_in_every_format(void **state)
{
  static const struct {
    const char *format;
    gsize width;
    guint8 silence[8];
  } formats[] = {
      {"S8", 1, {0}},          {"U8", 1, {0x80}},           {"S16LE", 2, {0}},
      {"S16BE", 2, {0}},       {"U16LE", 2, {0x00, 0x80}},  {"U16BE", 2, {0x80, 0x00}},
      {"S24LE", 3, {0}},       {"U24BE", 3, {0x80, 0, 0}},  {"S24_32LE", 4, {0}},
      {"S20LE", 3, {0}},       {"S32LE", 4, {0}},           {"U32BE", 4, {0x80, 0, 0, 0}},
      {"F32LE", 4, {0}},       {"F32BE", 4, {0}},           {"F64LE", 8, {0}},
  };
  for (guint i = 0; i < G_N_ELEMENTS(formats); i++)
    exact(formats[i].format, 44100, 1 + i % 3, formats[i].silence, formats[i].width, 1000 + i);
}

static void
exact_at_every_rate(void **state)
{
  static const guint rates[] = {1, 7999, 8000, 11025, 22050, 32000, 44056, 48000, 96000, 384000};
  static const guint8 zero[2];
  for (guint i = 0; i < G_N_ELEMENTS(rates); i++) {
    exact("S16LE", rates[i], 2, zero, 2, rates[i] / 50 + 1);
    exact("S16LE", rates[i], 1, zero, 2, rates[i]); /* all in one buffer */
  }
}

/* Frames whose times are no whole ns, rounded down, up, or to the nearest; sound the same. The
 * sample with which a frame begins is still its first. */
static void
exact_in_spite_of_rounding(void **state)
{
  static const struct {
    guint64 n, d, rate;
  } cases[] = {{30, 1, 48000}, {30000, 1001, 48000}, {24000, 1001, 48000}, {60, 1, 44100}, {25, 1, 44100}};
  for (guint i = 0; i < 3 * G_N_ELEMENTS(cases); i++) {
    const guint64 n = cases[i / 3].n, d = cases[i / 3].d, rate = cases[i / 3].rate;
    guint64 (*scale)(guint64, guint64, guint64) = i % 3 == 0   ? gst_util_uint64_scale
                                                  : i % 3 == 1 ? gst_util_uint64_scale_ceil
                                                               : gst_util_uint64_scale_round;
    g_autofree char *caps = g_strdup_printf(
        "audio/x-raw,format=S8,rate=%u,channels=1,layout=interleaved", (guint)rate);
    Follow follow;
    follow_init(&follow, "g", caps, FALSE, NULL);
    GstHysacGroup *group = gst_hysac_group_get("g");
    assert_true(gst_hysac_group_lead(group, follow.element)); /* as good as any */
    for (guint64 k = 0; k < 60; k++)
      gst_hysac_group_publish(group, (gint64)scale(k * d, GST_SECOND, n),
                              (gint64)scale((k + 1) * d, GST_SECOND, n),
                              k % 3 == 1 ? GST_HYSAC_FRAME_UNSAFE : GST_HYSAC_FRAME_PASSED);
    const guint64 total = 59 * rate * d / n;
    for (guint64 at = 0; at < total; at += 1024)
      follow_buffer(&follow, follow_sound(&follow, at, MIN(1024, total - at)));
    follow_settle(&follow);
    g_autoptr(GByteArray) bytes = follow_bytes(&follow);
    assert_int_equal(bytes->len, total);
    for (guint64 j = 0; j < total; j++)
      if ((bytes->data[j] == 0) != (j * n / (rate * d) % 3 == 1))
        fail_msg("%u/%u: sample %u of frame %g", (guint)n, (guint)d, (guint)j,
                 (double)(j * n) / (double)(rate * d));
    gst_hysac_group_resign(group, follow.element);
    gst_hysac_group_unref(group);
    follow_clear(&follow);
  }
}

/* Channels one after another in memory that others hold: theirs is not touched. */
static void
planar(void **state)
{
  Rig rig;
  Follow follow;
  const guint channels = 2, n = 4410, pad = 12;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, LEAD, NULL);
  follow_init(&follow, "g",
              "audio/x-raw,format=F32LE,rate=44100,channels=2,layout=non-interleaved,"
              "channel-mask=(bitmask)3",
              FALSE, NULL);
  lead_ten(&rig);
  GstAudioInfo info;
  g_autoptr(GstCaps) caps = gst_pad_get_current_caps(follow.h->srcpad);
  assert_true(gst_audio_info_from_caps(&info, caps));
  g_autoptr(GstBuffer) mine = gst_buffer_new_allocate(NULL, channels * (4 * n + pad), NULL);
  gst_buffer_memset(mine, 0, 0x35, channels * (4 * n + pad));
  gsize offsets[] = {pad, 4 * n + 2 * pad};
  gst_buffer_add_audio_meta(mine, &info, n, offsets);
  GST_BUFFER_PTS(mine) = 100 * GST_MSECOND;
  follow_buffer(&follow, gst_buffer_ref(mine));
  follow_settle(&follow);
  assert_int_equal(follow_n_buffers(&follow), 1);
  GstMapInfo map;
  for (guint i = 0; i < follow.out->len; i++) {
    GstBuffer *out = follow.out->pdata[i];
    if (!GST_IS_BUFFER(out))
      continue;
    GstAudioBuffer audio;
    assert_true(gst_audio_buffer_map(&audio, &info, out, GST_MAP_READ));
    assert_int_equal(audio.n_samples, n);
    for (guint c = 0; c < channels; c++)
      for (guint j = 0; j < n * 4; j++) {
        const guint sample = 4410 + j / 4; /* 120 and 240 ms are 5292 and 10584 */
        assert_int_equal(((guint8 *)audio.planes[c])[j], sample >= 5292 ? 0 : 0x35);
      }
    gst_audio_buffer_unmap(&audio);
  }
  gst_buffer_map(mine, &map, GST_MAP_READ);
  for (gsize i = 0; i < map.size; i++)
    assert_int_equal(map.data[i], 0x35);
  gst_buffer_unmap(mine, &map);
  follow_clear(&follow);
  rig_clear(&rig);
}

/* Planar, and nothing says where its channels are: it cannot be silenced, so it goes only where all
 * of it passes. */
static void
what_cannot_be_silenced_is_dropped(void **state)
{
  Rig rig;
  Follow follow;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, LEAD, NULL);
  follow_init(&follow, "g",
              "audio/x-raw,format=S8,rate=1000,channels=2,layout=non-interleaved,"
              "channel-mask=(bitmask)3",
              FALSE, NULL);
  lead_ten(&rig);
  follow_push_ms(&follow, 0, 100);
  follow_push_ms(&follow, 100, 200);
  follow_push_ms(&follow, 300, 400);
  follow_settle(&follow);
  g_autofree char *record = follow_record(&follow);
  assert_string_equal(record, "SCGbgb");
  follow_clear(&follow);
  rig_clear(&rig);
}

/* A buffer that others hold is silenced in a copy, and what tells of its sound does not come along. */
static void
shared_sound(void **state)
{
  Rig rig;
  Follow follow;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, LEAD, NULL);
  follow_init(&follow, "g", FOLLOW_MS, FALSE, NULL);
  lead_ten(&rig);
  g_autoptr(GstBuffer) mine = follow_sound(&follow, 0, 400);
  gst_buffer_add_audio_level_meta(mine, 30, TRUE);
  follow_buffer(&follow, gst_buffer_ref(mine));
  follow_settle(&follow);
  assert_heard(&follow, "---mmm----");
  for (guint i = 0; i < follow.out->len; i++)
    if (GST_IS_BUFFER(follow.out->pdata[i]))
      assert_null(gst_buffer_get_audio_level_meta(GST_BUFFER(follow.out->pdata[i])));
  assert_int_equal(gst_buffer_memcmp(mine, 0, "\x35\x35\x35", 3), 0);
  guint8 middle = 0;
  gst_buffer_extract(mine, 130, &middle, 1);
  assert_int_equal(middle, 0x35);
  follow_clear(&follow);
  rig_clear(&rig);
}

/* What is followed is what was done to the frame. */
static void
follows_what_was_done(void **state)
{
  static const struct {
    GstHysacAction action;
    GstHysacOnFailure on_failure;
    gint on; /* hysacfollow's */
    const char *heard;
  } cases[] = {
      /* frames: safe, failed, unsafe, safe */
      {GST_HYSAC_ACTION_BLUR, GST_HYSAC_ON_FAILURE_REDACT, 0, "-mm-"},
      {GST_HYSAC_ACTION_DROP, GST_HYSAC_ON_FAILURE_REDACT, 0, "-mm-"},
      {GST_HYSAC_ACTION_BLANK, GST_HYSAC_ON_FAILURE_PASS, 0, "--m-"},
      {GST_HYSAC_ACTION_TAG, GST_HYSAC_ON_FAILURE_REDACT, 0, "-m--"},
      {GST_HYSAC_ACTION_TAG, GST_HYSAC_ON_FAILURE_PASS, 0, "----"},
      {GST_HYSAC_ACTION_BLUR, GST_HYSAC_ON_FAILURE_REDACT, 1, "--m-"},
      {GST_HYSAC_ACTION_DROP, GST_HYSAC_ON_FAILURE_REDACT, 1, "--m-"},
  };
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    Rig rig;
    Follow follow;
    rig_init(&rig, FAKE_AT_ONCE, FALSE, LEAD, "action", cases[i].action, "on-failure",
             cases[i].on_failure, NULL);
    follow_init(&follow, "g", FOLLOW_MS, FALSE, "on", cases[i].on, NULL);
    const guint8 codes[] = {FAKE_SAFE, FAKE_ERROR, FAKE_UNSAFE, FAKE_SAFE};
    for (guint j = 0; j < G_N_ELEMENTS(codes); j++)
      rig_push(&rig, codes[j]);
    rig_finish(&rig);
    follow_push_ms(&follow, 0, 160);
    follow_settle(&follow);
    g_autofree char *heard = follow_heard(&follow);
    if (strcmp(heard, cases[i].heard) != 0)
      fail_msg("case %u: %s, expected %s", i, heard, cases[i].heard);
    follow_clear(&follow);
    rig_clear(&rig);
  }
}

/* Sound that comes first waits; once its frames are decided it follows. Each part goes when it is
 * decided, so that a leader stuck in a sink that waits for sound is not waited for. */
static void
waits_for_the_decision(void **state)
{
  Rig rig;
  Follow follow;
  rig_init(&rig, FAKE_MANUAL, FALSE, LEAD, NULL);
  follow_init(&follow, "g", FOLLOW_MS, FALSE, NULL);
  follow_push_ms(&follow, 0, 160);
  rig_push(&rig, FAKE_SAFE);
  rig_push(&rig, FAKE_UNSAFE);
  rig_push_n(&rig, 2, FAKE_SAFE);
  fake_wait_submitted(&rig.fake, 4);
  assert_int_equal(follow_n_buffers(&follow), 0);
  fake_answer(&rig.fake);
  follow_wait_buffers(&follow, 1);
  assert_true(follow_is_blocked(&follow));
  assert_heard(&follow, "-");
  fake_answer(&rig.fake);
  follow_wait_buffers(&follow, 2);
  assert_heard(&follow, "-m");
  fake_answer_all(&rig.fake);
  follow_settle(&follow);
  assert_heard(&follow, "-m--");
  follow_clear(&follow);
  rig_clear(&rig);
}

/* Durations rounded up, or guessed: a frame that passes does not let the sound of the next one pass,
 * while that one is not decided. */
static void
overlapping_frames(void **state)
{
  Rig rig;
  Follow follow;
  rig_init(&rig, FAKE_MANUAL, FALSE, LEAD, NULL);
  follow_init(&follow, "g", FOLLOW_MS, FALSE, NULL);
  follow_push_ms(&follow, 0, 120);
  const guint8 codes[] = {FAKE_SAFE, FAKE_UNSAFE, FAKE_SAFE};
  for (guint i = 0; i < G_N_ELEMENTS(codes); i++) {
    GstBuffer *frame = rig_frame(&rig, codes[i]);
    GST_BUFFER_DURATION(frame) = 3 * RIG_FRAME;
    gst_harness_push(rig.h, frame);
  }
  fake_wait_submitted(&rig.fake, 3);
  fake_answer(&rig.fake);
  follow_wait_buffers(&follow, 1);
  assert_heard(&follow, "-");
  fake_answer_all(&rig.fake);
  follow_settle(&follow);
  assert_heard(&follow, "-mm"); /* and a redacted one is redacted to its end */
  follow_clear(&follow);
  rig_clear(&rig);
}

/* Events stay in their place among data that wait. */
static void
order_of_events(void **state)
{
  Rig rig;
  Follow follow;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, LEAD, NULL);
  follow_init(&follow, "g", FOLLOW_MS, FALSE, NULL);
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  follow_push_ms(&follow, 0, 40);
  follow_event(&follow, gst_event_new_gap(40 * GST_MSECOND, 40 * GST_MSECOND));
  follow_push_ms(&follow, 80, 120);
  follow_event(&follow, gst_event_new_tag(gst_tag_list_new(GST_TAG_TITLE, "t", NULL)));
  segment.base = 120 * GST_MSECOND; /* the next one's 0 is running time 120 ms */
  follow_event(&follow, gst_event_new_segment(&segment));
  GstBuffer *sound = follow_sound(&follow, 0, 40);
  GST_BUFFER_OFFSET(sound) = 77;
  follow_buffer(&follow, sound);
  follow_event(&follow, gst_event_new_eos());
  lead_ten(&rig);
  follow_settle(&follow);
  g_autofree char *record = follow_record(&follow);
  assert_string_equal(record, "SCGbgbTGbE");
  GstBuffer *last = follow.out->pdata[8];
  guint8 byte = 1;
  gst_buffer_extract(last, 0, &byte, 1);
  assert_int_equal(byte, 0); /* frame 3 */
  assert_true(GST_BUFFER_FLAG_IS_SET(last, GST_BUFFER_FLAG_GAP));
  follow_clear(&follow);
  rig_clear(&rig);
}

/* New caps in the middle: each buffer is silenced by its own. */
static void
caps_change(void **state)
{
  Rig rig;
  Follow follow;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, LEAD, NULL);
  follow_init(&follow, "g", FOLLOW_MS, FALSE, NULL);
  lead_ten(&rig);
  follow_push_ms(&follow, 0, 160);
  g_autoptr(GstCaps) caps =
      gst_caps_from_string("audio/x-raw,format=U8,rate=2000,channels=1,layout=interleaved");
  follow_event(&follow, gst_event_new_caps(caps));
  follow_settle(&follow);
  follow_buffer(&follow, follow_sound(&follow, 320, 480)); /* 160 to 400 ms */
  follow_settle(&follow);
  GstBuffer *last = follow.out->pdata[follow.out->len - 1];
  guint8 bytes[480];
  assert_int_equal(gst_buffer_extract(last, 0, bytes, sizeof bytes), sizeof bytes);
  for (guint i = 0; i < sizeof bytes; i++)
    assert_int_equal(bytes[i], i < 160 ? 0x80 : 0x35);
  follow_clear(&follow);
  rig_clear(&rig);
}

/* Twice the speed: a second of running time is two of sound and of pictures. Backwards, a buffer is
 * muted whole. */
static void
other_rates(void **state)
{
  for (gint rate = 2; rate >= -1; rate -= 3) {
    Rig rig;
    Follow follow;
    rig_init(&rig, FAKE_AT_ONCE, FALSE, LEAD, NULL);
    follow_init(&follow, "g", FOLLOW_MS, FALSE, NULL);
    GstSegment segment;
    gst_segment_init(&segment, GST_FORMAT_TIME);
    segment.rate = rate;
    segment.stop = 400 * GST_MSECOND;
    gst_harness_push_event(rig.h, gst_event_new_segment(&segment));
    follow_event(&follow, gst_event_new_segment(&segment));
    if (rate > 0) {
      lead_ten(&rig);
      follow_push_ms(&follow, 0, 400);
    } else {
      for (guint i = 0; i < 10; i++) { /* frames 9 to 0; 5, 4 and 3 are unsafe */
        rig.next = 9 - i;
        rig_push(&rig, i >= 4 && i < 7 ? FAKE_UNSAFE : FAKE_SAFE);
      }
      rig_finish(&rig);
      for (guint i = 0; i < 5; i++) /* 240 to 320 ms is frames 7 and 6, 160 to 240 is 5 and 4 */
        follow_push_ms(&follow, 320 - 80 * i, 400 - 80 * i);
    }
    follow_settle(&follow);
    assert_heard(&follow, rate > 0 ? "---mmm----" : "--mmmm----");
    follow_clear(&follow);
    rig_clear(&rig);
  }
}

/* Monitor: under the verdict of that moment. */
static void
monitor(void **state)
{
  Rig rig;
  Follow follow;
  rig_init(&rig, FAKE_MANUAL, FALSE, LEAD, "mode", GST_HYSAC_MODE_MONITOR, NULL);
  follow_init(&follow, "g", FOLLOW_MS, FALSE, NULL);
  const guint8 codes[] = {FAKE_SAFE, FAKE_SAFE, FAKE_UNSAFE, FAKE_SAFE};
  for (guint i = 0; i < G_N_ELEMENTS(codes); i++) {
    rig_push(&rig, codes[i]);
    rig_wait_buffers(&rig, i + 1);
    fake_answer(&rig.fake);
  }
  rig_finish(&rig);
  follow_push_ms(&follow, 0, 160);
  follow_settle(&follow);
  assert_heard(&follow, "m--m"); /* stale, safe, safe, and the third's verdict on the fourth */
  follow_clear(&follow);
  rig_clear(&rig);
}

/* What a moderator takes away goes with its sound. */
static void
dumped(void **state)
{
  Rig rig;
  Follow follow;
  gboolean ok = FALSE;
  rig_init(&rig, FAKE_MANUAL, FALSE, LEAD, NULL);
  follow_init(&follow, "g", FOLLOW_MS, FALSE, NULL);
  follow_push_ms(&follow, 0, 200);
  rig_push_n(&rig, 3, FAKE_SAFE);
  fake_wait_submitted(&rig.fake, 3);
  g_signal_emit_by_name(rig.element, "dump", (guint64)1, &ok);
  assert_true(ok);
  rig_push_n(&rig, 2, FAKE_SAFE);
  fake_wait_submitted(&rig.fake, 5);
  fake_answer_all(&rig.fake);
  rig_finish(&rig);
  follow_settle(&follow);
  g_autofree char *seen = rig_frames(&rig), *heard = follow_heard(&follow);
  for (guint i = 0; seen[i]; i++)
    seen[i] = seen[i] == 'o' ? '-' : 'm';
  assert_string_equal(heard, seen);
  assert_true(g_str_has_prefix(heard, "mmm"));
  follow_clear(&follow);
  rig_clear(&rig);
}

/* Several follow one leader, and groups of other names do not meet. */
static void
groups_do_not_mix(void **state)
{
  Rig a, b;
  Follow first, second, other;
  rig_init(&a, FAKE_AT_ONCE, FALSE, LEAD, NULL);
  rig_init(&b, FAKE_AT_ONCE, FALSE, "policy-group", "other", "sample-interval", (guint64)0, NULL);
  follow_init(&first, "g", FOLLOW_MS, FALSE, NULL);
  follow_init(&second, "g", FOLLOW_MS, FALSE, NULL);
  follow_init(&other, "other", FOLLOW_MS, FALSE, NULL);
  assert_int_equal(gst_hysac_group_count(), 2);
  rig_push(&a, FAKE_SAFE);
  rig_push(&a, FAKE_UNSAFE);
  rig_push(&b, FAKE_UNSAFE);
  rig_push(&b, FAKE_SAFE);
  follow_push_ms(&first, 0, 80);
  follow_push_ms(&second, 0, 80);
  follow_push_ms(&other, 0, 80);
  follow_settle(&first);
  follow_settle(&second);
  follow_settle(&other);
  assert_heard(&first, "-m");
  assert_heard(&second, "-m");
  assert_heard(&other, "m-");
  follow_clear(&first);
  follow_clear(&second);
  follow_clear(&other);
  rig_clear(&a);
  rig_clear(&b);
  assert_int_equal(gst_hysac_group_count(), 0);
}

/* Both sides on threads of their own, any content, any sizes of buffers. */
static void
random_streams(void **state)
{
  const guint seed = rig_seed();
  g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
  for (guint run = 0; run < 20; run++) {
    Rig rig;
    Follow follow;
    guint8 codes[100];
    rig_init(&rig, FAKE_THREAD, FALSE, LEAD, NULL);
    rig.fake.seed = seed + run;
    follow_init(&follow, "g", FOLLOW_MS, FALSE, NULL);
    for (guint64 at = 0; at < 4000;) {
      const guint64 any = (guint64)g_rand_int_range(rand, 1, 200), n = MIN(any, 4000 - at);
      follow_push_ms(&follow, at, at + n);
      at += n;
    }
    for (guint i = 0; i < G_N_ELEMENTS(codes); i++) {
      codes[i] = g_rand_int_range(rand, 0, 3) ? FAKE_SAFE : FAKE_UNSAFE;
      rig_push(&rig, codes[i]);
    }
    rig_finish(&rig);
    follow_settle(&follow);
    g_autofree char *heard = follow_heard(&follow), *seen = rig_frames(&rig);
    for (guint i = 0; seen[i]; i++)
      seen[i] = seen[i] == 'o' ? '-' : 'm';
    assert_string_equal(heard, seen);
    for (guint i = 0; i < G_N_ELEMENTS(codes); i++)
      assert_true(codes[i] == FAKE_SAFE || heard[i] == 'm');
    follow_clear(&follow);
    rig_clear(&rig);
  }
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(exact_in_every_format),
      cmocka_unit_test(exact_at_every_rate),
      cmocka_unit_test(exact_in_spite_of_rounding),
      cmocka_unit_test(planar),
      cmocka_unit_test(what_cannot_be_silenced_is_dropped),
      cmocka_unit_test(shared_sound),
      cmocka_unit_test(follows_what_was_done),
      cmocka_unit_test(waits_for_the_decision),
      cmocka_unit_test(overlapping_frames),
      cmocka_unit_test(order_of_events),
      cmocka_unit_test(caps_change),
      cmocka_unit_test(other_rates),
      cmocka_unit_test(monitor),
      cmocka_unit_test(dumped),
      cmocka_unit_test(groups_do_not_mix),
      cmocka_unit_test(random_streams),
  };
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  gst_deinit(); /* GST_TRACERS=leaks reports here */
  return failed;
}
