/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The tower's weights, packed, to and from the disk (pack.h). A file belongs to the weights' content: that is
 * hashed once for a file as it is now (device, inode, size, times), beside the packing, and remembered.
 * Where the device shares the host's memory it reads the file's pages, and so do other processes: there is one
 * copy of the weights in the machine.
 */

#include "opencl/vision_private.h"

#include "core/weights.h"
#include "opencl/cache.h"
#include "opencl/pack.h"
#include "pack_sources.h"

#include <string.h>

typedef struct HysacVisionPacking HysacVisionPacking;

struct HysacVisionPacking {
  HysacModel *model;
  char *stamp, *layout;
  char *hash;      /* of the weights' content; the thread's until it is joined */
  GThread *thread; /* looks for it */
  gint stop;       /* atomic */
  gboolean hit;
};

/* Weights of n x k, or a vector of n floats: in the order of the file. */
typedef struct {
  HysacWeights **weights;
  cl_mem *vector;
  gsize n, k;
  const char *what;
} Item;

static void
add_weights(GArray *items, HysacWeights **weights, gsize n, gsize k, const char *what)
{
  Item item = { weights, NULL, n, k, what };
  g_array_append_val(items, item);
}

static void
add_vector(GArray *items, cl_mem *vector, gsize n, const char *what)
{
  Item item = { NULL, vector, n, 1, what };
  g_array_append_val(items, item);
}

static GArray *
list_items(HysacVision *self)
{
  GArray *items = g_array_new(FALSE, FALSE, sizeof(Item));
  const HysacVisionConfig *c = &self->config;
  const gsize width = c->width, inner = c->heads * self->tower.attention.head;
  add_weights(items, &self->patch, width, self->patch_k, "patch embedding");
  add_vector(items, &self->token, width, "class embedding");
  add_vector(items, &self->position, self->tokens * width, "position embedding");
  add_vector(items, &self->pre_gain, width, "first layernorm");
  add_vector(items, &self->pre_bias, width, "first layernorm");
  add_vector(items, &self->post_gain, width, "last layernorm");
  add_vector(items, &self->post_bias, width, "last layernorm");
  add_weights(items, &self->projection, c->projection, width, "projection");
  for (guint i = 0; i < c->layers; i++) {
    HysacTowerLayer *layer = &self->tower.layers[i];
    add_weights(items, &layer->qkv, 3 * inner, width, "queries, keys and values");
    add_weights(items, &layer->out, width, inner, "attention output");
    add_weights(items, &layer->fc1, c->mlp_width, width, "MLP");
    add_weights(items, &layer->fc2, width, c->mlp_width, "MLP");
    add_vector(items, &layer->gain1, width, "layernorm");
    add_vector(items, &layer->bias1, width, "layernorm");
    add_vector(items, &layer->gain2, width, "layernorm");
    add_vector(items, &layer->bias2, width, "layernorm");
  }
  return items;
}

/* The blocks' sizes: weights have two. */
static GArray *
list_sizes(HysacVision *self, GArray *items)
{
  GArray *sizes = g_array_new(FALSE, FALSE, sizeof(gsize));
  for (guint i = 0; i < items->len; i++) {
    const Item *item = &g_array_index(items, Item, i);
    gsize bytes[2] = { item->n * sizeof(float), 0 };
    if (item->weights != NULL)
      hysac_weights_bytes(self->tower.ops, item->n, item->k, bytes);
    g_array_append_vals(sizes, bytes, item->weights != NULL ? 2 : 1);
  }
  return sizes;
}

static gpointer
find_hash(gpointer data)
{
  HysacVisionPacking *self = data;
  g_autoptr(GError) error = NULL;
  self->hash = hysac_safetensors_hash(hysac_model_get_weights(self->model), &self->stop, &error);
  if (self->hash == NULL)
    g_debug("the weights are not hashed: %s", error->message);
  return NULL;
}

void
hysac_vision_packing_init(HysacVision *self, HysacModel *model)
{
  g_autofree char *stamp = hysac_safetensors_stamp(hysac_model_get_weights(model));
  if (stamp == NULL || !hysac_cache_wanted("packed"))
    return;
  const HysacVisionConfig *c = &self->config;
  const HysacPreprocessConfig *p = hysac_model_get_preprocess_config(model);
  g_autofree char *weights = hysac_weights_layout(self->tower.ops);
  HysacVisionPacking *packing = g_new0(HysacVisionPacking, 1);
  packing->model = hysac_model_ref(model);
  packing->stamp = g_steal_pointer(&stamp);
  /* Mean and deviation are folded into the patch embedding; a calibration is the variants' too. */
  packing->layout = g_strdup_printf(
      "%s|%s|%s|%" G_GSIZE_FORMAT "|%u %u %u %u %u %u %u %d %a|%a %a %a %a %a %a", HYSAC_PACK_SOURCES, weights,
      hysac_ops_describe(self->tower.ops), self->tower.attention.head, c->image_size, c->patch_size, c->width, c->mlp_width,
      c->layers, c->heads, c->projection, (int) c->activation, c->layer_norm_eps, (double) p->mean[0],
      (double) p->mean[1], (double) p->mean[2], (double) p->std[0], (double) p->std[1], (double) p->std[2]);
  packing->hash = hysac_pack_recall(packing->stamp);
  if (packing->hash == NULL)
    packing->thread = g_thread_try_new("hysac-hash", find_hash, packing, NULL);
  self->packing = packing;
}

void
hysac_vision_packing_clear(HysacVision *self)
{
  HysacVisionPacking *packing = self->packing;
  if (packing == NULL)
    return;
  if (packing->thread != NULL) {
    g_atomic_int_set(&packing->stop, 1);
    g_thread_join(packing->thread);
  }
  hysac_model_unref(packing->model);
  g_free(packing->stamp);
  g_free(packing->layout);
  g_free(packing->hash);
  g_free(packing);
  self->packing = NULL;
}

/* ---- from the disk ---- */

static void CL_CALLBACK
on_destroyed(cl_mem mem, void *pack)
{
  hysac_pack_unref(pack);
}

/* The file's pages themselves; NULL: not here. */
static cl_mem
point_at(HysacVision *self, HysacPack *pack, const void *data, gsize bytes)
{
  HysacDevice *device = hysac_ops_device(self->tower.ops);
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
buffer_of(HysacVision *self, cl_command_queue queue, HysacPack *pack, guint i, gsize bytes, const char *what,
          GError **error)
{
  const void *data = hysac_pack_block(pack, i);
  cl_mem mem = point_at(self, pack, data, bytes);
  if (mem != NULL || (mem = hysac_ops_buffer(self->tower.ops, bytes, what, error)) == NULL)
    return mem;
  if (!HYSAC_CL(clEnqueueWriteBuffer(queue, mem, CL_TRUE, 0, bytes, data, 0, NULL, NULL),
                "clEnqueueWriteBuffer", error))
    g_clear_pointer(&mem, clReleaseMemObject);
  return mem;
}

static gboolean
unpack_item(HysacVision *self, const Item *item, cl_command_queue queue, HysacPack *pack, guint *block,
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
  *item->weights = hysac_weights_new_packed(self->tower.ops, item->n, item->k, buffers, item->what, error);
  return *item->weights != NULL;
}

gboolean
hysac_vision_unpack(HysacVision *self, GError **error)
{
  HysacVisionPacking *packing = self->packing;
  guint8 notes[HYSAC_PACK_NOTES];
  if (packing == NULL || packing->thread != NULL || packing->hash == NULL)
    return FALSE;
  g_autofree char *key = hysac_pack_key(packing->hash, packing->layout);
  g_autoptr(GArray) items = list_items(self), sizes = list_sizes(self, items);
  HysacPack *pack = hysac_pack_open(key, (const gsize *) sizes->data, sizes->len, notes);
  if (pack == NULL)
    return FALSE;
  cl_command_queue queue = hysac_device_new_queue(hysac_ops_device(self->tower.ops), FALSE, error);
  gboolean ok = queue != NULL;
  guint block = 0;
  for (guint i = 0; ok && i < items->len; i++)
    ok = unpack_item(self, &g_array_index(items, Item, i), queue, pack, &block, (const gsize *) sizes->data,
                     error);
  if (queue != NULL)
    clReleaseCommandQueue(queue);
  hysac_pack_unref(pack); /* the buffers hold it */
  memcpy(&self->accuracy, notes, sizeof self->accuracy);
  packing->hit = ok;
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

static void
store(HysacVision *self, const char *key)
{
  g_autoptr(GArray) items = list_items(self), sizes = list_sizes(self, items);
  guint8 notes[HYSAC_PACK_NOTES] = { 0 };
  gint64 start = g_get_monotonic_time();
  G_STATIC_ASSERT(sizeof self->accuracy <= sizeof notes);
  memcpy(notes, &self->accuracy, sizeof self->accuracy);
  HysacPackWriter *writer = hysac_pack_create(key, (const gsize *) sizes->data, sizes->len);
  if (writer == NULL)
    return;
  cl_command_queue queue = hysac_device_new_queue(hysac_ops_device(self->tower.ops), FALSE, NULL);
  gboolean ok = queue != NULL;
  guint block = 0;
  for (guint i = 0; ok && i < items->len; i++) {
    const Item *item = &g_array_index(items, Item, i);
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
  if (hysac_pack_finish(writer, ok ? notes : NULL))
    g_debug("packed weights written in %.0f ms", (double) (g_get_monotonic_time() - start) / 1e3);
}

void
hysac_vision_store(HysacVision *self)
{
  HysacVisionPacking *packing = self->packing;
  if (packing == NULL || packing->hit)
    return;
  if (packing->thread != NULL) {
    g_thread_join(packing->thread);
    packing->thread = NULL;
    if (packing->hash != NULL)
      hysac_pack_remember(packing->stamp, packing->hash);
  }
  if (packing->hash == NULL)
    return;
  g_autofree char *key = hysac_pack_key(packing->hash, packing->layout);
  store(self, key);
}

gboolean
hysac_vision_was_packed(HysacVision *self)
{
  return self->packing != NULL && self->packing->hit;
}
