/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/model.h"

/* What a model's weights are, by content. Internal: not installed. Any thread. */

G_BEGIN_DECLS

/* SHA-256 of the file's content, hex (transfer full): seconds for a large one, and remembered for the file as it is,
 * where there is a cache. NULL with @error: IO. */
char *hysac_model_hash_weights(HysacModel *model, GError **error);
/* Whether they are those that hysac.json was written for, where it says so; FALSE with @error: MODEL, IO. Damaged weights
 * load and run: everything may look safe. */
gboolean hysac_model_verify_weights(HysacModel *model, GError **error);

G_END_DECLS
