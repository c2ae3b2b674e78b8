/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * How an engine ends: failed for good, given up as hung, or stopped. A driver may never return from a
 * call, and may still read what it was given: nothing of that is freed under it. The worker makes
 * every call that can hang, and others wait for the worker only so long; an engine that nobody waits
 * for any more is the worker's, which frees it when the driver returns.
 */

#include "opencl/engine_private.h"

#define HANG_RUNS 10

void
hysac_engine_fail(HysacEngine *self, const GError *error)
{
  g_mutex_lock(&self->lock);
  gboolean first = self->failure == NULL;
  if (first)
    self->failure = g_error_copy(error);
  g_cond_signal(&self->wake);
  g_mutex_unlock(&self->lock);
  if (!first)
    return;
  g_warning("engine for %s on %s has failed: %s", hysac_model_get_path(self->model),
            hysac_device_get_info(self->device)->name, error->message);
  hysac_engine_forget(self);
  /* Memory may be there again in the same context. */
  if (!g_error_matches(error, HYSAC_ERROR, HYSAC_ERROR_OUT_OF_MEMORY))
    hysac_device_forget(self->device);
}

/* Requests that the driver has not seen need not wait for it. */
static void
answer_pending(HysacEngine *self, const GError *error)
{
  for (;;) {
    g_mutex_lock(&self->lock);
    HysacRequest *request = g_queue_pop_head(&self->pending);
    g_mutex_unlock(&self->lock);
    if (request == NULL)
      return;
    hysac_engine_answer(self, request, NULL, error);
  }
}

gboolean
hysac_engine_give_up(HysacEngine *self)
{
  g_mutex_lock(&self->lock);
  gint64 quiet = g_get_monotonic_time() - self->last_progress;
  gboolean failed = self->failure != NULL;
  gboolean hangs = !failed && self->stats.in_flight > 0 &&
                   quiet >= MAX(self->hang_floor, HANG_RUNS * self->stats.mean_run_us);
  if (hangs)
    hysac_engine_count_hung(self);
  g_mutex_unlock(&self->lock);
  if (!hangs)
    return failed;
  g_autoptr(GError) error =
      g_error_new(HYSAC_ERROR, HYSAC_ERROR_TIMEOUT, "%s has finished nothing for %.1f s",
                  hysac_device_get_info(self->device)->name, (double) quiet / 1e6);
  hysac_engine_fail(self, error);
  answer_pending(self, error);
  return TRUE;
}

gboolean
hysac_engine_has_failed(HysacEngine *self)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);
  return self->failure != NULL;
}

gboolean
hysac_engine_start(HysacEngine *self, GError **error)
{
  g_autoptr(GError) local = NULL;
  self->worker = g_thread_try_new("hysac-engine", hysac_engine_work, self, &local);
  if (self->worker == NULL)
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_OUT_OF_MEMORY, "the engine's thread: %s",
                local->message);
  return self->worker != NULL;
}

void
hysac_engine_ended(HysacEngine *self)
{
  hysac_engine_free_device(self);
  g_mutex_lock(&self->lock);
  HysacDevice *device = g_steal_pointer(&self->device); /* hysac_engine_stop() may look at it */
  g_mutex_unlock(&self->lock);
  hysac_device_unref(device);

  g_mutex_lock(&self->lock);
  self->ended = TRUE;
  gboolean orphan = self->orphan;
  g_cond_broadcast(&self->end);
  g_mutex_unlock(&self->lock);
  if (!orphan)
    return;
  g_thread_unref(self->worker);
  hysac_engine_free(self);
}

/* The driver has not returned in time: what it has is the worker's to free, if it ever does.
 * @device: NULL where it is on its way back. */
static void
leave_behind(HysacEngine *self, HysacDevice *device)
{
  const char *name = device ? hysac_device_get_info(device)->name : "the device";
  g_autoptr(GError) error = g_error_new(HYSAC_ERROR, HYSAC_ERROR_TIMEOUT,
                                        "%s did not answer when the engine was stopped", name);
  g_warning("%s does not answer: an engine for %s, and the frames that it was given, stay in memory "
            "until it does", name, hysac_model_get_path(self->model));
  if (device != NULL)
    hysac_device_forget(device); /* whoever comes next gets a context of its own */
  answer_pending(self, error);
}

void
hysac_engine_stop(HysacEngine *self)
{
  gboolean inside = self->worker == g_thread_self(); /* from a callback: it cannot wait for itself */
  g_mutex_lock(&self->lock);
  self->stopping = TRUE;
  self->orphan = inside;
  g_cond_signal(&self->wake);
  gint64 end = g_get_monotonic_time() + (self->hung ? 0 : self->stop_patience);
  while (!inside && !self->ended && g_cond_wait_until(&self->end, &self->lock, end))
    ;
  if (!inside && !self->ended) {
    g_autoptr(HysacDevice) device = self->device ? hysac_device_ref(self->device) : NULL;
    hysac_engine_count_hung(self);
    g_mutex_unlock(&self->lock);
    leave_behind(self, device);
    g_mutex_lock(&self->lock);
    self->orphan = !self->ended; /* it may have returned meanwhile */
  }
  gboolean ours = !self->orphan;
  g_mutex_unlock(&self->lock);
  if (!ours)
    return;
  g_thread_join(self->worker);
  hysac_engine_free(self);
}
