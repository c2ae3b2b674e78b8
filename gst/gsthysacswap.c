/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst/gsthysacswap.h"

#include "core/remedy.h"

#define GST_CAT_DEFAULT gst_hysac_debug

/* ---- what is said ---- */

static void
post_progress(GstElement *element, GstProgressType type, const char *text)
{
  g_autofree char *shown = gst_hysac_shown(text);
  gst_element_post_message(element, gst_message_new_progress(GST_OBJECT(element), type, "hysac-model", shown));
}

void
gst_hysac_warm_up_progress(guint done, guint total, const char *what, gpointer element)
{
  g_autofree char *text = g_strdup_printf("%u of %u: %s", done, total, what ? what : "");
  post_progress(element, GST_PROGRESS_TYPE_CONTINUE, text);
}

static void
post_load_error(GstElement *self, const GError *error)
{
  const char *what = "The model cannot be used.";
  const char *remedy = hysac_error_remedy(error);
  g_autofree char *shown = gst_hysac_shown(error->message);
  g_autofree char *why = g_strconcat(shown, remedy ? "; " : NULL, remedy, NULL);
  const gboolean ours = error->domain == HYSAC_ERROR;
  if (ours && error->code == HYSAC_ERROR_TIMEOUT)
    GST_ELEMENT_ERROR(self, RESOURCE, BUSY, ("The OpenCL driver does not answer."), ("%s", why));
  else if (ours && error->code == HYSAC_ERROR_NO_DEVICE)
    GST_ELEMENT_ERROR(self, RESOURCE, NOT_FOUND, ("No OpenCL device can be used."), ("%s", why));
  else if (ours && error->code == HYSAC_ERROR_IO)
    GST_ELEMENT_ERROR(self, RESOURCE, OPEN_READ, ("%s", what), ("model: %s", why));
  else if (ours && (error->code == HYSAC_ERROR_MODEL || error->code == HYSAC_ERROR_FORMAT))
    GST_ELEMENT_ERROR(self, STREAM, WRONG_TYPE, ("%s", what), ("model: %s", why));
  else
    GST_ELEMENT_ERROR(self, LIBRARY, INIT, ("The engine cannot be started."), ("%s", why));
}

GstStructure *
gst_hysac_model_act(const char *old, const char *new, const HysacRegion *before, const HysacRegion *now,
                    const char *device, const char *precision, const char *weights_sha256, const char *unit,
                    guint64 number)
{
  g_autofree char *shown_old = gst_hysac_shown(old);
  g_autofree char *shown_new = gst_hysac_shown(new);
  return gst_structure_new("hysac-model", "old", G_TYPE_STRING, shown_old, "new", G_TYPE_STRING, shown_new, "old-bound",
                           G_TYPE_DOUBLE, before->bound, "new-bound", G_TYPE_DOUBLE, now->bound, "calibrated",
                           G_TYPE_BOOLEAN, now->calibrated, "device", G_TYPE_STRING, device, "precision",
                           G_TYPE_STRING, precision, unit, G_TYPE_UINT64, number, "weights-sha256", G_TYPE_STRING,
                           weights_sha256, NULL);
}

/* An element message, and both logs; takes @act. */
static void
tell(GstHysacLogs *logs, GstStructure *act)
{
  g_autofree char *weights = g_strdup(gst_structure_get_string(act, "weights-sha256"));
  GST_INFO_OBJECT(logs->element, "%" GST_PTR_FORMAT, act);
  gst_hysac_logs_structure(logs, "model", act);
  gst_hysac_post(logs->element, act);
  gst_hysac_tell_demo(logs->element, weights);
}

/* A warning, and both logs. */
static void
refuse(GstHysacLogs *logs, const char *path, const GError *error)
{
  g_autofree char *model = gst_hysac_shown(path);
  g_autofree char *why = gst_hysac_shown(error->message);
  GstStructure *act = gst_structure_new("hysac-model", "refused", G_TYPE_STRING, model, "reason",
                                        G_TYPE_STRING, why, NULL);
  gst_hysac_logs_structure(logs, "model", act);
  gst_structure_free(act);
  GST_ELEMENT_WARNING_WITH_DETAILS(
      logs->element, RESOURCE, SETTINGS, ("The new model cannot be used; the old one stays in force."),
      ("model %s: %s", model, why),
      ("event", G_TYPE_STRING, "model-refused", "model", G_TYPE_STRING, model, NULL));
}

/* ---- loading ---- */

/* No lock held. */
static gpointer
load(GstHysacSwap *self, const char *model, GError **error)
{
  GstElement *element = self->logs->element;
  g_autoptr(GError) local = NULL;
  post_progress(element, GST_PROGRESS_TYPE_START, "loading the model");
  gpointer scorer = self->klass->load(element, model, &local);
  if (scorer) {
    post_progress(element, GST_PROGRESS_TYPE_COMPLETE, "the model is ready");
    return scorer;
  }
  if (!local)
    g_set_error_literal(&local, HYSAC_ERROR, HYSAC_ERROR_MODEL, "no reason was given");
  post_progress(element, GST_PROGRESS_TYPE_ERROR, local->message);
  g_propagate_error(error, g_steal_pointer(&local));
  return NULL;
}

gpointer
gst_hysac_swap_first(GstHysacSwap *self)
{
  g_autoptr(GError) error = NULL;
  gpointer scorer = load(self, *self->model, &error);
  if (!scorer)
    post_load_error(self->logs->element, error);
  else
    gst_hysac_tell_demo(self->logs->element, self->klass->weights(scorer));
  return scorer;
}

/* ---- another one ---- */

gboolean
gst_hysac_swap_defers_bound(GstHysacSwap *self)
{
  const gboolean waits = self->next || (self->loading != 0 && self->loading == self->wish);
  self->bound_is_next |= waits;
  return waits;
}

/* A bound is of one model: another's would let anything pass. */
void
gst_hysac_swap_take_bound(GstHysacSwap *self)
{
  GST_OBJECT_LOCK(self->logs->element);
  *self->bound = self->bound_is_next ? *self->bound_set : 0.0;
  GST_OBJECT_UNLOCK(self->logs->element);
}

void
gst_hysac_swap_close(GstHysacSwap *self)
{
  self->open = self->bound_is_next = FALSE;
  self->wish++;
  g_clear_pointer(&self->next, g_free);
}

/* Lock held. The properties as they are in force, after a change to @wanted that came to nothing, or that took the old
 * model's bound with it. TRUE: their readers are to be told. */
static gboolean
settle(GstHysacSwap *self, gboolean refused, const char *wanted)
{
  GST_OBJECT_LOCK(self->logs->element);
  const gboolean model = refused && g_strcmp0(*self->model_set, wanted) == 0;
  if (model) {
    g_free(*self->model_set);
    *self->model_set = g_strdup(*self->model);
  }
  /* Of one that was set for the model that is refused nothing is known: the old one's stays. */
  const gboolean bound = *self->bound_set != *self->bound;
  *self->bound_set = *self->bound;
  GST_OBJECT_UNLOCK(self->logs->element);
  return model || bound;
}

static void
notify_settled(GstHysacSwap *self)
{
  g_object_notify(G_OBJECT(self->logs->element), "model");
  g_object_notify(G_OBJECT(self->logs->element), "bound");
}

/* Lock held, dropped meanwhile. */
static void
change_to(GstHysacSwap *self, const char *model)
{
  GstElement *element = self->logs->element;
  GMutex *lock = self->logs->lock;
  const guint wish = self->loading = self->wish;
  g_autoptr(GError) error = NULL;
  GstStructure *act = NULL;
  gpointer old = NULL;
  gboolean latency = FALSE;

  g_mutex_unlock(lock);
  gpointer scorer = load(self, model, &error);
  g_mutex_lock(lock);
  self->loading = 0;
  const gboolean wanted = wish == self->wish; /* not stopped, and no other one is wanted by now */
  gboolean settled = FALSE;
  if (wanted) {
    if (scorer)
      old = self->klass->exchange(element, scorer, model, &act, &latency, &error);
    if (old) {
      g_free(*self->model);
      *self->model = g_strdup(model);
    }
    settled = settle(self, old == NULL, model);
    self->bound_is_next = FALSE;
  }
  g_mutex_unlock(lock);

  if (old)
    tell(self->logs, act);
  else if (wanted)
    refuse(self->logs, model, error);
  if (scorer && !old)
    self->klass->free(scorer);
  if (settled)
    notify_settled(self);
  if (latency)
    gst_element_post_message(element, gst_message_new_latency(GST_OBJECT(element)));
  g_mutex_lock(lock);
  if (!old)
    return;
  self->klass->await(element, old);
  g_mutex_unlock(lock);
  self->klass->free(old);
  g_mutex_lock(lock);
}

static gpointer
swap_thread(gpointer user_data)
{
  GstHysacSwap *self = user_data;
  g_autoptr(GstElement) element = self->logs->element; /* which holds all of this */
  GMutex *lock = self->logs->lock;
  g_mutex_lock(lock);
  while (self->next) {
    g_autofree char *model = g_steal_pointer(&self->next);
    change_to(self, model);
  }
  self->running = FALSE;
  g_mutex_unlock(lock);
  return NULL;
}

/* Lock held; FALSE with @error. */
static gboolean
start_thread(GstHysacSwap *self, GError **error)
{
  if (self->running)
    return TRUE;
  gst_object_ref(self->logs->element);
  g_autoptr(GThread) thread = g_thread_try_new("hysac-model", swap_thread, self, error);
  self->running = thread != NULL;
  if (!thread)
    gst_object_unref(self->logs->element);
  return thread != NULL;
}

void
gst_hysac_swap_begin(GstHysacSwap *self, gboolean again)
{
  g_autoptr(GError) error = NULL;
  gboolean settled = FALSE;

  g_mutex_lock(self->logs->lock);
  GST_OBJECT_LOCK(self->logs->element);
  g_autofree char *model = g_strdup(*self->model_set);
  GST_OBJECT_UNLOCK(self->logs->element);
  if (!self->open || (!again && g_strcmp0(model, *self->model) == 0)) {
    g_mutex_unlock(self->logs->lock);
    return;
  }
  self->wish++;
  self->bound_is_next = FALSE;
  g_clear_pointer(&self->next, g_free);
  if (!model || !*model) {
    g_set_error_literal(&error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT, "none is set");
  } else {
    self->next = g_strdup(model);
    if (!start_thread(self, &error))
      g_clear_pointer(&self->next, g_free);
  }
  if (error)
    settled = settle(self, TRUE, model);
  g_mutex_unlock(self->logs->lock);
  if (error)
    refuse(self->logs, model ? model : "", error);
  if (settled)
    notify_settled(self);
}
