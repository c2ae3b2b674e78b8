/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A tower in a precision below fp32, loaded beside the same tower in fp32, one layer of it at a time.
 * Half of some made-up pictures say how loud each LayerNorm's channels are, which int8's weights are
 * packed by; the others, unseen, measure what has become of the features.
 */

#include "opencl/vision_private.h"

#include <math.h>
#include <string.h>

#define PICTURES 6
#define SEEN 3

/* Numbers in [0, 1) that repeat nowhere near. */
static double
value(guint i)
{
  return (double) ((i * 2654435761u) >> 8) / 16777216.0;
}

/* Picture @index at (x, y) in [0, 1): waves from coarse to fine, a bright box, some grain. */
static guint8
pixel(guint index, guint channel, double x, double y)
{
  const guint seed = 97 * index + 1;
  double v = 0.5 + 0.3 * (value(seed + 7 * channel) - 0.5);
  for (guint wave = 0; wave < 5; wave++) {
    const guint s = 131 * index + 17 * wave + 1000;
    const double turn = 2.0 * G_PI * value(s), fine = pow(2.0, wave) * (0.7 + value(s + 1));
    v += (0.28 / (1 + wave)) * sin(2.0 * G_PI * fine * (x * cos(turn) + y * sin(turn)) +
                                   2.0 * G_PI * value(s + 3 + channel));
  }
  const double left = 0.7 * value(seed + 40), top = 0.7 * value(seed + 41);
  if (x > left && x < left + 0.3 && y > top && y < top + 0.3)
    v = value(seed + 50 + channel);
  v += 0.06 * (value((guint) (x * 4096.0) * 7919u + (guint) (y * 4096.0) * 104729u + channel) - 0.5);
  return (guint8) CLAMP(255.0 * v, 0.0, 255.0);
}

/* All pictures, as patches. */
static guint8 *
make_patches(HysacVision *self)
{
  const gsize side = self->config.image_size / self->config.patch_size, p = self->config.patch_size;
  const double size = (double) (side * p);
  guint8 *patches = g_try_malloc(PICTURES * hysac_vision_patch_bytes(self)), *to = patches;
  for (guint i = 0; patches != NULL && i < PICTURES; i++) {
    for (gsize g = 0; g < side * side; g++) {
      for (gsize j = 0; j < 3 * p * p; j++) {
        gsize y = g / side * p + j / p % p, x = g % side * p + j % p;
        *to++ = pixel(i, (guint) (j / (p * p)), (double) x / size, (double) y / size);
      }
    }
  }
  return patches;
}

static gboolean
upload(HysacVision *self, cl_command_queue queue, const guint8 *patches, guint n, GError **error)
{
  return HYSAC_CL(clEnqueueWriteBuffer(queue, self->patches, CL_TRUE, 0,
                                       n * hysac_vision_patch_bytes(self), patches, 0, NULL, NULL),
                  "clEnqueueWriteBuffer", error);
}

/* The largest magnitude of each channel of the fp32 tower's normalised state, over what is seen. */
static gboolean
read_maxima(HysacVision *plain, cl_command_queue queue, gsize rows, float *maxima, GError **error)
{
  const gsize width = plain->config.width, n = rows * plain->tower.ld_norm;
  g_autofree float *norm = g_try_new(float, n);
  if (norm == NULL) {
    g_set_error_literal(error, HYSAC_ERROR, HYSAC_ERROR_OUT_OF_MEMORY, "no memory to calibrate");
    return FALSE;
  }
  if (!HYSAC_CL(clEnqueueReadBuffer(queue, plain->tower.norm, CL_TRUE, 0, n * sizeof *norm, norm, 0, NULL,
                                    NULL), "clEnqueueReadBuffer", error))
    return FALSE;
  for (gsize j = 0; j < width; j++)
    maxima[j] = 0.0f;
  for (gsize i = 0; i < rows; i++) {
    for (gsize j = 0; j < width; j++)
      maxima[j] = fmaxf(maxima[j], fabsf(norm[i * plain->tower.ld_norm + j]));
  }
  return TRUE;
}

/* Layer @i of both: of @plain it is run and freed. @maxima: NULL where nothing is smoothed. */
static gboolean
calibrate_layer(HysacVision *self, HysacVision *plain, HysacTowerLoader *loader, guint i,
                cl_command_queue queue, float *maxima, GError **error)
{
  const gsize width = self->config.width, seen = SEEN * self->tokens;
  const gboolean last = i + 1 == self->config.layers;
  HysacTowerLayer *layer = &plain->tower.layers[i];
  gboolean ok = hysac_tower_load_layer(&plain->tower, loader, i, NULL, error) &&
                hysac_vision_run_attention(plain, queue, layer, PICTURES, last, error) &&
                (maxima == NULL || read_maxima(plain, queue, seen, maxima, error)) &&
                hysac_vision_run_mlp(plain, queue, layer, PICTURES, last, error) &&
                (maxima == NULL || read_maxima(plain, queue, last ? SEEN : seen, maxima + width, error)) &&
                HYSAC_CL(clFinish(queue), "clFinish", error) &&
                hysac_tower_load_layer(&self->tower, loader, i, maxima, error);
  hysac_tower_free_layer(layer);
  return ok;
}

/* The unseen pictures through @self, against what @plain made of them. */
static gboolean
measure(HysacVision *self, HysacVision *plain, cl_command_queue queue, const guint8 *patches,
        GError **error)
{
  const gsize dim = self->config.projection;
  g_autofree float *want = g_new(float, PICTURES * dim), *got = g_new(float, dim);
  if (!HYSAC_CL(clEnqueueReadBuffer(queue, plain->features, CL_TRUE, 0, PICTURES * dim * sizeof *want,
                                    want, 0, NULL, NULL), "clEnqueueReadBuffer", error))
    return FALSE;
  for (guint i = SEEN; i < PICTURES; i++) {
    double dot = 0.0, a = 0.0, b = 0.0;
    if (!upload(self, queue, patches + i * hysac_vision_patch_bytes(self), 1, error) ||
        !hysac_vision_enqueue(self, queue, self->patches, 1, error) ||
        !HYSAC_CL(clEnqueueReadBuffer(queue, self->features, CL_TRUE, 0, dim * sizeof *got, got, 0,
                                      NULL, NULL), "clEnqueueReadBuffer", error))
      return FALSE;
    for (gsize j = 0; j < dim; j++) {
      dot += (double) got[j] * (double) want[i * dim + j];
      a += (double) got[j] * (double) got[j];
      b += (double) want[i * dim + j] * (double) want[i * dim + j];
    }
    const double cosine = dot / sqrt(a * b), distance = fabs(sqrt(a / b) - 1.0);
    /* Not a number is the worst. */
    self->accuracy.cosine = cosine < self->accuracy.cosine || isnan(cosine) ? cosine : self->accuracy.cosine;
    self->accuracy.distance =
        distance > self->accuracy.distance || isnan(distance) ? distance : self->accuracy.distance;
  }
  return TRUE;
}

gboolean
hysac_vision_calibrate(HysacVision *self, HysacTowerLoader *loader, gboolean smooth, GError **error)
{
  HysacDevice *device = hysac_ops_device(self->tower.ops);
  HysacVision *plain = hysac_vision_shell(device, loader->model, HYSAC_PRECISION_FP32, PICTURES, error);
  g_autofree guint8 *patches = make_patches(self);
  g_autofree float *maxima = smooth ? g_new(float, 2 * (gsize) self->config.width) : NULL;
  cl_command_queue queue = hysac_device_new_queue(device, FALSE, plain != NULL ? error : NULL);
  if (patches == NULL && plain != NULL && queue != NULL)
    g_set_error_literal(error, HYSAC_ERROR, HYSAC_ERROR_OUT_OF_MEMORY, "no memory to calibrate");
  gboolean ok = plain != NULL && queue != NULL && patches != NULL &&
                hysac_vision_load_ends(plain, loader, error) &&
                upload(plain, queue, patches, PICTURES, error) &&
                hysac_vision_run_start(plain, queue, plain->patches, PICTURES, error);
  for (guint i = 0; ok && i < self->config.layers; i++) {
    g_autofree char *what = g_strdup_printf("calibrating layer %u", i);
    hysac_tower_report(loader, what);
    ok = calibrate_layer(self, plain, loader, i, queue, maxima, error);
  }
  ok = ok && hysac_vision_run_end(plain, queue, PICTURES, error) &&
       measure(self, plain, queue, patches, error);
  g_clear_pointer(&queue, clReleaseCommandQueue);
  hysac_vision_free(plain);
  return ok;
}
