/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Another model while it plays: no frame fails, waits or goes unscored because of it. Two fakes stand
 * for two models; the second one's bound is 0.8, so that what is unsafe to the first is safe to it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <glib/gstdio.h>
#include <string.h>

#include "gst/gsthysacmeta.h"
#include "gst/gsthysacprivate.h"
#include "tests/gst/rig.h"

#define FULL "sample-interval", (guint64)0
#define OTHER_BOUND 0.8

typedef struct {
  Rig rig;
  Fake other;
  GMutex lock;
  GCond cond;
  gboolean shut; /* loading does not go on */
  guint loading; /* threads that wait for it */
  gint done;     /* atomic: the thread that changes has done so */
} Pair;

static GstHysacScorer *
choose(const char *model, const char *device, HysacPrecision precision, HysacProgressFunc progress,
       gpointer progress_data, gpointer user_data, GError **error)
{
  Pair *pair = user_data;
  g_mutex_lock(&pair->lock);
  pair->loading++;
  g_cond_broadcast(&pair->cond);
  while (pair->shut)
    g_cond_wait(&pair->cond, &pair->lock);
  pair->loading--;
  g_mutex_unlock(&pair->lock);
  if (g_str_has_prefix(model, "missing")) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_IO, "%s: there is no such model", model);
    return NULL;
  }
  const gboolean first = strcmp(model, "fake") == 0;
  GstHysacScorer *scorer = fake_scorer_new(model, device, precision, progress, progress_data,
                                           first ? &pair->rig.fake : &pair->other, error);
  if (!first)
    scorer->region.bound = OTHER_BOUND;
  return scorer;
}

static void
shut(Pair *pair, gboolean shut)
{
  g_mutex_lock(&pair->lock);
  pair->shut = shut;
  g_cond_broadcast(&pair->cond);
  g_mutex_unlock(&pair->lock);
}

static void
wait_loading(Pair *pair)
{
  const gint64 until = g_get_monotonic_time() + 10 * G_TIME_SPAN_SECOND;
  g_mutex_lock(&pair->lock);
  while (pair->loading == 0 && g_cond_wait_until(&pair->cond, &pair->lock, until))
    ;
  assert_int_equal(pair->loading, 1);
  g_mutex_unlock(&pair->lock);
}

static void
pair_init(Pair *pair, FakeMode first, FakeMode second, gboolean live, const char *property, ...)
{
  *pair = (Pair){.shut = FALSE};
  g_mutex_init(&pair->lock);
  g_cond_init(&pair->cond);
  rig_init_bare(&pair->rig, first);
  fake_init(&pair->other, second);
  gst_hysac_moderate_set_scorer_factory(GST_HYSAC_MODERATE(pair->rig.element), choose, pair);
  g_object_set(pair->rig.element, "model", "fake", "action", GST_HYSAC_ACTION_BLANK, FULL, NULL);
  va_list args;
  va_start(args, property);
  if (property)
    g_object_set_valist(G_OBJECT(pair->rig.element), property, args);
  va_end(args);
  rig_play(&pair->rig, live);
}

static void
pair_clear(Pair *pair)
{
  rig_clear(&pair->rig);
  fake_clear(&pair->other);
  g_mutex_clear(&pair->lock);
  g_cond_clear(&pair->cond);
}

static void
swap(Pair *pair, const char *model)
{
  g_object_set(pair->rig.element, "model", model, NULL);
  gst_message_unref(rig_message(&pair->rig, GST_MESSAGE_ELEMENT, "hysac-model"));
}

static void
expect_bound(GstBuffer *buffer, const char *verdict, double bound)
{
  gdouble value;
  const GstStructure *meta = gst_buffer_get_hysac_meta(buffer);
  assert_string_equal(gst_hysac_meta_get_verdict(meta), verdict);
  assert_true(gst_hysac_meta_get_bound(meta, &value));
  assert_true(value == bound);
  assert_true(gst_hysac_meta_get_margin(meta, &value));
  const double margin = FAKE_UNSAFE / 100.0 - bound;
  assert_true(value > margin - 1e-12 && value < margin + 1e-12);
}

static void
expect_model(Pair *pair, const char *model, double bound)
{
  g_autofree char *now = NULL;
  gdouble b;
  g_object_get(pair->rig.element, "model", &now, "bound", &b, NULL);
  assert_string_equal(now, model);
  assert_true(b == bound);
}

/* What is in flight is judged by the model that it was handed to, whichever answers first. */
static void
requests_in_flight_finish_with_the_old_one(void **state)
{
  Pair pair;
  Rig *rig = &pair.rig;
  pair_init(&pair, FAKE_MANUAL, FAKE_MANUAL, FALSE, NULL);
  rig_push_n(rig, 3, FAKE_UNSAFE);
  g_object_set(rig->element, "model", "other", NULL);
  GstMessage *message = rig_message(rig, GST_MESSAGE_ELEMENT, "hysac-model");
  const GstStructure *s = gst_message_get_structure(message);
  gdouble bound;
  guint64 frame;
  assert_string_equal(gst_structure_get_string(s, "old"), "fake");
  assert_string_equal(gst_structure_get_string(s, "new"), "other");
  assert_true(gst_structure_get_double(s, "old-bound", &bound) && bound == FAKE_BOUND);
  assert_true(gst_structure_get_double(s, "new-bound", &bound) && bound == OTHER_BOUND);
  assert_true(gst_structure_get_uint64(s, "frame", &frame) && frame == 3);
  gst_message_unref(message);

  rig_push_n(rig, 2, FAKE_UNSAFE);
  assert_int_equal(fake_n_submitted(&rig->fake), 3);
  assert_int_equal(fake_n_submitted(&pair.other), 2);
  fake_answer_all(&pair.other); /* first */
  assert_int_equal(rig_n_buffers(rig), 0);
  assert_int_equal(rig->fake.alive, 1);
  fake_answer_all(&rig->fake);
  rig_wait_buffers(rig, 5);
  for (guint i = 0; i < 5; i++)
    expect_bound(rig_buffer(rig, i), i < 3 ? "unsafe" : "safe", i < 3 ? FAKE_BOUND : OTHER_BOUND);
  fake_wait_gone(&rig->fake);
  assert_int_equal(rig_stat(rig, "failed"), 0);
  expect_model(&pair, "other", 0.0);
  pair_clear(&pair);
}

/* The old one scores as long as the new one is loaded, however long that is. */
static void
no_gap_while_loading(void **state)
{
  Pair pair;
  Rig *rig = &pair.rig;
  pair_init(&pair, FAKE_AT_ONCE, FAKE_AT_ONCE, FALSE, NULL);
  rig_push_n(rig, 2, FAKE_UNSAFE);
  shut(&pair, TRUE);
  g_object_set(rig->element, "model", "other", NULL);
  wait_loading(&pair);
  rig_push_n(rig, 50, FAKE_UNSAFE);
  rig_wait_buffers(rig, 52);
  assert_int_equal(fake_n_submitted(&rig->fake), 52);
  for (guint i = 0; i < 52; i++)
    expect_bound(rig_buffer(rig, i), "unsafe", FAKE_BOUND);
  assert_null(rig_message_now(rig, GST_MESSAGE_ELEMENT, "hysac-model"));
  shut(&pair, FALSE);
  gst_message_unref(rig_message(rig, GST_MESSAGE_ELEMENT, "hysac-model"));
  rig_push_n(rig, 2, FAKE_UNSAFE);
  rig_wait_buffers(rig, 54);
  expect_bound(rig_buffer(rig, 53), "safe", OTHER_BOUND);
  pair_clear(&pair);
}

static void
expect_refusal(Pair *pair, const char *text)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *debug = NULL;
  GstMessage *message = rig_message(&pair->rig, GST_MESSAGE_WARNING, NULL);
  gst_message_parse_warning(message, &error, &debug);
  if (!strstr(debug, text))
    fail_msg("%s: no \"%s\"", debug, text);
  gst_message_unref(message);
}

static void
refused_ones_change_nothing(void **state)
{
  Pair pair;
  Rig *rig = &pair.rig;
  g_autofree char *folder = g_dir_make_tmp("hysac-XXXXXX", NULL);
  g_autofree char *path = g_build_filename(folder, "log.jsonl", NULL);
  pair_init(&pair, FAKE_AT_ONCE, FAKE_AT_ONCE, FALSE, "bound", 0.6, "verdict-log", path, NULL);
  rig_push_n(rig, 1, FAKE_UNSAFE);
  g_object_set(rig->element, "model", "missing-one", NULL);
  expect_refusal(&pair, "missing-one: there is no such model");
  expect_model(&pair, "fake", 0.6);
  g_object_set(rig->element, "model", NULL, NULL);
  expect_refusal(&pair, "none is set");
  expect_model(&pair, "fake", 0.6);
  rig_push_n(rig, 1, FAKE_UNSAFE);
  rig_wait_buffers(rig, 2);
  expect_bound(rig_buffer(rig, 1), "unsafe", 0.6);
  assert_null(rig_message_now(rig, GST_MESSAGE_ELEMENT, "hysac-model"));
  assert_null(rig_message_now(rig, GST_MESSAGE_ERROR, NULL));
  swap(&pair, "other"); /* and it can be tried again */
  rig_finish(rig);
  pair_clear(&pair);

  g_autofree char *text = NULL;
  assert_true(g_file_get_contents(path, &text, NULL, NULL));
  assert_non_null(strstr(text, "{\"type\":\"model\",\"source\":"));
  assert_non_null(strstr(text, "\"refused\":\"missing-one\",\"reason\":\"missing-one: there is no"));
  assert_non_null(strstr(text, "\"old\":\"fake\",\"new\":\"other\",\"old_bound\":"));
  assert_non_null(strstr(text, "\"property\":\"model\",\"in_force\":false,\"old\":\"fake\""));
  g_remove(path);
  g_rmdir(folder);
}

/* A bound is of one model. */
static void
bounds_go_with_their_model(void **state)
{
  Pair pair;
  Rig *rig = &pair.rig;
  pair_init(&pair, FAKE_AT_ONCE, FAKE_AT_ONCE, FALSE, "bound", 0.9, NULL);
  rig_push_n(rig, 1, FAKE_UNSAFE);
  swap(&pair, "other");
  expect_model(&pair, "other", 0.0);
  rig_push_n(rig, 1, FAKE_UNSAFE);
  rig_wait_buffers(rig, 2);
  expect_bound(rig_buffer(rig, 0), "safe", 0.9);
  expect_bound(rig_buffer(rig, 1), "safe", OTHER_BOUND);

  /* Set while the next is loaded, it is the next one's. */
  shut(&pair, TRUE);
  g_object_set(rig->element, "model", "fake", NULL);
  wait_loading(&pair);
  g_object_set(rig->element, "bound", 0.6, NULL);
  rig_push_n(rig, 1, FAKE_UNSAFE);
  rig_wait_buffers(rig, 3);
  expect_bound(rig_buffer(rig, 2), "safe", OTHER_BOUND);
  shut(&pair, FALSE);
  gst_message_unref(rig_message(rig, GST_MESSAGE_ELEMENT, "hysac-model"));
  rig_push_n(rig, 1, FAKE_UNSAFE);
  rig_wait_buffers(rig, 4);
  expect_bound(rig_buffer(rig, 3), "unsafe", 0.6);
  expect_model(&pair, "fake", 0.6);

  /* And nobody's if that one is refused. */
  shut(&pair, TRUE);
  g_object_set(rig->element, "model", "missing", NULL);
  wait_loading(&pair);
  g_object_set(rig->element, "bound", 0.95, NULL);
  shut(&pair, FALSE);
  expect_refusal(&pair, "missing");
  expect_model(&pair, "fake", 0.6);
  pair_clear(&pair);
}

/* Frames between a sample of the old and one of the new model are covered by both; a bound that is
 * changed then is the new one's. */
static void
covered_by_two_models(void **state)
{
  Pair pair;
  Rig *rig = &pair.rig;
  pair_init(&pair, FAKE_AT_ONCE, FAKE_MANUAL, FALSE, "sample-interval", 4 * RIG_FRAME, NULL);
  rig_push_n(rig, 3, FAKE_UNSAFE); /* 0 is a sample, of the old one */
  swap(&pair, "other");
  rig_push_n(rig, 2, FAKE_UNSAFE); /* 4 is one of the new */
  assert_int_equal(fake_n_submitted(&pair.other), 1);
  g_object_set(rig->element, "bound", 0.65, NULL);
  g_object_set(rig->element, "bound", 0.75, NULL);
  fake_answer(&pair.other);
  rig_finish(rig);
  expect_bound(rig_buffer(rig, 0), "unsafe", FAKE_BOUND);
  for (guint i = 1; i < 4; i++) /* the larger margin tells */
    expect_bound(rig_buffer(rig, i), "unsafe", FAKE_BOUND);
  expect_bound(rig_buffer(rig, 4), "safe", 0.75);
  pair_clear(&pair);
}

/* Only the last wish is of interest; none after a stop. */
static void
wishes(void **state)
{
  Pair pair;
  Rig *rig = &pair.rig;
  pair_init(&pair, FAKE_AT_ONCE, FAKE_AT_ONCE, FALSE, NULL);
  rig_push_n(rig, 1, FAKE_UNSAFE);
  shut(&pair, TRUE);
  g_object_set(rig->element, "model", "other", NULL);
  wait_loading(&pair);
  g_object_set(rig->element, "model", "missing", NULL);
  g_object_set(rig->element, "model", "other-3", NULL);
  shut(&pair, FALSE);
  GstMessage *message = rig_message(rig, GST_MESSAGE_ELEMENT, "hysac-model");
  assert_string_equal(gst_structure_get_string(gst_message_get_structure(message), "new"),
                      "other-3");
  gst_message_unref(message);
  assert_null(rig_message_now(rig, GST_MESSAGE_WARNING, NULL));

  shut(&pair, TRUE);
  g_object_set(rig->element, "model", "fake", NULL);
  wait_loading(&pair);
  gst_element_set_state(rig->element, GST_STATE_READY);
  shut(&pair, FALSE);
  assert_null(rig_message_now(rig, GST_MESSAGE_ELEMENT, "hysac-model"));
  gst_element_set_state(rig->element, GST_STATE_PLAYING); /* with the one that is set */
  expect_model(&pair, "fake", 0.0);
  g_object_set(rig->element, "model", "other", NULL);
  gst_message_unref(rig_message(rig, GST_MESSAGE_ELEMENT, "hysac-model"));
  pair_clear(&pair);
  /* Loaded by the start, not by a change. */
  pair_init(&pair, FAKE_AT_ONCE, FAKE_AT_ONCE, FALSE, "model", "other", NULL);
  rig_push_n(rig, 1, FAKE_UNSAFE);
  rig_wait_buffers(rig, 1);
  expect_bound(rig_buffer(rig, 0), "safe", OTHER_BOUND);
  pair_clear(&pair);
}

/* The old one never answers: its frame times out, the others are the new one's, and nothing that it
 * answers later, or at the end, finds a scorer that is gone. */
static void
an_old_one_that_hangs(void **state)
{
  for (guint stop = 0; stop < 2; stop++) {
    Pair pair;
    Rig *rig = &pair.rig;
    pair_init(&pair, FAKE_AT_ONCE, FAKE_AT_ONCE, FALSE, "request-timeout", 20 * GST_MSECOND, NULL);
    rig_push_n(rig, 1, FAKE_HANG);
    swap(&pair, "other");
    rig_push_n(rig, 2, FAKE_UNSAFE);
    rig_wait_buffers(rig, 3);
    assert_string_equal(rig_reason(rig_buffer(rig, 0)), "failed-timeout");
    for (guint i = 1; i < 3; i++) /* a busy machine may take as long as the watchdog waits */
      if (strcmp(rig_reason(rig_buffer(rig, i)), "failed-timeout") != 0)
        expect_bound(rig_buffer(rig, i), "safe", OTHER_BOUND);
    if (!stop)
      fake_wait_gone(&rig->fake);
    pair_clear(&pair);
  }
}

/* A slower model makes a live element's latency longer, and says so; one for which the hold is too
 * small is refused. */
static void
latency_follows(void **state)
{
  Pair pair;
  Rig *rig = &pair.rig;
  pair_init(&pair, FAKE_AT_ONCE, FAKE_AT_ONCE, TRUE, NULL);
  rig_push_n(rig, 1, FAKE_SAFE);
  rig_wait_buffers(rig, 1);
  while (gst_bus_have_pending(rig->bus))
    gst_message_unref(gst_bus_pop(rig->bus));
  pair.other.budget = 500 * GST_MSECOND;
  swap(&pair, "other");
  gst_message_unref(rig_message(rig, GST_MESSAGE_LATENCY, NULL));
  assert_int_equal(rig_stat(rig, "latency"), RIG_FRAME + 500 * GST_MSECOND);
  pair_clear(&pair);

  pair_init(&pair, FAKE_AT_ONCE, FAKE_AT_ONCE, FALSE, "max-size-buffers", 5u, NULL);
  rig_push_n(rig, 1, FAKE_UNSAFE);
  pair.other.budget = 500 * GST_MSECOND;
  g_object_set(rig->element, "model", "other", NULL);
  expect_refusal(&pair, "max-size-buffers");
  rig_push_n(rig, 1, FAKE_UNSAFE);
  rig_wait_buffers(rig, 2);
  expect_bound(rig_buffer(rig, 1), "unsafe", FAKE_BOUND);
  assert_int_equal(rig_stat(rig, "latency"), RIG_FRAME + 20 * GST_MSECOND);
  pair_clear(&pair);
}

/* Back and forth at any moment, answers in any order: each frame comes out once, in order, scored by
 * one of the two and judged by its bound. */
static gpointer
change(gpointer user_data)
{
  Pair *pair = user_data;
  for (guint i = 0; i < 20; i++)
    swap(pair, i % 2 ? "fake" : "other");
  g_atomic_int_set(&pair->done, 1);
  return NULL;
}

static void
any_moment(void **state)
{
  Pair pair;
  Rig *rig = &pair.rig;
  guint safe = 0, unsafe = 0, n = 0;
  pair_init(&pair, FAKE_THREAD, FAKE_THREAD, FALSE, NULL);
  pair.other.seed = rig_seed();
  rig_push_n(rig, 1, FAKE_UNSAFE);
  g_autoptr(GThread) thread = g_thread_new("change", change, &pair);
  for (n = 1; n < 400 || !g_atomic_int_get(&pair.done); n++)
    rig_push(rig, FAKE_UNSAFE);
  g_thread_join(g_steal_pointer(&thread));
  swap(&pair, "other");
  rig_push_n(rig, 10, FAKE_UNSAFE);
  n += 10;
  rig_finish(rig);
  assert_int_equal(rig_n_buffers(rig), n);
  for (guint i = 0; i < n; i++) {
    GstBuffer *buffer = rig_buffer(rig, i);
    const gboolean new = strcmp(rig_verdict(buffer), "safe") == 0;
    assert_int_equal(rig_number(buffer), i);
    assert_string_equal(rig_origin(buffer), "scored");
    expect_bound(buffer, new ? "safe" : "unsafe", new ? OTHER_BOUND : FAKE_BOUND);
    assert_true(new == (fake_was_scored(&pair.other, i) != 0));
    safe += new;
    unsafe += !new;
  }
  print_message("# %u by the old one, %u by the new\n", unsafe, safe);
  assert_int_equal(rig_stat(rig, "failed"), 0);
  assert_int_equal(rig_stat(rig, "samples"), n);
  pair_clear(&pair);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(requests_in_flight_finish_with_the_old_one),
      cmocka_unit_test(no_gap_while_loading),
      cmocka_unit_test(refused_ones_change_nothing),
      cmocka_unit_test(bounds_go_with_their_model),
      cmocka_unit_test(covered_by_two_models),
      cmocka_unit_test(wishes),
      cmocka_unit_test(an_old_one_that_hangs),
      cmocka_unit_test(latency_follows),
      cmocka_unit_test(any_moment),
  };
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  gst_deinit(); /* GST_TRACERS=leaks reports here */
  return failed;
}
