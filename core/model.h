/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/concepts.h"
#include "core/profile.h"
#include "core/safetensors.h"

/*
 * A model directory (docs/architecture.md, "Model directory"): config.json, model.safetensors,
 * preprocessor_config.json, hysac.json; vocab.json and merges.txt are core/tokenizer.h's. Nothing in it is trusted.
 * Thread-safety: immutable after loading; any thread may read.
 */

G_BEGIN_DECLS

typedef enum {
  HYSAC_ACTIVATION_QUICK_GELU, /* x * sigmoid(1.702 x) */
  HYSAC_ACTIVATION_GELU,       /* the exact one, by erf */
} HysacActivation;

/* The vision tower's shape. All counts are at least 1; width is a multiple of heads. */
typedef struct {
  guint image_size; /* pixels, square */
  guint patch_size; /* pixels; image_size is cut to floor(image_size / patch_size) patches a side */
  guint width;      /* hidden_size */
  guint mlp_width;  /* intermediate_size */
  guint layers;
  guint heads;
  guint projection; /* feature dimension */
  HysacActivation activation;
  double layer_norm_eps;
} HysacVisionConfig;

/* The text tower's shape. All counts are at least 1, vocab and context at least 3; width is a multiple of heads. */
typedef struct {
  guint vocab;   /* vocab_size: rows of the token embedding */
  guint context; /* max_position_embeddings: tokens at once, start and end of text included */
  guint width, mlp_width, layers, heads;
  guint projection; /* feature dimension, the vision tower's */
  HysacActivation activation;
  double layer_norm_eps;
} HysacTextConfig;

/* CLIPImageProcessor's settings. Resize: shortest side to @shortest_edge, bicubic, antialiased. */
typedef struct {
  guint shortest_edge;
  guint crop_size; /* square; equals HysacVisionConfig.image_size */
  float mean[3];   /* of R, G, B scaled to [0,1] */
  float std[3];
} HysacPreprocessConfig;

/* hysac.json's geometry, plain values (not logs). */
typedef struct {
  double curvature;
  double visual_alpha;
  double textual_alpha;
} HysacGeometry;

/* The reference's percentiles: 95 % of its safe material lies within. 0 where hysac.json does not state one. */
typedef struct {
  double image; /* bounds.V.up_95 */
  double text;  /* bounds.S.up_95 */
} HysacReferenceBounds;

typedef struct _HysacModel HysacModel;

/**
 * hysac_model_load:
 * @path: a model directory
 *
 * Reads the JSON files and maps the weights; checks that every tensor of the vision tower is there
 * with the right shape and a readable type, and of the text tower where the weights have one. Weights'
 * values are checked when they are read.
 *
 * Returns: (transfer full): the model, or %NULL with @error (IO, FORMAT, MODEL) set.
 */
HYSAC_API HysacModel *hysac_model_load(const char *path, GError **error);
HYSAC_API HysacModel *hysac_model_ref(HysacModel *self);
HYSAC_API void hysac_model_unref(HysacModel *self); /* NULL is fine */

HYSAC_API const char *hysac_model_get_path(HysacModel *self);
/* SHA-256 of the weights as hysac.json states it, hex, or NULL. */
HYSAC_API const char *hysac_model_get_weights_sha256(HysacModel *self);
HYSAC_API const HysacVisionConfig *hysac_model_get_vision_config(HysacModel *self);
/* NULL where the weights have no text tower: it encodes pictures only. */
HYSAC_API const HysacTextConfig *hysac_model_get_text_config(HysacModel *self);
HYSAC_API const HysacPreprocessConfig *hysac_model_get_preprocess_config(HysacModel *self);
/* NULL for a plain CLIP directory (no hysac.json): it embeds, but cannot moderate. */
HYSAC_API const HysacGeometry *hysac_model_get_geometry(HysacModel *self);
/* The unsafe region: the fitted profile if there is one, else the reference's bound, marked
 * uncalibrated. NULL where the model cannot moderate. Borrowed. */
HYSAC_API const HysacRegion *hysac_model_get_region(HysacModel *self);

/* The same of texts, which lie nearer to the root than pictures: their own fitted profile, else the reference's
 * bound of safe texts, uncalibrated. NULL where hysac.json states neither. Borrowed. */
HYSAC_API const HysacRegion *hysac_model_get_text_region(HysacModel *self);

/* What the reference's redirection goes by (core/redirect.h). NULL for a plain CLIP directory. Borrowed. */
HYSAC_API const HysacReferenceBounds *hysac_model_get_reference_bounds(HysacModel *self);

/* Named concepts (core/concepts.h), or NULL. Their points, where they have them, are of this model. Borrowed. */
HYSAC_API HysacConcepts *hysac_model_get_concepts(HysacModel *self);

/* The fitted profile with its provenance, of pictures and of texts, or NULL. Borrowed. */
HYSAC_API const HysacProfile *hysac_model_get_profile(HysacModel *self);
HYSAC_API const HysacProfile *hysac_model_get_text_profile(HysacModel *self);

/* Reads a whole tensor by its Hugging Face name as float. @n must be its element count (else
 * MODEL). A value that is not finite is an error that names the tensor. */
HYSAC_API gboolean hysac_model_read_tensor(HysacModel *self, const char *name, float *dst, gsize n,
                                           GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(HysacModel, hysac_model_unref)

G_END_DECLS
