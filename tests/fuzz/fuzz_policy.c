/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A policy file; what is accepted is within the table's ranges, what is not leaves nothing behind. */
/* Covers: core/policyfile.c */
#include "fuzz.h"

#include "core/policyfile.h"

#include <math.h>
#include <string.h>

static const char *const actions[] = {"tag", "blur", "blank", NULL};
static const HysacPolicyKey keys[] = {
  {.name = "sample-interval", .kind = HYSAC_POLICY_TIME, .most = G_GUINT64_CONSTANT(3600000000000)},
  {.name = "pre-roll", .kind = HYSAC_POLICY_TIME, .least = 5, .most = G_MAXUINT64},
  {.name = "confirm-k", .kind = HYSAC_POLICY_COUNT, .least = 1, .most = 64},
  {.name = "enter-margin", .kind = HYSAC_POLICY_NUMBER, .low = -1000.0, .high = 1000.0},
  {.name = "action", .kind = HYSAC_POLICY_CHOICE, .choices = actions},
};
#define N G_N_ELEMENTS(keys)

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  HysacPolicyValue values[N];
  g_autofree char *title = NULL;
  g_autoptr(GError) error = NULL;

  gboolean ok = hysac_policy_file_parse((const char *) data, size, "input", keys, N, values, &title,
                                        &error);
  REQUIRE(ok || g_utf8_validate(error->message, -1, NULL));
  require_error(ok, &error);
  /* With rules: what is a policy without is one with them, and its rules are whole. */
  HysacPolicyValue more[N];
  HysacPolicyRules rules;
  g_autofree char *same = NULL;
  g_autoptr(GError) rules_error = NULL;
  const gboolean with =
    hysac_policy_file_parse_rules((const char *) data, size, "input", keys, N, more, &same, &rules, &rules_error);
  REQUIRE(with || !ok);
  require_error(with, &rules_error);
  for (guint k = 0; k < HYSAC_N_CATEGORIES; k++) {
    const HysacCategoryRule *rule = &rules.categories[k];
    REQUIRE(!rule->set || (with && (rule->has_cone || rule->has_inner || rule->has_lead)));
    REQUIRE(!rule->set || rule->action < 3 || rule->action == G_MAXUINT);
  }
  REQUIRE(!rules.head.has_threshold || (rules.head.threshold > 0.0 && rules.head.threshold <= 1.0));
  hysac_policy_rules_clear(&rules);
  REQUIRE(!title || (ok && strlen(title) <= HYSAC_POLICY_FILE_MAX_NAME));
  for (guint i = 0; i < N; i++) {
    const HysacPolicyValue *value = &values[i];
    REQUIRE(ok || !value->set);
    if (!value->set)
      continue;
    switch (keys[i].kind) {
    case HYSAC_POLICY_NUMBER:
      REQUIRE(value->number >= keys[i].low && value->number <= keys[i].high);
      break;
    case HYSAC_POLICY_CHOICE:
      REQUIRE(value->whole < 3);
      break;
    case HYSAC_POLICY_TIME:
    case HYSAC_POLICY_COUNT:
      REQUIRE(value->whole >= keys[i].least && value->whole <= keys[i].most);
      break;
    }
  }
  return 0;
}
