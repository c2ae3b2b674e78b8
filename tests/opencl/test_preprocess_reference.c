/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The C reference: RGB bit for bit as Pillow, YUV against double arithmetic. */

#include "tests/opencl/test_preprocess_common.h"

#include <math.h>

static void
test_pillow(void **state)
{
  g_autofree char *path =
      g_build_filename(g_getenv("HYSAC_TEST_DATA"), "preprocess", "golden.txt", NULL);
  g_autofree char *text = NULL;
  g_auto(GStrv) lines = NULL;
  guint n = 0;

  assert_true(g_file_get_contents(path, &text, NULL, NULL));
  lines = g_strsplit(text, "\n", -1);
  for (char **line = lines; *line; line++) {
    guint width, height, edge, crop, kind, seed;
    char expected[17];
    g_autoptr(GError) error = NULL;
    g_autofree guint8 *pixels = NULL, *rgb = NULL;
    g_autofree char *sum = NULL;
    HysacPreprocessConfig config;
    HysacFrame frame;

    if (sscanf(*line, "%u %u %u %u %u %u %16s", &width, &height, &edge, &crop, &kind, &seed,
               expected) != 7)
      continue;
    pixels = g_malloc((gsize)width * height * 3);
    for (guint y = 0; y < height; y++)
      for (guint x = 0; x < width; x++)
        for (guint c = 0; c < 3; c++)
          pixels[((gsize)y * width + x) * 3 + c] = synthetic(kind, seed, x, y, c);
    frame = (HysacFrame){ .format = HYSAC_FORMAT_RGB, .width = width, .height = height,
                          .planes = { pixels }, .strides = { (gsize)width * 3 },
                          .sizes = { (gsize)width * height * 3 } };
    config = config_of(edge, crop);
    rgb = g_malloc((gsize)crop * crop * 3);
    assert_true(hysac_preprocess_reference(&config, &frame, rgb, &error));
    sum = g_compute_checksum_for_data(G_CHECKSUM_SHA256, rgb, (gsize)crop * crop * 3);
    sum[16] = '\0';
    if (strcmp(sum, expected) != 0)
      fail_msg("differs from Pillow: %s", *line);
    n++;
  }
  assert_true(n >= 400);
}

/* Every pixel format of one picture gives the same bytes. */
static void
test_rgb_orders(void **state)
{
  static const struct {
    HysacFormat format;
    guint r, g, b, n;
  } orders[] = { { HYSAC_FORMAT_RGB, 0, 1, 2, 3 },  { HYSAC_FORMAT_BGR, 2, 1, 0, 3 },
                 { HYSAC_FORMAT_RGBA, 0, 1, 2, 4 }, { HYSAC_FORMAT_BGRA, 2, 1, 0, 4 },
                 { HYSAC_FORMAT_ARGB, 1, 2, 3, 4 }, { HYSAC_FORMAT_ABGR, 3, 2, 1, 4 } };
  const guint width = 61, height = 47, crop = 30;
  HysacPreprocessConfig config = config_of(32, crop);
  guint8 first[30 * 30 * 3], rgb[30 * 30 * 3];

  for (gsize i = 0; i < G_N_ELEMENTS(orders); i++) {
    HysacFrame frame = { .format = orders[i].format, .width = width, .height = height };

    frame_alloc(&frame, i, 0, 5);
    for (guint y = 0; y < height; y++) {
      for (guint x = 0; x < width; x++) {
        guint8 *p = (guint8 *)frame.planes[0] + y * frame.strides[0] + x * orders[i].n;
        p[orders[i].r] = synthetic(0, 1, x, y, 0);
        p[orders[i].g] = synthetic(0, 1, x, y, 1);
        p[orders[i].b] = synthetic(0, 1, x, y, 2);
      }
    }
    assert_true(hysac_preprocess_reference(&config, &frame, rgb, NULL));
    if (i == 0)
      memcpy(first, rgb, sizeof rgb);
    assert_memory_equal(first, rgb, sizeof rgb);
    frame_clear(&frame);
  }
}

/* The chroma of plane position (i, j) by continuous linear interpolation: the definition in words of
 * docs/colour.md, not the reference's table of weights. */
static double
sample_chroma(const HysacFrame *frame, guint channel, guint x, guint y)
{
  gboolean nv12 = frame->format == HYSAC_FORMAT_NV12;
  const guint8 *plane = frame->planes[nv12 ? 1 : 1 + channel];
  gsize stride = frame->strides[nv12 ? 1 : 1 + channel];
  gint columns = (gint)(frame->width + 1) / 2, rows = (gint)(frame->height + 1) / 2;
  double u = (x - (frame->site.h_cosited ? 0.0 : 0.5)) / 2.0;
  double v = (y - (frame->site.v_cosited ? 0.0 : 0.5)) / 2.0;
  gint i = (gint)floor(u), j = (gint)floor(v);
  double sum = 0.0;

  for (gint dj = 0; dj < 2; dj++) {
    for (gint di = 0; di < 2; di++) {
      gint ci = CLAMP(i + di, 0, columns - 1), cj = CLAMP(j + dj, 0, rows - 1);
      double weight = (di ? u - i : 1.0 - (u - i)) * (dj ? v - j : 1.0 - (v - j));

      sum += weight * plane[(gsize)cj * stride + (nv12 ? 2 * (gsize)ci + channel : (gsize)ci)];
    }
  }
  return sum;
}

static void
check_yuv(HysacFrame *frame)
{
  static const double k[][2] = { { 0.299, 0.114 }, { 0.2126, 0.0722 }, { 0.2627, 0.0593 },
                                 { 0.30, 0.11 },   { 0.212, 0.087 } };
  double kr = k[frame->matrix][0], kb = k[frame->matrix][1];
  gboolean full = frame->range == HYSAC_RANGE_FULL;
  guint side = MIN(frame->width, frame->height);
  HysacPreprocessConfig config = config_of(side, side);
  g_autofree guint8 *rgb = g_malloc((gsize)side * side * 3);
  guint left = (frame->width - side) / 2, top = (frame->height - side) / 2;

  /* The shortest side keeps its size: no filter between the colours and the output. */
  assert_true(hysac_preprocess_reference(&config, frame, rgb, NULL));
  for (guint y = 0; y < side; y++) {
    for (guint x = 0; x < side; x++) {
      double luma = frame->planes[0][(top + y) * frame->strides[0] + left + x];
      double cb = sample_chroma(frame, 0, left + x, top + y) - 128.0;
      double cr = sample_chroma(frame, 1, left + x, top + y) - 128.0;
      double expected[3];

      luma = full ? luma : (luma - 16.0) * 255.0 / 219.0;
      cb *= full ? 1.0 : 255.0 / 224.0;
      cr *= full ? 1.0 : 255.0 / 224.0;
      expected[0] = luma + 2.0 * (1.0 - kr) * cr;
      expected[2] = luma + 2.0 * (1.0 - kb) * cb;
      expected[1] = (luma - kr * expected[0] - kb * expected[2]) / (1.0 - kr - kb);
      for (guint c = 0; c < 3; c++) {
        double e = CLAMP(expected[c], 0.0, 255.0);

        /* Rounded once: half a step, and what 16 fractional bits of the matrix leave. */
        if (fabs(rgb[((gsize)y * side + x) * 3 + c] - e) > 0.5 + 0.006)
          fail_msg("matrix %d range %d site %d%d at %u,%u channel %u: %u, expected %f",
                   (int)frame->matrix, (int)frame->range, frame->site.h_cosited,
                   frame->site.v_cosited, x, y, c, rgb[((gsize)y * side + x) * 3 + c], e);
      }
    }
  }
}

static void
test_yuv(void **state)
{
  static const guint sizes[][2] = { { 1, 1 }, { 2, 2 }, { 3, 5 }, { 40, 33 }, { 33, 41 }, { 7, 1 } };
  guint32 seed = test_seed();

  for (guint i = 0; i < G_N_ELEMENTS(sizes); i++) {
    for (guint how = 0; how < 5 * 2 * 2 * 2 * 2; how++) {
      HysacFrame frame = { .format = how & 1 ? HYSAC_FORMAT_NV12 : HYSAC_FORMAT_I420,
                           .width = sizes[i][0], .height = sizes[i][1],
                           .range = how & 2 ? HYSAC_RANGE_FULL : HYSAC_RANGE_LIMITED,
                           .site = { how >> 2 & 1, how >> 3 & 1 }, .matrix = how >> 4 };

      frame_alloc(&frame, how % 3, how % 2, seed + how);
      check_yuv(&frame);
      frame_clear(&frame);
    }
  }
}

/* Black, white and the greys of either range are exact, whatever the matrix. */
static void
test_greys(void **state)
{
  for (guint matrix = 0; matrix < 5; matrix++) {
    for (guint range = 0; range < 2; range++) {
      for (guint luma = 0; luma < 256; luma++) {
        guint8 y = (guint8)luma, uv[2] = { 128, 128 }, rgb[3];
        HysacFrame frame = { .format = HYSAC_FORMAT_NV12, .width = 1, .height = 1,
                             .planes = { &y, uv }, .strides = { 1, 2 }, .sizes = { 1, 2 },
                             .matrix = matrix, .range = range };
        HysacPreprocessConfig config = config_of(1, 1);
        double grey = range == HYSAC_RANGE_FULL ? luma : (luma - 16.0) * 255.0 / 219.0;

        assert_true(hysac_preprocess_reference(&config, &frame, rgb, NULL));
        for (guint c = 0; c < 3; c++)
          assert_int_equal(rgb[c], (int)floor(CLAMP(grey, 0.0, 255.0) + 0.5));
      }
    }
  }
}

static void
expect_bad(const HysacFrame *frame)
{
  g_autoptr(GError) error = NULL;
  HysacPreprocessConfig config = config_of(1, 1);
  guint8 rgb[3];

  assert_false(hysac_frame_check(frame, &error));
  assert_true(g_error_matches(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT));
  assert_false(hysac_preprocess_reference(&config, frame, rgb, NULL));
}

static void
test_frame_check(void **state)
{
  guint8 bytes[64] = { 0 };
  const HysacFrame good = { .format = HYSAC_FORMAT_NV12, .width = 5, .height = 3,
                            .planes = { bytes, bytes }, .strides = { 8, 7 },
                            .sizes = { 8 * 2 + 5, 7 + 6 } };
  HysacFrame f = good;

  assert_true(hysac_frame_check(&f, NULL));
  for (guint p = 0; p < 2; p++) {
    f = good, f.sizes[p]--;
    expect_bad(&f);
    f = good, f.planes[p] = NULL;
    expect_bad(&f);
    f = good, f.strides[p] = p == 0 ? 4 : 5;
    expect_bad(&f);
    f = good, f.strides[p] = G_MAXSIZE, f.sizes[p] = G_MAXSIZE;
    f.height = 5;
    expect_bad(&f);
    f = good, f.strides[p] = G_MAXSIZE / 2 + 3, f.sizes[p] = G_MAXSIZE; /* wraps to 6 or less */
    f.height = 5;
    expect_bad(&f);
  }
  f = good, f.width = 0;
  expect_bad(&f);
  f = good, f.height = 16385;
  expect_bad(&f);
  f = good, f.format = HYSAC_N_FORMATS;
  expect_bad(&f);
  f = good, f.format = (HysacFormat)-1;
  expect_bad(&f);
  f = good, f.matrix = 5;
  expect_bad(&f);
  f = good, f.range = 2;
  expect_bad(&f);
  /* One row may have any stride that holds it. */
  f = good, f.height = 1, f.strides[0] = G_MAXSIZE, f.sizes[0] = 5;
  assert_true(hysac_frame_check(&f, NULL));
  f = good, f.format = HYSAC_FORMAT_I420;
  expect_bad(&f); /* no third plane */

  assert_int_equal(hysac_format_n_planes(HYSAC_FORMAT_I420), 3);
  assert_int_equal(hysac_format_n_planes(HYSAC_N_FORMATS), 0);
  assert_int_equal(hysac_format_plane_rows(HYSAC_FORMAT_I420, 2, 1), 1);
  assert_int_equal(hysac_format_plane_rows(HYSAC_FORMAT_NV12, 1, 7), 4);
  assert_int_equal(hysac_format_plane_rows(HYSAC_FORMAT_RGB, 1, 7), 0);
  assert_int_equal(hysac_format_plane_row_bytes(HYSAC_FORMAT_NV12, 1, 7), 8);
  assert_int_equal(hysac_format_plane_row_bytes(HYSAC_FORMAT_I420, 1, 1), 1);
  assert_int_equal(hysac_format_plane_row_bytes(HYSAC_FORMAT_ARGB, 0, 3), 12);
  assert_int_equal(hysac_format_plane_row_bytes(HYSAC_FORMAT_BGR, 0, 3), 9);
}

static void
test_config(void **state)
{
  static const guint bad[][2] = { { 0, 0 }, { 8, 0 }, { 8, 9 }, { G_MAXUINT, 8 }, { 16385, 8 } };
  guint8 pixel[3] = { 1, 2, 3 }, rgb[27];
  HysacFrame frame = { .format = HYSAC_FORMAT_RGB, .width = 1, .height = 1, .planes = { pixel },
                       .strides = { 3 }, .sizes = { 3 } };

  for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
    HysacPreprocessConfig config = config_of(bad[i][0], bad[i][1]);
    g_autoptr(GError) error = NULL;

    assert_false(hysac_preprocess_reference(&config, &frame, rgb, &error));
    assert_true(g_error_matches(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT));
  }
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_frame_check), cmocka_unit_test(test_config),
    cmocka_unit_test(test_pillow),      cmocka_unit_test(test_rgb_orders),
    cmocka_unit_test(test_yuv),         cmocka_unit_test(test_greys),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
