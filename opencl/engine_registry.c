/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One engine per (device, model, precision): the registry, making and freeing. */

#include "opencl/choice.h"
#include "opencl/engine_private.h"
#include "opencl/ops.h"

#include <glib/gstdio.h>
#include <string.h>

/* A batch on a processor gains little and makes every frame of it wait for the whole: there only
 * models whose picture takes well under a frame's time are batched as far as on a GPU. */
#define MAX_BATCH 8
#define MAX_BATCH_SLOW 2
#define SLOW_FLOPS 4e9
/* Each engine that hangs in the driver keeps its memory. So many, and no more are made. */
#define MAX_HUNG 4
#define STOP_PATIENCE (10 * G_TIME_SPAN_SECOND)
#define HANG_FLOOR (2 * G_TIME_SPAN_SECOND)

/* An entry is there while an engine is being made, and while one lives. None owns its engine. */
typedef struct {
  gatomicrefcount refs;
  HysacEngine *engine; /* NULL while it is being made, or when that failed */
  GError *error;       /* why it failed: those who waited are told the same */
  gboolean rejected;   /* it broke its budget of accuracy, and who made it was strict */
  HysacAccuracy accuracy;
  gboolean ready;
} Entry;

static GMutex lock;
static GCond made;
static GHashTable *entries; /* key -> Entry */
static gint n_engines;
static gint n_hung; /* of them, those that a driver does not give back */

static void
entry_unref(Entry *entry)
{
  if (!g_atomic_ref_count_dec(&entry->refs))
    return;
  g_clear_error(&entry->error);
  g_free(entry);
}

/* Under the lock. */
static void
drop_entry(const char *key)
{
  g_hash_table_remove(entries, key);
  if (g_hash_table_size(entries) == 0)
    g_clear_pointer(&entries, g_hash_table_unref);
}

char *
hysac_engine_identify(HysacModel *model)
{
  const HysacVisionConfig *v = hysac_model_get_vision_config(model);
  const HysacPreprocessConfig *p = hysac_model_get_preprocess_config(model);
  const HysacGeometry *g = hysac_model_get_geometry(model);
  g_autofree char *path = g_canonicalize_filename(hysac_model_get_path(model), NULL);
  g_autofree char *weights = g_build_filename(path, "model.safetensors", NULL);
  GStatBuf st = { 0 };
  if (g_stat(weights, &st) != 0)
    memset(&st, 0, sizeof st);
  const HysacGeometry none = { 0 };
  if (g == NULL)
    g = &none;
  return g_strdup_printf(
      "%s|%" G_GUINT64_FORMAT "|%" G_GUINT64_FORMAT "|%" G_GUINT64_FORMAT "|%" G_GINT64_FORMAT
      ".%09ld|%u %u %u %u %u %u %u %d %a|%u %u %a %a %a %a %a %a|%a %a",
      path, (guint64) st.st_dev, (guint64) st.st_ino,
      (guint64) st.st_size, (gint64) st.st_mtim.tv_sec, (long) st.st_mtim.tv_nsec, v->image_size,
      v->patch_size, v->width, v->mlp_width, v->layers, v->heads, v->projection,
      (int) v->activation, v->layer_norm_eps, p->shortest_edge, p->crop_size, (double) p->mean[0],
      (double) p->mean[1], (double) p->mean[2], (double) p->std[0], (double) p->std[1],
      (double) p->std[2], g->curvature, g->visual_alpha);
}

/* Same device object, same model, same precision. */
static char *
make_key(HysacModel *model, HysacDevice *device, HysacPrecision precision)
{
  g_autofree char *identity = hysac_engine_identify(model);
  return g_strdup_printf("%p|%d|%s", (void *) device, (int) precision, identity);
}

static guint
choose_max_batch(HysacDevice *device, const HysacVisionConfig *v)
{
  double side = v->image_size / v->patch_size, tokens = side * side + 1, width = v->width;
  double flops = 2 * tokens * v->layers * (4 * width * width + 2 * width * v->mlp_width + 2 * tokens * width);
  gboolean gpu = hysac_device_limits(device)->type == CL_DEVICE_TYPE_GPU;
  return gpu || flops < SLOW_FLOPS ? MAX_BATCH : MAX_BATCH_SLOW;
}

void
hysac_engine_free_device(HysacEngine *self)
{
  for (guint i = 0; i < HYSAC_ENGINE_SLOTS; i++) {
    g_clear_pointer(&self->slots[i].patches, clReleaseMemObject);
    g_clear_pointer(&self->slots[i].ready, clReleaseEvent);
  }
  hysac_engine_free_tracks(self);
  g_clear_pointer(&self->change, hysac_change_free);
  g_clear_pointer(&self->preprocess, hysac_preprocess_free);
  g_clear_pointer(&self->vision, hysac_vision_free);
  g_clear_pointer(&self->upload_queue, clReleaseCommandQueue);
  g_clear_pointer(&self->run_queue, clReleaseCommandQueue);
}

void
hysac_engine_free(HysacEngine *self)
{
  hysac_engine_free_device(self);
  for (guint i = 0; i < HYSAC_ENGINE_SLOTS; i++) {
    g_clear_pointer(&self->slots[i].requests, g_ptr_array_unref);
    g_free(self->slots[i].features);
  }
  g_clear_pointer(&self->tracks, g_ptr_array_unref);
  if (self->hung)
    g_atomic_int_add(&n_hung, -1);
  g_clear_pointer(&self->model, hysac_model_unref);
  g_clear_pointer(&self->device, hysac_device_unref);
  g_clear_error(&self->failure);
  g_mutex_clear(&self->lock);
  g_cond_clear(&self->wake);
  g_cond_clear(&self->end);
  g_free(self->point);
  g_free(self->key);
  g_free(self);
  g_atomic_int_add(&n_engines, -1);
}

/* The tower's steps, and one more: the first run, which makes the machine code. */
typedef struct {
  HysacProgressFunc func;
  gpointer user_data;
  guint total;
} Progress;

static void
on_tower_progress(guint done, guint total, const char *what, gpointer user_data)
{
  Progress *progress = user_data;
  progress->total = total + 1;
  if (progress->func != NULL)
    progress->func(done, total + 1, what, progress->user_data);
}

static gboolean
make_slots(HysacEngine *self, GError **error)
{
  cl_context context = hysac_device_context(self->device);
  gsize bytes = hysac_vision_patch_bytes(self->vision) * self->max_batch;
  for (guint i = 0; i < HYSAC_ENGINE_SLOTS; i++) {
    HysacSlot *slot = &self->slots[i];
    cl_int code;
    slot->engine = self;
    slot->requests = g_ptr_array_new();
    slot->features = g_new(float, (gsize) self->max_batch * self->dim);
    slot->patches = clCreateBuffer(context, CL_MEM_READ_WRITE, bytes, NULL, &code);
    if (!HYSAC_CL(code, "clCreateBuffer", error))
      return FALSE;
  }
  return TRUE;
}

/* Whether the tower's accuracy will do. */
static gboolean
accept_accuracy(HysacEngine *self, HysacEngineTry *attempt)
{
  self->accuracy = hysac_vision_accuracy(self->vision);
  if (attempt->again || hysac_precision_holds(self->precision, &self->accuracy))
    return TRUE;
  hysac_choice_reject(self->model, self->device, self->precision, &self->accuracy);
  if (!attempt->strict) {
    hysac_engine_warn_accuracy(self->model, self->precision, &self->accuracy);
    return TRUE;
  }
  attempt->rejected = TRUE;
  attempt->accuracy = self->accuracy;
  return FALSE;
}

/* NULL without @error where @attempt says that it is rejected. */
static HysacEngine *
make_engine(HysacModel *model, HysacDevice *device, HysacPrecision precision, const char *key,
            HysacEngineTry *attempt, HysacProgressFunc func, gpointer user_data, GError **error)
{
  const HysacVisionConfig *config = hysac_model_get_vision_config(model);
  gint64 start = g_get_monotonic_time();
  HysacEngine *self = g_new0(HysacEngine, 1);
  g_atomic_int_inc(&n_engines);
  g_mutex_init(&self->lock);
  g_cond_init(&self->wake);
  g_cond_init(&self->end);
  self->stop_patience = STOP_PATIENCE;
  self->hang_floor = HANG_FLOOR;
  self->refs = 1;
  self->key = g_strdup(key);
  self->model = hysac_model_ref(model);
  self->device = hysac_device_ref(device);
  self->precision = precision;
  self->dim = config->projection;
  self->max_batch = choose_max_batch(device, config);
  self->point = g_new(float, self->dim);

  Progress progress = { func, user_data, 1 };
  self->upload_queue = hysac_device_new_queue(device, FALSE, error);
  if (self->upload_queue != NULL)
    self->run_queue = hysac_device_new_queue(device, FALSE, error);
  if (self->run_queue != NULL)
    self->preprocess = hysac_preprocess_new(device, hysac_model_get_preprocess_config(model),
                                            config->patch_size, error);
  if (self->preprocess != NULL)
    self->vision = hysac_vision_new(device, model, precision, self->max_batch, on_tower_progress,
                                    &progress, error);
  if (self->vision == NULL || !accept_accuracy(self, attempt) || !make_slots(self, error)) {
    hysac_engine_free(self);
    return NULL;
  }
  hysac_engine_init_reuse(self);
  if (func != NULL)
    func(progress.total - 1, progress.total, "first run", user_data);
  if (!hysac_engine_warm_up(self, error) || !hysac_engine_start(self, error)) {
    hysac_engine_free(self);
    return NULL;
  }
  if (func != NULL)
    func(progress.total, progress.total, "ready", user_data);
  g_info("engine for %s on %s in %s, batches of up to %u, ready after %.2f s",
         hysac_model_get_path(model), hysac_device_get_info(device)->name,
         hysac_precision_to_string(precision), self->max_batch,
         (double) (g_get_monotonic_time() - start) / 1e6);
  return self;
}

/* Under the lock: an engine that lives or was made while we waited, or the error of its making, or why
 * @attempt shall not have it; FALSE where it is ours to make. */
static gboolean
find_engine(const char *key, HysacEngineTry *attempt, HysacEngine **engine, GError **error)
{
  Entry *entry = entries ? g_hash_table_lookup(entries, key) : NULL;
  if (entry == NULL)
    return FALSE;
  g_atomic_ref_count_inc(&entry->refs);
  while (!entry->ready)
    g_cond_wait(&made, &lock);
  *engine = entry->engine;
  gboolean found = TRUE;
  if (entry->engine != NULL && attempt->strict &&
      !hysac_precision_holds(entry->engine->precision, &entry->engine->accuracy)) {
    attempt->rejected = TRUE;
    attempt->accuracy = entry->engine->accuracy;
    *engine = NULL;
  } else if (entry->engine != NULL)
    entry->engine->refs++;
  else if (entry->error != NULL)
    g_propagate_error(error, g_error_copy(entry->error));
  else if (entry->rejected && attempt->strict) {
    attempt->rejected = TRUE;
    attempt->accuracy = entry->accuracy;
  } else
    found = FALSE; /* made, and freed again before we woke */
  entry_unref(entry);
  return found;
}

/* Once, and where nobody else has it. */
static gboolean
take_leaves_compiler(HysacEngine *self)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&lock);
  const gboolean leaves = self->leaves_compiler && self->refs == 1;
  self->leaves_compiler = FALSE;
  return leaves;
}

/*
 * Programs that were compiled keep in their context what the compiler made along with them: with PoCL 100 MB and
 * more, a third of what ViT-L/14 weighs in int8. All is on the disk by now, so it is made from there, in a
 * context of its own; where others use the old one, it stays, and so may the engine.
 * @device, @self: (transfer full).
 */
static HysacEngine *
make_again(HysacEngine *self, HysacDevice *device, const char *device_choice, GError **error)
{
  g_autoptr(HysacModel) model = hysac_model_ref(self->model);
  const HysacPrecision precision = self->precision;
  HysacEngineTry attempt = { .again = TRUE };
  hysac_engine_unref(self);
  hysac_device_unref(device);
  hysac_engine_trim_heap();
  g_autoptr(HysacDevice) fresh = hysac_device_open(device_choice, error);
  return fresh ? hysac_engine_get_in(model, fresh, precision, &attempt, NULL, NULL, error) : NULL;
}

HysacEngine *
hysac_engine_get(HysacModel *model, const char *device_choice, HysacPrecision precision,
                 HysacProgressFunc progress, gpointer user_data, GError **error)
{
  const int hung = g_atomic_int_get(&n_hung);
  if (hung >= MAX_HUNG) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_TIMEOUT,
                "%d engines hang in the OpenCL driver and keep their memory: no more are made in this "
                "process until one comes back; restart it", hung);
    return NULL;
  }
  g_autoptr(HysacDevice) device = hysac_device_open(device_choice, error);
  if (device == NULL)
    return NULL;
  if (precision != HYSAC_PRECISION_AUTO && !hysac_ops_supports(precision)) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_UNSUPPORTED,
                "precision %s is not available in this version: take auto, fp32, bf16, fp16 or int8",
                hysac_precision_to_string(precision));
    return NULL;
  }
  HysacEngineTry attempt = { 0 };
  HysacEngine *self = precision == HYSAC_PRECISION_AUTO
                          ? hysac_engine_get_auto(model, device, progress, user_data, error)
                          : hysac_engine_get_in(model, device, precision, &attempt, progress, user_data, error);
  return self != NULL && take_leaves_compiler(self)
             ? make_again(self, g_steal_pointer(&device), device_choice, error)
             : self;
}

HysacEngine *
hysac_engine_get_in(HysacModel *model, HysacDevice *device, HysacPrecision precision, HysacEngineTry *attempt,
                    HysacProgressFunc progress, gpointer user_data, GError **error)
{
  g_autofree char *key = make_key(model, device, precision);
  HysacEngine *self = NULL;
  Entry *entry;

  g_mutex_lock(&lock);
  for (;;) {
    gboolean waited = entries != NULL && g_hash_table_contains(entries, key);
    if (!waited)
      break;
    if (find_engine(key, attempt, &self, error)) {
      g_mutex_unlock(&lock);
      return self;
    }
  }
  if (entries == NULL)
    entries = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify) entry_unref);
  entry = g_new0(Entry, 1);
  g_atomic_ref_count_init(&entry->refs);
  g_hash_table_insert(entries, g_strdup(key), entry);
  g_mutex_unlock(&lock);

  GError *local = NULL;
  attempt->made = TRUE;
  self = make_engine(model, device, precision, key, attempt, progress, user_data, &local);

  g_mutex_lock(&lock);
  entry->engine = self;
  /* Who waits holds the device as well, and wants this very engine. */
  if (self != NULL && !g_atomic_ref_count_compare(&entry->refs, 1))
    self->leaves_compiler = FALSE;
  entry->error = local ? g_error_copy(local) : NULL;
  entry->rejected = attempt->rejected;
  entry->accuracy = attempt->accuracy;
  entry->ready = TRUE;
  if (self == NULL)
    drop_entry(key);
  g_cond_broadcast(&made);
  g_mutex_unlock(&lock);
  if (local != NULL)
    g_propagate_error(error, local);
  return self;
}

HysacEngine *
hysac_engine_ref(HysacEngine *self)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&lock);
  self->refs++;
  return self;
}

/* Under the lock. A failed engine may have left before, and a new one may have its key. */
static void
leave_registry(HysacEngine *self)
{
  Entry *entry = entries ? g_hash_table_lookup(entries, self->key) : NULL;
  if (entry == NULL || entry->engine != self)
    return;
  entry->engine = NULL;
  drop_entry(self->key);
}

void
hysac_engine_forget(HysacEngine *self)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&lock);
  leave_registry(self);
}

void
hysac_engine_unref(HysacEngine *self)
{
  if (self == NULL)
    return;
  g_mutex_lock(&lock);
  gboolean last = --self->refs == 0;
  if (last)
    leave_registry(self);
  g_mutex_unlock(&lock);
  if (last)
    hysac_engine_stop(self);
}

void
hysac_engine_count_hung(HysacEngine *self)
{
  if (!self->hung)
    g_atomic_int_inc(&n_hung);
  self->hung = TRUE;
}

void
hysac_engine_get_accuracy(HysacEngine *self, HysacAccuracy *accuracy)
{
  *accuracy = self->accuracy;
}

guint
hysac_engine_count(void)
{
  return (guint) g_atomic_int_get(&n_engines);
}
