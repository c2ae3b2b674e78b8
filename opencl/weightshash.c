/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "opencl/weightshash.h"

#include "core/weights.h"
#include "opencl/pack.h"

char *
hysac_model_hash_weights(HysacModel *model, GError **error)
{
  HysacSafetensors *weights = hysac_model_get_weights(model);
  g_autofree char *stamp = hysac_safetensors_stamp(weights);
  char *hash = stamp ? hysac_pack_recall(stamp) : NULL;
  if (hash != NULL)
    return hash;
  hash = hysac_safetensors_hash(weights, NULL, error);
  if (hash != NULL && stamp != NULL)
    hysac_pack_remember(stamp, hash);
  return hash;
}

gboolean
hysac_model_verify_weights(HysacModel *model, GError **error)
{
  const char *stated = hysac_model_get_weights_sha256(model);
  g_autofree char *hash = stated ? hysac_model_hash_weights(model, error) : NULL;
  if (stated == NULL || (hash != NULL && g_ascii_strcasecmp(hash, stated) == 0))
    return TRUE;
  if (hash != NULL)
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_MODEL,
                "%s: the weights are not those of hysac.json: their SHA-256 is %.8s…, it states %.8s…; damaged, or exchanged",
                hysac_model_get_path(model), hash, stated);
  return FALSE;
}
