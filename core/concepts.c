/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The concepts and their scores; the file is concepts_file.c. */
#include "core/concepts_private.h"
#include "core/lorentz.h"

#include <math.h>
#include <string.h>

static const char *const category_names[] = {
  [HYSAC_CATEGORY_HATE] = "hate",           [HYSAC_CATEGORY_HARASSMENT] = "harassment",
  [HYSAC_CATEGORY_VIOLENCE] = "violence",   [HYSAC_CATEGORY_SELF_HARM] = "self-harm",
  [HYSAC_CATEGORY_SEXUAL] = "sexual",       [HYSAC_CATEGORY_SHOCKING] = "shocking",
  [HYSAC_CATEGORY_ILLEGAL] = "illegal",     [HYSAC_CATEGORY_NONE] = "none",
};

const char *
hysac_category_to_string(HysacCategory category)
{
  return (guint) category < G_N_ELEMENTS(category_names) ? category_names[category] : "unknown";
}

gboolean
hysac_category_parse(const char *text, HysacCategory *out)
{
  for (guint i = 0; text && i < HYSAC_N_CATEGORIES; i++) {
    if (g_str_equal(text, category_names[i])) {
      *out = (HysacCategory) i;
      return TRUE;
    }
  }
  return FALSE;
}

static void
clear_concept(gpointer data)
{
  HysacConcept *concept = data;

  g_free((char *) concept->name);
  g_strfreev((char **) concept->prompts);
  g_free((float *) concept->points);
}

HysacConcepts *
hysac_concepts_new(void)
{
  HysacConcepts *self = g_new0(HysacConcepts, 1);

  g_atomic_ref_count_init(&self->refs);
  self->list = g_array_new(FALSE, TRUE, sizeof(HysacConcept));
  g_array_set_clear_func(self->list, clear_concept);
  return self;
}

HysacConcepts *
hysac_concepts_ref(HysacConcepts *self)
{
  g_atomic_ref_count_inc(&self->refs);
  return self;
}

void
hysac_concepts_unref(HysacConcepts *self)
{
  if (!self || !g_atomic_ref_count_dec(&self->refs))
    return;
  g_array_unref(self->list);
  g_free(self->weights_sha256);
  g_free(self->precision);
  g_free(self->date);
  g_free(self->tool);
  g_free(self);
}

guint
hysac_concepts_get_count(HysacConcepts *self)
{
  return self->list->len;
}

const HysacConcept *
hysac_concepts_get(HysacConcepts *self, guint index)
{
  return index < self->list->len ? &g_array_index(self->list, HysacConcept, index) : NULL;
}

guint
hysac_concepts_get_dimension(HysacConcepts *self)
{
  return self->dimension;
}

gboolean
hysac_concepts_is_complete(HysacConcepts *self)
{
  for (guint i = 0; i < self->list->len; i++) {
    if (hysac_concepts_get(self, i)->n_points == 0)
      return FALSE;
  }
  return TRUE;
}

const char *
hysac_concepts_get_weights_sha256(HysacConcepts *self)
{
  return self->weights_sha256;
}

guint
hysac_concepts_get_n_prompts(HysacConcepts *self)
{
  guint n = 0;

  for (guint i = 0; i < self->list->len; i++)
    n += hysac_concepts_get(self, i)->n_prompts;
  return n;
}

HysacConcepts *
hysac_concepts_with_points(HysacConcepts *self, const float *points, guint dimension, const char *weights_sha256,
                           const char *precision, GError **error)
{
  g_autoptr(HysacConcepts) result = hysac_concepts_new();
  g_autoptr(GDateTime) now = g_date_time_new_now_utc();
  const float *next = points;

  result->dimension = dimension;
  result->weights_sha256 = g_strdup(weights_sha256);
  result->precision = g_strdup(precision);
  result->date = g_date_time_format_iso8601(now);
  result->tool = g_strdup("hysac " HYSAC_VERSION);
  for (guint i = 0; i < self->list->len; i++) {
    HysacConcept concept = *hysac_concepts_get(self, i);
    const float *from = concept.points;
    concept.name = g_strdup(concept.name);
    concept.prompts = (const char *const *) g_strdupv((char **) concept.prompts);
    if (concept.n_prompts > 0) {
      from = next;
      concept.n_points = concept.n_prompts;
      next += (gsize) dimension * concept.n_points;
    }
    const gboolean differs = concept.n_prompts == 0 && concept.n_points > 0 && self->dimension != dimension;
    const gsize n = differs ? 0 : (gsize) dimension * concept.n_points;
    concept.points = g_memdup2(from, n * sizeof *from);
    g_array_append_val(result->list, concept);
    if (differs) {
      g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_MODEL, "concept %s has points of %u numbers; the model has %u",
                  concept.name, self->dimension, dimension);
      return NULL;
    }
    for (gsize k = 0; k < n; k++) {
      if (isfinite(concept.points[k]))
        continue;
      g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_NUMERIC, "concept %s: a point is not finite", concept.name);
      return NULL;
    }
  }
  return g_steal_pointer(&result);
}

gboolean
hysac_concepts_fit_model(HysacConcepts *self, guint dimension, const char *weights_sha256, const char *name,
                         GError **error)
{
  if (self->dimension != 0 && self->dimension != dimension) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_MODEL,
                "%s: the concepts' points have %u numbers, the model's features %u; compute them again", name,
                self->dimension, dimension);
    return FALSE;
  }
  if (self->dimension != 0 && self->weights_sha256 && weights_sha256 &&
      !g_str_equal(self->weights_sha256, weights_sha256)) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_MODEL,
                "%s: the concepts' points were computed with other weights; compute them again", name);
    return FALSE;
  }
  return TRUE;
}

/* ------------------------------------------------------------ scores */

static HysacConceptScore
score_concept(const HysacConcept *concept, const float *point, gsize n, double c)
{
  HysacConceptScore score = {.inner = -INFINITY, .cone = INFINITY};

  for (guint i = 0; i < concept->n_points; i++) {
    const float *apex = concept->points + (gsize) i * n;
    const double inner = hysac_lorentz_inner(apex, point, n, c);
    const double cone = hysac_lorentz_cone(apex, point, n, c, concept->eta);
    /* Written so that what is no number stays, and does not vanish behind a fine one. */
    score.inner = inner <= score.inner ? score.inner : inner;
    score.cone = cone >= score.cone ? score.cone : cone;
  }
  return score;
}

void
hysac_concepts_score(HysacConcepts *self, const float *point, double c, HysacConceptScore *concepts,
                     HysacCategoryScore *categories)
{
  double safe[HYSAC_N_CATEGORIES + 1];
  const guint n = self->list->len;

  for (guint k = 0; k <= HYSAC_N_CATEGORIES; k++)
    safe[k] = -INFINITY;
  for (guint k = 0; k < HYSAC_N_CATEGORIES; k++)
    categories[k] = (HysacCategoryScore){.nearest = -1, .inner = NAN, .cone = NAN, .lead = NAN};
  for (guint i = 0; i < n; i++) {
    const HysacConcept *concept = hysac_concepts_get(self, i);
    const HysacConceptScore score = score_concept(concept, point, self->dimension, c);
    if (concepts)
      concepts[i] = score;
    if (concept->safe) {
      safe[concept->category] = score.inner <= safe[concept->category] ? safe[concept->category] : score.inner;
      continue;
    }
    HysacCategoryScore *category = &categories[concept->category];
    if (category->nearest < 0 || !(score.cone >= category->cone))
      category->cone = score.cone;
    if (category->nearest < 0 || !(score.inner <= category->inner)) {
      category->inner = score.inner;
      category->nearest = (gint) i;
    }
  }
  for (guint k = 0; k < HYSAC_N_CATEGORIES; k++) {
    const double best = safe[k] <= safe[HYSAC_CATEGORY_NONE] ? safe[HYSAC_CATEGORY_NONE] : safe[k];
    if (categories[k].nearest >= 0 && !isinf(best))
      categories[k].lead = categories[k].inner - best;
  }
}
