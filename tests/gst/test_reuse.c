/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Samples that take over the verdict of an earlier one: when, and how it is seen. The fake scorer compares
 * the code and the shade of a frame with the last that it answered under the same reference. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "gst/gsthysacmeta.h"
#include "gst/gsthysacprivate.h"
#include "tests/gst/recordfiles.h"
#include "tests/gst/rigtext.h"

#define FULL "sample-interval", (guint64)0
#define MONITOR FULL, "mode", GST_HYSAC_MODE_MONITOR
#define ALWAYS FULL, "reuse", GST_HYSAC_REUSE_ALWAYS

/* As rig_init(), with a scorer that reuses. */
#define START(rig, mode, ...)                                                                      \
  do {                                                                                             \
    rig_init_bare(rig, mode);                                                                      \
    (rig)->fake.reuse = TRUE;                                                                      \
    g_object_set((rig)->element, "model", "fake", __VA_ARGS__, NULL);                                              \
    rig_play(rig, FALSE);                                                                          \
  } while (0)

static gboolean
says_reused(Rig *rig, guint i)
{
  return gst_hysac_meta_get_reused(gst_buffer_get_hysac_meta(rig_buffer(rig, i)));
}

/* '.' encoded, 'r' reused, of the first @n frames. */
static void
assert_reused(Rig *rig, const char *expected)
{
  g_autoptr(GString) found = g_string_new(NULL);
  for (guint32 i = 0; i < strlen(expected); i++)
    g_string_append_c(found, !fake_was_scored(&rig->fake, i)  ? '?'
                             : fake_was_reused(&rig->fake, i) ? 'r'
                                                              : '.');
  assert_string_equal(found->str, expected);
}

static void
by_default_in_monitor_mode_only(void **state)
{
  Rig rig;
  START(&rig, FAKE_AT_ONCE, MONITOR);
  rig_push_n(&rig, 5, FAKE_SAFE);
  rig_finish(&rig);
  assert_reused(&rig, ".rrrr");
  assert_int_equal(rig.fake.limits.tolerance, 0);
  assert_int_equal(rig.fake.limits.budget, 0);
  assert_int_equal(rig.fake.limits.max_age, 10 * GST_SECOND);
  assert_int_equal(rig_stat(&rig, "reused"), 4);
  assert_int_equal(rig_stat(&rig, "requests"), 5);
  rig_clear(&rig);

  START(&rig, FAKE_AT_ONCE, FULL);
  rig_push_n(&rig, 5, FAKE_SAFE);
  rig_finish(&rig);
  assert_reused(&rig, ".....");
  assert_int_equal(rig.fake.n_references, 0);
  assert_int_equal(rig_stat(&rig, "reused"), 0);
  rig_clear(&rig);

  START(&rig, FAKE_AT_ONCE, MONITOR, "reuse", GST_HYSAC_REUSE_NEVER);
  rig_push_n(&rig, 5, FAKE_SAFE);
  rig_finish(&rig);
  assert_reused(&rig, ".....");
  assert_int_equal(rig.fake.n_references, 0);
  rig_clear(&rig);
}

static void
it_is_seen(void **state)
{
  Rig rig;
  Files files = make_files();
  START(&rig, FAKE_AT_ONCE, ALWAYS, ALL(files));
  rig_push_text(&rig, "ssuus");
  rig_finish(&rig);
  assert_reused(&rig, ".r.r.");
  for (guint i = 0; i < 5; i++) {
    assert_int_equal(says_reused(&rig, i), i == 1 || i == 3);
    assert_string_equal(rig_origin(rig_buffer(&rig, i)), "scored");
    gint64 age = -1;
    assert_true(gst_hysac_meta_get_age(gst_buffer_get_hysac_meta(rig_buffer(&rig, i)), &age));
    assert_int_equal(age, 0); /* it was looked at */
  }
  GstMessage *message;
  guint n = 0;
  while ((message = rig_message_now(&rig, GST_MESSAGE_ELEMENT, "hysac-moderation"))) {
    const GstStructure *s = gst_message_get_structure(message);
    gboolean reused = TRUE;
    if (gst_structure_has_field(s, "distance")) {
      assert_true(gst_structure_get_boolean(s, "reused", &reused));
      assert_false(reused); /* a change of state is of a changed picture */
      n++;
    }
    gst_message_unref(message);
  }
  assert_int_equal(n, 3);
  stop(&rig);
  g_autofree char *verdicts = read_text(files.verdict);
  g_autofree char *audit = read_text(files.audit);
  g_auto(GStrv) lines = g_strsplit(verdicts, "\n", -1);
  guint frame = 0;
  for (guint i = 0; lines[i]; i++) {
    if (strstr(lines[i], "\"type\":\"frame\"")) {
      assert_non_null(strstr(lines[i], frame == 1 || frame == 3 ? "\"reused\":true" : "\"reused\":false"));
      frame++;
    } else if (strstr(lines[i], "\"type\":\"end\"")) {
      assert_non_null(strstr(lines[i], "\"reused\":2"));
    }
  }
  assert_int_equal(frame, 5);
  static const char settings[] =
      "\"reuse\":\"always\",\"change_tolerance\":0,\"change_budget\":0,\"reuse_max_age\":10000000000";
  assert_non_null(strstr(verdicts, settings));
  assert_non_null(strstr(audit, settings));
  rig_clear(&rig);
  remove_files(&files);
}

/* A frame that lies between samples inherits what its sample has. */
static void
neighbours_inherit_it(void **state)
{
  Rig rig;
  START(&rig, FAKE_AT_ONCE, "reuse", GST_HYSAC_REUSE_ALWAYS, "sample-interval", 2 * (guint64)RIG_FRAME);
  rig_push_n(&rig, 6, FAKE_SAFE); /* samples: 0, 2, 4, and 5, the last */
  rig_finish(&rig);
  assert_int_equal(rig.fake.reused->len, 3);
  assert_false(says_reused(&rig, 0));
  for (guint i = 2; i < 6; i++)
    assert_true(says_reused(&rig, i));
  rig_clear(&rig);
}

static void
what_begins_anew_is_encoded(void **state)
{
  Rig rig;
  START(&rig, FAKE_AT_ONCE, ALWAYS);
  rig_push_n(&rig, 2, FAKE_SAFE); /* 0, 1 */
  rig_push_event(&rig, gst_event_new_flush_start());
  rig_push_event(&rig, gst_event_new_flush_stop(TRUE));
  rig_push_event(&rig, rig_segment(0, 0));
  rig_push_n(&rig, 2, FAKE_SAFE); /* 2, 3 */
  GstCaps *caps = gst_caps_from_string(RIG_CAPS);
  gst_caps_set_simple(caps, "pixel-aspect-ratio", GST_TYPE_FRACTION, 2, 1, NULL);
  rig_push_event(&rig, gst_event_new_caps(caps));
  gst_caps_unref(caps);
  rig_push_n(&rig, 2, FAKE_SAFE); /* 4, 5 */
  rig_push_event(&rig, rig_segment(0, 0));
  rig_push_n(&rig, 2, FAKE_SAFE); /* 6, 7 */
  GstBuffer *jump = rig_frame(&rig, FAKE_SAFE); /* 8 */
  GST_BUFFER_FLAG_SET(jump, GST_BUFFER_FLAG_DISCONT);
  assert_int_equal(gst_harness_push(rig.h, jump), GST_FLOW_OK);
  rig_push_n(&rig, 1, FAKE_SAFE); /* 9 */
  rig_push_event(&rig, gst_event_new_gap(10 * RIG_FRAME, RIG_FRAME));
  rig_push_n(&rig, 2, FAKE_SAFE); /* 10, 11 */
  rig_finish(&rig);
  assert_reused(&rig, ".r.r.r.r.r.r");
  assert_int_equal(rig.fake.n_references, 6);
  rig_clear(&rig);
}

static void
another_model_encodes_anew(void **state)
{
  Rig rig;
  START(&rig, FAKE_AT_ONCE, ALWAYS);
  rig_push_n(&rig, 2, FAKE_SAFE);
  rig_wait_buffers(&rig, 2);
  g_object_set(rig.element, "model", "another", NULL);
  gst_message_unref(rig_message(&rig, GST_MESSAGE_ELEMENT, "hysac-model"));
  rig_push_n(&rig, 2, FAKE_SAFE);
  rig_finish(&rig);
  assert_reused(&rig, ".r.r");
  assert_int_equal(rig.fake.n_references, 2);
  rig_clear(&rig);
}

/* Each frame that failed was asked for itself, and after one, the next is encoded. */
static void
failures_are_not_reused(void **state)
{
  Rig rig;
  START(&rig, FAKE_AT_ONCE, ALWAYS);
  rig_push_text(&rig, "sseessnns");
  rig_finish(&rig);
  assert_reused(&rig, ".r...r...");
  for (guint i = 0; i < 9; i++) {
    const gboolean failed = strchr("2367", '0' + (int)i) != NULL;
    assert_string_equal(rig_verdict(rig_buffer(&rig, i)), failed ? "failed" : "safe");
  }
  rig_clear(&rig);

  /* Nor where the scorer refuses, or the answer is no distance. */
  START(&rig, FAKE_AT_ONCE, ALWAYS);
  rig_push(&rig, FAKE_SAFE);
  rig_push(&rig, FAKE_REFUSE);
  rig_push(&rig, FAKE_SAFE);
  rig_push(&rig, FAKE_NAN);
  rig_push(&rig, FAKE_SAFE);
  rig_finish(&rig);
  assert_reused(&rig, ".....");
  rig_clear(&rig);
}

/* An unsafe verdict is as good as a safe one, and is judged by the bound in force when it is reused. */
static void
bound_of_now_holds(void **state)
{
  Rig rig;
  START(&rig, FAKE_AT_ONCE, ALWAYS);
  rig_push_text(&rig, "suuu");
  rig_wait_buffers(&rig, 4);
  g_object_set(rig.element, "bound", 0.8, NULL);
  rig_push_text(&rig, "uu");
  rig_wait_buffers(&rig, 6);
  g_object_set(rig.element, "bound", 0.6, NULL);
  rig_push_text(&rig, "uu");
  rig_finish(&rig);
  assert_reused(&rig, "..rrrrrr");
  assert_string_equal(rig_verdict(rig_buffer(&rig, 3)), "unsafe");
  assert_string_equal(rig_verdict(rig_buffer(&rig, 5)), "safe");
  assert_string_equal(rig_verdict(rig_buffer(&rig, 7)), "unsafe");
  assert_int_equal(rig_looks(rig_buffer(&rig, 7)) == LOOKS_ORIGINAL, FALSE);
  rig_clear(&rig);
}

/* One picture that stands for three samples confirms as the three would have. */
static void
reused_samples_count(void **state)
{
  Rig rig;
  START(&rig, FAKE_AT_ONCE, ALWAYS, "confirm-k", 3, "confirm-n", 3, "action", GST_HYSAC_ACTION_BLANK);
  rig_push_text(&rig, "ssuuusuus");
  rig_finish(&rig);
  assert_reused(&rig, ".r.rr..r.");
  for (guint i = 0; i < 9; i++)
    assert_string_equal(rig_verdict(rig_buffer(&rig, i)), i >= 2 && i <= 4 ? "unsafe" : "safe");
  assert_string_equal(rig_reason(rig_buffer(&rig, 6)), "unconfirmed");
  rig_clear(&rig);
}

static void
old_verdicts_are_computed_anew(void **state)
{
  Rig rig;
  START(&rig, FAKE_AT_ONCE, ALWAYS, "reuse-max-age", 2 * (guint64)RIG_FRAME);
  rig_push_n(&rig, 8, FAKE_SAFE);
  rig_finish(&rig);
  assert_reused(&rig, ".rr.rr.r");
  rig_clear(&rig);
}

/* Changes take effect with the next sample, and what is compared with stays. */
static void
settings_change_while_it_plays(void **state)
{
  Rig rig;
  START(&rig, FAKE_AT_ONCE, ALWAYS);
  rig.shade = 100;
  rig_push(&rig, FAKE_SAFE); /* 0 */
  rig.shade = 104;
  g_object_set(rig.element, "change-tolerance", 5, "change-budget", 77, "reuse-max-age", GST_SECOND, NULL);
  rig_push(&rig, FAKE_SAFE); /* 1 */
  assert_int_equal(rig.fake.limits.tolerance, 5);
  assert_int_equal(rig.fake.limits.budget, 77);
  assert_int_equal(rig.fake.limits.max_age, GST_SECOND);
  rig.shade = 108; /* 8 away from the one that was encoded */
  rig_push(&rig, FAKE_SAFE); /* 2 */
  g_object_set(rig.element, "reuse", GST_HYSAC_REUSE_NEVER, NULL);
  rig_push(&rig, FAKE_SAFE); /* 3 */
  g_object_set(rig.element, "reuse", GST_HYSAC_REUSE_ALWAYS, NULL);
  rig_push_n(&rig, 2, FAKE_SAFE); /* 4: what was before is forgotten */
  rig_finish(&rig);
  assert_reused(&rig, ".r...r");
  assert_int_equal(rig.fake.n_references, 2);
  rig_clear(&rig);
}

/* What stands still was itself looked at by the encoder. */
static void
freeze_keeps_what_was_encoded(void **state)
{
  Rig rig;
  START(&rig, FAKE_AT_ONCE, ALWAYS, "action", GST_HYSAC_ACTION_FREEZE, "change-tolerance", 8);
  rig.shade = 100;
  rig_push(&rig, FAKE_SAFE);
  rig.shade = 105;
  rig_push(&rig, FAKE_SAFE);
  rig_push(&rig, FAKE_UNSAFE);
  rig_finish(&rig);
  assert_reused(&rig, ".r.");
  assert_true(rig_same_pixels(rig_buffer(&rig, 2), rig_buffer(&rig, 0)));
  rig_clear(&rig);
}

/* Two streams on one scorer's kind: each has its own reference. */
static void
streams_have_their_own(void **state)
{
  Rig rigs[2];
  for (guint i = 0; i < 2; i++)
    START(&rigs[i], FAKE_AT_ONCE, ALWAYS);
  for (guint i = 0; i < 2; i++)
    rig_push_n(&rigs[i], 2, FAKE_SAFE);
  for (guint i = 0; i < 2; i++) {
    rig_finish(&rigs[i]);
    assert_reused(&rigs[i], ".r");
  }
  GHashTableIter iter;
  gpointer reference;
  g_hash_table_iter_init(&iter, rigs[0].fake.seen);
  while (g_hash_table_iter_next(&iter, &reference, NULL))
    assert_false(g_hash_table_contains(rigs[1].fake.seen, reference));
  for (guint i = 0; i < 2; i++)
    rig_clear(&rigs[i]);
}

int
main(int argc, char **argv)
{
  gst_init(&argc, &argv);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(by_default_in_monitor_mode_only),
      cmocka_unit_test(it_is_seen),
      cmocka_unit_test(neighbours_inherit_it),
      cmocka_unit_test(what_begins_anew_is_encoded),
      cmocka_unit_test(another_model_encodes_anew),
      cmocka_unit_test(failures_are_not_reused),
      cmocka_unit_test(bound_of_now_holds),
      cmocka_unit_test(reused_samples_count),
      cmocka_unit_test(old_verdicts_are_computed_anew),
      cmocka_unit_test(settings_change_while_it_plays),
      cmocka_unit_test(freeze_keeps_what_was_encoded),
      cmocka_unit_test(streams_have_their_own),
  };
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  gst_deinit();
  return failed;
}
