/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The model in force. The first one is loaded at start; another is loaded and warmed up by a thread
 * while the old one goes on scoring, and takes its place between two samples. A sample is judged by
 * the model that it was handed to, so nothing waits for the change.
 */
#include "gst/gsthysaccontrol.h"

#include "core/remedy.h"

/* Models in use by frames that are held; more changes than this in one hold cost the oldest's bound
 * in the record, nothing else. */
#define MAX_PAST 64

void
gst_hysac_post_progress(GstElement *element, GstProgressType type, const char *text)
{
  g_autofree char *shown = gst_hysac_shown(text);
  gst_element_post_message(element,
                           gst_message_new_progress(GST_OBJECT(element), type, "hysac-model", shown));
}

void
gst_hysac_warm_up_progress(guint done, guint total, const char *what, gpointer element)
{
  g_autofree char *text = g_strdup_printf("%u of %u: %s", done, total, what ? what : "");
  gst_hysac_post_progress(element, GST_PROGRESS_TYPE_CONTINUE, text);
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

void
gst_hysac_tell_model(GstHysacLogs *logs, GstStructure *act)
{
  GST_INFO_OBJECT(logs->element, "%" GST_PTR_FORMAT, act);
  gst_hysac_logs_structure(logs, "model", act);
  gst_hysac_post(logs->element, act);
}

void
gst_hysac_refuse_model(GstHysacLogs *logs, const char *path, const GError *error)
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

/* Lock not held. */
static GstHysacScorer *
load(GstHysacModerate *self, const char *model, const char *device, HysacPrecision precision,
     GError **error)
{
  g_autoptr(GError) local = NULL;
  gst_hysac_post_progress(GST_ELEMENT(self), GST_PROGRESS_TYPE_START, "loading the model");
  GstHysacScorer *scorer = self->factory(model, device, precision, gst_hysac_warm_up_progress, self,
                                         self->factory_data, &local);
  if (!scorer) {
    if (!local)
      g_set_error_literal(&local, HYSAC_ERROR, HYSAC_ERROR_MODEL, "no reason was given");
    gst_hysac_post_progress(GST_ELEMENT(self), GST_PROGRESS_TYPE_ERROR, local->message);
    g_propagate_error(error, g_steal_pointer(&local));
    return NULL;
  }
  HysacPolicyRules rules;
  g_mutex_lock(&self->lock);
  hysac_policy_rules_copy(&rules, &self->rules);
  g_mutex_unlock(&self->lock);
  const gboolean rated = gst_hysac_rater_new(&scorer->beside, &rules, &scorer->rater, &local);
  hysac_policy_rules_clear(&rules);
  if (!rated) {
    gst_hysac_scorer_free(scorer);
    gst_hysac_post_progress(GST_ELEMENT(self), GST_PROGRESS_TYPE_ERROR, local->message);
    g_propagate_error(error, g_steal_pointer(&local));
    return NULL;
  }
  scorer->owner = GST_ELEMENT(self);
  scorer->on_event = gst_hysac_moderate_on_scorer;
  gst_hysac_post_progress(GST_ELEMENT(self), GST_PROGRESS_TYPE_COMPLETE, "the model is ready");
  return scorer;
}

void
gst_hysac_scorer_free(GstHysacScorer *scorer)
{
  hysac_rater_unref(g_steal_pointer(&scorer->rater));
  scorer->klass->free(scorer);
}

static void
set_bound(GstHysacScorer *scorer, const HysacRegion *own, double bound)
{
  scorer->region = bound > 0.0 ? hysac_region_at(own, bound) : *own;
}

/* ------------------------------------------------------------ the first */

void
gst_hysac_post_load_error(GstElement *self, const GError *error)
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

void
gst_hysac_post_policy_error(GstElement *self, const GError *error)
{
  const char *remedy = hysac_policy_remedy(error);
  g_autofree char *why = gst_hysac_shown(error->message);
  GST_ELEMENT_ERROR(self, RESOURCE, SETTINGS, ("The policy cannot be used."),
                    ("policy: %s%s%s", why, remedy ? "; " : "", remedy ? remedy : ""));
}

gboolean
gst_hysac_moderate_load(GstHysacModerate *self)
{
  g_autoptr(GError) error = NULL;
  GstHysacScorer *scorer =
      load(self, self->run.model, self->run.device, self->run.precision, &error);
  if (!scorer) {
    gst_hysac_post_load_error(GST_ELEMENT(self), error);
    return FALSE;
  }
  g_mutex_lock(&self->lock);
  self->swap.own = scorer->region;
  self->swap.from = 0;
  set_bound(scorer, &self->swap.own, self->run.bound);
  self->scorer = scorer;
  g_mutex_unlock(&self->lock);
  return TRUE;
}

/* ------------------------------------------------------------ another one */

HysacRegion
gst_hysac_moderate_region_of(GstHysacModerate *self, const HysacDecision *decision)
{
  const GstHysacSwap *swap = &self->swap;
  if (decision->has_sample && decision->sample_seq < swap->from) {
    for (guint i = 0; i < swap->past->len; i++) {
      const GstHysacPastModel *past = &g_array_index(swap->past, GstHysacPastModel, i);
      if (decision->sample_seq < past->end)
        return past->region;
    }
  }
  return self->scorer->region;
}

gboolean
gst_hysac_moderate_take_bound(GstHysacModerate *self, double bound)
{
  GstHysacSwap *swap = &self->swap;
  if (bound == self->run.bound)
    return TRUE;
  if (swap->model || (swap->loading != 0 && swap->loading == swap->wish)) {
    swap->bound = TRUE;
    return FALSE;
  }
  self->run.bound = bound;
  set_bound(self->scorer, &swap->own, bound);
  hysac_policy_set_change_bound(self->policy, swap->from, self->scorer->region.bound);
  return TRUE;
}

void
gst_hysac_moderate_forget_models(GstHysacModerate *self)
{
  self->swap.wish++;
  self->swap.stops++;
  g_clear_pointer(&self->swap.model, g_free);
  self->swap.bound = FALSE;
  g_array_set_size(self->swap.past, 0);
  self->ask_scorer = NULL;
  /* What a hung driver still owes is of no scorer any more. */
  for (GList *l = self->requests.head; l; l = l->next)
    ((GstHysacRequest *)l->data)->scorer = NULL;
  gst_hysac_moderate_kick(self);
}

/* Lock held. The properties as they are in force, after a change to @wanted that came to nothing, or
 * that took the old model's bound with it. TRUE: their readers are to be told. */
static gboolean
settle(GstHysacModerate *self, gboolean refused, const char *wanted)
{
  GST_OBJECT_LOCK(self);
  const gboolean model = refused && g_strcmp0(self->settings.model, wanted) == 0;
  if (model) {
    g_free(self->settings.model);
    self->settings.model = g_strdup(self->run.model);
  }
  const gboolean bound = self->settings.bound != self->run.bound;
  self->settings.bound = self->run.bound;
  GST_OBJECT_UNLOCK(self);
  return model || bound;
}

/* Lock held. From the next sample on; NULL and @error where the hold is too small for it. Returns the
 * old one. @act: what to say of it. */
static GstHysacScorer *
exchange(GstHysacModerate *self, GstHysacScorer *scorer, const char *model, GstStructure **act,
         GError **error)
{
  GstHysacSwap *swap = &self->swap;
  GstHysacScorer *old = self->scorer;
  g_autofree char *why = NULL;

  self->scorer = scorer;
  gst_hysac_moderate_update_timing(self);
  if (!gst_hysac_moderate_check_capacity(self, &why)) {
    self->scorer = old;
    gst_hysac_moderate_update_timing(self);
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT, "it is slower: %s", why);
    return NULL;
  }
  const GstHysacPastModel past = {.end = self->counters.samples > 0 ? self->last_sample_seq + 1 : 0,
                                  .region = old->region};
  g_array_append_val(swap->past, past);
  if (swap->past->len > MAX_PAST)
    g_array_remove_index(swap->past, 0);
  swap->from = past.end;
  swap->own = scorer->region;
  self->pace = self->last_answer = 0; /* it has one of its own */
  gst_hysac_moderate_forget_reference(self);

  /* A bound is of one model: another's would let anything pass. */
  GST_OBJECT_LOCK(self);
  self->run.bound = swap->bound ? self->settings.bound : 0.0;
  GST_OBJECT_UNLOCK(self);
  set_bound(scorer, &swap->own, self->run.bound);
  self->thresholds++;
  *act = gst_hysac_model_act(self->run.model, model, &old->region, &scorer->region, scorer->device, scorer->precision,
                             scorer->beside.weights_sha256, "frame", swap->from);
  g_free(self->run.model);
  self->run.model = g_strdup(model);
  gst_hysac_moderate_kick(self);
  return old;
}

/* Lock held, dropped meanwhile. What it was handed is answered by it. */
static void
retire(GstHysacModerate *self, GstHysacScorer *old)
{
  const gint64 until =
      g_get_monotonic_time() + (gint64)self->run.request_timeout / 1000 + G_TIME_SPAN_SECOND;
  const guint stops = self->swap.stops;
  gboolean patient = TRUE;
  while (old->calls > 0 || (old->open > 0 && patient)) {
    if (patient)
      patient = g_cond_wait_until(&self->cond, &self->lock, until) && stops == self->swap.stops;
    else
      g_cond_wait(&self->cond, &self->lock);
  }
  for (GList *l = self->requests.head; l; l = l->next) {
    GstHysacRequest *request = l->data;
    if (request->scorer == old)
      request->scorer = NULL;
  }
  g_mutex_unlock(&self->lock);
  gst_hysac_scorer_free(old);
  g_mutex_lock(&self->lock);
}

/* Lock held, dropped meanwhile. */
static void
change_to(GstHysacModerate *self, const char *model)
{
  GstHysacSwap *swap = &self->swap;
  const guint wish = swap->loading = swap->wish;
  g_autofree char *device = g_strdup(self->run.device);
  const HysacPrecision precision = self->run.precision;
  g_autoptr(GError) error = NULL;
  GstStructure *act = NULL;
  GstHysacScorer *old = NULL;

  g_mutex_unlock(&self->lock);
  GstHysacScorer *scorer = load(self, model, device, precision, &error);
  g_mutex_lock(&self->lock);
  swap->loading = 0;

  if (wish != swap->wish) { /* stopped, or another one is wanted by now */
    g_mutex_unlock(&self->lock);
    if (scorer)
      gst_hysac_scorer_free(scorer);
    g_mutex_lock(&self->lock);
    return;
  }
  const GstHysacTiming before = self->timing;
  if (scorer)
    old = exchange(self, scorer, model, &act, &error);
  const gboolean notify = settle(self, old == NULL, model);
  const gboolean latency = self->timing.min != before.min || self->timing.max != before.max;
  swap->bound = FALSE;
  g_mutex_unlock(&self->lock);

  if (old) {
    gst_hysac_tell_model(&self->logs, act);
  } else {
    gst_hysac_refuse_model(&self->logs, model, error);
    if (scorer)
      gst_hysac_scorer_free(scorer);
  }
  if (notify) {
    g_object_notify(G_OBJECT(self), "model");
    g_object_notify(G_OBJECT(self), "bound");
  }
  if (latency)
    gst_element_post_message(GST_ELEMENT(self), gst_message_new_latency(GST_OBJECT(self)));
  g_mutex_lock(&self->lock);
  if (old)
    retire(self, old);
}

static gpointer
swap_thread(gpointer user_data)
{
  g_autoptr(GstHysacModerate) self = user_data;
  g_mutex_lock(&self->lock);
  while (self->swap.model) {
    g_autofree char *model = g_steal_pointer(&self->swap.model);
    change_to(self, model);
  }
  self->swap.running = FALSE;
  g_mutex_unlock(&self->lock);
  return NULL;
}

/* Lock held; FALSE with @error. */
static gboolean
start_thread(GstHysacModerate *self, GError **error)
{
  if (self->swap.running)
    return TRUE;
  g_autoptr(GThread) thread =
      g_thread_try_new("hysac-model", swap_thread, gst_object_ref(self), error);
  self->swap.running = thread != NULL;
  if (!thread)
    gst_object_unref(self);
  return thread != NULL;
}

void
gst_hysac_moderate_swap_model(GstHysacModerate *self, gboolean again)
{
  GstHysacSwap *swap = &self->swap;
  g_autoptr(GError) error = NULL;
  gboolean notify = FALSE;

  g_mutex_lock(&self->lock);
  GST_OBJECT_LOCK(self);
  g_autofree char *model = g_strdup(self->settings.model);
  GST_OBJECT_UNLOCK(self);
  if (!self->started || (!again && g_strcmp0(model, self->run.model) == 0)) {
    g_mutex_unlock(&self->lock);
    return;
  }
  swap->wish++;
  swap->bound = FALSE;
  g_clear_pointer(&swap->model, g_free);
  if (!model || !*model) {
    g_set_error_literal(&error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT, "none is set");
  } else {
    swap->model = g_strdup(model);
    if (!start_thread(self, &error))
      g_clear_pointer(&swap->model, g_free);
  }
  if (error)
    notify = settle(self, TRUE, model);
  g_mutex_unlock(&self->lock);
  if (error)
    gst_hysac_refuse_model(&self->logs, model ? model : "", error);
  if (notify)
    g_object_notify(G_OBJECT(self), "model");
}
