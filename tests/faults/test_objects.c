/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Up and down with the real engine (HYSAC_LOAD_ENGINE_CYCLES): no OpenCL object stays, on the way of a
 * frame or after it; and many elements have one copy of the weights. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "gst/gsthysacprivate.h"
#include "opencl/engine.h"
#include "tests/faults/count.h"
#include "tests/faults/faulty.h"

static guint
n_cycles(void)
{
  const char *text = g_getenv("HYSAC_LOAD_ENGINE_CYCLES");
  return text ? (guint)g_ascii_strtoull(text, NULL, 10) : 12;
}

static guint
n_entries(const char *path)
{
  guint n = 0;
  g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
  while (dir && g_dir_read_name(dir))
    n++;
  return n;
}

/* As faulty_init(), for a machine that is busy: no request is given up. */
static void
init(Rig *rig, GstHysacMode mode)
{
  rig_init_bare(rig, FAKE_AT_ONCE);
  gst_hysac_moderate_set_scorer_factory(GST_HYSAC_MODERATE(rig->element),
                                        gst_hysac_engine_scorer_new, NULL);
  g_object_set(rig->element, "model", "demo", "mode", mode, "sample-interval", (guint64)0,
               "enter-margin", 1000.0, "leave-margin", 1000.0, "request-timeout", 300 * GST_SECOND,
               "max-age", 3600 * GST_SECOND, NULL);
  rig_play(rig, FALSE);
}

/* A frame is answered before the driver's thread that answered it has let go of its event: so what is
 * there is looked at until it is no more than @then was. */
static void
expect(CountState *now, const CountState *then)
{
  const gint64 until = g_get_monotonic_time() + 10 * G_TIME_SPAN_SECOND;
  guint more;
  do {
    count_get(now);
    more = N_COUNTS;
    for (guint i = 0; i < N_COUNTS; i++)
      if (now->references[i] > then->references[i])
        more = i;
    g_thread_yield();
  } while (more < N_COUNTS && g_get_monotonic_time() < until);
  if (more < N_COUNTS)
    fail_msg("%s: %d references before, %d after", count_name(more), (int)then->references[more],
             (int)now->references[more]);
  assert_true(now->buffer_bytes == then->buffer_bytes);
}

/* Frames may be pushed until the last is out, or be left inside. */
static void
cycles(void **state)
{
  CountState none, now, last = {0};
  guint files = 0;
  count_get(&none);
  for (guint i = 0; i < n_cycles(); i++) {
    Rig rig;
    const GstHysacMode mode = i % 3 == 0 ? GST_HYSAC_MODE_MONITOR : GST_HYSAC_MODE_GATE;
    init(&rig, mode);
    if (mode == GST_HYSAC_MODE_GATE)
      faulty_push_good(&rig);
    for (guint j = 0; j < i % 5 + 1; j++)
      rig_push(&rig, 100);
    faulty_clear(&rig);
    expect(&now, &none);
    /* Something was made: the layer is in the way. */
    for (guint j = 0; j < N_COUNTS; j++)
      assert_true(now.made[j] > last.made[j]);
    last = now;
    if (i == 2)
      files = n_entries("/proc/self/fd");
  }
  if (n_cycles() > 2)
    assert_int_equal(n_entries("/proc/self/fd"), files);
  print_message("# %u cycles, %u buffers and %u events made and released\n", n_cycles(),
                (guint)last.made[COUNT_BUFFERS], (guint)last.made[COUNT_EVENTS]);
}

/* Frames leave nothing behind while the engine lives. */
static void
frames(void **state)
{
  Rig rig;
  CountState before, after;
  init(&rig, GST_HYSAC_MODE_GATE);
  for (guint i = 0; i < 20; i++)
    faulty_push_good(&rig);
  count_get(&before);
  for (guint i = 0; i < 200; i++)
    faulty_push_good(&rig);
  expect(&after, &before);
  assert_true(after.made[COUNT_EVENTS] > before.made[COUNT_EVENTS]);
  faulty_clear(&rig);
}

/* Sixteen elements: the weights are on the device once. */
static void
one_copy(void **state)
{
  Rig rigs[16];
  CountState none, one, many;
  count_get(&none);
  for (guint i = 0; i < G_N_ELEMENTS(rigs); i++) {
    init(&rigs[i], GST_HYSAC_MODE_GATE);
    faulty_push_good(&rigs[i]);
    if (i == 0)
      count_get(&one);
  }
  count_get(&many);
  assert_int_equal(hysac_engine_count(), 1);
  assert_true(one.buffer_bytes > none.buffer_bytes);
  assert_true(many.buffer_bytes == one.buffer_bytes);
  assert_true(many.references[COUNT_CONTEXTS] == one.references[COUNT_CONTEXTS]);
  assert_true(many.references[COUNT_PROGRAMS] == one.references[COUNT_PROGRAMS]);
  for (guint i = 0; i < G_N_ELEMENTS(rigs); i++) {
    assert_int_equal(hysac_engine_count(), 1);
    if (i + 1 < G_N_ELEMENTS(rigs))
      rig_clear(&rigs[i]);
  }
  faulty_clear(&rigs[G_N_ELEMENTS(rigs) - 1]);
  expect(&many, &none);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(cycles),
      cmocka_unit_test(frames),
      cmocka_unit_test(one_copy),
  };
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  gst_deinit(); /* GST_TRACERS=leaks reports here */
  return failed;
}
