/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* hysactext over texts in a row: k of n, where a stretch begins and ends, what is told and written of it. */
#include <string.h>

#include "core/audit.h"
#include "gst/gsthysacmeta.h"
#include "tests/gst/jsonlines.h"
#include "tests/gst/policyfiles.h"
#include "tests/gst/rulefiles.h"
#include "tests/gst/textrig.h"

/* A text, and what becomes of it; it comes at @ms, for 100 ms. */
typedef struct {
  const char *text;
  guint64 ms;
  const char *out, *verdict, *reason;
  guint64 interval;
} Step;

static void
walk(TextRig *rig, const Step *steps, guint n)
{
  for (guint i = 0; i < n; i++) {
    const Step *s = &steps[i];
    g_autoptr(GstBuffer) out = text_rig_through(rig, text_rig_buffer(s->text, -1, s->ms));
    const GstStructure *meta = gst_buffer_get_hysac_meta(out);
    assert_non_null(meta);
    g_autofree char *verdict = g_strdup(gst_hysac_meta_get_verdict(meta));
    g_autofree char *reason = g_strdup(gst_hysac_meta_get_reason(meta));
    const guint64 interval = gst_hysac_meta_get_interval_id(meta);
    g_autofree char *text = text_rig_text(g_steal_pointer(&out));
    if (strcmp(text, s->out) != 0 || strcmp(verdict, s->verdict) != 0 || strcmp(reason, s->reason) != 0 ||
        interval != s->interval)
      fail_msg("%u: %s at %" G_GUINT64_FORMAT ": \"%s\", %s, %s, interval %" G_GUINT64_FORMAT, i, s->text, s->ms, text,
               verdict, reason, interval);
  }
}
#define WALK(rig, steps) walk(rig, steps, G_N_ELEMENTS(steps))

/* As it was before there was a k of n: each text by itself. */
static void
one_of_one(void **state)
{
  static const Step steps[] = {
      {"good", 0, "good", "safe", "safe", 0},       {"bad", 100, "***", "unsafe", "unsafe", 1},
      {"bad", 200, "***", "unsafe", "unsafe", 1},   {"good", 300, "good", "safe", "safe", 0},
      {"bad", 60000, "***", "unsafe", "unsafe", 2}, {"good", 60050, "good", "safe", "safe", 0},
  };
  TextRig rig;
  text_rig_init(&rig, "utf8", NULL, NULL);
  WALK(&rig, steps);
  assert_int_equal(text_rig_stat(&rig, "unconfirmed"), 0);
  text_rig_clear(&rig);
}

/* A text passes until k of n are unsafe; from there on all that are above leave are redacted. The first stretch is of the
 * one that had passed. */
static void
two_of_three(void **state)
{
  static const Step steps[] = {
      {"bad", 0, "bad", "safe", "unconfirmed", 0},    {"good", 100, "good", "safe", "safe", 0},
      {"bad", 200, "***", "unsafe", "unsafe", 2},     {"bad", 300, "***", "unsafe", "unsafe", 2},
      {"good", 400, "good", "safe", "safe", 0},       {"bad", 500, "***", "unsafe", "unsafe", 3},
      {"good", 600, "good", "safe", "safe", 0},       {"good", 700, "good", "safe", "safe", 0},
      {"bad", 800, "bad", "safe", "unconfirmed", 0},  {"", 850, "", "safe", "safe", 0},
      {" ", 900, " ", "safe", "safe", 0},             {"", 950, "", "safe", "safe", 0},
      {"bad", 1000, "***", "unsafe", "unsafe", 4}, /* what shows nothing is no sample */
  };
  TextRig rig;
  text_rig_init(&rig, "utf8", "confirm-k", 2, "confirm-n", 3, NULL);
  WALK(&rig, steps);
  assert_int_equal(text_rig_stat(&rig, "unconfirmed"), 2);
  assert_int_equal(text_rig_stat(&rig, "redacted"), 4);
  text_rig_clear(&rig);
}

/* What passed unconfirmed makes nothing unsafe that is read together with it, and a word in two texts is one sample. */
static void
unconfirmed_joins_nothing(void **state)
{
  static const Step steps[] = {
      {"bad", 0, "bad", "safe", "unconfirmed", 0}, {"thing", 100, "thing", "safe", "safe", 0},
      {"a b", 200, "a b", "safe", "safe", 0},      {"ad one", 300, "ad one", "safe", "unconfirmed", 0},
      {"and b", 400, "and b", "safe", "safe", 0},  {"ad", 500, "***", "unsafe", "unsafe", 2},
  };
  TextRig rig;
  text_rig_init(&rig, "utf8", "confirm-k", 2, "confirm-n", 3, NULL);
  WALK(&rig, steps);
  assert_false(text_rig_saw(&rig, "bad thing"));
  assert_int_equal(text_rig_stat(&rig, "joined"), 2);
  text_rig_clear(&rig);
}

/* A stretch goes on above leave; where that is not set, above enter, wherever that is. */
static void
leave(void **state)
{
  static const Step on[] = {
      {"good", 0, "good", "safe", "safe", 0},
      {"bad", 100, "***", "unsafe", "unsafe", 1},
      {"good", 200, "***", "unsafe", "unsafe", 1}, /* 0.25 is above 1 - 0.8 */
      {"good", 300, "***", "unsafe", "unsafe", 1},
  };
  static const Step off[] = {{"good", 400, "good", "safe", "safe", 0}};
  static const Step strict[] = {{"good", 500, "***", "unsafe", "unsafe", 2}};
  static const Step mild[] = {{"bad", 600, "***", "unsafe", "unsafe", 2}, {"good", 700, "good", "safe", "safe", 0}};
  TextRig rig;
  text_rig_init(&rig, "utf8", "leave-margin", -0.8, NULL);
  WALK(&rig, on);
  g_object_set(rig.element, "leave-margin", 0.0, NULL);
  WALK(&rig, off);
  g_object_set(rig.element, "enter-margin", -0.9, NULL); /* and so leave */
  WALK(&rig, strict);
  g_object_set(rig.element, "enter-margin", 0.9, "leave-margin", 1000.0, NULL);
  WALK(&rig, mild);
  text_rig_clear(&rig);
}

static void
durations(void **state)
{
  static const Step shortest[] = {
      {"bad", 0, "***", "unsafe", "unsafe", 1},
      {"good", 100, "***", "unsafe", "post-roll", 1},
      {"good", 500, "***", "unsafe", "post-roll", 1}, /* its end is in it */
      {"good", 501, "good", "safe", "safe", 0},
  };
  static const Step after[] = {
      {"bad", 1000, "***", "unsafe", "unsafe", 2},
      {"good", 1200, "***", "unsafe", "post-roll", 2},
      {"good", 1201, "good", "safe", "safe", 0},
  };
  TextRig rig;
  text_rig_init(&rig, "utf8", "min-duration", 500 * GST_MSECOND, NULL);
  WALK(&rig, shortest);
  g_object_set(rig.element, "min-duration", (guint64)0, "post-roll", 200 * GST_MSECOND, NULL);
  WALK(&rig, after);
  text_rig_clear(&rig);
}

/* Texts of one time, and of none, do not lie in each other's stretch; where time runs backwards it goes on. */
static void
no_time(void **state)
{
  TextRig rig;
  text_rig_init(&rig, "utf8", NULL, NULL);
  static const char *const texts[] = {"bad", "good", "bad", "bad", "good"};
  for (guint round = 0; round < 2; round++) {
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
      GstBuffer *buffer = text_rig_buffer(texts[i], -1, 5);
      GST_BUFFER_DURATION(buffer) = GST_CLOCK_TIME_NONE;
      if (round == 0)
        GST_BUFFER_PTS(buffer) = GST_CLOCK_TIME_NONE;
      g_autofree char *text = text_rig_text(text_rig_through(&rig, buffer));
      assert_string_equal(text, texts[i][0] == 'b' ? "***" : "good");
    }
  }
  g_object_set(rig.element, "min-duration", 500 * GST_MSECOND, NULL);
  static const Step back[] = {
      {"bad", 10000, "***", "unsafe", "unsafe", 5},     {"good", 1000, "***", "unsafe", "post-roll", 5},
      {"good", 1400, "***", "unsafe", "post-roll", 5}, {"good", 1501, "good", "safe", "safe", 0},
  };
  WALK(&rig, back);
  text_rig_clear(&rig);
}

/* What failed neither begins a stretch nor ends one, and does not pass: but for on-failure=pass outside of one. */
static void
failures(void **state)
{
  static const Step redact[] = {
      {"oom", 0, "***", "failed", "failed-memory", 0},   {"bad", 100, "***", "unsafe", "unsafe", 1},
      {"oom", 200, "***", "failed", "failed-memory", 1}, {"\xff", 300, "***", "failed", "failed-map", 1},
      {"bad", 400, "***", "unsafe", "unsafe", 1},        {"good", 500, "good", "safe", "safe", 0},
      {"oom", 600, "***", "failed", "failed-memory", 0},
  };
  static const Step pass[] = {
      {"oom", 0, "oom", "failed", "failed-memory", 0},   {"bad", 100, "***", "unsafe", "unsafe", 1},
      {"oom", 200, "***", "failed", "failed-memory", 1}, {"good", 300, "good", "safe", "safe", 0},
      {"oom", 400, "oom", "failed", "failed-memory", 0},
  };
  static const Step tag[] = {
      {"bad", 0, "bad", "unsafe", "unsafe", 1},
      {"oom", 100, "***", "failed", "failed-memory", 1},
  };
  /* One of two is missing: it is not taken for unsafe, nor for none. */
  static const Step confirm[] = {
      {"bad", 0, "bad", "safe", "unconfirmed", 0},   {"oom", 100, "***", "failed", "failed-memory", 0},
      {"bad", 200, "bad", "safe", "unconfirmed", 0}, {"bad", 300, "***", "unsafe", "unsafe", 1},
  };
  TextRig rig;
  text_rig_init(&rig, "utf8", NULL, NULL);
  WALK(&rig, redact);
  assert_int_equal(text_rig_stat(&rig, "failed"), 4);
  text_rig_clear(&rig);
  text_rig_init(&rig, "utf8", "join-buffers", 1, "on-failure", GST_HYSAC_ON_FAILURE_PASS, NULL);
  WALK(&rig, pass);
  text_rig_clear(&rig);
  text_rig_init(&rig, "utf8", "action", GST_HYSAC_TEXT_ACTION_TAG, NULL);
  WALK(&rig, tag);
  text_rig_clear(&rig);
  text_rig_init(&rig, "utf8", "confirm-k", 2, "confirm-n", 2, NULL);
  WALK(&rig, confirm);
  text_rig_clear(&rig);
}

static void
flush(TextRig *rig)
{
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  gst_harness_push_event(rig->h, gst_event_new_flush_start());
  gst_harness_push_event(rig->h, gst_event_new_flush_stop(TRUE));
  gst_harness_push_event(rig->h, gst_event_new_segment(&segment));
}

static void
new_stream(TextRig *rig)
{
  gst_harness_push_event(rig->h, gst_event_new_stream_start("another"));
}

static void
segment_done(TextRig *rig)
{
  gst_harness_push_event(rig->h, gst_event_new_segment_done(GST_FORMAT_TIME, 0));
}

static void
new_segment(TextRig *rig)
{
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  gst_harness_push_event(rig->h, gst_event_new_segment(&segment));
}

static void
gap(TextRig *rig)
{
  gst_harness_push_event(rig->h, gst_event_new_gap(150 * GST_MSECOND, 10 * GST_MSECOND));
}

static void
caps(TextRig *rig)
{
  text_rig_format(rig, "pango-markup");
}

/* What lies between two texts, and whether k of n and a stretch reach over it. */
static void
boundaries(void **state)
{
  static const struct {
    void (*between)(TextRig *rig);
    gboolean reaches;
  } cases[] = {{flush, FALSE}, {new_stream, FALSE}, {segment_done, FALSE}, {new_segment, TRUE}, {gap, TRUE}, {caps, TRUE}};
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    TextRig rig;
    text_rig_init(&rig, "utf8", "confirm-k", 2, "confirm-n", 3, NULL);
    text_rig_expect(&rig, "bad", 0, "bad");
    cases[i].between(&rig);
    text_rig_expect(&rig, "bad", 200, cases[i].reaches ? "***" : "bad");
    text_rig_clear(&rig);

    text_rig_init(&rig, "utf8", "leave-margin", -0.8, NULL);
    text_rig_expect(&rig, "bad", 0, "***");
    cases[i].between(&rig);
    text_rig_expect(&rig, "good", 200, cases[i].reaches ? "***" : "good");
    text_rig_clear(&rig);
  }
  /* Nor does a post-roll reach over a flush: it is another place. */
  TextRig rig;
  text_rig_init(&rig, "utf8", "post-roll", GST_SECOND, NULL);
  text_rig_expect(&rig, "bad", 0, "***");
  flush(&rig);
  text_rig_expect(&rig, "good", 100, "good");
  text_rig_clear(&rig);
}

/* The next message of a text. */
static GstMessage *
next(TextRig *rig, const char *state, guint64 interval)
{
  guint64 id;
  GstMessage *message = text_rig_message(rig, GST_MESSAGE_ELEMENT, "hysac-moderation");
  assert_non_null(message);
  const GstStructure *s = gst_message_get_structure(message);
  assert_string_equal(gst_structure_get_string(s, "state"), state);
  if (strcmp(state, "started") != 0)
    assert_true(gst_structure_get_uint64(s, "interval-id", &id) && id == interval);
  return message;
}

static void
messages(void **state)
{
  gint64 time;
  gdouble peak;
  TextRig rig;
  text_rig_init(&rig, "utf8", "confirm-k", 2, "confirm-n", 2, NULL);
  text_rig_expect(&rig, "good", 0, "good");
  text_rig_expect(&rig, "bad", 100, "bad");
  text_rig_expect(&rig, "bad", 200, "***");
  text_rig_expect(&rig, "bad", 300, "***");
  text_rig_expect(&rig, "good", 400, "good");
  gst_message_unref(next(&rig, "started", 0));
  gst_message_unref(next(&rig, "safe", 0));
  for (guint i = 0; i < 2; i++) {
    g_autoptr(GstMessage) unsafe = next(&rig, "unsafe", 1);
    const GstStructure *s = gst_message_get_structure(unsafe);
    /* It begins with the first that it confirms, which has passed. */
    assert_true(gst_structure_get_int64(s, "interval-start", &time) && time == 100 * GST_MSECOND);
    assert_false(gst_structure_has_field(s, "interval-end"));
  }
  g_autoptr(GstMessage) safe = next(&rig, "safe", 0);
  const GstStructure *s = gst_message_get_structure(safe);
  assert_string_equal(gst_structure_get_string(s, "previous"), "unsafe");
  assert_true(gst_structure_get_int64(s, "interval-end", &time) && time == 300 * GST_MSECOND);
  assert_true(gst_structure_get_double(s, "peak-margin", &peak) && peak == 1.0);
  /* After a flush the first one is told anew. */
  flush(&rig);
  text_rig_expect(&rig, "good", 0, "good");
  g_autoptr(GstMessage) anew = next(&rig, "safe", 0);
  assert_string_equal(gst_structure_get_string(gst_message_get_structure(anew), "previous"), "none");
  text_rig_clear(&rig);
}

/* The stretches of a verdict log, as "begin 1 100, end 1 300": ids, and times in ms. */
static char *
intervals_of(const char *path)
{
  g_autoptr(GPtrArray) lines = read_lines(path);
  GString *all = g_string_new(NULL);
  for (guint i = 0; i < lines->len; i++) {
    JsonObject *o = json_node_get_object(lines->pdata[i]);
    if (strcmp(json_object_get_string_member(o, "type"), "interval") != 0)
      continue;
    const char *event = json_object_get_string_member(o, "event");
    const gboolean end = strcmp(event, "end") == 0;
    g_string_append_printf(all, "%s%s %" G_GINT64_FORMAT " %" G_GINT64_FORMAT, all->len ? ", " : "", event,
                           json_object_get_int_member(o, "interval"),
                           json_object_get_int_member(o, end ? "end" : "start") / (gint64)GST_MSECOND);
  }
  return g_string_free(all, FALSE);
}

/* A line that holds @what is written by a thread of its own. */
static void
wait_for(const char *path, const char *what)
{
  for (gboolean there = FALSE; !there;) {
    g_autofree char *text = read_text(path);
    there = strstr(text, what) != NULL;
    g_usleep(1000);
  }
}

/* Whatever ends it, a stretch that is told to begin is told to end. */
static void
every_stretch_ends(void **state)
{
  static void (*const ends[])(TextRig *rig) = {flush, new_stream, segment_done, NULL};
  for (guint i = 0; i < G_N_ELEMENTS(ends); i++) {
    TextRig rig;
    text_rig_init(&rig, "utf8", "verdict-log", policy_path, NULL);
    text_rig_expect(&rig, "bad", 100, "***");
    text_rig_expect(&rig, "bad", 200, "***");
    if (ends[i])
      ends[i](&rig);
    else
      gst_harness_push_event(rig.h, gst_event_new_eos());
    wait_for(policy_path, "\"event\":\"end\""); /* before the stop */
    text_rig_clear(&rig);
    g_autofree char *told = intervals_of(policy_path);
    assert_string_equal(told, "begin 1 100, end 1 200");
    assert_true(g_file_set_contents(policy_path, "", 0, NULL));
  }
  TextRig rig;
  text_rig_init(&rig, "utf8", "verdict-log", policy_path, "min-duration", GST_SECOND, NULL);
  text_rig_expect(&rig, "bad", 100, "***");
  text_rig_clear(&rig);
  g_autofree char *all = intervals_of(policy_path);
  assert_string_equal(all, "begin 1 100, end 1 1100");
}

/* "unsafe 100 300 2": what was done from when to when, in ms, to how many texts. */
static char *
segments_of(const char *path)
{
  g_autoptr(GPtrArray) lines = read_lines(path);
  GString *all = g_string_new(NULL);
  for (guint i = 0; i < lines->len; i++) {
    if (strcmp(json_object_get_string_member(json_node_get_object(lines->pdata[i]), "event"), "segment") != 0)
      continue;
    JsonObject *o = data_of(lines, i);
    g_string_append_printf(all, "%s%s %" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT, all->len ? ", " : "",
                           json_object_get_string_member(o, "verdict"),
                           json_object_get_int_member(o, "start") / (gint64)GST_MSECOND,
                           json_object_get_int_member(o, "end") / (gint64)GST_MSECOND,
                           json_object_get_int_member(o, "texts"));
  }
  return g_string_free(all, FALSE);
}

static void
expect_segments(const char *expected, const char *leave, void (*play)(TextRig *rig))
{
  TextRig rig;
  text_rig_init(&rig, "utf8", "audit-log", policy_path, "leave-margin", g_ascii_strtod(leave, NULL), NULL);
  play(&rig);
  text_rig_clear(&rig);
  g_autofree char *told = segments_of(policy_path);
  assert_string_equal(told, expected);
  g_autoptr(GError) error = NULL;
  g_autoptr(HysacAuditResult) result = hysac_audit_verify(policy_path, NULL, &error);
  assert_non_null(result);
  assert_int_equal(result->n_faults, 0);
  assert_true(g_file_set_contents(policy_path, "", 0, NULL));
}

static void
push(TextRig *rig, const char *text, guint64 ms, GstClockTime duration)
{
  GstBuffer *buffer = text_rig_buffer(text, -1, ms);
  GST_BUFFER_DURATION(buffer) = duration;
  assert_int_equal(gst_harness_push(rig->h, buffer), GST_FLOW_OK);
}

static void
with_a_pause(TextRig *rig)
{
  text_rig_push(rig, "good", 0);
  text_rig_push(rig, "bad", 100);
  text_rig_push(rig, "oom", 200);
  text_rig_push(rig, "bad", 300);
  text_rig_push(rig, "bad", 900); /* of the same stretch */
  text_rig_push(rig, "good", 1000);
  text_rig_push(rig, "bad", 2000);
}

static void
gaps(TextRig *rig)
{
  text_rig_push(rig, "bad", 0);
  gst_harness_push_event(rig->h, gst_event_new_gap(50 * GST_MSECOND, GST_MSECOND)); /* it still lasts */
  gst_harness_push_event(rig->h, gst_event_new_gap(100 * GST_MSECOND, 400 * GST_MSECOND));
  text_rig_push(rig, "bad", 500);
  push(rig, "bad", 600, GST_CLOCK_TIME_NONE);
  gst_harness_push_event(rig->h, gst_event_new_gap(900 * GST_MSECOND, GST_CLOCK_TIME_NONE));
  push(rig, "bad", 2000, GST_CLOCK_TIME_NONE);
  push(rig, "", 2500, GST_CLOCK_TIME_NONE); /* a text that shows nothing takes one away */
  push(rig, "good", 3000, GST_CLOCK_TIME_NONE); /* above leave */
  new_segment(rig);
  push(rig, "good", 3100, 50 * GST_MSECOND);
}

static void
segments(void **state)
{
  expect_segments("unsafe 100 200 1, failed 200 300 1, unsafe 300 1000 2, unsafe 2000 2100 1", "1000", with_a_pause);
  expect_segments("unsafe 0 100 1, unsafe 500 900 2, unsafe 2000 2500 1, unsafe 3000 3000 1, unsafe 3100 3150 1", "-0.8",
                  gaps);
}

/* A file of them, readable by players; without a text in it. */
static void
webvtt(void **state)
{
  TextRig rig;
  text_rig_init(&rig, "utf8", "segments-vtt", policy_path, NULL);
  text_rig_push(&rig, "good", 0);
  text_rig_push(&rig, "bad secret", 100);
  text_rig_push(&rig, "bad secret", 200);
  text_rig_push(&rig, "good", 300);
  text_rig_push(&rig, "secret \xff", 400);
  text_rig_clear(&rig);
  g_autofree char *text = read_text(policy_path);
  assert_string_equal(text, "WEBVTT\n\nNOTE\nhysactext " HYSAC_VERSION ", model fake\nbound 1, not calibrated\n"
                            "times are stream time\n\n"
                            "hysac-1\n00:00:00.100 --> 00:00:00.300\nunsafe: mask\n"
                            "reason unsafe, interval 1, 2 texts, peak margin 1\n\n"
                            "hysac-2\n00:00:00.400 --> 00:00:00.500\nfailed: mask\nreason failed-map, 1 texts\n\n");
  /* One that cannot be opened is a warning. */
  g_autofree char *nowhere = g_build_filename(policy_path, "file", NULL);
  const GstStructure *details = NULL;
  text_rig_init(&rig, "utf8", "segments-vtt", nowhere, NULL);
  g_autoptr(GstMessage) warning = text_rig_message(&rig, GST_MESSAGE_WARNING, NULL);
  gst_message_parse_warning_details(warning, &details);
  assert_string_equal(gst_structure_get_string(details, "property"), "segments-vtt");
  text_rig_expect(&rig, "bad", 0, "***");
  text_rig_clear(&rig);
}

static void
begin(TextRig *rig, const char *members)
{
  g_autofree char *text = g_strdup_printf("{\"version\": 1, %s}", members);
  assert_true(g_file_set_contents(policy_path, text, -1, NULL));
  text_rig_init(rig, "utf8", "policy", policy_path, NULL);
}

/* Each rule of a policy counts for itself: one of the region and one of a rule are not two. */
static void
rules_count_for_themselves(void **state)
{
  static const Step steps[] = {
      {"knife", 0, "knife", "safe", "safe", 0},
      {"bad", 100, "bad", "safe", "unconfirmed", 0},
      {"a knife", 200, "*** ***", "unsafe", "unsafe", 2 | G_GUINT64_CONSTANT(3) << 48},
      {"good", 300, "good", "safe", "safe", 0},
  };
  TextRig rig;
  begin(&rig, "\"confirm-k\": 2, \"confirm-n\": 3, \"categories\": {\"violence\": " NEAR "}}, " CONCEPTS);
  WALK(&rig, steps);
  assert_int_equal(text_rig_stat(&rig, "unconfirmed"), 2);
  text_rig_clear(&rig);
}

static void
of_a_policy_file(void **state)
{
  static const Step steps[] = {
      {"bad", 0, "bad", "safe", "unconfirmed", 0},
      {"bad", 100, "***", "unsafe", "unsafe", 1},
      {"good", 200, "***", "unsafe", "unsafe", 1}, /* above leave */
  };
  guint k, n;
  guint64 least, after;
  gdouble margin;
  TextRig rig;
  begin(&rig, "\"confirm-k\": 2, \"confirm-n\": 4, \"leave-margin\": -0.8, \"min-duration\": \"2s\", \"post-roll\": \"1s\"");
  g_object_get(rig.element, "confirm-k", &k, "confirm-n", &n, "leave-margin", &margin, "min-duration", &least,
               "post-roll", &after, NULL);
  assert_true(k == 2 && n == 4 && margin == -0.8 && least == 2 * GST_SECOND && after == GST_SECOND);
  WALK(&rig, steps);
  text_rig_clear(&rig);
}

static void
refused(void **state)
{
  static const struct {
    guint k, n;
    const char *file, *why;
  } cases[] = {
      {3, 2, NULL, "confirm-k is 3, more than confirm-n, 2"},
      {1, 1, "{\"version\": 1, \"pre-roll\": \"1s\"}", "pre-roll"}, /* a text that is out cannot be redacted */
      {1, 1, "{\"version\": 1, \"confirm-k\": 65}", "confirm-k"},
  };
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    TextRig rig;
    g_autofree char *debug = NULL;
    text_rig_bare(&rig);
    if (cases[i].file) {
      assert_true(g_file_set_contents(policy_path, cases[i].file, -1, NULL));
      g_object_set(rig.element, "policy", policy_path, NULL);
    } else {
      g_object_set(rig.element, "confirm-k", cases[i].k, "confirm-n", cases[i].n, NULL);
    }
    assert_int_equal(gst_element_set_state(rig.element, GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);
    g_autoptr(GstMessage) message = text_rig_message(&rig, GST_MESSAGE_ERROR, NULL);
    assert_non_null(message);
    gst_message_parse_error(message, NULL, &debug);
    assert_non_null(strstr(debug, cases[i].why));
    text_rig_clear(&rig);
  }
}

/* While it plays: durations and margins from the next text on; k and n at the next start. */
static void
changed_while_it_plays(void **state)
{
  static const Step before[] = {{"bad", 0, "***", "unsafe", "unsafe", 1}, {"good", 100, "good", "safe", "safe", 0}};
  static const Step after[] = {{"bad", 200, "***", "unsafe", "unsafe", 2},
                               {"good", 300, "***", "unsafe", "post-roll", 2}};
  TextRig rig;
  text_rig_init(&rig, "utf8", NULL, NULL);
  WALK(&rig, before);
  g_object_set(rig.element, "confirm-k", 5, "post-roll", GST_SECOND, NULL); /* more than n, which is in force still */
  WALK(&rig, after);
  text_rig_clear(&rig);
}

int
main(int argc, char **argv)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(one_of_one), TEST(two_of_three), TEST(unconfirmed_joins_nothing), TEST(leave), TEST(durations), TEST(no_time),
      TEST(failures), TEST(boundaries), TEST(messages), TEST(every_stretch_ends), TEST(segments), TEST(webvtt),
      TEST(rules_count_for_themselves), TEST(of_a_policy_file), TEST(refused), TEST(changed_while_it_plays),
  };
  gst_init(&argc, &argv);
  const int failed = cmocka_run_group_tests_name("textpolicy", tests, NULL, NULL);
  gst_deinit(); /* GST_TRACERS=leaks reports here */
  return failed;
}
