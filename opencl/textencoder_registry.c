/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One text encoder per (device, model, precision): the registry, making and freeing. */

#include "opencl/engine_private.h"
#include "opencl/textencoder_private.h"

#include <glib/gstdio.h>
#include <string.h>

/* Tokens at once: whole windows. A batch on a processor gains little beyond some hundred rows, and makes each
 * of its texts wait for all. */
#define WINDOWS_CPU 4
#define WINDOWS_GPU 32
#define MAX_TEXTS 32
/* Each encoder that hangs in the driver keeps its memory. So many, and no more are made. */
#define MAX_HUNG 4
#define STOP_PATIENCE (10 * G_TIME_SPAN_SECOND)
#define HANG_FLOOR (10 * G_TIME_SPAN_SECOND)

static GMutex making; /* one at a time; never taken under @lock */
static GMutex lock;   /* guards: */
static GHashTable *encoders; /* key -> HysacTextEncoder, which it does not own */
static gint n_encoders, n_hung;

static void
append_stamp(GString *key, const char *folder, const char *name)
{
  g_autofree char *path = g_build_filename(folder, name, NULL);
  GStatBuf st;
  if (g_stat(path, &st) == 0)
    g_string_append_printf(key, "|%" G_GUINT64_FORMAT " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT ".%09ld",
                           (guint64) st.st_ino, (gint64) st.st_size, (gint64) st.st_mtim.tv_sec,
                           (long) st.st_mtim.tv_nsec);
}

/* Same device object, same files, same numbers from them. */
static char *
make_key(HysacModel *model, HysacDevice *device)
{
  const HysacTextConfig *t = hysac_model_get_text_config(model);
  const HysacGeometry *g = hysac_model_get_geometry(model);
  g_autofree char *identity = hysac_engine_identify(model);
  GString *key = g_string_new(NULL);
  g_string_printf(key, "%p|%s|%u %u %u %u %u %u %u %d %a|%a", (void *) device, identity, t->vocab, t->context,
                  t->width, t->mlp_width, t->layers, t->heads, t->projection, (int) t->activation,
                  t->layer_norm_eps, g != NULL ? g->textual_alpha : 0.0);
  append_stamp(key, hysac_model_get_path(model), "vocab.json");
  append_stamp(key, hysac_model_get_path(model), "merges.txt");
  return g_string_free(key, FALSE);
}

void
hysac_text_encoder_free(HysacTextEncoder *self)
{
  g_clear_pointer(&self->text, hysac_text_free);
  if (self->hung)
    g_atomic_int_add(&n_hung, -1);
  g_clear_pointer(&self->tokenizer, hysac_tokenizer_unref);
  g_clear_pointer(&self->model, hysac_model_unref);
  g_clear_pointer(&self->device, hysac_device_unref);
  g_clear_error(&self->failure);
  g_mutex_clear(&self->lock);
  g_cond_clear(&self->wake);
  g_cond_clear(&self->news);
  g_free(self->key);
  g_free(self);
  g_atomic_int_add(&n_encoders, -1);
}

static gboolean
load_tokenizer(HysacTextEncoder *self, GError **error)
{
  self->tokenizer = hysac_tokenizer_load(hysac_model_get_path(self->model), error);
  if (self->tokenizer == NULL)
    return FALSE;
  if (hysac_tokenizer_size(self->tokenizer) <= self->config->vocab)
    return TRUE;
  g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_MODEL,
              "%s: vocab.json has %u tokens, the text tower %u", hysac_model_get_path(self->model),
              hysac_tokenizer_size(self->tokenizer), self->config->vocab);
  return FALSE;
}

static gboolean
start_worker(HysacTextEncoder *self, GError **error)
{
  g_autoptr(GError) local = NULL;
  self->worker = g_thread_try_new("hysac-text", hysac_text_encoder_work, self, &local);
  if (self->worker == NULL)
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_OUT_OF_MEMORY, "the text encoder's thread: %s",
                local->message);
  return self->worker != NULL;
}

static HysacTextEncoder *
make_encoder(HysacModel *model, HysacDevice *device, const char *key, HysacProgressFunc progress,
             gpointer user_data, GError **error)
{
  const HysacTextConfig *config = hysac_model_get_text_config(model);
  const gboolean gpu = hysac_device_limits(device)->type == CL_DEVICE_TYPE_GPU;
  const gint64 start = g_get_monotonic_time();
  HysacTextEncoder *self = g_new0(HysacTextEncoder, 1);
  g_atomic_int_inc(&n_encoders);
  g_mutex_init(&self->lock);
  g_cond_init(&self->wake);
  g_cond_init(&self->news);
  self->hang_floor = HANG_FLOOR;
  self->refs = 1;
  self->key = g_strdup(key);
  self->model = hysac_model_ref(model);
  self->device = hysac_device_ref(device);
  self->config = config;
  if (!load_tokenizer(self, error) ||
      (self->text = hysac_text_new(device, model, MAX_TEXTS,
                                   (gsize) config->context * (gpu ? WINDOWS_GPU : WINDOWS_CPU), progress,
                                   user_data, error)) == NULL ||
      !start_worker(self, error)) {
    hysac_text_encoder_free(self);
    return NULL;
  }
  if (progress != NULL)
    progress(3 + config->layers, 3 + config->layers, "ready", user_data);
  g_info("text encoder for %s on %s in fp32, ready after %.2f s", hysac_model_get_path(model),
         hysac_device_get_info(device)->name, (double) (g_get_monotonic_time() - start) / 1e6);
  return self;
}

static HysacTextEncoder *
find(const char *key)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&lock);
  HysacTextEncoder *self = encoders != NULL ? g_hash_table_lookup(encoders, key) : NULL;
  if (self != NULL)
    self->refs++;
  return self;
}

static void
enter(HysacTextEncoder *self)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&lock);
  if (encoders == NULL)
    encoders = g_hash_table_new(g_str_hash, g_str_equal);
  g_hash_table_insert(encoders, self->key, self);
}

/* Under the lock. A failed one may have left before, and a new one may have its key. */
static void
leave(HysacTextEncoder *self)
{
  if (encoders == NULL || g_hash_table_lookup(encoders, self->key) != self)
    return;
  g_hash_table_remove(encoders, self->key);
  if (g_hash_table_size(encoders) == 0)
    g_clear_pointer(&encoders, g_hash_table_unref);
}

static gboolean
check(HysacModel *model, HysacPrecision precision, GError **error)
{
  const int hung = g_atomic_int_get(&n_hung);
  if (hysac_model_get_text_config(model) == NULL)
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_UNSUPPORTED, "%s has no text tower: it encodes pictures only",
                hysac_model_get_path(model));
  else if (precision != HYSAC_PRECISION_AUTO && precision != HYSAC_PRECISION_FP32)
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_UNSUPPORTED,
                "texts are encoded in fp32 (or auto), not in %s", hysac_precision_to_string(precision));
  else if (hung >= MAX_HUNG)
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_TIMEOUT,
                "%d text encoders hang in the OpenCL driver and keep their memory: no more are made in this "
                "process until one comes back; restart it", hung);
  else
    return TRUE;
  return FALSE;
}

HysacTextEncoder *
hysac_text_encoder_get(HysacModel *model, const char *device_choice, HysacPrecision precision,
                       HysacProgressFunc progress, gpointer user_data, GError **error)
{
  if (!check(model, precision, error))
    return NULL;
  g_autoptr(HysacDevice) device = hysac_device_open(device_choice, error);
  if (device == NULL)
    return NULL;
  g_autofree char *key = make_key(model, device);
  HysacTextEncoder *self = find(key);
  if (self != NULL)
    return self;
  g_mutex_lock(&making);
  self = find(key); /* whoever made one while we waited */
  if (self == NULL && (self = make_encoder(model, device, key, progress, user_data, error)) != NULL)
    enter(self);
  g_mutex_unlock(&making);
  return self;
}

HysacTextEncoder *
hysac_text_encoder_ref(HysacTextEncoder *self)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&lock);
  self->refs++;
  return self;
}

/* Ends the worker and frees the encoder; where the driver does not return, the worker does it when it does. */
static void
stop(HysacTextEncoder *self)
{
  g_mutex_lock(&self->lock);
  const gint64 end = g_get_monotonic_time() + (self->hung ? 0 : STOP_PATIENCE);
  self->stopping = TRUE;
  g_cond_signal(&self->wake);
  while (!self->ended && g_cond_wait_until(&self->news, &self->lock, end))
    ;
  self->orphan = !self->ended;
  const gboolean ours = self->ended;
  if (!ours)
    hysac_text_encoder_count_hung(self);
  if (!ours)
    g_warning("%s does not answer: a text encoder for %s stays in memory until it does",
              hysac_device_get_info(self->device)->name, hysac_model_get_path(self->model));
  g_mutex_unlock(&self->lock);
  if (!ours)
    return;
  g_thread_join(self->worker);
  hysac_text_encoder_free(self);
}

void
hysac_text_encoder_unref(HysacTextEncoder *self)
{
  if (self == NULL)
    return;
  g_mutex_lock(&lock);
  const gboolean last = --self->refs == 0;
  if (last)
    leave(self);
  g_mutex_unlock(&lock);
  if (last)
    stop(self);
}

void
hysac_text_encoder_count_hung(HysacTextEncoder *self)
{
  if (!self->hung)
    g_atomic_int_inc(&n_hung);
  self->hung = TRUE;
}

void
hysac_text_encoder_fail(HysacTextEncoder *self, const GError *error)
{
  /* First of all: whoever learns of the failure and asks again shall not be given the same. Memory may be there
   * again in the same context. */
  g_mutex_lock(&lock);
  leave(self);
  g_mutex_unlock(&lock);
  if (!g_error_matches(error, HYSAC_ERROR, HYSAC_ERROR_OUT_OF_MEMORY))
    hysac_device_forget(self->device);
  g_mutex_lock(&self->lock);
  const gboolean first = self->failure == NULL;
  if (first)
    self->failure = g_error_copy(error);
  g_cond_broadcast(&self->news);
  g_cond_signal(&self->wake);
  g_mutex_unlock(&self->lock);
  if (first)
    g_warning("text encoder for %s on %s has failed: %s", hysac_model_get_path(self->model),
              hysac_device_get_info(self->device)->name, error->message);
}

HysacModel *
hysac_text_encoder_get_model(HysacTextEncoder *self)
{
  return self->model;
}

HysacDevice *
hysac_text_encoder_get_device(HysacTextEncoder *self)
{
  return self->device;
}

HysacTokenizer *
hysac_text_encoder_get_tokenizer(HysacTextEncoder *self)
{
  return self->tokenizer;
}

HysacPrecision
hysac_text_encoder_get_precision(HysacTextEncoder *self)
{
  return HYSAC_PRECISION_FP32;
}

guint
hysac_text_encoder_get_dim(HysacTextEncoder *self)
{
  return self->config->projection;
}

gboolean
hysac_text_encoder_has_failed(HysacTextEncoder *self)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);
  return self->failure != NULL;
}

guint
hysac_text_encoder_count(void)
{
  return (guint) g_atomic_int_get(&n_encoders);
}
