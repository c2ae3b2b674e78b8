/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * CLIP's text tower on one device. Texts lie one behind the other, each as long as it is: a token sees those
 * before it only, so that padding up to 77 would change nothing. Of the last layer the last token of each
 * goes on alone: its row is taken out of the hidden state.
 */

#include "opencl/text.h"

#include "opencl/tower_pack.h"
#include "opencl/weightshash.h"

#include <math.h>

struct _HysacText {
  HysacTower tower;
  HysacTextConfig config;
  guint max_texts;
  gsize max_rows;
  cl_command_queue queue;

  HysacWeights *projection;
  cl_mem table, position, final_gain, final_bias;

  /* Work space, beside the tower's. @pooled is an operand (ops.h). */
  cl_mem ids, places, starts, last, pooled, features;
  HysacTowerPacking *packing; /* NULL: nothing is cached */
  guint32 *host; /* ids, places and starts, as they are uploaded */
};

static gboolean
allocate(HysacText *self, GError **error)
{
  HysacTower *tower = &self->tower;
  const gsize rows = self->max_rows, texts = self->max_texts;
  if (!hysac_tower_allocate(tower, rows, texts, error))
    return FALSE;
  struct {
    cl_mem *mem;
    gsize bytes;
    const char *what;
  } buffers[] = {
    { &self->ids, rows * 4, "token ids" },
    { &self->places, rows * 4, "positions" },
    { &self->starts, (texts + 1) * 4, "bounds of texts" },
    { &self->last, texts * tower->ld * sizeof(float), "last tokens" },
    { &self->pooled, texts * tower->ld_norm * 4, "last tokens" },
    { &self->features, texts * self->config.projection * sizeof(float), "features" },
  };
  for (gsize i = 0; i < G_N_ELEMENTS(buffers); i++) {
    if ((*buffers[i].mem = hysac_ops_buffer(tower->ops, buffers[i].bytes, buffers[i].what, error)) == NULL)
      return FALSE;
  }
  self->host = g_new(guint32, 2 * rows + texts + 1);
  return TRUE;
}

static gboolean
load(HysacText *self, HysacTowerLoader *loader, GError **error)
{
  const HysacTextConfig *c = &self->config;
  HysacTower *tower = &self->tower;
  const gsize width = c->width, table = (gsize) c->vocab * width, position = (gsize) c->context * width;
  if (!hysac_tower_loader_allocate(loader, tower, MAX(MAX(table, position), width * c->projection), error))
    return FALSE;
  hysac_tower_report(loader, "packing embeddings");
  return (self->table = hysac_tower_load_vector(tower, loader, table, error,
                                                "text_model.embeddings.token_embedding.weight")) != NULL &&
         (self->position = hysac_tower_load_vector(
              tower, loader, position, error, "text_model.embeddings.position_embedding.weight")) != NULL &&
         (self->final_gain = hysac_tower_load_vector(tower, loader, width, error,
                                                     "text_model.final_layer_norm.weight")) != NULL &&
         (self->final_bias = hysac_tower_load_vector(tower, loader, width, error,
                                                     "text_model.final_layer_norm.bias")) != NULL &&
         (self->projection = hysac_tower_load_projection(tower, loader, c->projection,
                                                         "text_projection.weight", error)) != NULL &&
         hysac_tower_load_layers(tower, loader, error);
}

static HysacTowerPacking *
packing_new(HysacText *self, HysacModel *model)
{
  const HysacTextConfig *c = &self->config;
  const gsize width = c->width;
  g_autofree char *layout =
      g_strdup_printf("%u %u %u %u %u %u %u %d %a", c->vocab, c->context, c->width, c->mlp_width, c->layers,
                      c->heads, c->projection, (int) c->activation, c->layer_norm_eps);
  HysacTowerPacking *packing = hysac_tower_packing_new(&self->tower, model, layout);
  hysac_tower_packing_add_vector(packing, &self->table, c->vocab * width, "token embedding");
  hysac_tower_packing_add_vector(packing, &self->position, c->context * width, "position embedding");
  hysac_tower_packing_add_vector(packing, &self->final_gain, width, "last layernorm");
  hysac_tower_packing_add_vector(packing, &self->final_bias, width, "last layernorm");
  hysac_tower_packing_add_weights(packing, &self->projection, c->projection, width, "projection");
  hysac_tower_packing_add_layers(packing);
  return packing;
}

/* From the disk, or as they are in the model. */
static gboolean
get_weights(HysacText *self, HysacTowerLoader *loader, GError **error)
{
  g_autoptr(GError) local = NULL;
  self->packing = packing_new(self, loader->model);
  if (hysac_tower_unpack(self->packing, NULL, 0, &local)) {
    loader->done += 1 + self->config.layers;
    return TRUE;
  }
  if (local == NULL)
    return load(self, loader, error);
  g_propagate_error(error, g_steal_pointer(&local));
  return FALSE;
}

/* A text of the table's first two rows: machine code is made at the first launch. */
static gboolean
warm_up(HysacText *self, GError **error)
{
  const guint32 ids[] = { 0, 1 };
  const HysacTextIds texts[] = { { ids, 2 }, { ids, 2 } };
  g_autofree float *features = g_new(float, 2 * (gsize) self->config.projection);
  return hysac_text_run(self, texts, MIN(2, self->max_texts), features, error);
}

static gboolean
check(const HysacTextConfig *c, guint max_texts, gsize max_rows, GError **error)
{
  if (max_texts == 0 || max_texts > 4096 || max_rows < c->context || max_rows > 1 << 20) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT,
                "batches of %u texts and %" G_GSIZE_FORMAT " tokens", max_texts, max_rows);
    return FALSE;
  }
  return hysac_tower_check("text", c->width, c->heads, c->mlp_width, c->layers, c->projection, error);
}

HysacText *
hysac_text_new(HysacDevice *device, HysacModel *model, guint max_texts, gsize max_rows,
               void (*progress)(guint, guint, const char *, gpointer), gpointer user_data, GError **error)
{
  const HysacTextConfig *c = hysac_model_get_text_config(model);
  g_return_val_if_fail(c != NULL, NULL);
  if (!check(c, max_texts, max_rows, error))
    return NULL;
  HysacTowerLoader loader = { .model = model, .progress = progress, .user_data = user_data,
                              .total = 3 + c->layers };
  HysacText *self = g_new0(HysacText, 1);
  HysacTower *tower = &self->tower;
  self->config = *c;
  self->max_texts = max_texts;
  self->max_rows = max_rows;
  *tower = (HysacTower) {
    .width = c->width, .mlp_width = c->mlp_width, .heads = c->heads, .n_layers = c->layers,
    .activation = c->activation, .eps = (float) c->layer_norm_eps,
    .scale = (float) (1.0 / sqrt((double) (c->width / c->heads))), .prefix = "text_model",
  };
  hysac_tower_report(&loader, "building programs");
  gboolean ok = (self->queue = hysac_device_new_queue(device, FALSE, error)) != NULL &&
                (tower->ops = hysac_ops_new(device, HYSAC_PRECISION_FP32, NULL, error)) != NULL &&
                hysac_ops_attention_setup_causal(tower->ops, c->context, c->heads, c->width / c->heads,
                                                 &tower->attention, error) &&
                allocate(self, error) && get_weights(self, &loader, error);
  if (ok) {
    hysac_tower_report(&loader, "warming up");
    ok = warm_up(self, error);
  }
  g_free(loader.data);
  if (!ok) {
    hysac_text_free(self);
    return NULL;
  }
  hysac_tower_store(self->packing, NULL, 0); /* it has worked */
  if (!hysac_model_verify_weights(model, error)) {
    hysac_text_free(self);
    return NULL;
  }
  g_info("text tower: %s; fp32, at most %u texts of %" G_GSIZE_FORMAT " tokens at once",
         hysac_ops_describe(tower->ops), max_texts, max_rows);
  return self;
}

void
hysac_text_free(HysacText *self)
{
  if (self == NULL)
    return;
  g_clear_pointer(&self->packing, hysac_tower_packing_free);
  g_clear_pointer(&self->projection, hysac_weights_free);
  cl_mem *buffers[] = { &self->table, &self->position, &self->final_gain, &self->final_bias, &self->ids,
                        &self->places, &self->starts, &self->last, &self->pooled, &self->features };
  for (gsize i = 0; i < G_N_ELEMENTS(buffers); i++)
    g_clear_pointer(buffers[i], clReleaseMemObject);
  hysac_tower_clear(&self->tower);
  g_clear_pointer(&self->queue, clReleaseCommandQueue);
  g_free(self->host);
  g_free(self);
}

guint
hysac_text_max_texts(HysacText *self)
{
  return self->max_texts;
}

gsize
hysac_text_max_rows(HysacText *self)
{
  return self->max_rows;
}

gboolean
hysac_text_was_packed(HysacText *self)
{
  return hysac_tower_was_packed(self->packing);
}

const char *
hysac_text_describe(HysacText *self)
{
  return hysac_ops_describe(self->tower.ops);
}

/* Ids, places and starts into self->host; the longest text and the number of rows. The ids index a table on
 * the device: nothing else looks whether they are in it. */
static gboolean
lay_out(HysacText *self, const HysacTextIds *texts, guint n, gsize *longest, gsize *rows, GError **error)
{
  guint32 *ids = self->host, *places = ids + self->max_rows, *starts = places + self->max_rows;
  *longest = *rows = 0;
  for (guint i = 0; i < n; i++) {
    const HysacTextIds *text = &texts[i];
    if (text->n == 0 || text->n > self->config.context || text->n > self->max_rows - *rows) {
      g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT, "a text of %" G_GSIZE_FORMAT " tokens", text->n);
      return FALSE;
    }
    starts[i] = (guint32) *rows;
    for (gsize j = 0; j < text->n; j++) {
      if (text->ids[j] >= self->config.vocab) {
        g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT, "token %u; the tower has %u", text->ids[j],
                    self->config.vocab);
        return FALSE;
      }
      ids[*rows + j] = text->ids[j];
      places[*rows + j] = (guint32) j;
    }
    *rows += text->n;
    *longest = MAX(*longest, text->n);
  }
  starts[n] = (guint32) *rows;
  return TRUE;
}

static gboolean
upload(HysacText *self, cl_mem mem, const guint32 *data, gsize n, GError **error)
{
  return HYSAC_CL(clEnqueueWriteBuffer(self->queue, mem, CL_FALSE, 0, n * sizeof *data, data, 0, NULL, NULL),
                  "clEnqueueWriteBuffer", error);
}

static gboolean
run_layer(HysacText *self, guint i, guint n, gsize longest, gsize rows, GError **error)
{
  HysacTower *tower = &self->tower;
  const HysacTowerLayer *layer = &tower->layers[i];
  const gboolean last = i + 1 == tower->n_layers;
  cl_command_queue queue = self->queue;
  if (!hysac_tower_qkv(tower, queue, layer, rows, error) ||
      !hysac_ops_attention_causal(tower->ops, queue, tower->qkv, tower->ld_qkv, self->starts,
                                  tower->heads_out, tower->ld_heads, n, longest, last, tower->scale,
                                  tower->scratch, NULL, error) ||
      (last && !hysac_ops_embed_last(tower->ops, queue, tower->x, tower->ld, self->starts, self->last,
                                     tower->ld, n, tower->width, NULL, error)))
    return FALSE;
  cl_mem x = last ? self->last : tower->x;
  return hysac_tower_out(tower, queue, layer, x, last ? n : rows, 1, error) &&
         hysac_tower_mlp(tower, queue, layer, x, last ? n : rows, 1, error);
}

static gboolean
enqueue(HysacText *self, guint n, gsize longest, gsize rows, GError **error)
{
  HysacTower *tower = &self->tower;
  cl_command_queue queue = self->queue;
  const guint32 *ids = self->host, *places = ids + self->max_rows, *starts = places + self->max_rows;
  if (!upload(self, self->ids, ids, rows, error) || !upload(self, self->places, places, rows, error) ||
      !upload(self, self->starts, starts, n + 1, error) ||
      !hysac_ops_embed_text(tower->ops, queue, self->table, self->position, self->ids, self->places, tower->x,
                            tower->ld, rows, tower->width, NULL, error))
    return FALSE;
  for (guint i = 0; i < tower->n_layers; i++) {
    if (!run_layer(self, i, n, longest, rows, error))
      return FALSE;
  }
  return hysac_ops_layernorm_operand(tower->ops, queue, self->last, tower->ld, self->pooled, tower->ld_norm,
                                     n, tower->width, self->final_gain, self->final_bias, tower->eps, NULL,
                                     error) &&
         hysac_ops_gemm(tower->ops, queue, HYSAC_EPILOGUE_BIAS, self->pooled, tower->ld_norm,
                        self->projection, self->features, self->config.projection, n,
                        self->config.projection, NULL, error);
}

/* Waits for what was accepted. Where that fails there is no telling what the device's memory holds: DEVICE_LOST,
 * unless it was memory that it lacked. */
static gboolean
wait_for(cl_event event, GError **error)
{
  g_autoptr(GError) cause = NULL;
  if (HYSAC_CL(clWaitForEvents(1, &event), "clWaitForEvents", &cause))
    return TRUE;
  const int code = g_error_matches(cause, HYSAC_ERROR, HYSAC_ERROR_OUT_OF_MEMORY) ? HYSAC_ERROR_OUT_OF_MEMORY
                                                                                   : HYSAC_ERROR_DEVICE_LOST;
  g_set_error_literal(error, HYSAC_ERROR, code, cause->message);
  return FALSE;
}

gboolean
hysac_text_run(HysacText *self, const HysacTextIds *texts, guint n, float *features, GError **error)
{
  gsize longest, rows;
  cl_event event = NULL;
  if (n == 0 || n > self->max_texts) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT, "a batch of %u; 1 to %u can be run", n,
                self->max_texts);
    return FALSE;
  }
  if (!lay_out(self, texts, n, &longest, &rows, error))
    return FALSE;
  const gsize bytes = (gsize) n * self->config.projection * sizeof *features;
  const gboolean ok =
      enqueue(self, n, longest, rows, error) &&
      HYSAC_CL(clEnqueueReadBuffer(self->queue, self->features, CL_FALSE, 0, bytes, features, 0, NULL, &event),
               "clEnqueueReadBuffer", error) &&
      HYSAC_CL(clFlush(self->queue), "clFlush", error) && wait_for(event, error);
  if (!ok)
    clFinish(self->queue); /* nothing reads self->host or writes @features any more */
  g_clear_pointer(&event, clReleaseEvent);
  return ok;
}
