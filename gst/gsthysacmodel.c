/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What a change of the model (gsthysacswap.h) is to frames: a sample is judged by the model that it was handed to, so
 * those in the hold go by the old one's bound.
 */
#include "gst/gsthysaccontrol.h"

/* Models in use by frames that are held; more changes than this in one hold cost the oldest's bound
 * in the record, nothing else. */
#define MAX_PAST 64

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

/* ------------------------------------------------------------ for the swap */

static gpointer
load(gpointer element, const char *model, GError **error)
{
  GstHysacModerate *self = GST_HYSAC_MODERATE(element);
  HysacPolicyRules rules;
  g_mutex_lock(&self->lock);
  hysac_policy_rules_copy(&rules, &self->rules);
  g_autofree char *device = g_strdup(self->run.device);
  const HysacPrecision precision = self->run.precision;
  g_mutex_unlock(&self->lock);
  GstHysacScorer *scorer =
      self->factory(model, device, precision, gst_hysac_warm_up_progress, self, self->factory_data, error);
  if (scorer && gst_hysac_rater_new(&scorer->beside, &rules, &scorer->rater, error)) {
    scorer->owner = GST_ELEMENT(self);
    scorer->on_event = gst_hysac_moderate_on_scorer;
  } else if (scorer) {
    gst_hysac_scorer_free(g_steal_pointer(&scorer));
  }
  hysac_policy_rules_clear(&rules);
  return scorer;
}

/* Refused where the hold is too small for it. */
static gpointer
exchange(gpointer element, gpointer next, const char *model, GstStructure **act, gboolean *latency, GError **error)
{
  GstHysacModerate *self = GST_HYSAC_MODERATE(element);
  GstHysacScorer *scorer = next, *old = self->scorer;
  GstHysacModels *models = &self->models;
  const GstHysacTiming before = self->timing;
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
  g_array_append_val(models->past, past);
  if (models->past->len > MAX_PAST)
    g_array_remove_index(models->past, 0);
  models->from = past.end;
  models->own = scorer->region;
  self->pace = self->last_answer = 0; /* it has one of its own */
  gst_hysac_moderate_forget_reference(self);

  gst_hysac_swap_take_bound(&self->swap);
  set_bound(scorer, &models->own, self->run.bound);
  self->thresholds++;
  *act = gst_hysac_model_act(self->run.model, model, &old->region, &scorer->region, scorer->device, scorer->precision,
                             scorer->beside.weights_sha256, "frame", models->from);
  *latency = self->timing.min != before.min || self->timing.max != before.max;
  gst_hysac_moderate_kick(self);
  return old;
}

/* What it was handed is answered by it. */
static void
await(gpointer element, gpointer scorer)
{
  GstHysacModerate *self = GST_HYSAC_MODERATE(element);
  const GstHysacScorer *old = scorer;
  const gint64 until =
      g_get_monotonic_time() + (gint64)self->run.request_timeout / 1000 + G_TIME_SPAN_SECOND;
  const guint stops = self->models.stops;
  gboolean patient = TRUE;
  while (old->calls > 0 || (old->open > 0 && patient)) {
    if (patient)
      patient = g_cond_wait_until(&self->cond, &self->lock, until) && stops == self->models.stops;
    else
      g_cond_wait(&self->cond, &self->lock);
  }
  for (GList *l = self->requests.head; l; l = l->next) {
    GstHysacRequest *request = l->data;
    if (request->scorer == old)
      request->scorer = NULL;
  }
}

static void
free_scorer(gpointer scorer)
{
  gst_hysac_scorer_free(scorer);
}

static const char *
weights_of(gpointer scorer)
{
  return ((const GstHysacScorer *)scorer)->beside.weights_sha256;
}

/* ------------------------------------------------------------ the element's */

void
gst_hysac_moderate_init_models(GstHysacModerate *self)
{
  static const GstHysacSwapClass klass = {load, exchange, await, free_scorer, weights_of};
  self->swap = (GstHysacSwap){.klass = &klass,
                              .logs = &self->logs,
                              .model_set = &self->settings.model,
                              .model = &self->run.model,
                              .bound_set = &self->settings.bound,
                              .bound = &self->run.bound};
  self->models.past = g_array_new(FALSE, FALSE, sizeof(GstHysacPastModel));
}

gboolean
gst_hysac_moderate_load(GstHysacModerate *self)
{
  GstHysacScorer *scorer = gst_hysac_swap_first(&self->swap);
  if (!scorer)
    return FALSE;
  g_mutex_lock(&self->lock);
  self->models.own = scorer->region;
  self->models.from = 0;
  set_bound(scorer, &self->models.own, self->run.bound);
  self->scorer = scorer;
  g_mutex_unlock(&self->lock);
  return TRUE;
}

HysacRegion
gst_hysac_moderate_region_of(GstHysacModerate *self, const HysacDecision *decision)
{
  const GstHysacModels *models = &self->models;
  if (decision->has_sample && decision->sample_seq < models->from) {
    for (guint i = 0; i < models->past->len; i++) {
      const GstHysacPastModel *past = &g_array_index(models->past, GstHysacPastModel, i);
      if (decision->sample_seq < past->end)
        return past->region;
    }
  }
  return self->scorer->region;
}

gboolean
gst_hysac_moderate_take_bound(GstHysacModerate *self, double bound)
{
  if (bound == self->run.bound)
    return TRUE;
  if (gst_hysac_swap_defers_bound(&self->swap))
    return FALSE;
  self->run.bound = bound;
  set_bound(self->scorer, &self->models.own, bound);
  hysac_policy_set_change_bound(self->policy, self->models.from, self->scorer->region.bound);
  return TRUE;
}

void
gst_hysac_moderate_forget_models(GstHysacModerate *self)
{
  gst_hysac_swap_close(&self->swap);
  self->models.stops++;
  g_array_set_size(self->models.past, 0);
  self->ask_scorer = NULL;
  /* What a hung driver still owes is of no scorer any more. */
  for (GList *l = self->requests.head; l; l = l->next)
    ((GstHysacRequest *)l->data)->scorer = NULL;
  gst_hysac_moderate_kick(self);
}
