/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Slates: which files are taken, and what is drawn of them in every format. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <gdk-pixbuf/gdk-pixbuf.h>
#include <glib/gstdio.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/error.h"
#include "gst/slate.h"
#include "gst/videoframe.h"
#include "tests/gst/rig.h"

static char *folder;

static char *
in_folder(const char *name)
{
  return g_build_filename(folder, name, NULL);
}

static GdkPixbuf *
plain_picture(gboolean alpha, int width, int height, guint32 rgba)
{
  GdkPixbuf *picture = gdk_pixbuf_new(GDK_COLORSPACE_RGB, alpha, 8, width, height);
  gdk_pixbuf_fill(picture, rgba);
  return picture;
}

static char *
save(GdkPixbuf *picture, const char *name, const char *type)
{
  g_autoptr(GError) error = NULL;
  char *path = in_folder(name);
  if (!gdk_pixbuf_save(picture, path, type, &error, NULL))
    fail_msg("%s: %s", path, error->message);
  return path;
}

static GdkPixbuf *
noise(int width, int height)
{
  GdkPixbuf *picture = gdk_pixbuf_new(GDK_COLORSPACE_RGB, FALSE, 8, width, height);
  guint8 *p = gdk_pixbuf_get_pixels(picture);
  for (gsize i = 0; i < gdk_pixbuf_get_byte_length(picture); i++)
    p[i] = (guint8)g_rand_int(rig_rand);
  return picture;
}

static void
assert_refused(const char *path, HysacError code, const char *words)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GstHysacSlate) slate = gst_hysac_slate_load(path, &error);
  if (slate)
    fail_msg("%s was taken", path);
  assert_true(error->domain == HYSAC_ERROR);
  assert_int_equal(error->code, code);
  if (!strstr(error->message, path) || !strstr(error->message, words))
    fail_msg("\"%s\" does not say %s", error->message, words);
}

static void
write_file(const char *path, const void *bytes, gsize size)
{
  FILE *file = fopen(path, "wb"); /* g_file_set_contents() waits for the disk */
  assert_non_null(file);
  assert_int_equal(fwrite(bytes, 1, size, file), size);
  fclose(file);
}

/* PNG's. */
static guint32
checksum(const guint8 *p, gsize n)
{
  guint32 crc = 0xffffffff;
  for (gsize i = 0; i < n; i++) {
    crc ^= p[i];
    for (guint bit = 0; bit < 8; bit++)
      crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc;
}

/* Big-endian, at any address. */
static void
put(guint8 *p, guint n, guint32 value)
{
  for (guint i = n; i > 0; i--, value >>= 8)
    p[i - 1] = (guint8)value;
}

static void
files_that_are_none(void **state)
{
  g_autofree char *path = in_folder("missing.png");
  assert_refused(path, HYSAC_ERROR_IO, "cannot open");
  assert_refused(folder, HYSAC_ERROR_IO, "regular file");
  write_file(path, "", 0);
  assert_refused(path, HYSAC_ERROR_FORMAT, "neither PNG nor JPEG");
  write_file(path, "GIF89a and so on", 16);
  assert_refused(path, HYSAC_ERROR_FORMAT, "neither PNG nor JPEG");
  write_file(path, "\x89PNG\r\n\x1a\n", 8);
  assert_refused(path, HYSAC_ERROR_FORMAT, "cut short");
  write_file(path, "\xff\xd8\xff\xd9", 4);
  assert_refused(path, HYSAC_ERROR_FORMAT, "broken jpeg");

  /* The file alone, before anything is read. */
  write_file(path, "\x89PNG\r\n\x1a\n", 8);
  assert_int_equal(truncate(path, GST_HYSAC_SLATE_MAX_BYTES + 1), 0);
  assert_refused(path, HYSAC_ERROR_FORMAT, "bytes; at most");
}

/* A header that promises more pixels than are taken: the rest of the file is not asked. */
static void
too_many_pixels(void **state)
{
  static const guint32 sizes[][2] = {{16385, 1}, {1, 16385}, {8193, 8193}, {0x7fffffff, 0x7fffffff}};
  g_autoptr(GdkPixbuf) picture = noise(8, 8);
  for (guint type = 0; type < 2; type++) {
    g_autofree char *path = save(picture, "huge", type ? "jpeg" : "png");
    g_autofree guint8 *bytes = NULL;
    gsize size;
    assert_true(g_file_get_contents(path, (char **)&bytes, &size, NULL));
    for (guint i = 0; i < G_N_ELEMENTS(sizes) - type; i++) {
      if (type) { /* a baseline frame's header: length, precision, height, width */
        guint8 *sof = memmem(bytes, size, "\xff\xc0", 2);
        assert_non_null(sof);
        put(sof + 5, 2, sizes[i][1]);
        put(sof + 7, 2, sizes[i][0]);
      } else {
        put(bytes + 16, 4, sizes[i][0]);
        put(bytes + 20, 4, sizes[i][1]);
        put(bytes + 29, 4, checksum(bytes + 12, 17));
      }
      write_file(path, bytes, size);
      /* libpng has a limit of its own, below the last. */
      assert_refused(path, HYSAC_ERROR_FORMAT, i < 3 ? "pixels; at most 16384 a side" : "broken png");
    }
  }
}

/* Whatever is missing at the end, even where all that is seen was read. */
static void
cut_short(void **state)
{
  g_autoptr(GdkPixbuf) picture = noise(23, 17);
  for (guint type = 0; type < 2; type++) {
    g_autofree char *path = save(picture, "cut", type ? "jpeg" : "png");
    g_autofree char *bytes = NULL;
    gsize size;
    assert_true(g_file_get_contents(path, &bytes, &size, NULL));
    for (gsize n = 12; n < size; n++) {
      write_file(path, bytes, n);
      assert_refused(path, HYSAC_ERROR_FORMAT, "cut short");
    }
    write_file(path, bytes, size);
    g_autoptr(GstHysacSlate) slate = gst_hysac_slate_load(path, NULL);
    assert_non_null(slate);
  }
}

/* Bytes turned over at random: a picture or an error, nothing else. */
static void
damaged(void **state)
{
  g_autoptr(GdkPixbuf) picture = noise(40, 30);
  guint taken = 0, refused = 0;
  for (guint type = 0; type < 2; type++) {
    g_autofree char *path = save(picture, "damaged", type ? "jpeg" : "png");
    g_autofree guint8 *bytes = NULL;
    gsize size;
    assert_true(g_file_get_contents(path, (char **)&bytes, &size, NULL));
    for (guint run = 0; run < 150; run++) {
      g_autofree guint8 *other = g_memdup2(bytes, size);
      for (gint n = g_rand_int_range(rig_rand, 1, 8); n > 0; n--)
        other[g_rand_int_range(rig_rand, 3, run % 2 ? (gint)size : 120)] = (guint8)g_rand_int(rig_rand);
      write_file(path, other, size);
      g_autoptr(GError) error = NULL;
      g_autoptr(GstHysacSlate) slate = gst_hysac_slate_load(path, &error);
      assert_true(!slate == !!error);
      taken += !!slate;
      refused += !slate;
    }
  }
  assert_true(taken > 0 && refused > 50);
}

/* ------------------------------------------------------------ drawing */

/* The pixel as ARGB or AYUV, 0 to 1 by its depth. */
static void
pixel(GstVideoFrame *frame, gint x, gint y, double out[4])
{
  const GstVideoFormatInfo *format = frame->info.finfo;
  const GstVideoFormatInfo *unpacked = gst_video_format_get_info(format->unpack_format);
  const gboolean wide = GST_VIDEO_FORMAT_INFO_DEPTH(unpacked, 0) > 8;
  const gsize width = (gsize)GST_VIDEO_FRAME_WIDTH(frame) + 16;
  g_autofree guint16 *line = g_new0(guint16, 4 * width);
  format->unpack_func(format, GST_VIDEO_PACK_FLAG_NONE, line, frame->data, frame->info.stride, 0,
                      y, GST_VIDEO_FRAME_WIDTH(frame));
  for (guint c = 0; c < 4; c++)
    out[c] = wide ? line[4 * x + (gint)c] / 65535.0 : ((guint8 *)line)[4 * x + (gint)c] / 255.0;
}

/* What the colour is in the caps' terms, by the book. */
static void
expected(const GstVideoInfo *info, guint32 color, double out[4])
{
  const double rgb[3] = {(color >> 16 & 255) / 255.0, (color >> 8 & 255) / 255.0,
                         (color & 255) / 255.0};
  const gboolean gray = GST_VIDEO_INFO_IS_GRAY(info), yuv = GST_VIDEO_INFO_IS_YUV(info) || gray;
  const gboolean full = info->colorimetry.range == GST_VIDEO_COLOR_RANGE_0_255 || !yuv;
  double kr = 0.299, kb = 0.114;
  out[0] = 1.0;
  for (guint c = 0; c < 3 && !yuv; c++)
    out[1 + c] = rgb[c];
  if (!yuv)
    return;
  gst_video_color_matrix_get_Kr_Kb(info->colorimetry.matrix, &kr, &kb);
  const double luma = kr * rgb[0] + (1 - kr - kb) * rgb[1] + kb * rgb[2];
  const double cb = (rgb[2] - luma) / (2 * (1 - kb)), cr = (rgb[0] - luma) / (2 * (1 - kr));
  out[1] = full ? luma : (16 + 219 * luma) / 255;
  out[2] = gray ? 128 / 255.0 : 128 / 255.0 + cb * (full ? 1.0 : 224 / 255.0);
  out[3] = gray ? 128 / 255.0 : 128 / 255.0 + cr * (full ? 1.0 : 224 / 255.0);
}

static void
assert_pixel(GstVideoFrame *frame, gint x, gint y, const double want[4], double tolerance)
{
  double got[4];
  pixel(frame, x, y, got);
  for (guint c = 0; c < 4; c++)
    if (fabs(got[c] - want[c]) * 255 > tolerance)
      fail_msg("%s %dx%d, %s: pixel %d, %d, component %u is %g, not %g",
               gst_video_format_to_string(GST_VIDEO_FRAME_FORMAT(frame)),
               GST_VIDEO_FRAME_WIDTH(frame), GST_VIDEO_FRAME_HEIGHT(frame),
               gst_video_colorimetry_to_string(&frame->info.colorimetry), x, y, c, got[c] * 255,
               want[c] * 255);
}

static void
assert_same(GstBuffer *a, GstBuffer *b)
{
  GstMapInfo x, y;
  gst_buffer_map(a, &x, GST_MAP_READ);
  gst_buffer_map(b, &y, GST_MAP_READ);
  assert_int_equal(x.maxsize, y.maxsize);
  assert_memory_equal(x.data, y.data, x.maxsize);
  gst_buffer_unmap(a, &x);
  gst_buffer_unmap(b, &y);
}

/* The element's formats, whichever they are. */
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
  assert_true(all->len >= 12);
  return all;
}

/* One colour: every pixel of every format and size is what matrix and range say, but for the rounding of
 * GStreamer's fixed-point matrix. */
static void
colors_by_matrix_and_range(void **state)
{
  static const int sizes[][2] = {{64, 36}, {1, 1}, {3, 5}, {15, 8}, {17, 10}};
  static const char *const colorimetries[] = {"bt601", "bt709", "1:4:0:0", "bt2020"};
  static const guint32 colors[] = {0xff204080, 0x00c01020, 0xffffffff, 0x80000000, 0xff00ff00};
  g_autoptr(GArray) all = formats();
  for (guint f = 0; f < all->len; f++)
    for (guint s = 0; s < G_N_ELEMENTS(sizes); s++)
      for (guint m = 0; m < G_N_ELEMENTS(colorimetries); m++) {
        const guint32 color = colors[(s + m) % G_N_ELEMENTS(colors)];
        GstVideoInfo info;
        gst_video_info_set_format(&info, g_array_index(all, GstVideoFormat, f),
                                  (guint)sizes[s][0], (guint)sizes[s][1]);
        if (GST_VIDEO_INFO_IS_YUV(&info))
          gst_video_colorimetry_from_string(&info.colorimetry, colorimetries[m]);
        info.fps_n = 25;
        g_autoptr(GstBuffer) one = gst_hysac_slate_draw(NULL, &info, color);
        g_autoptr(GstBuffer) two = gst_hysac_slate_draw(NULL, &info, color);
        assert_non_null(one);
        assert_same(one, two);
        double want[4];
        expected(&info, color, want);
        GstVideoFrame frame;
        assert_true(gst_video_frame_map(&frame, &info, one, GST_MAP_READ));
        for (gint y = 0; y < sizes[s][1]; y++)
          for (gint x = 0; x < sizes[s][0]; x += MAX(sizes[s][0] / 7, 1))
            assert_pixel(&frame, x, y, want, 1.5);
        gst_video_frame_unmap(&frame);
      }
}

typedef struct {
  int width, height, par_n, par_d;
  GstVideoInterlaceMode mode;
  int left, top, w, h; /* of a square picture */
} Fit;

/* A square picture lies where its shape says, bars beside it, in caps of any shape. */
static void
letterbox(void **state)
{
  static const Fit fits[] = {
      {64, 36, 1, 1, GST_VIDEO_INTERLACE_MODE_PROGRESSIVE, 14, 0, 36, 36},
      {36, 64, 1, 1, GST_VIDEO_INTERLACE_MODE_PROGRESSIVE, 0, 14, 36, 36},
      {40, 40, 1, 1, GST_VIDEO_INTERLACE_MODE_PROGRESSIVE, 0, 0, 40, 40},
      {72, 40, 2, 1, GST_VIDEO_INTERLACE_MODE_PROGRESSIVE, 26, 0, 20, 40},
      {40, 40, 1, 2, GST_VIDEO_INTERLACE_MODE_INTERLEAVED, 0, 10, 40, 20},
      {64, 72, 1, 1, GST_VIDEO_INTERLACE_MODE_ALTERNATE, 0, 2, 64, 32},
  };
  static const GstVideoFormat some[] = {GST_VIDEO_FORMAT_I420, GST_VIDEO_FORMAT_NV12,
                                        GST_VIDEO_FORMAT_BGRA};
  g_autoptr(GdkPixbuf) picture = plain_picture(FALSE, 50, 50, 0xc08040ff);
  g_autofree char *path = save(picture, "square.png", "png");
  g_autoptr(GstHysacSlate) slate = gst_hysac_slate_load(path, NULL);
  for (guint i = 0; i < G_N_ELEMENTS(fits); i++)
    for (guint f = 0; f < G_N_ELEMENTS(some); f++) {
      const Fit *fit = &fits[i];
      GstVideoInfo info;
      gst_video_info_set_interlaced_format(&info, some[f], fit->mode, (guint)fit->width,
                                           (guint)fit->height);
      info.par_n = fit->par_n;
      info.par_d = fit->par_d;
      g_autoptr(GstBuffer) buffer = gst_hysac_slate_draw(slate, &info, 0xff0000ff);
      assert_non_null(buffer);
      assert_int_equal(gst_buffer_get_size(buffer), info.size);
      double inside[4], outside[4];
      expected(&info, 0xffc08040, inside);
      expected(&info, 0xff0000ff, outside);
      GstVideoFrame frame;
      GstVideoInfo field = info;
      field.height = GST_VIDEO_INFO_FIELD_HEIGHT(&info);
      field.interlace_mode = GST_VIDEO_INTERLACE_MODE_PROGRESSIVE;
      assert_true(gst_video_frame_map(&frame, &field, buffer, GST_MAP_READ));
      for (gint y = 1; y < field.height; y += 2)
        for (gint x = 1; x < field.width; x += 2) {
          const int right = fit->left + fit->w, bottom = fit->top + fit->h;
          if (ABS(x - fit->left) < 3 || ABS(x - right) < 3 || ABS(y - fit->top) < 3 ||
              ABS(y - bottom) < 3)
            continue; /* chroma is mixed across the edge */
          const gboolean in = x >= fit->left && x < right && y >= fit->top && y < bottom;
          assert_pixel(&frame, x, y, in ? inside : outside, 2.0);
        }
      gst_video_frame_unmap(&frame);
    }
}

/* JPEG too; what is transparent shows the colour behind; a camera's mark is followed. */
static void
pictures_come_through(void **state)
{
  GstVideoInfo info;
  gst_video_info_set_format(&info, GST_VIDEO_FORMAT_RGB, 40, 40);
  static const struct {
    const char *type;
    gboolean alpha;
    guint32 rgba, shown;
  } cases[] = {{"png", FALSE, 0x336699ff, 0xff336699},
               {"jpeg", FALSE, 0x336699ff, 0xff336699},
               {"png", TRUE, 0x33669900, 0xff20ff20},
               {"png", TRUE, 0xff00ff80, 0xff907f90}};
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autoptr(GdkPixbuf) picture = plain_picture(cases[i].alpha, 64, 64, cases[i].rgba);
    g_autofree char *path = save(picture, "through", cases[i].type);
    g_autoptr(GError) error = NULL;
    g_autoptr(GstHysacSlate) slate = gst_hysac_slate_load(path, &error);
    assert_null(error);
    g_autoptr(GstBuffer) buffer = gst_hysac_slate_draw(slate, &info, 0x0020ff20);
    double want[4];
    expected(&info, cases[i].shown, want);
    GstVideoFrame frame;
    assert_true(gst_video_frame_map(&frame, &info, buffer, GST_MAP_READ));
    assert_pixel(&frame, 20, 20, want, cases[i].type[0] == 'j' ? 4.0 : 1.0);
    assert_pixel(&frame, 0, 39, want, cases[i].type[0] == 'j' ? 4.0 : 1.0);
    gst_video_frame_unmap(&frame);
  }
}

/* From one pixel to many and back: no filter runs out of taps. */
static void
extreme_scales(void **state)
{
  static const int sizes[][4] = {{1, 1, 1920, 1080}, {3000, 2, 16, 16}, {1, 4000, 320, 2},
                                 {2000, 2000, 1, 1}};
  for (guint i = 0; i < G_N_ELEMENTS(sizes); i++) {
    g_autoptr(GdkPixbuf) picture =
        plain_picture(FALSE, sizes[i][0], sizes[i][1], 0x80ff40ff);
    g_autofree char *path = save(picture, "extreme", "png");
    g_autoptr(GstHysacSlate) slate = gst_hysac_slate_load(path, NULL);
    GstVideoInfo info;
    gst_video_info_set_format(&info, GST_VIDEO_FORMAT_RGB, (guint)sizes[i][2],
                              (guint)sizes[i][3]);
    g_autoptr(GstBuffer) buffer = gst_hysac_slate_draw(slate, &info, 0xff80ff40);
    double want[4];
    expected(&info, 0xff80ff40, want);
    GstVideoFrame frame;
    assert_true(gst_video_frame_map(&frame, &info, buffer, GST_MAP_READ));
    for (gint y = 0; y < sizes[i][3]; y += MAX(sizes[i][3] / 5, 1))
      for (gint x = 0; x < sizes[i][2]; x += MAX(sizes[i][2] / 5, 1))
        assert_pixel(&frame, x, y, want, 1.01);
    gst_video_frame_unmap(&frame);
  }
}

static void
remove_folder(void)
{
  GDir *dir = g_dir_open(folder, 0, NULL);
  const char *name;
  while ((name = g_dir_read_name(dir))) {
    g_autofree char *path = in_folder(name);
    g_unlink(path);
  }
  g_dir_close(dir);
  g_rmdir(folder);
  g_free(folder);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(files_that_are_none), cmocka_unit_test(too_many_pixels),
      cmocka_unit_test(cut_short),           cmocka_unit_test(damaged),
      cmocka_unit_test(colors_by_matrix_and_range), cmocka_unit_test(letterbox),
      cmocka_unit_test(pictures_come_through), cmocka_unit_test(extreme_scales),
  };
  gst_init(NULL, NULL);
  folder = g_dir_make_tmp("hysac-slate-XXXXXX", NULL);
  const int failed = cmocka_run_group_tests(tests, rig_make_rand, rig_free_rand);
  remove_folder();
  gst_deinit(); /* GST_TRACERS=leaks reports here */
  return failed;
}
