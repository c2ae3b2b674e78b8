/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "support.h"

#include "core/edl.h"

static void
expect_line(char *line, const char *text)
{
  if (strcmp(line, text) != 0)
    fail_msg("\"%s\" instead of \"%s\"", line, text);
  g_free(line);
}

static void
test_lines(void **state)
{
  const HysacTimecodeRate pal = hysac_timecode_rate(25, 1, TRUE);
  const HysacTimecodeRate ntsc = hysac_timecode_rate(30000, 1001, TRUE);
  expect_line(hysac_edl_header("clip.mp4", &pal), "TITLE: clip.mp4\nFCM: NON-DROP FRAME\n\n");
  expect_line(hysac_edl_header("a\nb\t\xc3\xa9", &ntsc), "TITLE: a b e\nFCM: DROP FRAME\n\n");
  const HysacEdlEvent kept = {
    .number = 1, .reel = "CLIP", .source_in = 0, .source_out = 250, .record_in = 0, .record_out = 250};
  expect_line(hysac_edl_event(&kept, &pal),
              "001  CLIP     V     C        00:00:00:00 00:00:10:00 00:00:00:00 00:00:10:00\n");
  const HysacEdlEvent black = {.number = 1000,
                               .reel = HYSAC_EDL_BLACK,
                               .source_out = 2,
                               .record_in = 1799,
                               .record_out = 1801};
  expect_line(hysac_edl_event(&black, &ntsc),
              "1000  BL       V     C        00:00:00;00 00:00:00;02 00:00:59;29 00:01:00;03\n");
  expect_line(hysac_edl_comment("FROM CLIP NAME: clip.mp4"), "* FROM CLIP NAME: clip.mp4\n");
  g_autofree char *longer = g_strnfill(500, 'x'), *line = hysac_edl_comment(longer);
  assert_int_equal(strlen(line), 2 + 78 + 1);
}

static void
test_reels(void **state)
{
  static const char *const names[][2] = {
    {"clip.mp4", "CLIP"}, {"/home/me/My Film (1).tar.mkv", "MYFILM1T"}, {NULL, "AX"},
    {"", "AX"},           {"bl.mp4", "AX"},                              {"???.mp4", "AX"},
    {"\xc3\xa9t\xc3\xa9.mov", "ETE"},
  };
  for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
    char reel[HYSAC_EDL_REEL_SIZE];
    hysac_edl_reel(names[i][0], reel);
    assert_string_equal(reel, names[i][1]);
  }
}

/* Names that are not UTF-8, each at the end of its block, with bytes behind it that must not be read:
 * beginnings of characters of two to six bytes, and a byte from the middle of one. */
static void
test_not_utf8(void **state)
{
  static const char *const ends[] = {"\xc3", "\xfc", "\xe2\x82", "\xf0", "\xff", "\x80"};
  const HysacTimecodeRate pal = hysac_timecode_rate(25, 1, TRUE);
  for (guint i = 0; i < G_N_ELEMENTS(ends); i++) {
    char text[16] = "ab", reel[HYSAC_EDL_REEL_SIZE];
    memset(text + 2, 'Z', sizeof text - 3);
    memcpy(text + 2, ends[i], strlen(ends[i]) + 1);
    g_autofree char *line = hysac_edl_comment(text), *head = hysac_edl_header(text, &pal);
    hysac_edl_reel(text, reel);
    assert_string_equal(reel, "AB");
    assert_true(g_str_has_prefix(line, "* ab?"));
    assert_int_equal(strspn(line + 5, "?"), strlen(line + 5) - 1);
    assert_null(strchr(line, 'Z'));
    assert_true(g_str_has_prefix(head, "TITLE: ab?"));
    assert_null(strchr(head, 'Z'));
    /* On the heap: ASan sees a read behind the end. */
    g_autofree char *alone = g_strdup(text);
    g_autofree char *same = hysac_edl_comment(alone);
    assert_string_equal(same, line);
  }
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_lines),
    cmocka_unit_test(test_reels),
    cmocka_unit_test(test_not_utf8),
  };
  return cmocka_run_group_tests_name("edl", tests, NULL, NULL);
}
