/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What surrounds the patch product, what texts begin and end with, and the head. Small: portable kernels only. */

#include "opencl/ops_private.h"

#include <math.h>

gboolean
hysac_ops_embed_pixels(HysacOps *self, cl_command_queue queue, cl_mem patches, gsize k, cl_mem x,
                       gsize ld, gsize m, cl_event *event, GError **error)
{
  const gsize sizes[] = { k, ld, m };
  if (!hysac_ops_check("embed_pixels", sizes, G_N_ELEMENTS(sizes), error))
    return FALSE;
  g_return_val_if_fail(ld >= hysac_storage_words(self->storage, k) + self->storage->trailer, FALSE);
  cl_uint k_ = (cl_uint) k, ld_ = (cl_uint) ld, m_ = (cl_uint) m;
  const HysacArg args[] = { HYSAC_ARG(patches), HYSAC_ARG(k_), HYSAC_ARG(x), HYSAC_ARG(ld_),
                            HYSAC_ARG(m_) };
  const gsize global[] = { k, m };
  return hysac_ops_launch(queue, self->embed_pixels_kernel, args, G_N_ELEMENTS(args), 2, global, 0,
                          event, error);
}

gboolean
hysac_ops_embed_tokens(HysacOps *self, cl_command_queue queue, cl_mem y, gsize ldy, cl_mem token,
                       cl_mem position, cl_mem x, gsize ldx, gsize images, gsize tokens, gsize n,
                       cl_event *event, GError **error)
{
  const gsize m = images * tokens, sizes[] = { ldy, ldx, images, tokens, n, m };
  if (!hysac_ops_check("embed_tokens", sizes, G_N_ELEMENTS(sizes), error))
    return FALSE;
  g_return_val_if_fail(ldy >= n && ldx >= n, FALSE);
  cl_uint ldy_ = (cl_uint) ldy, ldx_ = (cl_uint) ldx, tokens_ = (cl_uint) tokens, n_ = (cl_uint) n,
          m_ = (cl_uint) m;
  const HysacArg args[] = { HYSAC_ARG(y), HYSAC_ARG(ldy_), HYSAC_ARG(token), HYSAC_ARG(position),
                            HYSAC_ARG(x), HYSAC_ARG(ldx_), HYSAC_ARG(tokens_), HYSAC_ARG(n_),
                            HYSAC_ARG(m_) };
  const gsize global[] = { n, m };
  return hysac_ops_launch(queue, self->embed_tokens_kernel, args, G_N_ELEMENTS(args), 2, global, 0,
                          event, error);
}

gboolean
hysac_ops_embed_text(HysacOps *self, cl_command_queue queue, cl_mem table, cl_mem position, cl_mem ids,
                     cl_mem places, cl_mem x, gsize ldx, gsize m, gsize n, cl_event *event, GError **error)
{
  const gsize sizes[] = { ldx, n, m };
  if (!hysac_ops_check("embed_text", sizes, G_N_ELEMENTS(sizes), error))
    return FALSE;
  g_return_val_if_fail(ldx >= n, FALSE);
  cl_uint ldx_ = (cl_uint) ldx, n_ = (cl_uint) n, m_ = (cl_uint) m;
  const HysacArg args[] = { HYSAC_ARG(table), HYSAC_ARG(position), HYSAC_ARG(ids), HYSAC_ARG(places),
                            HYSAC_ARG(x), HYSAC_ARG(ldx_), HYSAC_ARG(n_), HYSAC_ARG(m_) };
  const gsize global[] = { n, m };
  return hysac_ops_launch(queue, self->embed_text_kernel, args, G_N_ELEMENTS(args), 2, global, 0, event,
                          error);
}

gboolean
hysac_ops_embed_last(HysacOps *self, cl_command_queue queue, cl_mem x, gsize ldx, cl_mem starts, cl_mem y,
                     gsize ldy, gsize texts, gsize n, cl_event *event, GError **error)
{
  const gsize sizes[] = { ldx, ldy, n, texts };
  if (!hysac_ops_check("embed_last", sizes, G_N_ELEMENTS(sizes), error))
    return FALSE;
  g_return_val_if_fail(ldx >= n && ldy >= n, FALSE);
  cl_uint ldx_ = (cl_uint) ldx, ldy_ = (cl_uint) ldy, n_ = (cl_uint) n, m_ = (cl_uint) texts;
  const HysacArg args[] = { HYSAC_ARG(x), HYSAC_ARG(ldx_), HYSAC_ARG(starts), HYSAC_ARG(y),
                            HYSAC_ARG(ldy_), HYSAC_ARG(n_), HYSAC_ARG(m_) };
  const gsize global[] = { n, texts };
  return hysac_ops_launch(queue, self->embed_last_kernel, args, G_N_ELEMENTS(args), 2, global, 0, event,
                          error);
}

gboolean
hysac_ops_head(HysacOps *self, cl_command_queue queue, cl_mem features, gsize n, gsize m, float alpha,
               float curvature, cl_mem points, cl_mem distances, cl_event *event, GError **error)
{
  const gsize sizes[] = { n, m };
  if (!hysac_ops_check("head", sizes, G_N_ELEMENTS(sizes), error))
    return FALSE;
  cl_uint n_ = (cl_uint) n, m_ = (cl_uint) m;
  cl_float root_c = sqrtf(curvature);
  const HysacArg args[] = { HYSAC_ARG(features), HYSAC_ARG(n_), HYSAC_ARG(m_), HYSAC_ARG(alpha),
                            HYSAC_ARG(root_c), HYSAC_ARG(points), HYSAC_ARG(distances) };
  return hysac_ops_launch(queue, self->head_kernel, args, G_N_ELEMENTS(args), 1, &m, 0, event,
                          error);
}
