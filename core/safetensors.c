/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/safetensors.h"
#include "core/file.h"
#include "core/json.h"
#include "core/weights.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * The format (huggingface/safetensors, README): the header's size as a little-endian 64-bit integer,
 * a JSON object, then the tensors' bytes, which the offsets cover wholly and without overlap.
 */
#define PREFIX_SIZE 8
#define MAX_HEADER_SIZE 100000000 /* the reference's limit */
#define METADATA_KEY "__metadata__"
#define CHUNK_SIZE (1 << 20)

struct _HysacSafetensors {
  gatomicrefcount refs;
  GBytes *bytes; /* keeps the mapping */
  int fd;        /* of the mapped file; -1: bytes in memory */
  struct stat opened;
  GHashTable *tensors; /* name (borrowed from names) -> HysacTensor */
  GPtrArray *names;    /* owned, file order, NULL-terminated */
  GHashTable *metadata; /* texts, both owned */
};

/* What one header is read with. */
typedef struct {
  const char *name; /* of the file */
  const guchar *data;
  gsize data_size;
} Header;

static const struct {
  const char *name;
  HysacDType dtype;
  guint size;
} dtypes[] = {
  {"F32", HYSAC_DTYPE_F32, 4},       {"F16", HYSAC_DTYPE_F16, 2},
  {"BF16", HYSAC_DTYPE_BF16, 2},     {"F64", HYSAC_DTYPE_F64, 8},
  {"I32", HYSAC_DTYPE_I32, 4},       {"I64", HYSAC_DTYPE_I64, 8},
  {"U8", HYSAC_DTYPE_U8, 1},         {"BOOL", HYSAC_DTYPE_OTHER, 1},
  {"I8", HYSAC_DTYPE_OTHER, 1},      {"F8_E5M2", HYSAC_DTYPE_OTHER, 1},
  {"F8_E4M3", HYSAC_DTYPE_OTHER, 1}, {"F8_E8M0", HYSAC_DTYPE_OTHER, 1},
  {"I16", HYSAC_DTYPE_OTHER, 2},     {"U16", HYSAC_DTYPE_OTHER, 2},
  {"U32", HYSAC_DTYPE_OTHER, 4},     {"U64", HYSAC_DTYPE_OTHER, 8},
  {"C64", HYSAC_DTYPE_OTHER, 8},
};

G_GNUC_PRINTF(4, 5)
static gboolean
fail(GError **error, const Header *header, const char *tensor, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  g_autofree char *text = g_strdup_vprintf(format, args);
  va_end(args);
  g_autofree char *shown = hysac_shorten(tensor, 200);
  g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_FORMAT, "%s: tensor %s: %s", header->name, shown, text);
  return FALSE;
}

static gboolean
read_dtype(const Header *header, const char *name, JsonObject *object, HysacTensor *tensor,
           guint *size, GError **error)
{
  JsonNode *node = json_object_get_member(object, "dtype");

  if (!node || !JSON_NODE_HOLDS_VALUE(node) || json_node_get_value_type(node) != G_TYPE_STRING)
    return fail(error, header, name, "no dtype");
  const char *text = json_node_get_string(node);
  for (guint i = 0; i < G_N_ELEMENTS(dtypes); i++) {
    if (g_str_equal(text, dtypes[i].name)) {
      tensor->dtype = dtypes[i].dtype;
      *size = dtypes[i].size;
      return TRUE;
    }
  }
  g_autofree char *shown = hysac_shorten(text, 32);
  return fail(error, header, name, "unknown dtype %s", shown);
}

static gboolean
read_shape(const Header *header, const char *name, JsonObject *object, HysacTensor *tensor,
           GError **error)
{
  JsonNode *node = json_object_get_member(object, "shape");

  if (!node || !JSON_NODE_HOLDS_ARRAY(node))
    return fail(error, header, name, "no shape");
  JsonArray *shape = json_node_get_array(node);
  tensor->rank = json_array_get_length(shape);
  if (tensor->rank > HYSAC_TENSOR_MAX_RANK)
    return fail(error, header, name, "%u dimensions; at most %d are expected", tensor->rank,
                HYSAC_TENSOR_MAX_RANK);
  tensor->n_elements = 1;
  for (guint i = 0; i < tensor->rank; i++) {
    guint64 dimension;
    if (!hysac_json_node_uint64(json_array_get_element(shape, i), &dimension))
      return fail(error, header, name, "dimension %u of the shape is not a count", i);
    if (dimension > G_MAXSIZE ||
        !g_size_checked_mul(&tensor->n_elements, tensor->n_elements, (gsize) dimension))
      return fail(error, header, name, "the shape's product overflows");
    tensor->shape[i] = (gsize) dimension;
  }
  return TRUE;
}

static gboolean
read_offsets(const Header *header, const char *name, JsonObject *object, HysacTensor *tensor,
             guint size, GError **error)
{
  JsonNode *node = json_object_get_member(object, "data_offsets");
  guint64 begin, end;
  gsize n_bytes;

  if (!node || !JSON_NODE_HOLDS_ARRAY(node) ||
      json_array_get_length(json_node_get_array(node)) != 2 ||
      !hysac_json_node_uint64(json_array_get_element(json_node_get_array(node), 0), &begin) ||
      !hysac_json_node_uint64(json_array_get_element(json_node_get_array(node), 1), &end))
    return fail(error, header, name, "data_offsets are not two offsets");
  if (begin > end || end > header->data_size)
    return fail(error, header, name,
                "bytes %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT " are outside the file's %"
                G_GSIZE_FORMAT " bytes of data", begin, end, header->data_size);
  if (!g_size_checked_mul(&n_bytes, tensor->n_elements, size) || n_bytes != end - begin)
    return fail(error, header, name,
                "%" G_GUINT64_FORMAT " bytes for %" G_GSIZE_FORMAT " elements of %u bytes",
                end - begin, tensor->n_elements, size);
  tensor->data = header->data + begin;
  tensor->n_bytes = n_bytes;
  return TRUE;
}

static gboolean
read_tensor(HysacSafetensors *self, const Header *header, const char *name, JsonNode *node,
            GError **error)
{
  g_autofree HysacTensor *tensor = g_new0(HysacTensor, 1);
  guint size = 0;

  if (!JSON_NODE_HOLDS_OBJECT(node))
    return fail(error, header, name, "an object is expected");
  JsonObject *object = json_node_get_object(node);
  if (!read_dtype(header, name, object, tensor, &size, error) ||
      !read_shape(header, name, object, tensor, error) ||
      !read_offsets(header, name, object, tensor, size, error))
    return FALSE;

  char *key = g_strdup(name);
  g_ptr_array_add(self->names, key);
  g_hash_table_insert(self->tensors, key, g_steal_pointer(&tensor));
  return TRUE;
}

static int
by_offset(gconstpointer a, gconstpointer b, gpointer tensors)
{
  const HysacTensor *x = g_hash_table_lookup(tensors, *(char *const *) a);
  const HysacTensor *y = g_hash_table_lookup(tensors, *(char *const *) b);
  /* Empty tensors come before what begins where they lie. */
  if (x->data != y->data)
    return (const guchar *) x->data < (const guchar *) y->data ? -1 : 1;
  return x->n_bytes < y->n_bytes ? -1 : x->n_bytes > y->n_bytes;
}

/* As the format has it: one tensor after another, no overlap, no hole, nothing behind. */
static gboolean
check_cover(HysacSafetensors *self, const Header *header, GError **error)
{
  g_autoptr(GPtrArray) sorted = g_ptr_array_sized_new(self->names->len); /* borrows */
  const guchar *next = header->data;

  g_ptr_array_extend(sorted, self->names, NULL, NULL);
  g_ptr_array_sort_with_data(sorted, by_offset, self->tensors);
  for (guint i = 0; i < sorted->len; i++) {
    const HysacTensor *tensor = g_hash_table_lookup(self->tensors, sorted->pdata[i]);
    if ((const guchar *) tensor->data != next)
      return fail(error, header, sorted->pdata[i],
                  (const guchar *) tensor->data < next ? "overlaps the tensor before it"
                                                       : "bytes before it belong to no tensor");
    next += tensor->n_bytes;
  }
  if (next != header->data + header->data_size) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_FORMAT,
                "%s: %" G_GSIZE_FORMAT " bytes at the end belong to no tensor", header->name,
                (gsize) (header->data + header->data_size - next));
    return FALSE;
  }
  return TRUE;
}

/* What is no text there is nobody's concern: readers ask for what they know. */
static void
read_metadata(HysacSafetensors *self, JsonNode *node)
{
  JsonObjectIter iter;
  const char *key;
  JsonNode *value;

  if (!JSON_NODE_HOLDS_OBJECT(node))
    return;
  json_object_iter_init(&iter, json_node_get_object(node));
  while (json_object_iter_next(&iter, &key, &value)) {
    if (JSON_NODE_HOLDS_VALUE(value) && json_node_get_value_type(value) == G_TYPE_STRING)
      g_hash_table_insert(self->metadata, g_strdup(key), g_strdup(json_node_get_string(value)));
  }
}

static gboolean
read_header(HysacSafetensors *self, const char *name, GError **error)
{
  gsize size;
  const guchar *file = g_bytes_get_data(self->bytes, &size);
  guint64 header_size;

  if (size < PREFIX_SIZE) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_FORMAT,
                "%s: %" G_GSIZE_FORMAT " bytes are no safetensors file", name, size);
    return FALSE;
  }
  memcpy(&header_size, file, sizeof header_size);
  header_size = GUINT64_FROM_LE(header_size);
  if (header_size > MIN(size - PREFIX_SIZE, MAX_HEADER_SIZE)) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_FORMAT,
                "%s: a header of %" G_GUINT64_FORMAT " bytes in a file of %" G_GSIZE_FORMAT
                " (at most %d): truncated, or no safetensors file", name, header_size, size,
                MAX_HEADER_SIZE);
    return FALSE;
  }

  const char *text = (const char *) file + PREFIX_SIZE;
  g_autoptr(JsonNode) root = hysac_json_parse(text, (gsize) header_size, name, error);
  if (!root)
    return FALSE;
  Header header = {.name = name, .data = file + PREFIX_SIZE + header_size,
                   .data_size = size - PREFIX_SIZE - (gsize) header_size};
  JsonObjectIter iter;
  const char *key;
  JsonNode *node;
  json_object_iter_init_ordered(&iter, json_node_get_object(root));
  while (json_object_iter_next_ordered(&iter, &key, &node)) {
    if (g_str_equal(key, METADATA_KEY))
      read_metadata(self, node);
    else if (!read_tensor(self, &header, key, node, error))
      return FALSE;
  }
  return check_cover(self, &header, error);
}

HysacSafetensors *
hysac_safetensors_new_from_bytes(GBytes *bytes, const char *name, GError **error)
{
  g_autoptr(HysacSafetensors) self = g_new0(HysacSafetensors, 1);

  g_atomic_ref_count_init(&self->refs);
  self->fd = -1;
  self->bytes = g_bytes_ref(bytes);
  self->names = g_ptr_array_new_with_free_func(g_free);
  self->tensors = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
  self->metadata = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  if (!read_header(self, name, error))
    return NULL;
  g_ptr_array_add(self->names, NULL);
  return g_steal_pointer(&self);
}

HysacSafetensors *
hysac_safetensors_open(const char *path, GError **error)
{
  gsize size;
  int fd = hysac_open_file(path, &size, error);
  if (fd < 0)
    return NULL;

  struct stat opened;
  g_autoptr(GError) map_error = NULL;
  g_autoptr(GMappedFile) file = g_mapped_file_new_from_fd(fd, FALSE, &map_error);
  if (!file || fstat(fd, &opened) != 0) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_IO, "%s: cannot map: %s", path,
                map_error ? map_error->message : g_strerror(errno));
    close(fd);
    return NULL;
  }
  g_autoptr(GBytes) bytes = g_mapped_file_get_bytes(file);
  HysacSafetensors *self = hysac_safetensors_new_from_bytes(bytes, path, error);
  if (!self) {
    close(fd);
    return NULL;
  }
  self->fd = fd;
  self->opened = opened;
  return self;
}

HysacSafetensors *
hysac_safetensors_ref(HysacSafetensors *self)
{
  g_atomic_ref_count_inc(&self->refs);
  return self;
}

void
hysac_safetensors_unref(HysacSafetensors *self)
{
  if (!self || !g_atomic_ref_count_dec(&self->refs))
    return;
  g_clear_pointer(&self->metadata, g_hash_table_unref);
  g_clear_pointer(&self->tensors, g_hash_table_unref);
  g_clear_pointer(&self->names, g_ptr_array_unref);
  g_clear_pointer(&self->bytes, g_bytes_unref);
  if (self->fd >= 0)
    close(self->fd);
  g_free(self);
}

const char *
hysac_safetensors_get_metadata(HysacSafetensors *self, const char *key)
{
  return g_hash_table_lookup(self->metadata, key);
}

const HysacTensor *
hysac_safetensors_lookup(HysacSafetensors *self, const char *name)
{
  return g_hash_table_lookup(self->tensors, name);
}

gsize
hysac_safetensors_size(HysacSafetensors *self)
{
  return g_bytes_get_size(self->bytes);
}

const char *const *
hysac_safetensors_names(HysacSafetensors *self)
{
  return (const char *const *) self->names->pdata;
}

/* ------------------------------------------------------------ values */

/* IEEE binary16; not through _Float16, which not every compiler has, nor through subnormal floats,
 * which a thread may have switched off. */
static float
half_to_float(guint16 half)
{
  guint32 sign = (guint32) (half & 0x8000) << 16;
  guint32 exponent = (half >> 10) & 0x1f, mantissa = half & 0x3ff;
  union {
    guint32 bits;
    float value;
  } out;

  if (exponent == 0) {
    out.value = (float) mantissa * 0x1p-24f;
    out.bits |= sign;
  } else if (exponent == 0x1f) {
    out.bits = sign | 0x7f800000 | mantissa << 13;
  } else {
    out.bits = sign | (exponent + 112) << 23 | mantissa << 13;
  }
  return out.value;
}

/* @n values; FALSE where @dtype has no conversion. */
static gboolean
convert(HysacDType dtype, const guchar *src, gsize n, float *dst)
{
  switch (dtype) {
  case HYSAC_DTYPE_F32:
    for (gsize i = 0; i < n; i++) {
      guint32 bits;
      memcpy(&bits, src + 4 * i, sizeof bits);
      bits = GUINT32_FROM_LE(bits);
      memcpy(&dst[i], &bits, sizeof bits);
    }
    return TRUE;
  case HYSAC_DTYPE_BF16:
  case HYSAC_DTYPE_F16:
    for (gsize i = 0; i < n; i++) {
      guint16 half;
      memcpy(&half, src + 2 * i, sizeof half);
      half = GUINT16_FROM_LE(half);
      if (dtype == HYSAC_DTYPE_BF16) {
        guint32 bits = (guint32) half << 16;
        memcpy(&dst[i], &bits, sizeof bits);
      } else {
        dst[i] = half_to_float(half);
      }
    }
    return TRUE;
  default:
    return FALSE;
  }
}

static gboolean
fail_dtype(const char *name, GError **error)
{
  g_autofree char *shown = hysac_shorten(name, 200);
  g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_MODEL, "tensor %s: its type is not F32, F16 or BF16",
              shown);
  return FALSE;
}

static gboolean
check_finite(const float *values, gsize n, const char *name, GError **error)
{
  for (gsize i = 0; i < n; i++) {
    guint32 bits;
    memcpy(&bits, &values[i], sizeof bits);
    if ((bits & 0x7f800000) == 0x7f800000) {
      g_autofree char *shown = hysac_shorten(name, 200);
      g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_MODEL,
                  "tensor %s: element %" G_GSIZE_FORMAT " is not a finite number", shown, i);
      return FALSE;
    }
  }
  return TRUE;
}

gboolean
hysac_tensor_read_f32(const HysacTensor *tensor, const char *name, float *dst, GError **error)
{
  if (!convert(tensor->dtype, tensor->data, tensor->n_elements, dst))
    return fail_dtype(name, error);
  return check_finite(dst, tensor->n_elements, name, error);
}

/* What was checked when the file was opened must still hold, and what is read be of one version. */
static gboolean
is_unchanged(HysacSafetensors *self)
{
  struct stat now;
  return fstat(self->fd, &now) == 0 && now.st_size == self->opened.st_size &&
         now.st_mtim.tv_sec == self->opened.st_mtim.tv_sec &&
         now.st_mtim.tv_nsec == self->opened.st_mtim.tv_nsec;
}

static void
fail_changed(int problem, GError **error)
{
  g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_IO, "the file cannot be read any more: %s",
              problem ? g_strerror(problem) : "it was changed or cut since it was opened");
}

char *
hysac_safetensors_stamp(HysacSafetensors *self)
{
  const struct stat *st = &self->opened;
  if (self->fd < 0)
    return NULL;
  return g_strdup_printf("%" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT
                         ".%09ld %" G_GINT64_FORMAT ".%09ld", (guint64) st->st_dev, (guint64) st->st_ino,
                         (gint64) st->st_size, (gint64) st->st_mtim.tv_sec, (long) st->st_mtim.tv_nsec,
                         (gint64) st->st_ctim.tv_sec, (long) st->st_ctim.tv_nsec);
}

char *
hysac_safetensors_hash(HysacSafetensors *self, const gint *stop, GError **error)
{
  g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
  gsize size;
  const guchar *bytes = g_bytes_get_data(self->bytes, &size);
  if (self->fd < 0) {
    g_checksum_update(sum, bytes, (gssize) size);
    return g_strdup(g_checksum_get_string(sum));
  }
  g_autofree guchar *chunk = g_malloc(CHUNK_SIZE);
  for (gsize done = 0; done < size;) {
    const gsize part = MIN(size - done, CHUNK_SIZE);
    if (stop != NULL && g_atomic_int_get(stop)) {
      g_set_error_literal(error, HYSAC_ERROR, HYSAC_ERROR_CANCELLED, "stopped");
      return NULL;
    }
    errno = 0;
    if (!is_unchanged(self) || !hysac_read_at(self->fd, chunk, part, done)) {
      fail_changed(errno, error);
      return NULL;
    }
    g_checksum_update(sum, chunk, (gssize) part);
    done += part;
  }
  if (!is_unchanged(self)) {
    fail_changed(0, error);
    return NULL;
  }
  return g_strdup(g_checksum_get_string(sum));
}

gboolean
hysac_safetensors_read_f32(HysacSafetensors *self, const char *name, float *dst, GError **error)
{
  const HysacTensor *tensor = hysac_safetensors_lookup(self, name);
  if (!tensor) {
    g_autofree char *shown = hysac_shorten(name, 200);
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_MODEL, "tensor %s is missing", shown);
    return FALSE;
  }
  if (self->fd < 0)
    return hysac_tensor_read_f32(tensor, name, dst, error);

  gsize done = 0;
  const gsize n = tensor->n_elements, size = n ? tensor->n_bytes / n : 1;
  const guint64 begin = (guint64) ((const guchar *) tensor->data -
                                   (const guchar *) g_bytes_get_data(self->bytes, NULL));
  g_autofree guchar *chunk = g_malloc(CHUNK_SIZE);
  while (done < n) {
    const gsize part = MIN(n - done, CHUNK_SIZE / size);
    errno = 0;
    if (!is_unchanged(self) || !hysac_read_at(self->fd, chunk, part * size, begin + done * size)) {
      fail_changed(errno, error);
      return FALSE;
    }
    if (!convert(tensor->dtype, chunk, part, dst + done))
      return fail_dtype(name, error);
    done += part;
  }
  return check_finite(dst, n, name, error);
}
