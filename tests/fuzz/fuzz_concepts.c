/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A concepts file; what is accepted can be scored, and written and read back as it is. */
/* Covers: core/concepts_file.c */
#include "fuzz.h"

#include "core/concepts.h"

#include <math.h>
#include <string.h>

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(HysacConcepts) concepts = hysac_concepts_load(fuzz_file(data, size), &error);

  require_error(concepts != NULL, &error);
  if (!concepts)
    return 0;
  const guint n = hysac_concepts_get_count(concepts), dimension = hysac_concepts_get_dimension(concepts);
  g_autofree HysacConceptScore *scores = g_new0(HysacConceptScore, n + 1);
  HysacCategoryScore categories[HYSAC_N_CATEGORIES];
  for (guint i = 0; i < n; i++) {
    const HysacConcept *concept = hysac_concepts_get(concepts, i);
    REQUIRE(concept->name && *concept->name && (concept->n_prompts > 0 || concept->n_points > 0));
    REQUIRE(concept->safe || concept->category < HYSAC_CATEGORY_NONE);
    for (gsize k = 0; k < (gsize) concept->n_points * dimension; k++)
      REQUIRE(isfinite(concept->points[k]));
  }
  if (n > 0 && dimension > 0 && hysac_concepts_is_complete(concepts)) {
    hysac_concepts_score(concepts, hysac_concepts_get(concepts, 0)->points, 0.5, scores, categories);
    for (guint i = 0; i < n; i++)
      REQUIRE(isfinite(scores[i].inner) && isfinite(scores[i].cone));
  }
  g_autofree char *json = hysac_concepts_to_json(concepts);
  g_autofree char *text = g_strdup_printf("{\"version\": 1, \"concepts\": %s}", json);
  g_autoptr(HysacConcepts) again = hysac_concepts_parse(text, strlen(text), "again", &error);
  REQUIRE(again != NULL);
  g_autofree char *same = hysac_concepts_to_json(again);
  REQUIRE(strcmp(json, same) == 0);
  return 0;
}
