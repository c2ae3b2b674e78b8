/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "opencl/engine.h"

HysacEmbedding
hysac_embedding_copy(const HysacEmbedding *embedding)
{
  const gsize bytes = embedding->dim * sizeof(float);
  HysacEmbedding copy = *embedding;
  copy.feature = g_memdup2(embedding->feature, bytes);
  copy.point = g_memdup2(embedding->point, bytes); /* NULL stays so */
  return copy;
}

void
hysac_embedding_clear(HysacEmbedding *copy)
{
  g_free((float *) copy->feature);
  g_free((float *) copy->point);
  *copy = (HysacEmbedding) { 0 };
}
