/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What may be read in a text: nothing that a viewer sees is hidden from the encoder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <gst/gst.h>

#include "gst/textreading.h"

#include <string.h>

#include "core/error.h"

static gboolean
has(const GstHysacTextReading *reading, const char *text)
{
  return g_ptr_array_find_with_equal_func(reading->readings, text, g_str_equal, NULL);
}

static void
expect(const char *bytes, gboolean markup, const char *reading)
{
  GstHysacTextReading out;
  g_autoptr(GError) error = NULL;
  if (!gst_hysac_text_read(bytes, strlen(bytes), markup, &out, &error))
    fail_msg("%s: %s", bytes, error->message);
  if (!has(&out, reading)) {
    for (guint i = 0; i < out.readings->len; i++)
      print_message("# \"%s\"\n", (char *)out.readings->pdata[i]);
    fail_msg("%s is not read as %s", bytes, reading);
  }
  gst_hysac_text_reading_clear(&out);
}

static void
refuse(const char *bytes, gsize size, gboolean markup)
{
  GstHysacTextReading out;
  g_autoptr(GError) error = NULL;
  assert_false(gst_hysac_text_read(bytes, size, markup, &out, &error));
  assert_true(g_error_matches(error, HYSAC_ERROR, HYSAC_ERROR_FORMAT));
  assert_null(out.readings);
  assert_null(strstr(error->message, "secret")); /* errors go into logs */
}

static void
tags_and_entities(void **state)
{
  expect("b<i>a</i>d", TRUE, "bad");
  expect("b&#97;d", TRUE, "bad");
  expect("b&#x61;<b><u>d</u></b>", TRUE, "bad");
  expect("<span foreground=\"red\">b<span size=\"1\">a</span>d</span>", TRUE, "bad");
  expect("<markup>bad</markup>", TRUE, "bad");
  /* What is seen may stand in ways of its own too. */
  expect("<span color=\"white\">b</span><span alpha=\"1\">zq</span>ad", TRUE, "bad");
  expect("<small>b</small><span alpha=\"1\">zq</span><small>ad</small>", TRUE, "bad");
  expect("b<span face=\"Adobe Blank\">zq</span>ad", TRUE, "bad");
  expect("<span color=\"#fff\">b</span><span color=\"#000\">zq</span><span size=\"9\">a</span>d", TRUE, "bad");
  expect("<sub>b</sub><sup>a</sup><small>d</small><span alpha=\"1\">x</span><span rise=\"9\"></span>", TRUE, "bad");
  expect("a &lt; b &amp; c", TRUE, "a < b & c");
  /* Escaped twice: another renderer takes it for a tag. */
  expect("b&lt;i&gt;a&lt;/i&gt;d", TRUE, "bad");
  expect("b&amp;#97;d", TRUE, "bad");
  /* utf8 is shown as it is, and some renderers take tags out of it. */
  expect("b<i>a</i>d", FALSE, "bad");
  expect("b<i>a</i>d", FALSE, "b<i>a</i>d");
  expect("{\\an8}b{\\i1}ad", FALSE, "bad");
  expect("b&shy;ad &AMP; b&#x200b;ad", FALSE, "bad & bad");
  expect("a < b > c {d} & e", FALSE, "a < b > c {d} & e");
}

/* Entities as HTML has them, however they are written. */
static void
entities(void **state)
{
  static const char *const unseen[] = {"&#0000000008203;", "&#8203;", "&#x00000000200B;", "&#8203", "&ZeroWidthSpace;", "&amp;shy;",
                                       "&amp;amp;shy;", "&amp;#8203;", "&shy", "&SHY;", "&NoBreak;", "&zwnj;", "&InvisibleTimes;",
                                       "&NegativeThickSpace;", "&lrm;", "&#0;", "&#99999999999999999999;", "&#xd800;", "&amp;lt;i&amp;gt;"};
  static const char *const letters[] = {"kn&iacute;fe", "kn&iacute" "fe", "&kscr;&nopf;&ifr;fe", "kn&Idot;fe", "k&ncaron;&iogon;&#102;&#x00065;",
                                        "kni&#00000000000000000102;e"};
  for (guint i = 0; i < G_N_ELEMENTS(unseen); i++) {
    g_autofree char *text = g_strdup_printf("a kn%sife on the table", unseen[i]);
    expect(text, FALSE, "a knife on the table");
    expect(text, FALSE, text);
    GstHysacTextReading out;
    assert_true(gst_hysac_text_read(text, strlen(text), FALSE, &out, NULL));
    assert_string_equal(out.joined, "a knife on the table");
    gst_hysac_text_reading_clear(&out);
  }
  for (guint i = 0; i < G_N_ELEMENTS(letters); i++)
    expect(letters[i], FALSE, i == 3 ? "knIfe" : "knife");
  expect("kn&#0000000008203;ife", TRUE, "knife"); /* which GLib's parser reads too, and others do not */
  expect("kn&amp;ZeroWidthSpace;ife", TRUE, "knife");
  expect("a&nbsp;b &AElig &zeta;", FALSE, "a b \xc3\x86 \xce\xb6"); /* the first and the last letters */
  /* As HTML has it, numbers of controls are Windows-1252's. */
  expect("&#138;ex &#x80; &#159; &#x9e", FALSE, "\xc5\xa0" "ex \xe2\x82\xac \xc5\xb8 \xc5\xbe");
  expect("&#138;ex", FALSE, "Sex");
  expect("kn&#129;i&#x8d;fe&#157;", FALSE, "knife"); /* where that has none, they are unseen */
  expect("&#127;&#160;x", FALSE, " x");
  /* What is none stays as it is. */
  expect("a & b &c; &; &# &#; &#x; &rarr; &nosuchentityofanystandard; &am", FALSE,
         "a & b &c; &; &# &#; &#x; &rarr; &nosuchentityofanystandard; &am");
}

/* Tags of other formats, and what only some renderers take for one. */
static void
tags_of_other_formats(void **state)
{
  static const char *const tags[] = {"<00:01.000>", "<00:00:01.000>", "{b}", "{\\i1}", "{y:i}", "{C:$0000ff}", "{a comment}", "<c.loud>",
                                     "< b>", "<i <b>", "<i title=\">\">", "<!-- > -->", "<i title='>'/>", "<>", "<v Ann>", "{}"};
  for (guint i = 0; i < G_N_ELEMENTS(tags); i++) {
    g_autofree char *text = g_strdup_printf("a kn%sife on the table", tags[i]);
    expect(text, FALSE, "a knife on the table");
    expect(text, FALSE, text);
  }
  expect("on the\\Nknife", FALSE, "on the knife");
  /* Braces that are shown, around a word that tags split. */
  expect("{kn<i>i</i>fe}", FALSE, "{knife}");
  expect("a > b } c < d { e", FALSE, "a > b } c < d { e");
  /* Joined with its neighbours, a word in braces stays. */
  GstHysacTextReading out;
  assert_true(gst_hysac_text_read("{y:i}a {knife}", 14, FALSE, &out, NULL));
  assert_string_equal(out.joined, "a {knife}");
  gst_hysac_text_reading_clear(&out);
}

/* Tags that break a line or a block part words, and others do not, whichever a renderer takes for which. */
static void
tags_that_part_words(void **state)
{
  static const char *const breaks[] = {"<br>", "<BR/>", "<br />", "</br>", "<br class=\"x\" title='>'>", "<hr>", "\\N", "|", "&lt;br&gt;",
                                       "<tt:br/>", "&amp;lt;br&amp;gt;", "<br\n>"};
  static const char *const blocks[] = {"<p>", "</p>", "<P align=left>", "<div>", "</div>", "<li>", "<ul>", "<ol>", "<tr>", "<td>", "<th>",
                                       "<table>", "<h1>", "</h6>", "<blockquote>", "<section>", "<article>", "<pre>", "<dd>", "<dt>",
                                       "<figcaption>", "</div><p>"};
  static const char *const nothing[] = {"<b></b>", "<u>", "{\\i1}", "&zwnj;", "&#8203;", "<p>", "<!---->", "<wbr>", "<bronze>", "{y:i}", ""};
  for (guint k = 0; k < G_N_ELEMENTS(nothing); k++) {
    for (guint i = 0; i < G_N_ELEMENTS(breaks) + G_N_ELEMENTS(blocks); i++) {
      const gboolean line = i < G_N_ELEMENTS(breaks);
      const char *space = line ? breaks[i] : blocks[i - G_N_ELEMENTS(breaks)], *none = nothing[k];
      if (!line && strcmp(none, "<p>") == 0)
        continue;
      g_autofree char *text = g_strdup_printf("a%1$sg%2$sun%1$son%1$sa%1$sta%2$sble", space, none);
      expect(text, FALSE, "a gun on a table");
    }
  }
  /* What nobody has heard of may be a block too. */
  expect("a<gallery>gun<gallery/>on<gallery>a<gallery>table", FALSE, "a gun on a table");
  expect("a<br/>g<b></b>un<br/>on<br/>a<br/>table", TRUE, "a gun on a table");
  expect("a<div>g<i>u</i>n</div>on<div>a</div>table", TRUE, "a gun on a table");
  expect("kn<p>i<br>fe", FALSE, "knife");
  expect("a<b>gun<b>on<b>a<b>table</b></b></b></b>", TRUE, "a gun on a table"); /* as subparse has <br> */
  expect("a<b>g{\\i1}un<b>on<b>a<b>table</b></b></b></b>", TRUE, "a gun on a table");
  expect("a<b>g&lt;!----&gt;un<b>on<b>a<b>table</b></b></b></b>", TRUE, "a gun on a table");
  GstHysacTextReading out;
  assert_true(gst_hysac_text_read("a<br>g<b></b>un", 15, FALSE, &out, NULL));
  assert_string_equal(out.joined, "a gun");
  gst_hysac_text_reading_clear(&out);
  assert_true(gst_hysac_text_read("a<br/>gun", 9, TRUE, &out, NULL));
  assert_string_equal(out.joined, "a gun");
  gst_hysac_text_reading_clear(&out);
  /* Tags around words cost no more than before: what came, and what is left. */
  assert_true(gst_hysac_text_read("<i>a gun</i> <b>on</b> it<br>", 29, FALSE, &out, NULL));
  assert_int_equal(out.readings->len, 2);
  gst_hysac_text_reading_clear(&out);
  assert_true(gst_hysac_text_read("<i>a gun</i> <b>on</b> it &amp; off", 34, TRUE, &out, NULL));
  assert_int_equal(out.readings->len, 1);
  gst_hysac_text_reading_clear(&out);
}

/* However it is made, a text has few readings, soon. */
static void
readings_are_bounded(void **state)
{
  static const char *const parts[] = {"<", "{", "&", "<a \"", "<!--", "&#", "&#0", "&amp;", "&a", "<i", "{\\", "<>", "{}", "<a '>", "\\N"};
  const gint64 start = g_get_monotonic_time();
  for (guint i = 0; i < G_N_ELEMENTS(parts); i++) {
    for (guint end = 0; end < 3; end++) {
      g_autoptr(GString) text = g_string_new("x");
      GstHysacTextReading out;
      while (text->len < 60000)
        g_string_append(text, parts[i]);
      g_string_append(text, end == 0 ? "" : end == 1 ? ">}" : "-->");
      assert_true(gst_hysac_text_read(text->str, text->len, FALSE, &out, NULL));
      assert_in_range(out.readings->len, 1, 10);
      gst_hysac_text_reading_clear(&out);
    }
  }
  assert_true(g_get_monotonic_time() - start < 60 * G_USEC_PER_SEC);
}

/* What may be too small, too pale or of the ground's colour to be seen splits no word. */
static void
hidden_spans(void **state)
{
  expect("b<span alpha=\"1\">zz</span>ad", TRUE, "bad");
  expect("b<span size=\"1\">zz</span>ad", TRUE, "bad");
  expect("b<span color=\"#000\">zz<b>z</b></span>ad", TRUE, "bad");
  expect("b<small>zz</small>ad", TRUE, "bad");
  expect("b<small>zz</small>ad", TRUE, "bzzad"); /* and it may be seen */
  expect("b<i>zz</i>ad", TRUE, "bzzad");
  /* Other readers may show what Pango does not. */
  expect("good<!-- bad -->", TRUE, " bad ");
  expect("good<!--b--><?ad?>", TRUE, "bad");
  expect("good<![CDATA[bad]]>", TRUE, "bad");
}

static void
unseen_characters(void **state)
{
  expect("b\xe2\x80\x8b" "ad", FALSE, "bad");         /* U+200B zero width space */
  expect("b\xc2\xad" "ad", FALSE, "bad");             /* soft hyphen */
  expect("b\xef\xbb\xbf" "a\xe2\x81\xa0" "d", FALSE, "bad"); /* U+FEFF, U+2060 */
  expect("b\xf3\xa0\x81\xa1" "ad", FALSE, "bad");     /* U+E0061, a tag character */
  expect("b\x01" "ad", FALSE, "bad");
  expect("\xef\xbd\x82\xef\xbd\x81\xef\xbd\x84", FALSE, "bad"); /* full width */
  expect("b\xcc\xb6" "a\xcc\xb6" "d\xcc\xb6", FALSE, "bad");    /* struck through */
  expect("b\xc3\xa1" "d", FALSE, "bad");              /* a with acute */
  expect("\xf0\x9d\x90\x9b\xf0\x9d\x90\x9a\xf0\x9d\x90\x9d", FALSE, "bad"); /* mathematical bold */
  /* Marks of other scripts belong to the word. */
  expect("\xe0\xa4\x95\xe0\xa5\x8b", FALSE, "\xe0\xa4\x95\xe0\xa5\x8b");
  GstHysacTextReading out;
  assert_true(gst_hysac_text_read("\xe0\xa4\x95\xe0\xa5\x8b", 6, FALSE, &out, NULL));
  assert_int_equal(out.readings->len, 1);
  gst_hysac_text_reading_clear(&out);
  /* Plain text costs one run, composed or not. */
  assert_true(gst_hysac_text_read("a plain line", 12, TRUE, &out, NULL));
  assert_int_equal(out.readings->len, 1);
  gst_hysac_text_reading_clear(&out);
}

/* The reading in which everything is done, of @times of @part behind @first. */
static char *
read_long(const char *first, const char *part, gsize times)
{
  g_autoptr(GString) text = g_string_new(first);
  GstHysacTextReading out;
  for (gsize i = 0; i < times; i++)
    g_string_append(text, part);
  assert_true(gst_hysac_text_read(text->str, text->len, FALSE, &out, NULL));
  assert_in_range(out.readings->len, 1, 2);
  char *joined = g_steal_pointer(&out.joined);
  gst_hysac_text_reading_clear(&out);
  return joined;
}

/* GLib needs hours for a megabyte of marks to be sorted. */
static void
long_runs_of_marks(void **state)
{
  /* On a letter whose marks stay: none is lost, and few are where they were. */
  g_autofree char *few = read_long("\xd7\x94", "\xcc\x81\xcc\xa3", 15);
  assert_true(g_str_has_prefix(few, "\xd7\x94\xcc\xa3\xcc\xa3"));
  assert_true(g_str_has_suffix(few, "\xcc\x81\xcc\x81"));
  g_autofree char *many = read_long("\xd7\x94", "\xcc\x81\xcc\xa3", 1 << 18);
  assert_int_equal(strlen(many), 2 + (1 << 20));
  assert_true(g_str_has_prefix(many, "\xd7\x94\xcc\xa3\xcc\xa3"));
  /* With what is not seen between them; of which the second is two marks at once; half wide ones. */
  g_autofree char *between = read_long("\xd7\x94", "\xcc\x81\xcd\x8f\xcc\xa3", 1 << 15);
  assert_int_equal(strlen(between), 2 + (1 << 17));
  g_autofree char *two = read_long("\xd7\x94", "\xe0\xbd\xb3\xcc\xa3", 1 << 15);
  assert_int_equal(strlen(two), 2 + 8 * (1 << 15));
  g_autofree char *wide = read_long("\xd7\x94", "\xef\xbe\x9e\xcc\xa3", 1 << 15);
  assert_int_equal(strlen(wide), 2 + 5 * (1 << 15));
  /* Those of a Latin letter go, and so they do not move the next one. */
  g_autofree char *latin = read_long("e", "\xcc\x81\xcc\xa3", 1 << 15);
  assert_string_equal(latin, "e");
  /* What is composed of many: syllables of Korean, each found whole. */
  g_autofree char *whole = read_long("", "\xea\xb0\x81", 1 << 16), *jamo = read_long("", "\xe1\x84\x80\xe1\x85\xa1\xe1\x86\xa8", 1 << 16);
  assert_int_equal(strlen(whole), 3 << 16);
  assert_true(strcmp(whole, jamo) == 0);
}

static void
what_is_no_text(void **state)
{
  refuse("secret \xff", 8, FALSE);
  refuse("secret \xc3", 8, TRUE);
  refuse("\xed\xa0\x80", 3, FALSE); /* a surrogate */
  refuse("secret\0secret", 13, FALSE);
  refuse("<i>secret", 9, TRUE);
  refuse("secret</markup>secret<markup>", 29, TRUE);
  refuse("secret & <secret>", 17, TRUE);
  refuse("&secret;", 8, TRUE);
  refuse("&#0;", 4, TRUE);
}

static void
nothing_to_see(void **state)
{
  static const char *const none[] = {"", " \n\t", "\xe2\x80\x8b", "<i></i>", "<i> </i>\n"};
  GstHysacTextReading out;
  for (guint i = 0; i < G_N_ELEMENTS(none); i++) {
    assert_true(gst_hysac_text_read(none[i], strlen(none[i]), TRUE, &out, NULL));
    assert_int_equal(out.readings->len, 0);
    gst_hysac_text_reading_clear(&out);
  }
  assert_true(gst_hysac_text_read("\0\0", 2, FALSE, &out, NULL));
  assert_int_equal(out.readings->len, 0);
  gst_hysac_text_reading_clear(&out);
  /* The end of a C string is none of the text. */
  assert_true(gst_hysac_text_read("good\0", 5, FALSE, &out, NULL));
  assert_string_equal(out.visible, "good");
  gst_hysac_text_reading_clear(&out);
}

static void
mask(void **state)
{
  static const char *const cases[][2] = {
      {"one", "***"},          {"one, two  three!", "*** *** ***"}, {" one\n two\n\n", "***\n***\n\n"},
      {"\xc3\xa9t\xc3\xa9", "***"}, {"one\ttwo", "*** ***"},        {"", ""},
  };
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autofree char *masked = gst_hysac_text_mask(cases[i][0]);
    assert_string_equal(masked, cases[i][1]);
  }
  g_autofree char *unknown = gst_hysac_text_mask(NULL);
  assert_string_equal(unknown, "***");
}

static void
sides(void **state)
{
  g_autofree char *tail = gst_hysac_text_tail("a\xc3\xa9z", 2), *all = gst_hysac_text_tail("abc", 3);
  g_autofree char *head = gst_hysac_text_head("a\xc3\xa9z", 2), *none = gst_hysac_text_head("\xc3\xa9", 1);
  assert_string_equal(tail, "z");
  assert_string_equal(all, "abc");
  assert_string_equal(head, "a");
  assert_string_equal(none, "");
}

int
main(int argc, char **argv)
{
  gst_init(&argc, &argv); /* for the leaks tracer, which all tests of gst/ run under */
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(tags_and_entities), cmocka_unit_test(entities), cmocka_unit_test(tags_of_other_formats),
      cmocka_unit_test(tags_that_part_words),
      cmocka_unit_test(readings_are_bounded), cmocka_unit_test(hidden_spans),
      cmocka_unit_test(unseen_characters), cmocka_unit_test(long_runs_of_marks), cmocka_unit_test(what_is_no_text),
      cmocka_unit_test(nothing_to_see),    cmocka_unit_test(mask),
      cmocka_unit_test(sides),
  };
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  gst_deinit();
  return failed;
}
