/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "opencl/preprocess_tables.h"

#include <string.h>

static void
clear_mem(cl_mem *mem)
{
  if (*mem)
    clReleaseMemObject(*mem);
  *mem = NULL;
}

static void
clear_tables(HysacTables *tables)
{
  /* Kernels in flight keep what they read alive. */
  clear_mem(&tables->h.taps);
  clear_mem(&tables->h.weights);
  clear_mem(&tables->v.taps);
  clear_mem(&tables->v.weights);
  *tables = (HysacTables){ 0 };
}

static gboolean
upload(cl_context context, gpointer data, gsize bytes, cl_mem *mem, GError **error)
{
  cl_int code;

  *mem = clCreateBuffer(context, CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR, bytes, data, &code);
  if (code != CL_SUCCESS)
    *mem = NULL;
  return HYSAC_CL(code, "clCreateBuffer", error);
}

static gboolean
no_memory(gsize n, GError **error)
{
  g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_OUT_OF_MEMORY,
              "preprocess: no memory for %" G_GSIZE_FORMAT " taps", n);
  return FALSE;
}

static gboolean
make_pixels(HysacDeviceTaps *self, cl_context context, const HysacTaps *taps, GError **error)
{
  g_autofree cl_int *pairs = g_try_new(cl_int, (gsize)taps->n * 2);

  if (!pairs)
    return no_memory(taps->n, error);
  for (guint i = 0; i < taps->n; i++) {
    pairs[i * 2] = taps->start[i];
    pairs[i * 2 + 1] = taps->count[i];
  }
  self->stride = (cl_int)taps->stride;
  self->first = taps->first;
  self->end = taps->end;
  return upload(context, pairs, (gsize)taps->n * 2 * sizeof(cl_int), &self->taps, error) &&
         upload(context, taps->weights, (gsize)taps->n * taps->stride * sizeof(cl_int),
                &self->weights, error);
}

/* Two words: the parts of weights @a and @b that the x86 kernels multiply (LOW_BITS there). */
static cl_int
high_parts(gint32 a, gint32 b)
{
  return (cl_int)((guint16)(a >> HYSAC_TAP_LOW_BITS) | (guint32)(b >> HYSAC_TAP_LOW_BITS) << 16);
}

static cl_int
low_parts(gint32 a, gint32 b)
{
  const guint32 mask = (1u << HYSAC_TAP_LOW_BITS) - 1;

  return (cl_int)(((guint32)a & mask) | ((guint32)b & mask) << 16);
}

/* The most positions a work-item, in whole fours and alike for all, whose groups fit @span. */
static guint
positions_that_fit(const cl_int *pairs, guint n, guint span, guint step)
{
  for (guint parts = 1; parts <= n / 4; parts++) {
    guint count = (n / 4 + parts - 1) / parts * 4, widest = 0;

    for (guint i = 0; i < n; i += count) {
      guint last = MIN(i + count, n) - 1;
      guint groups = (guint)(pairs[last * 2] + pairs[last * 2 + 1] - pairs[i * 2]);
      widest = MAX(widest, (groups + step - 1) / step * step);
    }
    if (widest <= span)
      return count;
  }
  return 0;
}

static gboolean
make_groups(HysacDeviceTaps *self, cl_context context, const HysacTaps *taps, guint span, guint step,
            GError **error)
{
  guint n = (taps->n + 3) & ~3u, stride = taps->stride / 4 + 1;
  g_autofree cl_int *pairs = g_try_new(cl_int, (gsize)n * 2);
  g_autofree cl_int *weights = g_try_malloc0_n((gsize)n * stride, 4 * sizeof(cl_int));
  g_autofree gint32 *w = g_try_new(gint32, (gsize)stride * 4);

  if (!pairs || !weights || !w)
    return no_memory((gsize)n * stride * 4, error);
  self->first = G_MAXUINT;
  for (guint i = 0; i < n; i++) {
    guint from = MIN(i, taps->n - 1); /* what pads the last four is dropped */
    guint lead = (guint)taps->start[from] % 4, count = (guint)taps->count[from];
    guint groups = (lead + count + 3) / 4;
    cl_int *out = weights + (gsize)i * stride * 4;

    memset(w, 0, (gsize)stride * 4 * sizeof *w);
    memcpy(w + lead, taps->weights + (gsize)from * taps->stride, count * sizeof *w);
    pairs[i * 2] = taps->start[from] / 4;
    pairs[i * 2 + 1] = (cl_int)groups;
    for (guint g = 0; g < groups; g++) {
      const gint32 *four = w + g * 4;
      out[g * 4] = high_parts(four[0], four[2]);
      out[g * 4 + 1] = low_parts(four[0], four[2]);
      out[g * 4 + 2] = high_parts(four[1], four[3]);
      out[g * 4 + 3] = low_parts(four[1], four[3]);
    }
    self->first = MIN(self->first, (guint)pairs[i * 2] * 4);
    self->end = MAX(self->end, ((guint)pairs[i * 2] + groups) * 4);
  }
  self->stride = (cl_int)stride;
  self->columns = positions_that_fit(pairs, n, span, step);
  return upload(context, pairs, (gsize)n * 2 * sizeof(cl_int), &self->taps, error) &&
         upload(context, weights, (gsize)n * stride * 4 * sizeof(cl_int), &self->weights, error);
}

static gboolean
make_axis(HysacTableCache *cache, HysacDeviceTaps *self, guint in, guint out, guint offset,
          GError **error)
{
  HysacTaps taps = { 0 };
  gboolean ok;

  if (!hysac_taps_init(&taps, in, out, offset, cache->config.crop_size, error))
    return FALSE;
  ok = cache->span > 0
           ? make_groups(self, cache->context, &taps, cache->span, cache->step, error)
           : make_pixels(self, cache->context, &taps, error);
  hysac_taps_clear(&taps);
  return ok;
}

const HysacTables *
hysac_table_cache_get(HysacTableCache *self, guint width, guint height, guint shown,
                      GError **error)
{
  HysacTables *oldest = &self->tables[0];
  HysacResize resize;

  for (guint i = 0; i < HYSAC_N_TABLES; i++) {
    HysacTables *tables = &self->tables[i];

    if (tables->width == width && tables->height == height && tables->shown == shown) {
      tables->used = ++self->clock;
      return tables;
    }
    if (tables->used < oldest->used)
      oldest = tables;
  }
  if (!hysac_resize_init(&resize, &self->config, width, shown, error))
    return NULL;
  clear_tables(oldest);
  if (!make_axis(self, &oldest->h, width, resize.width, resize.left, error) ||
      !make_axis(self, &oldest->v, height, resize.height, resize.top, error)) {
    clear_tables(oldest);
    return NULL;
  }
  oldest->width = width;
  oldest->height = height;
  oldest->shown = shown;
  oldest->used = ++self->clock;
  return oldest;
}

void
hysac_table_cache_clear(HysacTableCache *self)
{
  for (guint i = 0; i < HYSAC_N_TABLES; i++)
    clear_tables(&self->tables[i]);
}
