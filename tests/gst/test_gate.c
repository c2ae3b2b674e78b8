/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The gate, not live: what passes and what does not, by the rules of docs/architecture.md. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "gst/gsthysacmeta.h"
#include "gst/gsthysacprivate.h"
#include "tests/gst/rigtext.h"

#define FULL "sample-interval", (guint64)0

/* Bursts of random length at random places, answers in random order: no unsafe frame and no frame
 * of a failed sample comes out; nothing else is redacted, but for what the flicker limit holds on.
 */
static void
no_leak_at_full_sampling(void **state)
{
  g_autoptr(GRand) rand = g_rand_new_with_seed(rig_seed());
  for (guint run = 0; run < 20; run++) {
    Rig rig;
    rig_init(&rig, FAKE_THREAD, FALSE, FULL, NULL);
    rig.fake.seed = g_rand_int(rand);
    const guint n = 150;
    guint8 codes[150];
    memset(codes, FAKE_SAFE, n);
    for (guint burst = 0; burst < 4; burst++) {
      const guint start = (guint)g_rand_int_range(rand, 0, (gint)n);
      const guint length = (guint)g_rand_int_range(rand, 1, 30);
      const guint8 kinds[] = {FAKE_UNSAFE, FAKE_UNSAFE, FAKE_ERROR, FAKE_NAN};
      const guint8 code = kinds[g_rand_int_range(rand, 0, 4)];
      for (guint i = start; i < MIN(start + length, n); i++)
        codes[i] = code;
    }
    for (guint i = 0; i < n; i++)
      assert_int_equal(rig_push(&rig, codes[i]), GST_FLOW_OK);
    rig_finish(&rig);

    assert_int_equal(rig_n_buffers(&rig), n);
    guint held_on = 0;
    for (guint i = 0; i < n; i++) {
      GstBuffer *out = rig_buffer(&rig, i);
      assert_int_equal(rig_number(out), i);
      if (codes[i] != FAKE_SAFE) {
        assert_int_equal(rig_looks(out), LOOKS_BLANK);
        /* A failed sample does not end an interval: inside one it may be called unsafe. */
        if (codes[i] == FAKE_UNSAFE)
          assert_string_equal(rig_verdict(out), "unsafe");
        else
          assert_string_not_equal(rig_verdict(out), "safe");
      } else if (strcmp(rig_reason(out), "flicker") == 0) {
        assert_int_equal(rig_looks(out), LOOKS_BLANK);
        held_on++;
      } else {
        assert_int_equal(rig_looks(out), LOOKS_ORIGINAL);
        assert_string_equal(rig_verdict(out), "safe");
        assert_string_equal(rig_origin(out), "scored");
      }
    }
    assert_true(held_on <= n / 2);
    assert_int_equal(rig_stat(&rig, "samples"), n);
    rig_clear(&rig);
  }
}

/* Frames between two samples are covered by both. Samples are frames 0, 5, 10, 15 and the last. */
static void
sparse_cover(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_THREAD, FALSE, "sample-interval", 200 * GST_MSECOND, NULL);
  rig_push_text(&rig, "sssssssssusssssssss");
  rig_finish(&rig);
  /* Frame 9 is no sample: an unsafe frame between two safe samples is inside the escape bound. */
  rig_assert_each_frame(&rig, "ooooooooooooooooooo");
  assert_true(fake_was_scored(&rig.fake, 18));
  assert_int_equal(fake_n_submitted(&rig.fake), 5);
  assert_string_equal(rig_origin(rig_buffer(&rig, 10)), "scored");
  assert_string_equal(rig_origin(rig_buffer(&rig, 9)), "inherited");
  rig_clear(&rig);

  rig_init(&rig, FAKE_THREAD, FALSE, "sample-interval", 200 * GST_MSECOND, NULL);
  rig_push_text(&rig, "ssssssssssusssssssss");
  rig_finish(&rig);
  /* Sample 10 is unsafe: 6..14 are covered by it. */
  rig_assert_each_frame(&rig, "ooooooxxxxxxxxxooooo");
  rig_clear(&rig);

  /* A failed sample covers in the same way, under its own name. */
  rig_init(&rig, FAKE_THREAD, FALSE, "sample-interval", 200 * GST_MSECOND, NULL);
  rig_push_text(&rig, "ssssssssssnsssssssss");
  rig_finish(&rig);
  rig_assert_each_frame(&rig, "ooooooxxxxxxxxxooooo");
  assert_string_equal(rig_verdict(rig_buffer(&rig, 8)), "failed");
  assert_string_equal(rig_reason(rig_buffer(&rig, 8)),
                      hysac_reason_to_string(HYSAC_REASON_FAILED_NUMERIC));
  rig_clear(&rig);
}

/* Sparse sampling: every burst longer than the stated escape bound is redacted whole, wherever it
 * lies, and no frame farther from a burst than that is touched (the flicker limit aside). */
static void
escape_bound_holds(void **state)
{
  g_autoptr(GRand) rand = g_rand_new_with_seed(rig_seed());
  for (guint run = 0; run < 40; run++) {
    Rig rig;
    const guint64 interval = (guint64)g_rand_int_range(rand, 1, 400) * GST_MSECOND;
    const guint n = 120, start = (guint)g_rand_int_range(rand, 0, 100);
    const guint length = (guint)g_rand_int_range(rand, 1, 30), end = MIN(start + length, n);
    rig_init(&rig, FAKE_THREAD, FALSE, "sample-interval", interval, NULL);
    rig.fake.seed = g_rand_int(rand);
    for (guint i = 0; i < n; i++)
      rig_push(&rig, i >= start && i < end ? FAKE_UNSAFE : FAKE_SAFE);
    rig_finish(&rig);
    const guint64 escape = rig_stat(&rig, "escape-bound");
    assert_int_equal(escape, interval + RIG_FRAME);
    assert_int_equal(rig_n_buffers(&rig), n);
    for (guint i = 0; i < n; i++) {
      const Looks looks = rig_looks(rig_buffer(&rig, i));
      const guint64 away = (i < start ? start - i : i >= end ? i - end + 1 : 0) * RIG_FRAME;
      if (away == 0 && (end - start) * RIG_FRAME > escape)
        assert_int_equal(looks, LOOKS_BLANK);
      if (away > escape && strcmp(rig_reason(rig_buffer(&rig, i)), "flicker") != 0)
        assert_int_equal(looks, LOOKS_ORIGINAL);
    }
    rig_clear(&rig);
  }
}

static void
last_frame_is_scored(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_THREAD, FALSE, "sample-interval", 10 * GST_SECOND, NULL);
  rig_push_text(&rig, "sssu");
  rig_finish(&rig);
  rig_assert_each_frame(&rig, "oxxx");
  rig_clear(&rig);
}

static void
k_of_n(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_THREAD, FALSE, FULL, "confirm-k", 2, "confirm-n", 3, NULL);
  rig_push_text(&rig, "sssussssususssss");
  rig_finish(&rig);
  /* 3 stays alone; 8 and 10 confirm each other, backwards too. Between them the interval ends at
   * the safe sample 9, or goes on: either way 8 and 10 are redacted. */
  g_autofree char *frames = rig_frames(&rig);
  assert_int_equal(strlen(frames), 16);
  assert_int_equal(frames[3], 'o');
  assert_string_equal(rig_reason(rig_buffer(&rig, 3)),
                      hysac_reason_to_string(HYSAC_REASON_UNCONFIRMED));
  assert_int_equal(frames[8], 'x');
  assert_int_equal(frames[10], 'x');
  assert_int_equal(frames[7], 'o');
  rig_clear(&rig);
}

static void
hysteresis(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_THREAD, FALSE, FULL, "enter-margin", 0.15, "leave-margin", -0.05, NULL);
  /* Margins 0.1 (not enough to enter), 0.2 (enters), 0.0 (stays), -0.1 (leaves). */
  const guint8 codes[] = {30, 60, 70, 50, 50, 40, 60, 30};
  for (guint i = 0; i < G_N_ELEMENTS(codes); i++)
    rig_push(&rig, codes[i]);
  rig_finish(&rig);
  g_autofree char *frames = rig_frames(&rig);
  assert_true(strncmp(frames, "ooxxx", 5) == 0);
  assert_string_equal(rig_verdict(rig_buffer(&rig, 5)), "safe");
  assert_string_equal(rig_verdict(rig_buffer(&rig, 6)), "safe");
  rig_clear(&rig);
}

static void
rolls_and_minimum(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_THREAD, FALSE, FULL, "pre-roll", 2 * RIG_FRAME, "post-roll", 3 * RIG_FRAME,
           NULL);
  rig_push_text(&rig, "ssssssussssssssss");
  rig_finish(&rig);
  rig_assert_each_frame(&rig, "ooooxxxxxxooooooo");
  assert_string_equal(rig_reason(rig_buffer(&rig, 4)),
                      hysac_reason_to_string(HYSAC_REASON_PRE_ROLL));
  assert_string_equal(rig_reason(rig_buffer(&rig, 9)),
                      hysac_reason_to_string(HYSAC_REASON_POST_ROLL));
  rig_clear(&rig);

  rig_init(&rig, FAKE_THREAD, FALSE, FULL, "min-duration", 4 * RIG_FRAME, NULL);
  rig_push_text(&rig, "ssusssssss");
  rig_finish(&rig);
  g_autofree char *frames = rig_frames(&rig);
  assert_true(strncmp(frames, "ooxxxx", 6) == 0);
  assert_int_equal(frames[8], 'o');
  rig_clear(&rig);
}

/* Both sides of a cut are samples, and no cover reaches over it. */
static void
scene_cut(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_THREAD, FALSE, "sample-interval", 10 * GST_SECOND, NULL);
  rig_push_text(&rig, "ssss");
  rig.shade = 200;
  rig_push_text(&rig, "uuu");
  rig.shade = 100;
  rig_push_text(&rig, "sss");
  rig_finish(&rig);
  const guint32 samples[] = {0, 3, 4, 6, 7, 9};
  for (guint i = 0; i < G_N_ELEMENTS(samples); i++)
    assert_true(fake_was_scored(&rig.fake, samples[i]));
  assert_int_equal(fake_n_submitted(&rig.fake), G_N_ELEMENTS(samples));
  rig_assert_each_frame(&rig, "ooooxxxooo");
  rig_clear(&rig);
}

/* The photosensitivity limit: at most three toggles a second. */
static void
flicker_is_limited(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_THREAD, FALSE, FULL, NULL);
  rig_push_text(&rig, "sususususususususususususususususususususususususu");
  rig_finish(&rig);
  g_autofree char *frames = rig_frames(&rig);
  guint held_on = 0;
  for (guint i = 0; frames[i]; i++) {
    if (i % 2)
      assert_int_equal(frames[i], 'x');
    held_on += i % 2 == 0 && frames[i] == 'x';
    guint toggles = 0;
    for (guint j = i + 1; j < MIN(i + 25, strlen(frames)); j++)
      toggles += frames[j] != frames[j - 1];
    assert_true(toggles <= 3);
  }
  assert_true(held_on > 10);
  assert_int_equal(rig_stat(&rig, "flicker-held"), held_on);
  rig_clear(&rig);
}

/* Order of answers does not matter to the order of frames. */
static void
answers_out_of_order(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_MANUAL, FALSE, FULL, NULL);
  rig_push_text(&rig, "susu");
  fake_wait_submitted(&rig.fake, 4);
  g_mutex_lock(&rig.fake.lock); /* turn the open calls round */
  for (guint i = 0; i < 2; i++) {
    gpointer swap = rig.fake.calls->pdata[i];
    rig.fake.calls->pdata[i] = rig.fake.calls->pdata[3 - i];
    rig.fake.calls->pdata[3 - i] = swap;
  }
  g_mutex_unlock(&rig.fake.lock);
  for (guint i = 0; i < 3; i++)
    fake_answer(&rig.fake);
  assert_int_equal(rig_n_buffers(&rig), 0); /* frame 0 is not decided: nothing may pass it */
  fake_answer(&rig.fake);
  rig_finish(&rig);
  g_autofree char *frames = rig_frames(&rig);
  assert_int_equal(strlen(frames), 4);
  assert_int_equal(frames[0], 'o');
  assert_int_equal(frames[1], 'x');
  assert_int_equal(frames[3], 'x');
  rig_clear(&rig);
}

/* Frames that come ten times as fast as their caps say fill the hold before the next sample. */
static void
faster_than_caps(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_THREAD, FALSE, "sample-interval", 1 * GST_SECOND, NULL);
  for (guint i = 0; i < 400; i++) {
    GstBuffer *frame = rig_frame(&rig, FAKE_SAFE);
    GST_BUFFER_PTS(frame) /= 10;
    GST_BUFFER_DURATION(frame) /= 10;
    assert_int_equal(gst_harness_push(rig.h, frame), GST_FLOW_OK);
  }
  rig_finish(&rig);
  assert_int_equal(rig_n_buffers(&rig), 400);
  assert_int_equal(rig_stat(&rig, "failed"), 0);
  rig_clear(&rig);
}

/* Caps that promise a frame every nanosecond do not make an endless hold. */
static void
absurd_framerate(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_THREAD, FALSE, "sample-interval", 1 * GST_SECOND, NULL);
  gst_harness_set_src_caps_str(rig.h,
                               "video/x-raw,format=I420,width=64,height=36,framerate=2147483647/1");
  for (guint i = 0; i < 3000; i++) {
    GstBuffer *frame = rig_frame(&rig, FAKE_SAFE);
    GST_BUFFER_PTS(frame) = i;
    GST_BUFFER_DURATION(frame) = 1;
    assert_int_equal(gst_harness_push(rig.h, frame), GST_FLOW_OK);
  }
  assert_true(rig_stat(&rig, "hold-limit") < 2000);
  rig_finish(&rig);
  assert_int_equal(rig_n_buffers(&rig), 3000);
  assert_int_equal(rig_stat(&rig, "failed"), 0);
  rig_clear(&rig);
}

/* Upstream waits while the hold is full; nothing is lost. */
static gpointer
push_many(gpointer user_data)
{
  rig_push_n(user_data, 200, FAKE_SAFE);
  return NULL;
}

static void
back_pressure(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_MANUAL, FALSE, FULL, NULL);
  rig_push_n(&rig, 1, FAKE_SAFE);
  const guint limit = (guint)rig_stat(&rig, "hold-limit");
  GThread *thread = g_thread_new("push", push_many, &rig);
  fake_wait_submitted(&rig.fake, limit);
  for (guint i = 0; i < 201; i++) {
    fake_wait_submitted(&rig.fake, i + 1);
    assert_true(rig_stat(&rig, "held") <= limit);
    fake_answer(&rig.fake);
    rig_wait_buffers(&rig, i + 1);
  }
  g_thread_join(thread);
  rig_finish(&rig);
  assert_int_equal(rig_n_buffers(&rig), 201);
  assert_int_equal(rig_stat(&rig, "hold-peak"), limit);
  rig_clear(&rig);
}

/* Without timestamps and with a framerate of 0/1 frames are still sampled and passed in order. */
static void
no_timestamps(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_THREAD, FALSE, "sample-interval", 200 * GST_MSECOND, NULL);
  gst_harness_set_src_caps_str(rig.h, "video/x-raw,format=I420,width=64,height=36,framerate=0/1");
  for (guint i = 0; i < 50; i++) {
    GstBuffer *frame = rig_frame(&rig, i == 20 ? FAKE_UNSAFE : FAKE_SAFE);
    GST_BUFFER_PTS(frame) = GST_BUFFER_DURATION(frame) = GST_CLOCK_TIME_NONE;
    gst_harness_push(rig.h, frame);
  }
  rig_finish(&rig);
  assert_int_equal(rig_n_buffers(&rig), 50);
  assert_true(fake_n_submitted(&rig.fake) >= 10);
  rig_clear(&rig);
}

/* Time that runs backwards is a discontinuity, and sampling goes on. */
static void
backwards_time(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_THREAD, FALSE, "sample-interval", 400 * GST_MSECOND, NULL);
  rig_push_n(&rig, 40, FAKE_SAFE);
  rig.next = 0;
  const guint before = fake_n_submitted(&rig.fake);
  rig_push_text(&rig, "uuuuusssssssssssssss");
  rig_finish(&rig);
  assert_true(fake_n_submitted(&rig.fake) >= before + 3);
  assert_string_equal(rig_verdict(rig_buffer(&rig, 39)), "safe");
  for (guint i = 40; i < 45; i++)
    assert_int_equal(rig_looks(rig_buffer(&rig, i)), LOOKS_BLANK);
  rig_clear(&rig);

  /* An interval is of its own time: the same timestamps later lie outside it. */
  rig_init(&rig, FAKE_THREAD, FALSE, FULL, "post-roll", 2 * RIG_FRAME, "pre-roll", RIG_FRAME, NULL);
  rig_push_text(&rig, "ssssssuuussssssssssss");
  rig.next = 0;
  rig_push_text(&rig, "sssssssssssssssssssss");
  rig_finish(&rig);
  for (guint i = 21; i < 42; i++)
    assert_string_equal(rig_reason(rig_buffer(&rig, i)), "safe");
  rig_clear(&rig);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(no_leak_at_full_sampling),
      cmocka_unit_test(sparse_cover),
      cmocka_unit_test(escape_bound_holds),
      cmocka_unit_test(last_frame_is_scored),
      cmocka_unit_test(k_of_n),
      cmocka_unit_test(hysteresis),
      cmocka_unit_test(rolls_and_minimum),
      cmocka_unit_test(scene_cut),
      cmocka_unit_test(flicker_is_limited),
      cmocka_unit_test(answers_out_of_order),
      cmocka_unit_test(faster_than_caps),
      cmocka_unit_test(absurd_framerate),
      cmocka_unit_test(back_pressure),
      cmocka_unit_test(no_timestamps),
      cmocka_unit_test(backwards_time),
  };
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  gst_deinit(); /* GST_TRACERS=leaks reports here */
  return failed;
}
