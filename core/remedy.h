/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/error.h"

G_BEGIN_DECLS

/**
 * hysac_error_remedy:
 * @error: (nullable): why a model could not be loaded, or no engine or text encoder made of it, or why one failed
 *
 * What whoever runs the program can do about it, to follow the message after a semicolon: the element's bus messages and
 * the command say the same. Thread-safe.
 *
 * Returns: (transfer none) (nullable): a static text without a full stop; %NULL where the message says all there is to do
 */
HYSAC_API const char *hysac_error_remedy(const GError *error);

/**
 * hysac_policy_remedy:
 * @error: (nullable): of hysac_policy_file_load() or hysac_policy_file_load_rules()
 *
 * The same of a policy file. Thread-safe.
 *
 * Returns: (transfer none) (nullable): as hysac_error_remedy()
 */
HYSAC_API const char *hysac_policy_remedy(const GError *error);

G_END_DECLS
