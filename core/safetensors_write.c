/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/safetensors_write.h"
#include "core/file.h"
#include "core/report.h"

#include <math.h>
#include <string.h>

#define PREFIX_SIZE 8
#define ALIGNMENT 8 /* of the tensors' bytes, as the reference writes them */

/* Elements of a tensor; FALSE where it cannot be written. */
static gboolean
count_elements(const HysacFloats *tensor, gsize *count)
{
  *count = 1;
  if (tensor->rank > HYSAC_TENSOR_MAX_RANK || !tensor->name ||
      !g_utf8_validate(tensor->name, -1, NULL) || strcmp(tensor->name, "__metadata__") == 0)
    return FALSE;
  for (guint i = 0; i < tensor->rank; i++) {
    if (!g_size_checked_mul(count, *count, tensor->shape[i]) || *count > G_MAXSSIZE / 16)
      return FALSE;
  }
  for (gsize i = 0; i < *count; i++) {
    if (!isfinite(tensor->data[i]))
      return FALSE;
  }
  return TRUE;
}

static gboolean
append_metadata(GString *header, const char *const *metadata)
{
  g_string_append(header, "\"__metadata__\":{");
  for (guint i = 0; metadata[i]; i += 2) {
    if (!metadata[i + 1] || !g_utf8_validate(metadata[i], -1, NULL) ||
        !g_utf8_validate(metadata[i + 1], -1, NULL))
      return FALSE;
    g_string_append(header, i > 0 ? "," : "");
    hysac_json_append_string(header, metadata[i]);
    g_string_append_c(header, ':');
    hysac_json_append_string(header, metadata[i + 1]);
  }
  g_string_append(header, "},");
  return TRUE;
}

static void
append_tensor(GString *header, const HysacFloats *tensor, gsize start, gsize end)
{
  hysac_json_append_string(header, tensor->name);
  g_string_append(header, ":{\"dtype\":\"F32\",\"shape\":[");
  for (guint k = 0; k < tensor->rank; k++)
    g_string_append_printf(header, "%s%" G_GSIZE_FORMAT, k > 0 ? "," : "", tensor->shape[k]);
  g_string_append_printf(header, "],\"data_offsets\":[%" G_GSIZE_FORMAT ",%" G_GSIZE_FORMAT "]},",
                         start, end);
}

/* All of the header, its size in front; @counts: [n]. */
static GString *
make_header(const HysacFloats *tensors, guint n, const char *const *metadata, const gsize *counts)
{
  GString *header = g_string_new("{");
  gsize at = 0;

  if (metadata && metadata[0] && !append_metadata(header, metadata)) {
    g_string_free(header, TRUE);
    return NULL;
  }
  for (guint i = 0; i < n; i++) {
    append_tensor(header, &tensors[i], at, at + counts[i] * sizeof(float));
    at += counts[i] * sizeof(float);
  }
  if (header->str[header->len - 1] == ',')
    g_string_truncate(header, header->len - 1);
  g_string_append_c(header, '}');
  while (header->len % ALIGNMENT != 0)
    g_string_append_c(header, ' ');
  const guint64 size = GUINT64_TO_LE((guint64) header->len);
  g_string_prepend_len(header, (const char *) &size, PREFIX_SIZE);
  return header;
}

gboolean
hysac_safetensors_write(const char *path, const HysacFloats *tensors, guint n,
                        const char *const *metadata, GError **error)
{
  g_autofree gsize *counts = g_new(gsize, n + 1);

  for (guint i = 0; i < n; i++) {
    if (!count_elements(&tensors[i], &counts[i])) {
      g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT,
                  "tensor %u is too large, has no name or a number that is not finite", i);
      return FALSE;
    }
  }
  GString *file = make_header(tensors, n, metadata, counts);
  if (!file) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT, "the metadata is not UTF-8 in pairs");
    return FALSE;
  }
  for (guint i = 0; i < n; i++) {
    for (gsize k = 0; k < counts[i]; k++) {
      guint32 bits;
      memcpy(&bits, &tensors[i].data[k], sizeof bits);
      bits = GUINT32_TO_LE(bits);
      g_string_append_len(file, (const char *) &bits, sizeof bits);
    }
  }
  const gboolean ok = hysac_write_file(path, file->str, file->len, error);
  g_string_free(file, TRUE);
  return ok;
}
