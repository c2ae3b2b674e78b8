/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Packed weights on disk: what was written comes back; a file that is not whole, not ours or not this
 * one is a miss; a disk or folder that takes nothing is one warning. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "opencl/pack.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define N 4
static const gsize sizes[N] = { 1, 4096, 100003, 8 };
static char *cache_home, *dir;
static guint warnings;

static guint8 *
block(guint i, guint seed)
{
  guint8 *data = g_malloc(sizes[i]);
  for (gsize k = 0; k < sizes[i]; k++)
    data[k] = (guint8) ((k * 2654435761u + seed * 40503u + i) >> 8);
  return data;
}

static char *
key_of(const char *stamp)
{
  return hysac_pack_key(stamp, "layout");
}

static gboolean
write_pack(const char *stamp, guint seed)
{
  g_autofree char *key = key_of(stamp);
  guint8 notes[HYSAC_PACK_NOTES];
  HysacPackWriter *writer = hysac_pack_create(key, sizes, N);
  gboolean ok = writer != NULL;
  memset(notes, (int) seed, sizeof notes);
  for (guint i = 0; ok && i < N; i++) {
    g_autofree guint8 *data = block(i, seed);
    ok = hysac_pack_write(writer, data);
  }
  return writer != NULL && hysac_pack_finish(writer, ok ? notes : NULL) && ok;
}

/* Whether the pack is there; what it holds must be right. */
static gboolean
read_pack(const char *stamp, guint seed)
{
  g_autofree char *key = key_of(stamp);
  guint8 notes[HYSAC_PACK_NOTES];
  HysacPack *pack = hysac_pack_open(key, sizes, N, notes);
  if (pack == NULL)
    return FALSE;
  for (guint i = 0; i < N; i++) {
    g_autofree guint8 *data = block(i, seed);
    assert_memory_equal(hysac_pack_block(pack, i), data, sizes[i]);
    assert_int_equal((gsize) hysac_pack_block(pack, i) % 4096, 0);
  }
  for (guint i = 0; i < sizeof notes; i++)
    assert_int_equal(notes[i], seed);
  hysac_pack_unref(pack);
  return TRUE;
}

static char *
path_of(const char *stamp)
{
  g_autofree char *key = key_of(stamp);
  return g_strdup_printf("%s/%s.pack", dir, key);
}

static guint
count(const char *prefix, const char *suffix)
{
  g_autoptr(GDir) files = g_dir_open(dir, 0, NULL);
  const char *name;
  guint n = 0;
  while (files != NULL && (name = g_dir_read_name(files)) != NULL)
    n += g_str_has_prefix(name, prefix) && g_str_has_suffix(name, suffix);
  return n;
}

static int
empty(void **state)
{
  g_autoptr(GDir) files = g_dir_open(dir, 0, NULL);
  const char *name;
  while (files != NULL && (name = g_dir_read_name(files)) != NULL) {
    g_autofree char *path = g_build_filename(dir, name, NULL);
    g_unlink(path);
    g_rmdir(path);
  }
  return 0;
}

static void
comes_back(void **state)
{
  struct stat st;
  assert_false(read_pack("a", 1));
  assert_true(write_pack("a", 1));
  assert_true(read_pack("a", 1));
  assert_false(read_pack("b", 1)); /* another's */
  assert_true(write_pack("b", 2));
  assert_true(read_pack("b", 2));
  assert_true(read_pack("a", 1));
  assert_true(write_pack("a", 3)); /* in place of the old one */
  assert_true(read_pack("a", 3));
  assert_int_equal(stat(dir, &st), 0);
  assert_int_equal(st.st_mode & 0777, 0700);
  assert_int_equal(count("tmp-", ""), 0);
}

/* Every bit of the header and the table, some of the blocks, and every length. */
static void
damaged(void **state)
{
  g_autofree char *path = path_of("a"), *whole = NULL;
  gsize n;
  assert_true(write_pack("a", 1));
  assert_true(g_file_get_contents(path, &whole, &n, NULL));
  int fd = open(path, O_RDWR);
  const gsize header = 160 + N * 24; /* of pack.c: Header and N times Block */
  for (gsize i = 0; i < n; i += i < header ? 1 : 997) {
    const gboolean padding = (i >= header && i < 4096) || (i >= 4097 && i < 8192) ||
                             (i >= 12288 + 100003 && i < n - 4096) || i >= n - 4096 + 8;
    for (guint bit = 0; bit < 8; bit += i < header ? 1 : 3) {
      char c = (char) (whole[i] ^ (1 << bit));
      assert_int_equal(pwrite(fd, &c, 1, (off_t) i), 1);
      if (read_pack("a", 1) != padding)
        fail_msg("byte %zu, bit %u: %s", i, bit, padding ? "refused" : "taken");
    }
    assert_int_equal(pwrite(fd, whole + i, 1, (off_t) i), 1);
  }
  assert_true(read_pack("a", 1));
  for (gsize cut = n; cut-- > 0; cut -= MIN(cut, 4001)) {
    assert_int_equal(ftruncate(fd, (off_t) cut), 0);
    assert_false(read_pack("a", 1));
  }
  close(fd);
  /* Longer than it says; empty; a folder; a link to a whole one; a pipe. */
  assert_true(write_pack("a", 1));
  fd = open(path, O_RDWR);
  assert_int_equal(ftruncate(fd, (off_t) n + 4096), 0);
  close(fd);
  assert_false(read_pack("a", 1));
  assert_true(g_file_set_contents(path, "", 0, NULL));
  assert_false(read_pack("a", 1));
  g_unlink(path);
  assert_int_equal(g_mkdir(path, 0700), 0);
  assert_false(read_pack("a", 1));
  g_rmdir(path);
  g_autofree char *other = path_of("b");
  assert_true(write_pack("a", 1));
  assert_int_equal(rename(path, other), 0);
  assert_false(read_pack("b", 1)); /* whole, but of another key */
  assert_int_equal(symlink(other, path), 0);
  assert_false(read_pack("a", 1));
  g_unlink(path);
  assert_int_equal(mkfifo(path, 0600), 0);
  assert_false(read_pack("a", 1));
  /* And it is written anew. */
  assert_true(write_pack("a", 1));
  assert_true(read_pack("a", 1));
}

static void
other_sizes(void **state)
{
  g_autofree char *key = key_of("a");
  guint8 notes[HYSAC_PACK_NOTES];
  const gsize others[][N] = { { 1, 4096, 100002, 8 }, { 4096, 1, 100003, 8 }, { 1, 4096, 100003, 4097 } };
  assert_true(write_pack("a", 1));
  for (guint i = 0; i < G_N_ELEMENTS(others); i++)
    assert_null(hysac_pack_open(key, others[i], N, notes));
  assert_null(hysac_pack_open(key, sizes, N - 1, notes));
  const gsize impossible[] = { 0, G_MAXSIZE, G_MAXSIZE / 2 };
  for (guint i = 0; i < G_N_ELEMENTS(impossible); i++) {
    assert_null(hysac_pack_open(key, &impossible[i], 1, notes));
    assert_null(hysac_pack_create(key, &impossible[i], 1));
  }
  assert_null(hysac_pack_open(key, sizes, 0, notes));
  assert_true(read_pack("a", 1));
}

/* A writer that stops, or dies, leaves nothing that is read. */
static void
abandoned(void **state)
{
  g_autofree char *key = key_of("a"), *stale = g_build_filename(dir, "tmp-stale", NULL);
  g_autofree guint8 *first = block(0, 1);
  guint8 notes[HYSAC_PACK_NOTES] = { 0 };
  HysacPackWriter *writer = hysac_pack_create(key, sizes, N);
  assert_non_null(writer);
  assert_true(hysac_pack_write(writer, first));
  assert_false(hysac_pack_finish(writer, notes)); /* three are missing */
  assert_false(read_pack("a", 1));
  assert_int_equal(count("", ""), 0);
  writer = hysac_pack_create(key, sizes, N);
  assert_false(hysac_pack_finish(writer, NULL));
  assert_int_equal(count("", ""), 0);
  /* What a dead one left goes after a day. */
  assert_true(g_file_set_contents(stale, "x", 1, NULL));
  assert_true(write_pack("a", 1));
  assert_int_equal(count("tmp-", ""), 1);
  assert_int_equal(utimensat(AT_FDCWD, stale, (struct timespec[2]){{.tv_sec = 1}, {.tv_sec = 1}}, 0), 0);
  assert_true(write_pack("a", 1));
  assert_int_equal(count("tmp-", ""), 0);
}

static void
stamps(void **state)
{
  g_autofree char *hash = key_of("some content"), *other = key_of("other content");
  assert_null(hysac_pack_recall("1 2 3"));
  hysac_pack_remember("1 2 3", hash);
  g_autofree char *got = hysac_pack_recall("1 2 3");
  assert_string_equal(got, hash);
  assert_null(hysac_pack_recall("1 2 4"));
  hysac_pack_remember("1 2 3", other);
  g_autofree char *now = hysac_pack_recall("1 2 3");
  assert_string_equal(now, other);
  g_autoptr(GDir) files = g_dir_open(dir, 0, NULL);
  g_autofree char *path = g_build_filename(dir, g_dir_read_name(files), NULL);
  assert_true(g_file_set_contents(path, "not a hash, but as long as one: 0123456789abcdef0123456789abcdef", 64, NULL));
  assert_null(hysac_pack_recall("1 2 3"));
  assert_true(g_file_set_contents(path, hash, 63, NULL));
  assert_null(hysac_pack_recall("1 2 3"));
}

/* Processes that write the same file at once: whole ones only. */
static void
at_once(void **state)
{
  pid_t pids[4];
  for (guint i = 0; i < G_N_ELEMENTS(pids); i++) {
    pids[i] = fork();
    if (pids[i] == 0) {
      for (guint k = 0; k < 20; k++) {
        if (!write_pack("a", 7))
          _exit(1);
      }
      _exit(0);
    }
  }
  guint seen = 0;
  for (guint k = 0; k < 100; k++)
    seen += read_pack("a", 7);
  for (guint i = 0; i < G_N_ELEMENTS(pids); i++) {
    int status;
    assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
    assert_int_equal(status, 0);
  }
  print_message("# read %u of 100 times\n", seen);
  assert_true(read_pack("a", 7));
  assert_int_equal(count("tmp-", ""), 0);
}

/* Switched off; a disk that is full; a folder that is a file. One warning in a process: each in its own. */
static int
in_child(void (*func)(void), guint want_warnings)
{
  pid_t pid = fork();
  if (pid == 0) {
    warnings = 0;
    func();
    _exit(warnings == want_warnings ? 0 : 100 + (int) warnings);
  }
  int status;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
check(gboolean right, int code)
{
  if (!right)
    _exit(code);
}

static void
full_disk(void)
{
  struct rlimit limit = { 50000, 50000 };
  signal(SIGXFSZ, SIG_IGN);
  check(setrlimit(RLIMIT_FSIZE, &limit) == 0, 1);
  check(!write_pack("a", 1) && !write_pack("a", 1), 2);
  check(!read_pack("a", 1) && count("", "") == 0, 3);
}

static void
no_folder(void)
{
  g_autofree char *home = g_build_filename(cache_home, "file", NULL);
  check(g_file_set_contents(home, "", 0, NULL), 1);
  g_setenv("XDG_CACHE_HOME", home, TRUE);
  check(!write_pack("a", 1) && !read_pack("a", 1), 2);
  hysac_pack_remember("1", "2");
  check(hysac_pack_recall("1") == NULL, 3);
}

static void
switched_off(void)
{
  g_setenv("HYSAC_CACHE", "0", TRUE);
  check(!write_pack("a", 1) && !read_pack("a", 1), 1);
  g_setenv("HYSAC_CACHE", "programs", TRUE);
  check(!write_pack("a", 1) && !read_pack("a", 1), 2);
  check(count("", "") == 0, 3);
}

static void
no_cache(void **state)
{
  assert_int_equal(in_child(full_disk, 1), 0);
  assert_int_equal(in_child(switched_off, 0), 0);
  /* The user's cache folder is asked for once in a process. */
  g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
  g_autofree char *command = g_strdup_printf("%s --no-folder", self);
  int status = 1;
  assert_true(g_spawn_command_line_sync(command, NULL, NULL, &status, NULL));
  assert_int_equal(status, 0);
}

/* So many that the least recently used go. */
static void
evicted(void **state)
{
  for (guint i = 0; i < 66; i++) {
    g_autofree char *stamp = g_strdup_printf("%u", i), *path = path_of(stamp);
    assert_true(write_pack(stamp, 1));
    /* 5 is used now and then; the others once, in turn. */
    const time_t used = i == 5 ? 1000 : (time_t) i + 1;
    assert_int_equal(utimensat(AT_FDCWD, path, (struct timespec[2]){{.tv_sec = used}, {.tv_sec = used}}, 0), 0);
  }
  assert_in_range(count("", ".pack"), 48, 50);
  assert_true(read_pack("5", 1));
  assert_true(read_pack("65", 1));
  assert_false(read_pack("0", 1));
}

static void
count_warnings(const char *domain, GLogLevelFlags level, const char *message, gpointer data)
{
  if (level & G_LOG_LEVEL_WARNING)
    warnings++;
}

int
main(int argc, char **argv)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup(comes_back, empty), cmocka_unit_test_setup(damaged, empty),
    cmocka_unit_test_setup(other_sizes, empty), cmocka_unit_test_setup(abandoned, empty),
    cmocka_unit_test_setup(stamps, empty), cmocka_unit_test_setup(at_once, empty),
    cmocka_unit_test_setup(no_cache, empty), cmocka_unit_test_setup(evicted, empty),
  };
  g_unsetenv("HYSAC_CACHE");
  cache_home = g_dir_make_tmp("hysac-test-XXXXXX", NULL);
  dir = g_build_filename(cache_home, "gst-hysac", "packed", NULL);
  g_log_set_handler("hysac", G_LOG_LEVEL_MASK, count_warnings, NULL);
  if (argc > 1) {
    no_folder(); /* leaves a file */
    g_autofree char *file = g_build_filename(cache_home, "file", NULL);
    g_unlink(file);
    g_rmdir(cache_home);
    return warnings == 1 ? 0 : 1;
  }
  g_setenv("XDG_CACHE_HOME", cache_home, TRUE);
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  empty(NULL);
  g_autofree char *ours = g_path_get_dirname(dir);
  g_rmdir(dir);
  g_rmdir(ours);
  g_rmdir(cache_home);
  g_free(cache_home);
  g_free(dir);
  return failed;
}
