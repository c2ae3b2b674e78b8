/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* READY -> PAUSED and back: everything that start() takes, stop() gives back. */
#include "gst/gsthysaccontrol.h"

void
gst_hysac_settings_copy(GstHysacSettings *to, const GstHysacSettings *from)
{
  *to = *from;
  to->model = g_strdup(from->model);
  to->device = g_strdup(from->device);
  to->policy_group = g_strdup(from->policy_group);
  to->verdict_log = g_strdup(from->verdict_log);
  to->policy = g_strdup(from->policy);
  to->audit_log = g_strdup(from->audit_log);
  to->segments_vtt = g_strdup(from->segments_vtt);
  to->segments_edl = g_strdup(from->segments_edl);
  to->slate = g_strdup(from->slate);
}

void
gst_hysac_settings_clear(GstHysacSettings *settings)
{
  g_clear_pointer(&settings->model, g_free);
  g_clear_pointer(&settings->device, g_free);
  g_clear_pointer(&settings->policy_group, g_free);
  g_clear_pointer(&settings->verdict_log, g_free);
  g_clear_pointer(&settings->policy, g_free);
  g_clear_pointer(&settings->audit_log, g_free);
  g_clear_pointer(&settings->segments_vtt, g_free);
  g_clear_pointer(&settings->segments_edl, g_free);
  g_clear_pointer(&settings->slate, g_free);
}

HysacPolicyConfig
gst_hysac_policy_config(const GstHysacSettings *s)
{
  return (HysacPolicyConfig){.k = s->k,
                             .n = s->n,
                             .enter_margin = s->enter,
                             .leave_margin = s->leave,
                             .min_duration = (gint64)s->min_duration,
                             .pre_roll = (gint64)s->pre_roll,
                             .post_roll = (gint64)s->post_roll};
}

char *
gst_hysac_confirm_contradiction(guint k, guint n)
{
  return k > n ? g_strdup_printf("confirm-k is %u, more than confirm-n, %u", k, n) : NULL;
}

/* What no single property's range can say; (transfer full) text, or NULL. */
static char *
contradiction(const GstHysacSettings *s)
{
  if (s->k > s->n)
    return gst_hysac_confirm_contradiction(s->k, s->n);
  if (s->leave > s->enter)
    return g_strdup_printf("leave-margin is %g, more than enter-margin, %g", s->leave, s->enter);
  if (s->mode == GST_HYSAC_MODE_MONITOR && s->pre_roll > 0)
    return g_strdup("pre-roll needs mode=gate: frames that have passed cannot be redacted");
  if (s->action == GST_HYSAC_ACTION_SLATE && !(s->slate && *s->slate))
    return g_strdup("action=slate needs a picture: set the property \"slate\" to a PNG or JPEG file");
  return NULL;
}

/* Whatever the action is: it may become slate at any time. */
static gboolean
load_slate(GstHysacModerate *self)
{
  g_autoptr(GError) error = NULL;
  if (!self->run.slate || !*self->run.slate)
    return TRUE;
  self->slate = gst_hysac_slate_load(self->run.slate, &error);
  if (self->slate)
    return TRUE;
  g_autofree char *why = gst_hysac_shown(error->message);
  if (error->code == HYSAC_ERROR_IO)
    GST_ELEMENT_ERROR(self, RESOURCE, OPEN_READ, ("The slate cannot be read."), ("slate: %s", why));
  else
    GST_ELEMENT_ERROR(self, RESOURCE, SETTINGS, ("The slate cannot be used."), ("slate: %s", why));
  return FALSE;
}

/* A log that cannot be opened must not stop moderation. */
static void
open_log(GstHysacModerate *self)
{
  if (!self->run.verdict_log || !*self->run.verdict_log)
    return;
  g_autoptr(GError) error = NULL;
  HysacReport *report = hysac_report_open(self->run.verdict_log, &error);
  if (!report)
    gst_hysac_warn_open(GST_ELEMENT(self), "verdict-log", error);
  g_mutex_lock(&self->lock); /* the scorer's threads may be about to write */
  self->logs.report = report;
  g_mutex_unlock(&self->lock);
}

gboolean
gst_hysac_moderate_start(GstHysacModerate *self)
{
  g_autoptr(GError) error = NULL;
  if (!gst_hysac_moderate_read_policy(self, &error)) {
    gst_hysac_post_policy_error(GST_ELEMENT(self), error);
    return FALSE;
  }
  g_mutex_lock(&self->lock); /* what loads a model may not have heard of the last stop */
  GST_OBJECT_LOCK(self);
  gst_hysac_settings_clear(&self->run);
  gst_hysac_settings_copy(&self->run, &self->settings);
  GST_OBJECT_UNLOCK(self);
  g_mutex_unlock(&self->lock);

  if (!self->run.model || !*self->run.model) {
    GST_ELEMENT_ERROR(self, RESOURCE, SETTINGS, ("No model is set."),
                      ("set the property \"model\" to a model folder, or to \"demo\""));
    return FALSE;
  }
  g_autofree char *wrong = contradiction(&self->run);
  if (wrong) {
    GST_ELEMENT_ERROR(self, RESOURCE, SETTINGS, ("The settings contradict each other."),
                      ("%s", wrong));
    return FALSE;
  }
  if (!gst_hysac_moderate_lead(self))
    return FALSE;

  const HysacPolicyConfig config = gst_hysac_policy_config(&self->run);
  const guint n_rules = hysac_policy_rules_any(&self->rules) ? HYSAC_N_RULES : 0;
  g_autoptr(HysacPolicySet) policy = hysac_policy_set_new(&config, n_rules, &error);
  if (!policy) {
    GST_ELEMENT_ERROR(self, RESOURCE, SETTINGS, (NULL), ("%s", error->message));
    return FALSE;
  }
  if (!load_slate(self) || !gst_hysac_moderate_load(self))
    return FALSE;
  open_log(self);
  gst_hysac_moderate_open_records(self);

  g_mutex_lock(&self->lock);
  self->policy = g_steal_pointer(&policy);
  g_array_set_size(self->ratings, 0);
  self->generation++;
  self->n_waiting = 0;
  self->counters = (GstHysacCounters){.last_distance = -1.0};
  self->ended = FALSE;
  self->live = self->latency_known = FALSE;
  self->upstream_min = 0;
  self->upstream_max = -1;
  self->overloaded = FALSE;
  self->overload = 0;
  self->last_done = self->last_answer = self->pace = 0;
  self->ask_scorer = NULL;
  self->next_seq = self->next_out = 0;
  self->longest_gap = 0;
  gst_segment_init(&self->segment, GST_FORMAT_TIME);
  gst_hysac_moderate_reset_input(self);
  hysac_flicker_init(&self->flicker);
  hysac_flicker_init(&self->blanking);
  hysac_flicker_init(&self->raising);
  self->raised = GST_HYSAC_ACTION_TAG;
  self->was_blank = FALSE;
  self->covered = -1;
  self->cut_due = FALSE;
  self->key_units = 0;
  self->discont_next = FALSE;
  self->state = "none";
  self->state_interval = 0;
  self->last_interval = (HysacIntervalEvent){0};
  self->started = self->swap.open = TRUE;
  gst_hysac_moderate_update_timing(self);
  g_mutex_unlock(&self->lock);
  gst_hysac_moderate_report_in_force(self);
  /* What was set since the settings were copied. */
  gst_hysac_moderate_apply(self);
  gst_hysac_swap_begin(&self->swap, FALSE);
  return TRUE;
}

void
gst_hysac_moderate_stop(GstHysacModerate *self)
{
  g_mutex_lock(&self->lock);
  const gboolean started = self->started;
  self->started = self->playing = FALSE;
  self->generation++; /* answers still to come are of the past */
  self->n_waiting = 0;
  gst_hysac_moderate_cancel_timer(self);
  gst_hysac_hold_clear(&self->hold);
  HysacPolicySet *policy = g_steal_pointer(&self->policy);
  GstHysacScorer *scorer = self->scorer;
  gst_hysac_moderate_forget_models(self);
  gst_hysac_moderate_forget_reference(self);
  hysac_control_flush(&self->control);
  const guint ended = hysac_control_take_ended(&self->control);
  g_mutex_unlock(&self->lock);

  gst_hysac_moderate_report_ended(self, ended);
  if (started)
    gst_hysac_moderate_report_end(self);
  gst_hysac_logs_close_report(&self->logs);
  gst_hysac_moderate_close_records(self);
  gst_hysac_moderate_resign(self);
  if (scorer)
    gst_hysac_scorer_free(scorer); /* may wait for answers, which take the lock */

  g_mutex_lock(&self->lock);
  self->scorer = NULL;
  g_clear_pointer(&self->caps, g_atomic_rc_box_release);
  self->timing = (GstHysacTiming){0};
  g_mutex_unlock(&self->lock);
  hysac_policy_set_free(policy);
  gst_hysac_moderate_clear_stand_ins(self);
  g_clear_pointer(&self->slate, gst_hysac_slate_free);
}

gboolean
gst_hysac_moderate_apply(GstHysacModerate *self)
{
  const gboolean foreign = gst_hysac_moderate_takes_foreign(self);
  g_autoptr(GError) error = NULL;
  gboolean whole = TRUE, no_slate = FALSE;
  g_mutex_lock(&self->lock);
  GST_OBJECT_LOCK(self); /* inside: what is taken over last is what was set last */
  const GstHysacSettings s = self->settings; /* its strings are not touched */
  GST_OBJECT_UNLOCK(self);
  if (self->started) {
    const GstHysacSettings before = self->run; /* its strings are not touched either */
    GstHysacSettings next = self->run;
    next.enter = s.enter;
    next.leave = s.leave;
    next.min_duration = s.min_duration;
    next.post_roll = s.post_roll;
    const HysacPolicyConfig config = gst_hysac_policy_config(&next);
    if (hysac_policy_set_change(self->policy, &config, &error)) {
      self->run.enter = next.enter;
      self->run.leave = next.leave;
      self->run.min_duration = next.min_duration;
      self->run.post_roll = next.post_roll;
      hysac_policy_set_rejudge(self->policy); /* held frames go by it as well */
    }
    whole = gst_hysac_moderate_take_bound(self, s.bound) && !error;
    self->thresholds += self->run.enter != before.enter || self->run.leave != before.leave ||
                        self->run.bound != before.bound;
    self->run.action = s.action;
    self->run.on_failure = s.on_failure;
    self->run.max_age = s.max_age;
    self->run.blank_color = s.blank_color;
    self->run.force_key_unit = s.force_key_unit;
    self->run.reuse = s.reuse;
    self->run.change_tolerance = s.change_tolerance;
    self->run.change_budget = s.change_budget;
    self->run.reuse_max_age = s.reuse_max_age;
    no_slate = s.action == GST_HYSAC_ACTION_SLATE && !self->slate && before.action != s.action;
    gst_hysac_moderate_kick(self);
  }
  g_mutex_unlock(&self->lock);
  if (no_slate)
    GST_ELEMENT_WARNING(self, RESOURCE, SETTINGS, ("There is no slate to show."),
                        ("action=slate, but no slate was set at start: blank is shown; set the "
                         "property \"slate\" and restart the element"));
  if (error)
    GST_WARNING_OBJECT(self, "%s; the thresholds stay as they were", error->message);
  /* Other caps can be had now. Until upstream has chosen, what would be redacted is dropped. */
  if (gst_hysac_moderate_takes_foreign(self) != foreign)
    gst_pad_push_event(self->sinkpad, gst_event_new_reconfigure());
  return whole;
}

GstStructure *
gst_hysac_moderate_stats(GstHysacModerate *self)
{
  g_mutex_lock(&self->lock);
  const GstHysacCounters n = self->counters;
  const GstHysacTiming t = self->timing;
  GstStructure *stats = gst_structure_new(
      "hysac-stats", "frames", G_TYPE_UINT64, n.frames, "samples", G_TYPE_UINT64, n.samples,
      "requests", G_TYPE_UINT64, n.requests, "reused", G_TYPE_UINT64, n.reused, "redacted", G_TYPE_UINT64, n.redacted, "dropped",
      G_TYPE_UINT64, n.dropped, "failed", G_TYPE_UINT64, n.failed, "passed", G_TYPE_UINT64,
      n.passed, "flicker-held", G_TYPE_UINT64, n.held_on, "timeouts", G_TYPE_UINT64, n.timeouts,
      "overloads", G_TYPE_UINT64, n.overloads, "copied", G_TYPE_UINT64, n.copied, "held",
      G_TYPE_UINT, self->hold.frames, "held-bytes", G_TYPE_UINT64, (guint64)self->hold.bytes,
      "hold-peak", G_TYPE_UINT, n.hold_peak, "hold-limit", G_TYPE_UINT, t.buffers, "in-flight",
      G_TYPE_UINT, self->n_waiting, "escape-bound", G_TYPE_INT64, t.escape, "latency", G_TYPE_INT64,
      t.min, "request-budget", G_TYPE_INT64, t.budget, "last-distance", G_TYPE_DOUBLE,
      n.last_distance, "last-service-time", G_TYPE_INT64, n.last_service, "live", G_TYPE_BOOLEAN,
      self->live, NULL);
  gst_hysac_logs_fill_stats(&self->logs, stats);
  if (self->scorer && self->started) {
    gst_structure_set(stats, "device", G_TYPE_STRING, self->scorer->device, "precision",
                      G_TYPE_STRING, self->scorer->precision, "bound", G_TYPE_DOUBLE,
                      self->scorer->region.bound, "bound-moved", G_TYPE_DOUBLE,
                      self->scorer->region.moved, "calibrated", G_TYPE_BOOLEAN,
                      self->scorer->region.calibrated, NULL);
    if (self->scorer->klass->fill_stats)
      self->scorer->klass->fill_stats(self->scorer, stats);
  }
  g_mutex_unlock(&self->lock);
  return stats;
}
