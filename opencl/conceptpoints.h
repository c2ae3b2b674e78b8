/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/concepts.h"
#include "opencl/textencoder.h"

G_BEGIN_DECLS

/**
 * hysac_concepts_encode:
 * @encoder: of a model with geometry
 *
 * The same concepts with the points that the text tower makes of their prompts, and the model's hash. Waits for the
 * device. Any thread.
 *
 * Returns: (transfer full): new concepts, or %NULL with @error: what hysac_text_encoder_embed() says, naming the
 *   concept, or MODEL where the model has no geometry or a concept keeps points of another size.
 */
HYSAC_API HysacConcepts *hysac_concepts_encode(HysacConcepts *self, HysacTextEncoder *encoder, GError **error);

G_END_DECLS
