/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* hysactext: another model takes its place between two texts; until then, and where it cannot, the old one goes on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "gst/gsthysacmeta.h"
#include "tests/gst/jsonlines.h"
#include "tests/gst/policyfiles.h"
#include "tests/gst/textrig.h"

static void
want(TextRig *rig, const char *model)
{
  g_object_set(rig->element, "model", model, NULL);
}

/* The next model hangs while it is loaded, until text_rig_release(). */
static void
hang_next(TextRig *rig)
{
  g_mutex_lock(&rig->fake.lock);
  rig->fake.hang_at_start = TRUE;
  g_mutex_unlock(&rig->fake.lock);
}

static void
wait_starting(TextRig *rig)
{
  g_mutex_lock(&rig->fake.lock);
  while (!rig->fake.starting)
    g_cond_wait(&rig->fake.cond, &rig->fake.lock);
  g_mutex_unlock(&rig->fake.lock);
}

static void
wait_alive(TextRig *rig, guint n)
{
  g_mutex_lock(&rig->fake.lock);
  while (rig->fake.alive != n)
    g_cond_wait(&rig->fake.cond, &rig->fake.lock);
  g_mutex_unlock(&rig->fake.lock);
}

/* That @model took over; (transfer full). */
static GstMessage *
taken(TextRig *rig, const char *model)
{
  GstMessage *message = text_rig_message(rig, GST_MESSAGE_ELEMENT, "hysac-model");
  assert_non_null(message);
  assert_string_equal(gst_structure_get_string(gst_message_get_structure(message), "new"), model);
  return message;
}

static void
swap(TextRig *rig, const char *model)
{
  want(rig, model);
  gst_message_unref(taken(rig, model));
}

/* What the properties are. */
static void
expect_set(TextRig *rig, const char *model, double bound)
{
  g_autofree char *now = NULL;
  gdouble b;
  g_object_get(rig->element, "model", &now, "bound", &b, NULL);
  assert_string_equal(now, model);
  assert_true(b == bound);
}

/* A "bad" lies at 2.0. */
static void
expect_bound(TextRig *rig, guint64 ms, double bound, gboolean unsafe)
{
  gdouble b, margin;
  g_autoptr(GstBuffer) out = text_rig_through(rig, text_rig_buffer("bad", -1, ms));
  const GstStructure *meta = gst_buffer_get_hysac_meta(out);
  if (!gst_hysac_meta_get_bound(meta, &b) || b != bound)
    fail_msg("at %" G_GUINT64_FORMAT ": bound %g", ms, b);
  assert_true(gst_hysac_meta_get_margin(meta, &margin) && margin == 2.0 - bound);
  assert_string_equal(gst_hysac_meta_get_verdict(meta), unsafe ? "unsafe" : "safe");
}

static void
takes_over(void **state)
{
  gdouble bound;
  guint64 number;
  TextRig rig;
  text_rig_init(&rig, "utf8", "audit-log", policy_path, NULL);
  expect_bound(&rig, 0, 1.0, TRUE);
  expect_bound(&rig, 100, 1.0, TRUE);
  want(&rig, "other");
  g_autoptr(GstMessage) message = taken(&rig, "other");
  const GstStructure *s = gst_message_get_structure(message);
  assert_string_equal(gst_structure_get_string(s, "old"), "fake");
  assert_true(gst_structure_get_double(s, "old-bound", &bound) && bound == 1.0);
  assert_true(gst_structure_get_double(s, "new-bound", &bound) && bound == 3.0);
  assert_true(gst_structure_get_uint64(s, "text", &number) && number == 2);
  assert_string_equal(gst_structure_get_string(s, "device"), "fake");
  assert_string_equal(gst_structure_get_string(s, "weights-sha256"), "5e1f");
  expect_bound(&rig, 200, 3.0, FALSE);
  expect_set(&rig, "other", 0.0);
  wait_alive(&rig, 1); /* the old one is given back */
  swap(&rig, "fake");
  expect_bound(&rig, 300, 1.0, TRUE);
  /* The same again is read again. */
  swap(&rig, "fake");
  expect_bound(&rig, 400, 1.0, TRUE);
  text_rig_clear(&rig);
  g_autoptr(GPtrArray) lines = read_lines(policy_path);
  guint seen = 0;
  for (guint i = 0; i < lines->len; i++) {
    if (strcmp(json_object_get_string_member(json_node_get_object(lines->pdata[i]), "event"), "model") != 0)
      continue;
    assert_string_equal(json_object_get_string_member(data_of(lines, i), "new"), seen == 0 ? "other" : "fake");
    assert_int_equal(json_object_get_int_member(data_of(lines, i), "text"), seen + 2);
    seen++;
  }
  assert_int_equal(seen, 3);
}

static void
the_old_one_goes_on(void **state)
{
  TextRig rig;
  text_rig_init(&rig, "utf8", NULL, NULL);
  hang_next(&rig);
  want(&rig, "other");
  wait_starting(&rig);
  for (guint i = 0; i < 5; i++)
    expect_bound(&rig, i * 100, 1.0, TRUE);
  expect_set(&rig, "other", 0.0);
  text_rig_release(&rig);
  gst_message_unref(taken(&rig, "other"));
  expect_bound(&rig, 500, 3.0, FALSE);
  assert_int_equal(text_rig_stat(&rig, "failed"), 0);
  text_rig_clear(&rig);
}

static void
refused(void **state)
{
  static const char *const models[] = {"broken", "", NULL};
  TextRig rig;
  text_rig_init(&rig, "utf8", "bound", 1.25, NULL);
  for (guint i = 0; i < G_N_ELEMENTS(models); i++) {
    const GstStructure *details = NULL;
    want(&rig, models[i]);
    g_autoptr(GstMessage) warning = text_rig_message(&rig, GST_MESSAGE_WARNING, NULL);
    assert_non_null(warning);
    gst_message_parse_warning_details(warning, &details);
    assert_string_equal(gst_structure_get_string(details, "event"), "model-refused");
    assert_string_equal(gst_structure_get_string(details, "model"), models[i] ? models[i] : "");
    expect_set(&rig, "fake", 1.25);
    expect_bound(&rig, i * 100, 1.25, TRUE);
  }
  text_rig_clear(&rig);
}

typedef struct {
  TextRig *rig;
  GstBuffer *out;
} Push;

static gpointer
push(gpointer user_data)
{
  Push *p = user_data;
  p->out = text_rig_through(p->rig, text_rig_buffer("bad hang", -1, 0));
  return NULL;
}

/* It is judged by the one that it came to, which lives until it has been told. */
static void
the_text_under_way(void **state)
{
  gdouble bound;
  guint64 number;
  TextRig rig;
  Push p = {&rig, NULL};
  text_rig_init(&rig, "utf8", NULL, NULL);
  GThread *thread = g_thread_new("push", push, &p);
  text_rig_wait_hanging(&rig);
  want(&rig, "other");
  g_autoptr(GstMessage) message = taken(&rig, "other");
  assert_true(gst_structure_get_uint64(gst_message_get_structure(message), "text", &number) && number == 1);
  wait_alive(&rig, 2);
  text_rig_release(&rig);
  g_thread_join(thread);
  const GstStructure *meta = gst_buffer_get_hysac_meta(p.out);
  assert_true(gst_hysac_meta_get_bound(meta, &bound) && bound == 1.0);
  assert_string_equal(gst_hysac_meta_get_verdict(meta), "unsafe");
  gst_buffer_unref(p.out);
  expect_bound(&rig, 100, 3.0, FALSE);
  wait_alive(&rig, 1);
  text_rig_clear(&rig);
}

static gpointer
push_flushed(gpointer user_data)
{
  return GINT_TO_POINTER(text_rig_push(user_data, "bad hang", 0));
}

/* Nor does a flush wait, though the model that hangs is another than the next text's. */
static void
flushed_under_way(void **state)
{
  TextRig rig;
  GstSegment segment;
  text_rig_init(&rig, "utf8", "request-timeout", 3600 * GST_SECOND, NULL);
  gst_segment_init(&segment, GST_FORMAT_TIME);
  GThread *thread = g_thread_new("push", push_flushed, &rig);
  text_rig_wait_hanging(&rig);
  swap(&rig, "other");
  gst_harness_push_event(rig.h, gst_event_new_flush_start());
  assert_int_equal(GPOINTER_TO_INT(g_thread_join(thread)), GST_FLOW_FLUSHING);
  gst_harness_push_event(rig.h, gst_event_new_flush_stop(TRUE));
  gst_harness_push_event(rig.h, gst_event_new_segment(&segment));
  text_rig_release(&rig);
  expect_bound(&rig, 0, 3.0, FALSE);
  wait_alive(&rig, 1);
  text_rig_clear(&rig);
}

/* A bound is of one model. */
static void
bounds(void **state)
{
  TextRig rig;
  text_rig_init(&rig, "utf8", "bound", 0.5, NULL);
  expect_bound(&rig, 0, 0.5, TRUE);
  swap(&rig, "other");
  expect_set(&rig, "other", 0.0);
  expect_bound(&rig, 100, 3.0, FALSE);
  g_object_set(rig.element, "bound", 1.75, NULL);
  expect_bound(&rig, 200, 1.75, TRUE);
  /* Set while one is loaded it is that one's, and takes effect with it. */
  hang_next(&rig);
  want(&rig, "fake");
  wait_starting(&rig);
  g_object_set(rig.element, "bound", 2.5, NULL);
  expect_bound(&rig, 300, 1.75, TRUE);
  text_rig_release(&rig);
  gst_message_unref(taken(&rig, "fake"));
  expect_set(&rig, "fake", 2.5);
  expect_bound(&rig, 400, 2.5, FALSE);
  text_rig_clear(&rig);
}

/* Of several that are wanted while one is loaded, the last. */
static void
wishes(void **state)
{
  TextRig rig;
  text_rig_init(&rig, "utf8", NULL, NULL);
  hang_next(&rig);
  want(&rig, "other");
  wait_starting(&rig);
  want(&rig, "broken");
  want(&rig, "strict");
  text_rig_release(&rig);
  gst_message_unref(taken(&rig, "strict"));
  expect_bound(&rig, 0, 1.5, TRUE);
  wait_alive(&rig, 1);
  assert_null(gst_bus_pop_filtered(rig.bus, GST_MESSAGE_WARNING));
  text_rig_clear(&rig);
}

/* What is loaded meanwhile is given back; the next start takes the model that was set last. */
static void
stopped_while_loading(void **state)
{
  TextRig rig;
  text_rig_init(&rig, "utf8", NULL, NULL);
  hang_next(&rig);
  want(&rig, "other");
  wait_starting(&rig);
  gst_element_set_state(rig.element, GST_STATE_READY);
  text_rig_release(&rig);
  wait_alive(&rig, 0);
  gst_element_set_state(rig.element, GST_STATE_PLAYING);
  expect_set(&rig, "other", 0.0);
  text_rig_format(&rig, "utf8");
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  gst_harness_push_event(rig.h, gst_event_new_segment(&segment));
  expect_bound(&rig, 0, 3.0, FALSE);
  text_rig_clear(&rig);
}

/* Margins are above each model's own bound: what one found counts with what the other finds. */
static void
k_of_n_over_two_models(void **state)
{
  TextRig rig;
  text_rig_init(&rig, "utf8", "confirm-k", 2, "confirm-n", 2, "leave-margin", -2.9, NULL);
  expect_bound(&rig, 0, 1.0, FALSE);
  swap(&rig, "strict");
  expect_bound(&rig, 100, 1.5, TRUE);
  swap(&rig, "other");
  expect_bound(&rig, 200, 3.0, TRUE); /* the stretch goes on: 2.0 is above 3 - 2.9 */
  text_rig_clear(&rig);
}

/* A slower one takes longer, and the pipeline hears of it. */
static void
latency_follows(void **state)
{
  TextRig rig;
  text_rig_init(&rig, NULL, NULL, NULL);
  gst_harness_set_live(rig.h, TRUE);
  text_rig_format(&rig, "utf8");
  text_rig_push(&rig, "good", 0); /* in time or not */
  const GstClockTime before = gst_harness_query_latency(rig.h);
  gst_bus_set_flushing(rig.bus, TRUE);
  gst_bus_set_flushing(rig.bus, FALSE);
  want(&rig, "slow");
  g_autoptr(GstMessage) message = text_rig_message(&rig, GST_MESSAGE_LATENCY, NULL);
  assert_non_null(message);
  assert_true(gst_harness_query_latency(rig.h) > before);
  assert_true(gst_harness_query_latency(rig.h) >= 4 * 4 * 15 * GST_MSECOND);
  text_rig_clear(&rig);
}

int
main(int argc, char **argv)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(takes_over), TEST(the_old_one_goes_on), TEST(refused), TEST(the_text_under_way), TEST(flushed_under_way),
      TEST(bounds), TEST(wishes), TEST(stopped_while_loading), TEST(k_of_n_over_two_models), TEST(latency_follows),
  };
  gst_init(&argc, &argv);
  const int failed = cmocka_run_group_tests_name("textswap", tests, NULL, NULL);
  text_rig_deinit();
  return failed;
}
