/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Writing an index: points go to the disk as they come; all that depends on all of them follows at the end. */

#include "core/index_private.h"

#include "core/file.h"
#include "core/lorentz.h"
#include "core/sum64.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#define BUFFER (1 << 20) /* a multiple of 64, as sums want it */

struct _HysacIndexWriter {
  HysacIndexHeader header;
  HysacIndexSpace space;
  char *path, *tmp, *shown;
  int fd;
  /* What is being written. */
  guint8 *buffer;
  gsize filled;
  guint64 at; /* in the file, of the buffer's first byte */
  HysacSum64 sum;
  /* What is kept until the end. */
  double *total;   /* dim: of all points */
  GArray *times;   /* double */
  GArray *records; /* HysacIndexRecord */
  GString *names;
};

static void
set_io_error(HysacIndexWriter *self, int problem, GError **error)
{
  g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_IO, "%s: cannot write: %s", self->shown, g_strerror(problem));
}

static gboolean
flush(HysacIndexWriter *self, GError **error)
{
  hysac_sum64_add(&self->sum, self->buffer, self->filled);
  for (gsize done = 0; done < self->filled;) {
    gssize put = pwrite(self->fd, self->buffer + done, self->filled - done, (off_t) (self->at + done));
    if (put < 0 && errno == EINTR)
      continue;
    if (put <= 0) {
      set_io_error(self, put < 0 ? errno : EIO, error);
      return FALSE;
    }
    done += (gsize) put;
  }
  self->at += self->filled;
  self->filled = 0;
  return TRUE;
}

static gboolean
put_bytes(HysacIndexWriter *self, const void *data, gsize n, GError **error)
{
  const guint8 *bytes = data;
  while (n > 0) {
    gsize part = MIN(n, BUFFER - self->filled);
    memcpy(self->buffer + self->filled, bytes, part);
    self->filled += part;
    bytes += part;
    n -= part;
    if (self->filled == BUFFER && !flush(self, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
end_section(HysacIndexWriter *self, HysacIndexSection which, GError **error)
{
  if (!flush(self, error))
    return FALSE;
  self->header.sections[which].checksum = hysac_sum64_get(&self->sum);
  hysac_sum64_init(&self->sum);
  if (which + 1 < HYSAC_INDEX_N_SECTIONS)
    self->at = self->header.sections[which + 1].offset;
  return TRUE;
}

HysacIndexWriter *
hysac_index_writer_new(const char *path, const HysacIndexSpace *space, GError **error)
{
  g_autofree char *shown = g_filename_display_name(path);
  if (!hysac_index_space_check(space, shown, HYSAC_ERROR_ARGUMENT, error))
    return NULL;
  g_autofree char *tmp = g_strdup_printf("%s.XXXXXX", path);
  /* Points are personal data: the owner's alone. */
  int fd = g_mkstemp_full(tmp, O_RDWR | O_CLOEXEC, 0600);
  if (fd < 0) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_IO, "%s: cannot write: %s", shown, g_strerror(errno));
    return NULL;
  }
  HysacIndexWriter *self = g_new0(HysacIndexWriter, 1);
  self->space = *space;
  self->path = g_strdup(path);
  self->tmp = g_steal_pointer(&tmp);
  self->shown = g_steal_pointer(&shown);
  self->fd = fd;
  self->buffer = g_malloc(BUFFER);
  self->at = HYSAC_INDEX_PAGE;
  hysac_sum64_init(&self->sum);
  self->total = g_new0(double, space->dim);
  self->times = g_array_new(FALSE, FALSE, sizeof(double));
  self->records = g_array_new(FALSE, FALSE, sizeof(HysacIndexRecord));
  self->names = g_string_new(NULL);
  return self;
}

guint
hysac_index_writer_get_n_points(HysacIndexWriter *self)
{
  return self->records->len;
}

/* Frames of one video come one after the other and share its name. */
static HysacIndexRecord
name_record(HysacIndexWriter *self, const char *path, gsize length, gint64 time)
{
  HysacIndexRecord record = { self->names->len, (guint32) length, 0, time };
  if (self->records->len > 0) {
    HysacIndexRecord last = g_array_index(self->records, HysacIndexRecord, self->records->len - 1);
    if (strcmp(self->names->str + last.name, path) == 0)
      record.name = last.name;
  }
  if (record.name == self->names->len)
    g_string_append_len(self->names, path, (gssize) length + 1);
  return record;
}

gboolean
hysac_index_writer_add(HysacIndexWriter *self, const char *path, gint64 time, const float *point, GError **error)
{
  const guint dim = self->space.dim;
  const gsize length = strlen(path);
  const double when = hysac_lorentz_time(point, dim, self->space.curvature);
  if (length < 1 || length > HYSAC_INDEX_MAX_NAME || time < -1 ||
      self->records->len >= HYSAC_INDEX_MAX_POINTS) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT,
                self->records->len >= HYSAC_INDEX_MAX_POINTS ? "%s is full"
                                                             : "%s: a name or a time that an index does not hold",
                self->shown);
    return FALSE;
  }
  if (!(when <= HYSAC_INDEX_MAX_NORM)) {
    g_autofree char *name = g_filename_display_name(path);
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT, "%s: a point that is not finite, or beyond %g", name,
                HYSAC_INDEX_MAX_NORM);
    return FALSE;
  }
  if (!put_bytes(self, point, dim * sizeof *point, error))
    return FALSE;
  HysacIndexRecord record = name_record(self, path, length, time);
  for (guint i = 0; i < dim; i++)
    self->total[i] += (double) point[i];
  g_array_append_val(self->times, when);
  g_array_append_val(self->records, record);
  return TRUE;
}

void
hysac_index_writer_end_file(HysacIndexWriter *self)
{
  if (self->records->len > 0)
    g_array_index(self->records, HysacIndexRecord, self->records->len - 1).last = 1;
}

gboolean
hysac_index_writer_add_all(HysacIndexWriter *self, HysacIndex *from, GError **error)
{
  const guint n = hysac_index_get_n_points(from);
  HysacIndexId id;
  if (!hysac_index_space_equal(hysac_index_get_space(from), "the index that is added", &self->space, self->shown,
                               error) ||
      !hysac_index_verify(from, error)) /* damage would be given bytes that fit it, and never be found */
    return FALSE;
  for (guint i = 0; i < n; i++) {
    if (!hysac_index_get_id(from, i, &id, error) ||
        !hysac_index_writer_add(self, id.path, id.time, hysac_index_get_point(from, i), error))
      return FALSE;
    if (id.last)
      hysac_index_writer_end_file(self);
  }
  return TRUE;
}

/* The points are read back: they may be more than the memory holds. */
static gboolean
write_codes(HysacIndexWriter *self, const float *mean, HysacIndexBounds *bounds, GError **error)
{
  const guint n = self->records->len, dim = self->space.dim;
  const gsize stride = hysac_index_stride(dim);
  g_autofree float *points = g_new(float, (gsize) HYSAC_INDEX_GROUP * dim);
  g_autofree guint8 *rows = g_malloc(HYSAC_INDEX_GROUP * stride), *empty = g_malloc(hysac_index_width(dim));
  memset(empty, HYSAC_INDEX_ZERO, hysac_index_width(dim));
  for (guint at = 0; at < n; at += HYSAC_INDEX_GROUP) {
    const guint count = MIN(n - at, HYSAC_INDEX_GROUP);
    const guint64 offset = HYSAC_INDEX_PAGE + (guint64) at * dim * sizeof *points;
    if (!hysac_read_at(self->fd, points, (gsize) count * dim * sizeof *points, offset)) {
      set_io_error(self, errno ? errno : EIO, error);
      return FALSE;
    }
    for (guint i = count; i < HYSAC_INDEX_GROUP; i++)
      hysac_index_pack(empty, dim, rows + i * stride);
    for (guint i = 0; i < count; i++)
      hysac_index_quantize(points + (gsize) i * dim, mean, dim, g_array_index(self->times, double, at + i),
                           rows + i * stride, &bounds[at / HYSAC_INDEX_GROUP], i);
    if (!put_bytes(self, rows, HYSAC_INDEX_GROUP * stride, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
write_sections(HysacIndexWriter *self, GError **error)
{
  const guint n = self->records->len, dim = self->space.dim;
  const gsize groups = (n + (gsize) HYSAC_INDEX_GROUP - 1) / HYSAC_INDEX_GROUP;
  g_autofree float *mean = g_new0(float, dim);
  g_autofree HysacIndexBounds *bounds = g_new0(HysacIndexBounds, groups);
  for (guint i = 0; n > 0 && i < dim; i++)
    mean[i] = (float) (self->total[i] / n);
  return end_section(self, HYSAC_INDEX_POINTS, error) &&
         put_bytes(self, mean, dim * sizeof *mean, error) && end_section(self, HYSAC_INDEX_MEAN, error) &&
         put_bytes(self, self->times->data, n * sizeof(double), error) &&
         end_section(self, HYSAC_INDEX_TIMES, error) && write_codes(self, mean, bounds, error) &&
         end_section(self, HYSAC_INDEX_CODES, error) && put_bytes(self, bounds, groups * sizeof *bounds, error) &&
         end_section(self, HYSAC_INDEX_BOUNDS, error) &&
         put_bytes(self, self->records->data, n * sizeof(HysacIndexRecord), error) &&
         end_section(self, HYSAC_INDEX_IDS, error) &&
         put_bytes(self, self->names->str, self->names->len, error) &&
         end_section(self, HYSAC_INDEX_NAMES, error);
}

static gboolean
write_header(HysacIndexWriter *self, GError **error)
{
  guint8 page[HYSAC_INDEX_PAGE] = { 0 };
  HysacIndexHeader *header = &self->header;
  memcpy(page, header, sizeof *header);
  hysac_index_digest(page, header->sha256);
  memcpy(page, header, sizeof *header);
  self->at = 0;
  return put_bytes(self, page, sizeof page, error) && flush(self, error);
}

gboolean
hysac_index_writer_finish(HysacIndexWriter *self, GError **error)
{
  HysacIndexHeader *header = &self->header;
  memcpy(header->magic, HYSAC_INDEX_MAGIC, sizeof header->magic);
  header->endian = HYSAC_INDEX_ENDIAN;
  header->version = HYSAC_INDEX_VERSION;
  memcpy(header->weights, self->space.weights, sizeof header->weights);
  header->precision = (guint32) self->space.precision;
  header->dim = self->space.dim;
  header->n = self->records->len;
  header->curvature = self->space.curvature;
  header->alpha = self->space.alpha;
  gboolean ok = hysac_index_lay_out(header, self->names->len);
  if (!ok)
    set_io_error(self, EFBIG, error);
  ok = ok && write_sections(self, error) && write_header(self, error);
  /* On the disk before it takes the old one's place: else a crash could leave neither. */
  if (ok && (ftruncate(self->fd, (off_t) header->file_bytes) != 0 || fsync(self->fd) != 0)) {
    set_io_error(self, errno, error);
    ok = FALSE;
  }
  if (ok) {
    int closed = close(self->fd);
    self->fd = -1;
    ok = closed == 0 && rename(self->tmp, self->path) == 0;
    if (ok)
      g_clear_pointer(&self->tmp, g_free);
    else
      set_io_error(self, errno, error);
  }
  hysac_index_writer_free(self);
  return ok;
}

void
hysac_index_writer_free(HysacIndexWriter *self)
{
  if (self == NULL)
    return;
  if (self->fd >= 0)
    close(self->fd);
  if (self->tmp != NULL)
    unlink(self->tmp);
  g_free(self->tmp);
  g_free(self->path);
  g_free(self->shown);
  g_free(self->buffer);
  g_free(self->total);
  g_array_unref(self->times);
  g_array_unref(self->records);
  g_string_free(self->names, TRUE);
  g_free(self);
}
