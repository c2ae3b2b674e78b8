/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* core/rating.h for the elements: by what a model has beside its region, and as fields of structures. */

#include "core/rating.h"
#include "gst/scorer.h"

G_BEGIN_DECLS

/* By a model's concepts and head and a policy's rules (whose concepts go before the model's). *@out is (transfer full)
 * and NULL where there is nothing to rate by. May take long: concepts without points are encoded. FALSE with
 * @error where a rule cannot be measured. */
gboolean gst_hysac_rater_new(const GstHysacBeside *beside, const HysacPolicyRules *rules, HysacRater **out,
                             GError **error);

/* The strongest of the action @least and those of the rules in @marks; @own is that of a rule that names none.
 * @strength: the larger, the less is shown. */
gint gst_hysac_rules_raise(const HysacPolicyRules *rules, guint32 marks, gint own, gint least,
                           guint (*strength)(gint action));

/* For metadata and messages: the field "advisory", and "rules" where some redact. @rating: (nullable). */
void gst_hysac_rating_fill(const HysacRating *rating, guint32 marks, GstStructure *structure);

G_END_DECLS
