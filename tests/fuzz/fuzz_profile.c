/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writing a profile into any hysac.json that loads: it loads again, with that profile. */
#include "fuzz.h"

#include "core/config.h"

#include <string.h>

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  const double safe[] = {0.1, 0.2, 0.3};
  HysacMetadata before, after;
  g_autoptr(GError) error = NULL;

  gboolean ok = hysac_metadata_parse((const char *) data, size, "input", &before, &error);
  require_error(ok, &error);
  if (!ok)
    return 0;
  g_autoptr(HysacProfile) profile = hysac_profile_fit(safe, 3, NULL, 0, 95, HYSAC_PRECISION_FP32,
                                                      NULL);
  /* The file's own profile comes back as it was. */
  g_autofree char *json = hysac_profile_to_json(before.profile ? before.profile : profile);
  g_autofree char *text = hysac_profile_splice((const char *) data, size, json);
  ok = hysac_metadata_parse(text, strlen(text), "written", &after, &error);
  /* A spelling of the key with escapes makes two of it: refused, and nothing is written. */
  if (!ok) {
    REQUIRE(strchr(text, '\\'));
    g_clear_error(&error);
    hysac_metadata_clear(&before);
    return 0;
  }
  REQUIRE(after.profile && after.region.calibrated);
  const HysacProfile *expected = before.profile ? before.profile : profile;
  REQUIRE(after.profile->bound == expected->bound && after.profile->scale == expected->scale);
  REQUIRE(after.profile->unsafe_count == expected->unsafe_count);
  REQUIRE(g_strcmp0(after.profile->tool, expected->tool) == 0);
  REQUIRE(g_strcmp0(after.profile->safe_sha256, expected->safe_sha256) == 0);
  REQUIRE(after.geometry.curvature == before.geometry.curvature);
  hysac_metadata_clear(&before);
  hysac_metadata_clear(&after);
  return 0;
}
