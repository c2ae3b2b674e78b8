/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The moderator's signals, what they do to a frame, and the record of every act. */
#include "gst/gsthysaccontrol.h"

#include <string.h>

/* Longer notes are cut: a log line is no letter. */
#define MAX_NOTE 512

/* ------------------------------------------------------------ the record */

/* Lock held. */
static const char *
state_name(GstHysacModerate *self)
{
  static const char *const names[] = {"none", "safe", "unsafe", "hold", "dump"};
  return names[hysac_control_get_state(&self->control)];
}

/* Lock held. @by: who, "human" or "expiry". */
static GstStructure *
new_act(GstHysacModerate *self, const char *by, const char *what)
{
  return gst_structure_new("hysac-control", "by", G_TYPE_STRING, by, "what", G_TYPE_STRING, what,
                           "state", G_TYPE_STRING, state_name(self), "frame", G_TYPE_UINT64,
                           self->next_out, "held", G_TYPE_UINT, self->hold.frames, NULL);
}

void
gst_hysac_moderate_report_ended(GstHysacModerate *self, guint ended)
{
  static const struct {
    guint bits;
    const char *what;
  } ends[] = {{1u << HYSAC_CONTROL_SAFE | 1u << HYSAC_CONTROL_UNSAFE, "override-ended"},
              {1u << HYSAC_CONTROL_DUMP, "dump-ended"}};
  for (guint i = 0; i < G_N_ELEMENTS(ends); i++) {
    if (!(ended & ends[i].bits))
      continue;
    g_mutex_lock(&self->lock);
    GstStructure *act = new_act(self, "expiry", ends[i].what);
    g_mutex_unlock(&self->lock);
    gst_hysac_logs_control(&self->logs, act);
  }
  if (ended)
    g_object_notify(G_OBJECT(self), "control");
}

void
gst_hysac_moderate_report_in_force(GstHysacModerate *self)
{
  g_mutex_lock(&self->lock);
  const gboolean any = hysac_control_get_state(&self->control) != HYSAC_CONTROL_NONE;
  GstStructure *act = any ? new_act(self, "human", "in-force") : NULL;
  g_mutex_unlock(&self->lock);
  if (act)
    gst_hysac_logs_control(&self->logs, act);
}

void
gst_hysac_moderate_report_property(GstHysacModerate *self, GParamSpec *pspec, const GValue *before,
                                   const GValue *after, gboolean in_force)
{
  if (g_param_values_cmp(pspec, before, after) == 0)
    return;
  g_mutex_lock(&self->lock);
  GstStructure *act = self->started ? new_act(self, "human", "property") : NULL;
  g_mutex_unlock(&self->lock);
  if (!act)
    return;
  gst_hysac_act_on_property(act, pspec, before, after, in_force);
  gst_hysac_logs_control(&self->logs, act);
}

/* ------------------------------------------------------------ what it does */

void
gst_hysac_human_decides(HysacControlState human, HysacDecision *decision, GstHysacOutcome *outcome)
{
  static const HysacReason reasons[] = {
      [HYSAC_CONTROL_SAFE] = HYSAC_REASON_HUMAN_SAFE,
      [HYSAC_CONTROL_UNSAFE] = HYSAC_REASON_HUMAN_UNSAFE,
      [HYSAC_CONTROL_HOLD] = HYSAC_REASON_HUMAN_HOLD,
      [HYSAC_CONTROL_DUMP] = HYSAC_REASON_HUMAN_DUMP,
  };
  if (human == HYSAC_CONTROL_NONE)
    return;
  if (human == HYSAC_CONTROL_SAFE && strcmp(outcome->verdict, "failed") == 0) {
    /* The override lifts the interval that the frame lies in, not that it was not checked. */
    if (decision->kind == HYSAC_DECISION_REDACT) {
      decision->kind = HYSAC_DECISION_FAILED;
      decision->reason = decision->failure;
      decision->interval_id = 0;
    }
    return;
  }
  outcome->human = human;
  outcome->model_verdict = outcome->verdict;
  outcome->model_reason = outcome->reason;
  if (decision->kind == HYSAC_DECISION_FAILED)
    decision->failure = decision->reason;
  decision->reason = reasons[human];
  outcome->reason = hysac_reason_to_string(decision->reason);
  outcome->origin = "human";
  if (human == HYSAC_CONTROL_SAFE) {
    decision->kind = HYSAC_DECISION_PASS;
    decision->interval_id = 0;
    outcome->verdict = "safe";
  } else {
    decision->kind = HYSAC_DECISION_REDACT;
    outcome->verdict = "unsafe";
  }
}

GstStructure *
gst_hysac_moderate_control(GstHysacModerate *self)
{
  g_mutex_lock(&self->lock);
  const HysacControl *c = &self->control;
  const char *override = !c->override.active                 ? "none"
                         : c->verdict == HYSAC_CONTROL_SAFE ? "safe"
                                                            : "unsafe";
  GstStructure *s = gst_structure_new(
      "hysac-control", "state", G_TYPE_STRING, state_name(self), "hold",
      G_TYPE_BOOLEAN, c->hold, "dump", G_TYPE_BOOLEAN, c->dump.active, "dump-left", G_TYPE_INT64,
      hysac_control_get_left(c, &c->dump), "override", G_TYPE_STRING, override, "override-left",
      G_TYPE_INT64, hysac_control_get_left(c, &c->override), NULL);
  g_mutex_unlock(&self->lock);
  return s;
}

/* ------------------------------------------------------------ signals */

/* Lock held; dropped. */
static gboolean
done(GstHysacModerate *self, GstStructure *act)
{
  g_mutex_unlock(&self->lock);
  gst_hysac_logs_control(&self->logs, act);
  g_object_notify(G_OBJECT(self), "control");
  return TRUE;
}

static gboolean
hold(GstHysacModerate *self)
{
  g_mutex_lock(&self->lock);
  hysac_control_hold(&self->control);
  return done(self, new_act(self, "human", "hold"));
}

static gboolean
release(GstHysacModerate *self)
{
  g_mutex_lock(&self->lock);
  if (!hysac_control_release(&self->control)) {
    g_mutex_unlock(&self->lock);
    return FALSE;
  }
  return done(self, new_act(self, "human", "release"));
}

static gboolean
dump(GstHysacModerate *self, guint64 duration)
{
  const gint64 ns = (gint64)MIN(duration, (guint64)G_MAXINT64);
  g_mutex_lock(&self->lock);
  hysac_control_dump(&self->control, ns);
  GstStructure *act = new_act(self, "human", "dump");
  gst_structure_set(act, "duration", G_TYPE_INT64, ns, NULL);
  return done(self, act);
}

/* (transfer full) valid UTF-8 of bounded length, or NULL. */
static char *
clean_note(const char *note)
{
  if (!note || !*note)
    return NULL;
  return g_utf8_make_valid(note, (gssize)strnlen(note, MAX_NOTE));
}

static gboolean
override(GstHysacModerate *self, const char *verdict, guint64 duration, const char *note)
{
  const gboolean safe = g_strcmp0(verdict, "safe") == 0;
  if (!safe && g_strcmp0(verdict, "unsafe") != 0) {
    GST_WARNING_OBJECT(self, "override: \"%s\" is not safe or unsafe", verdict ? verdict : "");
    return FALSE;
  }
  if (duration == 0) {
    GST_WARNING_OBJECT(self, "override: for no time at all");
    return FALSE;
  }
  g_autofree char *clean = clean_note(note);
  g_mutex_lock(&self->lock);
  if (safe && !self->started) {
    g_mutex_unlock(&self->lock);
    GST_WARNING_OBJECT(self, "override: nothing plays that could be called safe");
    return FALSE;
  }
  const gint64 ns = hysac_control_override(&self->control,
                                           safe ? HYSAC_CONTROL_SAFE : HYSAC_CONTROL_UNSAFE,
                                           (gint64)MIN(duration, (guint64)G_MAXINT64));
  GstStructure *act = new_act(self, "human", "override");
  gst_structure_set(act, "verdict", G_TYPE_STRING, verdict, "duration", G_TYPE_INT64, ns, "note",
                    G_TYPE_STRING, clean, NULL);
  return done(self, act);
}

void
gst_hysac_install_control(GstHysacModerateClass *klass)
{
  const GType type = G_TYPE_FROM_CLASS(klass);
  const GSignalFlags flags = G_SIGNAL_RUN_LAST | G_SIGNAL_ACTION;

  /**
   * GstHysacModerate::hold:
   *
   * Redacts every frame that leaves from now on, held ones too, until #GstHysacModerate::release.
   *
   * Returns: %TRUE
   *
   * Since: 0.1
   */
  g_signal_new_class_handler("hold", type, flags, G_CALLBACK(hold), NULL, NULL, NULL,
                             G_TYPE_BOOLEAN, 0);
  /**
   * GstHysacModerate::release:
   *
   * Ends hold, dump and override: the model decides again on the next frame that leaves.
   *
   * Returns: %FALSE where there was nothing to end
   *
   * Since: 0.1
   */
  g_signal_new_class_handler("release", type, flags, G_CALLBACK(release), NULL, NULL, NULL,
                             G_TYPE_BOOLEAN, 0);
  /**
   * GstHysacModerate::dump:
   * @duration: ns of running time, 0 = only what is held
   *
   * Redacts every frame that is held at this moment, and those of the next @duration after the
   * newest of them; where none is held, those of @duration from the next frame on. A second dump
   * never shortens the first.
   *
   * Returns: %TRUE
   *
   * Since: 0.1
   */
  g_signal_new_class_handler("dump", type, flags, G_CALLBACK(dump), NULL, NULL, NULL,
                             G_TYPE_BOOLEAN, 1, G_TYPE_UINT64);
  /**
   * GstHysacModerate::override:
   * @verdict: "safe" or "unsafe"
   * @duration: ns of running time, from the next frame that leaves on; 1 ns ... 1 h, longer is cut
   * @note: (nullable): why, for the record; at most 512 bytes of it
   *
   * The moderator's verdict in place of the model's, for @duration. "safe" does not reach over a
   * frame that could not be checked. The last override counts.
   *
   * Returns: %FALSE where it was not understood, or said safe of nothing
   *
   * Since: 0.1
   */
  g_signal_new_class_handler("override", type, flags, G_CALLBACK(override), NULL, NULL, NULL,
                             G_TYPE_BOOLEAN, 3, G_TYPE_STRING, G_TYPE_UINT64, G_TYPE_STRING);
}
