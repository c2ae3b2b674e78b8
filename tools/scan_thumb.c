/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "scan_thumb.h"

#include <gdk-pixbuf/gdk-pixbuf.h>

#define LONG_SIDE 16
#define SHORT_SIDE 9
#define CLEAR_WIDTH 320

GBytes *
scan_thumb_make(ToolVideoFrame *frame, ScanThumbs kind)
{
  const HysacFrame *picture = &frame->picture;
  const gboolean upright = picture->height > picture->width;
  guint width = upright ? SHORT_SIDE : LONG_SIDE, height = upright ? LONG_SIDE : SHORT_SIDE;
  if (kind == SCAN_THUMBS_CLEAR) {
    width = MIN(picture->width, CLEAR_WIDTH);
    height = CLAMP(picture->height * width / picture->width, 1, 2 * CLEAR_WIDTH);
  }
  guint8 *rgb = tool_video_frame_to_rgb(frame, width, height);
  if (rgb == NULL)
    return NULL;
  g_autoptr(GBytes) bytes = g_bytes_new_take(rgb, 3 * (gsize) width * height);
  g_autoptr(GdkPixbuf) pixbuf = gdk_pixbuf_new_from_bytes(bytes, GDK_COLORSPACE_RGB, FALSE, 8,
                                                          (int) width, (int) height, (int) (3 * width));
  char *data;
  gsize size;
  const gboolean saved = kind == SCAN_THUMBS_CLEAR
                             ? gdk_pixbuf_save_to_buffer(pixbuf, &data, &size, "jpeg", NULL,
                                                         "quality", "80", NULL)
                             : gdk_pixbuf_save_to_buffer(pixbuf, &data, &size, "png", NULL, NULL);
  return saved ? g_bytes_new_take(data, size) : NULL;
}
