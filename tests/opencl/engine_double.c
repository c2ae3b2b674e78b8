/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine_double.h"

#include "opencl/preprocess.h"
#include "opencl/vision.h"
#include "opencl/weightshash.h"

#include <dlfcn.h>

#define PATCH_BYTES (DOUBLE_DIM * sizeof(float))

Double dbl = { .geometry = { 1.0, 0.5, 0.5 }, .has_geometry = TRUE };

struct _HysacModel {
  gatomicrefcount refs;
};

HysacModel *
double_model(void)
{
  HysacModel *self = g_new0(HysacModel, 1);
  g_atomic_ref_count_init(&self->refs);
  return self;
}

HysacModel *
hysac_model_ref(HysacModel *self)
{
  g_atomic_ref_count_inc(&self->refs);
  return self;
}

void
hysac_model_unref(HysacModel *self)
{
  if (self != NULL && g_atomic_ref_count_dec(&self->refs))
    g_free(self);
}

const char *
hysac_model_get_path(HysacModel *self)
{
  return "/double/model";
}

gboolean
hysac_model_verify_weights(HysacModel *model, GError **error)
{
  return TRUE;
}

const HysacVisionConfig *
hysac_model_get_vision_config(HysacModel *self)
{
  static const HysacVisionConfig config = { 4, 2, 4, 8, 1, 1, DOUBLE_DIM,
                                            HYSAC_ACTIVATION_QUICK_GELU, 1e-5 };
  return &config;
}

const HysacPreprocessConfig *
hysac_model_get_preprocess_config(HysacModel *self)
{
  static const HysacPreprocessConfig config = { 32, 32, { 0, 0, 0 }, { 1, 1, 1 } };
  return &config;
}

const HysacGeometry *
hysac_model_get_geometry(HysacModel *self)
{
  return dbl.has_geometry ? &dbl.geometry : NULL;
}

gboolean __wrap_hysac_ops_native(HysacDevice *device, HysacPrecision precision);

gboolean
__wrap_hysac_ops_native(HysacDevice *device, HysacPrecision precision)
{
  return dbl.native[precision];
}

struct _HysacPreprocess {
  int unused;
};

HysacPreprocess *
hysac_preprocess_new(HysacDevice *device, const HysacPreprocessConfig *config, guint patch,
                     GError **error)
{
  return g_new0(HysacPreprocess, 1);
}

void
hysac_preprocess_free(HysacPreprocess *self)
{
  g_free(self);
}

gboolean
hysac_preprocess_enqueue(HysacPreprocess *self, cl_command_queue queue, const HysacFrame *frame,
                         cl_mem patches, gsize offset, cl_event *event, GError **error)
{
  cl_int code = dbl.fail_frame;
  dbl.fail_frame = 0;
  if (!HYSAC_CL(code, "double frame", error))
    return FALSE;
  return HYSAC_CL(clEnqueueWriteBuffer(queue, patches, CL_FALSE, offset, PATCH_BYTES,
                                       frame->planes[0], 0, NULL, event),
                  "clEnqueueWriteBuffer", error);
}

struct _HysacVision {
  HysacDevice *device;
  HysacVisionAccuracy accuracy;
  cl_mem patches, features;
};

HysacVision *
hysac_vision_new(HysacDevice *device, HysacModel *model, HysacPrecision precision, guint max_batch,
                 void (*progress)(guint, guint, const char *, gpointer), gpointer user_data,
                 GError **error)
{
  g_mutex_lock(&dbl.lock);
  dbl.n_made++;
  dbl.n_made_in[precision]++;
  g_mutex_unlock(&dbl.lock);
  if (dbl.slow_new_us)
    g_usleep(dbl.slow_new_us);
  if (!HYSAC_CL(dbl.fail_new, "double tower", error) || !HYSAC_CL(dbl.fail_in[precision], "double tower", error))
    return NULL;
  if (progress != NULL) {
    progress(0, 2, "one", user_data);
    progress(1, 2, "two", user_data);
  }
  cl_int code;
  HysacVision *self = g_new0(HysacVision, 1);
  cl_context context = hysac_device_context(device);
  self->device = device;
  self->accuracy = dbl.bad[precision] ? dbl.accuracy : (HysacVisionAccuracy){ 1.0, 0.0 };
  self->patches = clCreateBuffer(context, CL_MEM_READ_WRITE, max_batch * PATCH_BYTES, NULL, &code);
  self->features = clCreateBuffer(context, CL_MEM_READ_WRITE, max_batch * PATCH_BYTES, NULL, &code);
  g_atomic_int_inc((gint *) &dbl.n_alive);
  return self;
}

HysacVisionAccuracy
hysac_vision_accuracy(HysacVision *self)
{
  return self->accuracy;
}

gboolean
hysac_vision_was_packed(HysacVision *self)
{
  return FALSE;
}

gboolean
hysac_vision_store(HysacVision *self)
{
  return FALSE;
}

void
hysac_vision_free(HysacVision *self)
{
  clReleaseMemObject(self->patches);
  clReleaseMemObject(self->features);
  g_atomic_int_add((gint *) &dbl.n_alive, -1);
  g_free(self);
}

cl_mem
hysac_vision_patches(HysacVision *self)
{
  return self->patches;
}

gsize
hysac_vision_patch_bytes(HysacVision *self)
{
  return PATCH_BYTES;
}

cl_mem
hysac_vision_features(HysacVision *self)
{
  return self->features;
}

gboolean
hysac_vision_enqueue(HysacVision *self, cl_command_queue queue, cl_mem patches, guint batch,
                     GError **error)
{
  g_mutex_lock(&dbl.lock);
  cl_int code = dbl.fail_tower;
  dbl.fail_tower = 0;
  cl_event gate = NULL;
  for (guint i = 0; i < dbl.n_gates; i++) {
    if (dbl.gates[i].device == self->device)
      gate = dbl.gates[i].event;
  }
  if (gate != NULL)
    clRetainEvent(gate);
  if (dbl.n_batches < DOUBLE_MAX_BATCHES)
    dbl.batches[dbl.n_batches++] = batch;
  g_cond_broadcast(&dbl.changed);
  g_mutex_unlock(&dbl.lock);
  gboolean ok = HYSAC_CL(code, "double run", error);
  if (ok)
    ok = HYSAC_CL(clEnqueueCopyBuffer(queue, patches, self->features, 0, 0,
                                      batch * PATCH_BYTES, gate ? 1 : 0, gate ? &gate : NULL, NULL),
                  "clEnqueueCopyBuffer", error);
  g_clear_pointer(&gate, clReleaseEvent);
  return ok;
}

void
double_shut_gate(HysacDevice *device)
{
  cl_int code;
  g_mutex_lock(&dbl.lock);
  g_assert(dbl.n_gates < DOUBLE_MAX_GATES);
  dbl.gates[dbl.n_gates].device = device;
  dbl.gates[dbl.n_gates++].event = clCreateUserEvent(hysac_device_context(device), &code);
  g_mutex_unlock(&dbl.lock);
}

void
double_open_gate(void)
{
  cl_event events[DOUBLE_MAX_GATES];
  g_mutex_lock(&dbl.lock);
  guint n = dbl.n_gates;
  for (guint i = 0; i < n; i++)
    events[i] = dbl.gates[i].event;
  dbl.n_gates = 0;
  g_mutex_unlock(&dbl.lock);
  for (guint i = 0; i < n; i++) {
    clSetUserEventStatus(events[i], CL_COMPLETE);
    clReleaseEvent(events[i]);
  }
}

HysacFrame
double_frame(const float data[DOUBLE_DIM])
{
  return (HysacFrame) { .format = HYSAC_FORMAT_RGB,
                        .width = 16,
                        .height = 1,
                        .planes = { (const guint8 *) data },
                        .strides = { PATCH_BYTES },
                        .sizes = { PATCH_BYTES } };
}

/* In front of the loader's: a user event that is made to fail would do, but PoCL 3.1 aborts there. */
typedef void(CL_CALLBACK *EventFunc)(cl_event, cl_int, void *);

typedef struct {
  EventFunc func;
  void *data;
} Shim;

static void CL_CALLBACK
on_event(cl_event event, cl_int status, void *data)
{
  g_autofree Shim *shim = data;
  gint fail = g_atomic_int_get(&dbl.fail_event);
  shim->func(event, fail ? fail : status, shim->data);
}

static GSList *kept_back; /* under dbl.lock */

void
double_speak(void)
{
  g_mutex_lock(&dbl.lock);
  GSList *shims = g_steal_pointer(&kept_back);
  g_mutex_unlock(&dbl.lock);
  for (GSList *at = shims; at != NULL; at = at->next)
    on_event(NULL, CL_COMPLETE, at->data);
  g_slist_free(shims);
}

cl_int CL_API_CALL
clSetEventCallback(cl_event event, cl_int type, EventFunc func, void *data)
{
  cl_int (*real)(cl_event, cl_int, EventFunc, void *);
  *(void **) &real = dlsym(RTLD_NEXT, "clSetEventCallback");
  Shim *shim = g_new(Shim, 1);
  *shim = (Shim) { func, data };
  const gboolean mute = g_atomic_int_get(&dbl.mute) != 0;
  g_mutex_lock(&dbl.lock);
  if (mute)
    kept_back = g_slist_prepend(kept_back, shim);
  dbl.n_asked++;
  g_cond_broadcast(&dbl.changed);
  g_mutex_unlock(&dbl.lock);
  if (mute)
    return CL_SUCCESS;
  return real(event, type, on_event, shim);
}
