/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What goes out in a frame's place, by action: it is what the table of docs/element.md says, and it does not
 * flicker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "gst/gsthysacmeta.h"
#include "gst/gsthysacprivate.h"
#include "tests/gst/rigtext.h"

#define FULL "sample-interval", (guint64)0

static char *slate; /* a file */

typedef struct {
  GstHysacAction action;
  char unsafe, failed; /* by done(); 0 for none, a gap */
} Row;

static const Row rows[] = {
    {GST_HYSAC_ACTION_TAG, 't', 'B'},      {GST_HYSAC_ACTION_BLUR, 'b', 'B'},
    {GST_HYSAC_ACTION_PIXELATE, 'p', 'B'}, {GST_HYSAC_ACTION_BLANK, 'B', 'B'},
    {GST_HYSAC_ACTION_SLATE, 'S', 'S'},    {GST_HYSAC_ACTION_FREEZE, 'F', 'B'},
    {GST_HYSAC_ACTION_DROP, 0, 0},
};

/* Every action on what is unsafe, and on every kind of failure under each on-failure. Seconds lie
 * between, so that nothing is held on. */
static void
actions_and_failures(void **state)
{
  for (guint r = 0; r < G_N_ELEMENTS(rows); r++)
    for (const char *kind = "enr"; *kind; kind++)
      for (guint pass = 0; pass < 2; pass++) {
        const Row *row = &rows[r];
        Rig rig;
        rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, "action", row->action, "slate", slate,
                 "on-failure", pass ? GST_HYSAC_ON_FAILURE_PASS : GST_HYSAC_ON_FAILURE_REDACT,
                 NULL);
        const char text[] = {'s', 'u', 's', *kind, 's', '\0'};
        for (guint i = 0; i < 5; i++, rig.next += 100)
          rig_push(&rig, rig_code(text[i]));
        rig_finish(&rig);
        g_autoptr(GString) expected = g_string_new(".");
        if (row->unsafe)
          g_string_append_c(expected, row->unsafe);
        g_string_append_c(expected, '.');
        if (pass || row->failed)
          g_string_append_c(expected, pass ? '.' : row->failed);
        g_string_append_c(expected, '.');
        rig_assert_done(&rig, expected->str);
        assert_int_equal(rig_stat(&rig, "failed"), 1);
        const gboolean drop = row->action == GST_HYSAC_ACTION_DROP;
        assert_int_equal(rig_stat(&rig, "dropped"), drop ? 2 - pass : 0);
        for (guint i = 0; i < rig_n_buffers(&rig); i++)
          if (expected->str[i] == 'B' || expected->str[i] == 'S')
            assert_int_equal(rig_looks(rig_buffer(&rig, i)),
                             expected->str[i] == 'B' ? LOOKS_BLANK : LOOKS_OTHER);
        rig_clear(&rig);
      }
}

/* A failure inside an interval is treated as one outside: nothing of a frame that nobody has looked at is
 * shown, however long that lasts. on-failure=pass leaves it to the interval's action. */
static void
failures_inside_an_interval(void **state)
{
  for (guint r = 0; r < G_N_ELEMENTS(rows); r++)
    for (guint pass = 0; pass < 2; pass++) {
      const Row *row = &rows[r];
      Rig rig;
      rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, "action", row->action, "slate", slate, "on-failure",
               pass ? GST_HYSAC_ON_FAILURE_PASS : GST_HYSAC_ON_FAILURE_REDACT, NULL);
      rig_push_text(&rig, "sueeee");
      rig_finish(&rig);
      const char in = pass ? row->unsafe : row->failed;
      const char expected[] = {'.', row->unsafe, in, in, in, in, '\0'};
      rig_assert_done(&rig, expected);
      assert_int_equal(rig_stat(&rig, "failed"), 4);
      for (guint i = 2; i < rig_n_buffers(&rig); i++)
        assert_string_equal(rig_verdict(rig_buffer(&rig, i)), "failed");
      rig_clear(&rig);
    }
}

/* Another colour takes effect with the next frame; its alpha is not used. */
static void
blank_has_its_color(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, "blank-color", 0x00ffffffu, NULL);
  rig_push_text(&rig, "u");
  rig_wait_buffers(&rig, 1);
  g_object_set(rig.element, "blank-color", 0xff0000ffu, NULL);
  rig_push_text(&rig, "u");
  rig_wait_buffers(&rig, 2);
  g_object_set(rig.element, "blank-color", 0u, NULL);
  rig_push_text(&rig, "u");
  rig_finish(&rig);
  static const guint8 expected[3][3] = {{235, 128, 128}, {41, 240, 110}, {16, 128, 128}};
  for (guint i = 0; i < 3; i++) {
    guint8 yuv[3];
    gst_buffer_extract(rig_buffer(&rig, i), 0, &yuv[0], 1);
    gst_buffer_extract(rig_buffer(&rig, i), RIG_WIDTH * RIG_HEIGHT, &yuv[1], 1);
    gst_buffer_extract(rig_buffer(&rig, i), RIG_WIDTH * RIG_HEIGHT * 5 / 4, &yuv[2], 1);
    for (guint c = 0; c < 3; c++)
      assert_in_range(yuv[c], expected[i][c] - 1, expected[i][c] + 1);
  }
  assert_int_equal(rig_looks(rig_buffer(&rig, 2)), LOOKS_BLANK);
  rig_clear(&rig);
}

/* ------------------------------------------------------------ flicker */

/* Random verdicts and failures at every frame: at most three times in any second does redaction begin or
 * end on screen, and at most three times does it change between the action's picture and blank. */
static void
flicker_of_all_actions(void **state)
{
  for (guint r = 0; r < G_N_ELEMENTS(rows); r++)
    for (guint pass = 0; pass < 2; pass++) {
      const guint n = 400;
      const double rate = g_rand_double_range(rig_rand, 0.1, 0.9);
      g_autofree char *codes = g_malloc0(n + 1);
      Rig rig;
      rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, "action", rows[r].action, "slate", slate,
               "on-failure", pass ? GST_HYSAC_ON_FAILURE_PASS : GST_HYSAC_ON_FAILURE_REDACT, NULL);
      char last = 's';
      for (guint i = 0; i < n; i++) {
        if (g_rand_double(rig_rand) < rate)
          last = "suen"[g_rand_int_range(rig_rand, 0, 4)];
        codes[i] = last;
      }
      rig_push_text(&rig, codes);
      rig_finish(&rig);

      g_autofree char *text = rig_done(&rig);
      g_autofree char *screen = g_malloc(n); /* a letter a frame time */
      memset(screen, '-', n);
      for (guint i = 0; i < rig_n_buffers(&rig); i++)
        screen[rig_number(rig_buffer(&rig, i))] = text[i];
      guint toggles = 0, changes = 0;
      for (guint i = 1; i < n; i++) {
        guint begins = 0, looks = 0;
        for (guint j = i; j < MIN(i + 25, n); j++) {
          const gboolean clear = strchr(".t", screen[j]) != NULL;
          const gboolean was_clear = strchr(".t", screen[j - 1]) != NULL;
          begins += clear != was_clear;
          looks += !clear && !was_clear && screen[j] != screen[j - 1];
        }
        if (begins > 3 || looks > 3)
          fail_msg("action %u: %u toggles, %u changes in the second from %u: %.25s (%.25s)",
                   rows[r].action, begins, looks, i, screen + i, codes + i);
        toggles = MAX(toggles, begins);
        changes = MAX(changes, looks);
        /* Redaction is never late. */
        if (rows[r].action != GST_HYSAC_ACTION_TAG && codes[i] == 'u')
          assert_null(strchr(".t", screen[i]));
        if (!pass && (codes[i] == 'e' || codes[i] == 'n'))
          assert_null(strchr(".t", screen[i]));
      }
      rig_clear(&rig);
    }
}

/* Unsafe and failed by turns, without an interval between them to join: the worst that there is. */
static void
failures_and_verdicts_by_turns(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, "action", GST_HYSAC_ACTION_BLUR, NULL);
  for (guint i = 0; i < 100; i++)
    rig_push_text(&rig, i % 4 == 0 ? "u" : i % 4 == 2 ? "e" : "s");
  rig_finish(&rig);
  g_autofree char *text = rig_done(&rig);
  guint changes = 0;
  for (guint i = 1; i < 100; i++)
    changes += text[i] != text[i - 1];
  assert_true(changes <= 4 * 6); /* three toggles and three changes a second */
  assert_true(strchr(text, 'B') && strchr(text, 'b'));
  rig_clear(&rig);
}

/* ------------------------------------------------------------ settings */

static void
start_fails(Rig *rig, const char *words)
{
  assert_int_equal(gst_element_set_state(rig->element, GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);
  GstMessage *message = rig_message(rig, GST_MESSAGE_ERROR, NULL);
  g_autoptr(GError) error = NULL;
  g_autofree char *debug = NULL;
  gst_message_parse_error(message, &error, &debug);
  gst_message_unref(message);
  if (!strstr(debug, "slate") || !strstr(debug, words))
    fail_msg("\"%s\" does not name the property, or say: %s", debug, words);
  assert_null(rig_message_now(rig, GST_MESSAGE_ERROR, NULL));
  gst_element_set_state(rig->element, GST_STATE_READY);
}

/* A slate that cannot be used is one error at start, whatever the action; the element can be used
 * then. */
static void
slates_are_checked_at_start(void **state)
{
  Rig rig;
  rig_init_bare(&rig, FAKE_AT_ONCE);
  g_autofree char *text = g_build_filename(g_getenv("HYSAC_SRCDIR"), "README.md", NULL);
  g_object_set(rig.element, "model", "fake", FULL, "action", GST_HYSAC_ACTION_SLATE, NULL);
  start_fails(&rig, "set the property");
  g_object_set(rig.element, "slate", "", NULL);
  start_fails(&rig, "set the property");
  g_object_set(rig.element, "slate", "/missing/slate.png", "action", GST_HYSAC_ACTION_BLUR, NULL);
  start_fails(&rig, "/missing/slate.png");
  g_object_set(rig.element, "slate", text, NULL);
  start_fails(&rig, "neither PNG nor JPEG");
  g_object_set(rig.element, "slate", slate, "action", GST_HYSAC_ACTION_SLATE, NULL);
  rig_play(&rig, FALSE);
  rig_push_text(&rig, "su");
  rig_finish(&rig);
  rig_assert_done(&rig, ".S");
  rig_clear(&rig);
}

/* To slate while it plays: with a picture at once, without one a warning, and blank. */
static void
slate_while_it_plays(void **state)
{
  for (guint there = 0; there < 2; there++) {
    Rig rig;
    rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, "slate", there ? slate : NULL, NULL);
    rig_push_text(&rig, "u");
    rig_wait_buffers(&rig, 1);
    g_object_set(rig.element, "action", GST_HYSAC_ACTION_SLATE, NULL);
    rig_push_text(&rig, "uu");
    rig_finish(&rig);
    rig_assert_done(&rig, there ? "BSS" : "BBB");
    GstMessage *message = rig_message_now(&rig, GST_MESSAGE_WARNING, NULL);
    assert_int_equal(!message, there);
    g_clear_pointer(&message, gst_message_unref);
    assert_null(rig_message_now(&rig, GST_MESSAGE_WARNING, NULL));
    rig_clear(&rig);
  }
}

/* Drawn for each caps. */
static void
slate_follows_caps(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, "action", GST_HYSAC_ACTION_SLATE, "slate", slate, NULL);
  rig_push_text(&rig, "u");
  gst_harness_set_src_caps_str(rig.h, "video/x-raw,format=RGB,width=80,height=40,framerate=25/1");
  GstBuffer *frame = gst_buffer_new_allocate(NULL, 80 * 40 * 3, NULL);
  gst_buffer_memset(frame, 0, FAKE_UNSAFE, 80 * 40 * 3);
  gst_harness_push(rig.h, frame);
  rig_finish(&rig);
  g_autoptr(GstHysacSlate) picture = gst_hysac_slate_load(slate, NULL);
  GstVideoInfo info;
  gst_video_info_set_format(&info, GST_VIDEO_FORMAT_RGB, 80, 40);
  g_autoptr(GstBuffer) expected = gst_hysac_slate_draw(picture, &info, 0);
  assert_true(rig_same_pixels(rig_buffer(&rig, 1), expected));
  rig_clear(&rig);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(actions_and_failures),
      cmocka_unit_test(failures_inside_an_interval),
      cmocka_unit_test(blank_has_its_color),
      cmocka_unit_test(flicker_of_all_actions),
      cmocka_unit_test(failures_and_verdicts_by_turns),
      cmocka_unit_test(slates_are_checked_at_start),
      cmocka_unit_test(slate_while_it_plays),
      cmocka_unit_test(slate_follows_caps),
  };
  gst_init(NULL, NULL);
  slate = rig_slate_new();
  const int failed = slate ? cmocka_run_group_tests(tests, rig_make_rand, rig_free_rand) : 1;
  rig_slate_free(slate);
  gst_deinit(); /* GST_TRACERS=leaks reports here */
  return failed;
}
