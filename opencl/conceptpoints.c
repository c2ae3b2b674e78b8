/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "opencl/conceptpoints.h"

#include <string.h>

static gboolean
encode_one(const HysacConcept *concept, HysacTextEncoder *encoder, guint dim, float *points, GError **error)
{
  g_autofree HysacTextEmbedding *embeddings = g_new0(HysacTextEmbedding, concept->n_prompts);
  g_autofree GError **errors = g_new0(GError *, concept->n_prompts);
  gboolean ok = TRUE;

  hysac_text_encoder_embed_many(encoder, concept->prompts, concept->n_prompts, HYSAC_TEXT_DEFAULT, embeddings,
                                errors);
  for (guint i = 0; i < concept->n_prompts; i++) {
    if (ok && !errors[i] && embeddings[i].point) {
      memcpy(points + (gsize) i * dim, embeddings[i].point, dim * sizeof *points);
    } else if (ok) {
      ok = FALSE;
      if (errors[i])
        g_propagate_prefixed_error(error, g_steal_pointer(&errors[i]), "concept %s, prompt %u: ", concept->name, i + 1);
      else
        g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_MODEL, "a model without hysac.json has no points for concepts");
    }
    g_clear_error(&errors[i]);
    hysac_text_embedding_clear(&embeddings[i]);
  }
  return ok;
}

HysacConcepts *
hysac_concepts_encode(HysacConcepts *self, HysacTextEncoder *encoder, GError **error)
{
  HysacModel *model = hysac_text_encoder_get_model(encoder);
  const guint dim = hysac_text_encoder_get_dim(encoder);
  g_autofree float *points = g_new0(float, MAX((gsize) hysac_concepts_get_n_prompts(self) * dim, 1));
  float *next = points;

  for (guint i = 0; i < hysac_concepts_get_count(self); i++) {
    const HysacConcept *concept = hysac_concepts_get(self, i);
    if (concept->n_prompts > 0 && !encode_one(concept, encoder, dim, next, error))
      return NULL;
    next += (gsize) concept->n_prompts * dim;
  }
  return hysac_concepts_with_points(self, points, dim, hysac_model_get_weights_sha256(model),
                                    hysac_precision_to_string(hysac_text_encoder_get_precision(encoder)), error);
}
