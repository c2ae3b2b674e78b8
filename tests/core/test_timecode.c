/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "support.h"

#include "core/timecode.h"

#include <stdio.h>

static void
expect(gint num, gint den, gboolean drop, guint64 frame, const char *text)
{
  const HysacTimecodeRate rate = hysac_timecode_rate(num, den, drop);
  char code[HYSAC_TIMECODE_SIZE];
  hysac_timecode_format(&rate, frame, code);
  if (strcmp(code, text) != 0)
    fail_msg("frame %d of %d/%d is %s, not %s", (int) frame, num, den, code, text);
}

/* Worked out by hand from SMPTE 12M's rule: numbers 00 and 01 (00 to 03 at twice the rate) are left
 * out at each minute that ten does not divide. */
static void
test_by_hand(void **state)
{
  expect(30000, 1001, TRUE, 0, "00:00:00;00");
  expect(30000, 1001, TRUE, 1799, "00:00:59;29");
  expect(30000, 1001, TRUE, 1800, "00:01:00;02");
  expect(30000, 1001, TRUE, 3597, "00:01:59;29");
  expect(30000, 1001, TRUE, 3598, "00:02:00;02");
  expect(30000, 1001, TRUE, 17981, "00:09:59;29");
  expect(30000, 1001, TRUE, 17982, "00:10:00;00");
  expect(30000, 1001, TRUE, 17984, "00:10:00;02");
  expect(30000, 1001, TRUE, 107892, "01:00:00;00");
  expect(30000, 1001, TRUE, 2589407, "23:59:59;29");
  expect(30000, 1001, TRUE, 2589408, "00:00:00;00"); /* 24 hours */
  expect(30000, 1001, FALSE, 1800, "00:01:00:00");
  expect(30000, 1001, FALSE, 2592000, "00:00:00:00");
  expect(60000, 1001, TRUE, 3599, "00:00:59;59");
  expect(60000, 1001, TRUE, 3600, "00:01:00;04");
  expect(60000, 1001, TRUE, 35963, "00:09:59;59");
  expect(60000, 1001, TRUE, 35964, "00:10:00;00");
  expect(60000, 1001, TRUE, 5178815, "23:59:59;59");
  expect(60000, 1001, TRUE, 5178816, "00:00:00;00");
  expect(25, 1, TRUE, 89999, "00:59:59:24"); /* has no drop-frame */
  expect(24, 1, FALSE, 86400, "01:00:00:00");
  expect(24000, 1001, TRUE, 86400, "01:00:00:00"); /* nor this; that is 1 h 3.6 s by the clock */
  expect(30, 1, TRUE, 1800, "00:01:00:00");
  expect(50, 1, FALSE, 180049, "01:00:00:49");
  expect(60, 1, FALSE, 60, "00:00:01:00");
}

static void
test_rates(void **state)
{
  static const struct {
    gint num, den;
    guint base;
    gboolean exact;
  } rates[] = {
    {25, 1, 25, TRUE},       {50, 2, 25, TRUE},       {24000, 1001, 24, TRUE}, {2997, 100, 30, TRUE},
    {60000, 1001, 60, TRUE}, {48, 1, 48, TRUE},       {1, 1, 1, TRUE},         {120, 1, 60, FALSE},
    {240, 1, 60, FALSE},     {100, 1, 50, FALSE},     {0, 1, 25, FALSE},       {25, 2, 25, FALSE},
    {1, 2, 25, FALSE},       {-25, 1, 25, FALSE},     {25, 0, 25, FALSE},      {G_MAXINT, 1, 25, FALSE},
    {1, G_MAXINT, 25, FALSE}, {G_MAXINT, G_MAXINT, 1, TRUE},
  };
  for (guint i = 0; i < G_N_ELEMENTS(rates); i++) {
    const HysacTimecodeRate rate = hysac_timecode_rate(rates[i].num, rates[i].den, TRUE);
    if (i == 15) /* halved until it is not above 60: anything below that counts */
      assert_true(rate.base >= 25 && rate.base <= 60 && !rate.exact);
    else if (rate.base != rates[i].base || rate.exact != rates[i].exact)
      fail_msg("%d/%d: base %u, exact %d", rates[i].num, rates[i].den, rate.base, rate.exact);
  }
  /* Counted in 1/25 s: what is in the segment is covered. */
  const HysacTimecodeRate unknown = hysac_timecode_rate(0, 1, TRUE);
  assert_int_equal(hysac_timecode_frame(&unknown, 79999999, HYSAC_TIMECODE_IN), 1);
  assert_int_equal(hysac_timecode_frame(&unknown, 80000000, HYSAC_TIMECODE_IN), 2);
  assert_int_equal(hysac_timecode_frame(&unknown, 80000000, HYSAC_TIMECODE_OUT), 2);
  assert_int_equal(hysac_timecode_frame(&unknown, 80000001, HYSAC_TIMECODE_OUT), 3);
  assert_int_equal(hysac_timecode_frame(&unknown, -5, HYSAC_TIMECODE_OUT), 0);
}

/* A reader: the number of the frame of a timecode within its day. */
static guint64
read_code(const char *text, const HysacTimecodeRate *rate)
{
  guint h, m, s, f;
  char mark;
  assert_int_equal(sscanf(text, "%2u:%2u:%2u%c%2u", &h, &m, &s, &mark, &f), 5);
  assert_int_equal(strlen(text), 11);
  assert_int_equal(mark, rate->drop ? ';' : ':');
  assert_true(h < 24 && m < 60 && s < 60 && f < rate->base);
  guint64 number = ((guint64) h * 3600 + m * 60 + s) * rate->base + f;
  if (rate->drop) {
    const guint out = rate->base / 15, minutes = h * 60 + m;
    assert_false(m % 10 != 0 && s == 0 && f < out); /* a number that does not exist */
    number -= (guint64) out * (minutes - minutes / 10);
  }
  return number;
}

/* Time to number to text and back, whatever the frame, beyond 24 hours too; drop-frame follows the
 * clock. */
static void
test_round_trip(void **state)
{
  static const gint rates[][2] = {{24000, 1001}, {24, 1}, {25, 1}, {30000, 1001}, {30, 1},
                                  {48, 1},       {50, 1}, {60000, 1001}, {60, 1}};
  GRand *rand = test_rand();
  for (guint i = 0; i < 200000; i++) {
    const guint r = (guint) g_rand_int_range(rand, 0, G_N_ELEMENTS(rates));
    const HysacTimecodeRate rate =
      hysac_timecode_rate(rates[r][0], rates[r][1], g_rand_boolean(rand));
    const guint64 frame = (guint64) g_rand_int_range(rand, 0, 20 * 1000 * 1000);
    const double exact = (double) frame * rates[r][1] / rates[r][0];
    /* Rounded to the ns, or to the ms as Matroska does. */
    const gint64 time = i % 2 ? llround(exact * 1e9) : llround(exact * 1e3) * 1000000;
    char code[HYSAC_TIMECODE_SIZE];
    assert_int_equal(hysac_timecode_frame(&rate, time, HYSAC_TIMECODE_IN), frame);
    assert_int_equal(hysac_timecode_frame(&rate, time, HYSAC_TIMECODE_OUT), frame);
    hysac_timecode_format(&rate, frame, code);
    const guint64 day = hysac_timecode_day(&rate);
    assert_int_equal(read_code(code, &rate), frame % day);
    if (rate.drop) {
      const double clock = (double) atoi(code) * 3600 + atoi(code + 3) * 60 + atoi(code + 6);
      assert_true(fabs(clock - (double) (frame % day) * rates[r][1] / rates[r][0]) < 1.1);
    }
  }
  g_rand_free(rand);
}

/* Whatever the rate and the time, within frames too: what is between an IN and an OUT lies inside, but for
 * what rounded timestamps may be off, and no frame more than is touched. */
static void
test_edges(void **state)
{
  static const gint rates[][2] = {{24000, 1001}, {25, 1}, {30000, 1001}, {50, 1}, {60000, 1001},
                                  {60, 1},       {1, 1},  {120, 1},      {0, 1},  {25, 2}};
  GRand *rand = test_rand();
  for (guint i = 0; i < 200000; i++) {
    const guint r = (guint) g_rand_int_range(rand, 0, G_N_ELEMENTS(rates));
    const HysacTimecodeRate rate = hysac_timecode_rate(rates[r][0], rates[r][1], FALSE);
    const gint64 start = llround(g_rand_double_range(rand, 0, 1e14));
    const gint64 end = start + llround(g_rand_double_range(rand, 2e6, 1e9));
    const double frame = 1e9 * rate.den / rate.num, off = rate.exact ? 1e6 : 0, float_off = 0.1;
    const double in = (double) hysac_timecode_frame(&rate, start, HYSAC_TIMECODE_IN) * frame;
    const double out = (double) hysac_timecode_frame(&rate, end, HYSAC_TIMECODE_OUT) * frame;
    assert_true(in <= (double) start + off + float_off && in > (double) start + off - frame - float_off);
    assert_true(out >= (double) end - off - float_off && out < (double) end - off + frame + float_off);
  }
  g_rand_free(rand);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_by_hand),
    cmocka_unit_test(test_rates),
    cmocka_unit_test(test_round_trip),
    cmocka_unit_test(test_edges),
  };
  return cmocka_run_group_tests_name("timecode", tests, NULL, NULL);
}
