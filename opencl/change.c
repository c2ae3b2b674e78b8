/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "opencl/change.h"

#include "opencl/ops_private.h"

#define STAMP_MASK 0xffffffu

struct _HysacChange {
  guint grid, patch, side_tiles;
  cl_kernel kernel;
};

static guint
tiles_of(guint grid, guint patch)
{
  return (grid * patch + HYSAC_CHANGE_TILE - 1) / HYSAC_CHANGE_TILE;
}

void
hysac_change_reference(const guint8 *a, const guint8 *b, guint grid, guint patch, guint8 tolerance,
                       guint32 stamp, guint32 *tiles)
{
  const guint side = grid * patch, across = tiles_of(grid, patch), plane = patch * patch;

  for (guint i = 0; i < across * across; i++)
    tiles[i] = stamp << 8;
  for (guint y = 0; y < side; y++) {
    for (guint x = 0; x < side; x++) {
      const gsize at = (gsize) (y / patch * grid + x / patch) * 3 * plane + y % patch * patch + x % patch;
      gboolean changed = FALSE;

      for (guint c = 0; c < 3; c++)
        changed |= ABS((int) a[at + c * plane] - (int) b[at + c * plane]) > tolerance;
      tiles[y / HYSAC_CHANGE_TILE * across + x / HYSAC_CHANGE_TILE] += (guint) changed;
    }
  }
}

/* Pictures that differ by little here and much there, and what the kernel makes of them: a kernel that
 * finds too little would pass off any frame as the one before. It also makes the machine code. */
static gboolean
try_out(HysacChange *self, HysacDevice *device, GError **error)
{
  const gsize bytes = (gsize) 3 * self->grid * self->grid * self->patch * self->patch;
  const guint n = hysac_change_n_tiles(self);
  g_autofree guint8 *a = g_malloc(bytes), *b = g_malloc(bytes);
  g_autofree guint32 *wanted = g_new(guint32, n), *found = g_new0(guint32, n);
  cl_context context = hysac_device_context(device);
  cl_mem mems[3] = { NULL };
  cl_command_queue queue = hysac_device_new_queue(device, FALSE, error);
  guint32 seed = 1;
  gboolean ok = queue != NULL;

  for (gsize i = 0; i < bytes; i++) {
    seed = seed * 1664525u + 1013904223u;
    a[i] = (guint8) (seed >> 24);
    b[i] = (guint8) (a[i] + ((seed >> 20) % 8 == 0 ? (seed >> 16) % 4 : 0));
  }
  b[bytes - 1] = (guint8) ~a[bytes - 1];
  for (guint i = 0; ok && i < 3; i++) {
    cl_int code;
    mems[i] = i < 2 ? clCreateBuffer(context, CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR, bytes, i ? b : a, &code)
                    : clCreateBuffer(context, CL_MEM_READ_WRITE, n * sizeof *found, NULL, &code);
    ok = HYSAC_CL(code, "clCreateBuffer", error);
    if (!ok)
      mems[i] = NULL;
  }
  for (guint8 tolerance = 0; ok && tolerance < 3; tolerance++) {
    const guint32 stamp = STAMP_MASK - tolerance;
    cl_event done = NULL;

    ok = hysac_change_enqueue(self, queue, mems[0], mems[1], tolerance, stamp, mems[2], found, &done, error);
    if (!ok)
      break;
    ok = HYSAC_CL(clWaitForEvents(1, &done), "clWaitForEvents", error);
    clReleaseEvent(done);
    hysac_change_reference(a, b, self->grid, self->patch, tolerance, stamp, wanted);
    for (guint i = 0; ok && i < n; i++) {
      ok = found[i] == wanted[i];
      if (!ok)
        g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_NUMERIC,
                    "the change detector counts wrongly on %s: %u of tile %u, not %u",
                    hysac_device_get_info(device)->name, found[i] & 0xff, i, wanted[i] & 0xff);
    }
  }
  if (queue != NULL) {
    clFinish(queue);
    clReleaseCommandQueue(queue);
  }
  for (guint i = 0; i < 3; i++)
    g_clear_pointer(&mems[i], clReleaseMemObject);
  return ok;
}

HysacChange *
hysac_change_new(HysacDevice *device, guint grid, guint patch, GError **error)
{
  g_autofree char *options =
      g_strdup_printf("-DGRID=%u -DPATCH=%u -DTILE=%u", grid, patch, HYSAC_CHANGE_TILE);
  const gsize sizes[] = { (gsize) grid * grid, (gsize) 3 * grid * grid * patch * patch };
  cl_int code = CL_SUCCESS;

  if (!hysac_ops_check("change", sizes, G_N_ELEMENTS(sizes), error))
    return NULL;
  cl_program program = hysac_program_build(device, "change", options, error);
  if (program == NULL)
    return NULL;
  HysacChange *self = g_new0(HysacChange, 1);
  self->grid = grid;
  self->patch = patch;
  self->side_tiles = tiles_of(grid, patch);
  self->kernel = clCreateKernel(program, "change", &code);
  clReleaseProgram(program);
  if (!HYSAC_CL(code, "clCreateKernel", error))
    self->kernel = NULL;
  if (self->kernel == NULL || !try_out(self, device, error))
    g_clear_pointer(&self, hysac_change_free);
  return self;
}

void
hysac_change_free(HysacChange *self)
{
  if (self == NULL)
    return;
  g_clear_pointer(&self->kernel, clReleaseKernel);
  g_free(self);
}

guint
hysac_change_n_tiles(const HysacChange *self)
{
  return self->side_tiles * self->side_tiles;
}

gboolean
hysac_change_enqueue(HysacChange *self, cl_command_queue queue, cl_mem a, cl_mem b, guint8 tolerance,
                     guint32 stamp, cl_mem result, guint32 *tiles, cl_event *done, GError **error)
{
  cl_uint tolerance_ = tolerance, stamp_ = stamp & STAMP_MASK;
  const HysacArg args[] = { HYSAC_ARG(a), HYSAC_ARG(b), HYSAC_ARG(tolerance_), HYSAC_ARG(stamp_),
                            HYSAC_ARG(result) };
  const gsize global[] = { self->side_tiles, self->side_tiles };

  *done = NULL;
  return hysac_ops_launch(queue, self->kernel, args, G_N_ELEMENTS(args), 2, global, FALSE, NULL, error) &&
         HYSAC_CL(clEnqueueReadBuffer(queue, result, CL_FALSE, 0,
                                      hysac_change_n_tiles(self) * sizeof *tiles, tiles, 0, NULL, done),
                  "clEnqueueReadBuffer", error);
}

gboolean
hysac_change_sum(const guint32 *tiles, guint n_tiles, guint32 stamp, HysacChangeCount *count)
{
  *count = (HysacChangeCount) { 0 };
  for (guint i = 0; i < n_tiles; i++) {
    const guint pixels = tiles[i] & 0xff;

    if (tiles[i] >> 8 != (stamp & STAMP_MASK) || pixels > HYSAC_CHANGE_TILE * HYSAC_CHANGE_TILE)
      return FALSE;
    count->pixels += pixels;
    count->most = MAX(count->most, pixels);
  }
  return n_tiles > 0;
}

gboolean
hysac_change_is_within(const HysacChangeCount *count, guint budget)
{
  return count->pixels <= budget && count->most <= HYSAC_CHANGE_TILE_MOST;
}
