/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Model directories with random weights, of any shape, and the tower in double over them. */

#include "core/model.h"

/* Writes config.json, preprocessor_config.json, hysac.json and model.safetensors (F32) into @dir,
 * which is made. Weights keep activations of order 1. One tensor row in memory at a time. */
gboolean synth_write(const char *dir, const HysacVisionConfig *config, guint32 seed, GError **error);
/* The same model in exact arithmetic, but with @channels of each layer's LayerNorms @factor times as
 * loud (gain and bias), and the columns of the weights that follow (q, k, v; fc1) divided by it. */
gboolean synth_write_loud(const char *dir, const HysacVisionConfig *config, guint32 seed, guint channels,
                          float factor, GError **error);
/* With a text tower of @text's shape as well (its projection is @config's), and a vocabulary of as many tokens:
 * vocab.json and merges.txt of CLIP's kind, at least 514. */
gboolean synth_write_text(const char *dir, const HysacVisionConfig *config, const HysacTextConfig *text,
                          guint32 seed, GError **error);
/* synth_vocab.c: the two files alone. */
gboolean synth_write_vocab(const char *dir, guint size, GError **error);
/* Removes what synth_write() wrote. */
void synth_remove(const char *dir);

/* The text tower on @n ids, the last of which is pooled. */
gboolean ref_text_tower(HysacModel *model, const guint32 *ids, gsize n, double *features, GError **error);

/* The tower on one image's u8 patches ([patches][3][P][P]), all in double; @features: projection. */
gboolean ref_tower(HysacModel *model, const guint8 *patches, double *features, GError **error);
