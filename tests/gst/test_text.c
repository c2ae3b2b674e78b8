/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* hysactext: what it does to texts that were scored, and to all else that comes by. Failures: test_textfailures.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/gst/textrig.h"

#include <glib/gstdio.h>
#include <string.h>

#include "gst/gsthysacmeta.h"

static void
actions(void **state)
{
  static const struct {
    const char *action, *format, *in, *out;
  } cases[] = {
      {"tag", "utf8", "a bad thing", "a bad thing"},
      {"mask", "utf8", "a bad\nthing", "*** ***\n***"},
      {"mask", "pango-markup", "a <b>bad</b> thing &lt;&gt;", "*** *** *** ***"},
      {"mask", "pango-markup", "a <span font=\"secret\">b<i>ad</i></span>", "*** ***"},
      {"replace", "utf8", "a bad thing", "cut & <gone>"},
      {"replace", "pango-markup", "a <b>bad</b> thing", "cut &amp; &lt;gone&gt;"},
      {"drop", "utf8", "a bad thing", NULL},
  };
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    TextRig rig;
    text_rig_init(&rig, cases[i].format, "replacement", "cut & <gone>", NULL);
    gst_util_set_object_arg(G_OBJECT(rig.element), "action", cases[i].action);
    text_rig_expect(&rig, "a good thing", 0, "a good thing");
    text_rig_expect(&rig, cases[i].in, 100, cases[i].out);
    text_rig_expect(&rig, "another", 200, "another");
    assert_int_equal(text_rig_stat(&rig, "passed"), cases[i].action[0] == 't' ? 3 : 2);
    assert_int_equal(text_rig_stat(&rig, "dropped"), cases[i].out == NULL);
    text_rig_clear(&rig);
  }
}

static void
metadata(void **state)
{
  TextRig rig;
  gdouble distance, margin, score;
  gint64 time;
  text_rig_init(&rig, "utf8", NULL, NULL);
  g_autoptr(GstBuffer) safe = text_rig_through(&rig, text_rig_buffer("good", -1, 0));
  const GstStructure *meta = gst_buffer_get_hysac_meta(safe);
  assert_true(gst_hysac_meta_is_safe(meta));
  assert_string_equal(gst_hysac_meta_get_action(meta), "none");
  assert_string_equal(gst_hysac_meta_get_origin(meta), "scored");
  assert_true(gst_hysac_meta_get_distance(meta, &distance) && distance == 0.25);
  assert_int_equal(gst_hysac_meta_get_interval_id(meta), 0);

  g_autoptr(GstBuffer) unsafe = text_rig_through(&rig, text_rig_buffer("bad", -1, 100));
  meta = gst_buffer_get_hysac_meta(unsafe);
  assert_string_equal(gst_hysac_meta_get_verdict(meta), "unsafe");
  assert_string_equal(gst_hysac_meta_get_reason(meta), "unsafe");
  assert_string_equal(gst_hysac_meta_get_action(meta), "mask");
  assert_true(gst_hysac_meta_get_margin(meta, &margin) && margin == 1.0);
  assert_true(gst_hysac_meta_get_score(meta, &score) && score > 0.9);
  assert_true(gst_hysac_meta_get_sample_time(meta, &time) && time == 100 * GST_MSECOND);
  assert_int_equal(gst_hysac_meta_get_interval_id(meta), 1);
  assert_true(GST_BUFFER_PTS(unsafe) == 100 * GST_MSECOND && GST_BUFFER_DURATION(unsafe) == 100 * GST_MSECOND);
  text_rig_clear(&rig);
}

/* Nothing of the redacted buffer's comes over but its times. */
static void
redacted_is_new(void **state)
{
  TextRig rig;
  text_rig_init(&rig, "utf8", NULL, NULL);
  GstBuffer *in = text_rig_buffer("bad", -1, 0);
  GstCustomMeta *custom = gst_buffer_add_custom_meta(in, GST_HYSAC_META_NAME);
  gst_structure_set(gst_custom_meta_get_structure(custom), "note", G_TYPE_STRING, "bad", NULL);
  g_autoptr(GstCaps) caps = gst_caps_new_empty_simple("timestamp/x-test");
  gst_buffer_add_reference_timestamp_meta(in, caps, 42, GST_CLOCK_TIME_NONE);
  g_autoptr(GstBuffer) parent = text_rig_buffer("bad", -1, 0);
  gst_buffer_add_parent_buffer_meta(in, parent);
  GST_BUFFER_FLAG_SET(in, GST_BUFFER_FLAG_DISCONT);
  gst_buffer_ref(in);
  g_autoptr(GstBuffer) out = text_rig_through(&rig, in);
  assert_ptr_not_equal(out, in);
  assert_false(gst_structure_has_field(gst_buffer_get_hysac_meta(out), "note"));
  assert_int_equal(gst_buffer_get_reference_timestamp_meta(out, NULL)->timestamp, 42);
  assert_null(gst_buffer_get_parent_buffer_meta(out));
  assert_true(GST_BUFFER_FLAG_IS_SET(out, GST_BUFFER_FLAG_DISCONT));
  gst_buffer_unref(in);
  text_rig_clear(&rig);
}

static void
nothing_to_score(void **state)
{
  TextRig rig;
  text_rig_init(&rig, "utf8", NULL, NULL);
  g_autoptr(GstBuffer) empty = text_rig_through(&rig, text_rig_buffer("", 0, 0));
  assert_true(gst_hysac_meta_is_safe(gst_buffer_get_hysac_meta(empty)));
  assert_string_equal(gst_hysac_meta_get_origin(gst_buffer_get_hysac_meta(empty)), "empty");
  text_rig_expect(&rig, " \n", 100, " \n");
  assert_int_equal(text_rig_stat(&rig, "empty"), 2);
  assert_int_equal(text_rig_stat(&rig, "readings"), 0);
  text_rig_clear(&rig);
}

/* A sentence or a word that is cut into neighbouring buffers. */
static void
joined(void **state)
{
  TextRig rig;
  text_rig_init(&rig, "utf8", NULL, NULL);
  text_rig_expect(&rig, "what a b", 0, "what a b");
  g_autoptr(GstBuffer) out = text_rig_through(&rig, text_rig_buffer("ad thing", -1, 100));
  const GstStructure *meta = gst_buffer_get_hysac_meta(out);
  assert_string_equal(gst_hysac_meta_get_verdict(meta), "unsafe");
  assert_string_equal(gst_hysac_meta_get_origin(meta), "joined");
  assert_true(text_rig_saw(&rig, "what a bad thing"));
  assert_true(text_rig_saw(&rig, "what a b ad thing"));
  /* What was redacted is read by nobody: it joins with nothing. */
  text_rig_expect(&rig, "that was", 200, "that was");
  assert_true(text_rig_saw(&rig, "what a b that was"));
  /* Three in a row. */
  text_rig_expect(&rig, "so b", 300, "so b");
  text_rig_expect(&rig, "a", 400, "a");
  text_rig_expect(&rig, "d", 500, "***");
  text_rig_expect(&rig, "x", 600, "x");
  text_rig_expect(&rig, "y b", 700, "y b");
  text_rig_expect(&rig, "a", 800, "a");
  text_rig_expect(&rig, "", 850, "");
  text_rig_expect(&rig, "<i>d</i>", 900, "***"); /* nothing to see between them, and tags around */
  /* White space between them, and at the cut; a word divided. */
  text_rig_expect(&rig, "x b\302\240", 1000, "x b\302\240");
  text_rig_expect(&rig, "\302\240", 1050, "\302\240");
  text_rig_expect(&rig, "\302\240ad", 1100, "***");
  text_rig_expect(&rig, "x b-", 1200, "x b-");
  text_rig_expect(&rig, "ad", 1300, "***");
  assert_int_equal(text_rig_stat(&rig, "joined"), 5);
  text_rig_clear(&rig);
}

static void
joined_no_farther(void **state)
{
  TextRig rig;
  text_rig_init(&rig, "utf8", "join-gap", GST_SECOND, NULL);
  text_rig_expect(&rig, "a b", 0, "a b");
  text_rig_expect(&rig, "ad", 1001, "ad"); /* too long after */
  text_rig_expect(&rig, "a b", 2000, "a b");
  gst_harness_push_event(rig.h, gst_event_new_flush_start());
  gst_harness_push_event(rig.h, gst_event_new_flush_stop(FALSE));
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  gst_harness_push_event(rig.h, gst_event_new_segment(&segment));
  text_rig_expect(&rig, "ad", 2100, "ad"); /* another place of the film */
  text_rig_expect(&rig, "b", 2200, "b");
  text_rig_format(&rig, "pango-markup"); /* is no way out */
  text_rig_expect(&rig, "<i>ad</i>", 2300, "***");
  g_object_set(rig.element, "join-buffers", 1, NULL);
  text_rig_expect(&rig, "b", 2400, "b");
  text_rig_expect(&rig, "ad", 2500, "ad");
  text_rig_clear(&rig);

  /* Long texts: the ends that meet are read together. */
  text_rig_init(&rig, "utf8", NULL, NULL);
  g_autofree char *filler = g_strnfill(3000, 'x');
  g_autofree char *first = g_strconcat(filler, " a b", NULL), *second = g_strconcat("ad ", filler, NULL);
  text_rig_expect(&rig, first, 0, first);
  text_rig_expect(&rig, second, 100, "*** ***");
  text_rig_clear(&rig);
}

/* Everything leaves in the order in which it came; what tags may say is nobody's to read. */
static void
events(void **state)
{
  TextRig rig;
  text_rig_init(&rig, "utf8", "action", GST_HYSAC_TEXT_ACTION_DROP, NULL);
  text_rig_push(&rig, "good", 0);
  while (gst_harness_events_in_queue(rig.h))
    gst_event_unref(gst_harness_pull_event(rig.h));
  gst_harness_push_event(rig.h, gst_event_new_tag(gst_tag_list_new(
                                    GST_TAG_TITLE, "bad", GST_TAG_BITRATE, 9, GST_TAG_LANGUAGE_CODE, "en",
                                    GST_TAG_LYRICS, "bad", NULL)));
  gst_harness_push_event(rig.h, gst_event_new_tag(gst_tag_list_new(GST_TAG_LANGUAGE_CODE, "bad thing", NULL)));
  text_rig_push(&rig, "bad", 100);
  gst_harness_push_event(rig.h, gst_event_new_gap(300 * GST_MSECOND, GST_MSECOND));
  text_rig_push(&rig, "better", 400);
  gst_harness_push_event(rig.h, gst_event_new_eos());

  g_autoptr(GstEvent) tag = gst_harness_pull_event(rig.h);
  GstTagList *tags;
  gst_event_parse_tag(tag, &tags);
  assert_int_equal(gst_tag_list_n_tags(tags), 2);
  guint rate = 0;
  assert_true(gst_tag_list_get_uint(tags, GST_TAG_BITRATE, &rate) && rate == 9);
  assert_int_equal(gst_tag_list_get_tag_size(tags, GST_TAG_LANGUAGE_CODE), 1);
  g_autoptr(GstEvent) other = gst_harness_pull_event(rig.h);
  gst_event_parse_tag(other, &tags);
  assert_int_equal(gst_tag_list_n_tags(tags), 0);
  g_autoptr(GstEvent) dropped = gst_harness_pull_event(rig.h);
  GstClockTime time, duration;
  gst_event_parse_gap(dropped, &time, &duration);
  assert_true(time == 100 * GST_MSECOND && duration == 100 * GST_MSECOND);
  g_autoptr(GstEvent) gap = gst_harness_pull_event(rig.h);
  gst_event_parse_gap(gap, &time, &duration);
  assert_true(time == 300 * GST_MSECOND);
  g_autoptr(GstEvent) eos = gst_harness_pull_event(rig.h);
  assert_int_equal(GST_EVENT_TYPE(eos), GST_EVENT_EOS);

  g_autoptr(GstBuffer) first = gst_harness_pull(rig.h);
  g_autoptr(GstBuffer) second = gst_harness_pull(rig.h);
  assert_false(GST_BUFFER_FLAG_IS_SET(first, GST_BUFFER_FLAG_DISCONT));
  assert_true(GST_BUFFER_FLAG_IS_SET(second, GST_BUFFER_FLAG_DISCONT));
  assert_int_equal(gst_harness_push(rig.h, text_rig_buffer("good", -1, 500)), GST_FLOW_EOS);
  text_rig_clear(&rig);
}

/* From the next text on. */
static void
retune(void **state)
{
  TextRig rig;
  text_rig_init(&rig, "utf8", "join-buffers", 1, NULL);
  text_rig_expect(&rig, "bad", 0, "***");
  g_object_set(rig.element, "enter-margin", 1.0, NULL); /* 2 is not above 1 + 1 */
  text_rig_expect(&rig, "bad", 100, "bad");
  g_object_set(rig.element, "enter-margin", 0.0, "bound", 2.5, NULL);
  text_rig_expect(&rig, "bad", 200, "bad");
  g_object_set(rig.element, "bound", 0.1, NULL);
  g_autoptr(GstBuffer) out = text_rig_through(&rig, text_rig_buffer("good", -1, 300));
  gdouble bound;
  assert_true(gst_hysac_meta_get_bound(gst_buffer_get_hysac_meta(out), &bound) && bound == 0.1);
  assert_string_equal(gst_hysac_meta_get_verdict(gst_buffer_get_hysac_meta(out)), "unsafe");
  g_object_set(rig.element, "bound", 0.0, NULL);
  text_rig_expect(&rig, "good", 400, "good");
  text_rig_clear(&rig);
}

static void
messages(void **state)
{
  TextRig rig;
  guint64 id = 0;
  text_rig_init(&rig, "utf8", NULL, NULL);
  static const char *const texts[] = {"good", "good", "bad", "bad", "good"};
  static const char *const states[] = {"started", "safe", "unsafe", "unsafe", "safe"};
  for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
    text_rig_push(&rig, texts[i], i * 100);
  for (guint i = 0; i < G_N_ELEMENTS(states); i++) {
    g_autoptr(GstMessage) message = text_rig_message(&rig, GST_MESSAGE_ELEMENT, "hysac-moderation");
    const GstStructure *s = gst_message_get_structure(message);
    assert_string_equal(gst_structure_get_string(s, "state"), states[i]);
    g_autofree char *all = gst_structure_to_string(s);
    assert_null(strstr(all, "good"));
    assert_null(strstr(all, "bad"));
    if (i >= 2)
      assert_true(gst_structure_get_uint64(s, "interval-id", &id));
    assert_int_equal(id, i < 2 || i == 4 ? 0 : 1); /* one stretch */
  }
  assert_false(gst_bus_have_pending(rig.bus) &&
               gst_bus_pop_filtered(rig.bus, GST_MESSAGE_ELEMENT | GST_MESSAGE_WARNING));
  text_rig_clear(&rig);
}

/* One line a text; the text itself only where that was asked for. */
static void
verdict_log(void **state)
{
  for (guint asked = 0; asked < 2; asked++) {
    TextRig rig;
    g_autofree char *folder = g_dir_make_tmp("hysac-text-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, "log.jsonl", NULL), *text = NULL;
    text_rig_init(&rig, "utf8", "verdict-log", path, "log-text", (gboolean)asked, NULL);
    text_rig_push(&rig, "kept secret", 0);
    text_rig_push(&rig, "bad secret", 100);
    text_rig_push(&rig, "secret \xff", 200);
    text_rig_clear(&rig);
    assert_true(g_file_get_contents(path, &text, NULL, NULL));
    assert_non_null(strstr(text, "\"type\":\"start\""));
    assert_non_null(strstr(text, "\"verdict\":\"safe\",\"reason\":\"safe\",\"origin\":\"scored\",\"action\":\"none\""));
    assert_non_null(strstr(text, "\"verdict\":\"unsafe\""));
    assert_non_null(strstr(text, "\"reason\":\"failed-map\""));
    assert_non_null(strstr(text, "\"texts\":3"));
    assert_int_equal(strstr(text, "secret") != NULL, asked);
    assert_int_equal(strstr(text, "\"content\":\"bad secret\"") != NULL, asked);
    g_unlink(path);
    g_rmdir(folder);
  }
}

static void
policy_file(void **state)
{
  TextRig rig;
  g_autofree char *folder = g_dir_make_tmp("hysac-text-XXXXXX", NULL);
  g_autofree char *path = g_build_filename(folder, "policy.json", NULL);
  g_file_set_contents(path, "{\"version\":1,\"action\":\"drop\",\"join-buffers\":1,\"on-failure\":\"pass\"}", -1, NULL);
  text_rig_init(&rig, "utf8", "policy", path, "on-failure", GST_HYSAC_ON_FAILURE_REDACT, NULL);
  text_rig_expect(&rig, "bad", 0, NULL);
  text_rig_expect(&rig, "b", 100, "b");
  text_rig_expect(&rig, "ad", 200, "ad");
  text_rig_expect(&rig, "\xff", 300, NULL); /* what was set is stronger */
  text_rig_clear(&rig);
  /* A frame's action is no text's. */
  g_file_set_contents(path, "{\"version\":1,\"action\":\"blur\"}", -1, NULL);
  text_rig_bare(&rig);
  g_object_set(rig.element, "policy", path, NULL);
  assert_int_equal(gst_element_set_state(rig.element, GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);
  g_autoptr(GstMessage) error = text_rig_message(&rig, GST_MESSAGE_ERROR, NULL);
  assert_non_null(error);
  text_rig_clear(&rig);
  g_unlink(path);
  g_rmdir(folder);
}

/* States in circles: all that a start takes is given back. */
static void
cycles(void **state)
{
  TextRig rig;
  text_rig_bare(&rig);
  for (guint i = 0; i < 20; i++) {
    assert_int_equal(gst_element_set_state(rig.element, GST_STATE_PAUSED), GST_STATE_CHANGE_SUCCESS);
    assert_int_equal(rig.fake.alive, 1);
    gst_element_set_state(rig.element, i % 2 ? GST_STATE_READY : GST_STATE_NULL);
    assert_int_equal(rig.fake.alive, 0);
  }
  text_rig_clear(&rig);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(actions),          cmocka_unit_test(metadata), cmocka_unit_test(redacted_is_new),
      cmocka_unit_test(nothing_to_score), cmocka_unit_test(joined),   cmocka_unit_test(joined_no_farther),
      cmocka_unit_test(events),           cmocka_unit_test(retune),   cmocka_unit_test(messages),
      cmocka_unit_test(verdict_log),      cmocka_unit_test(policy_file), cmocka_unit_test(cycles),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
