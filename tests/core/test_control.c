/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "support.h"

#include "core/control.h"

#define FRAME 40

static HysacControlState
leave(HysacControl *control, guint64 n)
{
  return hysac_control_leave(control, n, (gint64) n * FRAME, FRAME);
}

static void
admit(HysacControl *control, guint64 n)
{
  hysac_control_admit(control, n, (gint64) n * FRAME, FRAME);
}

/* Frames [first, last] leave, each decided by @expected. */
static void
expect(HysacControl *control, guint64 first, guint64 last, HysacControlState expected)
{
  for (guint64 n = first; n <= last; n++)
    assert_int_equal(leave(control, n), expected);
}

static void
hold_until_release(void **state)
{
  HysacControl control;
  hysac_control_init(&control);
  assert_false(hysac_control_release(&control));
  hysac_control_hold(&control); /* before any frame */
  for (guint i = 0; i < 100; i++)
    admit(&control, i);
  expect(&control, 0, 49, HYSAC_CONTROL_HOLD);
  hysac_control_flush(&control);
  admit(&control, 100);
  expect(&control, 100, 100, HYSAC_CONTROL_HOLD);
  assert_true(hysac_control_release(&control));
  admit(&control, 101);
  expect(&control, 101, 101, HYSAC_CONTROL_NONE);
  assert_int_equal(hysac_control_take_ended(&control), 0); /* somebody ended it */
}

/* What is in, and exactly the next 200: five frames. */
static void
dump_is_exact(void **state)
{
  HysacControl control;
  hysac_control_init(&control);
  for (guint i = 0; i < 10; i++)
    admit(&control, i);
  expect(&control, 0, 2, HYSAC_CONTROL_NONE);
  hysac_control_dump(&control, 5 * FRAME);
  for (guint i = 10; i < 20; i++)
    admit(&control, i);
  assert_true(hysac_control_get_left(&control, &control.dump) == 12 * FRAME);
  expect(&control, 3, 14, HYSAC_CONTROL_DUMP);
  assert_int_equal(hysac_control_take_ended(&control), 0);
  expect(&control, 15, 19, HYSAC_CONTROL_NONE);
  assert_int_equal(hysac_control_take_ended(&control), 1u << HYSAC_CONTROL_DUMP);
  assert_int_equal(hysac_control_take_ended(&control), 0);

  hysac_control_dump(&control, 0); /* only what is in: nothing */
  admit(&control, 20);
  expect(&control, 20, 20, HYSAC_CONTROL_NONE);
  admit(&control, 21);
  hysac_control_dump(&control, 0);
  admit(&control, 22);
  expect(&control, 21, 21, HYSAC_CONTROL_DUMP);
  expect(&control, 22, 22, HYSAC_CONTROL_NONE);

  /* Frames that last no time, all at once. */
  hysac_control_init(&control);
  for (guint i = 0; i < 3; i++)
    hysac_control_admit(&control, i, 100, 0);
  hysac_control_dump(&control, 0);
  for (guint i = 0; i < 3; i++)
    assert_int_equal(hysac_control_leave(&control, i, 100, 0), HYSAC_CONTROL_DUMP);
  assert_int_equal(hysac_control_leave(&control, 3, 100, 0), HYSAC_CONTROL_NONE);
}

/* Nothing is in: the next frame begins it, however late it comes. */
static void
dump_in_a_stall(void **state)
{
  HysacControl control;
  hysac_control_init(&control);
  admit(&control, 0);
  expect(&control, 0, 0, HYSAC_CONTROL_NONE);
  hysac_control_dump(&control, 5 * FRAME);
  assert_int_equal(hysac_control_get_state(&control), HYSAC_CONTROL_DUMP);
  assert_true(hysac_control_get_left(&control, &control.dump) == 5 * FRAME);
  admit(&control, 200);
  expect(&control, 200, 204, HYSAC_CONTROL_DUMP);
  expect(&control, 205, 205, HYSAC_CONTROL_NONE);

  hysac_control_dump(&control, 0); /* nothing */
  assert_int_equal(hysac_control_get_state(&control), HYSAC_CONTROL_NONE);

  /* One that is under way is not shortened by it: three of ten are left. */
  hysac_control_init(&control);
  admit(&control, 0);
  hysac_control_dump(&control, 10 * FRAME);
  for (guint i = 1; i < 8; i++)
    admit(&control, i);
  expect(&control, 0, 7, HYSAC_CONTROL_DUMP);
  hysac_control_dump(&control, 1 * FRAME);
  admit(&control, 8);
  expect(&control, 8, 10, HYSAC_CONTROL_DUMP);
  expect(&control, 11, 11, HYSAC_CONTROL_NONE);
}

static void
dump_is_never_shortened(void **state)
{
  HysacControl control;
  hysac_control_init(&control);
  admit(&control, 0);
  hysac_control_dump(&control, 10 * FRAME);
  admit(&control, 1);
  hysac_control_dump(&control, 1 * FRAME);
  expect(&control, 0, 10, HYSAC_CONTROL_DUMP);
  expect(&control, 11, 11, HYSAC_CONTROL_NONE);

  /* Nor before the first frame, where it begins with that. */
  hysac_control_init(&control);
  hysac_control_dump(&control, 3 * FRAME);
  hysac_control_dump(&control, 1 * FRAME);
  admit(&control, 7);
  expect(&control, 7, 9, HYSAC_CONTROL_DUMP);
  expect(&control, 10, 10, HYSAC_CONTROL_NONE);

  hysac_control_dump(&control, G_MAXINT64); /* until it is released */
  assert_int_equal(hysac_control_leave(&control, 11, G_MAXINT64 - 1, FRAME), HYSAC_CONTROL_DUMP);
  assert_true(hysac_control_release(&control));
  assert_int_equal(hysac_control_leave(&control, 12, G_MAXINT64, FRAME), HYSAC_CONTROL_NONE);
}

static void
override_expires_to_the_frame(void **state)
{
  HysacControl control;
  hysac_control_init(&control);
  for (guint i = 0; i < 20; i++)
    admit(&control, i);
  expect(&control, 0, 3, HYSAC_CONTROL_NONE);
  assert_true(hysac_control_override(&control, HYSAC_CONTROL_SAFE, 3 * FRAME) == 3 * FRAME);
  expect(&control, 4, 6, HYSAC_CONTROL_SAFE);
  expect(&control, 7, 7, HYSAC_CONTROL_NONE);
  assert_int_equal(hysac_control_take_ended(&control), 1u << HYSAC_CONTROL_SAFE);

  /* A frame that begins inside is inside. */
  hysac_control_override(&control, HYSAC_CONTROL_UNSAFE, FRAME + 1);
  expect(&control, 8, 9, HYSAC_CONTROL_UNSAFE);
  expect(&control, 10, 10, HYSAC_CONTROL_NONE);

  /* The last word counts, for its own time. */
  hysac_control_override(&control, HYSAC_CONTROL_UNSAFE, 100 * FRAME);
  expect(&control, 11, 11, HYSAC_CONTROL_UNSAFE);
  hysac_control_override(&control, HYSAC_CONTROL_SAFE, FRAME);
  expect(&control, 12, 12, HYSAC_CONTROL_SAFE);
  expect(&control, 13, 13, HYSAC_CONTROL_NONE);

  /* Always finite, never empty, never "safe" by mistake. */
  assert_true(hysac_control_override(&control, HYSAC_CONTROL_SAFE, G_MAXINT64) ==
              HYSAC_CONTROL_MAX_OVERRIDE);
  assert_true(hysac_control_override(&control, HYSAC_CONTROL_HOLD, -5) == 1);
  expect(&control, 14, 14, HYSAC_CONTROL_UNSAFE);
}

static void
redaction_wins(void **state)
{
  HysacControl control;
  hysac_control_init(&control);
  for (guint i = 0; i < 3; i++)
    admit(&control, i);
  hysac_control_override(&control, HYSAC_CONTROL_SAFE, 10 * FRAME);
  expect(&control, 0, 0, HYSAC_CONTROL_SAFE);
  hysac_control_hold(&control);
  assert_int_equal(hysac_control_get_state(&control), HYSAC_CONTROL_HOLD);
  hysac_control_dump(&control, 0);
  expect(&control, 1, 2, HYSAC_CONTROL_DUMP);
  expect(&control, 3, 3, HYSAC_CONTROL_HOLD);
  control.hold = FALSE;
  expect(&control, 4, 9, HYSAC_CONTROL_SAFE); /* its time went on below the others */
  expect(&control, 10, 10, HYSAC_CONTROL_NONE);
}

/* No redaction is lost with the frames that a flush discards; what was said safe is. */
static void
flush_fails_closed(void **state)
{
  HysacControl control;
  hysac_control_init(&control);
  for (guint i = 0; i < 10; i++)
    admit(&control, i);
  expect(&control, 0, 3, HYSAC_CONTROL_NONE);
  hysac_control_dump(&control, 2 * FRAME);
  hysac_control_override(&control, HYSAC_CONTROL_SAFE, 1000 * FRAME);
  hysac_control_flush(&control);
  assert_int_equal(hysac_control_take_ended(&control), 1u << HYSAC_CONTROL_SAFE);
  /* Six were held and two were to come, whatever the time is now. */
  hysac_control_admit(&control, 0, -1000, FRAME);
  for (int i = 0; i < 8; i++)
    assert_int_equal(hysac_control_leave(&control, (guint64) i, -1000 + i * FRAME, FRAME),
                     HYSAC_CONTROL_DUMP);
  assert_int_equal(hysac_control_leave(&control, 8, -1000 + 8 * FRAME, FRAME), HYSAC_CONTROL_NONE);

  /* Flushed again before a frame came. */
  hysac_control_flush(&control);
  hysac_control_dump(&control, 2 * FRAME);
  hysac_control_override(&control, HYSAC_CONTROL_UNSAFE, 3 * FRAME);
  hysac_control_flush(&control);
  hysac_control_flush(&control);
  admit(&control, 50);
  expect(&control, 50, 51, HYSAC_CONTROL_DUMP);
  expect(&control, 52, 52, HYSAC_CONTROL_UNSAFE);
  hysac_control_override(&control, HYSAC_CONTROL_UNSAFE, 3 * FRAME);
  expect(&control, 53, 53, HYSAC_CONTROL_UNSAFE);
  hysac_control_flush(&control);
  admit(&control, 60);
  expect(&control, 60, 61, HYSAC_CONTROL_UNSAFE);
  expect(&control, 62, 62, HYSAC_CONTROL_NONE);
}

/* ------------------------------------------------------------ random acts */

/* The rules again, in whole frames. */
#define FRAMES 200

typedef struct {
  guint dump_end; /* frames before it */
  gboolean held;
  HysacControlState verdict;
  guint override_end;
} Oracle;

static void
random_acts(void **state)
{
  GRand *rand = test_rand();
  for (guint run = 0; run < 3000; run++) {
    Oracle oracle = {0};
    HysacControl control;
    guint in = 0, out = 0;
    hysac_control_init(&control);
    while (out < FRAMES) {
      const guint frames = (guint) g_rand_int_range(rand, 0, 20);
      switch (g_rand_int_range(rand, 0, 16)) {
      case 0:
        hysac_control_hold(&control);
        oracle.held = TRUE;
        break;
      case 1:
        hysac_control_release(&control);
        oracle = (Oracle){0};
        break;
      case 2:
        if (in == 0 && frames == 0)
          break;
        hysac_control_dump(&control, frames * FRAME);
        oracle.dump_end = MAX(oracle.dump_end, in + frames);
        break;
      case 3:
        if (frames == 0)
          break;
        oracle.verdict = g_rand_boolean(rand) ? HYSAC_CONTROL_SAFE : HYSAC_CONTROL_UNSAFE;
        hysac_control_override(&control, oracle.verdict,
                               frames * FRAME - g_rand_int_range(rand, 0, FRAME));
        oracle.override_end = out + frames;
        break;
      case 4:
      case 5:
      case 6:
      case 7:
      case 8:
      case 9:
        admit(&control, in++);
        break;
      default:
        if (out == in)
          break;
        const HysacControlState expected = out < oracle.dump_end       ? HYSAC_CONTROL_DUMP
                                           : oracle.held               ? HYSAC_CONTROL_HOLD
                                           : out < oracle.override_end ? oracle.verdict
                                                                       : HYSAC_CONTROL_NONE;
        const HysacControlState got = leave(&control, out);
        if (got != expected)
          fail_msg("run %u, frame %u: %d instead of %d", run, out, got, expected);
        assert_int_equal(hysac_control_get_state(&control), got);
        out++;
      }
    }
  }
  g_rand_free(rand);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(hold_until_release),
    cmocka_unit_test(dump_is_exact),
    cmocka_unit_test(dump_in_a_stall),
    cmocka_unit_test(dump_is_never_shortened),
    cmocka_unit_test(override_expires_to_the_frame),
    cmocka_unit_test(redaction_wins),
    cmocka_unit_test(flush_fails_closed),
    cmocka_unit_test(random_acts),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
