/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Private to opencl/: the operations that the towers are made of, one launch function each.
 *
 * Each operation has a table of variants (ops_*.c): the portable one first, which runs anywhere, then
 * faster ones behind a probe. HysacOps picks one of each once. HYSAC_VARIANT (or @variant) forces
 * one by its name, e.g. "portable"; an operation that has none of that name takes its portable one.
 * A chosen variant is tried on a small case first; one that does not build or is wrong gives way to
 * the portable one, with a warning (an error, BUILD or NUMERIC, where it was forced, but for one that
 * has never run on its hardware: to ask for that is to try, on any device).
 * Kernel file, C reference (tests/opencl/ref_ops.c), test and table entry share a stem.
 *
 * Matrices are row-major floats, but for operands; "ld" is the distance of two rows in floats, at least
 * the columns. An odd multiple of 16 (hysac_ops_ld()) keeps rows from sharing cache sets.
 * Every element's arithmetic is independent of the number of rows: a batch gives the bits of singles.
 *
 * Every launch: FALSE with @error (DEVICE, DEVICE_LOST, OUT_OF_MEMORY; ARGUMENT for shapes that
 * cannot be) and nothing enqueued; @event is nullable (transfer full).
 * Thread-safety: none; one HysacOps a thread (kernel objects hold their arguments).
 */

#include "core/model.h"
#include "opencl/cl.h"

G_BEGIN_DECLS

typedef struct _HysacOps HysacOps;

/* @precision: what matrix products are computed in; not AUTO. @variant: NULL for HYSAC_VARIANT or,
 * without it, the best. UNSUPPORTED where the device lacks either (a variant that has never run on its hardware: a
 * warning, and the best). */
HysacOps *hysac_ops_new(HysacDevice *device, HysacPrecision precision, const char *variant,
                        GError **error);
/* Whether there are kernels for @precision. */
gboolean hysac_ops_supports(HysacPrecision precision);
/* Whether @device multiplies faster in @precision than in fp32, by variants that have been tried (or the
 * one that HYSAC_VARIANT forces). */
gboolean hysac_ops_native(HysacDevice *device, HysacPrecision precision);
void hysac_ops_free(HysacOps *self); /* NULL is fine */
HysacDevice *hysac_ops_device(HysacOps *self);
/* "gemm x86-avx512, attention portable, …"; borrowed. */
const char *hysac_ops_describe(HysacOps *self);
/* Names of all variants of any operation that @device can run, NULL-terminated (transfer full). */
char **hysac_ops_variants(HysacDevice *device);

/* A read-write buffer; size 0 is ARGUMENT, above CL_DEVICE_MAX_MEM_ALLOC_SIZE OUT_OF_MEMORY. The
 * message calls it @what. */
cl_mem hysac_ops_buffer(HysacOps *self, gsize size, const char *what, GError **error);
/* The same, filled with @n floats. */
cl_mem hysac_ops_buffer_floats(HysacOps *self, const float *data, gsize n, const char *what,
                               GError **error);
static inline gsize
hysac_ops_ld(gsize columns)
{
  gsize lines = (columns + 15) / 16;
  return (lines | 1) * 16;
}

/* The same of rows of fp16 numbers; counts those, even. */
static inline gsize
hysac_ops_half_ld(gsize columns)
{
  return 2 * hysac_ops_ld((columns + 1) / 2);
}

/* ---- operands: what a matrix product reads ---- */

/*
 * Rows of k numbers as the precision stores them, in words of four bytes; "ld" counts words.
 * fp32: floats. bf16, fp16: two a word, a zero after an odd last one. int8: bytes, four a word, then two
 * words: the row's scale s (float) and zero z (int); a byte b stands for s (b - z).
 */
gsize hysac_ops_operand_ld(HysacOps *self, gsize k);
/* TRUE where operands are plain floats (fp32). */
gboolean hysac_ops_operand_is_float(HysacOps *self);
/* @x: rows of floats; @y: operands, not @x. Where operands are floats: @y is @x, and nothing is done. */
gboolean hysac_ops_operand(HysacOps *self, cl_command_queue queue, cl_mem x, gsize ldx, cl_mem y,
                           gsize ldy, gsize m, gsize n, cl_event *event, GError **error);

/* ---- gemm: C = epilogue(A W^T + bias) ---- */

/* W [n][k] and bias [n], packed as the gemm variant wants them. The padding is zero. */
typedef struct _HysacWeights HysacWeights;

/* Zero weights: put() what there is, then finish(). int8 has a limit of k: UNSUPPORTED. */
HysacWeights *hysac_weights_new(HysacOps *ops, gsize n, gsize k, const char *what, GError **error);
void hysac_weights_free(HysacWeights *self); /* NULL is fine */
/* Block [n0, n0 + rows) x [k0, k0 + cols) from @src, whose rows are @ld apart. Before finish(). */
void hysac_weights_put(HysacWeights *self, gsize n0, gsize k0, const float *src, gsize rows,
                       gsize cols, gsize ld);
void hysac_weights_put_bias(HysacWeights *self, gsize n0, const float *src, gsize n);
/* Before finish(): divides range between A and W. @maxima: the largest magnitude of each of A's k columns;
 * W's column j is multiplied by @moved[j], and A's must be divided by it. */
void hysac_weights_smooth(HysacWeights *self, const float *maxima, float *moved);
gboolean hysac_weights_finish(HysacWeights *self, GError **error);
/* Bytes of what finish() leaves for n x k: the panels, and the bias with what the precision has beside it. */
void hysac_weights_bytes(HysacOps *ops, gsize n, gsize k, gsize bytes[2]);
/* Those buffers; borrowed. */
void hysac_weights_buffers(HysacWeights *self, cl_mem buffers[2]);
/* Weights as they were finished before, by the same layout: over buffers of so many bytes, which it takes
 * (on failure too). */
HysacWeights *hysac_weights_new_packed(HysacOps *ops, gsize n, gsize k, const cl_mem buffers[2],
                                       const char *what, GError **error);
/* What the packed bytes depend on besides n, k and the sources (transfer full). */
char *hysac_weights_layout(HysacOps *ops);
/* n rounded up to the panel: the columns that gemm can fill (with zeros past n). */
gsize hysac_weights_columns(HysacWeights *self);

typedef enum {
  HYSAC_EPILOGUE_BIAS,
  HYSAC_EPILOGUE_QUICK_GELU,
  HYSAC_EPILOGUE_GELU,
  HYSAC_EPILOGUE_RESIDUAL, /* C += A W^T + bias */
  HYSAC_N_EPILOGUES,
} HysacEpilogue;

/* @a: operands, m x k; @c: floats, m x cols, not @a. cols: n, or up to hysac_weights_columns(). */
gboolean hysac_ops_gemm(HysacOps *self, cl_command_queue queue, HysacEpilogue epilogue, cl_mem a,
                        gsize lda, HysacWeights *w, cl_mem c, gsize ldc, gsize m, gsize cols,
                        cl_event *event, GError **error);

/* The same, and @c are operands; an activation only. @wide: hysac_ops_wide_bytes() to work in, NULL
 * where that is 0. */
gboolean hysac_ops_gemm_operand(HysacOps *self, cl_command_queue queue, HysacEpilogue epilogue,
                                cl_mem a, gsize lda, HysacWeights *w, cl_mem c, gsize ldc, gsize m,
                                gsize cols, cl_mem wide, cl_event *event, GError **error);
gsize hysac_ops_wide_bytes(HysacOps *self, gsize m, gsize cols);
/* The same, and @c are fp16 numbers, @ldc of them apart; HYSAC_EPILOGUE_BIAS, and not where operands are floats. What
 * fp16 does not hold becomes infinite. */
gboolean hysac_ops_gemm_half(HysacOps *self, cl_command_queue queue, cl_mem a, gsize lda, HysacWeights *w, cl_mem c,
                             gsize ldc, gsize m, gsize cols, cl_event *event, GError **error);

/* ---- layernorm: rows of X to rows of Y; Y may be X ---- */
gboolean hysac_ops_layernorm(HysacOps *self, cl_command_queue queue, cl_mem x, gsize ldx, cl_mem y,
                             gsize ldy, gsize m, gsize n, cl_mem gain, cl_mem bias, float eps,
                             cl_event *event, GError **error);
/* The same, and @y are operands; not @x unless operands are floats. */
gboolean hysac_ops_layernorm_operand(HysacOps *self, cl_command_queue queue, cl_mem x, gsize ldx,
                                     cl_mem y, gsize ldy, gsize m, gsize n, cl_mem gain, cl_mem bias,
                                     float eps, cl_event *event, GError **error);

/* ---- attention: softmax(scale Q K^T) V of each head and image ---- */
typedef struct {
  gboolean causal;
  gsize tokens, heads; /* causal: of the longest text */
  gsize head;          /* padded head dimension, from hysac_ops_attention_setup() */
  gboolean halves;     /* q, k and v are fp16 numbers, from there too */
  gsize scratch_bytes; /* of one image; 0: none wanted */
} HysacAttention;

/* Picks and builds the variant for a shape. One shape at a time: a second call replaces the first. */
gboolean hysac_ops_attention_setup(HysacOps *self, gsize tokens, gsize heads, gsize head_dim,
                                   HysacAttention *attention, GError **error);
/* @qkv: images*tokens rows: q of all heads, k, v, each head padded with zeros to @head floats,
 * or fp16 numbers; @ld counts those.
 * @out: the first @queries rows of each image's tokens rows, heads * head columns. @scratch: images *
 * scratch_bytes, or NULL where that is 0. */
gboolean hysac_ops_attention(HysacOps *self, cl_command_queue queue, cl_mem qkv, gsize ld, cl_mem out,
                             gsize ldo, gsize images, gsize queries, float scale, cl_mem scratch,
                             cl_event *event, GError **error);

/* The same for texts of any length up to @tokens, where a token sees those up to itself. Takes variants that
 * can do that only. */
gboolean hysac_ops_attention_setup_causal(HysacOps *self, gsize tokens, gsize heads, gsize head_dim,
                                          HysacAttention *attention, GError **error);
/* @starts: texts + 1 uints: text i is rows starts[i] to starts[i + 1] - 1, at least one and at most @longest of
 * them. @last: only the last token of each is asked for, and row i of @out is text i's; else @out has the rows
 * of @qkv. */
gboolean hysac_ops_attention_causal(HysacOps *self, cl_command_queue queue, cl_mem qkv, gsize ld,
                                    cl_mem starts, cl_mem out, gsize ldo, gsize texts, gsize longest,
                                    gboolean last, float scale, cl_mem scratch, cl_event *event,
                                    GError **error);

/* ---- embed: around the patch product, and what texts begin and end with ---- */

/* Operands x[m][k] = bytes - 128, exact in every precision. */
gboolean hysac_ops_embed_pixels(HysacOps *self, cl_command_queue queue, cl_mem patches, gsize k,
                                cl_mem x, gsize ld, gsize m, cl_event *event, GError **error);
/* Rows of @x: for each image the class token, then its tokens - 1 rows of @y; plus positions
 * [tokens][n]. */
gboolean hysac_ops_embed_tokens(HysacOps *self, cl_command_queue queue, cl_mem y, gsize ldy,
                                cl_mem token, cl_mem position, cl_mem x, gsize ldx, gsize images,
                                gsize tokens, gsize n, cl_event *event, GError **error);

/* Rows of @x: row i is @table's row ids[i] plus @position's row places[i]; both of @n floats a row, @ids and
 * @places uints. The caller has checked that they are rows of the tables. */
gboolean hysac_ops_embed_text(HysacOps *self, cl_command_queue queue, cl_mem table, cl_mem position,
                              cl_mem ids, cl_mem places, cl_mem x, gsize ldx, gsize m, gsize n,
                              cl_event *event, GError **error);
/* Row i of @y is the last row of text i in @x; @starts as in hysac_ops_attention_causal(). */
gboolean hysac_ops_embed_last(HysacOps *self, cl_command_queue queue, cl_mem x, gsize ldx, cl_mem starts,
                              cl_mem y, gsize ldy, gsize texts, gsize n, cl_event *event, GError **error);

/* ---- head: exponential map and root distance, as core/lorentz.h defines them ---- */
gboolean hysac_ops_head(HysacOps *self, cl_command_queue queue, cl_mem features, gsize n, gsize m,
                        float alpha, float curvature, cl_mem points, cl_mem distances,
                        cl_event *event, GError **error);

G_END_DECLS
