/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/model.h"

/* Which file a model's weights are. Internal: not installed. Any thread. */

G_BEGIN_DECLS

/* The weights as they were opened. Borrowed. */
HysacSafetensors *hysac_model_get_weights(HysacModel *self);

/* Device, inode, size and times of the file as it was opened (transfer full): any write changes that. NULL
 * for bytes in memory. */
char *hysac_safetensors_stamp(HysacSafetensors *self);
/* SHA-256 of the whole file, hex (transfer full), read from the file and not from the mapping: seconds for
 * a large one. *@stop (nullable, atomic) other than 0 ends it. NULL and @error: IO where the file was changed
 * since it was opened, or cannot be read, CANCELLED. */
char *hysac_safetensors_hash(HysacSafetensors *self, const gint *stop, GError **error);

G_END_DECLS
