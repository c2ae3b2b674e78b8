/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The plugin with the real engine and the small reference model: the distance of a frame in each
 * format is that of the C reference's RGB, and near that of the RGB picture it was made from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <gst/check/gstharness.h>
#include <math.h>
#include <string.h>

#include "gst/gsthysacmeta.h"
#include "gst/videoframe.h"
#include "opencl/preprocess.h"

#define SIDE 61

/* Distances from a picture's own when it comes in another format: relative. Eight bits of Y, Cb and Cr
 * are not those of R, G and B, and chroma has fewer samples. */
#define TOLERANCE 0.01
#define PIXEL_TOLERANCE 8 /* of 255; at edges, where chroma's last sample repeats */

static const char *const yuv_formats[] = {"I420", "YV12", "NV12", "NV21", "Y42B", "Y444", "YUY2",
                                          "UYVY", "I420_10LE", "P010_10LE"};
static const char *const colorimetries[] = {"bt601", "bt709", "1:4:0:0", "bt2020"};

typedef struct {
  GstHarness *h;
  guint n;
} Rig;

static void
rig_init(Rig *rig)
{
  g_autofree char *model =
      g_build_filename(g_getenv("HYSAC_TEST_DATA"), "reference", "small", "model", NULL);
  rig->n = 0;
  g_autofree char *line = g_strdup_printf(
      "hysacmoderate model=%s precision=fp32 sample-interval=0 action=tag", model);
  rig->h = gst_harness_new_parse(line);
  gst_harness_play(rig->h);
}

/* Takes @buffer. */
static double
score(Rig *rig, const char *caps, GstBuffer *buffer)
{
  gst_harness_set_src_caps_str(rig->h, caps);
  GST_BUFFER_PTS(buffer) = rig->n++ * GST_SECOND;
  assert_int_equal(gst_harness_push(rig->h, buffer), GST_FLOW_OK);
  g_autoptr(GstBuffer) out = gst_harness_pull(rig->h);
  assert_non_null(out);
  const GstStructure *meta = gst_buffer_get_hysac_meta(out);
  double distance = NAN;
  assert_true(gst_hysac_meta_get_distance(meta, &distance));
  assert_string_equal(gst_hysac_meta_get_origin(meta), "scored");
  return distance;
}

static void
caps_text(char text[300], const char *format, guint width, guint height, const char *more)
{
  g_snprintf(text, 300, "video/x-raw%s,format=%s,width=%u,height=%u,framerate=1/1%s",
             strstr(more, "alternate") ? "(format:Interlaced)" : "", format, width, height, more);
}

/* What a picture shows at (x, y), 0 to 1; smooth enough for subsampled chroma. Grey: its mean. */
static void
colour_at(guint picture, double x, double y, double rgb[3])
{
  const double a = picture * 0.7;
  rgb[0] = 0.5 + 0.35 * sin(x * 0.11 + a) * cos(y * 0.07);
  rgb[1] = 0.5 + 0.35 * sin(x * 0.05 - y * 0.06 + 2.0 * a);
  rgb[2] = 0.5 + 0.35 * cos(y * 0.13 + x * 0.03 - a);
  if (picture % 2)
    for (guint c = 0; c < 3; c++)
      rgb[c] *= rgb[c];
}

static void
put(GstVideoFrame *frame, guint c, gint x, gint y, double value)
{
  const guint depth = GST_VIDEO_FRAME_COMP_DEPTH(frame, c);
  const guint v = (guint)floor(value + 0.5);
  guint8 *p = (guint8 *)GST_VIDEO_FRAME_COMP_DATA(frame, c);
  if (GST_VIDEO_FRAME_FORMAT(frame) == GST_VIDEO_FORMAT_P010_10LE && c == 2)
    p = (guint8 *)GST_VIDEO_FRAME_PLANE_DATA(frame, 1) + 2;
  p += y * GST_VIDEO_FRAME_COMP_STRIDE(frame, c) + x * GST_VIDEO_FRAME_COMP_PSTRIDE(frame, c);
  if (depth > 8) {
    const guint16 word = GUINT16_TO_LE((guint16)(v << GST_VIDEO_FORMAT_INFO_SHIFT(frame->info.finfo, c)));
    memcpy(p, &word, sizeof word); /* planes may begin at an odd address */
  } else {
    *p = (guint8)v;
  }
}

/* The picture in @info's format, by double arithmetic from the definitions: chroma is the colour at
 * the place where the sample lies. @first, @step: lines of the picture, for fields. */
static void
draw(GstVideoFrame *frame, guint picture, guint first, guint step)
{
  const GstVideoInfo *info = &frame->info;
  double kr = 0.299, kb = 0.114, offsets[3], scales[3];
  gint offset[GST_VIDEO_MAX_COMPONENTS], scale[GST_VIDEO_MAX_COMPONENTS];
  gst_video_color_matrix_get_Kr_Kb(info->colorimetry.matrix, &kr, &kb);
  gst_video_color_range_offsets(info->colorimetry.range, info->finfo, offset, scale);
  const guint n = MIN(GST_VIDEO_INFO_N_COMPONENTS(info), 3);
  for (guint c = 0; c < n; c++) {
    offsets[c] = offset[c];
    scales[c] = scale[c];
  }
  const gboolean h_between = !(info->chroma_site & GST_VIDEO_CHROMA_SITE_H_COSITED);
  const gboolean v_between = !(info->chroma_site & GST_VIDEO_CHROMA_SITE_V_COSITED);
  for (guint c = 0; c < n; c++) {
    const guint ws = GST_VIDEO_FORMAT_INFO_W_SUB(info->finfo, c);
    const guint hs = GST_VIDEO_FORMAT_INFO_H_SUB(info->finfo, c);
    for (gint y = 0; y < GST_VIDEO_FRAME_COMP_HEIGHT(frame, c); y++)
      for (gint x = 0; x < GST_VIDEO_FRAME_COMP_WIDTH(frame, c); x++) {
        double rgb[3];
        const double px = ws ? 2 * x + (h_between ? 0.5 : 0.0) : x;
        const double py = hs ? 2 * y + (v_between ? 0.5 : 0.0) : y;
        colour_at(picture, px, first + step * py, rgb);
        if (GST_VIDEO_INFO_IS_RGB(info)) {
          put(frame, c, x, y, 255.0 * rgb[c]);
          continue;
        }
        if (GST_VIDEO_INFO_IS_GRAY(info))
          rgb[0] = rgb[1] = rgb[2] = (rgb[0] + rgb[1] + rgb[2]) / 3.0;
        const double luma = kr * rgb[0] + (1.0 - kr - kb) * rgb[1] + kb * rgb[2];
        const double value = c == 0   ? luma
                             : c == 1 ? (rgb[2] - luma) / (2.0 * (1.0 - kb))
                                      : (rgb[0] - luma) / (2.0 * (1.0 - kr));
        put(frame, c, x, y, offsets[c] + scales[c] * value);
      }
  }
}

static GstBuffer *
drawn(const char *caps_string, GstVideoInfo *info, guint picture, guint first, guint step)
{
  g_autoptr(GstCaps) caps = gst_caps_from_string(caps_string);
  assert_true(gst_hysac_video_info_from_caps(info, caps));
  if (info->chroma_site == GST_VIDEO_CHROMA_SITE_UNKNOWN)
    info->chroma_site = GST_VIDEO_CHROMA_SITE_MPEG2;
  GstBuffer *buffer = gst_buffer_new_allocate(NULL, GST_VIDEO_INFO_SIZE(info), NULL);
  gst_buffer_memset(buffer, 0, 0, GST_VIDEO_INFO_SIZE(info));
  GstVideoFrame frame;
  assert_true(gst_video_frame_map(&frame, info, buffer, GST_MAP_READWRITE));
  draw(&frame, picture, first, step);
  gst_video_frame_unmap(&frame);
  return buffer;
}

/* The centre square in RGB, as the C reference converts it. */
static GstBuffer *
reference_rgb(const GstVideoInfo *info, GstBuffer *buffer)
{
  const HysacPreprocessConfig config = {.shortest_edge = SIDE, .crop_size = SIDE};
  const gsize row = (SIDE * 3 + 3) & ~3u; /* GStreamer's stride */
  g_autofree guint8 *rgb = g_malloc(SIDE * SIDE * 3);
  GstVideoFrame frame;
  HysacFrame picture;
  g_autoptr(GError) error = NULL;
  assert_true(gst_hysac_video_frame_map(&frame, &picture, info, buffer, &error));
  assert_true(hysac_preprocess_reference(&config, &picture, rgb, &error));
  gst_video_frame_unmap(&frame);
  guint8 *padded = g_malloc0(row * SIDE);
  for (guint y = 0; y < SIDE; y++)
    memcpy(padded + y * row, rgb + y * SIDE * 3, SIDE * 3);
  return gst_buffer_new_wrapped(padded, row * SIDE);
}

static guint
largest_step(GstBuffer *a, GstBuffer *b)
{
  guint most = 0;
  GstMapInfo x, y;
  gst_buffer_map(a, &x, GST_MAP_READ);
  gst_buffer_map(b, &y, GST_MAP_READ);
  assert_true(x.size == y.size);
  for (gsize i = 0; i < x.size; i++)
    most = MAX(most, (guint)ABS(x.data[i] - y.data[i]));
  gst_buffer_unmap(a, &x);
  gst_buffer_unmap(b, &y);
  return most;
}

static double
difference(double a, double b)
{
  return fabs(a - b) / b;
}

/* At an odd size that is not resampled in between: the very bits of the C reference's RGB. And the
 * score of the picture in RGB within the tolerance, which another picture is not. */
static void
every_format_scores_alike(void **state)
{
  Rig rig;
  double worst = 0.0, nearest = 1.0, first = 0.0;
  guint most_step = 0;
  rig_init(&rig);
  for (guint picture = 0; picture < 3; picture++) {
    char rgb_caps[300];
    GstVideoInfo info;
    caps_text(rgb_caps, "RGB", SIDE, SIDE, "");
    g_autoptr(GstBuffer) own_rgb = drawn(rgb_caps, &info, picture, 0, 1);
    const double own = score(&rig, rgb_caps, gst_buffer_copy_deep(own_rgb));
    if (picture)
      nearest = MIN(nearest, difference(own, first));
    else
      first = own;
    for (guint f = 0; f < G_N_ELEMENTS(yuv_formats); f++)
      for (guint c = 0; c < G_N_ELEMENTS(colorimetries); c++) {
        static const char *const sites[] = {"", ",chroma-site=jpeg", ",chroma-site=dv"};
        char caps[300];
        g_autofree char *more = g_strdup_printf(",colorimetry=(string)%s%s", colorimetries[c],
                                                sites[(f + c) % G_N_ELEMENTS(sites)]);
        caps_text(caps, yuv_formats[f], SIDE, SIDE, more);
        GstBuffer *buffer = drawn(caps, &info, picture, 0, 1);
        GstBuffer *reference = reference_rgb(&info, buffer);
        const guint most = largest_step(reference, own_rgb);
        most_step = MAX(most_step, most);
        if (most > PIXEL_TOLERANCE)
          fail_msg("%s: a pixel is %u off", caps, most);
        const double distance = score(&rig, caps, buffer);
        const double expected = score(&rig, rgb_caps, reference);
        if (distance != expected)
          fail_msg("%s: %.17g, the C reference's RGB %.17g", caps, distance, expected);
        worst = MAX(worst, difference(distance, own));
        if (difference(distance, own) > TOLERANCE)
          fail_msg("%s: %.9g, in RGB %.9g", caps, distance, own);
      }
  }
  print_message("# largest difference from RGB %.2g (a pixel %u), between pictures at least %.2g\n",
                worst, most_step, nearest);
  assert_true(nearest > 2 * TOLERANCE);
  gst_harness_teardown(rig.h);
}

/* Grey is the RGB picture whose channels are alike. */
static void
grey_scores_as_grey_rgb(void **state)
{
  static const char *const ranges[] = {"", ",colorimetry=(string)2:4:0:0"};
  Rig rig;
  rig_init(&rig);
  for (guint r = 0; r < G_N_ELEMENTS(ranges); r++) {
    char caps[300], rgb_caps[300];
    GstVideoInfo info;
    caps_text(caps, "GRAY8", SIDE, SIDE, ranges[r]);
    caps_text(rgb_caps, "RGB", SIDE, SIDE, "");
    GstBuffer *grey = drawn(caps, &info, 1, 0, 1);
    GstBuffer *reference = reference_rgb(&info, grey);
    GstMapInfo map;
    gst_buffer_map(reference, &map, GST_MAP_READ);
    assert_true(map.data[0] == map.data[1] && map.data[1] == map.data[2]);
    gst_buffer_unmap(reference, &map);
    assert_true(score(&rig, caps, grey) == score(&rig, rgb_caps, reference));
  }
  gst_harness_teardown(rig.h);
}

/* Strides, offsets and gaps do not count, nor does the order of the bytes of RGB, nor whether the
 * lines are called interlaced. */
static void
layout_does_not_count(void **state)
{
  static const char *const formats[] = {"I420", "YV12", "NV12", "NV21",  "Y42B",      "Y444",
                                        "YUY2", "UYVY", "GRAY8", "I420_10LE", "P010_10LE", "RGB",
                                        "BGRx", "xRGB"};
  Rig rig;
  rig_init(&rig);
  for (guint f = 0; f < G_N_ELEMENTS(formats); f++) {
    char caps[300], mixed[300];
    GstVideoInfo info;
    caps_text(caps, formats[f], 97, 75, "");
    caps_text(mixed, formats[f], 97, 75, ",interlace-mode=mixed");
    GstBuffer *plain = drawn(caps, &info, 2, 0, 1);
    gsize offsets[GST_VIDEO_MAX_PLANES] = {0}, end = 7;
    gint strides[GST_VIDEO_MAX_PLANES] = {0};
    for (guint p = 0; p < GST_VIDEO_INFO_N_PLANES(&info); p++) {
      offsets[p] = end;
      strides[p] = GST_VIDEO_INFO_PLANE_STRIDE(&info, p) + 33;
      end += (gsize)strides[p] * 76 + 5;
    }
    GstBuffer *padded = gst_buffer_new_allocate(NULL, end, NULL);
    gst_buffer_memset(padded, 0, 0xff, end);
    gst_buffer_add_video_meta_full(padded, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_INFO_FORMAT(&info),
                                   97, 75, GST_VIDEO_INFO_N_PLANES(&info), offsets, strides);
    GstVideoFrame frame;
    assert_true(gst_video_frame_map(&frame, &info, padded, GST_MAP_READWRITE));
    frame.info.chroma_site = info.chroma_site;
    draw(&frame, 2, 0, 1);
    gst_video_frame_unmap(&frame);
    GstBuffer *again = gst_buffer_copy_deep(plain);
    const double expected = score(&rig, caps, plain);
    assert_true(score(&rig, caps, padded) == expected);
    assert_true(score(&rig, mixed, again) == expected);
  }
  gst_harness_teardown(rig.h);
}

/* What is drawn by alpha alone is what is seen over white; and with it come the colours that alpha hides. */
static void
alpha_draws(void **state)
{
  static const char *const formats[] = {"RGBA", "BGRA", "ARGB", "ABGR"};
  Rig rig;
  rig_init(&rig);
  for (guint f = 0; f < G_N_ELEMENTS(formats); f++) {
    char caps[300], opaque[300], named[5];
    GstVideoInfo info;
    g_strlcpy(named, formats[f], sizeof named);
    *strchr(named, 'A') = 'x';
    caps_text(caps, formats[f], 96, 76, "");
    caps_text(opaque, named, 96, 76, "");
    double farthest = 0;
    for (guint grey = 0; grey < 2; grey++) { /* black; the picture */
      GstBuffer *buffer = drawn(opaque, &info, 1, 0, 1);
      GstMapInfo map;
      gst_buffer_map(buffer, &map, GST_MAP_READWRITE);
      for (gsize i = 0; i < map.size; i += 4)
        memset(map.data + i, grey ? map.data[i + 1] : 0, 4);
      gst_buffer_unmap(buffer, &map);
      const double distance = score(&rig, opaque, buffer);
      farthest = MAX(farthest, distance);
    }
    GstBuffer *buffer = drawn(opaque, &info, 1, 0, 1);
    GstMapInfo map;
    gst_buffer_map(buffer, &map, GST_MAP_READWRITE);
    for (gsize i = 0; i < map.size; i += 4) {
      const guint8 alpha = 255 - map.data[i + 1];
      memset(map.data + i, 0, 4);
      map.data[i + (strchr(formats[f], 'A') - formats[f])] = alpha;
    }
    gst_buffer_unmap(buffer, &map);
    assert_true(score(&rig, caps, buffer) == farthest);
  }
  gst_harness_teardown(rig.h);
}

/* Both fields of a picture score about as the whole of it. */
static void
fields_score_as_their_frame(void **state)
{
  static const char *const formats[] = {"I420", "YUY2", "P010_10LE", "RGB"};
  Rig rig;
  double worst = 0.0;
  rig_init(&rig);
  for (guint f = 0; f < G_N_ELEMENTS(formats); f++) {
    char caps[300], whole[300];
    GstVideoInfo info;
    caps_text(whole, formats[f], 96, 76, "");
    caps_text(caps, formats[f], 96, 76, ",interlace-mode=alternate");
    const double expected = score(&rig, whole, drawn(whole, &info, 0, 0, 1));
    for (guint field = 0; field < 2; field++) {
      GstBuffer *buffer = drawn(caps, &info, 0, field, 2);
      GST_BUFFER_FLAG_SET(buffer, field ? GST_VIDEO_BUFFER_FLAG_BOTTOM_FIELD
                                        : GST_VIDEO_BUFFER_FLAG_TOP_FIELD);
      const double distance = score(&rig, caps, buffer);
      worst = MAX(worst, difference(distance, expected));
      if (difference(distance, expected) > TOLERANCE)
        fail_msg("%s, field %u: %.9g, the frame %.9g", formats[f], field, distance, expected);
    }
  }
  print_message("# largest difference of a field from its frame %.2g\n", worst);
  gst_harness_teardown(rig.h);
}

int
main(int argc, char **argv)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_format_scores_alike),
      cmocka_unit_test(grey_scores_as_grey_rgb),
      cmocka_unit_test(layout_does_not_count),
      cmocka_unit_test(alpha_draws),
      cmocka_unit_test(fields_score_as_their_frame),
  };
  gst_init(&argc, &argv);
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  gst_deinit(); /* GST_TRACERS=leaks reports here */
  return failed;
}
