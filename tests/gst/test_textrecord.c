/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* hysactext's audit log: the same chain as of frames, without a text in it unless that is asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <glib/gstdio.h>
#include <string.h>

#include "core/audit.h"
#include "tests/gst/jsonlines.h"
#include "tests/gst/textrig.h"

static char *folder, *path;

static int
set_up(void **state)
{
  folder = g_dir_make_tmp("hysac-text-XXXXXX", NULL);
  path = g_build_filename(folder, "audit.jsonl", NULL);
  return folder == NULL;
}

static int
tear_down(void **state)
{
  g_unlink(path);
  g_rmdir(folder);
  g_clear_pointer(&path, g_free);
  g_clear_pointer(&folder, g_free);
  return 0;
}

static HysacAuditResult *
verify(const char *head)
{
  g_autoptr(GError) error = NULL;
  HysacAuditResult *result = hysac_audit_verify(path, head, &error);
  if (!result)
    fail_msg("%s", error->message);
  return result;
}

/* The hash that the message tells. */
static char *
audit_message(TextRig *rig, const char *state, guint64 *count)
{
  g_autoptr(GstMessage) message = text_rig_message(rig, GST_MESSAGE_ELEMENT, "hysac-audit");
  const GstStructure *s = gst_message_get_structure(message);
  assert_string_equal(gst_structure_get_string(s, "state"), state);
  assert_true(gst_structure_get_uint64(s, "count", count));
  return g_strdup(gst_structure_get_string(s, "hash"));
}

static void
stop(TextRig *rig)
{
  gst_element_set_state(rig->element, GST_STATE_NULL);
}

static void
the_chain(void **state)
{
  static const char *const verdicts[] = {"safe", "unsafe", "unsafe", "failed", "safe"};
  TextRig rig;
  guint64 count;
  guint n = 0;
  text_rig_init(&rig, "utf8", "audit-log", path, NULL);
  g_autofree char *opened = audit_message(&rig, "opened", &count);
  assert_int_equal(count, 1);
  text_rig_expect(&rig, "good secret", 0, "good secret");
  text_rig_expect(&rig, "good secret again", 60000, "good secret again");
  text_rig_expect(&rig, "bad secret", 120000, "*** ***");
  text_rig_expect(&rig, "another bad secret", 180000, "*** *** ***");
  g_object_set(rig.element, "enter-margin", 0.5, NULL);
  text_rig_expect(&rig, "a secret oom", 240000, "*** *** ***");
  text_rig_expect(&rig, "good secret", 300000, "good secret");
  text_rig_expect(&rig, "", 360000, "");
  assert_true(text_rig_stat(&rig, "audit-count") >= 1);
  stop(&rig);
  g_autofree char *closed = audit_message(&rig, "closed", &count);
  text_rig_clear(&rig);

  g_autoptr(HysacAuditResult) result = verify(opened);
  assert_int_equal(result->n_faults, 0);
  assert_true(result->closed);
  assert_int_equal(result->head, 1);
  assert_int_equal(result->records, count);
  assert_string_equal(result->hash, closed);

  g_autofree char *text = read_text(path);
  assert_null(strstr(text, "secret"));
  g_autoptr(GPtrArray) lines = read_lines(path);
  g_autofree char *events = events_of(lines);
  assert_string_equal(events, "genesis stream state interval state state control state segment interval state segment close");
  JsonObject *settings = member(data_of(lines, 0), "settings");
  assert_string_equal(json_object_get_string_member(settings, "model"), "fake");
  assert_string_equal(json_object_get_string_member(settings, "weights_sha256"), "5e1f");
  assert_string_equal(json_object_get_string_member(settings, "action"), "mask");
  assert_false(json_object_get_boolean_member(settings, "log_text"));
  assert_string_equal(json_object_get_string_member(data_of(lines, 1), "format"), "utf8");
  for (guint i = 2; i < lines->len - 1; i++) {
    JsonObject *data = data_of(lines, i);
    if (i == 3 || i == 9) {
      assert_string_equal(json_object_get_string_member(data, "event"), i == 3 ? "begin" : "end");
      continue;
    }
    if (i == 8 || i == 11) { /* the failed one is a segment of its own, in the same stretch */
      assert_string_equal(json_object_get_string_member(data, "verdict"), i == 8 ? "unsafe" : "failed");
      assert_int_equal(json_object_get_int_member(data, "first_text"), i == 8 ? 2 : 4);
      assert_int_equal(json_object_get_int_member(data, "last_text"), i == 8 ? 3 : 4);
      assert_int_equal(json_object_get_int_member(data, "interval"), 1);
      continue;
    }
    if (i == 6) {
      assert_string_equal(json_object_get_string_member(data, "property"), "enter-margin");
      assert_true(json_object_get_double_member(data, "new") == 0.5);
      assert_int_equal(json_object_get_int_member(data, "text"), 4);
      continue;
    }
    assert_string_equal(json_object_get_string_member(data, "verdict"), verdicts[n++]);
    assert_true(json_object_has_member(data, "advisory") && json_object_has_member(data, "rules"));
  }
  assert_int_equal(json_object_get_int_member(data_of(lines, 4), "text"), 2);
  assert_int_equal(json_object_get_int_member(data_of(lines, 5), "interval"), 1);
  assert_true(json_object_get_double_member(data_of(lines, 4), "margin") == 1.0);
  assert_true(json_object_get_null_member(data_of(lines, 7), "margin"));
  assert_string_equal(json_object_get_string_member(data_of(lines, 7), "reason"), "failed-memory");
  JsonObject *totals = data_of(lines, lines->len - 1);
  assert_int_equal(json_object_get_int_member(totals, "texts"), 7);
  assert_int_equal(json_object_get_int_member(totals, "failed"), 1);

  /* The next run goes on with the chain. */
  text_rig_init(&rig, "pango-markup", "audit-log", path, NULL);
  text_rig_expect(&rig, "<b>bad</b>", 0, "***");
  text_rig_clear(&rig);
  g_autoptr(HysacAuditResult) both = verify(closed);
  assert_int_equal(both->n_faults, 0);
  assert_int_equal(both->head, count);
  assert_int_equal(both->records, count + 7); /* with the stretch's begin, end and segment */
}

/* A device that is lost, and back. */
static void
the_device(void **state)
{
  TextRig rig;
  text_rig_init(&rig, "utf8", "audit-log", path, NULL);
  text_rig_expect(&rig, "die", 0, "***");
  g_autoptr(GstMessage) lost = text_rig_message(&rig, GST_MESSAGE_WARNING, NULL);
  text_rig_release(&rig);
  g_autoptr(GstMessage) found = text_rig_message(&rig, GST_MESSAGE_INFO, NULL);
  text_rig_clear(&rig);
  g_autoptr(HysacAuditResult) result = verify(NULL);
  assert_int_equal(result->n_faults, 0);
  g_autoptr(GPtrArray) lines = read_lines(path);
  guint seen = 0;
  for (guint i = 0; i < lines->len; i++) {
    if (strcmp(json_object_get_string_member(json_node_get_object(lines->pdata[i]), "event"), "device") != 0)
      continue;
    assert_string_equal(json_object_get_string_member(data_of(lines, i), "event"), seen++ ? "recovered" : "lost");
  }
  assert_int_equal(seen, 2);
}

/* What is told of a text, where that was asked for; a long one does not push the record out. */
static void
with_texts(void **state)
{
  TextRig rig;
  g_autofree char *filler = g_strnfill(60000, '\001'); /* six bytes each in JSON */
  g_autofree char *long_one = g_strconcat("bad secret ", filler, NULL);
  text_rig_init(&rig, "utf8", "audit-log", path, "log-text", TRUE, NULL);
  text_rig_expect(&rig, "good secret", 0, "good secret");
  g_autoptr(GstBuffer) out = text_rig_through(&rig, text_rig_buffer(long_one, -1, 60000));
  assert_non_null(out);
  g_object_set(rig.element, "log-text", FALSE, NULL);
  text_rig_expect(&rig, "bad mystery", 120000, "*** ***");
  text_rig_clear(&rig);
  g_autoptr(HysacAuditResult) result = verify(NULL);
  assert_int_equal(result->n_faults, 0);
  g_autofree char *text = read_text(path);
  assert_null(strstr(text, "mystery"));
  assert_null(strstr(text, "too_long"));
  g_autoptr(GPtrArray) lines = read_lines(path);
  assert_string_equal(json_object_get_string_member(data_of(lines, 2), "content"), "good secret");
  const char *content = json_object_get_string_member(data_of(lines, 4), "content");
  assert_true(g_str_has_prefix(content, "bad secret ") && strlen(content) <= 4096);
  assert_string_equal(json_object_get_string_member(data_of(lines, 4), "verdict"), "unsafe");
}

/* Any byte. */
static void
a_changed_byte_is_found(void **state)
{
  TextRig rig;
  gsize size;
  text_rig_init(&rig, "utf8", "audit-log", path, NULL);
  text_rig_expect(&rig, "good", 0, "good");
  text_rig_expect(&rig, "bad", 60000, "***");
  text_rig_clear(&rig);
  g_autofree char *whole = NULL;
  assert_true(g_file_get_contents(path, &whole, &size, NULL));
  for (gsize at = 0; at < size; at++) {
    if (whole[at] == '\n') /* the last one is no record's */
      continue;
    g_autofree char *edited = g_memdup2(whole, size);
    edited[at] ^= 1;
    g_autoptr(HysacAuditResult) result = hysac_audit_verify_data(edited, size);
    if (result->n_faults == 0)
      fail_msg("byte %" G_GSIZE_FORMAT " of %" G_GSIZE_FORMAT ": nothing is found", at, size);
  }
  /* The next run begins another chain behind it, and says so. */
  g_autoptr(GString) edited = g_string_new(whole);
  assert_int_equal(g_string_replace(edited, "\"unsafe\"", "\"safe\"", 1), 1);
  assert_true(g_file_set_contents(path, edited->str, -1, NULL));
  text_rig_init(&rig, "utf8", "audit-log", path, NULL);
  g_autoptr(GstMessage) warning = text_rig_message(&rig, GST_MESSAGE_WARNING, NULL);
  const GstStructure *details = NULL;
  gst_message_parse_warning_details(warning, &details);
  assert_string_equal(gst_structure_get_string(details, "property"), "audit-log");
  text_rig_clear(&rig);
  g_autoptr(HysacAuditResult) result = verify(NULL);
  assert_int_equal(result->n_faults, 2); /* the edit, and the new chain */
  assert_true(result->closed);
}

/* A record that cannot be written stops nobody. */
static void
no_file(void **state)
{
  TextRig rig;
  g_autofree char *nowhere = g_build_filename(folder, "no", "file", NULL);
  text_rig_init(&rig, "utf8", "audit-log", nowhere, NULL);
  g_autoptr(GstMessage) warning = text_rig_message(&rig, GST_MESSAGE_WARNING, NULL);
  assert_non_null(warning);
  text_rig_expect(&rig, "good", 0, "good");
  text_rig_expect(&rig, "bad", 60000, "***");
  text_rig_clear(&rig);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(the_chain), TEST(the_device), TEST(with_texts), TEST(a_changed_byte_is_found), TEST(no_file),
  };
  const int failed = cmocka_run_group_tests_name("textrecord", tests, NULL, NULL);
  gst_deinit(); /* GST_TRACERS=leaks reports here */
  return failed;
}
