/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What stands in for a frame that is not shown: by the action, and where that has nothing to show, one
 * colour. The task's thread, no lock held. */
#include "gst/gsthysacprivate.h"
#include "gst/redact.h"

#define BLACK 0xff000000u

static void
clear_pictures(GstHysacStandIns *s)
{
  gst_clear_buffer(&s->blank);
  gst_clear_buffer(&s->slate);
  s->no_blank = s->no_slate = FALSE;
}

void
gst_hysac_moderate_clear_stand_ins(GstHysacModerate *self)
{
  clear_pictures(&self->stand_ins);
  gst_hysac_freeze_reset(&self->stand_ins.freeze);
  g_clear_pointer(&self->stand_ins.caps, g_atomic_rc_box_release);
}

/* Drawn once; where that fails it is not tried again with each frame. */
static GstBuffer *
drawn(GstHysacModerate *self, const GstHysacSlate *slate, GstBuffer **picture, gboolean *cannot)
{
  const GstHysacStandIns *s = &self->stand_ins;
  if (!*picture && !*cannot) {
    *picture = gst_hysac_slate_draw(slate, &s->caps->info, s->color);
    *cannot = !*picture;
    if (*cannot)
      GST_WARNING_OBJECT(self, "the %s cannot be drawn in these caps: black",
                         slate ? "slate" : "blank-color");
  }
  return *picture;
}

void
gst_hysac_moderate_prepare(GstHysacModerate *self, GstHysacCaps *caps, GstHysacAction action,
                           guint32 color)
{
  GstHysacStandIns *s = &self->stand_ins;
  if (s->caps != caps) {
    gst_hysac_moderate_clear_stand_ins(self);
    s->caps = g_atomic_rc_box_acquire(caps);
  }
  if (s->color != color)
    clear_pictures(s);
  s->color = color;
  /* Not only when it is needed: a live frame would be late by the time that it takes. */
  if (action == GST_HYSAC_ACTION_SLATE && self->slate)
    drawn(self, self->slate, &s->slate, &s->no_slate);
  /* What is no longer the last safe frame when the action is freeze again. */
  if (action != GST_HYSAC_ACTION_FREEZE)
    gst_hysac_freeze_reset(&s->freeze);
}

void
gst_hysac_moderate_freeze_by(GstHysacModerate *self, guint thresholds)
{
  GstHysacStandIns *s = &self->stand_ins;
  if (s->thresholds != thresholds)
    gst_hysac_freeze_reset(&s->freeze);
  s->thresholds = thresholds;
}

/* Only a frame that was scored and found safe may stand still on the screen: not one that was only not
 * confirmed, nor one that only looked like another, nor one between two samples, which may be what the escape bound allows and would stay for
 * the whole interval; nor one found safe by thresholds or a model that are no longer in force. In monitor
 * mode frames go out before they are known. */
void
gst_hysac_moderate_note_shown(GstHysacModerate *self, const GstHysacHeld *held,
                              const HysacDecision *decision, GstHysacAction action,
                              gboolean in_force)
{
  GstHysacFreeze *freeze = &self->stand_ins.freeze;
  const GstVideoInfo *info = &held->caps->info;
  if (action != GST_HYSAC_ACTION_FREEZE || held->bad)
    return;
  const gboolean safe = in_force && decision->kind == HYSAC_DECISION_PASS &&
                        decision->reason == HYSAC_REASON_SAFE && decision->has_sample &&
                        !decision->sample_reused;
  if (safe && decision->sample_seq == held->seq) {
    gst_hysac_freeze_keep(freeze, info, held->buffer);
    return;
  }
  if (self->run.mode == GST_HYSAC_MODE_GATE)
    return;
  if (safe)
    gst_hysac_freeze_confirm(freeze, decision->sample_seq);
  if (held->sample)
    gst_hysac_freeze_put_aside(freeze, held->seq, info, held->buffer);
}

GstBuffer *
gst_hysac_moderate_stand_in(GstHysacModerate *self, const GstHysacHeld *held,
                            GstHysacAction *action)
{
  GstHysacStandIns *s = &self->stand_ins;
  const GstVideoInfo *info = &held->caps->info;
  GstBuffer *still = NULL;
  switch (*action) {
  case GST_HYSAC_ACTION_BLUR:
    if (!held->bad)
      return gst_hysac_redact(GST_HYSAC_REDACT_BLUR, info, held->buffer);
    break;
  case GST_HYSAC_ACTION_PIXELATE:
    if (!held->bad)
      return gst_hysac_redact(GST_HYSAC_REDACT_PIXELATE, info, held->buffer);
    break;
  case GST_HYSAC_ACTION_SLATE:
    still = s->slate;
    break;
  case GST_HYSAC_ACTION_FREEZE:
    still = s->freeze.safe;
    break;
  default:
    break;
  }
  if (!still) {
    *action = GST_HYSAC_ACTION_BLANK;
    if (s->color != BLACK)
      still = drawn(self, NULL, &s->blank, &s->no_blank);
  }
  return still ? gst_hysac_redact_still(still, held->buffer)
               : gst_hysac_redact(GST_HYSAC_REDACT_BLANK, info, held->buffer);
}
