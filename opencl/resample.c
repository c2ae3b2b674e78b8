/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "opencl/resample.h"

#include <math.h>

#define MAX_EDGE 16384

gboolean
hysac_resize_init(HysacResize *resize, const HysacPreprocessConfig *config, guint width,
                  guint height, GError **error)
{
  guint64 edge = config->shortest_edge;

  if (config->crop_size < 1 || config->shortest_edge > MAX_EDGE ||
      config->crop_size > config->shortest_edge) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT,
                "preprocess: shortest_edge %u and crop_size %u; expected 1 <= crop_size <= "
                "shortest_edge <= %d", config->shortest_edge, config->crop_size, MAX_EDGE);
    return FALSE;
  }
  if (width <= height) {
    resize->width = (guint)edge;
    resize->height = (guint)(edge * height / width);
  } else {
    resize->width = (guint)(edge * width / height);
    resize->height = (guint)edge;
  }
  resize->left = (resize->width - config->crop_size) / 2;
  resize->top = (resize->height - config->crop_size) / 2;
  return TRUE;
}

/* Keys' cubic convolution with a = -1/2, evaluated in the order of operations that gives Pillow's
 * doubles: a different order moves a weight by one unit now and then. */
static double
bicubic(double x)
{
  const double a = -0.5;

  x = fabs(x);
  if (x < 1.0)
    return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  if (x < 2.0)
    return (((x - 5) * x + 8) * x - 4) * a;
  return 0.0;
}

gboolean
hysac_taps_init(HysacTaps *taps, guint in, guint out, guint offset, guint n, GError **error)
{
  double scale = (double)in / out;
  double stretch = MAX(scale, 1.0); /* antialiasing: the filter widens with the input */
  double support = 2.0 * stretch;
  double step = 1.0 / stretch;
  guint size = MIN((guint)ceil(support) * 2 + 1, in);
  g_autofree double *w = NULL;

  *taps = (HysacTaps){ .n = n, .stride = (size + 3) & ~3u, .first = in, .end = 0 };
  taps->start = g_try_new0(gint32, n);
  taps->count = g_try_new0(gint32, n);
  taps->weights = g_try_malloc0_n((gsize)n * taps->stride, sizeof(gint32));
  w = g_try_new(double, size);
  if (!taps->start || !taps->count || !taps->weights || !w) {
    hysac_taps_clear(taps);
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_OUT_OF_MEMORY,
                "preprocess: no memory for %u x %u filter weights", n, size);
    return FALSE;
  }

  for (guint i = 0; i < n; i++) {
    double centre = (offset + i + 0.5) * scale;
    /* Truncation after adding a half, as Pillow does it: below zero it is not floor(). */
    gint start = MAX((gint)(centre - support + 0.5), 0);
    gint end = MIN((gint)(centre + support + 0.5), (gint)in);
    gint32 *weights = taps->weights + (gsize)i * taps->stride;
    double sum = 0.0;

    for (gint k = 0; k < end - start; k++) {
      w[k] = bicubic((k + start - centre + 0.5) * step);
      sum += w[k];
    }
    for (gint k = 0; k < end - start; k++) {
      double weight = (sum != 0.0 ? w[k] / sum : w[k]) * (1 << HYSAC_TAP_BITS);
      weights[k] = (gint32)(weight < 0 ? weight - 0.5 : weight + 0.5);
    }
    taps->start[i] = start;
    taps->count[i] = end - start;
    taps->first = MIN(taps->first, (guint)start);
    taps->end = MAX(taps->end, (guint)end);
  }
  return TRUE;
}

void
hysac_taps_clear(HysacTaps *taps)
{
  g_clear_pointer(&taps->start, g_free);
  g_clear_pointer(&taps->count, g_free);
  g_clear_pointer(&taps->weights, g_free);
}
