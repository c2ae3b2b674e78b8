/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The operations of opencl/ops.h in plain C and double: what every kernel variant is compared with. */

#include "opencl/ops.h"

double ref_activation(HysacEpilogue epilogue, double x);

/* c[m][n] (double, rows n apart) = epilogue(a w^T + bias); RESIDUAL adds to what c holds.
 * @w: [n][k]; @bias: nullable. */
void ref_gemm(HysacEpilogue epilogue, const double *a, gsize lda, const float *w, const float *bias,
              double *c, gsize ldc, gsize m, gsize n, gsize k);

void ref_layernorm(const double *x, gsize ldx, double *y, gsize ldy, gsize m, gsize n,
                   const float *gain, const float *bias, double eps);

/* @qkv: tokens rows of q, k, v, each heads * head wide; @out: heads * head. One image, or one text where
 * @causal: a token sees those up to itself. @noise: nullable, as @out: each number's variance where q, k, v
 * and the weights of the values have relative errors of variance 1, each of its own. */
void ref_attention(const double *qkv, gsize ld, double *out, double *noise, gsize ldo, gsize tokens, gsize heads,
                   gsize head, gboolean causal, double scale);

void ref_embed_tokens(const double *y, gsize ldy, const float *token, const float *position, double *x,
                      gsize ldx, gsize images, gsize tokens, gsize n);

/* @x: n floats, the sum of two rows of tables. */
void ref_embed_text(const float *table, const float *position, guint32 id, guint32 place, float *x, gsize n);

void ref_head(const float *feature, gsize n, double alpha, double c, double *point, double *distance);
