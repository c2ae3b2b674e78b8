/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "opencl/cache.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TMP_PREFIX "tmp-"
#define TMP_MAX_AGE (24 * 60 * 60) /* seconds: a writer that died left it */

gboolean
hysac_cache_wanted(const char *folder)
{
  const char *choice = g_getenv("HYSAC_CACHE");

  if (g_strcmp0(choice, "0") == 0)
    return FALSE;
  return g_strcmp0(choice, "programs") != 0 || strcmp(folder, "cl") == 0;
}

static char *
give_up(const char *dir, const char *text)
{
  g_autofree char *why = g_strdup_printf("%s: %s", dir, text);
  hysac_cache_warn(why);
  return NULL;
}

char *
hysac_cache_dir(const char *folder)
{
  if (!hysac_cache_wanted(folder))
    return NULL;
  g_autofree char *dir = g_build_filename(g_get_user_cache_dir(), "gst-hysac", folder, NULL);
  struct stat st;
  if (g_mkdir_with_parents(dir, 0700) != 0)
    return give_up(dir, g_strerror(errno));
  if (lstat(dir, &st) != 0 || !S_ISDIR(st.st_mode))
    return give_up(dir, "not a folder");
  if (st.st_uid != geteuid())
    return give_up(dir, "belongs to another user");
  if ((st.st_mode & 077) != 0 && chmod(dir, 0700) != 0)
    return give_up(dir, "others may write to it");
  return g_steal_pointer(&dir);
}

void
hysac_cache_warn(const char *why)
{
  static gint warned;
  if (g_atomic_int_compare_and_exchange(&warned, 0, 1))
    g_warning("OpenCL programs or packed weights are not cached, every start makes them anew: %s", why);
}

gboolean
hysac_cache_read(int fd, void *data, gsize n)
{
  guint8 *p = data;
  while (n > 0) {
    gssize got = read(fd, p, n);
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0)
      return FALSE;
    p += got;
    n -= (gsize) got;
  }
  return TRUE;
}

gboolean
hysac_cache_write(int fd, const void *data, gsize n)
{
  const guint8 *p = data;
  while (n > 0) {
    gssize put = write(fd, p, n);
    if (put < 0 && errno == EINTR)
      continue;
    if (put <= 0)
      return FALSE;
    p += put;
    n -= (gsize) put;
  }
  return TRUE;
}

int
hysac_cache_open(const char *path, gsize *size)
{
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  struct stat st;
  if (fd < 0)
    return -1;
  if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() || st.st_size < 0) {
    close(fd);
    return -1;
  }
  *size = (gsize) st.st_size;
  return fd;
}

int
hysac_cache_create(const char *dir, char **tmp)
{
  *tmp = g_strdup_printf("%s/" TMP_PREFIX "XXXXXX", dir);
  int fd = g_mkstemp_full(*tmp, O_RDWR | O_CLOEXEC, 0600);
  if (fd < 0)
    g_clear_pointer(tmp, g_free);
  return fd;
}

gboolean
hysac_cache_place(int fd, const char *tmp, const char *path)
{
  if (close(fd) == 0 && rename(tmp, path) == 0)
    return TRUE;
  int problem = errno;
  unlink(tmp);
  errno = problem;
  return FALSE;
}

void
hysac_cache_abandon(int fd, const char *tmp)
{
  int problem = errno;
  close(fd);
  unlink(tmp);
  errno = problem;
}

gboolean
hysac_cache_store(const char *dir, const char *path, const void *head, gsize n_head, const void *body,
                  gsize n_body)
{
  g_autofree char *tmp = NULL;
  int fd = hysac_cache_create(dir, &tmp);
  if (fd < 0)
    return FALSE;
  if (hysac_cache_write(fd, head, n_head) && (body == NULL || hysac_cache_write(fd, body, n_body)))
    return hysac_cache_place(fd, tmp, path);
  hysac_cache_abandon(fd, tmp);
  return FALSE;
}

typedef struct {
  char *path;
  gint64 used;
  guint64 bytes;
} Entry;

static void
clear_entry(gpointer data)
{
  g_free(((Entry *) data)->path);
}

static int
compare_entries(gconstpointer a, gconstpointer b)
{
  gint64 x = ((const Entry *) a)->used, y = ((const Entry *) b)->used;
  return x < y ? -1 : x > y;
}

void
hysac_cache_prune(const char *dir, const char *suffix, guint most_files, guint64 most_bytes)
{
  g_autoptr(GDir) files = g_dir_open(dir, 0, NULL);
  g_autoptr(GArray) entries = g_array_new(FALSE, FALSE, sizeof(Entry));
  gint64 now = g_get_real_time() / G_USEC_PER_SEC;
  guint64 bytes = 0;
  const char *name;
  g_array_set_clear_func(entries, clear_entry);
  while (files != NULL && (name = g_dir_read_name(files)) != NULL) {
    g_autofree char *path = g_build_filename(dir, name, NULL);
    struct stat st;
    if (lstat(path, &st) != 0 || !S_ISREG(st.st_mode))
      continue;
    if (g_str_has_prefix(name, TMP_PREFIX) && st.st_mtime < now - TMP_MAX_AGE) {
      unlink(path);
    } else if (g_str_has_suffix(name, suffix)) {
      Entry entry = { g_steal_pointer(&path), st.st_mtim.tv_sec * G_USEC_PER_SEC + st.st_mtim.tv_nsec / 1000,
                      (guint64) st.st_size };
      g_array_append_val(entries, entry);
      bytes += entry.bytes;
    }
  }
  if (entries->len <= most_files && bytes <= most_bytes)
    return;
  g_array_sort(entries, compare_entries);
  guint left = entries->len;
  for (guint i = 0; i + 1 < entries->len && (left > most_files / 4 * 3 || bytes > most_bytes / 4 * 3);
       i++, left--) {
    const Entry *entry = &g_array_index(entries, Entry, i);
    unlink(entry->path);
    bytes -= entry->bytes;
  }
}
