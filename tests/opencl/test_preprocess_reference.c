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

/* Where the components of each format lie, in words of GStreamer's documentation: plane, first byte,
 * bytes from one sample to the next; and how a value is read. */
static const struct {
  guint plane[3], first[3], step[3];
  gboolean half_width, half_height;
  guint bits, shift;
} places[HYSAC_N_FORMATS] = {
  [HYSAC_FORMAT_I420] = { { 0, 1, 2 }, { 0, 0, 0 }, { 1, 1, 1 }, TRUE, TRUE, 8, 0 },
  [HYSAC_FORMAT_NV12] = { { 0, 1, 1 }, { 0, 0, 1 }, { 1, 2, 2 }, TRUE, TRUE, 8, 0 },
  [HYSAC_FORMAT_NV21] = { { 0, 1, 1 }, { 0, 1, 0 }, { 1, 2, 2 }, TRUE, TRUE, 8, 0 },
  [HYSAC_FORMAT_Y42B] = { { 0, 1, 2 }, { 0, 0, 0 }, { 1, 1, 1 }, TRUE, FALSE, 8, 0 },
  [HYSAC_FORMAT_Y444] = { { 0, 1, 2 }, { 0, 0, 0 }, { 1, 1, 1 }, FALSE, FALSE, 8, 0 },
  [HYSAC_FORMAT_YUY2] = { { 0, 0, 0 }, { 0, 1, 3 }, { 2, 4, 4 }, TRUE, FALSE, 8, 0 },
  [HYSAC_FORMAT_UYVY] = { { 0, 0, 0 }, { 1, 0, 2 }, { 2, 4, 4 }, TRUE, FALSE, 8, 0 },
  [HYSAC_FORMAT_I420_10LE] = { { 0, 1, 2 }, { 0, 0, 0 }, { 2, 2, 2 }, TRUE, TRUE, 10, 0 },
  [HYSAC_FORMAT_P010_10LE] = { { 0, 1, 1 }, { 0, 0, 2 }, { 2, 4, 4 }, TRUE, TRUE, 10, 6 },
};

static double
value(const HysacFrame *frame, guint c, gsize x, gsize y)
{
  HysacFormat f = frame->format;
  guint plane = places[f].plane[c];
  const guint8 *p = frame->planes[plane] + y * frame->strides[plane] + places[f].first[c] +
                    x * places[f].step[c];

  if (places[f].bits == 8)
    return p[0];
  return (double)((p[0] + 256u * p[1]) / (1u << places[f].shift) % 1024);
}

/* The chroma of luma position (x, y) by continuous linear interpolation: the definition in words of
 * docs/colour.md, not the reference's table of weights. */
static double
sample_chroma(const HysacFrame *frame, guint channel, guint x, guint y)
{
  gboolean half_width = places[frame->format].half_width;
  gboolean half_height = places[frame->format].half_height;
  gint columns = (gint)(half_width ? (frame->width + 1) / 2 : frame->width);
  gint rows = (gint)(half_height ? (frame->height + 1) / 2 : frame->height);
  double u = half_width ? (x - (frame->site.h_cosited ? 0.0 : 0.5)) / 2.0 : x;
  double v = half_height ? (y - (frame->site.v_cosited ? 0.0 : 0.5)) / 2.0 : y;
  gint i = (gint)floor(u), j = (gint)floor(v);
  double sum = 0.0;

  for (gint dj = 0; dj < 2; dj++) {
    for (gint di = 0; di < 2; di++) {
      gint ci = CLAMP(i + di, 0, columns - 1), cj = CLAMP(j + dj, 0, rows - 1);
      double weight = (di ? u - i : 1.0 - (u - i)) * (dj ? v - j : 1.0 - (v - j));

      sum += weight * value(frame, 1 + channel, (gsize)ci, (gsize)cj);
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
      double luma = value(frame, 0, left + x, top + y);
      double cb = sample_chroma(frame, 0, left + x, top + y);
      double cr = sample_chroma(frame, 1, left + x, top + y);
      double expected[3];

      if (places[frame->format].bits == 10) {
        luma = full ? luma * 255.0 / 1023.0 : (luma - 64.0) * 255.0 / 876.0;
        cb = (cb - 512.0) * (full ? 255.0 / 1023.0 : 255.0 / 896.0);
        cr = (cr - 512.0) * (full ? 255.0 / 1023.0 : 255.0 / 896.0);
      } else {
        luma = full ? luma : (luma - 16.0) * 255.0 / 219.0;
        cb = (cb - 128.0) * (full ? 1.0 : 255.0 / 224.0);
        cr = (cr - 128.0) * (full ? 1.0 : 255.0 / 224.0);
      }
      expected[0] = luma + 2.0 * (1.0 - kr) * cr;
      expected[2] = luma + 2.0 * (1.0 - kb) * cb;
      expected[1] = (luma - kr * expected[0] - kb * expected[2]) / (1.0 - kr - kb);
      for (guint c = 0; c < 3; c++) {
        double e = CLAMP(expected[c], 0.0, 255.0);

        /* Rounded once: half a step, and what 16 fractional bits of the matrix leave. */
        if (fabs(rgb[((gsize)y * side + x) * 3 + c] - e) > 0.5 + 0.006)
          fail_msg("format %d matrix %d range %d site %d%d at %u,%u channel %u: %u, expected %f",
                   (int)frame->format, (int)frame->matrix, (int)frame->range, frame->site.h_cosited,
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
    for (guint how = 0; how < HYSAC_N_FORMATS * 5 * 2 * 2 * 2; how++) {
      guint rest = how / HYSAC_N_FORMATS;
      HysacFrame frame = { .format = how % HYSAC_N_FORMATS,
                           .width = sizes[i][0], .height = sizes[i][1],
                           .range = rest & 1 ? HYSAC_RANGE_FULL : HYSAC_RANGE_LIMITED,
                           .site = { rest >> 1 & 1, rest >> 2 & 1 }, .matrix = rest >> 3 };

      if (!places[frame.format].bits) /* RGB, grey */
        continue;

      frame_alloc(&frame, how % 3, how % 2, seed + how);
      check_yuv(&frame);
      frame_clear(&frame);
    }
  }
}

/* Black, white and the greys of either range are exact, whatever the matrix and the format. */
static void
test_greys(void **state)
{
  static const HysacFormat formats[] = { HYSAC_FORMAT_NV12, HYSAC_FORMAT_YUY2, HYSAC_FORMAT_GRAY8,
                                         HYSAC_FORMAT_I420_10LE, HYSAC_FORMAT_P010_10LE };

  for (guint how = 0; how < G_N_ELEMENTS(formats) * 5 * 2; how++) {
    HysacFormat format = formats[how % G_N_ELEMENTS(formats)];
    guint matrix = how / G_N_ELEMENTS(formats) % 5, range = how / G_N_ELEMENTS(formats) / 5;
    guint deep = places[format].bits == 10, shift = places[format].shift;
    guint16 neutral = (guint16)((deep ? 512 : 128) << shift);

    for (guint luma = 0; luma < (deep ? 1024 : 256); luma++) {
      guint16 deep_y = GUINT16_TO_LE((guint16)(luma << shift));
      guint16 deep_uv[2] = { GUINT16_TO_LE(neutral), GUINT16_TO_LE(neutral) };
      guint8 y[4] = { (guint8)luma, 128, (guint8)luma, 128 }, uv[2] = { 128, 128 }, rgb[3];
      const guint8 *chroma = deep ? (guint8 *)deep_uv : uv;
      HysacFrame frame = { .format = format, .width = 1, .height = 1,
                           .planes = { deep ? (guint8 *)&deep_y : y, chroma, chroma },
                           .strides = { 4, 4, 4 }, .sizes = { deep ? 2 : 4, deep ? 4 : 2, 2 },
                           .matrix = matrix, .range = range };
      HysacPreprocessConfig config = config_of(1, 1);
      double top = deep ? 1023.0 : 255.0, black = deep ? 64.0 : 16.0, span = deep ? 876.0 : 219.0;
      double grey = range == HYSAC_RANGE_FULL ? luma * 255.0 / top : (luma - black) * 255.0 / span;

      assert_true(hysac_preprocess_reference(&config, &frame, rgb, NULL));
      for (guint c = 0; c < 3; c++)
        if (rgb[c] != (int)floor(CLAMP(grey, 0.0, 255.0) + 0.5))
          fail_msg("format %d range %u: %u becomes %u, not %f", (int)format, range, luma, rgb[c],
                   grey);
    }
  }
}

/* Bits that a 10-bit format does not have are not read. */
static void
test_spare_bits(void **state)
{
  HysacPreprocessConfig config = config_of(20, 20);
  guint8 a[20 * 20 * 3], b[20 * 20 * 3];

  for (guint p010 = 0; p010 < 2; p010++) {
    HysacFrame frame = { .format = p010 ? HYSAC_FORMAT_P010_10LE : HYSAC_FORMAT_I420_10LE,
                         .width = 27, .height = 20 };

    frame_alloc(&frame, 0, 0, 3);
    assert_true(hysac_preprocess_reference(&config, &frame, a, NULL));
    for (guint p = 0; p < hysac_format_n_planes(frame.format); p++)
      for (gsize i = p010 ? 0 : 1; i < frame.sizes[p]; i += 2)
        ((guint8 *)frame.planes[p])[i] ^= p010 ? 0x3f : 0xfc;
    assert_true(hysac_preprocess_reference(&config, &frame, b, NULL));
    assert_memory_equal(a, b, sizeof a);
    frame_clear(&frame);
  }
}

/* A field is resized as the frame that it is half of: lines that are alike in pairs look the same,
 * within what interpolating between them differs. */
static void
test_field(void **state)
{
  const guint width = 160, height = 120;
  HysacPreprocessConfig config = config_of(40, 36);
  guint8 a[36 * 36 * 3], b[36 * 36 * 3];
  HysacFrame whole = { .format = HYSAC_FORMAT_GRAY8, .range = HYSAC_RANGE_FULL, .width = width,
                       .height = height };
  HysacFrame field = whole;
  guint largest = 0, plain = 0;

  frame_alloc(&whole, 0, 0, 0);
  for (guint y = 0; y < height; y++)
    for (guint x = 0; x < width; x++)
      ((guint8 *)whole.planes[0])[y * width + x] =
          (guint8)(128.0 + 100.0 * sin(x * 0.11) * cos((y / 2 * 2 + 0.5) * 0.09));
  field = whole;
  field.field = TRUE;
  field.height /= 2;
  field.strides[0] *= 2;
  assert_true(hysac_preprocess_reference(&config, &whole, a, NULL));
  assert_true(hysac_preprocess_reference(&config, &field, b, NULL));
  for (gsize i = 0; i < sizeof a; i++)
    largest = MAX(largest, (guint)abs(a[i] - b[i]));
  assert_in_range(largest, 0, 2);
  field.field = FALSE; /* else it is a picture of another shape */
  assert_true(hysac_preprocess_reference(&config, &field, b, NULL));
  for (gsize i = 0; i < sizeof a; i++)
    plain = MAX(plain, (guint)abs(a[i] - b[i]));
  assert_true(plain > 50);
  frame_clear(&whole);
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

  /* The last pixel of an odd width has its four bytes. */
  f = good, f.format = HYSAC_FORMAT_YUY2, f.strides[0] = 12, f.sizes[0] = 36;
  assert_true(hysac_frame_check(&f, NULL));
  f.strides[0] = 11;
  expect_bad(&f);
  f.strides[0] = 12, f.sizes[0] = 35;
  expect_bad(&f);
  f = good, f.format = HYSAC_FORMAT_GRAY8, f.range = 2;
  expect_bad(&f);

  assert_int_equal(hysac_format_n_planes(HYSAC_FORMAT_I420), 3);
  assert_int_equal(hysac_format_n_planes(HYSAC_FORMAT_UYVY), 1);
  assert_int_equal(hysac_format_plane_rows(HYSAC_FORMAT_Y42B, 1, 7), 7);
  assert_int_equal(hysac_format_plane_row_bytes(HYSAC_FORMAT_Y42B, 1, 7), 4);
  assert_int_equal(hysac_format_plane_row_bytes(HYSAC_FORMAT_Y444, 2, 7), 7);
  assert_int_equal(hysac_format_plane_row_bytes(HYSAC_FORMAT_UYVY, 0, 7), 16);
  assert_int_equal(hysac_format_plane_row_bytes(HYSAC_FORMAT_I420_10LE, 0, 7), 14);
  assert_int_equal(hysac_format_plane_row_bytes(HYSAC_FORMAT_I420_10LE, 2, 7), 8);
  assert_int_equal(hysac_format_plane_row_bytes(HYSAC_FORMAT_P010_10LE, 1, 7), 16);
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
    cmocka_unit_test(test_spare_bits),  cmocka_unit_test(test_field),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
