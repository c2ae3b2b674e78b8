/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Private to opencl/: what the vision and the text tower have in common: the layers of a pre-LN transformer,
 * their weights, and the memory that they work in. The attention between hysac_tower_qkv() and
 * hysac_tower_out() is each tower's own.
 * Thread-safety: none; one a thread, as HysacOps.
 */

#include "opencl/ops.h"
#include "opencl/vision_profile.h"

G_BEGIN_DECLS

typedef struct {
  cl_mem gain1, bias1, gain2, bias2;
  HysacWeights *qkv, *out, *fc1, *fc2;
} HysacTowerLayer;

typedef struct {
  HysacOps *ops;
  gsize width, mlp_width, heads;
  guint n_layers;
  HysacActivation activation;
  float eps;          /* of the LayerNorms */
  float scale;        /* of the attention's logits */
  const char *prefix; /* of its tensors: "vision_model" */
  HysacAttention attention;
  HysacTowerLayer *layers;

  /* Work space. Operands (ops.h): norm, attended, mlp. */
  gsize ld, ld_qkv, ld_heads, ld_norm, ld_attended, ld_mlp;
  cl_mem x, norm, qkv, heads_out, attended, mlp, wide, scratch;
  HysacVisionProfile *profile; /* while a run is profiled, else NULL */
} HysacTower;

/* Sizes from a config that a model directory states: the products that follow from them must not overflow. The
 * loader has checked them against the tensors. @what: "vision". */
gboolean hysac_tower_check(const char *what, gsize width, gsize heads, gsize mlp_width, gsize layers,
                           gsize projection, GError **error);
/* @self: zeroed; ops, width to prefix are set, the attention is set up. Layers and work space for @rows tokens of
 * @sequences images or texts. What was made is freed by hysac_tower_clear() in any case. */
gboolean hysac_tower_allocate(HysacTower *self, gsize rows, gsize sequences, GError **error);
/* Frees everything in it, the ops too. */
void hysac_tower_clear(HysacTower *self);

/* ---- running; each as in ops.h ---- */

/* LayerNorm 1 and queries, keys and values of the first @rows of the hidden state. */
gboolean hysac_tower_qkv(HysacTower *self, cl_command_queue queue, const HysacTowerLayer *layer, gsize rows,
                         GError **error);
/* From the attention's result, and then LayerNorm 2 and the MLP, to @rows rows of @x (the hidden state, or what
 * was taken from it) that are @step rows apart; the attention's rows lie likewise. */
gboolean hysac_tower_out(HysacTower *self, cl_command_queue queue, const HysacTowerLayer *layer, cl_mem x,
                         gsize rows, gsize step, GError **error);
gboolean hysac_tower_mlp(HysacTower *self, cl_command_queue queue, const HysacTowerLayer *layer, cl_mem x,
                         gsize rows, gsize step, GError **error);
/* Where an operation of @stage puts its event: nowhere, unless a run is profiled. */
cl_event *hysac_tower_mark(HysacTower *self, HysacStage stage);

/* ---- loading: tower_load.c ---- */

/* What a tower's constructor carries: a buffer for the largest tensor, and the progress. */
typedef struct {
  HysacModel *model;
  float *data;
  gsize n; /* floats in data */
  void (*progress)(guint, guint, const char *, gpointer);
  gpointer user_data;
  guint done, total;
} HysacTowerLoader;

/* Room for a layer's tensors, and for one of @most floats. */
gboolean hysac_tower_loader_allocate(HysacTowerLoader *loader, const HysacTower *tower, gsize most,
                                     GError **error);
void hysac_tower_report(HysacTowerLoader *loader, const char *what);
/* Reads a tensor of @n floats into loader->data. */
gboolean hysac_tower_read(HysacTowerLoader *loader, gsize n, const char *name, GError **error);
cl_mem hysac_tower_load_vector(HysacTower *self, HysacTowerLoader *loader, gsize n, GError **error,
                               const char *name);
/* A Linear layer without bias. */
HysacWeights *hysac_tower_load_projection(HysacTower *self, HysacTowerLoader *loader, gsize n,
                                          const char *name, GError **error);
/* @maxima: the largest magnitude of each of layernorm 1's and 2's outputs, 2 * width, to move scales between
 * them and the weights behind; NULL: nothing is moved. */
gboolean hysac_tower_load_layer(HysacTower *self, HysacTowerLoader *loader, guint i, const float *maxima,
                                GError **error);
/* All of them, as they are. */
gboolean hysac_tower_load_layers(HysacTower *self, HysacTowerLoader *loader, GError **error);
void hysac_tower_free_layer(HysacTowerLayer *layer);

G_END_DECLS
