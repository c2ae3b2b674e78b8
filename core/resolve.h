/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/error.h"

G_BEGIN_DECLS

/**
 * hysac_model_resolve:
 * @name: a model directory, or "demo"
 *
 * "demo" is the embedded demo model: the folder that HYSAC_DEMO_MODEL names, else models/demo of the
 * source tree that this was built from, else the installed one. A folder of one's own that is called
 * demo is "./demo". Whatever else is taken as a path, unchecked. Thread-safe.
 *
 * Returns: (transfer full): a path, or %NULL with @error (ARGUMENT: no name; IO: no demo model)
 */
HYSAC_API char *hysac_model_resolve(const char *name, GError **error);

/**
 * hysac_is_demo:
 * @weights_sha256: (nullable): of a model's weights, see hysac_model_get_weights_sha256()
 *
 * Whether these are the demo model's weights, under whatever name: it knows drawn scenes only, and who shows its
 * verdicts says so. Reads the demo model's hysac.json. Thread-safe.
 */
HYSAC_API gboolean hysac_is_demo(const char *weights_sha256);

G_END_DECLS
