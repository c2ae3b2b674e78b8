/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/concepts.h"
#include "core/model.h"
#include "core/profile.h"

/* The JSON files of a model directory, from text. Internal: not installed. @name is what errors call
 * the file. All fail with FORMAT or MODEL. */

G_BEGIN_DECLS

#define HYSAC_MAX_JSON_SIZE (16 * 1024 * 1024)

gboolean hysac_config_parse(const char *text, gsize size, const char *name,
                            HysacVisionConfig *config, GError **error);

/* The text tower of the same file; defaults where the file has no section for it. */
gboolean hysac_config_parse_text(const char *text, gsize size, const char *name, HysacTextConfig *config,
                                 GError **error);

gboolean hysac_preprocess_parse(const char *text, gsize size, const char *name, guint image_size,
                                HysacPreprocessConfig *config, GError **error);

/* hysac.json. */
typedef struct {
  HysacGeometry geometry;
  gboolean has_region;
  HysacRegion region;
  HysacReferenceBounds reference_bounds;
  HysacProfile *profile; /* NULL if none was fitted */
  /* The same of texts. */
  gboolean has_text_region;
  HysacRegion text_region;
  HysacProfile *text_profile;
  HysacConcepts *concepts; /* NULL if there are none */
  char *weights_sha256;  /* NULL if not stated */
  guint64 weights_size;  /* 0 if not stated */
} HysacMetadata;

gboolean hysac_metadata_parse(const char *text, gsize size, const char *name,
                              HysacMetadata *metadata, GError **error);
void hysac_metadata_clear(HysacMetadata *metadata);

/* The text of a good hysac.json with @profile in the place of its own, or as a last member. */
char *hysac_profile_splice(const char *text, gsize size, const char *profile);
/* The same for any member; and into @model_dir/hysac.json, which is good before and after, whole or not at all (IO,
 * FORMAT, MODEL). */
char *hysac_metadata_splice(const char *text, gsize size, const char *key, const char *value);
gboolean hysac_metadata_save_member(const char *model_dir, const char *key, const char *value, GError **error);

G_END_DECLS
