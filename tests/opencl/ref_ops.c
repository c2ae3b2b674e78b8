/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "ref_ops.h"

#include <math.h>

double
ref_activation(HysacEpilogue epilogue, double x)
{
  switch (epilogue) {
  case HYSAC_EPILOGUE_QUICK_GELU:
    return x / (1.0 + exp(-1.702 * x));
  case HYSAC_EPILOGUE_GELU:
    return 0.5 * x * erfc(-x * M_SQRT1_2);
  default:
    return x;
  }
}

void
ref_gemm(HysacEpilogue epilogue, const double *a, gsize lda, const float *w, const float *bias,
         double *c, gsize ldc, gsize m, gsize n, gsize k)
{
  for (gsize i = 0; i < m; i++) {
    for (gsize j = 0; j < n; j++) {
      double sum = bias != NULL ? (double) bias[j] : 0.0;
      for (gsize x = 0; x < k; x++)
        sum += a[i * lda + x] * (double) w[j * k + x];
      if (epilogue == HYSAC_EPILOGUE_RESIDUAL)
        c[i * ldc + j] += sum;
      else
        c[i * ldc + j] = ref_activation(epilogue, sum);
    }
  }
}

void
ref_layernorm(const double *x, gsize ldx, double *y, gsize ldy, gsize m, gsize n, const float *gain,
              const float *bias, double eps)
{
  for (gsize i = 0; i < m; i++) {
    const double *row = x + i * ldx;
    double mean = 0.0, variance = 0.0;
    for (gsize j = 0; j < n; j++)
      mean += row[j] / (double) n;
    for (gsize j = 0; j < n; j++)
      variance += (row[j] - mean) * (row[j] - mean) / (double) n;
    double scale = 1.0 / sqrt(variance + eps);
    for (gsize j = 0; j < n; j++)
      y[i * ldy + j] = (row[j] - mean) * scale * (double) gain[j] + (double) bias[j];
  }
}

void
ref_attention(const double *qkv, gsize ld, double *out, double *noise, gsize ldo, gsize tokens, gsize heads,
              gsize head, gboolean causal, double scale)
{
  g_autofree double *p = g_new(double, tokens), *logit_noise = g_new(double, tokens);
  for (gsize h = 0; h < heads; h++) {
    for (gsize i = 0; i < tokens; i++) {
      const double *q = qkv + i * ld + h * head;
      const gsize seen = causal ? i + 1 : tokens;
      double top = -INFINITY, sum = 0.0;
      for (gsize t = 0; t < seen; t++) {
        const double *k = qkv + t * ld + (heads + h) * head;
        p[t] = logit_noise[t] = 0.0;
        for (gsize d = 0; d < head; d++) {
          p[t] += q[d] * k[d];
          logit_noise[t] += 2.0 * q[d] * k[d] * q[d] * k[d];
        }
        p[t] *= scale;
        logit_noise[t] *= scale * scale;
        top = fmax(top, p[t]);
      }
      for (gsize t = 0; t < seen; t++)
        sum += p[t] = exp(p[t] - top);
      for (gsize d = 0; d < head; d++) {
        const double *v = qkv + (2 * heads + h) * head + d;
        double mean = 0.0, variance = 0.0;
        for (gsize t = 0; t < seen; t++)
          mean += p[t] / sum * v[t * ld];
        out[i * ldo + h * head + d] = mean;
        for (gsize t = 0; noise != NULL && t < seen; t++) {
          const double weight = p[t] / sum, x = v[t * ld], away = x - mean;
          variance += weight * weight * (2.0 * x * x + away * away * logit_noise[t]);
        }
        if (noise != NULL)
          noise[i * ldo + h * head + d] = variance;
      }
    }
  }
}

void
ref_embed_tokens(const double *y, gsize ldy, const float *token, const float *position, double *x,
                 gsize ldx, gsize images, gsize tokens, gsize n)
{
  for (gsize b = 0; b < images; b++) {
    for (gsize t = 0; t < tokens; t++) {
      for (gsize j = 0; j < n; j++) {
        double v = t == 0 ? (double) token[j] : y[(b * (tokens - 1) + t - 1) * ldy + j];
        x[(b * tokens + t) * ldx + j] = v + (double) position[t * n + j];
      }
    }
  }
}

void
ref_embed_text(const float *table, const float *position, guint32 id, guint32 place, float *x, gsize n)
{
  for (gsize i = 0; i < n; i++)
    x[i] = table[id * n + i] + position[place * n + i];
}

void
ref_head(const float *feature, gsize n, double alpha, double c, double *point, double *distance)
{
  double square = 0.0;
  for (gsize i = 0; i < n; i++)
    square += (double) feature[i] * (double) feature[i];
  double norm = fabs(alpha) * sqrt(square), limit = asinh(32768.0), radius = fmax(sqrt(c) * norm, 1e-8);
  for (gsize i = 0; i < n; i++)
    point[i] = alpha * (double) feature[i] * sinh(fmin(radius, limit)) / radius;
  *distance = fmin(norm, limit / sqrt(c));
}
