/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as an index: opened or refused, its names readable or damaged, and a search in it stays inside it. Once more
 * with the header's hash made right, which mutations alone never do. */
/* Covers: core/index.c */
#include "fuzz.h"

#include "core/index_private.h"
#include "core/search.h"

#include <string.h>

#define MAX_POINTS 64
#define MAX_DIM 64

static void
check_space(HysacIndex *index)
{
  const HysacIndexSpace *space = hysac_index_get_space(index);
  g_autoptr(GError) error = NULL;
  REQUIRE(hysac_index_space_equal(space, "one", space, "same", NULL));
  HysacIndexSpace others[5] = { *space, *space, *space, *space, *space };
  others[0].weights[31] ^= 1;
  others[1].dim++;
  others[2].curvature *= 2;
  others[3].alpha += 1 + 2 * (others[3].alpha > 0 ? others[3].alpha : -others[3].alpha);
  others[4].precision = space->precision == HYSAC_PRECISION_FP32 ? HYSAC_PRECISION_BF16 : HYSAC_PRECISION_FP32;
  for (guint i = 0; i < G_N_ELEMENTS(others); i++)
    require_error(hysac_index_space_equal(space, "one", &others[i], "two", &error), &error);
}

static void
check(const uint8_t *data, size_t size)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(HysacIndex) index = hysac_index_open(fuzz_file(data, size), &error);
  require_error(index != NULL, &error);
  if (!index)
    return;
  const guint n = hysac_index_get_n_points(index), dim = hysac_index_get_space(index)->dim;
  REQUIRE(dim >= 1 && (guint64) n * dim * sizeof(float) < size);
  check_space(index);
  require_error(hysac_index_verify(index, &error), &error);
  for (guint i = 0; i < MIN(n, MAX_POINTS); i++) {
    HysacIndexId id;
    gboolean ok = hysac_index_get_id(index, i, &id, &error);
    REQUIRE(!ok || (*id.path && id.time >= -1));
    require_error(ok, &error);
  }
  if (n > MAX_POINTS || dim > MAX_DIM)
    return;
  float queries[2 * MAX_DIM] = { 0 };
  HysacHit hits[2 * 5];
  queries[0] = 1;
  gboolean ok = hysac_index_search(index, queries, 2, 5, 1, hits, NULL, &error);
  for (guint i = 0; ok && n > 0 && i < 2 * 5; i++)
    REQUIRE(i % 5 >= n || hits[i].point < n);
  require_error(ok, &error);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  check(data, size);
  if (size < HYSAC_INDEX_PAGE)
    return 0;
  g_autofree uint8_t *copy = g_memdup2(data, size);
  hysac_index_digest(copy, copy + G_STRUCT_OFFSET(HysacIndexHeader, sha256));
  check(copy, size);
  return 0;
}
