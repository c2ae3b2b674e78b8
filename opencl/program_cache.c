/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The disk cache of program binaries: $XDG_CACHE_HOME/gst-hysac/cl/KEY.bin, each file a header and
 * the driver's binary. A binary is code that will run, so the folder must be ours alone; whatever
 * is wrong with an entry makes it a miss, and a folder that cannot be used is one warning.
 */

#include "opencl/device_private.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CACHE_MAGIC "HYSACCLB"
#define CACHE_VERSION 1
#define CACHE_MAX_BYTES ((gsize) 256 << 20)
/* Above so many entries the least recently used go, down to the lower number: some ten belong to a
 * model and device, and every new release or driver leaves its predecessor's behind. */
#define CACHE_MAX_ENTRIES 200
#define CACHE_KEEP_ENTRIES 150
#define TMP_PREFIX "tmp-"
#define TMP_MAX_AGE (24 * 60 * 60) /* seconds: a writer that died left it */

typedef struct {
  char magic[8];
  guint32 version;
  guint32 header_bytes;
  guint64 payload_bytes;
  guint8 sha256[32]; /* of the payload */
} Header;

G_STATIC_ASSERT(sizeof(Header) == 56);

static void
sha256(gconstpointer data, gsize n, guint8 digest[32])
{
  g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);
  gsize length = 32;
  g_checksum_update(checksum, data, (gssize) n);
  g_checksum_get_digest(checksum, digest, &length);
}

char *
hysac_program_cache_key(const char *identity, const char *source, gsize length, const char *options)
{
  g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);
  g_autofree char *layout = g_strdup_printf("%d %d", CACHE_VERSION, (int) sizeof(void *));
  /* With their zeros, so that no two triples run into the same bytes. */
  g_checksum_update(checksum, (const guchar *) layout, (gssize) strlen(layout) + 1);
  g_checksum_update(checksum, (const guchar *) identity, (gssize) strlen(identity) + 1);
  g_checksum_update(checksum, (const guchar *) options, (gssize) strlen(options) + 1);
  g_checksum_update(checksum, (const guchar *) source, (gssize) length);
  return g_strdup(g_checksum_get_string(checksum));
}

static void
warn_once(const char *dir, const char *why)
{
  static gint warned;
  if (g_atomic_int_compare_and_exchange(&warned, 0, 1))
    g_warning("OpenCL programs are not cached, every start compiles them: %s: %s", dir, why);
}

/* The folder, made where it is missing; NULL where it cannot be used. */
static char *
cache_dir(void)
{
  g_autofree char *dir = g_build_filename(g_get_user_cache_dir(), "gst-hysac", "cl", NULL);
  struct stat st;
  if (g_mkdir_with_parents(dir, 0700) != 0) {
    warn_once(dir, g_strerror(errno));
    return NULL;
  }
  if (lstat(dir, &st) != 0 || !S_ISDIR(st.st_mode)) {
    warn_once(dir, "not a folder");
    return NULL;
  }
  if (st.st_uid != geteuid()) {
    warn_once(dir, "belongs to another user");
    return NULL;
  }
  if ((st.st_mode & 077) != 0 && chmod(dir, 0700) != 0) {
    warn_once(dir, "others may write to it");
    return NULL;
  }
  return g_steal_pointer(&dir);
}

static gboolean
read_all(int fd, guint8 *data, gsize n)
{
  while (n > 0) {
    gssize got = read(fd, data, n);
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0)
      return FALSE;
    data += got;
    n -= (gsize) got;
  }
  return TRUE;
}

static gboolean
write_all(int fd, const guint8 *data, gsize n)
{
  while (n > 0) {
    gssize put = write(fd, data, n);
    if (put < 0 && errno == EINTR)
      continue;
    if (put <= 0)
      return FALSE;
    data += put;
    n -= (gsize) put;
  }
  return TRUE;
}

static GBytes *
read_entry(int fd)
{
  Header header;
  struct stat st;
  if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
      st.st_size <= (goffset) sizeof header || (gsize) st.st_size > CACHE_MAX_BYTES)
    return NULL;
  gsize n = (gsize) st.st_size - sizeof header;
  if (!read_all(fd, (guint8 *) &header, sizeof header) ||
      memcmp(header.magic, CACHE_MAGIC, sizeof header.magic) != 0 ||
      header.version != CACHE_VERSION || header.header_bytes != sizeof header ||
      header.payload_bytes != n)
    return NULL;
  g_autofree guint8 *data = g_try_malloc(n);
  guint8 digest[32];
  if (data == NULL || !read_all(fd, data, n))
    return NULL;
  sha256(data, n, digest);
  if (memcmp(digest, header.sha256, sizeof digest) != 0)
    return NULL;
  return g_bytes_new_take(g_steal_pointer(&data), n);
}

GBytes *
hysac_program_cache_load(const char *key)
{
  g_autofree char *dir = cache_dir();
  if (dir == NULL)
    return NULL;
  g_autofree char *path = g_strdup_printf("%s/%s.bin", dir, key);
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0)
    return NULL;
  GBytes *binary = read_entry(fd);
  if (binary != NULL)
    futimens(fd, NULL); /* used now; where that fails, it is only dropped earlier */
  close(fd);
  if (binary == NULL)
    g_info("corrupt entry in the cache of OpenCL programs is ignored: %s", path);
  return binary;
}

typedef struct {
  char *name;
  gint64 used;
} Entry;

static void
clear_entry(gpointer data)
{
  g_free(((Entry *) data)->name);
}

static int
compare_entries(gconstpointer a, gconstpointer b)
{
  gint64 x = ((const Entry *) a)->used, y = ((const Entry *) b)->used;
  return x < y ? -1 : x > y;
}

static void
prune(const char *dir)
{
  g_autoptr(GDir) files = g_dir_open(dir, 0, NULL);
  g_autoptr(GArray) entries = g_array_new(FALSE, FALSE, sizeof(Entry));
  gint64 now = g_get_real_time() / G_USEC_PER_SEC;
  const char *name;
  g_array_set_clear_func(entries, clear_entry);
  while (files != NULL && (name = g_dir_read_name(files)) != NULL) {
    g_autofree char *path = g_build_filename(dir, name, NULL);
    struct stat st;
    if (lstat(path, &st) != 0 || !S_ISREG(st.st_mode))
      continue;
    if (g_str_has_prefix(name, TMP_PREFIX) && st.st_mtime < now - TMP_MAX_AGE) {
      unlink(path);
    } else if (g_str_has_suffix(name, ".bin")) {
      Entry entry = { g_steal_pointer(&path), st.st_mtime };
      g_array_append_val(entries, entry);
    }
  }
  if (entries->len <= CACHE_MAX_ENTRIES)
    return;
  g_array_sort(entries, compare_entries);
  for (guint i = 0; i < entries->len - CACHE_KEEP_ENTRIES; i++)
    unlink(g_array_index(entries, Entry, i).name);
}

void
hysac_program_cache_store(const char *key, GBytes *binary)
{
  gsize n;
  const guint8 *data = g_bytes_get_data(binary, &n);
  if (n == 0 || n > CACHE_MAX_BYTES - sizeof(Header))
    return;
  g_autofree char *dir = cache_dir();
  if (dir == NULL)
    return;
  Header header = { .magic = CACHE_MAGIC,
                    .version = CACHE_VERSION,
                    .header_bytes = sizeof header,
                    .payload_bytes = n };
  sha256(data, n, header.sha256);

  /* Written aside and renamed: a reader sees a whole entry or none. */
  g_autofree char *tmp = g_strdup_printf("%s/" TMP_PREFIX "XXXXXX", dir);
  g_autofree char *path = g_strdup_printf("%s/%s.bin", dir, key);
  int fd = g_mkstemp_full(tmp, O_RDWR | O_CLOEXEC, 0600);
  if (fd < 0) {
    warn_once(dir, g_strerror(errno));
    return;
  }
  gboolean ok = write_all(fd, (const guint8 *) &header, sizeof header) && write_all(fd, data, n);
  int problem = errno;
  ok = close(fd) == 0 && ok;
  if (ok && rename(tmp, path) != 0) {
    problem = errno;
    ok = FALSE;
  }
  if (!ok) {
    unlink(tmp);
    warn_once(dir, g_strerror(problem));
    return;
  }
  prune(dir);
}

void
hysac_program_cache_drop(const char *key)
{
  g_autofree char *dir = cache_dir();
  if (dir == NULL)
    return;
  g_autofree char *path = g_strdup_printf("%s/%s.bin", dir, key);
  unlink(path);
}
