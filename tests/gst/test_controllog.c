/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Each act of a moderator, and each property changed while it plays, is in the verdict log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <string.h>

#include "gst/gsthysacprivate.h"
#include "tests/gst/rigcontrol.h"

#define FULL "sample-interval", (guint64)0

static JsonParser *
parse(const char *line)
{
  JsonParser *parser = json_parser_new();
  g_autoptr(GError) error = NULL;
  if (!json_parser_load_from_data(parser, line, -1, &error))
    fail_msg("%s: %s", line, error->message);
  return parser;
}

static void
everything_is_on_record(void **state)
{
  Rig rig;
  g_autofree char *folder = g_dir_make_tmp("hysac-XXXXXX", NULL);
  g_autofree char *path = g_build_filename(folder, "log.jsonl", NULL);
  g_autofree char *text = NULL;
  char note[1000] = "line\n\"quoted\" \xff ";
  memset(note + strlen(note), 'x', sizeof note - 1 - strlen(note));
  note[sizeof note - 1] = 0;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, "verdict-log", path, NULL);
  rig_run(&rig, 1, FAKE_SAFE);
  rig_override(&rig, "unsafe", 2 * RIG_FRAME, note);
  rig_run(&rig, 1, FAKE_SAFE);
  g_object_set(rig.element, "action", GST_HYSAC_ACTION_BLUR, "enter-margin", 0.25, "bound", 0.6,
               "post-roll", RIG_FRAME, NULL);
  g_object_set(rig.element, "action", GST_HYSAC_ACTION_BLUR, NULL); /* no change */
  g_object_set(rig.element, "leave-margin", 0.75, NULL);            /* above enter: not in force */
  rig_run(&rig, 2, FAKE_SAFE);
  rig_press(&rig, "hold");
  rig_run(&rig, 1, FAKE_SAFE);
  rig_press(&rig, "release");
  rig_finish(&rig);
  rig_clear(&rig);

  static const struct {
    const char *what, *by, *property, *before, *after;
    gint64 frame;
    gboolean in_force;
  } expected[] = {
      {"override", "human", NULL, NULL, NULL, 1, TRUE},
      {"property", "human", "action", "\"blank\"", "\"blur\"", 2, TRUE},
      {"property", "human", "enter-margin", "0.0", "0.25", 2, TRUE},
      {"property", "human", "bound", "0.0", "0.59999999999999998", 2, TRUE},
      {"property", "human", "post-roll", "0", "40000000", 2, TRUE},
      {"property", "human", "leave-margin", "0.0", "0.75", 2, FALSE},
      {"override-ended", "expiry", NULL, NULL, NULL, 4, TRUE},
      {"hold", "human", NULL, NULL, NULL, 4, TRUE},
      {"release", "human", NULL, NULL, NULL, 5, TRUE},
  };
  assert_true(g_file_get_contents(path, &text, NULL, NULL));
  g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
  guint n = 0, human = 0;
  for (guint i = 0; lines[i]; i++) {
    if (strstr(lines[i], "\"origin\":\"human\"")) {
      g_autoptr(JsonParser) frame = parse(lines[i]);
      JsonObject *o = json_node_get_object(json_parser_get_root(frame));
      assert_string_equal(json_object_get_string_member(o, "model_verdict"), "safe");
      assert_string_equal(json_object_get_string_member(o, "verdict"), "unsafe");
      human++;
    }
    if (!g_str_has_prefix(lines[i], "{\"type\":\"control\""))
      continue;
    g_autoptr(JsonParser) parser = parse(lines[i]);
    JsonObject *o = json_node_get_object(json_parser_get_root(parser));
    assert_true(n < G_N_ELEMENTS(expected));
    assert_string_equal(json_object_get_string_member(o, "what"), expected[n].what);
    assert_string_equal(json_object_get_string_member(o, "by"), expected[n].by);
    assert_int_equal(json_object_get_int_member(o, "frame"), expected[n].frame);
    assert_true(strlen(json_object_get_string_member(o, "utc")) >= strlen("2000-01-01T00:00:00Z"));
    if (n == 0) {
      const char *kept = json_object_get_string_member(o, "note");
      assert_true(g_str_has_prefix(kept, "line\n\"quoted\" "));
      assert_true(strlen(kept) < 530 && strlen(kept) > 500);
      assert_string_equal(json_object_get_string_member(o, "verdict"), "unsafe");
      assert_int_equal(json_object_get_int_member(o, "duration"), 2 * RIG_FRAME);
    }
    if (expected[n].property) {
      g_autofree char *before = json_to_string(json_object_get_member(o, "old"), FALSE);
      g_autofree char *after = json_to_string(json_object_get_member(o, "new"), FALSE);
      assert_string_equal(json_object_get_string_member(o, "property"), expected[n].property);
      assert_float_equal(g_ascii_strtod(before, NULL), g_ascii_strtod(expected[n].before, NULL),
                         1e-9);
      if (*after == '"')
        assert_string_equal(after, expected[n].after);
      assert_float_equal(g_ascii_strtod(after, NULL), g_ascii_strtod(expected[n].after, NULL),
                         1e-9);
      assert_int_equal(json_object_get_boolean_member(o, "in_force"), expected[n].in_force);
    }
    n++;
  }
  assert_int_equal(n, G_N_ELEMENTS(expected));
  assert_int_equal(human, 3);
  g_remove(path);
  g_rmdir(folder);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(everything_is_on_record),
  };
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  gst_deinit(); /* GST_TRACERS=leaks reports here */
  return failed;
}
