/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Redacted pictures hold nothing of what they hide, in every format. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "gst/gsthysacprivate.h"
#include "gst/redact.h"
#include "tests/gst/rig.h"

static const GstVideoFormat formats[] = {
    GST_VIDEO_FORMAT_I420,      GST_VIDEO_FORMAT_YV12,      GST_VIDEO_FORMAT_NV12,
    GST_VIDEO_FORMAT_NV21,      GST_VIDEO_FORMAT_Y42B,      GST_VIDEO_FORMAT_Y444,
    GST_VIDEO_FORMAT_YUY2,      GST_VIDEO_FORMAT_UYVY,      GST_VIDEO_FORMAT_GRAY8,
    GST_VIDEO_FORMAT_I420_10LE, GST_VIDEO_FORMAT_P010_10LE, GST_VIDEO_FORMAT_RGB,
    GST_VIDEO_FORMAT_BGR,       GST_VIDEO_FORMAT_RGBx,      GST_VIDEO_FORMAT_BGRx,
    GST_VIDEO_FORMAT_xRGB,      GST_VIDEO_FORMAT_xBGR,      GST_VIDEO_FORMAT_RGBA,
    GST_VIDEO_FORMAT_BGRA,      GST_VIDEO_FORMAT_ARGB,      GST_VIDEO_FORMAT_ABGR};
static const GstVideoInterlaceMode modes[] = {GST_VIDEO_INTERLACE_MODE_PROGRESSIVE,
                                              GST_VIDEO_INTERLACE_MODE_MIXED,
                                              GST_VIDEO_INTERLACE_MODE_ALTERNATE};
static const guint sizes[][2] = {{64, 36}, {1, 1}, {3, 5}, {15, 8}, {17, 10}, {101, 67}, {640, 9}};

static GRand *rand_;

static GstBuffer *
random_frame(const GstVideoInfo *info)
{
  GstBuffer *buffer = gst_buffer_new_allocate(NULL, GST_VIDEO_INFO_SIZE(info), NULL);
  GstMapInfo map;
  gst_buffer_map(buffer, &map, GST_MAP_WRITE);
  for (gsize i = 0; i < map.size; i++)
    map.data[i] = (guint8)g_rand_int(rand_);
  gst_buffer_unmap(buffer, &map);
  GST_BUFFER_PTS(buffer) = 123;
  GST_BUFFER_DURATION(buffer) = 40;
  GST_BUFFER_OFFSET(buffer) = 7;
  GST_BUFFER_FLAG_SET(buffer, GST_VIDEO_BUFFER_FLAG_TFF);
  return buffer;
}

/* All memory of both, also beyond the size that the buffer shows. */
static gboolean
identical(GstBuffer *a, GstBuffer *b)
{
  GstMapInfo x, y;
  gst_buffer_map(a, &x, GST_MAP_READ);
  gst_buffer_map(b, &y, GST_MAP_READ);
  const gboolean same =
      x.size == y.size && x.maxsize == y.maxsize && memcmp(x.data, y.data, x.maxsize) == 0;
  gst_buffer_unmap(a, &x);
  gst_buffer_unmap(b, &y);
  return same;
}

#define FOR_ALL(info)                                                                              \
  for (guint f_ = 0; f_ < G_N_ELEMENTS(formats); f_++)                                             \
    for (guint s_ = 0; s_ < G_N_ELEMENTS(sizes); s_++)                                             \
      for (guint m_ = 0; m_ < G_N_ELEMENTS(modes); m_++)                                           \
        if (gst_video_info_set_interlaced_format(&info, formats[f_], modes[m_], sizes[s_][0],      \
                                                 sizes[s_][1]))

static void
blank_holds_no_input_bit(void **state)
{
  GstVideoInfo info;
  FOR_ALL(info)
  {
    g_autoptr(GstBuffer) a = random_frame(&info), b = random_frame(&info);
    g_autoptr(GstBuffer) x = gst_hysac_redact(GST_HYSAC_REDACT_BLANK, &info, a);
    g_autoptr(GstBuffer) y = gst_hysac_redact(GST_HYSAC_REDACT_BLANK, &info, b);
    assert_true(identical(x, y));
    assert_true(GST_BUFFER_PTS(x) == 123 && GST_BUFFER_DURATION(x) == 40);
    assert_true(GST_BUFFER_OFFSET(x) == 7);
    assert_true(GST_BUFFER_FLAG_IS_SET(x, GST_VIDEO_BUFFER_FLAG_TFF));
  }
}

static guint8 *
at(GstVideoFrame *frame, guint c, guint x, guint y)
{
  guint8 *data = GST_VIDEO_FRAME_COMP_DATA(frame, c);
  if (GST_VIDEO_FRAME_FORMAT(frame) == GST_VIDEO_FORMAT_P010_10LE && c == 2)
    data = (guint8 *)GST_VIDEO_FRAME_PLANE_DATA(frame, 1) + 2;
  return data + (gsize)y * GST_VIDEO_FRAME_COMP_STRIDE(frame, c) +
         (gsize)x * GST_VIDEO_FRAME_COMP_PSTRIDE(frame, c);
}

static guint
component(GstVideoFrame *frame, guint c, guint x, guint y)
{
  const guint8 *p = at(frame, c, x, y);
  switch (GST_VIDEO_FRAME_FORMAT(frame)) {
  case GST_VIDEO_FORMAT_I420_10LE:
    return (p[0] + 256u * p[1]) % 1024;
  case GST_VIDEO_FORMAT_P010_10LE:
    return (p[0] + 256u * p[1]) / 64;
  default:
    return *p;
  }
}

/* Alpha is none. */
static guint
n_components(const GstVideoInfo *info)
{
  return MIN(GST_VIDEO_INFO_N_COMPONENTS(info), 3);
}

/* Black by the colorimetry, opaque. */
static void
blank_is_black(void **state)
{
  static const struct {
    GstVideoFormat format;
    const char *colorimetry;
    guint expected[3];
  } cases[] = {{GST_VIDEO_FORMAT_I420, "bt601", {16, 128, 128}},
               {GST_VIDEO_FORMAT_NV12, "bt709", {16, 128, 128}},
               {GST_VIDEO_FORMAT_I420, "1:4:0:0", {0, 128, 128}},
               {GST_VIDEO_FORMAT_YV12, "bt601", {16, 128, 128}},
               {GST_VIDEO_FORMAT_NV21, "1:4:0:0", {0, 128, 128}},
               {GST_VIDEO_FORMAT_Y42B, "bt709", {16, 128, 128}},
               {GST_VIDEO_FORMAT_Y444, "1:3:0:0", {0, 128, 128}},
               {GST_VIDEO_FORMAT_YUY2, "bt601", {16, 128, 128}},
               {GST_VIDEO_FORMAT_YUY2, "1:4:0:0", {0, 128, 128}},
               {GST_VIDEO_FORMAT_UYVY, "bt601", {16, 128, 128}},
               {GST_VIDEO_FORMAT_UYVY, "1:4:0:0", {0, 128, 128}},
               {GST_VIDEO_FORMAT_GRAY8, "1:4:0:0", {0}},
               {GST_VIDEO_FORMAT_GRAY8, "2:4:0:0", {16}},
               {GST_VIDEO_FORMAT_I420_10LE, "bt2020", {64, 512, 512}},
               {GST_VIDEO_FORMAT_I420_10LE, "1:3:0:0", {0, 512, 512}},
               {GST_VIDEO_FORMAT_P010_10LE, "bt2100-pq", {64, 512, 512}},
               {GST_VIDEO_FORMAT_P010_10LE, "1:3:0:0", {0, 512, 512}},
               {GST_VIDEO_FORMAT_RGBA, "sRGB", {0, 0, 0}},
               {GST_VIDEO_FORMAT_ARGB, "sRGB", {0, 0, 0}}};
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    GstVideoInfo info;
    gst_video_info_set_format(&info, cases[i].format, 21, 11);
    assert_true(gst_video_colorimetry_from_string(&info.colorimetry, cases[i].colorimetry));
    g_autoptr(GstBuffer) in = random_frame(&info);
    g_autoptr(GstBuffer) out = gst_hysac_redact(GST_HYSAC_REDACT_BLANK, &info, in);
    GstVideoFrame frame;
    assert_true(gst_video_frame_map(&frame, &info, out, GST_MAP_READ));
    for (guint c = 0; c < n_components(&info); c++)
      for (gint y = 0; y < GST_VIDEO_FRAME_COMP_HEIGHT(&frame, c); y++)
        for (gint x = 0; x < GST_VIDEO_FRAME_COMP_WIDTH(&frame, c); x++)
          assert_int_equal(component(&frame, c, x, y), cases[i].expected[c]);
    if (GST_VIDEO_INFO_HAS_ALPHA(&info))
      assert_int_equal(component(&frame, 3, 4, 3), 255);
    gst_video_frame_unmap(&frame);
  }
}

/* Another picture with the same block means: in each block of each component samples change places.
 */
static GstBuffer *
shuffled(const GstVideoInfo *info, GstBuffer *in)
{
  GstBuffer *out = gst_buffer_copy_deep(in);
  GstVideoFrame frame;
  assert_true(gst_video_frame_map(&frame, info, out, GST_MAP_READWRITE));
  for (guint c = 0; c < n_components(info); c++) {
    const guint w = GST_VIDEO_FRAME_COMP_WIDTH(&frame, c);
    const guint h = GST_VIDEO_FRAME_COMP_HEIGHT(&frame, c);
    const guint columns = MIN(w, GST_HYSAC_BLOCKS_X), rows = MIN(h, GST_HYSAC_BLOCKS_Y);
    const gsize bytes = GST_VIDEO_FRAME_COMP_DEPTH(&frame, c) > 8 ? 2 : 1;
    for (guint j = 0; j < rows; j++)
      for (guint i = 0; i < columns; i++) {
        const guint x0 = i * w / columns, x1 = (i + 1) * w / columns;
        const guint y0 = j * h / rows, y1 = (j + 1) * h / rows;
        const guint n = (x1 - x0) * (y1 - y0);
        for (guint p = 0; p < n; p++) { /* Fisher and Yates */
          const guint q = (guint)g_rand_int_range(rand_, (gint)p, (gint)n);
          guint8 *a = at(&frame, c, x0 + p % (x1 - x0), y0 + p / (x1 - x0));
          guint8 *b = at(&frame, c, x0 + q % (x1 - x0), y0 + q / (x1 - x0));
          guint8 swap[2];
          memcpy(swap, a, bytes);
          memmove(a, b, bytes);
          memcpy(b, swap, bytes);
        }
      }
  }
  gst_video_frame_unmap(&frame);
  return out;
}

/* Blur and pixelate are functions of the block means: pixels may change places inside a block. The
 * alpha of the input is none of them. */
static void
blur_knows_block_means_only(void **state)
{
  GstVideoInfo info;
  FOR_ALL(info)
  {
    g_autoptr(GstBuffer) a = random_frame(&info);
    g_autoptr(GstBuffer) b = shuffled(&info, a);
    for (GstHysacRedaction kind = GST_HYSAC_REDACT_BLUR; kind <= GST_HYSAC_REDACT_PIXELATE;
         kind++) {
      g_autoptr(GstBuffer) x = gst_hysac_redact(kind, &info, a);
      g_autoptr(GstBuffer) y = gst_hysac_redact(kind, &info, b);
      assert_true(identical(x, y));
      if (sizes[s_][0] > 60)
        assert_false(identical(x, a));
    }
  }
}

/* Pixelate shows the means themselves; blur agrees with them at the blocks' centres. */
static void
means_are_right(void **state)
{
  for (guint f = 0; f < G_N_ELEMENTS(formats); f++) {
    GstVideoInfo info;
    gst_video_info_set_format(&info, formats[f], 320, 180);
    g_autoptr(GstBuffer) in = random_frame(&info);
    g_autoptr(GstBuffer) pixelated = gst_hysac_redact(GST_HYSAC_REDACT_PIXELATE, &info, in);
    g_autoptr(GstBuffer) blurred = gst_hysac_redact(GST_HYSAC_REDACT_BLUR, &info, in);
    GstVideoFrame a, b, c;
    gst_video_frame_map(&a, &info, in, GST_MAP_READ);
    gst_video_frame_map(&b, &info, pixelated, GST_MAP_READ);
    gst_video_frame_map(&c, &info, blurred, GST_MAP_READ);
    for (guint comp = 0; comp < n_components(&info); comp++) {
      const guint w = (guint)GST_VIDEO_FRAME_COMP_WIDTH(&a, comp) / GST_HYSAC_BLOCKS_X;
      const guint h = (guint)GST_VIDEO_FRAME_COMP_HEIGHT(&a, comp) / GST_HYSAC_BLOCKS_Y;
      const int slack = GST_VIDEO_FRAME_COMP_DEPTH(&a, comp) > 8 ? 40 : 10;
      for (guint j = 0; j < GST_HYSAC_BLOCKS_Y; j++)
        for (guint i = 0; i < GST_HYSAC_BLOCKS_X; i++) {
          guint sum = 0;
          for (guint y = j * h; y < (j + 1) * h; y++)
            for (guint x = i * w; x < (i + 1) * w; x++)
              sum += component(&a, comp, x, y);
          const int mean = (int)((sum + w * h / 2) / (w * h));
          assert_int_equal(component(&b, comp, i * w, j * h), mean);
          assert_int_equal(component(&b, comp, (i + 1) * w - 1, (j + 1) * h - 1), mean);
          assert_in_range((int)component(&c, comp, i * w + w / 2, j * h + h / 2) + slack, mean,
                          mean + 2 * slack);
        }
    }
    gst_video_frame_unmap(&a);
    gst_video_frame_unmap(&b);
    gst_video_frame_unmap(&c);
  }
}

/* Padded rows, planes with gaps between them: read right, and the padding goes nowhere. */
static void
padded_input(void **state)
{
  GstVideoInfo info;
  gst_video_info_set_format(&info, GST_VIDEO_FORMAT_I420, 50, 30);
  gsize offsets[GST_VIDEO_MAX_PLANES] = {64, 64 + 96 * 32 + 100, 64 + 96 * 32 + 100 + 64 * 20};
  gint strides[GST_VIDEO_MAX_PLANES] = {96, 64, 64};
  GstBuffer *padded[2];
  g_autoptr(GstBuffer) plain = random_frame(&info);
  for (guint i = 0; i < 2; i++) {
    padded[i] = gst_buffer_new_allocate(NULL, 9000, NULL);
    gst_buffer_memset(padded[i], 0, i ? 0 : 255, 9000);
    gst_buffer_copy_into(padded[i], plain, GST_BUFFER_COPY_TIMESTAMPS | GST_BUFFER_COPY_FLAGS, 0,
                         -1);
    GST_BUFFER_OFFSET(padded[i]) = GST_BUFFER_OFFSET(plain);
    gst_buffer_add_video_meta_full(padded[i], 0, GST_VIDEO_FORMAT_I420, 50, 30, 3, offsets,
                                   strides);
    GstVideoFrame from, to;
    gst_video_frame_map(&from, &info, plain, GST_MAP_READ);
    assert_true(gst_video_frame_map(&to, &info, padded[i], GST_MAP_WRITE));
    gst_video_frame_copy(&to, &from);
    gst_video_frame_unmap(&from);
    gst_video_frame_unmap(&to);
  }
  for (GstHysacRedaction kind = GST_HYSAC_REDACT_BLUR; kind <= GST_HYSAC_REDACT_BLANK; kind++) {
    g_autoptr(GstBuffer) x = gst_hysac_redact(kind, &info, padded[0]);
    g_autoptr(GstBuffer) y = gst_hysac_redact(kind, &info, padded[1]);
    g_autoptr(GstBuffer) z = gst_hysac_redact(kind, &info, plain);
    assert_true(identical(x, y));
    assert_true(identical(x, z));
  }
  /* A meta that points past its memory is not a picture. */
  GstVideoMeta *meta = gst_buffer_get_video_meta(padded[0]);
  meta->offset[2] = 8990;
  g_autoptr(GstBuffer) x = gst_hysac_redact(GST_HYSAC_REDACT_BLUR, &info, padded[0]);
  g_autoptr(GstBuffer) y = gst_hysac_redact(GST_HYSAC_REDACT_BLANK, &info, plain);
  assert_true(identical(x, y));
  gst_buffer_unref(padded[0]);
  gst_buffer_unref(padded[1]);
}

/* Captions and other metas do not come over; crop and reference time do. */
static void
metas_are_whitelisted(void **state)
{
  GstVideoInfo info;
  gst_video_info_set_format(&info, GST_VIDEO_FORMAT_I420, 50, 30);
  g_autoptr(GstBuffer) in = random_frame(&info);
  const guint8 text[] = "secret";
  gst_buffer_add_video_caption_meta(in, GST_VIDEO_CAPTION_TYPE_CEA708_RAW, text, sizeof text);
  g_autoptr(GstBuffer) parent = random_frame(&info);
  gst_buffer_add_parent_buffer_meta(in, parent);
  gst_buffer_add_video_region_of_interest_meta(in, "face", 1, 2, 3, 4);
  g_autoptr(GstCaps) reference = gst_caps_new_empty_simple("timestamp/x-ntp");
  gst_buffer_add_reference_timestamp_meta(in, reference, 99, 1);
  gst_buffer_add_video_crop_meta(in)->width = 40;
  g_autoptr(GstBuffer) out = gst_hysac_redact(GST_HYSAC_REDACT_BLUR, &info, in);
  assert_null(gst_buffer_get_video_caption_meta(out));
  assert_null(gst_buffer_get_parent_buffer_meta(out));
  assert_null(gst_buffer_get_video_region_of_interest_meta(out));
  assert_non_null(gst_buffer_get_reference_timestamp_meta(out, NULL));
  assert_int_equal(gst_buffer_get_video_crop_meta(out)->width, 40);
}

/* The other branch of a tee keeps its frame, redacted here or passed with a verdict. */
static void
shared_frames_stay(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, "sample-interval", (guint64)0, "action",
           GST_HYSAC_ACTION_BLUR, NULL);
  for (guint i = 0; i < 2; i++) {
    GstBuffer *frame = rig_frame(&rig, i ? FAKE_UNSAFE : FAKE_SAFE);
    g_autoptr(GstBuffer) other = gst_buffer_ref(frame);
    g_autoptr(GstBuffer) before = gst_buffer_copy_deep(frame);
    gst_harness_push(rig.h, frame);
    rig_wait_buffers(&rig, i + 1);
    GstMapInfo map;
    gst_buffer_map(before, &map, GST_MAP_READ);
    assert_int_equal(gst_buffer_memcmp(other, 0, map.data, map.size), 0);
    gst_buffer_unmap(before, &map);
    assert_null(gst_buffer_get_custom_meta(other, "GstHysacMeta"));
    assert_ptr_not_equal(rig_buffer(&rig, i), other);
  }
  assert_int_equal(rig_looks(rig_buffer(&rig, 0)), LOOKS_ORIGINAL);
  assert_int_not_equal(rig_looks(rig_buffer(&rig, 1)), LOOKS_ORIGINAL);
  rig_clear(&rig);
}

/* Behind TAP's first line, where newer readers want its version. */
static int
seed(void **state)
{
  rand_ = g_rand_new_with_seed(rig_seed());
  return 0;
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(blank_holds_no_input_bit),
      cmocka_unit_test(blank_is_black),
      cmocka_unit_test(blur_knows_block_means_only),
      cmocka_unit_test(means_are_right),
      cmocka_unit_test(padded_input),
      cmocka_unit_test(metas_are_whitelisted),
      cmocka_unit_test(shared_frames_stay),
  };
  gst_init(NULL, NULL);
  const int failed = cmocka_run_group_tests(tests, seed, NULL);
  g_rand_free(rand_);
  gst_deinit(); /* GST_TRACERS=leaks reports here */
  return failed;
}
