/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Packed weights and the matrix product. */

#include "opencl/ops_private.h"

#include <string.h>

const HysacVariant hysac_gemm_variants[] = {
  { "portable", NULL, "gemm_portable", NULL, 4, 4, FALSE },
  { "x86-avx2", hysac_probe_avx2, "gemm_x86", "-DVEC=8 -DROWS=6", 6, 16, TRUE },
  { "x86-avx512", hysac_probe_avx512f, "gemm_x86", "-DVEC=16 -DROWS=12", 12, 32, TRUE },
};
const gsize hysac_n_gemm_variants = G_N_ELEMENTS(hysac_gemm_variants);

struct _HysacWeights {
  cl_command_queue queue;
  cl_mem panels, bias;
  float *map, *bias_map;
  gsize n, k, columns, panel;
};

static float *
map_zeroed(cl_command_queue queue, cl_mem mem, gsize bytes, GError **error)
{
  cl_int code;
  float *map = clEnqueueMapBuffer(queue, mem, CL_TRUE, CL_MAP_WRITE_INVALIDATE_REGION, 0, bytes, 0,
                                  NULL, NULL, &code);
  if (!HYSAC_CL(code, "clEnqueueMapBuffer", error))
    return NULL;
  memset(map, 0, bytes);
  return map;
}

HysacWeights *
hysac_weights_new(HysacOps *ops, gsize n, gsize k, const char *what, GError **error)
{
  const gsize sizes[] = { n, k };
  if (!hysac_ops_check(what, sizes, G_N_ELEMENTS(sizes), error))
    return NULL;
  HysacWeights *self = g_new0(HysacWeights, 1);
  self->n = n;
  self->k = k;
  self->panel = ops->gemm->panel;
  self->columns = (n + self->panel - 1) / self->panel * self->panel;
  gsize bytes = self->columns * k * sizeof(float), bias_bytes = self->columns * sizeof(float);
  if ((self->queue = hysac_device_new_queue(ops->device, FALSE, error)) == NULL ||
      (self->panels = hysac_ops_buffer(ops, bytes, what, error)) == NULL ||
      (self->bias = hysac_ops_buffer(ops, bias_bytes, what, error)) == NULL ||
      (self->map = map_zeroed(self->queue, self->panels, bytes, error)) == NULL ||
      (self->bias_map = map_zeroed(self->queue, self->bias, bias_bytes, error)) == NULL) {
    hysac_weights_free(self);
    return NULL;
  }
  return self;
}

void
hysac_weights_put(HysacWeights *self, gsize n0, gsize k0, const float *src, gsize rows, gsize cols,
                  gsize ld)
{
  g_return_if_fail(self->map != NULL);
  g_return_if_fail(n0 <= self->n && rows <= self->n - n0 && k0 <= self->k && cols <= self->k - k0);
  /* Runs of 16 k: a panel's lines are written whole while they are in the cache. */
  for (gsize k = 0; k < cols; k += 16) {
    gsize run = MIN(16, cols - k);
    for (gsize r = 0; r < rows; r++) {
      gsize column = n0 + r;
      float *dst = self->map + (column / self->panel * self->k + k0 + k) * self->panel +
                   column % self->panel;
      const float *s = src + r * ld + k;
      for (gsize i = 0; i < run; i++)
        dst[i * self->panel] = s[i];
    }
  }
}

void
hysac_weights_put_bias(HysacWeights *self, gsize n0, const float *src, gsize n)
{
  g_return_if_fail(self->bias_map != NULL);
  g_return_if_fail(n0 <= self->n && n <= self->n - n0);
  memcpy(self->bias_map + n0, src, n * sizeof *src);
}

gboolean
hysac_weights_finish(HysacWeights *self, GError **error)
{
  gboolean ok = TRUE;
  float *map = g_steal_pointer(&self->map), *bias = g_steal_pointer(&self->bias_map);
  if (map != NULL)
    ok = HYSAC_CL(clEnqueueUnmapMemObject(self->queue, self->panels, map, 0, NULL, NULL),
                  "clEnqueueUnmapMemObject", error);
  if (bias != NULL)
    ok = HYSAC_CL(clEnqueueUnmapMemObject(self->queue, self->bias, bias, 0, NULL, NULL),
                  "clEnqueueUnmapMemObject", ok ? error : NULL) && ok;
  ok = ok && HYSAC_CL(clFinish(self->queue), "clFinish", error);
  g_clear_pointer(&self->queue, clReleaseCommandQueue);
  return ok;
}

void
hysac_weights_free(HysacWeights *self)
{
  if (self == NULL)
    return;
  if (self->queue != NULL)
    hysac_weights_finish(self, NULL);
  g_clear_pointer(&self->panels, clReleaseMemObject);
  g_clear_pointer(&self->bias, clReleaseMemObject);
  g_free(self);
}

gsize
hysac_weights_columns(HysacWeights *self)
{
  return self->columns;
}

gboolean
hysac_ops_gemm(HysacOps *self, cl_command_queue queue, HysacEpilogue epilogue, cl_mem a, gsize lda,
               HysacWeights *w, cl_mem c, gsize ldc, gsize m, gsize cols, cl_event *event,
               GError **error)
{
  const gsize sizes[] = { lda, ldc, m, cols };
  if (!hysac_ops_check("gemm", sizes, G_N_ELEMENTS(sizes), error))
    return FALSE;
  if ((guint) epilogue >= HYSAC_N_EPILOGUES || lda < w->k || ldc < cols || cols > w->columns) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT,
                "gemm: %" G_GSIZE_FORMAT " columns of %" G_GSIZE_FORMAT ", rows %" G_GSIZE_FORMAT
                " apart for K = %" G_GSIZE_FORMAT, cols, w->columns, lda, w->k);
    return FALSE;
  }
  const HysacVariant *v = self->gemm;
  cl_uint lda_ = (cl_uint) lda, ldc_ = (cl_uint) ldc, m_ = (cl_uint) m, k_ = (cl_uint) w->k,
          cols_ = (cl_uint) cols;
  const HysacArg args[] = { HYSAC_ARG(a), HYSAC_ARG(lda_), HYSAC_ARG(w->panels), HYSAC_ARG(w->bias),
                            HYSAC_ARG(c), HYSAC_ARG(ldc_), HYSAC_ARG(m_), HYSAC_ARG(k_),
                            HYSAC_ARG(cols_) };
  const gsize global[] = { (m + v->rows - 1) / v->rows, (cols + v->panel - 1) / v->panel };
  return hysac_ops_launch(queue, self->gemm_kernels[epilogue], args, G_N_ELEMENTS(args), 2, global,
                          v->single, event, error);
}
