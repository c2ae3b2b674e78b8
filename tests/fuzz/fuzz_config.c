/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The JSON files of a model folder; the first byte chooses which. What is accepted is within limits. */
/* Covers: core/config.c */
#include "fuzz.h"

#include "core/config.h"

#include <math.h>

static void
try_config(const char *text, size_t size)
{
  g_autoptr(GError) error = NULL;
  HysacVisionConfig config;
  gboolean ok = hysac_config_parse(text, size, "input", &config, &error);

  require_error(ok, &error);
  if (!ok)
    return;
  REQUIRE(config.heads >= 1 && config.width >= config.heads && config.width % config.heads == 0);
  REQUIRE(config.patch_size >= 1 && config.patch_size <= config.image_size);
  REQUIRE(config.layers >= 1 && config.layers <= 256 && config.projection >= 1);
  REQUIRE(config.layer_norm_eps > 0.0 && config.layer_norm_eps <= 0.1);
}

static void
try_text(const char *text, size_t size)
{
  g_autoptr(GError) error = NULL;
  HysacTextConfig config;
  gboolean ok = hysac_config_parse_text(text, size, "input", &config, &error);

  require_error(ok, &error);
  if (!ok)
    return;
  REQUIRE(config.heads >= 1 && config.width >= config.heads && config.width % config.heads == 0);
  REQUIRE(config.vocab >= 3 && config.vocab <= 1 << 20 && config.context >= 3 && config.context <= 4096);
  REQUIRE(config.layers >= 1 && config.layers <= 256 && config.projection >= 1);
  REQUIRE(config.layer_norm_eps > 0.0 && config.layer_norm_eps <= 0.1);
}

static void
try_preprocess(const char *text, size_t size)
{
  g_autoptr(GError) error = NULL;
  HysacPreprocessConfig config;
  gboolean ok = hysac_preprocess_parse(text, size, "input", 224, &config, &error);

  require_error(ok, &error);
  if (!ok)
    return;
  REQUIRE(config.crop_size == 224 && config.shortest_edge >= 224);
  for (guint i = 0; i < 3; i++)
    REQUIRE(isfinite(config.mean[i]) && config.std[i] > 0.0f && isfinite(config.std[i]));
}

static void
try_metadata(const char *text, size_t size)
{
  g_autoptr(GError) error = NULL;
  HysacMetadata metadata;
  gboolean ok = hysac_metadata_parse(text, size, "input", &metadata, &error);

  require_error(ok, &error);
  if (!ok)
    return;
  REQUIRE(metadata.geometry.curvature > 0.0 && metadata.geometry.visual_alpha > 0.0);
  if (metadata.has_region) {
    REQUIRE(metadata.region.bound > 0.0 && isfinite(metadata.region.bound));
    REQUIRE(metadata.region.scale > 0.0 && isfinite(metadata.region.scale));
    REQUIRE(metadata.region.precision != HYSAC_PRECISION_AUTO);
  }
  if (metadata.has_text_region) {
    REQUIRE(metadata.text_region.bound > 0.0 && isfinite(metadata.text_region.bound));
    REQUIRE(metadata.text_region.scale > 0.0 && isfinite(metadata.text_region.scale));
    REQUIRE(metadata.text_region.precision != HYSAC_PRECISION_AUTO);
  }
  hysac_metadata_clear(&metadata);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  void (*const tries[])(const char *, size_t) = {try_config, try_preprocess, try_metadata};

  if (size > 0)
    tries[data[0] % G_N_ELEMENTS(tries)]((const char *) data + 1, size - 1);
  if (size > 0 && data[0] % G_N_ELEMENTS(tries) == 0) /* one file has both towers */
    try_text((const char *) data + 1, size - 1);
  return 0;
}
