/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Each chosen variant once on a small case, compared with plain C: a driver that miscompiles a
 * kernel, or a cached binary that is not what it was, must not decide about a frame. Milliseconds;
 * the machine code is needed anyway.
 */

#include "opencl/half.h"
#include "opencl/ops_private.h"

#include <math.h>
#include <string.h>

#define LIMIT 1e-10 /* normalised mean square error, as in the tests; products: their precision's */

/* Numbers in (-1, 1) that repeat nowhere near. */
static float
value(guint i)
{
  return (float) ((i * 2654435761u) >> 8) / 8388608.0f - 1.0f;
}

static void
fill(float *x, gsize n, guint start)
{
  for (gsize i = 0; i < n; i++)
    x[i] = value(start + (guint) i);
}

/* NUMERIC where @got is off. */
static gboolean
check(const float *got, const double *want, gsize n, double limit, const char *what, GError **error)
{
  double off = 0.0, power = 0.0;
  for (gsize i = 0; i < n; i++) {
    off += pow((double) got[i] - want[i], 2.0);
    power += want[i] * want[i];
  }
  if (off <= limit * power) /* FALSE for a NaN */
    return TRUE;
  g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_NUMERIC,
              "self-test of %s: normalised mean square error %.3g", what, off / power);
  return FALSE;
}

/* Reads @n floats and checks them. */
static gboolean
compare(cl_command_queue queue, cl_mem mem, const double *want, gsize n, double limit, const char *what,
        GError **error)
{
  g_autofree float *got = g_new(float, n);
  return HYSAC_CL(clEnqueueReadBuffer(queue, mem, CL_TRUE, 0, n * sizeof *got, got, 0, NULL, NULL),
                  "clEnqueueReadBuffer", error) &&
         check(got, want, n, limit, what, error);
}

/* The same of fp16 numbers, which have eleven bits. */
static gboolean
compare_halves(cl_command_queue queue, cl_mem mem, const double *want, gsize n, double limit, const char *what,
               GError **error)
{
  g_autofree guint16 *halves = g_new(guint16, n);
  g_autofree float *got = g_new(float, n);
  if (!HYSAC_CL(clEnqueueReadBuffer(queue, mem, CL_TRUE, 0, n * sizeof *halves, halves, 0, NULL, NULL),
                "clEnqueueReadBuffer", error))
    return FALSE;
  for (gsize i = 0; i < n; i++)
    got[i] = hysac_half_to_float(halves[i]);
  return check(got, want, n, limit + 1e-6, what, error);
}

static double
epilogue_of(HysacEpilogue epilogue, double sum, double before)
{
  switch (epilogue) {
  case HYSAC_EPILOGUE_QUICK_GELU:
    return sum / (1.0 + exp(-1.702 * sum));
  case HYSAC_EPILOGUE_GELU:
    return 0.5 * sum * erfc(-sum * M_SQRT1_2);
  case HYSAC_EPILOGUE_RESIDUAL:
    return before + sum;
  default:
    return sum;
  }
}

/* bias + A W^T, and what @epilogue makes of it. */
static void
multiply(HysacEpilogue epilogue, const float *a, const float *w, const float *bias, const float *before, gsize m,
         gsize n, gsize k, double *want)
{
  for (gsize i = 0; i < m; i++) {
    for (gsize j = 0; j < n; j++) {
      double sum = (double) bias[j];
      for (gsize l = 0; l < k; l++)
        sum += (double) a[i * k + l] * (double) w[j * k + l];
      want[i * n + j] = epilogue_of(epilogue, sum, (double) before[i * n + j]);
    }
  }
}

gboolean
hysac_ops_selftest_gemm(HysacOps *self, cl_command_queue queue, GError **error)
{
  /* N: more than a panel of any CPU variant, and a rest; K: than a step; M: groups of a tile's rows and fewer. */
  enum { M = 23, N = 107, K = 45, FEW = 7 };
  static const char *const names[] = { "gemm_bias", "gemm_quick_gelu", "gemm_gelu", "gemm_residual" };
  float a[M * K], w[N * K], bias[N], before[M * N];
  double want[M * N];
  fill(a, M * K, 1);
  fill(w, N * K, 1000);
  for (gsize i = 0; i < N * K; i++)
    w[i] *= 0.4f; /* larger sums would lie where an activation is straight, and its faults unseen */
  fill(bias, N, 3000);
  fill(before, M * N, 4000);
  gboolean ok = FALSE;
  cl_mem da = NULL, dc = NULL, floats = NULL;
  gsize lda = K;
  HysacWeights *packed = hysac_weights_new(self, N, K, "self-test", error);
  if (packed == NULL)
    return FALSE;
  hysac_weights_put(packed, 0, 0, w, N, K, K);
  hysac_weights_put_bias(packed, 0, bias, N);
  if (!hysac_weights_finish(packed, error) ||
      (floats = hysac_ops_buffer_floats(self, a, M * K, "self-test", error)) == NULL ||
      (dc = hysac_ops_buffer(self, sizeof before, "self-test", error)) == NULL)
    goto out;
  if (hysac_ops_operand_is_float(self)) {
    da = g_steal_pointer(&floats);
  } else {
    lda = hysac_ops_operand_ld(self, K);
    if ((da = hysac_ops_buffer(self, M * lda * 4, "self-test", error)) == NULL ||
        !hysac_ops_operand(self, queue, floats, K, da, lda, M, K, NULL, error))
      goto out;
  }
  for (HysacEpilogue e = 0; e < HYSAC_N_EPILOGUES; e++) {
    multiply(e, a, w, bias, before, M, N, K, want);
    if (!HYSAC_CL(clEnqueueWriteBuffer(queue, dc, CL_TRUE, 0, sizeof before, before, 0, NULL, NULL),
                  "clEnqueueWriteBuffer", error) ||
        !hysac_ops_gemm(self, queue, e, da, lda, packed, dc, N, M, N, NULL, error) ||
        !compare(queue, dc, want, M * N, self->storage->limit, names[e], error))
      goto out;
  }
  multiply(HYSAC_EPILOGUE_BIAS, a, w, bias, before, M, N, K, want);
  if (!hysac_ops_gemm(self, queue, HYSAC_EPILOGUE_BIAS, da, lda, packed, dc, N, FEW, N, NULL, error) ||
      !compare(queue, dc, want, FEW * N, self->storage->limit, "gemm_bias of few rows", error))
    goto out;
  ok = hysac_ops_operand_is_float(self) ||
       (hysac_ops_gemm_half(self, queue, da, lda, packed, dc, N, M, N, NULL, error) &&
        compare_halves(queue, dc, want, M * N, self->storage->limit, "gemm_bias_half", error));
out:
  g_clear_pointer(&floats, clReleaseMemObject);
  g_clear_pointer(&da, clReleaseMemObject);
  g_clear_pointer(&dc, clReleaseMemObject);
  hysac_weights_free(packed);
  return ok;
}

gboolean
hysac_ops_selftest_layernorm(HysacOps *self, cl_command_queue queue, GError **error)
{
  enum { M = 3, N = 37 };
  float x[M * N], gain[N], bias[N];
  double want[M * N];
  fill(x, M * N, 5000);
  fill(gain, N, 6000);
  fill(bias, N, 7000);
  for (gsize i = 0; i < M; i++) {
    double mean = 0.0, square = 0.0;
    for (gsize j = 0; j < N; j++)
      mean += (double) x[i * N + j] / N;
    for (gsize j = 0; j < N; j++)
      square += pow((double) x[i * N + j] - mean, 2.0) / N;
    for (gsize j = 0; j < N; j++)
      want[i * N + j] = ((double) x[i * N + j] - mean) / sqrt(square + 1e-5) * (double) gain[j] +
                        (double) bias[j];
  }
  cl_mem dx = hysac_ops_buffer_floats(self, x, M * N, "self-test", error), dg = NULL, db = NULL;
  gboolean ok = dx != NULL &&
                (dg = hysac_ops_buffer_floats(self, gain, N, "self-test", error)) != NULL &&
                (db = hysac_ops_buffer_floats(self, bias, N, "self-test", error)) != NULL &&
                hysac_ops_layernorm(self, queue, dx, N, dx, N, M, N, dg, db, 1e-5f, NULL, error) &&
                compare(queue, dx, want, M * N, LIMIT, "layernorm", error);
  g_clear_pointer(&dx, clReleaseMemObject);
  g_clear_pointer(&dg, clReleaseMemObject);
  g_clear_pointer(&db, clReleaseMemObject);
  return ok;
}

/* In place: the first half of @x. */
static void
to_halves(float *x, gsize n)
{
  guint16 *halves = (guint16 *) x;
  for (gsize i = 0; i < n; i++) {
    const guint16 half = hysac_half_from_float(x[i]);
    memcpy(halves + i, &half, sizeof half);
  }
}

/* One head and image, or text, over the shape that is set up, but few tokens. */
static void
attend(const float *qkv, gsize tokens, gsize head, gboolean causal, double scale, double *out)
{
  for (gsize i = 0; i < tokens; i++) {
    double sum = 0.0;
    for (gsize d = 0; d < head; d++)
      out[i * head + d] = 0.0;
    for (gsize t = 0; t < (causal ? i + 1 : tokens); t++) {
      double logit = 0.0;
      for (gsize d = 0; d < head; d++)
        logit += (double) qkv[i * 3 * head + d] * (double) qkv[(t * 3 + 1) * head + d];
      double p = exp(scale * logit); /* at most head * scale: no maximum needed */
      sum += p;
      for (gsize d = 0; d < head; d++)
        out[i * head + d] += p * (double) qkv[(t * 3 + 2) * head + d];
    }
    for (gsize d = 0; d < head; d++)
      out[i * head + d] /= sum;
  }
}

gboolean
hysac_ops_selftest_attention(HysacOps *self, cl_command_queue queue, GError **error)
{
  enum { TOKENS = 70, SHORT = 29 }; /* as two texts: so many, and the rest */
  const HysacAttention whole = self->attention_shape;
  const gsize head = whole.head, bytes = TOKENS * head * sizeof(float);
  const float scale = 1.0f / sqrtf((float) head);
  const guint32 bounds[] = { 0, SHORT, TOKENS };
  float bounds_[G_N_ELEMENTS(bounds)]; /* their bits */
  g_autofree float *qkv = g_new(float, 3 * TOKENS * head);
  g_autofree double *want = g_new(double, TOKENS * head);
  fill(qkv, 3 * TOKENS * head, 8000);
  memcpy(bounds_, bounds, sizeof bounds);
  if (whole.causal) {
    attend(qkv, SHORT, head, TRUE, (double) scale, want);
    attend(qkv + 3 * SHORT * head, TOKENS - SHORT, head, TRUE, (double) scale, want + SHORT * head);
  } else {
    attend(qkv, TOKENS, head, FALSE, (double) scale, want);
  }
  hysac_ops_attention_resize(self, TOKENS, 1);
  gsize scratch_bytes = (whole.causal ? 2 : 1) * self->attention_shape.scratch_bytes;
  if (whole.halves)
    to_halves(qkv, 3 * TOKENS * head);
  cl_mem in = hysac_ops_buffer_floats(self, qkv, 3 * TOKENS * head, "self-test", error), out = NULL,
         scratch = NULL, starts = NULL;
  gboolean ok =
      in != NULL && (out = hysac_ops_buffer(self, bytes, "self-test", error)) != NULL &&
      (starts = hysac_ops_buffer_floats(self, bounds_, G_N_ELEMENTS(bounds), "self-test", error)) != NULL &&
      (scratch_bytes == 0 ||
       (scratch = hysac_ops_buffer(self, scratch_bytes, "self-test", error)) != NULL) &&
      (whole.causal ? hysac_ops_attention_causal(self, queue, in, 3 * head, starts, out, head, 2,
                                                 TOKENS - SHORT, FALSE, scale, scratch, NULL, error)
                    : hysac_ops_attention(self, queue, in, 3 * head, out, head, 1, TOKENS, scale, scratch,
                                          NULL, error)) &&
      compare(queue, out, want, TOKENS * head, self->storage->limit, "attention", error);
  g_clear_pointer(&in, clReleaseMemObject);
  g_clear_pointer(&out, clReleaseMemObject);
  g_clear_pointer(&starts, clReleaseMemObject);
  g_clear_pointer(&scratch, clReleaseMemObject);
  self->attention_shape = whole;
  return ok;
}
