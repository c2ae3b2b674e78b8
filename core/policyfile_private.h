/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/policyfile.h"

#include <json-glib/json-glib.h>

/* The members of a policy file that are no plain settings. Internal: not installed. */

G_BEGIN_DECLS

/* @key: "categories", "concepts" or "head", with its value. */
gboolean hysac_policy_read_rule(const char *key, JsonNode *node, const char *name, const HysacPolicyKey *keys, guint n,
                                HysacPolicyRules *rules, GError **error);

G_END_DECLS
