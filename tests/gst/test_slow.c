/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A device slower than the stream: verdicts get old and frames are redacted, but none is late. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/gst/rig.h"
#include "tests/gst/slowdevice.h"

#define FRAMES 300
#define MAX_AGE GST_SECOND

static const double ratios[] = {0.25, 0.5, 0.9, 1.1, 1.5, 2.0, 4.0, 8.0, 16.0};

static gint64
service_time(double ratio)
{
  return (gint64)(ratio * (double)RIG_FRAME);
}

/* A slow device checks as many frames as it has time for; the others are redacted when they are due,
 * and none is due in vain. */
static void
gate_checks_what_it_can(void **state)
{
  for (guint i = 0; i < G_N_ELEMENTS(ratios); i++) {
    const SlowDevice device = {.mode = GST_HYSAC_MODE_GATE,
                               .max_age = MAX_AGE,
                               .ratio = ratios[i],
                               .frames = FRAMES,
                               .code = i % 2 ? FAKE_UNSAFE : FAKE_SAFE};
    SlowResult r;
    slow_device_run(&device, &r);
    assert_int_equal(r.leaked, 0);
    assert_true(r.lag <= r.latency);
    assert_true(r.held <= r.hold_limit);
    if (device.ratio < 1.0) {
      assert_int_equal(r.failed, 0);
      continue;
    }
    /* Before the first answer nobody knows how slow it is: those asked for meanwhile are late. */
    const gint64 service = service_time(device.ratio), start = 3 * r.latency;
    const gint64 possible = ((gint64)(FRAMES * RIG_FRAME) - start) / service;
    if ((gint64)r.checked * 10 < possible * 9)
      fail_msg("%.1f frames a picture: %u of %u checked, %d possible", device.ratio, r.checked,
               FRAMES, (int)possible);
    assert_true(r.open <= (guint)MAX(r.latency / service, service / (gint64)RIG_FRAME) + 1);
  }
}

/* A device that was slow and no longer is: soon every frame is checked again. */
static void
gate_recovers(void **state)
{
  static const double slow[] = {1.1, 2.0, 8.0};
  for (guint i = 0; i < G_N_ELEMENTS(slow); i++) {
    const SlowDevice device = {.mode = GST_HYSAC_MODE_GATE,
                               .max_age = MAX_AGE,
                               .ratio = slow[i],
                               .faster_from = 200,
                               .frames = FRAMES,
                               .code = FAKE_SAFE};
    SlowResult r;
    slow_device_run(&device, &r);
    assert_int_equal(r.leaked, 0);
    assert_true(r.failed > 0);
    assert_true(r.last_failed <= device.faster_from + (guint)(r.latency / (gint64)RIG_FRAME));
  }
}

/* No frame waits; the verdict it goes under is no older than two pictures' time, or has failed. */
static void
monitor_ages_within_bounds(void **state)
{
  static const guint64 intervals[] = {0, 200 * GST_MSECOND};
  for (guint i = 0; i < G_N_ELEMENTS(ratios) * G_N_ELEMENTS(intervals); i++) {
    const double ratio = ratios[i / G_N_ELEMENTS(intervals)];
    const guint64 interval = intervals[i % G_N_ELEMENTS(intervals)];
    const SlowDevice device = {.mode = GST_HYSAC_MODE_MONITOR,
                               .interval = interval,
                               .max_age = MAX_AGE,
                               .ratio = ratio,
                               .frames = FRAMES,
                               .code = i % 3 ? FAKE_SAFE : FAKE_UNSAFE};
    SlowResult r;
    slow_device_run(&device, &r);
    const gint64 service = service_time(ratio), frame = (gint64)RIG_FRAME;
    const gint64 bound = MAX(service, (gint64)interval) + service + frame;
    assert_int_equal(r.leaked, 0);
    assert_int_equal(r.latency, 0);
    assert_int_equal(r.lag, 0);
    assert_true(r.open <= 1);
    assert_true(r.age <= MIN(bound, (gint64)MAX_AGE));
    /* Before the first answer there is no verdict. After it only too old ones fail. */
    const guint start = (guint)(service / frame) + 1;
    if (bound <= (gint64)MAX_AGE)
      assert_int_equal(r.failed, start);
    else
      assert_true(r.failed > start && r.checked > 0);
  }
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(gate_checks_what_it_can),
      cmocka_unit_test(gate_recovers),
      cmocka_unit_test(monitor_ages_within_bounds),
  };
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  gst_deinit(); /* GST_TRACERS=leaks reports here */
  return failed;
}
