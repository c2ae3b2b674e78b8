/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The engine's device side: frames into a slot, a slot through the tower, features to an embedding.
 * Two queues: what fills the next batch does not wait for the tower of the last. */

#include "opencl/engine_private.h"

#include "core/lorentz.h"
#include "opencl/weightshash.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <math.h>
#include <string.h>

#define CALLBACK_PATIENCE_US (5 * G_TIME_SPAN_SECOND)

/* What was enqueued last is the slot's last picture. */
static gboolean
mark_ready(HysacEngine *self, HysacSlot *slot, GError **error)
{
  cl_event ready = NULL;
  if (!HYSAC_CL(clEnqueueMarkerWithWaitList(self->upload_queue, 0, NULL, &ready),
                "clEnqueueMarkerWithWaitList", error))
    return FALSE;
  g_clear_pointer(&slot->ready, clReleaseEvent);
  slot->ready = ready;
  return HYSAC_CL(clFlush(self->upload_queue), "clFlush", error);
}

gboolean
hysac_engine_enqueue_frame(HysacEngine *self, HysacSlot *slot, const HysacFrame *frame, guint index,
                           cl_event *planes_free, GError **error)
{
  cl_command_queue queue = self->upload_queue;
  cl_event event = NULL;
  if (!hysac_preprocess_enqueue(self->preprocess, queue, frame, slot->patches,
                                index * hysac_vision_patch_bytes(self->vision), &event, error) ||
      !mark_ready(self, slot, error)) {
    clFinish(queue); /* whatever was enqueued reads the planes no more */
    g_clear_pointer(&event, clReleaseEvent);
    return FALSE;
  }
  if (event == NULL) {
    clRetainEvent(slot->ready);
    event = slot->ready;
  }
  *planes_free = event;
  return TRUE;
}

gboolean
hysac_engine_enqueue_patches(HysacEngine *self, HysacSlot *slot, cl_mem patches, guint index,
                             GError **error)
{
  const gsize bytes = hysac_vision_patch_bytes(self->vision);
  return HYSAC_CL(clEnqueueCopyBuffer(self->upload_queue, patches, slot->patches, 0, index * bytes, bytes,
                                      0, NULL, NULL), "clEnqueueCopyBuffer", error) &&
         mark_ready(self, slot, error);
}

gboolean
hysac_engine_enqueue_tower(HysacEngine *self, HysacSlot *slot, guint n, cl_event *done,
                           GError **error)
{
  cl_command_queue queue = self->run_queue;
  gsize feature_bytes = (gsize) n * self->dim * sizeof(float);
  *done = NULL;
  /* The tower reads the slot's patches where they are, once they are there. */
  if (HYSAC_CL(clEnqueueBarrierWithWaitList(queue, 1, &slot->ready, NULL), "clEnqueueBarrierWithWaitList",
               error) &&
      hysac_vision_enqueue(self->vision, queue, slot->patches, n, error) &&
      HYSAC_CL(clEnqueueReadBuffer(queue, hysac_vision_features(self->vision), CL_FALSE, 0,
                                   feature_bytes, slot->features, 0, NULL, done),
               "clEnqueueReadBuffer", error) &&
      HYSAC_CL(clFlush(queue), "clFlush", error))
    return TRUE;
  clFinish(queue); /* nothing writes into the slot any more */
  g_clear_pointer(done, clReleaseEvent);
  return FALSE;
}

gboolean
hysac_engine_finish(HysacEngine *self, const float *feature, HysacEmbedding *embedding,
                    GError **error)
{
  const HysacGeometry *geometry = hysac_model_get_geometry(self->model);
  *embedding = (HysacEmbedding) { .dim = self->dim, .feature = feature, .distance = (double) NAN };
  for (guint i = 0; i < self->dim; i++) {
    if (!isfinite(feature[i])) {
      g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_NUMERIC,
                  "the encoder's result is not finite: component %u of %u is %g", i, self->dim,
                  (double) feature[i]);
      return FALSE;
    }
  }
  if (geometry == NULL)
    return TRUE;
  double c = geometry->curvature, alpha = geometry->visual_alpha;
  hysac_lorentz_exp_map0(feature, self->dim, alpha, c, self->point);
  embedding->point = self->point;
  embedding->distance = hysac_lorentz_feature_root_distance(feature, self->dim, alpha, c);
  if (!isfinite(embedding->distance)) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_NUMERIC, "the distance to the root is not finite");
    return FALSE;
  }
  return TRUE;
}

/* Whether an event calls back after no more than a flush. The standard says so; simulators run nothing
 * until somebody waits, and would leave every answer pending. */
typedef struct {
  GMutex lock;
  GCond called;
  gboolean done;
} CallbackProbe;

static void
probe_clear(gpointer data)
{
  CallbackProbe *self = data;
  g_mutex_clear(&self->lock);
  g_cond_clear(&self->called);
}

static void CL_CALLBACK
on_probed(cl_event event, cl_int status, void *data)
{
  CallbackProbe *self = data;
  g_mutex_lock(&self->lock);
  self->done = TRUE;
  g_cond_signal(&self->called);
  g_mutex_unlock(&self->lock);
  g_atomic_rc_box_release_full(self, probe_clear);
}

static gboolean
probe_callbacks(HysacEngine *self, gboolean *works, GError **error)
{
  cl_event event;
  if (!HYSAC_CL(clEnqueueMarkerWithWaitList(self->run_queue, 0, NULL, &event),
                "clEnqueueMarkerWithWaitList", error))
    return FALSE;
  CallbackProbe *probe = g_atomic_rc_box_new0(CallbackProbe);
  g_mutex_init(&probe->lock);
  g_cond_init(&probe->called);
  gboolean set = clSetEventCallback(event, CL_COMPLETE, on_probed, g_atomic_rc_box_acquire(probe)) ==
                 CL_SUCCESS;
  if (!set)
    g_atomic_rc_box_release_full(probe, probe_clear);
  clReleaseEvent(event);
  clFlush(self->run_queue);
  gint64 end = g_get_monotonic_time() + CALLBACK_PATIENCE_US;
  g_mutex_lock(&probe->lock);
  while (set && !probe->done && g_cond_wait_until(&probe->called, &probe->lock, end))
    ;
  *works = probe->done;
  g_mutex_unlock(&probe->lock);
  g_atomic_rc_box_release_full(probe, probe_clear);
  return TRUE;
}

/* A grey picture of @format; its planes are all of @grey, which holds 4 * side * side bytes. */
static void
grey_frame(HysacFrame *frame, HysacFormat format, guint side, const guint8 *grey)
{
  *frame = (HysacFrame) { .format = format, .width = side, .height = side };
  for (guint i = 0; i < hysac_format_n_planes(format); i++) {
    frame->planes[i] = grey;
    frame->strides[i] = hysac_format_plane_row_bytes(format, i, side);
    frame->sizes[i] = frame->strides[i] * hysac_format_plane_rows(format, i, side);
  }
}

/* Drivers make machine code at a kernel's first run, per kernel: so one picture for each goes
 * through preprocessing, and one through the tower. The result is a check of the weights as well. */
void
hysac_engine_trim_heap(void)
{
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

gboolean
hysac_engine_warm_up(HysacEngine *self, GError **error)
{
  static const HysacFormat formats[] = { HYSAC_FORMAT_RGB,  HYSAC_FORMAT_RGBA,
                                         HYSAC_FORMAT_I420, HYSAC_FORMAT_NV12,
                                         HYSAC_FORMAT_YUY2, HYSAC_FORMAT_I420_10LE,
                                         HYSAC_FORMAT_P010_10LE };
  guint side = MIN(hysac_model_get_preprocess_config(self->model)->shortest_edge * 2, 2048);
  HysacSlot *slot = &self->slots[0];
  g_autofree guint8 *grey = g_malloc((gsize) side * side * 4);
  cl_event event;

  memset(grey, 128, (gsize) side * side * 4);
  for (guint i = 0; i < G_N_ELEMENTS(formats); i++) {
    HysacFrame frame;
    grey_frame(&frame, formats[i], side, grey);
    if (!hysac_engine_enqueue_frame(self, slot, &frame, 0, &event, error))
      return FALSE;
    clReleaseEvent(event);
  }
  /* A tower from the disk has been run before it went there, and has its machine code by now. */
  gboolean run = !hysac_vision_was_packed(self->vision);
  cl_int code;
  if (!run) {
    code = clFinish(self->upload_queue);
  } else {
    if (!hysac_engine_enqueue_tower(self, slot, 1, &event, error)) {
      clFinish(self->upload_queue);
      return FALSE;
    }
    code = clWaitForEvents(1, &event);
    clReleaseEvent(event);
    clFinish(self->upload_queue);
  }
  if (!HYSAC_CL(code, run ? "clWaitForEvents" : "clFinish", error))
    return FALSE;
  gboolean calls_back;
  if (!probe_callbacks(self, &calls_back, error))
    return FALSE;
  self->blocking = !calls_back;
  if (self->blocking)
    g_info("%s does not call back when it is done: waiting for each batch, one at a time",
           hysac_device_get_info(self->device)->name);

  HysacEmbedding embedding;
  g_autoptr(GError) local = NULL;
  if (run && !hysac_engine_finish(self, slot->features, &embedding, &local)) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_MODEL, "%s: the weights do not work: %s",
                hysac_model_get_path(self->model), local->message);
    return FALSE;
  }
  self->leaves_compiler = hysac_vision_store(self->vision) && hysac_device_take_compiled(self->device);
  /* Packing has found the hash meanwhile. */
  if (!hysac_model_verify_weights(self->model, error))
    return FALSE;
  if (run)
    hysac_engine_trim_heap();
  return TRUE;
}
