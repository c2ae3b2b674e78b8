/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "support.h"

#include "core/audit.h"
#include "core/report.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define RECORDS 12

/* What the closing record says goes with it. */
static void
close_log(HysacAudit *audit, char **hash, guint64 *count)
{
  assert_non_null(audit);
  g_autoptr(GError) error = hysac_audit_close(audit, g_strdup("{\"frames\":7}"), hash, count);
  if (error)
    fail_msg("%s", error->message);
}

/* A closed log of RECORDS records, the first and the last included. */
static char *
write_log(const char *path, gsize *size, char **hash)
{
  GError *error = NULL;
  guint64 records;
  HysacAudit *audit = hysac_audit_open(path, "{\"model\":\"demo\"}", NULL, &error);
  assert_non_null(audit);
  for (guint i = 0; i < RECORDS - 2; i++)
    assert_true(hysac_audit_write(audit, i % 2 ? "segment" : "command", g_strdup_printf("{\"n\":%u}", i)));
  close_log(audit, hash, &records);
  assert_int_equal(records, RECORDS);
  char *text;
  assert_true(g_file_get_contents(path, &text, size, NULL));
  return text;
}

/* Whole, closed, and with nothing to complain of. */
static gboolean
is_good(const char *data, gsize size)
{
  g_autoptr(HysacAuditResult) result = hysac_audit_verify_data(data, size);
  return result->n_faults == 0 && result->closed;
}

static void
test_good(void **state)
{
  char *dir = make_dir(), *path = g_build_filename(dir, "audit", NULL), *hash;
  gsize size;
  GError *error = NULL;
  g_autofree char *text = write_log(path, &size, &hash);
  assert_true(is_good(text, size));
  g_autoptr(HysacAuditResult) result = hysac_audit_verify(path, NULL, &error);
  assert_non_null(result);
  assert_int_equal(result->n_faults, 0);
  assert_int_equal(result->records, RECORDS);
  assert_int_equal(result->lines, RECORDS);
  assert_true(result->closed);
  assert_string_equal(result->hash, hash);
  assert_non_null(strstr(text, "\"settings\":{\"model\":\"demo\"}"));
  assert_null(hysac_audit_verify(dir, NULL, &error));
  expect_error(&error, HYSAC_ERROR_IO, dir);
  g_free(hash);
  g_free(path);
  remove_dir(dir);
}

static void
test_every_byte(void **state)
{
  char *dir = make_dir(), *path = g_build_filename(dir, "audit", NULL), *hash;
  gsize size;
  g_autofree char *text = write_log(path, &size, &hash);
  for (gsize i = 0; i < size; i++) {
    for (guint bit = 0; bit < 8; bit++) {
      text[i] = (char) (text[i] ^ (1 << bit));
      if (is_good(text, size))
        fail_msg("byte %zu, bit %u was changed and nothing found", i, bit);
      text[i] = (char) (text[i] ^ (1 << bit));
    }
  }
  for (gsize i = 0; i < size; i++) { /* cut off anywhere */
    if (is_good(text, i))
      fail_msg("nothing found in the first %zu bytes", i);
  }
  assert_true(is_good(text, size));
  g_free(hash);
  g_free(path);
  remove_dir(dir);
}

static char *
join(char **lines, const guint *order, guint n)
{
  GString *text = g_string_new(NULL);
  for (guint i = 0; i < n; i++)
    g_string_append_printf(text, "%s\n", lines[order[i]]);
  return g_string_free(text, FALSE);
}

/* The first fault is told of the line (from 1); 0: no fault, but no closing record. */
static void
expect_fault(const char *text, guint line)
{
  g_autoptr(HysacAuditResult) result = hysac_audit_verify_data(text, strlen(text));
  if (line == 0) {
    assert_int_equal(result->n_faults, 0);
    assert_false(result->closed);
    return;
  }
  assert_true(result->n_faults > 0);
  assert_int_equal(((HysacAuditFault *) result->faults->pdata[0])->line, line);
}

static void
test_every_line(void **state)
{
  char *dir = make_dir(), *path = g_build_filename(dir, "audit", NULL), *hash;
  gsize size;
  g_autofree char *text = write_log(path, &size, &hash);
  g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
  guint order[RECORDS + 1];
  for (guint i = 0; i < RECORDS; i++) {
    for (guint j = 0; j < RECORDS; j++) {
      /* Line i is taken out and put back before the j-th of the others; out for good; twice. */
      guint n = 0, m = 0, k = 0;
      for (guint line = 0; line < RECORDS; line++) {
        if (line == i)
          continue;
        if (n == j)
          order[n++] = i;
        order[n++] = line;
      }
      if (n < RECORDS)
        order[n++] = i;
      g_autofree char *moved = join(lines, order, RECORDS);
      assert_int_equal(is_good(moved, strlen(moved)), i == j);
      if (i != j)
        expect_fault(moved, MIN(i, j) + 1);
      for (guint line = 0; line < RECORDS; line++) {
        if (line != i)
          order[m++] = line;
      }
      g_autofree char *removed = join(lines, order, m);
      assert_false(is_good(removed, strlen(removed)));
      expect_fault(removed, i == RECORDS - 1 ? 0 : i + 1);
      for (guint line = 0; line < RECORDS; line++) {
        if (line == j)
          order[k++] = i;
        order[k++] = line;
      }
      g_autofree char *repeated = join(lines, order, k);
      assert_false(is_good(repeated, strlen(repeated)));
      expect_fault(repeated, i == j ? j + 2 : j + 1);
    }
  }
  g_free(hash);
  g_free(path);
  remove_dir(dir);
}

/* A record put in with a true hash, but not of this chain. */
static void
test_forged(void **state)
{
  char *dir = make_dir(), *path = g_build_filename(dir, "audit", NULL), *hash;
  gsize size;
  g_autofree char *text = write_log(path, &size, &hash);
  g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
  g_autofree char *sealed = g_strdup(lines[4]);
  char *n = strstr(sealed, "{\"n\":");
  n[5] = '9';
  char *end = strstr(sealed, ",\"hash\":\"");
  g_autofree char *sum = g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *) sealed, (gsize) (end - sealed));
  memcpy(end + 9, sum, 64);
  char *old = lines[4];
  lines[4] = sealed;
  g_autofree char *forged = g_strjoinv("\n", lines);
  lines[4] = old;
  g_autoptr(HysacAuditResult) result = hysac_audit_verify_data(forged, strlen(forged));
  assert_int_equal(result->n_faults, 1);
  const HysacAuditFault *fault = result->faults->pdata[0];
  assert_int_equal(fault->line, 6); /* the next one does not follow from it */
  g_free(hash);
  g_free(path);
  remove_dir(dir);
}

static void
test_goes_on(void **state)
{
  char *dir = make_dir(), *path = g_build_filename(dir, "audit", NULL), *hash, *second;
  gsize size;
  GError *error = NULL;
  g_autofree char *text = write_log(path, &size, &hash);
  HysacAudit *audit = hysac_audit_open(path, NULL, NULL, &error);
  assert_non_null(audit);
  assert_null(hysac_audit_open(path, NULL, NULL, &error)); /* one writer a file */
  expect_error(&error, HYSAC_ERROR_IO, path);
  close_log(audit, &second, NULL);
  assert_string_not_equal(hash, second);
  HysacReport *report = hysac_report_open(path, &error); /* nor together with another kind of log */
  assert_non_null(report);
  assert_null(hysac_audit_open(path, NULL, NULL, &error));
  expect_error(&error, HYSAC_ERROR_IO, path);
  HysacReport *both = hysac_report_open(path, &error); /* while those may share */
  assert_non_null(both);
  hysac_report_free(both);
  hysac_report_free(report);
  g_autoptr(HysacAuditResult) result = hysac_audit_verify(path, NULL, &error);
  assert_int_equal(result->n_faults, 0);
  assert_int_equal(result->records, RECORDS + 2);
  assert_string_equal(result->hash, second);

  assert_int_equal(result->unclosed, 0);
  g_free(hash);
  g_free(second);
  g_free(path);
  remove_dir(dir);
}

/* A run that was killed: the next one goes on behind its last record, and says so. */
static void
test_unclosed(void **state)
{
  char *dir = make_dir(), *path = g_build_filename(dir, "audit", NULL), *hash, *kept;
  gsize size;
  guint64 count;
  GError *error = NULL;
  g_autofree char *text = write_log(path, &size, &hash);
  char *last = g_strrstr_len(text, (gssize) size - 1, "\n") + 1;
  assert_true(g_file_set_contents(path, text, last - text, NULL));
  g_autofree char *broken = NULL;
  HysacAudit *audit = hysac_audit_open(path, NULL, &broken, &error);
  assert_non_null(audit);
  assert_null(broken);
  hysac_audit_get_head(audit, &kept, &count);
  assert_int_equal(count, RECORDS);
  close_log(audit, NULL, NULL);
  g_autoptr(HysacAuditResult) result = hysac_audit_verify(path, kept, &error);
  assert_int_equal(result->n_faults, 0);
  assert_int_equal(result->unclosed, 1);
  assert_int_equal(result->records, RECORDS + 1);
  assert_int_equal(result->head, RECORDS);
  g_autoptr(HysacAuditResult) other = hysac_audit_verify(path, hash, &error);
  assert_int_equal(other->head, 0); /* the closing record that is gone */
  g_autofree char *whole = NULL;
  assert_true(g_file_get_contents(path, &whole, NULL, NULL));
  assert_non_null(strstr(whole, "\"after_close\":false"));
  g_free(kept);
  g_free(hash);
  g_free(path);
  remove_dir(dir);
}

/* The head that an opened log tells is its first record's, at once: whoever keeps it finds it again. */
static void
test_opened_head(void **state)
{
  char *dir = make_dir(), *path = g_build_filename(dir, "audit", NULL);
  GError *error = NULL;
  for (guint run = 0; run < 50; run++) {
    g_autofree char *head = NULL;
    guint64 count;
    HysacAudit *audit = hysac_audit_open(path, NULL, NULL, &error);
    assert_non_null(audit);
    hysac_audit_get_head(audit, &head, &count);
    assert_int_equal(count, 2 * run + 1);
    assert_non_null(head);
    g_autoptr(HysacAuditResult) open = hysac_audit_verify(path, head, &error);
    assert_int_equal(open->head, count);
    close_log(audit, NULL, NULL);
    g_autoptr(HysacAuditResult) closed = hysac_audit_verify(path, head, &error);
    assert_int_equal(closed->n_faults, 0);
    assert_int_equal(closed->head, count);
  }
  g_free(path);
  remove_dir(dir);
}

/* Where nothing could be written no hash is told: an error ends the wait, and so does time, here with a
 * pipe that takes nothing. */
static void
test_no_head(void **state)
{
  char *dir = make_dir(), *path = g_build_filename(dir, "pipe", NULL), *head;
  GError *error = NULL;
  guint64 count;
  HysacAudit *audit = hysac_audit_open("/dev/full", NULL, NULL, &error);
  assert_non_null(audit);
  hysac_audit_get_head(audit, &head, &count);
  assert_null(head);
  assert_int_equal(count, 0);
  g_clear_error(&(GError *){hysac_audit_close(audit, NULL, &head, NULL)});
  assert_null(head);

  char block[4096] = {0};
  gssize got;
  assert_int_equal(mkfifo(path, 0600), 0);
  const int out = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  const int in = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
  assert_true(in >= 0 && out >= 0);
  while (write(in, block, sizeof block) > 0)
    ;
  audit = hysac_audit_open(path, NULL, NULL, &error);
  assert_non_null(audit);
  hysac_audit_get_head(audit, &head, &count);
  assert_null(head);
  assert_int_equal(count, 0);
  while ((got = read(out, block, sizeof block)) > 0 && block[0] == 0)
    ; /* room for the records */
  close_log(audit, &head, &count);
  assert_non_null(head);
  assert_int_equal(count, 2);
  g_free(head);
  close(in);
  close(out);
  g_free(path);
  remove_dir(dir);
}

/* What is too long to be read back is not written, and its size is. */
static void
test_long_data(void **state)
{
  static const gsize sizes[] = {64 * 1024, 64 * 1024 + 1, 1200 * 1000};
  char *dir = make_dir(), *path = g_build_filename(dir, "audit", NULL);
  GError *error = NULL;
  g_autofree char *text = NULL, *settings = g_strnfill(1200 * 1000, 'x');
  memcpy(settings, "{\"n\":\"", 6);
  strcpy(settings + 1200 * 1000 - 2, "\"}");
  HysacAudit *audit = hysac_audit_open(path, settings, NULL, &error);
  for (guint i = 0; i < G_N_ELEMENTS(sizes); i++) {
    char *data = g_strnfill(sizes[i], 'x');
    memcpy(data, "{\"n\":\"", 6);
    strcpy(data + sizes[i] - 2, "\"}");
    assert_true(hysac_audit_write(audit, "model", data));
  }
  close_log(audit, NULL, NULL);
  g_autoptr(HysacAuditResult) result = hysac_audit_verify(path, NULL, &error);
  assert_int_equal(result->n_faults, 0);
  assert_int_equal(result->records, 5);
  assert_true(g_file_get_contents(path, &text, NULL, NULL));
  g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
  assert_non_null(strstr(lines[0], "\"event\":\"genesis\",\"data\":{\"too_long\":1200"));
  assert_non_null(strstr(lines[1], "\"data\":{\"n\":\"xxx"));
  assert_non_null(strstr(lines[2], "\"data\":{\"too_long\":65537},"));
  assert_non_null(strstr(lines[3], "\"data\":{\"too_long\":1200000},"));
  g_autofree char *broken = NULL; /* and it is gone on with */
  close_log(hysac_audit_open(path, NULL, &broken, &error), NULL, NULL);
  assert_null(broken);
  g_free(path);
  remove_dir(dir);
}

/* A chain that is broken is left as it is, and another one begun behind it; that one goes on. */
static void
test_broken(void **state)
{
  for (guint torn = 0; torn < 2; torn++) {
    char *dir = make_dir(), *path = g_build_filename(dir, "audit", NULL), *hash;
    gsize size;
    GError *error = NULL;
    g_autofree char *text = write_log(path, &size, &hash), *broken = NULL, *again = NULL;
    if (torn)
      size -= 40; /* a writer that was killed leaves part of a line */
    else
      strstr(text, "{\"n\":5}")[5] = '6';
    assert_true(g_file_set_contents(path, text, (gssize) size, NULL));
    close_log(hysac_audit_open(path, NULL, &broken, &error), NULL, NULL);
    assert_non_null(strstr(broken, torn ? "line 12: not a record" : "line 7: record 6 does not"));
    close_log(hysac_audit_open(path, NULL, &again, &error), NULL, NULL);
    assert_null(again);
    g_autoptr(HysacAuditResult) result = hysac_audit_verify(path, NULL, &error);
    assert_int_equal(result->n_faults, 2);
    assert_int_equal(((HysacAuditFault *) result->faults->pdata[0])->line, torn ? 12 : 7);
    assert_int_equal(((HysacAuditFault *) result->faults->pdata[1])->line, 13);
    assert_int_equal(result->records, RECORDS - 1 + 4);
    assert_true(result->closed);
    g_autofree char *whole = NULL;
    assert_true(g_file_get_contents(path, &whole, NULL, NULL));
    assert_non_null(strstr(whole, "\"broken\":\"line"));
    g_free(hash);
    g_free(path);
    remove_dir(dir);
  }
}

/* Who removes the file does not get rid of the chain: what comes after it has no beginning. */
static void
test_removed(void **state)
{
  char *dir = make_dir(), *path = g_build_filename(dir, "audit", NULL);
  GError *error = NULL;
  guint64 count;
  HysacAudit *audit = hysac_audit_open(path, NULL, NULL, &error);
  hysac_audit_write(audit, "segment", NULL);
  do {
    hysac_audit_get_head(audit, NULL, &count);
  } while (count < 2);
  assert_int_equal(g_remove(path), 0);
  hysac_audit_write(audit, "segment", NULL);
  error = hysac_audit_close(audit, NULL, NULL, &count);
  expect_error(&error, HYSAC_ERROR_IO, "was removed");
  assert_int_equal(count, 4);
  g_autoptr(HysacAuditResult) result = hysac_audit_verify(path, NULL, &error);
  assert_int_equal(result->records, 2);
  assert_int_equal(result->n_faults, 1);
  g_free(path);
  remove_dir(dir);
}

/* What a full disk takes is counted, and the chain stays whole. */
static void
test_full_disk(void **state)
{
  char *dir = make_dir(), *path = g_build_filename(dir, "audit", NULL);
  GError *error = NULL;
  struct rlimit old, small; /* whose signal would end the process */
  getrlimit(RLIMIT_FSIZE, &old);
  small = old;
  small.rlim_cur = 2000;
  HysacAudit *audit = hysac_audit_open(path, NULL, NULL, &error);
  setrlimit(RLIMIT_FSIZE, &small);
  for (guint i = 0; i < 50; i++)
    assert_true(hysac_audit_write(audit, "segment", g_strdup_printf("{\"n\":%u}", i)));
  while ((error = hysac_audit_get_error(audit)) == NULL)
    g_usleep(1000);
  expect_error(&error, HYSAC_ERROR_IO, path);
  setrlimit(RLIMIT_FSIZE, &old);
  assert_true(hysac_audit_write(audit, "segment", NULL));
  g_clear_error(&(GError *){hysac_audit_close(audit, NULL, NULL, NULL)});
  g_autofree char *text = NULL;
  assert_true(g_file_get_contents(path, &text, NULL, NULL));
  assert_non_null(strstr(text, "\"event\":\"log-overflow\""));
  g_autoptr(HysacAuditResult) result = hysac_audit_verify(path, NULL, &error);
  for (guint i = 0; i < result->faults->len; i++)
    print_message("# line %d: %s\n", (int) ((HysacAuditFault *) result->faults->pdata[i])->line,
                  ((HysacAuditFault *) result->faults->pdata[i])->what);
  assert_int_equal(result->n_faults, 0);
  assert_true(result->closed);
  /* 53 were to be written, and one that says how many of them were not: how many the writer gets to
   * while the disk is full is its own affair. */
  const char *lost = strstr(text, "{\"lost\":");
  assert_non_null(lost);
  const guint64 n_lost = g_ascii_strtoull(lost + strlen("{\"lost\":"), NULL, 10);
  assert_in_range(n_lost, 1, 51);
  assert_int_equal(result->records, 54 - n_lost);

  audit = hysac_audit_open("/dev/full", NULL, NULL, &error);
  assert_non_null(audit);
  while ((error = hysac_audit_get_error(audit)) == NULL)
    g_usleep(1000);
  expect_error(&error, HYSAC_ERROR_IO, "/dev/full");
  g_clear_error(&(GError *){hysac_audit_close(audit, NULL, NULL, NULL)});
  g_free(path);
  remove_dir(dir);
}

static void
test_odd_files(void **state)
{
  GError *error = NULL;
  char *dir = make_dir(), *path = g_build_filename(dir, "audit", NULL);
  g_autoptr(HysacAuditResult) nothing = hysac_audit_verify_data("", 0);
  assert_int_equal(nothing->records, 0);
  assert_false(nothing->closed);
  /* One line of 40 MB, and many lines: memory and the list of faults stay small. */
  g_autofree char *text = g_malloc(40 * 1000 * 1000);
  memset(text, 'x', 40 * 1000 * 1000);
  for (gsize i = 30 * 1000 * 1000; i < 40 * 1000 * 1000; i += 10)
    text[i] = '\n';
  assert_true(g_file_set_contents(path, text, 40 * 1000 * 1000, NULL));
  g_autoptr(HysacAuditResult) result = hysac_audit_verify(path, NULL, &error);
  assert_int_equal(result->records, 0);
  assert_int_equal(result->lines, 1000 * 1000 + 1);
  assert_int_equal(result->n_faults, 1000 * 1000 + 2);
  assert_int_equal(result->faults->len, 100);
  assert_null(hysac_audit_open("/nonexistent/audit", NULL, NULL, &error));
  expect_error(&error, HYSAC_ERROR_IO, "/nonexistent/audit");
  g_free(path);
  remove_dir(dir);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_good),        cmocka_unit_test(test_every_byte), cmocka_unit_test(test_every_line),
    cmocka_unit_test(test_forged),      cmocka_unit_test(test_goes_on),    cmocka_unit_test(test_full_disk),
    cmocka_unit_test(test_odd_files),   cmocka_unit_test(test_unclosed),   cmocka_unit_test(test_broken),
    cmocka_unit_test(test_removed),     cmocka_unit_test(test_opened_head), cmocka_unit_test(test_no_head),
    cmocka_unit_test(test_long_data),
  };
  return cmocka_run_group_tests_name("audit", tests, NULL, NULL);
}
