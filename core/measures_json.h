/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/measures.h"

#include <json-glib/json-glib.h>

/* HysacMeasures as a JSON object, as it stands in hysac.json's profile, and back. Internal: not
 * installed. */

G_BEGIN_DECLS

/* {"value": x, "low": x, "high": x}, null for what is not known. */
void hysac_estimate_to_json(GString *json, const HysacEstimate *estimate);

/* Members that are absent are not known (NAN, or 0 where they count); nothing in it is trusted. FALSE with
 * @error (MODEL), which names @name. */
gboolean hysac_measures_parse(JsonObject *object, const char *name, HysacMeasures *self, GError **error);

G_END_DECLS
