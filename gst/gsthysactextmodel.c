/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What a change of the model (gsthysacswap.h) is to texts: a text is scored, judged and told by the model that it came
 * to.
 */
#include "gst/gsthysactextprivate.h"

static void
on_scorer(GstElement *element, const GstHysacScorerEvent *event)
{
  gst_hysac_logs_device(&GST_HYSAC_TEXT(element)->logs, event);
  gst_hysac_post_device(element, event, "texts");
}

HysacRegion
gst_hysac_text_region(GstHysacTextScorer *scorer, double bound)
{
  const HysacRegion *own = gst_hysac_text_scorer_get_region(scorer);
  return bound > 0.0 ? hysac_region_at(own, bound) : *own;
}

/* ---- for the swap ---- */

static gpointer
load(gpointer element, const char *model, GError **error)
{
  GstHysacText *self = GST_HYSAC_TEXT(element);
  HysacPolicyRules rules;
  g_mutex_lock(&self->lock);
  hysac_policy_rules_copy(&rules, &self->rules);
  g_autofree char *device = g_strdup(self->run.device);
  const HysacPrecision precision = self->run.precision;
  const gint64 timeout = (gint64)self->run.request_timeout / 1000;
  const double bound = self->scorer ? 0.0 : self->run.bound; /* which was set for the first one */
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
  GstHysacTextScorer *scorer = gst_hysac_text_scorer_new(&config, error);
  hysac_policy_rules_clear(&rules);
  return scorer;
}

static gpointer
exchange(gpointer element, gpointer scorer, const char *model, GstStructure **act, gboolean *latency, GError **error)
{
  GstHysacText *self = GST_HYSAC_TEXT(element);
  GstHysacTextScorer *old = self->scorer;
  const HysacRegion before = gst_hysac_text_region(old, self->run.bound);
  const gint64 budget = gst_hysac_text_budget(self);

  self->scorer = scorer;
  const gint64 more = gst_hysac_text_budget(self) - budget;
  *latency = self->live && self->latency_known && more != 0;
  if (*latency)
    self->latency += more;

  gst_hysac_swap_take_bound(&self->swap);
  GST_OBJECT_LOCK(self);
  const guint64 number = self->counters.texts;
  GST_OBJECT_UNLOCK(self);
  const HysacRegion now = gst_hysac_text_region(scorer, self->run.bound);
  *act = gst_hysac_model_act(self->run.model, model, &before, &now, gst_hysac_text_scorer_get_device(scorer),
                             gst_hysac_text_scorer_get_precision(scorer),
                             gst_hysac_text_scorer_get_weights_sha256(scorer), "text", number);
  return old;
}

/* At most as long as a text may take. */
static void
await(gpointer element, gpointer old)
{
  GstHysacText *self = GST_HYSAC_TEXT(element);
  while (self->in_use == old)
    g_cond_wait(&self->cond, &self->lock);
}

static void
free_scorer(gpointer scorer)
{
  gst_hysac_text_scorer_close(scorer);
}

static const char *
weights_of(gpointer scorer)
{
  return gst_hysac_text_scorer_get_weights_sha256(scorer);
}

/* ---- the element's ---- */

void
gst_hysac_text_init_models(GstHysacText *self)
{
  static const GstHysacSwapClass klass = {load, exchange, await, free_scorer, weights_of};
  self->swap = (GstHysacSwap){.klass = &klass,
                              .logs = &self->logs,
                              .model_set = &self->settings.model,
                              .model = &self->run.model,
                              .bound_set = &self->settings.bound,
                              .bound = &self->run.bound};
}

void
gst_hysac_text_model_done(GstHysacText *self)
{
  g_mutex_lock(&self->lock);
  self->in_use = NULL;
  g_cond_broadcast(&self->cond);
  g_mutex_unlock(&self->lock);
}

gboolean
gst_hysac_text_take_bound(GstHysacText *self)
{
  g_mutex_lock(&self->lock);
  const gboolean waits = gst_hysac_swap_defers_bound(&self->swap);
  GST_OBJECT_LOCK(self); /* inside: what is taken over last is what was set last */
  if (self->swap.open && !waits)
    self->run.bound = self->settings.bound;
  GST_OBJECT_UNLOCK(self);
  g_mutex_unlock(&self->lock);
  return !waits;
}
