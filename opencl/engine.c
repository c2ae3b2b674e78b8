/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The engine's worker: requests in, batches through the device, answers out.
 *
 * A frame is uploaded and preprocessed into the filling slot as soon as it comes, while the other
 * slot's batch runs. The filling slot starts when nothing runs, or when it is full: so frames gather
 * into a batch by themselves while the device is busy, and a single stream waits for nobody. Only
 * where the last batch held several frames, an idle device waits WINDOW_US for as many again.
 *
 * The worker alone touches slots and queues. The lock guards what others touch; it is never held over
 * a call into the driver or a user's callback.
 */

#include "opencl/engine_private.h"

#include <string.h>

#define WINDOW_US 1000
#define MAX_REFUSED 8

static void
clear_request(gpointer data)
{
  HysacRequest *request = data;
  hysac_reference_unref(request->reference);
  g_clear_pointer(&request->followers, g_ptr_array_unref);
}

void
hysac_engine_request_unref(HysacRequest *request)
{
  g_atomic_rc_box_release_full(request, clear_request);
}

static HysacRequest *
request_new(HysacEngine *engine, const HysacFrame *frame, GDestroyNotify release,
            HysacEngineFunc done, gpointer user_data)
{
  HysacRequest *self = g_atomic_rc_box_new0(HysacRequest);
  self->engine = engine;
  self->frame = *frame;
  self->release = release;
  self->done = done;
  self->user_data = user_data;
  return self;
}

static void
release_planes(HysacRequest *request)
{
  if (request->released)
    return;
  request->released = TRUE;
  if (request->release != NULL)
    request->release(request->user_data);
}

static HysacSlot *oldest_running(HysacEngine *self);

/* The one place where a request ends. An answer that needed no run says nothing of one that hangs. */
void
hysac_engine_answer(HysacEngine *self, HysacRequest *request, const HysacEmbedding *embedding,
                    const GError *error)
{
  const gboolean reused = embedding != NULL && embedding->reused; /* then this is the worker */
  const gboolean progress = !reused || oldest_running(self) == NULL;
  release_planes(request);
  g_mutex_lock(&self->lock);
  self->stats.in_flight--;
  if (progress)
    self->last_progress = g_get_monotonic_time();
  if (error != NULL)
    self->stats.failures++;
  else
    self->stats.requests++;
  self->stats.reused += reused;
  g_mutex_unlock(&self->lock);
  request->done(embedding, error, request->user_data);
  hysac_engine_request_unref(request);
}

static gboolean
is_sticky(const GError *error)
{
  return g_error_matches(error, HYSAC_ERROR, HYSAC_ERROR_DEVICE_LOST) ||
         g_error_matches(error, HYSAC_ERROR, HYSAC_ERROR_OUT_OF_MEMORY);
}

/* The driver refuses this and then that, each time for a reason that may be the frame's own. When it
 * refuses everything, the engine is what is wrong. */
static void
note_refusal(HysacEngine *self, const GError *error)
{
  if (error->domain != HYSAC_ERROR || error->code == HYSAC_ERROR_ARGUMENT)
    return;
  if (++self->n_refused >= MAX_REFUSED)
    hysac_engine_fail(self, error);
}

void
hysac_engine_refuse(HysacEngine *self, HysacRequest *request, const GError *error)
{
  /* Out of memory here is about this frame's size: the tower has its memory. */
  if (g_error_matches(error, HYSAC_ERROR, HYSAC_ERROR_DEVICE_LOST))
    hysac_engine_fail(self, error);
  else
    note_refusal(self, error);
  hysac_engine_answer(self, request, NULL, error);
}

/* The driver's threads call these two: they only leave word. */
void CL_CALLBACK
hysac_engine_on_planes_free(cl_event event, cl_int status, void *data)
{
  HysacRequest *request = data;
  HysacEngine *self = request->engine;
  g_mutex_lock(&self->lock);
  request->planes_free = TRUE;
  self->n_callbacks--;
  g_cond_signal(&self->wake);
  g_mutex_unlock(&self->lock);
  hysac_engine_request_unref(request);
}

static void CL_CALLBACK
on_finished(cl_event event, cl_int status, void *data)
{
  HysacSlot *slot = data;
  HysacEngine *self = slot->engine;
  g_mutex_lock(&self->lock);
  slot->finished = TRUE;
  slot->status = status;
  self->n_callbacks--;
  g_cond_signal(&self->wake);
  g_mutex_unlock(&self->lock);
}

void
hysac_engine_notify(HysacEngine *self, cl_event event,
                    void(CL_CALLBACK *callback)(cl_event, cl_int, void *), void *data)
{
  g_mutex_lock(&self->lock);
  self->n_callbacks++;
  g_mutex_unlock(&self->lock);
  if (!self->blocking && clSetEventCallback(event, CL_COMPLETE, callback, data) == CL_SUCCESS)
    return;
  callback(event, clWaitForEvents(1, &event), data);
}

static void
upload(HysacEngine *self, HysacSlot *slot, HysacRequest *request)
{
  g_autoptr(GError) error = NULL;
  cl_event planes_free;
  if (!hysac_engine_enqueue_frame(self, slot, &request->frame, slot->requests->len, &planes_free,
                                  &error)) {
    hysac_engine_refuse(self, request, error);
    return;
  }
  if (slot->requests->len == 0)
    slot->first_time = g_get_monotonic_time();
  g_ptr_array_add(slot->requests, request);
  hysac_engine_notify(self, planes_free, hysac_engine_on_planes_free,
                      g_atomic_rc_box_acquire(request));
  clReleaseEvent(planes_free);
}

static void
reset_slot(HysacSlot *slot)
{
  slot->state = HYSAC_SLOT_FILLING;
  slot->finished = FALSE;
  slot->status = CL_SUCCESS;
  g_ptr_array_set_size(slot->requests, 0);
  g_clear_pointer(&slot->ready, clReleaseEvent);
}

static void
answer_all(HysacEngine *self, HysacSlot *slot, const GError *error)
{
  for (guint i = 0; i < slot->requests->len; i++)
    hysac_engine_settle(self, slot->requests->pdata[i], NULL, error);
  reset_slot(slot);
}

static void
start(HysacEngine *self, HysacSlot *slot)
{
  g_autoptr(GError) error = NULL;
  cl_event done;
  slot->start_time = g_get_monotonic_time();
  if (!hysac_engine_enqueue_tower(self, slot, slot->requests->len, &done, &error)) {
    if (is_sticky(error))
      hysac_engine_fail(self, error);
    else
      note_refusal(self, error);
    clFinish(self->upload_queue); /* no frame of this slot is still being read */
    answer_all(self, slot, error);
    return;
  }
  if (oldest_running(self) == NULL) {
    g_mutex_lock(&self->lock);
    self->last_progress = slot->start_time;
    g_mutex_unlock(&self->lock);
  }
  self->last_batch = slot->requests->len;
  slot->order = ++self->started;
  slot->state = HYSAC_SLOT_RUNNING;
  hysac_engine_notify(self, done, on_finished, slot);
  clReleaseEvent(done);
}

/* A command that failed after it was accepted: there is no telling what the device's memory holds. */
void
hysac_engine_fail_run(HysacEngine *self, cl_int status, const char *what, GError **error)
{
  g_autoptr(GError) cause = NULL;
  g_autoptr(GError) failure = NULL;
  hysac_cl_check(status, what, "engine.c", __LINE__, &cause);
  int code = g_error_matches(cause, HYSAC_ERROR, HYSAC_ERROR_OUT_OF_MEMORY)
                 ? HYSAC_ERROR_OUT_OF_MEMORY
                 : HYSAC_ERROR_DEVICE_LOST;
  g_set_error_literal(&failure, HYSAC_ERROR, code, cause->message);
  hysac_engine_fail(self, failure);
  clFinish(self->upload_queue);
  g_propagate_error(error, g_steal_pointer(&failure));
}

static void
finish_failed(HysacEngine *self, HysacSlot *slot)
{
  g_autoptr(GError) error = NULL;
  hysac_engine_fail_run(self, slot->status, "the encoder's run", &error);
  answer_all(self, slot, error);
}

static void
finish(HysacEngine *self, HysacSlot *slot)
{
  gint64 us = MAX(g_get_monotonic_time() - slot->start_time, 1);
  if (slot->status < 0) {
    finish_failed(self, slot);
    return;
  }
  self->n_refused = 0;
  g_mutex_lock(&self->lock);
  self->stats.batches++;
  self->stats.last_run_us = us;
  self->total_run_us += us;
  self->stats.mean_run_us = self->total_run_us / (gint64) self->stats.batches;
  g_mutex_unlock(&self->lock);
  for (guint i = 0; i < slot->requests->len; i++) {
    g_autoptr(GError) error = NULL;
    HysacEmbedding embedding;
    const float *feature = slot->features + (gsize) i * self->dim;
    gboolean ok = hysac_engine_finish(self, feature, &embedding, &error);
    hysac_engine_settle(self, slot->requests->pdata[i], ok ? &embedding : NULL, error);
  }
  reset_slot(slot);
}

/* The running slot that started first; NULL where none runs. */
static HysacSlot *
oldest_running(HysacEngine *self)
{
  HysacSlot *found = NULL;
  for (guint i = 0; i < HYSAC_ENGINE_SLOTS; i++) {
    HysacSlot *slot = &self->slots[i];
    if (slot->state == HYSAC_SLOT_RUNNING && (found == NULL || slot->order < found->order))
      found = slot;
  }
  return found;
}

/* The slot that takes the next frame: one that has begun to fill, else an empty one. Full ones run. */
static HysacSlot *
filling_slot(HysacEngine *self)
{
  HysacSlot *found = NULL;
  for (guint i = 0; i < HYSAC_ENGINE_SLOTS; i++) {
    HysacSlot *slot = &self->slots[i];
    if (slot->state == HYSAC_SLOT_FILLING && (found == NULL || slot->requests->len > 0))
      found = slot;
  }
  return found;
}

/* Under the lock: a request whose planes the device has done with, and whose owner waits to hear. */
static HysacRequest *
next_release(HysacEngine *self)
{
  for (guint i = 0; i < HYSAC_ENGINE_SLOTS; i++) {
    GPtrArray *requests = self->slots[i].requests;
    for (guint j = 0; j < requests->len; j++) {
      HysacRequest *request = requests->pdata[j];
      if (request->planes_free && !request->released)
        return request;
    }
  }
  for (GList *l = self->changed.head; l != NULL; l = l->next) {
    HysacRequest *request = ((HysacTrack *) l->data)->looking;
    if (request->planes_free && !request->released)
      return request;
  }
  return NULL;
}

/* Under the lock: takes the oldest of those that wait which can begin. Of a stream they begin in their
 * order; those that are to be compared need no place yet. */
static HysacRequest *
next_pending(HysacEngine *self, gboolean room)
{
  for (GList *l = self->pending.head; l != NULL; l = l->next) {
    HysacRequest *request = l->data;
    if (request->reference != NULL ? hysac_engine_can_look(self, request) : room) {
      g_queue_delete_link(&self->pending, l);
      return request;
    }
  }
  return NULL;
}

static gboolean
is_looking(HysacEngine *self)
{
  return self->changed.length > 0 || hysac_engine_is_comparing(self);
}

/* Nothing that has not begun will begin: the engine stops, or has failed. */
static void
drop_waiting(HysacEngine *self, const GError *failure)
{
  g_autoptr(GError) error =
      failure ? g_error_copy(failure)
              : g_error_new_literal(HYSAC_ERROR, HYSAC_ERROR_CANCELLED,
                                    "the engine was shut down before the frame's turn");
  HysacSlot *slot = filling_slot(self);
  if (slot != NULL && slot->requests->len > 0) {
    clFinish(self->upload_queue);
    answer_all(self, slot, error);
  }
  if (is_looking(self)) {
    HysacRequest *request;
    clFinish(self->upload_queue);
    while ((request = hysac_engine_drop_look(self)) != NULL)
      hysac_engine_answer(self, request, NULL, error);
  }
  for (;;) {
    g_mutex_lock(&self->lock);
    HysacRequest *request = g_queue_pop_head(&self->pending);
    g_mutex_unlock(&self->lock);
    if (request == NULL)
      return;
    hysac_engine_answer(self, request, NULL, error);
  }
}

/* A failed engine may be held for long: the device's memory goes at once, so that its successor finds
 * room. */
static void
free_device_memory(HysacEngine *self)
{
  for (guint i = 0; i < HYSAC_ENGINE_SLOTS; i++)
    g_clear_pointer(&self->slots[i].patches, clReleaseMemObject);
  hysac_engine_free_tracks(self);
  g_clear_pointer(&self->change, hysac_change_free);
  g_clear_pointer(&self->preprocess, hysac_preprocess_free);
  g_clear_pointer(&self->vision, hysac_vision_free);
}

/* When the filling slot may start: 0 = now, G_MAXINT64 = not before something else happens. */
static gint64
start_time(HysacEngine *self, HysacSlot *slot, gboolean running)
{
  if (slot == NULL || slot->requests->len == 0)
    return G_MAXINT64;
  if (slot->requests->len >= self->max_batch)
    return 0;
  if (running)
    return G_MAXINT64;
  /* What is being compared may be one more, and will be known in no time. */
  return slot->requests->len >= self->last_batch && !hysac_engine_is_comparing(self)
             ? 0
             : slot->first_time + WINDOW_US;
}

/* One thing to do, with the lock held on entry and exit and not in between; FALSE where there is
 * nothing, and then *until is how long to wait. */
static gboolean
step(HysacEngine *self, gint64 *until)
{
  HysacSlot *running = oldest_running(self);
  HysacSlot *filling = filling_slot(self);
  HysacRequest *request;
  HysacTrack *track;
  gboolean dropping = self->stopping || self->failure != NULL;
  gboolean room = filling != NULL && filling->requests->len < self->max_batch;
  *until = G_MAXINT64;

  if (running != NULL && running->finished) {
    g_mutex_unlock(&self->lock);
    finish(self, running);
  } else if ((request = next_release(self)) != NULL) {
    g_mutex_unlock(&self->lock);
    release_planes(request);
  } else if (dropping &&
             (self->pending.length > 0 || is_looking(self) ||
              (filling != NULL && filling->requests->len > 0))) {
    /* The failure is set once and never changes. */
    const GError *failure = self->failure;
    g_mutex_unlock(&self->lock);
    drop_waiting(self, failure);
  } else if (self->failure != NULL && running == NULL && self->vision != NULL) {
    g_mutex_unlock(&self->lock);
    free_device_memory(self);
  } else if ((track = hysac_engine_next_compared(self)) != NULL) {
    g_mutex_unlock(&self->lock);
    hysac_engine_decide(self, track);
  } else if (room && self->changed.length > 0) {
    g_mutex_unlock(&self->lock);
    hysac_engine_place(self, filling);
  } else if ((request = next_pending(self, room)) != NULL) {
    g_mutex_unlock(&self->lock);
    if (request->reference != NULL)
      hysac_engine_look(self, request);
    else
      upload(self, filling, request);
  } else {
    *until = start_time(self, filling, running != NULL);
    if (*until > g_get_monotonic_time())
      return FALSE;
    g_mutex_unlock(&self->lock);
    start(self, filling);
  }
  g_mutex_lock(&self->lock);
  return TRUE;
}

gpointer
hysac_engine_work(gpointer data)
{
  HysacEngine *self = data;
  gint64 until;
  g_mutex_lock(&self->lock);
  for (;;) {
    if (step(self, &until))
      continue;
    if (self->stopping && oldest_running(self) == NULL && self->n_callbacks == 0)
      break;
    if (until == G_MAXINT64)
      g_cond_wait(&self->wake, &self->lock);
    else
      g_cond_wait_until(&self->wake, &self->lock, until);
  }
  g_mutex_unlock(&self->lock);
  hysac_engine_ended(self);
  return NULL;
}

/* @reference: (nullable) */
static gboolean
submit(HysacEngine *self, const HysacFrame *frame, HysacReference *reference, const HysacReuse *reuse,
       GDestroyNotify release, HysacEngineFunc done, gpointer user_data, GError **error)
{
  if (!hysac_frame_check(frame, error))
    return FALSE;
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);
  if (self->failure != NULL) {
    g_propagate_error(error, g_error_copy(self->failure));
    g_prefix_error(error, "the engine has failed before: ");
    return FALSE;
  }
  if (self->stats.in_flight == 0)
    self->last_progress = g_get_monotonic_time();
  HysacRequest *request = request_new(self, frame, release, done, user_data);
  if (reference != NULL && self->can_compare) {
    request->reference = hysac_reference_ref(reference);
    request->reuse = *reuse;
  }
  g_queue_push_tail(&self->pending, request);
  self->stats.in_flight++;
  self->stats.max_in_flight = MAX(self->stats.max_in_flight, self->stats.in_flight);
  g_cond_signal(&self->wake);
  return TRUE;
}

gboolean
hysac_engine_submit(HysacEngine *self, const HysacFrame *frame, GDestroyNotify release,
                    HysacEngineFunc done, gpointer user_data, GError **error)
{
  return submit(self, frame, NULL, NULL, release, done, user_data, error);
}

gboolean
hysac_engine_submit_reusing(HysacEngine *self, const HysacFrame *frame, HysacReference *reference,
                            const HysacReuse *reuse, GDestroyNotify release, HysacEngineFunc done,
                            gpointer user_data, GError **error)
{
  if (reuse->tolerance > HYSAC_REUSE_MAX_TOLERANCE) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT,
                "reuse: a tolerance of %u grey levels; at most %d is expected", reuse->tolerance,
                HYSAC_REUSE_MAX_TOLERANCE);
    return FALSE;
  }
  return submit(self, frame, reference, reuse, release, done, user_data, error);
}

typedef struct {
  GMutex lock;
  GCond cond;
  gboolean ready;
  float *feature, *point;
  double *distance;
  GError *error;
} Wait;

static void
on_embedded(const HysacEmbedding *embedding, const GError *error, gpointer user_data)
{
  Wait *wait = user_data;
  g_mutex_lock(&wait->lock);
  if (error != NULL)
    wait->error = g_error_copy(error);
  if (embedding != NULL && wait->feature != NULL)
    memcpy(wait->feature, embedding->feature, embedding->dim * sizeof(float));
  if (embedding != NULL && wait->point != NULL && embedding->point != NULL)
    memcpy(wait->point, embedding->point, embedding->dim * sizeof(float));
  if (embedding != NULL && wait->distance != NULL)
    *wait->distance = embedding->distance;
  wait->ready = TRUE;
  g_cond_signal(&wait->cond);
  g_mutex_unlock(&wait->lock);
}

gboolean
hysac_engine_embed(HysacEngine *self, const HysacFrame *frame, float *feature, float *point,
                   double *distance, GError **error)
{
  if (self->worker == g_thread_self()) {
    g_set_error_literal(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT,
                        "hysac_engine_embed() from a callback would wait for itself");
    return FALSE;
  }
  Wait wait = { .feature = feature, .point = point, .distance = distance };
  g_mutex_init(&wait.lock);
  g_cond_init(&wait.cond);
  gboolean ok = hysac_engine_submit(self, frame, NULL, on_embedded, &wait, error);
  if (ok) {
    g_mutex_lock(&wait.lock);
    while (!wait.ready)
      g_cond_wait(&wait.cond, &wait.lock);
    g_mutex_unlock(&wait.lock);
    ok = wait.error == NULL;
    if (!ok)
      g_propagate_error(error, wait.error);
  }
  g_mutex_clear(&wait.lock);
  g_cond_clear(&wait.cond);
  return ok;
}

HysacModel *
hysac_engine_get_model(HysacEngine *self)
{
  return self->model;
}

HysacDevice *
hysac_engine_get_device(HysacEngine *self)
{
  return self->device;
}

HysacPrecision
hysac_engine_get_precision(HysacEngine *self)
{
  return self->precision;
}

void
hysac_engine_get_stats(HysacEngine *self, HysacEngineStats *stats)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);
  *stats = self->stats;
}
