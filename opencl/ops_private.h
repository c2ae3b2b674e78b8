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
  guint across;        /* panels of a work-group; 0: one */
  guint group;         /* work-items of a work-group, along x; 0: the driver's choice */
  guint precisions;    /* HYSAC_BIT() of each that it can do */
  guint native;        /* of those, the ones it is faster in than in fp32 */
  gboolean causal;     /* attention: texts too */
  gboolean halves;     /* attention: q, k and v are fp16 */
  gboolean untried;    /* it has never run on its hardware: only HYSAC_VARIANT takes it, by its name */
  gboolean panels_first; /* panels on x */
  gboolean split; /* fp32: products of floats' parts; kernel "split" makes them of A */
  gboolean pairs; /* int8: 255 times two neighbouring weights must fit 16 bits */
  guint reach;    /* words of K a launch, at most; 0: all, and the kernels do not ask */
  cl_device_type only; /* what it is taken on unasked; 0: anything. HYSAC_VARIANT takes it anywhere */
} HysacVariant;

#define HYSAC_NEVER CL_DEVICE_TYPE_CUSTOM /* in @only: limits have no such type */

#define HYSAC_BIT(precision) (1u << (precision))
#define HYSAC_FP32 HYSAC_BIT(HYSAC_PRECISION_FP32)
#define HYSAC_BF16 HYSAC_BIT(HYSAC_PRECISION_BF16)
#define HYSAC_FP16 HYSAC_BIT(HYSAC_PRECISION_FP16)
#define HYSAC_INT8 HYSAC_BIT(HYSAC_PRECISION_INT8)
#define HYSAC_ALL_PRECISIONS (HYSAC_FP32 | HYSAC_BF16 | HYSAC_FP16 | HYSAC_INT8)

/* How a precision stores an operand (ops.h). */
typedef struct {
  HysacPrecision precision;
  guint per_word;     /* numbers in four bytes */
  guint trailer;      /* words after a row's numbers */
  const char *option; /* of every program that reads or writes operands */
  double limit;       /* self-tests: normalised mean square error */
} HysacStorage;

/* NULL for a precision that no operation has. */
const HysacStorage *hysac_storage_find(HysacPrecision precision);
static inline gsize
hysac_storage_words(const HysacStorage *self, gsize k)
{
  return (k + self->per_word - 1) / self->per_word;
}

gboolean hysac_probe_avx2(const HysacDeviceLimits *limits);
gboolean hysac_probe_avx2_asm(const HysacDeviceLimits *limits);
gboolean hysac_probe_avx512f(const HysacDeviceLimits *limits);
gboolean hysac_probe_avx512_vnni(const HysacDeviceLimits *limits);
gboolean hysac_probe_avx512_bf16(const HysacDeviceLimits *limits);
gboolean hysac_probe_amx(const HysacDeviceLimits *limits);
/* Local memory and work-groups that the tiled kernels can do with; the kernels themselves are asked by
 * hysac_ops_check_group(). */
gboolean hysac_probe_tiled(const HysacDeviceLimits *limits);
gboolean hysac_probe_tensor_cores(const HysacDeviceLimits *limits);
/* Intel's matrix engines, of sub-groups of 8 and of 16. */
gboolean hysac_probe_matrix_8(const HysacDeviceLimits *limits);
gboolean hysac_probe_matrix_16(const HysacDeviceLimits *limits);
gboolean hysac_probe_integer_dot(const HysacDeviceLimits *limits);

/* The table's last entry that @device can run in @precision, that is not untried, and is for its type; the
 * first is portable. @force: the last whose name is @force or what @force extends ("x86-avx512" of
 * "x86-avx512-vnni"), an untried one only where it is @force; without such: the first. */
const HysacVariant *hysac_variant_pick(const HysacVariant *table, gsize n,
                                       const HysacDeviceLimits *limits, HysacPrecision precision,
                                       const char *force);

extern const HysacVariant hysac_gemm_variants[], hysac_layernorm_variants[],
    hysac_attention_variants[];
extern const gsize hysac_n_gemm_variants, hysac_n_layernorm_variants, hysac_n_attention_variants;

struct _HysacOps {
  HysacDevice *device;
  const HysacStorage *storage;
  char *force; /* NULL: the best */
  char *description;
  const HysacVariant *gemm, *layernorm, *attention;
  cl_kernel gemm_kernels[HYSAC_N_EPILOGUES];
  cl_kernel gemm_wide_kernels[HYSAC_N_EPILOGUES]; /* the activations only, and not in fp32 */
  cl_kernel gemm_half_kernel; /* not in fp32 */
  cl_kernel layernorm_kernel;
  cl_kernel layernorm_operand_kernel, operand_kernel; /* not in fp32 */
  cl_kernel operand_wide_kernel;                      /* int8 only */
  cl_kernel split_kernel; /* of a gemm that splits */
  cl_mem parts;           /* what it makes */
  gsize parts_bytes;
  cl_kernel attention_kernel, attention_pack_kernel; /* of attention_shape */
  HysacAttention attention_shape;
  cl_kernel embed_pixels_kernel, embed_tokens_kernel, embed_text_kernel, embed_last_kernel;
  cl_kernel head_kernel;
};

/* Builds @program and creates @count kernels by @names. All or none. */
gboolean hysac_ops_kernels(HysacOps *self, const char *program, const char *options, gsize count,
                           const char *const *names, cl_kernel **kernels, GError **error);

/* Whether @device can run these kernels in work-groups of @variant's size, with the local memory that they
 * take: else BUILD. */
gboolean hysac_ops_check_group(HysacOps *self, const HysacVariant *variant, gsize count, cl_kernel **kernels,
                               GError **error);

/* Reports @error (taken) as a warning and returns TRUE where the portable variant shall be tried
 * instead of @variant: a program that does not build, or computes wrongly, and was not forced, or
 * is untried. */
gboolean hysac_ops_fall_back(HysacOps *self, const HysacVariant *table, const HysacVariant *variant,
                             GError **error);

/* ops_norm.c: the rows of halves that gemm made, to operands. */
gboolean hysac_ops_operand_wide(HysacOps *self, cl_command_queue queue, cl_mem x, gsize ldx, cl_mem y,
                                gsize ldy, gsize m, gsize n, cl_event *event, GError **error);

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

/* Sets all arguments and enqueues. @group: work-items of a work-group along x, where @global counts
 * work-groups; 0: the driver's choice, @global counts work-items. */
gboolean hysac_ops_launch(cl_command_queue queue, cl_kernel kernel, const HysacArg *args, gsize n_args,
                          guint dims, const gsize *global, guint group, cl_event *event,
                          GError **error);

/* TRUE if every value fits the kernels' 32-bit counts and is not 0; else ARGUMENT, naming @what. */
gboolean hysac_ops_check(const char *what, const gsize *values, gsize n, GError **error);

G_END_DECLS
