/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * random_model --arch vit-l-14|vit-b-32|vit-b-16|text-l-14|tiny --out DIR [--seed N] [--outliers] [--text]: a model with
 * random weights. --text: with a text tower of its size, and a vocabulary. --outliers: six channels of each layer's LayerNorms 25 times as loud, as trained
 * transformers have them, and the weights that follow as much smaller; in exact arithmetic the model
 * without.
 */

#include "../opencl/synth.h"

#include <stdio.h>
#include <string.h>

static const struct {
  const char *name;
  HysacVisionConfig config;
  guint text_width, text_heads, text_layers; /* MLP: four times the width */
} archs[] = {
  { "vit-l-14", { .image_size = 224, .patch_size = 14, .width = 1024, .heads = 16, .mlp_width = 4096,
                  .layers = 24, .projection = 768 }, 768, 12, 12 },
  { "vit-b-32", { .image_size = 224, .patch_size = 32, .width = 768, .heads = 12, .mlp_width = 3072,
                  .layers = 12, .projection = 512 }, 512, 8, 12 },
  { "vit-b-16", { .image_size = 224, .patch_size = 16, .width = 768, .heads = 12, .mlp_width = 3072,
                  .layers = 12, .projection = 512 }, 512, 8, 12 },
  /* Its text tower is what counts. */
  { "text-l-14", { .image_size = 56, .patch_size = 14, .width = 80, .heads = 5, .mlp_width = 320, .layers = 3,
                   .projection = 768 }, 768, 12, 12 },
  { "tiny", { .image_size = 56, .patch_size = 14, .width = 80, .heads = 5, .mlp_width = 320, .layers = 3,
              .projection = 48 }, 72, 3, 2 },
};

int
main(int argc, char **argv)
{
  g_autofree char *arch = NULL, *out = NULL;
  int seed = 1;
  gboolean outliers = FALSE, text = FALSE;
  GOptionEntry entries[] = {
    { "arch", 0, 0, G_OPTION_ARG_STRING, &arch, "vit-l-14, vit-b-32, vit-b-16, text-l-14 or tiny", "NAME" },
    { "out", 0, 0, G_OPTION_ARG_FILENAME, &out, "the folder to write", "DIR" },
    { "seed", 0, 0, G_OPTION_ARG_INT, &seed, "of the weights (1)", "N" },
    { "outliers", 0, 0, G_OPTION_ARG_NONE, &outliers, "a few loud channels in every layer", NULL },
    { "text", 0, 0, G_OPTION_ARG_NONE, &text, "a text tower too", NULL },
    { 0 },
  };
  g_autoptr(GOptionContext) context = g_option_context_new("- write a model with random weights");
  g_autoptr(GError) error = NULL;
  g_option_context_add_main_entries(context, entries, NULL);
  if (!g_option_context_parse(context, &argc, &argv, &error) || out == NULL || arch == NULL) {
    fprintf(stderr, "%s\n", error != NULL ? error->message : "--arch and --out are needed");
    return 2;
  }
  for (gsize i = 0; i < G_N_ELEMENTS(archs); i++) {
    if (strcmp(archs[i].name, arch) != 0)
      continue;
    const HysacVisionConfig *config = &archs[i].config;
    const HysacTextConfig tower = {
      .vocab = 49408, .context = 77, .width = archs[i].text_width, .heads = archs[i].text_heads,
      .mlp_width = 4 * archs[i].text_width, .layers = archs[i].text_layers,
    };
    if (text && outliers) {
      fprintf(stderr, "--outliers and --text exclude each other\n");
      return 2;
    }
    if (text       ? synth_write_text(out, config, &tower, (guint32) seed, &error)
        : outliers ? synth_write_loud(out, config, (guint32) seed, 6, 25.0f, &error)
                   : synth_write(out, config, (guint32) seed, &error))
      return 0;
    fprintf(stderr, "%s\n", error->message);
    return 1;
  }
  fprintf(stderr, "no architecture is called \"%s\"\n", arch);
  return 2;
}
