/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A head file; what is accepted gives a score for any feature. */
/* Covers: core/head.c */
#include "fuzz.h"

#include "core/head.h"

#include <string.h>

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(HysacHead) head = hysac_head_load(fuzz_file(data, size), &error);

  require_error(head != NULL, &error);
  if (!head)
    return 0;
  const guint n = hysac_head_get_dimension(head), k = hysac_head_get_n_classes(head);
  REQUIRE(n >= 1 && n <= HYSAC_HEAD_MAX_DIMENSION && k >= 1 && k <= HYSAC_HEAD_MAX_CLASSES);
  g_autofree float *feature = g_new0(float, n);
  g_autofree double *scores = g_new0(double, k);
  feature[0] = 1.0f;
  const HysacHeadScore score = hysac_head_score(head, feature, scores);
  REQUIRE(score.index < k && score.score == scores[score.index] && score.score >= 0.0 && score.score <= 1.0);
  REQUIRE(score.unsafe == (score.score >= score.threshold));
  REQUIRE(score.threshold == hysac_head_get_threshold(head, score.index));
  for (guint i = 0; i < k; i++)
    REQUIRE(*hysac_head_get_label(head, i) && scores[i] >= 0.0 && scores[i] <= 1.0);
  REQUIRE(hysac_head_get_label(head, k) == NULL);
  g_autofree char *identity = hysac_head_identify(head), *again = hysac_head_identify(head);
  REQUIRE(strlen(identity) == 64 && strcmp(identity, again) == 0);
  g_autoptr(HysacHead) another = hysac_head_ref(head);
  REQUIRE(hysac_head_is_of_texts(another) == hysac_head_is_of_texts(head));
  REQUIRE(hysac_head_get_weights_sha256(another) == hysac_head_get_weights_sha256(head));
  REQUIRE(hysac_head_get_precision(another) == hysac_head_get_precision(head));
  return 0;
}
