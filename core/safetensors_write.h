/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/safetensors.h"

G_BEGIN_DECLS

typedef struct {
  const char *name;
  const float *data; /* finite */
  guint rank;        /* at most HYSAC_TENSOR_MAX_RANK */
  gsize shape[HYSAC_TENSOR_MAX_RANK];
} HysacFloats;

/**
 * hysac_safetensors_write:
 * @tensors: [n], written as F32 in this order; names that differ, none of them "__metadata__"
 * @metadata: (nullable): key, value, key, value, ..., NULL; UTF-8
 *
 * Writes a safetensors file, whole or not at all: a new file takes the old one's place when all of it is
 * on the disk. Any thread.
 *
 * Returns: FALSE with @error: ARGUMENT (a tensor or text that cannot be written), IO
 */
HYSAC_API gboolean hysac_safetensors_write(const char *path, const HysacFloats *tensors, guint n,
                                           const char *const *metadata, GError **error);

G_END_DECLS
