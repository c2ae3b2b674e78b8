/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* LayerNorm. */

#include "opencl/ops_private.h"

const HysacVariant hysac_layernorm_variants[] = {
  { "portable", NULL, "norm_portable", NULL, 1, 1, FALSE },
  { "x86-avx2", hysac_probe_avx2, "norm_x86", "-DVEC=8 -DROWS=6", 1, 1, TRUE },
  { "x86-avx512", hysac_probe_avx512f, "norm_x86", "-DVEC=16 -DROWS=12", 1, 1, TRUE },
};
const gsize hysac_n_layernorm_variants = G_N_ELEMENTS(hysac_layernorm_variants);

gboolean
hysac_ops_layernorm(HysacOps *self, cl_command_queue queue, cl_mem x, gsize ldx, cl_mem y, gsize ldy,
                    gsize m, gsize n, cl_mem gain, cl_mem bias, float eps, cl_event *event,
                    GError **error)
{
  const gsize sizes[] = { m, n };
  if (!hysac_ops_check("layernorm", sizes, G_N_ELEMENTS(sizes), error))
    return FALSE;
  if (ldx < n || ldy < n) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT,
                "layernorm: rows of %" G_GSIZE_FORMAT " are less than that apart", n);
    return FALSE;
  }
  cl_ulong ldx_ = ldx, ldy_ = ldy;
  cl_uint m_ = (cl_uint) m, n_ = (cl_uint) n;
  const HysacArg args[] = { HYSAC_ARG(x), HYSAC_ARG(ldx_), HYSAC_ARG(y), HYSAC_ARG(ldy_),
                            HYSAC_ARG(m_), HYSAC_ARG(n_), HYSAC_ARG(gain), HYSAC_ARG(bias),
                            HYSAC_ARG(eps) };
  return hysac_ops_launch(queue, self->layernorm_kernel, args, G_N_ELEMENTS(args), 1, &m,
                          self->layernorm->single, event, error);
}
