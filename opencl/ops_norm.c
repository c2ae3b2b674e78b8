/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* LayerNorm, and operands made of rows. */

#include "opencl/ops_private.h"

const HysacVariant hysac_layernorm_variants[] = {
  { .name = "portable", .program = "norm_portable", .precisions = HYSAC_ALL_PRECISIONS },
  { .name = "tiled", .probe = hysac_probe_tiled, .program = "norm_tiled", .options = "-DGROUP=128",
    .group = 128, .precisions = HYSAC_ALL_PRECISIONS, .only = CL_DEVICE_TYPE_GPU },
  { .name = "x86-avx2", .probe = hysac_probe_avx2, .program = "norm_x86", .options = "-DVEC=8 -DROWS=6",
    .group = 1, .precisions = HYSAC_FP32 | HYSAC_BF16 | HYSAC_INT8 },
  { .name = "x86-avx512", .probe = hysac_probe_avx512f, .program = "norm_x86",
    .options = "-DVEC=16 -DROWS=12", .group = 1, .precisions = HYSAC_FP32 | HYSAC_BF16 | HYSAC_INT8 },
};
const gsize hysac_n_layernorm_variants = G_N_ELEMENTS(hysac_layernorm_variants);

/* Rows of @n, @need words apart at least where they are written. */
static gboolean
check_rows(const char *what, gsize ldx, gsize ldy, gsize m, gsize n, gsize need, GError **error)
{
  const gsize sizes[] = { m, n };
  if (!hysac_ops_check(what, sizes, G_N_ELEMENTS(sizes), error))
    return FALSE;
  if (ldx >= n && ldy >= need)
    return TRUE;
  g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT,
              "%s: rows of %" G_GSIZE_FORMAT " are less than that apart", what, n);
  return FALSE;
}

static gsize
operand_words(HysacOps *self, gsize n)
{
  return hysac_storage_words(self->storage, n) + self->storage->trailer;
}

static gboolean
normalise(HysacOps *self, cl_command_queue queue, cl_kernel kernel, cl_mem x, gsize ldx, cl_mem y,
          gsize ldy, gsize m, gsize n, cl_mem gain, cl_mem bias, float eps, cl_event *event,
          GError **error)
{
  cl_ulong ldx_ = ldx, ldy_ = ldy;
  cl_uint m_ = (cl_uint) m, n_ = (cl_uint) n;
  const HysacArg args[] = { HYSAC_ARG(x), HYSAC_ARG(ldx_), HYSAC_ARG(y), HYSAC_ARG(ldy_),
                            HYSAC_ARG(m_), HYSAC_ARG(n_), HYSAC_ARG(gain), HYSAC_ARG(bias),
                            HYSAC_ARG(eps) };
  return hysac_ops_launch(queue, kernel, args, G_N_ELEMENTS(args), 1, &m, self->layernorm->group,
                          event, error);
}

gboolean
hysac_ops_layernorm(HysacOps *self, cl_command_queue queue, cl_mem x, gsize ldx, cl_mem y, gsize ldy,
                    gsize m, gsize n, cl_mem gain, cl_mem bias, float eps, cl_event *event,
                    GError **error)
{
  return check_rows("layernorm", ldx, ldy, m, n, n, error) &&
         normalise(self, queue, self->layernorm_kernel, x, ldx, y, ldy, m, n, gain, bias, eps, event,
                   error);
}

gboolean
hysac_ops_layernorm_operand(HysacOps *self, cl_command_queue queue, cl_mem x, gsize ldx, cl_mem y,
                            gsize ldy, gsize m, gsize n, cl_mem gain, cl_mem bias, float eps,
                            cl_event *event, GError **error)
{
  cl_kernel kernel =
      hysac_ops_operand_is_float(self) ? self->layernorm_kernel : self->layernorm_operand_kernel;
  return check_rows("layernorm", ldx, ldy, m, n, operand_words(self, n), error) &&
         normalise(self, queue, kernel, x, ldx, y, ldy, m, n, gain, bias, eps, event, error);
}

static gboolean
convert(HysacOps *self, cl_command_queue queue, cl_kernel kernel, cl_mem x, gsize ldx, cl_mem y,
        gsize ldy, gsize m, gsize n, cl_event *event, GError **error)
{
  if (!check_rows("operand", ldx, ldy, m, n, operand_words(self, n), error))
    return FALSE;
  cl_ulong ldx_ = ldx, ldy_ = ldy;
  cl_uint m_ = (cl_uint) m, n_ = (cl_uint) n;
  const HysacArg args[] = { HYSAC_ARG(x), HYSAC_ARG(ldx_), HYSAC_ARG(y), HYSAC_ARG(ldy_),
                            HYSAC_ARG(m_), HYSAC_ARG(n_) };
  return hysac_ops_launch(queue, kernel, args, G_N_ELEMENTS(args), 1, &m, self->layernorm->group,
                          event, error);
}

gboolean
hysac_ops_operand(HysacOps *self, cl_command_queue queue, cl_mem x, gsize ldx, cl_mem y, gsize ldy,
                  gsize m, gsize n, cl_event *event, GError **error)
{
  if (!hysac_ops_operand_is_float(self))
    return convert(self, queue, self->operand_kernel, x, ldx, y, ldy, m, n, event, error);
  g_return_val_if_fail(x == y && ldx == ldy, FALSE);
  return event == NULL || HYSAC_CL(clEnqueueMarkerWithWaitList(queue, 0, NULL, event),
                                   "clEnqueueMarkerWithWaitList", error);
}

gboolean
hysac_ops_operand_wide(HysacOps *self, cl_command_queue queue, cl_mem x, gsize ldx, cl_mem y, gsize ldy,
                       gsize m, gsize n, cl_event *event, GError **error)
{
  return convert(self, queue, self->operand_wide_kernel, x, ldx, y, ldy, m, n, event, error);
}
