/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reading an index. */

#include "core/index_private.h"

#include "core/file.h"
#include "core/lorentz.h"
#include "core/sum64.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct _HysacIndex {
  gatomicrefcount refs;
  char *path;
  guint8 *map;
  gsize size;
  HysacIndexHeader header; /* as it was checked */
  HysacIndexSpace space;
  HysacIndexView view;
  const HysacIndexRecord *ids;
  const char *names;
};

static const char *const section_names[HYSAC_INDEX_N_SECTIONS] = { "points", "mean", "times", "codes",
                                                                   "bounds", "ids",  "names" };

static guint64
pages(guint64 bytes)
{
  return (bytes + HYSAC_INDEX_PAGE - 1) / HYSAC_INDEX_PAGE * HYSAC_INDEX_PAGE;
}

gboolean
hysac_index_lay_out(HysacIndexHeader *header, guint64 name_bytes)
{
  const guint64 n = header->n, dim = header->dim;
  const guint64 groups = (n + HYSAC_INDEX_GROUP - 1) / HYSAC_INDEX_GROUP;
  /* Products of numbers that are checked here: none overflows. */
  if (n > HYSAC_INDEX_MAX_POINTS || dim < 1 || dim > HYSAC_INDEX_MAX_DIM || name_bytes > G_MAXINT64 / 2)
    return FALSE;
  const guint64 bytes[HYSAC_INDEX_N_SECTIONS] = {
    n * dim * sizeof(float),
    dim * sizeof(float),
    n * sizeof(double),
    groups * HYSAC_INDEX_GROUP * hysac_index_stride((guint) dim),
    groups * sizeof(HysacIndexBounds),
    n * sizeof(HysacIndexRecord),
    name_bytes,
  };
  guint64 at = HYSAC_INDEX_PAGE;
  for (guint i = 0; i < HYSAC_INDEX_N_SECTIONS; i++) {
    header->sections[i].offset = at;
    header->sections[i].bytes = bytes[i];
    at += pages(bytes[i]);
  }
  header->file_bytes = at;
  return at <= G_MAXSIZE / 2;
}

void
hysac_index_digest(const guint8 page[HYSAC_INDEX_PAGE], guint8 digest[32])
{
  g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
  guint8 copy[HYSAC_INDEX_PAGE];
  gsize n = 32;
  memcpy(copy, page, sizeof copy);
  memset(copy + G_STRUCT_OFFSET(HysacIndexHeader, sha256), 0, 32);
  g_checksum_update(sum, copy, sizeof copy);
  g_checksum_get_digest(sum, digest, &n);
}

gboolean
hysac_index_space_check(const HysacIndexSpace *space, const char *name, HysacError code, GError **error)
{
  if (space->dim < 1 || space->dim > HYSAC_INDEX_MAX_DIM)
    g_set_error(error, HYSAC_ERROR, (int) code, "%s: points of %u numbers; 1 to %d are expected", name,
                space->dim, HYSAC_INDEX_MAX_DIM);
  else if (!(space->curvature >= 1e-9 && space->curvature <= 1e9))
    g_set_error(error, HYSAC_ERROR, (int) code, "%s: a curvature of %g; 1e-9 to 1e9 is expected", name,
                space->curvature);
  else if (!isfinite(space->alpha))
    g_set_error(error, HYSAC_ERROR, (int) code, "%s: an alpha that is not finite", name);
  else if (space->precision < HYSAC_PRECISION_FP32 || space->precision > HYSAC_PRECISION_INT8)
    g_set_error(error, HYSAC_ERROR, (int) code, "%s: no precision has the number %d", name,
                (int) space->precision);
  else
    return TRUE;
  return FALSE;
}

gboolean
hysac_index_space_equal(const HysacIndexSpace *a, const char *name_a, const HysacIndexSpace *b,
                        const char *name_b, GError **error)
{
  char hex[2][65];
  for (guint i = 0; i < 32; i++) {
    g_snprintf(hex[0] + 2 * i, 3, "%02x", a->weights[i]);
    g_snprintf(hex[1] + 2 * i, 3, "%02x", b->weights[i]);
  }
  if (memcmp(a->weights, b->weights, sizeof a->weights) != 0)
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_MODEL,
                "%s is of a model whose weights have the SHA-256 %s, %s of one with %s", name_a, hex[0], name_b,
                hex[1]);
  else if (a->dim != b->dim)
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_MODEL, "%s has points of %u numbers, %s of %u", name_a, a->dim,
                name_b, b->dim);
  else if (a->curvature != b->curvature)
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_MODEL, "%s has curvature %.9g, %s %.9g", name_a, a->curvature,
                name_b, b->curvature);
  else if (a->alpha != b->alpha)
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_MODEL, "%s has visual_alpha %.9g, %s %.9g", name_a, a->alpha,
                name_b, b->alpha);
  else if (a->precision != b->precision)
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_MODEL, "%s is in %s, %s in %s", name_a,
                hysac_precision_to_string(a->precision), name_b, hysac_precision_to_string(b->precision));
  else
    return TRUE;
  return FALSE;
}

/* The header against itself and the file's size. */
static gboolean
check_header(HysacIndex *self, const guint8 page[HYSAC_INDEX_PAGE], GError **error)
{
  HysacIndexHeader *header = &self->header;
  guint8 digest[32];
  memcpy(header, page, sizeof *header);
  if (memcmp(header->magic, HYSAC_INDEX_MAGIC, sizeof header->magic) != 0) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_FORMAT, "%s: not an index", self->path);
    return FALSE;
  }
  if (header->endian != HYSAC_INDEX_ENDIAN || header->version != HYSAC_INDEX_VERSION) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_UNSUPPORTED,
                header->endian != HYSAC_INDEX_ENDIAN
                    ? "%s: an index of a machine with another byte order (version %u)"
                : header->version < HYSAC_INDEX_VERSION
                    ? "%s: an index of version %u, which this build reads no more: delete it, run `hysac index` anew"
                    : "%s: an index of version %u, which this build does not read",
                self->path, header->version);
    return FALSE;
  }
  hysac_index_digest(page, digest);
  if (memcmp(digest, header->sha256, sizeof digest) != 0) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_FORMAT, "%s: the header is damaged: its SHA-256 is another",
                self->path);
    return FALSE;
  }
  self->space = (HysacIndexSpace) { .precision = (HysacPrecision) header->precision,
                                    .dim = header->dim,
                                    .curvature = header->curvature,
                                    .alpha = header->alpha };
  memcpy(self->space.weights, header->weights, sizeof self->space.weights);
  if (!hysac_index_space_check(&self->space, self->path, HYSAC_ERROR_FORMAT, error))
    return FALSE;
  HysacIndexHeader want = *header;
  if (!hysac_index_lay_out(&want, header->sections[HYSAC_INDEX_NAMES].bytes) ||
      memcmp(&want, header, sizeof want) != 0) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_FORMAT,
                "%s: sections that do not lie as %" G_GUINT64_FORMAT " points of %u numbers do", self->path,
                header->n, header->dim);
    return FALSE;
  }
  if (self->size != header->file_bytes) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_FORMAT,
                "%s: %" G_GSIZE_FORMAT " bytes; the header speaks of %" G_GUINT64_FORMAT, self->path, self->size,
                header->file_bytes);
    return FALSE;
  }
  return TRUE;
}

static const void *
section(HysacIndex *self, HysacIndexSection which)
{
  return self->map + self->header.sections[which].offset;
}

static gboolean
map_file(HysacIndex *self, int fd, GError **error)
{
  guint8 page[HYSAC_INDEX_PAGE];
  if (self->size < sizeof page) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_FORMAT, "%s: not an index: %" G_GSIZE_FORMAT " bytes", self->path,
                self->size);
    return FALSE;
  }
  if (!hysac_read_at(fd, page, sizeof page, 0)) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_IO, "%s: cannot read: %s", self->path,
                errno ? g_strerror(errno) : "the file became shorter");
    return FALSE;
  }
  if (!check_header(self, page, error))
    return FALSE;
  void *map = mmap(NULL, self->size, PROT_READ, MAP_SHARED, fd, 0);
  if (map == MAP_FAILED) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_IO, "%s: cannot map: %s", self->path, g_strerror(errno));
    return FALSE;
  }
  self->map = map;
  self->ids = section(self, HYSAC_INDEX_IDS);
  self->names = section(self, HYSAC_INDEX_NAMES);
  self->view = (HysacIndexView) {
    .n = (guint) self->header.n,
    .dim = self->header.dim,
    .stride = hysac_index_stride(self->header.dim),
    .width = hysac_index_width(self->header.dim),
    .curvature = self->header.curvature,
    .points = section(self, HYSAC_INDEX_POINTS),
    .mean = section(self, HYSAC_INDEX_MEAN),
    .times = section(self, HYSAC_INDEX_TIMES),
    .codes = section(self, HYSAC_INDEX_CODES),
    .bounds = section(self, HYSAC_INDEX_BOUNDS),
  };
  return TRUE;
}

HysacIndex *
hysac_index_open(const char *path, GError **error)
{
  gsize size;
  int fd = hysac_open_file(path, &size, error);
  if (fd < 0)
    return NULL;
  HysacIndex *self = g_new0(HysacIndex, 1);
  g_atomic_ref_count_init(&self->refs);
  self->path = g_filename_display_name(path);
  self->size = size;
  if (!map_file(self, fd, error))
    g_clear_pointer(&self, hysac_index_unref);
  close(fd);
  return self;
}

HysacIndex *
hysac_index_ref(HysacIndex *self)
{
  g_atomic_ref_count_inc(&self->refs);
  return self;
}

void
hysac_index_unref(HysacIndex *self)
{
  if (self == NULL || !g_atomic_ref_count_dec(&self->refs))
    return;
  if (self->map != NULL)
    munmap(self->map, self->size);
  g_free(self->path);
  g_free(self);
}

const HysacIndexSpace *
hysac_index_get_space(HysacIndex *self)
{
  return &self->space;
}

guint
hysac_index_get_n_points(HysacIndex *self)
{
  return self->view.n;
}

void
hysac_index_view(HysacIndex *self, HysacIndexView *view)
{
  *view = self->view;
}

const float *
hysac_index_get_point(HysacIndex *self, guint i)
{
  return self->view.points + (gsize) i * self->view.dim;
}

gboolean
hysac_index_get_id(HysacIndex *self, guint i, HysacIndexId *id, GError **error)
{
  const guint64 bytes = self->header.sections[HYSAC_INDEX_NAMES].bytes;
  HysacIndexRecord record; /* a copy: what was checked is what is used */
  memcpy(&record, &self->ids[i], sizeof record);
  if (record.length < 1 || record.length > HYSAC_INDEX_MAX_NAME || record.last > 1 || record.time < -1 ||
      record.name >= bytes || record.length >= bytes - record.name ||
      memchr(self->names + record.name, '\0', record.length + 1) != self->names + record.name + record.length) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_FORMAT, "%s: the name of point %u is damaged", self->path, i);
    return FALSE;
  }
  id->path = self->names + record.name;
  id->time = record.time;
  id->last = record.last != 0;
  return TRUE;
}

static gboolean
verify_point(HysacIndex *self, guint i, GError **error)
{
  const HysacIndexView *view = &self->view;
  const float *point = hysac_index_get_point(self, i);
  const double time = hysac_lorentz_time(point, view->dim, view->curvature);
  HysacIndexId id;
  if (!hysac_index_get_id(self, i, &id, error))
    return FALSE;
  if (isfinite(time) && time == view->times[i] &&
      hysac_index_certified(point, view->mean, view->dim, time, view->codes + i * view->stride,
                            &view->bounds[i / HYSAC_INDEX_GROUP], i % HYSAC_INDEX_GROUP))
    return TRUE;
  g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_FORMAT, "%s: what screens point %u is not of that point", self->path,
              i);
  return FALSE;
}

static gboolean
verify_section(HysacIndex *self, HysacIndexSection which, GError **error)
{
  const HysacIndexExtent *extent = &self->header.sections[which];
  if (hysac_sum64(self->map + extent->offset, (gsize) extent->bytes) == extent->checksum)
    return TRUE;
  g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_FORMAT, "%s: its part \"%s\" is damaged: its sum is another", self->path,
              section_names[which]);
  return FALSE;
}

gboolean
hysac_index_verify_screen(HysacIndex *self, GError **error)
{
  for (guint i = 0; i < HYSAC_INDEX_N_SECTIONS; i++) {
    if (i != HYSAC_INDEX_POINTS && !verify_section(self, i, error))
      return FALSE;
  }
  return TRUE;
}

gboolean
hysac_index_verify(HysacIndex *self, GError **error)
{
  if (!verify_section(self, HYSAC_INDEX_POINTS, error) || !hysac_index_verify_screen(self, error))
    return FALSE;
  for (guint i = 0; i < self->view.n; i++) {
    if (!verify_point(self, i, error))
      return FALSE;
  }
  return TRUE;
}
