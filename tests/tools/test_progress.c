/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The bar is for people at a terminal: there it comes, as one line, and is wiped; elsewhere nothing does. */

#include "clips.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char *folder, *model, *clip;

/* stderr of a scan at a terminal of @columns. */
static char *
at_terminal(unsigned short columns)
{
  const struct winsize size = { .ws_row = 24, .ws_col = columns };
  GString *text = g_string_new(NULL);
  char buffer[4096];
  int master, status;
  gssize n;
  const pid_t pid = forkpty(&master, NULL, NULL, &size);
  if (pid == 0) {
    execl(g_getenv("HYSAC_TOOL"), "hysac", "scan", "--model", model, "--precision", "fp32", "-i", "0", clip,
          NULL);
    _exit(99);
  }
  assert_true(pid > 0);
  while ((n = read(master, buffer, sizeof buffer)) > 0 || (n < 0 && errno == EINTR))
    g_string_append_len(text, buffer, MAX(n, 0));
  close(master);
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 0);
  return g_string_free(text, FALSE);
}

static void
a_terminal_sees_it(void **state)
{
  g_autofree char *text = at_terminal(60);
  const char *bar = strstr(text, "\r\033[K[");
  assert_non_null(bar);
  assert_non_null(strstr(bar, "] "));
  assert_non_null(strstr(bar, " % 0 of 1"));
  assert_non_null(strstr(bar, "bar"));          /* the file's name */
  assert_null(strstr(text, "\x1b[31m"));        /* but not what is in it */
  g_auto(GStrv) parts = g_strsplit(text, "\r\033[K", -1);
  for (guint i = 0; parts[i] != NULL; i++) {
    if (parts[i][0] == '[')
      assert_true(g_utf8_strlen(parts[i], -1) < 60 && strchr(parts[i], '\n') == NULL);
  }
  /* Wiped before the result. */
  const char *result = strstr(text, "samples");
  assert_non_null(result);
  assert_true(g_strrstr_len(text, result - text, "\r\033[K") > bar);
}

/* A text of megabytes shows how many windows are done; Ctrl-C ends it there, and the line before it is judged. */
static void
windows_are_seen_and_stopped(void **state)
{
  const struct winsize size = { .ws_row = 24, .ws_col = 80 };
  g_autofree char *list = g_build_filename(folder, "long.txt", NULL), *out = g_build_filename(folder, "judged", NULL);
  g_autoptr(GString) text = g_string_new("a cat\n"), seen = g_string_new(NULL);
  char buffer[4096];
  int master, status;
  gssize n;
  gboolean told = FALSE;
  while (text->len < 12000000)
    g_string_append(text, "a cat and a dog ");
  write_file(folder, "long.txt", text->str, (gssize) text->len);
  const pid_t pid = forkpty(&master, NULL, NULL, &size);
  if (pid == 0) {
    if (freopen(out, "w", stdout) != NULL)
      execl(g_getenv("HYSAC_TOOL"), "hysac", "classify", "--model", model, "--texts", list, NULL);
    _exit(99);
  }
  assert_true(pid > 0);
  while ((n = read(master, buffer, sizeof buffer)) > 0 || (n < 0 && errno == EINTR)) {
    g_string_append_len(seen, buffer, MAX(n, 0));
    if (!told && strstr(seen->str, "windows of texts: ") != NULL) {
      kill(pid, SIGINT);
      told = TRUE;
    }
  }
  close(master);
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_true(told && WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 130);
  const char *last = strstr(seen->str, "long.txt: line 2: stopped after ");
  assert_non_null(last);
  assert_non_null(strstr(last, "what was judged before is printed"));
  assert_true(g_strrstr_len(seen->str, last - seen->str, "\r\033[K") > strstr(seen->str, "windows of texts: ")); /* wiped */
  g_autofree char *judged = NULL;
  assert_true(g_file_get_contents(out, &judged, NULL, NULL));
  assert_true(strchr(judged, '\n') != NULL && strstr(judged, "a cat\n") != NULL);
}

static void
a_pipe_does_not(void **state)
{
  Run run = { 0 };
  run_hysac(&run, "scan", "--model", model, "--precision", "fp32", "-i", "0", "--bound", "1", clip, NULL);
  assert_int_equal(run.code, 0);
  assert_string_equal(run.err, "");
  assert_null(strchr(run.out, '\033'));
  run_clear(&run);
}

int
main(int argc, char **argv)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_terminal_sees_it),
    cmocka_unit_test(windows_are_seen_and_stopped),
    cmocka_unit_test(a_pipe_does_not),
  };
  model = data_path("reference/small/model");
  folder = make_folder();
  g_autofree char *plain = g_build_filename(folder, "plain.mp4", NULL);
  make_mp4(plain, "ball", 800);
  clip = g_build_filename(folder, "bar\x1b[31m\xe2\x80\xae and a name that no line of a terminal has room for.mp4", NULL);
  assert_int_equal(g_rename(plain, clip), 0);
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  remove_folder(folder);
  return failed;
}
