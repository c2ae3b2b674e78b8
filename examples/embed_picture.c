/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Judge a picture without GStreamer:
 *
 *   cc embed_picture.c -o embed_picture $(pkg-config --cflags --libs libhysac-1.0 gdk-pixbuf-2.0)
 *   ./embed_picture MODEL_DIRECTORY PICTURE
 */
#include <gdk-pixbuf/gdk-pixbuf.h>
#include <hysac.h>
#include <stdio.h>

static gboolean
judge(const char *model_path, const char *picture_path, GError **error)
{
  g_autoptr(HysacModel) model = hysac_model_load(model_path, error);
  if (!model)
    return FALSE;

  /* The best OpenCL device; in fp32. The engine is warm when this returns. */
  g_autoptr(HysacEngine) engine =
    hysac_engine_get(model, NULL, HYSAC_PRECISION_FP32, NULL, NULL, error);
  if (!engine)
    return FALSE;

  g_autoptr(GdkPixbuf) picture = gdk_pixbuf_new_from_file(picture_path, error);
  if (!picture)
    return FALSE;
  HysacFrame frame = {
    .format = gdk_pixbuf_get_has_alpha(picture) ? HYSAC_FORMAT_RGBA : HYSAC_FORMAT_RGB,
    .width = (guint) gdk_pixbuf_get_width(picture),
    .height = (guint) gdk_pixbuf_get_height(picture),
    .planes = { gdk_pixbuf_read_pixels(picture) },
    .strides = { (gsize) gdk_pixbuf_get_rowstride(picture) },
    .sizes = { gdk_pixbuf_get_byte_length(picture) },
    .range = HYSAC_RANGE_FULL,
  };

  double distance;
  if (!hysac_engine_embed(engine, &frame, NULL, NULL, &distance, error))
    return FALSE;

  const HysacRegion *region = hysac_model_get_region(model);
  if (!region) { /* a plain CLIP model embeds, but has no unsafe region */
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_MODEL, "%s has no unsafe region", model_path);
    return FALSE;
  }
  HysacVerdict verdict = hysac_region_judge(region, distance);
  printf("%s: %s, distance %.4f, bound %.4f%s\n", picture_path, verdict.unsafe ? "unsafe" : "safe",
         verdict.distance, verdict.bound, verdict.calibrated ? "" : " (uncalibrated)");
  return TRUE;
}

int
main(int argc, char **argv)
{
  if (argc != 3) {
    fprintf(stderr, "usage: %s MODEL_DIRECTORY PICTURE\n", argv[0]);
    return 2;
  }
  g_autoptr(GError) error = NULL;
  if (!judge(argv[1], argv[2], &error)) {
    fprintf(stderr, "%s\n", error->message);
    return 1;
  }
  return 0;
}
