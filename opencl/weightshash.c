/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "opencl/weightshash.h"

#include "core/weights.h"
#include "opencl/pack.h"

/* Files that change make new stamps: so many are remembered, and then it begins anew. */
#define MAX_STAMPS 64

static GMutex hashing; /* one file at a time: whoever waits finds it hashed; never taken under @lock */
static GMutex lock;    /* guards: */
static GHashTable *hashes; /* of this process: stamp -> hash */

char *
hysac_weights_recall_hash(const char *stamp)
{
  g_mutex_lock(&lock);
  char *hash = hashes ? g_strdup(g_hash_table_lookup(hashes, stamp)) : NULL;
  g_mutex_unlock(&lock);
  return hash ? hash : hysac_pack_recall(stamp);
}

void
hysac_weights_remember_hash(const char *stamp, const char *hash)
{
  g_mutex_lock(&lock);
  if (hashes == NULL)
    hashes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  if (g_hash_table_size(hashes) >= MAX_STAMPS)
    g_hash_table_remove_all(hashes);
  g_hash_table_insert(hashes, g_strdup(stamp), g_strdup(hash));
  g_mutex_unlock(&lock);
  hysac_pack_remember(stamp, hash);
}

char *
hysac_model_hash_weights(HysacModel *model, GError **error)
{
  HysacSafetensors *weights = hysac_model_get_weights(model);
  g_autofree char *stamp = hysac_safetensors_stamp(weights);
  char *hash = NULL;
  if (stamp == NULL)
    return hysac_safetensors_hash(weights, NULL, error);
  g_mutex_lock(&hashing);
  hash = hysac_weights_recall_hash(stamp);
  if (hash == NULL && (hash = hysac_safetensors_hash(weights, NULL, error)) != NULL)
    hysac_weights_remember_hash(stamp, hash);
  g_mutex_unlock(&hashing);
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
