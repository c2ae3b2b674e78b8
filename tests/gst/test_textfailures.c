/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* hysactext: no text passes because something failed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/gst/textrig.h"

#include <string.h>

#include "gst/gsthysacmeta.h"

/* What cannot be checked. */
static const struct {
  const char *format, *text;
  gssize size;
  const char *reason;
} cases[] = {
    {"utf8", "se\xff" "cret", -1, "failed-map"},
    {"utf8", "sec\0ret", 7, "failed-map"},
    {"pango-markup", "<b>secret", -1, "failed-map"},
    {"utf8", "secret as long as it is", -1, "failed-map"},
    {"utf8", "secret oom", -1, "failed-memory"},
    {"utf8", "secret nan", -1, "failed-numeric"},
    {"utf8", "secret die", -1, "failed-device"},
};

static void
on_failure(void **state)
{
  static const char *const actions[] = {"tag", "mask", "replace", "drop"};
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
    for (guint j = 0; j < G_N_ELEMENTS(actions); j++) {
      TextRig rig;
      text_rig_init(&rig, cases[i].format, "max-text", 20, NULL);
      gst_util_set_object_arg(G_OBJECT(rig.element), "action", actions[j]);
      GstBuffer *out = text_rig_through(&rig, text_rig_buffer(cases[i].text, cases[i].size, 0));
      assert_int_equal(out == NULL, j == 3);
      if (out) {
        const GstStructure *meta = gst_buffer_get_hysac_meta(out);
        gdouble distance;
        assert_string_equal(gst_hysac_meta_get_verdict(meta), "failed");
        assert_string_equal(gst_hysac_meta_get_reason(meta), cases[i].reason);
        assert_false(gst_hysac_meta_get_distance(meta, &distance));
        g_autofree char *text = text_rig_text(out);
        assert_true(strcmp(text, j == 2 ? "[removed]" : strchr(text, ' ') ? "*** ***" : "***") == 0);
      }
      assert_int_equal(text_rig_stat(&rig, "failed"), 1);
      assert_int_equal(text_rig_stat(&rig, "passed"), 0);
      text_rig_clear(&rig);
    }
}

static void
on_failure_pass(void **state)
{
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    TextRig rig;
    text_rig_init(&rig, cases[i].format, "max-text", 20, "on-failure", GST_HYSAC_ON_FAILURE_PASS, NULL);
    g_autoptr(GstBuffer) out = text_rig_through(&rig, text_rig_buffer(cases[i].text, cases[i].size, 0));
    assert_string_equal(gst_hysac_meta_get_verdict(gst_buffer_get_hysac_meta(out)), "failed");
    assert_string_equal(gst_hysac_meta_get_action(gst_buffer_get_hysac_meta(out)), "none");
    assert_int_equal(gst_buffer_get_size(out), cases[i].size < 0 ? (gssize)strlen(cases[i].text) : cases[i].size);
    text_rig_clear(&rig);
  }
}

static void
on_failure_error(void **state)
{
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    TextRig rig;
    text_rig_init(&rig, cases[i].format, "max-text", 20, "on-failure", GST_HYSAC_ON_FAILURE_ERROR, NULL);
    assert_int_equal(gst_harness_push(rig.h, text_rig_buffer(cases[i].text, cases[i].size, 0)), GST_FLOW_ERROR);
    assert_int_equal(gst_harness_buffers_in_queue(rig.h), 0);
    g_autoptr(GstMessage) message = text_rig_message(&rig, GST_MESSAGE_ERROR, NULL);
    g_autoptr(GError) error = NULL;
    g_autofree char *debug = NULL;
    gst_message_parse_error(message, &error, &debug);
    assert_non_null(strstr(debug, cases[i].reason));
    assert_null(strstr(debug, "secret"));
    text_rig_clear(&rig);
  }
}

/* A megabyte, where that is allowed: all of it is read; by default it is not, and does not pass. */
static void
a_megabyte(void **state)
{
  const gsize size = 1024 * 1024;
  g_autofree char *text = g_strnfill(size, 'x');
  TextRig rig;
  text_rig_init(&rig, "utf8", NULL, NULL);
  text_rig_expect(&rig, text, 0, "***");
  assert_int_equal(text_rig_stat(&rig, "failed"), 1);
  assert_int_equal(text_rig_stat(&rig, "readings"), 0);
  g_object_set(rig.element, "max-text", (guint)size, NULL);
  text_rig_expect(&rig, text, 100, text);
  memcpy(text + size / 2, " bad ", 5);
  text_rig_expect(&rig, text, 200, "*** *** ***");
  text_rig_clear(&rig);
}

typedef struct {
  TextRig *rig;
  const char *text;
  guint64 ms;
} Push;

static gpointer
push(gpointer user_data)
{
  const Push *p = user_data;
  return GINT_TO_POINTER(text_rig_push(p->rig, p->text, p->ms));
}

/* The device does not return: the watchdog answers, and what comes after does not wait for it again. */
static void
hang(void **state)
{
  TextRig rig;
  text_rig_init(&rig, "utf8", "request-timeout", 50 * GST_MSECOND, NULL);
  text_rig_expect(&rig, "hang", 0, "***");
  g_usleep(2000);
  for (guint i = 0; i < 5; i++) {
    g_autoptr(GstBuffer) out = text_rig_through(&rig, text_rig_buffer("good", -1, 100));
    assert_string_equal(text_rig_reason(out), "failed-timeout");
  }
  assert_int_equal(text_rig_stat(&rig, "timeouts"), 6);
  text_rig_release(&rig);
  /* It is back: of what was asked for meanwhile nothing is left to do. */
  gboolean passed = FALSE;
  while (!passed) {
    g_autofree char *text = text_rig_text(text_rig_through(&rig, text_rig_buffer("good", -1, 200)));
    passed = strcmp(text, "good") == 0;
    assert_true(passed || strcmp(text, "***") == 0);
  }
  text_rig_clear(&rig);
}

/* A flush, and a stop, do not wait for a device that hangs. */
static void
flush_while_it_hangs(void **state)
{
  TextRig rig;
  text_rig_init(&rig, "utf8", NULL, NULL);
  Push p = {&rig, "hang", 0};
  GThread *thread = g_thread_new("push", push, &p);
  text_rig_wait_hanging(&rig);
  gst_harness_push_event(rig.h, gst_event_new_flush_start());
  assert_int_equal(GPOINTER_TO_INT(g_thread_join(thread)), GST_FLOW_FLUSHING);
  gst_harness_push_event(rig.h, gst_event_new_flush_stop(TRUE));
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  gst_harness_push_event(rig.h, gst_event_new_segment(&segment));
  text_rig_release(&rig);
  text_rig_expect(&rig, "good", 0, "good");
  assert_int_equal(text_rig_stat(&rig, "failed"), 0);
  text_rig_clear(&rig);

  text_rig_init(&rig, "utf8", NULL, NULL);
  p.rig = &rig;
  thread = g_thread_new("push", push, &p);
  text_rig_wait_hanging(&rig);
  GstPad *pad = gst_element_get_static_pad(rig.element, "sink");
  gst_pad_set_active(pad, FALSE);
  assert_int_equal(GPOINTER_TO_INT(g_thread_join(thread)), GST_FLOW_FLUSHING);
  gst_object_unref(pad);
  assert_int_equal(gst_harness_buffers_in_queue(rig.h), 0);
  text_rig_clear(&rig);
}

/* The device is lost: every text fails at once, the bus hears of it once, and of its return. */
static void
lost_and_found(void **state)
{
  TextRig rig;
  text_rig_init(&rig, "utf8", NULL, NULL);
  text_rig_expect(&rig, "die", 0, "***");
  g_autoptr(GstMessage) lost = text_rig_message(&rig, GST_MESSAGE_WARNING, NULL);
  const GstStructure *details = NULL;
  gst_message_parse_warning_details(lost, &details);
  assert_string_equal(gst_structure_get_string(details, "event"), "device-lost");
  for (guint i = 0; i < 3; i++)
    text_rig_expect(&rig, "good", 100 + i, "***");
  text_rig_release(&rig);
  g_autoptr(GstMessage) found = text_rig_message(&rig, GST_MESSAGE_INFO, NULL);
  assert_non_null(found);
  gst_message_parse_info_details(found, &details);
  assert_string_equal(gst_structure_get_string(details, "event"), "device-recovered");
  text_rig_expect(&rig, "good", 200, "good");
  text_rig_expect(&rig, "bad", 300, "***");
  assert_null(gst_bus_pop_filtered(rig.bus, GST_MESSAGE_WARNING));
  assert_int_equal(rig.fake.opened, 1);
  text_rig_clear(&rig);
}

/* Live: a text has its budget, and then has failed; the latency says so before. */
static void
live(void **state)
{
  TextRig rig;
  text_rig_init(&rig, NULL, "request-budget", 30 * GST_MSECOND, NULL);
  gst_harness_set_upstream_latency(rig.h, 5 * GST_MSECOND);
  gst_harness_set_live(rig.h, TRUE);
  text_rig_format(&rig, "utf8");
  assert_int_equal(gst_harness_query_latency(rig.h), 35 * GST_MSECOND);
  text_rig_expect(&rig, "good", 0, "good");
  g_autoptr(GstBuffer) out = text_rig_through(&rig, text_rig_buffer("hang", -1, 100));
  assert_string_equal(text_rig_reason(out), "failed-deadline");
  g_autofree char *text = text_rig_text(g_steal_pointer(&out));
  assert_string_equal(text, "***");
  text_rig_clear(&rig);

  text_rig_init(&rig, NULL, "request-budget", 30 * GST_MSECOND, NULL);
  gst_harness_set_live(rig.h, FALSE);
  text_rig_format(&rig, "utf8");
  assert_int_equal(gst_harness_query_latency(rig.h), 0);
  text_rig_clear(&rig);
}

static void
no_start(void **state)
{
  TextRig rig;
  text_rig_bare(&rig);
  rig.fake.refuse_start = TRUE;
  assert_int_equal(gst_element_set_state(rig.element, GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);
  g_autoptr(GstMessage) refused = text_rig_message(&rig, GST_MESSAGE_ERROR, NULL);
  assert_non_null(refused);
  rig.fake.refuse_start = FALSE;
  g_object_set(rig.element, "model", NULL, NULL);
  assert_int_equal(gst_element_set_state(rig.element, GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);
  g_autoptr(GstMessage) unset = text_rig_message(&rig, GST_MESSAGE_ERROR, NULL);
  assert_non_null(unset);
  g_object_set(rig.element, "model", "fake", NULL);
  assert_int_equal(gst_element_set_state(rig.element, GST_STATE_PAUSED), GST_STATE_CHANGE_SUCCESS);
  text_rig_clear(&rig);
}

static void
no_progress(guint done, guint total, const char *what, gpointer user_data)
{
}

/* A driver that never returns at the start is an error, not a wait without end. */
static void
hang_at_start(void **state)
{
  TextRig rig;
  g_autoptr(GError) error = NULL;
  text_rig_bare(&rig);
  rig.fake.hang_at_start = TRUE;
  const GstHysacTextScorerConfig config = {.model = "fake",
                                           .factory = GST_HYSAC_TEXT(rig.element)->factory,
                                           .factory_data = &rig.fake,
                                           .patience = 20 * G_TIME_SPAN_MILLISECOND,
                                           .timeout = G_TIME_SPAN_SECOND,
                                           .progress = no_progress};
  assert_null(gst_hysac_text_scorer_new(&config, &error));
  assert_true(g_error_matches(error, HYSAC_ERROR, HYSAC_ERROR_TIMEOUT));
  text_rig_release(&rig);
  /* It comes to its senses: nobody is there any more, and it goes. */
  g_mutex_lock(&rig.fake.lock);
  while (rig.fake.seen->len == 0)
    g_cond_wait_until(&rig.fake.cond, &rig.fake.lock, g_get_monotonic_time() + G_TIME_SPAN_MILLISECOND);
  g_mutex_unlock(&rig.fake.lock);
  text_rig_clear(&rig);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(on_failure),     cmocka_unit_test(on_failure_pass), cmocka_unit_test(on_failure_error),
      cmocka_unit_test(a_megabyte),     cmocka_unit_test(hang),            cmocka_unit_test(flush_while_it_hangs),
      cmocka_unit_test(lost_and_found), cmocka_unit_test(live),            cmocka_unit_test(no_start),
      cmocka_unit_test(hang_at_start),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
