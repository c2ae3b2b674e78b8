/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A profile's "measures" of any text: what is taken is written and read again as the same. */
/* Covers: core/measures_json.c */
#include "fuzz.h"

#include "core/json.h"
#include "core/measures_json.h"

#include <math.h>
#include <string.h>

static gboolean
parse(const char *text, size_t size, HysacMeasures *measures)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(JsonNode) node = hysac_json_parse(text, size, "input", &error);
  const gboolean ok = node && hysac_measures_parse(json_node_get_object(node), "input", measures, &error);

  require_error(ok, &error);
  return ok;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  HysacMeasures measures, again;

  if (!parse((const char *) data, size, &measures))
    return 0;
  REQUIRE(measures.policy.k >= 1 && measures.policy.k <= measures.policy.n && measures.policy.n <= 64);
  REQUIRE(measures.policy.leave_margin <= measures.policy.enter_margin);
  REQUIRE(measures.interval >= 0 && measures.policy.min_duration >= 0);
  REQUIRE(measures.hours >= 0.0 && isfinite(measures.hours));
  g_autoptr(GString) first = g_string_new(NULL);
  g_autoptr(GString) second = g_string_new(NULL);
  hysac_measures_to_json(first, &measures);
  REQUIRE(parse(first->str, first->len, &again));
  hysac_measures_to_json(second, &again);
  REQUIRE(strcmp(first->str, second->str) == 0);
  return 0;
}
