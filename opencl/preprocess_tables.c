/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "opencl/preprocess_tables.h"

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
make_axis(HysacDeviceTaps *self, cl_context context, guint in, guint out, guint offset, guint n,
          GError **error)
{
  g_autofree cl_int *pairs = g_try_new(cl_int, (gsize)n * 2);
  HysacTaps taps = { 0 };
  gboolean ok;

  if (!pairs) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_OUT_OF_MEMORY, "preprocess: no memory for %u taps",
                n);
    return FALSE;
  }
  if (!hysac_taps_init(&taps, in, out, offset, n, error))
    return FALSE;
  for (guint i = 0; i < n; i++) {
    pairs[i * 2] = taps.start[i];
    pairs[i * 2 + 1] = taps.count[i];
  }
  self->stride = (cl_int)taps.stride;
  self->first = taps.first;
  self->end = taps.end;
  ok = upload(context, pairs, (gsize)n * 2 * sizeof(cl_int), &self->taps, error) &&
       upload(context, taps.weights, (gsize)n * taps.stride * sizeof(cl_int), &self->weights, error);
  hysac_taps_clear(&taps);
  return ok;
}

const HysacTables *
hysac_table_cache_get(HysacTableCache *self, guint width, guint height, guint shown,
                      GError **error)
{
  HysacTables *oldest = &self->tables[0];
  guint crop = self->config.crop_size;
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
  if (!make_axis(&oldest->h, self->context, width, resize.width, resize.left, crop, error) ||
      !make_axis(&oldest->v, self->context, height, resize.height, resize.top, crop, error)) {
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
