/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst/slate.h"

#include <gdk-pixbuf/gdk-pixbuf.h>
#include <string.h>

#include "core/error.h"
#include "core/file.h"
#include "core/picturefile.h"
#include "gst/still.h"

struct _GstHysacSlate {
  GdkPixbuf *picture; /* RGB or RGBA, 8 bits */
};

/* ------------------------------------------------------------ reading */

typedef struct {
  int width, height;
  gboolean too_large;
} Measure;

/* The header is known, nothing is decoded yet: a size of 0 makes the loader stop. */
static void
on_size(GdkPixbufLoader *loader, int width, int height, gpointer user_data)
{
  Measure *measure = user_data;
  measure->width = width;
  measure->height = height;
  measure->too_large = width > GST_HYSAC_SLATE_MAX_SIDE || height > GST_HYSAC_SLATE_MAX_SIDE ||
                       (gint64)width * height > GST_HYSAC_SLATE_MAX_PIXELS;
  if (measure->too_large)
    gdk_pixbuf_loader_set_size(loader, 0, 0);
}

static GdkPixbuf *
decode(const char *path, const char *type, const guint8 *bytes, gsize size, GError **error)
{
  g_autoptr(GError) local = NULL;
  g_autoptr(GdkPixbufLoader) loader = gdk_pixbuf_loader_new_with_type(type, &local);
  if (!loader) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_FORMAT, "%s: gdk-pixbuf cannot read %s: %s", path,
                type, local->message);
    return NULL;
  }
  Measure measure = {0};
  g_signal_connect(loader, "size-prepared", G_CALLBACK(on_size), &measure);
  gboolean ok = gdk_pixbuf_loader_write(loader, bytes, size, &local);
  ok = gdk_pixbuf_loader_close(loader, ok ? &local : NULL) && ok;
  GdkPixbuf *picture = ok ? gdk_pixbuf_loader_get_pixbuf(loader) : NULL;
  if (measure.too_large)
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_FORMAT,
                "%s: %d x %d pixels; at most %d a side and %d in all are taken", path,
                measure.width, measure.height, GST_HYSAC_SLATE_MAX_SIDE,
                GST_HYSAC_SLATE_MAX_PIXELS);
  else if (!picture)
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_FORMAT, "%s: a broken %s file: %s", path, type,
                local ? local->message : "it has no picture");
  else if (gdk_pixbuf_get_bits_per_sample(picture) != 8 ||
           gdk_pixbuf_get_colorspace(picture) != GDK_COLORSPACE_RGB)
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_FORMAT, "%s: gdk-pixbuf does not make RGB of it",
                path);
  else if (!(picture = gdk_pixbuf_apply_embedded_orientation(picture)))
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_FORMAT, "%s: no memory to turn it upright", path);
  else
    return picture;
  return NULL;
}

GstHysacSlate *
gst_hysac_slate_load(const char *path, GError **error)
{
  gsize size;
  gboolean whole = FALSE;
  g_autofree char *bytes = hysac_read_file(path, GST_HYSAC_SLATE_MAX_BYTES, &size, error);
  if (!bytes)
    return NULL;
  const char *type = hysac_picture_file_type((const guint8 *)bytes, size, &whole);
  if (!type) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_FORMAT, "%s: neither PNG nor JPEG", path);
    return NULL;
  }
  if (!whole) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_FORMAT, "%s: a %s file that was cut short", path,
                type);
    return NULL;
  }
  GdkPixbuf *picture = decode(path, type, (const guint8 *)bytes, size, error);
  if (!picture)
    return NULL;
  GstHysacSlate *self = g_new0(GstHysacSlate, 1);
  self->picture = picture;
  return self;
}

void
gst_hysac_slate_free(GstHysacSlate *self)
{
  if (!self)
    return;
  g_clear_object(&self->picture);
  g_free(self);
}

/* ------------------------------------------------------------ drawing */

/* No dither: the output depends on nothing but the input. */
static gboolean
convert(GstVideoFrame *from, GstVideoFrame *to)
{
  GstStructure *config = gst_structure_new("config", GST_VIDEO_CONVERTER_OPT_DITHER_METHOD,
                                           GST_TYPE_VIDEO_DITHER_METHOD, GST_VIDEO_DITHER_NONE, NULL);
  GstVideoConverter *converter = gst_video_converter_new(&from->info, &to->info, config);
  if (!converter)
    return FALSE;
  gst_video_converter_frame(converter, from, to);
  gst_video_converter_free(converter);
  return TRUE;
}

/* Where a picture of square pixels fits into frames of @info, whole and in its shape. */
static GstVideoRectangle
fit(const GdkPixbuf *picture, const GstVideoInfo *info)
{
  const guint64 width = (guint64)GST_VIDEO_INFO_WIDTH(info);
  const guint64 height = (guint64)GST_VIDEO_INFO_FIELD_HEIGHT(info);
  const guint64 par_n = (guint64)MAX(GST_VIDEO_INFO_PAR_N(info), 1);
  const guint64 par_d = (guint64)MAX(GST_VIDEO_INFO_PAR_D(info), 1);
  const gboolean field = info->interlace_mode == GST_VIDEO_INTERLACE_MODE_ALTERNATE;
  /* Its shape counted in the caps' pixels; below 2^14 * 2^31 * 2 each. */
  const guint64 wide = (guint64)gdk_pixbuf_get_width(picture) * par_d * (field ? 2 : 1);
  const guint64 high = (guint64)gdk_pixbuf_get_height(picture) * par_n;
  guint64 w = width, h = height;
  if (wide * height > width * high)
    h = MAX((width * high + wide / 2) / wide, 1);
  else
    w = MAX((wide * height + high / 2) / high, 1);
  return (GstVideoRectangle){(int)((width - w) / 2), (int)((height - h) / 2), (int)w, (int)h};
}

/* The picture without its transparency, as a frame; the pixels are the pixbuf's. */
static GstBuffer *
as_frame(const GdkPixbuf *picture, guint32 color, GstVideoInfo *info)
{
  const int width = gdk_pixbuf_get_width(picture), height = gdk_pixbuf_get_height(picture);
  GdkPixbuf *opaque =
      gdk_pixbuf_get_has_alpha(picture)
          ? gdk_pixbuf_composite_color_simple(picture, width, height, GDK_INTERP_NEAREST, 255, 8,
                                              color & 0xffffff, color & 0xffffff)
          : g_object_ref((GdkPixbuf *)picture);
  if (!opaque)
    return NULL;
  /* What was composited has a fourth byte still. */
  gst_video_info_set_format(info,
                            gdk_pixbuf_get_n_channels(opaque) == 4 ? GST_VIDEO_FORMAT_RGBx
                                                                   : GST_VIDEO_FORMAT_RGB,
                            (guint)width, (guint)height);
  info->stride[0] = gdk_pixbuf_get_rowstride(opaque);
  info->size = gdk_pixbuf_get_byte_length(opaque);
  return gst_buffer_new_wrapped_full(GST_MEMORY_FLAG_READONLY,
                                     (gpointer)gdk_pixbuf_read_pixels(opaque), info->size, 0,
                                     info->size, opaque, g_object_unref);
}

/* A frame to draw on, mapped; it holds its buffer. */
static gboolean
map_new(GstVideoFrame *frame, const GstVideoInfo *info)
{
  g_autoptr(GstBuffer) buffer = gst_hysac_still_new(GST_VIDEO_INFO_SIZE(info));
  return buffer && gst_video_frame_map(frame, info, buffer, GST_MAP_READWRITE);
}

static guint8 *
row(GstVideoFrame *canvas, int x, int y)
{
  guint8 *p = GST_VIDEO_FRAME_PLANE_DATA(canvas, 0);
  return p + (gsize)y * (gsize)GST_VIDEO_FRAME_PLANE_STRIDE(canvas, 0) + 4 * (gsize)x;
}

/* Scaled on its own, then put in its place: the converter's own borders lie on whole chroma samples
 * only, and round otherwise than its pixels. */
static gboolean
draw_picture(const GdkPixbuf *picture, guint32 color, GstVideoFrame *canvas,
             const GstVideoRectangle *where)
{
  GstVideoInfo info, scaled_info;
  GstVideoFrame frame, scaled;
  g_autoptr(GstBuffer) buffer = as_frame(picture, color, &info);
  gst_video_info_set_format(&scaled_info, GST_VIDEO_FORMAT_xRGB, (guint)where->w, (guint)where->h);
  if (!buffer || !gst_video_frame_map(&frame, &info, buffer, GST_MAP_READ))
    return FALSE;
  gboolean ok = FALSE;
  if (map_new(&scaled, &scaled_info)) {
    ok = convert(&frame, &scaled);
    for (int y = 0; ok && y < where->h; y++)
      memcpy(row(canvas, where->x, where->y + y), row(&scaled, 0, y), 4 * (gsize)where->w);
    gst_video_frame_unmap(&scaled);
  }
  gst_video_frame_unmap(&frame);
  return ok;
}

static void
paint(GstVideoFrame *canvas, guint32 color)
{
  for (int y = 0; y < GST_VIDEO_FRAME_HEIGHT(canvas); y++)
    for (int x = 0; x < GST_VIDEO_FRAME_WIDTH(canvas); x++)
      GST_WRITE_UINT32_BE(row(canvas, x, y), color);
}

/* Drawn in RGB, then converted to what the caps say, one to one. */
static gboolean
draw(const GdkPixbuf *picture, guint32 color, const GstVideoInfo *info, GstBuffer *still)
{
  /* A field is a picture of its own. */
  GstVideoInfo plain = *info, canvas_info;
  plain.height = GST_VIDEO_INFO_FIELD_HEIGHT(info);
  plain.interlace_mode = GST_VIDEO_INTERLACE_MODE_PROGRESSIVE;
  plain.fps_n = 0; /* as the canvas; the converter insists */
  plain.fps_d = 1;
  gst_video_info_set_format(&canvas_info, GST_VIDEO_FORMAT_xRGB, (guint)plain.width,
                            (guint)plain.height);
  GstVideoFrame canvas, drawn;
  if (!map_new(&canvas, &canvas_info))
    return FALSE;
  gboolean ok = FALSE;
  if (map_new(&drawn, &plain)) {
    paint(&canvas, color);
    const GstVideoRectangle where = picture ? fit(picture, info) : (GstVideoRectangle){0};
    ok = (!picture || draw_picture(picture, color, &canvas, &where)) && convert(&canvas, &drawn) &&
         gst_hysac_still_copy(still, &plain, &drawn);
    gst_video_frame_unmap(&drawn);
  }
  gst_video_frame_unmap(&canvas);
  return ok;
}

GstBuffer *
gst_hysac_slate_draw(const GstHysacSlate *self, const GstVideoInfo *info, guint32 color)
{
  g_autoptr(GstBuffer) still = gst_hysac_still_new(GST_VIDEO_INFO_SIZE(info));
  const gboolean ok = still && draw(self ? self->picture : NULL, color | 0xff000000, info, still);
  return ok ? g_steal_pointer(&still) : NULL;
}
