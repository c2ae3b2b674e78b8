/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/model.h"

/*
 * A linear head on the features: head.safetensors beside the model's weights, of pictures' features, and
 * text-head.safetensors, of texts' (docs/concepts.md). On real material a trained head often tells more than the
 * distance to the root; it stands beside the region, never in its place.
 *
 *   score = 1 / (1 + exp(-(w · f + b))), f the encoder's feature before alpha; unsafe where score >= threshold
 *
 * Thread-safety: HysacHead is immutable; any thread.
 */

G_BEGIN_DECLS

#define HYSAC_HEAD_MAX_CLASSES 256
#define HYSAC_HEAD_MAX_DIMENSION 16384

typedef struct _HysacHead HysacHead;

/**
 * hysac_head_load:
 *
 * Tensors, each F32, F16 or BF16 and finite: "weight" [n] or [k,n], "bias" [k], "threshold" [k], each within (0, 1].
 * Metadata, all optional: "weights_sha256" of the model it was trained on, "precision" of the features, "features":
 * what they are of, "pictures" (the default) or "texts", "labels" (k names, comma-separated; "unsafe" where k is 1 and
 * none are given).
 *
 * Returns: (transfer full): the head, or %NULL with @error: IO, FORMAT or MODEL, naming the file and the tensor.
 */
HYSAC_API HysacHead *hysac_head_load(const char *path, GError **error);
/* The head of a model directory, which must be of that model; *@out is NULL where there is none. FALSE with @error as
 * above, MODEL where it was trained on other weights. */
HYSAC_API gboolean hysac_head_load_beside(HysacModel *model, HysacHead **out, GError **error);
/* The same of texts, of a model that has a text tower. One on features of pictures is refused: pictures and texts lie
 * apart in the features' space, and a threshold between pictures is none between texts. */
HYSAC_API gboolean hysac_head_load_texts_beside(HysacModel *model, HysacHead **out, GError **error);
HYSAC_API HysacHead *hysac_head_ref(HysacHead *self);
HYSAC_API void hysac_head_unref(HysacHead *self); /* NULL is fine */

HYSAC_API guint hysac_head_get_dimension(HysacHead *self);
HYSAC_API gboolean hysac_head_is_of_texts(HysacHead *self); /* its features are texts', not pictures' */
HYSAC_API guint hysac_head_get_n_classes(HysacHead *self);
HYSAC_API const char *hysac_head_get_label(HysacHead *self, guint index); /* borrowed; NULL beyond the last */
HYSAC_API double hysac_head_get_threshold(HysacHead *self, guint index);
HYSAC_API const char *hysac_head_get_weights_sha256(HysacHead *self); /* borrowed; NULL where not stated */
HYSAC_API const char *hysac_head_get_precision(HysacHead *self);      /* the same */
/* (transfer full): SHA-256 of all that scores and their telling depend on. */
HYSAC_API char *hysac_head_identify(HysacHead *self);

/* The class that tells most: an unsafe one before any other, then the one farthest above (least below) its
 * threshold. */
typedef struct {
  guint index;
  double score; /* in [0, 1]; a probability only as far as the training made it one */
  double threshold;
  gboolean unsafe; /* score >= threshold, and where the score is no number */
} HysacHeadScore;

/* Whether @a tells more than @b, in that order; what is no number tells most. */
HYSAC_API gboolean hysac_head_score_is_worse(const HysacHeadScore *a, const HysacHeadScore *b);
/* @feature: dimension floats. @scores: (out) (optional): one for each class. */
HYSAC_API HysacHeadScore hysac_head_score(HysacHead *self, const float *feature, double *scores);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(HysacHead, hysac_head_unref)

G_END_DECLS
