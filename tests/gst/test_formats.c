/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Every format through the element: what is safe comes out as it went in, what is not or cannot be
 * read holds nothing of itself, wherever its planes lie; fields; and what the encoder is shown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "gst/gsthysacprivate.h"
#include "gst/redact.h"
#include "opencl/preprocess.h"
#include "tests/gst/rig.h"

static const char *const formats[] = {
    "I420", "YV12",      "NV12",      "NV21", "Y42B", "Y444", "YUY2", "UYVY", "GRAY8", "I420_10LE",
    "P010_10LE", "RGB", "BGR", "RGBx", "BGRx", "xRGB", "xBGR", "RGBA", "BGRA", "ARGB", "ABGR"};
static const guint sizes[][2] = {{64, 36}, {65, 37}, {7, 5}};


static GstCaps *
caps_of(const char *format, guint width, guint height, const char *mode, const char *more)
{
  const gboolean fields = g_str_equal(mode, "alternate");
  g_autofree char *text = g_strdup_printf(
      "video/x-raw%s,format=%s,width=%u,height=%u,framerate=25/1,interlace-mode=%s%s",
      fields ? "(format:Interlaced)" : "", format, width, height, mode, more);
  GstCaps *caps = gst_caps_from_string(text);
  assert_non_null(caps);
  return caps;
}

/* Random bytes in the caps' own layout; the fake scorer reads the first one. */
static GstBuffer *
plain_frame(const GstVideoInfo *info, guint8 code)
{
  GstBuffer *buffer = gst_buffer_new_allocate(NULL, GST_VIDEO_INFO_SIZE(info), NULL);
  GstMapInfo map;
  gst_buffer_map(buffer, &map, GST_MAP_WRITE);
  for (gsize i = 0; i < map.size; i++)
    map.data[i] = (guint8)g_rand_int(rig_rand);
  map.data[0] = code;
  gst_buffer_unmap(buffer, &map);
  return buffer;
}

/* The same picture with wide strides and gaps before, between and behind the planes, or with each
 * plane in a memory of its own. */
static GstBuffer *
padded_frame(const GstVideoInfo *info, GstBuffer *plain, gboolean apart)
{
  const guint n = GST_VIDEO_INFO_N_PLANES(info);
  gsize offsets[GST_VIDEO_MAX_PLANES] = {0};
  gint strides[GST_VIDEO_MAX_PLANES] = {0};
  gsize end = 13; /* and odd addresses */
  GstBuffer *buffer = gst_buffer_new();
  for (guint p = 0; p < n; p++) {
    strides[p] = GST_VIDEO_INFO_PLANE_STRIDE(info, p) + 19 + (gint)p;
    offsets[p] = end;
    end += (gsize)strides[p] * (guint)GST_VIDEO_INFO_HEIGHT(info) + 31;
    const gsize begin = p == 0 ? 0 : offsets[p];
    if (apart)
      gst_buffer_append_memory(buffer, gst_allocator_alloc(NULL, end - begin, NULL));
  }
  if (!apart)
    gst_buffer_append_memory(buffer, gst_allocator_alloc(NULL, end, NULL));
  gst_buffer_memset(buffer, 0, 0xe7, gst_buffer_get_size(buffer));
  assert_non_null(gst_buffer_add_video_meta_full(
      buffer, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_INFO_FORMAT(info), GST_VIDEO_INFO_WIDTH(info),
      GST_VIDEO_INFO_HEIGHT(info), n, offsets, strides));
  GstVideoFrame from, to;
  assert_true(gst_video_frame_map(&from, info, plain, GST_MAP_READ));
  assert_true(gst_video_frame_map(&to, info, buffer, GST_MAP_WRITE));
  for (guint p = 0; p < n; p++) {
    gint comps[GST_VIDEO_MAX_COMPONENTS];
    gst_video_format_info_component(info->finfo, p, comps);
    const guint rows = (guint)GST_VIDEO_INFO_COMP_HEIGHT(info, comps[0]);
    for (guint y = 0; y < rows; y++)
      memcpy((guint8 *)to.data[p] + (gsize)y * (gsize)strides[p],
             (guint8 *)from.data[p] + (gsize)y * (gsize)from.info.stride[p],
             (gsize)from.info.stride[p]);
  }
  gst_video_frame_unmap(&from);
  gst_video_frame_unmap(&to);
  return buffer;
}

static gboolean
same_bytes(GstBuffer *a, GstBuffer *b)
{
  GstMapInfo map;
  assert_true(gst_buffer_map(a, &map, GST_MAP_READ));
  const gboolean same = gst_buffer_get_size(b) == map.size &&
                        gst_buffer_memcmp(b, 0, map.data, map.size) == 0;
  gst_buffer_unmap(a, &map);
  return same;
}

/* A second apart: so slow a change is no flicker. */
static GstBuffer *
stamped(GstBuffer *buffer, guint n)
{
  GST_BUFFER_PTS(buffer) = n * GST_SECOND;
  GST_BUFFER_DURATION(buffer) = RIG_FRAME;
  return buffer;
}

/* Six buffers a format and size, each also in the hands of another: safe and unsafe, plain, padded,
 * in a memory a plane and read-only; and one that ends a byte too early. */
static void
push_all(Rig *rig, const GstVideoInfo *info, guint *n)
{
  g_autoptr(GstBuffer) black = NULL;
  for (guint i = 0; i < 8; i++) {
    const gboolean unsafe = i % 2, cut_short = i == 6;
    g_autoptr(GstBuffer) plain = plain_frame(info, unsafe ? FAKE_UNSAFE : FAKE_SAFE);
    GstBuffer *frame;
    if (i / 2 == 0) {
      frame = gst_buffer_ref(plain);
    } else if (i / 2 == 3) {
      GstMapInfo map;
      gst_buffer_map(plain, &map, GST_MAP_READ);
      const gsize size = map.size - cut_short;
      gpointer copy = g_memdup2(map.data, size);
      gst_buffer_unmap(plain, &map);
      frame = gst_buffer_new_wrapped_full(GST_MEMORY_FLAG_READONLY, copy, size, 0, size, copy, g_free);
    } else {
      frame = padded_frame(info, plain, i / 2 == 2);
    }
    g_autoptr(GstBuffer) other = gst_buffer_ref(frame);
    g_autoptr(GstBuffer) before = gst_buffer_copy_deep(frame);
    /* The stamps are for the element's reference alone. */
    frame = stamped(gst_buffer_make_writable(frame), *n);
    assert_int_equal(gst_harness_push(rig->h, frame), GST_FLOW_OK);
    rig_wait_buffers(rig, ++*n);
    GstBuffer *out = rig_buffer(rig, *n - 1);
    assert_true(same_bytes(before, other));
    assert_null(gst_buffer_get_custom_meta(other, "GstHysacMeta"));
    if (!black)
      black = gst_hysac_redact(GST_HYSAC_REDACT_BLANK, info, plain);
    if (cut_short) {
      assert_string_equal(rig_verdict(out), "failed");
      assert_string_equal(rig_reason(out), "failed-map");
    } else {
      assert_string_equal(rig_verdict(out), unsafe ? "unsafe" : "safe");
    }
    if (unsafe || cut_short)
      assert_true(same_bytes(black, out));
    else
      assert_true(same_bytes(before, out));
  }
}

static void
every_format_and_layout(void **state)
{
  static const char *const modes[] = {"progressive", "interleaved", "mixed", "alternate"};
  Rig rig;
  guint n = 0;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, "sample-interval", (guint64)0, NULL);
  for (guint f = 0; f < G_N_ELEMENTS(formats); f++)
    for (guint s = 0; s < G_N_ELEMENTS(sizes); s++)
      for (guint m = 0; m < G_N_ELEMENTS(modes); m++) {
        GstVideoInfo info;
        GstCaps *caps = caps_of(formats[f], sizes[s][0], sizes[s][1], modes[m], "");
        assert_true(gst_video_info_from_caps(&info, caps));
        gst_harness_set_src_caps(rig.h, caps);
        push_all(&rig, &info, &n);
      }
  rig_finish(&rig);
  g_autofree char *record = rig_record(&rig);
  assert_null(strchr(record, 'g'));
  rig_clear(&rig);
}

/* A meta that claims one byte more than there is: no format reads it, none shows it. */
static void
planes_past_the_end(void **state)
{
  Rig rig;
  guint n = 0;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, "sample-interval", (guint64)0, "action",
           GST_HYSAC_ACTION_TAG, NULL);
  for (guint f = 0; f < G_N_ELEMENTS(formats); f++) {
    GstVideoInfo info;
    GstCaps *caps = caps_of(formats[f], 65, 37, "progressive", "");
    gst_video_info_from_caps(&info, caps);
    gst_harness_set_src_caps(rig.h, caps);
    for (guint p = 0; p < GST_VIDEO_INFO_N_PLANES(&info); p++) {
      g_autoptr(GstBuffer) plain = plain_frame(&info, FAKE_SAFE);
      GstBuffer *frame = padded_frame(&info, plain, FALSE);
      GstVideoMeta *meta = gst_buffer_get_video_meta(frame);
      gint comps[GST_VIDEO_MAX_COMPONENTS];
      gst_video_format_info_component(info.finfo, p, comps);
      HysacFormat ours;
      assert_true(gst_hysac_video_format(GST_VIDEO_INFO_FORMAT(&info), &ours));
      const guint plane = p == 0 ? 0 : 1; /* chroma planes are alike */
      const gsize row = hysac_format_plane_row_bytes(ours, plane, 65);
      const gsize rows = hysac_format_plane_rows(ours, plane, 37);
      meta->offset[p] = gst_buffer_get_size(frame) - ((rows - 1) * (gsize)meta->stride[p] + row) + 1;
      gst_harness_push(rig.h, stamped(frame, n));
      rig_wait_buffers(&rig, ++n);
      assert_string_equal(rig_reason(rig_buffer(&rig, n - 1)), "failed-map");
      g_autoptr(GstBuffer) black = gst_hysac_redact(GST_HYSAC_REDACT_BLANK, &info, plain);
      assert_true(same_bytes(black, rig_buffer(&rig, n - 1)));
    }
  }
  rig_clear(&rig);
}

/* Fields keep their flags, and each is held for its own time: the hold has room for twice as many. */
static void
alternate_fields(void **state)
{
  static const char *const modes[] = {"progressive", "alternate"};
  guint64 hold[2], latency[2];
  for (guint m = 0; m < 2; m++) {
    Rig rig;
    rig_init(&rig, FAKE_AT_ONCE, FALSE, "sample-interval", GST_SECOND, "request-budget",
             20 * GST_MSECOND, NULL);
    GstCaps *caps = caps_of("I420", 64, 37, modes[m], "");
    GstVideoInfo info;
    gst_video_info_from_caps(&info, caps);
    gst_harness_set_src_caps(rig.h, caps);
    const guint n = m ? 60 : 30;
    for (guint i = 0; i < n; i++) {
      GstBuffer *frame = plain_frame(&info, i ? FAKE_SAFE : FAKE_UNSAFE);
      assert_int_equal(gst_buffer_get_size(frame), m ? 64 * 20 + 2 * 32 * 10 : 64 * 38 + 2 * 32 * 19);
      gst_buffer_memset(frame, 1, 100, gst_buffer_get_size(frame) - 1); /* one shot */
      GST_BUFFER_PTS(frame) = i * RIG_FRAME / (1 + m);
      GST_BUFFER_DURATION(frame) = RIG_FRAME / (1 + m);
      if (m)
        GST_BUFFER_FLAG_SET(frame, i % 2 ? GST_VIDEO_BUFFER_FLAG_BOTTOM_FIELD
                                         : GST_VIDEO_BUFFER_FLAG_TOP_FIELD);
      if (i == 0) {
        hold[m] = rig_stat(&rig, "hold-limit");
        latency[m] = rig_stat(&rig, "latency");
      }
      assert_int_equal(gst_harness_push(rig.h, frame), GST_FLOW_OK);
    }
    rig_finish(&rig);
    rig_wait_buffers(&rig, n);
    assert_int_equal(rig_stat(&rig, "samples"), 3); /* the first, a second later, and the last */
    g_autoptr(GstBuffer) in = plain_frame(&info, FAKE_SAFE);
    g_autoptr(GstBuffer) black = gst_hysac_redact(GST_HYSAC_REDACT_BLANK, &info, in);
    for (guint i = 0; i < n; i++) {
      GstBuffer *out = rig_buffer(&rig, i);
      assert_int_equal(gst_buffer_get_size(out), GST_VIDEO_INFO_SIZE(&info));
      const guint flags = GST_BUFFER_FLAGS(out) & GST_VIDEO_BUFFER_FLAG_TOP_FIELD;
      if (m)
        assert_int_equal(flags, i % 2 ? GST_VIDEO_BUFFER_FLAG_BOTTOM_FIELD
                                      : GST_VIDEO_BUFFER_FLAG_TOP_FIELD);
      if (i == 0)
        assert_true(same_bytes(black, out));
    }
    rig_clear(&rig);
  }
  assert_in_range(hold[1], 2 * hold[0] - 8, 2 * hold[0] + 8);
  assert_true(latency[1] < latency[0]); /* by the shorter of the two durations */
}

static void
map_caps(const char *text, GstVideoInfo *info, GstBuffer **buffer, GstVideoFrame *frame,
         HysacFrame *picture)
{
  g_autoptr(GstCaps) caps = gst_caps_from_string(text);
  assert_true(gst_hysac_video_info_from_caps(info, caps));
  *buffer = plain_frame(info, 1);
  assert_true(gst_hysac_video_frame_map(frame, picture, info, *buffer, NULL));
}

/* What the caps say reaches the encoder. */
static void
caps_are_described(void **state)
{
#define HEAD "video/x-raw,width=65,height=37,framerate=25/1,"
  static const struct {
    const char *caps;
    HysacFormat format;
    guint height;
    gboolean field;
    HysacRange range;
    gboolean h_cosited, v_cosited;
    guint u_plane; /* of GStreamer's */
  } cases[] = {
      {HEAD "format=I420", HYSAC_FORMAT_I420, 37, FALSE, HYSAC_RANGE_LIMITED, TRUE, FALSE, 1},
      {HEAD "format=I420,chroma-site=jpeg", HYSAC_FORMAT_I420, 37, FALSE, HYSAC_RANGE_LIMITED, FALSE,
       FALSE, 1},
      {HEAD "format=I420,chroma-site=mpeg2", HYSAC_FORMAT_I420, 37, FALSE, HYSAC_RANGE_LIMITED, TRUE,
       FALSE, 1},
      {HEAD "format=YV12,chroma-site=dv", HYSAC_FORMAT_I420, 37, FALSE, HYSAC_RANGE_LIMITED, TRUE,
       TRUE, 2},
      {HEAD "format=NV21,chroma-site=mpeg2,colorimetry=(string)1:4:0:0", HYSAC_FORMAT_NV21, 37,
       FALSE, HYSAC_RANGE_FULL, TRUE, FALSE, 1},
      {HEAD "format=GRAY8", HYSAC_FORMAT_GRAY8, 37, FALSE, HYSAC_RANGE_FULL, TRUE, FALSE, 0},
      {HEAD "format=GRAY8,colorimetry=(string)2:4:0:0", HYSAC_FORMAT_GRAY8, 37, FALSE,
       HYSAC_RANGE_LIMITED, TRUE, FALSE, 0},
      {HEAD "format=YUY2,interlace-mode=interleaved,chroma-site=mpeg2", HYSAC_FORMAT_YUY2, 37, FALSE,
       HYSAC_RANGE_LIMITED, TRUE, FALSE, 0},
      {"video/x-raw(format:Interlaced),width=65,height=37,framerate=25/1,format=NV12,"
       "interlace-mode=alternate,chroma-site=mpeg2",
       HYSAC_FORMAT_NV12, 19, TRUE, HYSAC_RANGE_LIMITED, TRUE, FALSE, 1},
  };
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    GstVideoInfo info;
    GstVideoFrame frame;
    HysacFrame picture;
    g_autoptr(GstBuffer) buffer = NULL;
    map_caps(cases[i].caps, &info, &buffer, &frame, &picture);
    assert_int_equal(picture.format, cases[i].format);
    assert_int_equal(picture.width, 65);
    assert_int_equal(picture.height, cases[i].height);
    assert_int_equal(picture.field, cases[i].field);
    assert_int_equal(picture.range, cases[i].range);
    assert_int_equal(picture.site.h_cosited, cases[i].h_cosited);
    assert_int_equal(picture.site.v_cosited, cases[i].v_cosited);
    if (cases[i].u_plane)
      assert_ptr_equal(picture.planes[1], frame.data[cases[i].u_plane]);
    gst_video_frame_unmap(&frame);
  }
}

/* Black of each format and range is black to the encoder. */
static void
black_is_black_to_the_encoder(void **state)
{
  static const char *const ranges[] = {"", ",colorimetry=(string)1:4:0:0",
                                       ",colorimetry=(string)2:4:0:0"};
  const HysacPreprocessConfig config = {.shortest_edge = 11, .crop_size = 11};
  for (guint f = 0; f < G_N_ELEMENTS(formats); f++)
    for (guint r = 0; r < G_N_ELEMENTS(ranges); r++) {
      g_autoptr(GstCaps) caps = caps_of(formats[f], 21, 11, "progressive", ranges[r]);
      GstVideoInfo info;
      if (!gst_video_info_from_caps(&info, caps) || (r > 0 && GST_VIDEO_INFO_IS_RGB(&info)))
        continue;
      g_autoptr(GstBuffer) in = plain_frame(&info, 0);
      g_autoptr(GstBuffer) out = gst_hysac_redact(GST_HYSAC_REDACT_BLANK, &info, in);
      GstVideoFrame frame;
      HysacFrame picture;
      guint8 rgb[11 * 11 * 3];
      assert_true(gst_hysac_video_frame_map(&frame, &picture, &info, out, NULL));
      assert_true(hysac_preprocess_reference(&config, &picture, rgb, NULL));
      for (guint i = 0; i < sizeof rgb; i++)
        if (rgb[i] != 0)
          fail_msg("%s%s: %u", formats[f], ranges[r], rgb[i]);
      gst_video_frame_unmap(&frame);
    }
}

/* Luma is found in every format: a cut is one, and neither chroma nor noise in the lowest bit is. */
static void
cuts_in_every_format(void **state)
{
  for (guint f = 0; f < G_N_ELEMENTS(formats); f++) {
    g_autoptr(GstCaps) caps = caps_of(formats[f], 65, 37, "progressive", "");
    GstVideoInfo info;
    gst_video_info_from_caps(&info, caps);
    const gboolean yuv = !GST_VIDEO_INFO_IS_RGB(&info);
    GstHysacSceneCut cut = {.valid = FALSE};
    /* dark, dark with other chroma and noise, bright, the same again, dark */
    static const guint8 shades[] = {40, 40, 120, 120, 40};
    static const gboolean expected[] = {FALSE, FALSE, TRUE, FALSE, TRUE};
    for (guint i = 0; i < G_N_ELEMENTS(shades); i++) {
      g_autoptr(GstBuffer) buffer = plain_frame(&info, 0);
      GstVideoFrame frame;
      assert_true(gst_video_frame_map(&frame, &info, buffer, GST_MAP_READWRITE));
      for (guint c = 0; c < (yuv ? 1 : 3); c++)
        for (gint y = 0; y < GST_VIDEO_FRAME_COMP_HEIGHT(&frame, c); y++)
          for (gint x = 0; x < GST_VIDEO_FRAME_COMP_WIDTH(&frame, c); x++) {
            guint8 *p = (guint8 *)GST_VIDEO_FRAME_COMP_DATA(&frame, c) +
                        y * GST_VIDEO_FRAME_COMP_STRIDE(&frame, c) +
                        x * GST_VIDEO_FRAME_COMP_PSTRIDE(&frame, c);
            const guint noise = (guint)g_rand_int_range(rig_rand, 0, 4);
            if (GST_VIDEO_FRAME_COMP_DEPTH(&frame, c) > 8)
              GST_WRITE_UINT16_LE(p, (shades[i] * 4u + noise)
                                         << GST_VIDEO_FORMAT_INFO_SHIFT(info.finfo, c));
            else
              *p = shades[i] + noise % 2;
          }
      gst_video_frame_unmap(&frame);
      HysacFrame picture;
      assert_true(gst_hysac_video_frame_map(&frame, &picture, &info, buffer, NULL));
      if (gst_hysac_scene_cut_feed(&cut, &picture) != expected[i])
        fail_msg("%s: picture %u", formats[f], i);
      gst_video_frame_unmap(&frame);
    }
  }
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_format_and_layout), cmocka_unit_test(planes_past_the_end),
      cmocka_unit_test(alternate_fields),        cmocka_unit_test(caps_are_described),
      cmocka_unit_test(black_is_black_to_the_encoder),
      cmocka_unit_test(cuts_in_every_format),
  };
  gst_init(NULL, NULL);
  const int failed = cmocka_run_group_tests(tests, rig_make_rand, rig_free_rand);
  gst_deinit(); /* GST_TRACERS=leaks reports here */
  return failed;
}
