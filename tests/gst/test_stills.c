/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Slate, blank and freeze: what goes out holds no bit of the frame. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "gst/gsthysacmeta.h"
#include "gst/gsthysacprivate.h"
#include "gst/redact.h"
#include "gst/still.h"
#include "tests/gst/rigtext.h"

#define FULL "sample-interval", (guint64)0

static char *slate; /* a file */

/* A frame of noise but for the first four bytes. */
static GstBuffer *
noisy(Rig *rig, guint8 fake)
{
  GstBuffer *frame = rig_frame(rig, fake);
  GstMapInfo map;
  gst_buffer_map(frame, &map, GST_MAP_WRITE);
  for (gsize i = 4; i < map.size; i++)
    map.data[i] = (guint8)g_rand_int(rig_rand);
  gst_buffer_unmap(frame, &map);
  return frame;
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

static GArray *
formats(void)
{
  GArray *all = g_array_new(FALSE, FALSE, sizeof(GstVideoFormat));
  g_autoptr(GstCaps) caps =
      gst_caps_from_string("video/x-raw, format = (string) " GST_HYSAC_VIDEO_FORMATS);
  const GValue *list = gst_structure_get_value(gst_caps_get_structure(caps, 0), "format");
  for (guint i = 0; i < gst_value_list_get_size(list); i++) {
    const GstVideoFormat format =
        gst_video_format_from_string(g_value_get_string(gst_value_list_get_value(list, i)));
    g_array_append_val(all, format);
  }
  return all;
}

/* The same random picture each time it is asked for, in rows with @padding random bytes behind them and
 * between the planes. */
static GstBuffer *
random_frame(const GstVideoInfo *info, guint seed, gsize padding)
{
  gsize offsets[GST_VIDEO_MAX_PLANES] = {0};
  gint strides[GST_VIDEO_MAX_PLANES] = {0};
  gsize size = padding;
  for (guint p = 0; p < GST_VIDEO_INFO_N_PLANES(info); p++) {
    strides[p] = GST_VIDEO_INFO_PLANE_STRIDE(info, p) + (gint)padding;
    offsets[p] = size;
    size += (gsize)strides[p] * (gsize)(GST_VIDEO_INFO_HEIGHT(info) + 2) + padding;
  }
  GstBuffer *buffer = gst_buffer_new_allocate(NULL, size, NULL);
  GstMapInfo map;
  gst_buffer_map(buffer, &map, GST_MAP_WRITE);
  for (gsize i = 0; i < map.size; i++)
    map.data[i] = (guint8)g_rand_int(rig_rand);
  gst_buffer_unmap(buffer, &map);
  gst_buffer_add_video_meta_full(buffer, 0, GST_VIDEO_INFO_FORMAT(info),
                                 (guint)GST_VIDEO_INFO_WIDTH(info),
                                 (guint)GST_VIDEO_INFO_HEIGHT(info), GST_VIDEO_INFO_N_PLANES(info),
                                 offsets, strides);
  g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
  GstVideoFrame frame;
  assert_true(gst_video_frame_map(&frame, info, buffer, GST_MAP_WRITE));
  for (guint c = 0; c < GST_VIDEO_FRAME_N_COMPONENTS(&frame); c++) {
    const guint bytes = GST_VIDEO_FRAME_COMP_DEPTH(&frame, c) > 8 ? 2 : 1;
    for (gint y = 0; y < GST_VIDEO_FRAME_COMP_HEIGHT(&frame, c); y++)
      for (gint x = 0; x < GST_VIDEO_FRAME_COMP_WIDTH(&frame, c); x++) {
        guint8 *p = GST_VIDEO_FRAME_COMP_DATA(&frame, c);
        p += (gssize)y * GST_VIDEO_FRAME_COMP_STRIDE(&frame, c) +
             (gssize)x * GST_VIDEO_FRAME_COMP_PSTRIDE(&frame, c);
        /* GStreamer 1.22 has V of P010 in U's other half. */
        p += GST_VIDEO_FRAME_COMP_POFFSET(&frame, c) % bytes;
        for (guint b = 0; b < bytes; b++)
          p[b] = (guint8)g_rand_int(rand);
      }
  }
  gst_video_frame_unmap(&frame);
  GST_BUFFER_PTS(buffer) = 77;
  gst_buffer_add_video_region_of_interest_meta(buffer, "face", 1, 2, 3, 4);
  return buffer;
}

/* Slate, blank and freeze are byte for byte the same for two frames, padding and what the allocator gave
 * beyond included; and a frozen frame is the safe one's pixels, whatever its padding held. */
static void
stills_hold_no_input_bit(void **state)
{
  static const guint sizes[][2] = {{64, 36}, {1, 1}, {3, 5}, {15, 8}, {17, 10}, {101, 67}};
  g_autoptr(GArray) all = formats();
  g_autoptr(GstHysacSlate) picture = gst_hysac_slate_load(slate, NULL);
  assert_non_null(picture);
  for (guint f = 0; f < all->len; f++)
    for (guint s = 0; s < G_N_ELEMENTS(sizes); s++) {
      GstVideoInfo info;
      gst_video_info_set_format(&info, g_array_index(all, GstVideoFormat, f), sizes[s][0],
                                sizes[s][1]);
      g_autoptr(GstBuffer) a = random_frame(&info, 1, 16), b = random_frame(&info, 2, 0);
      GstHysacFreeze freeze = {0}, other = {0};
      g_autoptr(GstBuffer) safe = random_frame(&info, 3, 0), padded = random_frame(&info, 3, 24);
      gst_hysac_freeze_keep(&freeze, &info, safe);
      gst_hysac_freeze_keep(&other, &info, padded);
      /* Not where a byte between the samples is none's: RGBx, and the last of odd rows in YUY2. */
      gint bits = 0;
      for (guint c = 0; c < GST_VIDEO_INFO_N_COMPONENTS(&info); c++)
        bits += GST_VIDEO_INFO_N_PLANES(&info) == 1 ? GST_VIDEO_INFO_COMP_DEPTH(&info, c) : 0;
      const gboolean packed_yuv = GST_VIDEO_INFO_IS_YUV(&info) && bits > 0;
      if (packed_yuv ? sizes[s][0] % 2 == 0
                     : bits == 0 || bits == 8 * GST_VIDEO_INFO_COMP_PSTRIDE(&info, 0))
        assert_true(identical(freeze.safe, other.safe));
      GstBuffer *stills[] = {gst_hysac_slate_draw(picture, &info, 0xff102030),
                             gst_hysac_slate_draw(NULL, &info, 0xff102030),
                             gst_buffer_ref(freeze.safe)};
      for (guint k = 0; k < G_N_ELEMENTS(stills); k++) {
        assert_non_null(stills[k]);
        g_autoptr(GstBuffer) x = gst_hysac_redact_still(stills[k], a);
        g_autoptr(GstBuffer) y = gst_hysac_redact_still(stills[k], b);
        assert_true(identical(x, y));
        assert_int_equal(gst_buffer_get_size(x), GST_VIDEO_INFO_SIZE(&info));
        assert_int_equal(GST_BUFFER_PTS(x), 77);
        assert_null(gst_buffer_get_video_region_of_interest_meta(x));
        gst_buffer_unref(stills[k]);
      }
      GstVideoFrame in, out;
      assert_true(gst_video_frame_map(&in, &info, safe, GST_MAP_READ));
      assert_true(gst_video_frame_map(&out, &info, freeze.safe, GST_MAP_READ));
      for (guint c = 0; c < GST_VIDEO_FRAME_N_COMPONENTS(&in); c++)
        for (gint y = 0; y < GST_VIDEO_FRAME_COMP_HEIGHT(&in, c); y++)
          for (gint x = 0; x < GST_VIDEO_FRAME_COMP_WIDTH(&in, c); x++) {
            const guint8 *p = GST_VIDEO_FRAME_COMP_DATA(&in, c),
                         *q = GST_VIDEO_FRAME_COMP_DATA(&out, c);
            const gssize at = (gssize)x * GST_VIDEO_FRAME_COMP_PSTRIDE(&in, c);
            assert_int_equal(p[(gssize)y * GST_VIDEO_FRAME_COMP_STRIDE(&in, c) + at],
                             q[(gssize)y * GST_VIDEO_FRAME_COMP_STRIDE(&out, c) + at]);
          }
      gst_video_frame_unmap(&in);
      gst_video_frame_unmap(&out);
      gst_hysac_freeze_reset(&freeze);
      gst_hysac_freeze_reset(&other);
    }
}

/* The same through the element: the frames are noise, the same safe one comes before. */
static void
element_hides_everything(void **state)
{
  static const GstHysacAction actions[] = {GST_HYSAC_ACTION_SLATE, GST_HYSAC_ACTION_BLANK,
                                           GST_HYSAC_ACTION_FREEZE};
  for (guint a = 0; a < G_N_ELEMENTS(actions); a++) {
    Rig rig;
    rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, "action", actions[a], "slate", slate, "blank-color",
             0x00205090u, NULL);
    rig_push_text(&rig, "s");
    for (guint i = 0; i < 3; i++)
      gst_harness_push(rig.h, noisy(&rig, FAKE_UNSAFE));
    GstBuffer *cut = noisy(&rig, FAKE_UNSAFE); /* it cannot be mapped */
    gst_buffer_resize(cut, 0, 100);
    gst_harness_push(rig.h, cut);
    rig_finish(&rig);
    const char letter = "SBF"[a];
    const char unmapped = actions[a] == GST_HYSAC_ACTION_FREEZE ? 'B' : letter; /* it failed */
    const char expected[] = {'.', letter, letter, letter, unmapped, '\0'};
    rig_assert_done(&rig, expected);
    assert_true(identical(rig_buffer(&rig, 1), rig_buffer(&rig, 2)));
    assert_true(identical(rig_buffer(&rig, 1), rig_buffer(&rig, 3)));
    if (unmapped == letter)
      assert_true(identical(rig_buffer(&rig, 1), rig_buffer(&rig, 4)));
    if (actions[a] == GST_HYSAC_ACTION_FREEZE)
      assert_true(rig_same_pixels(rig_buffer(&rig, 0), rig_buffer(&rig, 1)));
    rig_clear(&rig);
  }
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(stills_hold_no_input_bit),
      cmocka_unit_test(element_hides_everything),
  };
  gst_init(NULL, NULL);
  slate = rig_slate_new();
  const int failed = slate ? cmocka_run_group_tests(tests, rig_make_rand, rig_free_rand) : 1;
  rig_slate_free(slate);
  gst_deinit(); /* GST_TRACERS=leaks reports here */
  return failed;
}
