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

G_END_DECLS
