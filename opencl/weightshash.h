/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/model.h"

/* What a model's weights are, by content. Internal: not installed. Any thread. */

G_BEGIN_DECLS

/* What a file that has this stamp (hysac_safetensors_stamp()) had for a hash (transfer full), NULL: not known. It is
 * remembered in the process, and where there is a cache on the disk. */
char *hysac_weights_recall_hash(const char *stamp);
void hysac_weights_remember_hash(const char *stamp, const char *hash);

/* SHA-256 of the file's content, hex (transfer full): seconds for a large one, once for the file as it is, however
 * many ask. NULL with @error: IO. */
char *hysac_model_hash_weights(HysacModel *model, GError **error);
/* Whether they are those that hysac.json was written for, where it says so; FALSE with @error: MODEL, IO. Damaged weights
 * load and run: everything may look safe. */
gboolean hysac_model_verify_weights(HysacModel *model, GError **error);

G_END_DECLS
