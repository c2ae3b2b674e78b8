/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a decided frame looks like when it goes. The task's thread, no lock held. */
#include "gst/gap.h"
#include "gst/gsthysaccontrol.h"

/* What is done to the picture. */
typedef enum { PASS, REDACT, BLANK, DROP, FAIL } Treatment;

static Treatment
treat(const HysacDecision *decision, HysacControlState human, GstHysacAction action,
      GstHysacOnFailure on_failure)
{
  if (decision->kind == HYSAC_DECISION_PASS)
    return PASS;
  const gboolean checked = gst_hysac_is_checked(decision);
  if (!checked && on_failure == GST_HYSAC_ON_FAILURE_ERROR)
    return FAIL;
  /* A moderator wants the picture gone, however the model's findings are treated: no tag will do, nor
   * anything that shows an earlier frame, which may be the one that was to go. */
  if (human > HYSAC_CONTROL_SAFE)
    return action == GST_HYSAC_ACTION_DROP                                       ? DROP
           : action == GST_HYSAC_ACTION_TAG || action == GST_HYSAC_ACTION_FREEZE ? BLANK
                                                                                 : REDACT;
  /* Where checks fail, an interval lasts as long as the outage: nothing of what nobody has looked at. */
  const gboolean outage = !checked && on_failure == GST_HYSAC_ON_FAILURE_REDACT;
  if (outage && action != GST_HYSAC_ACTION_DROP && action != GST_HYSAC_ACTION_SLATE)
    return BLANK;
  if (decision->kind == HYSAC_DECISION_REDACT && action != GST_HYSAC_ACTION_TAG)
    return action == GST_HYSAC_ACTION_DROP ? DROP : REDACT;
  /* A tag on what is unsafe, or a failure (pending cannot be, and would be one). A slate shows nothing
   * of any frame, so it will do; block means of an unchecked frame would not, and a picture that stands
   * still would look as if there were nothing to repair. */
  return checked || on_failure == GST_HYSAC_ON_FAILURE_PASS ? PASS
         : action == GST_HYSAC_ACTION_DROP                  ? DROP
         : action == GST_HYSAC_ACTION_SLATE                 ? REDACT
                                                            : BLANK;
}

/* How much of the frame is left: all, its block means, nothing, not even a frame. */
static guint
strength(gint action)
{
  switch (action) {
  case GST_HYSAC_ACTION_TAG:
    return 0;
  case GST_HYSAC_ACTION_BLUR:
  case GST_HYSAC_ACTION_PIXELATE:
    return 1;
  case GST_HYSAC_ACTION_DROP:
    return 3;
  default:
    return 2;
  }
}

/* The strongest of the element's action, where the region redacts the frame, and those of the rules that do. Going up
 * is never delayed; going down is held back where it would be the fourth change in a second. */
static GstHysacAction
raise_action(GstHysacModerate *self, const GstHysacHeld *held, const HysacDecision *decision,
             GstHysacAction action)
{
  const gboolean by_rules = decision->kind == HYSAC_DECISION_REDACT && decision->interval_id >> 48 != 0;
  const GstHysacAction strongest = gst_hysac_rules_raise(&self->rules, held->marks, action,
                                                         by_rules ? GST_HYSAC_ACTION_TAG : action, strength);
  const gboolean raised = strength(strongest) > strength(action);
  const gboolean covered = hysac_flicker_filter(&self->raising, held->time, raised);
  if (raised)
    self->raised = strongest;
  return covered && strength(self->raised) > strength(strongest) ? self->raised : strongest;
}

/* At most three times a second redaction begins or ends, and at most as often it changes between what
 * the action shows and blank: no more than three flashes. It is never delayed, only held on. Tagging
 * shows nothing, so it cannot flicker. TRUE where a frame that would have passed is redacted. */
static gboolean
steady(GstHysacModerate *self, gint64 time, GstHysacAction action, Treatment *treatment)
{
  const gboolean covered = hysac_flicker_filter(&self->flicker, time, *treatment != PASS);
  const gboolean held_on = covered && *treatment == PASS;
  if (held_on)
    *treatment = action == GST_HYSAC_ACTION_DROP                       ? DROP
                 : action == GST_HYSAC_ACTION_TAG || self->was_blank ? BLANK
                                                                       : REDACT;
  const gboolean blank = hysac_flicker_filter(&self->blanking, time, *treatment == BLANK);
  if (blank && *treatment == REDACT && action != GST_HYSAC_ACTION_SLATE)
    *treatment = BLANK;
  self->was_blank = *treatment == BLANK;
  return held_on;
}

/* An encoder behind starts afresh where redaction begins and ends: no frame on one side of the cut is
 * predicted from one on the other. */
static void
cut_here(GstHysacModerate *self, const GstHysacHeld *held)
{
  const GstClockTime running =
      held->running >= 0 && GST_CLOCK_TIME_IS_VALID(held->pts) ? (GstClockTime)held->running
                                                               : GST_CLOCK_TIME_NONE;
  gst_pad_push_event(self->srcpad,
                     gst_video_event_new_downstream_force_key_unit(
                         held->pts, held->stream_time, running, TRUE, self->key_units++));
}

static void
describe(const GstHysacHeld *held, const HysacDecision *decision, const HysacRegion *region,
         GstHysacOutcome *out)
{
  *out = (GstHysacOutcome){.decision = *decision,
                           .reason = hysac_reason_to_string(decision->reason),
                           .bound = region->bound,
                           .calibrated = region->calibrated};
  const gboolean checked = gst_hysac_is_checked(decision);
  out->verdict = !checked                                ? "failed"
                 : decision->kind == HYSAC_DECISION_PASS ? "safe"
                                                         : "unsafe";
  if (!checked && decision->kind == HYSAC_DECISION_REDACT)
    out->reason = hysac_reason_to_string(decision->failure);
  if (decision->has_sample) {
    out->age = held->time - decision->sample_time;
    out->sample_running = held->running - out->age;
  }
  if (decision->has_sample && decision->sample_ok)
    out->judged = hysac_region_judge(region, decision->distance);
  out->origin = !checked ? "failed"
                : decision->has_sample && decision->sample_seq == held->seq ? "scored"
                                                                            : "inherited";
}

static GstFlowReturn
push_gap(GstHysacModerate *self, const GstHysacHeld *held)
{
  self->discont_next = TRUE;
  return gst_hysac_push_gap(self->srcpad, held->pts, held->duration, held->running);
}

static GstFlowReturn
push(GstHysacModerate *self, const GstHysacHeld *held, GstBuffer *buffer,
     const GstHysacOutcome *outcome, gboolean force_key_unit)
{
  if (self->cut_due && force_key_unit)
    cut_here(self, held);
  self->cut_due = FALSE;
  if (self->discont_next)
    GST_BUFFER_FLAG_SET(buffer, GST_BUFFER_FLAG_DISCONT);
  self->discont_next = FALSE;
  if (!gst_hysac_meta_add(buffer, outcome))
    GST_WARNING_OBJECT(self, "the verdict could not be attached");
  return gst_pad_push(self->srcpad, buffer);
}

GstFlowReturn
gst_hysac_moderate_release(GstHysacModerate *self, GstHysacHeld *held,
                           const HysacDecision *policy_decision)
{
  /* As late as can be: what is said until now holds for this frame. */
  g_mutex_lock(&self->lock);
  const GstHysacAction action = raise_action(self, held, policy_decision, self->run.action);
  const GstHysacOnFailure on_failure = self->run.on_failure;
  const HysacRegion region = gst_hysac_moderate_region_of(self, policy_decision);
  const HysacControlState human =
      hysac_control_leave(&self->control, held->seq, held->time, (gint64)held->duration);
  const guint ended = hysac_control_take_ended(&self->control);
  self->next_out = held->seq + 1;
  const guint thresholds = self->thresholds;
  const gboolean in_force = held->thresholds == thresholds &&
                            policy_decision->sample_seq >= self->models.from;
  const gboolean force_key_unit = self->run.force_key_unit;
  const guint32 color = self->run.blank_color | 0xff000000;
  g_mutex_unlock(&self->lock);
  gst_hysac_moderate_report_ended(self, ended);

  GstHysacOutcome outcome;
  HysacDecision ruling = *policy_decision;
  const HysacDecision *decision = &ruling;
  describe(held, decision, &region, &outcome);
  if (held->rating.seq == policy_decision->sample_seq && policy_decision->has_sample)
    outcome.rating = &held->rating;
  outcome.marks = held->marks;
  gst_hysac_human_decides(human, &ruling, &outcome);
  outcome.decision = ruling;
  Treatment treatment = treat(decision, outcome.human, action, on_failure);

  if (treatment == FAIL) {
    g_mutex_lock(&self->lock);
    self->counters.failed++;
    g_mutex_unlock(&self->lock);
    outcome.action = "error";
    gst_hysac_moderate_report_frame(self, held, &outcome);
    GST_ELEMENT_ERROR(self, STREAM, FAILED, ("A frame could not be checked."),
                      ("%s at running time %" G_GINT64_FORMAT " ns; on-failure=error",
                       outcome.reason, held->running));
    return GST_FLOW_ERROR;
  }

  const gboolean held_on = steady(self, held->time, action, &treatment);
  if (held_on && decision->kind == HYSAC_DECISION_PASS)
    outcome.reason = hysac_reason_to_string(HYSAC_REASON_FLICKER);
  const gint covered = treatment != PASS;
  self->cut_due |= self->covered >= 0 && self->covered != covered;
  self->covered = covered;
  gst_hysac_moderate_prepare(self, held->caps, action, color);
  gst_hysac_moderate_freeze_by(self, thresholds);
  if (outcome.human > HYSAC_CONTROL_SAFE)
    gst_hysac_freeze_reset(&self->stand_ins.freeze);

  /* A redacted frame would be system memory, which these caps are not: there is none. */
  if (held->caps->foreign && treatment != PASS)
    treatment = DROP;

  GstBuffer *out = NULL;
  GstHysacAction done = treatment == BLANK ? GST_HYSAC_ACTION_BLANK : action;
  switch (treatment) {
  case PASS:
    outcome.action = decision->kind == HYSAC_DECISION_REDACT ? "tag" : "none";
    gst_hysac_moderate_note_shown(self, held, decision, action, in_force);
    out = gst_buffer_make_writable(g_steal_pointer(&held->buffer));
    break;
  case DROP:
    outcome.action = "drop";
    break;
  default:
    out = gst_hysac_moderate_stand_in(self, held, &done);
    outcome.action = gst_hysac_enum_nick(gst_hysac_action_get_type(), done);
    break;
  }

  gst_hysac_moderate_publish(self, held, decision, treatment != PASS);
  g_mutex_lock(&self->lock);
  GstHysacCounters *n = &self->counters;
  n->redacted += out && treatment != PASS; /* none where memory is lacking */
  n->dropped += treatment == DROP;
  n->passed += out && treatment == PASS;
  n->failed += !gst_hysac_is_checked(decision);
  n->held_on += held_on;
  g_mutex_unlock(&self->lock);

  if (treatment != DROP && !out) {
    GST_ELEMENT_ERROR(self, RESOURCE, NO_SPACE_LEFT, (NULL), ("no memory for a redacted frame"));
    return GST_FLOW_ERROR;
  }
  gst_hysac_moderate_report_frame(self, held, &outcome);
  return treatment == DROP ? push_gap(self, held)
                           : push(self, held, out, &outcome, force_key_unit);
}
