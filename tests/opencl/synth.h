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
/* Removes what synth_write() wrote. */
void synth_remove(const char *dir);

/* The tower on one image's u8 patches ([patches][3][P][P]), all in double; @features: projection. */
gboolean ref_tower(HysacModel *model, const guint8 *patches, double *features, GError **error);
