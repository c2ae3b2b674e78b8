/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * bench_slow: what becomes of a live stream on a device that is slower than it, on a test clock
 * (tests/gst/slowdevice.h): the figures are the same in every run. 25 frames a second, 60 s, every
 * frame a sample, max-age 1 s. Prints a table in Markdown.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>

#include "tests/gst/rig.h"
#include "tests/gst/slowdevice.h"

#define MS(time) ((double)(time) / 1e6)

static void
print_row(double ratio, guint frames)
{
  SlowResult gate, monitor;
  SlowDevice device = {.mode = GST_HYSAC_MODE_GATE,
                       .max_age = GST_SECOND,
                       .ratio = ratio,
                       .frames = frames,
                       .code = FAKE_SAFE};
  slow_device_run(&device, &gate);
  device.mode = GST_HYSAC_MODE_MONITOR;
  slow_device_run(&device, &monitor);
  printf("| %.2f | %.0f ms | %.0f ms | %.1f %% | %.0f ms | %.0f ms | %.1f %% |\n", 1.0 / ratio,
         MS(gate.latency), MS(gate.lag), 100.0 * gate.failed / frames, MS(monitor.age),
         MS(monitor.lag), 100.0 * monitor.failed / frames);
}

static void
table(void **state)
{
  const double ratios[] = {0.25, 0.5, 0.8, 1.0, 1.25, 1.6, 2.0, 4.0, 8.0, 16.0};
  const guint frames = *(guint *)*state;
  printf("| device's pictures a frame | gate: latency | lag | redacted | monitor: oldest verdict | lag "
         "| redacted |\n|---|---|---|---|---|---|---|\n");
  for (guint i = 0; i < G_N_ELEMENTS(ratios); i++)
    print_row(ratios[i], frames);
}

int
main(int argc, char **argv)
{
  guint frames = argc > 1 && g_str_equal(argv[1], "--smoke") ? 50 : 1500;
  const struct CMUnitTest tests[] = {cmocka_unit_test_prestate(table, &frames)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
