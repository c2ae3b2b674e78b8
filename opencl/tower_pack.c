/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A file belongs to the weights' content: that is hashed once for a file as it is now (device, inode, size, times),
 * beside the packing, and remembered. Where the device shares the host's memory it reads the file's pages, and so
 * do other processes: there is one copy of the weights in the machine.
 */

#include "opencl/tower_pack.h"

#include "core/weights.h"
#include "opencl/cache.h"
#include "opencl/pack.h"
#include "opencl/weightshash.h"
#include "pack_sources.h"

#include <string.h>

/* Weights of n x k, or a vector of n floats. */
typedef struct {
  HysacWeights **weights;
  cl_mem *vector;
  gsize n, k;
  const char *what;
} Item;

struct _HysacTowerPacking {
  HysacTower *tower;
  HysacModel *model;
  GArray *items; /* of Item */
  char *stamp, *layout;
  char *hash;      /* of the weights' content; the thread's until it is joined */
  GThread *thread; /* looks for it */
  gint stop;       /* atomic */
  gboolean hit;
};

void
hysac_tower_packing_add_weights(HysacTowerPacking *self, HysacWeights **weights, gsize n, gsize k, const char *what)
{
  Item item = { weights, NULL, n, k, what };
  if (self != NULL)
    g_array_append_val(self->items, item);
}

void
hysac_tower_packing_add_vector(HysacTowerPacking *self, cl_mem *vector, gsize n, const char *what)
{
  Item item = { NULL, vector, n, 1, what };
  if (self != NULL)
    g_array_append_val(self->items, item);
}

void
hysac_tower_packing_add_layers(HysacTowerPacking *self)
{
  if (self == NULL)
    return;
  HysacTower *tower = self->tower;
  const gsize width = tower->width, inner = tower->heads * tower->attention.head, mlp = tower->mlp_width;
  for (guint i = 0; i < tower->n_layers; i++) {
    HysacTowerLayer *layer = &tower->layers[i];
    hysac_tower_packing_add_weights(self, &layer->qkv, 3 * inner, width, "queries, keys and values");
    hysac_tower_packing_add_weights(self, &layer->out, width, inner, "attention output");
    hysac_tower_packing_add_weights(self, &layer->fc1, mlp, width, "MLP");
    hysac_tower_packing_add_weights(self, &layer->fc2, width, mlp, "MLP");
    hysac_tower_packing_add_vector(self, &layer->gain1, width, "layernorm");
    hysac_tower_packing_add_vector(self, &layer->bias1, width, "layernorm");
    hysac_tower_packing_add_vector(self, &layer->gain2, width, "layernorm");
    hysac_tower_packing_add_vector(self, &layer->bias2, width, "layernorm");
  }
}

/* The blocks' sizes: weights have two. */
static GArray *
list_sizes(HysacTowerPacking *self)
{
  GArray *sizes = g_array_new(FALSE, FALSE, sizeof(gsize));
  for (guint i = 0; i < self->items->len; i++) {
    const Item *item = &g_array_index(self->items, Item, i);
    gsize bytes[2] = { item->n * sizeof(float), 0 };
    if (item->weights != NULL)
      hysac_weights_bytes(self->tower->ops, item->n, item->k, bytes);
    g_array_append_vals(sizes, bytes, item->weights != NULL ? 2 : 1);
  }
  return sizes;
}

static gpointer
find_hash(gpointer data)
{
  HysacTowerPacking *self = data;
  g_autoptr(GError) error = NULL;
  self->hash = hysac_safetensors_hash(hysac_model_get_weights(self->model), &self->stop, &error);
  if (self->hash == NULL)
    g_debug("the weights are not hashed: %s", error->message);
  return NULL;
}

HysacTowerPacking *
hysac_tower_packing_new(HysacTower *tower, HysacModel *model, const char *layout)
{
  g_autofree char *stamp = hysac_safetensors_stamp(hysac_model_get_weights(model));
  if (stamp == NULL || !hysac_cache_wanted("packed"))
    return NULL;
  g_autofree char *weights = hysac_weights_layout(tower->ops);
  HysacTowerPacking *self = g_new0(HysacTowerPacking, 1);
  self->tower = tower;
  self->model = hysac_model_ref(model);
  self->items = g_array_new(FALSE, FALSE, sizeof(Item));
  self->stamp = g_steal_pointer(&stamp);
  /* A calibration is the variants' too. */
  self->layout = g_strdup_printf("%s|%s|%s|%s|%" G_GSIZE_FORMAT "|%s", HYSAC_PACK_SOURCES, tower->prefix, weights,
                                 hysac_ops_describe(tower->ops), tower->attention.head, layout);
  self->hash = hysac_weights_recall_hash(self->stamp);
  if (self->hash == NULL)
    self->thread = g_thread_try_new("hysac-hash", find_hash, self, NULL);
  return self;
}

void
hysac_tower_packing_free(HysacTowerPacking *self)
{
  if (self == NULL)
    return;
  if (self->thread != NULL) {
    g_atomic_int_set(&self->stop, 1);
    g_thread_join(self->thread);
  }
  hysac_model_unref(self->model);
  g_array_unref(self->items);
  g_free(self->stamp);
  g_free(self->layout);
  g_free(self->hash);
  g_free(self);
}

/* ---- from the disk ---- */

static void CL_CALLBACK
on_destroyed(cl_mem mem, void *pack)
{
  hysac_pack_unref(pack);
}

/* The file's pages themselves; NULL: not here. */
static cl_mem
point_at(HysacTowerPacking *self, HysacPack *pack, const void *data, gsize bytes)
{
  HysacDevice *device = hysac_ops_device(self->tower->ops);
  cl_int code;
  if (!hysac_device_limits(device)->host_unified || bytes > hysac_device_limits(device)->max_alloc)
    return NULL;
  cl_mem mem = clCreateBuffer(hysac_device_context(device), CL_MEM_READ_ONLY | CL_MEM_USE_HOST_PTR, bytes,
                              (gpointer) data, &code);
  if (code != CL_SUCCESS)
    return NULL;
  /* The driver may hold the memory longer than we hold the buffer. */
  hysac_pack_ref(pack);
  if (clSetMemObjectDestructorCallback(mem, on_destroyed, pack) == CL_SUCCESS)
    return mem;
  clReleaseMemObject(mem);
  hysac_pack_unref(pack);
  return NULL;
}

static cl_mem
buffer_of(HysacTowerPacking *self, cl_command_queue queue, HysacPack *pack, guint i, gsize bytes, const char *what,
          GError **error)
{
  const void *data = hysac_pack_block(pack, i);
  cl_mem mem = point_at(self, pack, data, bytes);
  if (mem != NULL || (mem = hysac_ops_buffer(self->tower->ops, bytes, what, error)) == NULL)
    return mem;
  if (!HYSAC_CL(clEnqueueWriteBuffer(queue, mem, CL_TRUE, 0, bytes, data, 0, NULL, NULL),
                "clEnqueueWriteBuffer", error))
    g_clear_pointer(&mem, clReleaseMemObject);
  return mem;
}

static gboolean
unpack_item(HysacTowerPacking *self, const Item *item, cl_command_queue queue, HysacPack *pack, guint *block,
            const gsize *sizes, GError **error)
{
  cl_mem buffers[2] = { NULL, NULL };
  const guint n = item->weights != NULL ? 2 : 1;
  for (guint i = 0; i < n; i++) {
    buffers[i] = buffer_of(self, queue, pack, *block, sizes[*block], item->what, error);
    if (buffers[i] == NULL) {
      g_clear_pointer(&buffers[0], clReleaseMemObject);
      return FALSE;
    }
    (*block)++;
  }
  if (item->weights == NULL) {
    *item->vector = buffers[0];
    return TRUE;
  }
  *item->weights = hysac_weights_new_packed(self->tower->ops, item->n, item->k, buffers, item->what, error);
  return *item->weights != NULL;
}

gboolean
hysac_tower_unpack(HysacTowerPacking *self, void *notes, gsize size, GError **error)
{
  guint8 stored[HYSAC_PACK_NOTES];
  if (self == NULL || self->thread != NULL || self->hash == NULL)
    return FALSE;
  g_return_val_if_fail(size <= sizeof stored, FALSE);
  g_autofree char *key = hysac_pack_key(self->hash, self->layout);
  g_autoptr(GArray) sizes = list_sizes(self);
  HysacPack *pack = hysac_pack_open(key, (const gsize *) sizes->data, sizes->len, stored);
  if (pack == NULL)
    return FALSE;
  cl_command_queue queue = hysac_device_new_queue(hysac_ops_device(self->tower->ops), FALSE, error);
  gboolean ok = queue != NULL;
  guint block = 0;
  for (guint i = 0; ok && i < self->items->len; i++)
    ok = unpack_item(self, &g_array_index(self->items, Item, i), queue, pack, &block,
                     (const gsize *) sizes->data, error);
  if (queue != NULL)
    clReleaseCommandQueue(queue);
  hysac_pack_unref(pack); /* the buffers hold it */
  if (size > 0)
    memcpy(notes, stored, size);
  self->hit = ok;
  return ok;
}

/* ---- to the disk ---- */

static gboolean
store_buffer(cl_command_queue queue, cl_mem mem, gsize bytes, HysacPackWriter *writer)
{
  cl_int code;
  void *data = clEnqueueMapBuffer(queue, mem, CL_TRUE, CL_MAP_READ, 0, bytes, 0, NULL, NULL, &code);
  if (code != CL_SUCCESS)
    return FALSE;
  gboolean ok = hysac_pack_write(writer, data);
  return clEnqueueUnmapMemObject(queue, mem, data, 0, NULL, NULL) == CL_SUCCESS &&
         clFinish(queue) == CL_SUCCESS && ok;
}

static gboolean
store(HysacTowerPacking *self, const char *key, const void *notes, gsize size)
{
  g_autoptr(GArray) sizes = list_sizes(self);
  guint8 stored[HYSAC_PACK_NOTES] = { 0 };
  gint64 start = g_get_monotonic_time();
  if (size > 0)
    memcpy(stored, notes, size);
  HysacPackWriter *writer = hysac_pack_create(key, (const gsize *) sizes->data, sizes->len);
  if (writer == NULL)
    return FALSE;
  cl_command_queue queue = hysac_device_new_queue(hysac_ops_device(self->tower->ops), FALSE, NULL);
  gboolean ok = queue != NULL;
  guint block = 0;
  for (guint i = 0; ok && i < self->items->len; i++) {
    const Item *item = &g_array_index(self->items, Item, i);
    cl_mem buffers[2] = { NULL, NULL };
    if (item->weights != NULL)
      hysac_weights_buffers(*item->weights, buffers);
    else
      buffers[0] = *item->vector;
    for (guint k = 0; ok && k < 2 && buffers[k] != NULL; k++, block++)
      ok = store_buffer(queue, buffers[k], g_array_index(sizes, gsize, block), writer);
  }
  if (queue != NULL)
    clReleaseCommandQueue(queue);
  ok = hysac_pack_finish(writer, ok ? stored : NULL);
  if (ok)
    g_debug("packed weights written in %.0f ms", (double) (g_get_monotonic_time() - start) / 1e3);
  return ok;
}

gboolean
hysac_tower_store(HysacTowerPacking *self, const void *notes, gsize size)
{
  if (self == NULL || self->hit)
    return self != NULL;
  g_return_val_if_fail(size <= HYSAC_PACK_NOTES, FALSE);
  if (self->thread != NULL) {
    g_thread_join(self->thread);
    self->thread = NULL;
    if (self->hash != NULL)
      hysac_weights_remember_hash(self->stamp, self->hash);
  }
  if (self->hash == NULL)
    return FALSE;
  g_autofree char *key = hysac_pack_key(self->hash, self->layout);
  return store(self, key, notes, size);
}

gboolean
hysac_tower_was_packed(HysacTowerPacking *self)
{
  return self != NULL && self->hit;
}
