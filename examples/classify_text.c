/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Judge a text without GStreamer:
 *
 *   cc classify_text.c -o classify_text $(pkg-config --cflags --libs libhysac-1.0)
 *   ./classify_text MODEL_DIRECTORY "a red ball"
 */
#include <hysac.h>
#include <stdio.h>

static gboolean
judge(const char *model_path, const char *text, GError **error)
{
  g_autoptr(HysacModel) model = hysac_model_load(model_path, error);
  if (!model)
    return FALSE;

  /* The bound that `hysac fit --texts` found, else the reference's, of its safe texts. */
  const HysacRegion *region = hysac_model_get_text_region(model);
  if (!region) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_MODEL, "%s has no bound of safe texts", model_path);
    return FALSE;
  }

  /* On the best OpenCL device; warm when this returns. */
  g_autoptr(HysacTextEncoder) encoder =
    hysac_text_encoder_get(model, NULL, HYSAC_PRECISION_AUTO, NULL, NULL, error);
  if (!encoder)
    return FALSE;
  g_auto(HysacTextEmbedding) found = { 0 };
  if (!hysac_text_encoder_embed(encoder, text, -1, HYSAC_TEXT_DEFAULT, &found, error))
    return FALSE;

  const HysacVerdict verdict = hysac_region_judge(region, found.distance);
  printf("%s, distance %.4f, bound %.4f%s, %u tokens\n", verdict.unsafe ? "unsafe" : "safe", verdict.distance,
         verdict.bound, verdict.calibrated ? "" : " (uncalibrated)", (guint) found.tokens);
  return TRUE;
}

int
main(int argc, char **argv)
{
  if (argc != 3) {
    fprintf(stderr, "usage: %s MODEL_DIRECTORY TEXT\n", argv[0]);
    return 2;
  }
  g_autoptr(GError) error = NULL;
  if (!judge(argv[1], argv[2], &error)) {
    fprintf(stderr, "%s\n", error->message);
    return 1;
  }
  return 0;
}
