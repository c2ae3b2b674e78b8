/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "opencl/pack.h"

#include "core/sum64.h"
#include "opencl/cache.h"
#include "opencl/hugepages.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define FOLDER "packed"
#define MAGIC "HYSACPAK"
#define VERSION 1
#define PAGE 4096 /* of the file; a multiple of it where pages are larger */
#define MAX_BLOCKS 65536
#define MAX_THREADS 4
/* Of all files together: some models in some precisions. */
#define MAX_FILES 64
#define MAX_BYTES ((guint64) 8 << 30)
/* Left free on the disk: others write there too. */
#define SPARE_BYTES ((guint64) 256 << 20)

typedef struct {
  char magic[8];
  guint32 version, n_blocks;
  guint64 header_bytes, file_bytes;
  guint8 key[32];
  guint8 notes[HYSAC_PACK_NOTES];
  guint8 sha256[32]; /* of the header and the table, with zeros here */
} Header;

typedef struct {
  guint64 offset, bytes, checksum;
} Block;

struct _HysacPack {
  gatomicrefcount refs;
  guint8 *memory;
  gsize size;
  Block *blocks;
};

struct _HysacPackWriter {
  Header header;
  Block *blocks;
  guint next;
  int fd;
  char *tmp, *path, *dir;
};

static void
add_text(GChecksum *sum, const char *text)
{
  g_checksum_update(sum, (const guchar *) text, (gssize) strlen(text) + 1);
}

char *
hysac_pack_key(const char *stamp, const char *layout)
{
  g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
  g_autofree char *ours = g_strdup_printf("pack %d %d %x", VERSION, (int) sizeof(void *), (guint) G_BYTE_ORDER);
  add_text(sum, ours);
  add_text(sum, stamp);
  add_text(sum, layout);
  return g_strdup(g_checksum_get_string(sum));
}

/* ---- stamps ---- */

static char *
stamp_path(const char *dir, const char *stamp)
{
  g_autofree char *name = hysac_pack_key(stamp, "stamp");
  return g_strdup_printf("%s/%s.hash", dir, name);
}

char *
hysac_pack_recall(const char *stamp)
{
  g_autofree char *dir = hysac_cache_dir(FOLDER);
  char hash[64];
  gsize size;
  if (dir == NULL)
    return NULL;
  g_autofree char *path = stamp_path(dir, stamp);
  int fd = hysac_cache_open(path, &size);
  gboolean ok = fd >= 0 && size == sizeof hash && hysac_cache_read(fd, hash, sizeof hash);
  for (gsize i = 0; ok && i < sizeof hash; i++)
    ok = g_ascii_isxdigit(hash[i]);
  if (ok)
    futimens(fd, NULL);
  if (fd >= 0)
    close(fd);
  return ok ? g_strndup(hash, sizeof hash) : NULL;
}

void
hysac_pack_remember(const char *stamp, const char *hash)
{
  g_autofree char *dir = hysac_cache_dir(FOLDER);
  if (dir == NULL)
    return;
  g_autofree char *path = stamp_path(dir, stamp);
  hysac_cache_store(dir, path, hash, strlen(hash), NULL, 0); /* where that fails, it is hashed again */
  hysac_cache_prune(dir, ".hash", 4 * MAX_FILES, G_MAXUINT64);
}

/* ---- layout ---- */

static guint64
pages(guint64 bytes)
{
  const guint64 page = MAX(PAGE, (guint64) sysconf(_SC_PAGESIZE));
  return (bytes + page - 1) / page * page;
}

/* Offsets of all blocks; FALSE where there is no such file. */
static gboolean
lay_out(Header *header, Block *blocks, const gsize *sizes, guint n)
{
  guint64 at = pages(sizeof *header + (guint64) n * sizeof *blocks);
  header->header_bytes = at;
  for (guint i = 0; i < n; i++) {
    if (sizes[i] == 0 || sizes[i] > (guint64) G_MAXINT64 / 2 - at)
      return FALSE;
    blocks[i] = (Block) { .offset = at, .bytes = sizes[i] };
    at += pages(sizes[i]);
  }
  header->file_bytes = at;
  return at <= G_MAXSIZE;
}

static gboolean
start_header(Header *header, const char *key)
{
  memset(header, 0, sizeof *header);
  memcpy(header->magic, MAGIC, sizeof header->magic);
  header->version = VERSION;
  if (strlen(key) != 64)
    return FALSE;
  for (guint i = 0; i < 32; i++)
    header->key[i] = (guint8) (g_ascii_xdigit_value(key[2 * i]) << 4 | g_ascii_xdigit_value(key[2 * i + 1]));
  return TRUE;
}

static void
header_digest(const Header *header, const Block *blocks, guint8 digest[32])
{
  g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
  Header bare = *header;
  gsize n = 32;
  memset(bare.sha256, 0, sizeof bare.sha256);
  g_checksum_update(sum, (const guchar *) &bare, sizeof bare);
  g_checksum_update(sum, (const guchar *) blocks, (gssize) (header->n_blocks * sizeof *blocks));
  g_checksum_get_digest(sum, digest, &n);
}

/* ---- reading ---- */

typedef struct {
  HysacPack *pack;
  guint n;
  int fd;
  gint next, bad; /* atomic */
} Load;

static gboolean
read_block(int fd, guint8 *to, const Block *block)
{
  for (guint64 done = 0; done < block->bytes;) {
    gssize got = pread(fd, to + done, (gsize) (block->bytes - done), (off_t) (block->offset + done));
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0)
      return FALSE;
    done += (guint64) got;
  }
  return TRUE;
}

static gpointer
load_blocks(gpointer data)
{
  Load *self = data;
  for (;;) {
    guint i = (guint) g_atomic_int_add(&self->next, 1);
    if (i >= self->n || g_atomic_int_get(&self->bad))
      return NULL;
    const Block *block = &self->pack->blocks[i];
    guint8 *to = self->pack->memory + block->offset;
    if (!read_block(self->fd, to, block) || hysac_sum64(to, (gsize) block->bytes) != block->checksum)
      g_atomic_int_set(&self->bad, 1);
  }
}

static gboolean
load_all(HysacPack *pack, guint n, int fd)
{
  Load load = { .pack = pack, .n = n, .fd = fd };
  GThread *threads[MAX_THREADS - 1];
  guint n_threads = MIN(MAX(g_get_num_processors(), 1), MAX_THREADS) - 1;
  for (guint i = 0; i < n_threads; i++)
    threads[i] = g_thread_try_new("hysac-load", load_blocks, &load, NULL);
  load_blocks(&load);
  for (guint i = 0; i < n_threads; i++) {
    if (threads[i] != NULL)
      g_thread_join(threads[i]);
  }
  return load.bad == 0;
}

/* Reads and checks; @want is what a file of this key and these sizes is laid out as. */
static HysacPack *
load_file(int fd, gsize size, const Header *want, const Block *layout, guint8 *notes)
{
  const guint n = want->n_blocks;
  Header header;
  guint8 digest[32];
  if (size != want->file_bytes || !hysac_cache_read(fd, &header, sizeof header) ||
      memcmp(header.magic, want->magic, sizeof header.magic) != 0 || header.version != want->version ||
      header.n_blocks != n || header.header_bytes != want->header_bytes ||
      header.file_bytes != want->file_bytes || memcmp(header.key, want->key, sizeof header.key) != 0)
    return NULL;
  HysacPack *self = g_new0(HysacPack, 1);
  g_atomic_ref_count_init(&self->refs);
  self->blocks = g_new(Block, n);
  gboolean ok = hysac_cache_read(fd, self->blocks, n * sizeof *self->blocks);
  if (ok)
    header_digest(&header, self->blocks, digest);
  ok = ok && memcmp(digest, header.sha256, sizeof digest) == 0;
  for (guint i = 0; ok && i < n; i++)
    ok = self->blocks[i].offset == layout[i].offset && self->blocks[i].bytes == layout[i].bytes;
  if (ok) {
    self->memory = hysac_pages_new(size);
    self->size = size;
  }
  if (self->memory == NULL || !load_all(self, n, fd)) {
    hysac_pack_unref(self);
    return NULL;
  }
  hysac_pages_seal(self->memory, size);
  memcpy(notes, header.notes, HYSAC_PACK_NOTES);
  return self;
}

HysacPack *
hysac_pack_open(const char *key, const gsize *sizes, guint n, guint8 notes[HYSAC_PACK_NOTES])
{
  g_autofree char *dir = hysac_cache_dir(FOLDER);
  Header want;
  gsize size;
  if (dir == NULL || n == 0 || n > MAX_BLOCKS || !start_header(&want, key))
    return NULL;
  g_autofree Block *layout = g_new(Block, n);
  want.n_blocks = n;
  if (!lay_out(&want, layout, sizes, n))
    return NULL;
  g_autofree char *path = g_strdup_printf("%s/%s.pack", dir, key);
  int fd = hysac_cache_open(path, &size);
  if (fd < 0)
    return NULL;
  gint64 start = g_get_monotonic_time();
  HysacPack *self = load_file(fd, size, &want, layout, notes);
  if (self == NULL) {
    g_info("packed weights that are not whole, or not what they should be, are not used: %s", path);
  } else {
    futimens(fd, NULL); /* used now; where that fails, it is only dropped earlier */
    g_debug("packed weights of %" G_GSIZE_FORMAT " MiB from the cache, read and checked in %.0f ms", size >> 20,
            (double) (g_get_monotonic_time() - start) / 1e3);
  }
  close(fd);
  return self;
}

const void *
hysac_pack_block(HysacPack *self, guint i)
{
  return self->memory + self->blocks[i].offset;
}

HysacPack *
hysac_pack_ref(HysacPack *self)
{
  g_atomic_ref_count_inc(&self->refs);
  return self;
}

void
hysac_pack_unref(HysacPack *self)
{
  if (self == NULL || !g_atomic_ref_count_dec(&self->refs))
    return;
  hysac_pages_free(self->memory, self->size);
  g_free(self->blocks);
  g_free(self);
}

/* ---- writing ---- */

static void
writer_free(HysacPackWriter *self)
{
  g_free(self->blocks);
  g_free(self->tmp);
  g_free(self->path);
  g_free(self->dir);
  g_free(self);
}

static void
warn_of(HysacPackWriter *self, int problem)
{
  g_autofree char *why = g_strdup_printf("%s: %s", self->dir, g_strerror(problem));
  hysac_cache_warn(why);
}

/* The whole file's space at once, so that a disk that is too small is found out before it is full. */
static int
reserve(HysacPackWriter *self)
{
  struct statvfs disk;
  if (fstatvfs(self->fd, &disk) == 0 &&
      (guint64) disk.f_bavail * disk.f_frsize < self->header.file_bytes + SPARE_BYTES)
    return ENOSPC;
  int problem = posix_fallocate(self->fd, 0, (off_t) self->header.file_bytes);
  /* A file system that cannot: its writes will tell. */
  if (problem == EOPNOTSUPP || problem == EINVAL)
    problem = ftruncate(self->fd, (off_t) self->header.file_bytes) == 0 ? 0 : errno;
  return problem;
}

HysacPackWriter *
hysac_pack_create(const char *key, const gsize *sizes, guint n)
{
  char *dir = n > 0 && n <= MAX_BLOCKS ? hysac_cache_dir(FOLDER) : NULL;
  if (dir == NULL)
    return NULL;
  HysacPackWriter *self = g_new0(HysacPackWriter, 1);
  self->dir = dir;
  self->blocks = g_new0(Block, n);
  self->fd = -1;
  int problem = 0;
  if (!start_header(&self->header, key) || !lay_out(&self->header, self->blocks, sizes, n)) {
    writer_free(self);
    return NULL;
  }
  self->header.n_blocks = n;
  self->path = g_strdup_printf("%s/%s.pack", dir, key);
  /* What is to go goes first: its space may be what is missing. */
  hysac_cache_prune(dir, ".pack", MAX_FILES, MAX_BYTES - MIN(self->header.file_bytes, MAX_BYTES / 2));
  self->fd = hysac_cache_create(dir, &self->tmp);
  if (self->fd < 0)
    problem = errno;
  else
    problem = reserve(self);
  if (problem == 0)
    return self;
  warn_of(self, problem);
  if (self->fd >= 0)
    hysac_cache_abandon(self->fd, self->tmp);
  writer_free(self);
  return NULL;
}

gboolean
hysac_pack_write(HysacPackWriter *self, const void *data)
{
  g_return_val_if_fail(self->next < self->header.n_blocks, FALSE);
  Block *block = &self->blocks[self->next];
  if (lseek(self->fd, (off_t) block->offset, SEEK_SET) < 0 ||
      !hysac_cache_write(self->fd, data, (gsize) block->bytes)) {
    warn_of(self, errno);
    return FALSE;
  }
  block->checksum = hysac_sum64(data, (gsize) block->bytes);
  self->next++;
  return TRUE;
}

gboolean
hysac_pack_finish(HysacPackWriter *self, const guint8 *notes)
{
  gboolean ok = notes != NULL && self->next == self->header.n_blocks;
  if (ok) {
    memcpy(self->header.notes, notes, HYSAC_PACK_NOTES);
    header_digest(&self->header, self->blocks, self->header.sha256);
    ok = lseek(self->fd, 0, SEEK_SET) == 0 &&
         hysac_cache_write(self->fd, &self->header, sizeof self->header) &&
         hysac_cache_write(self->fd, self->blocks, self->header.n_blocks * sizeof *self->blocks);
    if (!ok)
      warn_of(self, errno);
  }
  if (!ok) {
    hysac_cache_abandon(self->fd, self->tmp);
  } else if (!hysac_cache_place(self->fd, self->tmp, self->path)) {
    warn_of(self, errno);
    ok = FALSE;
  }
  writer_free(self);
  return ok;
}
