/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which picture is nearest to a text? An unsafe query is first moved into the safe region.
 *
 *   cc search.c -o search $(pkg-config --cflags --libs libhysac-1.0 gdk-pixbuf-2.0)
 *   ./search MODEL_DIRECTORY "a red ball" PICTURE…
 */
#include <gdk-pixbuf/gdk-pixbuf.h>
#include <hysac.h>
#include <stdio.h>

/* The point of hyperbolic space; NULL with @error. */
static float *
embed_picture(HysacEngine *engine, const char *path, guint dim, GError **error)
{
  g_autoptr(GdkPixbuf) picture = gdk_pixbuf_new_from_file(path, error);
  if (!picture)
    return NULL;
  const HysacFrame frame = {
    .format = gdk_pixbuf_get_has_alpha(picture) ? HYSAC_FORMAT_RGBA : HYSAC_FORMAT_RGB,
    .width = (guint) gdk_pixbuf_get_width(picture), .height = (guint) gdk_pixbuf_get_height(picture),
    .planes = { gdk_pixbuf_read_pixels(picture) }, .strides = { (gsize) gdk_pixbuf_get_rowstride(picture) },
    .sizes = { gdk_pixbuf_get_byte_length(picture) }, .range = HYSAC_RANGE_FULL,
  };
  g_autofree float *point = g_new(float, dim);
  return hysac_engine_embed(engine, &frame, NULL, point, NULL, error) ? g_steal_pointer(&point) : NULL;
}

static gboolean
search(const char *model_path, const char *query, char **pictures, int n, GError **error)
{
  g_autoptr(HysacModel) model = hysac_model_load(model_path, error);
  if (!model)
    return FALSE;
  const HysacGeometry *geometry = hysac_model_get_geometry(model);
  const HysacRegion *region = hysac_model_get_text_region(model);
  if (!geometry || !region) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_MODEL, "%s has no bound of safe texts", model_path);
    return FALSE;
  }
  g_autoptr(HysacEngine) engine = hysac_engine_get(model, NULL, HYSAC_PRECISION_FP32, NULL, NULL, error);
  g_autoptr(HysacTextEncoder) texts =
    engine ? hysac_text_encoder_get(model, NULL, HYSAC_PRECISION_FP32, NULL, NULL, error) : NULL;
  g_auto(HysacTextEmbedding) found = { 0 };
  gboolean moved;
  if (!texts || !hysac_text_encoder_embed(texts, query, -1, HYSAC_TEXT_DEFAULT, &found, error) ||
      !hysac_redirect_point(HYSAC_REDIRECT_GEODESIC, found.point, found.dim, geometry->curvature, region->bound,
                            found.point, &moved, error))
    return FALSE;
  printf("%s\n", moved ? "an unsafe query, redirected" : "a safe query");
  for (int i = 0; i < n; i++) { /* larger is nearer; for many pictures: hysac_index_open() */
    g_autofree float *point = embed_picture(engine, pictures[i], found.dim, error);
    if (!point)
      return FALSE;
    printf("%.6f %s\n", hysac_lorentz_inner(found.point, point, found.dim, geometry->curvature), pictures[i]);
  }
  return TRUE;
}

int
main(int argc, char **argv)
{
  g_autoptr(GError) error = NULL;
  if (argc < 4)
    return fprintf(stderr, "usage: %s MODEL_DIRECTORY TEXT PICTURE…\n", argv[0]), 2;
  if (!search(argv[1], argv[2], argv + 3, argc - 3, &error))
    return fprintf(stderr, "%s\n", error->message), 1;
  return 0;
}
