/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The timing diagrams of docs/element.md, frame for frame, and what monitor promises of a verdict's
 * age. Frames are 400 ms apart here, so that the flicker limit plays no part. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "gst/gsthysacmeta.h"
#include "gst/gsthysacprivate.h"
#include "tests/gst/rig.h"

#define SLOW (10 * RIG_FRAME)
#define CAPS                                                                                       \
  "video/x-raw,format=I420,width=64,height=36,framerate=5/2,colorimetry=bt601,"                    \
  "pixel-aspect-ratio=1/1,interlace-mode=progressive"

static void
push_slow(Rig *rig, guint8 code)
{
  GstBuffer *frame = rig_frame(rig, code);
  GST_BUFFER_PTS(frame) *= 10;
  GST_BUFFER_DURATION(frame) = SLOW;
  assert_int_equal(gst_harness_push(rig->h, frame), GST_FLOW_OK);
}

/* Of the diagram's frame @number, from 1: whether its pixels are its own. */
static gboolean
is_shown(Rig *rig, guint number)
{
  GstBuffer *buffer = rig_buffer(rig, number - 1);
  GstMapInfo map;
  assert_true(GST_BUFFER_PTS(buffer) == (number - 1) * SLOW);
  assert_true(gst_buffer_map(buffer, &map, GST_MAP_READ));
  const gboolean shown = map.data[RIG_WIDTH] == rig->shade;
  gst_buffer_unmap(buffer, &map);
  return shown;
}

static void
gate_as_drawn(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_MANUAL, FALSE, "sample-interval", 6 * SLOW, NULL);
  gst_harness_set_src_caps_str(rig.h, CAPS);
  for (guint number = 1; number <= 13; number++)
    push_slow(&rig, number == 7 ? FAKE_UNSAFE : FAKE_SAFE);
  fake_wait_submitted(&rig.fake, 3); /* S1, S2, S3 */
  assert_int_equal(rig_n_buffers(&rig), 0);
  fake_answer(&rig.fake); /* S1 decides frame 1 alone */
  rig_wait_buffers(&rig, 1);
  assert_int_equal(rig_n_buffers(&rig), 1);
  fake_answer(&rig.fake); /* S2: frame 2 goes, and all up to S2 */
  rig_wait_buffers(&rig, 7);
  assert_int_equal(rig_stat(&rig, "held"), 13 - 7);
  fake_answer(&rig.fake);
  rig_wait_buffers(&rig, 13);
  for (guint number = 1; number <= 13; number++)
    assert_int_equal(is_shown(&rig, number), number == 1 || number == 13);
  const guint32 samples[] = {0, 6, 12};
  for (guint i = 0; i < G_N_ELEMENTS(samples); i++)
    assert_true(fake_was_scored(&rig.fake, samples[i]));
  assert_int_equal(fake_n_submitted(&rig.fake), G_N_ELEMENTS(samples));
  rig_finish(&rig);
  rig_clear(&rig);
}

static void
monitor_as_drawn(void **state)
{
  static const gboolean shown[] = {FALSE, FALSE, TRUE,  TRUE,  TRUE,  TRUE, TRUE,
                                   FALSE, FALSE, FALSE, FALSE, FALSE, TRUE};
  Rig rig;
  rig_init(&rig, FAKE_MANUAL, TRUE, "mode", GST_HYSAC_MODE_MONITOR, "sample-interval", 5 * SLOW,
           "max-age", GST_SECOND * 60, NULL);
  gst_harness_set_src_caps_str(rig.h, CAPS);
  for (guint number = 1; number <= 13; number++) {
    /* A scoring takes two frames: the answer is there before the second one after it. */
    if (number == 3 || number == 8 || number == 13)
      fake_answer(&rig.fake);
    push_slow(&rig, number == 6 ? FAKE_UNSAFE : FAKE_SAFE);
    rig_wait_buffers(&rig, number); /* at once */
  }
  for (guint number = 1; number <= 13; number++)
    assert_int_equal(is_shown(&rig, number), shown[number - 1]);
  for (guint number = 1; number <= 2; number++)
    assert_string_equal(rig_reason(rig_buffer(&rig, number - 1)), "failed-stale");
  assert_int_equal(fake_n_submitted(&rig.fake), 3);
  fake_answer_all(&rig.fake);
  rig_clear(&rig);
}

/* However slow the scorer is, a verdict is no older than max(interval, S) + d + S. */
static void
age_is_bounded(void **state)
{
  for (guint service = 1; service <= 12; service++)
    for (guint interval = 0; interval <= 9; interval += 3) {
      Rig rig;
      rig_init(&rig, FAKE_MANUAL, TRUE, "mode", GST_HYSAC_MODE_MONITOR, "sample-interval",
               (guint64)interval * RIG_FRAME, "max-age", GST_SECOND * 60, NULL);
      const gint64 bound =
          (gint64)((MAX(interval, service) + 1 + service) * RIG_FRAME);
      guint asked = 0, since = 0;
      gint64 oldest = 0;
      for (guint i = 0; i < 80; i++) {
        if (asked < fake_n_submitted(&rig.fake) && since++ == service) {
          fake_answer(&rig.fake);
          asked++;
          since = 0;
        }
        rig_push(&rig, FAKE_SAFE);
        rig_wait_buffers(&rig, i + 1);
        gint64 age;
        const GstStructure *meta = gst_buffer_get_hysac_meta(rig_buffer(&rig, i));
        if (gst_hysac_meta_get_age(meta, &age))
          oldest = MAX(oldest, age);
      }
      if (oldest > bound || oldest < (gint64)(service * RIG_FRAME))
        fail_msg("service %u, interval %u frames: age %" G_GINT64_FORMAT, service, interval,
                 oldest);
      fake_answer_all(&rig.fake);
      rig_clear(&rig);
    }
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(gate_as_drawn),
      cmocka_unit_test(monitor_as_drawn),
      cmocka_unit_test(age_is_bounded),
  };
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  gst_deinit(); /* GST_TRACERS=leaks reports here */
  return failed;
}
