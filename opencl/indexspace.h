/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/index.h"
#include "core/model.h"

G_BEGIN_DECLS

/**
 * hysac_model_get_index_space:
 * @precision: what its pictures are encoded in; not AUTO
 *
 * The space of the model's points, for an index. The weights' hash is taken of the file's content, seconds for a
 * large one, and remembered for the file as it is, where there is a cache. Any thread.
 *
 * Returns: FALSE with @error: MODEL without geometry (a plain CLIP directory), IO.
 */
HYSAC_API gboolean hysac_model_get_index_space(HysacModel *model, HysacPrecision precision, HysacIndexSpace *space,
                                               GError **error);

G_END_DECLS
