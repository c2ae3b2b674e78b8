/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What PoCL is told before it is loaded, each case in a process of its own; and memory in huge pages. */
#include "opencl/device.h"
#include "opencl/hugepages.h"

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define SKIPPED 77

static char *program_path;

/* Threads that may run on one processor only. */
static guint
count_pinned(void)
{
  guint n = 0;
  g_autoptr(GDir) dir = g_dir_open("/proc/self/task", 0, NULL);
  for (const char *id; dir != NULL && (id = g_dir_read_name(dir)) != NULL;) {
    cpu_set_t set;
    if (sched_getaffinity((pid_t) g_ascii_strtoll(id, NULL, 10), sizeof set, &set) == 0 && CPU_COUNT(&set) == 1)
      n++;
  }
  return n;
}

/* @name: pinned, kept or restricted. */
static int
run_case(const char *name)
{
  cpu_set_t set;
  const gboolean restricted = strcmp(name, "restricted") == 0, pinned = strcmp(name, "pinned") == 0;
  if (sched_getaffinity(0, sizeof set, &set) != 0 || CPU_COUNT(&set) < 2 ||
      CPU_COUNT(&set) != sysconf(_SC_NPROCESSORS_ONLN))
    return SKIPPED;
  if (restricted) {
    for (int i = 0; i < CPU_SETSIZE; i++) {
      if (CPU_ISSET(i, &set)) { /* all but the first */
        CPU_CLR(i, &set);
        break;
      }
    }
    if (sched_setaffinity(0, sizeof set, &set) != 0)
      return SKIPPED;
  }
  g_autoptr(GError) error = NULL;
  HysacDevice *device = hysac_device_open(NULL, &error);
  if (device == NULL) {
    fprintf(stderr, "%s\n", error->message);
    return 1;
  }
  if (strstr(hysac_device_get_info(device)->name, "pthread") == NULL && strstr(hysac_device_get_info(device)->name, "cpu") == NULL)
    return SKIPPED;
  if (g_strcmp0(g_getenv("POCL_AFFINITY"), pinned ? "1" : restricted ? NULL : "0") != 0)
    return 2;
  if (pinned) {
    /* They pin themselves when they start. */
    for (int i = 0; i < 1000 && count_pinned() < (guint) sysconf(_SC_NPROCESSORS_ONLN); i++)
      g_usleep(10000);
    if (count_pinned() < (guint) sysconf(_SC_NPROCESSORS_ONLN))
      return 3;
  } else if (!restricted) {
    g_usleep(300000);
    if (count_pinned() > 0)
      return 4;
  }
  hysac_device_unref(device);
  return 0;
}

static void
in_a_process(const char *name, const char *affinity)
{
  char *argv[] = { program_path, (char *) name, NULL };
  g_auto(GStrv) envp = g_get_environ();
  envp = affinity != NULL ? g_environ_setenv(envp, "POCL_AFFINITY", affinity, TRUE)
                          : g_environ_unsetenv(envp, "POCL_AFFINITY");
  int status = -1;
  g_autofree char *err = NULL;
  g_autoptr(GError) error = NULL;
  assert_true(g_spawn_sync(NULL, argv, envp, 0, NULL, NULL, NULL, &err, &status, &error));
  if (WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED)
    skip();
  if (!g_spawn_check_wait_status(status, &error))
    fail_msg("%s: %s: %s", name, error->message, err);
}

static void
threads_have_processors_of_their_own(void **state)
{
  in_a_process("pinned", NULL);
}

static void
what_the_user_set_is_kept(void **state)
{
  in_a_process("kept", "0");
}

static void
some_processors_only_are_left_alone(void **state)
{
  in_a_process("restricted", NULL);
}

static void
pages_are_aligned_zeros(void **state)
{
  static const gsize sizes[] = { 1, 4096, 4097, HYSAC_HUGE_PAGE - 1, HYSAC_HUGE_PAGE, 3 * HYSAC_HUGE_PAGE + 5 };
  for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++) {
    guint8 *pages = hysac_pages_new(sizes[i]);
    assert_non_null(pages);
    assert_int_equal((guintptr) pages % HYSAC_HUGE_PAGE, 0);
    for (gsize j = 0; j < sizes[i]; j++) {
      if (pages[j] != 0)
        fail_msg("byte %" G_GSIZE_FORMAT " of %" G_GSIZE_FORMAT " is %u", j, sizes[i], pages[j]);
    }
    memset(pages, 0xa5, sizes[i]);
    hysac_pages_seal(pages, sizes[i]);
    assert_int_equal(pages[sizes[i] - 1], 0xa5);
    /* A system call that writes there is refused, where the program itself would end. */
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(write(fds[1], "x", 1), 1);
    assert_int_equal(read(fds[0], pages, 1), -1);
    assert_int_equal(errno, EFAULT);
    close(fds[0]);
    close(fds[1]);
    hysac_pages_free(pages, sizes[i]);
  }
  assert_null(hysac_pages_new(0));
  assert_null(hysac_pages_new(G_MAXSIZE));
  hysac_pages_free(NULL, 1);
}

int
main(int argc, char **argv)
{
  program_path = argv[0];
  if (argc == 2)
    return run_case(argv[1]);
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(threads_have_processors_of_their_own),
    cmocka_unit_test(what_the_user_set_is_kept),
    cmocka_unit_test(some_processors_only_are_left_alone),
    cmocka_unit_test(pages_are_aligned_zeros),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
