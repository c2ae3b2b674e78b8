/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The model in force. The first one is loaded at the start; another is loaded by a thread while the old one goes on, and
 * takes its place between two texts: a text is scored, judged and told by the model that it came to.
 */
#include "gst/gsthysactextprivate.h"

static void
on_scorer(GstElement *element, const GstHysacScorerEvent *event)
{
  gst_hysac_logs_device(&GST_HYSAC_TEXT(element)->logs, event);
  gst_hysac_post_device(element, event, "texts");
}

GstHysacTextScorer *
gst_hysac_text_load(GstHysacText *self, const char *model, double bound, GError **error)
{
  g_autoptr(GError) local = NULL;
  HysacPolicyRules rules;
  g_mutex_lock(&self->lock);
  hysac_policy_rules_copy(&rules, &self->rules);
  g_autofree char *device = g_strdup(self->run.device);
  const HysacPrecision precision = self->run.precision;
  const gint64 timeout = (gint64)self->run.request_timeout / 1000;
  g_mutex_unlock(&self->lock);
  const GstHysacTextScorerConfig config = {.model = model,
                                           .device = device,
                                           .precision = precision,
                                           .factory = self->factory,
                                           .factory_data = self->factory_data,
                                           .bound = bound,
                                           .rules = &rules,
                                           .timeout = timeout,
                                           .owner = GST_ELEMENT(self),
                                           .progress = gst_hysac_warm_up_progress,
                                           .progress_data = self,
                                           .on_event = on_scorer};
  gst_hysac_post_progress(GST_ELEMENT(self), GST_PROGRESS_TYPE_START, "loading the model");
  GstHysacTextScorer *scorer = gst_hysac_text_scorer_new(&config, &local);
  hysac_policy_rules_clear(&rules);
  if (scorer) {
    gst_hysac_post_progress(GST_ELEMENT(self), GST_PROGRESS_TYPE_COMPLETE, "the model is ready");
    return scorer;
  }
  gst_hysac_post_progress(GST_ELEMENT(self), GST_PROGRESS_TYPE_ERROR, local->message);
  g_propagate_error(error, g_steal_pointer(&local));
  return NULL;
}

HysacRegion
gst_hysac_text_region(GstHysacTextScorer *scorer, double bound)
{
  const HysacRegion *own = gst_hysac_text_scorer_get_region(scorer);
  return bound > 0.0 ? hysac_region_at(own, bound) : *own;
}

/* ---- a text's ---- */

void
gst_hysac_text_model_done(GstHysacText *self)
{
  g_mutex_lock(&self->lock);
  self->in_use = NULL;
  g_cond_broadcast(&self->cond);
  g_mutex_unlock(&self->lock);
}

/* ---- another one ---- */

void
gst_hysac_text_forget_models(GstHysacText *self)
{
  self->swap.open = FALSE;
  self->swap.wish++;
  g_clear_pointer(&self->swap.model, g_free);
  self->swap.bound = FALSE;
}

gboolean
gst_hysac_text_take_bound(GstHysacText *self)
{
  GstHysacTextSwap *swap = &self->swap;
  g_mutex_lock(&self->lock);
  const gboolean waits = swap->model || (swap->loading != 0 && swap->loading == swap->wish);
  GST_OBJECT_LOCK(self); /* inside: what is taken over last is what was set last */
  if (swap->open && waits)
    swap->bound = TRUE;
  else if (swap->open)
    self->run.bound = self->settings.bound;
  GST_OBJECT_UNLOCK(self);
  g_mutex_unlock(&self->lock);
  return !waits;
}

/* Lock held. The properties as they are in force, after a change to @wanted that came to nothing, or that took the old
 * model's bound with it. TRUE: their readers are to be told. */
static gboolean
settle(GstHysacText *self, gboolean refused, const char *wanted)
{
  GST_OBJECT_LOCK(self);
  const gboolean model = refused && g_strcmp0(self->settings.model, wanted) == 0;
  if (model) {
    g_free(self->settings.model);
    self->settings.model = g_strdup(self->run.model);
  }
  /* Of one that was set for the model that is refused nothing is known: the old one's stays. */
  const gboolean bound = self->settings.bound != self->run.bound;
  self->settings.bound = self->run.bound;
  GST_OBJECT_UNLOCK(self);
  return model || bound;
}

/* Lock held. From the next text on. Returns the old one. @act: what to say of it. */
static GstHysacTextScorer *
exchange(GstHysacText *self, GstHysacTextScorer *scorer, const char *model, GstStructure **act, gboolean *latency)
{
  GstHysacTextScorer *old = self->scorer;
  const HysacRegion before = gst_hysac_text_region(old, self->run.bound);
  const gint64 budget = gst_hysac_text_budget(self);

  self->scorer = scorer;
  const gint64 more = gst_hysac_text_budget(self) - budget;
  *latency = self->live && self->latency_known && more != 0;
  if (*latency)
    self->latency += more;

  /* A bound is of one model: another's would let anything pass. */
  GST_OBJECT_LOCK(self);
  self->run.bound = self->swap.bound ? self->settings.bound : 0.0;
  const guint64 number = self->counters.texts;
  GST_OBJECT_UNLOCK(self);
  const HysacRegion now = gst_hysac_text_region(scorer, self->run.bound);
  *act = gst_hysac_model_act(self->run.model, model, &before, &now, gst_hysac_text_scorer_get_device(scorer),
                             gst_hysac_text_scorer_get_precision(scorer),
                             gst_hysac_text_scorer_get_weights_sha256(scorer), "text", number);
  g_free(self->run.model);
  self->run.model = g_strdup(model);
  return old;
}

/* Lock held, dropped meanwhile. */
static void
change_to(GstHysacText *self, const char *model)
{
  GstHysacTextSwap *swap = &self->swap;
  const guint wish = swap->loading = swap->wish;
  g_autoptr(GError) error = NULL;
  GstStructure *act = NULL;
  GstHysacTextScorer *old = NULL;
  gboolean latency = FALSE;

  g_mutex_unlock(&self->lock);
  GstHysacTextScorer *scorer = gst_hysac_text_load(self, model, 0.0, &error);
  g_mutex_lock(&self->lock);
  swap->loading = 0;
  if (wish != swap->wish) { /* stopped, or another one is wanted by now */
    g_mutex_unlock(&self->lock);
    gst_hysac_text_scorer_close(scorer);
    g_mutex_lock(&self->lock);
    return;
  }
  if (scorer)
    old = exchange(self, scorer, model, &act, &latency);
  const gboolean notify = settle(self, old == NULL, model);
  swap->bound = FALSE;
  g_mutex_unlock(&self->lock);

  if (old)
    gst_hysac_tell_model(&self->logs, act);
  else
    gst_hysac_refuse_model(&self->logs, model, error);
  if (notify) {
    g_object_notify(G_OBJECT(self), "model");
    g_object_notify(G_OBJECT(self), "bound");
  }
  if (latency)
    gst_element_post_message(GST_ELEMENT(self), gst_message_new_latency(GST_OBJECT(self)));
  g_mutex_lock(&self->lock);
  if (!old)
    return;
  while (self->in_use == old) /* at most as long as a text may take */
    g_cond_wait(&self->cond, &self->lock);
  g_mutex_unlock(&self->lock);
  gst_hysac_text_scorer_close(old);
  g_mutex_lock(&self->lock);
}

static gpointer
swap_thread(gpointer user_data)
{
  g_autoptr(GstHysacText) self = user_data;
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
start_thread(GstHysacText *self, GError **error)
{
  if (self->swap.running)
    return TRUE;
  g_autoptr(GThread) thread = g_thread_try_new("hysac-model", swap_thread, gst_object_ref(self), error);
  self->swap.running = thread != NULL;
  if (!thread)
    gst_object_unref(self);
  return thread != NULL;
}

void
gst_hysac_text_swap_model(GstHysacText *self, gboolean again)
{
  GstHysacTextSwap *swap = &self->swap;
  g_autoptr(GError) error = NULL;
  gboolean notify = FALSE;

  g_mutex_lock(&self->lock);
  GST_OBJECT_LOCK(self);
  g_autofree char *model = g_strdup(self->settings.model);
  GST_OBJECT_UNLOCK(self);
  if (!swap->open || (!again && g_strcmp0(model, self->run.model) == 0)) {
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
