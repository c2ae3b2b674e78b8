/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/error.h"

/*
 * Concepts: named things, safe or unsafe, of seven categories, given by prompts and the points of those. How near a
 * frame or a text lies to them is advice beside the region's verdict, no verdict. docs/concepts.md has the file.
 * Thread-safety: HysacConcepts is immutable; any thread may read, ref and unref.
 */

G_BEGIN_DECLS

/* HySAC section 4: the categories of its training data. */
typedef enum {
  HYSAC_CATEGORY_HATE,
  HYSAC_CATEGORY_HARASSMENT,
  HYSAC_CATEGORY_VIOLENCE,
  HYSAC_CATEGORY_SELF_HARM,
  HYSAC_CATEGORY_SEXUAL,
  HYSAC_CATEGORY_SHOCKING,
  HYSAC_CATEGORY_ILLEGAL,
  HYSAC_CATEGORY_NONE, /* of a safe concept that belongs to all */
} HysacCategory;
#define HYSAC_N_CATEGORIES 7

/* "hate", "harassment", "violence", "self-harm", "sexual", "shocking", "illegal" (and "none") both ways; parse knows
 * the seven, and returns FALSE on anything else. */
HYSAC_API const char *hysac_category_to_string(HysacCategory category);
HYSAC_API gboolean hysac_category_parse(const char *text, HysacCategory *out);

typedef struct {
  const char *name; /* unique, at most 128 bytes */
  HysacCategory category;
  gboolean safe;
  double eta; /* scale of its cones, above 0; 1 in training */
  guint n_prompts;
  const char *const *prompts; /* NULL-terminated */
  guint n_points;      /* 0: not computed yet; else one for each prompt, if there are prompts */
  const float *points; /* n_points rows of hysac_concepts_get_dimension() floats, after the exponential map */
} HysacConcept;

typedef struct _HysacConcepts HysacConcepts;

/**
 * hysac_concepts_parse:
 * @text: a concepts file: {"version": 1, "concepts": …}
 * @name: what errors call it
 *
 * Returns: (transfer full): the concepts, or %NULL with @error: FORMAT for what is no JSON object, MODEL for a key
 *   that is none or a value that makes no sense; the message has the path of the key.
 */
HYSAC_API HysacConcepts *hysac_concepts_parse(const char *text, gsize size, const char *name, GError **error);
/* The same for a file of at most 16 MiB; errors IO too. */
HYSAC_API HysacConcepts *hysac_concepts_load(const char *path, GError **error);
HYSAC_API HysacConcepts *hysac_concepts_ref(HysacConcepts *self);
HYSAC_API void hysac_concepts_unref(HysacConcepts *self); /* NULL is fine */

HYSAC_API guint hysac_concepts_get_count(HysacConcepts *self);
/* Borrowed; NULL beyond the last. */
HYSAC_API const HysacConcept *hysac_concepts_get(HysacConcepts *self, guint index);
/* Floats a point has; 0 where no concept has points. */
HYSAC_API guint hysac_concepts_get_dimension(HysacConcepts *self);
/* Every concept has its points: scores can be given. */
HYSAC_API gboolean hysac_concepts_is_complete(HysacConcepts *self);
/* SHA-256 (hex) of the weights that the points were computed with; NULL where not stated. Borrowed. */
HYSAC_API const char *hysac_concepts_get_weights_sha256(HysacConcepts *self);

/* Prompts of all concepts, in order. */
HYSAC_API guint hysac_concepts_get_n_prompts(HysacConcepts *self);
/**
 * hysac_concepts_with_points:
 * @points: hysac_concepts_get_n_prompts() rows of @dimension floats, finite: what the text tower makes of the prompts
 * @weights_sha256: (nullable): of the weights it ran with
 * @precision: (nullable): what it ran in
 *
 * The same concepts with these points in the place of those they had; a concept without prompts keeps its own.
 *
 * Returns: (transfer full): new concepts, or %NULL with @error: NUMERIC, or MODEL where a point that is kept has
 *   another dimension.
 */
HYSAC_API HysacConcepts *hysac_concepts_with_points(HysacConcepts *self, const float *points, guint dimension,
                                                    const char *weights_sha256, const char *precision,
                                                    GError **error);

/* Whether these points are of a model with features of @dimension floats and weights of @weights_sha256 (nullable:
 * not known; then only the dimension is compared). FALSE and @error (MODEL) that begins with @name. */
HYSAC_API gboolean hysac_concepts_fit_model(HysacConcepts *self, guint dimension, const char *weights_sha256,
                                            const char *name, GError **error);

/* (transfer full): the value of "concepts", as hysac_concepts_parse() reads it; floats read back the same. */
HYSAC_API char *hysac_concepts_to_json(HysacConcepts *self);
/* Writes them into @model_dir/hysac.json, whole or not at all; every other byte of the file is kept. FALSE and @error
 * (IO, FORMAT, MODEL). */
HYSAC_API gboolean hysac_concepts_save(HysacConcepts *self, const char *model_dir, GError **error);

/* How near a point is to one concept: the best of the concept's points. */
typedef struct {
  double inner; /* largest <concept, x>_L: larger is nearer */
  double cone;  /* least oxy_angle - eta * half_aperture: at most 0 is inside a cone, radians */
} HysacConceptScore;

/* Advisory. The best of the category's unsafe concepts. */
typedef struct {
  gint nearest;  /* index of the unsafe concept of the largest inner product; -1: the category has none, and what
                  * follows is not a number */
  double inner;  /* that product */
  double cone;   /* the least of the category, maybe of another concept */
  double lead;   /* inner less the largest of the safe concepts of this category and of none: above 0, an unsafe
                  * concept is nearer than any safe one; not a number without safe concepts */
} HysacCategoryScore;

/**
 * hysac_concepts_score:
 * @point: a frame's or text's point, dimension floats
 * @c: curvature is -c
 * @concepts: (out) (optional): one for each concept
 * @categories: (out): HYSAC_N_CATEGORIES of them
 *
 * Of complete concepts only. A point that is not finite gives scores that are no numbers.
 */
HYSAC_API void hysac_concepts_score(HysacConcepts *self, const float *point, double c, HysacConceptScore *concepts,
                                    HysacCategoryScore *categories);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(HysacConcepts, hysac_concepts_unref)

G_END_DECLS
