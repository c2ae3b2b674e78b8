/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The disk cache of program binaries: $XDG_CACHE_HOME/gst-hysac/cl/KEY.bin, each file a header and
 * the driver's binary. A binary is code that will run, so the folder must be ours alone; whatever
 * is wrong with an entry makes it a miss, and a folder that cannot be used is one warning.
 */

#include "opencl/cache.h"
#include "opencl/device_private.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER "cl"
#define CACHE_MAGIC "HYSACCLB"
#define CACHE_VERSION 1
#define CACHE_MAX_BYTES ((gsize) 256 << 20)
/* Some ten belong to a model and device, and every new release or driver leaves its predecessor's
 * behind. */
#define CACHE_MAX_ENTRIES 200

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

static GBytes *
read_entry(int fd, gsize size)
{
  Header header;
  if (size <= sizeof header || size > CACHE_MAX_BYTES)
    return NULL;
  gsize n = size - sizeof header;
  if (!hysac_cache_read(fd, &header, sizeof header) ||
      memcmp(header.magic, CACHE_MAGIC, sizeof header.magic) != 0 ||
      header.version != CACHE_VERSION || header.header_bytes != sizeof header ||
      header.payload_bytes != n)
    return NULL;
  g_autofree guint8 *data = g_try_malloc(n);
  guint8 digest[32];
  if (data == NULL || !hysac_cache_read(fd, data, n))
    return NULL;
  sha256(data, n, digest);
  if (memcmp(digest, header.sha256, sizeof digest) != 0)
    return NULL;
  return g_bytes_new_take(g_steal_pointer(&data), n);
}

GBytes *
hysac_program_cache_load(const char *key)
{
  g_autofree char *dir = hysac_cache_dir(FOLDER);
  if (dir == NULL)
    return NULL;
  g_autofree char *path = g_strdup_printf("%s/%s.bin", dir, key);
  gsize size;
  int fd = hysac_cache_open(path, &size);
  if (fd < 0)
    return NULL;
  GBytes *binary = read_entry(fd, size);
  if (binary != NULL)
    futimens(fd, NULL); /* used now; where that fails, it is only dropped earlier */
  close(fd);
  if (binary == NULL)
    g_info("corrupt entry in the cache of OpenCL programs is ignored: %s", path);
  return binary;
}

gboolean
hysac_program_cache_store(const char *key, GBytes *binary)
{
  gsize n;
  const guint8 *data = g_bytes_get_data(binary, &n);
  if (n == 0 || n > CACHE_MAX_BYTES - sizeof(Header))
    return FALSE;
  g_autofree char *dir = hysac_cache_dir(FOLDER);
  if (dir == NULL)
    return FALSE;
  Header header = { .magic = CACHE_MAGIC,
                    .version = CACHE_VERSION,
                    .header_bytes = sizeof header,
                    .payload_bytes = n };
  sha256(data, n, header.sha256);

  g_autofree char *path = g_strdup_printf("%s/%s.bin", dir, key);
  if (!hysac_cache_store(dir, path, &header, sizeof header, data, n)) {
    g_autofree char *why = g_strdup_printf("%s: %s", dir, g_strerror(errno));
    hysac_cache_warn(why);
    return FALSE;
  }
  hysac_cache_prune(dir, ".bin", CACHE_MAX_ENTRIES, G_MAXUINT64);
  return TRUE;
}

void
hysac_program_cache_drop(const char *key)
{
  g_autofree char *dir = hysac_cache_dir(FOLDER);
  if (dir == NULL)
    return;
  g_autofree char *path = g_strdup_printf("%s/%s.bin", dir, key);
  unlink(path);
}
