/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "opencl/choice.h"

#include "opencl/cache.h"
#include "opencl/device_private.h"
#include "opencl/engine_private.h"
#include "pack_sources.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define FOLDER "precisions"
#define SUFFIX ".choice"
#define MAGIC "HYSACCHO"
#define MAX_FILES 256

typedef struct {
  char magic[8];
  char key[64]; /* hex, without the zero at its end */
  double cosine, distance;
  guint8 sha256[32]; /* of the above */
} Record;

G_STATIC_ASSERT(sizeof(Record) == 8 + 64 + 16 + 32);

static void
add(GChecksum *sum, const char *text)
{
  g_checksum_update(sum, (const guchar *) text, (gssize) strlen(text) + 1); /* with its zero */
}

static char *
make_key(HysacModel *model, HysacDevice *device, HysacPrecision precision)
{
  g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
  g_autofree char *identity = hysac_engine_identify(model);
  const char *forced = g_getenv("HYSAC_VARIANT");
  add(sum, HYSAC_PACK_SOURCES);
  for (const HysacKernelSource *s = hysac_kernel_sources; s->name != NULL; s++)
    g_checksum_update(sum, (const guchar *) s->source, (gssize) s->length);
  add(sum, device->identity);
  add(sum, forced != NULL ? forced : "");
  add(sum, identity);
  add(sum, hysac_precision_to_string(precision));
  return g_strdup(g_checksum_get_string(sum));
}

static void
seal(const Record *record, guint8 digest[32])
{
  g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
  gsize n = 32;
  g_checksum_update(sum, (const guchar *) record, offsetof(Record, sha256));
  g_checksum_get_digest(sum, digest, &n);
}

void
hysac_choice_reject(HysacModel *model, HysacDevice *device, HysacPrecision precision,
                    const HysacAccuracy *accuracy)
{
  g_autofree char *dir = hysac_cache_dir(FOLDER);
  if (dir == NULL)
    return;
  g_autofree char *key = make_key(model, device, precision);
  g_autofree char *path = g_strdup_printf("%s/%s" SUFFIX, dir, key);
  Record record = { .magic = MAGIC, .cosine = accuracy->cosine, .distance = accuracy->distance };
  memcpy(record.key, key, sizeof record.key);
  seal(&record, record.sha256);
  if (!hysac_cache_store(dir, path, &record, sizeof record, NULL, 0)) {
    g_autofree char *why = g_strdup_printf("%s: %s", path, g_strerror(errno));
    hysac_cache_warn(why);
  } else {
    hysac_cache_prune(dir, SUFFIX, MAX_FILES, MAX_FILES * sizeof record);
  }
}

gboolean
hysac_choice_was_rejected(HysacModel *model, HysacDevice *device, HysacPrecision precision,
                          HysacAccuracy *accuracy)
{
  g_autofree char *dir = hysac_cache_dir(FOLDER);
  if (dir == NULL)
    return FALSE;
  g_autofree char *key = make_key(model, device, precision);
  g_autofree char *path = g_strdup_printf("%s/%s" SUFFIX, dir, key);
  Record record;
  guint8 digest[32];
  gsize size;
  int fd = hysac_cache_open(path, &size);
  if (fd < 0)
    return FALSE;
  gboolean ok = size == sizeof record && hysac_cache_read(fd, &record, sizeof record);
  close(fd);
  if (!ok || memcmp(record.magic, MAGIC, sizeof record.magic) != 0 ||
      memcmp(record.key, key, sizeof record.key) != 0)
    return FALSE;
  seal(&record, digest);
  const HysacAccuracy got = { record.cosine, record.distance };
  if (memcmp(digest, record.sha256, sizeof digest) != 0 || hysac_precision_holds(precision, &got))
    return FALSE;
  *accuracy = got;
  return TRUE;
}
