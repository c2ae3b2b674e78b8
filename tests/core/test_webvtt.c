/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "support.h"

#include "core/webvtt.h"

static void
expect_block(char *block, const char *text)
{
  if (strcmp(block, text) != 0)
    fail_msg("\"%s\" instead of \"%s\"", block, text);
  g_free(block);
}

#define SECOND G_GINT64_CONSTANT(1000000000)
#define HOUR (3600 * SECOND)

static void
test_by_hand(void **state)
{
  expect_block(hysac_webvtt_header(), "WEBVTT\n\n");
  expect_block(hysac_webvtt_note("made by x\nfor y"), "NOTE\nmade by x\nfor y\n\n");
  expect_block(hysac_webvtt_note("a\n\n\nb --> c"), "NOTE\na\nb -- > c\n\n");
  expect_block(hysac_webvtt_cue("1", 0, 40 * 1000000, "t"), "1\n00:00:00.000 --> 00:00:00.040\nt\n\n");
  /* 30000/1001: frame 1 to frame 3. Rounded outwards. */
  expect_block(hysac_webvtt_cue("1", 33366667, 100100000, "t"),
               "1\n00:00:00.033 --> 00:00:00.101\nt\n\n");
  expect_block(hysac_webvtt_cue("c", 59 * SECOND + 999999999, 3600 * SECOND, "t"),
               "c\n00:00:59.999 --> 01:00:00.000\nt\n\n");
  expect_block(hysac_webvtt_cue("c", 25 * HOUR, 123 * HOUR + 1, "t"),
               "c\n25:00:00.000 --> 123:00:00.001\nt\n\n");
  expect_block(hysac_webvtt_cue("c", -5, -5, "t"), "c\n00:00:00.000 --> 00:00:00.001\nt\n\n");
  expect_block(hysac_webvtt_cue("a\n-->b", 0, SECOND, "<b>&amp; --> \r\n\r\nx\n"),
               "a -- >b\n00:00:00.000 --> 00:00:01.000\n&lt;b&gt;&amp;amp; --&gt; \nx\n\n");
  expect_block(hysac_webvtt_cue("c", 0, SECOND, "\n\n"),
               "c\n00:00:00.000 --> 00:00:01.000\n&nbsp;\n\n");
  expect_block(hysac_webvtt_cue("c", 0, SECOND, "\xff"),
               "c\n00:00:00.000 --> 00:00:01.000\n\xef\xbf\xbd\n\n");
}

/* A reader, by the parsing rules of the specification's section 6: blocks are split by empty lines, a
 * block with an arrow in its first or second line is a cue. */
typedef struct {
  gint64 start, end; /* ms */
  char *id, *text;
} Cue;

static void
clear_cue(gpointer data)
{
  Cue *cue = data;
  g_free(cue->id);
  g_free(cue->text);
}

static gint64
read_time(const char **at)
{
  char *end;
  const gint64 h = (gint64) g_ascii_strtoull(*at, &end, 10);
  assert_true(end - *at >= 2 && *end == ':');
  for (guint i = 1; i <= 9; i++) /* mm:ss.mmm */
    assert_true(i == 3 ? end[i] == ':' : i == 6 ? end[i] == '.' : g_ascii_isdigit(end[i]));
  const gint64 m = atoi(end + 1), s = atoi(end + 4), ms = atoi(end + 7);
  assert_true(m < 60 && s < 60);
  *at = end + 10;
  return ((h * 60 + m) * 60 + s) * 1000 + ms;
}

static char *
unescape(const char *text)
{
  GString *plain = g_string_new(text);
  g_string_replace(plain, "&lt;", "<", 0);
  g_string_replace(plain, "&gt;", ">", 0);
  g_string_replace(plain, "&nbsp;", "", 0);
  g_string_replace(plain, "&amp;", "&", 0);
  return g_string_free(plain, FALSE);
}

static GArray *
read_vtt(const char *text)
{
  GArray *cues = g_array_new(FALSE, TRUE, sizeof(Cue));
  g_array_set_clear_func(cues, clear_cue);
  assert_true(g_utf8_validate(text, -1, NULL));
  assert_true(g_str_has_prefix(text, "WEBVTT\n\n"));
  assert_true(g_str_has_suffix(text, "\n\n"));
  g_auto(GStrv) blocks = g_strsplit(text + 8, "\n\n", -1);
  for (guint i = 0; blocks[i]; i++) {
    if (!*blocks[i])
      continue;
    g_auto(GStrv) lines = g_strsplit(blocks[i], "\n", 3);
    if (strcmp(lines[0], "NOTE") == 0) {
      assert_null(strstr(blocks[i], "-->"));
      continue;
    }
    assert_int_equal(g_strv_length(lines), 3);
    assert_null(strstr(lines[0], "-->"));
    assert_null(strstr(lines[2], "-->"));
    assert_null(strpbrk(lines[2], "<>"));
    const char *at = lines[1];
    Cue cue = {.id = g_strdup(lines[0]), .text = unescape(lines[2])};
    cue.start = read_time(&at);
    assert_true(g_str_has_prefix(at, " --> "));
    at += 5;
    cue.end = read_time(&at);
    assert_int_equal(*at, 0);
    assert_true(cue.end > cue.start);
    g_array_append_val(cues, cue);
  }
  return cues;
}

/* What a reader is to see of a text: its lines without the empty ones. */
static char *
without_empty_lines(const char *text)
{
  g_auto(GStrv) lines = g_strsplit_set(text, "\r\n", -1);
  GString *out = g_string_new(NULL);
  for (guint i = 0; lines[i]; i++) {
    if (*lines[i])
      g_string_append_printf(out, "%s%s", out->len ? "\n" : "", lines[i]);
  }
  return g_string_free(out, FALSE);
}

static char *
random_text(GRand *rand)
{
  static const char *const pieces[] = {"a", " ", "-->", "--", ">", "<", "&", "&lt;", "\n", "\n\n",
                                       "\r", "NOTE", "WEBVTT", "\xc3\xa9", "00:00:00.000", "\t", "STYLE"};
  GString *text = g_string_new(NULL);
  for (gint n = g_rand_int_range(rand, 0, 12); n > 0; n--)
    g_string_append(text, pieces[g_rand_int_range(rand, 0, G_N_ELEMENTS(pieces))]);
  return g_string_free(text, FALSE);
}

static void
test_round_trip(void **state)
{
  GRand *rand = test_rand();
  for (guint round = 0; round < 300; round++) {
    GString *file = g_string_new(NULL);
    GArray *expected = g_array_new(FALSE, TRUE, sizeof(Cue));
    g_array_set_clear_func(expected, clear_cue);
    g_autofree char *header = hysac_webvtt_header();
    g_string_append(file, header);
    for (guint i = 0; i < 20; i++) {
      g_autofree char *note = random_text(rand), *text = random_text(rand);
      g_autofree char *comment = hysac_webvtt_note(note);
      Cue cue = {.id = g_strdup_printf("hysac-%u", i), .text = without_empty_lines(text)};
      cue.start = g_rand_int_range(rand, 0, G_MAXINT) * (gint64) g_rand_int_range(rand, 1, 1000000);
      cue.end = cue.start + g_rand_int_range(rand, 1, G_MAXINT);
      g_autofree char *block = hysac_webvtt_cue(cue.id, cue.start, cue.end, text);
      g_string_append(file, comment);
      g_string_append(file, block);
      g_array_append_val(expected, cue);
    }
    g_autoptr(GArray) got = read_vtt(file->str);
    assert_int_equal(got->len, expected->len);
    for (guint i = 0; i < got->len; i++) {
      const Cue *a = &g_array_index(got, Cue, i), *b = &g_array_index(expected, Cue, i);
      assert_string_equal(a->id, b->id);
      assert_string_equal(a->text, b->text);
      assert_true(a->start * 1000000 <= b->start && b->start - a->start * 1000000 < 1000000);
      assert_true(a->end * 1000000 >= b->end && a->end * 1000000 - b->end < 1000000);
    }
    g_array_unref(expected);
    g_string_free(file, TRUE);
  }
  g_rand_free(rand);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_by_hand),
    cmocka_unit_test(test_round_trip),
  };
  return cmocka_run_group_tests_name("webvtt", tests, NULL, NULL);
}
