/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "support.h"

#include "core/report.h"

#include <fcntl.h>
#include <locale.h>
#include <sys/stat.h>
#include <unistd.h>

/* Lines of a file, without the empty one behind the last newline; g_strfreev(). */
static char **
read_lines(const char *path)
{
  char *text = NULL;
  assert_true(g_file_get_contents(path, &text, NULL, NULL));
  assert_true(*text == '\0' || g_str_has_suffix(text, "\n"));
  if (*text)
    text[strlen(text) - 1] = '\0';
  char **lines = g_strsplit(text, "\n", -1);
  g_free(text);
  return lines;
}

static void
test_lines(void **state)
{
  char *dir = make_dir(), *path = g_build_filename(dir, "log", NULL);
  GError *error = NULL;

  for (guint round = 0; round < 2; round++) { /* appends */
    HysacReport *report = hysac_report_open(path, &error);
    assert_non_null(report);
    for (guint i = 0; i < 500; i++)
      assert_true(hysac_report_write_line(report, g_strdup_printf("{\"n\":%u}", round * 500 + i)));
    assert_null(hysac_report_get_error(report));
    hysac_report_free(report); /* flushes */
  }
  char **lines = read_lines(path);
  assert_int_equal(g_strv_length(lines), 1000);
  for (guint i = 0; i < 1000; i++) {
    char *expected = g_strdup_printf("{\"n\":%u}", i);
    assert_string_equal(lines[i], expected);
    g_free(expected);
  }
  g_strfreev(lines);
  assert_null(hysac_report_open(dir, &error));
  expect_error(&error, HYSAC_ERROR_IO, dir);
  assert_null(hysac_report_open("/nonexistent/log", &error));
  expect_error(&error, HYSAC_ERROR_IO, "/nonexistent/log");
  hysac_report_free(NULL);
  g_free(path);
  remove_dir(dir);
}

/* A full disk: told once, nothing stops. */
static void
test_full_disk(void **state)
{
  GError *error = NULL;
  HysacReport *report = hysac_report_open("/dev/full", &error);

  if (!report)
    skip();
  for (guint i = 0; i < 100; i++)
    hysac_report_write_line(report, g_strdup("{}"));
  for (guint i = 0; i < 1000 && !error; i++) {
    error = hysac_report_get_error(report);
    g_usleep(1000);
  }
  expect_error(&error, HYSAC_ERROR_IO, "/dev/full: cannot write");
  hysac_report_write_line(report, g_strdup("{}"));
  g_usleep(20000);
  assert_null(hysac_report_get_error(report)); /* once */
  hysac_report_free(report);
}

/* A reader that takes nothing: the queue is bounded, nobody waits, and what was lost is told. */
static void
test_slow_reader(void **state)
{
  char *dir = make_dir(), *path = g_build_filename(dir, "pipe", NULL);
  GError *error = NULL;
  guint written = 0, lost = 0, total = 0, told = 0;

  assert_int_equal(mkfifo(path, 0600), 0);
  assert_null(hysac_report_open(path, &error)); /* nobody reads: and does not wait */
  expect_error(&error, HYSAC_ERROR_IO, "pipe");
  int fd = open(path, O_RDONLY | O_NONBLOCK);
  HysacReport *report = hysac_report_open(path, &error);
  assert_non_null(report);
  while (lost < 1000) {
    if (!hysac_report_write_line(report, g_strnfill(100, 'x')))
      lost++;
    total++;
    assert_true(total < 1000000);
  }
  /* Now it is read: all queued lines, and the number of the others. */
  GString *text = g_string_new(NULL);
  for (guint idle = 0; idle < 20000 && !strstr(text->str, "log-overflow"); idle++) {
    char block[65536];
    ssize_t got = read(fd, block, sizeof block);
    if (got > 0)
      g_string_append_len(text, block, got);
    else
      g_usleep(1000);
  }
  char **lines = g_strsplit(text->str, "\n", -1);
  for (guint i = 0; lines[i]; i++) {
    written += strlen(lines[i]) == 100 && lines[i][0] == 'x';
    if (g_str_has_prefix(lines[i], "{\"event\":\"log-overflow\",\"lost\":"))
      told = (guint) g_ascii_strtoull(strrchr(lines[i], ':') + 1, NULL, 10);
  }
  assert_int_equal(told, lost);
  assert_int_equal(written + lost, total);

  /* The reader goes: an error, not a signal. */
  close(fd);
  hysac_report_write_line(report, g_strdup("{}"));
  for (guint i = 0; i < 1000 && !error; i++) {
    error = hysac_report_get_error(report);
    g_usleep(1000);
  }
  expect_error(&error, HYSAC_ERROR_IO, "cannot write");
  hysac_report_free(report);
  g_strfreev(lines);
  g_string_free(text, TRUE);
  g_free(path);
  remove_dir(dir);
}

/* Closing before a reader that takes nothing comes to an end. */
static void
test_stuck_reader(void **state)
{
  char *dir = make_dir(), *path = g_build_filename(dir, "pipe", NULL);

  assert_int_equal(mkfifo(path, 0600), 0);
  int fd = open(path, O_RDONLY | O_NONBLOCK);
  HysacReport *report = hysac_report_open(path, NULL);
  for (guint i = 0; i < 5000; i++)
    hysac_report_write_line(report, g_strnfill(100, 'x'));
  hysac_report_free(report);
  close(fd);
  g_free(path);
  remove_dir(dir);
}

/* Its owner's alone, unless it was there. */
static void
test_private(void **state)
{
  char *dir = make_dir(), *path = g_build_filename(dir, "log", NULL);
  struct stat info;
  const mode_t mask = umask(0);

  hysac_report_free(hysac_report_open(path, NULL));
  umask(mask);
  assert_int_equal(stat(path, &info), 0);
  assert_int_equal(info.st_mode & 0777, 0600);
  assert_int_equal(chmod(path, 0640), 0);
  hysac_report_free(hysac_report_open(path, NULL));
  assert_int_equal(stat(path, &info), 0);
  assert_int_equal(info.st_mode & 0777, 0640);
  g_free(path);
  remove_dir(dir);
}

/* What was cut short by a crash does not swallow the next line. */
static void
test_torn(void **state)
{
  char *dir = make_dir(), *path = g_build_filename(dir, "log", NULL);

  assert_true(g_file_set_contents(path, "{}\n{\"n\":", -1, NULL));
  HysacReport *report = hysac_report_open(path, NULL);
  hysac_report_write_line(report, g_strdup("{\"n\":1}"));
  hysac_report_free(report);
  char **lines = read_lines(path);
  assert_int_equal(g_strv_length(lines), 3);
  assert_string_equal(lines[2], "{\"n\":1}");
  g_strfreev(lines);
  g_free(path);
  remove_dir(dir);
}

/* What was somebody else's stays as it is. */
static void
test_foreign(void **state)
{
  char *dir = make_dir(), *path = g_build_filename(dir, "clip.mp4", NULL);
  static const char clip[] = "\0\0\0 ftypisom";
  GError *error = NULL;
  g_autofree char *text = NULL;
  gsize size;

  assert_true(g_file_set_contents(path, clip, sizeof clip, NULL));
  assert_null(hysac_report_open(path, &error));
  expect_error(&error, HYSAC_ERROR_IO, "something else");
  assert_true(g_file_get_contents(path, &text, &size, NULL));
  assert_int_equal(size, sizeof clip);
  assert_memory_equal(text, clip, size);
  g_free(path);
  remove_dir(dir);
}

static void
wait_for_error(HysacReport *report, const char *text)
{
  GError *error = NULL;

  for (guint i = 0; i < 10000 && !error; i++) {
    error = hysac_report_get_error(report);
    g_usleep(1000);
  }
  expect_error(&error, HYSAC_ERROR_IO, text);
}

/* The file goes, then the folder: both are told, and once the folder is there again so is the log. */
static void
test_removed(void **state)
{
  char *dir = make_dir(), *path = g_build_filename(dir, "log", NULL);
  HysacReport *report = hysac_report_open(path, NULL);

  assert_int_equal(g_remove(path), 0);
  hysac_report_write_line(report, g_strdup("{\"n\":1}"));
  wait_for_error(report, "was removed");
  assert_int_equal(g_remove(path), 0);
  assert_int_equal(g_rmdir(dir), 0);
  hysac_report_write_line(report, g_strdup("{\"n\":2}"));
  wait_for_error(report, "cannot write");
  assert_int_equal(g_mkdir(dir, 0700), 0);
  hysac_report_write_line(report, g_strdup("{\"n\":3}"));
  GError *error = hysac_report_close(report); /* tells what nobody has asked for */
  expect_error(&error, HYSAC_ERROR_IO, "was removed");
  char **lines = read_lines(path);
  assert_int_equal(g_strv_length(lines), 2);
  assert_string_equal(lines[0], "{\"n\":3}");
  assert_string_equal(lines[1], "{\"event\":\"log-overflow\",\"lost\":1}");
  g_strfreev(lines);
  g_free(path);
  remove_dir(dir);
}

static void
expect_text(const char *text, const char *json)
{
  GString *line = g_string_new(NULL);
  hysac_json_append_string(line, text);
  assert_string_equal(line->str, json);
  g_string_free(line, TRUE);
}

static void
expect_number(double value, const char *json)
{
  GString *line = g_string_new(NULL);
  hysac_json_append_double(line, value);
  assert_string_equal(line->str, json);
  g_string_free(line, TRUE);
}

static void
test_json(void **state)
{
  expect_text(NULL, "null");
  expect_text("", "\"\"");
  expect_text("a\"b\\c\n\t\x01\x7f", "\"a\\\"b\\\\c\\n\\t\\u0001\\u007f\"");
  expect_text("caf\xc3\xa9", "\"caf\xc3\xa9\"");
  expect_text("\xff", "\"\xef\xbf\xbd\"");
  /* '.' with a decimal comma too, where the machine has such a locale. */
  const char *const locales[] = {"C", "de_DE.UTF-8", "fr_FR.UTF-8"};
  for (guint i = 0; i < G_N_ELEMENTS(locales); i++) {
    setlocale(LC_ALL, locales[i]);
    expect_number(0.1, "0.1");
    expect_number(1.0 / 3.0, "0.33333333333333331");
    expect_number(-1e300, "-1e+300");
    expect_number(0.0, "0");
    expect_number(NAN, "null");
    expect_number(-INFINITY, "null");
  }
  setlocale(LC_ALL, "C");
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_lines),        cmocka_unit_test(test_full_disk),
    cmocka_unit_test(test_slow_reader),  cmocka_unit_test(test_stuck_reader),
    cmocka_unit_test(test_json),         cmocka_unit_test(test_private),
    cmocka_unit_test(test_torn), cmocka_unit_test(test_foreign),         cmocka_unit_test(test_removed),
  };
  return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
