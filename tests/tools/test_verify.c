/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* hysac verify: what it says of whole and broken logs, and its exit codes. */

#include "runner.h"

#include <string.h>

static char *folder, *path, *hash;

static int
set_up(void **state)
{
  folder = make_folder();
  path = g_build_filename(folder, "audit.jsonl", NULL);
  HysacAudit *audit = hysac_audit_open(path, NULL, NULL, NULL);
  hysac_audit_write(audit, "segment", g_strdup("{\"n\":1}"));
  hysac_audit_write(audit, "segment", g_strdup("{\"n\":2}"));
  g_clear_error(&(GError *){hysac_audit_close(audit, NULL, &hash, NULL)});
  return hash ? 0 : 1;
}

static int
tear_down(void **state)
{
  remove_folder(folder);
  g_free(path);
  g_free(hash);
  return 0;
}

static void
a_whole_log_is_ok(void **state)
{
  Run run = { 0 };
  run_hysac(&run, "verify", path, NULL);
  assert_int_equal(run.code, 0);
  assert_non_null(strstr(run.out, "ok, 4 records"));
  assert_non_null(strstr(run.out, hash));
  run_hysac(&run, "verify", "--json", "--head", hash, "--count", "4", path, NULL);
  assert_int_equal(run.code, 0);
  g_autofree char *verdict = json_text(run.lines[0], "verdict"), *last = json_text(run.lines[0], "hash");
  assert_string_equal(verdict, "ok");
  assert_string_equal(last, hash);
  assert_int_equal((int) json_number(run.lines[0], "records"), 4);
  assert_int_equal((int) json_number(run.lines[0], "head"), 4);
  hash[0] ^= 1; /* '0' … '9' and 'a' … 'f' stay hex digits, but for two */
  if (!g_ascii_isxdigit(hash[0]))
    hash[0] = '0';
  run_hysac(&run, "verify", "--head", hash, path, NULL);
  assert_int_equal(run.code, 1);
  assert_non_null(strstr(run.out, "no record has that hash"));
  run_hysac(&run, "verify", "--count", "5", path, NULL);
  assert_int_equal(run.code, 1);
  assert_non_null(strstr(run.out, "fewer records"));
  run_hysac(&run, "verify", "--head", "00", path, NULL);
  expect_failure(&run, 2, "--head", NULL);
  run_hysac(&run, "verify", "--count", "1", path, path, NULL);
  expect_failure(&run, 2, "one file", NULL);
  run_clear(&run);
}

static void
a_changed_log_is_found(void **state)
{
  Run run = { 0 };
  gsize size;
  g_autofree char *text = read_file(folder, "audit.jsonl", &size);
  strstr(text, "{\"n\":2}")[5] = '3';
  write_file(folder, "edited", text, (gssize) size);
  g_autofree char *edited = g_build_filename(folder, "edited", NULL);
  run_hysac(&run, "verify", edited, path, NULL);
  assert_int_equal(run.code, 1);
  assert_int_equal(run.n_lines, 2);
  assert_non_null(strstr(run.lines[0], ":3: record 2 does not match its hash"));
  assert_non_null(strstr(run.lines[1], "ok")); /* the other file is looked at all the same */
  run_clear(&run);
}

static void
a_log_without_an_end_is_said_so(void **state)
{
  Run run = { 0 };
  gsize size;
  g_autofree char *text = read_file(folder, "audit.jsonl", &size);
  *(strstr(strstr(text, "{\"n\":2}"), "\n") + 1) = '\0';
  write_file(folder, "short", text, -1);
  g_autofree char *shorter = g_build_filename(folder, "short", NULL);
  run_hysac(&run, "verify", shorter, NULL);
  assert_int_equal(run.code, 1);
  assert_non_null(strstr(run.out, "no end record: cut off or still open"));
  run_hysac(&run, "verify", "--open", shorter, NULL);
  assert_int_equal(run.code, 0);
  run_clear(&run);
}

/* A log that was cut off behind a kept hash and closed anew is whole by itself. */
static void
a_kept_hash_finds_a_new_end(void **state)
{
  Run run = { 0 };
  gsize size;
  char *kept;
  g_autofree char *text = read_file(folder, "audit.jsonl", &size);
  g_autofree char *other = g_build_filename(folder, "rewritten", NULL);
  *(strstr(text, "\n") + 1) = '\0'; /* the beginning only */
  write_file(folder, "rewritten", text, -1);
  HysacAudit *audit = hysac_audit_open(path, NULL, NULL, NULL);
  hysac_audit_get_head(audit, &kept, NULL); /* record 5 */
  g_clear_error(&(GError *){hysac_audit_close(audit, NULL, NULL, NULL)});
  g_clear_error(&(GError *){hysac_audit_close(hysac_audit_open(other, NULL, NULL, NULL), NULL, NULL, NULL)});
  run_hysac(&run, "verify", other, NULL);
  assert_int_equal(run.code, 0);
  assert_non_null(strstr(run.out, "1 earlier runs have no end record"));
  run_hysac(&run, "verify", "--head", kept, other, NULL);
  assert_int_equal(run.code, 1);
  run_hysac(&run, "verify", "--head", kept, path, NULL); /* which has grown */
  assert_int_equal(run.code, 0);
  assert_non_null(strstr(run.out, " of 6"));
  g_free(kept);
  run_clear(&run);
}

/* What a log tells when it is opened is found in it, while it is written and when it is closed. */
static void
an_opened_log_is_found_by_its_head(void **state)
{
  Run run = { 0 };
  g_autofree char *fresh = g_build_filename(folder, "fresh", NULL), *head = NULL;
  HysacAudit *audit = hysac_audit_open(fresh, NULL, NULL, NULL);
  hysac_audit_get_head(audit, &head, NULL);
  assert_non_null(head);
  run_hysac(&run, "verify", "--open", "--head", head, "--count", "1", fresh, NULL);
  assert_int_equal(run.code, 0);
  g_clear_error(&(GError *){hysac_audit_close(audit, NULL, NULL, NULL)});
  run_hysac(&run, "verify", "--head", head, fresh, NULL);
  assert_int_equal(run.code, 0);
  assert_non_null(strstr(run.out, "ok, 2 records"));
  run_clear(&run);
}

static void
what_cannot_be_read_is_an_error(void **state)
{
  Run run = { 0 };
  g_autofree char *missing = g_build_filename(folder, "missing", NULL);
  run_hysac(&run, "verify", missing, NULL);
  expect_failure(&run, 2, missing, NULL);
  run_hysac(&run, "verify", folder, NULL);
  expect_failure(&run, 2, folder, NULL);
  run_hysac(&run, "verify", NULL);
  expect_failure(&run, 2, "needs a file", NULL);
  write_file(folder, "empty", "", 0);
  g_autofree char *empty = g_build_filename(folder, "empty", NULL);
  run_hysac(&run, "verify", "--open", empty, NULL);
  assert_int_equal(run.code, 1);
  run_clear(&run);
}

/* Once, and not line by line. */
static void
another_file_is_said_to_be_one(void **state)
{
  Run run = { 0 };
  g_autofree char *verdicts = g_build_filename(folder, "verdicts.jsonl", NULL), *text = g_build_filename(folder, "text", NULL);
  write_file(folder, "verdicts.jsonl", "{\"type\":\"start\",\"version\":\"1\"}\n{\"type\":\"frame\"}\n", -1);
  write_file(folder, "text", "one\ntwo\nthree", -1);
  run_hysac(&run, "verify", verdicts, text, path, NULL);
  assert_int_equal(run.code, 1);
  assert_int_equal(run.n_lines, 3);
  assert_non_null(strstr(run.lines[0], "no audit log: none of its 2 lines is a record; it looks like a verdict log"));
  assert_true(g_str_has_suffix(run.lines[1], "no audit log: none of its 3 lines is a record"));
  assert_non_null(strstr(run.lines[2], "ok"));
  run_hysac(&run, "verify", "--json", verdicts, NULL);
  assert_int_equal(run.code, 1);
  g_autofree char *verdict = json_text(run.lines[0], "verdict");
  assert_string_equal(verdict, "broken");
  run_clear(&run);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_whole_log_is_ok),
    cmocka_unit_test(a_changed_log_is_found),
    cmocka_unit_test(a_log_without_an_end_is_said_so),
    cmocka_unit_test(a_kept_hash_finds_a_new_end),
    cmocka_unit_test(an_opened_log_is_found_by_its_head),
    cmocka_unit_test(what_cannot_be_read_is_an_error),
    cmocka_unit_test(another_file_is_said_to_be_one),
  };
  return cmocka_run_group_tests_name("verify", tests, set_up, tear_down);
}
