/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The layers of a pre-LN transformer (CLIP's two towers) on one device. */

#include "opencl/tower.h"

gboolean
hysac_tower_check(const char *what, gsize width, gsize heads, gsize mlp_width, gsize layers,
                  gsize projection, GError **error)
{
  const gsize limit = 1 << 16;
  if (width > 0 && width <= limit && heads > 0 && width % heads == 0 && mlp_width > 0 &&
      mlp_width <= 4 * limit && layers > 0 && layers <= 1024 && projection > 0 && projection <= limit)
    return TRUE;
  g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_UNSUPPORTED,
              "%s tower of width %" G_GSIZE_FORMAT ", %" G_GSIZE_FORMAT " heads, MLP %" G_GSIZE_FORMAT
              ", %" G_GSIZE_FORMAT " layers, projection %" G_GSIZE_FORMAT, what, width, heads, mlp_width,
              layers, projection);
  return FALSE;
}

gboolean
hysac_tower_allocate(HysacTower *self, gsize rows, gsize sequences, GError **error)
{
  HysacOps *ops = self->ops;
  const gsize inner = self->heads * self->attention.head;
  const gboolean floats = hysac_ops_operand_is_float(ops);
  self->layers = g_new0(HysacTowerLayer, self->n_layers);
  self->ld = hysac_ops_ld(self->width);
  self->ld_qkv = self->attention.halves ? hysac_ops_half_ld(3 * inner) : hysac_ops_ld(3 * inner);
  self->ld_heads = hysac_ops_ld(inner);
  self->ld_norm = hysac_ops_operand_ld(ops, self->width);
  self->ld_attended = hysac_ops_operand_ld(ops, inner);
  self->ld_mlp = hysac_ops_operand_ld(ops, self->mlp_width);
  struct {
    cl_mem *mem;
    gsize bytes; /* 0: not wanted */
    const char *what;
  } buffers[] = {
    { &self->x, rows * self->ld * sizeof(float), "hidden state" },
    { &self->norm, rows * self->ld_norm * 4, "normalised state" },
    { &self->qkv, rows * self->ld_qkv * (self->attention.halves ? sizeof(cl_half) : sizeof(float)),
      "queries, keys and values" },
    { &self->heads_out, rows * self->ld_heads * sizeof(float), "attention output" },
    { &self->attended, floats ? 0 : rows * self->ld_attended * 4, "attention output" },
    { &self->mlp, rows * self->ld_mlp * 4, "MLP" },
    { &self->wide, hysac_ops_wide_bytes(ops, rows, self->mlp_width), "MLP" },
    { &self->scratch, sequences * self->attention.scratch_bytes, "attention scratch" },
  };
  for (gsize i = 0; i < G_N_ELEMENTS(buffers); i++) {
    if (buffers[i].bytes != 0 &&
        (*buffers[i].mem = hysac_ops_buffer(ops, buffers[i].bytes, buffers[i].what, error)) == NULL)
      return FALSE;
  }
  if (floats) {
    clRetainMemObject(self->heads_out);
    self->attended = self->heads_out;
  }
  return TRUE;
}

void
hysac_tower_clear(HysacTower *self)
{
  cl_mem *buffers[] = { &self->x, &self->norm, &self->qkv, &self->heads_out, &self->attended, &self->mlp,
                        &self->wide, &self->scratch };
  for (gsize i = 0; i < G_N_ELEMENTS(buffers); i++)
    g_clear_pointer(buffers[i], clReleaseMemObject);
  for (guint i = 0; self->layers != NULL && i < self->n_layers; i++)
    hysac_tower_free_layer(&self->layers[i]);
  g_clear_pointer(&self->layers, g_free);
  g_clear_pointer(&self->ops, hysac_ops_free);
}

cl_event *
hysac_tower_mark(HysacTower *self, HysacStage stage)
{
  return self->profile != NULL ? hysac_vision_profile_mark(self->profile, stage) : NULL;
}

gboolean
hysac_tower_qkv(HysacTower *self, cl_command_queue queue, const HysacTowerLayer *layer, gsize rows,
                GError **error)
{
  HysacOps *ops = self->ops;
  const gsize columns = 3 * self->heads * self->attention.head;
  if (!hysac_ops_layernorm_operand(ops, queue, self->x, self->ld, self->norm, self->ld_norm, rows, self->width,
                                   layer->gain1, layer->bias1, self->eps,
                                   hysac_tower_mark(self, HYSAC_STAGE_NORM1), error))
    return FALSE;
  cl_event *event = hysac_tower_mark(self, HYSAC_STAGE_QKV);
  return self->attention.halves
             ? hysac_ops_gemm_half(ops, queue, self->norm, self->ld_norm, layer->qkv, self->qkv, self->ld_qkv,
                                   rows, columns, event, error)
             : hysac_ops_gemm(ops, queue, HYSAC_EPILOGUE_BIAS, self->norm, self->ld_norm, layer->qkv, self->qkv,
                              self->ld_qkv, rows, columns, event, error);
}

gboolean
hysac_tower_out(HysacTower *self, cl_command_queue queue, const HysacTowerLayer *layer, cl_mem x,
                gsize rows, gsize step, GError **error)
{
  HysacOps *ops = self->ops;
  return hysac_ops_operand(ops, queue, self->heads_out, self->ld_heads * step, self->attended,
                           self->ld_attended * step, rows, self->heads * self->attention.head,
                           hysac_tower_mark(self, HYSAC_STAGE_OUT), error) &&
         hysac_ops_gemm(ops, queue, HYSAC_EPILOGUE_RESIDUAL, self->attended, self->ld_attended * step,
                        layer->out, x, self->ld * step, rows, self->width,
                        hysac_tower_mark(self, HYSAC_STAGE_OUT), error);
}

gboolean
hysac_tower_mlp(HysacTower *self, cl_command_queue queue, const HysacTowerLayer *layer, cl_mem x,
                gsize rows, gsize step, GError **error)
{
  const HysacEpilogue act = self->activation == HYSAC_ACTIVATION_GELU ? HYSAC_EPILOGUE_GELU
                                                                      : HYSAC_EPILOGUE_QUICK_GELU;
  HysacOps *ops = self->ops;
  return hysac_ops_layernorm_operand(ops, queue, x, self->ld * step, self->norm, self->ld_norm, rows,
                                     self->width, layer->gain2, layer->bias2, self->eps,
                                     hysac_tower_mark(self, HYSAC_STAGE_NORM2), error) &&
         hysac_ops_gemm_operand(ops, queue, act, self->norm, self->ld_norm, layer->fc1, self->mlp,
                                self->ld_mlp, rows, self->mlp_width, self->wide,
                                hysac_tower_mark(self, HYSAC_STAGE_FC1), error) &&
         hysac_ops_gemm(ops, queue, HYSAC_EPILOGUE_RESIDUAL, self->mlp, self->ld_mlp, layer->fc2, x,
                        self->ld * step, rows, self->width, hysac_tower_mark(self, HYSAC_STAGE_FC2), error);
}
