/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/error.h"

/*
 * Memory-mapped safetensors files. Every size, offset, shape and dtype is checked when the file is
 * opened: a HysacTensor handed out lies wholly inside the mapping. A file that another process shortens
 * while it is mapped raises SIGBUS where the mapping is touched: hysac_safetensors_read_f32() reads from the
 * file instead, and fails.
 * Thread-safety: immutable after opening; any thread may read.
 */

G_BEGIN_DECLS

typedef enum {
  HYSAC_DTYPE_F32,
  HYSAC_DTYPE_F16,
  HYSAC_DTYPE_BF16,
  HYSAC_DTYPE_F64,
  HYSAC_DTYPE_I32,
  HYSAC_DTYPE_I64,
  HYSAC_DTYPE_U8,
  HYSAC_DTYPE_OTHER, /* known to the format, not read by us */
} HysacDType;

#define HYSAC_TENSOR_MAX_RANK 8

typedef struct {
  HysacDType dtype;
  guint rank;
  gsize shape[HYSAC_TENSOR_MAX_RANK];
  gsize n_elements;
  const void *data; /* inside the mapping; aligned to nothing in particular */
  gsize n_bytes;
} HysacTensor;

typedef struct _HysacSafetensors HysacSafetensors;

/* Maps @path. NULL and @error (IO, FORMAT) on failure. Free with hysac_safetensors_unref(). */
HYSAC_API HysacSafetensors *hysac_safetensors_open(const char *path, GError **error);
HYSAC_API HysacSafetensors *hysac_safetensors_ref(HysacSafetensors *self);
HYSAC_API void hysac_safetensors_unref(HysacSafetensors *self); /* NULL is fine */

/* The same checks over bytes in memory (the fuzz target's way in). @bytes is referenced. @name is
 * what errors call it. */
HYSAC_API HysacSafetensors *hysac_safetensors_new_from_bytes(GBytes *bytes, const char *name,
                                                             GError **error);

/* Borrowed pointer, valid while @self lives; NULL if there is no such tensor. */
HYSAC_API const HysacTensor *hysac_safetensors_lookup(HysacSafetensors *self, const char *name);

/* A text of the header's "__metadata__", as the file has it; NULL if there is none. Borrowed. */
HYSAC_API const char *hysac_safetensors_get_metadata(HysacSafetensors *self, const char *key);

/* Bytes of the whole file. */
HYSAC_API gsize hysac_safetensors_size(HysacSafetensors *self);

/* Names in file order; borrowed, NULL-terminated. */
HYSAC_API const char *const *hysac_safetensors_names(HysacSafetensors *self);

/* The tensor's values as floats; @dst holds as many as it has elements. Read from the file, not from the
 * mapping. FALSE and @error: IO where the file was changed, cut or cannot be read since it was opened, MODEL as
 * below, and where there is no such tensor. */
HYSAC_API gboolean hysac_safetensors_read_f32(HysacSafetensors *self, const char *name, float *dst,
                                              GError **error);

/* Converts F32, F16 or BF16 to float, from memory; @dst holds n_elements floats. FALSE and @error (MODEL) where
 * the type is another or a value is not finite; @name is what the error calls the tensor. */
HYSAC_API gboolean hysac_tensor_read_f32(const HysacTensor *tensor, const char *name, float *dst,
                                         GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(HysacSafetensors, hysac_safetensors_unref)

G_END_DECLS
