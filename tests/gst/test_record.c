/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What goes on record: the verdict log's fields, the audit log; and that no record stops moderation when
 * it cannot be written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gst/gsthysacprivate.h"
#include "tests/gst/recordfiles.h"

#define FULL "sample-interval", (guint64)0

static const char *const properties[] = {"verdict-log", "audit-log", "segments-vtt", "segments-edl"};

static void
assert_type(JsonObject *o, const char *key, GType type)
{
  JsonNode *node = json_object_get_member(o, key);
  if (!node || json_node_get_value_type(node) != type)
    fail_msg("%s is %s, not %s", key, node ? json_node_type_name(node) : "missing",
             g_type_name(type));
}

/* The fields of DL Streamer's gvametaconvert, in each frame's line: one comes for every frame, with
 * nothing found too. */
static void
fields_of_dlstreamer(void **state)
{
  Rig rig;
  Files files = make_files();
  guint frames = 0, found = 0;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, ALL(files), NULL);
  rig_push_n(&rig, 3, FAKE_SAFE);
  rig_push_n(&rig, 2, FAKE_UNSAFE);
  rig_push_n(&rig, 1, FAKE_NAN);
  rig_finish(&rig);
  stop(&rig);
  g_autoptr(GPtrArray) lines = read_lines(files.verdict);
  for (guint i = 0; i < lines->len; i++) {
    JsonObject *o = json_node_get_object(lines->pdata[i]);
    if (strcmp(json_object_get_string_member(o, "type"), "frame") != 0)
      continue;
    frames++;
    assert_type(o, "source", G_TYPE_STRING);
    assert_type(o, "timestamp", G_TYPE_INT64);
    assert_type(o, "system_timestamp", G_TYPE_STRING);
    const char *now = json_object_get_string_member(o, "system_timestamp");
    g_autoptr(GDateTime) time = g_date_time_new_from_iso8601(now, NULL);
    assert_non_null(time);
    assert_true(g_str_has_suffix(now, "Z"));
    assert_type(member(o, "resolution"), "width", G_TYPE_INT64);
    assert_type(member(o, "resolution"), "height", G_TYPE_INT64);
    member(o, "tags");
    assert_true(json_node_get_node_type(json_object_get_member(o, "objects")) == JSON_NODE_ARRAY);
    JsonArray *objects = json_object_get_array_member(o, "objects");
    const gboolean unsafe = strcmp(json_object_get_string_member(o, "verdict"), "unsafe") == 0;
    assert_int_equal(json_array_get_length(objects), unsafe);
    if (!unsafe)
      continue;
    found++;
    JsonObject *object = json_array_get_object_element(objects, 0);
    assert_int_equal(json_object_get_int_member(object, "x"), 0);
    assert_int_equal(json_object_get_int_member(object, "y"), 0);
    assert_int_equal(json_object_get_int_member(object, "w"), RIG_WIDTH);
    assert_int_equal(json_object_get_int_member(object, "h"), RIG_HEIGHT);
    assert_string_equal(json_object_get_string_member(object, "roi_type"), "unsafe");
    JsonObject *detection = member(object, "detection");
    assert_string_equal(json_object_get_string_member(detection, "label"), "unsafe");
    assert_type(detection, "label_id", G_TYPE_INT64);
    if (json_object_has_member(detection, "confidence"))
      assert_true(json_object_get_double_member(detection, "confidence") ==
                  json_object_get_double_member(o, "score"));
    static const char *const sides[] = {"x_min", "y_min", "x_max", "y_max"};
    for (guint s = 0; s < 4; s++)
      assert_int_equal(json_object_get_int_member(member(detection, "bounding_box"), sides[s]), s / 2);
  }
  assert_int_equal(frames, 6);
  assert_in_range(found, 2, 3);
  rig_clear(&rig);
  remove_files(&files);
}

/* Every key stands in docs/records.md, no text is long, no array has more than one element: there is
 * no place for a picture or an embedding. */
static void
check_node(JsonNode *node, const char *key, const char *docs)
{
  if (JSON_NODE_HOLDS_OBJECT(node)) {
    g_autoptr(GList) keys = json_object_get_members(json_node_get_object(node));
    for (GList *l = keys; l; l = l->next) {
      g_autofree char *quoted = g_strdup_printf("`%s`", (char *)l->data);
      if (!strstr(docs, quoted))
        fail_msg("%s is not in docs/records.md", quoted);
      check_node(json_object_get_member(json_node_get_object(node), l->data), l->data, docs);
    }
  } else if (JSON_NODE_HOLDS_ARRAY(node)) {
    JsonArray *array = json_node_get_array(node);
    assert_in_range(json_array_get_length(array), 0, 1);
    if (json_array_get_length(array) == 1)
      check_node(json_array_get_element(array, 0), key, docs);
  } else if (json_node_get_value_type(node) == G_TYPE_STRING) {
    if (strlen(json_node_get_string(node)) > 120)
      fail_msg("%s is %s", key, json_node_get_string(node));
  }
}

static void
no_pixels(void **state)
{
  Rig rig;
  Files files = make_files();
  g_autofree char *page = g_build_filename(g_getenv("HYSAC_SRCDIR"), "docs", "records.md", NULL);
  g_autofree char *docs = read_text(page);
  rig_init(&rig, FAKE_AT_ONCE, FALSE, "sample-interval", 80 * GST_MSECOND, ALL(files), NULL);
  for (guint i = 0; i < 5; i++) {
    rig_push_n(&rig, 3, FAKE_SAFE);
    rig_push_n(&rig, 4, FAKE_UNSAFE);
    rig_push_n(&rig, 2, i % 2 ? FAKE_ERROR : FAKE_NAN);
  }
  g_autoptr(GError) error = g_error_new_literal(HYSAC_ERROR, HYSAC_ERROR_DEVICE, "gone");
  gst_hysac_moderate_on_scorer(
      rig.element, &(GstHysacScorerEvent){.lost = TRUE, .error = error, .device = "fake device"});
  gst_hysac_moderate_on_scorer(
      rig.element, &(GstHysacScorerEvent){.device = "fake device", .downtime = 5, .attempts = 1});
  gst_hysac_moderate_post_overload(GST_HYSAC_MODERATE(rig.element), 2, 1);
  gboolean ok;
  g_signal_emit_by_name(rig.element, "hold", &ok);
  g_signal_emit_by_name(rig.element, "dump", (guint64)GST_SECOND, &ok);
  g_signal_emit_by_name(rig.element, "override", "unsafe", (guint64)GST_SECOND, "a note", &ok);
  g_object_set(rig.element, "enter-margin", 0.1, NULL);
  rig_push_n(&rig, 3, FAKE_SAFE);
  g_signal_emit_by_name(rig.element, "release", &ok);
  assert_true(ok);
  rig_finish(&rig);
  stop(&rig);
  for (guint f = 0; f < 2; f++) {
    g_autoptr(GPtrArray) lines = read_lines(f ? files.audit : files.verdict);
    assert_true(lines->len > 20);
    for (guint i = 0; i < lines->len; i++)
      check_node(lines->pdata[i], "", docs);
  }
  for (guint f = 0; f < 2; f++) {
    g_autofree char *text = read_text(f ? files.vtt : files.edl);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    assert_true(g_strv_length(lines) > 20);
    for (guint i = 0; lines[i]; i++)
      assert_in_range(strlen(lines[i]), 0, 100);
  }
  rig_clear(&rig);
  remove_files(&files);
}

static char *
audit_message(Rig *rig, const char *state, guint64 *count)
{
  g_autoptr(GstMessage) message = rig_message(rig, GST_MESSAGE_ELEMENT, "hysac-audit");
  const GstStructure *s = gst_message_get_structure(message);
  assert_string_equal(gst_structure_get_string(s, "state"), state);
  assert_true(gst_structure_get_uint64(s, "count", count));
  return g_strdup(gst_structure_get_string(s, "hash"));
}

static void
audit(void **state)
{
  Rig rig;
  Files files = make_files();
  guint64 count;
  g_autoptr(GError) error = NULL;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, "audit-log", files.audit, "post-roll", RIG_FRAME, NULL);
  guint64 first;
  g_autofree char *opened = audit_message(&rig, "opened", &first);
  rig_push_n(&rig, 2, FAKE_SAFE);
  rig_push_n(&rig, 3, FAKE_UNSAFE);
  rig_push_n(&rig, 40, FAKE_SAFE);
  rig_push_n(&rig, 1, FAKE_ERROR);
  rig_push_n(&rig, 1, FAKE_SAFE);
  rig_finish(&rig);
  g_autoptr(GError) lost = g_error_new_literal(HYSAC_ERROR, HYSAC_ERROR_DEVICE, "gone");
  gst_hysac_moderate_on_scorer(
      rig.element, &(GstHysacScorerEvent){.lost = TRUE, .error = lost, .device = "fake device"});
  gst_hysac_moderate_on_scorer(
      rig.element, &(GstHysacScorerEvent){.device = "fake device", .downtime = 5, .attempts = 1});
  stop(&rig);
  g_autofree char *hash = audit_message(&rig, "closed", &count);

  g_autoptr(HysacAuditResult) result = hysac_audit_verify(files.audit, hash, &error);
  assert_non_null(result);
  assert_int_equal(result->n_faults, 0);
  assert_true(result->closed);
  assert_string_equal(result->hash, hash);
  assert_int_equal(result->records, count);
  assert_int_equal(first, 1);
  g_autoptr(HysacAuditResult) anchored = hysac_audit_verify(files.audit, opened, &error);
  assert_int_equal(anchored->head, first);

  /* Intervals are told when they are decided, which is before their frames leave or after. */
  g_autoptr(GPtrArray) lines = read_lines(files.audit);
  g_autofree char *events = events_of(lines);
  assert_true(g_str_has_prefix(events, "genesis stream "));
  assert_true(g_str_has_suffix(events, " device device close"));
  guint n_states = 0, n_segments = 0, n_intervals = 0;
  static const char *const verdicts[] = {"safe", "unsafe", "safe", "failed", "safe"};
  for (guint i = 0; i < lines->len; i++) {
    const char *event = json_object_get_string_member(json_node_get_object(lines->pdata[i]), "event");
    JsonObject *data = data_of(lines, i);
    if (strcmp(event, "state") == 0) {
      assert_string_equal(json_object_get_string_member(data, "verdict"), verdicts[n_states++]);
    } else if (strcmp(event, "interval") == 0) {
      assert_string_equal(json_object_get_string_member(data, "event"), n_intervals++ ? "end" : "begin");
      assert_int_equal(json_object_get_int_member(data, "start"), 2 * RIG_FRAME);
    } else if (strcmp(event, "segment") == 0) {
      if (n_segments++ > 0)
        continue;
      assert_int_equal(json_object_get_int_member(data, "start"), 2 * RIG_FRAME);
      assert_int_equal(json_object_get_int_member(data, "first_frame"), 2);
      assert_string_equal(json_object_get_string_member(data, "action"), "blank");
      assert_float_equal(json_object_get_double_member(data, "peak_margin"), 0.2, 1e-9);
    }
  }
  assert_int_equal(n_states, 5);
  assert_int_equal(n_intervals, 2);
  assert_int_equal(n_segments, 2);
  JsonObject *start = member(data_of(lines, 0), "settings");
  assert_string_equal(json_object_get_string_member(start, "model"), "fake");
  assert_string_equal(json_object_get_string_member(start, "weights_sha256"), "5e1f");
  assert_string_equal(json_object_get_string_member(start, "device"), "fake device");
  assert_string_equal(json_object_get_string_member(start, "action"), "blank");
  assert_int_equal(json_object_get_int_member(start, "post_roll"), RIG_FRAME);
  assert_string_equal(json_object_get_string_member(data_of(lines, 0), "version"), HYSAC_VERSION);
  assert_string_equal(json_object_get_string_member(data_of(lines, 1), "framerate"), "25/1");
  assert_string_equal(json_object_get_string_member(data_of(lines, lines->len - 3), "event"), "lost");
  assert_string_equal(json_object_get_string_member(data_of(lines, lines->len - 2), "event"), "recovered");
  JsonObject *totals = data_of(lines, lines->len - 1);
  assert_int_equal(json_object_get_int_member(totals, "frames"), 47);
  assert_int_equal(json_object_get_int_member(totals, "failed"), 1);
  rig_clear(&rig);

  /* The next run goes on with the chain, and its head is to be had while it runs. */
  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, "audit-log", files.audit, NULL);
  g_autofree char *reopened = audit_message(&rig, "opened", &count);
  assert_int_equal(count, result->records + 1);
  rig_push_n(&rig, 1, FAKE_SAFE);
  rig_finish(&rig);
  assert_true(rig_stat(&rig, "audit-count") >= result->records);
  g_autoptr(GstStructure) stats = NULL;
  g_object_get(rig.element, "stats", &stats, NULL);
  g_autofree char *head = g_strdup(gst_structure_get_string(stats, "audit-head"));
  stop(&rig);
  g_autoptr(HysacAuditResult) both = hysac_audit_verify(files.audit, head, &error);
  assert_int_equal(both->n_faults, 0);
  assert_int_equal(both->unclosed, 0);
  assert_true(both->head >= result->records);
  g_autoptr(HysacAuditResult) again = hysac_audit_verify(files.audit, reopened, &error);
  assert_int_equal(again->head, result->records + 1);
  assert_true(both->records > result->records);
  assert_null(rig_message_now(&rig, GST_MESSAGE_WARNING, NULL));
  rig_clear(&rig);
  remove_files(&files);
}

/* What people do is in the chain, and what became of the frames is a segment with its own cause. */
static void
human_acts(void **state)
{
  Rig rig;
  Files files = make_files();
  gboolean ok;
  g_autoptr(GError) error = NULL;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, ALL(files), NULL);
  rig_push_n(&rig, 2, FAKE_SAFE);
  rig_wait_buffers(&rig, 2);
  g_signal_emit_by_name(rig.element, "hold", &ok);
  assert_true(ok);
  rig_push_n(&rig, 3, FAKE_SAFE);
  rig_wait_buffers(&rig, 5);
  g_object_set(rig.element, "enter-margin", 0.05, NULL);
  g_signal_emit_by_name(rig.element, "release", &ok);
  assert_true(ok);
  rig_push_n(&rig, 40, FAKE_SAFE);
  rig_finish(&rig);
  stop(&rig);
  g_autoptr(HysacAuditResult) result = hysac_audit_verify(files.audit, NULL, &error);
  assert_int_equal(result->n_faults, 0);
  g_autoptr(GPtrArray) lines = read_lines(files.audit);
  static const char *const whats[] = {"hold", "property", "release"};
  guint n_acts = 0, n_segments = 0;
  for (guint i = 0; i < lines->len; i++) {
    const char *event = json_object_get_string_member(json_node_get_object(lines->pdata[i]), "event");
    JsonObject *data = data_of(lines, i);
    if (strcmp(event, "control") == 0) {
      assert_string_equal(json_object_get_string_member(data, "by"), "human");
      assert_string_equal(json_object_get_string_member(data, "what"), whats[n_acts++]);
    } else if (strcmp(event, "segment") == 0) {
      n_segments++;
      assert_string_equal(json_object_get_string_member(data, "reason"), "human-hold");
      assert_int_equal(json_object_get_int_member(data, "first_frame"), 2);
      assert_int_equal(json_object_get_int_member(data, "last_frame"), 4);
    }
  }
  assert_int_equal(n_acts, 3);
  assert_int_equal(n_segments, 1);
  g_autofree char *vtt = read_text(files.vtt);
  assert_non_null(strstr(vtt, "\n00:00:00.080 --> 00:00:00.200\nunsafe: blank\nreason human-hold, 3 frames"));
  rig_clear(&rig);
  remove_files(&files);
}

static guint
count_warnings(Rig *rig, const char *property)
{
  GstMessage *message;
  guint n = 0;
  while ((message = rig_message_now(rig, GST_MESSAGE_WARNING, NULL))) {
    g_autoptr(GError) error = NULL;
    g_autofree char *debug = NULL;
    const GstStructure *details;
    gst_message_parse_warning(message, &error, &debug);
    gst_message_parse_warning_details(message, &details);
    if (!strstr(error->message, property) || !strstr(debug, property) ||
        strcmp(gst_structure_get_string(details, "property"), property) != 0 ||
        strlen(gst_structure_get_string(details, "remedy")) < 20)
      fail_msg("not a warning of %s: %s %s", property, error->message, debug);
    n++;
    gst_message_unref(message);
  }
  return n;
}

/* An edited log is left as it is, which is told. */
static void
broken_audit(void **state)
{
  Rig rig;
  Files files = make_files();
  g_autoptr(GError) error = NULL;
  for (guint run = 0; run < 2; run++) {
    rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, "audit-log", files.audit, NULL);
    rig_push_n(&rig, 1, FAKE_UNSAFE);
    rig_finish(&rig);
    stop(&rig);
    assert_int_equal(count_warnings(&rig, "audit-log"), run);
    rig_clear(&rig);
    if (run == 0) {
      g_autofree char *text = read_text(files.audit);
      g_autoptr(GString) edited = g_string_new(text);
      assert_int_equal(g_string_replace(edited, "\"unsafe\"", "\"safe\"", 1), 1);
      assert_true(g_file_set_contents(files.audit, edited->str, -1, NULL));
    }
  }
  g_autoptr(HysacAuditResult) result = hysac_audit_verify(files.audit, NULL, &error);
  assert_int_equal(result->n_faults, 2); /* the edit, and the new chain behind it */
  assert_true(result->closed);
  remove_files(&files);
}

typedef enum { FULL_DISK, NO_FOLDER, NOT_A_FILE, NO_READER, REMOVED, N_TROUBLES } Trouble;

/* Whatever is wrong with one of the files: one warning, and the frames are moderated. */
static void
a_file_in_trouble(const char *property, Trouble trouble)
{
  Rig rig;
  Files files = make_files();
  g_autofree char *nowhere = g_build_filename(files.folder, "no", "file", NULL);
  g_autofree char *pipe = g_build_filename(files.folder, "pipe", NULL);
  const char *path = trouble == FULL_DISK    ? "/dev/full"
                     : trouble == NO_FOLDER  ? nowhere
                     : trouble == NOT_A_FILE ? files.folder
                     : trouble == NO_READER  ? pipe
                                             : files.verdict;
  if (trouble == NO_READER)
    assert_int_equal(mkfifo(pipe, 0600), 0);
  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, property, path, NULL);
  if (trouble == REMOVED) {
    g_unlink(path);
    assert_int_equal(g_rmdir(files.folder), 0);
  }
  rig_push_n(&rig, 2, FAKE_SAFE);
  rig_push_n(&rig, 2, FAKE_UNSAFE);
  rig_push_n(&rig, 1, FAKE_ERROR);
  rig_finish(&rig);
  stop(&rig);
  g_autofree char *frames = rig_frames(&rig);
  assert_string_equal(frames, "ooxxx");
  const guint warnings = count_warnings(&rig, property);
  if (warnings != 1)
    fail_msg("%s, trouble %d: %u warnings", property, trouble, warnings);
  rig_clear(&rig);
  g_unlink(pipe);
  remove_files(&files);
}

static void
troubles(void **state)
{
  for (guint i = 0; i < G_N_ELEMENTS(properties); i++)
    for (Trouble trouble = 0; trouble < N_TROUBLES; trouble++)
      a_file_in_trouble(properties[i], trouble);
}

/* A limit on the size of files, which else ends the process by a signal. */
static void
limited_files(void **state)
{
  Rig rig;
  Files files = make_files();
  struct rlimit old, small;
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
  small = old;
  small.rlim_cur = 1500;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, "verdict-log", files.verdict, NULL);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
  for (guint i = 0; i < 10; i++)
    rig_push_n(&rig, 1, i % 2 ? FAKE_UNSAFE : FAKE_SAFE);
  rig_finish(&rig);
  stop(&rig);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
  g_autofree char *frames = rig_frames(&rig);
  assert_int_equal(strlen(frames), 10);
  for (guint i = 0; i < 10; i++) /* safe ones may be held on for flicker */
    assert_true(frames[i] == 'x' || i % 2 == 0);
  assert_int_equal(count_warnings(&rig, "verdict-log"), 1);
  struct stat info;
  assert_int_equal(stat(files.verdict, &info), 0);
  assert_in_range(info.st_size, 1, 1500);
  rig_clear(&rig);
  remove_files(&files);
}

/* A reader that takes nothing holds up nobody, and the end comes all the same. */
static void
lazy_reader(void **state)
{
  Rig rig;
  Files files = make_files();
  assert_int_equal(mkfifo(files.verdict, 0600), 0);
  const int fd = open(files.verdict, O_RDONLY | O_NONBLOCK);
  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, "verdict-log", files.verdict, NULL);
  rig_push_n(&rig, 400, FAKE_SAFE); /* more than a pipe takes */
  rig_finish(&rig);
  assert_int_equal(rig_n_buffers(&rig), 400);
  stop(&rig);
  assert_int_equal(count_warnings(&rig, "verdict-log"), 1);
  close(fd);
  rig_clear(&rig);
  remove_files(&files);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(fields_of_dlstreamer), cmocka_unit_test(no_pixels),
      cmocka_unit_test(audit),                cmocka_unit_test(broken_audit),
      cmocka_unit_test(troubles),             cmocka_unit_test(limited_files),
      cmocka_unit_test(lazy_reader),          cmocka_unit_test(human_acts),
  };
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  gst_deinit(); /* GST_TRACERS=leaks reports here */
  return failed;
}
