/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Private to opencl/ops*.c: variant tables, and what HysacOps is made of. */

#include "opencl/ops.h"

G_BEGIN_DECLS

/* One way to do an operation. Limits are data: no other place asks what the device is. */
typedef struct {
  const char *name;
  gboolean (*probe)(const HysacDeviceLimits *limits); /* NULL: anywhere */
  const char *program;
  const char *options; /* integers only */
  guint rows;          /* of a tile; rows of a work-item along x */
  guint panel;         /* columns of a packed panel */
  gboolean single;     /* one work-item a work-group */
} HysacVariant;

gboolean hysac_probe_avx2(const HysacDeviceLimits *limits);
gboolean hysac_probe_avx512f(const HysacDeviceLimits *limits);

/* The table's last entry that is called @force, else its last that the device can run; the first is
 * portable. With @force and no such entry: the first. */
const HysacVariant *hysac_variant_pick(const HysacVariant *table, gsize n,
                                       const HysacDeviceLimits *limits, const char *force);

extern const HysacVariant hysac_gemm_variants[], hysac_layernorm_variants[],
    hysac_attention_variants[];
extern const gsize hysac_n_gemm_variants, hysac_n_layernorm_variants, hysac_n_attention_variants;

struct _HysacOps {
  HysacDevice *device;
  char *force; /* NULL: the best */
  char *description;
  const HysacVariant *gemm, *layernorm, *attention;
  cl_kernel gemm_kernels[HYSAC_N_EPILOGUES];
  cl_kernel layernorm_kernel;
  cl_kernel attention_kernel, attention_pack_kernel; /* of attention_shape */
  HysacAttention attention_shape;
  cl_kernel embed_pixels_kernel, embed_tokens_kernel;
  cl_kernel head_kernel;
};

/* Builds @program and creates @count kernels by @names. All or none. */
gboolean hysac_ops_kernels(HysacOps *self, const char *program, const char *options, gsize count,
                           const char *const *names, cl_kernel **kernels, GError **error);

/* Reports @error (taken) as a warning and returns TRUE where the portable variant shall be tried
 * instead of @variant: a program that does not build, or computes wrongly, and was not forced. */
gboolean hysac_ops_fall_back(HysacOps *self, const HysacVariant *table, const HysacVariant *variant,
                             GError **error);

/* The attention kernel's present shape for other counts of tokens and heads. */
void hysac_ops_attention_resize(HysacOps *self, gsize tokens, gsize heads);

/* ops_selftest.c: the present variant against plain C; NUMERIC where it is off. */
gboolean hysac_ops_selftest_gemm(HysacOps *self, cl_command_queue queue, GError **error);
gboolean hysac_ops_selftest_layernorm(HysacOps *self, cl_command_queue queue, GError **error);
gboolean hysac_ops_selftest_attention(HysacOps *self, cl_command_queue queue, GError **error);

typedef struct {
  gsize size;
  const void *value; /* NULL: @size bytes of local memory */
} HysacArg;
#define HYSAC_ARG(x) {sizeof(x), &(x)}
#define HYSAC_LOCAL(bytes) {(bytes), NULL}

/* Sets all arguments and enqueues; @single: work-groups of one. */
gboolean hysac_ops_launch(cl_command_queue queue, cl_kernel kernel, const HysacArg *args, gsize n_args,
                          guint dims, const gsize *global, gboolean single, cl_event *event,
                          GError **error);

/* TRUE if every value fits the kernels' 32-bit counts and is not 0; else ARGUMENT, naming @what. */
gboolean hysac_ops_check(const char *what, const gsize *values, gsize n, GError **error);

G_END_DECLS
