/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "support.h"

#include "core/flicker.h"

#define SECOND G_GINT64_CONSTANT(1000000000)

/* At most three toggles in any second, redaction never late, and back again in the end. */
static void
test_random(void **state)
{
  GRand *rand = test_rand();

  for (guint run = 0; run < 300; run++) {
    HysacFlicker flicker;
    gint64 toggles[4096], time = g_rand_int_range(rand, -1000, 1000);
    guint n = 0;
    gboolean last = FALSE;
    double change = g_rand_double(rand);
    gboolean want = FALSE;

    hysac_flicker_init(&flicker);
    for (guint i = 0; i < 2000; i++) {
      if (g_rand_double(rand) < change)
        want = !want;
      gboolean done = hysac_flicker_filter(&flicker, time, want);
      assert_true(done || !want);
      if (done != last)
        toggles[n++] = time;
      last = done;
      time += g_rand_int_range(rand, 1000, 200 * 1000 * 1000);
    }
    for (guint i = 3; i < n; i++)
      assert_true(toggles[i] - toggles[i - 3] > SECOND);
    assert_false(hysac_flicker_filter(&flicker, time + 3 * SECOND, FALSE));
  }
  g_rand_free(rand);
}

static void
test_cases(void **state)
{
  HysacFlicker flicker;

  hysac_flicker_init(&flicker);
  assert_false(hysac_flicker_filter(&flicker, 0, FALSE));
  assert_true(hysac_flicker_filter(&flicker, 1, TRUE));
  assert_false(hysac_flicker_filter(&flicker, 2, FALSE)); /* one short burst is let go */
  assert_true(hysac_flicker_filter(&flicker, 3, TRUE));
  assert_true(hysac_flicker_filter(&flicker, 4, FALSE)); /* held on */
  assert_true(hysac_flicker_filter(&flicker, 2 + SECOND, FALSE));
  assert_false(hysac_flicker_filter(&flicker, 3 + SECOND, FALSE));
  /* The far ends of time overflow nothing. */
  hysac_flicker_init(&flicker);
  assert_true(hysac_flicker_filter(&flicker, G_MININT64 + 1, TRUE));
  assert_false(hysac_flicker_filter(&flicker, G_MAXINT64, FALSE));
  assert_true(hysac_flicker_filter(&flicker, G_MAXINT64, TRUE));
  assert_true(hysac_flicker_filter(&flicker, G_MAXINT64, FALSE));
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_random),
    cmocka_unit_test(test_cases),
  };
  return cmocka_run_group_tests_name("flicker", tests, NULL, NULL);
}
