/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Packed weights and the matrix product. */

#include "opencl/half.h"
#include "opencl/ops_private.h"

#include <math.h>
#include <string.h>

const HysacVariant hysac_gemm_variants[] = {
  { .name = "portable", .program = "gemm_portable", .rows = 4, .panel = 4,
    .precisions = HYSAC_ALL_PRECISIONS },
  { .name = "tiled", .probe = hysac_probe_tiled, .program = "gemm_tiled",
    .options = "-DTILE_M=64 -DTILE_N=64 -DTILE_K=16", .rows = 64, .panel = 64, .group = 128,
    .precisions = HYSAC_ALL_PRECISIONS, .only = CL_DEVICE_TYPE_GPU },
  { .name = "tiled-dot", .probe = hysac_probe_integer_dot, .program = "gemm_tiled",
    .options = "-DTILE_M=64 -DTILE_N=64 -DTILE_K=16 -DDOT", .rows = 64, .panel = 64, .group = 128,
    .precisions = HYSAC_INT8, .native = HYSAC_INT8, .untried = TRUE },
  { .name = "tiled-nvidia", .probe = hysac_probe_tensor_cores, .program = "gemm_nvidia", .options = "",
    .rows = 64, .panel = 64, .group = 128, .precisions = HYSAC_BF16 | HYSAC_FP16 | HYSAC_INT8,
    .native = HYSAC_BF16 | HYSAC_FP16 | HYSAC_INT8, .untried = TRUE },
  /* What surrounds the instruction, for tests: slow. */
  { .name = "tiled-nvidia-emulated", .probe = hysac_probe_tiled, .program = "gemm_nvidia",
    .options = "-DEMULATE", .rows = 64, .panel = 64, .group = 128,
    .precisions = HYSAC_BF16 | HYSAC_FP16 | HYSAC_INT8, .only = HYSAC_NEVER },
  /* One of the two runs: a panel is as wide as a sub-group. */
  { .name = "tiled-intel", .probe = hysac_probe_matrix_8, .program = "gemm_intel", .options = "-DSUB_GROUP=8",
    .rows = 64, .panel = 8, .across = 8, .group = 128, .precisions = HYSAC_BF16 | HYSAC_FP16 | HYSAC_INT8,
    .native = HYSAC_BF16 | HYSAC_FP16 | HYSAC_INT8, .untried = TRUE },
  { .name = "tiled-intel", .probe = hysac_probe_matrix_16, .program = "gemm_intel", .options = "-DSUB_GROUP=16",
    .rows = 64, .panel = 16, .across = 4, .group = 128, .precisions = HYSAC_BF16 | HYSAC_FP16 | HYSAC_INT8,
    .native = HYSAC_BF16 | HYSAC_FP16 | HYSAC_INT8, .untried = TRUE },
  { .name = "x86-avx2", .probe = hysac_probe_avx2, .program = "gemm_x86", .options = "-DVEC=8 -DROWS=6",
    .rows = 6, .panel = 16, .group = 1, .precisions = HYSAC_FP32 | HYSAC_BF16 },
  { .name = "x86-avx2", .probe = hysac_probe_avx2_asm, .program = "gemm_x86",
    .options = "-DVEC=8 -DROWS=5 -DPAIRS", .rows = 5, .panel = 16, .group = 1, .pairs = TRUE,
    .precisions = HYSAC_INT8, .native = HYSAC_INT8 },
  { .name = "x86-avx512", .probe = hysac_probe_avx512f, .program = "gemm_x86",
    .options = "-DVEC=16 -DROWS=12", .rows = 12, .panel = 32, .group = 1,
    .precisions = HYSAC_FP32 | HYSAC_BF16 },
  { .name = "x86-avx512-bf16", .probe = hysac_probe_avx512_bf16, .program = "gemm_x86",
    .options = "-DVEC=16 -DROWS=12 -DNATIVE", .rows = 12, .panel = 32, .group = 1,
    .precisions = HYSAC_BF16, .native = HYSAC_BF16 },
  { .name = "x86-avx512-vnni", .probe = hysac_probe_avx512_vnni, .program = "gemm_x86",
    .options = "-DVEC=16 -DROWS=6 -DVECTORS=4 -DNATIVE", .rows = 6, .panel = 64, .group = 1,
    .precisions = HYSAC_INT8, .native = HYSAC_INT8 },
  { .name = "x86-avx512-amx", .probe = hysac_probe_amx, .program = "gemm_amx",
    .options = "-DVEC=16 -DROWS=288", .rows = 288, .panel = 32, .group = 1, .panels_first = TRUE,
    .reach = 1024, .precisions = HYSAC_BF16 | HYSAC_INT8, .native = HYSAC_BF16 | HYSAC_INT8 },
  /* Six products for one: faster than the vectors while nobody else uses the core's tiles, else slower. */
  { .name = "x86-avx512-amx", .probe = hysac_probe_amx, .program = "gemm_amx",
    .options = "-DVEC=16 -DROWS=288", .rows = 288, .panel = 32, .group = 1, .panels_first = TRUE, .split = TRUE,
    .reach = 1024, .precisions = HYSAC_FP32, .only = HYSAC_NEVER },
  /* What surrounds the instructions, for tests: slow. */
  { .name = "x86-avx512-amx-emulated", .probe = hysac_probe_avx512_vnni, .program = "gemm_amx",
    .options = "-DVEC=16 -DROWS=288 -DEMULATE", .rows = 288, .panel = 32, .group = 1, .panels_first = TRUE,
    .reach = 1024, .precisions = HYSAC_BF16 | HYSAC_INT8, .only = HYSAC_NEVER },
  { .name = "x86-avx512-amx-emulated", .probe = hysac_probe_avx512_vnni, .program = "gemm_amx",
    .options = "-DVEC=16 -DROWS=288 -DEMULATE", .rows = 288, .panel = 32, .group = 1, .panels_first = TRUE,
    .split = TRUE, .reach = 1024, .precisions = HYSAC_FP32, .only = HYSAC_NEVER },
};
const gsize hysac_n_gemm_variants = G_N_ELEMENTS(hysac_gemm_variants);

/* The kernel "split" writes each 32 numbers as three parts of 16 words. */
#define SPLIT_UNIT 32
#define SPLIT_WORDS 48

/* Sums of 255 * 127 over so many fit 31 bits. */
#define MAX_INT8_K 65536

struct _HysacWeights {
  const HysacStorage *storage;
  cl_command_queue queue;
  cl_mem panels, bias; /* int8: bias, scales, sums of the rows */
  float *staged, *staged_bias; /* [n][k] and [n], until finish() */
  gsize n, k, words, columns, panel;
  gboolean pairs;
};

/* Sizes alone; nothing is allocated. */
static HysacWeights *
weights_shell(HysacOps *ops, gsize n, gsize k, const char *what, GError **error)
{
  const gsize sizes[] = { n, k };
  if (!hysac_ops_check(what, sizes, G_N_ELEMENTS(sizes), error))
    return NULL;
  if (ops->storage->precision == HYSAC_PRECISION_INT8 && k > MAX_INT8_K) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_UNSUPPORTED,
                "%s: sums over %" G_GSIZE_FORMAT " do not fit int8's accumulators", what, k);
    return NULL;
  }
  HysacWeights *self = g_new0(HysacWeights, 1);
  self->storage = ops->storage;
  self->n = n;
  self->k = k;
  self->words = hysac_storage_words(ops->storage, k);
  self->panel = ops->gemm->panel;
  self->pairs = ops->gemm->pairs;
  self->columns = (n + self->panel - 1) / self->panel * self->panel;
  return self;
}

void
hysac_weights_bytes(HysacOps *ops, gsize n, gsize k, gsize bytes[2])
{
  const gsize panel = ops->gemm->panel, columns = (n + panel - 1) / panel * panel;
  const gsize vectors = ops->storage->precision == HYSAC_PRECISION_INT8 ? 3 : 1;
  bytes[0] = columns * hysac_storage_words(ops->storage, k) * 4;
  bytes[1] = vectors * columns * 4;
}

HysacWeights *
hysac_weights_new(HysacOps *ops, gsize n, gsize k, const char *what, GError **error)
{
  HysacWeights *self = weights_shell(ops, n, k, what, error);
  gsize bytes[2];
  if (self == NULL)
    return NULL;
  hysac_weights_bytes(ops, n, k, bytes);
  if ((self->queue = hysac_device_new_queue(ops->device, FALSE, error)) == NULL ||
      (self->panels = hysac_ops_buffer(ops, bytes[0], what, error)) == NULL ||
      (self->bias = hysac_ops_buffer(ops, bytes[1], what, error)) == NULL)
    goto fail;
  self->staged = g_try_malloc0(n * k * sizeof(float));
  self->staged_bias = g_try_malloc0(n * sizeof(float));
  if (self->staged == NULL || self->staged_bias == NULL) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_OUT_OF_MEMORY, "%s: no memory to pack it", what);
    goto fail;
  }
  return self;
fail:
  hysac_weights_free(self);
  return NULL;
}

HysacWeights *
hysac_weights_new_packed(HysacOps *ops, gsize n, gsize k, const cl_mem buffers[2], const char *what,
                         GError **error)
{
  HysacWeights *self = weights_shell(ops, n, k, what, error);
  if (self == NULL) {
    clReleaseMemObject(buffers[0]);
    clReleaseMemObject(buffers[1]);
    return NULL;
  }
  self->panels = buffers[0];
  self->bias = buffers[1];
  return self;
}

void
hysac_weights_buffers(HysacWeights *self, cl_mem buffers[2])
{
  buffers[0] = self->panels;
  buffers[1] = self->bias;
}

char *
hysac_weights_layout(HysacOps *ops)
{
  return g_strdup_printf("%s %s %u", ops->gemm->name, hysac_precision_to_string(ops->storage->precision),
                         ops->gemm->panel);
}

void
hysac_weights_put(HysacWeights *self, gsize n0, gsize k0, const float *src, gsize rows, gsize cols,
                  gsize ld)
{
  g_return_if_fail(self->staged != NULL);
  g_return_if_fail(n0 <= self->n && rows <= self->n - n0 && k0 <= self->k && cols <= self->k - k0);
  for (gsize r = 0; r < rows; r++)
    memcpy(self->staged + (n0 + r) * self->k + k0, src + r * ld, cols * sizeof *src);
}

void
hysac_weights_put_bias(HysacWeights *self, gsize n0, const float *src, gsize n)
{
  g_return_if_fail(self->staged_bias != NULL);
  g_return_if_fail(n0 <= self->n && n <= self->n - n0);
  memcpy(self->staged_bias + n0, src, n * sizeof *src);
}

void
hysac_weights_smooth(HysacWeights *self, const float *maxima, float *moved)
{
  g_return_if_fail(self->staged != NULL);
  for (gsize k = 0; k < self->k; k++)
    moved[k] = 0.0f;
  for (gsize n = 0; n < self->n; n++) {
    for (gsize k = 0; k < self->k; k++)
      moved[k] = fmaxf(moved[k], fabsf(self->staged[n * self->k + k]));
  }
  /* A column that is silent on either side stays as it is. */
  for (gsize k = 0; k < self->k; k++) {
    const float s = sqrtf(maxima[k] / moved[k]);
    moved[k] = isnormal(s) ? s : 1.0f;
  }
  for (gsize n = 0; n < self->n; n++) {
    for (gsize k = 0; k < self->k; k++)
      self->staged[n * self->k + k] *= moved[k];
  }
}

/* Where row @n's word @w lies. */
static inline gsize
word_at(const HysacWeights *self, gsize n, gsize w)
{
  return (n / self->panel * self->words + w) * self->panel + n % self->panel;
}

static void
pack_fp32(const HysacWeights *self, gsize n, const float *row, guint32 *panels, float *bias)
{
  for (gsize k = 0; k < self->k; k++)
    memcpy(panels + word_at(self, n, k), row + k, sizeof *row);
  bias[n] = self->staged_bias[n];
}

/* Rounded to even; finite, as the model's loader has checked. */
static guint16
to_bf16(float x)
{
  guint32 u;
  memcpy(&u, &x, sizeof u);
  return (guint16) ((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

/* Two a word. */
static void
pack_halves(const HysacWeights *self, gsize n, const float *row, guint32 *panels, float *bias)
{
  guint16 (*to_half)(float) = self->storage->precision == HYSAC_PRECISION_FP16 ? hysac_half_from_float : to_bf16;
  for (gsize w = 0; w < self->words; w++) {
    guint32 low = to_half(row[2 * w]), high = 2 * w + 1 < self->k ? to_half(row[2 * w + 1]) : 0;
    panels[word_at(self, n, w)] = low | high << 16;
  }
  bias[n] = self->staged_bias[n];
}

static void
pack_int8(const HysacWeights *self, gsize n, const float *row, guint32 *panels, float *bias)
{
  float most = 0.0f;
  for (gsize k = 0; k < self->k; k++)
    most = fmaxf(most, fabsf(row[k]));
  /* 255 times two weights, each off by half a step, is within 16 bits. */
  for (gsize k = 0; self->pairs && k + 1 < self->k; k += 2)
    most = fmaxf(most, fabsf(row[k] + row[k + 1]));
  const float scale = most > 0.0f ? most / 127.0f : 1.0f, inverse = 1.0f / scale;
  gint32 sum = 0;
  for (gsize w = 0; w < self->words; w++) {
    guint32 word = 0;
    for (gsize k = 4 * w; k < MIN(self->k, 4 * w + 4); k++) {
      gint32 q = (gint32) CLAMP(rintf(row[k] * inverse), -127.0f, 127.0f);
      sum += q;
      word |= (guint32) (q & 0xff) << 8 * (k - 4 * w);
    }
    panels[word_at(self, n, w)] = word;
  }
  bias[n] = self->staged_bias[n];
  bias[self->columns + n] = scale;
  memcpy(bias + 2 * self->columns + n, &sum, sizeof sum);
}

static void
pack(const HysacWeights *self, guint32 *panels, float *bias)
{
  void (*pack_row)(const HysacWeights *, gsize, const float *, guint32 *, float *) =
      self->storage->precision == HYSAC_PRECISION_INT8 ? pack_int8
      : self->storage->per_word == 2                   ? pack_halves
                                                       : pack_fp32;
  for (gsize n = 0; n < self->n; n++)
    pack_row(self, n, self->staged + n * self->k, panels, bias);
}

/* Maps all of @mem for writing, zeroed. */
static void *
map_zeroed(HysacWeights *self, cl_mem mem, GError **error)
{
  gsize bytes;
  cl_int code = clGetMemObjectInfo(mem, CL_MEM_SIZE, sizeof bytes, &bytes, NULL);
  if (!HYSAC_CL(code, "clGetMemObjectInfo", error))
    return NULL;
  void *map = clEnqueueMapBuffer(self->queue, mem, CL_TRUE, CL_MAP_WRITE_INVALIDATE_REGION, 0, bytes, 0,
                                 NULL, NULL, &code);
  if (!HYSAC_CL(code, "clEnqueueMapBuffer", error))
    return NULL;
  memset(map, 0, bytes);
  return map;
}

static gboolean
unmap(HysacWeights *self, cl_mem mem, void *map, GError **error)
{
  return HYSAC_CL(clEnqueueUnmapMemObject(self->queue, mem, map, 0, NULL, NULL),
                  "clEnqueueUnmapMemObject", error);
}

static gboolean
check_range(const HysacWeights *self, GError **error)
{
  for (gsize i = 0; self->storage->precision == HYSAC_PRECISION_FP16 && i < self->n * self->k; i++) {
    if (fabsf(self->staged[i]) >= HYSAC_HALF_LIMIT) {
      g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_UNSUPPORTED, "a weight of %g is beyond fp16",
                  (double) self->staged[i]);
      return FALSE;
    }
  }
  return TRUE;
}

gboolean
hysac_weights_finish(HysacWeights *self, GError **error)
{
  g_return_val_if_fail(self->staged != NULL, FALSE);
  if (!check_range(self, error))
    return FALSE;
  void *panels = map_zeroed(self, self->panels, error);
  void *bias = panels != NULL ? map_zeroed(self, self->bias, error) : NULL;
  gboolean ok = bias != NULL;
  if (ok)
    pack(self, panels, bias);
  if (panels != NULL)
    ok = unmap(self, self->panels, panels, ok ? error : NULL) && ok;
  if (bias != NULL)
    ok = unmap(self, self->bias, bias, ok ? error : NULL) && ok;
  ok = HYSAC_CL(clFinish(self->queue), "clFinish", ok ? error : NULL) && ok;
  g_clear_pointer(&self->queue, clReleaseCommandQueue);
  g_clear_pointer(&self->staged, g_free);
  g_clear_pointer(&self->staged_bias, g_free);
  return ok;
}

void
hysac_weights_free(HysacWeights *self)
{
  if (self == NULL)
    return;
  g_clear_pointer(&self->queue, clReleaseCommandQueue);
  g_clear_pointer(&self->panels, clReleaseMemObject);
  g_clear_pointer(&self->bias, clReleaseMemObject);
  g_free(self->staged);
  g_free(self->staged_bias);
  g_free(self);
}

gsize
hysac_weights_columns(HysacWeights *self)
{
  return self->columns;
}

/* Floats' parts in a buffer of our own; @lda becomes its. */
static cl_mem
split(HysacOps *self, cl_command_queue queue, cl_mem a, gsize *lda, gsize m, const HysacWeights *w,
      GError **error)
{
  const gsize ld = hysac_ops_ld((w->k + SPLIT_UNIT - 1) / SPLIT_UNIT * SPLIT_WORDS), bytes = m * ld * 4;
  if (bytes > self->parts_bytes) {
    /* What is queued keeps the old one. */
    g_clear_pointer(&self->parts, clReleaseMemObject);
    self->parts_bytes = 0;
    if ((self->parts = hysac_ops_buffer(self, bytes, "parts of floats", error)) == NULL)
      return NULL;
    self->parts_bytes = bytes;
  }
  cl_uint ldx = (cl_uint) *lda, ldy = (cl_uint) ld, m_ = (cl_uint) m, n = (cl_uint) w->k;
  const HysacArg args[] = { HYSAC_ARG(a), HYSAC_ARG(ldx), HYSAC_ARG(self->parts), HYSAC_ARG(ldy),
                            HYSAC_ARG(m_), HYSAC_ARG(n) };
  *lda = ld;
  return hysac_ops_launch(queue, self->split_kernel, args, G_N_ELEMENTS(args), 1, &m, 1, NULL, error)
             ? self->parts : NULL;
}

/* Rows of A that a work-group takes: where panels come first, as many as stay in a second level cache meanwhile, so
 * that the weights pass by seldom. */
static gsize
rows_of_group(const HysacVariant *v, gsize words)
{
  return v->panels_first && !v->split ? MAX(v->rows, ((1u << 20) / (words * 4)) / 32 * 32) : v->rows;
}

/* @ldc: in what @kernel writes. @adds: what it writes are sums, so that K may come in parts. */
static gboolean
multiply(HysacOps *self, cl_command_queue queue, cl_kernel kernel, cl_mem a, gsize lda, HysacWeights *w,
         cl_mem c, gsize ldc, gsize m, gsize cols, gboolean adds, cl_event *event, GError **error)
{
  const gsize sizes[] = { lda, ldc, m, cols };
  if (!hysac_ops_check("gemm", sizes, G_N_ELEMENTS(sizes), error))
    return FALSE;
  if (lda < w->words + w->storage->trailer || ldc < cols || cols > w->columns) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT,
                "gemm: %" G_GSIZE_FORMAT " columns of %" G_GSIZE_FORMAT ", rows %" G_GSIZE_FORMAT
                " words apart for K = %" G_GSIZE_FORMAT, cols, w->columns, lda, w->k);
    return FALSE;
  }
  if (self->split_kernel != NULL && (a = split(self, queue, a, &lda, m, w, error)) == NULL)
    return FALSE;
  const HysacVariant *v = self->gemm;
  const gsize reach = v->reach != 0 && adds ? MIN(v->reach, w->words) : w->words;
  const gsize each = rows_of_group(v, reach);
  const gsize wide = v->panel * MAX(v->across, 1u);
  const gsize rows = (m + each - 1) / each, panels = (cols + wide - 1) / wide;
  const gsize global[] = { v->panels_first ? panels : rows, v->panels_first ? rows : panels };
  cl_uint lda_ = (cl_uint) lda, ldc_ = (cl_uint) ldc, m_ = (cl_uint) m, words = (cl_uint) w->words,
          columns = (cl_uint) w->columns, cols_ = (cl_uint) cols, each_ = (cl_uint) each;
  for (gsize from = 0; from < w->words; from += reach) {
    cl_uint from_ = (cl_uint) from, here = (cl_uint) MIN(reach, w->words - from);
    const HysacArg args[] = { HYSAC_ARG(a), HYSAC_ARG(lda_), HYSAC_ARG(w->panels), HYSAC_ARG(w->bias),
                              HYSAC_ARG(columns), HYSAC_ARG(c), HYSAC_ARG(ldc_), HYSAC_ARG(m_),
                              HYSAC_ARG(words), HYSAC_ARG(cols_), HYSAC_ARG(from_), HYSAC_ARG(here),
                              HYSAC_ARG(each_) };
    const gsize n_args = G_N_ELEMENTS(args) - (v->reach == 0 ? 3 : 0);
    if (!hysac_ops_launch(queue, kernel, args, n_args, 2, global, v->group,
                          from + reach < w->words ? NULL : event, error))
      return FALSE;
  }
  return TRUE;
}

gboolean
hysac_ops_gemm(HysacOps *self, cl_command_queue queue, HysacEpilogue epilogue, cl_mem a, gsize lda,
               HysacWeights *w, cl_mem c, gsize ldc, gsize m, gsize cols, cl_event *event,
               GError **error)
{
  g_return_val_if_fail((guint) epilogue < HYSAC_N_EPILOGUES, FALSE);
  return multiply(self, queue, self->gemm_kernels[epilogue], a, lda, w, c, ldc, m, cols,
                  epilogue == HYSAC_EPILOGUE_RESIDUAL, event, error);
}

gsize
hysac_ops_wide_bytes(HysacOps *self, gsize m, gsize cols)
{
  return self->storage->precision == HYSAC_PRECISION_INT8 ? m * hysac_ops_half_ld(cols) * 2 : 0;
}

gboolean
hysac_ops_gemm_operand(HysacOps *self, cl_command_queue queue, HysacEpilogue epilogue, cl_mem a,
                       gsize lda, HysacWeights *w, cl_mem c, gsize ldc, gsize m, gsize cols, cl_mem wide,
                       cl_event *event, GError **error)
{
  g_return_val_if_fail(epilogue == HYSAC_EPILOGUE_QUICK_GELU || epilogue == HYSAC_EPILOGUE_GELU, FALSE);
  cl_kernel kernel = self->gemm_wide_kernels[epilogue];
  switch (self->storage->precision) {
  case HYSAC_PRECISION_FP32:
    return hysac_ops_gemm(self, queue, epilogue, a, lda, w, c, ldc, m, cols, event, error);
  case HYSAC_PRECISION_INT8:
    break;
  default: /* two numbers a word */
    return multiply(self, queue, kernel, a, lda, w, c, 2 * ldc, m, cols, FALSE, event, error);
  }
  const gsize ld = hysac_ops_half_ld(cols);
  g_return_val_if_fail(wide != NULL, FALSE);
  return multiply(self, queue, kernel, a, lda, w, wide, ld, m, cols, FALSE, NULL, error) &&
         hysac_ops_operand_wide(self, queue, wide, ld, c, ldc, m, cols, event, error);
}

gboolean
hysac_ops_gemm_half(HysacOps *self, cl_command_queue queue, cl_mem a, gsize lda, HysacWeights *w, cl_mem c, gsize ldc,
                    gsize m, gsize cols, cl_event *event, GError **error)
{
  g_return_val_if_fail(self->gemm_half_kernel != NULL, FALSE);
  return multiply(self, queue, self->gemm_half_kernel, a, lda, w, c, ldc, m, cols, FALSE, event, error);
}
