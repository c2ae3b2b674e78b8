/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The products, and the operands that they read. */

#include "checkgemm.h"

#include "operands.h"
#include "ref_ops.h"

#include <math.h>
#include <string.h>

static double
power(const double *x, gsize n)
{
  double sum = 0.0;
  for (gsize i = 0; i < n; i++)
    sum += x[i] * x[i];
  return sum;
}

/* Operands in @got against @want [m][n]. */
static void
expect_operands(Check *self, const Guarded *got, const double *want, gsize m, gsize n, gsize ld,
                double extra)
{
  g_autofree float *words = check_read(self, got);
  g_autofree double *x = operands_value(self, words, m, n, ld);
  check_guards(self, got, m, operands_words(self, n), ld);
  for (gsize i = 0; i < m * n; i++) {
    const double *row = want + i / n * n;
    if (!(fabs(x[i] - want[i]) <= operands_tolerance(self, row, n, want[i]) + extra * (fabs(want[i]) + 1.0))) {
      check_fail(self, "row %zu, column %zu: %.9g for %.9g", i / n, i % n, x[i], want[i]);
      break;
    }
  }
}

/* ---- gemm ---- */

typedef struct {
  Check *check;
  HysacEpilogue epilogue;
  Guarded a, c;
  HysacWeights *w;
  gsize lda, ldc, m, cols;
} Gemm;

static gboolean
run_gemm(gpointer data, cl_event *event)
{
  Gemm *g = data;
  g_autoptr(GError) error = NULL;
  return check_ok(g->check, hysac_ops_gemm(g->check->ops, g->check->queue, g->epilogue, g->a.mem,
                                           g->lda, g->w, g->c.mem, g->ldc, g->m, g->cols, event,
                                           &error), &error);
}

static const char *const epilogue_names[] = { "bias", "quick_gelu", "gelu", "residual" };

void
check_gemm(Check *self, HysacEpilogue epilogue, gsize m, gsize n, gsize k, Fill fill, gboolean whole)
{
  g_autoptr(GError) error = NULL;
  Gemm g = { .check = self, .epilogue = epilogue, .m = m };
  g_autofree float *a = check_random(self, m * k, fill, 1.0f), *bias = check_random(self, n, fill, 1.0f),
                   *w = check_random(self, n * k, fill == FILL_OFFSET ? FILL_NORMAL : fill,
                                     1.0f / sqrtf((float) k));
  g_autofree float *before = NULL, *first = NULL, *again = NULL, *alone = NULL;
  g.w = hysac_weights_new(self->ops, n, k, "test", &error);
  if (!check_ok(self, g.w != NULL, &error))
    goto out;
  hysac_weights_put(g.w, 0, 0, w, n, k, k);
  hysac_weights_put_bias(g.w, 0, bias, n);
  if (!check_ok(self, hysac_weights_finish(g.w, &error), &error))
    goto out;
  operands_round_weights(self, w, n, k);
  g.cols = whole ? hysac_weights_columns(g.w) : n;
  g.lda = operands_words(self, k) + 3;
  g.ldc = g.cols + 5;
  before = check_random(self, m * g.cols, FILL_NORMAL, 1.0f);
  g.a = operands_make(self, a, m, k, g.lda);
  g.c = check_matrix(self, before, m, g.cols, g.ldc);
  if (!run_gemm(&g, NULL))
    goto out;
  first = check_read(self, &g.c);
  check_guards(self, &g.c, m, g.cols, g.ldc);
  {
    g_autofree float *words = check_read(self, &g.a);
    g_autofree double *da = operands_value(self, words, m, k, g.lda), *want = g_new0(double, m * g.cols);
    for (gsize i = 0; epilogue == HYSAC_EPILOGUE_RESIDUAL && i < m * g.cols; i++)
      want[i] = (double) before[i];
    ref_gemm(epilogue, da, k, w, bias, want, g.cols, m, n, k);
    double nmse = check_nmse(first, g.ldc, want, g.cols, m, g.cols), scale = power(want, m * g.cols);
    if (epilogue == HYSAC_EPILOGUE_GELU && scale > 0.0) {
      /* Its error is relative to what goes in: where that is far below zero, next to nothing comes out. */
      memset(want, 0, m * g.cols * sizeof *want);
      ref_gemm(HYSAC_EPILOGUE_BIAS, da, k, w, bias, want, g.cols, m, n, k);
      nmse *= scale / power(want, m * g.cols);
      scale = power(want, m * g.cols);
    }
    if (m * g.cols == 1 && scale > 0.0) /* alone it may be next to nothing, of a product and a bias that are not */
      nmse *= scale / (scale + (double) bias[0] * (double) bias[0]);
    check_expect_nmse(self, nmse);
  }
  /* Again from the same C; then the last row alone. */
  check_release(&g.c);
  g.c = check_matrix(self, before, m, g.cols, g.ldc);
  if (!run_gemm(&g, NULL))
    goto out;
  again = check_read(self, &g.c);
  check_expect_same(self, first, again, (m - 1) * g.ldc + g.cols, "other bits the second time");
  check_release(&g.a);
  check_release(&g.c);
  g.a = operands_make(self, a + (m - 1) * k, 1, k, g.lda);
  g.c = check_matrix(self, before + (m - 1) * g.cols, 1, g.cols, g.ldc);
  g.m = 1;
  if (!run_gemm(&g, NULL))
    goto out;
  alone = check_read(self, &g.c);
  check_expect_same(self, first + (m - 1) * g.ldc, alone, g.cols, "other bits for the last row alone");
  if (self->bench && m > 1) {
    g_autofree char *what = g_strdup_printf("gemm_%s %zu x %zu x %zu", epilogue_names[epilogue], m, n, k);
    check_release(&g.a);
    check_release(&g.c);
    /* Timed with the towers' leading dimensions. */
    g.lda = hysac_ops_operand_ld(self->ops, k);
    g.ldc = hysac_ops_ld(g.cols);
    g.m = m;
    g.a = operands_make(self, a, m, k, g.lda);
    g.c = check_matrix(self, before, m, g.cols, g.ldc);
    check_time(self, what, 2.0 * (double) m * (double) n * (double) k, run_gemm, &g);
  }
out:
  check_release(&g.a);
  check_release(&g.c);
  hysac_weights_free(g.w);
  check_done(self, "gemm_%s %zu x %zu x %zu %s%s", epilogue_names[epilogue], m, n, k, fill_names[fill],
             whole ? " whole panels" : "");
}

/* Activations as operands for the next product. */
void
check_gemm_operand(Check *self, HysacEpilogue epilogue, gsize m, gsize n, gsize k)
{
  g_autoptr(GError) error = NULL;
  const gsize lda = operands_words(self, k) + 1, ldc = operands_words(self, n) + 3;
  g_autofree float *a = check_random(self, m * k, FILL_NORMAL, 1.0f),
                   *bias = check_random(self, n, FILL_NORMAL, 1.0f),
                   *w = check_random(self, n * k, FILL_NORMAL, 1.0f / sqrtf((float) k));
  HysacWeights *packed = hysac_weights_new(self->ops, n, k, "test", &error);
  Guarded ga = operands_make(self, a, m, k, lda), wide = { 0 },
          gc = check_buffer(self, (m - 1) * ldc + operands_words(self, n));
  const gsize wide_bytes = hysac_ops_wide_bytes(self->ops, m, n);
  if (wide_bytes > 0)
    wide = check_buffer(self, wide_bytes / 4);
  if (!check_ok(self, packed != NULL, &error))
    goto out;
  hysac_weights_put(packed, 0, 0, w, n, k, k);
  hysac_weights_put_bias(packed, 0, bias, n);
  if (check_ok(self, hysac_weights_finish(packed, &error), &error) &&
      check_ok(self, hysac_ops_gemm_operand(self->ops, self->queue, epilogue, ga.mem, lda, packed, gc.mem,
                                            ldc, m, n, wide.mem, NULL, &error), &error)) {
    g_autofree float *words = check_read(self, &ga);
    g_autofree double *da = operands_value(self, words, m, k, lda), *want = g_new0(double, m * n);
    operands_round_weights(self, w, n, k);
    ref_gemm(epilogue, da, k, w, bias, want, n, m, n, k);
    /* int8 comes by way of halves. */
    expect_operands(self, &gc, want, m, n, ldc, self->precision == HYSAC_PRECISION_INT8 ? 1e-3 : 1e-5);
    if (wide_bytes > 0)
      check_guards(self, &wide, 1, wide.n, wide.n);
  }
out:
  hysac_weights_free(packed);
  check_release(&ga);
  check_release(&gc);
  check_release(&wide);
  check_done(self, "gemm_%s as operands %zu x %zu x %zu", epilogue_names[epilogue], m, n, k);
}

void
check_gemm_half(Check *self, gsize m, gsize n, gsize k)
{
  g_autoptr(GError) error = NULL;
  const gsize lda = operands_words(self, k) + 1, ldc = (n + 1) / 2 + 3; /* words */
  if (self->precision == HYSAC_PRECISION_FP32)
    return;
  g_autofree float *a = check_random(self, m * k, FILL_NORMAL, 1.0f),
                   *bias = check_random(self, n, FILL_NORMAL, 1.0f),
                   *w = check_random(self, n * k, FILL_NORMAL, 1.0f / sqrtf((float) k));
  HysacWeights *packed = hysac_weights_new(self->ops, n, k, "test", &error);
  Guarded ga = operands_make(self, a, m, k, lda), gc = check_buffer(self, (m - 1) * ldc + (n + 1) / 2);
  if (!check_ok(self, packed != NULL, &error))
    goto out;
  bias[0] = 65530.0f; /* with what is added, beyond at times */
  if (n > 1) { /* a number that fp16 has few digits for */
    bias[n - 1] = 1e-6f;
    memset(w + (n - 1) * k, 0, k * sizeof *w);
  }
  hysac_weights_put(packed, 0, 0, w, n, k, k);
  hysac_weights_put_bias(packed, 0, bias, n);
  if (check_ok(self, hysac_weights_finish(packed, &error), &error) &&
      check_ok(self, hysac_ops_gemm_half(self->ops, self->queue, ga.mem, lda, packed, gc.mem, 2 * ldc, m, n, NULL,
                                         &error), &error)) {
    g_autofree float *words = check_read(self, &ga), *got = check_read(self, &gc);
    g_autofree double *da = operands_value(self, words, m, k, lda), *want = g_new0(double, m * n);
    operands_round_weights(self, w, n, k);
    ref_gemm(HYSAC_EPILOGUE_BIAS, da, k, w, bias, want, n, m, n, k);
    check_guards(self, &gc, m, (n + 1) / 2, ldc);
    for (gsize i = 0; i < m; i++) {
      const guint16 *row = (const guint16 *) (got + i * ldc);
      for (gsize j = 0; j < n; j++) {
        const double x = check_from_half(row[j]), y = want[i * n + j],
                     near = fabs(y) / 2047.0 + (j == n - 1 ? 0x1p-25 : 1e-5);
        if (fabs(y) > 65520.5 ? !isinf(x) : !(fabs(x - y) <= near || fabs(y) > 65519.5)) {
          check_fail(self, "row %zu, column %zu: %.9g for %.9g", i, j, x, y);
          goto out;
        }
      }
      if (n % 2 == 1 && row[n] != CHECK_CANARY >> 16)
        check_fail(self, "row %zu: the half behind its last is %x", i, row[n]);
    }
  }
out:
  hysac_weights_free(packed);
  check_release(&ga);
  check_release(&gc);
  check_done(self, "gemm_bias as halves %zu x %zu x %zu", m, n, k);
}

/* ---- operands of floats and of a LayerNorm ---- */

void
check_operand(Check *self, gsize m, gsize n, Fill fill)
{
  g_autoptr(GError) error = NULL;
  const gsize ld = operands_words(self, n) + 5;
  g_autofree float *x = check_random(self, m * n, fill, 1.0f), *gain = check_random(self, n, FILL_NORMAL, 1.0f),
                   *bias = check_random(self, n, FILL_NORMAL, 1.0f);
  g_autofree double *dx = check_double(x, m * n), *want = g_new(double, m * n);
  Guarded gx = check_matrix(self, x, m, n, n + 1), gg = check_matrix(self, gain, 1, n, n),
          gb = check_matrix(self, bias, 1, n, n), y = check_buffer(self, (m - 1) * ld + operands_words(self, n));
  if (self->precision != HYSAC_PRECISION_FP32 &&
      check_ok(self, hysac_ops_operand(self->ops, self->queue, gx.mem, n + 1, y.mem, ld, m, n, NULL, &error),
               &error))
    expect_operands(self, &y, dx, m, n, ld, 1e-6);
  if (check_ok(self, hysac_ops_layernorm_operand(self->ops, self->queue, gx.mem, n + 1, y.mem, ld, m, n,
                                                 gg.mem, gb.mem, 1e-5f, NULL, &error), &error)) {
    ref_layernorm(dx, n, want, n, m, n, gain, bias, 1e-5);
    /* A common offset of 1e4 leaves the differences three digits fewer. */
    expect_operands(self, &y, want, m, n, ld, fill == FILL_OFFSET ? 2e-3 : 2e-5);
  }
  /* What is not finite must stay so in the products, and nothing else's row. */
  if (self->precision == HYSAC_PRECISION_INT8) {
    const float infinite = fill == FILL_ZERO ? NAN : INFINITY;
    x[m * n - 1] = infinite;
    check_release(&gx);
    gx = check_matrix(self, x, m, n, n + 1);
    if (check_ok(self, hysac_ops_operand(self->ops, self->queue, gx.mem, n + 1, y.mem, ld, m, n, NULL,
                                         &error), &error)) {
      g_autofree float *words = check_read(self, &y);
      for (gsize i = 0; i < m; i++) {
        if (isfinite(words[i * ld + (n + 3) / 4]) == (i == m - 1))
          check_fail(self, "row %zu: a scale of %g", i, (double) words[i * ld + (n + 3) / 4]);
      }
    }
  }
  if (self->precision == HYSAC_PRECISION_FP16) {
    x[m * n - 1] = 65520.0f; /* the first that rounds beyond the largest */
    check_release(&gx);
    gx = check_matrix(self, x, m, n, n + 1);
    if (check_ok(self, hysac_ops_operand(self->ops, self->queue, gx.mem, n + 1, y.mem, ld, m, n, NULL,
                                         &error), &error)) {
      g_autofree float *words = check_read(self, &y);
      g_autofree double *got = operands_value(self, words, m, n, ld);
      for (gsize i = 0; i < m * n; i++) {
        if (isfinite(got[i]) == (i == m * n - 1))
          check_fail(self, "number %zu became %g", i, got[i]);
      }
    }
  }
  check_release(&gx);
  check_release(&gg);
  check_release(&gb);
  check_release(&y);
  check_done(self, "operands %zu x %zu %s", m, n, fill_names[fill]);
}
